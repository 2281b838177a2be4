/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exim's host field, in a line that holds text of the client. Exim writes, with blanks between:
 *
 *     [H=] [NAME] [(HELO)] [ADDR][:PORT] [I=[ADDR]:PORT] [TFO] [U=IDENT] [Ci=ID]
 *
 * NAME comes from DNS and Exim has checked its characters. HELO and IDENT are any text the client
 * likes (helo_accept_junk_hosts), and so are what may stand before (a sender, a quoted command) and
 * behind (an account, a message id, a subject). So every "[ADDR]" behind a blank or "H=" is taken
 * for the host field if what must follow the field follows it, at once or behind fields: the true
 * one is always among them, as Exim always writes it. Fields are not looked into: one that a later
 * Exim adds must not hide the true host while a forged one is still found.
 */
#pragma once

#include "mail_line_priv.h"

struct exim_host {
	struct address address;
	uint16_t port;
	size_t end;    /* the byte behind "[ADDR]:PORT" */
	size_t ending; /* where what must follow begins */
};

/* Where what must follow a host field begins next, at or behind an offset, or SLICE_NONE. */
typedef size_t exim_ending_find(struct text_slice text, size_t from);

/* ": 535 ": a colon and the code of an SMTP answer */
exim_ending_find exim_find_code;
/* " P=" and a protocol's name */
exim_ending_find exim_find_protocol;
/* " dropped: too many " */
exim_ending_find exim_find_dropped;
/* ": not in reserve list: " */
exim_ending_find exim_find_reserve;
/* A blank, or the end of the line */
exim_ending_find exim_find_gap;

struct exim_scan {
	struct text_slice text;
	exim_ending_find *find;
	size_t at;     /* go on here */
	size_t ending; /* the next one at or behind `at`, if it was looked for */
};

/* Begin with at = ending = where host fields may begin. false: no more. */
bool exim_scan_next(struct exim_scan *scan, struct exim_host *ret_host);

/* Whether text begins with a local process instead of a host: "U=root", or just "root". */
bool exim_host_is_local(struct text_slice text);

/* exim_message.c: the line behind "<= ". Returns its kind; readings are added to line. */
enum mail_line_kind exim_message_read(struct text_slice text, struct mail_line *line);
