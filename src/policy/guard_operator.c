// SPDX-License-Identifier: GPL-2.0-or-later
/* What operators say, what the ledger remembers of it, and what an earlier run left in the kernel. */
#include "guard_priv.h"

#include <stdio.h>
#include <string.h>

const char *guard_list_name(enum guard_list list)
{
	return list == GUARD_LIST_BLOCKED ? "blocked" : "allowed";
}

const struct operator_list *guard_list(const struct guard *guard, enum guard_list list)
{
	return guard->lists[list];
}

static const struct prefix everything = { .length = 0 };

static bool is_single_source(const struct guard *guard, const struct prefix *prefix)
{
	struct prefix own = guard_prefix_of(guard, &prefix->address);

	return prefix_equal(&own, prefix);
}

static bool is_inside(const struct prefix *inner, const struct prefix *outer)
{
	return inner->length >= outer->length && prefix_contains(outer, &inner->address);
}

bool guard_is_blocked(const struct guard *guard, const struct prefix *source)
{
	const struct operator_entry *block =
		operator_list_match(guard->lists[GUARD_LIST_BLOCKED], &source->address);

	return block && is_inside(source, &block->prefix) &&
	       guard_never(guard, source, NULL) == NEVER_NOT;
}

/* Sources inside a prefix, after its block came or went: a walk, but only when an operator speaks. */
static void judge_inside(struct guard *guard, const struct prefix *prefix)
{
	uint32_t cursor = 0;
	struct source *source;

	while ((source = source_table_walk(guard->sources, &cursor))) {
		struct prefix own = source_prefix(source);

		if (!is_inside(&own, prefix))
			continue;
		if (guard_is_blocked(guard, &own) || ban_table_find(guard->bans, &own))
			guard_set_standing_of_services(guard, &own, STANDING_BANNED);
		else if (source->standing == STANDING_BANNED)
			guard_set_standing_of_services(guard, &own, STANDING_NORMAL);
	}
}

/* --- lists --- */

static void emit_list(struct guard *guard, enum guard_list list, usec_t now)
{
	struct guard_op op = { .type = GUARD_OP_LIST, .list = list, .now = now };

	guard->sink(guard->sink_userdata, &op);
}

/* News of a block; allows are no decision about a source. */
static void announce_block(struct guard *guard, enum decision_type type,
			   const struct operator_entry *entry, const char *because, usec_t now)
{
	struct ban_reason reason = { .limit = LIMIT_OPERATOR };
	struct guard_op op = { .type = GUARD_OP_DECISION,
			       .now = now,
			       .prefix = entry->prefix,
			       .decision = type,
			       .reason = &reason,
			       .because = because,
			       .until = entry->expires };

	snprintf(reason.text, sizeof(reason.text), "%s", entry->text);
	guard->stats.decisions[type]++;
	guard->sink(guard->sink_userdata, &op);
}

int guard_list_condition(int r)
{
	switch (r) {
	case OPERATOR_LIST_COVERED:
		return GUARD_COVERED;
	case OPERATOR_LIST_OVERLAPS:
		return GUARD_OVERLAPS;
	case OPERATOR_LIST_FULL:
		return GUARD_LIST_FULL;
	default:
		return r;
	}
}

/* n entries from first on. */
static void list_remove(struct guard *guard, enum guard_list list, uint32_t first, uint32_t n,
			enum guard_end end, const char *because, usec_t now)
{
	struct guard_op op = {
		.type = GUARD_OP_RECORD, .record = RECORD_LISTED_END, .now = now, .list = list, .end = end
	};

	if (!n)
		return;
	emit_list(guard, list, now);
	for (uint32_t i = first; i < first + n; i++) {
		const struct operator_entry *entry = operator_list_at(guard->lists[list], i);

		if (list == GUARD_LIST_BLOCKED)
			announce_block(guard,
				       end == GUARD_END_EXPIRED ? DECISION_EXPIRE : DECISION_UNBAN,
				       entry, because, now);
		op.prefix = entry->prefix;
		guard->sink(guard->sink_userdata, &op);
	}
	operator_list_remove_many(guard->lists[list], first, n);
}

/*
 * Entries that the new one will absorb: whoever remembers them must hear of their end, or they come
 * back when the wider one is gone. If one of them stands in its way, nothing happens.
 */
static void end_absorbed(struct guard *guard, enum guard_list list, const struct operator_entry *entry,
			 usec_t now)
{
	uint32_t first, n = operator_list_inside(guard->lists[list], &entry->prefix, &first);

	for (uint32_t i = first; i < first + n; i++) {
		const struct operator_entry *inner = operator_list_at(guard->lists[list], i);

		if (inner->expires > entry->expires || prefix_equal(&inner->prefix, &entry->prefix))
			return;
	}
	list_remove(guard, list, first, n, GUARD_END_REPLACED, "part of a wider one", now);
}

