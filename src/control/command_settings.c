// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The commands about the configuration: reading it again, and the mode.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server_priv.h"

static json_t *list_of_lines(const char *text)
{
	json_t *list = json_array();

	while (list && *text) {
		size_t length = strcspn(text, "\n");

		if (length > 0 && json_array_append_new(list, json_stringn(text, length)) < 0) {
			json_decref(list);
			return NULL;
		}
		text += length;
		text += *text == '\n';
	}
	return list;
}

void command_reload(struct client *client)
{
	const struct control_actions *actions = &client->server->settings->actions;
	char *text = NULL, message[MESSAGE_MAX];
	const char *first;
	json_t *problems;
	int r;

	r = actions->reload ? actions->reload(actions->userdata, &text) : -EOPNOTSUPP;
	problems = list_of_lines(r < 0 && text ? text : "");
	free(text);
	first = json_string_value(json_array_get(problems, 0));
	if (r == 0) {
		client_answer(client, json_pack("{s:b}", "ok", 1));
	} else if (first) {
		client_answer(client, json_pack("{s:b, s:s, s:s, s:O}", "ok", 0, "code",
						"bad-configuration", "message", first, "problems",
						problems));
	} else {
		snprintf(message, sizeof(message), "not reloaded: %s", strerror(-r));
		client_add_error(client, "failed", message);
	}
	json_decref(problems);
}

void command_mode(struct client *client, const struct control_command *command)
{
	const struct control_actions *actions = &client->server->settings->actions;
	char message[MESSAGE_MAX];
	int r = 0;

	if (command->has_mode)
		r = actions->set_mode ? actions->set_mode(actions->userdata, command->observe) :
					-EOPNOTSUPP;
	if (r == 0) {
		client_answer(client, report_mode(client->server->inputs));
		return;
	}
	snprintf(message, sizeof(message), "the mode was not changed: %s", strerror(-r));
	client_add_error(client, "failed", message);
}
