// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "support.h"

#include "smtpguard/track/source_table.h"

static struct source_table *new_table(uint32_t capacity)
{
	struct source_table *table;

	assert_int_equal(source_table_new(&table, capacity, &test_key), 0);
	return table;
}

static struct prefix prefix_n(uint32_t n)
{
	struct address a = addr_n(n);

	return prefix_host(&a);
}

static struct source *get(struct source_table *table, uint32_t n)
{
	struct prefix p = prefix_n(n);
	struct source *source = NULL;

	assert_int_equal(source_table_get(table, &p, 0, &source), 0);
	return source;
}

static struct source *find(const struct source_table *table, uint32_t n)
{
	struct prefix p = prefix_n(n);

	return source_table_find(table, &p, 0);
}

static struct source_table_stats stats_of(const struct source_table *table)
{
	struct source_table_stats stats;

	source_table_stats(table, &stats);
	return stats;
}

static void test_counts(void **state UNUSED)
{
	struct source_table *table = new_table(4);
	struct source *source = get(table, 1);

	source_table_count(table, source, 0, 1, SECONDS(1));
	source_table_count(table, source, 1, -1, SECONDS(2));
	source_table_count(table, source, 1, 0, SECONDS(3));
	source_table_count(table, source, -1, 0, SECONDS(4));
	assert_int_equal(source->concurrent, 1);
	assert_int_equal(source->half_open, 0);
	assert_int_equal(source->peak, 2);
	assert_true(source->last_change == SECONDS(4));
	for (unsigned i = 0; i < 3; i++)
		source_table_count(table, source, -1, -1, SECONDS(5));
	assert_int_equal(source->concurrent, 0);
	assert_int_equal(source->half_open, 0);
	source_table_free(table);
	assert_null(source_table_free(NULL));
}

static void test_a_source_is_prefix_and_service(void **state UNUSED)
{
	struct source_table *table = new_table(8);
	struct prefix wide = pfx("2001:db8::/48"), narrow = pfx("2001:db8::/64"), back;
	struct source *a, *b, *c, *again;

	assert_int_equal(source_table_get(table, &wide, 0, &a), 0);
	assert_int_equal(source_table_get(table, &narrow, 0, &b), 0);
	assert_int_equal(source_table_get(table, &narrow, 1, &c), 0);
	assert_int_equal(source_table_get(table, &narrow, 1, &again), 0);
	assert_ptr_not_equal(a, b);
	assert_ptr_not_equal(b, c);
	assert_ptr_equal(c, again);
	assert_ptr_equal(source_table_find(table, &narrow, 1), c);
	assert_null(source_table_find(table, &narrow, 2));
	back = source_prefix(a);
	assert_true(prefix_equal(&back, &wide));
	source_table_free(table);
}

static void test_handshakes(void **state UNUSED)
{
	struct source_table *table = new_table(4);
	struct source *source = get(table, 1);

	for (unsigned i = 1; i <= 11; i++)
		source_table_handshake(table, source, SECONDS(i), 60);
	assert_int_equal(source_table_new_count(table, source, SECONDS(11), SECONDS(300)), 11);
	assert_int_equal(source_table_new_count(table, source, SECONDS(301), SECONDS(300)), 10);
	assert_int_equal(source_table_new_count(table, source, SECONDS(999), SECONDS(300)), 0);
	source_table_free(table);
}

static void test_eviction_order(void **state UNUSED)
{
	struct source_table *table = new_table(4);
	struct prefix p = prefix_n(99);
	struct hash_handle stale;
	struct source *none = NULL;

	/* 1: two connections, 2: idle but young, 3: one connection, 4: idle and old */
	source_table_count(table, get(table, 1), 1, 0, SECONDS(1));
	source_table_count(table, get(table, 1), 1, 0, SECONDS(1));
	source_table_count(table, get(table, 3), 0, 1, SECONDS(2));
	get(table, 4);
	get(table, 2);
	stale = source_table_handle(table, find(table, 4));
	assert_ptr_equal(source_table_at(table, stale), find(table, 4));

	source_table_protect(table, get(table, 5), true);
	assert_null(find(table, 4));
	assert_null(source_table_at(table, stale));
	source_table_protect(table, get(table, 6), true);
	assert_null(find(table, 2));
	assert_int_equal(stats_of(table).evicted_counting, 0);
	source_table_protect(table, get(table, 7), true);
	assert_null(find(table, 3));
	assert_int_equal(stats_of(table).evicted_counting, 1);
	source_table_protect(table, get(table, 8), true);
	assert_null(find(table, 1));
	assert_int_equal(stats_of(table).evicted, 4);

	assert_int_equal(source_table_get(table, &p, 0, &none), SOURCE_TABLE_FULL);
	assert_null(none);
	assert_int_equal(stats_of(table).refused, 1);
	assert_int_equal(stats_of(table).entries, 4);
	assert_int_equal(stats_of(table).capacity, 4);
	/* an existing one is found all the same, and one set free can go */
	assert_ptr_equal(get(table, 6), find(table, 6));
	source_table_protect(table, find(table, 6), false);
	get(table, 99);
	assert_null(find(table, 6));
	source_table_free(table);
}

