// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "support.h"

#include "smtpguard/policy/name_table.h"

static const struct name_settings defaults = {
	.deadline = SECONDS(2),
	.min_ttl = SECONDS(60),
	.max_ttl = HOURS(1),
	.negative_ttl = MINUTES(10),
	.failure_ttl = SECONDS(30),
	.cache = 64,
	.max_in_flight = 8,
};

static struct name_table *new_table(const struct name_settings *settings)
{
	struct name_table *table;

	assert_int_equal(name_table_new(&table, settings, &test_key), 0);
	return table;
}

static enum ptr_state state_of(struct name_table *table, uint32_t n, usec_t now)
{
	struct address a = addr_n(n);

	return name_table_state(table, &a, now, NULL, NULL);
}

static bool ask(struct name_table *table, uint32_t n, usec_t now)
{
	struct address a = addr_n(n);

	return name_table_should_ask(table, &a, now, true);
}

static bool ask_ahead(struct name_table *table, uint32_t n, usec_t now)
{
	struct address a = addr_n(n);

	return name_table_should_ask(table, &a, now, false);
}

static bool answer(struct name_table *table, uint32_t n, enum name_answer_result result,
		   usec_t ttl, usec_t now)
{
	struct name_answer a = { .address = addr_n(n),
				 .result = result,
				 .ttl = ttl,
				 .resolver_healthy = true };

	return name_table_answer(table, &a, now);
}

static bool fail_unhealthy(struct name_table *table, uint32_t n, usec_t now)
{
	struct name_answer a = { .address = addr_n(n), .result = NAME_ANSWER_FAILED };

	return name_table_answer(table, &a, now);
}

static bool is_asking(const struct name_table *table, uint32_t n)
{
	struct address a = addr_n(n);

	return name_table_is_asking(table, &a);
}

static struct name_table_stats stats_of(const struct name_table *table)
{
	struct name_table_stats stats;

	name_table_stats(table, &stats);
	return stats;
}

static void settles(enum name_answer_result result, usec_t ttl, enum ptr_state state, usec_t kept)
{
	struct name_table *table = new_table(&defaults);
	usec_t at = SECONDS(100);

	assert_int_equal(state_of(table, 1, at), PTR_STATE_UNKNOWN);
	assert_true(ask(table, 1, at));
	assert_false(ask(table, 1, at));
	assert_int_equal(state_of(table, 1, at), PTR_STATE_UNKNOWN);
	assert_true(answer(table, 1, result, ttl, at));
	assert_int_equal(state_of(table, 1, at + kept - 1), state);
	assert_false(ask(table, 1, at + kept - 1));
	assert_int_equal(state_of(table, 1, at + kept), PTR_STATE_UNKNOWN);
	assert_true(ask(table, 1, at + kept));
	assert_int_equal(stats_of(table).states[state], 1);
	name_table_free(table);
}

static void test_answers_and_clamped_times(void **state UNUSED)
{
	settles(NAME_ANSWER_VERIFIED, SECONDS(300), PTR_STATE_VERIFIED, SECONDS(300));
	settles(NAME_ANSWER_VERIFIED, 0, PTR_STATE_VERIFIED, SECONDS(60));
	settles(NAME_ANSWER_VERIFIED, HOURS(24 * 365), PTR_STATE_VERIFIED, HOURS(1));
	settles(NAME_ANSWER_VERIFIED, USEC_NEVER, PTR_STATE_VERIFIED, HOURS(1));
	settles(NAME_ANSWER_MISMATCH, SECONDS(300), PTR_STATE_MISMATCH, MINUTES(10));
	settles(NAME_ANSWER_NONE, 0, PTR_STATE_NONE, MINUTES(10));
}

static void test_names(void **state UNUSED)
{
	struct name_table *table = new_table(&defaults);
	struct name_answer a = { .address = addr_n(1),
				 .result = NAME_ANSWER_VERIFIED,
				 .n_names = 3,
				 .names = { "mail.example.net", "", "mx2.example.net" } };
	const char *names[PTR_NAMES_MAX];
	unsigned n = 99;

	assert_int_equal(name_table_state(table, &a.address, SECONDS(1), names, &n),
			 PTR_STATE_UNKNOWN);
	assert_int_equal(n, 0);
	assert_true(ask(table, 1, SECONDS(1)));
	assert_true(name_table_answer(table, &a, SECONDS(1)));
	assert_int_equal(name_table_state(table, &a.address, SECONDS(1), names, &n),
			 PTR_STATE_VERIFIED);
	assert_int_equal(n, 3);
	assert_string_equal(names[0], "mail.example.net");
	assert_string_equal(names[1], "");
	assert_string_equal(names[2], "mx2.example.net");
	name_table_free(table);
	assert_null(name_table_free(NULL));
}

