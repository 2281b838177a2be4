// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli_priv.h"

#define ANSWER_BYTES_MAX (256u << 20)
#define ANSWER_TIMEOUT_S 30

static const char *hint_of(int error)
{
	if (error == EACCES || error == EPERM)
		return "run as root or join group smtpguard";
	return "start it with: systemctl start smtpguard";
}

static enum exit_code unreachable(const struct cli *cli, int error)
{
	bool is_closed = error == EACCES || error == EPERM;

	return fail_with(cli, EXIT_UNREACHABLE, "%s %s: %s; %s",
			 is_closed ? "no access to" : "no daemon at", cli->socket_path,
			 strerror(error), hint_of(error));
}

int socket_dial(const char *path, unsigned patience_s)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval timeout = { .tv_sec = patience_s };
	size_t length = strlen(path);
	int fd, r;

	if (length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, length + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (patience_s ? 0 : SOCK_NONBLOCK), 0);
	if (fd < 0)
		return -errno;
	/* Unix sockets are connected at once or not at all; EAGAIN: too many others wait */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static int send_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, data, length, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		length -= (size_t)n;
	}
	return 0;
}

enum exit_code connection_send(struct connection *connection, const struct cli *cli,
			       const struct request *request)
{
	int r;

	*connection = (struct connection){ .fd = socket_dial(cli->socket_path, ANSWER_TIMEOUT_S) };
	if (connection->fd < 0)
		return unreachable(cli, -connection->fd);
	r = send_all(connection->fd, request->text, request->used);
	/* a daemon that refuses the connection has said why before it closed it */
	if (r < 0 && r != -EPIPE && r != -ECONNRESET) {
		connection_close(connection);
		return unreachable(cli, -r);
	}
	return EXIT_DONE;
}

enum exit_code connection_open(struct connection *connection, const struct cli *cli,
			       const struct verb *verb, const struct arguments *arguments)
{
	struct request request;
	enum exit_code code = request_of_verb(&request, cli, verb, arguments);

	*connection = (struct connection){ .fd = -1 };
	return code == EXIT_DONE ? connection_send(connection, cli, &request) : code;
}

void connection_close(struct connection *connection)
{
	if (connection->fd >= 0)
		close(connection->fd);
	free(connection->data);
	*connection = (struct connection){ .fd = -1 };
}

static int make_room(struct connection *connection)
{
	size_t size;
	char *data;

	if (connection->taken > 0) {
		memmove(connection->data, connection->data + connection->taken,
			connection->used - connection->taken);
		connection->used -= connection->taken;
		connection->taken = 0;
	}
	if (connection->used < connection->size)
		return 0;
	size = connection->size ? 2 * connection->size : 65536;
	if (size > ANSWER_BYTES_MAX)
		return -EMSGSIZE;
	data = realloc(connection->data, size);
	if (!data)
		return -ENOMEM;
	connection->data = data;
	connection->size = size;
	return 0;
}

int connection_read(struct connection *connection, const char **ret_line)
{
	size_t searched = connection->taken;

	for (;;) {
		char *newline = searched < connection->used ?
					memchr(connection->data + searched, '\n',
					       connection->used - searched) :
					NULL;
		ssize_t n;
		int r;

		if (newline) {
			*newline = '\0';
			*ret_line = connection->data + connection->taken;
			connection->taken = (size_t)(newline - connection->data) + 1;
			return 1;
		}
		searched = connection->used - connection->taken;
		r = make_room(connection);
		if (r < 0)
			return r;
		n = recv(connection->fd, connection->data + connection->used,
			 connection->size - connection->used, 0);
		if (n == 0)
			return 0;
		if (n < 0)
			return -errno;
		connection->used += (size_t)n;
	}
}