static void test_forget_idle(void **state UNUSED)
{
	struct source_table *table = new_table(16);

	for (uint32_t n = 1; n <= 6; n++) {
		struct source *source = get(table, n);

		source_table_count(table, source, 1, 0, SECONDS(n));
		source_table_handshake(table, source, SECONDS(n), 10);
		if (n != 3)
			source_table_count(table, source, -1, 0, SECONDS(n));
	}
	source_table_protect(table, find(table, 1), true);
	assert_int_equal(source_table_forget_idle(table, SECONDS(2), 10), 0);
	assert_int_equal(source_table_forget_idle(table, SECONDS(6), 2), 2);
	assert_int_equal(source_table_forget_idle(table, SECONDS(6), 2), 1);
	assert_non_null(find(table, 1));
	assert_null(find(table, 2));
	assert_non_null(find(table, 3));
	assert_null(find(table, 4));
	assert_null(find(table, 5));
	assert_non_null(find(table, 6));
	source_table_free(table);
}

static void test_full_window_pool(void **state UNUSED)
{
	struct source_table *table = new_table(4);
	struct source *busy = get(table, 1);

	get(table, 2); /* idle, without stamps: cannot give room */
	source_table_handshake(table, get(table, 3), SECONDS(1), 100);
	source_table_count(table, busy, 1, 0, SECONDS(1));
	for (unsigned i = 0; i < 3 * SLIDING_WINDOW_CHUNK_STAMPS; i++)
		source_table_handshake(table, busy, SECONDS(2), 1000);
	assert_int_equal(stats_of(table).evicted, 0);
	/* the pool's four chunks are used: the idle source with stamps goes */
	source_table_handshake(table, busy, SECONDS(3), 1000);
	assert_null(find(table, 3));
	assert_non_null(find(table, 2));
	assert_int_equal(stats_of(table).evicted, 1);
	assert_int_equal(stats_of(table).windows_full, 0);
	for (unsigned i = 0; i < SLIDING_WINDOW_CHUNK_STAMPS - 1; i++)
		source_table_handshake(table, busy, SECONDS(4), 1000);
	/* nobody is left to give room: counted, and nothing recorded is lost */
	source_table_handshake(table, busy, SECONDS(5), 1000);
	assert_int_equal(stats_of(table).windows_full, 1);
	assert_int_equal(source_table_new_count(table, busy, SECONDS(5), SECONDS(300)),
			 4 * SLIDING_WINDOW_CHUNK_STAMPS);
	assert_non_null(find(table, 2));
	source_table_free(table);
}

static void test_carry(void **state UNUSED)
{
	struct source_table *table = new_table(2), *other = new_table(2);
	struct source *source = get(table, 1), *to;

	for (unsigned i = 0; i < 40; i++) {
		source_table_count(table, source, 1, 0, SECONDS(i));
		if (i < 20)
			source_table_handshake(table, source, SECONDS(i), 60);
	}
	source_table_count(table, source, -1, 0, SECONDS(50));
	source->name_client = addr("192.0.2.9");
	source->announced = 5;
	source->waiting_since = 7;
	(void)get(table, 2);
	(void)get(table, 3);
	source_table_carry_stats(table, other);
	to = get(other, 1);
	source_table_carry(table, source, other, to);
	/* its connections are counted anew by whoever carries */
	assert_int_equal(to->concurrent, 0);
	assert_int_equal(to->peak, 40);
	assert_int_equal(to->announced, 5);
	assert_true(to->waiting_since == 7 && to->last_change == SECONDS(50));
	assert_true(address_equal(&to->name_client, &source->name_client));
	assert_int_equal(source_table_new_count(other, to, SECONDS(20), SECONDS(10)), 9);
	assert_int_equal(source_table_new_count(table, source, SECONDS(20), SECONDS(10)), 9);
	source_table_count(other, to, 1, 0, SECONDS(60));
	assert_int_equal(to->peak, 40);
	assert_int_equal(stats_of(other).evicted, stats_of(table).evicted);
	assert_int_equal(stats_of(other).evicted, 1);
	assert_int_equal(stats_of(other).entries, 1);
	source_table_free(table);
	source_table_free(other);
}

