// SPDX-License-Identifier: GPL-2.0-or-later
/* The gate's packets: each waits for its source's name, or not, and gets exactly one verdict. */
#include "guard_priv.h"

const struct gate_table *guard_gate(const struct guard *guard)
{
	return guard->gate;
}

void guard_gate_stats(const struct guard *guard, struct gate_stats *ret_stats)
{
	*ret_stats = guard->gate_stats;
	gate_table_stats(guard->gate, &ret_stats->table);
}

/* --- verdicts --- */

static void give(struct guard *guard, const struct prefix *prefix, const struct held_packet *packet,
		 enum guard_verdict verdict, uint64_t *counter, usec_t now)
{
	struct guard_op op = { .type = GUARD_OP_VERDICT,
			       .now = now,
			       .prefix = *prefix,
			       .packet = packet->id,
			       .verdict = verdict };
	usec_t waited = now - packet->since;

	++*counter;
	guard->gate_stats.longest_hold = MAX_OF(guard->gate_stats.longest_hold, waited);
	guard->sink(guard->sink_userdata, &op);
}

static void let_in_unknown(struct guard *guard, const struct prefix *prefix,
			   const struct held_packet *packet, enum guard_verdict verdict, usec_t now)
{
	if (now - packet->since >= guard->settings->gate.hold)
		guard->gate_stats.timed_out++;
	give(guard, prefix, packet, verdict, &guard->gate_stats.accepted_unknown, now);
}

static bool is_shut_out(const struct guard *guard, const struct prefix *prefix,
			const struct address *client, usec_t now)
{
	const struct ban *ban = ban_table_find(guard->bans, prefix);
	const struct operator_entry *block =
		operator_list_match(guard->lists[GUARD_LIST_BLOCKED], client);

	return (ban && ban->expires > now) || (block && block->expires > now);
}

/*
 * Refused ones meet the source's element on their second way through the ruleset. So do those of a source
 * that passes, because of the ceiling: what waited has fallen out of the kernel's count by now.
 */
static void give_by_name(struct guard *guard, const struct prefix *prefix,
			 const struct held_packet *packet, enum ptr_state state, bool is_in_passed,
			 usec_t now)
{
	enum guard_verdict pass = is_in_passed ? GUARD_VERDICT_REPEAT : GUARD_VERDICT_ACCEPT;
	struct gate_stats *stats = &guard->gate_stats;

	if (!guard_is_gated(guard, packet->service))
		give(guard, prefix, packet, GUARD_VERDICT_ACCEPT, &stats->accepted_exempt, now);
	else if (state == PTR_STATE_VERIFIED)
		give(guard, prefix, packet, GUARD_VERDICT_ACCEPT, &stats->accepted_verified, now);
	else if (guard_gate_refuses(&guard->settings->services[packet->service], state))
		give(guard, prefix, packet, GUARD_VERDICT_REPEAT, &stats->refused, now);
	else if (state == PTR_STATE_MISMATCH)
		give(guard, prefix, packet, pass, &stats->accepted_ptr, now);
	else
		let_in_unknown(guard, prefix, packet, pass, now);
}

void guard_gate_end_wait(struct guard *guard, struct gate_source *source, enum ptr_state state,
			 const struct held_packet *newcomer, usec_t now)
{
	struct prefix prefix = gate_source_prefix(source);
	bool shut_out = is_shut_out(guard, &prefix, &source->client, now);
	bool passes = guard_gate_is_in_passed(source);
	struct held_packet packet;

	while (gate_table_release(guard->gate, source, &packet)) {
		/* banned while it waited */
		if (shut_out)
			give(guard, &prefix, &packet, GUARD_VERDICT_DROP, &guard->gate_stats.dropped,
			     now);
		else
			give_by_name(guard, &prefix, &packet, state, passes, now);
	}
	if (newcomer)
		give_by_name(guard, &prefix, newcomer, state, passes, now);
}

