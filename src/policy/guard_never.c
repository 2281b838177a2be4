// SPDX-License-Identifier: GPL-2.0-or-later
#include "guard_priv.h"

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
	static const struct address loopback4 = { { [10] = 0xff, 0xff, 127, 0, 0, 1 } };
	static const struct address loopback6 = { { [15] = 1 } };

	return address_is_loopback(&source->address) || prefix_contains(source, &loopback6) ||
	       (prefix_is_ipv4(source) && prefix_contains(source, &loopback4));
}

enum never_reason guard_never(const struct guard *guard, const struct prefix *source,
			      struct prefix *ret_match)
{
	const struct prefix_set *files = guard->settings->allowed;
	const struct operator_entry *entry;
	const struct prefix *match;

	if (covers_loopback(source))
		return NEVER_LOOPBACK;
	/* a source wider than one address is spared as a whole when part of it must not be banned */
	if (prefix_set_overlaps(guard->local, source))
		return NEVER_LOCAL;
	entry = operator_list_overlap(guard->lists[GUARD_LIST_ALLOWED], source);
	if (entry) {
		if (ret_match)
			*ret_match = entry->prefix;
		return NEVER_ALLOWED;
	}
	if (!files || !prefix_set_overlaps(files, source))
		return NEVER_NOT;
	match = prefix_set_match(files, &source->address);
	if (ret_match)
		*ret_match = match ? *match : *source;
	return NEVER_ALLOWED;
}

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
		guard_end_ban(guard, ban, GUARD_END_LIFTED, "own address", now);
	(void)guard_gate_lift(guard, &source, "own address", now);
	guard_gate_let_in(guard, &source, now);
	return 0;
}
