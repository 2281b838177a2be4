// SPDX-License-Identifier: GPL-2.0-or-later
/* What the ledger's thread does for the mail logs. */
#include "ledger_worker_priv.h"

#include <stdlib.h>

#define CLEAN_ACCOUNTS 2048 /* looked at in one piece, of which few are deleted */

static void take_facts(struct worker *w)
{
	struct ledger *ledger = w->ledger;

	if (w->facts)
		return;
	worker_lock(w);
	w->facts = ledger->facts_head;
	if (w->facts)
		ledger->facts_head = w->facts->next;
	if (!ledger->facts_head)
		ledger->facts_tail = &ledger->facts_head;
	worker_unlock(w);
}

/* Called between two steps of SQLite. A group takes its time, and that is no stall. */
static bool is_wanted(void *userdata)
{
	struct worker *w = userdata;

	worker_lock(w);
	worker_note_progress_locked(w);
	worker_unlock(w);
	return true;
}

static int write_group(struct worker *w, struct store_noted *noted)
{
	const struct ledger_facts *group = w->facts;
	struct store_rules rules = { .before = worker_keeps(w), .now = clock_to_wall(clock_now()) };
	int r = store_begin(&w->store);

	worker_lock(w);
	rules.account_networks = w->ledger->account_networks;
	worker_unlock(w);
	if (r == 0)
		r = store_note_facts(&w->store, group->facts, group->n, &rules, noted);
	if (r == 0)
		r = store_put_places(&w->store, &group->places);
	return r ? r : store_commit(&w->store);
}

/* Only what was committed is told. */
static void count_written_locked(struct worker *w, const struct store_noted *noted)
{
	struct ledger *ledger = w->ledger;

	ledger->facts_queued -= ledger_facts_weight(w->facts->n);
	ledger->stats.facts_dropped += noted->dropped;
	ledger->stats.facts_folded += noted->folded;
	for (unsigned i = 0; i < noted->n_alerts && ledger->n_alerts < LEDGER_ALERTS_MAX; i++)
		ledger->alerts[ledger->n_alerts++] = noted->alerts[i];
	if (noted->n_alerts)
		worker_notice_locked(w);
}

int worker_write_facts(struct worker *w)
{
	struct store_noted noted = { .dropped = 0 };
	usec_t begun = clock_now();
	int r;

	take_facts(w);
	if (!w->facts)
		return 0;
	store_watch(&w->store, is_wanted, w);
	r = write_group(w, &noted);
	store_watch(&w->store, NULL, NULL);
	if (r)
		return r;
	worker_lock(w);
	count_written_locked(w, &noted);
	worker_count_write_locked(w, begun);
	worker_unlock(w);
	free(w->facts);
	w->facts = NULL;
	return 0;
}

int worker_clean_sums(struct worker *w, usec_t before, bool *ret_more)
{
	unsigned sums, alerts;
	int r = store_clean_sums(&w->store, before, CLEAN_PIECE, &sums);

	if (r == 0)
		r = store_clean_alerts(&w->store, before, CLEAN_PIECE, &alerts);
	/* their sums go first */
	if (r == 0 && sums < CLEAN_PIECE)
		r = store_clean_accounts(&w->store, before, CLEAN_ACCOUNTS, &w->clean_account);
	if (r)
		return r;
	*ret_more = MAX_OF(sums, alerts) == CLEAN_PIECE || w->clean_account != 0;
	return 0;
}
