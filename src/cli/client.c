// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli_priv.h"

#define REQUEST_BYTES_MAX 1025 /* the protocol's longest line, with the newline */
#define ANSWER_BYTES_MAX (256u << 20)
#define ANSWER_TIMEOUT_S 30

/* --- the request --- */

struct request {
	char text[REQUEST_BYTES_MAX];
	size_t used;
	bool failed; /* too long */
};

static void put(struct request *request, char c)
{
	if (request->used == sizeof(request->text))
		request->failed = true;
	else
		request->text[request->used++] = c;
}

static void put_text(struct request *request, const char *text)
{
	for (; *text; text++)
		put(request, *text);
}

static void put_parameter(struct request *request, const char *name, const char *value)
{
	put(request, ' ');
	put_text(request, name);
	put_text(request, "=\"");
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			put(request, '\\');
		put(request, *value);
	}
	put(request, '"');
}

static bool has_control_character(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

static enum exit_code build(struct request *request, const struct verb *verb,
			    const struct arguments *arguments)
{
	const char *word = arguments->word;

	put_text(request, verb->name);
	if (verb->action) {
		put(request, ' ');
		put_text(request, verb->action);
	}
	if (word && (has_control_character(word) || strpbrk(word, " \"="))) {
		complain("%s: the argument is no address", verb->name);
		return EXIT_USAGE;
	}
	if (word && verb->word_parameter) {
		put_parameter(request, verb->word_parameter, word);
	} else if (word) {
		put(request, ' ');
		put_text(request, word);
	}
	for (unsigned i = 0; i < VERB_OPTIONS_MAX; i++) {
		if (!arguments->values[i])
			continue;
		if (has_control_character(arguments->values[i])) {
			complain("%s: --%s: control characters are not allowed", verb->name,
				 verb->options[i].name);
			return EXIT_USAGE;
		}
		put_parameter(request, verb->options[i].name, arguments->values[i]);
	}
	put(request, '\n');
	if (request->failed) {
		complain("%s: arguments too long; allowed: %d bytes", verb->name,
			 REQUEST_BYTES_MAX - 1);
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}

/* --- the connection --- */

static const char *hint_of(int error)
{
	if (error == EACCES || error == EPERM)
		return "run as root or join group smtpguard";
	return "start it with: systemctl start smtpguard";
}

static enum exit_code unreachable(const struct cli *cli, int error)
{
	complain("no daemon at %s: %s; %s", cli->socket_path, strerror(error), hint_of(error));
	return EXIT_UNREACHABLE;
}

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
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0) {
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

enum exit_code connection_open(struct connection *connection, const struct cli *cli,
			       const struct verb *verb, const struct arguments *arguments)
{
	struct request request = { .used = 0 };
	enum exit_code code = build(&request, verb, arguments);
	int r;

	*connection = (struct connection){ .fd = -1 };
	if (code != EXIT_DONE)
		return code;
	connection->fd = dial(cli->socket_path);
	if (connection->fd < 0)
		return unreachable(cli, -connection->fd);
	r = send_all(connection->fd, request.text, request.used);
	/* a daemon that refuses the connection has said why before it closed it */
	if (r < 0 && r != -EPIPE && r != -ECONNRESET) {
		connection_close(connection);
		return unreachable(cli, -r);
	}
	return EXIT_DONE;
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

/* --- the answer --- */

/* The message is the first of the problems, if there is a list of them. */
static void complain_about(const json_t *answer)
{
	const json_t *problems = json_object_get(answer, "problems"), *problem;
	size_t i;

	if (json_array_size(problems) == 0)
		complain("%s", text_of(answer, "message"));
	json_array_foreach(problems, i, problem)
		complain("%s", json_string_value(problem) ? json_string_value(problem) : "-");
}

enum exit_code answer_parse(const struct cli *cli, const char *line, json_t **ret_answer)
{
	json_error_t error;
	json_t *answer = json_loads(line, JSON_REJECT_DUPLICATES, &error);
	enum exit_code code;

	if (!json_is_object(answer)) {
		complain("what answers at %s is not smtpguardd", cli->socket_path);
		json_decref(answer);
		return EXIT_UNREACHABLE;
	}
	if (is_true(answer, "ok")) {
		*ret_answer = answer;
		return EXIT_DONE;
	}
	complain_about(answer);
	code = strcmp(text_of(answer, "code"), "bad-command") ? EXIT_REFUSED : EXIT_USAGE;
	json_decref(answer);
	return code;
}

enum exit_code ask(const struct cli *cli, const struct verb *verb,
		   const struct arguments *arguments,
		   void (*show)(const struct cli *cli, const json_t *answer))
{
	struct connection connection;
	enum exit_code code = connection_open(&connection, cli, verb, arguments);
	const char *line;
	json_t *answer;
	int r;

	if (code != EXIT_DONE)
		return code;
	do
		r = connection_read(&connection, &line);
	while (r == -EINTR);
	if (r <= 0) {
		complain("no answer from %s: %s", cli->socket_path,
			 r == 0 ? "the daemon closed the connection" :
			 r == -EAGAIN ? "the daemon does not respond" : strerror(-r));
		connection_close(&connection);
		return EXIT_UNREACHABLE;
	}
	if (cli->json)
		puts(line);
	code = answer_parse(cli, line, &answer);
	if (code == EXIT_DONE) {
		if (!cli->json)
			show(cli, answer);
		json_decref(answer);
	}
	connection_close(&connection);
	return code;
}
