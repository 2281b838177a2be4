// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The mail logs in the documents: how they are followed, what they told, and what is known of a source.
 */
#include <string.h>

#include "smtpguard/base/escape.h"

#include "report_priv.h"
#include "report_status_priv.h"

/* --- a source --- */

json_t *report_mail(const struct report_inputs *inputs, const struct prefix *prefix, usec_t now)
{
	const struct mail_settings *settings = &guard_settings(inputs->guard)->mail;
	struct auth_summary summary;

	if (!inputs->mail_logs || !guard_auth_summary(inputs->guard, prefix, now, &summary))
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:s?, s:o, s:o, s:o}",
			 "failures_in_window", (json_int_t)summary.failures_in_window, "limit",
			 (json_int_t)settings->auth_failures, "window_s",
			 (json_int_t)(settings->auth_window / USEC_PER_SEC), "failures",
			 (json_int_t)summary.failures, "successes", (json_int_t)summary.successes,
			 "accounts", (json_int_t)summary.accounts, "last_account",
			 summary.last_account[0] ? summary.last_account : NULL, "last_failure",
			 report_time(summary.last_failure), "last_success",
			 report_time(summary.last_success), "authenticated_until",
			 report_time(summary.authenticated_until));
}

/* --- the logs --- */

bool status_has_log(const struct status_facts *facts, enum mail_log log)
{
	const char *path = facts->mail_logs ? facts->mail_logs->paths[log] : NULL;

	return path && path[0];
}

static json_t *log_object(const struct status_facts *facts, enum mail_log log)
{
	const struct log_report *report = &facts->maillog.reports[log];
	const char *path = facts->mail_logs->paths[log];
	bool told = facts->maillog.reported[log];
	bool unreadable = told && report->state == LOG_STATE_UNREADABLE;
	char shown[STATUS_TEXT_MAX];
	json_t *object;

	object = json_pack("{s:s, s:s, s:s?, s:s?}", "log", mail_log_name(log), "path",
			   escape(shown, sizeof(shown), path, strlen(path)), "state",
			   told ? log_state_name(report->state) : NULL, "error",
			   unreadable ? strerror(report->error) : NULL);
	object = report_merge(object,
			    NUMBERS({ "size", report->size }, { "offset", report->offset },
				    { "behind_bytes", report->behind_bytes },
				    { "lag_ms", report->lag / USEC_PER_MSEC },
				    { "lines", report->lines }, { "facts", report->facts },
				    { "unparsed", report->unparsed },
				    { "ambiguous", report->ambiguous },
				    { "without_port", report->without_port },
				    { "long_lines", report->long_lines },
				    { "rotations", report->rotations },
				    { "truncations", report->truncations },
				    { "gaps", report->gaps }));
	return report_with(object, "clock_off_s", json_integer(report->clock_off_s));
}

