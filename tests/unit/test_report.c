// SPDX-License-Identifier: GPL-2.0-or-later
#include "documented.h"
#include "report_world.h"

static void ban_appears_everywhere(void **state)
{
	struct fixture *fixture = *state;
	json_t *bans, *ban, *explain, *service;

	connect_many(fixture, "203.0.113.9", 1000, 11, FLOW_ESTABLISHED);
	name_is(fixture, "203.0.113.9", NAME_ANSWER_NONE);

	bans = list(fixture, "bans", NULL);
	assert_int_equal(json_array_size(bans), 1);
	ban = json_array_get(bans, 0);
	keys_are(ban, "source service limit allowed observed reverse_dns since expires earlier "
		      "comment enforced adopted remaining_s peak window names accounts kind");
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
		 "comment peak window names accounts because");
	assert_string_equal(text_of(json_array_get(fixture->decisions, 0), "event"), "ban");

	explain = explain_of(fixture, "203.0.113.9");
	keys_are(explain, "ok address source seen ban block never trusted_until ladder reverse_dns "
			 "gate mail services timeline");
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

static void blocks_are_listed_behind_bans(void **state)
{
	struct fixture *fixture = *state;
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
			"comment enforced adopted remaining_s peak window names accounts kind");
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
	explain = explain_of(fixture, "198.18.7.7");
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

static void keys_are_documented(void **state)
{
	struct fixture *fixture = *state;
	static const struct control_stats control;
	struct gate_packet packet = { .id = 1,
				      .client = address("203.0.113.10"),
				      .local_port = 25 };
	json_t *documents[12];

	read_pages();
	connect_many(fixture, "203.0.113.9", 1000, 11, FLOW_ESTABLISHED);
	name_is(fixture, "203.0.113.9", NAME_ANSWER_NONE);
	documents[0] = report_status(&fixture->inputs, &control, fixture->now);
	documents[1] = explain_of(fixture, "203.0.113.9");
	documents[2] = list(fixture, "sources", NULL);
	documents[3] = list(fixture, "bans", NULL);
	documents[4] = report_error("code", "message");
	block(fixture, "198.18.0.0/15", 0, "");
	allow(fixture, "198.51.100.1", 0, "");
	documents[5] = explain_of(fixture, "198.18.0.1");
	documents[6] = list(fixture, "allow list", NULL);
	documents[7] = list(fixture, "bans", NULL);
	fixture->settings.services[0].reverse_dns = REVERSE_DNS_REQUIRE;
	guard_gate_packet(fixture->guard, &packet, fixture->now);
	documents[8] = explain_of(fixture, "203.0.113.10");
	documents[9] = list(fixture, "sources", NULL);
	documents[10] = report_metrics(&fixture->inputs, &control, fixture->now);
	documents[11] = report_mode(&fixture->inputs);
	assert_true(json_is_object(json_object_get(documents[8], "gate")));
	assert_int_equal(json_array_size(documents[3]), 1);
	assert_int_equal(json_array_size(documents[7]), 2);
	for (unsigned i = 0; i < ARRAY_SIZE(documents); i++) {
		require_documented(documents[i]);
		json_decref(documents[i]);
	}
	require_documented(fixture->decisions);
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
		cmocka_unit_test_setup_teardown(unknown_service_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(sources_that_go_away_are_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_are_documented, setup, teardown),
		cmocka_unit_test(errors_begin_with_ok),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
