// SPDX-License-Identifier: GPL-2.0-or-later
/* The whole in one document (`status`), in sentences (its problems) and in one text (`metrics`). */
#include "report_world.h"

static void upkeep_is_counted(void **state)
{
	struct fixture *fixture = *state;
	struct reconcile_facts reconcile = { .repairs = 3,
					     .elements_restored = 40,
					     .elements_removed = 5,
					     .tables_loaded = 4,
					     .last_repair = START - 61 * USEC_PER_SEC,
					     .slowest_repair = 1234 };
	static const struct control_stats control;
	json_t *status, *object;

	block(fixture, "198.18.0.0/15", 0, "");
	allow(fixture, "203.0.113.0/24", 0, "");
	fixture->inputs.reconcile = &reconcile;
	guard_set_unenforceable(fixture->guard, "the table was \x01 removed");
	status = report_status(&fixture->inputs, &control, fixture->now);
	assert_true(json_is_false(json_object_get(status, "enforcing")));
	assert_true(json_is_string(json_object_get(status, "unenforceable")));
	assert_string_equal(text_of(status, "mode"), "enforce");
	object = json_object_get(status, "reconcile");
	keys_are(object, "foreign_changes repairs elements_added elements_removed tables_loaded "
			 "load_failures audits slowest_repair_us last_repair_age_s");
	assert_int_equal(number_of(object, "elements_added"), 40);
	assert_int_equal(number_of(object, "elements_removed"), 5);
	assert_int_equal(number_of(object, "last_repair_age_s"), 61);
	object = json_object_get(status, "bans");
	assert_int_equal(number_of(object, "blocked"), 1);
	assert_int_equal(number_of(object, "allowed_by_operator"), 1);
	assert_true(json_is_null(json_object_get(json_object_get(status, "ledger"), "state")));
	assert_true(json_is_null(json_object_get(json_object_get(status, "closer"), "supported")));
	assert_true(has_problem(status, "as in mode observe: the table was \\x01 removed"));
	assert_true(has_problem(status, "repaired 61 s ago, 3 times since start"));
	json_decref(status);
}

/* Each condition by itself, on a status without any other problem. */
static void conditions_have_their_sentences(void **state)
{
	struct fixture *fixture = *state;
	struct status_facts well = { .settings = &fixture->settings,
				     .kernel = &fixture->kernel,
				     .conntrack = { .last_sync = START },
				     .resolver = { .running = true },
				     .names = { .healthy = true },
				     .closer = { .supported = true },
				     .ledger = { .state = LEDGER_HEALTHY },
				     .now = START,
				     .has_writer = true,
				     .has_closer = true,
				     .has_ledger = true };
	struct status_facts facts[18];
	static const char *const sentences[ARRAY_SIZE(facts)] = {
		"bans.max_per_minute (2000) reached: no new bans for now, 7 held back",
		"bans.max_bans (512) reached: the worst offenders stay; 9 bans gave way",
		"ledger is still being read",
		"ledger's disk does not answer: 12 entries wait",
		"ledger cannot be written: database or disk is full",
		"ledger was corrupt at start and is now at /x.corrupt",
		"3 ledger entries were lost",
		"kernel cannot close connections",
		"connections of 4 banned sources were not closed",
		"closing connections of banned sources failed 2 times since start, last: Operation",
		"somebody else changed table inet smtpguard: repaired 599 s ago",
		"3 of 5 audits of the kernel's sets did not see all elements",
		"the ceiling of smtp counts 65535 sources, its most",
		"the gate is off, nobody is refused for a missing name: no \\x01 queue",
		"5 packets passed the gate unasked since start: gate.max_held (1024)",
		"packets passed the gate unseen 6 times since start",
		"the kernel did not take 2 batches of verdicts since start, last: No such file",
		"7 packets at the gate could not be judged",
	};
	json_t *problems;

	problems = status_problems(&well);
	assert_int_equal(json_array_size(problems), 0);
	json_decref(problems);
	for (unsigned i = 0; i < ARRAY_SIZE(facts); i++)
		facts[i] = well;
	facts[0].guard.breaker_open = true;
	facts[0].guard.bans_held_back = 7;
	facts[1].guard.bans_replaced = 9;
	facts[2].ledger.state = LEDGER_LOADING;
	facts[3].ledger.state = LEDGER_STALLED;
	facts[3].ledger.queued = 12;
	facts[4].ledger.state = LEDGER_FAILING;
	snprintf(facts[4].ledger.error, sizeof(facts[4].ledger.error), "database or disk is full");
	snprintf(facts[5].ledger.moved_aside, sizeof(facts[5].ledger.moved_aside), "/x.corrupt");
	facts[6].ledger.dropped = 3;
	facts[7].closer.supported = false;
	facts[8].closer.skipped_sources = 4;
	facts[9].closer.failures = 2;
	facts[9].closer.last_error = -1;
	facts[10].now = START + 599 * USEC_PER_SEC;
	facts[10].reconcile.last_repair = START;
	facts[11].auditor.audits = 5;
	facts[11].auditor.incomplete = 3;
	facts[12].services[0].ceiling_sources = RULESET_CEILING_SIZE;
	facts[13].gate_facts = (struct gate_facts){ .wanted = true, .off = "no \x01 queue" };
	facts[14].gate.accepted_full = 5;
	facts[15].queue.losses = 6;
	facts[16].queue.failed_batches = 2;
	facts[16].queue.last_error = -2;
	facts[17].queue.malformed = 4;
	facts[17].gate_facts.unreadable = 3;
	for (unsigned i = 0; i < ARRAY_SIZE(facts); i++) {
		problems = status_problems(&facts[i]);
		assert_int_equal(json_array_size(problems), 1);
		if (!strstr(json_string_value(json_array_get(problems, 0)), sentences[i]))
			fail_msg("'%s' does not contain '%s'",
				 json_string_value(json_array_get(problems, 0)), sentences[i]);
		json_decref(problems);
	}

	/* what is over, or not asked for, is no problem */
	facts[13].gate_facts.wanted = false;
	problems = status_problems(&facts[13]);
	assert_int_equal(json_array_size(problems), 0);
	json_decref(problems);
	facts[10].now = START + 600 * USEC_PER_SEC;
	problems = status_problems(&facts[10]);
	assert_int_equal(json_array_size(problems), 0);
	json_decref(problems);
	fixture->settings.enforcement.close_connections = false;
	problems = status_problems(&facts[7]);
	assert_int_equal(json_array_size(problems), 0);
	json_decref(problems);
}

