// SPDX-License-Identifier: GPL-2.0-or-later
#include "report_world.h"

static void ban_appears_everywhere(void **state)
{
	struct fixture *fixture = *state;
	struct address client = address("203.0.113.9");
	struct prefix source = prefix_host(&client);
	json_t *bans, *ban, *explain, *service;

	connect_many(fixture, "203.0.113.9", 1000, 11, FLOW_ESTABLISHED);
	name_is(fixture, "203.0.113.9", NAME_ANSWER_NONE);

	bans = list(fixture, "bans", NULL);
	assert_int_equal(json_array_size(bans), 1);
	ban = json_array_get(bans, 0);
	keys_are(ban, "source service limit allowed observed reverse_dns since expires earlier "
		      "comment enforced adopted remaining_s peak window names kind");
	assert_string_equal(text_of(ban, "kind"), "ban");
	assert_string_equal(text_of(ban, "source"), "203.0.113.9");
	assert_string_equal(text_of(ban, "service"), "smtp");
	assert_int_equal(number_of(ban, "allowed"), 10);
	assert_int_equal(number_of(ban, "observed"), 11);
	assert_string_equal(text_of(ban, "reverse_dns"), "none");
	assert_int_equal(number_of(ban, "remaining_s"), 3600);
	assert_true(json_is_false(json_object_get(ban, "enforced")));
	json_decref(bans);

	assert_int_equal(json_array_size(fixture->decisions), 1);
	keys_are(json_array_get(fixture->decisions, 0),
		 "time event source service limit allowed observed reverse_dns expires earlier "
		 "comment peak window names because");
	assert_string_equal(text_of(json_array_get(fixture->decisions, 0), "event"), "ban");

	explain = report_explain(&fixture->inputs, &client, &source, fixture->now);
	keys_are(explain, "ok address source seen ban block never trusted_until reverse_dns gate "
			 "services");
	assert_true(json_is_true(json_object_get(explain, "seen")));
	assert_string_equal(text_of(json_object_get(explain, "ban"), "source"), "203.0.113.9");
	assert_string_equal(text_of(json_object_get(explain, "reverse_dns"), "state"), "none");
	service = json_array_get(json_object_get(explain, "services"), 0);
	assert_string_equal(text_of(service, "standing"), "banned");
	assert_int_equal(number_of(service, "concurrent"), 11);
	assert_int_equal(number_of(json_object_get(service, "limits"), "concurrent"), 10);
	assert_int_equal(number_of(json_object_get(service, "limits"), "ceiling"), 20);
	json_decref(explain);

	assert_int_equal(json_array_size(bans = list(fixture, "bans source=203.0.113.9", NULL)), 1);
	json_decref(bans);
	assert_int_equal(json_array_size(bans = list(fixture, "bans source=203.0.113.8", NULL)), 0);
	json_decref(bans);
}

static void sources_are_sorted_and_bounded(void **state)
{
	struct fixture *fixture = *state;
	json_t *sources, *first;
	uint64_t total;
	char client[64];

	for (unsigned i = 1; i <= 200; i++) {
		snprintf(client, sizeof(client), "198.51.100.%u", i);
		connect_many(fixture, client, 1000, 1 + i % 7, FLOW_ESTABLISHED);
		connect_many(fixture, client, 2000, i % 5, FLOW_SYN);
	}
	connect_many(fixture, "198.51.100.201", 1000, 5, FLOW_ESTABLISHED);
	connect_many(fixture, "198.51.100.201", 1000, 5, FLOW_CLOSED);

	sources = list(fixture, "sources", &total);
	assert_int_equal(json_array_size(sources), 100);
	assert_int_equal(total, 200);
	for (size_t i = 1; i < 100; i++)
		assert_true(number_of(json_array_get(sources, i - 1), "concurrent") >=
			    number_of(json_array_get(sources, i), "concurrent"));
	first = json_array_get(sources, 0);
	keys_are(first, "source service concurrent half_open new peak reverse_dns names standing");
	assert_int_equal(number_of(first, "concurrent"), 7);
	assert_int_equal(number_of(first, "half_open"), 4);
	assert_int_equal(number_of(first, "new"), 7);
	assert_string_equal(text_of(first, "standing"), "normal");
	json_decref(sources);

	sources = list(fixture, "sources sort=half_open limit=3", &total);
	assert_int_equal(json_array_size(sources), 3);
	assert_int_equal(number_of(json_array_get(sources, 2), "half_open"), 4);
	json_decref(sources);
	sources = list(fixture, "sources all=1 limit=10000 sort=new", &total);
	assert_int_equal(total, 201);
	json_decref(sources);
	sources = list(fixture, "sources service=submission", &total);
	assert_int_equal(total, 0);
	json_decref(sources);
}

