// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/maillog/client.h"

#include <assert.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_BYTES_MIN 16384
#define GROUP_BYTES_KEPT (256 * 1024)

static_assert(MAILLOG_SOCKET_FD == WORKER_SOCKET_FD, "where the worker finds its socket");
static_assert(2 * MAIL_LOGS <= WORKER_ARGUMENTS_MAX, "option and path for each log");

/*
 * Facts of one log whose places have not come yet. They are kept as packets, each behind its size: as
 * structs, with room for all readings, they would take seven times the memory.
 */
struct group {
	uint8_t *bytes;
	size_t used, capacity;
	unsigned n;
};

struct maillog_client {
	struct maillog_handlers handlers;
	struct worker_process *process;
	bool followed[MAIL_LOGS];
	usec_t began; /* wall clock */
	struct log_places places[MAIL_LOGS]; /* where the next worker begins */
	struct group groups[MAIL_LOGS];
	/* .worker unused; counters: of the workers before this one */
	struct maillog_stats stats;
};

static void group_clear(struct group *group)
{
	if (group->capacity > GROUP_BYTES_KEPT) {
		free(group->bytes);
		group->bytes = NULL;
		group->capacity = 0;
	}
	group->used = group->n = 0;
}

static int group_add(struct group *group, const void *bytes, size_t size)
{
	uint16_t length = (uint16_t)size;
	size_t needed = group->used + sizeof(length) + size;

	if (group->n == MAILLOG_GROUP_MAX)
		return -EBADMSG;
	if (needed > group->capacity) {
		size_t capacity = MAX_OF(group->capacity * 2, (size_t)GROUP_BYTES_MIN);
		uint8_t *larger = realloc(group->bytes, capacity);

		if (!larger)
			return -ENOMEM;
		group->bytes = larger;
		group->capacity = capacity;
	}
	memcpy(group->bytes + group->used, &length, sizeof(length));
	memcpy(group->bytes + group->used + sizeof(length), bytes, size);
	group->used = needed;
	group->n++;
	return 0;
}

/* Facts were decoded when they came, so no bad one stops it half-way. */
static int hand_out(struct maillog_client *client, const struct log_places *places)
{
	struct group *group = &client->groups[places->log];
	const struct maillog_handlers *handlers = &client->handlers;
	uint16_t length;

	for (size_t at = 0; at < group->used; at += length) {
		struct maillog_message message;
		int r;

		memcpy(&length, group->bytes + at, sizeof(length));
		at += sizeof(length);
		r = maillog_message_decode(group->bytes + at, length, &message);
		if (r < 0)
			return r;
		/* of connections from before that time nobody knows which there were */
		message.fact.recent = message.fact.recent && message.fact.last >= client->began;
		handlers->fact(handlers->userdata, message.log, &message.fact);
	}
	group_clear(group);
	client->places[places->log] = *places;
	handlers->places(handlers->userdata, places);
	return 0;
}

static void add_sample(struct maillog_stats *stats, const struct maillog_message *message)
{
	memmove(stats->samples[1], stats->samples[0], sizeof(stats->samples) - MAILLOG_SAMPLE_MAX);
	memmove(&stats->sample_logs[1], &stats->sample_logs[0],
		sizeof(stats->sample_logs) - sizeof(stats->sample_logs[0]));
	memcpy(stats->samples[0], message->sample, MAILLOG_SAMPLE_MAX);
	stats->sample_logs[0] = message->log;
	stats->n_samples = MIN_OF(stats->n_samples + 1, (unsigned)MAILLOG_SAMPLES);
}

static int on_packet(void *userdata, const void *bytes, size_t size)
{
	struct maillog_client *client = userdata;
	struct maillog_message message;
	int r = maillog_message_decode(bytes, size, &message);

	if (r < 0)
		return r;
	if (message.type == MAILLOG_START || !client->followed[message.log])
		return -EBADMSG;
	switch (message.type) {
	case MAILLOG_FACT:
		return group_add(&client->groups[message.log], bytes, size);
	case MAILLOG_PLACES:
		return hand_out(client, &message.places);
	case MAILLOG_REPORT:
		client->stats.reports[message.log] = message.report;
		client->stats.reported[message.log] = true;
		return 0;
	case MAILLOG_SAMPLE:
		add_sample(&client->stats, &message);
		return 0;
	case MAILLOG_START:
	case MAILLOG_MESSAGE_TYPES:
		break;
	}
	return -EBADMSG;
}

