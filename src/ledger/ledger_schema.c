// SPDX-License-Identifier: GPL-2.0-or-later
/* The tables of the file, and how those of an older one become the same. */
#include "ledger_store_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* steps[n] leads from version n to n + 1. They are not to be changed: there are files of each. */
static const char *const steps[STORE_SCHEMA] = {
	[0] =
		"CREATE TABLE entry ("
		" id INTEGER PRIMARY KEY,"
		" kind TEXT NOT NULL," /* ban, block, allow, grace */
		" source TEXT NOT NULL,"
		" since_us INTEGER NOT NULL," /* since 1970, as all times */
		" until_us INTEGER," /* NULL: without end */
		" ended_us INTEGER," /* NULL: active */
		" ended_how TEXT," /* expired, lifted, replaced */
		" earlier INTEGER NOT NULL,"
		" snapshot INTEGER NOT NULL,"
		" limit_kind TEXT NOT NULL,"
		" service TEXT NOT NULL,"
		" allowed INTEGER NOT NULL,"
		" observed INTEGER NOT NULL,"
		" peak INTEGER NOT NULL,"
		" window_us INTEGER NOT NULL,"
		" ptr_state TEXT NOT NULL,"
		" name TEXT NOT NULL,"
		" text TEXT NOT NULL);"
		"CREATE UNIQUE INDEX entry_active ON entry(kind, source) WHERE ended_us IS NULL;"
		"CREATE INDEX entry_source ON entry(source, since_us);"
		"CREATE INDEX entry_since ON entry(since_us);"
		"CREATE INDEX entry_until ON entry(until_us);"
		"CREATE INDEX entry_ended ON entry(ended_us) WHERE ended_us IS NOT NULL;",
	/* a text tells an equal source only; a place also what is inside and around */
	[1] =
		"ALTER TABLE entry ADD COLUMN place BLOB NOT NULL DEFAULT x'';"
		"UPDATE entry SET place = place_of(source);"
		"DROP INDEX entry_source;"
		"CREATE INDEX entry_place ON entry(place, since_us, ended_us, until_us);"
		"CREATE TABLE peak ("
		" id INTEGER PRIMARY KEY,"
		" day_us INTEGER NOT NULL," /* its beginning in UTC */
		" service TEXT NOT NULL,"
		" place BLOB NOT NULL,"
		" source TEXT NOT NULL,"
		" concurrent INTEGER NOT NULL,"
		" fresh INTEGER NOT NULL,"
		" ptr_state TEXT NOT NULL,"
		" name TEXT NOT NULL);"
		"CREATE UNIQUE INDEX peak_day ON peak(day_us, service, place);"
		"CREATE INDEX peak_place ON peak(place);"
		"CREATE INDEX peak_size ON peak(day_us, service, max(concurrent, fresh));",
	/* a busy host has millions of sums: no row id, no second index, small numbers */
	[2] =
		"CREATE TABLE account ("
		" id INTEGER PRIMARY KEY,"
		" text TEXT NOT NULL UNIQUE,"
		" last_day INTEGER NOT NULL);" /* of its sums; it goes with them */
		"CREATE TABLE mail_sum ("
		" kind INTEGER NOT NULL," /* enum mail_fact_kind */
		" day INTEGER NOT NULL," /* of the log: 20261122 */
		" account INTEGER NOT NULL," /* 0: none */
		" place BLOB NOT NULL," /* of the whole address; empty: none */
		" protocol INTEGER NOT NULL," /* enum mail_protocol */
		" count INTEGER NOT NULL,"
		" first_s INTEGER NOT NULL," /* seconds since 1970 */
		" last_s INTEGER NOT NULL,"
		" PRIMARY KEY(kind, day, account, place, protocol)) WITHOUT ROWID;"
		"CREATE TABLE log_place ("
		" log TEXT NOT NULL," /* "exim /var/log/exim_mainlog" */
		" age INTEGER NOT NULL," /* 0: the file that has the name */
		" inode INTEGER NOT NULL,"
		" offset INTEGER NOT NULL,"
		" head_hash INTEGER NOT NULL,"
		" head_bytes INTEGER NOT NULL,"
		" PRIMARY KEY(log, age)) WITHOUT ROWID;"
		"CREATE TABLE account_alert ("
		" account INTEGER NOT NULL,"
		" wall_us INTEGER NOT NULL,"
		" networks INTEGER NOT NULL,"
		" addresses INTEGER NOT NULL,"
		" PRIMARY KEY(account, wall_us)) WITHOUT ROWID;"
		"CREATE INDEX account_alert_wall ON account_alert(wall_us);",
};

int store_check_schema(struct store *store, int *ret_version)
{
	int64_t version = 0, tables = 0;
	int r = store_ask_number(store, "PRAGMA user_version", &version);

	if (r == 0)
		r = store_ask_number(store, "SELECT count(*) FROM sqlite_master", &tables);
	if (r)
		return r;
	if ((version == 0 && tables == 0) || (version > 0 && version <= STORE_SCHEMA)) {
		*ret_version = (int)version;
		return 0;
	}
	if (version > STORE_SCHEMA)
		snprintf(store->error, sizeof(store->error),
			 "the file is of a newer version (schema %" PRId64
			 ", this program knows %d): it is left alone",
			 version, STORE_SCHEMA);
	else
		snprintf(store->error, sizeof(store->error),
			 "the file is another program's database: it is left alone");
	return -EINVAL;
}

/* place_of(source); of a text that is no source: nothing. */
static void place_of(sqlite3_context *context, int n UNUSED, sqlite3_value **values)
{
	const char *text = (const char *)sqlite3_value_text(values[0]);
	struct store_place place = { .n = 0 };
	struct prefix source;

	if (text && prefix_parse(text, &source) == 0)
		place = store_place(&source);
	sqlite3_result_blob(context, place.bytes, place.n, SQLITE_TRANSIENT);
}

int store_upgrade(struct store *store, int version)
{
	int code = sqlite3_create_function(store->db, "place_of", 1, SQLITE_UTF8, NULL, place_of, NULL,
					   NULL);
	int r = code == SQLITE_OK ? store_begin(store) : store_failed(store, code);
	char sql[48];

	for (; r == 0 && version < STORE_SCHEMA; version++)
		r = store_execute(store, steps[version]);
	snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", STORE_SCHEMA);
	if (r == 0)
		r = store_execute(store, sql);
	return r ? r : store_commit(store);
}
