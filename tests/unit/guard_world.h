/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guard with everything around it that its ops act on: the elements of the kernel's ban sets and
 * of the gate's, packets that wait for a verdict, the ledger's active entries, and counters of the
 * rest. check_world() holds all of it against what the guard says of itself. Time stands still
 * unless a test moves it.
 */
#pragma once

#include <stdio.h>

#include "support.h"

#include "smtpguard/policy/guard.h"

#define MIRROR_MAX OPERATOR_LIST_MAX
#define PACKETS_MAX 65536
#define GATE_SETS 2

/* What somebody who only sees the ops believes to be there. */
struct mirror {
	struct {
		struct prefix prefix;
		usec_t expires;
	} items[MIRROR_MAX];
	unsigned n;
};

struct world {
	struct guard_settings settings;
	struct guard *guard;
	usec_t now;
	struct mirror elements, recorded, recorded_lists[GUARD_LISTS], gate[GATE_SETS];
	/* by id, from 1 on: packets owed a verdict, and the verdict given */
	bool waits[PACKETS_MAX];
	enum guard_verdict verdict[PACKETS_MAX];
	uint32_t packets, waiting, lost;
	unsigned verdicts[GUARD_VERDICT_REPEAT + 1];
	unsigned resolves, adds, deletes, closes, trusts, lists[GUARD_LISTS], graces;
	unsigned decisions[DECISIONS], ends[3], peaks;
	struct guard_peak peak; /* the last one, without its texts */
	char peak_name[PTR_NAME_TEXT_MAX], peak_service[SERVICE_NAME_MAX];
	/* of the last op that had one */
	struct prefix last, last_trusted;
	char because[64], reason[REASON_COMMENT_MAX];
	usec_t expires, until;
};

static inline int mirror_find(const struct mirror *mirror, const struct prefix *prefix)
{
	for (unsigned i = 0; i < mirror->n; i++)
		if (prefix_equal(&mirror->items[i].prefix, prefix))
			return (int)i;
	return -1;
}

static inline void mirror_put(struct mirror *mirror, const struct prefix *prefix, usec_t expires)
{
	int i = mirror_find(mirror, prefix);

	if (i < 0) {
		assert_true(mirror->n < MIRROR_MAX);
		i = (int)mirror->n++;
	}
	mirror->items[i].prefix = *prefix;
	mirror->items[i].expires = expires;
}

static inline bool mirror_remove(struct mirror *mirror, const struct prefix *prefix)
{
	int i = mirror_find(mirror, prefix);

	if (i < 0)
		return false;
	mirror->items[i] = mirror->items[--mirror->n];
	return true;
}

/* as the kernel's timeouts do */
static inline void mirror_expire(struct mirror *mirror, usec_t now)
{
	for (unsigned i = 0; i < mirror->n;) {
		if (mirror->items[i].expires <= now)
			mirror->items[i] = mirror->items[--mirror->n];
		else
			i++;
	}
}

static inline void on_record(struct world *world, const struct guard_op *op)
{
	switch (op->record) {
	case RECORD_BAN:
		assert_non_null(op->ban);
		mirror_put(&world->recorded, &op->prefix, op->ban->expires);
		break;
	case RECORD_BAN_END:
		world->ends[op->end]++;
		assert_true(mirror_remove(&world->recorded, &op->prefix));
		break;
	case RECORD_LISTED:
		assert_true(prefix_equal(&op->prefix, &op->entry->prefix));
		mirror_put(&world->recorded_lists[op->list], &op->prefix, op->entry->expires);
		break;
	case RECORD_LISTED_END:
		assert_true(mirror_remove(&world->recorded_lists[op->list], &op->prefix));
		break;
	case RECORD_GRACE:
		world->graces++;
		break;
	}
}

