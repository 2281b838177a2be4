// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli_priv.h"

static void show(const struct cli *cli, const json_t *answer)
{
	print_line(cli, COLOUR_NONE, "bans, blocks and refusals lifted: %lld",
		   (long long)number_of(answer, "lifted"));
	if (is_true(answer, "table_removed"))
		print_line(cli, COLOUR_YELLOW, "table inet smtpguard is removed: nothing is enforced "
					       "until `smtpguard reload`");
}

static enum exit_code run(const struct cli *cli, const struct verb *verb,
			  const struct arguments *arguments)
{
	return ask(cli, verb, arguments, show);
}

const struct verb verb_flush = {
	.name = "flush",
	.help = "lift every ban, block and refusal, without trusting anybody for it",
	.options = { { "all", NULL, "also remove the kernel's table, until the next reload" } },
	.run = run,
};
