/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line of a mail log -> what it says (SPEC 8). One parser per log, each fuzzed, each with two-line
 * cases under tests/cases: a line and what must come out of it. No I/O, no allocation; slices point into
 * the line.
 *
 * Whatever a client may choose (HELO, account, sender, subject, request) is never trusted to end where it
 * seems to: every place of a line that could be the host field is a reading of its own. A parser never
 * decides between them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "smtpguard/policy/mail_fact.h"
#include "smtpguard/wire/log_time.h"

enum mail_line_kind {
	MAIL_LINE_IGNORED,  /* understood, and of no interest */
	MAIL_LINE_UNPARSED, /* looks relevant and is not understood: count and show it */
	MAIL_LINE_CONNECT,  /* Exim: exim_connections */
	MAIL_LINE_DISCONNECT,
	MAIL_LINE_EXIM_FULL,	   /* refused: smtp_accept_max, or its reserve */
	MAIL_LINE_EXIM_HOST_LIMIT, /* refused: smtp_accept_max_per_host */
	MAIL_LINE_AUTH_FAILURE,
	/* Of Exim's: one reading at least says so. Among several, one without account may be that of a client
	 * that had not authenticated; a single reading is certain. */
	MAIL_LINE_AUTH_SUCCESS,
	MAIL_LINE_PROTOCOL_ERROR,
	MAIL_LINE_MESSAGE,
	MAIL_LINE_KINDS
};

/* As the cases write it: "ignore" "unparsed" "connect" "disconnect" "exim-full" "exim-per-host-limit"
 * "auth-failure" "auth-success" "protocol-error" "message" */
const char *mail_line_kind_name(enum mail_line_kind kind);

struct text_slice {
	const char *at;
	size_t length;
};

struct mail_line_reading {
	struct address address;
	uint16_t port;		   /* 0: not in the line */
	struct text_slice account; /* raw; length 0: none */
};

struct mail_line {
	enum mail_line_kind kind;
	enum mail_protocol protocol;
	struct log_time time;	   /* if there are readings; Exim's: of every line that has one */
	uint32_t attempts;	   /* MAIL_LINE_AUTH_FAILURE: at least 1 */
	uint32_t exim_connections; /* MAIL_LINE_CONNECT */
	unsigned n_readings;	   /* 0 for ignored and unparsed lines */
	/* There were more readings than MAIL_READINGS_MAX: the true one may be missing. */
	bool too_many_readings;
	struct mail_line_reading readings[MAIL_READINGS_MAX];
};

/*
 * Kinds whose readings the caller does not need are only classified, which is faster: n_readings is 0.
 * Connects and disconnects then count as such by their form, also if no host can be read in them.
 */
#define MAIL_LINE_BIT(kind) (1u << (kind))
#define MAIL_LINE_ALL (MAIL_LINE_BIT(MAIL_LINE_KINDS) - 1)

/* line has no newline and need not be NUL-terminated; every byte may occur in it. */
void exim_line_parse(struct log_clock *clock, const char *line, size_t length, unsigned wanted,
		     struct mail_line *ret_line);
/* Dovecot 2.2, 2.3, 2.4 and Courier, as syslog writes them. */
void dovecot_line_parse(struct log_clock *clock, const char *line, size_t length, unsigned wanted,
			struct mail_line *ret_line);
/* cPanel's login_log: cpaneld, webmaild, whostmgrd, cpdavd. */
void cpanel_line_parse(struct log_clock *clock, const char *line, size_t length, unsigned wanted,
		       struct mail_line *ret_line);
