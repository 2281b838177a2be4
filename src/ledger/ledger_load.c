// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger_store_priv.h"

#include <stdlib.h>
#include <string.h>

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

static bool read_place(sqlite3_stmt *statement, usec_t now UNUSED, void *item)
{
	struct log_place *place = item;

	place->inode = (uint64_t)sqlite3_column_int64(statement, 0);
	place->offset = (uint64_t)sqlite3_column_int64(statement, 1);
	place->head_hash = (uint64_t)sqlite3_column_int64(statement, 2);
	place->head_bytes = store_column_count(statement, 3);
	return true;
}

static bool are_possible(const struct log_place *places, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (places[i].offset > INT64_MAX || places[i].head_bytes > LOG_HEAD_BYTES)
			return false;
	return n > 0;
}

static int load_places(struct store *store, enum mail_log log, struct ledger_load *load)
{
	struct store_binding binding = store_bind(store, STORE_LOAD_PLACES);
	struct log_places places = { .log = log };
	void *items = NULL;
	size_t n;
	int r;

	store_bind_text(&binding, store_log_key(store, log));
	store_bind_number(&binding, LOG_PLACES_MAX);
	r = store_read_all(store, &binding, read_place, 0, sizeof(*places.place), &items, &n);
	if (r)
		return r;
	if (are_possible(items, n)) {
		memcpy(places.place, items, n * sizeof(*places.place));
		places.n = (unsigned)n;
		load->places[load->n_places++] = places;
	}
	free(items);
	return 0;
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
	for (int log = 0; log < MAIL_LOGS && r == 0; log++)
		r = load_places(store, (enum mail_log)log, load);
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
