// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
/* the default function falls through its cases in a way that clang warns of */
#define HASH_FUNCTION(key, length, value) HASH_SAX(key, length, value)
#include <uthash.h>

#include "support.h"

#include "smtpguard/base/hash_table.h"

struct item {
	uint32_t key;
	uint32_t value;
};

static struct hash_table *new_table(uint32_t capacity, unsigned n_lanes)
{
	struct hash_table *table;

	assert_int_equal(hash_table_new(&table, capacity, sizeof(uint32_t), sizeof(struct item),
					n_lanes, &test_key),
			 0);
	return table;
}

static struct item *insert(struct hash_table *table, uint32_t key)
{
	void *entry;

	assert_int_equal(hash_table_insert(table, &key, &entry), 0);
	return entry;
}

static void test_arguments(void **state UNUSED)
{
	struct hash_table *table = NULL;

	assert_int_equal(hash_table_new(&table, 0, 4, 8, 1, &test_key), -EINVAL);
	assert_int_equal(hash_table_new(&table, (1u << 30) + 1, 4, 8, 1, &test_key), -EINVAL);
	assert_int_equal(hash_table_new(&table, 8, 0, 8, 1, &test_key), -EINVAL);
	assert_int_equal(hash_table_new(&table, 8, 9, 8, 1, &test_key), -EINVAL);
	assert_int_equal(hash_table_new(&table, 8, 4, 8, 0, &test_key), -EINVAL);
	assert_int_equal(hash_table_new(&table, 8, 4, 8, HASH_TABLE_LANES_MAX + 1, &test_key),
			 -EINVAL);
	assert_null(table);
	assert_null(hash_table_free(NULL));
}

static void test_capacity_one(void **state UNUSED)
{
	struct hash_table *table = new_table(1, 1);
	uint32_t one = 1, two = 2, cursor = 0;
	void *entry = &one;

	assert_null(hash_table_walk(table, &cursor));
	insert(table, one)->value = 11;
	assert_int_equal(hash_table_insert(table, &two, &entry), HASH_TABLE_FULL);
	assert_ptr_equal(entry, &one);
	assert_int_equal(hash_table_insert(table, &one, &entry), HASH_TABLE_EXISTS);
	assert_int_equal(((struct item *)entry)->value, 11);
	hash_table_remove(table, entry);
	/* a new entry in the same slot is zeroed behind its key */
	assert_int_equal(insert(table, two)->value, 0);
	assert_null(hash_table_find(table, &one));
	assert_int_equal(hash_table_count(table), 1);
	assert_int_equal(hash_table_capacity(table), 1);
	hash_table_free(table);
}

static void test_handles(void **state UNUSED)
{
	struct hash_table *table = new_table(4, 1);
	struct hash_handle first, second, beyond = { 3, 1 }, nothing = { 0, 0 };
	struct item *item = insert(table, 1);

	first = hash_table_handle(table, item);
	assert_int_not_equal(first.generation, 0);
	assert_ptr_equal(hash_table_at(table, first), item);
	assert_null(hash_table_at(table, nothing));
	assert_null(hash_table_at(table, beyond));
	hash_table_remove(table, item);
	assert_null(hash_table_at(table, first));
	item = insert(table, 1);
	second = hash_table_handle(table, item);
	assert_int_equal(second.slot, first.slot);
	assert_null(hash_table_at(table, first));
	assert_ptr_equal(hash_table_at(table, second), item);
	hash_table_free(table);
}

static void test_same_bucket(void **state UNUSED)
{
	enum { CAPACITY = 64, COLLIDING = 20 };
	struct hash_table *table = new_table(CAPACITY, 1);
	uint32_t keys[COLLIDING];
	unsigned n = 0;

	/* capacity is a power of two, so the bucket is the low bits of the hash */
	for (uint32_t key = 0; n < COLLIDING; key++)
		if (siphash(&test_key, &key, sizeof(key)) % CAPACITY == 5)
			keys[n++] = key;
	for (unsigned i = 0; i < n; i++)
		insert(table, keys[i])->value = i;
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(((struct item *)hash_table_find(table, &keys[i]))->value, i);
	/* the newest, the oldest and the middle of the chain */
	static const unsigned gone[] = { COLLIDING - 1, 0, COLLIDING / 2 };

	for (unsigned i = 0; i < ARRAY_SIZE(gone); i++)
		hash_table_remove(table, hash_table_find(table, &keys[gone[i]]));
	for (unsigned i = 0; i < n; i++) {
		bool removed = i == gone[0] || i == gone[1] || i == gone[2];

		assert_int_equal(hash_table_find(table, &keys[i]) == NULL, removed);
	}
	hash_table_free(table);
}

