// SPDX-License-Identifier: GPL-2.0-or-later
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_file.h"

static void put(struct store *store, const char *source, usec_t since, usec_t until)
{
	struct ledger_entry entry = ban(source, since, until);

	assert_int_equal(store_put(store, &entry, 0), 0);
}

static void end(struct store *store, const char *source, enum ledger_end how, usec_t when)
{
	struct prefix prefix = pfx(source);

	assert_int_equal(store_end(store, LEDGER_BAN, &prefix, how, when), 0);
}

static struct ledger_load *load_at(struct store *store, usec_t now)
{
	struct ledger_load *load = NULL;

	assert_int_equal(store_load(store, now, DAYS(7), &load), 0);
	return load;
}

static void same_entry(const struct ledger_entry *a, const struct ledger_entry *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_true(prefix_equal(&a->source, &b->source));
	assert_true(a->since == b->since && a->until == b->until);
	assert_int_equal(a->earlier, b->earlier);
	assert_int_equal(a->reason.limit, b->reason.limit);
	assert_string_equal(a->reason.service, b->reason.service);
	assert_int_equal(a->reason.allowed, b->reason.allowed);
	assert_int_equal(a->reason.observed, b->reason.observed);
	assert_int_equal(a->reason.peak, b->reason.peak);
	assert_true(a->reason.window == b->reason.window);
	assert_int_equal(a->reason.ptr_state, b->reason.ptr_state);
	assert_string_equal(a->reason.name, b->reason.name);
	assert_string_equal(a->reason.text, b->reason.text);
}

static void test_new_file(void **state UNUSED)
{
	struct store store;
	struct stat st;

	open_store(&store, true);
	assert_int_equal(number(&store, "PRAGMA user_version"), STORE_SCHEMA);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(store_in_place(&store));
	store_close(&store);
	open_store(&store, false);
	store_close(&store);
	/* emptied by somebody: nothing to keep, nothing to move aside */
	assert_int_equal(truncate(path, 0), 0);
	open_store(&store, true);
	store_close(&store);
}

static void test_all_of_an_entry_comes_back(void **state UNUSED)
{
	struct ledger_entry entries[LEDGER_KINDS] = {
		ban("2001:db8:1:2::/64", NOW - HOURS(1), NOW + HOURS(1)),
		ban("192.0.2.0/24", NOW - HOURS(1), USEC_NEVER),
		ban("192.0.2.0/24", NOW - HOURS(1), NOW + HOURS(1)),
		ban("203.0.113.9", NOW - HOURS(1), NOW + 1),
	};
	struct ledger_load *load;
	struct store store;

	open_store(&store, true);
	for (int kind = 0; kind < LEDGER_KINDS; kind++) {
		entries[kind].kind = (enum ledger_kind)kind;
		assert_int_equal(store_put(&store, &entries[kind], 0), 0);
	}
	store_close(&store);
	open_store(&store, false);
	load = load_at(&store, NOW);
	assert_int_equal(load->n_entries, LEDGER_KINDS);
	for (size_t i = 0; i < load->n_entries; i++)
		same_entry(&load->entries[i], &entries[load->entries[i].kind]);
	ledger_load_free(load);
	store_close(&store);
}

static void test_changes_keep_the_beginning(void **state UNUSED)
{
	struct ledger_load *load;
	struct store store;

	open_store(&store, true);
	put(&store, "192.0.2.1", NOW, NOW + HOURS(1));
	put(&store, "192.0.2.1", NOW + SECONDS(3), NOW + HOURS(2));
	load = load_at(&store, NOW + SECONDS(4));
	assert_int_equal(load->n_entries, 1);
	assert_true(load->entries[0].since == NOW && load->entries[0].until == NOW + HOURS(2));
	ledger_load_free(load);
	/* over, though nobody said so: the next one is another ban */
	put(&store, "192.0.2.1", NOW + HOURS(3), NOW + HOURS(5));
	load = load_at(&store, NOW + HOURS(4));
	assert_int_equal(load->n_entries, 1);
	assert_true(load->entries[0].since == NOW + HOURS(3));
	assert_int_equal(load->n_past, 1);
	assert_int_equal(load->past[0].bans, 2);
	assert_true(load->past[0].last_ban == NOW + HOURS(5));
	ledger_load_free(load);
	assert_int_equal(number(&store, "SELECT count(*) FROM entry WHERE ended_how = 'expired'"), 1);
	store_close(&store);
}

