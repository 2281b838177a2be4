// SPDX-License-Identifier: GPL-2.0-or-later
#include "guard_priv.h"

/* how many stamps a window keeps: enough to decide, and some more to show */
#define WINDOW_KEEP_LEAST 60u
#define WINDOW_KEEP_SHOWN 1020u
#define SWEEP_SLICE 4096u

enum origin { ORIGIN_EVENT, ORIGIN_QUIET_DUMP, ORIGIN_DUMP };

static bool is_half_open(enum flow_phase phase)
{
	return phase == FLOW_SYN || phase == FLOW_PICKED_UP;
}

static void uncount(struct guard *guard, const struct flow *flow, usec_t now)
{
	struct source *source = source_table_at(guard->sources, flow->source);
	bool established = flow->phase == FLOW_ESTABLISHED;

	/* the totals follow the flows: they hold when the source was evicted too */
	guard->stats.established -= established;
	guard->stats.half_open -= !established;
	guard_follow_connection(guard, flow, established, false, now);
	if (!source)
		return;
	source_table_count(guard->sources, source, -established, -!established, now);
	guard_relax(guard, source, now);
}

static uint16_t window_keep(const struct service_settings *service)
{
	uint32_t shown = MIN_OF(MAX_OF(4 * service->new_count, WINDOW_KEEP_LEAST), WINDOW_KEEP_SHOWN);

	return (uint16_t)MAX_OF(shown, service->new_count + 1);
}

/* The source a flow is counted under; a flow whose source was evicted starts counting anew. */
static struct source *source_of(struct guard *guard, struct flow_change *change)
{
	struct flow *flow = change->flow;
	struct source *source = source_table_at(guard->sources, flow->source);
	struct prefix prefix;

	if (source)
		return source;
	change->before = FLOW_ABSENT;
	if (change->after == FLOW_CLOSED)
		return NULL;
	prefix = guard_prefix_of(guard, &flow->key.client);
	if (source_table_get(guard->sources, &prefix, flow->service, &source))
		return NULL;
	flow->source = source_table_handle(guard->sources, source);
	return source;
}

static void apply_change(struct guard *guard, struct flow_change *change,
			 const struct ct_event *event, uint8_t service, enum origin origin, usec_t now)
{
	struct flow *flow = change->flow;
	struct source *source;
	int established, half_open;

	guard->now = now;
	if (change->evicted.phase != FLOW_ABSENT) {
		guard->stats.flows_evicted++;
		uncount(guard, &change->evicted, now);
	}
	if (change->before == FLOW_ABSENT) {
		flow->service = service;
		flow->local_port = event->local_port;
		flow->source = (struct hash_handle){ 0 };
	}
	if (origin == ORIGIN_DUMP && change->before != change->after) {
		if (change->before == FLOW_ABSENT)
			guard->stats.drift_added++;
		else
			guard->stats.drift_changed++;
	}
	guard->stats.established += (uint32_t)((change->after == FLOW_ESTABLISHED) -
					       (change->before == FLOW_ESTABLISHED));
	guard->stats.half_open +=
		(uint32_t)(is_half_open(change->after) - is_half_open(change->before));
	/* as the flow itself changed: counting anew under a source is not a beginning */
	guard_follow_connection(guard, flow, change->before == FLOW_ESTABLISHED,
				change->after == FLOW_ESTABLISHED, now);
	source = source_of(guard, change);
	if (!source) {
		flow_table_settle(guard->flows, flow);
		return;
	}
	established = (change->after == FLOW_ESTABLISHED) - (change->before == FLOW_ESTABLISHED);
	half_open = is_half_open(change->after) - is_half_open(change->before);
	/*
	 * Whose name stands for a prefix of many addresses is settled while it is quiet; a source over
	 * its limit cannot change the question by changing its address.
	 */
	if (established > 0 && source->concurrent == 0 && source->standing == STANDING_NORMAL)
		source->name_client = flow->key.client;
	if (established || half_open) {
		source_table_count(guard->sources, source, established, half_open, now);
	}
	if (change->handshake && origin != ORIGIN_QUIET_DUMP)
		source_table_handshake(guard->sources, source, now,
				       window_keep(&guard->settings->services[service]));
	flow_table_settle(guard->flows, flow);
	if (change->handshake && origin != ORIGIN_QUIET_DUMP)
		guard_gate_observe(guard, source, true, now);
	if (established > 0 || change->handshake)
		guard_evaluate(guard, source, now);
	else if (established < 0)
		guard_relax(guard, source, now);
}