static int list_add(struct guard *guard, enum guard_list list, const struct operator_entry *entry,
		    usec_t now, struct prefix *ret_conflict)
{
	struct guard_op op = { .type = GUARD_OP_RECORD,
			       .record = RECORD_LISTED,
			       .now = now,
			       .prefix = entry->prefix,
			       .list = list,
			       .entry = entry };
	struct operator_entry conflict;
	unsigned absorbed;
	int r;

	end_absorbed(guard, list, entry, now);
	r = operator_list_add(guard->lists[list], entry, &absorbed, &conflict);
	if (r) {
		if (r > 0 && r != OPERATOR_LIST_FULL)
			*ret_conflict = conflict.prefix;
		return guard_list_condition(r);
	}
	guard->next_expiry = MIN_OF(guard->next_expiry, entry->expires);
	emit_list(guard, list, now);
	if (list == GUARD_LIST_BLOCKED)
		announce_block(guard, DECISION_BAN, entry, NULL, now);
	guard->sink(guard->sink_userdata, &op);
	return 0;
}

static uint32_t place_of(const struct guard *guard, enum guard_list list,
			 const struct operator_entry *entry)
{
	return (uint32_t)(entry - operator_list_at(guard->lists[list], 0));
}

/* How many entries from this one on are over, without a gap. */
static uint32_t count_ended(const struct operator_list *list, const struct operator_entry *first,
			    usec_t now)
{
	uint32_t at = (uint32_t)(first - operator_list_at(list, 0)), n = 0;

	while (at + n < operator_list_count(list) && operator_list_at(list, at + n)->expires <= now)
		n++;
	return n;
}

void guard_expire_lists(struct guard *guard, usec_t now)
{
	bool ended = false;

	for (int list = 0; list < GUARD_LISTS; list++) {
		const struct operator_entry *entry;

		while ((entry = operator_list_expired(guard->lists[list], now))) {
			/* lists that were made together end together */
			list_remove(guard, (enum guard_list)list,
				    place_of(guard, (enum guard_list)list, entry),
				    count_ended(guard->lists[list], entry, now), GUARD_END_EXPIRED,
				    NULL, now);
			ended = true;
		}
		guard->next_expiry = MIN_OF(guard->next_expiry,
					    operator_list_next_expiry(guard->lists[list]));
	}
	if (!ended)
		return;
	judge_inside(guard, &everything);
	guard->reevaluation_wanted = true;
}

/* --- ban, unban --- */

int guard_ban(struct guard *guard, const struct prefix *prefix, usec_t duration, const char *text,
	      usec_t now, struct prefix *ret_conflict)
{
	usec_t wanted = duration ? duration : guard->settings->bans.duration;
	struct operator_entry entry = { .prefix = *prefix,
					.since = now,
					.expires = guard_end_after(now, wanted) };
	struct ban_reason reason = { .limit = LIMIT_OPERATOR };
	int r;

	if (guard->settings->observe)
		return GUARD_OBSERVING;
	if (guard_never(guard, prefix, ret_conflict) != NEVER_NOT)
		return GUARD_NEVER_LISTED;
	if (is_single_source(guard, prefix)) {
		snprintf(reason.text, sizeof(reason.text), "%s", text);
		return guard_put_ban(guard, prefix, &reason, wanted, now);
	}
	snprintf(entry.text, sizeof(entry.text), "%s", text);
	r = list_add(guard, GUARD_LIST_BLOCKED, &entry, now, ret_conflict);
	if (r)
		return r;
	judge_inside(guard, prefix);
	if (guard->settings->enforcement.close_connections)
		guard_emit(guard, GUARD_OP_CLOSE, prefix, NULL, now);
	return 0;
}

static void pardon(struct guard *guard, const struct prefix *source, usec_t grace, usec_t now)
{
	struct known_source *known = guard_remember(guard, source);
	struct guard_op op = { .type = GUARD_OP_RECORD,
			       .record = RECORD_GRACE,
			       .now = now,
			       .prefix = *source };

	if (!known)
		return;
	known->grace_until = now + (grace ? grace : guard->settings->unban_grace);
	op.until = known->grace_until;
	guard->sink(guard->sink_userdata, &op);
	guard_trust(guard, source, known->grace_until, now);
}

static unsigned lift_inside(struct guard *guard, const struct prefix *prefix, const char *because,
			    usec_t now)
{
	unsigned lifted = 0;
	uint32_t cursor = 0, first, n;
	struct ban *ban;

	while ((ban = ban_table_walk(guard->bans, &cursor))) {
		struct prefix source = ban_prefix(ban);

		if (!is_inside(&source, prefix))
			continue;
		guard_end_ban(guard, ban, GUARD_END_LIFTED, because, now);
		lifted++;
	}
	lifted += guard_gate_lift(guard, prefix, because, now);
	n = operator_list_inside(guard->lists[GUARD_LIST_BLOCKED], prefix, &first);
	list_remove(guard, GUARD_LIST_BLOCKED, first, n, GUARD_END_LIFTED, because, now);
	judge_inside(guard, prefix);
	return lifted + n;
}

