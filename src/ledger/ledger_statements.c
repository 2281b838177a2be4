// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger_store_priv.h"

#define EVIDENCE "limit_kind, service, allowed, observed, peak, window_us, ptr_state, name, text"
#define ENTRY "kind, source, since_us, until_us, earlier, " EVIDENCE
#define RECORD ENTRY ", ended_us, ended_how"
/* They are few: any other index leads through those that ended. */
#define ACTIVE "entry INDEXED BY entry_active WHERE ended_us IS NULL"
/* In force after ?1. */
#define AFTER "(?1 = 0 OR ended_us > ?1 OR (ended_us IS NULL AND" \
	      " (until_us IS NULL OR until_us > ?1)))"
/* A plus keeps a column's index out of the plan. */
#define NEWEST_FIRST " ORDER BY +since_us DESC, +id DESC"

/* Sources with what they reached on all days, and the name they had on the last one. */
#define PEAKS(which, limit)                                                                        \
	"SELECT p.source, g.service, g.last, g.days, g.most, g.most_fresh, p.ptr_state, p.name FROM"  \
	" (SELECT place, service, max(day_us) AS last, count(*) AS days, max(concurrent) AS most,"    \
	" max(fresh) AS most_fresh FROM peak WHERE " which " GROUP BY +place, +service"               \
	" ORDER BY most DESC, most_fresh DESC, place, service LIMIT " limit ") AS g"                  \
	" CROSS JOIN peak AS p"                                                                       \
	" ON p.day_us = g.last AND p.service = g.service AND p.place = g.place"                       \
	" ORDER BY g.most DESC, g.most_fresh DESC, g.place, g.service"
#define COUNT_PEAKS(which)                                                                         \
	"SELECT count(*) FROM (SELECT 1 FROM peak WHERE " which " GROUP BY +place, +service)"

