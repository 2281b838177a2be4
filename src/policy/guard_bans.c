// SPDX-License-Identifier: GPL-2.0-or-later
#include "guard_priv.h"

#include <stdio.h>
#include <string.h>

#define BREAKER_WINDOW (60 * USEC_PER_SEC)
/* the kernel ends elements by itself: to say so a little later does no harm */
#define EXPIRY_INTERVAL (USEC_PER_SEC / 10)

struct prefix guard_prefix_of(const struct guard *guard, const struct address *address)
{
	return prefix_of_address(address, guard->settings->ipv4_prefix,
				 guard->settings->ipv6_prefix);
}

void guard_decide(struct guard *guard, enum decision_type type, const struct prefix *prefix,
		  const struct ban *ban, const struct ban_reason *reason, const char *because,
		  usec_t now)
{
	struct guard_op op = { .type = GUARD_OP_DECISION,
			       .now = now,
			       .prefix = *prefix,
			       .ban = ban,
			       .decision = type,
			       .reason = reason,
			       .because = because,
			       .until = ban ? ban->expires : 0 };

	guard->stats.decisions[type]++;
	guard->sink(guard->sink_userdata, &op);
}

void guard_emit(struct guard *guard, enum guard_op_type type, const struct prefix *prefix,
		const struct ban *ban, usec_t now)
{
	struct guard_op op = { .type = type, .now = now, .prefix = *prefix, .ban = ban };

	guard->sink(guard->sink_userdata, &op);
}

static void record_ban(struct guard *guard, const struct ban *ban, usec_t now)
{
	struct guard_op op = { .type = GUARD_OP_RECORD,
			       .record = RECORD_BAN,
			       .now = now,
			       .prefix = ban_prefix(ban),
			       .ban = ban };

	guard->sink(guard->sink_userdata, &op);
}

/* --- what is remembered of a source --- */

static struct ban_key key_of(const struct prefix *prefix)
{
	return (struct ban_key){ .address = prefix->address, .length = prefix->length };
}

struct known_source *guard_find_known(const struct guard *guard, const struct prefix *prefix)
{
	struct ban_key key = key_of(prefix);

	return hash_table_find(guard->known, &key);
}

/* Finds or makes the entry; the one that was of no use for longest makes room. */
static void *find_or_make(struct hash_table *table, const struct prefix *prefix)
{
	struct ban_key key = key_of(prefix);
	void *entry;
	int r = hash_table_insert(table, &key, &entry);

	if (r == HASH_TABLE_FULL) {
		hash_table_remove(table, hash_table_oldest(table, 0));
		r = hash_table_insert(table, &key, &entry);
	}
	if (r == HASH_TABLE_FULL)
		return NULL;
	hash_table_move(table, entry, 0);
	return entry;
}

struct known_source *guard_remember(struct guard *guard, const struct prefix *prefix)
{
	return find_or_make(guard->known, prefix);
}

usec_t guard_grace_until(const struct guard *guard, const struct prefix *source, usec_t now)
{
	const struct known_source *known = guard_find_known(guard, source);

	return known && known->grace_until > now ? known->grace_until : 0;
}

void guard_note_trust(struct guard *guard, const struct prefix *prefix, usec_t until)
{
	struct trusted_source *trusted = find_or_make(guard->trusted, prefix);

	if (trusted)
		trusted->until = MAX_OF(trusted->until, until);
}

void guard_trust(struct guard *guard, const struct prefix *prefix, usec_t until, usec_t now)
{
	struct trusted_source *trusted = find_or_make(guard->trusted, prefix);
	struct guard_op op = { .type = GUARD_OP_TRUST, .now = now, .prefix = *prefix, .until = until };

	if (!trusted)
		return;
	/* renewed at half time, not for every connection */
	if (trusted->until > now && trusted->until >= now + (until - now) / 2)
		return;
	trusted->until = until;
	guard->sink(guard->sink_userdata, &op);
}

void guard_trusted(const struct guard *guard, usec_t now,
		   void (*visit)(void *userdata, const struct prefix *source, usec_t until),
		   void *userdata)
{
	const struct trusted_source *trusted;
	uint32_t cursor = 0;

	while ((trusted = hash_table_walk(guard->trusted, &cursor))) {
		struct prefix prefix = { .address = trusted->key.address,
					 .length = trusted->key.length };

		if (trusted->until > now)
			visit(userdata, &prefix, trusted->until);
	}
}

void guard_graces(const struct guard *guard, usec_t now,
		  void (*visit)(void *userdata, const struct prefix *source, usec_t until),
		  void *userdata)
{
	const struct known_source *known;
	uint32_t cursor = 0;

	while ((known = hash_table_walk(guard->known, &cursor))) {
		struct prefix prefix = { .address = known->key.address, .length = known->key.length };

		if (known->grace_until > now)
			visit(userdata, &prefix, known->grace_until);
	}
}

