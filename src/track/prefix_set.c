// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/track/prefix_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct prefix_set {
	struct prefix *members; /* longest first, then by address */
	uint32_t count, allocated;
};

int prefix_set_new(struct prefix_set **ret_set)
{
	struct prefix_set *set = calloc(1, sizeof(*set));

	if (!set)
		return -ENOMEM;
	*ret_set = set;
	return 0;
}

struct prefix_set *prefix_set_free(struct prefix_set *set)
{
	if (set) {
		free(set->members);
		free(set);
	}
	return NULL;
}

static int compare(const struct prefix *a, const struct prefix *b)
{
	if (a->length != b->length)
		return a->length > b->length ? -1 : 1;
	return memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));
}

/* The first index whose member is not before the prefix. */
static uint32_t lower_bound(const struct prefix_set *set, const struct prefix *prefix)
{
	uint32_t low = 0, high = set->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (compare(&set->members[middle], prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_member_at(const struct prefix_set *set, uint32_t index, const struct prefix *prefix)
{
	return index < set->count && compare(&set->members[index], prefix) == 0;
}

int prefix_set_add(struct prefix_set *set, const struct prefix *prefix)
{
	uint32_t index = lower_bound(set, prefix);

	if (is_member_at(set, index, prefix))
		return PREFIX_SET_EXISTS;
	if (set->count == set->allocated) {
		uint32_t wanted = set->allocated ? set->allocated * 2 : 16;
		struct prefix *members = reallocarray(set->members, wanted, sizeof(*members));

		if (!members)
			return -ENOMEM;
		set->members = members;
		set->allocated = wanted;
	}
	memmove(set->members + index + 1, set->members + index,
		(set->count - index) * sizeof(*set->members));
	set->members[index] = *prefix;
	set->count++;
	return 0;
}

int prefix_set_remove(struct prefix_set *set, const struct prefix *prefix)
{
	uint32_t index = lower_bound(set, prefix);

	if (!is_member_at(set, index, prefix))
		return PREFIX_SET_ABSENT;
	set->count--;
	memmove(set->members + index, set->members + index + 1,
		(set->count - index) * sizeof(*set->members));
	return 0;
}

const struct prefix *prefix_set_match(const struct prefix_set *set, const struct address *address)
{
	uint32_t index = 0;

	while (index < set->count) {
		uint8_t length = set->members[index].length;
		struct prefix wanted = prefix_cut(address, length);

		index = lower_bound(set, &wanted);
		if (is_member_at(set, index, &wanted))
			return &set->members[index];
		if (length == 0)
			break;
		/* the first member that is shorter: nothing of the next length sorts before it */
		wanted = (struct prefix){ .length = (uint8_t)(length - 1) };
		index = lower_bound(set, &wanted);
	}
	return NULL;
}

bool prefix_set_overlaps(const struct prefix_set *set, const struct prefix *prefix)
{
	uint32_t index = 0;

	if (prefix_set_match(set, &prefix->address))
		return true;
	while (index < set->count && set->members[index].length > prefix->length) {
		struct prefix wanted = { .address = prefix->address,
					 .length = set->members[index].length };

		/* of one length, those inside the prefix begin where its address would stand */
		index = lower_bound(set, &wanted);
		if (index < set->count && set->members[index].length == wanted.length &&
		    prefix_contains(prefix, &set->members[index].address))
			return true;
		wanted = (struct prefix){ .length = (uint8_t)(wanted.length - 1) };
		index = lower_bound(set, &wanted);
	}
	return false;
}

uint32_t prefix_set_count(const struct prefix_set *set)
{
	return set->count;
}

const struct prefix *prefix_set_at(const struct prefix_set *set, uint32_t index)
{
	return &set->members[index];
}
