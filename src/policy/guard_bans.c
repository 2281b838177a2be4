// SPDX-License-Identifier: GPL-2.0-or-later
#include "guard_priv.h"

#include <stdio.h>
#include <string.h>

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
			       .because = because };

	guard->stats.decisions[type]++;
	guard->sink(guard->sink_userdata, &op);
}

static void emit_element(struct guard *guard, enum guard_op_type type, const struct prefix *prefix,
			 const struct ban *ban, usec_t now)
{
	struct guard_op op = { .type = type, .now = now, .prefix = *prefix, .ban = ban };

	guard->sink(guard->sink_userdata, &op);
}

/* --- the never-list --- */

const char *never_reason_name(enum never_reason reason)
{
	static const char *const names[] = {
		[NEVER_NOT] = "",
		[NEVER_LOOPBACK] = "loopback",
		[NEVER_LOCAL] = "own address",
		[NEVER_ALLOWED] = "allow list",
	};

	return names[reason];
}

/* ::1 is inside its source ::/64; all of IPv4 is in that prefix too, but is not of its family */
static bool covers_loopback(const struct prefix *source)
{
	static const struct address loopback6 = { { [15] = 1 } };

	return address_is_loopback(&source->address) || prefix_contains(source, &loopback6);
}

enum never_reason guard_never(const struct guard *guard, const struct prefix *source,
			      struct prefix *ret_match)
{
	const struct prefix *match;

	if (covers_loopback(source))
		return NEVER_LOOPBACK;
	/* a source wider than one address is spared as a whole when part of it must not be banned */
	if (prefix_set_overlaps(guard->local, source))
		return NEVER_LOCAL;
	if (!guard->settings->allowed || !prefix_set_overlaps(guard->settings->allowed, source))
		return NEVER_NOT;
	match = prefix_set_match(guard->settings->allowed, &source->address);
	if (ret_match)
		*ret_match = match ? *match : *source;
	return NEVER_ALLOWED;
}

static void end_ban(struct guard *guard, struct ban *ban, enum decision_type type,
		    const char *because, usec_t now);

int guard_local_address(struct guard *guard, const struct address *address, bool present, usec_t now)
{
	struct prefix host = prefix_host(address), source = guard_prefix_of(guard, address);
	struct ban *ban;
	int r;

	if (!present) {
		(void)prefix_set_remove(guard->local, &host); /* absent is what was wanted */
		return 0;
	}
	r = prefix_set_add(guard->local, &host);
	if (r < 0)
		return r;
	ban = guard_live_ban(guard, &source, now);
	if (ban)
		end_ban(guard, ban, DECISION_UNBAN, "own address", now);
	return 0;
}

/* --- what is remembered of a source --- */

static struct ban_key key_of(const struct prefix *prefix)
{
	return (struct ban_key){ .address = prefix->address, .length = prefix->length };
}

static struct known_source *find_known(const struct guard *guard, const struct prefix *prefix)
{
	struct ban_key key = key_of(prefix);

	return hash_table_find(guard->known, &key);
}

static struct known_source *remember(struct guard *guard, const struct prefix *prefix)
{
	struct ban_key key = key_of(prefix);
	void *known;
	int r = hash_table_insert(guard->known, &key, &known);

	if (r == HASH_TABLE_FULL) {
		hash_table_remove(guard->known, hash_table_oldest(guard->known, 0));
		r = hash_table_insert(guard->known, &key, &known);
	}
	if (r == HASH_TABLE_FULL)
		return NULL;
	hash_table_move(guard->known, known, 0);
	return known;
}

usec_t guard_grace_until(const struct guard *guard, const struct prefix *source, usec_t now)
{
	const struct known_source *known = find_known(guard, source);

	return known && known->grace_until > now ? known->grace_until : 0;
}

/* --- bans --- */

