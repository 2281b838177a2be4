// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "support.h"

#include "smtpguard/policy/auth_table.h"

static struct auth_table *new_table(uint32_t capacity)
{
	struct auth_table *table;

	assert_int_equal(auth_table_new(&table, capacity, &test_key), 0);
	return table;
}

static struct prefix prefix_n(uint32_t n)
{
	struct address a = addr_n(n);

	return prefix_host(&a);
}

static struct auth_source *get(struct auth_table *table, uint32_t n)
{
	struct prefix p = prefix_n(n);

	return auth_table_get(table, &p);
}

static bool is_there(const struct auth_table *table, uint32_t n)
{
	struct prefix p = prefix_n(n);

	return auth_table_find(table, &p) != NULL;
}

static void test_sources(void **state UNUSED)
{
	struct auth_table *table = new_table(4);
	struct auth_source *source = get(table, 1);
	struct prefix p = auth_source_prefix(source), own = prefix_n(1);
	uint32_t cursor = 0;

	assert_true(prefix_equal(&p, &own));
	assert_int_equal(source->lane, AUTH_LANE_PLAIN);
	assert_int_equal(source->failures, 0);
	assert_ptr_equal(get(table, 1), source);
	assert_ptr_equal(auth_table_find(table, &own), source);
	assert_int_equal(auth_table_count(table), 1);
	assert_ptr_equal(auth_table_walk(table, &cursor), source);
	assert_null(auth_table_walk(table, &cursor));
	auth_table_place(table, source, AUTH_LANE_HELD);
	assert_ptr_equal(auth_table_oldest(table, AUTH_LANE_HELD), source);
	assert_null(auth_table_oldest(table, AUTH_LANE_PLAIN));
	assert_int_equal(auth_table_count_in(table, AUTH_LANE_HELD), 1);
	/* to be heard of again does not change the lane */
	assert_int_equal(get(table, 1)->lane, AUTH_LANE_HELD);
	assert_int_equal(auth_table_count_in(table, AUTH_LANE_HELD), 1);
	auth_table_remove(table, source);
	assert_false(is_there(table, 1));
	assert_int_equal(auth_table_evicted(table), 0);
	assert_null(auth_table_free(table));
}

static void test_who_makes_room(void **state UNUSED)
{
	struct auth_table *table = new_table(3);

	auth_table_place(table, get(table, 1), AUTH_LANE_OVER);
	get(table, 2);
	get(table, 3);
	get(table, 2);
	get(table, 4);
	assert_false(is_there(table, 3));
	assert_int_equal(auth_table_evicted(table), 1);
	auth_table_place(table, get(table, 2), AUTH_LANE_HELD);
	auth_table_place(table, get(table, 4), AUTH_LANE_OVER);
	/* all are over their limit */
	get(table, 5);
	assert_false(is_there(table, 1));
	assert_true(is_there(table, 2) && is_there(table, 4));
	assert_int_equal(auth_table_count(table), 3);
	assert_int_equal(auth_table_evicted(table), 2);
	auth_table_free(table);
}

static void test_failures(void **state UNUSED)
{
	struct auth_table *table = new_table(8);
	struct auth_source *source = get(table, 1);

	auth_table_add_failures(table, source, 3, 20, SECONDS(10));
	auth_table_add_failures(table, source, 2, 20, SECONDS(20));
	assert_int_equal(auth_table_failures(table, source, SECONDS(20), SECONDS(60)), 5);
	assert_int_equal(auth_table_failures(table, source, SECONDS(70), SECONDS(60)), 2);
	auth_table_add_failures(table, source, UINT32_MAX, 20, SECONDS(71));
	assert_int_equal(auth_table_failures(table, source, SECONDS(71), SECONDS(60)), 20);
	auth_table_clear_failures(table, source);
	assert_int_equal(auth_table_failures(table, source, SECONDS(71), SECONDS(60)), 0);
	auth_table_free(table);
}

