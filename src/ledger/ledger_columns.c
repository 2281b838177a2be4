// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading back. Anybody may have written to the file: every value is checked, texts are escaped. */
#include "ledger_store_priv.h"

#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"

uint32_t store_column_count(sqlite3_stmt *statement, int column)
{
	int64_t value = sqlite3_column_int64(statement, column);

	return value < 0 ? 0 : (uint32_t)MIN_OF(value, (int64_t)UINT32_MAX);
}

usec_t store_column_time(sqlite3_stmt *statement, int column)
{
	int64_t value = sqlite3_column_int64(statement, column);

	return value < 0 ? 0 : (usec_t)value;
}

const char *store_column_word(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text ? text : "";
}

void store_column_text(sqlite3_stmt *statement, int column, char *text, size_t size)
{
	const char *found = store_column_word(statement, column);

	escape_once(text, size, found, strlen(found));
}

bool store_column_source(sqlite3_stmt *statement, int column, struct prefix *ret_source)
{
	return prefix_parse(store_column_word(statement, column), ret_source) == 0;
}

enum ptr_state store_column_ptr_state(sqlite3_stmt *statement, int column)
{
	const char *word = store_column_word(statement, column);

	for (int state = 0; state < PTR_STATES; state++)
		if (!strcmp(word, ptr_state_name((enum ptr_state)state)))
			return (enum ptr_state)state;
	return PTR_STATE_UNKNOWN;
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
	const char *limit = store_column_word(statement, at);

	for (int kind = 0; kind < LIMIT_KINDS; kind++)
		if (!strcmp(limit, limit_kind_name((enum limit_kind)kind)))
			reason->limit = (enum limit_kind)kind;
	store_column_text(statement, at + 1, reason->service, sizeof(reason->service));
	reason->allowed = store_column_count(statement, at + 2);
	reason->observed = store_column_count(statement, at + 3);
	reason->peak = store_column_count(statement, at + 4);
	reason->window = store_column_time(statement, at + 5);
	reason->ptr_state = store_column_ptr_state(statement, at + 6);
	store_column_text(statement, at + 7, reason->name, sizeof(reason->name));
	store_column_text(statement, at + 8, reason->text, sizeof(reason->text));
}

bool store_read_entry(sqlite3_stmt *statement, struct ledger_entry *entry)
{
	*entry = (struct ledger_entry){ .until = USEC_NEVER };
	if (!read_kind(store_column_word(statement, 0), &entry->kind) ||
	    !store_column_source(statement, 1, &entry->source))
		return false;
	entry->since = store_column_time(statement, 2);
	if (sqlite3_column_type(statement, 3) != SQLITE_NULL)
		entry->until = store_column_time(statement, 3);
	entry->earlier = store_column_count(statement, 4);
	read_reason(statement, 5, &entry->reason);
	return entry->until > entry->since;
}

int store_read_all(struct store *store, struct store_binding *binding, store_reader reader, usec_t now,
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
