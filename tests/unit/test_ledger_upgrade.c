// SPDX-License-Identifier: GPL-2.0-or-later
/* Files of an older schema. */
#include "support.h"

#include <errno.h>

#include "bad_disk.h"
#include "store_file.h"

static bool always(void *userdata UNUSED)
{
	return true;
}

static const char schema_1[] =
	"PRAGMA locking_mode = EXCLUSIVE;"
	"PRAGMA page_size = 1024;"
	"PRAGMA journal_mode = WAL;"
	"CREATE TABLE entry ("
	" id INTEGER PRIMARY KEY,"
	" kind TEXT NOT NULL,"
	" source TEXT NOT NULL,"
	" since_us INTEGER NOT NULL,"
	" until_us INTEGER,"
	" ended_us INTEGER,"
	" ended_how TEXT,"
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
	"CREATE INDEX entry_ended ON entry(ended_us) WHERE ended_us IS NOT NULL;"
	"PRAGMA user_version = 1;";

/* The statement that version 1 wrote its rows with. */
static const char insert_1[] =
	"INSERT INTO entry(until_us, earlier, snapshot, limit_kind, service, allowed, observed, peak,"
	" window_us, ptr_state, name, text, kind, source, since_us)"
	" SELECT ?1, 2, 0, 'new', 'smtp', 10, 23, 40, 300000000, 'mismatch', 'mail.example.net', 'x',"
	" 'ban', ?2, ?3";

static void insert_row_1(sqlite3 *db, const char *source, usec_t since, usec_t until)
{
	sqlite3_stmt *statement;

	assert_int_equal(sqlite3_prepare_v2(db, insert_1, -1, &statement, NULL), SQLITE_OK);
	sqlite3_bind_int64(statement, 1, (int64_t)until);
	sqlite3_bind_text(statement, 2, source, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 3, (int64_t)since);
	assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
	sqlite3_finalize(statement);
}

/* 4 rows: one that ended, two active, one that is none. */
static void make_file_1(void)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, schema_1, NULL, NULL, NULL), SQLITE_OK);
	insert_row_1(db, "192.0.2.1", NOW - HOURS(9), NOW - HOURS(8));
	assert_int_equal(sqlite3_exec(db, "UPDATE entry SET ended_us = until_us, ended_how = 'expired'",
				      NULL, NULL, NULL), SQLITE_OK);
	insert_row_1(db, "192.0.2.1", NOW - HOURS(1), NOW + HOURS(8));
	insert_row_1(db, "2001:db8:1:2::/64", NOW - HOURS(2), NOW + HOURS(8));
	insert_row_1(db, "nonsense", NOW - HOURS(3), NOW + HOURS(8));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* How many entries there are inside of, and around a source. */
static uint64_t about(struct store *store, const char *source)
{
	struct ledger_query query = { .has_source = true, .source = pfx(source), .limit = 10 };
	struct ledger_answer answer;
	uint64_t total;

	assert_int_equal(store_ask(store, &query, NOW, always, NULL, &answer), 0);
	assert_true(answer.n == answer.total);
	total = answer.total;
	ledger_answer_done(&answer);
	return total;
}

/* What version 3 added is there, and empty. */
static void takes_facts(struct store *store)
{
	struct store_rules rules = { .now = NOW };
	struct ledger_fact fact = { .kind = MAIL_FACT_AUTH_FAILURE,
				    .day = 20270115,
				    .has_address = true,
				    .address = addr("192.0.2.1"),
				    .account = "user@example.com",
				    .count = 1,
				    .first = NOW,
				    .last = NOW };
	struct log_places places = { .log = MAIL_LOG_EXIM, .n = 1, .place = { { .inode = 7 } } };
	struct store_noted noted;

	assert_int_equal(number(store, "SELECT (SELECT count(*) FROM mail_sum) +"
				       " (SELECT count(*) FROM account) + (SELECT count(*) FROM log_place) +"
				       " (SELECT count(*) FROM account_alert)"), 0);
	assert_int_equal(store_begin(store), 0);
	assert_int_equal(store_note_facts(store, &fact, 1, &rules, &noted), 0);
	assert_int_equal(store_put_places(store, &places), 0);
	assert_int_equal(store_commit(store), 0);
	assert_int_equal(number(store, "SELECT (SELECT count(*) FROM mail_sum) +"
				       " (SELECT count(*) FROM account) + (SELECT count(*) FROM log_place)"),
			 3);
}

static void is_upgraded(struct store *store)
{
	struct ledger_load *load;

	assert_int_equal(number(store, "PRAGMA user_version"), STORE_SCHEMA);
	takes_facts(store);
	assert_int_equal(about(store, "192.0.2.0/24"), 2);
	assert_int_equal(about(store, "192.0.2.1"), 2);
	assert_int_equal(about(store, "192.0.2.2"), 0);
	assert_int_equal(about(store, "2001:db8:1:2::7"), 1);
	assert_int_equal(store_load(store, NOW, DAYS(7), &load), 0);
	assert_int_equal(load->n_entries, 2);
	assert_int_equal(load->n_past, 2);
	assert_string_equal(load->entries[0].reason.name, "mail.example.net");
	ledger_load_free(load);
	assert_int_equal(number(store, "SELECT count(*) FROM entry"), 4);
	assert_int_equal(number(store, "SELECT count(*) FROM entry WHERE ended_how = 'expired'"), 1);
}

