/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file of the ledger without its thread: what the tests of the store share. */
#pragma once

#include <stdio.h>
#include <unistd.h>

#include "src/ledger/ledger_store_priv.h"

#define NOW (1800000000 * USEC_PER_SEC)
#define DAYS(n) HOURS(24 * (n))

static char directory[64], path[96];

static int set_up(void **state UNUSED)
{
	snprintf(directory, sizeof(directory), "/tmp/test-store-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/ledger.db", directory);
	return 0;
}

static int tear_down(void **state UNUSED)
{
	static const char *const names[] = { "ledger.db", "ledger.db-wal", "ledger.db-shm",
					     "ledger.db.corrupt-20270115T080000Z",
					     "ledger.db.corrupt-20270115T080000Z-wal" };
	char name[192];

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(name, sizeof(name), "%s/%s", directory, names[i]);
		(void)unlink(name); /* most are not there */
	}
	return rmdir(directory);
}

static void open_store(struct store *store, bool expect_created)
{
	bool created = !expect_created;

	assert_int_equal(store_init(store, path), 0);
	assert_int_equal(store_open(store, &created), 0);
	assert_int_equal(created, expect_created);
}

static inline struct ledger_entry ban(const char *source, usec_t since, usec_t until)
{
	struct ledger_entry entry = { .kind = LEDGER_BAN,
				      .source = pfx(source),
				      .since = since,
				      .until = until,
				      .earlier = 2 };

	entry.reason = (struct ban_reason){ .limit = LIMIT_NEW,
					    .service = "smtp",
					    .allowed = 10,
					    .observed = 23,
					    .peak = 40,
					    .window = SECONDS(300),
					    .ptr_state = PTR_STATE_MISMATCH,
					    .name = "mail.example.net",
					    .text = "'); DROP TABLE entry;--" };
	return entry;
}

static inline int64_t number(struct store *store, const char *sql)
{
	sqlite3_stmt *statement;
	int64_t value;

	assert_int_equal(sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return value;
}
