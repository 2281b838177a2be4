// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One question to the daemon that may fail without a word: what a missing answer means is a
 * finding.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "doctor_priv.h"

#define ANSWER_BYTES_MAX (1 << 20)
#define ANSWER_TIMEOUT_S 5

static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };
	size_t length = strlen(path);
	int fd, r;

	if (length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, length + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

/* Up to the newline. -EBADMSG: none within the bound. */
static int receive_line(int fd, char *text)
{
	size_t used = 0;

	while (used < ANSWER_BYTES_MAX) {
		ssize_t n = recv(fd, text + used, ANSWER_BYTES_MAX - used, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ECONNRESET;
		used += (size_t)n;
		if (memchr(text + used - n, '\n', (size_t)n)) {
			text[used - 1] = '\0';
			return 0;
		}
	}
	return -EBADMSG;
}

static int converse(int fd, char *text, json_t **ret_status)
{
	static const char question[] = "status\n";
	json_t *status;
	int r;

	if (send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(question) - 1)
		return errno ? -errno : -EIO;
	r = receive_line(fd, text);
	if (r < 0)
		return r;
	status = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_true(json_object_get(status, "ok"))) {
		json_decref(status);
		return -EBADMSG;
	}
	*ret_status = status;
	return 0;
}

int doctor_ask(const char *socket_path, json_t **ret_status)
{
	char *text = malloc(ANSWER_BYTES_MAX);
	int fd, r;

	if (!text)
		return -ENOMEM;
	fd = dial(socket_path);
	r = fd < 0 ? fd : converse(fd, text, ret_status);
	if (fd >= 0)
		close(fd);
	free(text);
	return r;
}
