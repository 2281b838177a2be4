// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * APF: conf.apf is a shell file, of which plain assignments are read and nothing is expanded; in the
 * trust files a comment line stands before its entry and says until when it holds.
 */
#include <errno.h>
#include <string.h>

#include "smtpguard/base/parse.h"

#include "import_priv.h"

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

/* --- conf.apf --- */

/* The assigned text without its quotes; NULL: it is more than that. */
static char *plain_value(char *value)
{
	char *end, quote = *value;

	if (quote != '"' && quote != '\'') {
		end = value + strcspn(value, " \t#;");
		if (end[strspn(end, " \t")] && end[strspn(end, " \t")] != '#')
			return NULL;
	} else {
		end = strchr(++value, quote);
		if (!end || (end[1] && !strchr(" \t#", end[1])))
			return NULL;
	}
	*end = '\0';
	return value[strcspn(value, "$`\\")] && quote != '\'' ? NULL : value;
}

static void read_assignment(struct import_reader *reader, size_t line, char *text)
{
	struct import *import = reader->import;
	char *value;

	if (take_comment(reader, line, text))
		return;
	text = trim(text);
	value = split_setting(text);
	if (!value || *text == '\0' || text[strspn(text, NAME_CHARACTERS)]) {
		line_note(import, line, value ? OUTCOME_NOT_UNDERSTOOD : OUTCOME_OTHER,
			  "no assignment; nothing in this file is executed");
		return;
	}
	value = plain_value(value);
	if (value)
		setting_take(import, reader->userdata, line, text, trim(value));
	else if (strcmp(text, "CNFINT") == 0)
		line_note(import, line, OUTCOME_OTHER, "not for smtpguard");
	else
		line_note(import, line, OUTCOME_NOT_UNDERSTOOD, "not a plain value; nothing in this "
			  "file is expanded");
}

/* CT_SKIP: what CT_LIMIT spares. */
static void take_skipped(struct import_reader *reader, const struct setting *setting)
{
	char *text = setting->value;

	if (text && *text == '\0')
		line_note(reader->import, setting->line, OUTCOME_IGNORED, "empty");
	while (text && *text) {
		char *end = strchr(text, ',');
		enum filter_result result;
		struct filter filter;

		if (end)
			*end++ = '\0';
		result = filter_parse_apf(trim(text), &filter);
		if (result == FILTER_ADDRESS)
			list_add(reader, setting->line, IMPORT_ALLOW_FILE, &filter, 0, "CT_SKIP");
		else
			filter_note(reader->import, setting->line, result, &filter);
		text = end;
	}
}

void read_apf_conf(struct import *import, const char *path)
{
	struct settings settings = { 0 };
	struct import_reader reader = { .import = import,
					.handle = read_assignment,
					.optional = true,
					.userdata = &settings };

	/* what cannot be read is in the report */
	(void)import_read_file(&reader, path);
	reader.heading = SIZE_MAX;
	take_skipped(&reader, &settings.values[SETTING_CT_SKIP]);
	settings_finish(import, &settings);
}

/* --- trust files --- */

/* "... ttl=3600s expire=EPOCH with comment: TEXT" in the comment line before an entry. */
static const char *take_trust_comment(const char *text, uint64_t *expire)
{
	static const char key[] = "expire=", words[] = "with comment:";
	const char *at = strstr(text, key), *comment = strstr(text, words);
	char digits[24];
	size_t length;

	*expire = 0;
	if (at && (!comment || at < comment)) {
		at += strlen(key);
		length = strspn(at, "0123456789");
		snprintf(digits, sizeof(digits), "%.*s", (int)MIN_OF(length, sizeof(digits) - 1), at);
		if (parse_number(digits, 1, INT64_MAX, expire) < 0)
			*expire = 0;
	}
	if (!comment)
		return text + strspn(text, "# \t");
	return comment + strlen(words) + strspn(comment + strlen(words), " \t");
}

static void read_trust(struct import_reader *reader, size_t line, char *text)
{
	enum import_list list = *(const enum import_list *)reader->userdata;
	struct import *import = reader->import;
	uint64_t expire = 0, now = (uint64_t)import->now;
	const char *comment;
	enum filter_result result;
	struct filter filter;

	if (take_comment(reader, line, text))
		return;
	text = trim(text);
	comment = split_comment(text);
	/* what APF wrote itself is the line just above */
	if (reader->heading != SIZE_MAX && *comment == '\0')
		comment = take_trust_comment(import->lines[line - 1].text, &expire);
	result = filter_parse_apf(text, &filter);
	reader->heading = SIZE_MAX;
	if (result != FILTER_ADDRESS) {
		filter_note(import, line, result, &filter);
		return;
	}
	if (expire && expire <= now) {
		line_note(import, line, OUTCOME_EXPIRED, "it has ended");
		return;
	}
	if (expire && list == IMPORT_ALLOW_FILE)
		list = IMPORT_ALLOW_COMMAND;
	list_add(reader, line, list, &filter, expire ? expire - now : 0, comment);
}

void read_apf_list(struct import *import, const char *path, enum import_list list)
{
	struct import_reader reader = { .import = import,
					.handle = read_trust,
					.optional = true,
					.userdata = &list };

	/* what cannot be read is in the report */
	(void)import_read_file(&reader, path);
}

int import_apf(struct import *import)
{
	static const struct {
		const char *name;
		enum import_list list;
	} files[] = {
		{ "allow_hosts.rules", IMPORT_ALLOW_FILE },
		{ "glob_allow.rules", IMPORT_ALLOW_FILE },
		{ "deny_hosts.rules", IMPORT_BAN_COMMAND },
		{ "glob_deny.rules", IMPORT_BAN_COMMAND },
	};
	char path[IMPORT_PATH_MAX];

	snprintf(path, sizeof(path), "%s/conf.apf", import->directory);
	read_apf_conf(import, path);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", import->directory, files[i].name);
		read_apf_list(import, path, files[i].list);
	}
	if (import->n_files == 0)
		return -ENOENT;
	lists_finish(import);
	return import->failure;
}