/* The kernel comes before the news: who is told of a ban finds its element, of an unban none. */
static inline void on_decision(struct world *world, const struct guard_op *op)
{
	bool of_refusal = op->reason->limit == LIMIT_REVERSE_DNS;
	bool of_block = op->reason->limit == LIMIT_OPERATOR && !op->ban;
	bool of_ban = op->decision == DECISION_BAN || op->decision == DECISION_UNBAN ||
		      op->decision == DECISION_EXPIRE;

	world->decisions[op->decision]++;
	assert_non_null(op->reason);
	if (of_refusal)
		assert_null(op->ban);
	else
		assert_int_equal(of_ban, op->ban || of_block);
	if (of_refusal && op->decision != DECISION_OBSERVE)
		assert_int_equal(op->decision == DECISION_REFUSE,
				 mirror_find(&world->gate[GATE_SET_REFUSED], &op->prefix) >= 0);
	if (op->ban && op->decision == DECISION_BAN)
		assert_true(mirror_find(&world->elements, &op->prefix) >= 0);
	if (op->ban && op->decision == DECISION_UNBAN)
		assert_true(mirror_find(&world->elements, &op->prefix) < 0);
	reason_format(op->reason, world->reason);
	snprintf(world->because, sizeof(world->because), "%s", op->because ? op->because : "");
	world->last = op->prefix;
}

/* Who is sent round again meets its element in a set of the gate. */
static inline void on_verdict(struct world *world, const struct guard_op *op)
{
	assert_true(op->packet > 0 && op->packet <= world->packets);
	assert_true(world->waits[op->packet]);
	world->waits[op->packet] = false;
	world->waiting--;
	world->verdict[op->packet] = op->verdict;
	world->verdicts[op->verdict]++;
	if (op->verdict == GUARD_VERDICT_REPEAT)
		assert_true(mirror_find(&world->gate[GATE_SET_REFUSED], &op->prefix) >= 0 ||
			    mirror_find(&world->gate[GATE_SET_PASSED], &op->prefix) >= 0);
}

static inline void on_gate_set(struct world *world, const struct guard_op *op)
{
	struct mirror *set = &world->gate[op->gate_set];

	mirror_expire(set, world->now);
	world->last = op->prefix;
	if (op->type == GUARD_OP_GATE_DELETE) {
		assert_true(mirror_remove(set, &op->prefix));
		return;
	}
	assert_true(op->until > op->now);
	assert_int_equal(op->reason != NULL, op->gate_set == GATE_SET_REFUSED);
	mirror_put(set, &op->prefix, op->until);
	world->until = op->until;
}

static inline void on_peak(struct world *world, const struct guard_op *op)
{
	assert_true(op->peak->concurrent >= 2 || op->peak->fresh >= 2);
	world->peaks++;
	world->peak = *op->peak;
	snprintf(world->peak_name, sizeof(world->peak_name), "%s", op->peak->name);
	snprintf(world->peak_service, sizeof(world->peak_service), "%s", op->peak->service);
	world->last = op->prefix;
}

static inline void on_op(void *userdata, const struct guard_op *op)
{
	struct world *world = userdata;

	assert_true(op->now == world->now);
	switch (op->type) {
	case GUARD_OP_RESOLVE:
		world->resolves++;
		break;
	case GUARD_OP_ELEMENT_ADD:
		assert_non_null(op->ban);
		assert_true(op->ban->expires > op->now);
		world->adds++;
		world->last = op->prefix;
		world->expires = op->ban->expires;
		mirror_put(&world->elements, &op->prefix, op->ban->expires);
		break;
	case GUARD_OP_ELEMENT_DELETE:
		world->deletes++;
		world->last = op->prefix;
		(void)mirror_remove(&world->elements, &op->prefix);
		break;
	case GUARD_OP_TRUST:
		assert_true(op->until > op->now);
		world->trusts++;
		world->last_trusted = op->prefix;
		world->until = op->until;
		break;
	case GUARD_OP_CLOSE:
		world->closes++;
		world->last = op->prefix;
		break;
	case GUARD_OP_LIST:
		world->lists[op->list]++;
		break;
	case GUARD_OP_RECORD:
		on_record(world, op);
		break;
	case GUARD_OP_VERDICT:
		on_verdict(world, op);
		break;
	case GUARD_OP_GATE_ADD:
	case GUARD_OP_GATE_DELETE:
		on_gate_set(world, op);
		break;
	case GUARD_OP_PEAK:
		on_peak(world, op);
		break;
	case GUARD_OP_DECISION:
		on_decision(world, op);
		break;
	}
}