static void test_longest_names(void **state UNUSED)
{
	struct name_table *table = new_table(&defaults);
	struct name_answer a = { .address = addr_n(1),
				 .result = NAME_ANSWER_VERIFIED,
				 .n_names = PTR_NAMES_MAX };
	const char *names[PTR_NAMES_MAX];
	unsigned n;

	for (unsigned i = 0; i < PTR_NAMES_MAX; i++)
		memset(a.names[i], 'a' + (int)i, PTR_NAME_TEXT_MAX - 1);
	assert_true(ask(table, 1, SECONDS(1)));
	assert_true(name_table_answer(table, &a, SECONDS(1)));
	name_table_state(table, &a.address, SECONDS(1), names, &n);
	/* the one that counts is there whole; others may go */
	assert_in_range(n, 1, PTR_NAMES_MAX);
	for (unsigned i = 0; i < n; i++)
		assert_string_equal(names[i], a.names[i]);
	name_table_free(table);
}

static void test_unasked_answers_are_ignored(void **state UNUSED)
{
	struct name_table *table = new_table(&defaults);

	assert_false(answer(table, 1, NAME_ANSWER_VERIFIED, HOURS(1), SECONDS(1)));
	assert_int_equal(state_of(table, 1, SECONDS(1)), PTR_STATE_UNKNOWN);
	assert_true(ask(table, 1, SECONDS(1)));
	assert_true(answer(table, 1, NAME_ANSWER_NONE, 0, SECONDS(1)));
	assert_false(answer(table, 1, NAME_ANSWER_VERIFIED, HOURS(1), SECONDS(1)));
	assert_int_equal(state_of(table, 1, SECONDS(1)), PTR_STATE_NONE);
	assert_int_equal(stats_of(table).entries, 1);
	name_table_free(table);
}

static void test_in_flight_bound(void **state UNUSED)
{
	struct name_table *table = new_table(&defaults);

	/* questions ahead of need leave half for those that a decision waits for */
	for (uint32_t n = 0; n < 4; n++)
		assert_true(ask_ahead(table, n, SECONDS(1)));
	assert_false(ask_ahead(table, 4, SECONDS(1)));
	for (uint32_t n = 4; n < 8; n++)
		assert_true(ask(table, n, SECONDS(1)));
	assert_false(ask(table, 8, SECONDS(1)));
	assert_int_equal(stats_of(table).in_flight, 8);
	assert_int_equal(stats_of(table).refused_in_flight, 2);
	assert_true(answer(table, 5, NAME_ANSWER_NONE, 0, SECONDS(1)));
	assert_true(ask(table, 8, SECONDS(1)));
	name_table_free(table);
}

static void test_cache_bound(void **state UNUSED)
{
	struct name_settings settings = defaults;
	struct name_table *table;

	settings.cache = 3;
	table = new_table(&settings);
	for (uint32_t n = 0; n < 3; n++) {
		assert_true(ask(table, n, SECONDS(1)));
		assert_true(answer(table, n, NAME_ANSWER_NONE, 0, SECONDS(1)));
	}
	/* 0 is used, so 1 is the oldest */
	assert_int_equal(state_of(table, 0, SECONDS(2)), PTR_STATE_NONE);
	assert_true(ask(table, 3, SECONDS(2)));
	assert_int_equal(stats_of(table).evicted, 1);
	assert_int_equal(state_of(table, 1, SECONDS(2)), PTR_STATE_UNKNOWN);
	assert_int_equal(state_of(table, 0, SECONDS(2)), PTR_STATE_NONE);
	/* a question under way is never forgotten for another */
	assert_true(ask(table, 4, SECONDS(2)));
	assert_true(ask(table, 5, SECONDS(2)));
	assert_false(ask(table, 6, SECONDS(2)));
	assert_int_equal(stats_of(table).entries, 3);
	assert_true(answer(table, 3, NAME_ANSWER_NONE, 0, SECONDS(2)));
	assert_true(ask(table, 6, SECONDS(2)));
	name_table_free(table);
}

