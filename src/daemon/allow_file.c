// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"
#include "smtpguard/base/file_read.h"

#include "config_priv.h"

#define ALLOW_SHORTEST_IPV4 8
#define ALLOW_SHORTEST_IPV6 16
/* A file of another kind has one problem per line: some are enough. */
#define ALLOW_PROBLEMS_MAX 20
#define ENTRY_TEXT_MAX 128

struct allow_file {
	struct config_reader *reader;
	const char *name; /* escaped */
	uint32_t order;
	unsigned line, problems;
};

static void refuse(struct allow_file *file, const char *entry, const char *what)
{
	char text[ENTRY_TEXT_MAX];

	if (++file->problems > ALLOW_PROBLEMS_MAX)
		return;
	escape(text, sizeof(text), entry, strlen(entry));
	reader_problem_text(file->reader, file->order, "%s:%u: %s%s%s", file->name, file->line, text,
			    *text ? ": " : "", what);
}

bool allow_add(struct config_reader *reader, const struct prefix *prefix)
{
	if (reader->n_allowed == ALLOW_ENTRIES_MAX)
		return false;
	if (reader->n_allowed == reader->allowed_allocated) {
		size_t wanted = reader->allowed_allocated ? reader->allowed_allocated * 2 : 64;
		struct prefix *grown = reallocarray(reader->allowed, wanted, sizeof(*grown));

		if (!grown) {
			reader->failure = -ENOMEM;
			return true;
		}
		reader->allowed = grown;
		reader->allowed_allocated = wanted;
	}
	reader->allowed[reader->n_allowed++] = *prefix;
	return true;
}

static void add_entry(struct allow_file *file, const struct prefix *prefix)
{
	if (allow_add(file->reader, prefix))
		return;
	if (!file->reader->allow_full)
		reader_problem_text(file->reader, file->order, "%s:%u: too many entries, allowed: "
				    "%d in all allow files", file->name, file->line,
				    ALLOW_ENTRIES_MAX);
	file->reader->allow_full = true;
}

const char *allow_length_problem(const struct prefix *prefix)
{
	static const struct address ipv4_first = { .bytes = { [10] = 0xff, [11] = 0xff } };

	if (prefix_is_ipv4(prefix))
		return prefix->length < IPV4_OFFSET_BITS + ALLOW_SHORTEST_IPV4 ?
			       "prefix too short, allowed: /8 to /32" : NULL;
	if (prefix->length < ALLOW_SHORTEST_IPV6)
		return "prefix too short, allowed: /16 to /128";
	/* IPv4 addresses live in ::ffff:0:0/96 here: ::/64 would let all of them in */
	if (prefix_contains(prefix, &ipv4_first))
		return "prefix covers every IPv4 address, allowed: IPv4 prefixes of /8 to /32";
	return NULL;
}

static void read_entry(struct allow_file *file, const char *entry)
{
	char masked[PREFIX_TEXT_MAX], what[PREFIX_TEXT_MAX + 64];
	struct prefix prefix;
	int r = prefix_parse(entry, &prefix);
	const char *wrong;

	if (r < 0) {
		refuse(file, entry, "not an address or prefix, allowed: ADDR, ADDR/LEN, # comment");
		return;
	}
	wrong = allow_length_problem(&prefix);
	if (wrong) {
		refuse(file, entry, wrong);
	} else if (r == PREFIX_HOST_BITS) {
		snprintf(what, sizeof(what), "bits behind the prefix length are set, allowed: %s",
			 prefix_format(&prefix, masked));
		refuse(file, entry, what);
	} else {
		add_entry(file, &prefix);
	}
}

/* The line may be written to. */
static void read_line(struct allow_file *file, char *line, size_t length)
{
	static const char blanks[] = " \t\r";
	char *end;

	if (memchr(line, '\0', length)) {
		refuse(file, "", "NUL byte, allowed: text");
		return;
	}
	if (length > ALLOW_LINE_MAX) {
		refuse(file, "", "line too long, allowed: 1024 bytes");
		return;
	}
	line[strcspn(line, "#")] = '\0';
	line += strspn(line, blanks);
	end = line + strlen(line);
	while (end > line && strchr(blanks, end[-1]))
		*--end = '\0';
	if (*line)
		read_entry(file, line);
}

