// SPDX-License-Identifier: GPL-2.0-or-later
#include "support.h"

#include "smtpguard/policy/gate_table.h"

static struct gate_table *new_table(uint32_t max_held)
{
	struct gate_table *table;

	assert_int_equal(gate_table_new(&table, max_held, &test_key), 0);
	return table;
}

static struct gate_table_stats stats_of(const struct gate_table *table)
{
	struct gate_table_stats stats;

	gate_table_stats(table, &stats);
	return stats;
}

static struct prefix prefix_n(uint32_t n)
{
	struct address a = addr_n(n);

	return prefix_host(&a);
}

static struct gate_source *put(struct gate_table *table, uint32_t n)
{
	struct gate_source *source, evicted;
	struct prefix p = prefix_n(n);

	assert_int_equal(gate_table_put(table, &p, &source, &evicted), 0);
	assert_int_equal(evicted.key.length, 0);
	return source;
}

static void hold(struct gate_table *table, struct gate_source *source, uint32_t id, usec_t since)
{
	const struct held_packet packet = { .id = id, .since = since };

	assert_int_equal(gate_table_hold(table, source, &packet), 0);
}

static void releases(struct gate_table *table, struct gate_source *source, uint32_t id)
{
	struct held_packet packet = { .id = 0 };

	assert_true(gate_table_release(table, source, &packet));
	assert_int_equal(packet.id, id);
}

static void test_words(void **state UNUSED)
{
	assert_string_equal(gate_outcome_name(GATE_ASKING), "held");
	assert_string_equal(gate_outcome_name(GATE_REFUSED), "refused");
	assert_string_equal(gate_outcome_name(GATE_PASSED), "passed");
	assert_string_equal(gate_outcome_name(GATE_WOULD_REFUSE), "would-refuse");
}

static void test_sources(void **state UNUSED)
{
	struct gate_table *table = new_table(4);
	struct prefix p6 = pfx("2001:db8:0:9::/64"), p4 = pfx("192.0.2.9"), found;
	struct gate_source *source, *other, evicted;
	uint32_t cursor = 0;

	assert_null(gate_table_find(table, &p4));
	assert_int_equal(gate_table_put(table, &p4, &source, &evicted), 0);
	assert_int_equal(source->outcome, GATE_ASKING);
	assert_int_equal(source->n_held, 0);
	assert_int_equal(gate_table_put(table, &p6, &other, &evicted), 0);
	assert_ptr_equal(gate_table_find(table, &p4), source);
	assert_ptr_equal(gate_table_find(table, &p6), other);
	found = gate_source_prefix(other);
	assert_true(prefix_equal(&found, &p6));
	assert_int_equal(gate_table_count(table), 2);
	assert_int_equal(stats_of(table).sources[GATE_ASKING], 2);
	gate_table_judge(table, source, GATE_REFUSED, SECONDS(7));
	assert_int_equal(source->outcome, GATE_REFUSED);
	assert_true(source->since == SECONDS(7));
	assert_int_equal(stats_of(table).sources[GATE_REFUSED], 1);
	assert_ptr_equal(gate_table_oldest(table, GATE_REFUSED), source);
	assert_ptr_equal(gate_table_oldest(table, GATE_ASKING), other);
	assert_null(gate_table_next(table, other));
	assert_null(gate_table_oldest(table, GATE_PASSED));
	assert_non_null(gate_table_walk(table, &cursor));
	assert_non_null(gate_table_walk(table, &cursor));
	assert_null(gate_table_walk(table, &cursor));
	gate_table_remove(table, source);
	assert_null(gate_table_find(table, &p4));
	assert_int_equal(gate_table_count(table), 1);
	gate_table_free(table);
	assert_null(gate_table_free(NULL));
}

static void test_packets(void **state UNUSED)
{
	struct gate_table *table = new_table(4);
	struct gate_source *a = put(table, 1), *b = put(table, 2);
	struct held_packet packet = { .id = 5 };
	usec_t since;

	assert_null(gate_table_longest_held(table, &since));
	assert_false(gate_table_release(table, a, &packet));
	hold(table, a, 1, SECONDS(1));
	hold(table, b, 2, SECONDS(2));
	hold(table, a, 3, SECONDS(3));
	assert_false(gate_table_is_full(table));
	hold(table, b, 4, SECONDS(4));
	assert_true(gate_table_is_full(table));
	assert_int_equal(gate_table_hold(table, a, &packet), GATE_TABLE_FULL);
	assert_int_equal(a->n_held, 2);
	assert_ptr_equal(gate_table_longest_held(table, &since), a);
	assert_true(since == SECONDS(1));
	releases(table, a, 1);
	assert_ptr_equal(gate_table_longest_held(table, &since), b);
	releases(table, a, 3);
	assert_false(gate_table_release(table, a, &packet));
	hold(table, a, 6, SECONDS(5));
	releases(table, b, 2);
	releases(table, b, 4);
	assert_ptr_equal(gate_table_longest_held(table, &since), a);
	assert_true(since == SECONDS(5));
	assert_int_equal(stats_of(table).held, 1);
	assert_int_equal(stats_of(table).held_peak, 4);
	assert_int_equal(stats_of(table).max_held, 4);
	gate_table_free(table);
}