static void test_lane_order(void **state UNUSED)
{
	struct hash_table *table = new_table(8, 3);
	struct item *a = insert(table, 1), *b = insert(table, 2), *c = insert(table, 3);

	assert_ptr_equal(hash_table_oldest(table, 0), a);
	assert_ptr_equal(hash_table_newest(table, 0), c);
	assert_ptr_equal(hash_table_next_newer(table, a), b);
	assert_ptr_equal(hash_table_next_older(table, c), b);
	assert_null(hash_table_next_older(table, a));
	assert_null(hash_table_next_newer(table, c));
	hash_table_move(table, a, 0);
	assert_ptr_equal(hash_table_newest(table, 0), a);
	assert_ptr_equal(hash_table_oldest(table, 0), b);
	hash_table_move(table, b, 2);
	assert_int_equal(hash_table_lane_count(table, 0), 2);
	assert_int_equal(hash_table_lane_count(table, 2), 1);
	assert_null(hash_table_oldest(table, 1));
	hash_table_remove(table, b);
	assert_null(hash_table_newest(table, 2));
	hash_table_free(table);
}

static void test_memory_as_stated(void **state UNUSED)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33) && !defined(__SANITIZE_ADDRESS__)
	/* 44 bytes are 48, with 24 of links and 8 of index (the worst case behind a power of two) */
	struct mallinfo2 before = mallinfo2();
	struct hash_table *table;
	uint32_t capacity = (1 << 16) + 1;

	assert_int_equal(hash_table_new(&table, capacity, 4, 44, 1, &test_key), 0);
	struct mallinfo2 after = mallinfo2();
	size_t used = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;

	if (used) /* another allocator (valgrind, clang's sanitizer) does not tell */
		assert_in_range(used, 1, (size_t)capacity * (48 + 24 + 8) + 16384);
	hash_table_free(table);
#else
	skip();
#endif
}

/* --- random operations against uthash and a plain array per lane --- */

#define MODEL_CAPACITY 50
#define MODEL_KEYS 90
#define MODEL_LANES 4

struct model_item {
	uint32_t key, value;
	unsigned lane;
	struct hash_handle handle;
	UT_hash_handle hh;
};

struct model {
	struct model_item *items; /* uthash's head */
	uint32_t lanes[MODEL_LANES][MODEL_CAPACITY];
	unsigned lane_counts[MODEL_LANES];
	struct hash_handle dead[64];
	unsigned n_dead;
};

static void model_leave_lane(struct model *model, const struct model_item *item)
{
	uint32_t *lane = model->lanes[item->lane];
	unsigned n = model->lane_counts[item->lane]--, i = 0;

	while (lane[i] != item->key)
		i++;
	memmove(lane + i, lane + i + 1, (n - i - 1) * sizeof(*lane));
}

static void model_enter_lane(struct model *model, struct model_item *item, unsigned lane)
{
	item->lane = lane;
	model->lanes[lane][model->lane_counts[lane]++] = item->key;
}

static void do_insert(struct hash_table *table, struct model *model, uint32_t key)
{
	struct model_item *item;
	void *entry = NULL;
	int r = hash_table_insert(table, &key, &entry);

	HASH_FIND(hh, model->items, &key, sizeof(key), item);
	if (item) {
		assert_int_equal(r, HASH_TABLE_EXISTS);
		assert_int_equal(((struct item *)entry)->value, item->value);
		return;
	}
	if (HASH_COUNT(model->items) == MODEL_CAPACITY) {
		assert_int_equal(r, HASH_TABLE_FULL);
		assert_null(entry);
		return;
	}
	assert_int_equal(r, 0);
	assert_int_equal(((struct item *)entry)->value, 0);
	item = calloc(1, sizeof(*item));
	assert_non_null(item);
	item->key = key;
	((struct item *)entry)->value = item->value = (uint32_t)random_bits();
	item->handle = hash_table_handle(table, entry);
	HASH_ADD(hh, model->items, key, sizeof(item->key), item);
	model_enter_lane(model, item, 0);
}

