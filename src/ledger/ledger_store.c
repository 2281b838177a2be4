// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger_tally_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "smtpguard/base/escape.h"

#define BUSY_TIMEOUT_MS 500
/* Reading all of a larger file would hold up the start; it is checked as far as it is used. */
#define CHECK_MAX_BYTES (32 << 20)
#define LOOK_UP_EVERY 1000 /* steps of SQLite's machine, well below a millisecond */

enum {
	ANSWER_OTHER = STORE_CORRUPT + 1,
};

/*
 * Small pages and a short log, because a log that fills the disk cannot be written back any more.
 * Exclusive: the index of the write-ahead log is then kept in memory and not in a mapped file, where
 * an error of the disk would be a SIGBUS. The rest keeps a damaged file from doing more than fail.
 */
static const char settings_sql[] =
	"PRAGMA locking_mode = EXCLUSIVE;"
	"PRAGMA page_size = 1024;"
	"PRAGMA wal_autocheckpoint = 512;"
	"PRAGMA journal_size_limit = 524288;"
	"PRAGMA mmap_size = 0;"
	"PRAGMA temp_store = MEMORY;"
	"PRAGMA cell_size_check = ON;"
	"PRAGMA trusted_schema = OFF;";

static int fail(struct store *store, int error, const char *what)
{
	char text[64];

	snprintf(store->error, sizeof(store->error), "%s: %s", what,
		 strerror_r(error, text, sizeof(text)));
	return -error;
}

int store_failed(struct store *store, int code)
{
	int error = store->db ? sqlite3_system_errno(store->db) : 0;
	const char *text = store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(code);

	switch (code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		snprintf(store->error, sizeof(store->error), "the file is corrupt");
		return STORE_CORRUPT;
	case SQLITE_FULL:
		snprintf(store->error, sizeof(store->error), "disk full");
		return -ENOSPC;
	case SQLITE_READONLY:
		snprintf(store->error, sizeof(store->error), "the file is read-only");
		return -EROFS;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		snprintf(store->error, sizeof(store->error), "in use by another program");
		return -EBUSY;
	case SQLITE_INTERRUPT:
		snprintf(store->error, sizeof(store->error), "nobody wants the answer any more");
		return -ECANCELED;
	case SQLITE_NOMEM:
		return fail(store, ENOMEM, "SQLite");
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		if (error == ENOSPC || error == EDQUOT) {
			snprintf(store->error, sizeof(store->error), "disk full");
			return -ENOSPC;
		}
		if (error)
			return fail(store, error, (code & 0xff) == SQLITE_IOERR ? "I/O error" :
										  "cannot open");
		break;
	default:
		break;
	}
	escape(store->error, sizeof(store->error), text, strlen(text));
	return -EIO;
}

int store_execute(struct store *store, const char *sql)
{
	int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : store_failed(store, code);
}

/* The first column of the first row. */
int store_ask_number(struct store *store, const char *sql, int64_t *ret_value)
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);

	if (code != SQLITE_OK)
		return store_failed(store, code);
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*ret_value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return code == SQLITE_ROW ? 0 : store_failed(store, code);
}

/* As store_ask_number(); ANSWER_OTHER if the answer is another text. */
static int ask_text(struct store *store, const char *sql, const char *expected)
{
	const char *text = NULL;
	sqlite3_stmt *statement;
	int r, code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);

	if (code != SQLITE_OK)
		return store_failed(store, code);
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(statement, 0);
	if (code != SQLITE_ROW)
		r = store_failed(store, code);
	else
		r = text && !strcmp(text, expected) ? 0 : ANSWER_OTHER;
	sqlite3_finalize(statement);
	return r;
}

int store_init(struct store *store, const char *path)
{
	*store = (struct store){ 0 };
	if (strlen(path) >= sizeof(store->path))
		return -ENAMETOOLONG;
	snprintf(store->path, sizeof(store->path), "%s", path);
	return 0;
}

/*
 * SQLite would make the file readable for everybody, and only read where it may not write; the
 * system's own answer also has the better words.
 */
