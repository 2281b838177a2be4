/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SQLite side of the ledger, used by one thread only: the file (ledger_store.c), writing its rows
 * (ledger_rows.c), reading them back (ledger_load.c). It knows no queue and no states.
 *
 * Functions that touch the file: 0, STORE_CORRUPT, or -errno with words in store->error. After anything
 * but 0 the store is to be closed and opened again; an open transaction is then undone.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>

#include "smtpguard/ledger/ledger.h"

#define STORE_SCHEMA 1
#define STORE_ERROR_MAX 160
/* How much a load may bring back: active rows (more than max_bans allows); of the others the newest. */
#define STORE_ACTIVE_MAX (1 << 21)
#define STORE_MEMORY_MAX 65536

enum {
	STORE_CORRUPT = 1,
};

enum store_statement {
	STORE_FIND,
	STORE_INSERT,
	STORE_CHANGE,
	STORE_END_ROW,
	STORE_END,
	STORE_END_UNSEEN,
	STORE_EXPIRE,
	STORE_CLEAN,
	STORE_LOAD_ACTIVE,
	STORE_LOAD_ENDED,
	STORE_LOAD_PAST,
	STORE_STATEMENTS
};

struct store {
	char path[LEDGER_PATH_MAX];
	sqlite3 *db; /* NULL: closed */
	sqlite3_stmt *statements[STORE_STATEMENTS];
	char error[STORE_ERROR_MAX]; /* escaped */
};

/* What a file held: three arrays that the receiver walks in this order. */
struct ledger_load {
	struct ledger_entry *entries;
	struct prefix *ended;
	struct ledger_past *past;
	size_t n_entries, n_ended, n_past;
	size_t delivered; /* of all three together */
};

int store_init(struct store *store, const char *path) MUST_CHECK;
/* *ret_created: the file is new, or was empty. */
int store_open(struct store *store, bool *ret_created) MUST_CHECK;
void store_close(struct store *store);
/* SQLite does not always know what the system said: asks it again, for store->error. Closed. */
void store_look_closer(struct store *store);
/* Whether the open file still is the one at its path. */
bool store_in_place(const struct store *store);
/* The closed file and what belongs to it get names that begin with *ret_name. */
int store_move_aside(struct store *store, usec_t wall, char *ret_name, size_t size) MUST_CHECK;
/* Brings what was committed safely to the disk, past a crash of the host. */
int store_checkpoint(struct store *store) MUST_CHECK;

int store_begin(struct store *store) MUST_CHECK;
int store_commit(struct store *store) MUST_CHECK;
/* snapshot: the number of the one it belongs to, or 0. */
int store_put(struct store *store, const struct ledger_entry *entry, usec_t snapshot) MUST_CHECK;
int store_end(struct store *store, enum ledger_kind kind, const struct prefix *source,
	      enum ledger_end end, usec_t when) MUST_CHECK;
/* Active rows that are not in this snapshot have been replaced. */
int store_end_unseen(struct store *store, usec_t snapshot, usec_t when) MUST_CHECK;
/* Rows whose time is over have expired. */
int store_expire(struct store *store, usec_t now) MUST_CHECK;
/* Deletes at most `most` rows that ended before `before`. */
int store_clean(struct store *store, usec_t before, unsigned most, unsigned *ret_deleted) MUST_CHECK;

/* Reads only. */
int store_load(struct store *store, usec_t now, usec_t forget_after,
	       struct ledger_load **ret_load) MUST_CHECK;
struct ledger_load *ledger_load_free(struct ledger_load *load);

/* --- among the three files --- */

/* What SQLite's answer means; fills store->error. */
int store_failed(struct store *store, int code);
int store_execute(struct store *store, const char *sql) MUST_CHECK;
int store_prepare(struct store *store) MUST_CHECK;

extern const char *const store_kind_words[LEDGER_KINDS];
extern const char *const store_end_words[LEDGER_ENDS];

/* Binds values in the order of the statement's parameters; remembers the first failure. */
struct store_binding {
	sqlite3_stmt *statement;
	int at, code;
};
struct store_binding store_bind(struct store *store, enum store_statement which);
void store_bind_number(struct store_binding *binding, uint64_t value);
void store_bind_text(struct store_binding *binding, const char *text);
