// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading back. Anybody may have written to the file: every value is checked, texts are escaped. */
#include "ledger_store_priv.h"

#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"

/* How long a ban that was lifted is told to whoever finds an element of it. */
#define ENDED_LOOK_BACK (7 * 86400 * USEC_PER_SEC)

/* What one row becomes; false: it is not one of ours, and is left out. */
typedef bool (*row_reader)(sqlite3_stmt *statement, usec_t now, void *item);

static uint32_t column_count(sqlite3_stmt *statement, int column)
{
	int64_t value = sqlite3_column_int64(statement, column);

	return value < 0 ? 0 : (uint32_t)MIN_OF(value, (int64_t)UINT32_MAX);
}

static usec_t column_time(sqlite3_stmt *statement, int column)
{
	int64_t value = sqlite3_column_int64(statement, column);

	return value < 0 ? 0 : (usec_t)value;
}

static const char *column_word(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text ? text : "";
}

static void column_text(sqlite3_stmt *statement, int column, char *text, size_t size)
{
	const char *found = column_word(statement, column);

	escape_once(text, size, found, strlen(found));
}

static bool column_source(sqlite3_stmt *statement, int column, struct prefix *ret_source)
{
	return prefix_parse(column_word(statement, column), ret_source) == 0;
}

static bool read_kind(const char *word, enum ledger_kind *ret_kind)
{
	for (int kind = 0; kind < LEDGER_KINDS; kind++) {
		if (!strcmp(word, store_kind_words[kind])) {
			*ret_kind = (enum ledger_kind)kind;
			return true;
		}
	}
	return false;
}

/* The columns of EVIDENCE, from `at` on. Unknown words are the neutral ones. */
static void read_reason(sqlite3_stmt *statement, int at, struct ban_reason *reason)
{
	const char *limit = column_word(statement, at), *ptr = column_word(statement, at + 6);

	for (int kind = 0; kind < LIMIT_KINDS; kind++)
		if (!strcmp(limit, limit_kind_name((enum limit_kind)kind)))
			reason->limit = (enum limit_kind)kind;
	for (int state = 0; state < PTR_STATES; state++)
		if (!strcmp(ptr, ptr_state_name((enum ptr_state)state)))
			reason->ptr_state = (enum ptr_state)state;
	column_text(statement, at + 1, reason->service, sizeof(reason->service));
	reason->allowed = column_count(statement, at + 2);
	reason->observed = column_count(statement, at + 3);
	reason->peak = column_count(statement, at + 4);
	reason->window = column_time(statement, at + 5);
	column_text(statement, at + 7, reason->name, sizeof(reason->name));
	column_text(statement, at + 8, reason->text, sizeof(reason->text));
}

static bool read_entry(sqlite3_stmt *statement, usec_t now, void *item)
{
	struct ledger_entry *entry = item;

	*entry = (struct ledger_entry){ .until = USEC_NEVER };
	if (!read_kind(column_word(statement, 0), &entry->kind) ||
	    !column_source(statement, 1, &entry->source))
		return false;
	entry->since = column_time(statement, 2);
	if (sqlite3_column_type(statement, 3) != SQLITE_NULL)
		entry->until = column_time(statement, 3);
	entry->earlier = column_count(statement, 4);
	read_reason(statement, 5, &entry->reason);
	if (entry->until <= entry->since)
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
	return column_source(statement, 0, item);
}

static bool read_past(sqlite3_stmt *statement, usec_t now UNUSED, void *item)
{
	struct ledger_past *past = item;

	past->bans = column_count(statement, 1);
	past->last_ban = column_time(statement, 2);
	return column_source(statement, 0, &past->source);
}

/* All rows of a statement into an array that grows. */
static int read_all(struct store *store, struct store_binding *binding, row_reader reader, usec_t now,
		    size_t item_bytes, void **ret_items, size_t *ret_n)
{
	size_t n = 0, room = 0;
	char *items = NULL, *grown;
	int code = binding->code, r = 0;

	while (code == SQLITE_OK && (code = sqlite3_step(binding->statement)) == SQLITE_ROW) {
		code = SQLITE_OK;
		if (n == room) {
			room = room ? 2 * room : 64;
			grown = reallocarray(items, room, item_bytes);
			if (!grown) {
				r = store_failed(store, SQLITE_NOMEM);
				break;
			}
			items = grown;
		}
		if (reader(binding->statement, now, items + n * item_bytes))
			n++;
	}
	if (r == 0 && code != SQLITE_DONE)
		r = store_failed(store, code);
	sqlite3_reset(binding->statement);
	if (r) {
		free(items);
		return r;
	}
	*ret_items = items;
	*ret_n = n;
	return 0;
}

static int load_entries(struct store *store, usec_t now, struct ledger_load *load)
{
	struct store_binding binding = store_bind(store, STORE_LOAD_ACTIVE);
	void *items = NULL;
	int r;

	store_bind_number(&binding, now);
	store_bind_number(&binding, STORE_ACTIVE_MAX);
	r = read_all(store, &binding, read_entry, now, sizeof(*load->entries), &items,
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
	r = read_all(store, &binding, read_ended, now, sizeof(*load->ended), &items, &load->n_ended);
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
	r = read_all(store, &binding, read_past, now, sizeof(*load->past), &items, &load->n_past);
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
