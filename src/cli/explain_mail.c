// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "explain_priv.h"
#include "mail_facts_priv.h"

/* The daemon counts accounts of a source no further. */
#define ACCOUNTS_REMEMBERED 8

static void show_failures(const struct cli *cli, const json_t *mail)
{
	const json_int_t limit = number_of(mail, "limit");
	const char *last = json_string_value(json_object_get(mail, "last_account"));
	const long long accounts = count_of(mail, "accounts");
	char span[SPAN_TEXT_MAX], text[SPAN_TEXT_MAX];

	if (limit)
		print_fact(cli, "failures", COLOUR_NONE,
			   "%lld towards the next ban, which comes at %lld within %s "
			   "(mail_logs.auth_failures)",
			   count_of(mail, "failures_in_window"), (long long)limit,
			   span_format(number_of(mail, "window_s"), span));
	else
		print_fact(cli, "failures", COLOUR_NONE,
			   "nobody is banned for them: mail_logs.auth_failures is off");
	if (!count_of(mail, "failures"))
		return;
	print_fact(cli, "", COLOUR_NONE, "%lld remembered, with %lld account%s%s, the last %s%s%s",
		   count_of(mail, "failures"), accounts, accounts == 1 ? "" : "s",
		   accounts >= ACCOUNTS_REMEMBERED ? " or more" : "",
		   moment_format(mail, "last_failure", text), last && *last ? " with " : "",
		   last ? last : "");
}

static void show_successes(const struct cli *cli, const json_t *mail)
{
	char moment[SPAN_TEXT_MAX];

	if (count_of(mail, "successes"))
		print_fact(cli, "successes", COLOUR_NONE, "%lld remembered, the last %s",
			   count_of(mail, "successes"),
			   moment_format(mail, "last_success", moment));
	if (has_text(mail, "authenticated_until"))
		print_fact(cli, "spared", COLOUR_GREEN,
			   "until %s on services without port 25, up to verified_concurrent, "
			   "because it authenticated; not from bans for failed authentications",
			   moment_format(mail, "authenticated_until", moment));
}

/* The ledger has what the whole log told; what may ban is less. */
static void show_uncounted(const struct cli *cli, const json_t *mail, const json_t *rows)
{
	long long failures = 0;
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
		failures += count_of(row, "failures");
	if (failures > count_of(mail, "failures"))
		print_line(cli, COLOUR_NONE,
			   "not all of these failures count towards a ban: not those on ports that "
			   "no service guards, nor those read late or before the daemon's start");
}

static void show_accounts(const struct cli *cli, const json_t *answer, const json_t *accounts)
{
	const json_t *rows = json_object_get(accounts, "accounts");

	if (json_array_size(rows) == 0)
		return;
	source_accounts_show(cli, rows);
	show_uncounted(cli, json_object_get(answer, "mail"), rows);
	if ((json_int_t)json_array_size(rows) < number_of(accounts, "total"))
		print_line(cli, COLOUR_NONE, "%lld more: smtpguard accounts --source %s",
			   count_of(accounts, "total") - (long long)json_array_size(rows),
			   text_of(answer, "source"));
}

void mail_show(const struct cli *cli, const json_t *answer, const json_t *accounts)
{
	const json_t *mail = json_object_get(answer, "mail");
	bool known = json_is_object(mail);

	if (!known && json_array_size(json_object_get(accounts, "accounts")) == 0)
		return;
	putchar('\n');
	print_line(cli, COLOUR_BOLD, "MAIL LOGS");
	if (known) {
		show_failures(cli, mail);
		show_successes(cli, mail);
	}
	show_accounts(cli, answer, accounts);
	if (accounts && !is_true(accounts, "ok"))
		print_line(cli, COLOUR_YELLOW, "its accounts are not to be had: %s",
			   text_of(accounts, "message"));
}
