// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/file_write.h"

#include "metrics_priv.h"

enum { OPTION_OUTPUT };

#define OUTPUT_MODE 0644

static int replace_file(const char *path, const char *text)
{
	char *converted = NULL;
	size_t length;
	FILE *file = open_memstream(&converted, &length);
	int r = 0;

	if (!file)
		return -ENOMEM;
	metrics_write_textfile(text, file);
	if (ferror(file))
		r = -ENOMEM;
	if (fclose(file) != 0)
		r = -ENOMEM;
	/* beside it stands a name that does not end in .prom: the collector leaves it alone */
	if (r == 0)
		r = file_write(path, converted, length, OUTPUT_MODE, true);
	free(converted);
	return r;
}

static enum exit_code write_output(const struct cli *cli, const char *path, const char *text)
{
	int r = replace_file(path, text);

	if (r < 0)
		return fail_with(cli, EXIT_REFUSED, "metrics: %s: %s", path, strerror(-r));
	return cli->json ? print_document(json_pack("{s:b, s:s}", "ok", 1, "written", path))
			 : EXIT_DONE;
}

static void show(const struct cli *cli UNUSED, const json_t *answer)
{
	/* the daemon's text is ASCII; this holds whatever answers on the socket */
	for (const char *p = text_of(answer, "text"); *p; p++)
		putchar(*p == '\n' || (*p >= 0x20 && *p <= 0x7e) ? *p : '?');
}

static enum exit_code run(const struct cli *cli, const struct verb *verb,
			  const struct arguments *arguments)
{
	static const struct arguments none;
	const char *path = arguments->values[OPTION_OUTPUT];
	json_t *answer;
	enum exit_code code;

	if (!path)
		return ask(cli, verb, &none, show);
	code = fetch_verb(cli, verb, &none, &answer);
	if (code != EXIT_DONE)
		return code;
	code = check_answer(cli, answer);
	if (code == EXIT_DONE)
		code = write_output(cli, path, text_of(answer, "text"));
	json_decref(answer);
	return code;
}

const struct verb verb_metrics = {
	.name = "metrics",
	.help = "print OpenMetrics text, or write it for node_exporter's textfile collector",
	.options = { { "output", "FILE", "replace this file, in Prometheus' older text format" } },
	.run = run,
};
