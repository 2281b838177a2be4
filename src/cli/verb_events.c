// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "cli_priv.h"

static volatile sig_atomic_t interrupted;

static void on_signal(int signal UNUSED)
{
	interrupted = 1;
}

static enum colour event_colour(const char *event)
{
	if (!strcmp(event, "ban"))
		return COLOUR_RED;
	if (!strcmp(event, "observe") || !strcmp(event, "refuse"))
		return COLOUR_YELLOW;
	return COLOUR_GREEN;
}

static void show(const struct cli *cli, const json_t *decision)
{
	const char *event = text_of(decision, "event"), *until = "", *expires = "";
	const char *because = json_string_value(json_object_get(decision, "because"));
	char moment[SPAN_TEXT_MAX], end[SPAN_TEXT_MAX];

	if ((!strcmp(event, "ban") || !strcmp(event, "refuse")) && has_text(decision, "expires")) {
		until = ", until ";
		expires = moment_format(decision, "expires", end);
	}
	print_line(cli, event_colour(event), "%s  %-7s  %-15s  %s%s%s%s%s",
		   moment_format(decision, "time", moment), event, text_of(decision, "source"),
		   text_of(decision, "comment"), until, expires, because ? "; " : "",
		   because ? because : "");
}

/* One line of the stream. The first one says whether the daemon agreed. */
static enum exit_code handle(const struct cli *cli, const char *line, bool first)
{
	json_t *document;
	enum exit_code code = EXIT_DONE;

	if (cli->json)
		puts(line);
	if (first) {
		code = answer_parse(cli, line, &document);
	} else if (!cli->json) {
		document = json_loads(line, 0, NULL);
		if (document)
			show(cli, document);
	} else {
		return fflush(stdout) == 0 ? EXIT_DONE : EXIT_REFUSED;
	}
	if (code == EXIT_DONE)
		json_decref(document);
	if (code == EXIT_DONE && fflush(stdout) != 0)
		code = EXIT_REFUSED;
	return code;
}

static enum exit_code follow(const struct cli *cli, struct connection *connection)
{
	const char *line;
	enum exit_code code;

	for (bool first = true; !interrupted; first = false) {
		int r = connection_read(connection, &line);

		if (r == -EINTR && interrupted)
			break;
		if (r <= 0)
			return fail_with(cli, EXIT_UNREACHABLE, "%s",
					 r == 0 ? "the daemon closed the connection" : strerror(-r));
		code = handle(cli, line, first);
		if (code != EXIT_DONE)
			return code;
	}
	return EXIT_DONE;
}

static enum exit_code run(const struct cli *cli, const struct verb *verb,
			  const struct arguments *arguments)
{
	/* no SA_RESTART: the signal has to end the waiting */
	const struct sigaction action = { .sa_handler = on_signal };
	const struct timeval forever = { 0 };
	struct connection connection;
	enum exit_code code = connection_open(&connection, cli, verb, arguments);

	if (code != EXIT_DONE)
		return code;
	if (sigaction(SIGINT, &action, NULL) < 0 || sigaction(SIGTERM, &action, NULL) < 0 ||
	    setsockopt(connection.fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever)) < 0) {
		code = fail_with(cli, EXIT_REFUSED, "cannot follow: %s", strerror(errno));
	} else {
		code = follow(cli, &connection);
	}
	connection_close(&connection);
	return code;
}

const struct verb verb_events = {
	.name = "events",
	.help = "follow decisions as they are made, until Ctrl-C",
	.run = run,
};
