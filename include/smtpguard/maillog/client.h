/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's side of smtpguard-maillog, which follows the mail logs: starts it, tells it where to go on,
 * hands out what it read. A group (facts of one log, then its places) is handed out only when it is
 * complete; that of a worker that died is dropped, and read again by the next one.
 */
#pragma once

#include "smtpguard/wire/maillog_message.h"
#include "smtpguard/worker/process.h"

struct maillog_settings {
	const char *program;		/* path of smtpguard-maillog */
	const char *paths[MAIL_LOGS];	/* NULL or empty: not followed */
};

/* None of them may free the client. */
struct maillog_handlers {
	/* One of a complete group, in the order of the log. */
	void (*fact)(void *userdata, enum mail_log log, const struct mail_fact *fact);
	/* The end of the group. */
	void (*places)(void *userdata, const struct log_places *places);
	/* Whether facts can be taken now (worker_handlers.ready). NULL: always. */
	bool (*ready)(void *userdata);
	void *userdata;
};

#define MAILLOG_SAMPLES 5

struct maillog_stats {
	struct worker_stats worker;
	bool reported[MAIL_LOGS]; /* there is a report of the worker that runs now: in reports */
	struct log_report reports[MAIL_LOGS];
	/* Counters of all workers so far; those in reports begin anew with each. */
	uint64_t lines, facts, unparsed, ambiguous, without_port, exim_full, exim_host_limit;
	char samples[MAILLOG_SAMPLES][MAILLOG_SAMPLE_MAX]; /* of unparsed lines, the newest first; escaped */
	enum mail_log sample_logs[MAILLOG_SAMPLES];
	unsigned n_samples;
};

struct maillog_client;

/* Settings are copied. places: of each log, as the ledger has them (n 0: from the beginning of the file).
 * -EINVAL: no log is followed. */
int maillog_client_new(struct maillog_client **ret_client, sd_event *event,
		       const struct maillog_settings *settings,
		       const struct log_places places[static MAIL_LOGS],
		       const struct maillog_handlers *handlers) MUST_CHECK;
struct maillog_client *maillog_client_free(struct maillog_client *client);
void maillog_client_stats(const struct maillog_client *client, struct maillog_stats *ret_stats);