static void test_failure_stays_unknown(void **state UNUSED)
{
	struct name_table *table = new_table(&defaults);
	struct address a = addr_n(1);

	assert_true(name_table_retry_at(table, &a, SECONDS(1)) == USEC_NEVER);
	assert_true(ask(table, 1, SECONDS(1)));
	assert_true(name_table_retry_at(table, &a, SECONDS(1)) == USEC_NEVER);
	assert_true(answer(table, 1, NAME_ANSWER_FAILED, 0, SECONDS(2)));
	assert_int_equal(state_of(table, 1, SECONDS(2)), PTR_STATE_UNKNOWN);
	assert_int_equal(stats_of(table).failed, 1);
	/* urgent questions are repeated sooner, but not at once */
	usec_t retry = name_table_retry_at(table, &a, SECONDS(2));

	assert_in_range(retry, SECONDS(3), SECONDS(2) + defaults.failure_ttl);
	assert_false(ask(table, 1, retry - 1));
	assert_false(ask_ahead(table, 1, retry));
	assert_false(ask_ahead(table, 1, SECONDS(2) + defaults.failure_ttl - 1));
	assert_true(ask(table, 1, retry));
	name_table_free(table);
}

/* Fails n times, `step` apart; returns the state after the last. */
static enum ptr_state fail_times(struct name_table *table, uint32_t address, unsigned n, usec_t step)
{
	usec_t now = SECONDS(100);

	for (unsigned i = 0; i < n; i++, now += step) {
		assert_true(ask(table, address, now));
		assert_true(answer(table, address, NAME_ANSWER_FAILED, 0, now));
	}
	return state_of(table, address, now - step);
}

static void test_unverifiable(void **state UNUSED)
{
	struct name_settings settings = defaults;
	struct name_table *table;

	settings.failure_ttl = SECONDS(1);
	table = new_table(&settings);
	assert_int_equal(fail_times(table, 1, 2, SECONDS(20)), PTR_STATE_UNKNOWN);
	assert_int_equal(fail_times(table, 2, 3, SECONDS(5)), PTR_STATE_UNVERIFIABLE);
	/* three, four failures, but not over ten seconds */
	assert_int_equal(fail_times(table, 3, 3, SECONDS(4.9)), PTR_STATE_UNKNOWN);
	assert_int_equal(fail_times(table, 4, 4, SECONDS(3)), PTR_STATE_UNKNOWN);
	assert_int_equal(fail_times(table, 5, 5, SECONDS(3)), PTR_STATE_UNVERIFIABLE);
	name_table_free(table);
}

static void test_an_answer_ends_the_row_of_failures(void **state UNUSED)
{
	struct name_settings settings = defaults;
	struct name_table *table;

	settings.failure_ttl = settings.negative_ttl = SECONDS(1);
	table = new_table(&settings);
	fail_times(table, 1, 2, SECONDS(20));
	assert_true(ask(table, 1, SECONDS(200)));
	assert_true(answer(table, 1, NAME_ANSWER_NONE, 0, SECONDS(200)));
	assert_true(ask(table, 1, SECONDS(202)));
	assert_true(answer(table, 1, NAME_ANSWER_FAILED, 0, SECONDS(202)));
	assert_int_equal(state_of(table, 1, SECONDS(202)), PTR_STATE_UNKNOWN);
	name_table_free(table);
}

static void test_unhealthy_failures_do_not_count(void **state UNUSED)
{
	struct name_table *table = new_table(&defaults);

	assert_true(stats_of(table).healthy);
	for (unsigned i = 0; i < 20; i++) {
		usec_t now = SECONDS(100 + 60 * i);

		assert_true(ask(table, 1, now));
		assert_true(fail_unhealthy(table, 1, now));
		assert_int_equal(state_of(table, 1, now), PTR_STATE_UNKNOWN);
		assert_false(stats_of(table).healthy);
	}
	assert_true(ask(table, 2, SECONDS(5000)));
	assert_true(answer(table, 2, NAME_ANSWER_NONE, 0, SECONDS(5000)));
	assert_true(stats_of(table).healthy);
	name_table_free(table);
}

static void test_many_failing_addresses(void **state UNUSED)
{
	struct name_table *table = new_table(&defaults);

	/* 30 addresses, each failing three times over a minute, nobody answered: it is us */
	for (unsigned i = 0; i < 3; i++) {
		for (uint32_t n = 0; n < 30; n++) {
			usec_t now = SECONDS(100 + 31 * i);

			assert_true(ask(table, n, now));
			assert_true(answer(table, n, NAME_ANSWER_FAILED, 0, now));
		}
		assert_false(stats_of(table).healthy);
	}
	for (uint32_t n = 0; n < 30; n++)
		assert_int_equal(state_of(table, n, SECONDS(163)), PTR_STATE_UNKNOWN);
	assert_int_equal(stats_of(table).states[PTR_STATE_UNVERIFIABLE], 0);
	name_table_free(table);
}

