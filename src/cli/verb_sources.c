// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "cli_priv.h"

static const struct column columns[] = {
	{ "SOURCE", false }, { "SERVICE", false }, { "NOW", true },	    { "PEAK", true },
	{ "NEW", true },     { "HALF", true },	   { "STANDING", false }, { "REVERSE DNS", false },
};

static void show(const struct cli *cli, const json_t *answer)
{
	const json_t *sources = json_object_get(answer, "sources"), *source;
	char text[CELL_TEXT_MAX];
	struct table table;
	size_t i, n = json_array_size(sources);

	table_begin(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach(sources, i, source) {
		const char *standing = text_of(source, "standing");

		table_add(&table, COLOUR_NONE, "%s", text_of(source, "source"));
		table_add(&table, COLOUR_NONE, "%s", text_of(source, "service"));
		table_add(&table, COLOUR_NONE, "%lld", (long long)number_of(source, "concurrent"));
		table_add(&table, COLOUR_NONE, "%lld", (long long)number_of(source, "peak"));
		table_add(&table, COLOUR_NONE, "%lld", (long long)number_of(source, "new"));
		table_add(&table, COLOUR_NONE, "%lld", (long long)number_of(source, "half_open"));
		table_add(&table, standing_colour(standing), "%s", standing);
		table_add(&table, COLOUR_NONE, "%s",
			  reverse_dns_format(json_object_get(source, "reverse_dns"),
					     json_object_get(source, "names"), text));
	}
	table_end(&table, cli);
	if ((json_int_t)n < number_of(answer, "total"))
		printf("%zu of %lld shown; --limit shows more\n", n,
		       (long long)number_of(answer, "total"));
}

static enum exit_code run(const struct cli *cli, const struct verb *verb,
			  const struct arguments *arguments)
{
	return ask(cli, verb, arguments, show);
}

const struct verb verb_sources = {
	.name = "sources",
	.help = "who is connected, held or refused: connections now and at most, new ones, standing",
	.options = { { "service", "NAME", "only this service" },
		     { "sort", "concurrent|new|half_open", "what to sort by (concurrent)" },
		     { "limit", "N", "at most N lines, 1 to 10000 (100)" },
		     { "all", NULL, "also sources without a connection now" } },
	.run = run,
};
