// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "cli_priv.h"

static void show(const struct cli *cli, const json_t *answer)
{
	const char *mode = text_of(answer, "mode");
	bool observes = !strcmp(mode, "observe");

	print_line(cli, observes ? COLOUR_YELLOW : COLOUR_GREEN, "mode %s, %s: %s", mode,
		   is_true(answer, "ordered") ? "by order, until the next one, a restart, or a "
						"reload of a file that says the same"
					      : "as the configuration says",
		   observes ? "decisions are reported, nobody is banned"
			    : "sources over a limit are banned");
}

static enum exit_code run(const struct cli *cli, const struct verb *verb,
			  const struct arguments *arguments)
{
	return ask(cli, verb, arguments, show);
}

const struct verb verb_mode = {
	.name = "mode",
	.word = "enforce|observe",
	.help = "show whether sources are banned or only observed, or change it; no file is "
		"changed",
	.run = run,
};