static int make_file(struct store *store)
{
	int fd = open(store->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	struct stat st;
	int r = 0;

	if (fd < 0)
		return fail(store, errno, "cannot open the file");
	if (fstat(fd, &st) < 0)
		r = fail(store, errno, "cannot read the file");
	else if (!S_ISREG(st.st_mode))
		r = fail(store, EINVAL, "not a regular file");
	close(fd);
	return r;
}

static int switch_to_wal(struct store *store)
{
	int r = ask_text(store, "PRAGMA journal_mode = WAL", "wal");

	if (r == ANSWER_OTHER) {
		snprintf(store->error, sizeof(store->error), "no write-ahead log on this disk");
		return -EOPNOTSUPP;
	}
	if (r)
		return r;
	return store_execute(store, "PRAGMA synchronous = NORMAL");
}

static int check_content(struct store *store)
{
	int64_t pages = 0, page_bytes = 0;
	int r = store_ask_number(store, "PRAGMA page_count", &pages);

	if (r == 0)
		r = store_ask_number(store, "PRAGMA page_size", &page_bytes);
	if (r || pages * page_bytes > CHECK_MAX_BYTES)
		return r;
	r = ask_text(store, "PRAGMA quick_check(1)", "ok");
	return r == ANSWER_OTHER ? store_failed(store, SQLITE_CORRUPT) : r;
}

static int set_up(struct store *store, bool *ret_created)
{
	int r, version = 0;

	sqlite3_extended_result_codes(store->db, 1);
	sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	r = store_execute(store, settings_sql);
	if (r == 0)
		r = store_check_schema(store, &version);
	if (r == 0)
		r = switch_to_wal(store);
	/* damage is found before it is copied */
	if (r == 0 && version)
		r = check_content(store);
	if (r == 0 && version < STORE_SCHEMA)
		r = store_upgrade(store, version);
	if (r == 0)
		r = tally_register(store);
	if (r == 0)
		r = store_prepare(store);
	if (r == 0)
		*ret_created = version == 0;
	return r;
}

int store_open(struct store *store, bool *ret_created)
{
	bool created = false;
	int code, r = make_file(store);

	if (r)
		return r;
	code = sqlite3_open_v2(store->path, &store->db,
			       SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	r = code == SQLITE_OK ? set_up(store, &created) : store_failed(store, code);
	if (r) {
		store_close(store);
		return r;
	}
	*ret_created = created;
	return 0;
}

void store_look_closer(struct store *store)
{
	(void)make_file(store); /* either it has better words, or those there are stay */
}

void store_close(struct store *store)
{
	for (int i = 0; i < STORE_STATEMENTS; i++) {
		sqlite3_finalize(store->statements[i]);
		store->statements[i] = NULL;
	}
	/* what it could not write back stays in the log, for the next time */
	sqlite3_close_v2(store->db);
	store->db = NULL;
	/* what was not committed is not there */
	store_forget_accounts(store);
	memset(store->sums, 0, sizeof(store->sums));
}

static int on_progress(void *userdata)
{
	const struct store *store = userdata;

	return !store->watch.wanted(store->watch.userdata);
}

void store_watch(struct store *store, bool (*wanted)(void *userdata), void *userdata)
{
	store->watch = (struct store_watch){ wanted, userdata };
	sqlite3_progress_handler(store->db, LOOK_UP_EVERY, wanted ? on_progress : NULL, store);
}

bool store_in_place(const struct store *store)
{
	int moved = 0;

	return sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) !=
		       SQLITE_OK || !moved;
}

int store_move_aside(struct store *store, usec_t wall, char *ret_name, size_t size)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	time_t seconds = (time_t)(wall / USEC_PER_SEC);
	char from[LEDGER_PATH_MAX + 8], to[LEDGER_PATH_MAX + 40], stamp[24];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm))
		return -ERANGE;
	for (unsigned i = 0; i < ARRAY_SIZE(suffixes); i++) {
		snprintf(from, sizeof(from), "%s%s", store->path, suffixes[i]);
		snprintf(to, sizeof(to), "%s.corrupt-%s%s", store->path, stamp, suffixes[i]);
		if (rename(from, to) < 0 && (i == 0 || errno != ENOENT))
			return fail(store, errno, "the file is corrupt, cannot move it aside");
	}
	snprintf(ret_name, size, "%s.corrupt-%s", store->path, stamp);
	return 0;
}

int store_checkpoint(struct store *store)
{
	int code = sqlite3_wal_checkpoint_v2(store->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL,
					     NULL);

	return code == SQLITE_OK ? 0 : store_failed(store, code);
}
