// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/base/file_write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* A name beside the path that nobody can foresee; created, never opened. Returns the descriptor. */
static int create_beside(const char *path, char temporary[static PATH_MAX])
{
	uint64_t random;
	int fd;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	if (snprintf(temporary, PATH_MAX, "%s.%016llx", path, (unsigned long long)random) >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

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

static int fill(int fd, const char *text, size_t length, mode_t mode)
{
	int r = write_all(fd, text, length);

	if (r < 0)
		return r;
	return fchmod(fd, mode) < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* So that the name is there after a power failure, too. */
static int sync_directory(const char *path)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd, r = 0;

	snprintf(directory, sizeof(directory), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
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
		return errno == EEXIST ? FILE_EXISTS : -errno;
	return unlink(temporary) < 0 ? -errno : 0;
}

int file_write(const char *path, const char *text, size_t length, mode_t mode, bool replace)
{
	char temporary[PATH_MAX];
	int fd = create_beside(path, temporary), r;

	if (fd < 0)
		return fd;
	r = fill(fd, text, length, mode);
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