static int send_message(struct worker_process *process, const struct maillog_message *message)
{
	uint8_t bytes[MAILLOG_PACKET_MAX];
	size_t size = maillog_message_encode(message, bytes);
	int r = worker_process_send(process, bytes, size);

	/* a socket that is just made has room; one that is gone already is a worker that failed */
	return r > 0 ? -EPIPE : r;
}

static int on_started(void *userdata, struct worker_process *process)
{
	struct maillog_client *client = userdata;
	struct maillog_message message = { .type = MAILLOG_PLACES };

	for (unsigned log = 0; log < MAIL_LOGS; log++) {
		int r;

		if (!client->followed[log])
			continue;
		message.log = (enum mail_log)log;
		message.places = client->places[log];
		r = send_message(process, &message);
		if (r < 0)
			return r;
	}
	message = (struct maillog_message){ .type = MAILLOG_START };
	return send_message(process, &message);
}

static void add_report(struct maillog_stats *stats, const struct log_report *report)
{
	stats->lines += report->lines;
	stats->facts += report->facts;
	stats->unparsed += report->unparsed;
	stats->ambiguous += report->ambiguous;
	stats->without_port += report->without_port;
	stats->exim_full += report->exim_full;
	stats->exim_host_limit += report->exim_host_limit;
}

static void on_gone(void *userdata)
{
	struct maillog_client *client = userdata;
	struct maillog_stats *stats = &client->stats;

	for (unsigned log = 0; log < MAIL_LOGS; log++) {
		group_clear(&client->groups[log]);
		if (stats->reported[log])
			add_report(stats, &stats->reports[log]);
	}
	memset(stats->reported, 0, sizeof(stats->reported));
	memset(stats->reports, 0, sizeof(stats->reports));
}

static bool on_ready(void *userdata)
{
	struct maillog_client *client = userdata;

	return !client->handlers.ready || client->handlers.ready(client->handlers.userdata);
}

static int start(struct maillog_client *client, sd_event *event,
		 const struct maillog_settings *settings)
{
	static const char *const options[MAIL_LOGS] = {
		[MAIL_LOG_EXIM] = "--exim",
		[MAIL_LOG_MAIL] = "--mail",
		[MAIL_LOG_CPANEL] = "--cpanel",
	};
	const char *arguments[2 * MAIL_LOGS + 1] = { NULL };
	const struct worker_settings worker = {
		.program = settings->program,
		.arguments = arguments,
		/* mail logs are root's or a group's; it only opens them to read */
		.capability = CAP_DAC_READ_SEARCH,
		.packet_bytes = MAILLOG_PACKET_MAX,
		.patience = 3 * MAILLOG_HEARTBEAT,
	};
	const struct worker_handlers handlers = {
		.started = on_started,
		.packet = on_packet,
		.gone = on_gone,
		.ready = on_ready,
		.userdata = client,
	};
	unsigned n = 0;

	for (unsigned log = 0; log < MAIL_LOGS; log++) {
		if (!client->followed[log])
			continue;
		arguments[n++] = options[log];
		arguments[n++] = settings->paths[log];
	}
	return n ? worker_process_new(&client->process, event, &worker, &handlers) : -EINVAL;
}

int maillog_client_new(struct maillog_client **ret_client, sd_event *event,
		       const struct maillog_settings *settings,
		       const struct log_places places[static MAIL_LOGS],
		       const struct maillog_handlers *handlers)
{
	struct maillog_client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	client->handlers = *handlers;
	client->began = clock_to_wall(clock_now());
	for (unsigned log = 0; log < MAIL_LOGS; log++) {
		client->followed[log] = settings->paths[log] && settings->paths[log][0];
		client->places[log] = places[log];
	}
	r = start(client, event, settings);
	if (r < 0) {
		maillog_client_free(client);
		return r;
	}
	*ret_client = client;
	return 0;
}

struct maillog_client *maillog_client_free(struct maillog_client *client)
{
	if (!client)
		return NULL;
	worker_process_free(client->process);
	for (unsigned log = 0; log < MAIL_LOGS; log++)
		free(client->groups[log].bytes);
	free(client);
	return NULL;
}

void maillog_client_stats(const struct maillog_client *client, struct maillog_stats *ret_stats)
{
	*ret_stats = client->stats;
	worker_process_stats(client->process, &ret_stats->worker);
	for (unsigned log = 0; log < MAIL_LOGS; log++) {
		if (ret_stats->reported[log])
			add_report(ret_stats, &ret_stats->reports[log]);
	}
}