static void test_ends(void **state UNUSED)
{
	struct ledger_load *load;
	struct store store;

	open_store(&store, true);
	for (int i = 1; i <= 5; i++) {
		char source[32];

		snprintf(source, sizeof(source), "192.0.2.%d", i);
		put(&store, source, NOW - HOURS(i), NOW + HOURS(i));
	}
	end(&store, "192.0.2.1", LEDGER_LIFTED, NOW - 2);
	end(&store, "192.0.2.2", LEDGER_REPLACED, NOW - 1);
	end(&store, "192.0.2.3", LEDGER_EXPIRED, NOW);
	/* lifted, then banned again: the newest counts */
	end(&store, "192.0.2.4", LEDGER_LIFTED, NOW);
	put(&store, "192.0.2.4", NOW, NOW + HOURS(1));
	end(&store, "192.0.2.99", LEDGER_LIFTED, NOW);
	load = load_at(&store, NOW + 1);
	assert_int_equal(load->n_entries, 2);
	assert_int_equal(load->n_ended, 2);
	assert_true(prefix_equal(&load->ended[0], &(struct prefix){ addr("192.0.2.2"), 128 }));
	assert_true(prefix_equal(&load->ended[1], &(struct prefix){ addr("192.0.2.1"), 128 }));
	/* only bans that were earned and not taken back */
	assert_int_equal(load->n_past, 3);
	ledger_load_free(load);
	/* what was long ago is not told, and what ran out is not active */
	load = load_at(&store, NOW + DAYS(8));
	assert_int_equal(load->n_entries + load->n_ended + load->n_past, 0);
	ledger_load_free(load);
	assert_int_equal(store_expire(&store, NOW + DAYS(8)), 0);
	assert_int_equal(number(&store, "SELECT count(*) FROM entry WHERE ended_us IS NULL"), 0);
	assert_int_equal(number(&store, "SELECT count(*) FROM entry WHERE ended_how = 'expired'"
					" AND ended_us = until_us"), 2);
	store_close(&store);
}

static void test_snapshot(void **state UNUSED)
{
	struct ledger_entry entry = ban("192.0.2.1", NOW, NOW + HOURS(2));
	struct ledger_load *load;
	struct store store;

	open_store(&store, true);
	put(&store, "192.0.2.1", NOW - HOURS(1), NOW + HOURS(1));
	put(&store, "192.0.2.2", NOW - HOURS(1), NOW + HOURS(1));
	put(&store, "192.0.2.3", NOW - HOURS(1), NOW - 1);
	assert_int_equal(store_put(&store, &entry, 77), 0);
	entry.source = pfx("192.0.2.4");
	assert_int_equal(store_put(&store, &entry, 77), 0);
	assert_int_equal(store_end_unseen(&store, 77, NOW), 0);
	load = load_at(&store, NOW);
	assert_int_equal(load->n_entries, 2);
	assert_true(load->entries[0].since == NOW - HOURS(1));
	assert_true(load->entries[0].until == NOW + HOURS(2));
	assert_int_equal(load->n_ended, 1);
	ledger_load_free(load);
	assert_int_equal(number(&store, "SELECT count(*) FROM entry WHERE ended_how = 'expired'"), 1);
	store_close(&store);
}

