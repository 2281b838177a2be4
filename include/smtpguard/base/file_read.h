/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole small files in memory: regular ones only, so that a FIFO does not block and a terminal does not
 * become the process's own.
 */
#pragma once

#include <stddef.h>

#include "smtpguard/base/compiler.h"

enum {
	FILE_NOT_REGULAR = 1,
	FILE_TOO_LARGE = 2,
};

/*
 * *ret_text has a NUL behind its *ret_length bytes; the caller frees it. Also of files that do not tell
 * their size (proc). 0, FILE_NOT_REGULAR, FILE_TOO_LARGE, -errno.
 */
int file_read(const char *path, size_t max_bytes, char **ret_text, size_t *ret_length) MUST_CHECK;
/* Likewise, at most the first max_bytes of it. */
int file_read_head(const char *path, size_t max_bytes, char **ret_text, size_t *ret_length) MUST_CHECK;
/* What a result other than 0 means, for a message. */
const char *file_read_error(int result);
