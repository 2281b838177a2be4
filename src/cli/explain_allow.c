// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "smtpguard/base/escape.h"
#include "smtpguard/daemon/config.h"

#include "explain_priv.h"

#define LINE_MAX_BYTES 1100
/* An entry that shares fewer bits with the address is not near it: /16 and /32. */
#define NEAR_IPV4_BITS (IPV4_OFFSET_BITS + 16)
#define NEAR_IPV6_BITS 32

static void note_problem(struct allow_lines *lines, const char *path, const char *why)
{
	char name[ALLOW_FILE_TEXT_MAX];

	escape(name, sizeof(name), path, strlen(path));
	snprintf(lines->problem, sizeof(lines->problem), "%s: %s", name, why);
}

static unsigned shared_bits(const struct prefix *a, const struct prefix *b)
{
	unsigned most = MIN_OF(a->length, b->length), bits = 0;

	while (bits < most) {
		unsigned differ = a->address.bytes[bits / 8] ^ b->address.bytes[bits / 8];

		if (differ)
			return MIN_OF(most, bits + (unsigned)__builtin_clz(differ) - 24);
		bits += 8;
	}
	return most;
}

static bool is_nearer(const struct allow_line *a, const struct allow_line *b)
{
	if (a->covers != b->covers)
		return a->covers;
	if (a->shared != b->shared)
		return a->shared > b->shared;
	return a->entry.length > b->entry.length;
}

/* Keeps the nearest ones, sorted. */
static void keep(struct allow_lines *lines, const struct allow_line *line)
{
	unsigned at = lines->n;

	if (at == ALLOW_LINES_SHOWN) {
		if (!is_nearer(line, &lines->lines[--at]))
			return;
	} else {
		lines->n++;
	}
	for (; at > 0 && is_nearer(line, &lines->lines[at - 1]); at--)
		lines->lines[at] = lines->lines[at - 1];
	lines->lines[at] = *line;
}

static void read_line(struct allow_lines *lines, struct allow_line *place, char *text)
{
	bool ipv4 = prefix_is_ipv4(&lines->source);

	text += strspn(text, " \t");
	text[strcspn(text, " \t\r\n#")] = '\0';
	if (!*text || prefix_parse(text, &place->entry) < 0)
		return;
	lines->entries++;
	if (prefix_is_ipv4(&place->entry) != ipv4)
		return;
	place->shared = shared_bits(&place->entry, &lines->source);
	place->covers = place->shared >= MIN_OF(place->entry.length, lines->source.length);
	if (place->covers || place->shared >= (ipv4 ? NEAR_IPV4_BITS : NEAR_IPV6_BITS))
		keep(lines, place);
}

static void read_lines(struct allow_lines *lines, const char *path, FILE *file)
{
	struct allow_line place = { .line = 0 };
	bool fresh = true; /* the buffer holds the beginning of a line */
	char text[LINE_MAX_BYTES];

	escape(place.file, sizeof(place.file), path, strlen(path));
	while (fgets(text, sizeof(text), file)) {
		bool whole = strchr(text, '\n') != NULL;

		if (fresh) {
			place.line++;
			read_line(lines, &place, text);
		}
		fresh = whole;
	}
	if (ferror(file))
		note_problem(lines, path, "cannot be read");
}

static void read_file(struct allow_lines *lines, const char *path)
{
	/* O_NONBLOCK: a FIFO must not make it wait */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	FILE *file;

	if (fd < 0) {
		note_problem(lines, path, strerror(errno));
		return;
	}
	file = fdopen(fd, "r");
	if (!file) {
		note_problem(lines, path, strerror(errno));
		close(fd);
		return;
	}
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		note_problem(lines, path, "not a regular file");
	} else {
		lines->files++;
		read_lines(lines, path, file);
	}
	fclose(file);
}

static void read_pattern(struct allow_lines *lines, const char *pattern)
{
	glob_t matches = { 0 };
	int r = glob(pattern, GLOB_ERR, NULL, &matches);

	for (size_t i = 0; r == 0 && i < matches.gl_pathc; i++)
		read_file(lines, matches.gl_pathv[i]);
	if (r == GLOB_ABORTED)
		note_problem(lines, pattern, "a directory cannot be listed");
	else if (r == GLOB_NOSPACE)
		note_problem(lines, pattern, strerror(ENOMEM));
	globfree(&matches);
}

static void read_patterns(struct allow_lines *lines, const struct allow_patterns *patterns)
{
	for (unsigned i = 0; i < patterns->n; i++)
		read_pattern(lines, patterns->text[i]);
}

/* That there are problems is enough here: check-config tells them. */
static void ignore_problem(void *userdata UNUSED, const char *text UNUSED)
{
}

void allow_lines_find(struct allow_lines *lines, const char *config_path,
		      const struct prefix *source)
{
	struct config *config;
	int r = config_load(&config, config_path, false, ignore_problem, NULL);

	*lines = (struct allow_lines){ .source = *source };
	if (r == CONFIG_INVALID) {
		note_problem(lines, config_path,
			     "it, or an allow file, has mistakes: "
			     "smtpguard check-config");
	} else if (r < 0) {
		note_problem(lines, config_path, strerror(-r));
	} else {
		read_patterns(lines, &config->allow_patterns);
		read_patterns(lines, &config->cpanel_patterns);
		config_free(config);
	}
}

json_t *allow_lines_json(const struct allow_lines *lines)
{
	json_t *list = json_array();
	char entry[PREFIX_TEXT_MAX];

	for (unsigned i = 0; i < lines->n; i++)
		if (json_array_append_new(
			    list, json_pack("{s:s, s:i, s:s, s:b}", "file", lines->lines[i].file,
					    "line", (int)lines->lines[i].line, "entry",
					    prefix_format(&lines->lines[i].entry, entry), "covers",
					    lines->lines[i].covers)) < 0) {
			json_decref(list);
			return NULL;
		}
	return json_pack("{s:i, s:I, s:o, s:s?}", "files", (int)lines->files, "entries",
			 (json_int_t)lines->entries, "lines", list, "problem",
			 *lines->problem ? lines->problem : NULL);
}

void allow_lines_show(const struct cli *cli, const struct allow_lines *lines)
{
	const char *word = "allow lines";
	char entry[PREFIX_TEXT_MAX];

	for (unsigned i = 0; i < lines->n; i++) {
		const struct allow_line *line = &lines->lines[i];

		/* what only comes near is no news beside what covers it */
		if (!line->covers && i > 0)
			break;
		prefix_format(&line->entry, entry);
		if (line->covers)
			print_fact(cli, word, COLOUR_GREEN, "%s covers it: %s:%u", entry,
				   line->file, line->line);
		else
			print_fact(cli, word, COLOUR_NONE,
				   "none of %lu covers it; the nearest is %s: %s:%u",
				   lines->entries, entry, line->file, line->line);
		word = "";
	}
	if (lines->n == 0 && (lines->files || !*lines->problem)) {
		print_fact(cli, word, COLOUR_NONE, "none of %lu in %u files comes near it",
			   lines->entries, lines->files);
		word = "";
	}
	if (*lines->problem)
		print_fact(cli, word, COLOUR_YELLOW, "not all could be read: %s", lines->problem);
}