static void test_clock_set_back(void **state UNUSED)
{
	struct ledger_load *load;
	struct store store;

	open_store(&store, true);
	put(&store, "192.0.2.1", NOW, NOW + HOURS(1));
	load = load_at(&store, NOW - DAYS(300));
	assert_int_equal(load->n_entries, 1);
	assert_true(load->entries[0].since == NOW - DAYS(300));
	assert_true(load->entries[0].until == NOW - DAYS(300) + HOURS(1));
	assert_true(load->past[0].last_ban == NOW + HOURS(1));
	ledger_load_free(load);
	store_close(&store);
}

static void test_foreign_rows(void **state UNUSED)
{
	static const char sql[] =
		"INSERT INTO entry(kind, source, since_us, until_us, earlier, snapshot, limit_kind,"
		" service, allowed, observed, peak, window_us, ptr_state, name, text) VALUES"
		"('ban', 'nonsense', 1, NULL, 0, 0, '', '', 0, 0, 0, 0, '', '', ''),"
		"('ban', '192.0.2.1/24', 1, NULL, 0, 0, '', '', 0, 0, 0, 0, '', '', ''),"
		"('what', '192.0.2.2', 1, NULL, 0, 0, '', '', 0, 0, 0, 0, '', '', ''),"
		"('ban', x'00', 1, NULL, 0, 0, '', '', 0, 0, 0, 0, '', '', ''),"
		"('ban', '192.0.2.3', -5, NULL, -1, 0, 'odd', x'1b5b41', 1e30, -1, 'x', 0, 7,"
		" char(27) || '[31m', char(10));";
	struct ledger_load *load;
	struct store store;

	open_store(&store, true);
	assert_int_equal(sqlite3_exec(store.db, sql, NULL, NULL, NULL), SQLITE_OK);
	load = load_at(&store, NOW);
	assert_int_equal(load->n_entries, 1);
	assert_true(load->entries[0].since == 0);
	assert_int_equal(load->entries[0].earlier, 0);
	assert_int_equal(load->entries[0].reason.limit, LIMIT_NONE);
	assert_int_equal(load->entries[0].reason.allowed, UINT32_MAX);
	assert_string_equal(load->entries[0].reason.service, "\\x1b[A");
	assert_string_equal(load->entries[0].reason.name, "\\x1b[31m");
	assert_string_equal(load->entries[0].reason.text, "\\x0a");
	ledger_load_free(load);
	store_close(&store);
}

static void test_clean(void **state UNUSED)
{
	unsigned deleted = 0;
	struct store store;

	open_store(&store, true);
	for (int i = 0; i < 30; i++) {
		char source[32];

		snprintf(source, sizeof(source), "192.0.2.%d", i);
		put(&store, source, NOW - DAYS(100), USEC_NEVER);
		if (i < 25)
			end(&store, source, LEDGER_LIFTED, i < 20 ? NOW - DAYS(99) : NOW - DAYS(1));
	}
	assert_int_equal(store_clean(&store, NOW - DAYS(90), 15, &deleted), 0);
	assert_int_equal(deleted, 15);
	assert_int_equal(store_clean(&store, NOW - DAYS(90), 15, &deleted), 0);
	assert_int_equal(deleted, 5);
	assert_int_equal(store_clean(&store, NOW - DAYS(90), 15, &deleted), 0);
	assert_int_equal(deleted, 0);
	assert_int_equal(number(&store, "SELECT count(*) FROM entry"), 10);
	store_close(&store);
}

static void fill(unsigned n)
{
	struct store store;

	open_store(&store, true);
	assert_int_equal(store_begin(&store), 0);
	for (unsigned i = 0; i < n; i++) {
		struct ledger_entry entry = ban("192.0.2.1", NOW, NOW + HOURS(1));
		struct address address = addr_n(i);

		entry.source = prefix_host(&address);
		assert_int_equal(store_put(&store, &entry, 0), 0);
	}
	assert_int_equal(store_commit(&store), 0);
	store_close(&store);
}

