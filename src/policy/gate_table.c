// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/policy/gate_table.h"

#include <errno.h>
#include <stdlib.h>

_Static_assert(sizeof(struct gate_source) <= 80, "as gate_table.h says");

#define NONE 0 /* places in the pool count from 1: a zeroed source holds nothing */

/* Packets that wait stand in two lists: all of them, and those of their source; both oldest first. */
struct place {
	struct held_packet packet;
	struct gate_source *source;
	uint32_t older, newer;
	uint32_t next; /* of the same source; of the unused places */
};

/* Every outcome has a lane of its own: what was judged alike is forgotten in the order of judging. */
struct gate_table {
	struct hash_table *sources;
	struct place *places;
	uint32_t max_held, held, held_peak;
	uint32_t oldest, newest, unused;
	uint64_t evicted;
};

const char *gate_outcome_name(enum gate_outcome outcome)
{
	static const char *const names[GATE_OUTCOMES] = {
		[GATE_ASKING] = "held",
		[GATE_REFUSED] = "refused",
		[GATE_PASSED] = "passed",
		[GATE_WOULD_REFUSE] = "would-refuse",
	};

	return names[outcome];
}

static void forget_places(struct gate_table *table)
{
	for (uint32_t i = 1; i <= table->max_held; i++)
		table->places[i].next = i < table->max_held ? i + 1 : NONE;
	table->unused = table->max_held ? 1 : NONE;
	table->oldest = table->newest = NONE;
	table->held = 0;
}

int gate_table_new(struct gate_table **ret_table, uint32_t max_held, const struct siphash_key *key)
{
	struct gate_table *table = calloc(1, sizeof(*table));
	int r;

	if (!table)
		return -ENOMEM;
	table->max_held = max_held;
	table->places = calloc((size_t)max_held + 1, sizeof(*table->places));
	r = table->places ? hash_table_new(&table->sources, GATE_SOURCES_MAX, sizeof(struct ban_key),
					   sizeof(struct gate_source), GATE_OUTCOMES, key) :
			    -ENOMEM;
	if (r < 0) {
		gate_table_free(table);
		return r;
	}
	forget_places(table);
	*ret_table = table;
	return 0;
}

struct gate_table *gate_table_free(struct gate_table *table)
{
	if (table) {
		hash_table_free(table->sources);
		free(table->places);
		free(table);
	}
	return NULL;
}

/* --- sources --- */

static struct ban_key key_of(const struct prefix *prefix)
{
	return (struct ban_key){ .address = prefix->address, .length = prefix->length };
}

struct gate_source *gate_table_find(const struct gate_table *table, const struct prefix *prefix)
{
	struct ban_key key = key_of(prefix);

	return hash_table_find(table->sources, &key);
}

static struct gate_source *first_judged(const struct gate_table *table)
{
	struct gate_source *first = NULL;

	for (unsigned outcome = GATE_ASKING + 1; outcome < GATE_OUTCOMES; outcome++) {
		struct gate_source *source = hash_table_oldest(table->sources, outcome);

		if (source && (!first || source->since < first->since))
			first = source;
	}
	return first;
}

int gate_table_put(struct gate_table *table, const struct prefix *prefix,
		   struct gate_source **ret_source, struct gate_source *ret_evicted)
{
	struct gate_source evicted = { .outcome = GATE_ASKING };
	struct ban_key key = key_of(prefix);
	struct gate_source *first;
	void *entry;
	int r = hash_table_insert(table->sources, &key, &entry);

	if (r == HASH_TABLE_FULL) {
		first = first_judged(table);
		if (!first)
			return GATE_TABLE_FULL;
		evicted = *first;
		table->evicted++;
		hash_table_remove(table->sources, first);
		r = hash_table_insert(table->sources, &key, &entry);
	}
	if (r)
		return GATE_TABLE_FULL;
	*ret_source = entry;
	*ret_evicted = evicted;
	return 0;
}

void gate_table_judge(struct gate_table *table, struct gate_source *source, enum gate_outcome outcome,
		      usec_t now)
{
	source->outcome = (uint8_t)outcome;
	source->since = now;
	hash_table_move(table->sources, source, outcome);
}

void gate_table_remove(struct gate_table *table, struct gate_source *source)
{
	hash_table_remove(table->sources, source);
}

struct gate_source *gate_table_oldest(const struct gate_table *table, enum gate_outcome outcome)
{
	return hash_table_oldest(table->sources, outcome);
}

struct gate_source *gate_table_next(const struct gate_table *table, const struct gate_source *source)
{
	return hash_table_next_newer(table->sources, source);
}

uint32_t gate_table_count(const struct gate_table *table)
{
	return hash_table_count(table->sources);
}

struct gate_source *gate_table_walk(const struct gate_table *table, uint32_t *cursor)
{
	return hash_table_walk(table->sources, cursor);
}

struct prefix gate_source_prefix(const struct gate_source *source)
{
	return (struct prefix){ .address = source->key.address, .length = source->key.length };
}

/* --- packets --- */

int gate_table_hold(struct gate_table *table, struct gate_source *source,
		    const struct held_packet *packet)
{
	uint32_t at = table->unused;
	struct place *place = &table->places[at];

	if (at == NONE)
		return GATE_TABLE_FULL;
	table->unused = place->next;
	*place = (struct place){ .packet = *packet, .source = source, .older = table->newest };
	if (table->newest == NONE)
		table->oldest = at;
	else
		table->places[table->newest].newer = at;
	table->newest = at;
	if (source->n_held++ == 0)
		source->first_held = at;
	else
		table->places[source->last_held].next = at;
	source->last_held = at;
	table->held++;
	table->held_peak = MAX_OF(table->held_peak, table->held);
	return 0;
}

bool gate_table_release(struct gate_table *table, struct gate_source *source,
			struct held_packet *ret_packet)
{
	uint32_t at = source->first_held;
	struct place *place = &table->places[at];

	if (source->n_held == 0)
		return false;
	*ret_packet = place->packet;
	if (--source->n_held == 0)
		source->first_held = source->last_held = NONE;
	else
		source->first_held = place->next;
	if (place->older == NONE)
		table->oldest = place->newer;
	else
		table->places[place->older].newer = place->newer;
	if (place->newer == NONE)
		table->newest = place->older;
	else
		table->places[place->newer].older = place->older;
	place->next = table->unused;
	table->unused = at;
	table->held--;
	return true;
}

bool gate_table_is_full(const struct gate_table *table)
{
	return table->unused == NONE;
}

struct gate_source *gate_table_longest_held(const struct gate_table *table, usec_t *ret_since)
{
	const struct place *place = &table->places[table->oldest];

	if (table->oldest == NONE)
		return NULL;
	*ret_since = place->packet.since;
	return place->source;
}

void gate_table_forget_held(struct gate_table *table)
{
	struct gate_source *source;

	while ((source = hash_table_oldest(table->sources, GATE_ASKING)))
		hash_table_remove(table->sources, source);
	forget_places(table);
}

void gate_table_stats(const struct gate_table *table, struct gate_table_stats *ret_stats)
{
	*ret_stats = (struct gate_table_stats){ .held = table->held,
						.held_peak = table->held_peak,
						.max_held = table->max_held,
						.evicted = table->evicted };
	for (unsigned i = 0; i < GATE_OUTCOMES; i++)
		ret_stats->sources[i] = hash_table_lane_count(table->sources, i);
}
