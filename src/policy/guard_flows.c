// SPDX-License-Identifier: GPL-2.0-or-later
#include "guard_priv.h"

#include <stdio.h>
#include <string.h>

/* how many stamps a window keeps: enough to decide, and some more to show */
#define WINDOW_KEEP_LEAST 60u
#define WINDOW_KEEP_SHOWN 1020u
#define SWEEP_SLICE 4096u

enum origin { ORIGIN_EVENT, ORIGIN_FIRST_DUMP, ORIGIN_DUMP };

/* --- the decision --- */

static uint32_t new_count(struct guard *guard, struct source *source, usec_t now)
{
	return source_table_new_count(guard->sources, source, now,
				      guard->settings->services[source->key.service].new_window);
}

/*
 * Announced once per episode over the limit: a decision that stays the same is not news. The episode
 * ends when the source is at half its limits, so that one that swings around a limit is not a flood.
 */
static void announce(struct guard *guard, struct source *source, enum decision_type type,
		     const struct ban_reason *reason, const char *because, usec_t now)
{
	struct prefix prefix = source_prefix(source);

	if (source->announced & 1u << type)
		return;
	source->announced |= (uint8_t)(1u << type);
	guard_decide(guard, type, &prefix, NULL, reason, because, now);
}

static void set_standing(struct guard *guard, struct source *source, enum standing standing)
{
	source->standing = (uint8_t)standing;
	if (standing == STANDING_NORMAL)
		source->waiting_since = 0;
	source_table_protect(guard->sources, source, standing != STANDING_NORMAL);
}

static void ask_name(struct guard *guard, const struct address *address, usec_t now, bool urgent)
{
	struct guard_op op = { .type = GUARD_OP_RESOLVE, .now = now, .address = *address };

	if (name_table_should_ask(guard->names, address, now, urgent))
		guard->sink(guard->sink_userdata, &op);
}

static void wait_for_name(struct guard *guard, struct source *source,
			  const struct ban_reason *reason, usec_t now)
{
	set_standing(guard, source, STANDING_RESOLVING);
	if (!source->waiting_since)
		source->waiting_since = now;
	ask_name(guard, &source->name_client, now, true);
	if (!source->is_pending && guard->n_pending < PENDING_MAX) {
		source->is_pending = 1;
		guard->pending[guard->n_pending++] = source_table_handle(guard->sources, source);
		guard->next_retry = MIN_OF(guard->next_retry, now + USEC_PER_SEC / 2);
	}
	if (now - source->waiting_since >= guard->settings->names.deadline)
		announce(guard, source, DECISION_EXEMPT, reason, "reverse DNS unknown", now);
}

static void fill_reason(struct guard *guard, struct source *source, struct ban_reason *reason,
			uint32_t fresh, usec_t now)
{
	const struct service_settings *service = &guard->settings->services[source->key.service];
	const char *names[PTR_NAMES_MAX];
	unsigned n_names;

	memcpy(reason->service, service->name, sizeof(reason->service));
	reason->peak = source->peak;
	reason->window = service->new_window;
	reason->observed = reason->limit == LIMIT_NEW ? fresh : source->concurrent;
	switch (reason->limit) {
	case LIMIT_NEW:
		reason->allowed = service->new_count;
		break;
	case LIMIT_VERIFIED_CONCURRENT:
		reason->allowed = service->verified_concurrent;
		break;
	default:
		reason->allowed = service->concurrent;
		break;
	}
	reason->ptr_state =
		name_table_state(guard->names, &source->name_client, now, names, &n_names);
	if (n_names > 0)
		snprintf(reason->name, sizeof(reason->name), "%s", names[0]);
}

static void ban_or_observe(struct guard *guard, struct source *source, struct ban_reason *reason,
			   usec_t now)
{
	struct prefix prefix = source_prefix(source);

	if (guard->settings->services[source->key.service].observe) {
		set_standing(guard, source, STANDING_OVER_LIMIT);
		announce(guard, source, DECISION_OBSERVE, reason, NULL, now);
		return;
	}
	if (guard_put_ban(guard, &prefix, reason, guard->settings->ban_duration, now)) {
		set_standing(guard, source, STANDING_OVER_LIMIT);
		announce(guard, source, DECISION_EXEMPT, reason, "max_bans reached", now);
	}
}

