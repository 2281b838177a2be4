// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "smtpguard/base/escape.h"

#include "server_priv.h"

/* Pieces of long commands: one such piece is the most that others wait. */
#define LIST_ENTRIES_PER_PIECE 128
#define UNBANS_PER_PIECE 128
#define MESSAGE_MAX 256

static void answer(struct client *client, json_t *document)
{
	client_add_document(client, document);
	client_add(client, "\n");
}

/* What the operator gave, as a source: an address stands for the prefix it belongs to. */
static struct prefix source_of(const struct guard *guard, const struct prefix *given)
{
	const struct guard_settings *settings = guard_settings(guard);
	const struct prefix host = prefix_host(&given->address);

	if (given->length != host.length)
		return *given;
	return prefix_of_address(&given->address, settings->ipv4_prefix, settings->ipv6_prefix);
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

/* The error answers to conditions of guard_ban() and guard_unban(). */
static void add_condition(struct client *client, int condition, const struct prefix *source,
			  usec_t now)
{
	struct guard *guard = client->server->inputs->guard;
	char text[PREFIX_TEXT_MAX], time[TIMESTAMP_TEXT_MAX], message[MESSAGE_MAX];
	usec_t until;

	prefix_format(source, text);
	switch (condition) {
	case GUARD_NEVER_LISTED:
		snprintf(message, sizeof(message), "%s is never banned: %s", text,
			 never_reason_name(guard_never(guard, source, NULL)));
		client_add_error(client, "never-listed", message);
		return;
	case GUARD_BANS_FULL:
		snprintf(message, sizeof(message),
			 "no room for another ban: bans.max_bans is %" PRIu32,
			 guard_settings(guard)->max_bans);
		client_add_error(client, "bans-full", message);
		return;
	case GUARD_NOT_BANNED:
		until = guard_grace_until(guard, source, now);
		snprintf(message, sizeof(message), "%s is not banned%s%s", text,
			 until ? "; it is trusted all the same, until " : "",
			 until ? clock_format_wall(clock_to_wall(until), time) : "");
		client_add_error(client, "not-banned", message);
		return;
	case GUARD_OBSERVING:
		client_add_error(client, "observing", "mode is observe: nobody is banned");
		return;
	case GUARD_OTHER_PREFIX:
		snprintf(message, sizeof(message), "%s is not a single source", text);
		client_add_error(client, "unsupported-prefix", message);
		return;
	default:
		snprintf(message, sizeof(message), "not done: %s", strerror(-condition));
		client_add_error(client, "failed", message);
		return;
	}
}

static void run_ban(struct client *client, const struct control_command *command, usec_t now)
{
	struct guard *guard = client->server->inputs->guard;
	const struct prefix source = source_of(guard, &command->prefix);
	const struct ban *ban;
	int r;

	if (!is_single_source(client, &source))
		return;
	r = guard_ban(guard, &source, command->duration, command->reason, now);
	if (r != 0) {
		add_condition(client, r, &source, now);
		return;
	}
	ban = ban_table_find(guard_bans(guard), &source);
	answer(client, json_pack("{s:b, s:o}", "ok", 1, "ban",
				 ban ? report_ban(ban, now) : json_null()));
}

static void run_unban(struct client *client, const struct control_command *command, usec_t now)
{
	struct guard *guard = client->server->inputs->guard;
	const struct prefix source = source_of(guard, &command->prefix);
	char text[PREFIX_TEXT_MAX];
	int r;

	if (command->all) {
		client->is_unbanning = true;
		client->unban_cursor = 0;
		client->unbanned = 0;
		client->unban_grace = command->duration;
		return;
	}
	r = guard_unban(guard, &source, command->duration, now);
	if (r == GUARD_OTHER_PREFIX) {
		/* only for its message, which names the lengths that are allowed */
		if (is_single_source(client, &source))
			add_condition(client, r, &source, now);
	} else if (r != 0) {
		add_condition(client, r, &source, now);
	} else {
		answer(client,
		       json_pack("{s:b, s:s, s:i, s:o}", "ok", 1, "source",
				 prefix_format(&source, text), "unbanned", 1, "trusted_until",
				 report_time(guard_grace_until(guard, &source, now))));
	}
}

static void run_list(struct client *client, struct control_command *command, usec_t now)
{
	const struct report_inputs *inputs = client->server->inputs;
	char message[MESSAGE_MAX];
	int r;

	if (command->has_prefix) {
		command->prefix = source_of(inputs->guard, &command->prefix);
		if (!is_single_source(client, &command->prefix))
			return;
	}
	r = report_list_new(&client->list, inputs, command, now);
	if (r == REPORT_UNKNOWN_SERVICE) {
		snprintf(message, sizeof(message), "no service '%s' is configured",
			 command->service);
		client_add_error(client, "bad-command", message);
	} else if (r != 0) {
		add_condition(client, r, &command->prefix, now);
	}
	client->list_begun = false;
}

static void run_explain(struct client *client, const struct control_command *command, usec_t now)
{
	const struct report_inputs *inputs = client->server->inputs;
	const struct prefix source = source_of(inputs->guard, &command->prefix);

	if (is_single_source(client, &source))
		answer(client, report_explain(inputs, &command->prefix.address, &source, now));
}

static void subscribe(struct client *client)
{
	answer(client, json_pack("{s:b, s:i}", "ok", 1, "schema", 1));
	client->is_subscriber = true;
	client->server->stats.subscribers++;
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
	if (control_verb_changes(command.verb) && !client->may_change) {
		snprintf(message, sizeof(message),
			 "%s needs root or a member of the configured group (control.group)",
			 control_verb_name(command.verb));
		client_add_error(client, "permission-denied", message);
		return;
	}
	switch (command.verb) {
	case CONTROL_STATUS:
		answer(client, report_status(server->inputs, &server->stats, now));
		break;
	case CONTROL_SOURCES:
	case CONTROL_BANS:
		run_list(client, &command, now);
		break;
	case CONTROL_EXPLAIN:
		run_explain(client, &command, now);
		break;
	case CONTROL_BAN:
		run_ban(client, &command, now);
		break;
	case CONTROL_UNBAN:
		run_unban(client, &command, now);
		break;
	case CONTROL_EVENTS:
		subscribe(client);
		break;
	case CONTROL_VERBS:
		break;
	}
}

bool command_is_under_way(const struct client *client)
{
	return client->list || client->is_unbanning;
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
}

static void continue_unban_all(struct client *client, usec_t now)
{
	struct guard *guard = client->server->inputs->guard;
	const struct ban *ban;

	for (unsigned i = 0; i < UNBANS_PER_PIECE; i++) {
		struct prefix source;

		ban = ban_table_walk(guard_bans(guard), &client->unban_cursor);
		if (!ban) {
			client->is_unbanning = false;
			answer(client, json_pack("{s:b, s:I}", "ok", 1, "unbanned",
						 (json_int_t)client->unbanned));
			return;
		}
		source = ban_prefix(ban);
		/* a ban that ran out at this moment is no failure */
		if (guard_unban(guard, &source, client->unban_grace, now) == 0)
			client->unbanned++;
	}
}

void command_continue(struct client *client)
{
	usec_t now = clock_now();

	client->waiting_since = now;
	if (client->list)
		continue_list(client, now);
	else
		continue_unban_all(client, now);
}