static void test_forgotten_packets(void **state UNUSED)
{
	struct gate_table *table = new_table(3);
	struct gate_source *judged = put(table, 3), *source;
	usec_t since;

	gate_table_judge(table, judged, GATE_PASSED, SECONDS(1));
	hold(table, put(table, 1), 1, SECONDS(1));
	source = put(table, 2);
	hold(table, source, 2, SECONDS(2));
	hold(table, source, 3, SECONDS(3));
	gate_table_forget_held(table);
	assert_null(gate_table_longest_held(table, &since));
	assert_int_equal(gate_table_count(table), 1);
	assert_int_equal(stats_of(table).held, 0);
	/* all places are free again */
	source = put(table, 2);
	for (uint32_t id = 0; id < 3; id++)
		hold(table, source, id, SECONDS(4));
	assert_true(gate_table_is_full(table));
	gate_table_free(table);
}

static void test_who_makes_room(void **state UNUSED)
{
	static usec_t judged_at[GATE_SOURCES_MAX + 400];
	struct gate_table *table = new_table(4);
	struct gate_source *source, evicted;
	uint32_t first;

	for (uint32_t n = 0; n < GATE_SOURCES_MAX; n++) {
		source = put(table, n);
		if (n % 64 == 0)
			continue;
		judged_at[n] = 1 + random_bits() % HOURS(24);
	}
	/* judging happens in the order of time */
	for (uint32_t round = 0; round < 200; round++) {
		for (uint32_t n = 0; n < GATE_SOURCES_MAX; n++) {
			struct prefix p = prefix_n(n);

			if (!judged_at[n] || judged_at[n] * 200 / HOURS(24) != round)
				continue;
			judged_at[n] = 1 + HOURS(24) / 200 * round + n;
			gate_table_judge(table, gate_table_find(table, &p),
					 (enum gate_outcome)(GATE_REFUSED + n % 3), judged_at[n]);
		}
	}
	for (uint32_t n = GATE_SOURCES_MAX; n < ARRAY_SIZE(judged_at); n++) {
		struct prefix p = prefix_n(n), gone;

		first = 1;
		for (uint32_t i = 0; i < GATE_SOURCES_MAX; i++)
			if (judged_at[i] && (!judged_at[first] || judged_at[i] < judged_at[first]))
				first = i;
		assert_int_equal(gate_table_put(table, &p, &source, &evicted), 0);
		gone = gate_source_prefix(&evicted);
		p = prefix_n(first);
		assert_true(prefix_equal(&gone, &p));
		assert_null(gate_table_find(table, &p));
		judged_at[first] = 0;
	}
	assert_int_equal(stats_of(table).evicted, 400);
	assert_int_equal(gate_table_count(table), GATE_SOURCES_MAX);
	gate_table_free(table);
}

static void test_nobody_makes_room(void **state UNUSED)
{
	struct gate_table *table = new_table(1);
	struct gate_source *source, evicted;
	struct prefix p = prefix_n(GATE_SOURCES_MAX);

	for (uint32_t n = 0; n < GATE_SOURCES_MAX; n++)
		put(table, n);
	assert_int_equal(gate_table_put(table, &p, &source, &evicted), GATE_TABLE_FULL);
	assert_null(gate_table_find(table, &p));
	p = prefix_n(77);
	gate_table_judge(table, gate_table_find(table, &p), GATE_WOULD_REFUSE, SECONDS(1));
	p = prefix_n(GATE_SOURCES_MAX);
	assert_int_equal(gate_table_put(table, &p, &source, &evicted), 0);
	assert_int_equal(evicted.outcome, GATE_WOULD_REFUSE);
	gate_table_free(table);
}

/* --- against a naive model --- */

#define SOURCES 24
#define MAX_HELD 40

