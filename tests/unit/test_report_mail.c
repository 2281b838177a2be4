// SPDX-License-Identifier: GPL-2.0-or-later
/* The mail logs in the documents: how they are followed, what they told, whom it got banned. */
#include "documented.h"
#include "report_world.h"

#include "../../src/control/metrics_priv.h"

#define WALL UINT64_C(1795348800000000) /* 2026-11-22T12:00:00Z */

static const struct control_stats control;
static const struct maillog_client *const some_client = (const void *)&control;

/* Two of three logs, without a worker. */
static struct mail_log_facts logs = { .paths = { "/var/log/exim_mainlog", "/var/log/mail\x01log",
						 "" } };

static int setup_mail(void **state)
{
	int r = setup_with(state, false, true);
	struct fixture *fixture = *state;

	logs.client = NULL;
	fixture->inputs.mail_logs = &logs;
	return r;
}

/* Facts of a worker that runs and reads both logs. */
static struct status_facts facts_of(struct fixture *fixture)
{
	struct status_facts facts = { .settings = &fixture->settings,
				      .kernel = &fixture->kernel,
				      .conntrack = { .last_sync = START },
				      .resolver = { .running = true },
				      .names = { .healthy = true },
				      .ledger = { .state = LEDGER_HEALTHY },
				      .mail_logs = &logs,
				      .maillog = { .worker = { .running = true, .starts = 1 },
						   .reported = { true, true } },
				      .now = START,
				      .has_writer = true,
				      .has_ledger = true };

	logs.client = some_client;
	for (unsigned i = 0; i < MAIL_LOGS; i++)
		facts.maillog.reports[i].log = (enum mail_log)i;
	return facts;
}

static void off_is_all_there_is_to_say(void **state)
{
	struct fixture *fixture = *state;
	json_t *status = report_status(&fixture->inputs, &control, fixture->now), *explain;

	keys_are(json_object_get(status, "mail_logs"), "enabled");
	assert_true(json_is_false(json_object_get(json_object_get(status, "mail_logs"), "enabled")));
	json_decref(status);
	explain = explain_of(fixture, "203.0.113.9");
	assert_true(json_is_null(json_object_get(explain, "mail")));
	json_decref(explain);
}

static void status_has_the_logs(void **state)
{
	struct fixture *fixture = *state;
	struct status_facts facts = facts_of(fixture);
	struct maillog_stats *maillog = &facts.maillog;
	json_t *object, *part;

	maillog->reports[0].state = LOG_STATE_BEHIND;
	maillog->reports[0].lag = 1500 * USEC_PER_MSEC;
	maillog->reports[0].behind_bytes = 4096;
	maillog->reports[0].exim_connections = 37;
	maillog->reports[0].exim_connections_at = clock_to_wall(START) - 3500 * USEC_PER_MSEC;
	maillog->reports[1].state = LOG_STATE_UNREADABLE;
	maillog->reports[1].error = 13;
	maillog->exim_full = 5;
	maillog->exim_host_limit = 6;
	maillog->unparsed = 1;
	maillog->n_samples = 1;
	maillog->sample_logs[0] = MAIL_LOG_MAIL;
	snprintf(maillog->samples[0], sizeof(maillog->samples[0]), "auth failed \\x1b");
	facts.mail.facts[MAIL_FACT_AUTH_FAILURE] = 11;
	facts.mail.facts[MAIL_FACT_REFUSED] = 12;
	facts.mail.connections.entries = 13;
	facts.ledger.facts_queued = 14;

	object = status_mail_logs(&facts);
	keys_are(object, "enabled worker auth_failures_limit auth_failures_window_s "
			 "account_networks account_alerts facts tracked untracked ambiguous old "
			 "distrusted_until forged without_port unparsed samples sources authenticated "
			 "spared sources_evicted connections connections_evicted facts_queued "
			 "facts_dropped facts_folded facts_refused exim logs");
	assert_int_equal(number_of(object, "auth_failures_limit"), 20);
	assert_int_equal(number_of(object, "auth_failures_window_s"), 3600);
	assert_int_equal(number_of(object, "account_networks"), 5);
	assert_int_equal(number_of(object, "connections"), 13);
	assert_int_equal(number_of(object, "facts_queued"), 14);
	assert_true(json_is_null(json_object_get(object, "distrusted_until")));
	part = json_object_get(object, "facts");
	keys_are(part, "auth_failures auth_successes messages protocol_errors refused");
	assert_int_equal(number_of(part, "auth_failures"), 11);
	assert_int_equal(number_of(part, "refused"), 12);
	part = json_array_get(json_object_get(object, "samples"), 0);
	assert_string_equal(text_of(part, "log"), "mail");
	assert_string_equal(text_of(part, "line"), "auth failed \\x1b");
	part = json_object_get(object, "exim");
	assert_int_equal(number_of(part, "connections"), 37);
	assert_int_equal(number_of(part, "age_s"), 3);
	assert_int_equal(number_of(part, "refused_full"), 5);
	assert_int_equal(number_of(part, "refused_per_host"), 6);
	assert_int_equal(json_array_size(json_object_get(object, "logs")), 2);
	part = json_array_get(json_object_get(object, "logs"), 0);
	keys_are(part, "log path state error size offset behind_bytes lag_ms lines facts unparsed "
		       "ambiguous without_port long_lines rotations truncations gaps clock_off_s");
	assert_string_equal(text_of(part, "state"), "behind");
	assert_int_equal(number_of(part, "lag_ms"), 1500);
	assert_true(json_is_null(json_object_get(part, "error")));
	part = json_array_get(json_object_get(object, "logs"), 1);
	assert_string_equal(text_of(part, "path"), "/var/log/mail\\x01log");
	assert_string_equal(text_of(part, "state"), "unreadable");
	assert_string_equal(text_of(part, "error"), "Permission denied");
	read_pages();
	require_documented(object);
	json_decref(object);
}

