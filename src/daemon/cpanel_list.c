// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lists that another program writes: what is understood counts, the rest is skipped. A list that is not
 * there must not keep the mail host without a guard.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"
#include "smtpguard/base/file_read.h"

#include "config_priv.h"

static const char blanks[] = " \t\r,;";

/* The first word of a line, which may be written to. NULL: it is empty, or a comment. */
static char *first_word(char *line)
{
	line[strcspn(line, "#")] = '\0';
	line += strspn(line, blanks);
	line[strcspn(line, blanks)] = '\0';
	return *line ? line : NULL;
}

static bool read_word(struct config_reader *reader, char *word)
{
	struct prefix prefix;
	size_t length = strlen(word);
	int r = prefix_parse(word, &prefix);

	/* "ADDR: account" */
	if (r < 0 && word[length - 1] == ':') {
		word[length - 1] = '\0';
		r = prefix_parse(word, &prefix);
	}
	return r >= 0 && !allow_length_problem(&prefix) && allow_add(reader, &prefix);
}

static void read_text(struct config_reader *reader, char *text, size_t length)
{
	char *end = text + length;

	while (text < end) {
		char *newline = memchr(text, '\n', (size_t)(end - text));
		char *line_end = newline ? newline : end, *word;
		size_t line_length = (size_t)(line_end - text);

		*line_end = '\0';
		if (line_length > ALLOW_LINE_MAX || memchr(text, '\0', line_length)) {
			reader->config->cpanel_skipped++;
		} else {
			word = first_word(text);
			if (word && !read_word(reader, word))
				reader->config->cpanel_skipped++;
		}
		text = line_end + 1;
	}
}

static void warn(struct config_reader *reader, const char *path, const char *what)
{
	char name[CONFIG_PLACE_MAX];

	escape(name, sizeof(name), path, strlen(path));
	reader_warn(reader, "trust.cpanel_lists: \"%s\" cannot be read: %s", name, what);
}

static void read_list(struct config_reader *reader, const char *path)
{
	size_t length;
	char *text;
	int r = file_read(path, ALLOW_FILE_BYTES_MAX, &text, &length);

	if (r) {
		reader->config->cpanel_unreadable += r != -ENOENT;
		warn(reader, path, file_read_error(r));
		return;
	}
	read_text(reader, text, length);
	free(text);
	reader->config->allow_files++;
}

void cpanel_read_pattern(struct config_reader *reader, const char *pattern,
			 const config_setting_t *setting UNUSED)
{
	glob_t matches = { 0 };
	int r = allow_glob(pattern, &matches);

	for (size_t i = 0; r == 0 && i < matches.gl_pathc; i++)
		read_list(reader, matches.gl_pathv[i]);
	if (r == GLOB_NOSPACE) {
		reader->failure = -ENOMEM;
	} else if (r == GLOB_ABORTED) {
		reader->config->cpanel_unreadable++;
		warn(reader, pattern, "a directory cannot be listed");
	} else if (r == GLOB_NOMATCH && !strpbrk(pattern, "*?[")) {
		warn(reader, pattern, strerror(ENOENT));
	}
	globfree(&matches);
}
