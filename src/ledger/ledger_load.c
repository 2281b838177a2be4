// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger_store_priv.h"

#include <stdlib.h>

/* How long a ban that was lifted is told to whoever finds an element of it. */
#define ENDED_LOOK_BACK (7 * 86400 * USEC_PER_SEC)

static bool read_entry(sqlite3_stmt *statement, usec_t now, void *item)
{
	struct ledger_entry *entry = item;

	if (!store_read_entry(statement, entry))
		return false;
	/* the wall clock was set back: at most as long again as it was meant to be, never longer */
	if (entry->since > now) {
		if (entry->until != USEC_NEVER)
			entry->until -= entry->since - now;
		entry->since = now;
	}
	return true;
}

static bool read_ended(sqlite3_stmt *statement, usec_t now UNUSED, void *item)
{
	return store_column_source(statement, 0, item);
}

static bool read_past(sqlite3_stmt *statement, usec_t now UNUSED, void *item)
{
	struct ledger_past *past = item;

	past->bans = store_column_count(statement, 1);
	past->last_ban = store_column_time(statement, 2);
	return store_column_source(statement, 0, &past->source);
}

static int load_entries(struct store *store, usec_t now, struct ledger_load *load)
{
	struct store_binding binding = store_bind(store, STORE_LOAD_ACTIVE);
	void *items = NULL;
	int r;

	store_bind_number(&binding, now);
	store_bind_number(&binding, STORE_ACTIVE_MAX);
	r = store_read_all(store, &binding, read_entry, now, sizeof(*load->entries), &items,
		     &load->n_entries);
	load->entries = items;
	return r;
}

static int load_ended(struct store *store, usec_t now, struct ledger_load *load)
{
	struct store_binding binding = store_bind(store, STORE_LOAD_ENDED);
	void *items = NULL;
	int r;

	store_bind_number(&binding, now > ENDED_LOOK_BACK ? now - ENDED_LOOK_BACK : 0);
	store_bind_text(&binding, store_kind_words[LEDGER_BAN]);
	store_bind_text(&binding, store_end_words[LEDGER_LIFTED]);
	store_bind_text(&binding, store_end_words[LEDGER_REPLACED]);
	store_bind_number(&binding, STORE_MEMORY_MAX);
	r = store_read_all(store, &binding, read_ended, now, sizeof(*load->ended), &items, &load->n_ended);
	load->ended = items;
	return r;
}

static int load_past(struct store *store, usec_t now, usec_t forget_after, struct ledger_load *load)
{
	struct store_binding binding = store_bind(store, STORE_LOAD_PAST);
	void *items = NULL;
	int r;

	store_bind_number(&binding, now > forget_after ? now - forget_after : 0);
	store_bind_text(&binding, store_kind_words[LEDGER_BAN]);
	store_bind_number(&binding, STORE_MEMORY_MAX);
	r = store_read_all(store, &binding, read_past, now, sizeof(*load->past), &items, &load->n_past);
	load->past = items;
	return r;
}

int store_load(struct store *store, usec_t now, usec_t forget_after, struct ledger_load **ret_load)
{
	struct ledger_load *load = calloc(1, sizeof(*load));
	int r;

	if (!load)
		return store_failed(store, SQLITE_NOMEM);
	r = load_entries(store, now, load);
	if (r == 0)
		r = load_ended(store, now, load);
	if (r == 0)
		r = load_past(store, now, forget_after, load);
	if (r) {
		ledger_load_free(load);
		return r;
	}
	*ret_load = load;
	return 0;
}

struct ledger_load *ledger_load_free(struct ledger_load *load)
{
	if (!load)
		return NULL;
	free(load->entries);
	free(load->ended);
	free(load->past);
	free(load);
	return NULL;
}