static void logs_without_a_report(void **state)
{
	struct fixture *fixture = *state;
	json_t *status = report_status(&fixture->inputs, &control, fixture->now);
	json_t *object = json_object_get(status, "mail_logs"), *part;

	part = json_object_get(object, "worker");
	keys_are(part, "running starts bad_messages");
	assert_true(json_is_false(json_object_get(part, "running")));
	part = json_object_get(object, "exim");
	assert_true(json_is_null(json_object_get(part, "connections")));
	assert_true(json_is_null(json_object_get(part, "age_s")));
	part = json_array_get(json_object_get(object, "logs"), 0);
	assert_true(json_is_null(json_object_get(part, "state")));
	assert_true(has_problem(status, "the mail logs are not followed yet"));
	json_decref(status);
}

/* Each condition by itself, on a status without any other problem. */
static void conditions_have_their_sentences(void **state)
{
	const struct mail_log_facts refused = { .paths = { "/var/log/exim_mainlog" }, .client = some_client,
						.refused = true };
	struct status_facts well = facts_of(*state), facts[14];
	static const char *const sentences[ARRAY_SIZE(facts)] = {
		"smtpguard-maillog is not running: the mail logs are not read",
		"cannot read /var/log/exim_mainlog: Permission denied; tried again every 5 s",
		"there is no /var/log/mail\\x01log: it is waited for; mail_logs.mail says",
		"/var/log/exim_mainlog is read with a lag of 61 s, 4096 bytes wait",
		"/var/log/exim_mainlog was rotated away 2 times before it was read to its end",
		"3 lines of the mail logs look relevant and are not understood",
		"4 lines of Exim's log came without the client's port since start",
		"can be read in several ways: until 20",
		"9 failed logins since start could be read in several ways, the last one 5 s ago",
		"the ledger does not take the facts of the mail logs",
		"6 facts of the mail logs are kept without account and address",
		"7 connections were forgotten while they lasted since start, 65536 entries",
		"",
		"the stamps of /var/log/exim_mainlog are 5 h 30 min behind the clock: its lines",
	};
	json_t *problems;

	for (unsigned i = 0; i < ARRAY_SIZE(facts); i++)
		facts[i] = well;
	facts[0].maillog.worker.running = false;
	facts[1].maillog.reports[0].state = LOG_STATE_UNREADABLE;
	facts[1].maillog.reports[0].error = 13;
	facts[2].maillog.reports[1].state = LOG_STATE_MISSING;
	facts[3].maillog.reports[0].state = LOG_STATE_BEHIND;
	facts[3].maillog.reports[0].lag = 61 * USEC_PER_SEC;
	facts[3].maillog.reports[0].behind_bytes = 4096;
	facts[4].maillog.reports[0].gaps = 2;
	facts[5].maillog.unparsed = 3;
	facts[6].maillog.without_port = 4;
	facts[7].mail.distrusted_until = START + USEC_PER_SEC;
	facts[8].mail.forged = 9;
	facts[8].mail.last_forged = facts[8].now - 5 * USEC_PER_SEC;
	facts[9].mail_logs = &refused;
	facts[10].ledger.facts_folded = 6;
	facts[11].mail.connections.evicted_alive = 7;
	facts[11].mail.connections.capacity = 65536;
	/* what is not asked for, or catches up, is no problem */
	facts[12].maillog.reports[2].state = LOG_STATE_MISSING;
	facts[12].maillog.reports[0].state = LOG_STATE_BEHIND;
	facts[12].maillog.reports[0].lag = 60 * USEC_PER_SEC;
	facts[12].mail.connections.evicted = 7;
	facts[13].maillog.reports[0].clock_off_s = -19799;
	for (unsigned i = 0; i < ARRAY_SIZE(facts); i++) {
		problems = status_problems(&facts[i]);
		assert_int_equal(json_array_size(problems), sentences[i][0] ? 1 : 0);
		if (sentences[i][0] &&
		    !strstr(json_string_value(json_array_get(problems, 0)), sentences[i]))
			fail_msg("'%s' does not contain '%s'",
				 json_string_value(json_array_get(problems, 0)), sentences[i]);
		json_decref(problems);
	}
}