static struct prefix prefix(const char *text)
{
	struct prefix result;

	assert_int_equal(prefix_parse(text, &result), 0);
	return result;
}

static void block(struct fixture *fixture, const char *text, usec_t duration, const char *reason)
{
	struct prefix wanted = prefix(text), conflict;

	assert_int_equal(guard_ban(fixture->guard, &wanted, duration, reason, fixture->now,
				   &conflict), 0);
}

static void allow(struct fixture *fixture, const char *text, usec_t duration, const char *comment)
{
	struct prefix wanted = prefix(text), conflict;
	unsigned lifted;

	assert_int_equal(guard_allow(fixture->guard, &wanted, duration, comment, fixture->now,
				     &lifted, &conflict), 0);
}

static void blocks_are_listed_behind_bans(void **state)
{
	struct fixture *fixture = *state;
	struct address client = address("198.18.7.7");
	struct prefix source = prefix_host(&client);
	json_t *bans, *first, *explain;
	uint64_t total;

	block(fixture, "203.0.113.9", 0, "by hand");
	block(fixture, "198.18.0.0/15", USEC_NEVER, "spam network");
	block(fixture, "2001:db8::/32", 90 * USEC_PER_SEC, "");
	bans = list(fixture, "bans", &total);
	assert_int_equal(json_array_size(bans), 3);
	assert_int_equal(total, 3);
	assert_string_equal(text_of(json_array_get(bans, 0), "kind"), "ban");
	first = json_array_get(bans, 1);
	keys_are(first, "source service limit allowed observed reverse_dns since expires earlier "
			"comment enforced adopted remaining_s peak window names kind");
	/* by address: IPv4 is ::ffff:a.b.c.d, and so comes before 2001:db8:: */
	assert_string_equal(text_of(first, "source"), "198.18.0.0/15");
	assert_string_equal(text_of(first, "kind"), "block");
	assert_string_equal(text_of(first, "comment"), "operator: spam network");
	assert_true(json_is_null(json_object_get(first, "expires")));
	assert_true(json_is_null(json_object_get(first, "allowed")));
	assert_int_equal(number_of(json_array_get(bans, 2), "remaining_s"), 90);
	json_decref(bans);

	bans = list(fixture, "bans source=198.18.7.7", &total);
	assert_int_equal(total, 1);
	assert_string_equal(text_of(json_array_get(bans, 0), "source"), "198.18.0.0/15");
	json_decref(bans);
	explain = report_explain(&fixture->inputs, &client, &source, fixture->now);
	assert_true(json_is_null(json_object_get(explain, "ban")));
	keys_are(json_object_get(explain, "block"), "prefix since expires reason");
	assert_string_equal(text_of(json_object_get(explain, "block"), "prefix"), "198.18.0.0/15");
	assert_string_equal(text_of(json_array_get(json_object_get(explain, "services"), 0),
				    "standing"), "banned");
	json_decref(explain);
}

static void allowed_by_hand_then_from_files(void **state)
{
	struct fixture *fixture = *state;
	json_t *allowed, *entry;
	uint64_t total;

	allow(fixture, "203.0.113.0/24", 0, "the office");
	allow(fixture, "198.51.100.1", 60 * USEC_PER_SEC, "");
	allowed = list(fixture, "allow list", &total);
	assert_int_equal(total, 3);
	assert_int_equal(json_array_size(allowed), 3);
	entry = json_array_get(allowed, 0);
	keys_are(entry, "prefix from since expires comment");
	assert_string_equal(text_of(entry, "prefix"), "198.51.100.1");
	assert_true(json_is_string(json_object_get(entry, "expires")));
	entry = json_array_get(allowed, 1);
	assert_string_equal(text_of(entry, "from"), "operator");
	assert_string_equal(text_of(entry, "comment"), "the office");
	assert_true(json_is_null(json_object_get(entry, "expires")));
	entry = json_array_get(allowed, 2);
	keys_are(entry, "prefix from since expires comment");
	assert_string_equal(text_of(entry, "prefix"), "192.0.2.0/24");
	assert_string_equal(text_of(entry, "from"), "file");
	json_decref(allowed);
}

