/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts of the mail logs in a file of the ledger: what the tests of its sums share. */
#pragma once

#include "store_file.h"

#define TODAY 20270115 /* the day of NOW, 08:00 in UTC */

static inline bool always(void *userdata UNUSED)
{
	return true;
}

static struct ledger_fact fact(enum mail_fact_kind kind, uint32_t day, const char *account,
			       const char *address, uint32_t count, usec_t at)
{
	struct ledger_fact made = { .kind = kind,
				    .protocol = MAIL_PROTOCOL_SMTP,
				    .day = day,
				    .has_address = address != NULL,
				    .count = count,
				    .first = at,
				    .last = at };

	if (address)
		made.address = addr(address);
	snprintf(made.account, sizeof(made.account), "%s", account);
	return made;
}

static struct store_noted note_all(struct store *store, const struct ledger_fact *facts, size_t n,
				   uint32_t account_networks)
{
	struct store_rules rules = { .before = NOW - DAYS(90),
				     .now = NOW,
				     .account_networks = account_networks };
	struct store_noted noted;

	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_note_facts(store, facts, n, &rules, &noted), 0);
	assert_int_equal(store_commit(store), 0);
	return noted;
}

static inline struct store_noted note(struct store *store, struct ledger_fact made)
{
	return note_all(store, &made, 1, 0);
}
