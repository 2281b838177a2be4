/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that are there as a whole or not at all: written beside their place under another name, brought to
 * the disk, then named. Whoever reads the path sees the old contents or the new ones, never a part.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "smtpguard/base/compiler.h"

enum {
	FILE_EXISTS = 1,
};

/* replace: over what is there; else FILE_EXISTS, and it is kept. path is absolute or in the working
 * directory. 0, FILE_EXISTS, -errno: then nothing was changed, unless just the directory could not be brought
 * to the disk. */
int file_write(const char *path, const char *text, size_t length, mode_t mode, bool replace) MUST_CHECK;
