/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages between the daemon and smtpguard-maillog: packets over one SOCK_SEQPACKET socket, host byte
 * order (both ends are the same build). A packet of another size, an unknown type or value, a set
 * reserved byte, a text that is not printable ASCII, or not NUL-terminated with all bytes behind it zero,
 * a fact of count 0, with a `day` that is no date or with `first` after `last`, an error without
 * LOG_STATE_UNREADABLE or the other way round, an empty sample is -EBADMSG: the receiver drops its peer.
 * One encoding per content.
 *
 * The daemon sends places, one message per log, then start. The worker sends facts, and after them the
 * places up to which the log was read: everything of that log since the last places, and the places
 * themselves, belong together and count only together. So a worker that dies in between loses nothing
 * and doubles nothing: the next one begins at the last places.
 *
 * Both ends compile this one codec. It has a fuzz target.
 */
#pragma once

#include <stddef.h>

#include "smtpguard/base/compiler.h"
#include "smtpguard/base/log_place.h"
#include "smtpguard/policy/mail_fact.h"

/* The file descriptor the worker finds its socket on. */
#define MAILLOG_SOCKET_FD 3

/* Facts of one log between two places. */
#define MAILLOG_GROUP_MAX 16384
#define MAILLOG_SAMPLE_MAX 256 /* with the final NUL */

enum log_state {
	LOG_STATE_FOLLOWING, /* read to its end */
	LOG_STATE_BEHIND,    /* being read: catching up, or more comes than can be worked on */
	LOG_STATE_MISSING,   /* there is no such file: waited for */
	LOG_STATE_UNREADABLE, /* .error */
	LOG_STATES
};

/* "following" "behind" "missing" "unreadable" */
const char *log_state_name(enum log_state state);

/* How often the worker says something at least: a report, if there is nothing else. */
#define MAILLOG_HEARTBEAT (10 * USEC_PER_SEC)

/* How a log is doing; sent when it changed, at most once a second. Counters since the worker's start. */
struct log_report {
	enum mail_log log;
	enum log_state state;
	int error;		 /* errno; LOG_STATE_UNREADABLE */
	uint64_t offset, size;	 /* of the file that has the name */
	uint64_t behind_bytes;	 /* not read yet, older files included */
	usec_t lag;		 /* age of the last line that was read; 0 when nothing waits */
	uint64_t lines, bytes;
	uint64_t facts;		 /* lines that said something of a client */
	uint64_t unparsed;	 /* look relevant, and are not understood */
	uint64_t ambiguous;	 /* of the facts: with several readings */
	uint64_t without_port;	 /* of the facts of SMTP: log_selector lacks +incoming_port */
	uint64_t long_lines;	 /* longer than can be read, passed over */
	uint64_t rotations, truncations;
	uint64_t gaps;		 /* files that were rotated away and could not be found again */
	uint32_t exim_connections; /* Exim's own count at its last connection; 0: not told */
	usec_t exim_connections_at; /* wall clock */
	uint64_t exim_full, exim_host_limit; /* connections that Exim refused */
	/* The stamps of lines that were just written, ahead of the clock; 0: within MAIL_RECENT of it. */
	int64_t clock_off_s;
};

enum maillog_message_type {
	MAILLOG_PLACES, /* both ways */
	MAILLOG_START,	/* to the worker */
	MAILLOG_FACT,
	MAILLOG_REPORT,
	MAILLOG_SAMPLE, /* an unparsed line, escaped and cut */
	MAILLOG_MESSAGE_TYPES
};

struct maillog_message {
	enum maillog_message_type type;
	enum mail_log log; /* of every type but MAILLOG_START; places.log and report.log are filled from it */
	union {
		struct log_places places;
		struct mail_fact fact;
		struct log_report report;
		char sample[MAILLOG_SAMPLE_MAX];
	};
};

/* The size of the longest packet. */
#define MAILLOG_PACKET_MAX 9728

/* Returns the packet's size. Texts must already be escaped; a report's error is sent only with
 * LOG_STATE_UNREADABLE. */
size_t maillog_message_encode(const struct maillog_message *message,
			      uint8_t bytes[static MAILLOG_PACKET_MAX]);
int maillog_message_decode(const void *bytes, size_t size, struct maillog_message *ret_message) MUST_CHECK;
