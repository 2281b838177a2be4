// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_priv.h"

static const struct column columns[] = {
	{ "SOURCE", false }, { "SINCE", false },   { "LEFT", true },
	{ "KERNEL", false }, { "EARLIER", true },  { "REASON", false },
};

/* Newest first: RFC 3339 in UTC sorts as text. */
static int compare(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;

	return strcmp(text_of(y, "since"), text_of(x, "since"));
}

static void add_ban(struct table *table, const json_t *ban)
{
	const json_t *left = json_object_get(ban, "remaining_s");
	bool is_block = !strcmp(text_of(ban, "kind"), "block");
	bool enforced = is_true(ban, "enforced");
	char span[SPAN_TEXT_MAX];

	table_add(table, COLOUR_NONE, "%s", text_of(ban, "source"));
	table_add(table, COLOUR_NONE, "%s", moment_format(ban, "since", span));
	table_add(table, COLOUR_NONE, "%s",
		  json_is_integer(left) ? span_format(json_integer_value(left), span) : "no end");
	if (is_block) {
		table_add(table, COLOUR_NONE, "blocked");
		table_add(table, COLOUR_NONE, "-");
	} else {
		table_add(table, enforced ? COLOUR_NONE : COLOUR_RED, "%s", enforced ? "yes" : "no");
		table_add(table, COLOUR_NONE, "%lld", (long long)number_of(ban, "earlier"));
	}
	table_add(table, COLOUR_NONE, "%s%s", text_of(ban, "comment"),
		  is_true(ban, "adopted") ? " (found at start)" : "");
}

static void show(const struct cli *cli, const json_t *answer)
{
	const json_t *bans = json_object_get(answer, "bans");
	size_t n = json_array_size(bans);
	json_t **sorted;
	struct table table;

	if (n == 0) {
		puts("no bans");
		return;
	}
	sorted = calloc(n, sizeof(json_t *));
	if (!sorted) {
		complain("out of memory");
		exit(EXIT_REFUSED);
	}
	for (size_t i = 0; i < n; i++)
		sorted[i] = json_array_get(bans, i);
	qsort(sorted, n, sizeof(json_t *), compare);
	table_begin(&table, columns, ARRAY_SIZE(columns));
	for (size_t i = 0; i < n; i++)
		add_ban(&table, sorted[i]);
	table_end(&table, cli);
	free(sorted);
}

static enum exit_code run(const struct cli *cli, const struct verb *verb,
			  const struct arguments *arguments)
{
	return ask(cli, verb, arguments, show);
}

const struct verb verb_bans = {
	.name = "bans",
	.word = "ADDR",
	.word_parameter = "source",
	.help = "who is banned or blocked, since when, for how long, and why",
	.run = run,
};