/* --- packets --- */

static void meet_judged(struct guard *guard, const struct gate_source *source,
			const struct held_packet *packet, usec_t now)
{
	const struct service_settings *service = &guard->settings->services[packet->service];
	struct prefix prefix = gate_source_prefix(source);
	struct gate_stats *stats = &guard->gate_stats;

	if (source->outcome == GATE_REFUSED &&
	    !(source->also_passed && service->reverse_dns_test == REVERSE_DNS_TEST_PTR))
		/* it was on its way: the next try meets the set, and this one must not go round */
		give(guard, &prefix, packet, GUARD_VERDICT_DROP, &stats->dropped, now);
	else if (source->state == PTR_STATE_MISMATCH)
		give(guard, &prefix, packet, GUARD_VERDICT_ACCEPT, &stats->accepted_ptr, now);
	else
		let_in_unknown(guard, &prefix, packet, GUARD_VERDICT_ACCEPT, now);
}

static void join(struct guard *guard, struct gate_source *source, const struct held_packet *packet,
		 usec_t now)
{
	struct prefix prefix = gate_source_prefix(source);

	guard->gate_stats.joined++;
	if (gate_table_hold(guard->gate, source, packet))
		give(guard, &prefix, packet, GUARD_VERDICT_ACCEPT, &guard->gate_stats.accepted_full,
		     now);
}

/* Waits for the answer. False: nothing more can wait, or be asked. */
static bool hold(struct guard *guard, const struct prefix *prefix, const struct address *client,
		 const struct held_packet *packet, usec_t now)
{
	struct gate_source *source;

	if (gate_table_is_full(guard->gate))
		return false;
	guard_ask_name(guard, client, now, true);
	if (!name_table_is_asking(guard->names, client))
		return false;
	source = guard_gate_enter(guard, prefix, client, packet->service, now);
	return source && gate_table_hold(guard->gate, source, packet) == 0;
}

/* The name is known, or is not to be asked for before `retry`. */
static void judge_at_once(struct guard *guard, const struct prefix *prefix,
			  const struct address *client, const struct held_packet *packet,
			  enum ptr_state state, usec_t retry, usec_t now)
{
	struct gate_source *source =
		guard_gate_enter(guard, prefix, client, packet->service, now);

	if (source)
		guard_gate_judge(guard, source, state, retry, packet, now);
	else
		give(guard, prefix, packet, GUARD_VERDICT_ACCEPT, &guard->gate_stats.accepted_full,
		     now);
}

static void meet_stranger(struct guard *guard, const struct prefix *prefix,
			  const struct address *client, const struct held_packet *packet, usec_t now)
{
	enum ptr_state state = name_table_state(guard->names, client, now, NULL, NULL);
	usec_t retry = name_table_retry_at(guard->names, client, now);

	if (state == PTR_STATE_VERIFIED) {
		/* nobody has to make room for what is not remembered here */
		guard_trust(guard, prefix, now + guard->settings->verified_for, now);
		give_by_name(guard, prefix, packet, state, false, now);
	} else if (state != PTR_STATE_UNKNOWN) {
		judge_at_once(guard, prefix, client, packet, state, 0, now);
	} else if (retry > now && retry != USEC_NEVER) {
		judge_at_once(guard, prefix, client, packet, state, retry, now);
	} else if (!hold(guard, prefix, client, packet, now)) {
		give(guard, prefix, packet, GUARD_VERDICT_ACCEPT, &guard->gate_stats.accepted_full,
		     now);
	}
}

