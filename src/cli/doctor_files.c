// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "smtpguard/base/file_read.h"
#include "smtpguard/base/parse.h"

#include "doctor_priv.h"

void doctor_full_path(const struct doctor *doctor, const char *path,
		      char full[static DOCTOR_PATH_MAX])
{
	int n = snprintf(full, DOCTOR_PATH_MAX, "%s%s", doctor->root, path);

	/* a path that is cut would be another file's */
	if (n < 0 || n >= DOCTOR_PATH_MAX)
		full[0] = '\0';
}

void doctor_parent(const char *path, char parent[static DOCTOR_PATH_MAX])
{
	char copy[DOCTOR_PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	snprintf(parent, DOCTOR_PATH_MAX, "%s", dirname(copy));
}

bool doctor_user_may(const struct doctor *doctor, const struct stat *st, unsigned bits)
{
	if (st->st_uid == doctor->service_uid)
		return (st->st_mode >> 6 & bits) == bits;
	if (st->st_gid == doctor->service_gid)
		return (st->st_mode >> 3 & bits) == bits;
	return (st->st_mode & bits) == bits;
}

bool doctor_exists(const struct doctor *doctor, const char *path)
{
	char full[DOCTOR_PATH_MAX];
	struct stat st;

	doctor_full_path(doctor, path, full);
	return stat(full, &st) == 0;
}

int doctor_read(const struct doctor *doctor, const char *path, size_t size, char **ret_text)
{
	char full[DOCTOR_PATH_MAX], *text;
	size_t length;
	int r;

	doctor_full_path(doctor, path, full);
	r = file_read_head(full, size, &text, &length);
	if (r)
		return r == FILE_NOT_REGULAR ? -EISDIR : r;
	/* texts are searched as strings: what is behind a NUL must not hide */
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	*ret_text = text;
	return 0;
}

int doctor_read_number(const struct doctor *doctor, const char *path, uint64_t *ret_number)
{
	char *text;
	int r = doctor_read(doctor, path, 64, &text);

	if (r < 0)
		return r;
	r = parse_number(doctor_trim(text), 0, UINT64_MAX, ret_number);
	free(text);
	return r;
}

char *doctor_line(char **cursor)
{
	char *line = *cursor, *end;

	if (*line == '\0')
		return NULL;
	end = strchr(line, '\n');
	if (end)
		*end = '\0';
	*cursor = end ? end + 1 : line + strlen(line);
	return line;
}

char *doctor_trim(char *text)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text;
}

static bool is_word_character(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

bool doctor_has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *found = text; (found = strstr(found, word)); found++)
		if ((found == text || !is_word_character(found[-1])) &&
		    !is_word_character(found[length]))
			return true;
	return false;
}
