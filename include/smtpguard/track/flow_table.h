/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The live connections to guarded ports, and how each one got where it is. Pure: no clock, no I/O.
 *
 * Events and dumps meet here. While a dump runs (flow_table_sync_begin() to flow_table_sync_next()
 * having returned NULL) an event is always newer than the dump's line about the same flow, so flows
 * touched by an event since the beginning ignore the dump, and flows that closed meanwhile stay as
 * tombstones until the end. Flows that neither a dump line nor an event touched are gone in the kernel:
 * the sweep hands them out (mark and sweep).
 *
 * When the table is full the oldest flow still in its handshake makes room; if there is none, the new
 * flow is not tracked. 80 bytes a flow, and 4 to 8 for the index.
 */
#pragma once

#include "smtpguard/base/hash_table.h"
#include "smtpguard/track/ct_event.h"

enum {
	FLOW_TABLE_FULL = 1,
	FLOW_TABLE_IGNORED = 2, /* nothing known and nothing to remember, or older than what is known */
};

struct flow {
	struct flow_key key;
	struct hash_handle source; /* owned by the caller: whose counts this flow is part of */
	uint8_t phase;		   /* enum flow_phase */
	uint8_t service;	   /* owned by the caller */
	uint8_t epoch;
	uint8_t reserved;
	uint16_t local_port; /* owned by the caller */
};

struct flow_change {
	struct flow *flow; /* valid until the next call */
	enum flow_phase before, after;
	/*
	 * A completed handshake was observed: the flow went from FLOW_SYN to FLOW_ESTABLISHED, or it
	 * was first heard of as established. Not for a flow that conntrack picked up in the middle.
	 */
	bool handshake;
	/* The flow that was evicted to make room (a copy; phase FLOW_ABSENT: none). */
	struct flow evicted;
};

struct flow_table;

int flow_table_new(struct flow_table **ret_table, uint32_t capacity,
		   const struct siphash_key *key) MUST_CHECK;
struct flow_table *flow_table_free(struct flow_table *table);

/*
 * An event of the kernel. 0: *ret_change tells what happened; before == after is possible. With
 * after == FLOW_CLOSED the flow is removed by flow_table_settle(), which the caller must call once it
 * has read the change.
 */
int flow_table_event(struct flow_table *table, const struct ct_event *event,
		     struct flow_change *ret_change) MUST_CHECK;
/* One line of a dump, between sync_begin and the sweep. */
int flow_table_dump_line(struct flow_table *table, const struct ct_event *event,
			 struct flow_change *ret_change) MUST_CHECK;
void flow_table_settle(struct flow_table *table, struct flow *flow);

/* A later begin without a sweep starts over. */
void flow_table_sync_begin(struct flow_table *table);
/*
 * The sweep: every flow the dump did not confirm, one per call, looking at no more than budget
 * entries. NULL with *ret_done true: finished, the sync is over; false: budget used up, call again.
 * The caller reads the flow (phase still as before) and calls flow_table_remove().
 */
struct flow *flow_table_sync_next(struct flow_table *table, unsigned budget, bool *ret_done);
void flow_table_remove(struct flow_table *table, struct flow *flow);

uint32_t flow_table_count(const struct flow_table *table); /* without tombstones */
uint32_t flow_table_capacity(const struct flow_table *table);
/* Walks all flows in slot order (tombstones have phase FLOW_CLOSED); start with *cursor = 0. */
struct flow *flow_table_walk(const struct flow_table *table, uint32_t *cursor);
struct flow *flow_table_find(const struct flow_table *table, const struct flow_key *key);