static void test_questions_without_an_answer(void **state UNUSED)
{
	struct name_table *table = new_table(&defaults);

	assert_true(ask(table, 1, SECONDS(1)));
	assert_true(ask(table, 2, SECONDS(4)));
	assert_true(is_asking(table, 1));
	assert_false(is_asking(table, 3));
	assert_true(name_table_next_expiry(table) == SECONDS(7));
	assert_int_equal(name_table_expire_questions(table, SECONDS(7) - 1), 0);
	assert_int_equal(stats_of(table).in_flight, 2);
	assert_int_equal(name_table_expire_questions(table, SECONDS(7)), 1);
	assert_int_equal(stats_of(table).in_flight, 1);
	assert_false(is_asking(table, 1));
	assert_true(is_asking(table, 2));
	assert_true(name_table_next_expiry(table) == SECONDS(10));
	/* too late */
	assert_false(answer(table, 1, NAME_ANSWER_NONE, 0, SECONDS(8)));
	assert_int_equal(state_of(table, 1, SECONDS(8)), PTR_STATE_UNKNOWN);
	assert_true(answer(table, 2, NAME_ANSWER_NONE, 0, SECONDS(8)));
	assert_int_equal(stats_of(table).in_flight, 0);
	assert_false(is_asking(table, 2));
	assert_true(name_table_next_expiry(table) == USEC_NEVER);
	name_table_free(table);
}

static void test_worker_gone(void **state UNUSED)
{
	struct name_table *table = new_table(&defaults);

	for (uint32_t n = 0; n < 5; n++)
		assert_true(ask(table, n, SECONDS(1)));
	name_table_forget_questions(table);
	assert_int_equal(stats_of(table).in_flight, 0);
	assert_false(stats_of(table).healthy);
	assert_false(answer(table, 1, NAME_ANSWER_NONE, 0, SECONDS(1)));
	assert_true(ask(table, 1, SECONDS(2)));
	name_table_free(table);
}

static unsigned addresses_of(const struct name_table *table, uint32_t n, usec_t now,
			     const struct address **ret_addresses)
{
	struct address a = addr_n(n);

	return name_table_addresses(table, &a, now, ret_addresses);
}

static void test_addresses(void **state UNUSED)
{
	struct name_table *table = new_table(&defaults);
	struct name_answer a = { .address = addr_n(1),
				 .result = NAME_ANSWER_MISMATCH,
				 .n_addresses = 2,
				 .addresses = { addr("192.0.2.1"), addr("192.0.2.2") } };
	const struct address *found = NULL;

	assert_int_equal(addresses_of(table, 1, SECONDS(1), &found), 0);
	assert_true(ask(table, 1, SECONDS(1)));
	assert_int_equal(addresses_of(table, 1, SECONDS(1), &found), 0);
	assert_null(found);
	assert_true(name_table_answer(table, &a, SECONDS(1)));
	assert_int_equal(addresses_of(table, 1, SECONDS(2), &found), 2);
	assert_true(address_equal(&found[0], &a.addresses[0]));
	assert_true(address_equal(&found[1], &a.addresses[1]));
	/* no longer than the answer holds, and not beside a failure */
	assert_int_equal(addresses_of(table, 1, SECONDS(1) + MINUTES(10), &found), 0);
	assert_true(ask(table, 1, MINUTES(20)));
	a.n_addresses = 1000;
	assert_true(name_table_answer(table, &a, MINUTES(20)));
	assert_int_equal(addresses_of(table, 1, MINUTES(20), &found), PTR_ADDRESSES_MAX);
	assert_true(ask(table, 1, MINUTES(40)));
	assert_true(answer(table, 1, NAME_ANSWER_FAILED, 0, MINUTES(40)));
	assert_int_equal(addresses_of(table, 1, MINUTES(40), &found), 0);
	name_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_and_clamped_times),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_longest_names),
		cmocka_unit_test(test_unasked_answers_are_ignored),
		cmocka_unit_test(test_in_flight_bound),
		cmocka_unit_test(test_cache_bound),
		cmocka_unit_test(test_failure_stays_unknown),
		cmocka_unit_test(test_unverifiable),
		cmocka_unit_test(test_an_answer_ends_the_row_of_failures),
		cmocka_unit_test(test_unhealthy_failures_do_not_count),
		cmocka_unit_test(test_many_failing_addresses),
		cmocka_unit_test(test_questions_without_an_answer),
		cmocka_unit_test(test_worker_gone),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