void guard_gate_packet(struct guard *guard, const struct gate_packet *packet, usec_t now)
{
	struct prefix prefix = guard_prefix_of(guard, &packet->client);
	const struct held_packet held = { .id = packet->id,
					  .service = guard->service_of_port[packet->local_port],
					  .since = now };
	struct gate_source *source;

	guard->gate_stats.packets++;
	if (!guard_is_gated(guard, held.service) || guard_never(guard, &prefix, NULL) != NEVER_NOT ||
	    guard_grace_until(guard, &prefix, now)) {
		give(guard, &prefix, &held, GUARD_VERDICT_ACCEPT, &guard->gate_stats.accepted_exempt,
		     now);
		return;
	}
	if (is_shut_out(guard, &prefix, &packet->client, now)) {
		give(guard, &prefix, &held, GUARD_VERDICT_DROP, &guard->gate_stats.dropped, now);
		return;
	}
	source = guard_gate_live(guard, &prefix, now);
	if (!source || source->outcome == GATE_WOULD_REFUSE) {
		meet_stranger(guard, &prefix, &packet->client, &held, now);
		return;
	}
	source->packets++;
	if (source->outcome == GATE_ASKING)
		join(guard, source, &held, now);
	else
		meet_judged(guard, source, &held, now);
}

/* --- the end of waiting --- */

/* No answer in time: it passes, for as long as a failure is remembered. */
static void pass(struct guard *guard, struct gate_source *source, usec_t now)
{
	guard_gate_judge(guard, source, PTR_STATE_UNKNOWN, 0, NULL, now);
}

static void spare(struct guard *guard, struct gate_source *source, usec_t now)
{
	struct prefix own = gate_source_prefix(source);
	struct held_packet packet;

	while (gate_table_release(guard->gate, source, &packet))
		give(guard, &own, &packet, GUARD_VERDICT_ACCEPT, &guard->gate_stats.accepted_exempt,
		     now);
	gate_table_remove(guard->gate, source);
}

void guard_gate_let_in(struct guard *guard, const struct prefix *prefix, usec_t now)
{
	struct gate_source *next, *source = gate_table_oldest(guard->gate, GATE_ASKING);

	for (; source; source = next) {
		struct prefix own = gate_source_prefix(source);

		next = gate_table_next(guard->gate, source);
		if (prefix_contains(prefix, &own.address) || prefix_contains(&own, &prefix->address))
			spare(guard, source, now);
	}
}

void guard_gate_let_in_allowed(struct guard *guard, usec_t now)
{
	struct gate_source *next, *source = gate_table_oldest(guard->gate, GATE_ASKING);

	for (; source; source = next) {
		struct prefix own = gate_source_prefix(source);

		next = gate_table_next(guard->gate, source);
		if (guard_never(guard, &own, NULL) == NEVER_ALLOWED)
			spare(guard, source, now);
	}
}

void guard_gate_release(struct guard *guard, usec_t now)
{
	struct gate_source *source;

	while ((source = gate_table_oldest(guard->gate, GATE_ASKING))) {
		guard_gate_end_wait(guard, source, PTR_STATE_UNKNOWN, NULL, now);
		gate_table_remove(guard->gate, source);
	}
}

void guard_gate_closed(struct guard *guard)
{
	gate_table_forget_held(guard->gate);
}

/* Sources whose question ended without an answer. */
static void pass_unanswered(struct guard *guard, usec_t now)
{
	struct gate_source *next, *source = gate_table_oldest(guard->gate, GATE_ASKING);

	for (; source; source = next) {
		next = gate_table_next(guard->gate, source);
		if (!name_table_is_asking(guard->names, &source->client))
			pass(guard, source, now);
	}
}

void guard_gate_tick(struct guard *guard, usec_t now)
{
	struct gate_source *source;
	usec_t since;

	if (guard->questions_gone)
		pass_unanswered(guard, now);
	guard->questions_gone = false;
	while ((source = gate_table_longest_held(guard->gate, &since)) &&
	       now - since >= guard->settings->gate.hold)
		pass(guard, source, now);
}

usec_t guard_gate_next_tick(const struct guard *guard)
{
	usec_t since;

	if (!gate_table_longest_held(guard->gate, &since))
		return USEC_NEVER;
	return guard->questions_gone ? 0 : since + guard->settings->gate.hold;
}
