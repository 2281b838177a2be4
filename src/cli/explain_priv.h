/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `smtpguard explain`: one page put together from what the daemon says of an address, what its
 * ledger keeps of it and of its accounts, and the lines of the allow files that come near it.
 */
#pragma once

#include "cli_priv.h"

#include "smtpguard/base/address.h"

/* --- explain_allow.c --- */

#define ALLOW_LINES_SHOWN      4
#define ALLOW_FILE_TEXT_MAX    256
#define ALLOW_PROBLEM_TEXT_MAX 384

struct allow_line {
	char file[ALLOW_FILE_TEXT_MAX]; /* escaped */
	unsigned line;
	struct prefix entry;
	bool covers;	 /* the source is inside it, or a part of the source is allowed */
	unsigned shared; /* leading bits that it has in common with the source */
};

struct allow_lines {
	struct prefix source;
	struct allow_line lines[ALLOW_LINES_SHOWN]; /* the nearest first */
	unsigned n, files;
	unsigned long entries;		      /* in all files */
	char problem[ALLOW_PROBLEM_TEXT_MAX]; /* the last file that could not be read; empty: none
					       */
};

/* Reads the allow files that a configuration names. */
void allow_lines_find(struct allow_lines *lines, const char *config_path,
		      const struct prefix *source);
json_t *allow_lines_json(const struct allow_lines *lines);
void allow_lines_show(const struct cli *cli, const struct allow_lines *lines);

/* --- explain_words.c: why, in words that go on a sentence. Those with a text write and return it --- */

#define SENTENCE_TEXT_MAX 256

/* Behind "banned: ": what the source did. */
const char *ban_words(const json_t *ban, char text[static SENTENCE_TEXT_MAX]);
const char *never_words(const json_t *never, char text[static SENTENCE_TEXT_MAX]);
/* Why a source over a limit of the service is not banned; NULL: of any. */
const char *unbanned_words(const json_t *answer, const char *service);
/* Why it is spared there. */
const char *spared_words(const json_t *answer, const char *service,
			 char text[static SENTENCE_TEXT_MAX]);

/* --- explain_standing.c --- */

/* Where the address stands and why, as the first sentence, and the facts behind it. */
void standing_show(const struct cli *cli, const json_t *answer);

/* --- explain_prospects.c --- */

/* What would happen to an address that is not known. */
void prospects_show(const struct cli *cli, const json_t *answer);

/* --- explain_timeline.c --- */

/* The daemon's own memory of its decisions, and the ledger's records (NULL: none), as one list by
 * time. */
void timeline_show(const struct cli *cli, const json_t *answer, const json_t *history);

/* --- explain_mail.c --- */

/* What the mail logs say of it; nothing if they say nothing. accounts: as in explain_page. */
void mail_show(const struct cli *cli, const json_t *answer, const json_t *accounts);

/* --- verb_explain.c --- */

/* How much of it the ledger is asked for. */
#define EXPLAIN_HISTORY_LIMIT  "50"
#define EXPLAIN_ACCOUNTS_LIMIT "20"

/* Answers; all but the first may be refusals, or NULL: not known. */
struct explain_page {
	const json_t *answer;	/* to `explain` */
	const json_t *history;	/* to `history` about the source */
	const json_t *accounts; /* to `accounts` about it */
	const struct allow_lines *allow;
};

void explain_page_show(const struct cli *cli, const struct explain_page *page);
