/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hash table of fixed capacity in one slab: nothing is allocated after hash_table_new(), nothing is
 * ever rehashed (no stall), and every entry stands in exactly one of several lanes, each a list in
 * order of last use. What is evicted when the table is full is the caller's choice: usually the oldest
 * entry of the least interesting lane.
 *
 * Memory per entry: entry_bytes rounded up to 8, 24 bytes of links, and 4 to 8 bytes of index. Pages
 * are touched only as entries are used.
 *
 * An entry begins with its key. Keys are compared and hashed (SipHash) as raw bytes: padding in a key
 * must be zero. Pointers to entries stay valid until the entry is removed. A handle (slot and
 * generation) tells a removed entry from a later one in the same slot.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "smtpguard/base/compiler.h"
#include "smtpguard/base/siphash.h"

#define HASH_TABLE_LANES_MAX 32

enum {
	HASH_TABLE_EXISTS = 1, /* hash_table_insert(): *ret_entry is the existing entry */
	HASH_TABLE_FULL = 2,   /* hash_table_insert(): nothing was written */
};

struct hash_table;

struct hash_handle {
	uint32_t slot;
	uint32_t generation; /* never 0 in a handle of an entry: a zeroed handle refers to nothing */
};

/*
 * capacity 1..2^30 entries of entry_bytes, of which the first key_bytes are the key; n_lanes
 * 1..HASH_TABLE_LANES_MAX. -ENOMEM, -EINVAL. The caller frees *ret_table.
 */
int hash_table_new(struct hash_table **ret_table, uint32_t capacity, size_t key_bytes,
		   size_t entry_bytes, unsigned n_lanes, const struct siphash_key *key) MUST_CHECK;
struct hash_table *hash_table_free(struct hash_table *table);

/* The entry or NULL. Does not change its place in the lane. */
void *hash_table_find(const struct hash_table *table, const void *key);

/*
 * 0: a new entry, zeroed behind its key, newest of lane 0. HASH_TABLE_EXISTS, HASH_TABLE_FULL.
 */
int hash_table_insert(struct hash_table *table, const void *key, void **ret_entry) MUST_CHECK;

void hash_table_remove(struct hash_table *table, void *entry);

/* Makes the entry the newest of a lane. */
void hash_table_move(struct hash_table *table, void *entry, unsigned lane);

/* Lanes in order of last use; NULL at the end. Removing the entry in hand ends the walk's validity:
 * fetch the next one before. */
void *hash_table_oldest(const struct hash_table *table, unsigned lane);
void *hash_table_newest(const struct hash_table *table, unsigned lane);
void *hash_table_next_newer(const struct hash_table *table, const void *entry);
void *hash_table_next_older(const struct hash_table *table, const void *entry);

/*
 * Walks all entries in slot order, for work in slices: start with *cursor = 0; NULL at the end.
 * Entries inserted meanwhile may be missed; removing is allowed.
 */
void *hash_table_walk(const struct hash_table *table, uint32_t *cursor);

/*
 * The same walk one slot at a time, for work whose pieces must stay bounded when few slots are in use:
 * false at the end; *ret_entry is NULL for an unused slot.
 */
bool hash_table_step(const struct hash_table *table, uint32_t *cursor, void **ret_entry);

struct hash_handle hash_table_handle(const struct hash_table *table, const void *entry);
/* The entry, or NULL if it was removed since. */
void *hash_table_at(const struct hash_table *table, struct hash_handle handle);

uint32_t hash_table_count(const struct hash_table *table);
uint32_t hash_table_lane_count(const struct hash_table *table, unsigned lane);
uint32_t hash_table_capacity(const struct hash_table *table);
