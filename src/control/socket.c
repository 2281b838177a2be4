// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "smtpguard/control/server.h"

#define BACKLOG 32

static int make_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

static int make_address(const char *path, struct sockaddr_un *ret_address)
{
	size_t length = strlen(path);

	if (length >= sizeof(ret_address->sun_path))
		return -ENAMETOOLONG;
	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret_address->sun_path, path, length + 1);
	return 0;
}

/* Whether somebody listens there: 0 nobody, -EADDRINUSE, or another -errno. */
static int probe(const struct sockaddr_un *address)
{
	int fd = make_socket(), r;

	if (fd < 0)
		return fd;
	r = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
	close(fd);
	switch (r) {
	case -ECONNREFUSED:
	case -ENOENT:
		return 0;
	case 0:
	case -EAGAIN: /* its backlog is full: alive */
		return -EADDRINUSE;
	default:
		return r;
	}
}

static int remove_stale(const char *path, const struct sockaddr_un *address)
{
	struct stat status;
	int r;

	if (lstat(path, &status) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(status.st_mode))
		return -EEXIST;
	r = probe(address);
	if (r < 0)
		return r;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

static int bind_with_mode(int fd, const struct sockaddr_un *address, gid_t group)
{
	/* the file must never be more open than 0660, and not less either */
	mode_t mask = umask(0117);
	int r = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;

	umask(mask);
	if (r < 0)
		return r;
	if ((group != (gid_t)-1 && lchown(address->sun_path, (uid_t)-1, group) < 0) ||
	    listen(fd, BACKLOG) < 0) {
		r = -errno;
		unlink(address->sun_path);
	}
	return r;
}

int control_socket_open(const struct control_settings *settings, int *ret_fd)
{
	struct sockaddr_un address;
	int fd, r;

	r = make_address(settings->path, &address);
	if (r < 0)
		return r;
	r = remove_stale(settings->path, &address);
	if (r < 0)
		return r;
	fd = make_socket();
	if (fd < 0)
		return fd;
	r = bind_with_mode(fd, &address, settings->group);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}
