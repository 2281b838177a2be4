/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prefixes an operator blocked or allowed by hand, with their ends. Entries never overlap, because the
 * kernel's interval sets cannot hold two that do (FACTS 5.3). Pure; bounded.
 */
#pragma once

#include <stdbool.h>

#include "smtpguard/base/address.h"
#include "smtpguard/base/clock.h"
#include "smtpguard/policy/reason.h"

#define OPERATOR_LIST_MAX 16384

enum {
	OPERATOR_LIST_COVERED = 1,  /* inside a wider entry: nothing was changed */
	OPERATOR_LIST_OVERLAPS = 2, /* a narrower entry lasts longer: nothing was changed */
	OPERATOR_LIST_FULL = 3,
	OPERATOR_LIST_ABSENT = 4,
};

struct operator_entry {
	struct prefix prefix;
	usec_t since, expires; /* expires USEC_NEVER: without end */
	char text[REASON_COMMENT_MAX]; /* escaped; may be empty */
};

struct operator_list;

int operator_list_new(struct operator_list **ret_list) MUST_CHECK;
struct operator_list *operator_list_free(struct operator_list *list);

/*
 * Adds an entry. The same prefix again takes the new times and text. Narrower entries that end no later
 * are absorbed: *ret_absorbed of them. COVERED, OVERLAPS: *ret_conflict is the other entry. -ENOMEM.
 */
int operator_list_add(struct operator_list *list, const struct operator_entry *entry,
		      unsigned *ret_absorbed, struct operator_entry *ret_conflict) MUST_CHECK;
/* Exactly this prefix. 0 or OPERATOR_LIST_ABSENT. */
int operator_list_remove(struct operator_list *list, const struct prefix *prefix);

/* The entry that contains the address, or NULL. Valid until the next change. */
const struct operator_entry *operator_list_match(const struct operator_list *list,
						 const struct address *address);
/* Some entry that shares an address with the prefix, or NULL. */
const struct operator_entry *operator_list_overlap(const struct operator_list *list,
						   const struct prefix *prefix);
/* The first entry whose time is over at now, or NULL. */
const struct operator_entry *operator_list_expired(const struct operator_list *list, usec_t now);
usec_t operator_list_next_expiry(const struct operator_list *list); /* USEC_NEVER: none */

/* How many entries lie inside the prefix; they stand together, from *ret_first on. */
uint32_t operator_list_inside(const struct operator_list *list, const struct prefix *prefix,
			      uint32_t *ret_first);
void operator_list_remove_many(struct operator_list *list, uint32_t first, uint32_t n);

uint32_t operator_list_count(const struct operator_list *list);
/* By address; index below the count. */
const struct operator_entry *operator_list_at(const struct operator_list *list, uint32_t index);
