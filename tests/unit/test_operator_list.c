// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "support.h"

#include "smtpguard/policy/operator_list.h"

static struct operator_list *new_list(void)
{
	struct operator_list *list;

	assert_int_equal(operator_list_new(&list), 0);
	return list;
}

static int add(struct operator_list *list, const char *text, usec_t expires, unsigned *absorbed,
	       struct operator_entry *conflict)
{
	struct operator_entry entry = { .prefix = pfx(text), .expires = expires };

	return operator_list_add(list, &entry, absorbed, conflict);
}

static int add_endless(struct operator_list *list, const char *text)
{
	struct operator_entry conflict;
	unsigned absorbed;

	return add(list, text, USEC_NEVER, &absorbed, &conflict);
}

static const struct operator_entry *match(const struct operator_list *list, const char *text)
{
	struct address a = addr(text);

	return operator_list_match(list, &a);
}

static void test_empty(void **state UNUSED)
{
	struct operator_list *list = new_list();
	struct prefix all = { .length = 0 };
	uint32_t first = 77;

	assert_int_equal(operator_list_count(list), 0);
	assert_null(match(list, "192.0.2.1"));
	assert_null(operator_list_overlap(list, &all));
	assert_null(operator_list_expired(list, USEC_NEVER - 1));
	assert_true(operator_list_next_expiry(list) == USEC_NEVER);
	assert_int_equal(operator_list_inside(list, &all, &first), 0);
	assert_int_equal(operator_list_remove(list, &all), OPERATOR_LIST_ABSENT);
	assert_null(operator_list_free(list));
	assert_null(operator_list_free(NULL));
}

static void test_conditions(void **state UNUSED)
{
	struct operator_list *list = new_list();
	struct operator_entry conflict = { .expires = 7 };
	unsigned absorbed = 77;
	struct prefix p;

	assert_int_equal(add(list, "192.0.2.0/24", SECONDS(10), &absorbed, &conflict), 0);
	assert_int_equal(absorbed, 0);
	/* inside a wider one, whatever its end */
	assert_int_equal(add(list, "192.0.2.128/25", SECONDS(99), &absorbed, &conflict),
			 OPERATOR_LIST_COVERED);
	p = pfx("192.0.2.0/24");
	assert_true(prefix_equal(&conflict.prefix, &p));
	/* the same again: new times, earlier ones too */
	assert_int_equal(add(list, "192.0.2.0/24", SECONDS(5), &absorbed, &conflict), 0);
	assert_int_equal(absorbed, 0);
	assert_true(match(list, "192.0.2.9")->expires == SECONDS(5));
	assert_int_equal(add(list, "192.0.3.0/25", SECONDS(20), &absorbed, &conflict), 0);
	/* one of the two inside lasts longer: neither is touched */
	assert_int_equal(add(list, "192.0.2.0/23", SECONDS(19), &absorbed, &conflict),
			 OPERATOR_LIST_OVERLAPS);
	p = pfx("192.0.3.0/25");
	assert_true(prefix_equal(&conflict.prefix, &p));
	assert_int_equal(operator_list_count(list), 2);
	assert_int_equal(add(list, "192.0.2.0/23", SECONDS(20), &absorbed, &conflict), 0);
	assert_int_equal(absorbed, 2);
	assert_int_equal(operator_list_count(list), 1);
	/* exactly this prefix */
	p = pfx("192.0.2.0/24");
	assert_int_equal(operator_list_remove(list, &p), OPERATOR_LIST_ABSENT);
	p = pfx("192.0.2.0/23");
	assert_int_equal(operator_list_remove(list, &p), 0);
	assert_int_equal(operator_list_count(list), 0);
	operator_list_free(list);
}

