/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `smtpguard digest`: what happened within an interval, as a document, as text, as one mail. */
#pragma once

#include <stdio.h>

#include "cli_priv.h"

/* --- digest_mail.c --- */

/* Accounts and sources with most failures; asked for is one more: nobody's come on top. */
#define DIGEST_FAILURES_SHOWN 5

/* Answers of the ledger about whole days, which may be refusals; NULL: not asked for. */
struct digest_mail {
	const json_t *accounts;		 /* to `accounts` */
	const json_t *account_failures;	 /* to `auth-failures by=account` */
	const json_t *source_failures;	 /* to `auth-failures by=source` */
};

/* The member "mail_logs": null if they are not followed. An alert within the interval is news. */
json_t *digest_mail_make(const struct digest_mail *mail, time_t since, bool *ret_news);
void digest_mail_put(FILE *file, const json_t *mail_logs);

/* --- digest_make.c --- */

struct digest_inputs {
	const char *host; /* escaped */
	time_t since, now;
	const json_t *status; /* answers; history and peaks may be refusals */
	const json_t *history, *peaks;
	struct digest_mail mail; /* not asked for unless mail logs are followed */
};

/* The document of `digest --json`, the caller's; NULL: out of memory. */
json_t *digest_make(const struct digest_inputs *inputs);

/* --- digest_text.c --- */

/* Printable ASCII and newlines. The caller's; NULL: out of memory. */
char *digest_text(const json_t *digest);
char *digest_subject(const json_t *digest);

/* --- mail.c --- */

#define MAIL_SENDMAIL "/usr/sbin/sendmail"

/* One address without a display name, or a local user. */
bool mail_is_address(const char *text);

enum {
	MAIL_REFUSED = 1, /* the program ended with a failure */
};

/*
 * Hands a plain text of ASCII or UTF-8 to a program as `sendmail -t`. Blocks until it ends. subject
 * and to may hold anything: what does not belong into a header is replaced. -errno: the program
 * could not be started or fed.
 */
int mail_send(const char *sendmail, const char *to, const char *subject,
	      const char *body) MUST_CHECK;
