// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is wrong with the mail logs, or with what becomes of their lines.
 */
#include <inttypes.h>
#include <string.h>

#include "smtpguard/base/escape.h"

#include "problems_priv.h"

/* A log that is read later than this is told: bans come too late. */
#define LAG_SHOWN (60 * USEC_PER_SEC)

static void add_worker(struct problems *problems, const struct status_facts *facts)
{
	if (!facts->mail_logs->client)
		problem_add(problems, "the mail logs are not followed yet: where to go on is in "
				      "the ledger, which could not be read so far");
	else if (!facts->maillog.worker.running)
		problem_add(problems, "smtpguard-maillog is not running: the mail logs are not "
				      "read, wrong passwords are not counted; the journal says why");
}

static void add_clock(struct problems *problems, const char *path, int64_t off_s)
{
	int64_t minutes = ((off_s < 0 ? -off_s : off_s) + 30) / 60;

	problem_add(problems,
		    "the stamps of %s are %" PRId64 " h %02" PRId64 " min %s the clock: its lines are "
		    "taken for old, nobody is banned or spared by them; compare the time zone of "
		    "smtpguardd with that of the log (Exim's `timezone`)",
		    path, minutes / 60, minutes % 60, off_s < 0 ? "behind" : "ahead of");
}

static void add_log(struct problems *problems, const struct status_facts *facts, enum mail_log log)
{
	const struct log_report *report = &facts->maillog.reports[log];
	const char *path = facts->mail_logs->paths[log];
	char shown[STATUS_TEXT_MAX / 2];

	escape(shown, sizeof(shown), path, strlen(path));
	if (report->state == LOG_STATE_UNREADABLE)
		problem_add(problems,
			    "cannot read %s: %s; tried again every 5 s, `smtpguard doctor` says "
			    "what the daemon lacks",
			    shown, strerror(report->error));
	if (report->state == LOG_STATE_MISSING)
		problem_add(problems,
			    "there is no %s: it is waited for; mail_logs.%s says where the log is, "
			    "\"\" that there is none",
			    shown, mail_log_name(log));
	if (report->state == LOG_STATE_BEHIND && report->lag > LAG_SHOWN)
		problem_add(problems,
			    "%s is read with a lag of %" PRIu64 " s, %" PRIu64
			    " bytes wait: bans for wrong passwords come late",
			    shown, report->lag / USEC_PER_SEC, report->behind_bytes);
	if (report->clock_off_s)
		add_clock(problems, shown, report->clock_off_s);
	if (report->gaps)
		problem_add(problems,
			    "%s was rotated away %" PRIu64 " times before it was read to its end, "
			    "and not found again: the numbers lack some of its lines",
			    shown, report->gaps);
}

static void add_lines(struct problems *problems, const struct status_facts *facts)
{
	const struct maillog_stats *maillog = &facts->maillog;
	char until[TIMESTAMP_TEXT_MAX];

	if (maillog->unparsed)
		problem_add(problems,
			    "%" PRIu64 " lines of the mail logs look relevant and are not "
			    "understood, they count for nothing; `smtpguard doctor` shows the last",
			    maillog->unparsed);
	if (maillog->without_port)
		problem_add(problems,
			    "%" PRIu64 " lines of Exim's log came without the client's port since "
			    "start: whose they are is less sure, some count against nobody; add "
			    "+incoming_port to log_selector in Exim's configuration",
			    maillog->without_port);
	if (facts->mail.last_forged && facts->now - facts->mail.last_forged < MAIL_RECENT)
		problem_add(problems,
			    "%" PRIu64 " failed logins since start could be read in several ways, the last one "
			    "%" PRIu64 " s ago: somebody forges addresses into HELO or account, so that they "
			    "count against nobody; `smtpguard doctor` shows whom the last line names",
			    facts->mail.forged,
			    (facts->now - facts->mail.last_forged) / USEC_PER_SEC);
	if (facts->mail.distrusted_until)
		problem_add(problems,
			    "somebody writes lines into the mail logs that can be read in several "
			    "ways: until %s such lines count against nobody",
			    clock_format_wall(clock_to_wall(facts->mail.distrusted_until), until));
}

static void add_memory(struct problems *problems, const struct status_facts *facts)
{
	const struct connection_memory_stats *connections = &facts->mail.connections;

	if (facts->mail_logs->refused)
		problem_add(problems,
			    "the ledger does not take the facts of the mail logs: `auth-failures` and "
			    "`accounts` lack them until it is healthy again, then the logs are read again "
			    "from there");
	if (facts->ledger.facts_folded)
		problem_add(problems,
			    "%" PRIu64 " facts of the mail logs are kept without account and address "
			    "since start: more than %d different ones came on a day",
			    facts->ledger.facts_folded, LEDGER_FACTS_PER_DAY);
	if (connections->evicted_alive)
		problem_add(problems,
			    "%" PRIu64 " connections were forgotten while they lasted since start, "
			    "%" PRIu32 " entries are the most: lines about them count against nobody",
			    connections->evicted_alive, connections->capacity);
}

void problems_mail(struct problems *problems, const struct status_facts *facts)
{
	if (!facts->mail_logs)
		return;
	add_worker(problems, facts);
	for (unsigned i = 0; i < MAIL_LOGS; i++)
		if (status_has_log(facts, (enum mail_log)i) && facts->maillog.reported[i])
			add_log(problems, facts, (enum mail_log)i);
	add_lines(problems, facts);
	add_memory(problems, facts);
}
