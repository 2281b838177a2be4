// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libconfig 1.5 ends the process when an @include names a directory, silently ignores everything
 * behind an unfinished comment, and lets 4294967306 become 10. So files are read and includes
 * resolved here, comments are left out, and every integer gets the suffix of a 64-bit one.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"
#include "smtpguard/base/file_read.h"

#include "config_priv.h"

enum scan_state { IN_CODE, IN_COMMENT, IN_STRING };

struct scan {
	struct config_text *text;
	enum scan_state state;
	struct text_place since; /* where the comment or string began */
	struct text_place here;
	char *problem;
};

static int append(struct config_text *text, const char *bytes, size_t length)
{
	if (text->allocated - text->length <= length) {
		size_t wanted = (text->allocated + length + 1) * 2;
		char *grown = realloc(text->bytes, wanted);

		if (!grown)
			return -ENOMEM;
		text->bytes = grown;
		text->allocated = wanted;
	}
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
	text->bytes[text->length] = '\0';
	return 0;
}

/* Ends a line of the whole text and remembers where it came from. */
static int end_line(struct scan *scan)
{
	struct config_text *text = scan->text;

	if (text->n_lines == text->lines_allocated) {
		size_t wanted = text->lines_allocated ? text->lines_allocated * 2 : 128;
		struct text_place *lines = reallocarray(text->lines, wanted, sizeof(*lines));

		if (!lines)
			return -ENOMEM;
		text->lines = lines;
		text->lines_allocated = wanted;
	}
	text->lines[text->n_lines++] = scan->here;
	return append(text, "\n", 1);
}

static int invalid(struct scan *scan, struct text_place place, const char *what)
{
	const char *file = scan->text->files[place.file];

	if (asprintf(&scan->problem, "%s:%u: %s", file, place.line, what) < 0) {
		scan->problem = NULL;
		return -ENOMEM;
	}
	return TEXT_INVALID;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || strchr("_*.+-", c);
}

static bool is_integer(const char *word, size_t length)
{
	size_t i = length && (*word == '+' || *word == '-');
	bool hex = length - i > 2 && word[i] == '0' && (word[i + 1] == 'x' || word[i + 1] == 'X');

	if (hex)
		i += 2;
	if (i == length)
		return false;
	for (; i < length; i++) {
		if (hex ? !isxdigit((unsigned char)word[i]) : !isdigit((unsigned char)word[i]))
			return false;
	}
	return true;
}

/* Copies what stands at p outside of strings and comments; *ret_next points behind it. */
static int scan_code(struct scan *scan, const char *p, const char *end, const char **ret_next)
{
	size_t length = 0;
	int r;

	if (*p == '#' || (end - p > 1 && p[0] == '/' && p[1] == '/')) {
		*ret_next = end;
		return 0;
	}
	if (end - p > 1 && p[0] == '/' && p[1] == '*') {
		scan->state = IN_COMMENT;
		scan->since = scan->here;
		*ret_next = p + 2;
		return append(scan->text, " ", 1);
	}
	while (p + length < end && is_word(p[length]))
		length++;
	if (length == 0) {
		length = 1;
		if (*p == '"') {
			scan->state = IN_STRING;
			scan->since = scan->here;
		}
	}
	*ret_next = p + length;
	r = append(scan->text, p, length);
	if (r == 0 && is_integer(p, length))
		r = append(scan->text, "L", 1);
	return r;
}

static int scan_string(struct scan *scan, const char *p, const char *end, const char **ret_next)
{
	size_t length = *p == '\\' && end - p > 1 ? 2 : 1;

	if (*p == '"')
		scan->state = IN_CODE;
	*ret_next = p + length;
	return append(scan->text, p, length);
}

static int scan_line(struct scan *scan, const char *p, const char *end)
{
	int r = 0;

	while (p < end && r == 0) {
		if (scan->state == IN_CODE) {
			r = scan_code(scan, p, end, &p);
		} else if (scan->state == IN_STRING) {
			r = scan_string(scan, p, end, &p);
		} else if (end - p > 1 && p[0] == '*' && p[1] == '/') {
			scan->state = IN_CODE;
			p += 2;
		} else {
			p++;
		}
	}
	return r < 0 ? r : end_line(scan);
}

