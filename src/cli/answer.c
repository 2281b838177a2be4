// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli_priv.h"

/* --- what went wrong --- */

static void PRINTF_LIKE(3, 0)
	format_printable(char *text, size_t size, const char *format, va_list arguments)
{
	vsnprintf(text, size, format, arguments);
	for (char *p = text; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
}

void complain(const char *format, ...)
{
	char text[2 * CELL_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	format_printable(text, sizeof(text), format, arguments);
	va_end(arguments);
	fflush(stdout);
	fprintf(stderr, "smtpguard: %s\n", text);
}

static const char *code_word(enum exit_code exit_code)
{
	if (exit_code == EXIT_USAGE)
		return "usage";
	return exit_code == EXIT_UNREACHABLE ? "unreachable" : "failed";
}

enum exit_code fail_with(const struct cli *cli, enum exit_code exit_code, const char *format, ...)
{
	char text[2 * CELL_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	format_printable(text, sizeof(text), format, arguments);
	va_end(arguments);
	complain("%s", text);
	if (cli->json)
		print_document(json_pack("{s:b, s:s, s:s}", "ok", 0, "code", code_word(exit_code),
					 "message", text));
	return exit_code;
}

enum exit_code print_document(json_t *document)
{
	int r = document ? json_dumpf(document, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) : -1;

	json_decref(document);
	if (r < 0) {
		complain("out of memory");
		return EXIT_REFUSED;
	}
	putchar('\n');
	return EXIT_DONE;
}

/* --- what the daemon said --- */

/* The message is the first of the problems, if there is a list of them. */
static enum exit_code refusal(const json_t *answer)
{
	const json_t *problems = json_object_get(answer, "problems"), *problem;
	size_t i;

	if (json_array_size(problems) == 0)
		complain("%s", text_of(answer, "message"));
	json_array_foreach(problems, i, problem)
		complain("%s", json_string_value(problem) ? json_string_value(problem) : "-");
	return strcmp(text_of(answer, "code"), "bad-command") ? EXIT_REFUSED : EXIT_USAGE;
}

static enum exit_code read_document(const struct cli *cli, const char *line, json_t **ret_document)
{
	json_t *document = json_loads(line, 0, NULL);

	if (!json_is_object(document)) {
		json_decref(document);
		return fail_with(cli, EXIT_UNREACHABLE, "what answers at %s is not smtpguardd",
				 cli->socket_path);
	}
	*ret_document = document;
	return EXIT_DONE;
}

enum exit_code answer_parse(const struct cli *cli, const char *line, json_t **ret_answer)
{
	json_t *answer;
	enum exit_code code = read_document(cli, line, &answer);

	if (code != EXIT_DONE)
		return code;
	if (is_true(answer, "ok")) {
		*ret_answer = answer;
		return EXIT_DONE;
	}
	code = refusal(answer);
	json_decref(answer);
	return code;
}

enum exit_code check_answer(const struct cli *cli, const json_t *answer)
{
	if (is_true(answer, "ok"))
		return EXIT_DONE;
	if (cli->json) {
		json_dumpf(answer, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		putchar('\n');
	}
	return refusal(answer);
}

/* --- asking --- */

static enum exit_code read_answer(const struct cli *cli, struct connection *connection,
				  const char **ret_line)
{
	int r;

	do
		r = connection_read(connection, ret_line);
	while (r == -EINTR);
	if (r > 0)
		return EXIT_DONE;
	return fail_with(cli, EXIT_UNREACHABLE, "no answer from %s: %s", cli->socket_path,
			 r == 0		? "the daemon closed the connection"
			 : r == -EAGAIN ? "the daemon does not respond"
					: strerror(-r));
}

static enum exit_code fetch_request(const struct cli *cli, const struct request *request,
				    json_t **ret_answer)
{
	struct connection connection;
	const char *line;
	enum exit_code code = connection_send(&connection, cli, request);

	if (code != EXIT_DONE)
		return code;
	code = read_answer(cli, &connection, &line);
	if (code == EXIT_DONE)
		code = read_document(cli, line, ret_answer);
	connection_close(&connection);
	return code;
}

enum exit_code fetch(const struct cli *cli, const char *command, const struct parameter *parameters,
		     json_t **ret_answer)
{
	struct request request;

	request_of_command(&request, command, parameters);
	return fetch_request(cli, &request, ret_answer);
}

enum exit_code fetch_verb(const struct cli *cli, const struct verb *verb,
			  const struct arguments *arguments, json_t **ret_answer)
{
	struct request request;
	enum exit_code code = request_of_verb(&request, cli, verb, arguments);

	return code == EXIT_DONE ? fetch_request(cli, &request, ret_answer) : code;
}

/* An answer begins with ok: one that is only passed on needs not be read, and may be long. */
static bool is_done(const char *line)
{
	static const char done[] = "{\"ok\":true";

	return !strncmp(line, done, sizeof(done) - 1);
}

static enum exit_code take_answer(const struct cli *cli, const char *line,
				  void (*show)(const struct cli *cli, const json_t *answer))
{
	enum exit_code code;
	json_t *answer;

	if (cli->json && is_done(line)) {
		puts(line);
		return EXIT_DONE;
	}
	code = read_document(cli, line, &answer);
	if (code != EXIT_DONE)
		return code;
	if (cli->json)
		puts(line);
	code = is_true(answer, "ok") ? EXIT_DONE : refusal(answer);
	if (code == EXIT_DONE && !cli->json)
		show(cli, answer);
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

	if (code != EXIT_DONE)
		return code;
	code = read_answer(cli, &connection, &line);
	if (code == EXIT_DONE)
		code = take_answer(cli, line, show);
	connection_close(&connection);
	return code;
}
