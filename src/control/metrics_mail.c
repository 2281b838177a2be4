// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The mail logs: what they told, whose it was, and how they are followed.
 */
#include <inttypes.h>

#include "metrics_priv.h"

static void add_facts(FILE *out, const struct status_facts *facts)
{
	const struct mail_stats *mail = &facts->mail;

	metrics_parts(out,
		      &(struct metric){ METRIC_COUNTER, "mail_facts",
					"What lines of the mail logs told, by kind.", 0 },
		      "kind",
		      PARTS({ "auth_failures", mail->facts[MAIL_FACT_AUTH_FAILURE] },
			    { "auth_successes", mail->facts[MAIL_FACT_AUTH_SUCCESS] },
			    { "messages", mail->facts[MAIL_FACT_MESSAGE] },
			    { "protocol_errors", mail->facts[MAIL_FACT_PROTOCOL_ERROR] },
			    { "refused", mail->facts[MAIL_FACT_REFUSED] }));
	metrics_parts(out,
		      &(struct metric){ METRIC_COUNTER, "mail_matches",
					"Lines of the mail logs, by whose they were.", 0 },
		      "kind",
		      PARTS({ "tracked", mail->tracked }, { "untracked", mail->untracked },
			    { "ambiguous", mail->ambiguous }, { "old", mail->old }));
	METRICS(out,
		{ METRIC_GAUGE, "mail_distrusted",
		  "1: lines that can be read in several ways count against nobody for now.",
		  mail->distrusted_until != 0 },
		{ METRIC_COUNTER, "mail_unparsed_lines",
		  "Lines that look relevant and are not understood.", facts->maillog.unparsed },
		{ METRIC_COUNTER, "mail_lines_without_port",
		  "Lines of Exim's log without the client's port.", facts->maillog.without_port },
		{ METRIC_COUNTER, "mail_account_alerts",
		  "Accounts newly used from more than mail_logs.account_networks networks.",
		  facts->mail_logs->account_alerts });
}

static void add_memory(FILE *out, const struct status_facts *facts)
{
	const struct mail_stats *mail = &facts->mail;
	const struct connection_memory_stats *connections = &mail->connections;
	const struct ledger_stats *ledger = &facts->ledger;

	METRICS(out,
		{ METRIC_GAUGE, "mail_sources", "Sources whose authentications are remembered.",
		  mail->sources },
		{ METRIC_GAUGE, "mail_authenticated_sources",
		  "Of those: spared because they have authenticated.", mail->authenticated },
		{ METRIC_COUNTER, "mail_spared", "Sources over a limit that were spared for it.",
		  mail->spared },
		{ METRIC_COUNTER, "mail_evicted_sources", "Sources that made room for others.",
		  mail->sources_evicted },
		{ METRIC_GAUGE, "mail_connections", "Entries of the memory of connections.",
		  connections->entries },
		{ METRIC_GAUGE, "mail_connections_max", "Entries that fit.",
		  connections->capacity },
		{ METRIC_COUNTER, "mail_evicted_connections", "Entries that made room for others.",
		  connections->evicted },
		{ METRIC_COUNTER, "mail_forgotten_connections",
		  "Of those: of connections that were alive.", connections->evicted_alive },
		{ METRIC_GAUGE, "mail_queued_facts", "Facts that wait for the ledger's disk.",
		  ledger->facts_queued },
		{ METRIC_COUNTER, "mail_dropped_facts", "Facts that did not reach the ledger.",
		  ledger->facts_dropped },
		{ METRIC_COUNTER, "mail_folded_facts",
		  "Facts kept without account and address, too many on a day.",
		  ledger->facts_folded });
}

static void add_exim(FILE *out, const struct status_facts *facts)
{
	const struct maillog_stats *maillog = &facts->maillog;

	METRICS(out, { METRIC_GAUGE, "mail_exim_connections",
		       "Exim's own count at its last connection; 0: not told.",
		       maillog->reports[MAIL_LOG_EXIM].exim_connections });
	metrics_parts(out,
		      &(struct metric){ METRIC_COUNTER, "mail_exim_refused",
					"Connections that Exim refused, by the limit.", 0 },
		      "kind",
		      PARTS({ "full", maillog->exim_full },
			    { "per_host", maillog->exim_host_limit }));
}

/* --- each log --- */

static void add_by_log(FILE *out, const struct status_facts *facts, const struct metric *family,
		       const uint64_t values[static MAIL_LOGS])
{
	metrics_family(out, family->type, family->name, family->help);
	for (unsigned i = 0; i < MAIL_LOGS; i++)
		if (status_has_log(facts, (enum mail_log)i))
			metrics_sample(out, family->type, family->name, "log",
				       mail_log_name((enum mail_log)i), values[i]);
}

static void add_lag(FILE *out, const struct status_facts *facts)
{
	metrics_family(out, METRIC_GAUGE, "mail_log_lag_seconds",
		       "Age of the last line that was read; 0: nothing waits.");
	for (unsigned i = 0; i < MAIL_LOGS; i++) {
		usec_t lag = facts->maillog.reports[i].lag;

		if (status_has_log(facts, (enum mail_log)i))
			fprintf(out,
				"smtpguard_mail_log_lag_seconds{log=\"%s\"} %" PRIu64 ".%06" PRIu64
				"\n",
				mail_log_name((enum mail_log)i), lag / USEC_PER_SEC,
				lag % USEC_PER_SEC);
	}
}

static void add_logs(FILE *out, const struct status_facts *facts)
{
	uint64_t readable[MAIL_LOGS], behind[MAIL_LOGS], lines[MAIL_LOGS], gaps[MAIL_LOGS];

	for (unsigned i = 0; i < MAIL_LOGS; i++) {
		const struct log_report *report = &facts->maillog.reports[i];

		readable[i] = facts->maillog.reported[i] &&
			      (report->state == LOG_STATE_FOLLOWING ||
			       report->state == LOG_STATE_BEHIND);
		behind[i] = report->behind_bytes;
		lines[i] = report->lines;
		gaps[i] = report->gaps;
	}
	add_by_log(out, facts,
		   &(struct metric){ METRIC_GAUGE, "mail_log_readable",
				     "1: the log is there and is read.", 0 },
		   readable);
	add_by_log(out, facts,
		   &(struct metric){ METRIC_GAUGE, "mail_log_behind_bytes", "Not read yet.", 0 },
		   behind);
	add_lag(out, facts);
	add_by_log(out, facts,
		   &(struct metric){ METRIC_COUNTER, "mail_log_lines",
				     "Lines read since the worker's start.", 0 },
		   lines);
	add_by_log(out, facts,
		   &(struct metric){ METRIC_COUNTER, "mail_log_gaps",
				     "Files that were rotated away and not found again.", 0 },
		   gaps);
}

void metrics_mail(FILE *out, const struct status_facts *facts)
{
	const struct worker_stats *worker = &facts->maillog.worker;

	METRICS(out, { METRIC_GAUGE, "mail_logs_enabled", "1: mail logs are followed.",
		       facts->mail_logs != NULL });
	if (!facts->mail_logs)
		return;
	METRICS(out,
		{ METRIC_GAUGE, "mail_worker_running", "1: the worker runs.", worker->running },
		{ METRIC_COUNTER, "mail_worker_starts", "Starts of the worker.", worker->starts },
		{ METRIC_COUNTER, "mail_worker_bad_messages",
		  "Messages of the worker that were not valid.", worker->bad_messages });
	add_facts(out, facts);
	add_memory(out, facts);
	add_exim(out, facts);
	add_logs(out, facts);
}