#define SUM_KEY "kind, day, account, place, protocol"
#define SUMS "SELECT tally(account, place, protocol, count, first_s, last_s) FROM mail_sum" \
	     " WHERE kind = ?1 AND day = ?2 AND account BETWEEN ?3 AND ?4"

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
			 ", kind, source, place, since_us)"
			 " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
	[STORE_CHANGE] = "UPDATE entry SET until_us = ?1, earlier = ?2, snapshot = ?3,"
			 " limit_kind = ?4, service = ?5, allowed = ?6, observed = ?7, peak = ?8,"
			 " window_us = ?9, ptr_state = ?10, name = ?11, text = ?12 WHERE id = ?13",
	[STORE_END_ROW] = "UPDATE entry SET ended_us = until_us, ended_how = ?1 WHERE id = ?2",
	[STORE_END] = "UPDATE entry SET ended_us = ?1, ended_how = ?2"
		      " WHERE kind = ?3 AND source = ?4 AND ended_us IS NULL",
	[STORE_END_UNSEEN] = "UPDATE entry SET ended_us = ?1, ended_how = ?2"
			     " WHERE ended_us IS NULL AND snapshot <> ?3",
	[STORE_EXPIRE] = "UPDATE entry INDEXED BY entry_active SET ended_us = until_us,"
			 " ended_how = ?1 WHERE ended_us IS NULL AND until_us <= ?2",
	[STORE_CLEAN] = "DELETE FROM entry WHERE id IN (SELECT id FROM entry"
			" WHERE ended_us IS NOT NULL AND ended_us < ?1 LIMIT ?2)",
	[STORE_LOAD_ACTIVE] = "SELECT " ENTRY " FROM entry"
			      " WHERE ended_us IS NULL AND (until_us IS NULL OR until_us > ?1)"
			      " LIMIT ?2",
	/* the newest ban of a source is the one that counts */
	[STORE_LOAD_ENDED] = "SELECT source FROM entry AS e WHERE ended_us IS NOT NULL AND ended_us > ?1"
			     " AND kind = ?2 AND ended_how IN (?3, ?4) AND NOT EXISTS"
			     " (SELECT 1 FROM entry AS n WHERE n.place = e.place AND n.kind = e.kind"
			     " AND n.id > e.id) ORDER BY ended_us DESC LIMIT ?5",
	/* bans that a source earned by itself, and that were not taken back */
	[STORE_LOAD_PAST] = "SELECT source, count(*), max(until_us) FROM entry"
			    " WHERE until_us > ?1 AND kind = ?2 AND limit_kind <> 'operator'"
			    " AND (ended_how IS NULL OR ended_how = 'expired') GROUP BY source"
			    " ORDER BY max(until_us) DESC LIMIT ?3",
	[STORE_NEWEST] = "SELECT " RECORD " FROM entry WHERE since_us > ?1 AND " AFTER
			 " ORDER BY since_us DESC, id DESC LIMIT ?2",
	[STORE_OLDER] = "SELECT " RECORD " FROM entry WHERE id IN"
			" (SELECT id FROM entry WHERE ended_us > ?1 UNION ALL"
			" SELECT id FROM " ACTIVE " AND (until_us IS NULL OR until_us > ?1))"
			" AND +since_us <= ?1" NEWEST_FIRST " LIMIT ?2",
	[STORE_COUNT_ALL] = "SELECT count(*) FROM entry",
	[STORE_COUNT_SINCE] = "SELECT (SELECT count(*) FROM entry WHERE ended_us > ?1) +"
			      " (SELECT count(*) FROM " ACTIVE
			      " AND (until_us IS NULL OR until_us > ?1))",
	/* sorted without what a row carries */
	[STORE_SPAN] = "SELECT " RECORD " FROM entry WHERE id IN (SELECT id FROM entry"
		       " WHERE place BETWEEN ?2 AND ?3 AND " AFTER NEWEST_FIRST " LIMIT ?4)"
		       NEWEST_FIRST,
	[STORE_COUNT_SPAN] = "SELECT count(*) FROM entry WHERE place BETWEEN ?2 AND ?3 AND " AFTER,
	/* a name that is not known now may have been known before */
	[STORE_NOTE_PEAK] = "INSERT INTO peak(day_us, service, place, source, concurrent, fresh,"
			    " ptr_state, name) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
			    " ON CONFLICT(day_us, service, place) DO UPDATE SET"
			    " concurrent = max(concurrent, excluded.concurrent),"
			    " fresh = max(fresh, excluded.fresh),"
			    " name = CASE excluded.ptr_state WHEN 'unknown' THEN name"
			    " ELSE excluded.name END,"
			    " ptr_state = CASE excluded.ptr_state WHEN 'unknown' THEN ptr_state"
			    " ELSE excluded.ptr_state END",
	[STORE_TRIM_PEAKS] = "DELETE FROM peak WHERE id IN (SELECT id FROM peak"
			     " WHERE day_us = ?1 AND service = ?2"
			     " ORDER BY max(concurrent, fresh) DESC LIMIT -1 OFFSET ?3)",
	[STORE_CLEAN_PEAKS] = "DELETE FROM peak WHERE id IN (SELECT id FROM peak"
			      " WHERE day_us < ?1 LIMIT ?2)",
	[STORE_PEAKS] = PEAKS("day_us > ?1 AND (?2 = '' OR service = ?2)", "?3"),
	[STORE_COUNT_PEAKS] = COUNT_PEAKS("day_us > ?1 AND (?2 = '' OR service = ?2)"),
	[STORE_PEAKS_SPAN] = PEAKS("+day_us > ?1 AND place BETWEEN ?2 AND ?3"
				   " AND (?4 = '' OR service = ?4)", "?5"),
	[STORE_COUNT_PEAKS_SPAN] = COUNT_PEAKS("+day_us > ?1 AND place BETWEEN ?2 AND ?3"
					       " AND (?4 = '' OR service = ?4)"),
	[STORE_FIND_ACCOUNT] = "SELECT id, last_day FROM account WHERE text = ?1",
	[STORE_INSERT_ACCOUNT] = "INSERT INTO account(text, last_day) VALUES(?1, ?2)",
	[STORE_RENEW_ACCOUNT] = "UPDATE account SET last_day = ?1 WHERE id = ?2",
	[STORE_ACCOUNT_TEXT] = "SELECT text FROM account WHERE id = ?1",
	[STORE_LAST_ACCOUNT] = "SELECT max(id) FROM account",
	[STORE_ACCOUNTS_PIECE] = "SELECT max(id) FROM"
				 " (SELECT id FROM account WHERE id > ?1 ORDER BY id LIMIT ?2)",
	[STORE_CLEAN_ACCOUNTS] = "DELETE FROM account WHERE id > ?1 AND id <= ?2 AND last_day < ?3",
	[STORE_ADD_SUM] = "UPDATE mail_sum SET count = count + ?1, first_s = min(first_s, ?2),"
			  " last_s = max(last_s, ?3) WHERE kind = ?4 AND day = ?5 AND account = ?6"
			  " AND place = ?7 AND protocol = ?8",
	[STORE_INSERT_SUM] = "INSERT INTO mail_sum(count, first_s, last_s, " SUM_KEY ")"
			     " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[STORE_COUNT_SUMS] = "SELECT count(*) FROM mail_sum WHERE kind = ?1 AND day = ?2",
	[STORE_CLEAN_SUMS] = "DELETE FROM mail_sum WHERE (" SUM_KEY ") IN (SELECT " SUM_KEY
			     " FROM mail_sum WHERE kind = ?1 AND day < ?2 LIMIT ?3)",
	[STORE_FIND_DAY] = "SELECT min(day) FROM mail_sum WHERE kind = ?1 AND day BETWEEN ?2 AND ?3",
	[STORE_SUMS] = SUMS,
	[STORE_SUMS_SPAN] = SUMS " AND place BETWEEN ?5 AND ?6",
	[STORE_FIND_NETWORK] = "SELECT 1 FROM mail_sum WHERE kind = ?1 AND day = ?2 AND account = ?3"
			       " AND place BETWEEN ?4 AND ?5 LIMIT 1",
	[STORE_USED_FROM] = "SELECT DISTINCT place FROM mail_sum WHERE kind = ?1 AND day IN (?2, ?3)"
			    " AND account = ?4 AND first_s <= ?5 AND last_s > ?6 AND place > x''"
			    " ORDER BY place",
	[STORE_FIND_ALERT] = "SELECT 1 FROM account_alert WHERE account = ?1 AND wall_us > ?2 LIMIT 1",
	[STORE_INSERT_ALERT] = "INSERT INTO account_alert(account, wall_us, networks, addresses)"
			       " VALUES(?1, ?2, ?3, ?4)",
	[STORE_LAST_ALERT] = "SELECT max(wall_us) FROM account_alert WHERE account = ?1",
	[STORE_CLEAN_ALERTS] = "DELETE FROM account_alert WHERE (account, wall_us) IN"
			       " (SELECT account, wall_us FROM account_alert WHERE wall_us < ?1 LIMIT ?2)",
	[STORE_REMOVE_PLACES] = "DELETE FROM log_place WHERE log = ?1",
	[STORE_PUT_PLACE] = "INSERT INTO log_place(log, age, inode, offset, head_hash, head_bytes)"
			    " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[STORE_LOAD_PLACES] = "SELECT inode, offset, head_hash, head_bytes FROM log_place"
			      " WHERE log = ?1 ORDER BY age LIMIT ?2",
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

