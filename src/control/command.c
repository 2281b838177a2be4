// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server_priv.h"

/* Pieces of long commands: one such piece is the most that others wait. */
#define LIST_ENTRIES_PER_PIECE 128

void client_answer(struct client *client, json_t *document)
{
	client_add_document(client, document);
	client_add(client, "\n");
}

/* Answers with an error when the prefix is not what the guard counts by. */
static bool is_single_source(struct client *client, const struct prefix *source)
{
	const struct guard_settings *settings = guard_settings(client->server->inputs->guard);
	const struct prefix own = prefix_of_address(&source->address, settings->ipv4_prefix,
						    settings->ipv6_prefix);
	char text[PREFIX_TEXT_MAX], message[MESSAGE_MAX];

	if (prefix_equal(&own, source))
		return true;
	snprintf(message, sizeof(message),
		 "%s is not a single source; allowed: an address, an IPv4 /%u or an IPv6 /%u",
		 prefix_format(source, text), settings->ipv4_prefix, settings->ipv6_prefix);
	client_add_error(client, "unsupported-prefix", message);
	return false;
}

static void run_list(struct client *client, struct control_command *command, usec_t now)
{
	const struct report_inputs *inputs = client->server->inputs;
	char message[MESSAGE_MAX];
	int r;

	if (command->has_prefix) {
		command->prefix = command_source(inputs->guard, &command->prefix);
		if (!is_single_source(client, &command->prefix))
			return;
	}
	r = report_list_new(&client->list, inputs, command, now);
	if (r == REPORT_UNKNOWN_SERVICE) {
		snprintf(message, sizeof(message), "no service '%s' is configured",
			 command->service);
		client_add_error(client, "bad-command", message);
	} else if (r != 0) {
		snprintf(message, sizeof(message), "not done: %s", strerror(-r));
		client_add_error(client, "failed", message);
	}
	client->list_begun = false;
}

static void run_explain(struct client *client, const struct control_command *command, usec_t now)
{
	const struct control_server *server = client->server;
	const struct prefix source = command_source(server->inputs->guard, &command->prefix);

	if (is_single_source(client, &source))
		client_answer(client, report_explain(server->inputs, server->decisions,
						     &command->prefix.address, &source, now));
}

static void subscribe(struct client *client)
{
	client_answer(client, json_pack("{s:b, s:i}", "ok", 1, "schema", 1));
	client->is_subscriber = true;
	client->server->stats.subscribers++;
}

static void dispatch(struct client *client, struct control_command *command, usec_t now)
{
	struct control_server *server = client->server;

	switch (command->verb) {
	case CONTROL_STATUS:
		client_answer(client, report_status(server->inputs, &server->stats, now));
		break;
	case CONTROL_SOURCES:
	case CONTROL_BANS:
	case CONTROL_ALLOW_LIST:
		run_list(client, command, now);
		break;
	case CONTROL_EXPLAIN:
		run_explain(client, command, now);
		break;
	case CONTROL_HISTORY:
	case CONTROL_PEAKS:
	case CONTROL_AUTH_FAILURES:
	case CONTROL_ACCOUNTS:
		command_ask_ledger(client, command, now);
		break;
	case CONTROL_METRICS:
		client_answer(client, report_metrics(server->inputs, &server->stats, now));
		break;
	case CONTROL_MODE:
		command_mode(client, command);
		break;
	case CONTROL_BAN:
		command_ban(client, command, now);
		break;
	case CONTROL_UNBAN:
		command_unban(client, command, now);
		break;
	case CONTROL_EVENTS:
		subscribe(client);
		break;
	case CONTROL_ALLOW_ADD:
		command_allow(client, command, now);
		break;
	case CONTROL_ALLOW_REMOVE:
		command_disallow(client, command, now);
		break;
	case CONTROL_RELOAD:
		command_reload(client);
		break;
	case CONTROL_FLUSH:
		command_flush(client, command, now);
		break;
	case CONTROL_VERBS:
		break;
	}
}

void command_run(struct client *client, const char *line, size_t length)
{
	struct control_server *server = client->server;
	struct control_command command;
	char message[MESSAGE_MAX];
	usec_t now = clock_now();

	server->stats.commands++;
	client->waiting_since = now;
	if (control_line_parse(line, length, &command, message, sizeof(message)) < 0) {
		client_add_error(client, "bad-command", message);
		return;
	}
	if (control_command_changes(&command) && !client->may_change) {
		snprintf(message, sizeof(message),
			 "%s needs root or a member of the configured group (control.group)",
			 control_verb_name(command.verb));
		client_add_error(client, "permission-denied", message);
		return;
	}
	dispatch(client, &command, now);
}

bool command_is_under_way(const struct client *client)
{
	return client->question || client->list || client->is_unbanning;
}

static void continue_list(struct client *client, usec_t now)
{
	char text[64];
	json_t *entry;
	int r = 0;

	for (unsigned i = 0; i < LIST_ENTRIES_PER_PIECE && !client->is_broken; i++) {
		r = report_list_next(client->list, now, &entry);
		if (r == 0 || !client->list_begun) {
			if (client->list_begun) {
				client_add(client, ",");
			} else {
				snprintf(text, sizeof(text), "{\"ok\":true,\"%s\":[",
					 report_list_key(client->list));
				client_add(client, text);
				client->list_begun = true;
			}
		}
		if (r != 0)
			break;
		client_add_document(client, entry);
	}
	if (r < 0)
		client->is_broken = true;
	if (r != REPORT_LIST_END)
		return;
	snprintf(text, sizeof(text), "],\"total\":%" PRIu64 "}\n",
		 report_list_total(client->list));
	client_add(client, text);
	client->list = report_list_free(client->list);
	client->reads_ledger = false;
}

void command_continue(struct client *client)
{
	usec_t now = clock_now();

	client->waiting_since = now;
	if (client->list)
		continue_list(client, now);
	else
		command_continue_unban_all(client, now);
}
