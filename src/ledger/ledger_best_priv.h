/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of many groups the first ones in some order. */
#pragma once

#include "ledger_tally_priv.h"

struct best_row {
	struct tally_group group;
	struct ledger_account_address *shown; /* owned */
	uint32_t n_shown;
};

struct best {
	int (*compare)(const void *a, const void *b); /* of groups, and of rows, which begin with one */
	size_t limit;
	struct best_row *rows;
	size_t n, room;
	bool is_cut; /* the row at limit - 1 is the last one that counts */
};

void best_done(struct best *best);
bool best_wants(const struct best *best, const struct tally_group *group);
/* Takes row->shown in any case. -ENOMEM. */
int best_offer(struct best *best, const struct best_row *row) MUST_CHECK;
/* In order, not more than the limit. */
void best_sort(struct best *best);

/* What is grouped by one account and one address, of the same account: one row, if it is wanted. Changes
 * the order of the groups. -ENOMEM. */
int best_offer_account(struct best *best, struct tally_group *groups, size_t n,
		       uint32_t min_networks, uint64_t *total) MUST_CHECK;

int best_by_failures(const void *a, const void *b);
int best_by_day(const void *a, const void *b);
int best_by_networks(const void *a, const void *b);
int best_by_time(const void *a, const void *b);
