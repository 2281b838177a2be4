/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `smtpguard status`: the daemon's report as people read it, beside it Exim's slots. */
#pragma once

#include "cli_priv.h"

/* --- status_exim.c --- */

#define EXIM_PATH_TEXT_MAX  256
#define EXIM_VALUE_TEXT_MAX 64

enum exim_slots {
	EXIM_ABSENT, /* no configuration where Exim has it */
	EXIM_UNREADABLE,
	EXIM_SLOTS,	   /* accept_max is what it says; 0: no limit */
	EXIM_NOT_A_NUMBER, /* value is what it says */
};

struct exim_limits {
	enum exim_slots state;
	bool is_default; /* the file does not say: Exim's own default */
	long long accept_max;
	char path[EXIM_PATH_TEXT_MAX];	 /* escaped */
	char value[EXIM_VALUE_TEXT_MAX]; /* escaped; EXIM_UNREADABLE: why */
};

/*
 * Reads smtp_accept_max from Exim's configuration, as text; path NULL: the first file that exists
 * of those where distributions and cPanel have it.
 */
void exim_read(struct exim_limits *limits, const char *path);
/* null when absent. used: connections now. */
json_t *exim_json(const struct exim_limits *limits, long long used);

/* --- status_advice.c --- */

struct advice {
	const char *problem; /* the one to see to first; NULL: there is none */
	const char *action;  /* what to do about it */
};

struct advice advice_find(const json_t *problems);

/* --- status_show.c --- */

/* Connections now, of all services. */
long long status_connections(const json_t *answer);
void status_show(const struct cli *cli, const json_t *answer, const json_t *offenders,
		 const struct exim_limits *exim);

/* --- status_mail.c: the mail logs, if they are followed; mail_logs: of `status` --- */

/* How they are doing in a line, and what Exim says of its own slots. */
void status_mail_show(const struct cli *cli, const json_t *mail_logs);
void status_mail_details(const struct cli *cli, const json_t *mail_logs);

/* --- status_details.c --- */

/* Bans, the gate, and the health of the parts, a line or two each. */
void status_details(const struct cli *cli, const json_t *answer);
