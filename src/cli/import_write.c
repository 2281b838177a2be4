// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "smtpguard/base/file_write.h"

#include "import_priv.h"

static bool holds_already(const char *path, const char *text)
{
	size_t length;
	char *old;
	bool same;

	if (import_read_regular(NULL, path, &old, &length))
		return false;
	same = length == strlen(text) && memcmp(old, text, length) == 0;
	free(old);
	return same;
}

enum write_result write_check(const char *path, const char *text)
{
	if (access(path, F_OK) < 0)
		return WRITE_DONE;
	return holds_already(path, text) ? WRITE_UNCHANGED : WRITE_EXISTS;
}

int write_file(const char *path, const char *text, mode_t mode, bool replace)
{
	int r;

	if (holds_already(path, text))
		return WRITE_UNCHANGED;
	r = file_write(path, text, strlen(text), mode, replace);
	return r == FILE_EXISTS ? WRITE_EXISTS : r;
}
