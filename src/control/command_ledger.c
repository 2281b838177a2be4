// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The commands that the ledger's thread answers: `history`, `peaks`, `auth-failures` and `accounts`.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "report_rows_priv.h"
#include "server_priv.h"

/* Of `accounts`: one network is what everybody has. */
#define MIN_NETWORKS_DEFAULT 2

static unsigned count_readers(const struct control_server *server)
{
	unsigned n = 0;

	for (unsigned i = 0; i < server->stats.clients; i++)
		n += server->clients[i]->reads_ledger;
	return n;
}

/* --- the answer --- */

static void answer(struct client *client, const struct ledger_answer *given)
{
	char message[MESSAGE_MAX];
	int r = given->error;

	if (r == -ETIMEDOUT) {
		client_add_error(client, "ledger-unavailable", "the ledger does not answer");
		return;
	}
	if (r < 0) {
		snprintf(message, sizeof(message), "the ledger could not be read: %s",
			 strerror(-r));
		client_add_error(client, "ledger-unavailable", message);
		return;
	}
	client->list_begun = false;
	r = report_list_of_answer(&client->list, &client->asked, given);
	if (r < 0) {
		snprintf(message, sizeof(message), "not done: %s", strerror(-r));
		client_add_error(client, "failed", message);
	}
}

static void on_reply(void *userdata, const struct ledger_answer *given)
{
	struct client *client = userdata;

	client->question = NULL;
	answer(client, given);
	client->reads_ledger = client->list;
	client->waiting_since = clock_now();
	if (!client->is_broken)
		client_wait(client);
	if (client->is_broken)
		client_free(client);
}

void command_forget_question(struct client *client)
{
	if (!client->question)
		return;
	ledger_question_forget(client->question);
	client->question = NULL;
	client->reads_ledger = false;
}

/* --- the question --- */

static enum ledger_subject subject_of(enum control_verb verb)
{
	switch (verb) {
	case CONTROL_PEAKS:
		return LEDGER_PEAKS;
	case CONTROL_AUTH_FAILURES:
		return LEDGER_AUTH_FAILURES;
	case CONTROL_ACCOUNTS:
		return LEDGER_ACCOUNTS;
	default:
		return LEDGER_RECORDS;
	}
}

static uint32_t min_networks_of(const struct control_command *command)
{
	if (command->min_networks)
		return command->min_networks;
	return command->has_account ? 1 : MIN_NETWORKS_DEFAULT;
}

static struct ledger_query query_of(const struct guard *guard,
				    const struct control_command *command, usec_t now)
{
	struct ledger_query query = { .subject = subject_of(command->verb),
				      .has_source = command->has_prefix,
				      .source = command->prefix,
				      .since = command->since_wall,
				      .by = ledger_rows_by(command),
				      .has_account = command->has_account,
				      .min_networks = min_networks_of(command),
				      .limit = command->limit ? command->limit :
								CONTROL_LIMIT_DEFAULT };
	usec_t wall = clock_to_wall(now);

	memcpy(query.service, command->service, sizeof(query.service));
	memcpy(query.account, command->account, sizeof(query.account));
	/* entries are of sources; facts are of addresses, of which a source may have many */
	if (command->has_prefix &&
	    (query.subject == LEDGER_AUTH_FAILURES || query.subject == LEDGER_ACCOUNTS))
		query.source = command_source(guard, &command->prefix);
	if (command->since)
		query.since = wall > command->since ? wall - command->since : 0;
	return query;
}

static void refuse(struct client *client, int r)
{
	const struct ledger *ledger = client->server->inputs->ledger;
	char message[MESSAGE_MAX];
	struct ledger_stats stats;

	if (r == -EBUSY) {
		client_add_error(client, "busy",
				 "too many questions to the ledger wait; try again");
		return;
	}
	if (r != -EAGAIN) {
		snprintf(message, sizeof(message), "not done: %s", strerror(-r));
		client_add_error(client, "failed", message);
		return;
	}
	if (!ledger) {
		client_add_error(client, "ledger-unavailable", "there is no ledger");
		return;
	}
	ledger_stats(ledger, &stats);
	snprintf(message, sizeof(message), "the ledger cannot be read now, it is %s%s%s",
		 ledger_state_name(stats.state), stats.error[0] ? ": " : "", stats.error);
	client_add_error(client, "ledger-unavailable", message);
}

void command_ask_ledger(struct client *client, const struct control_command *command, usec_t now)
{
	struct ledger *ledger = client->server->inputs->ledger;
	const struct ledger_query query = query_of(client->server->inputs->guard, command, now);
	int r;

	if (!ledger)
		r = -EAGAIN;
	else if (count_readers(client->server) >= LEDGER_READERS_MAX)
		r = -EBUSY;
	else
		r = ledger_ask(ledger, &query, on_reply, client, &client->question);
	if (r < 0) {
		refuse(client, r);
		return;
	}
	client->asked = *command;
	client->reads_ledger = true;
}
