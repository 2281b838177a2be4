// SPDX-License-Identifier: GPL-2.0-or-later
/* Facts of the mail logs on their way to the thread: a queue of their own, so that entries never
 * wait behind them. */
#include "ledger_priv.h"

#include <stdlib.h>
#include <string.h>

static void lock(struct ledger *ledger)
{
	pthread_mutex_lock(&ledger->lock);
}

static void unlock(struct ledger *ledger)
{
	pthread_mutex_unlock(&ledger->lock);
}

/* What a group takes of the queue: one without facts is not for free. */
uint32_t ledger_facts_weight(size_t n)
{
	return n ? (uint32_t)MIN_OF(n, (size_t)UINT32_MAX) : 1;
}

/* A disk that is slow gets them later; one that fails may do so for days. */
static bool is_working_locked(const struct ledger *ledger)
{
	enum ledger_state state = ledger_state_locked(ledger);

	return state == LEDGER_HEALTHY || state == LEDGER_STALLED;
}

/* Before the places of the file were told, whoever reads the logs may read again what it has read.
 */
static bool has_room_locked(const struct ledger *ledger, uint32_t weight)
{
	return ledger->places_told && is_working_locked(ledger) &&
	       weight <= LEDGER_FACTS_QUEUE_MAX - ledger->facts_queued;
}

static struct ledger_facts *copy_facts(const struct ledger_fact *facts, size_t n,
				       const struct log_places *places)
{
	struct ledger_facts *copy =
		n <= LEDGER_FACTS_QUEUE_MAX ? malloc(sizeof(*copy) + n * sizeof(*facts)) : NULL;

	if (!copy)
		return NULL;
	copy->next = NULL;
	copy->n = n;
	copy->places = *places;
	if (n)
		memcpy(copy->facts, facts, n * sizeof(*facts));
	return copy;
}

bool ledger_note_facts(struct ledger *ledger, const struct ledger_fact *facts, size_t n,
		       const struct log_places *places)
{
	struct ledger_facts *group = copy_facts(facts, n, places);
	uint32_t weight = ledger_facts_weight(n);

	lock(ledger);
	if (!group || !has_room_locked(ledger, weight)) {
		ledger->stats.facts_dropped += n;
		unlock(ledger);
		free(group);
		return false;
	}
	*ledger->facts_tail = group;
	ledger->facts_tail = &group->next;
	ledger->facts_queued += weight;
	pthread_cond_signal(&ledger->wake);
	unlock(ledger);
	ledger_watch_disk(ledger);
	return true;
}

bool ledger_takes_facts(const struct ledger *ledger)
{
	struct ledger *own = (struct ledger *)(uintptr_t)ledger; /* for the lock only */
	bool takes;

	lock(own);
	takes = ledger->facts_queued <= LEDGER_FACTS_QUEUE_MAX / 2 || !is_working_locked(ledger);
	unlock(own);
	return takes;
}

void ledger_set_account_networks(struct ledger *ledger, uint32_t networks)
{
	lock(ledger);
	ledger->account_networks = networks;
	unlock(ledger);
}