/* Four sources have room for 8 chunks of failures: 120. */
static void test_room_for_failures(void **state UNUSED)
{
	struct auth_table *table = new_table(4);
	struct auth_source *quiet = get(table, 1), *source;

	quiet->successes = 1;
	auth_table_add_failures(table, get(table, 2), 60, 60, SECONDS(1));
	auth_table_add_failures(table, get(table, 3), 60, 60, SECONDS(2));
	source = get(table, 4);
	auth_table_add_failures(table, source, 60, 60, SECONDS(3));
	/* the one that would give no room stays */
	assert_true(is_there(table, 1));
	assert_false(is_there(table, 2));
	assert_true(is_there(table, 3));
	assert_int_equal(auth_table_evicted(table), 1);
	assert_int_equal(auth_table_failures(table, source, SECONDS(3), SECONDS(60)), 60);
	auth_table_add_failures(table, source, 500, 500, SECONDS(4));
	assert_false(is_there(table, 3));
	/* and when nobody else has any, the newest are not counted */
	assert_int_equal(auth_table_failures(table, source, SECONDS(4), SECONDS(60)), 120);
	auth_table_free(table);
}

static const char *accounts(const struct auth_source *source, size_t room)
{
	static char text[256];

	memset(text, '?', sizeof(text));
	auth_source_accounts(source, text, room);
	assert_true(strlen(text) <= room);
	return text;
}

static void test_accounts(void **state UNUSED)
{
	struct auth_table *table = new_table(4);
	struct auth_source *source = get(table, 1);
	char account[ACCOUNT_TEXT_MAX];

	assert_string_equal(accounts(source, 100), "");
	auth_table_note_account(table, source, "");
	assert_int_equal(source->n_accounts, 0);
	auth_table_note_account(table, source, "a@example.com");
	auth_table_note_account(table, source, "a@example.com");
	auth_table_note_account(table, source, "");
	assert_string_equal(accounts(source, 100), "a@example.com");
	auth_table_note_account(table, source, "b@example.com");
	assert_string_equal(accounts(source, 100), "b@example.com and 1 more");
	auth_table_note_account(table, source, "a@example.com");
	assert_string_equal(accounts(source, 100), "a@example.com and 1 more");
	for (unsigned i = 0; i < 30; i++) {
		snprintf(account, sizeof(account), "user%u@example.com", i);
		auth_table_note_account(table, source, account);
	}
	assert_int_equal(source->n_accounts, AUTH_ACCOUNTS_SHOWN);
	assert_string_equal(accounts(source, 100), "user29@example.com and at least 7 more");
	assert_string_equal(accounts(source, 24), "user and at least 7 more");
	auth_table_free(table);
}

static void test_accounts_are_cut_between_characters(void **state UNUSED)
{
	struct auth_table *table = new_table(4);
	struct auth_source *source = get(table, 1);

	auth_table_note_account(table, source, "aaaaaaaaaaaaaaaaaaaaaaaa\\x22\\x5cbbbb");
	assert_string_equal(accounts(source, 99), "aaaaaaaaaaaaaaaaaaaaaaaa\\x22\\x5cbbbb");
	assert_string_equal(accounts(source, 36), "aaaaaaaaaaaaaaaaaaaaaaaa\\x22\\x5cbbbb");
	assert_string_equal(accounts(source, 35), "aaaaaaaaaaaaaaaaaaaaaaaa\\x22\\x5cbbb");
	assert_string_equal(accounts(source, 33), "aaaaaaaaaaaaaaaaaaaaaaaa\\x22\\x5cb");
	assert_string_equal(accounts(source, 32), "aaaaaaaaaaaaaaaaaaaaaaaa\\x22\\x5c");
	assert_string_equal(accounts(source, 31), "aaaaaaaaaaaaaaaaaaaaaaaa\\x22");
	assert_string_equal(accounts(source, 28), "aaaaaaaaaaaaaaaaaaaaaaaa\\x22");
	assert_string_equal(accounts(source, 27), "aaaaaaaaaaaaaaaaaaaaaaaa");
	assert_string_equal(accounts(source, 25), "aaaaaaaaaaaaaaaaaaaaaaaa");
	assert_string_equal(accounts(source, 24), "aaaaaaaaaaaaaaaaaaaaaaaa");
	auth_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_who_makes_room),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_room_for_failures),
		cmocka_unit_test(test_accounts),
		cmocka_unit_test(test_accounts_are_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