static void read_text(struct allow_file *file, char *text, size_t length)
{
	char *end = text + length;

	for (file->line = 1; text < end && !file->reader->allow_full; file->line++) {
		char *newline = memchr(text, '\n', (size_t)(end - text));
		char *line_end = newline ? newline : end;

		*line_end = '\0';
		read_line(file, text, (size_t)(line_end - text));
		text = line_end + 1;
	}
	if (file->problems > ALLOW_PROBLEMS_MAX)
		reader_problem_text(file->reader, file->order, "%s: %u more lines with problems",
				    file->name, file->problems - ALLOW_PROBLEMS_MAX);
}

static void read_allow_file(struct config_reader *reader, const char *path,
			    const config_setting_t *setting)
{
	char name[CONFIG_PLACE_MAX], *text;
	struct allow_file file = { .reader = reader, .name = name, .order = reader_order(setting) };
	size_t length;
	int r = file_read(path, ALLOW_FILE_BYTES_MAX, &text, &length);

	escape(name, sizeof(name), path, strlen(path));
	if (r == -ENOMEM) {
		reader->failure = r;
		return;
	}
	if (r) {
		reader_problem_text(reader, file.order, "%s: cannot be read: %s", name,
				    file_read_error(r));
		return;
	}
	read_text(&file, text, length);
	free(text);
	reader->config->allow_files++;
}

static void pattern_problem(struct config_reader *reader, const char *pattern,
			    const config_setting_t *setting, const char *what)
{
	char name[CONFIG_PLACE_MAX];

	escape(name, sizeof(name), pattern, strlen(pattern));
	if (setting)
		reader_problem(reader, setting, "\"%s\" cannot be read: %s", name, what);
	else
		reader_problem_text(reader, ORDER_LAST, "%s%strust.allow_files: \"%s\" cannot be "
				    "read: %s", reader->text.n_files ? reader->text.files[0] : "",
				    reader->text.n_files ? ": " : "", name, what);
}

/* A directory that is not there holds no files; one that cannot be read may hold some. */
static int stop_unless_absent(const char *path UNUSED, int error)
{
	return error != ENOENT && error != ENOTDIR;
}

int allow_glob(const char *pattern, glob_t *matches)
{
	return glob(pattern, 0, stop_unless_absent, matches);
}

void allow_keep_pattern(struct config_reader *reader, struct allow_patterns *patterns,
			const char *pattern)
{
	char *copy = strdup(pattern);

	if (copy)
		patterns->text[patterns->n++] = copy;
	else
		reader->failure = -ENOMEM;
}

void allow_read_pattern(struct config_reader *reader, const char *pattern,
			const config_setting_t *setting)
{
	glob_t matches = { 0 };
	int r = allow_glob(pattern, &matches);

	for (size_t i = 0; r == 0 && i < matches.gl_pathc; i++)
		read_allow_file(reader, matches.gl_pathv[i], setting);
	if (r == GLOB_NOSPACE)
		reader->failure = -ENOMEM;
	else if (r == GLOB_ABORTED)
		pattern_problem(reader, pattern, setting, "a directory cannot be listed");
	else if (r == GLOB_NOMATCH && !strpbrk(pattern, "*?["))
		pattern_problem(reader, pattern, setting, strerror(ENOENT));
	globfree(&matches);
}

static int compare_prefixes(const void *left, const void *right)
{
	const struct prefix *a = left, *b = right;

	if (a->length != b->length)
		return a->length > b->length ? -1 : 1;
	return memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));
}

void allow_finish(struct config_reader *reader)
{
	struct prefix_set **set = &reader->config->guard.allowed;
	int r = prefix_set_new(set);

	/* in the set's own order every insertion is at its end, which costs nothing */
	if (reader->n_allowed)
		qsort(reader->allowed, reader->n_allowed, sizeof(*reader->allowed),
		      compare_prefixes);
	for (size_t i = 0; r >= 0 && i < reader->n_allowed; i++)
		r = prefix_set_add(*set, &reader->allowed[i]);
	if (r < 0)
		reader->failure = r;
}
