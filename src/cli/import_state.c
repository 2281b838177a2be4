// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"

#include "import_priv.h"

#define NOTE_MAX 2048

void import_begin(struct import *import, const char *from, const char *directory,
		  const char *state_directory, time_t now)
{
	*import = (struct import){ .from = from,
				   .directory = directory,
				   .state_directory = state_directory,
				   .now = now,
				   .read = import_read_regular };
	for (unsigned kind = 0; kind < RULE_KINDS; kind++)
		for (unsigned i = 0; i < MAIL_PORTS; i++)
			import->winners[kind][i] = NO_RULE;
}

void import_done(struct import *import)
{
	for (uint32_t i = 0; i < import->n_files; i++) {
		free(import->files[i].name);
		free(import->files[i].problem);
	}
	for (size_t i = 0; i < import->n_lines; i++) {
		free(import->lines[i].text);
		free(import->lines[i].result);
	}
	free(import->lines);
	for (unsigned list = 0; list < IMPORT_LISTS; list++) {
		for (size_t i = 0; i < import->lists[list].n; i++)
			free(import->lists[list].items[i].comment);
		free(import->lists[list].items);
	}
	*import = (struct import){ 0 };
}

char *format_text(struct import *import, const char *format, ...)
{
	va_list arguments;
	char *text;
	int r;

	va_start(arguments, format);
	r = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (r >= 0)
		return text;
	import->failure = -ENOMEM;
	return NULL;
}

char *show_text(char *target, size_t size, const char *text, size_t length)
{
	static const char quote[] = "\\x22";
	const char *from = target;
	char *to = target;

	/* a backslash of the text itself is escaped, so this is always a double quote */
	for (escape(target, size, text, length); *from; from++) {
		if (strncmp(from, quote, strlen(quote)) == 0) {
			*to++ = '"';
			from += strlen(quote) - 1;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
	return target;
}

void line_note(struct import *import, size_t line, enum import_outcome outcome, const char *format,
	       ...)
{
	struct import_line *noted = &import->lines[line];
	char note[NOTE_MAX], *result;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(note, sizeof(note), format, arguments);
	va_end(arguments);
	noted->outcome = MAX_OF(noted->outcome, outcome);
	/* a line that names a thousand things need not have a result as long */
	if (noted->result && strlen(noted->result) > NOTE_MAX)
		return;
	result = format_text(import, "%s%s%s", noted->result ? noted->result : "",
			     noted->result ? "; " : "", note);
	if (!result)
		return;
	free(noted->result);
	noted->result = result;
}

const char *line_place(const struct import *import, size_t line, char text[static IMPORT_PATH_MAX])
{
	const struct import_line *at = &import->lines[line];

	snprintf(text, IMPORT_PATH_MAX, "%s:%u", import->files[at->file].name, at->number);
	return text;
}

void add_entry(struct import *import, enum import_list list, const struct import_entry *entry,
	       const char *comment)
{
	struct import_entries *entries = &import->lists[list];
	char *copy = format_text(import, "%s", comment);

	if (!copy)
		return;
	if (entries->n == entries->allocated) {
		size_t wanted = entries->allocated ? 2 * entries->allocated : 64;
		struct import_entry *grown =
			reallocarray(entries->items, wanted, sizeof(*entries->items));

		if (!grown) {
			import->failure = -ENOMEM;
			free(copy);
			return;
		}
		entries->items = grown;
		entries->allocated = wanted;
	}
	entries->items[entries->n] = *entry;
	entries->items[entries->n++].comment = copy;
}

const char *outcome_name(enum import_outcome outcome)
{
	static const char *const names[] = {
		[OUTCOME_COMMENT] = "comment",
		[OUTCOME_OTHER] = "not-for-smtpguard",
		[OUTCOME_EXPIRED] = "expired",
		[OUTCOME_IGNORED] = "without-effect",
		[OUTCOME_COVERED] = "covered",
		[OUTCOME_NO_COUNTERPART] = "no-counterpart",
		[OUTCOME_INCLUDE] = "include",
		[OUTCOME_ALLOWED] = "allowed",
		[OUTCOME_BLOCKED] = "blocked",
		[OUTCOME_SETTING] = "setting",
		[OUTCOME_NOT_UNDERSTOOD] = "not-understood",
	};

	return names[outcome];
}
