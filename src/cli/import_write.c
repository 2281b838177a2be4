// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "import_priv.h"

static int write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		length -= (size_t)n;
	}
	return 0;
}

static int fill(int fd, const char *text, mode_t mode)
{
	int r = write_all(fd, text, strlen(text));

	if (r < 0)
		return r;
	return fchmod(fd, mode) < 0 || fsync(fd) < 0 ? -errno : 0;
}

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

/* So that the name is there after a power failure, too. */
static int sync_directory(const char *path)
{
	char directory[IMPORT_PATH_MAX];
	char *slash;
	int fd, r = 0;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (!slash)
		return -EINVAL;
	*slash = '\0';
	fd = open(*directory ? directory : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0 && errno != EINVAL)
		r = -errno;
	close(fd);
	return r;
}

/* Gives the temporary file its name; without replace never over another one. */
static int take_place(const char *temporary, const char *path, bool replace)
{
	if (replace)
		return rename(temporary, path) < 0 ? -errno : 0;
	if (link(temporary, path) < 0)
		return errno == EEXIST ? WRITE_EXISTS : -errno;
	return unlink(temporary) < 0 ? -errno : 0;
}

enum write_result write_check(const char *path, const char *text)
{
	if (access(path, F_OK) < 0)
		return WRITE_DONE;
	return holds_already(path, text) ? WRITE_UNCHANGED : WRITE_EXISTS;
}

int write_file(const char *path, const char *text, mode_t mode, bool replace)
{
	char temporary[IMPORT_PATH_MAX];
	int fd, r;

	if (holds_already(path, text))
		return WRITE_UNCHANGED;
	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fill(fd, text, mode);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0)
		r = take_place(temporary, path, replace);
	if (r != 0) {
		(void)unlink(temporary); /* it may have its place already */
		return r;
	}
	return sync_directory(path);
}
