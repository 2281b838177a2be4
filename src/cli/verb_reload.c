// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli_priv.h"

static void show(const struct cli *cli, const json_t *answer UNUSED)
{
	print_line(cli, COLOUR_NONE, "the configuration is read again and in force");
}

static enum exit_code run(const struct cli *cli, const struct verb *verb,
			  const struct arguments *arguments)
{
	return ask(cli, verb, arguments, show);
}

const struct verb verb_reload = {
	.name = "reload",
	.help = "read the configuration again; one with mistakes changes nothing",
	.run = run,
};
