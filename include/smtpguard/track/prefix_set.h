/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A set of prefixes, asked for the most specific one that contains an address. Grows on insertion
 * (configuration, address changes), never on lookup. Lookup costs one binary search per distinct
 * prefix length.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "smtpguard/base/address.h"

enum {
	PREFIX_SET_EXISTS = 1,
	PREFIX_SET_ABSENT = 2,
};

struct prefix_set;

int prefix_set_new(struct prefix_set **ret_set) MUST_CHECK;
struct prefix_set *prefix_set_free(struct prefix_set *set);

/* 0, PREFIX_SET_EXISTS (nothing changed), -ENOMEM. */
int prefix_set_add(struct prefix_set *set, const struct prefix *prefix) MUST_CHECK;
/* 0 or PREFIX_SET_ABSENT. */
int prefix_set_remove(struct prefix_set *set, const struct prefix *prefix);

/* The most specific prefix with the address in it, or NULL. Valid until the next change. */
const struct prefix *prefix_set_match(const struct prefix_set *set, const struct address *address);
/* Whether any member and the prefix have an address in common. */
bool prefix_set_overlaps(const struct prefix_set *set, const struct prefix *prefix);

uint32_t prefix_set_count(const struct prefix_set *set);
/* The members, longest first, then by address; index below the count. */
const struct prefix *prefix_set_at(const struct prefix_set *set, uint32_t index);