/* A list that changes while it is shown: what stays is shown once, whatever comes and goes. */
static void entries_that_stay_are_shown_once(void **state)
{
	struct fixture *fixture = *state;
	struct control_command command = { .verb = CONTROL_ALLOW_LIST };
	static const char *const left[] = { "198.18.3.0/24", "198.18.5.0/24", "192.0.2.0/24" };
	struct prefix gone[2] = { prefix("198.18.1.0/24"), prefix("198.18.4.0/24") };
	struct report_list *list;
	json_t *entry;

	for (unsigned i = 1; i <= 5; i++) {
		char text[32];

		snprintf(text, sizeof(text), "198.18.%u.0/24", i);
		allow(fixture, text, 0, "");
	}
	assert_int_equal(report_list_new(&list, &fixture->inputs, &command, START), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(report_list_next(list, START, &entry), 0);
		json_decref(entry);
	}
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(guard_disallow(fixture->guard, &gone[i], START), 0);
	allow(fixture, "198.18.0.0/24", 0, "");
	for (unsigned i = 0; i < ARRAY_SIZE(left); i++) {
		assert_int_equal(report_list_next(list, START, &entry), 0);
		assert_string_equal(text_of(entry, "prefix"), left[i]);
		json_decref(entry);
	}
	assert_int_equal(report_list_next(list, START, &entry), REPORT_LIST_END);
	report_list_free(list);
}

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

static void unknown_service_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct control_command command = { .verb = CONTROL_SOURCES, .service = "imap" };
	struct report_list *list;

	assert_int_equal(report_list_new(&list, &fixture->inputs, &command, START),
			 REPORT_UNKNOWN_SERVICE);
}

static void sources_that_go_away_are_left_out(void **state)
{
	struct fixture *fixture = *state;
	struct control_command command = { .verb = CONTROL_SOURCES, .all = true };
	struct report_list *list;
	json_t *entry;

	connect_many(fixture, "198.51.100.1", 1000, 2, FLOW_ESTABLISHED);
	connect_many(fixture, "198.51.100.2", 1000, 1, FLOW_ESTABLISHED);
	assert_int_equal(report_list_new(&list, &fixture->inputs, &command, START), 0);
	connect_many(fixture, "198.51.100.1", 1000, 2, FLOW_CLOSED);
	assert_int_equal(source_table_forget_idle(guard_sources(fixture->guard), USEC_NEVER, 10), 1);
	assert_int_equal(report_list_next(list, START, &entry), 0);
	assert_string_equal(text_of(entry, "source"), "198.51.100.2");
	json_decref(entry);
	assert_int_equal(report_list_next(list, START, &entry), REPORT_LIST_END);
	report_list_free(list);
}

static void explain_of_strangers_and_friends(void **state)
{
	struct fixture *fixture = *state;
	struct address client = address("203.0.113.77");
	struct prefix source = prefix_host(&client), conflict;
	unsigned lifted;
	json_t *explain = report_explain(&fixture->inputs, &client, &source, fixture->now);

	assert_true(json_is_true(json_object_get(explain, "ok")));
	assert_true(json_is_false(json_object_get(explain, "seen")));
	assert_true(json_is_null(json_object_get(explain, "ban")));
	assert_true(json_is_null(json_object_get(explain, "never")));
	assert_true(json_is_null(json_object_get(explain, "trusted_until")));
	assert_int_equal(json_array_size(json_object_get(explain, "services")), 2);
	json_decref(explain);

	assert_int_equal(guard_unban(fixture->guard, &source, 0, fixture->now, &lifted, &conflict),
			 GUARD_NOT_BANNED);
	explain = report_explain(&fixture->inputs, &client, &source, fixture->now);
	assert_true(json_is_string(json_object_get(explain, "trusted_until")));
	json_decref(explain);

	client = address("192.0.2.5");
	source = prefix_host(&client);
	explain = report_explain(&fixture->inputs, &client, &source, fixture->now);
	assert_string_equal(text_of(json_object_get(explain, "never"), "reason"), "allow list");
	assert_string_equal(text_of(json_object_get(explain, "never"), "match"), "192.0.2.0/24");
	json_decref(explain);
}

static void status_has_all_and_tells_problems(void **state)
{
	struct fixture *fixture = *state;
	struct control_stats control = { .clients = 3, .slow_clients = 1 };
	json_t *status, *smtp;

	connect_many(fixture, "198.51.100.1", 1000, 4, FLOW_ESTABLISHED);
	connect_many(fixture, "198.51.100.1", 2000, 2, FLOW_SYN);
	status = report_status(&fixture->inputs, &control, fixture->now);
	keys_are(status, "ok schema version mode enforcing unenforceable uptime_s events flows "
			 "sources bans resolver gate kernel reconcile closer ledger services tables "
			 "control problems");
	assert_string_equal(text_of(status, "mode"), "enforce");
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
	status = report_status(&fixture->inputs, &control, fixture->now);
	assert_string_equal(text_of(status, "mode"), "observe");
	assert_true(json_is_false(json_object_get(status, "enforcing")));
	assert_true(has_problem(status, "nf_conntrack_events is 0"));
	assert_true(has_problem(status, "not loaded, nothing is enforced: line 3: \\x1b[31msyntax"));
	json_decref(status);
}

