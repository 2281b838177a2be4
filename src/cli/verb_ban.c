// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "cli_priv.h"

static void show_ban(const struct cli *cli, const json_t *answer)
{
	const json_t *ban = json_object_get(answer, "ban"), *block = json_object_get(answer, "block");
	char end[SPAN_TEXT_MAX];

	if (block)
		print_line(cli, COLOUR_NONE, "%s is blocked %s", text_of(block, "prefix"),
			   end_format(block, "expires", end));
	else
		print_line(cli, COLOUR_NONE, "%s is banned %s", text_of(ban, "source"),
			   end_format(ban, "expires", end));
}

static enum exit_code run_ban(const struct cli *cli, const struct verb *verb,
			      const struct arguments *arguments)
{
	return ask(cli, verb, arguments, show_ban);
}

static void show_unban(const struct cli *cli, const json_t *answer)
{
	char moment[SPAN_TEXT_MAX];

	if (has_text(answer, "trusted_until"))
		print_line(cli, COLOUR_NONE, "%s is unbanned and trusted until %s",
			   text_of(answer, "source"),
			   moment_format(answer, "trusted_until", moment));
	else
		print_line(cli, COLOUR_NONE, "bans, blocks and refusals lifted: %lld",
			   (long long)number_of(answer, "unbanned"));
}

static enum exit_code run_unban(const struct cli *cli, const struct verb *verb,
				const struct arguments *arguments)
{
	return ask(cli, verb, arguments, show_unban);
}

const struct verb verb_ban = {
	.name = "ban",
	.word = "ADDR[/LEN]",
	.needs_word = true,
	.help = "ban a source now, or block a whole prefix",
	.options = { { "for", "DURATION", "how long: 90s, 10m, 1h, 7d, forever (bans.duration)" },
		     { "reason", "TEXT", "kept with the ban and shown with it" } },
	.run = run_ban,
};

const struct verb verb_unban = {
	.name = "unban",
	.word = "ADDR[/LEN]|all",
	.needs_word = true,
	.help = "lift a ban or refusal, those in a prefix, or all; a source is then trusted a while",
	.options = { { "trust", "DURATION", "how long to trust it (trust.unban_grace)" } },
	.run = run_unban,
};
