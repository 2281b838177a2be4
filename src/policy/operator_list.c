// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/policy/operator_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_FIRST 16

struct operator_list {
	struct operator_entry *entries; /* by address; they never overlap */
	uint32_t count, allocated;
};

int operator_list_new(struct operator_list **ret_list)
{
	struct operator_list *list = calloc(1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	list->allocated = ENTRIES_FIRST;
	list->entries = calloc(list->allocated, sizeof(*list->entries));
	if (!list->entries) {
		free(list);
		return -ENOMEM;
	}
	*ret_list = list;
	return 0;
}

struct operator_list *operator_list_free(struct operator_list *list)
{
	if (list) {
		free(list->entries);
		free(list);
	}
	return NULL;
}

static bool is_inside(const struct prefix *inner, const struct prefix *outer)
{
	return inner->length >= outer->length && prefix_contains(outer, &inner->address);
}

/* The first entry whose address is greater than this one. */
static uint32_t upper_bound(const struct operator_list *list, const struct address *address)
{
	uint32_t low = 0, high = list->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (memcmp(list->entries[middle].prefix.address.bytes, address->bytes,
			   sizeof(address->bytes)) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void operator_list_remove_many(struct operator_list *list, uint32_t first, uint32_t n)
{
	list->count -= n;
	memmove(list->entries + first, list->entries + first + n,
		(list->count - first) * sizeof(*list->entries));
}

static int make_room(struct operator_list *list)
{
	struct operator_entry *entries;
	uint32_t wanted;

	if (list->count == OPERATOR_LIST_MAX)
		return OPERATOR_LIST_FULL;
	if (list->count < list->allocated)
		return 0;
	wanted = list->allocated * 2;
	entries = reallocarray(list->entries, wanted, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	list->entries = entries;
	list->allocated = wanted;
	return 0;
}

/* The entry that contains the address: entries never overlap, so it is the last one before it. */
static bool find(const struct operator_list *list, const struct address *address, uint32_t *ret_at)
{
	uint32_t after = upper_bound(list, address);

	if (after == 0 || !prefix_contains(&list->entries[after - 1].prefix, address))
		return false;
	*ret_at = after - 1;
	return true;
}

int operator_list_add(struct operator_list *list, const struct operator_entry *entry,
		      unsigned *ret_absorbed, struct operator_entry *ret_conflict)
{
	uint32_t first, end, wider;
	int r;

	if (find(list, &entry->prefix.address, &wider)) {
		if (prefix_equal(&list->entries[wider].prefix, &entry->prefix)) {
			list->entries[wider] = *entry;
			*ret_absorbed = 0;
			return 0;
		}
		if (is_inside(&entry->prefix, &list->entries[wider].prefix)) {
			*ret_conflict = list->entries[wider];
			return OPERATOR_LIST_COVERED;
		}
	}
	end = operator_list_inside(list, &entry->prefix, &first);
	end += first;
	for (uint32_t i = first; i < end; i++) {
		if (list->entries[i].expires > entry->expires) {
			*ret_conflict = list->entries[i];
			return OPERATOR_LIST_OVERLAPS;
		}
	}
	r = end > first ? 0 : make_room(list);
	if (r)
		return r;
	*ret_absorbed = end - first;
	if (end > first + 1)
		operator_list_remove_many(list, first + 1, end - first - 1);
	if (end == first) {
		memmove(list->entries + first + 1, list->entries + first,
			(list->count - first) * sizeof(*list->entries));
		list->count++;
	}
	list->entries[first] = *entry;
	return 0;
}

int operator_list_remove(struct operator_list *list, const struct prefix *prefix)
{
	uint32_t at;

	if (!find(list, &prefix->address, &at) || !prefix_equal(&list->entries[at].prefix, prefix))
		return OPERATOR_LIST_ABSENT;
	operator_list_remove_many(list, at, 1);
	return 0;
}

const struct operator_entry *operator_list_match(const struct operator_list *list,
						 const struct address *address)
{
	uint32_t at;

	return find(list, address, &at) ? &list->entries[at] : NULL;
}

const struct operator_entry *operator_list_overlap(const struct operator_list *list,
						   const struct prefix *prefix)
{
	uint32_t at, after = upper_bound(list, &prefix->address);

	if (find(list, &prefix->address, &at))
		return &list->entries[at];
	if (after < list->count && is_inside(&list->entries[after].prefix, prefix))
		return &list->entries[after];
	return NULL;
}

uint32_t operator_list_inside(const struct operator_list *list, const struct prefix *prefix,
			      uint32_t *ret_first)
{
	uint32_t first = upper_bound(list, &prefix->address), end;

	/* entries never overlap, so those inside stand together, from the prefix's address on */
	if (first > 0 && is_inside(&list->entries[first - 1].prefix, prefix))
		first--;
	for (end = first; end < list->count && is_inside(&list->entries[end].prefix, prefix);)
		end++;
	*ret_first = first;
	return end - first;
}

const struct operator_entry *operator_list_expired(const struct operator_list *list, usec_t now)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (list->entries[i].expires <= now)
			return &list->entries[i];
	return NULL;
}

usec_t operator_list_next_expiry(const struct operator_list *list)
{
	usec_t next = USEC_NEVER;

	for (uint32_t i = 0; i < list->count; i++)
		next = MIN_OF(next, list->entries[i].expires);
	return next;
}

uint32_t operator_list_count(const struct operator_list *list)
{
	return list->count;
}

const struct operator_entry *operator_list_at(const struct operator_list *list, uint32_t index)
{
	return &list->entries[index];
}