static void status_has_all_and_tells_problems(void **state)
{
	struct fixture *fixture = *state;
	struct control_stats control = { .clients = 3, .slow_clients = 1 };
	json_t *status, *smtp;

	connect_many(fixture, "198.51.100.1", 1000, 4, FLOW_ESTABLISHED);
	connect_many(fixture, "198.51.100.1", 2000, 2, FLOW_SYN);
	status = report_status(&fixture->inputs, &control, fixture->now);
	keys_are(status, "ok schema version mode mode_ordered enforcing unenforceable uptime_s "
			 "events flows sources bans resolver gate mail_logs kernel reconcile closer "
			 "ledger services tables control problems");
	assert_string_equal(text_of(status, "mode"), "enforce");
	assert_true(json_is_false(json_object_get(status, "mode_ordered")));
	assert_true(json_is_true(json_object_get(status, "enforcing")));
	assert_true(json_is_null(json_object_get(status, "unenforceable")));
	assert_int_equal(number_of(status, "uptime_s"), 7);
	assert_int_equal(number_of(status, "flows"), 6);
	assert_int_equal(number_of(json_object_get(status, "control"), "slow_clients"), 1);
	smtp = json_object_get(json_object_get(status, "services"), "smtp");
	assert_int_equal(number_of(smtp, "connections"), 4);
	assert_int_equal(number_of(smtp, "half_open"), 2);
	assert_int_equal(number_of(json_object_get(smtp, "standings"), "normal"), 1);
	assert_true(has_problem(status, "resolver is not running"));
	assert_true(has_problem(status, "no complete dump"));
	assert_true(has_problem(status, "bans are not enforced"));
	assert_true(has_problem(status, "there is no ledger"));
	assert_false(has_problem(status, "nf_conntrack_events"));
	json_decref(status);

	fixture->kernel.conntrack_events_sysctl = 0;
	fixture->kernel.ruleset_error = "line 3: \x1b[31msyntax error";
	fixture->settings.observe = true;
	fixture->mode_ordered = true;
	status = report_status(&fixture->inputs, &control, fixture->now);
	assert_string_equal(text_of(status, "mode"), "observe");
	assert_true(json_is_true(json_object_get(status, "mode_ordered")));
	assert_true(json_is_false(json_object_get(status, "enforcing")));
	assert_true(has_problem(status, "nf_conntrack_events is 0"));
	assert_true(has_problem(status, "not loaded, nothing is enforced: line 3: \\x1b[31msyntax"));
	json_decref(status);
}

