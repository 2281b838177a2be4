/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bans that should be in the kernel's sets: the wanted state. One ban per source prefix, bounded per
 * address family. Pure.
 */
#pragma once

#include "smtpguard/base/hash_table.h"
#include "smtpguard/policy/reason.h"

#define BAN_SEVERITY_MOST 31 /* an operator's: never gives way */

enum {
	BAN_TABLE_FULL = 1,
};

/* Hashed as bytes: reserved must be 0. */
struct ban_key {
	struct address address;
	uint8_t length;
	uint8_t reserved[7];
};

struct ban {
	struct ban_key key;
	/* since may lie before the boot: its age, now - since, is right modulo 2^64. expires USEC_NEVER:
	 * without end. */
	usec_t since, expires;
	bool enforced;	       /* the element is in the kernel's set, as far as its answers tell */
	bool adopted;	       /* found in the kernel at start */
	uint8_t severity;      /* 0..BAN_SEVERITY_MOST: who stays when there is no room */
	uint32_t audit;	       /* the last audit that saw its element */
	uint32_t earlier;      /* bans of this source before this one, in this run */
	struct ban_reason reason;
};

struct ban_table;

int ban_table_new(struct ban_table **ret_table, uint32_t max_per_family,
		  const struct siphash_key *key) MUST_CHECK;
struct ban_table *ban_table_free(struct ban_table *table);

struct ban *ban_table_find(const struct ban_table *table, const struct prefix *prefix);
/* The ban whose prefix contains the address, for the two source prefix lengths in use. */
struct ban *ban_table_match(const struct ban_table *table, const struct address *address,
			    unsigned ipv4_bits, unsigned ipv6_bits);
/* Finds or creates; a new one is zeroed behind its key. BAN_TABLE_FULL. */
int ban_table_put(struct ban_table *table, const struct prefix *prefix,
		  struct ban **ret_ban) MUST_CHECK;
void ban_table_remove(struct ban_table *table, struct ban *ban);
void ban_table_set_severity(struct ban_table *table, struct ban *ban, uint8_t severity);
/* The ban of the prefix's family that is least severe, the oldest of those; NULL if there is none below
 * `severity`. */
struct ban *ban_table_weakest(const struct ban_table *table, const struct prefix *prefix,
			      uint8_t severity);

struct ban *ban_table_walk(const struct ban_table *table, uint32_t *cursor);
uint32_t ban_table_count(const struct ban_table *table);
struct prefix ban_prefix(const struct ban *ban);
