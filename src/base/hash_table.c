// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/base/hash_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* generation is odd while the slot is in use, so a stale handle never fits a freed slot */
struct slot {
	uint32_t chain; /* next in the bucket; next free slot when unused */
	uint32_t older, newer;
	uint32_t generation;
	uint32_t lane;
	_Alignas(8) uint8_t entry[];
};

struct lane {
	uint32_t oldest, newest, count;
};

struct hash_table {
	uint8_t *slab;
	uint32_t *buckets;
	uint32_t bucket_mask;
	uint32_t capacity, count;
	uint32_t used_end; /* slots from here on were never used */
	uint32_t free_head;
	size_t key_bytes, entry_bytes, slot_bytes;
	struct siphash_key key;
	struct lane lanes[HASH_TABLE_LANES_MAX];
};

static struct slot *slot_at(const struct hash_table *table, uint32_t index)
{
	return (struct slot *)(void *)(table->slab + (size_t)index * table->slot_bytes);
}

static uint32_t index_of(const struct hash_table *table, const void *entry)
{
	size_t offset = (size_t)((const uint8_t *)entry - offsetof(struct slot, entry) - table->slab);

	return (uint32_t)(offset / table->slot_bytes);
}

static uint32_t *bucket_of(const struct hash_table *table, const void *key)
{
	return &table->buckets[siphash(&table->key, key, table->key_bytes) & table->bucket_mask];
}

int hash_table_new(struct hash_table **ret_table, uint32_t capacity, size_t key_bytes,
		   size_t entry_bytes, unsigned n_lanes, const struct siphash_key *key)
{
	struct hash_table *table;
	uint32_t n_buckets = 1;

	if (capacity < 1 || capacity > 1u << 30 || key_bytes < 1 || key_bytes > entry_bytes ||
	    n_lanes < 1 || n_lanes > HASH_TABLE_LANES_MAX)
		return -EINVAL;
	while (n_buckets < capacity)
		n_buckets <<= 1;
	table = calloc(1, sizeof(*table));
	if (!table)
		return -ENOMEM;
	table->key_bytes = key_bytes;
	table->entry_bytes = entry_bytes;
	table->slot_bytes = (sizeof(struct slot) + entry_bytes + 7) & ~(size_t)7;
	table->slab = calloc(capacity, table->slot_bytes);
	table->buckets = malloc(n_buckets * sizeof(*table->buckets));
	if (!table->slab || !table->buckets) {
		hash_table_free(table);
		return -ENOMEM;
	}
	memset(table->buckets, 0xff, n_buckets * sizeof(*table->buckets));
	table->bucket_mask = n_buckets - 1;
	table->capacity = capacity;
	table->free_head = NONE;
	table->key = *key;
	for (unsigned i = 0; i < HASH_TABLE_LANES_MAX; i++)
		table->lanes[i] = (struct lane){ NONE, NONE, 0 };
	*ret_table = table;
	return 0;
}

struct hash_table *hash_table_free(struct hash_table *table)
{
	if (table) {
		free(table->slab);
		free(table->buckets);
		free(table);
	}
	return NULL;
}

void *hash_table_find(const struct hash_table *table, const void *key)
{
	for (uint32_t i = *bucket_of(table, key); i != NONE; i = slot_at(table, i)->chain)
		if (!memcmp(slot_at(table, i)->entry, key, table->key_bytes))
			return slot_at(table, i)->entry;
	return NULL;
}

static void lane_unlink(struct hash_table *table, const struct slot *slot)
{
	struct lane *lane = &table->lanes[slot->lane];

	if (slot->older == NONE)
		lane->oldest = slot->newer;
	else
		slot_at(table, slot->older)->newer = slot->newer;
	if (slot->newer == NONE)
		lane->newest = slot->older;
	else
		slot_at(table, slot->newer)->older = slot->older;
	lane->count--;
}

static void lane_append(struct hash_table *table, struct slot *slot, uint32_t index, unsigned to)
{
	struct lane *lane = &table->lanes[to];

	slot->lane = to;
	slot->newer = NONE;
	slot->older = lane->newest;
	if (lane->newest == NONE)
		lane->oldest = index;
	else
		slot_at(table, lane->newest)->newer = index;
	lane->newest = index;
	lane->count++;
}