/* --- life --- */

/* Settings first, so that a test can change them before start(). */
static inline struct world *new_world(void)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	settings_defaults(&world->settings);
	world->settings.max_sources = world->settings.max_flows = 4096;
	world->settings.bans.max_bans = 64;
	world->settings.names.cache = 1024;
	world->now = HOURS(1000);
	assert_int_equal(prefix_set_new(&world->settings.allowed), 0);
	return world;
}

static inline void start_empty(struct world *world)
{
	struct address own = addr("198.51.100.1");

	assert_int_equal(guard_new(&world->guard, &world->settings, &test_key, on_op, world), 0);
	assert_int_equal(guard_local_address(world->guard, &own, true, world->now), 0);
}

static inline void dump_nothing(struct world *world)
{
	guard_sync_begin(world->guard);
	while (!guard_sync_end(world->guard, false, world->now))
		;
}

static inline void start(struct world *world)
{
	start_empty(world);
	dump_nothing(world);
}

static inline void end(struct world *world)
{
	assert_null(guard_free(world->guard));
	prefix_set_free(world->settings.allowed);
	free(world);
}

/* Ticks on the way happen when the guard asks for them. */
static inline void pass_time(struct world *world, usec_t time)
{
	usec_t until = world->now + time;

	for (unsigned ticks = 0; guard_next_tick(world->guard) <= until; ticks++) {
		assert_true(ticks < 1000000);
		world->now = MAX_OF(world->now, guard_next_tick(world->guard));
		guard_tick(world->guard, world->now);
	}
	world->now = until;
	mirror_expire(&world->elements, world->now);
	for (int set = 0; set < GATE_SETS; set++)
		mirror_expire(&world->gate[set], world->now);
}

/* --- events --- */

static inline struct ct_event event_of(struct address client, uint16_t client_port, uint16_t port,
				       enum flow_phase phase)
{
	struct ct_event event = { .phase = phase, .local_port = port };

	event.key.client = client;
	event.key.server = event.local =
		address_is_ipv4(&client) ? addr("198.51.100.1") : addr("2001:db8:ffff::25");
	event.key.client_port = client_port;
	event.key.server_port = port;
	return event;
}

static inline void flow(struct world *world, struct address client, uint16_t client_port,
			uint16_t port, enum flow_phase phase)
{
	struct ct_event event = event_of(client, client_port, port, phase);

	guard_flow_event(world->guard, &event, world->now);
}

/* n connections from the client's port `first` on */
static inline void open_from(struct world *world, struct address client, uint16_t first,
			     uint16_t port, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		flow(world, client, (uint16_t)(first + i), port, FLOW_ESTABLISHED);
}

static inline void open_many(struct world *world, const char *client, uint16_t port, uint16_t n)
{
	open_from(world, addr(client), 1024, port, n);
}

static inline void close_many(struct world *world, const char *client, uint16_t port, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		flow(world, addr(client), (uint16_t)(1024 + i), port, FLOW_CLOSED);
}

static inline void answer(struct world *world, const char *client, enum name_answer_result result)
{
	struct name_answer a = { .address = addr(client), .result = result, .ttl = HOURS(1) };

	guard_name_answer(world->guard, &a, world->now);
}

/* Returns the packet's id. */
static inline uint32_t packet_of(struct world *world, struct address client, uint16_t port)
{
	struct gate_packet packet = { .id = ++world->packets, .client = client, .local_port = port };

	assert_true(packet.id < PACKETS_MAX);
	world->waits[packet.id] = true;
	world->waiting++;
	guard_gate_packet(world->guard, &packet, world->now);
	return packet.id;
}

/* --- what it says of itself --- */

static inline struct guard_stats stats_of(const struct world *world)
{
	struct guard_stats stats;

	guard_stats(world->guard, world->now, &stats);
	return stats;
}

static inline const struct ban *ban_of(const struct world *world, const char *source)
{
	struct prefix p = pfx(source);

	return ban_table_find(guard_bans(world->guard), &p);
}

