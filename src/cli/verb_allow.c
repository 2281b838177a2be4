// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "cli_priv.h"

static const struct column columns[] = {
	{ "PREFIX", false }, { "FROM", false }, { "SINCE", false }, { "UNTIL", false },
	{ "COMMENT", false },
};

static void show_added(const struct cli *cli, const json_t *answer)
{
	const json_t *allow = json_object_get(answer, "allow");
	long long lifted = (long long)number_of(answer, "lifted");
	char end[SPAN_TEXT_MAX];

	print_line(cli, COLOUR_NONE, "%s is allowed %s", text_of(allow, "prefix"),
		   end_format(allow, "expires", end));
	if (lifted)
		print_line(cli, COLOUR_NONE, "bans, blocks and refusals lifted: %lld", lifted);
}

static enum exit_code run_add(const struct cli *cli, const struct verb *verb,
			      const struct arguments *arguments)
{
	return ask(cli, verb, arguments, show_added);
}

static void show_removed(const struct cli *cli, const json_t *answer)
{
	print_line(cli, COLOUR_NONE, "%s is no longer allowed by hand", text_of(answer, "removed"));
}

static enum exit_code run_remove(const struct cli *cli, const struct verb *verb,
				 const struct arguments *arguments)
{
	return ask(cli, verb, arguments, show_removed);
}

static void show_list(const struct cli *cli, const json_t *answer)
{
	const json_t *allowed = json_object_get(answer, "allowed"), *entry;
	struct table table;
	size_t i;

	if (json_array_size(allowed) == 0) {
		puts("nothing is allowed");
		return;
	}
	table_begin(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach(allowed, i, entry) {
		bool endless = !strcmp(text_of(entry, "from"), "operator") &&
			       !has_text(entry, "expires");
		char moment[SPAN_TEXT_MAX];

		table_add(&table, COLOUR_NONE, "%s", text_of(entry, "prefix"));
		table_add(&table, COLOUR_NONE, "%s", text_of(entry, "from"));
		table_add(&table, COLOUR_NONE, "%s", moment_format(entry, "since", moment));
		table_add(&table, COLOUR_NONE, "%s",
			  endless ? "no end" : moment_format(entry, "expires", moment));
		table_add(&table, COLOUR_NONE, "%s", text_of(entry, "comment"));
	}
	table_end(&table, cli);
}

static enum exit_code run_list(const struct cli *cli, const struct verb *verb,
			       const struct arguments *arguments)
{
	return ask(cli, verb, arguments, show_list);
}

const struct verb verb_allow_add = {
	.name = "allow",
	.action = "add",
	.word = "ADDR[/LEN]",
	.needs_word = true,
	.help = "never ban a source or a prefix from now on, and lift what bans it",
	.options = { { "for", "DURATION", "how long: 90s, 10m, 1h, 7d, forever (forever)" },
		     { "comment", "TEXT", "kept with the entry and shown with it" } },
	.run = run_add,
};

const struct verb verb_allow_remove = {
	.name = "allow",
	.action = "remove",
	.word = "ADDR[/LEN]",
	.needs_word = true,
	.help = "take back an `allow add`",
	.run = run_remove,
};

const struct verb verb_allow_list = {
	.name = "allow",
	.action = "list",
	.help = "what is never banned: added by hand, and from the allow files",
	.run = run_list,
};