static void test_whole_families(void **state UNUSED)
{
	struct operator_list *list = new_list();

	assert_int_equal(add_endless(list, "0.0.0.0/0"), 0);
	assert_non_null(match(list, "0.0.0.0"));
	assert_non_null(match(list, "255.255.255.255"));
	assert_null(match(list, "::1"));
	assert_null(match(list, "2001:db8::1"));
	assert_int_equal(add_endless(list, "8000::/1"), 0);
	assert_non_null(match(list, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	assert_null(match(list, "7fff::"));
	operator_list_free(list);
}

static void test_text_is_kept(void **state UNUSED)
{
	struct operator_list *list = new_list();
	struct operator_entry entry = { .prefix = pfx("192.0.2.0/24"), .since = 3 }, conflict;
	unsigned absorbed;

	snprintf(entry.text, sizeof(entry.text), "spam run");
	assert_int_equal(operator_list_add(list, &entry, &absorbed, &conflict), 0);
	snprintf(entry.text, sizeof(entry.text), "another");
	assert_string_equal(operator_list_at(list, 0)->text, "spam run");
	assert_true(operator_list_at(list, 0)->since == 3);
	assert_int_equal(operator_list_add(list, &entry, &absorbed, &conflict), 0);
	assert_string_equal(operator_list_at(list, 0)->text, "another");
	operator_list_free(list);
}

static void test_full(void **state UNUSED)
{
	struct operator_list *list = new_list();
	struct operator_entry entry = { .expires = SECONDS(9) }, conflict;
	struct prefix wide = pfx("10.0.0.0/9");
	unsigned absorbed;
	uint32_t first;

	for (uint32_t n = 0; n < OPERATOR_LIST_MAX; n++) {
		struct address a = addr_n(n);

		entry.prefix = prefix_host(&a);
		assert_int_equal(operator_list_add(list, &entry, &absorbed, &conflict), 0);
	}
	assert_int_equal(add(list, "192.0.2.1", SECONDS(9), &absorbed, &conflict),
			 OPERATOR_LIST_FULL);
	/* what is there already, and what makes room itself, needs none */
	entry.expires = SECONDS(10);
	assert_int_equal(operator_list_add(list, &entry, &absorbed, &conflict), 0);
	assert_int_equal(operator_list_inside(list, &wide, &first), OPERATOR_LIST_MAX);
	assert_int_equal(first, 0);
	assert_int_equal(add(list, "10.0.0.0/9", SECONDS(10), &absorbed, &conflict), 0);
	assert_int_equal(absorbed, OPERATOR_LIST_MAX);
	assert_int_equal(operator_list_count(list), 1);
	assert_int_equal(add_endless(list, "192.0.2.1"), 0);
	operator_list_free(list);
}

/* --- against a naive model: an unordered array, every question asked of every entry --- */

#define MODEL_MAX 512

struct model {
	struct operator_entry entries[MODEL_MAX];
	unsigned n;
};

static bool contains(const struct prefix *outer, const struct prefix *inner)
{
	return outer->length <= inner->length && prefix_contains(outer, &inner->address);
}

static bool share_an_address(const struct prefix *a, const struct prefix *b)
{
	return contains(a, b) || contains(b, a);
}

static int model_add(struct model *model, const struct operator_entry *entry, unsigned *absorbed)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < model->n; i++) {
		struct operator_entry *other = &model->entries[i];

		if (prefix_equal(&other->prefix, &entry->prefix)) {
			*other = *entry;
			*absorbed = 0;
			return 0;
		}
		if (contains(&other->prefix, &entry->prefix))
			return OPERATOR_LIST_COVERED;
	}
	for (unsigned i = 0; i < model->n; i++)
		if (contains(&entry->prefix, &model->entries[i].prefix) &&
		    model->entries[i].expires > entry->expires)
			return OPERATOR_LIST_OVERLAPS;
	for (unsigned i = 0; i < model->n; i++)
		if (!contains(&entry->prefix, &model->entries[i].prefix))
			model->entries[kept++] = model->entries[i];
	*absorbed = model->n - kept;
	model->n = kept;
	assert_true(model->n < MODEL_MAX);
	model->entries[model->n++] = *entry;
	return 0;
}

static const struct operator_entry *model_find(const struct model *model, const struct prefix *prefix)
{
	for (unsigned i = 0; i < model->n; i++)
		if (prefix_equal(&model->entries[i].prefix, prefix))
			return &model->entries[i];
	return NULL;
}

/* Few distinct bits, so that prefixes meet; IPv4, IPv6 and, rarely, what contains all of IPv4. */
static struct prefix random_prefix(void)
{
	struct address a = { { 0 } };
	bool four = random_below(2);

	if (four)
		a = addr("10.0.0.0");
	else
		a.bytes[0] = 0x20;
	a.bytes[13] = (uint8_t)(random_below(2) << 7);
	a.bytes[14] = (uint8_t)(random_below(4) << 6);
	a.bytes[15] = (uint8_t)random_below(16);
	if (random_below(400) == 0)
		return prefix_cut(&a, (uint8_t)random_below(four ? 105 : 20));
	return prefix_cut(&a, (uint8_t)(104 + random_below(25)));
}

