/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sums of the table grouped for an answer, with the number of different accounts, addresses and networks
 * in each group. SQLite would sort millions of rows for that. It feeds them through the SQL function
 * tally(), so that no row passes through its interface column by column.
 */
#pragma once

#include "ledger_store_priv.h"

/* About 0.1 KiB each. */
#define TALLY_GROUPS_MAX (2 * LEDGER_FACTS_PER_DAY)
/* Different ones counted in one pass, 16 bytes each; what goes beyond them is not counted any more. */
#define TALLY_SEEN_MAX (1 << 22)

struct tally_group {
	int64_t account;	  /* 0: none, or not grouped by it */
	struct store_place place; /* n 0: likewise */
	uint32_t day;		  /* 0: not grouped by it */
	uint64_t numbers[MAIL_FACT_KINDS]; /* MAIL_FACT_AUTH_SUCCESS: not those of SMTP */
	uint64_t messages;		   /* those of SMTP */
	uint32_t accounts, addresses, networks;
	/* Seconds; of authentications, and of everything; last 0: none. */
	uint32_t first, last, any_first, any_last;
};

struct tally_row {
	enum mail_fact_kind kind;
	uint32_t day;
	int64_t account;
	struct store_place place;
	enum mail_protocol protocol;
	uint64_t count;
	uint32_t first, last;
};

struct tally {
	/* settings of a pass */
	unsigned by;	     /* enum ledger_by */
	bool plain;	     /* different ones are not counted */
	bool only_known;     /* rows of groups that are not there are skipped */
	uint32_t part, parts; /* this part of all addresses; parts: a power of two */
	/* what tally() feeds at the moment */
	enum mail_fact_kind kind;
	uint32_t day;

	struct tally_group *groups;
	uint32_t n, room;
	uint64_t *slots; /* groups by their keys: half of a hash, and a number from 1 on; 0: empty */
	uint32_t n_slots;
	uint64_t *seen;		  /* hashes; 0: empty */
	uint32_t n_seen, seen_room;
	uint64_t keys[3];
	bool full; /* more groups than TALLY_GROUPS_MAX: some are missing */
};

void tally_init(struct tally *tally);
void tally_done(struct tally *tally);
/* For another pass. */
void tally_clear(struct tally *tally);
int tally_add(struct tally *tally, const struct tally_row *row) MUST_CHECK;
/* The group it belongs to, made if it is not there. -ENOMEM; NULL: none, see only_known and full. */
int tally_group(struct tally *tally, const struct tally_row *row, struct tally_group **ret_group) MUST_CHECK;

/* The SQL function; it adds to store->tally. */
int tally_register(struct store *store) MUST_CHECK;