/* SPEC 5, in its order: never, trusted by name, unknown waits, ban. */
static void decide_offence(struct guard *guard, struct source *source, struct ban_reason *reason,
			   uint32_t fresh, usec_t now)
{
	const struct service_settings *service = &guard->settings->services[source->key.service];
	struct prefix prefix = source_prefix(source);
	enum never_reason never = guard_never(guard, &prefix, NULL);

	fill_reason(guard, source, reason, fresh, now);
	if (never != NEVER_NOT) {
		set_standing(guard, source, STANDING_ALLOWED);
		announce(guard, source, DECISION_EXEMPT, reason, never_reason_name(never), now);
		return;
	}
	if (guard_grace_until(guard, &prefix, now)) {
		set_standing(guard, source, STANDING_EXEMPT);
		announce(guard, source, DECISION_EXEMPT, reason, "unbanned by an operator", now);
		return;
	}
	if (service->reverse_dns == REVERSE_DNS_EXEMPT) {
		if (reason->ptr_state == PTR_STATE_UNKNOWN) {
			wait_for_name(guard, source, reason, now);
			return;
		}
		if (reason->ptr_state == PTR_STATE_VERIFIED) {
			if (!service->verified_concurrent ||
			    source->concurrent <= service->verified_concurrent) {
				set_standing(guard, source, STANDING_EXEMPT);
				announce(guard, source, DECISION_EXEMPT, reason, "verified name",
					 now);
				return;
			}
			/* this limit rests on the same counts as the plain one */
			if (guard->in_doubt) {
				set_standing(guard, source, STANDING_OVER_LIMIT);
				return;
			}
			reason->limit = LIMIT_VERIFIED_CONCURRENT;
			fill_reason(guard, source, reason, fresh, now);
		}
	}
	ban_or_observe(guard, source, reason, now);
}

static bool is_over_concurrent(const struct guard *guard, const struct source *source)
{
	uint32_t limit = guard->settings->services[source->key.service].concurrent;

	return limit && source->concurrent > limit;
}

static bool is_over_new(const struct guard *guard, const struct source *source, uint32_t fresh)
{
	uint32_t limit = guard->settings->services[source->key.service].new_count;

	return limit && fresh > limit;
}

static bool is_quiet(const struct guard *guard, const struct source *source, uint32_t fresh)
{
	const struct service_settings *service = &guard->settings->services[source->key.service];

	return (!service->concurrent || source->concurrent <= service->concurrent / 2) &&
	       (!service->new_count || fresh <= service->new_count / 2);
}

/* A connection ended: nobody is banned for that, but a source may be back within its limits. */
static void relax(struct guard *guard, struct source *source, usec_t now)
{
	uint32_t fresh;

	if (source->standing == STANDING_BANNED ||
	    (source->standing == STANDING_NORMAL && !source->announced))
		return;
	fresh = new_count(guard, source, now);
	if (is_over_concurrent(guard, source) || is_over_new(guard, source, fresh))
		return;
	set_standing(guard, source, STANDING_NORMAL);
	if (is_quiet(guard, source, fresh))
		source->announced = 0;
}