/* Inbound connections to guarded ports only; *ret_service is set then. */
static bool concerns_us(struct guard *guard, const struct ct_event *event, uint8_t *ret_service)
{
	uint8_t service = guard->service_of_port[event->local_port];

	if (service == NO_SERVICE)
		return false;
	guard->stats.flow_events++;
	/* the reply's source is our side; of a connection this host opened it is the peer's */
	if (!address_is_loopback(&event->local) && !prefix_set_match(guard->local, &event->local)) {
		guard->stats.not_inbound++;
		return false;
	}
	*ret_service = service;
	return true;
}

void guard_flow_event(struct guard *guard, const struct ct_event *event, usec_t now)
{
	struct flow_change change;
	uint8_t service;
	int r;

	if (!concerns_us(guard, event, &service))
		return;
	r = flow_table_event(guard->flows, event, &change);
	if (r == 0)
		apply_change(guard, &change, event, service, ORIGIN_EVENT, now);
	else if (r == FLOW_TABLE_FULL)
		guard->stats.flows_full++;
}

void guard_events_lost(struct guard *guard)
{
	guard->in_doubt = true;
}

void guard_sync_begin(struct guard *guard)
{
	flow_table_sync_begin(guard->flows);
	guard->quiet_dump = !guard->first_sync_done || guard->ports_added;
	guard->ports_added = false;
	guard->sweeping = true;
	guard->reevaluating = false;
	guard->reevaluate_cursor = 0;
}

void guard_sync_line(struct guard *guard, const struct ct_event *event, usec_t now)
{
	enum origin origin = guard->quiet_dump ? ORIGIN_QUIET_DUMP : ORIGIN_DUMP;
	struct flow_change change;
	uint8_t service;
	int r;

	if (!concerns_us(guard, event, &service))
		return;
	r = flow_table_dump_line(guard->flows, event, &change);
	if (r == 0)
		apply_change(guard, &change, event, service, origin, now);
	else if (r == FLOW_TABLE_FULL)
		guard->stats.flows_full++;
}

static bool sweep(struct guard *guard, usec_t now)
{
	struct flow *flow;
	bool done;

	for (unsigned n = 0; n < SWEEP_SLICE; n++) {
		flow = flow_table_sync_next(guard->flows, SWEEP_SLICE, &done);
		if (!flow)
			return done;
		guard->stats.drift_removed++;
		uncount(guard, flow, now);
		flow_table_remove(guard->flows, flow);
	}
	return false;
}

bool guard_sync_end(struct guard *guard, bool lost, usec_t now)
{
	struct source *source;

	if (guard->sweeping) {
		if (!sweep(guard, now))
			return false;
		guard->sweeping = false;
		guard->first_sync_done = true;
		guard->stats.syncs++;
		if (lost || (!guard->in_doubt && !guard->reevaluation_wanted))
			return true;
		guard->in_doubt = guard->reevaluation_wanted = false;
		guard->reevaluating = true;
	}
	/* what was not decided while in doubt */
	for (unsigned n = 0; guard->reevaluating && n < SWEEP_SLICE; n++) {
		source = source_table_walk(guard->sources, &guard->reevaluate_cursor);
		if (!source)
			guard->reevaluating = false;
		else if (source->concurrent)
			guard_evaluate(guard, source, now);
	}
	return !guard->reevaluating;
}
