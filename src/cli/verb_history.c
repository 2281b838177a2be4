// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "cli_priv.h"

static const struct column columns[] = {
	{ "SINCE", false }, { "SOURCE", false }, { "KIND", false },
	{ "END", false },   { "EARLIER", true }, { "REASON", false },
};

static void add_record(struct table *table, const json_t *record)
{
	const char *kind = text_of(record, "kind"), *end = text_of(record, "end");
	bool is_ban = !strcmp(kind, "ban"), active = !strcmp(end, "active");
	char text[SPAN_TEXT_MAX];

	table_add(table, COLOUR_NONE, "%s", moment_format(record, "since", text));
	table_add(table, COLOUR_NONE, "%s", text_of(record, "source"));
	/* the ledger's word for trust after an unban is its own */
	table_add(table, COLOUR_NONE, "%s", strcmp(kind, "grace") ? kind : "trust");
	if (active)
		table_add(table, is_ban ? COLOUR_RED : COLOUR_NONE, "active %s",
			  end_format(record, "until", text));
	else
		table_add(table, COLOUR_NONE, "%s %s", end, moment_format(record, "ended", text));
	if (is_ban)
		table_add(table, COLOUR_NONE, "%lld", count_of(record, "earlier"));
	else
		table_add(table, COLOUR_NONE, "-");
	table_add(table, COLOUR_NONE, "%s", text_of(record, "comment"));
}

static void show(const struct cli *cli, const json_t *answer)
{
	const json_t *history = json_object_get(answer, "history"), *record;
	size_t i, n = json_array_size(history);
	struct table table;

	if (n == 0) {
		puts("nothing is recorded");
		return;
	}
	table_begin(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach(history, i, record)
		add_record(&table, record);
	table_end(&table, cli);
	if ((json_int_t)n < number_of(answer, "total"))
		printf("%zu of %lld shown; --limit shows more\n", n, count_of(answer, "total"));
}

static enum exit_code run(const struct cli *cli, const struct verb *verb,
			  const struct arguments *arguments)
{
	return ask(cli, verb, arguments, show);
}

const struct verb verb_history = {
	.name = "history",
	.word = "ADDR[/LEN]",
	.word_parameter = "source",
	.help = "bans, blocks, allows and trust as the ledger has them, past ones too, newest "
		"first",
	.options = { { "since", "DURATION|TIME",
		       "in force after that: 24h, 7d, 2026-11-22T10:00:00Z" },
		     { "limit", "N", "at most N lines, 1 to 10000" } },
	.run = run,
};
