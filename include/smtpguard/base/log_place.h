/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which mail logs there are, and how far one was read: a plain struct that the ledger keeps, so that a
 * restart goes on where the last run stopped.
 */
#pragma once

#include <stdint.h>

enum mail_log {
	MAIL_LOG_EXIM,	 /* Exim's main log */
	MAIL_LOG_MAIL,	 /* syslog's maillog: Dovecot, Courier */
	MAIL_LOG_CPANEL, /* cPanel's login_log */
	MAIL_LOGS
};

/* "exim" "mail" "cpanel": the keys of the configuration. */
const char *mail_log_name(enum mail_log log);

/*
 * A file is known by its inode and by its head: an inode number is given to another file soon after the
 * old one is gone, and a copy (logrotate's copytruncate) has the same head under another number.
 */
struct log_place {
	uint64_t inode;
	uint64_t offset;     /* bytes read: the beginning of a line */
	uint64_t head_hash;  /* SipHash with a zero key of the file's first head_bytes */
	uint32_t head_bytes; /* at most LOG_HEAD_BYTES, not more than were there */
};

#define LOG_HEAD_BYTES 256
#define LOG_PLACES_MAX 2

/* One log: the file that has its name, and before it an older one that may still be written to. */
struct log_places {
	enum mail_log log;
	unsigned n; /* 0: nothing was read yet */
	struct log_place place[LOG_PLACES_MAX]; /* [0]: the newer one */
};
