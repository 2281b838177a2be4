// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "top_priv.h"

int top_socket_dial(struct top_socket *top_socket, const char *path)
{
	int fd = socket_dial(path, 0);

	if (fd < 0)
		return fd;
	*top_socket = (struct top_socket){ .connection = { .fd = fd } };
	return 0;
}

void top_socket_close(struct top_socket *top_socket)
{
	connection_close(&top_socket->connection);
	top_socket->sent = top_socket->filled = 0;
	top_socket->first = top_socket->n_questions = 0;
}

int top_socket_flush(struct top_socket *top_socket)
{
	while (top_socket->sent < top_socket->filled) {
		ssize_t n = send(top_socket->connection.fd, top_socket->out + top_socket->sent,
				 top_socket->filled - top_socket->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		/* a daemon that refuses the connection has said why before it closed it */
		if (n < 0 && errno != EPIPE && errno != ECONNRESET)
			return -errno;
		top_socket->sent = n < 0 ? top_socket->filled : top_socket->sent + (size_t)n;
	}
	top_socket->sent = top_socket->filled = 0;
	return 0;
}

int top_socket_ask(struct top_socket *top_socket, enum top_request request, const char *source,
		   const char *line)
{
	size_t length = strlen(line);
	struct top_question *question;

	if (top_socket->n_questions == TOP_QUESTIONS_MAX ||
	    top_socket->filled + length + 1 > sizeof(top_socket->out))
		return -ENOBUFS;
	memcpy(top_socket->out + top_socket->filled, line, length);
	top_socket->filled += length;
	top_socket->out[top_socket->filled++] = '\n';
	question = &top_socket->questions[(top_socket->first + top_socket->n_questions++) %
					  TOP_QUESTIONS_MAX];
	*question = (struct top_question){ .request = request };
	snprintf(question->source, sizeof(question->source), "%s", source);
	return top_socket_flush(top_socket);
}

int top_socket_next(struct top_socket *top_socket, struct top_question *ret_question,
		    const char **ret_line)
{
	const char *line;
	int r;

	do
		r = connection_read(&top_socket->connection, &line);
	while (r == -EINTR);
	if (r == -EAGAIN)
		return 0;
	if (r <= 0)
		return r == 0 ? -EPIPE : r;
	if (top_socket->n_questions == 0) {
		/* unasked: a refusal of the connection itself */
		*ret_question = (struct top_question){ .request = TOP_ASK_STATUS };
	} else {
		*ret_question = top_socket->questions[top_socket->first];
		top_socket->first = (top_socket->first + 1) % TOP_QUESTIONS_MAX;
		top_socket->n_questions--;
	}
	*ret_line = line;
	return 1;
}
