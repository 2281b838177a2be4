// SPDX-License-Identifier: GPL-2.0-or-later
/* csf.conf: lines of NAME = "value", read as csf reads them. */
#include <string.h>

#include "import_priv.h"

static void read_setting(struct import_reader *reader, size_t line, char *text)
{
	struct import *import = reader->import;
	char *value, *begin, *end;

	if (take_comment(reader, line, text))
		return;
	value = split_setting(text);
	if (!value) {
		line_note(import, line, OUTCOME_NOT_UNDERSTOOD, "no NAME = \"value\"");
		return;
	}
	begin = strchr(value, '"');
	end = begin ? strrchr(value, '"') : NULL;
	if (end == begin) {
		line_note(import, line, OUTCOME_NOT_UNDERSTOOD, "no value in double quotes");
		return;
	}
	*end = '\0';
	setting_take(import, reader->userdata, line, trim(text), trim(begin + 1));
}

void read_csf_conf(struct import *import, const char *path)
{
	struct settings settings = { 0 };
	struct import_reader reader = { .import = import,
					.handle = read_setting,
					.optional = true,
					.userdata = &settings };

	/* what cannot be read is in the report */
	(void)import_read_file(&reader, path);
	settings_finish(import, &settings);
}