struct model {
	bool there[SOURCES];
	enum gate_outcome outcome[SOURCES];
	/* all packets that wait, oldest first */
	struct {
		uint32_t source, id;
		usec_t since;
	} held[MAX_HELD];
	unsigned n_held, peak;
};

static unsigned model_held(const struct model *model, uint32_t n)
{
	unsigned held = 0;

	for (unsigned i = 0; i < model->n_held; i++)
		held += model->held[i].source == n;
	return held;
}

static uint32_t model_release(struct model *model, uint32_t n)
{
	for (unsigned i = 0; i < model->n_held; i++) {
		uint32_t id = model->held[i].id;

		if (model->held[i].source != n)
			continue;
		model->n_held--;
		memmove(&model->held[i], &model->held[i + 1],
			(model->n_held - i) * sizeof(*model->held));
		return id;
	}
	return 0;
}

static void random_hold(struct gate_table *table, struct model *model, struct gate_source *source,
			uint32_t n, usec_t now)
{
	static uint32_t id;
	const struct held_packet packet = { .id = ++id, .since = now };
	int r = gate_table_hold(table, source, &packet);

	assert_int_equal(r, model->n_held == MAX_HELD ? GATE_TABLE_FULL : 0);
	if (r)
		return;
	model->held[model->n_held].source = n;
	model->held[model->n_held].id = id;
	model->held[model->n_held++].since = now;
	model->peak = MAX_OF(model->peak, model->n_held);
}

static void random_step(struct gate_table *table, struct model *model, usec_t now)
{
	uint32_t n = random_below(SOURCES), id;
	struct prefix p = prefix_n(n);
	struct gate_source *source = gate_table_find(table, &p);
	struct held_packet packet;

	assert_int_equal(source != NULL, model->there[n]);
	if (!source) {
		source = put(table, n);
		model->there[n] = true;
		model->outcome[n] = GATE_ASKING;
	} else if (random_below(4) == 0) {
		id = model_release(model, n);
		assert_int_equal(gate_table_release(table, source, &packet), id != 0);
		if (id)
			assert_int_equal(packet.id, id);
	} else if (model->outcome[n] == GATE_ASKING && random_below(3) != 0) {
		random_hold(table, model, source, n, now);
	} else if (!source->n_held && random_below(2) == 0) {
		gate_table_remove(table, source);
		model->there[n] = false;
	} else if (!source->n_held) {
		model->outcome[n] = (enum gate_outcome)(GATE_REFUSED + random_below(3));
		gate_table_judge(table, source, model->outcome[n], now);
	}
}

static void compare(const struct gate_table *table, const struct model *model)
{
	struct gate_table_stats stats = stats_of(table);
	unsigned outcomes[GATE_OUTCOMES] = { 0 };
	const struct gate_source *longest;
	struct prefix p;
	usec_t since;

	for (uint32_t n = 0; n < SOURCES; n++) {
		p = prefix_n(n);
		if (!model->there[n])
			continue;
		outcomes[model->outcome[n]]++;
		assert_int_equal(gate_table_find(table, &p)->n_held, model_held(model, n));
	}
	for (unsigned i = 0; i < GATE_OUTCOMES; i++)
		assert_int_equal(stats.sources[i], outcomes[i]);
	assert_int_equal(stats.held, model->n_held);
	assert_int_equal(stats.held_peak, model->peak);
	assert_int_equal(gate_table_is_full(table), model->n_held == MAX_HELD);
	longest = gate_table_longest_held(table, &since);
	assert_int_equal(longest != NULL, model->n_held > 0);
	if (!longest)
		return;
	p = prefix_n(model->held[0].source);
	assert_ptr_equal(longest, gate_table_find(table, &p));
	assert_true(since == model->held[0].since);
}

static void test_random_against_model(void **state UNUSED)
{
	struct gate_table *table = new_table(MAX_HELD);
	struct model model = { .n_held = 0 };

	for (unsigned step = 0; step < 100000; step++) {
		random_step(table, &model, step);
		if (random_below(5000) == 0) {
			gate_table_forget_held(table);
			model.n_held = 0;
			for (uint32_t n = 0; n < SOURCES; n++)
				model.there[n] &= model.outcome[n] != GATE_ASKING;
		}
		compare(table, &model);
	}
	assert_int_equal(model.peak, MAX_HELD);
	gate_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),		  cmocka_unit_test(test_sources),
		cmocka_unit_test(test_packets),		  cmocka_unit_test(test_forgotten_packets),
		cmocka_unit_test(test_who_makes_room),	  cmocka_unit_test(test_nobody_makes_room),
		cmocka_unit_test(test_random_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