static void test_peaks_of_a_day(void **state UNUSED)
{
	struct source_table *table = new_table(4), *other = new_table(4);
	struct source *source = get(table, 1), *to;

	assert_int_equal(source->day_changed, 0);
	for (unsigned i = 0; i < 5; i++)
		source_table_count(table, source, 1, 0, SECONDS(1));
	source_table_count(table, source, -1, 0, SECONDS(1));
	source_table_note_new(source, 7);
	source_table_note_new(source, 6);
	assert_int_equal(source->day_concurrent, 5);
	assert_int_equal(source->day_new, 7);
	assert_int_equal(source->day_changed, 1);
	source_table_peaks_told(table, source);
	/* what was told is said again only if it grows */
	source_table_count(table, source, 1, 0, SECONDS(2));
	source_table_note_new(source, 7);
	assert_int_equal(source->day_changed, 0);
	source_table_count(table, source, 1, 0, SECONDS(2));
	assert_int_equal(source->day_changed, 1);

	source_table_begin_day(table);
	/* of the day before until it is told */
	assert_int_not_equal(source->day, source_table_day(table));
	assert_int_equal(source->day_concurrent, 6);
	to = get(other, 1);
	source_table_carry_stats(table, other);
	source_table_carry(table, source, other, to);
	assert_int_equal(source_table_day(other), source_table_day(table));
	assert_int_equal(to->day, source->day);
	assert_int_equal(to->day_concurrent, 6);
	assert_int_equal(to->day_new, 7);
	assert_int_equal(to->day_changed, 1);
	source_table_count(table, source, -1, 0, SECONDS(3));
	source_table_peaks_told(table, source);
	assert_int_equal(source->day, source_table_day(table));
	assert_int_equal(source->day_concurrent, 5);
	assert_int_equal(source->day_new, 0);
	assert_int_equal(source->day_changed, 1);
	assert_int_equal(source->peak, 6);
	/* a new one begins with the day that is */
	assert_int_equal(get(table, 2)->day, source_table_day(table));
	source_table_note_new(source, 1000000);
	assert_int_equal(source->day_new, UINT16_MAX);
	source_table_free(table);
	source_table_free(other);
}

static void note_leaver(void *userdata, const struct source *source)
{
	uint32_t *peaks = userdata;

	*peaks = *peaks * 10 + source->day_concurrent;
}

static void test_leavers_are_told_of(void **state UNUSED)
{
	struct source_table *table = new_table(2);
	uint32_t peaks = 0;

	source_table_on_leave(table, note_leaver, &peaks);
	for (uint32_t n = 1; n <= 3; n++)
		for (uint32_t i = 0; i < n; i++)
			source_table_count(table, get(table, n), 1, 0, SECONDS(n));
	/* evicted: the one with the fewest */
	assert_int_equal(peaks, 1);
	for (uint32_t i = 0; i < 2; i++)
		source_table_count(table, get(table, 2), -1, 0, SECONDS(4));
	assert_int_equal(source_table_forget_idle(table, SECONDS(5), 10), 1);
	assert_int_equal(peaks, 12);
	source_table_free(table);
	assert_int_equal(peaks, 12);
}

static void test_memory_as_stated(void **state UNUSED)
{
	/* 24 bytes of links and at most 8 of index: hash_table.h */
	assert_in_range((sizeof(struct source) + 7) / 8 * 8 + 24 + 8, 1, 128);
}

/* --- random operations against an array --- */

#define CAPACITY 24
#define SOURCES 60

struct model_entry {
	bool present, is_protected;
	uint32_t concurrent, half_open, peak;
	usec_t last_change, last_handshake;
	uint64_t used; /* order of last use */
	struct hash_handle handle;
};

struct model {
	struct model_entry entries[SOURCES];
	unsigned count;
	uint64_t clock, evicted, refused;
};

static unsigned interest(const struct model_entry *entry)
{
	return MIN_OF(entry->concurrent + entry->half_open, 16u);
}

static struct model_entry *model_victim(struct model *model)
{
	struct model_entry *victim = NULL;

	for (unsigned i = 0; i < SOURCES; i++) {
		struct model_entry *entry = &model->entries[i];

		if (!entry->present || entry->is_protected)
			continue;
		if (!victim || interest(entry) < interest(victim) ||
		    (interest(entry) == interest(victim) && entry->used < victim->used))
			victim = entry;
	}
	return victim;
}

