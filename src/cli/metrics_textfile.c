// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics_priv.h"

#include <string.h>

/*
 * node_exporter reads the older of the two formats, where a counter's description bears the name of
 * its sample: with _total.
 */
#define NAME_AT 7 /* behind "# HELP " and "# TYPE " */

static bool is_description(const char *line, size_t length)
{
	return length > NAME_AT &&
	       (!memcmp(line, "# HELP ", NAME_AT) || !memcmp(line, "# TYPE ", NAME_AT));
}

static bool is_counter(const char *text, const char *name, size_t length)
{
	for (const char *p = strstr(text, "# TYPE "); p; p = strstr(p + 1, "# TYPE ")) {
		const char *described = p + NAME_AT;

		if (!strncmp(described, name, length) && described[length] == ' ')
			return !strncmp(described + length, " counter\n", strlen(" counter\n"));
	}
	return false;
}

/* "# HELP NAME .." or "# TYPE NAME TYPE". */
static void write_description(const char *text, const char *line, size_t length, FILE *file)
{
	size_t used = NAME_AT;

	while (used < length && line[used] != ' ')
		used++;
	fwrite(line, 1, used, file);
	if (is_counter(text, line + NAME_AT, used - NAME_AT))
		fputs("_total", file);
	fwrite(line + used, 1, length - used, file);
	putc('\n', file);
}

void metrics_write_textfile(const char *text, FILE *file)
{
	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");

		if (is_description(line, length)) {
			write_description(text, line, length, file);
		} else if (length && *line != '#') {
			fwrite(line, 1, length, file);
			putc('\n', file);
		}
		line += length;
		line += *line == '\n';
	}
}
