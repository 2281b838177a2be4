// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger_store_priv.h"

int store_begin(struct store *store)
{
	return store_execute(store, "BEGIN IMMEDIATE");
}

int store_commit(struct store *store)
{
	return store_execute(store, "COMMIT");
}

/* *ret_id: 0 if there is no active row. */
static int find_active(struct store *store, enum ledger_kind kind, const struct prefix *source,
		       int64_t *ret_id, usec_t *ret_until)
{
	struct store_binding binding = store_bind(store, STORE_FIND);
	sqlite3_stmt *statement = binding.statement;
	int code;

	*ret_id = 0;
	store_bind_text(&binding, store_kind_words[kind]);
	store_bind_source(&binding, source);
	code = binding.code == SQLITE_OK ? sqlite3_step(statement) : binding.code;
	if (code == SQLITE_ROW) {
		*ret_id = sqlite3_column_int64(statement, 0);
		*ret_until = sqlite3_column_type(statement, 1) == SQLITE_NULL ?
				     USEC_NEVER :
				     (usec_t)sqlite3_column_int64(statement, 1);
	}
	if (code == SQLITE_ROW || code == SQLITE_DONE)
		code = SQLITE_OK;
	sqlite3_reset(statement);
	return code == SQLITE_OK ? 0 : store_failed(store, code);
}

static void bind_until(struct store_binding *binding, usec_t until)
{
	if (until != USEC_NEVER)
		store_bind_number(binding, until);
	else
		store_bind_null(binding);
}

static void bind_content(struct store_binding *binding, const struct ledger_entry *entry, usec_t snapshot)
{
	const struct ban_reason *reason = &entry->reason;

	bind_until(binding, entry->until);
	store_bind_number(binding, entry->earlier);
	store_bind_number(binding, snapshot);
	store_bind_text(binding, limit_kind_name(reason->limit));
	store_bind_text(binding, reason->service);
	store_bind_number(binding, reason->allowed);
	store_bind_number(binding, reason->observed);
	store_bind_number(binding, reason->peak);
	store_bind_number(binding, reason->window);
	store_bind_text(binding, ptr_state_name(reason->ptr_state));
	store_bind_text(binding, reason->name);
	store_bind_text(binding, reason->text);
}

static int insert(struct store *store, const struct ledger_entry *entry, usec_t snapshot)
{
	struct store_binding binding = store_bind(store, STORE_INSERT);
	struct store_place place = store_place(&entry->source);

	bind_content(&binding, entry, snapshot);
	store_bind_text(&binding, store_kind_words[entry->kind]);
	store_bind_source(&binding, &entry->source);
	store_bind_place(&binding, &place);
	store_bind_number(&binding, entry->since);
	return store_run(store, &binding);
}

/*
 * An active row is changed and keeps its beginning: the caller knows that only in the clock that it
 * counts in, and wall clocks drift against it. A row that ran out without anybody saying so is ended.
 */
int store_put(struct store *store, const struct ledger_entry *entry, usec_t snapshot)
{
	struct store_binding binding;
	usec_t until = 0;
	int64_t id;
	int r;

	if ((unsigned)entry->kind >= LEDGER_KINDS)
		return 0;
	r = find_active(store, entry->kind, &entry->source, &id, &until);
	if (r)
		return r;
	if (id && until > entry->since) {
		binding = store_bind(store, STORE_CHANGE);
		bind_content(&binding, entry, snapshot);
		store_bind_number(&binding, (uint64_t)id);
		return store_run(store, &binding);
	}
	if (id) {
		binding = store_bind(store, STORE_END_ROW);
		store_bind_text(&binding, store_end_words[LEDGER_EXPIRED]);
		store_bind_number(&binding, (uint64_t)id);
		r = store_run(store, &binding);
		if (r)
			return r;
	}
	return insert(store, entry, snapshot);
}

int store_end(struct store *store, enum ledger_kind kind, const struct prefix *source,
	      enum ledger_end end, usec_t when)
{
	struct store_binding binding = store_bind(store, STORE_END);

	if ((unsigned)kind >= LEDGER_KINDS || end == LEDGER_NOT_ENDED || end >= LEDGER_ENDS)
		return 0;
	store_bind_number(&binding, when);
	store_bind_text(&binding, store_end_words[end]);
	store_bind_text(&binding, store_kind_words[kind]);
	store_bind_source(&binding, source);
	return store_run(store, &binding);
}

int store_end_unseen(struct store *store, usec_t snapshot, usec_t when)
{
	struct store_binding binding = store_bind(store, STORE_END_UNSEEN);
	int r = store_expire(store, when);

	if (r)
		return r;
	store_bind_number(&binding, when);
	store_bind_text(&binding, store_end_words[LEDGER_REPLACED]);
	store_bind_number(&binding, snapshot);
	return store_run(store, &binding);
}

int store_expire(struct store *store, usec_t now)
{
	struct store_binding binding = store_bind(store, STORE_EXPIRE);

	store_bind_text(&binding, store_end_words[LEDGER_EXPIRED]);
	store_bind_number(&binding, now);
	return store_run(store, &binding);
}

int store_clean(struct store *store, usec_t before, unsigned most, unsigned *ret_deleted)
{
	struct store_binding binding = store_bind(store, STORE_CLEAN);
	int r;

	store_bind_number(&binding, before);
	store_bind_number(&binding, most);
	r = store_run(store, &binding);
	if (r == 0)
		*ret_deleted = (unsigned)sqlite3_changes(store->db);
	return r;
}