static void check_questions(const struct operator_list *list, const struct model *model, usec_t now)
{
	struct prefix p = random_prefix();
	const struct operator_entry *matched = operator_list_match(list, &p.address),
				    *overlapping = operator_list_overlap(list, &p);
	bool any_match = false, any_overlap = false, any_expired = false;
	unsigned inside = 0;
	usec_t next = USEC_NEVER;
	uint32_t first;

	for (unsigned i = 0; i < model->n; i++) {
		const struct operator_entry *entry = &model->entries[i];

		any_match |= prefix_contains(&entry->prefix, &p.address);
		any_overlap |= share_an_address(&entry->prefix, &p);
		any_expired |= entry->expires <= now;
		inside += contains(&p, &entry->prefix);
		next = MIN_OF(next, entry->expires);
	}
	assert_int_equal(matched != NULL, any_match);
	if (matched)
		assert_true(prefix_contains(&matched->prefix, &p.address));
	assert_int_equal(overlapping != NULL, any_overlap);
	if (overlapping)
		assert_true(share_an_address(&overlapping->prefix, &p));
	assert_int_equal(operator_list_expired(list, now) != NULL, any_expired);
	assert_true(operator_list_next_expiry(list) == next);
	assert_int_equal(operator_list_inside(list, &p, &first), inside);
	for (unsigned i = 0; i < inside; i++)
		assert_true(contains(&p, &operator_list_at(list, first + i)->prefix));
}

static void check_members(const struct operator_list *list, const struct model *model)
{
	assert_int_equal(operator_list_count(list), model->n);
	for (uint32_t i = 0; i < model->n; i++) {
		const struct operator_entry *entry = operator_list_at(list, i),
					    *known = model_find(model, &entry->prefix);

		assert_true(known && known->expires == entry->expires);
		if (i == 0)
			continue;
		assert_true(memcmp(operator_list_at(list, i - 1)->prefix.address.bytes,
				   entry->prefix.address.bytes, 16) < 0);
		assert_false(share_an_address(&operator_list_at(list, i - 1)->prefix,
					      &entry->prefix));
	}
}

static void model_remove(struct model *model, const struct prefix *prefix)
{
	const struct operator_entry *known = model_find(model, prefix);

	model->entries[known - model->entries] = model->entries[--model->n];
}

static void test_random_against_model(void **state UNUSED)
{
	struct operator_list *list = new_list();
	static struct model model;
	unsigned results[4] = { 0 }, absorbed_total = 0;
	const struct operator_entry *gone;

	for (usec_t now = 1; now < 60000; now++) {
		struct operator_entry entry = { .prefix = random_prefix(), .since = now }, conflict;
		unsigned absorbed = 0, absorbed_model = 0;

		entry.expires = random_below(8) ? now + random_below(400) : USEC_NEVER;
		if (random_below(3)) {
			int r = operator_list_add(list, &entry, &absorbed, &conflict);

			assert_int_equal(r, model_add(&model, &entry, &absorbed_model));
			assert_int_equal(absorbed, absorbed_model);
			if (r == OPERATOR_LIST_COVERED)
				assert_true(contains(&conflict.prefix, &entry.prefix));
			if (r == OPERATOR_LIST_OVERLAPS)
				assert_true(contains(&entry.prefix, &conflict.prefix) &&
					    conflict.expires > entry.expires);
			results[r]++;
			absorbed_total += absorbed;
		} else if (model_find(&model, &entry.prefix)) {
			assert_int_equal(operator_list_remove(list, &entry.prefix), 0);
			model_remove(&model, &entry.prefix);
		} else {
			assert_int_equal(operator_list_remove(list, &entry.prefix),
					 OPERATOR_LIST_ABSENT);
		}
		while (random_below(2) && (gone = operator_list_expired(list, now))) {
			struct prefix p = gone->prefix;

			assert_int_equal(operator_list_remove(list, &p), 0);
			model_remove(&model, &p);
		}
		check_questions(list, &model, now);
		if (now % 16 == 0)
			check_members(list, &model);
	}
	/* the test is of no use if these did not happen */
	assert_true(results[OPERATOR_LIST_COVERED] > 1000 && results[OPERATOR_LIST_OVERLAPS] > 100);
	assert_true(results[0] > 1000 && absorbed_total > 100);
	operator_list_free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_whole_families),
		cmocka_unit_test(test_text_is_kept),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_random_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