void guard_evaluate(struct guard *guard, struct source *source, usec_t now)
{
	const struct service_settings *service = &guard->settings->services[source->key.service];
	struct prefix prefix = source_prefix(source);
	uint32_t fresh = new_count(guard, source, now);
	bool over_concurrent = is_over_concurrent(guard, source);
	struct ban_reason reason = { .limit = LIMIT_NONE };

	if (guard_live_ban(guard, &prefix, now)) {
		set_standing(guard, source, STANDING_BANNED);
		return;
	}
	/* lost events may have left closed connections in the count: no ban on it before the dump */
	if (over_concurrent && !guard->in_doubt)
		reason.limit = LIMIT_CONCURRENT;
	else if (is_over_new(guard, source, fresh))
		reason.limit = LIMIT_NEW;
	if (reason.limit != LIMIT_NONE) {
		decide_offence(guard, source, &reason, fresh, now);
		return;
	}
	if (over_concurrent) {
		set_standing(guard, source, STANDING_OVER_LIMIT);
		return;
	}
	set_standing(guard, source, STANDING_NORMAL);
	if (is_quiet(guard, source, fresh)) {
		source->announced = 0;
		return;
	}
	/* ask ahead of need, so that the answer is there when the limit is passed */
	if (service->reverse_dns == REVERSE_DNS_EXEMPT &&
	    guard_never(guard, &prefix, NULL) == NEVER_NOT)
		ask_name(guard, &source->name_client, now, false);
}

void guard_retry_pending(struct guard *guard, usec_t now)
{
	uint32_t n = guard->n_pending;
	struct hash_handle waiting[64];

	/* in pieces, from the front: evaluating puts those that still wait back into the list */
	guard->next_retry = n ? now + USEC_PER_SEC / 2 : USEC_NEVER;
	for (uint32_t done = 0; done < n;) {
		uint32_t piece = MIN_OF(n - done, (uint32_t)ARRAY_SIZE(waiting));

		memcpy(waiting, guard->pending, piece * sizeof(*waiting));
		guard->n_pending -= piece;
		memmove(guard->pending, guard->pending + piece,
			guard->n_pending * sizeof(*guard->pending));
		for (uint32_t i = 0; i < piece; i++) {
			struct source *source = source_table_at(guard->sources, waiting[i]);

			if (!source)
				continue;
			source->is_pending = 0;
			guard_evaluate(guard, source, now);
		}
		done += piece;
	}
	if (!guard->n_pending)
		guard->next_retry = USEC_NEVER;
}

void guard_name_answer(struct guard *guard, const struct name_answer *answer, usec_t now)
{
	struct prefix prefix = guard_prefix_of(guard, &answer->address);

	if (!name_table_answer(guard->names, answer, now))
		return;
	for (unsigned i = 0; i < guard->settings->n_services; i++) {
		struct source *source = source_table_find(guard->sources, &prefix, (uint8_t)i);

		if (source && source->standing == STANDING_RESOLVING)
			guard_evaluate(guard, source, now);
	}
}

/* --- connections --- */

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
	if (!source)
		return;
	source_table_count(guard->sources, source, -established, -!established, now);
	relax(guard, source, now);
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

static void apply_change(struct guard *guard, struct flow_change *change, uint8_t service,
			 enum origin origin, usec_t now)
{
	struct flow *flow = change->flow;
	struct source *source;
	int established, half_open;

	if (change->evicted.phase != FLOW_ABSENT) {
		guard->stats.flows_evicted++;
		uncount(guard, &change->evicted, now);
	}
	if (change->before == FLOW_ABSENT) {
		flow->service = service;
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
	if (change->handshake && origin != ORIGIN_FIRST_DUMP)
		source_table_handshake(guard->sources, source, now,
				       window_keep(&guard->settings->services[service]));
	flow_table_settle(guard->flows, flow);
	if (established > 0 || change->handshake)
		guard_evaluate(guard, source, now);
	else if (established < 0)
		relax(guard, source, now);
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
		apply_change(guard, &change, service, ORIGIN_EVENT, now);
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
	guard->sweeping = true;
	guard->reevaluating = false;
	guard->reevaluate_cursor = 0;
}

void guard_sync_line(struct guard *guard, const struct ct_event *event, usec_t now)
{
	enum origin origin = guard->first_sync_done ? ORIGIN_DUMP : ORIGIN_FIRST_DUMP;
	struct flow_change change;
	uint8_t service;
	int r;

	if (!concerns_us(guard, event, &service))
		return;
	r = flow_table_dump_line(guard->flows, event, &change);
	if (r == 0)
		apply_change(guard, &change, service, origin, now);
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
		if (lost || !guard->in_doubt)
			return true;
		guard->in_doubt = false;
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
