// SPDX-License-Identifier: GPL-2.0-or-later
/* csf.allow, csf.deny, csf.ignore: the first word of a line counts, the rest is its comment. */
#include <string.h>

#include "import_priv.h"

struct list_reading {
	enum import_list list;
	bool filters; /* csf.ignore takes addresses only */
};

/* The line is done with. CSF takes "Include" at the start only, and passes over it anywhere else. */
static bool take_include(struct import_reader *reader, size_t line, char *text)
{
	if (strncmp(text, "Include", strlen("Include")) == 0) {
		import_include(reader, line, trim(text + strlen("Include")));
		return true;
	}
	if (!strstr(text, "Include"))
		return false;
	line_note(reader->import, line, OUTCOME_IGNORED, "CSF passes over lines with the word "
		  "Include; write the entry without it if it is meant");
	return true;
}

static void read_entry(struct import_reader *reader, size_t line, char *text)
{
	const struct list_reading *reading = reader->userdata;
	struct import *import = reader->import;
	enum filter_result result;
	struct filter filter;
	char *comment;

	if (take_comment(reader, line, text) || take_include(reader, line, text))
		return;
	text = trim(text);
	comment = split_comment(text);
	result = filter_parse_csf(text, &filter);
	if (result == FILTER_ADDRESS && filter.has_ports && !reading->filters)
		line_note(import, line, OUTCOME_IGNORED, "CSF takes no filters here");
	else if (result == FILTER_ADDRESS)
		list_add(reader, line, reading->list, &filter, 0, comment);
	else
		filter_note(import, line, result, &filter);
}

static void read_list(struct import *import, const char *path, struct list_reading reading)
{
	struct import_reader reader = { .import = import,
					.handle = read_entry,
					.optional = true,
					.userdata = &reading };

	/* what cannot be read is in the report */
	(void)import_read_file(&reader, path);
}

void read_csf_list(struct import *import, const char *path, enum import_list list)
{
	read_list(import, path, (struct list_reading){ .list = list, .filters = true });
}

void read_csf_ignore(struct import *import, const char *path)
{
	read_list(import, path, (struct list_reading){ .list = IMPORT_ALLOW_FILE });
}

/* --- csf.rignore: names --- */

static void read_name(struct import_reader *reader, size_t line, char *text)
{
	struct import *import = reader->import;
	bool wildcard;

	if (take_comment(reader, line, text) || take_include(reader, line, text))
		return;
	text = trim(text);
	(void)split_comment(text);
	wildcard = text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				     ".-_")];
	if (wildcard)
		line_note(import, line, OUTCOME_NOT_UNDERSTOOD, "no host name; CSF takes \".suffix\" "
			  "or a whole name");
	else
		line_note(import, line, OUTCOME_COVERED, "every source with a verified name is held "
			  "to verified_concurrent only, where reverse_dns is \"exempt\" (port 25)");
}

void read_csf_rignore(struct import *import, const char *path)
{
	struct import_reader reader = { .import = import, .handle = read_name, .optional = true };

	/* what cannot be read is in the report */
	(void)import_read_file(&reader, path);
}