/* What its connections are worth now: over a limit and spared, say. */
static void judge_services(struct guard *guard, const struct prefix *prefix, usec_t now)
{
	for (unsigned i = 0; i < guard->settings->n_services; i++) {
		struct source *source = source_table_find(guard->sources, prefix, (uint8_t)i);

		if (source && source->concurrent)
			guard_evaluate(guard, source, now);
	}
}

int guard_unban(struct guard *guard, const struct prefix *prefix, usec_t grace, usec_t now,
		unsigned *ret_lifted, struct prefix *ret_conflict)
{
	const struct operator_entry *block =
		operator_list_match(guard->lists[GUARD_LIST_BLOCKED], &prefix->address);
	uint32_t first, n;
	unsigned refusals;
	struct ban *ban;

	if (block && !is_inside(&block->prefix, prefix)) {
		*ret_conflict = block->prefix;
		return GUARD_COVERED;
	}
	if (!is_single_source(guard, prefix)) {
		unsigned lifted = lift_inside(guard, prefix, NULL, now);

		if (!lifted)
			return GUARD_NOT_BANNED;
		*ret_lifted = lifted;
		return 0;
	}
	ban = guard_live_ban(guard, prefix, now);
	if (ban)
		guard_end_ban(guard, ban, GUARD_END_LIFTED, NULL, now);
	refusals = guard_gate_lift(guard, prefix, NULL, now);
	/* blocks of parts of the source */
	n = operator_list_inside(guard->lists[GUARD_LIST_BLOCKED], prefix, &first);
	list_remove(guard, GUARD_LIST_BLOCKED, first, n, GUARD_END_LIFTED, NULL, now);
	pardon(guard, prefix, grace, now);
	guard_auth_forgive(guard, prefix);
	guard_gate_let_in(guard, prefix, now);
	judge_services(guard, prefix, now);
	if (!ban && !n && !refusals)
		return GUARD_NOT_BANNED;
	*ret_lifted = (ban ? 1 : 0) + n + refusals;
	return 0;
}

unsigned guard_flush(struct guard *guard, usec_t now)
{
	return lift_inside(guard, &everything, "flush", now);
}

/* --- allow --- */

int guard_allow(struct guard *guard, const struct prefix *prefix, usec_t duration, const char *text,
		usec_t now, unsigned *ret_lifted, struct prefix *ret_conflict)
{
	struct operator_entry entry = { .prefix = *prefix,
					.since = now,
					.expires = guard_end_after(now, duration ? duration : USEC_NEVER) };
	unsigned lifted;
	struct ban *ban;
	int r;

	snprintf(entry.text, sizeof(entry.text), "%s", text);
	r = list_add(guard, GUARD_LIST_ALLOWED, &entry, now, ret_conflict);
	if (r)
		return r;
	lifted = lift_inside(guard, prefix, "allow list", now);
	/* an allow inside a wider source (an address of a /64) spares the whole source */
	struct prefix source = guard_prefix_of(guard, &prefix->address);

	ban = guard_live_ban(guard, &source, now);
	if (ban) {
		guard_end_ban(guard, ban, GUARD_END_LIFTED, "allow list", now);
		lifted++;
	}
	lifted += guard_gate_lift(guard, &source, "allow list", now);
	guard_gate_let_in(guard, prefix, now);
	judge_inside(guard, &source);
	*ret_lifted = lifted;
	return 0;
}

void guard_lift_allowed(struct guard *guard, usec_t now)
{
	const struct operator_list *blocked = guard->lists[GUARD_LIST_BLOCKED];
	uint32_t cursor = 0;
	struct ban *ban;

	while ((ban = ban_table_walk(guard->bans, &cursor))) {
		struct prefix prefix = ban_prefix(ban);

		if (guard_never(guard, &prefix, NULL) == NEVER_ALLOWED)
			guard_end_ban(guard, ban, GUARD_END_LIFTED, "allow list", now);
	}
	guard_gate_lift_allowed(guard, now);
	for (uint32_t i = operator_list_count(blocked); guard->settings->allowed && i-- > 0;) {
		const struct prefix *block = &operator_list_at(blocked, i)->prefix;
		const struct prefix *match =
			prefix_set_match(guard->settings->allowed, &block->address);

		if (match && is_inside(block, match))
			list_remove(guard, GUARD_LIST_BLOCKED, i, 1, GUARD_END_LIFTED, "allow list", now);
	}
}

int guard_disallow(struct guard *guard, const struct prefix *prefix, usec_t now)
{
	const struct operator_entry *entry =
		operator_list_match(guard->lists[GUARD_LIST_ALLOWED], &prefix->address);

	if (!entry || !prefix_equal(&entry->prefix, prefix))
		return GUARD_NOT_LISTED;
	list_remove(guard, GUARD_LIST_ALLOWED, place_of(guard, GUARD_LIST_ALLOWED, entry), 1,
		    GUARD_END_LIFTED, NULL, now);
	judge_inside(guard, prefix);
	guard->reevaluation_wanted = true;
	return 0;
}
