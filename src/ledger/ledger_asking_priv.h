/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A question about the mail logs while it is being answered. The answer is put together in passes
 * (ledger_passes.c), each for the groups of some accounts, one day, or a part of all addresses: a
 * pass has its groups complete, and no more of them at a time than a small table holds. Then what
 * the first ones still lack is looked up (ledger_query_sums.c).
 */
#pragma once

#include "ledger_best_priv.h"

struct asking_days {
	uint32_t *days;
	size_t n;
};

struct asking {
	struct store *store;
	const struct ledger_query *query;
	struct tally tally;
	struct best best;
	uint64_t total;
	unsigned kinds; /* bits */
	bool two_steps; /* first the order, then what is different in the first ones */
	uint32_t first_day;
	struct asking_days days[MAIL_FACT_KINDS]; /* ascending */
	int64_t first_account, last_account;
	bool has_span;
	struct store_span span;
};

/* 0, STORE_CORRUPT, or -errno with words in store->error. */
int asking_no_memory(struct asking *asking) MUST_CHECK;
/* Accounts that were used, not those a source tried. */
bool asking_accounts(const struct asking *asking);

/* The days that have sums of the kind, which come before anything else. */
int asking_find_days(struct asking *asking, unsigned kind) MUST_CHECK;
/* The rows of some accounts into the tally. */
int asking_scan(struct asking *asking, unsigned kinds, int64_t first, int64_t last) MUST_CHECK;
/* All passes: the best groups, in no order yet. */
int asking_pass(struct asking *asking) MUST_CHECK;
