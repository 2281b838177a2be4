// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "support.h"

#include "smtpguard/policy/ban_table.h"

static struct ban_table *new_table(uint32_t max_per_family)
{
	struct ban_table *table;

	assert_int_equal(ban_table_new(&table, max_per_family, &test_key), 0);
	return table;
}

static struct ban *put(struct ban_table *table, const char *text)
{
	struct prefix p = pfx(text);
	struct ban *ban = NULL;

	assert_int_equal(ban_table_put(table, &p, &ban), 0);
	return ban;
}

static struct ban *match(const struct ban_table *table, const char *text)
{
	struct address a = addr(text);

	return ban_table_match(table, &a, 32, 64);
}

static void test_put_find_remove(void **state UNUSED)
{
	struct ban_table *table = new_table(4);
	struct ban *ban = put(table, "192.0.2.9");
	struct prefix p = pfx("192.0.2.9"), back;

	assert_true(ban->since == 0 && ban->expires == 0 && !ban->enforced && !ban->adopted);
	assert_int_equal(ban->reason.limit, LIMIT_NONE);
	ban->expires = SECONDS(7);
	assert_ptr_equal(put(table, "192.0.2.9"), ban);
	assert_true(ban->expires == SECONDS(7));
	assert_ptr_equal(ban_table_find(table, &p), ban);
	back = ban_prefix(ban);
	assert_true(prefix_equal(&back, &p));
	assert_int_equal(ban_table_count(table), 1);
	ban_table_remove(table, ban);
	assert_null(ban_table_find(table, &p));
	assert_int_equal(ban_table_count(table), 0);
	/* zeroed again */
	assert_true(put(table, "192.0.2.9")->expires == 0);
	ban_table_free(table);
	assert_null(ban_table_free(NULL));
}

static void test_match_by_source_prefix(void **state UNUSED)
{
	struct ban_table *table = new_table(4);
	struct ban *four = put(table, "192.0.2.9"), *six = put(table, "2001:db8:1:1::/64");

	assert_ptr_equal(match(table, "192.0.2.9"), four);
	assert_null(match(table, "192.0.2.8"));
	assert_ptr_equal(match(table, "2001:db8:1:1:2:3:4:5"), six);
	assert_null(match(table, "2001:db8:1:2::1"));
	/* another length is another ban */
	put(table, "2001:db8:1:200::/56");
	assert_null(match(table, "2001:db8:1:200::1"));
	ban_table_free(table);
}

static void test_full_by_family(void **state UNUSED)
{
	struct ban_table *table = new_table(2);
	struct prefix p4 = pfx("192.0.2.3"), p6 = pfx("2001:db8:3::/64");
	struct ban *none = NULL;

	put(table, "192.0.2.1");
	put(table, "192.0.2.2");
	assert_int_equal(ban_table_put(table, &p4, &none), BAN_TABLE_FULL);
	put(table, "2001:db8:1::/64");
	put(table, "2001:db8:2::/64");
	assert_int_equal(ban_table_put(table, &p6, &none), BAN_TABLE_FULL);
	assert_null(none);
	/* who is in stays reachable */
	assert_non_null(put(table, "192.0.2.1"));
	assert_int_equal(ban_table_count(table), 4);
	ban_table_free(table);
}

static void test_walk_both_families(void **state UNUSED)
{
	struct ban_table *table = new_table(3);
	uint32_t cursor = 0;
	unsigned n = 0;

	assert_null(ban_table_walk(table, &cursor));
	put(table, "2001:db8:1::/64");
	cursor = 0;
	assert_ptr_equal(ban_table_walk(table, &cursor), match(table, "2001:db8:1::"));
	assert_null(ban_table_walk(table, &cursor));
	for (unsigned fill = 1; fill <= 3; fill++) {
		char text[32];

		snprintf(text, sizeof(text), "192.0.2.%u", fill);
		put(table, text);
		snprintf(text, sizeof(text), "2001:db8:%u::/64", fill);
		put(table, text);
		cursor = 0;
		for (n = 0; ban_table_walk(table, &cursor); n++)
			;
		assert_int_equal(n, 2 * fill);
	}
	/* removing the one in hand is allowed */
	cursor = 0;
	for (struct ban *ban; (ban = ban_table_walk(table, &cursor)); n--)
		ban_table_remove(table, ban);
	assert_int_equal(n, 0);
	assert_int_equal(ban_table_count(table), 0);
	ban_table_free(table);
}

static struct ban *put_severe(struct ban_table *table, const char *text, uint8_t severity)
{
	struct ban *ban = put(table, text);

	ban_table_set_severity(table, ban, severity);
	return ban;
}

static void test_weakest(void **state UNUSED)
{
	struct ban_table *table = new_table(8);
	struct prefix four = pfx("192.0.2.77"), six = pfx("2001:db8:7::/64");
	struct ban *two, *two_later, *five;

	assert_null(ban_table_weakest(table, &four, BAN_SEVERITY_MOST));
	five = put_severe(table, "192.0.2.5", 5);
	two = put_severe(table, "192.0.2.1", 2);
	two_later = put_severe(table, "192.0.2.2", 2);
	put_severe(table, "192.0.2.3", BAN_SEVERITY_MOST);
	assert_ptr_equal(ban_table_weakest(table, &four, 31), two);
	assert_ptr_equal(ban_table_weakest(table, &four, 3), two);
	/* none below: equals do not give way */
	assert_null(ban_table_weakest(table, &four, 2));
	assert_null(ban_table_weakest(table, &four, 0));
	/* each family has its own room */
	assert_null(ban_table_weakest(table, &six, 31));
	ban_table_set_severity(table, two, 9);
	assert_int_equal(two->severity, 9);
	assert_ptr_equal(ban_table_weakest(table, &four, 31), two_later);
	ban_table_remove(table, two_later);
	assert_ptr_equal(ban_table_weakest(table, &four, 31), five);
	ban_table_set_severity(table, five, 200);
	assert_int_equal(five->severity, BAN_SEVERITY_MOST);
	ban_table_remove(table, two);
	/* the most severe never give way */
	assert_null(ban_table_weakest(table, &four, BAN_SEVERITY_MOST));
	assert_null(ban_table_weakest(table, &four, 255));
	ban_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_find_remove),
		cmocka_unit_test(test_match_by_source_prefix),
		cmocka_unit_test(test_full_by_family),
		cmocka_unit_test(test_walk_both_families),
		cmocka_unit_test(test_weakest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
