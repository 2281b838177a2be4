// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "status_priv.h"

/* It is not told before the worker has looked. */
static const char *state_of(const json_t *log)
{
	return has_text(log, "state") ? text_of(log, "state") : "starting";
}

/* "exim following, mail unreadable". Writes and returns text. */
static const char *states_format(const json_t *logs, char text[static CELL_TEXT_MAX])
{
	const json_t *log;
	size_t used = 0, i;

	snprintf(text, CELL_TEXT_MAX, "no log has a path");
	json_array_foreach(logs, i, log) {
		int n = snprintf(text + used, CELL_TEXT_MAX - used, "%s%s %s", i ? ", " : "",
				 text_of(log, "log"), state_of(log));

		if (n < 0 || (size_t)n >= CELL_TEXT_MAX - used)
			break;
		used += (size_t)n;
	}
	return text;
}

static bool all_follow(const json_t *logs)
{
	const json_t *log;
	size_t i;

	json_array_foreach(logs, i, log)
		if (strcmp(state_of(log), "following") != 0)
			return false;
	return json_array_size(logs) > 0;
}

static long long longest_lag(const json_t *logs)
{
	const json_t *log;
	long long lag = 0;
	size_t i;

	json_array_foreach(logs, i, log)
		lag = MAX_OF(lag, count_of(log, "lag_ms"));
	return lag;
}

static const char *limit_format(const json_t *mail_logs, char text[static CELL_TEXT_MAX])
{
	json_int_t limit = number_of(mail_logs, "auth_failures_limit");
	char span[SPAN_TEXT_MAX];

	if (limit)
		snprintf(text, CELL_TEXT_MAX, "%lld of one source within %s are a ban",
			 (long long)limit,
			 span_format(number_of(mail_logs, "auth_failures_window_s"), span));
	else
		snprintf(text, CELL_TEXT_MAX, "nobody is banned for them");
	return text;
}

/* What Exim's own log says of its slots: other ports than the guarded ones take them, too. */
static void show_exim(const struct cli *cli, const json_t *exim)
{
	long long full = count_of(exim, "refused_full"),
		  per_host = count_of(exim, "refused_per_host");
	char span[SPAN_TEXT_MAX];

	if (json_is_integer(json_object_get(exim, "connections")))
		print_fact(cli, "", COLOUR_NONE, "connections by Exim's log: %lld, %s ago",
			   count_of(exim, "connections"),
			   span_format(MAX_OF(number_of(exim, "age_s"), 0), span));
	if (full || per_host)
		print_fact(cli, "", COLOUR_YELLOW,
			   "Exim refused since start: %lld for smtp_accept_max, %lld for "
			   "smtp_accept_max_per_host",
			   full, per_host);
}

/* Whoever wrote the last one is among those it names. */
static void show_forged(const struct cli *cli, const json_t *forged)
{
	const json_t *last_by = json_object_get(forged, "last_by"), *one;
	const long long more =
		count_of(forged, "addresses") - (long long)json_array_size(last_by);
	char moment[SPAN_TEXT_MAX], who[CELL_TEXT_MAX] = "it names too many to tell";
	size_t used = 0, i;

	if (!count_of(forged, "count"))
		return;
	json_array_foreach(last_by, i, one) {
		int n = snprintf(who + used, sizeof(who) - used, "%s%s", i ? ", " : "by one of ",
				 json_string_value(one) ? json_string_value(one) : "-");

		if (n < 0 || (size_t)n >= sizeof(who) - used)
			break;
		used += (size_t)n;
	}
	if (used && more > 0 && used < sizeof(who))
		snprintf(who + used, sizeof(who) - used, " and %lld more", more);
	print_fact(cli, "", COLOUR_YELLOW,
		   "forged, so that they are nobody's: %lld failed authentication%s, the last "
		   "%s, %s",
		   count_of(forged, "count"), count_of(forged, "count") == 1 ? "" : "s",
		   moment_format(forged, "last", moment), who);
}

