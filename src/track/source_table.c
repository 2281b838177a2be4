// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/track/source_table.h"

#include <errno.h>
#include <stdlib.h>

/* lane = number of connections up to 15, then one for all that have more, then the protected ones */
#define LANE_MANY 16
#define LANE_PROTECTED 17
#define N_LANES 18
#define IDLE_LOOKS 32

struct source_table {
	struct hash_table *entries;
	struct sliding_window_pool *windows;
	struct source_table_stats stats;
	void (*leaves)(void *userdata, const struct source *source);
	void *leaves_userdata;
	uint8_t day;
};

int source_table_new(struct source_table **ret_table, uint32_t capacity,
		     const struct siphash_key *key)
{
	struct source_table *table = calloc(1, sizeof(*table));
	int r;

	_Static_assert(sizeof(struct source_key) == 20, "source_key must not have padding");
	if (!table)
		return -ENOMEM;
	r = hash_table_new(&table->entries, capacity, sizeof(struct source_key),
			   sizeof(struct source), N_LANES, key);
	if (r == 0)
		r = sliding_window_pool_new(&table->windows, capacity);
	if (r < 0) {
		source_table_free(table);
		return r;
	}
	*ret_table = table;
	return 0;
}

struct source_table *source_table_free(struct source_table *table)
{
	if (table) {
		hash_table_free(table->entries);
		sliding_window_pool_free(table->windows);
		free(table);
	}
	return NULL;
}

static struct source_key key_of(const struct prefix *prefix, uint8_t service)
{
	return (struct source_key){ .address = prefix->address,
				    .length = prefix->length,
				    .service = service };
}

struct source *source_table_find(const struct source_table *table, const struct prefix *prefix,
				 uint8_t service)
{
	struct source_key key = key_of(prefix, service);

	return hash_table_find(table->entries, &key);
}

static void remove_entry(struct source_table *table, struct source *source)
{
	if (table->leaves)
		table->leaves(table->leaves_userdata, source);
	sliding_window_clear(table->windows, &source->window);
	hash_table_remove(table->entries, source);
}

static int evict_least_interesting(struct source_table *table)
{
	for (unsigned lane = 0; lane < LANE_PROTECTED; lane++) {
		struct source *victim = hash_table_oldest(table->entries, lane);

		if (!victim)
			continue;
		table->stats.evicted++;
		if (lane > 0)
			table->stats.evicted_counting++;
		remove_entry(table, victim);
		return 0;
	}
	table->stats.refused++;
	return SOURCE_TABLE_FULL;
}

int source_table_get(struct source_table *table, const struct prefix *prefix, uint8_t service,
		     struct source **ret_source)
{
	struct source_key key = key_of(prefix, service);
	void *entry;
	int r = hash_table_insert(table->entries, &key, &entry);

	if (r == HASH_TABLE_FULL) {
		if (evict_least_interesting(table))
			return SOURCE_TABLE_FULL;
		r = hash_table_insert(table->entries, &key, &entry);
	}
	if (r == HASH_TABLE_FULL)
		return SOURCE_TABLE_FULL;
	*ret_source = entry;
	if (r == 0)
		(*ret_source)->day = table->day;
	return 0;
}

static void place(struct source_table *table, struct source *source)
{
	uint32_t connections = source->concurrent + source->half_open;
	unsigned lane = source->is_protected ? LANE_PROTECTED : MIN_OF(connections, LANE_MANY);

	hash_table_move(table->entries, source, lane);
}

static uint32_t add_clamped(uint32_t value, int change)
{
	if (change < 0)
		return value > 0 ? value - 1 : 0;
	return value + (uint32_t)change;
}

void source_table_count(struct source_table *table, struct source *source, int concurrent,
			int half_open, usec_t now)
{
	source->concurrent = add_clamped(source->concurrent, concurrent);
	source->half_open = add_clamped(source->half_open, half_open);
	source->peak = MAX_OF(source->peak, source->concurrent);
	if (source->concurrent > source->day_concurrent) {
		source->day_concurrent = source->concurrent;
		source->day_changed = 1;
	}
	source->last_change = now;
	place(table, source);
}

