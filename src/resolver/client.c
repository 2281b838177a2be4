// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/resolver/client.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "smtpguard/wire/resolver_message.h"
#include "smtpguard/worker/process.h"

static_assert((int)RESOLVER_BUSY == (int)WORKER_BUSY, "conditions are passed on");
static_assert((int)RESOLVER_ABSENT == (int)WORKER_ABSENT, "conditions are passed on");
static_assert(RESOLVER_SOCKET_FD == WORKER_SOCKET_FD, "where the worker finds its socket");

struct resolver_client {
	struct resolver_handlers handlers;
	struct worker_process *process;
};

static int on_packet(void *userdata, const void *bytes, size_t size)
{
	struct resolver_client *client = userdata;
	struct name_answer answer;
	int r = resolver_answer_decode(bytes, size, &answer);

	if (r < 0)
		return r;
	client->handlers.answer(client->handlers.userdata, &answer);
	return 0;
}

static void on_gone(void *userdata)
{
	struct resolver_client *client = userdata;

	client->handlers.gone(client->handlers.userdata);
}

static int start(struct resolver_client *client, sd_event *event,
		 const struct resolver_settings *settings)
{
	char deadline[24], tries[24], max_in_flight[24];
	bool has_servers = settings->servers && settings->servers[0];
	const char *const arguments[] = {
		"--deadline-ms", deadline, "--tries", tries, "--max-in-flight", max_in_flight,
		has_servers ? "--servers" : NULL, settings->servers, NULL,
	};
	const struct worker_settings worker = {
		.program = settings->program,
		.arguments = arguments,
		.capability = -1,
		.packet_bytes = RESOLVER_ANSWER_BYTES,
	};
	const struct worker_handlers handlers = {
		.packet = on_packet,
		.gone = on_gone,
		.userdata = client,
	};

	snprintf(deadline, sizeof(deadline), "%" PRIu64,
		 MAX_OF(settings->deadline / USEC_PER_MSEC, (usec_t)1));
	snprintf(tries, sizeof(tries), "%u", settings->tries);
	snprintf(max_in_flight, sizeof(max_in_flight), "%u", settings->max_in_flight);
	return worker_process_new(&client->process, event, &worker, &handlers);
}

int resolver_client_new(struct resolver_client **ret_client, sd_event *event,
			const struct resolver_settings *settings,
			const struct resolver_handlers *handlers)
{
	struct resolver_client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	client->handlers = *handlers;
	r = start(client, event, settings);
	if (r < 0) {
		free(client);
		return r;
	}
	*ret_client = client;
	return 0;
}

struct resolver_client *resolver_client_free(struct resolver_client *client)
{
	if (!client)
		return NULL;
	worker_process_free(client->process);
	free(client);
	return NULL;
}

int resolver_client_ask(struct resolver_client *client, const struct address *address)
{
	uint8_t bytes[RESOLVER_QUESTION_BYTES];

	resolver_question_encode(address, bytes);
	return worker_process_send(client->process, bytes, sizeof(bytes));
}

void resolver_client_stats(const struct resolver_client *client, struct resolver_stats *ret_stats)
{
	struct worker_stats stats;

	worker_process_stats(client->process, &stats);
	*ret_stats = (struct resolver_stats){
		.running = stats.running,
		.starts = stats.starts,
		.bad_messages = stats.bad_messages,
		.busy = stats.busy,
	};
}