void status_mail_show(const struct cli *cli, const json_t *mail_logs)
{
	const json_t *logs = json_object_get(mail_logs, "logs");
	const json_t *facts = json_object_get(mail_logs, "facts");
	bool running = is_true(json_object_get(mail_logs, "worker"), "running");
	char text[CELL_TEXT_MAX];

	if (!is_true(mail_logs, "enabled"))
		return;
	if (running)
		print_fact(cli, "mail logs", all_follow(logs) ? COLOUR_NONE : COLOUR_YELLOW,
			   "%s; lag %lld ms", states_format(logs, text), longest_lag(logs));
	else
		print_fact(cli, "mail logs", COLOUR_YELLOW, "smtpguard-maillog is not running");
	print_fact(cli, "", COLOUR_NONE, "failed authentications: %lld; %s",
		   count_of(facts, "auth_failures"), limit_format(mail_logs, text));
	show_forged(cli, json_object_get(mail_logs, "forged"));
	show_exim(cli, json_object_get(mail_logs, "exim"));
}

/* --- details --- */

static void show_facts(const struct cli *cli, const json_t *mail_logs)
{
	const json_t *facts = json_object_get(mail_logs, "facts");

	print_fact(cli, "mail facts", COLOUR_NONE,
		   "%lld failed authentications, %lld authenticated, %lld messages of others, "
		   "%lld protocol errors, %lld refused by Exim",
		   count_of(facts, "auth_failures"), count_of(facts, "auth_successes"),
		   count_of(facts, "messages"), count_of(facts, "protocol_errors"),
		   count_of(facts, "refused"));
	print_fact(cli, "", COLOUR_NONE,
		   "of connections known here: %lld, of others: %lld, ambiguous: %lld, old: %lld; "
		   "%lld without port, %lld not understood",
		   count_of(mail_logs, "tracked"), count_of(mail_logs, "untracked"),
		   count_of(mail_logs, "ambiguous"), count_of(mail_logs, "old"),
		   count_of(mail_logs, "without_port"), count_of(mail_logs, "unparsed"));
	print_fact(cli, "", COLOUR_NONE,
		   "%lld sources remembered, %lld authenticated lately, %lld spared for it; "
		   "account alerts: %lld, above %lld networks a day",
		   count_of(mail_logs, "sources"), count_of(mail_logs, "authenticated"),
		   count_of(mail_logs, "spared"), count_of(mail_logs, "account_alerts"),
		   count_of(mail_logs, "account_networks"));
}

static void show_log(const struct cli *cli, const json_t *log, const char *label)
{
	const char *error = json_string_value(json_object_get(log, "error"));

	print_fact(cli, label, strcmp(state_of(log), "following") ? COLOUR_YELLOW : COLOUR_NONE,
		   "%s: %s%s%s, %lld of %lld bytes read; %lld lines, %lld facts, %lld not "
		   "understood; %lld rotations, %lld truncations, %lld gaps",
		   text_of(log, "path"), state_of(log), error ? ": " : "", error ? error : "",
		   count_of(log, "offset"), count_of(log, "size"), count_of(log, "lines"),
		   count_of(log, "facts"), count_of(log, "unparsed"), count_of(log, "rotations"),
		   count_of(log, "truncations"), count_of(log, "gaps"));
}

void status_mail_details(const struct cli *cli, const json_t *mail_logs)
{
	const json_t *entry;
	size_t i;

	if (!is_true(mail_logs, "enabled"))
		return;
	show_facts(cli, mail_logs);
	json_array_foreach(json_object_get(mail_logs, "logs"), i, entry)
		show_log(cli, entry, i ? "" : "followed");
	json_array_foreach(json_object_get(mail_logs, "samples"), i, entry)
		print_fact(cli, i ? "" : "unparsed", COLOUR_YELLOW, "%s: %s", text_of(entry, "log"),
			   text_of(entry, "line"));
}
