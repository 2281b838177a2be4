// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One question to the daemon that may fail without a word: what a missing answer means is a
 * finding.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli_priv.h"
#include "doctor_priv.h"

#define ANSWER_BYTES_MAX (1 << 20)
#define ANSWER_TIMEOUT_S 5

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
	fd = socket_dial(socket_path, ANSWER_TIMEOUT_S);
	r = fd < 0 ? fd : converse(fd, text, ret_status);
	if (fd >= 0)
		close(fd);
	free(text);
	return r;
}
