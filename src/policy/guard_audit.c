// SPDX-License-Identifier: GPL-2.0-or-later
/* Holds the kernel's ban sets against the bans that should be in them. */
#include "guard_priv.h"

#define END_TOLERANCE (2 * USEC_PER_SEC)
/* an element about to run out may be seen or not: neither is drift */
#define ABOUT_TO_EXPIRE (2 * USEC_PER_SEC)

void guard_audit_begin(struct guard *guard, usec_t now)
{
	guard->audit++;
	guard->audit_began = now;
}

static bool ends_alike(const struct ban *ban, usec_t remaining, usec_t now)
{
	usec_t end = remaining == USEC_NEVER ? USEC_NEVER : now + remaining;

	if (ban->expires == USEC_NEVER || end == USEC_NEVER)
		return ban->expires == end;
	return MAX_OF(ban->expires, end) - MIN_OF(ban->expires, end) <= END_TOLERANCE;
}

static bool began_during_audit(const struct guard *guard, const struct ban *ban, usec_t now)
{
	return now - ban->since <= now - guard->audit_began;
}

void guard_audit_element(struct guard *guard, const struct prefix *source, usec_t remaining, usec_t now)
{
	struct ban *ban = ban_table_find(guard->bans, source);

	/* of a ban that is over but not yet taken out, only the kernel's own end is left to come */
	if (!ban || ban->expires <= now) {
		if (remaining > ABOUT_TO_EXPIRE) {
			guard->stats.audit_deleted++;
			guard_emit(guard, GUARD_OP_ELEMENT_DELETE, source, NULL, now);
		}
		return;
	}
	ban->audit = guard->audit;
	if (ends_alike(ban, remaining, now) || began_during_audit(guard, ban, now))
		return;
	guard->stats.audit_added++;
	guard_emit(guard, GUARD_OP_ELEMENT_ADD, source, ban, now);
}

void guard_audit_end(struct guard *guard, bool complete, usec_t now)
{
	uint32_t cursor = 0;
	struct ban *ban;

	while (complete && (ban = ban_table_walk(guard->bans, &cursor))) {
		struct prefix prefix = ban_prefix(ban);

		/* bans that began during the audit may have been written behind the reader */
		if (ban->audit == guard->audit || began_during_audit(guard, ban, now) ||
		    ban->expires <= now + ABOUT_TO_EXPIRE)
			continue;
		guard->stats.audit_added++;
		guard_emit(guard, GUARD_OP_ELEMENT_ADD, &prefix, ban, now);
	}
}

void guard_element_result(struct guard *guard, const struct prefix *source, bool enforced)
{
	struct ban *ban = ban_table_find(guard->bans, source);

	if (!enforced)
		guard->stats.elements_refused++;
	if (ban)
		ban->enforced = enforced;
}

void guard_set_unenforceable(struct guard *guard, const char *why)
{
	if (guard->unenforceable && !why)
		guard->reevaluation_wanted = true;
	guard->unenforceable = why;
}
