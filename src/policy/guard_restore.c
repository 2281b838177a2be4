// SPDX-License-Identifier: GPL-2.0-or-later
/* What outlived the daemon: in the ledger, and in the kernel's sets. */
#include "guard_priv.h"

static struct ban *restored_place(struct guard *guard, const struct prefix *source)
{
	struct ban *ban;

	if (ban_table_put(guard->bans, source, &ban)) {
		guard->stats.bans_full++;
		return NULL;
	}
	return ban;
}

int guard_restore_ban(struct guard *guard, const struct prefix *source, usec_t since, usec_t expires,
		      const struct ban_reason *reason, uint32_t earlier, usec_t now)
{
	struct ban *ban;

	if (expires <= now)
		return 0;
	if (guard_never(guard, source, NULL) != NEVER_NOT)
		return GUARD_NEVER_LISTED;
	ban = restored_place(guard, source);
	if (!ban)
		return GUARD_BANS_FULL;
	ban->since = since;
	ban->expires = expires;
	ban->reason = *reason;
	ban->earlier = earlier;
	ban->adopted = false;
	guard_rate_ban(guard, ban);
	guard->next_expiry = MIN_OF(guard->next_expiry, expires);
	guard_set_standing_of_services(guard, source, STANDING_BANNED);
	return 0;
}

int guard_restore_entry(struct guard *guard, enum guard_list list, const struct operator_entry *entry)
{
	struct operator_entry conflict;
	unsigned absorbed;
	int r = operator_list_add(guard->lists[list], entry, &absorbed, &conflict);

	if (r == 0)
		guard->next_expiry = MIN_OF(guard->next_expiry, entry->expires);
	return guard_list_condition(r);
}

void guard_restore_grace(struct guard *guard, const struct prefix *source, usec_t until)
{
	struct known_source *known = guard_remember(guard, source);

	if (known)
		known->grace_until = until;
	guard_note_trust(guard, source, until);
}

void guard_restore_past(struct guard *guard, const struct prefix *source, uint32_t bans,
			usec_t last_ban)
{
	struct known_source *known = guard_remember(guard, source);

	if (!known)
		return;
	known->bans = bans;
	known->last_ban = last_ban;
}

int guard_adopt(struct guard *guard, const struct prefix *source, usec_t timeout, usec_t remaining,
		const char *comment, usec_t now)
{
	usec_t age = timeout != USEC_NEVER && remaining < timeout ? timeout - remaining : 0;
	struct ban_reason reason;
	struct ban *ban;

	if (guard_never(guard, source, NULL) != NEVER_NOT)
		return GUARD_NEVER_LISTED;
	/* the ledger knows it better: to the microsecond, and with all of its evidence */
	if (ban_table_find(guard->bans, source))
		return 0;
	ban = restored_place(guard, source);
	if (!ban)
		return GUARD_BANS_FULL;
	reason_parse(comment, &reason);
	ban->since = now > age ? now - age : 0;
	ban->expires = guard_end_after(now, remaining);
	ban->adopted = true;
	ban->enforced = !guard->settings->observe;
	ban->reason = reason;
	guard_rate_ban(guard, ban);
	guard->next_expiry = MIN_OF(guard->next_expiry, ban->expires);
	return 0;
}
