/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a line of a mail log says about a client (SPEC 8), as smtpguard-maillog sends it and the guard
 * judges it. Everything in it but the kind is the client's to choose, or may be: see mail_reading.
 */
#pragma once

#include <stdbool.h>

#include "smtpguard/base/address.h"
#include "smtpguard/base/clock.h"

#define ACCOUNT_TEXT_MAX 128 /* with the final NUL; escaped; longer ones are cut */
#define MAIL_READINGS_MAX 64 /* whoever writes more of them is not worth more: his lines are nobody's */

enum mail_fact_kind {
	MAIL_FACT_AUTH_FAILURE,
	MAIL_FACT_AUTH_SUCCESS, /* of SMTP: a message was accepted from an authenticated client; else a login */
	MAIL_FACT_MESSAGE,	/* a message was accepted, nobody had authenticated */
	MAIL_FACT_PROTOCOL_ERROR,
	MAIL_FACT_REFUSED, /* Exim's own limits were reached: not the client's fault */
	MAIL_FACT_KINDS
};

/* "auth-failure" "auth-success" "message" "protocol-error" "refused" */
const char *mail_fact_kind_name(enum mail_fact_kind kind);

enum mail_protocol {
	MAIL_PROTOCOL_SMTP,
	MAIL_PROTOCOL_IMAP,
	MAIL_PROTOCOL_POP3,
	MAIL_PROTOCOL_SIEVE,
	MAIL_PROTOCOL_CPANEL,
	MAIL_PROTOCOL_WHM,
	MAIL_PROTOCOL_WEBMAIL,
	MAIL_PROTOCOL_WEBDISK,
	MAIL_PROTOCOLS
};

/* "smtp" "imap" "pop3" "sieve" "cpanel" "whm" "webmail" "webdisk" */
const char *mail_protocol_name(enum mail_protocol protocol);

/*
 * One way to read a line. Clients choose HELO and account, which may look like the rest of a line: then
 * there are several readings, and only the connections we know can tell which one is true.
 */
struct mail_reading {
	struct address address;
	uint16_t port; /* the client's; 0: the line does not tell */
	char account[ACCOUNT_TEXT_MAX]; /* escaped; empty: none */
};

struct mail_fact {
	enum mail_fact_kind kind;
	enum mail_protocol protocol;
	/* Its time stamp is not older than MAIL_RECENT, and than this daemon: it may concern a connection we
	 * know. Otherwise port and count may be those of many lines, and it changes nobody's standing. */
	bool recent;
	uint32_t count;	    /* how often: at least 1 */
	usec_t first, last; /* wall clock */
	uint32_t day;	    /* in the log's own time: 20261122 */
	unsigned n_readings; /* 0: an old line with several, or more than fit: it is nobody's */
	struct mail_reading readings[MAIL_READINGS_MAX];
};

/* How long a connection that has ended is remembered for the lines about it. */
#define MAIL_RECENT (600 * USEC_PER_SEC)
