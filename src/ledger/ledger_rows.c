// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger_store_priv.h"

#define EVIDENCE "limit_kind, service, allowed, observed, peak, window_us, ptr_state, name, text"

/* What the file says; not to be changed without a new schema. */
const char *const store_kind_words[LEDGER_KINDS] = {
	[LEDGER_BAN] = "ban",
	[LEDGER_BLOCK] = "block",
	[LEDGER_ALLOW] = "allow",
	[LEDGER_GRACE] = "grace",
};

const char *const store_end_words[LEDGER_ENDS] = {
	[LEDGER_EXPIRED] = "expired",
	[LEDGER_LIFTED] = "lifted",
	[LEDGER_REPLACED] = "replaced",
};

static const char *const statement_texts[STORE_STATEMENTS] = {
	[STORE_FIND] = "SELECT id, until_us FROM entry"
		       " WHERE kind = ?1 AND source = ?2 AND ended_us IS NULL",
	[STORE_INSERT] = "INSERT INTO entry(until_us, earlier, snapshot, " EVIDENCE
			 ", kind, source, since_us)"
			 " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)",
	[STORE_CHANGE] = "UPDATE entry SET until_us = ?1, earlier = ?2, snapshot = ?3,"
			 " limit_kind = ?4, service = ?5, allowed = ?6, observed = ?7, peak = ?8,"
			 " window_us = ?9, ptr_state = ?10, name = ?11, text = ?12 WHERE id = ?13",
	[STORE_END_ROW] = "UPDATE entry SET ended_us = until_us, ended_how = ?1 WHERE id = ?2",
	[STORE_END] = "UPDATE entry SET ended_us = ?1, ended_how = ?2"
		      " WHERE kind = ?3 AND source = ?4 AND ended_us IS NULL",
	[STORE_END_UNSEEN] = "UPDATE entry SET ended_us = ?1, ended_how = ?2"
			     " WHERE ended_us IS NULL AND snapshot <> ?3",
	[STORE_EXPIRE] = "UPDATE entry SET ended_us = until_us, ended_how = ?1"
			 " WHERE ended_us IS NULL AND until_us <= ?2",
	[STORE_CLEAN] = "DELETE FROM entry WHERE id IN (SELECT id FROM entry"
			" WHERE ended_us IS NOT NULL AND ended_us < ?1 LIMIT ?2)",
	[STORE_LOAD_ACTIVE] = "SELECT kind, source, since_us, until_us, earlier, " EVIDENCE " FROM entry"
			      " WHERE ended_us IS NULL AND (until_us IS NULL OR until_us > ?1)"
			      " LIMIT ?2",
	/* the newest ban of a source is the one that counts */
	[STORE_LOAD_ENDED] = "SELECT source FROM entry AS e WHERE ended_us IS NOT NULL AND ended_us > ?1"
			     " AND kind = ?2 AND ended_how IN (?3, ?4) AND NOT EXISTS"
			     " (SELECT 1 FROM entry AS n WHERE n.source = e.source AND n.kind = e.kind"
			     " AND n.id > e.id) ORDER BY ended_us DESC LIMIT ?5",
	/* bans that a source earned by itself, and that were not taken back */
	[STORE_LOAD_PAST] = "SELECT source, count(*), max(until_us) FROM entry"
			    " WHERE until_us > ?1 AND kind = ?2 AND limit_kind <> 'operator'"
			    " AND (ended_how IS NULL OR ended_how = 'expired') GROUP BY source"
			    " ORDER BY max(until_us) DESC LIMIT ?3",
};

int store_prepare(struct store *store)
{
	for (int i = 0; i < STORE_STATEMENTS; i++) {
		int code = sqlite3_prepare_v3(store->db, statement_texts[i], -1,
					      SQLITE_PREPARE_PERSISTENT, &store->statements[i],
					      NULL);

		if (code != SQLITE_OK)
			return store_failed(store, code);
	}
	return 0;
}

/* --- binding, in the order of the statement's parameters --- */

struct store_binding store_bind(struct store *store, enum store_statement which)
{
	return (struct store_binding){ .statement = store->statements[which], .code = SQLITE_OK };
}

void store_bind_number(struct store_binding *binding, uint64_t value)
{
	int64_t number = value > INT64_MAX ? INT64_MAX : (int64_t)value;

	if (binding->code == SQLITE_OK)
		binding->code = sqlite3_bind_int64(binding->statement, ++binding->at, number);
}

void store_bind_text(struct store_binding *binding, const char *text)
{
	if (binding->code == SQLITE_OK)
		binding->code = sqlite3_bind_text(binding->statement, ++binding->at, text, -1,
						  SQLITE_TRANSIENT);
}

static void bind_until(struct store_binding *binding, usec_t until)
{
	if (until != USEC_NEVER)
		store_bind_number(binding, until);
	else if (binding->code == SQLITE_OK)
		binding->code = sqlite3_bind_null(binding->statement, ++binding->at);
}

static void bind_source(struct store_binding *binding, const struct prefix *source)
{
	char text[PREFIX_TEXT_MAX];

	store_bind_text(binding, prefix_format(source, text));
}

/* Runs a statement that returns no row. */
static int run(struct store *store, struct store_binding *binding)
{
	int code = binding->code == SQLITE_OK ? sqlite3_step(binding->statement) : binding->code;
	int r = code == SQLITE_DONE ? 0 : store_failed(store, code);

	sqlite3_reset(binding->statement);
	sqlite3_clear_bindings(binding->statement);
	return r;
}

/* --- writing --- */

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
	bind_source(&binding, source);
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

	bind_content(&binding, entry, snapshot);
	store_bind_text(&binding, store_kind_words[entry->kind]);
	bind_source(&binding, &entry->source);
	store_bind_number(&binding, entry->since);
	return run(store, &binding);
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
		return run(store, &binding);
	}
	if (id) {
		binding = store_bind(store, STORE_END_ROW);
		store_bind_text(&binding, store_end_words[LEDGER_EXPIRED]);
		store_bind_number(&binding, (uint64_t)id);
		r = run(store, &binding);
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
	bind_source(&binding, source);
	return run(store, &binding);
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
	return run(store, &binding);
}

int store_expire(struct store *store, usec_t now)
{
	struct store_binding binding = store_bind(store, STORE_EXPIRE);

	store_bind_text(&binding, store_end_words[LEDGER_EXPIRED]);
	store_bind_number(&binding, now);
	return run(store, &binding);
}

int store_clean(struct store *store, usec_t before, unsigned most, unsigned *ret_deleted)
{
	struct store_binding binding = store_bind(store, STORE_CLEAN);
	int r;

	store_bind_number(&binding, before);
	store_bind_number(&binding, most);
	r = run(store, &binding);
	if (r == 0)
		*ret_deleted = (unsigned)sqlite3_changes(store->db);
	return r;
}