/* size bytes at `at`; a negative place counts from the end. */
static void damage(off_t at, size_t size, int byte)
{
	static char bytes[8192];
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && size <= sizeof(bytes));
	memset(bytes, byte, size);
	assert_true(lseek(fd, at, at < 0 ? SEEK_END : SEEK_SET) >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

static void is_corrupt(void)
{
	char name[256], expected[128];
	struct store store;
	struct stat st;
	bool created;

	assert_int_equal(store_init(&store, path), 0);
	assert_int_equal(store_open(&store, &created), STORE_CORRUPT);
	assert_null(store.db);
	assert_string_equal(store.error, "the file is corrupt");
	assert_int_equal(store_move_aside(&store, NOW, name, sizeof(name)), 0);
	snprintf(expected, sizeof(expected), "%s.corrupt-20270115T080000Z", path);
	assert_string_equal(name, expected);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(stat(path, &st), -1);
	open_store(&store, true);
	store_close(&store);
	assert_int_equal(unlink(path), 0);
}

static void test_corrupt_files(void **state UNUSED)
{
	struct stat st;

	damage(0, 5000, 'x');
	is_corrupt();
	damage(0, 10, 'x');
	is_corrupt();
	fill(2000);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size / 2), 0);
	is_corrupt();
	fill(2000);
	assert_int_equal(truncate(path, st.st_size - 100), 0);
	is_corrupt();
	fill(2000);
	damage(-5 * 4096, 4096, 0);
	is_corrupt();
	fill(2000);
	damage(4096, 8192, 0xff);
	is_corrupt();
}

static void is_left_alone(const char *sql, const char *words)
{
	static char before[65536], after[65536];
	struct store store;
	ssize_t n_before, n_after;
	bool created;
	sqlite3 *db;
	int fd;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n_before = read(fd, before, sizeof(before));
	assert_int_equal(store_init(&store, path), 0);
	assert_int_equal(store_open(&store, &created), -EINVAL);
	assert_string_equal(store.error, words);
	n_after = pread(fd, after, sizeof(after), 0);
	close(fd);
	assert_true(n_before > 0 && n_before == n_after);
	assert_memory_equal(before, after, n_before);
	assert_int_equal(unlink(path), 0);
}

static void test_files_of_others(void **state UNUSED)
{
	is_left_alone("CREATE TABLE mine(a); INSERT INTO mine VALUES(1);",
		      "the file is another program's database: it is left alone");
	is_left_alone("CREATE TABLE entry(a); PRAGMA user_version = 4;",
		      "the file is of a newer version (schema 4, this program knows 3): it is left alone");
}

static void fails_with(int error, const char *words)
{
	struct store store;
	bool created;

	assert_int_equal(store_init(&store, path), 0);
	assert_int_equal(store_open(&store, &created), -error);
	assert_string_equal(store.error, words);
	assert_null(store.db);
}

static void test_no_file_to_be_had(void **state UNUSED)
{
	struct store store, second;
	bool created;
	char name[256];

	assert_int_equal(mkdir(path, 0700), 0);
	fails_with(EISDIR, "cannot open the file: Is a directory");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	fails_with(EINVAL, "not a regular file: Invalid argument");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_init(&store, path), 0);
	assert_int_equal(store_move_aside(&store, NOW, name, sizeof(name)), -ENOENT);
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(store_init(&store, name), -ENAMETOOLONG);
	/* one daemon per file */
	open_store(&store, true);
	assert_int_equal(store_init(&second, path), 0);
	assert_int_equal(store_open(&second, &created), -EBUSY);
	assert_string_equal(second.error, "in use by another program");
	assert_int_equal(unlink(path), 0);
	assert_false(store_in_place(&store));
	store_close(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_new_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_all_of_an_entry_comes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_changes_keep_the_beginning, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_snapshot, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clock_set_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_foreign_rows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clean, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_corrupt_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files_of_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_file_to_be_had, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