static void set_standing_of_services(struct guard *guard, const struct prefix *prefix,
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

static void end_ban(struct guard *guard, struct ban *ban, enum decision_type type,
		    const char *because, usec_t now)
{
	struct prefix prefix = ban_prefix(ban);

	if (type == DECISION_UNBAN)
		emit_element(guard, GUARD_OP_ELEMENT_DELETE, &prefix, NULL, now);
	guard_decide(guard, type, &prefix, ban, &ban->reason, because, now);
	set_standing_of_services(guard, &prefix, STANDING_NORMAL);
	ban_table_remove(guard->bans, ban);
}

struct ban *guard_live_ban(struct guard *guard, const struct prefix *prefix, usec_t now)
{
	struct ban *ban = ban_table_find(guard->bans, prefix);

	if (ban && ban->expires <= now) {
		end_ban(guard, ban, DECISION_EXPIRE, NULL, now);
		return NULL;
	}
	return ban;
}

int guard_put_ban(struct guard *guard, const struct prefix *prefix, const struct ban_reason *reason,
		  usec_t duration, usec_t now)
{
	struct known_source *known;
	struct ban *ban;

	if (ban_table_put(guard->bans, prefix, &ban)) {
		guard->stats.bans_full++;
		return GUARD_BANS_FULL;
	}
	known = remember(guard, prefix);
	ban->since = now;
	ban->expires = duration == USEC_NEVER ? USEC_NEVER : now + duration;
	ban->reason = *reason;
	ban->adopted = false;
	ban->enforced = false;
	if (known) {
		ban->earlier = known->bans++;
		known->last_ban = now;
		known->grace_until = 0;
	}
	guard->next_expiry = MIN_OF(guard->next_expiry, ban->expires);
	set_standing_of_services(guard, prefix, STANDING_BANNED);
	/* the kernel first, the news after it */
	emit_element(guard, GUARD_OP_ELEMENT_ADD, prefix, ban, now);
	guard_decide(guard, DECISION_BAN, prefix, ban, &ban->reason, NULL, now);
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
			end_ban(guard, ban, DECISION_EXPIRE, NULL, now);
		else
			guard->next_expiry = MIN_OF(guard->next_expiry, ban->expires);
	}
}

static bool is_single_source(const struct guard *guard, const struct prefix *prefix)
{
	struct prefix own = guard_prefix_of(guard, &prefix->address);

	return prefix_equal(&own, prefix);
}

int guard_ban(struct guard *guard, const struct prefix *source, usec_t duration, const char *text,
	      usec_t now)
{
	struct ban_reason reason = { .limit = LIMIT_OPERATOR };

	if (guard->settings->observe)
		return GUARD_OBSERVING;
	if (!is_single_source(guard, source))
		return GUARD_OTHER_PREFIX;
	if (guard_never(guard, source, NULL) != NEVER_NOT)
		return GUARD_NEVER_LISTED;
	snprintf(reason.text, sizeof(reason.text), "%s", text);
	return guard_put_ban(guard, source, &reason,
			     duration ? duration : guard->settings->ban_duration, now);
}

int guard_unban(struct guard *guard, const struct prefix *source, usec_t grace, usec_t now)
{
	struct ban *ban = guard_live_ban(guard, source, now);
	struct known_source *known;

	if (!ban && !is_single_source(guard, source))
		return GUARD_OTHER_PREFIX;
	known = remember(guard, source);
	if (known)
		known->grace_until = now + (grace ? grace : guard->settings->unban_grace);
	if (!ban)
		return GUARD_NOT_BANNED;
	end_ban(guard, ban, DECISION_UNBAN, NULL, now);
	return 0;
}

int guard_adopt(struct guard *guard, const struct prefix *source, usec_t timeout, usec_t remaining,
		const char *comment, usec_t now)
{
	usec_t age = timeout != USEC_NEVER && remaining < timeout ? timeout - remaining : 0;
	struct ban *ban;

	if (guard_never(guard, source, NULL) != NEVER_NOT)
		return GUARD_NEVER_LISTED;
	if (ban_table_put(guard->bans, source, &ban)) {
		guard->stats.bans_full++;
		return GUARD_BANS_FULL;
	}
	ban->since = now > age ? now - age : 0;
	ban->expires = remaining == USEC_NEVER ? USEC_NEVER : now + remaining;
	ban->adopted = true;
	ban->enforced = !guard->settings->observe;
	reason_parse(comment, &ban->reason);
	guard->next_expiry = MIN_OF(guard->next_expiry, ban->expires);
	return 0;
}

void guard_element_result(struct guard *guard, const struct prefix *source, bool enforced)
{
	struct ban *ban = ban_table_find(guard->bans, source);

	if (!enforced)
		guard->stats.elements_refused++;
	if (ban)
		ban->enforced = enforced;
}