/* Whether the line begins with an @include; *ret_name is its argument, *ret_rest what follows. */
static bool match_include(const char *p, const char *end, const char **ret_name,
			  size_t *ret_length, const char **ret_rest)
{
	static const char word[] = "@include";
	const char *name;

	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	if ((size_t)(end - p) < sizeof(word) || memcmp(p, word, sizeof(word) - 1))
		return false;
	p += sizeof(word) - 1;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	if (p == end || *p != '"')
		return false;
	name = ++p;
	while (p < end && *p != '"')
		p++;
	if (p == end)
		return false;
	*ret_name = name;
	*ret_length = (size_t)(p - name);
	*ret_rest = p + 1;
	return true;
}

static int expand_file(struct scan *scan, const char *path, unsigned depth);

/* A relative name is looked up beside the file that includes it. */
static int expand_include(struct scan *scan, const char *from, const char *name, size_t length,
			  unsigned depth)
{
	const char *slash = strrchr(from, '/');
	int directory = slash && *name != '/' ? (int)(slash - from + 1) : 0;
	struct text_place here = scan->here;
	char *path;
	int r;

	if (depth == CONFIG_INCLUDE_DEPTH_MAX || scan->text->n_files == CONFIG_FILES_MAX)
		return invalid(scan, here, "@include: too many, allowed: 10 deep, 64 files in all");
	if (asprintf(&path, "%.*s%.*s", directory, from, (int)length, name) < 0)
		return -ENOMEM;
	r = expand_file(scan, path, depth + 1);
	free(path);
	scan->here = here;
	return r;
}

static int expand_text(struct scan *scan, const char *path, const char *p, const char *end,
		       unsigned depth)
{
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *line_end = newline ? newline : end, *name;
		size_t length;
		int r;

		if (memchr(p, '\0', (size_t)(line_end - p)))
			return invalid(scan, scan->here, "NUL byte, allowed: text");
		if (scan->state == IN_CODE && match_include(p, line_end, &name, &length, &p)) {
			r = expand_include(scan, path, name, length, depth);
			if (r)
				return r;
		}
		r = scan_line(scan, p, line_end);
		if (r)
			return r;
		p = line_end + 1;
		scan->here.line++;
	}
	return 0;
}

static int file_problem(struct scan *scan, const char *path, unsigned depth, int result)
{
	char name[CONFIG_PLACE_MAX], what[CONFIG_PLACE_MAX + 128];

	if (result == -ENOMEM)
		return result;
	escape(name, sizeof(name), path, strlen(path));
	if (depth) {
		snprintf(what, sizeof(what), "@include: \"%s\" cannot be read: %s", name,
			 file_read_error(result));
		return invalid(scan, scan->here, what);
	}
	if (asprintf(&scan->problem, "%s: cannot be read: %s", name, file_read_error(result)) < 0) {
		scan->problem = NULL;
		return -ENOMEM;
	}
	return TEXT_INVALID;
}

static int expand_file(struct scan *scan, const char *path, unsigned depth)
{
	struct config_text *text = scan->text;
	char name[CONFIG_PLACE_MAX];
	size_t length;
	char *bytes;
	int r = file_read(path, CONFIG_FILE_BYTES_MAX, &bytes, &length);

	if (r)
		return file_problem(scan, path, depth, r);
	escape(name, sizeof(name), path, strlen(path));
	text->files[text->n_files] = strdup(name);
	if (text->files[text->n_files]) {
		scan->here = (struct text_place){ .file = text->n_files++, .line = 1 };
		r = expand_text(scan, path, bytes, bytes + length, depth);
	} else {
		r = -ENOMEM;
	}
	free(bytes);
	return r;
}

int text_load(struct config_text *text, const char *path, char **ret_problem)
{
	struct scan scan = { .text = text };
	int r = expand_file(&scan, path, 0);

	if (r == 0 && scan.state == IN_COMMENT)
		r = invalid(&scan, scan.since, "syntax error: comment without end");
	if (r == 0 && scan.state == IN_STRING)
		r = invalid(&scan, scan.since, "syntax error: string without end");
	/* what is missing at the end is missing behind the last line */
	if (r == 0) {
		scan.here.line -= scan.here.line > 1;
		r = end_line(&scan);
	}
	if (r == TEXT_INVALID)
		*ret_problem = scan.problem;
	return r;
}

void text_done(struct config_text *text)
{
	for (unsigned i = 0; i < text->n_files; i++)
		free(text->files[i]);
	free(text->lines);
	free(text->bytes);
	*text = (struct config_text){ 0 };
}