int hash_table_insert(struct hash_table *table, const void *key, void **ret_entry)
{
	uint32_t *bucket = bucket_of(table, key);
	struct slot *slot;
	uint32_t index;

	for (index = *bucket; index != NONE; index = slot_at(table, index)->chain) {
		if (!memcmp(slot_at(table, index)->entry, key, table->key_bytes)) {
			*ret_entry = slot_at(table, index)->entry;
			return HASH_TABLE_EXISTS;
		}
	}
	if (table->free_head != NONE) {
		index = table->free_head;
		table->free_head = slot_at(table, index)->chain;
	} else if (table->used_end < table->capacity) {
		index = table->used_end++;
	} else {
		return HASH_TABLE_FULL;
	}
	slot = slot_at(table, index);
	slot->chain = *bucket;
	*bucket = index;
	slot->generation++;
	memcpy(slot->entry, key, table->key_bytes);
	memset(slot->entry + table->key_bytes, 0, table->entry_bytes - table->key_bytes);
	lane_append(table, slot, index, 0);
	table->count++;
	*ret_entry = slot->entry;
	return 0;
}

void hash_table_remove(struct hash_table *table, void *entry)
{
	uint32_t index = index_of(table, entry), *link = bucket_of(table, entry);
	struct slot *slot = slot_at(table, index);

	while (*link != index)
		link = &slot_at(table, *link)->chain;
	*link = slot->chain;
	lane_unlink(table, slot);
	slot->generation++;
	slot->chain = table->free_head;
	table->free_head = index;
	table->count--;
}

void hash_table_move(struct hash_table *table, void *entry, unsigned lane)
{
	uint32_t index = index_of(table, entry);
	struct slot *slot = slot_at(table, index);

	if (slot->lane == lane && slot->newer == NONE)
		return;
	lane_unlink(table, slot);
	lane_append(table, slot, index, lane);
}

static void *entry_at(const struct hash_table *table, uint32_t index)
{
	return index == NONE ? NULL : slot_at(table, index)->entry;
}

void *hash_table_oldest(const struct hash_table *table, unsigned lane)
{
	return entry_at(table, table->lanes[lane].oldest);
}

void *hash_table_newest(const struct hash_table *table, unsigned lane)
{
	return entry_at(table, table->lanes[lane].newest);
}

void *hash_table_next_newer(const struct hash_table *table, const void *entry)
{
	return entry_at(table, slot_at(table, index_of(table, entry))->newer);
}

void *hash_table_next_older(const struct hash_table *table, const void *entry)
{
	return entry_at(table, slot_at(table, index_of(table, entry))->older);
}

bool hash_table_step(const struct hash_table *table, uint32_t *cursor, void **ret_entry)
{
	struct slot *slot;

	if (*cursor >= table->used_end)
		return false;
	slot = slot_at(table, (*cursor)++);
	*ret_entry = slot->generation & 1 ? slot->entry : NULL;
	return true;
}

void *hash_table_walk(const struct hash_table *table, uint32_t *cursor)
{
	void *entry;

	while (hash_table_step(table, cursor, &entry))
		if (entry)
			return entry;
	return NULL;
}

struct hash_handle hash_table_handle(const struct hash_table *table, const void *entry)
{
	uint32_t index = index_of(table, entry);

	return (struct hash_handle){ index, slot_at(table, index)->generation };
}

void *hash_table_at(const struct hash_table *table, struct hash_handle handle)
{
	if (handle.generation == 0 || handle.slot >= table->used_end ||
	    slot_at(table, handle.slot)->generation != handle.generation)
		return NULL;
	return slot_at(table, handle.slot)->entry;
}

uint32_t hash_table_count(const struct hash_table *table)
{
	return table->count;
}

uint32_t hash_table_lane_count(const struct hash_table *table, unsigned lane)
{
	return table->lanes[lane].count;
}

uint32_t hash_table_capacity(const struct hash_table *table)
{
	return table->capacity;
}
