// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "cli_priv.h"

static void show_ban(const struct cli *cli, const json_t *answer)
{
	const json_t *ban = json_object_get(answer, "ban");

	print_line(cli, COLOUR_NONE, "%s is banned until %s", text_of(ban, "source"),
		   text_of(ban, "expires"));
}

static enum exit_code run_ban(const struct cli *cli, const struct verb *verb,
			      const struct arguments *arguments)
{
	return ask(cli, verb, arguments, show_ban);
}

static void show_unban(const struct cli *cli, const json_t *answer)
{
	if (json_is_string(json_object_get(answer, "source")))
		print_line(cli, COLOUR_NONE, "%s is unbanned and trusted until %s",
			   text_of(answer, "source"), text_of(answer, "trusted_until"));
	else
		print_line(cli, COLOUR_NONE, "bans lifted: %lld",
			   (long long)number_of(answer, "unbanned"));
}

static enum exit_code run_unban(const struct cli *cli, const struct verb *verb,
				const struct arguments *arguments)
{
	return ask(cli, verb, arguments, show_unban);
}

const struct verb verb_ban = {
	.name = "ban",
	.word = "ADDR",
	.needs_word = true,
	.help = "ban a source now",
	.options = { { "for", "DURATION", "how long: 90s, 10m, 1h, 7d (bans.duration)" },
		     { "reason", "TEXT", "kept with the ban and shown with it" } },
	.run = run_ban,
};

const struct verb verb_unban = {
	.name = "unban",
	.word = "ADDR|all",
	.needs_word = true,
	.help = "lift a ban, or all; the source is trusted for a while, so that it stays lifted",
	.options = { { "trust", "DURATION", "how long to trust it (trust.unban_grace)" } },
	.run = run_unban,
};
