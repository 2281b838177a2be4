// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "support.h"

#include "smtpguard/track/prefix_set.h"

static struct prefix_set *new_set(void)
{
	struct prefix_set *set;

	assert_int_equal(prefix_set_new(&set), 0);
	return set;
}

static void add(struct prefix_set *set, const char *text)
{
	struct prefix p = pfx(text);

	assert_int_equal(prefix_set_add(set, &p), 0);
}

static const struct prefix *match(const struct prefix_set *set, const char *text)
{
	struct address a = addr(text);

	return prefix_set_match(set, &a);
}

static void matches(const struct prefix_set *set, const char *text, const char *expected)
{
	struct prefix p = pfx(expected);

	assert_non_null(match(set, text));
	assert_true(prefix_equal(match(set, text), &p));
}

static void test_empty(void **state UNUSED)
{
	struct prefix_set *set = new_set();
	struct prefix all = pfx("::/0");

	assert_null(match(set, "192.0.2.1"));
	assert_false(prefix_set_overlaps(set, &all));
	assert_int_equal(prefix_set_remove(set, &all), PREFIX_SET_ABSENT);
	assert_int_equal(prefix_set_count(set), 0);
	prefix_set_free(set);
	assert_null(prefix_set_free(NULL));
}

static void test_most_specific_wins(void **state UNUSED)
{
	struct prefix_set *set = new_set();
	struct prefix p;

	add(set, "192.0.0.0/16");
	add(set, "192.0.2.0/24");
	add(set, "192.0.2.9");
	add(set, "2001:db8::/32");
	p = pfx("192.0.2.0/24");
	assert_int_equal(prefix_set_add(set, &p), PREFIX_SET_EXISTS);
	assert_int_equal(prefix_set_count(set), 4);
	matches(set, "192.0.2.9", "192.0.2.9");
	matches(set, "192.0.2.10", "192.0.2.0/24");
	matches(set, "192.0.3.9", "192.0.0.0/16");
	matches(set, "2001:db8:ffff::1", "2001:db8::/32");
	assert_null(match(set, "192.1.0.0"));
	assert_null(match(set, "2001:db9::"));
	assert_int_equal(prefix_set_remove(set, &p), 0);
	assert_int_equal(prefix_set_remove(set, &p), PREFIX_SET_ABSENT);
	matches(set, "192.0.2.10", "192.0.0.0/16");
	prefix_set_free(set);
}

static void test_whole_families(void **state UNUSED)
{
	struct prefix_set *set = new_set();
	struct prefix all6 = pfx("::/0");

	add(set, "0.0.0.0/0");
	matches(set, "203.0.113.1", "0.0.0.0/0");
	assert_null(match(set, "2001:db8::1"));
	add(set, "::/0");
	matches(set, "2001:db8::1", "::/0");
	matches(set, "203.0.113.1", "0.0.0.0/0");
	assert_int_equal(prefix_set_remove(set, &all6), 0);
	assert_null(match(set, "2001:db8::1"));
	prefix_set_free(set);
}

static void test_overlaps(void **state UNUSED)
{
	struct prefix_set *set = new_set();
	static const struct {
		const char *prefix;
		bool expected;
	} cases[] = {
		{ "198.51.100.0/24", true },  { "198.51.100.128/25", true }, { "198.51.0.0/16", true },
		{ "198.51.100.7", true },     { "198.51.101.0/24", false },  { "0.0.0.0/0", true },
		{ "2001:db8::/64", true },    { "2001:db8::9", true },	     { "2001:db8::8", false },
		{ "2001:db8:0:1::/64", false },
	};

	add(set, "198.51.100.0/24");
	add(set, "2001:db8::9");
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix p = pfx(cases[i].prefix);

		assert_int_equal(prefix_set_overlaps(set, &p), cases[i].expected);
	}
	prefix_set_free(set);
}

/* --- against a linear scan --- */

#define MODEL_MAX 200

struct model {
	struct prefix members[MODEL_MAX];
	unsigned count;
};

/* few distinct bits, so that prefixes nest and addresses hit */
static struct address dense_address(void)
{
	struct address a = { { 0 } };

	if (random_below(2)) {
		a = addr_n(0);
		for (unsigned i = 12; i < 16; i++)
			a.bytes[i] = (uint8_t)(random_below(3) * 0x55);
	} else {
		for (unsigned i = 0; i < 16; i++)
			a.bytes[i] = (uint8_t)(random_below(2) * 0x81);
	}
	return a;
}

static struct prefix dense_prefix(void)
{
	struct address a = dense_address();

	return prefix_of_address(&a, random_below(33), random_below(129));
}

static int model_index(const struct model *model, const struct prefix *p)
{
	for (unsigned i = 0; i < model->count; i++)
		if (prefix_equal(&model->members[i], p))
			return (int)i;
	return -1;
}

static const struct prefix *model_match(const struct model *model, const struct address *a)
{
	const struct prefix *best = NULL;

	for (unsigned i = 0; i < model->count; i++)
		if (prefix_contains(&model->members[i], a) &&
		    (!best || model->members[i].length > best->length))
			best = &model->members[i];
	return best;
}

static bool model_overlaps(const struct model *model, const struct prefix *p)
{
	for (unsigned i = 0; i < model->count; i++)
		if (prefix_contains(&model->members[i], &p->address) ||
		    prefix_contains(p, &model->members[i].address))
			return true;
	return false;
}

static void change(struct prefix_set *set, struct model *model)
{
	struct prefix p = model->count && random_below(3) == 0
				  ? model->members[random_below(model->count)]
				  : dense_prefix();
	int index = model_index(model, &p);

	if (random_below(2) && model->count < MODEL_MAX) {
		assert_int_equal(prefix_set_add(set, &p), index < 0 ? 0 : PREFIX_SET_EXISTS);
		if (index < 0)
			model->members[model->count++] = p;
	} else {
		assert_int_equal(prefix_set_remove(set, &p), index < 0 ? PREFIX_SET_ABSENT : 0);
		if (index >= 0)
			model->members[index] = model->members[--model->count];
	}
}

static void check_order(const struct prefix_set *set, const struct model *model)
{
	assert_int_equal(prefix_set_count(set), model->count);
	for (unsigned i = 1; i < model->count; i++) {
		const struct prefix *a = prefix_set_at(set, i - 1), *b = prefix_set_at(set, i);

		assert_true(a->length > b->length ||
			    (a->length == b->length &&
			     memcmp(a->address.bytes, b->address.bytes, 16) < 0));
	}
}

static void test_random_against_scan(void **state UNUSED)
{
	struct prefix_set *set = new_set();
	struct model model = { .count = 0 };

	for (unsigned step = 0; step < 20000; step++) {
		struct address a = dense_address();
		struct prefix p = dense_prefix();
		const struct prefix *found, *expected;

		change(set, &model);
		found = prefix_set_match(set, &a);
		expected = model_match(&model, &a);
		assert_int_equal(found == NULL, expected == NULL);
		if (found)
			assert_true(prefix_equal(found, expected));
		assert_int_equal(prefix_set_overlaps(set, &p), model_overlaps(&model, &p));
		if (step % 500 == 0)
			check_order(set, &model);
	}
	prefix_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),	       cmocka_unit_test(test_most_specific_wins),
		cmocka_unit_test(test_whole_families), cmocka_unit_test(test_overlaps),
		cmocka_unit_test(test_random_against_scan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
