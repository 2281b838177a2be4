// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/policy/auth_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNKS_PER_SOURCE 2
#define VICTIM_LOOKS 32

_Static_assert(sizeof(struct auth_source) <= 256, "as auth_table.h says");

struct auth_table {
	struct hash_table *sources;
	struct sliding_window_pool *windows;
	struct siphash_key key;
	uint64_t evicted;
};

int auth_table_new(struct auth_table **ret_table, uint32_t capacity, const struct siphash_key *key)
{
	struct auth_table *table = calloc(1, sizeof(*table));
	int r;

	if (!table)
		return -ENOMEM;
	table->key = *key;
	r = hash_table_new(&table->sources, capacity, sizeof(struct ban_key),
			   sizeof(struct auth_source), AUTH_LANES, key);
	if (r == 0)
		r = sliding_window_pool_new(&table->windows, CHUNKS_PER_SOURCE * capacity);
	if (r < 0) {
		auth_table_free(table);
		return r;
	}
	*ret_table = table;
	return 0;
}

struct auth_table *auth_table_free(struct auth_table *table)
{
	if (table) {
		hash_table_free(table->sources);
		sliding_window_pool_free(table->windows);
		free(table);
	}
	return NULL;
}

/* --- sources --- */

static struct ban_key key_of(const struct prefix *prefix)
{
	return (struct ban_key){ .address = prefix->address, .length = prefix->length };
}

struct prefix auth_source_prefix(const struct auth_source *source)
{
	return (struct prefix){ .address = source->key.address, .length = source->key.length };
}

struct auth_source *auth_table_find(const struct auth_table *table, const struct prefix *prefix)
{
	struct ban_key key = key_of(prefix);

	return hash_table_find(table->sources, &key);
}

void auth_table_remove(struct auth_table *table, struct auth_source *source)
{
	sliding_window_clear(table->windows, &source->window);
	hash_table_remove(table->sources, source);
}

static void evict(struct auth_table *table, struct auth_source *source)
{
	table->evicted++;
	auth_table_remove(table, source);
}

static void evict_least_interesting(struct auth_table *table)
{
	struct auth_source *victim = NULL;

	for (unsigned lane = 0; lane < AUTH_LANES && !victim; lane++)
		victim = hash_table_oldest(table->sources, lane);
	if (victim)
		evict(table, victim);
}

struct auth_source *auth_table_get(struct auth_table *table, const struct prefix *prefix)
{
	struct ban_key key = key_of(prefix);
	struct auth_source *source;
	void *entry;

	while (hash_table_insert(table->sources, &key, &entry) == HASH_TABLE_FULL)
		evict_least_interesting(table);
	source = entry;
	hash_table_move(table->sources, source, source->lane);
	return source;
}

void auth_table_place(struct auth_table *table, struct auth_source *source, enum auth_lane lane)
{
	source->lane = (uint8_t)lane;
	hash_table_move(table->sources, source, lane);
}

struct auth_source *auth_table_oldest(const struct auth_table *table, enum auth_lane lane)
{
	return hash_table_oldest(table->sources, lane);
}

struct auth_source *auth_table_walk(const struct auth_table *table, uint32_t *cursor)
{
	return hash_table_walk(table->sources, cursor);
}

uint32_t auth_table_count(const struct auth_table *table)
{
	return hash_table_count(table->sources);
}

uint32_t auth_table_count_in(const struct auth_table *table, enum auth_lane lane)
{
	return hash_table_lane_count(table->sources, lane);
}

uint64_t auth_table_evicted(const struct auth_table *table)
{
	return table->evicted;
}

/* --- failures --- */

/* Looks at few, as the table of sources does: those without stamps give no room in the pool. */
static bool make_room_for_stamps(struct auth_table *table, const struct auth_source *other_than)
{
	for (unsigned lane = 0; lane < AUTH_LANES; lane++) {
		struct auth_source *victim = hash_table_oldest(table->sources, lane);

		for (unsigned n = 0; victim && n < VICTIM_LOOKS; n++) {
			if (victim != other_than && victim->window.count) {
				evict(table, victim);
				return true;
			}
			victim = hash_table_next_newer(table->sources, victim);
		}
	}
	return false;
}

void auth_table_add_failures(struct auth_table *table, struct auth_source *source, uint32_t n,
			     uint16_t keep, usec_t now)
{
	n = MIN_OF(n, (uint32_t)keep);
	while (n-- > 0) {
		if (sliding_window_add(table->windows, &source->window, now, keep) == 0)
			continue;
		if (!make_room_for_stamps(table, source) ||
		    sliding_window_add(table->windows, &source->window, now, keep))
			return;
	}
}

uint32_t auth_table_failures(struct auth_table *table, struct auth_source *source, usec_t now,
			     usec_t window)
{
	return sliding_window_count(table->windows, &source->window, now, window);
}

void auth_table_clear_failures(struct auth_table *table, struct auth_source *source)
{
	sliding_window_clear(table->windows, &source->window);
}

/* --- accounts --- */

void auth_table_note_account(struct auth_table *table, struct auth_source *source,
			     const char *account)
{
	/* keyed, so that nobody can choose accounts that look like one */
	uint32_t hash = (uint32_t)siphash(&table->key, account, strlen(account));

	if (!*account)
		return;
	snprintf(source->last_account, sizeof(source->last_account), "%s", account);
	for (unsigned i = 0; i < source->n_accounts; i++)
		if (source->accounts[i] == hash)
			return;
	if (source->n_accounts < AUTH_ACCOUNTS_SHOWN)
		source->accounts[source->n_accounts++] = hash;
}

/* How much of an escaped text fits without a part of "\x40". */
static size_t whole_characters(const char *escaped, size_t room)
{
	size_t length = strlen(escaped);

	if (length <= room)
		return length;
	for (size_t back = 1; back <= 3 && back <= room; back++)
		if (escaped[room - back] == '\\')
			return room - back;
	return room;
}

const char *auth_source_accounts(const struct auth_source *source, char *text, size_t room)
{
	char more[32] = "";

	if (source->n_accounts > 1)
		snprintf(more, sizeof(more), " and %s%u more",
			 source->n_accounts == AUTH_ACCOUNTS_SHOWN ? "at least " : "",
			 source->n_accounts - 1u);
	snprintf(text, room + 1, "%.*s%s",
		 (int)whole_characters(source->last_account, room - strlen(more)),
		 source->last_account, more);
	return text;
}