static void do_remove(struct hash_table *table, struct model *model, uint32_t key)
{
	struct model_item *item;
	void *entry = hash_table_find(table, &key);

	HASH_FIND(hh, model->items, &key, sizeof(key), item);
	assert_int_equal(entry == NULL, item == NULL);
	if (!item)
		return;
	model->dead[model->n_dead++ % ARRAY_SIZE(model->dead)] = item->handle;
	hash_table_remove(table, entry);
	model_leave_lane(model, item);
	HASH_DEL(model->items, item);
	free(item);
}

static void do_move(struct hash_table *table, struct model *model, uint32_t key, unsigned lane)
{
	struct model_item *item;
	void *entry = hash_table_find(table, &key);

	HASH_FIND(hh, model->items, &key, sizeof(key), item);
	if (!item)
		return;
	hash_table_move(table, entry, lane);
	model_leave_lane(model, item);
	model_enter_lane(model, item, lane);
}

static void compare_lanes(const struct hash_table *table, const struct model *model)
{
	for (unsigned lane = 0; lane < MODEL_LANES; lane++) {
		const struct item *item = hash_table_oldest(table, lane), *last = NULL;

		assert_int_equal(hash_table_lane_count(table, lane), model->lane_counts[lane]);
		for (unsigned i = 0; i < model->lane_counts[lane]; i++) {
			assert_non_null(item);
			assert_int_equal(item->key, model->lanes[lane][i]);
			assert_ptr_equal(hash_table_next_older(table, item), last);
			last = item;
			item = hash_table_next_newer(table, item);
		}
		assert_null(item);
		assert_ptr_equal(hash_table_newest(table, lane), last);
	}
}

static void compare_entries(const struct hash_table *table, const struct model *model)
{
	struct model_item *item, *next;
	uint32_t cursor = 0;
	unsigned walked = 0;

	HASH_ITER(hh, model->items, item, next) {
		struct item *entry = hash_table_find(table, &item->key);

		assert_non_null(entry);
		assert_int_equal(entry->value, item->value);
		assert_ptr_equal(hash_table_at(table, item->handle), entry);
	}
	for (const struct item *entry; (entry = hash_table_walk(table, &cursor)); walked++) {
		HASH_FIND(hh, model->items, &entry->key, sizeof(entry->key), item);
		assert_non_null(item);
	}
	assert_int_equal(walked, HASH_COUNT(model->items));
	assert_int_equal(hash_table_count(table), walked);
	for (unsigned i = 0; i < MIN_OF(model->n_dead, ARRAY_SIZE(model->dead)); i++)
		assert_null(hash_table_at(table, model->dead[i]));
}

static void test_random_operations(void **state UNUSED)
{
	struct hash_table *table = new_table(MODEL_CAPACITY, MODEL_LANES);
	struct model model = { 0 };

	for (unsigned step = 0; step < 60000; step++) {
		uint32_t key = random_below(MODEL_KEYS);
		/* phases of growth and of shrinking, so that the table gets full and empty */
		unsigned chance = step / 500 % 2 ? 30 : 55, dice = random_below(100);

		if (dice < chance)
			do_insert(table, &model, key);
		else if (dice < 85)
			do_remove(table, &model, key);
		else
			do_move(table, &model, key, random_below(MODEL_LANES));
		if (step % 16 == 0) {
			compare_lanes(table, &model);
			compare_entries(table, &model);
		}
	}
	for (uint32_t key = 0; key < MODEL_KEYS; key++)
		do_remove(table, &model, key);
	assert_int_equal(hash_table_count(table), 0);
	hash_table_free(table);
}

static void test_removal_during_walk(void **state UNUSED)
{
	struct hash_table *table = new_table(32, 1);
	uint32_t cursor = 0;
	struct item *item;
	unsigned seen = 0;

	for (uint32_t key = 0; key < 32; key++)
		insert(table, key);
	while ((item = hash_table_walk(table, &cursor))) {
		hash_table_remove(table, item);
		seen++;
	}
	assert_int_equal(seen, 32);
	assert_int_equal(hash_table_count(table), 0);
	hash_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),	  cmocka_unit_test(test_capacity_one),
		cmocka_unit_test(test_handles),		  cmocka_unit_test(test_same_bucket),
		cmocka_unit_test(test_lane_order),	  cmocka_unit_test(test_memory_as_stated),
		cmocka_unit_test(test_random_operations), cmocka_unit_test(test_removal_during_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
