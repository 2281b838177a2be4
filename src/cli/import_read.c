// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"

#include "import_priv.h"

static const char blanks[] = " \t\r\v\f";

/* --- files --- */

int import_read_regular(void *userdata UNUSED, const char *path, char **ret_text, size_t *ret_length)
{
	return file_read(path, IMPORT_FILE_BYTES_MAX, ret_text, ret_length);
}

const char *import_read_error(int result)
{
	return result == FILE_TOO_LARGE ? "larger than 8 MiB" : file_read_error(result);
}

/* --- lines --- */

/* SIZE_MAX: no more can be taken. */
static size_t add_line(struct import *import, uint32_t file, const char *text, size_t length)
{
	struct import_line *line;
	char shown[IMPORT_TEXT_MAX];

	if (import->n_lines == IMPORT_LINES_MAX || import->failure)
		return SIZE_MAX;
	if (import->n_lines == import->lines_allocated) {
		size_t wanted = import->lines_allocated ? 2 * import->lines_allocated : 1024;
		struct import_line *grown = reallocarray(import->lines, wanted, sizeof(*grown));

		if (!grown) {
			import->failure = -ENOMEM;
			return SIZE_MAX;
		}
		import->lines = grown;
		import->lines_allocated = wanted;
	}
	line = &import->lines[import->n_lines];
	*line = (struct import_line){ .file = file, .number = ++import->files[file].n_lines };
	if (length && text[length - 1] == '\r')
		length--;
	line->text = format_text(import, "%s", show_text(shown, sizeof(shown), text, length));
	return line->text ? import->n_lines++ : SIZE_MAX;
}

static void read_line(struct import_reader *reader, size_t line, char *text, size_t length)
{
	struct import *import = reader->import;

	if (memchr(text, '\0', length))
		line_note(import, line, OUTCOME_NOT_UNDERSTOOD, "a NUL byte");
	else if (length > IMPORT_LINE_MAX)
		line_note(import, line, OUTCOME_NOT_UNDERSTOOD, "longer than %d bytes",
			  IMPORT_LINE_MAX);
	else
		reader->handle(reader, line, text);
	if (import->lines[line].outcome != OUTCOME_COMMENT)
		reader->heading = SIZE_MAX;
}

static void read_lines(struct import_reader *reader, uint32_t file, char *text, size_t length)
{
	struct import *import = reader->import;
	char *end = text + length;

	reader->heading = SIZE_MAX;
	while (text < end) {
		char *newline = memchr(text, '\n', (size_t)(end - text));
		char *line_end = newline ? newline : end;
		size_t line = add_line(import, file, text, (size_t)(line_end - text));

		if (line == SIZE_MAX) {
			if (!import->files[file].problem)
				import->files[file].problem = format_text(
					import, "not read behind line %u: more than %d lines in "
					"all files", import->files[file].n_lines, IMPORT_LINES_MAX);
			return;
		}
		*line_end = '\0';
		read_line(reader, line, text, (size_t)(line_end - text));
		text = line_end + 1;
	}
}

int import_read_file(struct import_reader *reader, const char *path)
{
	struct import *import = reader->import;
	uint32_t file = import->n_files;
	char name[IMPORT_PATH_MAX], *text = NULL;
	size_t length = 0;
	int r;

	if (file == IMPORT_FILES_MAX)
		return -EMFILE;
	r = import->read(import->userdata, path, &text, &length);
	if (r == -ENOENT && reader->optional)
		return r;
	import->files[file].name =
		format_text(import, "%s", escape(name, sizeof(name), path, strlen(path)));
	if (!import->files[file].name) {
		free(text);
		return -ENOMEM;
	}
	import->n_files++;
	if (r) {
		import->files[file].problem =
			format_text(import, "not read: %s", import_read_error(r));
		return r;
	}
	reader->stack[reader->depth++] = path;
	read_lines(reader, file, text, length);
	reader->depth--;
	free(text);
	return 0;
}

/* A copy of the directory is read as a whole: its files name each other by their usual place. */
static const char *included_path(const struct import *import, const char *path,
				 char moved[static IMPORT_PATH_MAX])
{
	char usual[32];
	size_t length = (size_t)snprintf(usual, sizeof(usual), "/etc/%s/", import->from);

	if (strncmp(path, usual, length) != 0)
		return path;
	snprintf(moved, IMPORT_PATH_MAX, "%s/%s", import->directory, path + length);
	return moved;
}

void import_include(struct import_reader *reader, size_t line, const char *path)
{
	struct import *import = reader->import;
	char moved[IMPORT_PATH_MAX], name[IMPORT_TEXT_MAX];
	struct import_reader inner = *reader;
	int r;

	if (*path != '/') {
		line_note(import, line, OUTCOME_NOT_UNDERSTOOD, "no absolute path");
		return;
	}
	path = included_path(import, path, moved);
	escape(name, sizeof(name), path, strlen(path));
	for (unsigned i = 0; i < reader->depth; i++) {
		if (strcmp(reader->stack[i], path) == 0) {
			line_note(import, line, OUTCOME_NOT_UNDERSTOOD, "%s includes itself", name);
			return;
		}
	}
	if (reader->depth == IMPORT_DEPTH_MAX || import->n_files == IMPORT_FILES_MAX) {
		line_note(import, line, OUTCOME_NOT_UNDERSTOOD, "not read: more than %d files, or %d "
			  "deep", IMPORT_FILES_MAX, IMPORT_DEPTH_MAX);
		return;
	}
	inner.optional = false;
	r = import_read_file(&inner, path);
	if (r)
		line_note(import, line, OUTCOME_NOT_UNDERSTOOD, "%s cannot be read: %s", name,
			  import_read_error(r));
	else
		line_note(import, line, OUTCOME_INCLUDE, "%s is read", name);
}

bool take_comment(struct import_reader *reader, size_t line, const char *text)
{
	text += strspn(text, blanks);
	if (*text == '\0')
		reader->heading = SIZE_MAX;
	else if (*text == '#' && reader->heading == SIZE_MAX)
		reader->heading = line;
	return *text == '\0' || *text == '#';
}

char *trim(char *text)
{
	char *end;

	text += strspn(text, blanks);
	end = text + strlen(text);
	while (end > text && strchr(blanks, end[-1]))
		*--end = '\0';
	return text;
}

char *split_comment(char *text)
{
	char *rest = text + strcspn(text, blanks);

	if (*rest)
		*rest++ = '\0';
	return trim(rest + strspn(rest, " \t\r\v\f#"));
}

char *split_setting(char *text)
{
	char *equals = strchr(text, '=');

	if (!equals)
		return NULL;
	*equals = '\0';
	return equals + 1;
}
