/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the mail logs say: `auth-failures`, `accounts`, and the parts of other pages that show the
 * same. All of it was text of clients before the daemon escaped it.
 */
#pragma once

#include "cli_priv.h"

/* --- mail_facts.c --- */

/*
 * Asks and shows. Nothing found, and no mail log is followed: said, too. key: of the list in
 * the answer.
 */
enum exit_code mail_facts_ask(const struct cli *cli, const struct verb *verb,
			      const struct arguments *arguments, const char *key,
			      void (*show)(const struct cli *cli, const struct arguments *arguments,
					   const json_t *answer));
/* The text; "-" if it is empty, missing or null. */
const char *account_of(const json_t *object, const char *key);
/*
 * Whether a row of `auth-failures` names nobody it is about: lines that do not tell, and what the
 * ledger had no room for. It may be the highest, and says the least: it comes last.
 */
bool is_nobodys(const json_t *row);
/* How many of the list are not shown, if any. */
void mail_facts_show_rest(const json_t *answer, const char *key);

/* --- verb_auth_failures.c, verb_accounts.c --- */

void auth_failures_show(const struct cli *cli, const struct arguments *arguments,
			const json_t *answer);
void accounts_show(const struct cli *cli, const struct arguments *arguments, const json_t *answer);
/* The rows of one source. */
void source_accounts_show(const struct cli *cli, const json_t *rows);