/* --- bans --- */

/*
 * Who stays when there is no room: a quarter of a doubling of what the limit allows is one step, an
 * earlier ban two. Never the age.
 */
static uint8_t severity_of(const struct ban *ban)
{
	uint64_t allowed = MAX_OF(ban->reason.allowed, 1u);
	uint64_t ratio = MAX_OF(ban->reason.observed, ban->reason.peak) * (uint64_t)256 / allowed;
	unsigned steps = 0;

	if (ban->reason.limit == LIMIT_OPERATOR || ban->reason.limit == LIMIT_NONE)
		return BAN_SEVERITY_MOST;
	/* 304 / 256 is 2^(1/4) */
	for (uint64_t bound = 304; ratio >= bound && steps < 20; bound = bound * 304 / 256)
		steps++;
	return (uint8_t)(steps + 2 * MIN_OF(ban->earlier, 5u));
}

void guard_rate_ban(struct guard *guard, struct ban *ban)
{
	ban_table_set_severity(guard->bans, ban, severity_of(ban));
}

void guard_note_peak(struct guard *guard, struct ban *ban, uint32_t connections)
{
	if (connections <= ban->reason.peak || ban->reason.limit == LIMIT_OPERATOR ||
	    ban->reason.limit == LIMIT_AUTH_FAILURES)
		return;
	ban->reason.peak = connections;
	guard_rate_ban(guard, ban);
}

void guard_set_standing_of_services(struct guard *guard, const struct prefix *prefix,
				    enum standing standing)
{
	for (unsigned i = 0; i < guard->settings->n_services; i++) {
		struct source *source = source_table_find(guard->sources, prefix, (uint8_t)i);

		if (!source)
			continue;
		source->standing = (uint8_t)standing;
		source->announced = 0;
		source->waiting_since = 0;
		source_table_protect(guard->sources, source, standing != STANDING_NORMAL);
	}
}

/* A ban that an operator takes back, or that made room, is not held against the source. */
static void forgive(struct guard *guard, const struct ban *ban)
{
	struct prefix prefix = ban_prefix(ban);
	struct known_source *known = guard_find_known(guard, &prefix);

	if (known)
		known->bans = MIN_OF(known->bans, ban->earlier);
}

void guard_end_ban(struct guard *guard, struct ban *ban, enum guard_end end, const char *because,
		   usec_t now)
{
	struct prefix prefix = ban_prefix(ban);
	struct guard_op op = { .type = GUARD_OP_RECORD,
			       .record = RECORD_BAN_END,
			       .now = now,
			       .prefix = prefix,
			       .end = end };

	if (end != GUARD_END_EXPIRED) {
		guard_emit(guard, GUARD_OP_ELEMENT_DELETE, &prefix, NULL, now);
		forgive(guard, ban);
		guard_auth_forgive(guard, &prefix);
	}
	guard_decide(guard, end == GUARD_END_EXPIRED ? DECISION_EXPIRE : DECISION_UNBAN, &prefix, ban,
		     &ban->reason, because, now);
	guard->sink(guard->sink_userdata, &op);
	guard_set_standing_of_services(guard, &prefix,
				       guard_is_blocked(guard, &prefix) ? STANDING_BANNED :
									  STANDING_NORMAL);
	ban_table_remove(guard->bans, ban);
}

struct ban *guard_live_ban(struct guard *guard, const struct prefix *prefix, usec_t now)
{
	struct ban *ban = ban_table_find(guard->bans, prefix);

	if (ban && ban->expires <= now) {
		guard_end_ban(guard, ban, GUARD_END_EXPIRED, NULL, now);
		return NULL;
	}
	return ban;
}

/* A place for a ban of this severity, at the cost of a lesser one if need be. NULL: there is none. */
static struct ban *find_place(struct guard *guard, const struct prefix *prefix, uint8_t severity,
			      usec_t now)
{
	struct ban *ban, *weakest;

	if (ban_table_put(guard->bans, prefix, &ban) == 0)
		return ban;
	weakest = ban_table_weakest(guard->bans, prefix, severity);
	if (!weakest)
		return NULL;
	guard->stats.bans_replaced++;
	guard_end_ban(guard, weakest, GUARD_END_REPLACED, "made room for a worse offender", now);
	return ban_table_put(guard->bans, prefix, &ban) == 0 ? ban : NULL;
}

