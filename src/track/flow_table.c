// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/track/flow_table.h"

#include <errno.h>
#include <stdlib.h>

/* Which flows may make room for a new one: only those still in the handshake. */
enum lane { LANE_HANDSHAKE, LANE_ESTABLISHED, LANE_TOMBSTONE, N_LANES };

struct flow_table {
	struct hash_table *flows;
	uint32_t sweep_cursor;
	uint8_t epoch;
	bool syncing;
};

int flow_table_new(struct flow_table **ret_table, uint32_t capacity, const struct siphash_key *key)
{
	struct flow_table *table = calloc(1, sizeof(*table));
	int r;

	_Static_assert(sizeof(struct flow_key) == 40, "flow_key must not have padding");
	if (!table)
		return -ENOMEM;
	r = hash_table_new(&table->flows, capacity, sizeof(struct flow_key), sizeof(struct flow),
			   N_LANES, key);
	if (r < 0) {
		free(table);
		return r;
	}
	*ret_table = table;
	return 0;
}

struct flow_table *flow_table_free(struct flow_table *table)
{
	if (table) {
		hash_table_free(table->flows);
		free(table);
	}
	return NULL;
}

static enum lane lane_of(uint8_t phase)
{
	switch (phase) {
	case FLOW_ESTABLISHED:
		return LANE_ESTABLISHED;
	case FLOW_CLOSED:
		return LANE_TOMBSTONE;
	default:
		return LANE_HANDSHAKE;
	}
}

static int insert(struct flow_table *table, const struct flow_key *key, struct flow_change *change)
{
	void *entry;
	int r = hash_table_insert(table->flows, key, &entry);

	if (r == HASH_TABLE_FULL) {
		struct flow *victim = hash_table_oldest(table->flows, LANE_HANDSHAKE);

		if (!victim)
			return FLOW_TABLE_FULL;
		change->evicted = *victim;
		hash_table_remove(table->flows, victim);
		r = hash_table_insert(table->flows, key, &entry);
	}
	if (r)
		return r < 0 ? r : FLOW_TABLE_FULL;
	change->flow = entry;
	return 0;
}

static int apply(struct flow_table *table, const struct ct_event *event, bool from_dump,
		 struct flow_change *change)
{
	enum flow_phase after = event->phase;
	struct flow *flow;
	int r;

	*change = (struct flow_change){ .evicted.phase = FLOW_ABSENT };
	flow = hash_table_find(table->flows, &event->key);
	if (flow && from_dump && flow->epoch == table->epoch)
		return FLOW_TABLE_IGNORED;
	if (!flow) {
		/* a tombstone is needed only while a dump could still speak of the flow */
		if (after == FLOW_CLOSED && (from_dump || !table->syncing))
			return FLOW_TABLE_IGNORED;
		r = insert(table, &event->key, change);
		if (r)
			return r;
		flow = change->flow;
		flow->phase = FLOW_ABSENT;
	}
	change->flow = flow;
	change->before = flow->phase == FLOW_CLOSED ? FLOW_ABSENT : flow->phase;
	/* an entry that was deleted and picked up again restarts below what we know: the connection is
	 * the same one, and stays established for us */
	if (flow->phase == FLOW_ESTABLISHED && after == FLOW_PICKED_UP)
		after = FLOW_ESTABLISHED;
	change->after = after;
	change->handshake = after == FLOW_ESTABLISHED &&
			    (change->before == FLOW_SYN || change->before == FLOW_ABSENT);
	flow->phase = (uint8_t)after;
	flow->epoch = table->epoch;
	hash_table_move(table->flows, flow, lane_of(flow->phase));
	return 0;
}

int flow_table_event(struct flow_table *table, const struct ct_event *event,
		     struct flow_change *ret_change)
{
	return apply(table, event, false, ret_change);
}

int flow_table_dump_line(struct flow_table *table, const struct ct_event *event,
			 struct flow_change *ret_change)
{
	return apply(table, event, true, ret_change);
}

void flow_table_settle(struct flow_table *table, struct flow *flow)
{
	if (flow->phase == FLOW_CLOSED && !table->syncing)
		hash_table_remove(table->flows, flow);
}

void flow_table_sync_begin(struct flow_table *table)
{
	table->epoch++;
	table->syncing = true;
	table->sweep_cursor = 0;
}

struct flow *flow_table_sync_next(struct flow_table *table, unsigned budget, bool *ret_done)
{
	struct flow *flow;
	void *entry;

	*ret_done = false;
	/* no line of the dump comes any more: what closes from now on needs no tombstone, and one made
	 * behind the cursor would stay until the next sweep */
	table->syncing = false;
	while (budget-- > 0) {
		if (!hash_table_step(table->flows, &table->sweep_cursor, &entry)) {
			*ret_done = true;
			return NULL;
		}
		flow = entry;
		if (!flow)
			continue;
		if (flow->phase == FLOW_CLOSED)
			hash_table_remove(table->flows, flow);
		else if (flow->epoch != table->epoch)
			return flow;
	}
	return NULL;
}

void flow_table_remove(struct flow_table *table, struct flow *flow)
{
	hash_table_remove(table->flows, flow);
}

uint32_t flow_table_count(const struct flow_table *table)
{
	return hash_table_count(table->flows) - hash_table_lane_count(table->flows, LANE_TOMBSTONE);
}

uint32_t flow_table_capacity(const struct flow_table *table)
{
	return hash_table_capacity(table->flows);
}

struct flow *flow_table_walk(const struct flow_table *table, uint32_t *cursor)
{
	return hash_table_walk(table->flows, cursor);
}

struct flow *flow_table_find(const struct flow_table *table, const struct flow_key *key)
{
	return hash_table_find(table->flows, key);
}