static void model_drop(struct source_table *table, struct model *model, struct model_entry *entry)
{
	assert_null(source_table_at(table, entry->handle));
	*entry = (struct model_entry){ .present = false };
	model->count--;
}

static void do_get(struct source_table *table, struct model *model, uint32_t n)
{
	struct model_entry *entry = &model->entries[n], *victim;
	struct prefix p = prefix_n(n);
	struct source *source = NULL;
	int r = source_table_get(table, &p, 0, &source);

	if (entry->present) {
		assert_int_equal(r, 0);
		assert_ptr_equal(source_table_at(table, entry->handle), source);
		return;
	}
	if (model->count == CAPACITY) {
		victim = model_victim(model);
		if (!victim) {
			assert_int_equal(r, SOURCE_TABLE_FULL);
			model->refused++;
			return;
		}
		model_drop(table, model, victim);
		model->evicted++;
	}
	assert_int_equal(r, 0);
	*entry = (struct model_entry){ .present = true,
				       .used = ++model->clock,
				       .handle = source_table_handle(table, source) };
	model->count++;
}

static uint32_t moved(uint32_t value, int by)
{
	return by < 0 && value == 0 ? 0 : value + (uint32_t)by;
}

static void do_change(struct source_table *table, struct model *model, uint32_t n, usec_t now)
{
	struct model_entry *entry = &model->entries[n];
	struct source *source = find(table, n);
	int concurrent = (int)random_below(3) - 1, half_open = (int)random_below(3) - 1;

	if (!entry->present)
		return;
	switch (random_below(8)) {
	case 0:
		entry->is_protected = random_below(3) == 0;
		/* setting what is set already is no use */
		if (source->is_protected != entry->is_protected)
			entry->used = ++model->clock;
		source_table_protect(table, source, entry->is_protected);
		return;
	case 1:
		source_table_handshake(table, source, now, 1);
		entry->last_handshake = now;
		return;
	case 2: /* grow, so that the lane of the many is met */
		concurrent = half_open = 1;
		break;
	}
	source_table_count(table, source, concurrent, half_open, now);
	entry->concurrent = moved(entry->concurrent, concurrent);
	entry->half_open = moved(entry->half_open, half_open);
	entry->peak = MAX_OF(entry->peak, entry->concurrent);
	entry->last_change = now;
	entry->used = ++model->clock;
}

static void compare(struct source_table *table, struct model *model, usec_t now)
{
	struct source_table_stats stats = stats_of(table);

	for (uint32_t n = 0; n < SOURCES; n++) {
		const struct model_entry *entry = &model->entries[n];
		struct source *source = find(table, n);

		assert_int_equal(source != NULL, entry->present);
		if (!source)
			continue;
		assert_ptr_equal(source_table_at(table, entry->handle), source);
		assert_int_equal(source->concurrent, entry->concurrent);
		assert_int_equal(source->half_open, entry->half_open);
		assert_int_equal(source->peak, entry->peak);
		assert_int_equal(source->is_protected, entry->is_protected);
		assert_true(source->last_change == entry->last_change);
		assert_int_equal(source_table_new_count(table, source, now, SECONDS(1)),
				 entry->last_handshake && now - entry->last_handshake < SECONDS(1));
	}
	assert_int_equal(stats.entries, model->count);
	assert_int_equal(stats.evicted, model->evicted);
	assert_int_equal(stats.refused, model->refused);
	assert_int_equal(stats.windows_full, 0);
}

static void test_random_against_array(void **state UNUSED)
{
	struct source_table *table = new_table(CAPACITY);
	struct model model = { .count = 0 };
	usec_t now = SECONDS(10);

	for (unsigned step = 0; step < 60000; step++) {
		uint32_t n = random_below(SOURCES);

		now += USEC_PER_MSEC;
		if (random_below(4) == 0)
			do_get(table, &model, n);
		else
			do_change(table, &model, n, now);
		if (step % 8 == 0)
			compare(table, &model, now);
	}
	assert_true(model.evicted > 100);
	source_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_a_source_is_prefix_and_service),
		cmocka_unit_test(test_handshakes),
		cmocka_unit_test(test_eviction_order),
		cmocka_unit_test(test_forget_idle),
		cmocka_unit_test(test_full_window_pool),
		cmocka_unit_test(test_carry),
		cmocka_unit_test(test_peaks_of_a_day),
		cmocka_unit_test(test_leavers_are_told_of),
		cmocka_unit_test(test_memory_as_stated),
		cmocka_unit_test(test_random_against_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