static json_t *logs_list(const struct status_facts *facts)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < MAIL_LOGS; i++) {
		if (!status_has_log(facts, (enum mail_log)i))
			continue;
		if (json_array_append_new(list, log_object(facts, (enum mail_log)i)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *samples_list(const struct maillog_stats *maillog)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < maillog->n_samples; i++) {
		json_t *sample = json_pack("{s:s, s:s}", "log",
					   mail_log_name(maillog->sample_logs[i]), "line",
					   maillog->samples[i]);

		if (json_array_append_new(list, sample) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* How full Exim is, by its own count. */
static json_t *exim_object(const struct status_facts *facts)
{
	const struct maillog_stats *maillog = &facts->maillog;
	const struct log_report *report = &maillog->reports[MAIL_LOG_EXIM];
	usec_t wall = clock_to_wall(facts->now), told = report->exim_connections_at;
	json_t *connections = json_null(), *age = json_null();

	if (told) {
		connections = json_integer((json_int_t)report->exim_connections);
		age = json_integer(wall > told ? (json_int_t)((wall - told) / USEC_PER_SEC) : 0);
	}
	return json_pack("{s:o, s:o, s:I, s:I}", "connections", connections, "age_s", age,
			 "refused_full", (json_int_t)maillog->exim_full, "refused_per_host",
			 (json_int_t)maillog->exim_host_limit);
}

/* --- what they told --- */

static json_t *worker_object(const struct worker_stats *worker)
{
	return json_pack("{s:b, s:I, s:I}", "running", worker->running, "starts",
			 (json_int_t)worker->starts, "bad_messages",
			 (json_int_t)worker->bad_messages);
}

static json_t *settings_object(const struct status_facts *facts)
{
	const struct mail_settings *settings = &facts->settings->mail;

	return NUMBERS({ "auth_failures_limit", settings->auth_failures },
		       { "auth_failures_window_s", settings->auth_window / USEC_PER_SEC },
		       { "account_networks", settings->account_networks },
		       { "account_alerts", facts->mail_logs->account_alerts });
}

static json_t *facts_object(const struct mail_stats *mail)
{
	return NUMBERS({ "auth_failures", mail->facts[MAIL_FACT_AUTH_FAILURE] },
		       { "auth_successes", mail->facts[MAIL_FACT_AUTH_SUCCESS] },
		       { "messages", mail->facts[MAIL_FACT_MESSAGE] },
		       { "protocol_errors", mail->facts[MAIL_FACT_PROTOCOL_ERROR] },
		       { "refused", mail->facts[MAIL_FACT_REFUSED] });
}

static json_t *matches_object(const struct mail_stats *mail)
{
	json_t *object = NUMBERS({ "tracked", mail->tracked }, { "untracked", mail->untracked },
				 { "ambiguous", mail->ambiguous }, { "old", mail->old });

	return report_with(object, "distrusted_until", report_time(mail->distrusted_until));
}

/* "203.0.113.9:1024", "[2001:db8::1]:1024", or without the port */
static json_t *reading_text(const struct mail_reading *reading)
{
	char address[ADDRESS_TEXT_MAX];

	address_format(&reading->address, address);
	if (!reading->port)
		return json_string(address);
	return json_sprintf(address_is_ipv4(&reading->address) ? "%s:%u" : "[%s]:%u", address,
			    reading->port);
}

/* Whoever forged the line is among them. */
static json_t *forged_list(const struct mail_log_facts *mail_logs)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < MIN_OF(mail_logs->n_forged, (unsigned)MAIL_FORGED_SHOWN); i++)
		if (json_array_append_new(list, reading_text(&mail_logs->forged[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *forged_object(const struct status_facts *facts)
{
	json_t *object = NUMBERS({ "count", facts->mail.forged },
				 { "addresses", facts->mail_logs->n_forged });

	object = report_with(object, "last", report_time(facts->mail.last_forged));
	return report_with(object, "last_by", forged_list(facts->mail_logs));
}

static json_t *tables_object(const struct status_facts *facts)
{
	const struct mail_stats *mail = &facts->mail;

	return NUMBERS({ "sources", mail->sources }, { "authenticated", mail->authenticated },
		       { "spared", mail->spared }, { "sources_evicted", mail->sources_evicted },
		       { "connections", mail->connections.entries },
		       { "connections_evicted", mail->connections.evicted },
		       { "facts_queued", facts->ledger.facts_queued },
		       { "facts_dropped", facts->ledger.facts_dropped },
		       { "facts_folded", facts->ledger.facts_folded });
}

json_t *status_mail_logs(const struct status_facts *facts)
{
	const struct maillog_stats *maillog = &facts->maillog;
	json_t *object = json_pack("{s:b}", "enabled", facts->mail_logs != NULL);

	if (!facts->mail_logs)
		return object;
	object = report_with(object, "worker", worker_object(&maillog->worker));
	object = report_merge(object, settings_object(facts));
	object = report_with(object, "facts", facts_object(&facts->mail));
	object = report_merge(object, matches_object(&facts->mail));
	object = report_with(object, "forged", forged_object(facts));
	object = report_merge(object, NUMBERS({ "without_port", maillog->without_port },
					      { "unparsed", maillog->unparsed }));
	object = report_with(object, "samples", samples_list(maillog));
	object = report_merge(object, tables_object(facts));
	object = report_with(object, "facts_refused", json_boolean(facts->mail_logs->refused));
	object = report_with(object, "exim", exim_object(facts));
	return report_with(object, "logs", logs_list(facts));
}