/* Every key of a document stands as `key` in docs/protocol.md. */
static void require_documented(const char *page, json_t *value)
{
	char quoted[64];
	const char *key;
	json_t *member;
	size_t i;

	json_array_foreach(value, i, member)
		require_documented(page, member);
	json_object_foreach(value, key, member) {
		snprintf(quoted, sizeof(quoted), "`%s`", key);
		/* these two are names of services, not keys */
		if (strcmp(key, "smtp") && strcmp(key, "submission") && !strstr(page, quoted))
			fail_msg("key %s is not in docs/protocol.md", key);
		require_documented(page, member);
	}
}

static void keys_are_documented(void **state)
{
	struct fixture *fixture = *state;
	const char *root = getenv("SMTPGUARD_SOURCE_ROOT");
	static const struct control_stats control;
	static char page[65536];
	struct address client = address("203.0.113.9");
	struct prefix source = prefix_host(&client);
	struct gate_packet packet = { .id = 1, .local_port = 25 };
	json_t *documents[10];
	char path[4096];
	FILE *file;

	if (!root)
		skip();
	snprintf(path, sizeof(path), "%s/docs/protocol.md", root);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_in_range(fread(page, 1, sizeof(page) - 1, file), 1, sizeof(page) - 2);
	fclose(file);

	connect_many(fixture, "203.0.113.9", 1000, 11, FLOW_ESTABLISHED);
	name_is(fixture, "203.0.113.9", NAME_ANSWER_NONE);
	documents[0] = report_status(&fixture->inputs, &control, fixture->now);
	documents[1] = report_explain(&fixture->inputs, &client, &source, fixture->now);
	documents[2] = list(fixture, "sources", NULL);
	documents[3] = list(fixture, "bans", NULL);
	documents[4] = report_error("code", "message");
	block(fixture, "198.18.0.0/15", 0, "");
	allow(fixture, "198.51.100.1", 0, "");
	client = address("198.18.0.1");
	source = prefix_host(&client);
	documents[5] = report_explain(&fixture->inputs, &client, &source, fixture->now);
	documents[6] = list(fixture, "allow list", NULL);
	documents[7] = list(fixture, "bans", NULL);
	fixture->settings.services[0].reverse_dns = REVERSE_DNS_REQUIRE;
	client = address("203.0.113.10");
	source = prefix_host(&client);
	packet.client = client;
	guard_gate_packet(fixture->guard, &packet, fixture->now);
	documents[8] = report_explain(&fixture->inputs, &client, &source, fixture->now);
	documents[9] = list(fixture, "sources", NULL);
	assert_true(json_is_object(json_object_get(documents[8], "gate")));
	assert_int_equal(json_array_size(documents[3]), 1);
	assert_int_equal(json_array_size(documents[7]), 2);
	for (unsigned i = 0; i < ARRAY_SIZE(documents); i++) {
		require_documented(page, documents[i]);
		json_decref(documents[i]);
	}
	require_documented(page, fixture->decisions);
}

static void errors_begin_with_ok(void **state UNUSED)
{
	json_t *error = report_error("bad-command", "no command");

	keys_are(error, "ok code message");
	assert_true(json_is_false(json_object_get(error, "ok")));
	json_decref(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ban_appears_everywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(sources_are_sorted_and_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(blocks_are_listed_behind_bans, setup, teardown),
		cmocka_unit_test_setup_teardown(allowed_by_hand_then_from_files, setup, teardown),
		cmocka_unit_test_setup_teardown(entries_that_stay_are_shown_once, setup, teardown),
		cmocka_unit_test_setup_teardown(upkeep_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(conditions_have_their_sentences, setup, teardown),
		cmocka_unit_test_setup_teardown(unknown_service_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(sources_that_go_away_are_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(explain_of_strangers_and_friends, setup, teardown),
		cmocka_unit_test_setup_teardown(status_has_all_and_tells_problems, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_are_documented, setup, teardown),
		cmocka_unit_test(errors_begin_with_ok),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