static inline enum standing standing_of(const struct world *world, const char *source,
					unsigned service)
{
	struct prefix p = pfx(source);
	struct source *found =
		source_table_find(guard_sources(world->guard), &p, (uint8_t)service);

	return found ? guard_standing(world->guard, found) : STANDING_NORMAL;
}

static inline struct gate_stats gate_stats_of(const struct world *world)
{
	struct gate_stats stats;

	guard_gate_stats(world->guard, &stats);
	return stats;
}

/* The gate's sets hold exactly the sources it judged, and every packet waits or has its verdict. */
static inline void check_gate(struct world *world)
{
	struct gate_stats stats = gate_stats_of(world);
	const struct gate_source *source;
	unsigned n[GATE_SETS] = { 0 };
	uint32_t cursor = 0, held = 0;

	while ((source = gate_table_walk(guard_gate(world->guard), &cursor))) {
		struct prefix p = gate_source_prefix(source);
		bool refused = source->outcome == GATE_REFUSED;
		bool in[GATE_SETS] = { refused, source->outcome == GATE_PASSED ||
							(refused && source->also_passed) };

		held += source->n_held;
		assert_int_equal(source->outcome == GATE_ASKING, source->n_held > 0);
		if (source->outcome != GATE_ASKING && source->until <= world->now)
			continue;
		for (int set = 0; set < GATE_SETS; set++) {
			int i = mirror_find(&world->gate[set], &p);

			assert_int_equal(in[set], i >= 0);
			n[set] += in[set];
			if (in[set])
				assert_true(world->gate[set].items[i].expires == source->until);
		}
	}
	for (int set = 0; set < GATE_SETS; set++) {
		mirror_expire(&world->gate[set], world->now);
		assert_int_equal(world->gate[set].n, n[set]);
	}
	assert_int_equal(held, world->waiting);
	assert_int_equal(stats.table.held, held);
	assert_int_equal(stats.packets, world->packets);
	assert_int_equal(stats.packets, held + world->lost + stats.accepted_verified +
						stats.accepted_ptr + stats.accepted_unknown +
						stats.accepted_full + stats.accepted_exempt +
						stats.refused + stats.dropped);
	assert_true(world->verdicts[GUARD_VERDICT_REPEAT] >= stats.refused);
	assert_true(world->verdicts[GUARD_VERDICT_REPEAT] <=
		    stats.refused + stats.accepted_unknown + stats.accepted_ptr);
	assert_int_equal(world->verdicts[GUARD_VERDICT_DROP], stats.dropped);
	assert_true(stats.longest_hold <= guard_settings(world->guard)->gate.hold);
}

/* The sets and the ledger, as far as the ops tell, hold exactly the guard's bans and entries. */
static inline void check_world(struct world *world)
{
	const struct ban *ban;
	uint32_t cursor = 0;
	unsigned bans = 0;

	mirror_expire(&world->elements, world->now);
	while ((ban = ban_table_walk(guard_bans(world->guard), &cursor))) {
		struct prefix p = ban_prefix(ban);
		int i = mirror_find(&world->elements, &p), k = mirror_find(&world->recorded, &p);

		if (ban->expires <= world->now)
			continue;
		bans++;
		assert_true(i >= 0 && k >= 0);
		assert_true(world->elements.items[i].expires == ban->expires);
		assert_true(world->recorded.items[k].expires == ban->expires);
	}
	assert_int_equal(world->elements.n, bans);
	assert_int_equal(world->recorded.n, ban_table_count(guard_bans(world->guard)));
	for (int list = 0; list < GUARD_LISTS; list++) {
		const struct operator_list *entries =
			guard_list(world->guard, (enum guard_list)list);
		const struct mirror *mirror = &world->recorded_lists[list];

		assert_int_equal(mirror->n, operator_list_count(entries));
		for (uint32_t n = 0; n < mirror->n; n++)
			assert_true(mirror_find(mirror, &operator_list_at(entries, n)->prefix) >= 0);
	}
	check_gate(world);
}