void store_bind_bits(struct store_binding *binding, uint64_t value)
{
	if (binding->code == SQLITE_OK)
		binding->code = sqlite3_bind_int64(binding->statement, ++binding->at, (int64_t)value);
}

void store_bind_text(struct store_binding *binding, const char *text)
{
	if (binding->code == SQLITE_OK)
		binding->code = sqlite3_bind_text(binding->statement, ++binding->at, text, -1,
						  SQLITE_TRANSIENT);
}

void store_bind_null(struct store_binding *binding)
{
	if (binding->code == SQLITE_OK)
		binding->code = sqlite3_bind_null(binding->statement, ++binding->at);
}

void store_bind_source(struct store_binding *binding, const struct prefix *source)
{
	char text[PREFIX_TEXT_MAX];

	store_bind_text(binding, prefix_format(source, text));
}

void store_bind_place(struct store_binding *binding, const struct store_place *place)
{
	if (binding->code == SQLITE_OK)
		binding->code = sqlite3_bind_blob(binding->statement, ++binding->at, place->bytes,
						  place->n, SQLITE_TRANSIENT);
}

int store_run(struct store *store, struct store_binding *binding)
{
	int code = binding->code == SQLITE_OK ? sqlite3_step(binding->statement) : binding->code;
	int r = code == SQLITE_DONE ? 0 : store_failed(store, code);

	sqlite3_reset(binding->statement);
	sqlite3_clear_bindings(binding->statement);
	return r;
}

int store_run_numbers(struct store *store, struct store_binding *binding, int64_t *ret_first,
		      int64_t *ret_second)
{
	sqlite3_stmt *statement = binding->statement;
	int code = binding->code == SQLITE_OK ? sqlite3_step(statement) : binding->code;
	int r = STORE_NO_ROW;

	if (code == SQLITE_ROW) {
		*ret_first = sqlite3_column_int64(statement, 0);
		if (ret_second)
			*ret_second = sqlite3_column_int64(statement, 1);
		r = 0;
	} else if (code != SQLITE_DONE) {
		r = store_failed(store, code);
	}
	sqlite3_reset(statement);
	return r;
}
