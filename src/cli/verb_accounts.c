// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "mail_facts_priv.h"

#define LIST		     "accounts"
#define MIN_NETWORKS_DEFAULT "2"

enum { OPTION_MIN_NETWORKS, OPTION_ACCOUNT, OPTION_SOURCE, OPTION_SINCE };

static const struct column account_columns[] = {
	{ "ACCOUNT", false }, { "NETWORKS", true }, { "ADDRESSES", true },
	{ "MESSAGES", true }, { "LOGINS", true },   { "FAILURES", true },
	{ "ALERTED", false }, { "FIRST", false },   { "LAST", false },
};

static const struct column source_columns[] = {
	{ "FAILURES", true },  { "MESSAGES", true }, { "LOGINS", true },
	{ "STRANGERS", true }, { "ERRORS", true },   { "REFUSED", true },
	{ "FIRST", false },    { "LAST", false },    { "ACCOUNT", false },
};

/* --- accounts, each with its addresses below it --- */

static void add_times(struct table *table, const json_t *object)
{
	char moment[SPAN_TEXT_MAX];

	table_add(table, COLOUR_NONE, "%s", moment_format(object, "first", moment));
	table_add(table, COLOUR_NONE, "%s", moment_format(object, "last", moment));
}

static void add_empty(struct table *table, unsigned n)
{
	while (n-- > 0)
		table_add(table, COLOUR_NONE, "%s", "");
}

static void add_account(struct table *table, const json_t *account)
{
	static const char *const numbers[] = { "networks", "addresses", "messages", "logins",
					       "failures" };
	bool alerted = has_text(account, "alerted");
	char moment[SPAN_TEXT_MAX];

	table_add(table, COLOUR_BOLD, "%s", account_of(account, "account"));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		table_add(table, COLOUR_NONE, "%lld", count_of(account, numbers[i]));
	table_add(table, alerted ? COLOUR_RED : COLOUR_NONE, "%s",
		  moment_format(account, "alerted", moment));
	add_times(table, account);
}

static void add_address(struct table *table, const json_t *address)
{
	table_add(table, COLOUR_NONE, "  %s", text_of(address, "address"));
	add_empty(table, 2);
	table_add(table, COLOUR_NONE, "%lld", count_of(address, "messages"));
	table_add(table, COLOUR_NONE, "%lld", count_of(address, "logins"));
	add_empty(table, 2);
	add_times(table, address);
}

static void add_addresses(struct table *table, const json_t *account)
{
	const json_t *used_from = json_object_get(account, "used_from"), *address;
	long long more;
	size_t i;

	json_array_foreach(used_from, i, address)
		add_address(table, address);
	more = count_of(account, "addresses") - (long long)json_array_size(used_from);
	if (more <= 0)
		return;
	table_add(table, COLOUR_NONE, "  %lld more address%s", more, more == 1 ? "" : "es");
	add_empty(table, ARRAY_SIZE(account_columns) - 3);
	add_times(table, NULL);
}

static void show_accounts(const struct cli *cli, const json_t *accounts)
{
	const json_t *account;
	struct table table;
	size_t i;

	table_begin(&table, account_columns, ARRAY_SIZE(account_columns));
	json_array_foreach(accounts, i, account) {
		add_account(&table, account);
		add_addresses(&table, account);
	}
	table_end(&table, cli);
}

/* --- what one source did --- */

void source_accounts_show(const struct cli *cli, const json_t *rows)
{
	static const char *const numbers[] = { "failures",  "messages",	       "logins",
					       "strangers", "protocol_errors", "refused" };
	const json_t *row;
	struct table table;
	size_t i;

	table_begin(&table, source_columns, ARRAY_SIZE(source_columns));
	json_array_foreach(rows, i, row) {
		for (size_t k = 0; k < ARRAY_SIZE(numbers); k++)
			table_add(&table, COLOUR_NONE, "%lld", count_of(row, numbers[k]));
		add_times(&table, row);
		table_add(&table, COLOUR_NONE, "%s", account_of(row, "account"));
	}
	table_end(&table, cli);
}

/* --- the verb --- */

/* " from 3 networks or more"; nothing if one is enough. Writes and returns text. */
static const char *networks_format(const struct arguments *arguments,
				   char text[static SPAN_TEXT_MAX])
{
	const char *networks = arguments->values[OPTION_MIN_NETWORKS];

	if (!networks)
		networks = arguments->values[OPTION_ACCOUNT] ? "1" : MIN_NETWORKS_DEFAULT;
	text[0] = '\0';
	if (strcmp(networks, "1") != 0)
		snprintf(text, SPAN_TEXT_MAX, " from %.8s networks or more", networks);
	return text;
}

static void say_nothing_found(const struct cli *cli, const struct arguments *arguments)
{
	const char *account = arguments->values[OPTION_ACCOUNT];
	const char *source = arguments->values[OPTION_SOURCE];
	const char *since = arguments->values[OPTION_SINCE];
	const char *word = since ? " since " : "";
	char networks[SPAN_TEXT_MAX];

	networks_format(arguments, networks);
	since = since ? since : "";
	if (source)
		print_line(cli, COLOUR_NONE, "the mail logs say nothing of %s%s%s", source, word,
			   since);
	else if (!account)
		print_line(cli, COLOUR_NONE, "no account was used%s%s%s", networks, word, since);
	else if (!*account)
		print_line(cli, COLOUR_NONE, "no use without an account is recorded%s%s", word,
			   since);
	else
		print_line(cli, COLOUR_NONE,
			   "account %s was not used%s%s%s; whether it was tried: smtpguard "
			   "auth-failures --account %s",
			   account, networks, word, since, account);
}

void accounts_show(const struct cli *cli, const struct arguments *arguments, const json_t *answer)
{
	const json_t *rows = json_object_get(answer, LIST);

	if (json_array_size(rows) == 0) {
		say_nothing_found(cli, arguments);
		return;
	}
	if (arguments->values[OPTION_SOURCE])
		source_accounts_show(cli, rows);
	else
		show_accounts(cli, rows);
	mail_facts_show_rest(answer, LIST);
}

static enum exit_code run(const struct cli *cli, const struct verb *verb,
			  const struct arguments *arguments)
{
	return mail_facts_ask(cli, verb, arguments, LIST, accounts_show);
}

const struct verb verb_accounts = {
	.name = "accounts",
	.help = "accounts that were used from several networks, or what one source tried and used",
	.options = { { "min-networks", "N",
		       "from so many or more (" MIN_NETWORKS_DEFAULT "; 1 with --account)" },
		     { "account", "TEXT", "only this account" },
		     { "source", "ADDR[/LEN]", "every account that was tried or used from there" },
		     { "since", "DURATION|TIME",
		       "whole days from then on: 24h, 7d, 2026-11-22T10:00:00Z" },
		     { "limit", "N", "at most N accounts, 1 to 10000 (100)" } },
	.run = run,
};