static int enter_ban(struct guard *guard, const struct prefix *prefix,
		     const struct ban_reason *reason, usec_t duration, uint32_t earlier, usec_t now)
{
	const struct ban shape = { .reason = *reason, .earlier = earlier };
	uint8_t severity = severity_of(&shape);
	struct ban *ban = find_place(guard, prefix, severity, now);

	if (!ban)
		return GUARD_BANS_FULL;
	ban->since = now;
	ban->expires = duration == USEC_NEVER ? USEC_NEVER : now + duration;
	ban->reason = *reason;
	ban->earlier = earlier;
	ban->adopted = ban->enforced = false;
	guard_rate_ban(guard, ban);
	guard->next_expiry = MIN_OF(guard->next_expiry, ban->expires);
	guard_set_standing_of_services(guard, prefix, STANDING_BANNED);
	/* the kernel first, the news after it */
	guard_emit(guard, GUARD_OP_ELEMENT_ADD, prefix, ban, now);
	if (guard->settings->enforcement.close_connections)
		guard_emit(guard, GUARD_OP_CLOSE, prefix, NULL, now);
	guard_decide(guard, DECISION_BAN, prefix, ban, &ban->reason, NULL, now);
	record_ban(guard, ban, now);
	return 0;
}

int guard_put_ban(struct guard *guard, const struct prefix *prefix, const struct ban_reason *reason,
		  usec_t duration, usec_t now)
{
	struct known_source *known = guard_find_known(guard, prefix);
	int r = enter_ban(guard, prefix, reason, duration, known ? known->bans : 0, now);

	if (r)
		guard->stats.bans_full++;
	else if (known)
		known->grace_until = 0; /* the operator's last word */
	return r;
}

bool guard_breaker_open(struct guard *guard, usec_t now)
{
	return sliding_window_count(guard->minute_pool, &guard->minute, now, BREAKER_WINDOW) >=
	       guard->settings->bans.max_per_minute;
}

static usec_t ladder_duration(const struct ban_settings *bans, uint32_t earlier)
{
	double duration = (double)bans->duration;

	for (uint32_t i = 0; i < earlier && duration < (double)bans->max_duration; i++)
		duration *= bans->growth;
	return duration < (double)bans->max_duration ? (usec_t)duration : bans->max_duration;
}

/* forget_after runs from the end of a ban: what counts is how long a source behaved. */
static bool is_remembered(const struct known_source *known, usec_t forget_after, usec_t now)
{
	int64_t age = (int64_t)(now - known->last_ban);

	return age <= (int64_t)forget_after;
}

void guard_ladder(const struct guard *guard, const struct prefix *source, usec_t now,
		  struct ladder_position *ret_position)
{
	const struct ban_settings *bans = &guard->settings->bans;
	const struct known_source *known = guard_find_known(guard, source);
	struct ladder_position position = { 0 };

	if (known && known->bans && is_remembered(known, bans->forget_after, now)) {
		position.bans = known->bans;
		position.last_ban_end = known->last_ban;
		position.forgotten = known->last_ban + bans->forget_after;
	}
	position.next_ban = ladder_duration(bans, position.bans);
	*ret_position = position;
}

int guard_punish(struct guard *guard, const struct prefix *prefix, const struct ban_reason *reason,
		 usec_t now)
{
	const struct ban_settings *bans = &guard->settings->bans;
	struct known_source *known;
	uint32_t earlier;
	usec_t duration;
	int r;

	if (guard_breaker_open(guard, now))
		return GUARD_HELD_BACK;
	known = guard_find_known(guard, prefix);
	earlier = known && is_remembered(known, bans->forget_after, now) ? known->bans : 0;
	duration = ladder_duration(bans, earlier);
	r = enter_ban(guard, prefix, reason, duration, earlier, now);
	if (r)
		return r;
	/* not before: sources that find no place must not push out what is remembered of others */
	known = guard_remember(guard, prefix);
	if (known) {
		known->bans = earlier + 1;
		known->last_ban = now + duration;
		known->grace_until = 0;
	}
	/* the pool holds one minute's bans at the highest limit there is: it is never full */
	if (sliding_window_add(guard->minute_pool, &guard->minute, now,
			       (uint16_t)bans->max_per_minute))
		sliding_window_clear(guard->minute_pool, &guard->minute);
	return 0;
}

void guard_expire_bans(struct guard *guard, usec_t now)
{
	uint32_t cursor = 0;
	struct ban *ban;

	if (now < guard->next_expiry)
		return;
	guard->next_expiry = USEC_NEVER;
	while ((ban = ban_table_walk(guard->bans, &cursor))) {
		if (ban->expires <= now)
			guard_end_ban(guard, ban, GUARD_END_EXPIRED, NULL, now);
		else
			guard->next_expiry = MIN_OF(guard->next_expiry, ban->expires);
	}
	/* bans end close together as they began: one walk over all of them ends many */
	guard->next_expiry = MAX_OF(guard->next_expiry, now + EXPIRY_INTERVAL);
	guard_expire_lists(guard, now);
}