/* --- metrics --- */

static char *metrics_of(struct fixture *fixture)
{
	static const struct control_stats control = { .clients = 2, .slow_clients = 5 };
	json_t *answer = report_metrics(&fixture->inputs, &control, fixture->now);
	char *text;

	keys_are(answer, "ok text");
	text = strdup(text_of(answer, "text"));
	assert_non_null(text);
	json_decref(answer);
	return text;
}

static void require_line(const char *text, const char *line)
{
	size_t length = strlen(line);

	for (const char *p = text; (p = strstr(p, line)); p += length)
		if ((p == text || p[-1] == '\n') && p[length] == '\n')
			return;
	fail_msg("no line '%s'", line);
}

static void metrics_have_the_numbers_of_status(void **state)
{
	struct fixture *fixture = *state;
	char *text;

	connect_many(fixture, "203.0.113.9", 1000, 11, FLOW_ESTABLISHED);
	connect_many(fixture, "198.51.100.1", 2000, 2, FLOW_SYN);
	name_is(fixture, "203.0.113.9", NAME_ANSWER_NONE);
	text = metrics_of(fixture);
	require_line(text, "# TYPE smtpguard_build_info gauge");
	require_line(text, "smtpguard_build_info{version=\"0.1.0\"} 1");
	require_line(text, "smtpguard_healthy 0");
	require_line(text, "smtpguard_enforcing 1");
	require_line(text, "smtpguard_connections{service=\"smtp\"} 11");
	require_line(text, "smtpguard_connections{service=\"submission\"} 0");
	require_line(text, "smtpguard_half_open_connections{service=\"smtp\"} 2");
	require_line(text, "smtpguard_sources{service=\"smtp\",standing=\"banned\"} 1");
	require_line(text, "# TYPE smtpguard_decisions counter");
	require_line(text, "smtpguard_decisions_total{decision=\"ban\"} 1");
	require_line(text, "smtpguard_bans 1");
	require_line(text, "smtpguard_bans_enforced 0");
	require_line(text, "smtpguard_table_entries{kind=\"flows\"} 13");
	require_line(text, "smtpguard_control_dropped_clients_total{kind=\"slow\"} 5");
	require_line(text, "smtpguard_ledger_healthy 0");
	require_line(text, "# UNIT smtpguard_start_time_seconds seconds");
	/* the addresses are nowhere in it */
	assert_null(strstr(text, "203.0.113.9"));
	free(text);
}

/* Every family has its head once, before its samples, and counters end in _total. */
static void metrics_are_well_formed(void **state)
{
	char *text = metrics_of(*state), *rest = text, *line;
	char family[128] = "", type[16] = "", seen[16384] = "";

	while ((line = strsep(&rest, "\n")) && strcmp(line, "# EOF")) {
		char name[128], head[160];

		if (sscanf(line, "# TYPE %127s %15s", family, type) == 2) {
			snprintf(head, sizeof(head), " %s ", family);
			assert_null(strstr(seen, head));
			assert_true(strlen(seen) + strlen(head) < sizeof(seen));
			memcpy(seen + strlen(seen), head, strlen(head) + 1);
			continue;
		}
		if (line[0] == '#') {
			assert_int_equal(sscanf(line, "# %*s %127s", name), 1);
			assert_string_equal(name, family);
			continue;
		}
		assert_int_equal(sscanf(line, "%127[a-z0-9_]", name), 1);
		snprintf(head, sizeof(head), "%s%s", family, strcmp(type, "counter") ? "" : "_total");
		assert_string_equal(name, head);
		assert_non_null(strchr(line, ' '));
	}
	assert_string_equal(line, "# EOF");
	assert_string_equal(rest, "");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(upkeep_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(conditions_have_their_sentences, setup, teardown),
		cmocka_unit_test_setup_teardown(status_has_all_and_tells_problems, setup, teardown),
		cmocka_unit_test_setup_teardown(metrics_have_the_numbers_of_status, setup, teardown),
		cmocka_unit_test_setup_teardown(metrics_are_well_formed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
