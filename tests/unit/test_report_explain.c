// SPDX-License-Identifier: GPL-2.0-or-later
/* What `explain` says of strangers, friends and offenders. */
#include "report_world.h"

static json_t *object_in(const json_t *document, const char *key)
{
	json_t *object = json_object_get(document, key);

	if (!json_is_object(object))
		fail_msg("'%s' is no object", key);
	return object;
}

static void strangers_and_friends(void **state)
{
	struct fixture *fixture = *state;
	struct prefix source = prefix("203.0.113.77"), conflict;
	unsigned lifted;
	json_t *explain = explain_of(fixture, "203.0.113.77");

	assert_true(json_is_true(json_object_get(explain, "ok")));
	assert_true(json_is_false(json_object_get(explain, "seen")));
	assert_true(json_is_null(json_object_get(explain, "ban")));
	assert_true(json_is_null(json_object_get(explain, "never")));
	assert_true(json_is_null(json_object_get(explain, "trusted_until")));
	json_decref(explain);

	assert_int_equal(guard_unban(fixture->guard, &source, 0, fixture->now, &lifted, &conflict),
			 GUARD_NOT_BANNED);
	explain = explain_of(fixture, "203.0.113.77");
	assert_true(json_is_string(json_object_get(explain, "trusted_until")));
	json_decref(explain);

	explain = explain_of(fixture, "192.0.2.5");
	assert_string_equal(text_of(object_in(explain, "never"), "reason"), "allow list");
	assert_string_equal(text_of(object_in(explain, "never"), "match"), "192.0.2.0/24");
	json_decref(explain);
}

/* What would happen to an address that was never seen: every service with its limits. */
static void the_unseen_have_services_and_a_ladder(void **state)
{
	struct fixture *fixture = *state;
	json_t *explain = explain_of(fixture, "203.0.113.77"), *services, *ladder;

	services = json_object_get(explain, "services");
	assert_int_equal(json_array_size(services), 2);
	for (size_t i = 0; i < 2; i++) {
		json_t *service = json_array_get(services, i);

		assert_string_equal(text_of(service, "service"),
				    fixture->settings.services[i].name);
		assert_true(json_is_false(json_object_get(service, "seen")));
		assert_string_equal(text_of(service, "standing"), "normal");
		assert_int_equal(number_of(service, "concurrent"), 0);
		assert_int_equal(number_of(object_in(service, "limits"), "concurrent"),
				 fixture->settings.services[i].concurrent);
	}
	ladder = object_in(explain, "ladder");
	keys_are(ladder, "bans last_ban_end next_ban_s forgotten");
	assert_int_equal(number_of(ladder, "bans"), 0);
	assert_int_equal(number_of(ladder, "next_ban_s"), 3600);
	assert_true(json_is_null(json_object_get(ladder, "last_ban_end")));
	assert_true(json_is_null(json_object_get(ladder, "forgotten")));
	assert_int_equal(json_array_size(json_object_get(explain, "timeline")), 0);
	json_decref(explain);
}

static void bans_climb_the_ladder(void **state)
{
	struct fixture *fixture = *state;
	json_t *explain, *ladder, *timeline, *first;

	connect_many(fixture, "203.0.113.9", 1000, 11, FLOW_ESTABLISHED);
	name_is(fixture, "203.0.113.9", NAME_ANSWER_NONE);
	explain = explain_of(fixture, "203.0.113.9");
	ladder = object_in(explain, "ladder");
	assert_int_equal(number_of(ladder, "bans"), 1);
	assert_int_equal(number_of(ladder, "next_ban_s"), 7200);
	assert_true(json_is_string(json_object_get(ladder, "last_ban_end")));
	assert_true(json_is_string(json_object_get(ladder, "forgotten")));
	timeline = json_object_get(explain, "timeline");
	assert_int_equal(json_array_size(timeline), 1);
	first = json_array_get(timeline, 0);
	keys_are(first, "time event service comment because");
	assert_string_equal(text_of(first, "event"), "ban");
	assert_string_equal(text_of(first, "service"), "smtp");
	assert_string_equal(text_of(first, "comment"), "smtp 11>10 concurrent; no PTR");
	assert_true(json_is_null(json_object_get(first, "because")));
	json_decref(explain);
}

static void names_and_where_they_lead(void **state)
{
	struct fixture *fixture = *state;
	struct name_answer answer = { .address = address("203.0.113.9"),
				      .result = NAME_ANSWER_MISMATCH,
				      .resolver_healthy = true,
				      .ttl = 300 * USEC_PER_SEC,
				      .n_names = 1,
				      .names = { "mail.example" },
				      .n_addresses = 2 };
	json_t *explain, *reverse, *addresses;

	answer.addresses[0] = address("198.51.100.7");
	answer.addresses[1] = address("2001:db8::7");
	connect_many(fixture, "203.0.113.9", 1000, 11, FLOW_ESTABLISHED);
	guard_name_answer(fixture->guard, &answer, fixture->now);
	explain = explain_of(fixture, "203.0.113.9");
	reverse = object_in(explain, "reverse_dns");
	keys_are(reverse, "client state names addresses");
	assert_string_equal(text_of(reverse, "state"), "mismatch");
	assert_int_equal(json_array_size(json_object_get(reverse, "names")), 1);
	addresses = json_object_get(reverse, "addresses");
	assert_int_equal(json_array_size(addresses), 2);
	assert_string_equal(json_string_value(json_array_get(addresses, 0)), "198.51.100.7");
	assert_string_equal(json_string_value(json_array_get(addresses, 1)), "2001:db8::7");
	json_decref(explain);
}

/* A ban of a /64, a block around it, and a stranger's: only what concerns it, at most 50. */
static void timelines_are_bounded(void **state)
{
	struct fixture *fixture = *state;
	json_t *explain;

	for (unsigned i = 0; i < 60; i++) {
		block(fixture, "2001:db8:1:2::/64", (i + 1) * 60 * USEC_PER_SEC, "again");
		block(fixture, "203.0.113.9", 0, "somebody else");
	}
	block(fixture, "2001:db8::/32", USEC_NEVER, "the network");
	explain = explain_of(fixture, "2001:db8:1:2::25");
	assert_int_equal(json_array_size(json_object_get(explain, "timeline")), 50);
	assert_string_equal(text_of(json_array_get(json_object_get(explain, "timeline"), 49),
				    "comment"), "operator: the network");
	json_decref(explain);
	explain = explain_of(fixture, "2001:db8:7::1");
	assert_int_equal(json_array_size(json_object_get(explain, "timeline")), 1);
	json_decref(explain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(strangers_and_friends, setup, teardown),
		cmocka_unit_test_setup_teardown(the_unseen_have_services_and_a_ladder, setup,
						teardown),
		cmocka_unit_test_setup_teardown(bans_climb_the_ladder, setup, teardown),
		cmocka_unit_test_setup_teardown(names_and_where_they_lead, setup, teardown),
		cmocka_unit_test_setup_teardown(timelines_are_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
