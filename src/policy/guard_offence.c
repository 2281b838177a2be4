// SPDX-License-Identifier: GPL-2.0-or-later
/* What becomes of an offence, whatever limit was broken. */
#include "guard_priv.h"

_Static_assert(1u << DECISIONS <= OFFENCE_UNPUNISHED, "each decision has a bit of its own");

/*
 * The episode ends when the source is at half its limits, so that one that swings around a limit is not a
 * flood.
 */
bool guard_announce(struct guard *guard, const struct offence *offence, enum decision_type type,
		    const char *because, usec_t now)
{
	if (*offence->announced & 1u << type)
		return false;
	*offence->announced |= (uint8_t)(1u << type);
	guard_decide(guard, type, &offence->source, NULL, offence->reason, because, now);
	return true;
}

enum standing guard_spare(struct guard *guard, const struct offence *offence, usec_t now)
{
	enum never_reason never = guard_never(guard, &offence->source, NULL);

	if (never != NEVER_NOT) {
		guard_announce(guard, offence, DECISION_EXEMPT, never_reason_name(never), now);
		return STANDING_ALLOWED;
	}
	if (guard_grace_until(guard, &offence->source, now)) {
		guard_announce(guard, offence, DECISION_EXEMPT, "unbanned by an operator", now);
		return STANDING_EXEMPT;
	}
	return STANDING_NORMAL;
}

/* Counted once, however often it is tried again. */
static void note_unpunished(struct guard *guard, const struct offence *offence, int r)
{
	if (*offence->announced & OFFENCE_UNPUNISHED)
		return;
	*offence->announced |= OFFENCE_UNPUNISHED;
	if (r == GUARD_HELD_BACK)
		guard->stats.bans_held_back++;
	else
		guard->stats.bans_full++;
}

int guard_ban_or_observe(struct guard *guard, const struct offence *offence, usec_t now)
{
	int r;

	if (guard->settings->services[offence->service].observe || guard->unenforceable) {
		guard_announce(guard, offence, DECISION_OBSERVE, guard->unenforceable, now);
		return GUARD_OBSERVING;
	}
	r = guard_punish(guard, &offence->source, offence->reason, now);
	if (r == 0)
		return 0;
	note_unpunished(guard, offence, r);
	guard_announce(guard, offence, DECISION_EXEMPT,
		       r == GUARD_HELD_BACK ? "max_per_minute reached" : "max_bans reached", now);
	return r;
}