static void test_upgrade(void **state UNUSED)
{
	struct ledger_entry entry = ban("192.0.2.1", NOW, NOW + HOURS(9));
	struct ledger_peak peak = { .source = entry.source, .service = "smtp" };
	struct store store;

	make_file_1();
	open_store(&store, false);
	is_upgraded(&store);
	/* what version 1 began is found and changed */
	assert_int_equal(store_put(&store, &entry, 0), 0);
	assert_int_equal(number(&store, "SELECT count(*) FROM entry"), 4);
	entry.source = pfx("192.0.2.2");
	assert_int_equal(store_put(&store, &entry, 0), 0);
	assert_int_equal(store_note_peak(&store, &peak), 0);
	store_close(&store);
	open_store(&store, false);
	assert_int_equal(about(&store, "192.0.2.0/24"), 3);
	assert_int_equal(number(&store, "SELECT count(*) FROM peak"), 1);
	store_close(&store);
}

/* An upgrade that fails leaves a file of version 1. */
static void test_upgrade_on_a_full_disk(void **state UNUSED)
{
	struct store store;
	bool created;

	make_file_1();
	assert_int_equal(store_init(&store, path), 0);
	atomic_store(&disk_write_error, SQLITE_FULL);
	assert_int_equal(store_open(&store, &created), -ENOSPC);
	assert_string_equal(store.error, "disk full");
	disk_heal();
	open_store(&store, false);
	is_upgraded(&store);
	store_close(&store);
}

/* A file that version 2 of the program wrote: three bans, one of them over, a block, a peak. */
static void copy_file_2(void)
{
	const char *root = getenv("SMTPGUARD_SOURCE_ROOT");
	static char bytes[65536];
	char name[256];
	size_t n;
	FILE *file;

	snprintf(name, sizeof(name), "%s/tests/unit/ledger-2.db", root ? root : ".");
	file = fopen(name, "re");
	assert_non_null(file);
	n = fread(bytes, 1, sizeof(bytes), file);
	assert_int_equal(fclose(file), 0);
	assert_in_range(n, 1024, sizeof(bytes) - 1);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

static void is_upgraded_2(struct store *store)
{
	struct ledger_query peaks = { .subject = LEDGER_PEAKS, .limit = 10 };
	struct ledger_answer answer;
	struct ledger_load *load;

	assert_int_equal(number(store, "PRAGMA user_version"), STORE_SCHEMA);
	takes_facts(store);
	assert_int_equal(about(store, "192.0.2.1"), 2);
	assert_int_equal(about(store, "198.51.100.7"), 1);
	assert_int_equal(store_load(store, NOW, DAYS(7), &load), 0);
	assert_int_equal(load->n_entries, 3);
	assert_string_equal(load->entries[0].reason.name, "mail.example.net");
	ledger_load_free(load);
	assert_int_equal(store_ask(store, &peaks, NOW, always, NULL, &answer), 0);
	assert_int_equal(answer.n, 1);
	assert_int_equal(answer.peaks[0].fresh, 9);
	ledger_answer_done(&answer);
	assert_int_equal(number(store, "SELECT count(*) FROM pragma_integrity_check"
				       " WHERE integrity_check = 'ok'"), 1);
}

static void test_upgrade_of_version_2(void **state UNUSED)
{
	struct store store;
	bool created;

	copy_file_2();
	assert_int_equal(store_init(&store, path), 0);
	atomic_store(&disk_write_error, SQLITE_FULL);
	assert_int_equal(store_open(&store, &created), -ENOSPC);
	disk_heal();
	open_store(&store, false);
	is_upgraded_2(&store);
	store_close(&store);
	open_store(&store, false);
	assert_int_equal(about(&store, "192.0.2.0/24"), 2);
	assert_int_equal(number(&store, "SELECT count(*) FROM mail_sum"), 1);
	store_close(&store);
}

/* Somebody else's table of that name and version. */
static void test_upgrade_of_something_else(void **state UNUSED)
{
	struct store store;
	bool created;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE entry(a); INSERT INTO entry VALUES(7);"
					  "PRAGMA user_version = 1;", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(store_init(&store, path), 0);
	assert_int_equal(store_open(&store, &created), -EIO);
	assert_string_equal(store.error, "no such column: source");
	assert_int_equal(sqlite3_open(path, &store.db), SQLITE_OK);
	assert_int_equal(store_execute(&store, "PRAGMA locking_mode = EXCLUSIVE"), 0);
	assert_int_equal(number(&store, "PRAGMA user_version"), 1);
	assert_int_equal(number(&store, "SELECT a FROM entry"), 7);
	store_close(&store);
}

static int tear_down_disk(void **state)
{
	disk_heal();
	return tear_down(state);
}

#define UPGRADE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down_disk)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UPGRADE_TEST(test_upgrade),
		UPGRADE_TEST(test_upgrade_on_a_full_disk),
		UPGRADE_TEST(test_upgrade_of_version_2),
		UPGRADE_TEST(test_upgrade_of_something_else),
	};

	disk_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
