// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "mail_facts_priv.h"

#define LIST "auth_failures"

enum { OPTION_BY, OPTION_ACCOUNT, OPTION_SOURCE, OPTION_SINCE };

/* Numbers first and names last, as `sort | uniq -c` has them: an account may be of any width. */
static const struct field {
	struct column column;
	const char *key;
	const char *wants, *excludes; /* shown if the rows are grouped by it; unless they are */
} fields[] = {
	{ { "DAY", false }, "day", "day", NULL },
	{ { "FAILURES", true }, "failures", NULL, NULL },
	{ { "ACCOUNTS", true }, "accounts", NULL, "account" },
	{ { "ADDRESSES", true }, "addresses", NULL, "source" },
	{ { "NETWORKS", true }, "networks", NULL, "source" },
	{ { "FIRST", false }, "first", NULL, NULL },
	{ { "LAST", false }, "last", NULL, NULL },
	{ { "SOURCE", false }, "source", "source", NULL },
	{ { "ACCOUNT", false }, "account", "account", NULL },
};

/* What rows are grouped by is in each of them. */
static bool is_shown(const struct field *field, const json_t *row)
{
	return (!field->wants || json_object_get(row, field->wants)) &&
	       (!field->excludes || !json_object_get(row, field->excludes));
}

static void add_field(struct table *table, const struct field *field, const json_t *row)
{
	const json_t *value = json_object_get(row, field->key);
	char moment[SPAN_TEXT_MAX];

	if (json_is_integer(value))
		table_add(table, COLOUR_NONE, "%lld", count_of(row, field->key));
	else if (!strcmp(field->key, "first") || !strcmp(field->key, "last"))
		table_add(table, COLOUR_NONE, "%s", moment_format(row, field->key, moment));
	else
		table_add(table, COLOUR_NONE, "%s", account_of(row, field->key));
}

static void say_nothing_found(const struct cli *cli, const struct arguments *arguments)
{
	const char *account = arguments->values[OPTION_ACCOUNT];
	const char *source = arguments->values[OPTION_SOURCE];
	const char *since = arguments->values[OPTION_SINCE];

	print_line(cli, COLOUR_NONE, "no failed authentication is recorded%s%s%s%s%s%s",
		   !account   ? ""
		   : *account ? " of account "
			      : " without an account",
		   account ? account : "", source ? " from " : "", source ? source : "",
		   since ? " since " : "", since ? since : "");
}

static unsigned add_rows(struct table *table, const struct field *const shown[], unsigned n,
			 const json_t *rows, bool nobodys)
{
	const json_t *row;
	unsigned added = 0;
	size_t i;

	json_array_foreach(rows, i, row) {
		if (is_nobodys(row) != nobodys)
			continue;
		for (unsigned k = 0; k < n; k++)
			add_field(table, shown[k], row);
		added++;
	}
	return added;
}

void auth_failures_show(const struct cli *cli, const struct arguments *arguments,
			const json_t *answer)
{
	const json_t *rows = json_object_get(answer, LIST), *row = json_array_get(rows, 0);
	const struct field *shown[ARRAY_SIZE(fields)];
	struct column columns[ARRAY_SIZE(fields)];
	struct table table;
	unsigned n = 0, n_nobodys;
	size_t i;

	if (!row) {
		say_nothing_found(cli, arguments);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!is_shown(&fields[i], row))
			continue;
		columns[n] = fields[i].column;
		shown[n++] = &fields[i];
	}
	table_begin(&table, columns, n);
	add_rows(&table, shown, n, rows, false);
	n_nobodys = add_rows(&table, shown, n, rows, true);
	table_end(&table, cli);
	if (n_nobodys)
		print_line(cli, COLOUR_NONE,
			   "-: not in the line, not sure, or not kept apart (see smtpguard(8))");
	mail_facts_show_rest(answer, LIST);
}

static enum exit_code run(const struct cli *cli, const struct verb *verb,
			  const struct arguments *arguments)
{
	return mail_facts_ask(cli, verb, arguments, LIST, auth_failures_show);
}

const struct verb verb_auth_failures = {
	.name = "auth-failures",
	.help = "failed authentications in the mail logs, by account, source or day",
	.options = { { "by", "account|source|day[,..]",
		       "what to add up for, several with commas (account)" },
		     { "account", "TEXT", "only this account" },
		     { "source", "ADDR[/LEN]", "only from there" },
		     { "since", "DURATION|TIME",
		       "whole days from then on: 24h, 7d, 2026-11-22T10:00:00Z" },
		     { "limit", "N", "at most N lines, 1 to 10000 (100)" } },
	.run = run,
};
