/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why a source is banned: kept with the ban, printed in the journal, in answers and as the comment of
 * the set element (`smtp 23>10 concurrent; no PTR`), and read back from that comment when an earlier
 * run's bans are adopted.
 */
#pragma once

#include "smtpguard/policy/reverse_dns.h"
#include "smtpguard/policy/settings.h"

#define REASON_COMMENT_MAX 120 /* nft allows 128 bytes with the final NUL */

enum limit_kind {
	LIMIT_NONE,
	LIMIT_CONCURRENT,
	LIMIT_NEW,
	LIMIT_VERIFIED_CONCURRENT,
	LIMIT_OPERATOR, /* banned by hand; text holds the operator's reason */
	LIMIT_REVERSE_DNS, /* refused by the gate: reverse_dns = "require" */
	LIMIT_AUTH_FAILURES, /* wrong passwords; text names the accounts */
	LIMIT_KINDS
};

/* "none" "concurrent" "new" "verified_concurrent" "operator" "reverse_dns" "auth-failures" */
const char *limit_kind_name(enum limit_kind kind);

struct ban_reason {
	enum limit_kind limit;
	char service[SERVICE_NAME_MAX]; /* empty: operator, or unknown */
	uint32_t allowed, observed, peak;
	usec_t window; /* LIMIT_NEW, LIMIT_AUTH_FAILURES */
	enum ptr_state ptr_state;
	char name[PTR_NAME_TEXT_MAX]; /* the first PTR name, escaped; may be empty */
	/* LIMIT_OPERATOR, LIMIT_AUTH_FAILURES, or an adopted comment we cannot read; escaped */
	char text[REASON_COMMENT_MAX];
};

/*
 * "smtp 23>10 concurrent; no PTR", "smtp 12>10 new/300s; PTR does not resolve back",
 * "smtp reverse_dns; no PTR", "operator: spam run",
 * "submission 20/20 auth-failures/3600s; user@example.com and 3 more". Writes and returns text.
 */
const char *reason_format(const struct ban_reason *reason, char text[static REASON_COMMENT_MAX]);
/* The inverse, as far as the comment tells; anything else ends in .text with limit LIMIT_NONE. */
void reason_parse(const char *comment, struct ban_reason *ret_reason);