/* Looks at few: entries without stamps give no room in the pool, and this is the packet's time. */
static struct source *oldest_idle_with_stamps(const struct source_table *table,
					      const struct source *other_than)
{
	struct source *idle = hash_table_oldest(table->entries, 0);

	for (unsigned n = 0; idle && n < IDLE_LOOKS; n++) {
		if (idle != other_than && idle->window.count)
			return idle;
		idle = hash_table_next_newer(table->entries, idle);
	}
	return NULL;
}

void source_table_handshake(struct source_table *table, struct source *source, usec_t now,
			    uint16_t keep)
{
	struct source *idle;

	if (sliding_window_add(table->windows, &source->window, now, keep) == 0)
		return;
	/* long windows of sources without connections are worth less than this handshake */
	idle = oldest_idle_with_stamps(table, source);
	if (idle) {
		table->stats.evicted++;
		remove_entry(table, idle);
		if (sliding_window_add(table->windows, &source->window, now, keep) == 0)
			return;
	}
	table->stats.windows_full++;
}

uint32_t source_table_new_count(struct source_table *table, struct source *source, usec_t now,
				usec_t length)
{
	return sliding_window_count(table->windows, &source->window, now, length);
}

void source_table_begin_day(struct source_table *table)
{
	table->day++;
}

uint8_t source_table_day(const struct source_table *table)
{
	return table->day;
}

void source_table_note_new(struct source *source, uint32_t count)
{
	if (count <= source->day_new)
		return;
	source->day_new = (uint16_t)MIN_OF(count, UINT16_MAX);
	source->day_changed = 1;
}

void source_table_peaks_told(const struct source_table *table, struct source *source)
{
	source->day_changed = 0;
	if (source->day == table->day)
		return;
	/* connections that last over midnight are there on both days */
	source->day = table->day;
	source->day_concurrent = source->concurrent;
	source->day_new = 0;
	source->day_changed = source->concurrent > 0;
}

void source_table_on_leave(struct source_table *table,
			   void (*leaves)(void *userdata, const struct source *source),
			   void *userdata)
{
	table->leaves = leaves;
	table->leaves_userdata = userdata;
}

void source_table_carry(const struct source_table *from_table, const struct source *from,
			struct source_table *to_table, struct source *to)
{
	to->peak = from->peak;
	to->name_client = from->name_client;
	to->last_change = from->last_change;
	to->waiting_since = from->waiting_since;
	to->announced = from->announced;
	to->day_concurrent = from->day_concurrent;
	to->day = from->day;
	to->day_changed = from->day_changed;
	to->day_new = from->day_new;
	if (sliding_window_copy(from_table->windows, &from->window, to_table->windows, &to->window))
		to_table->stats.windows_full++;
}

void source_table_carry_stats(const struct source_table *from_table, struct source_table *to_table)
{
	to_table->stats = from_table->stats;
	to_table->day = from_table->day;
}

void source_table_protect(struct source_table *table, struct source *source, bool protect)
{
	if (source->is_protected == protect)
		return;
	source->is_protected = protect;
	place(table, source);
}

unsigned source_table_forget_idle(struct source_table *table, usec_t before, unsigned budget)
{
	unsigned forgotten = 0;

	while (forgotten < budget) {
		struct source *source = hash_table_oldest(table->entries, 0);

		if (!source || source->last_change >= before)
			break;
		remove_entry(table, source);
		forgotten++;
	}
	return forgotten;
}

struct prefix source_prefix(const struct source *source)
{
	return (struct prefix){ .address = source->key.address, .length = source->key.length };
}

struct source *source_table_walk(const struct source_table *table, uint32_t *cursor)
{
	return hash_table_walk(table->entries, cursor);
}

struct hash_handle source_table_handle(const struct source_table *table,
				       const struct source *source)
{
	return hash_table_handle(table->entries, source);
}

struct source *source_table_at(const struct source_table *table, struct hash_handle handle)
{
	return hash_table_at(table->entries, handle);
}

void source_table_stats(const struct source_table *table, struct source_table_stats *ret_stats)
{
	*ret_stats = table->stats;
	ret_stats->entries = hash_table_count(table->entries);
	ret_stats->capacity = hash_table_capacity(table->entries);
}