/* --- metrics --- */

static char *metrics_of(const struct status_facts *facts)
{
	size_t length;
	char *text;
	FILE *out = open_memstream(&text, &length);

	assert_non_null(out);
	metrics_mail(out, facts);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void metrics_have_the_same_numbers(void **state)
{
	struct status_facts facts = facts_of(*state);
	static const char *const lines[] = {
		"\nsmtpguard_mail_logs_enabled 1\n",
		"\nsmtpguard_mail_worker_running 1\n",
		"\nsmtpguard_mail_facts_total{kind=\"auth_failures\"} 11\n",
		"\nsmtpguard_mail_matches_total{kind=\"untracked\"} 12\n",
		"\nsmtpguard_mail_distrusted 1\n",
		"\nsmtpguard_mail_unparsed_lines_total 13\n",
		"\nsmtpguard_mail_dropped_facts_total 14\n",
		"\nsmtpguard_mail_exim_connections 37\n",
		"\nsmtpguard_mail_exim_refused_total{kind=\"per_host\"} 6\n",
		"\nsmtpguard_mail_log_readable{log=\"exim\"} 1\n",
		"\nsmtpguard_mail_log_readable{log=\"mail\"} 0\n",
		"\n# UNIT smtpguard_mail_log_lag_seconds seconds\n",
		"\nsmtpguard_mail_log_lag_seconds{log=\"exim\"} 1.500000\n",
		"\nsmtpguard_mail_log_behind_bytes{log=\"exim\"} 4096\n",
		"\nsmtpguard_mail_log_lines_total{log=\"mail\"} 15\n",
	};
	char *text;

	facts.mail.facts[MAIL_FACT_AUTH_FAILURE] = 11;
	facts.mail.untracked = 12;
	facts.mail.distrusted_until = START;
	facts.maillog.unparsed = 13;
	facts.maillog.exim_host_limit = 6;
	facts.ledger.facts_dropped = 14;
	facts.maillog.reports[0].state = LOG_STATE_BEHIND;
	facts.maillog.reports[0].lag = 1500 * USEC_PER_MSEC;
	facts.maillog.reports[0].behind_bytes = 4096;
	facts.maillog.reports[0].exim_connections = 37;
	facts.maillog.reports[1].state = LOG_STATE_UNREADABLE;
	facts.maillog.reports[1].lines = 15;
	text = metrics_of(&facts);
	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
		if (!strstr(text, lines[i]))
			fail_msg("no line '%s'", lines[i] + 1);
	/* what is not followed has no samples */
	assert_null(strstr(text, "cpanel"));
	free(text);

	facts.mail_logs = NULL;
	text = metrics_of(&facts);
	assert_non_null(strstr(text, "\nsmtpguard_mail_logs_enabled 0\n"));
	assert_null(strstr(text, "mail_worker"));
	free(text);
}

/* --- a source --- */

static void tell(struct fixture *fixture, enum mail_fact_kind kind, uint16_t port,
		 const char *account)
{
	struct mail_fact fact = { .kind = kind,
				  .protocol = MAIL_PROTOCOL_SMTP,
				  .recent = true,
				  .count = 1,
				  .first = WALL,
				  .last = WALL,
				  .day = 20261122,
				  .n_readings = 1,
				  .readings = { { address("203.0.113.9"), port, "" } } };
	unsigned reading;

	snprintf(fact.readings[0].account, sizeof(fact.readings[0].account), "%s", account);
	assert_int_equal(guard_mail_fact(fixture->guard, &fact, fixture->now, &reading),
			 MAIL_MATCH_TRACKED);
}

static void explain_tells_who_was_tried(void **state)
{
	struct fixture *fixture = *state;
	json_t *explain = explain_of(fixture, "203.0.113.9"), *mail;

	assert_true(json_is_null(json_object_get(explain, "mail")));
	json_decref(explain);
	connect_many(fixture, "203.0.113.9", 1000, 2, FLOW_ESTABLISHED);
	for (unsigned i = 0; i < 7; i++)
		tell(fixture, MAIL_FACT_AUTH_FAILURE, 1000, i ? "user@example.com" : "a@b.example");
	explain = explain_of(fixture, "203.0.113.9");
	mail = json_object_get(explain, "mail");
	keys_are(mail, "failures_in_window limit window_s failures successes accounts last_account "
		       "last_failure last_success authenticated_until");
	assert_int_equal(number_of(mail, "failures_in_window"), 7);
	assert_int_equal(number_of(mail, "limit"), 20);
	assert_int_equal(number_of(mail, "window_s"), 3600);
	assert_int_equal(number_of(mail, "failures"), 7);
	assert_int_equal(number_of(mail, "successes"), 0);
	assert_int_equal(number_of(mail, "accounts"), 2);
	assert_string_equal(text_of(mail, "last_account"), "user@example.com");
	assert_true(json_is_string(json_object_get(mail, "last_failure")));
	assert_true(json_is_null(json_object_get(mail, "last_success")));
	assert_true(json_is_null(json_object_get(mail, "authenticated_until")));
	read_pages();
	require_documented(explain);
	json_decref(explain);

	tell(fixture, MAIL_FACT_AUTH_SUCCESS, 1001, "user@example.com");
	explain = explain_of(fixture, "203.0.113.9");
	mail = json_object_get(explain, "mail");
	assert_int_equal(number_of(mail, "successes"), 1);
	assert_true(json_is_string(json_object_get(mail, "last_success")));
	assert_true(json_is_string(json_object_get(mail, "authenticated_until")));
	json_decref(explain);
}

static void the_ban_names_the_accounts(void **state)
{
	struct fixture *fixture = *state;
	json_t *bans, *entry;

	connect_many(fixture, "203.0.113.9", 1000, 1, FLOW_ESTABLISHED);
	for (unsigned i = 0; i < 20; i++)
		tell(fixture, MAIL_FACT_AUTH_FAILURE, 1000, i ? "user@example.com" : "a@b.example");
	bans = list(fixture, "bans", NULL);
	assert_int_equal(json_array_size(bans), 1);
	entry = json_array_get(bans, 0);
	assert_string_equal(text_of(entry, "limit"), "auth-failures");
	assert_string_equal(text_of(entry, "service"), "smtp");
	assert_int_equal(number_of(entry, "allowed"), 20);
	assert_int_equal(number_of(entry, "observed"), 20);
	assert_string_equal(text_of(entry, "window"), "3600s");
	assert_string_equal(text_of(entry, "accounts"), "user@example.com and 1 more");
	json_decref(bans);
	assert_int_equal(json_array_size(fixture->decisions), 1);
	entry = json_array_get(fixture->decisions, 0);
	assert_string_equal(text_of(entry, "limit"), "auth-failures");
	assert_string_equal(text_of(entry, "window"), "3600s");
	assert_string_equal(text_of(entry, "accounts"), "user@example.com and 1 more");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(off_is_all_there_is_to_say, setup, teardown),
		cmocka_unit_test_setup_teardown(status_has_the_logs, setup_mail, teardown),
		cmocka_unit_test_setup_teardown(logs_without_a_report, setup_mail, teardown),
		cmocka_unit_test_setup_teardown(conditions_have_their_sentences, setup_mail,
						teardown),
		cmocka_unit_test_setup_teardown(metrics_have_the_same_numbers, setup_mail,
						teardown),
		cmocka_unit_test_setup_teardown(explain_tells_who_was_tried, setup_mail, teardown),
		cmocka_unit_test_setup_teardown(the_ban_names_the_accounts, setup_mail, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
