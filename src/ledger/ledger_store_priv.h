/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SQLite side of the ledger, used by one thread only: the file (ledger_store.c), its tables
 * (ledger_schema.c) and statements (ledger_statements.c), writing entries (ledger_rows.c) and peaks
 * (ledger_peaks.c), reading them at start (ledger_load.c) and when asked (ledger_query.c,
 * ledger_place.c). Of the mail logs: sums (ledger_sums.c), their accounts (ledger_accounts.c) and alerts
 * (ledger_alerts.c), places (ledger_log_places.c), answers (ledger_query_sums.c and what it
 * includes). It knows no queue and no states.
 *
 * Functions that touch the file: 0, STORE_CORRUPT, or -errno with words in store->error. After anything
 * but 0 the store is to be closed and opened again; an open transaction is then undone.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>

#include "smtpguard/ledger/ledger.h"

#define STORE_SCHEMA 3
#define STORE_ERROR_MAX 160
/* How much a load may bring back: active rows (more than max_bans allows); of the others the newest. */
#define STORE_ACTIVE_MAX (1 << 21)
#define STORE_MEMORY_MAX 65536
#define STORE_DAY (86400 * USEC_PER_SEC)
#define STORE_ALERTS_MAX 64 /* told of one group of facts */

enum {
	STORE_CORRUPT = 1,
	STORE_NO_ROW = 3, /* store_run_numbers() only */
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
	STORE_NEWEST,
	STORE_OLDER,
	STORE_COUNT_ALL,
	STORE_COUNT_SINCE,
	STORE_SPAN,
	STORE_COUNT_SPAN,
	STORE_NOTE_PEAK,
	STORE_TRIM_PEAKS,
	STORE_CLEAN_PEAKS,
	STORE_PEAKS,
	STORE_COUNT_PEAKS,
	STORE_PEAKS_SPAN,
	STORE_COUNT_PEAKS_SPAN,
	STORE_FIND_ACCOUNT,
	STORE_INSERT_ACCOUNT,
	STORE_RENEW_ACCOUNT,
	STORE_ACCOUNT_TEXT,
	STORE_LAST_ACCOUNT,
	STORE_ACCOUNTS_PIECE,
	STORE_CLEAN_ACCOUNTS,
	STORE_ADD_SUM,
	STORE_INSERT_SUM,
	STORE_COUNT_SUMS,
	STORE_CLEAN_SUMS,
	STORE_FIND_DAY,
	STORE_SUMS,
	STORE_SUMS_SPAN,
	STORE_FIND_NETWORK,
	STORE_USED_FROM,
	STORE_FIND_ALERT,
	STORE_INSERT_ALERT,
	STORE_LAST_ALERT,
	STORE_CLEAN_ALERTS,
	STORE_REMOVE_PLACES,
	STORE_PUT_PLACE,
	STORE_LOAD_PLACES,
	STORE_STATEMENTS
};

struct tally;
struct account_cache;

/* How many sums there are of a day and kind, so that they are counted once only. */
struct store_sums_count {
	uint32_t kind, day, n; /* day 0: nothing */
};
#define STORE_SUMS_COUNTS 64

#define STORE_LOG_KEY_MAX (LEDGER_LOG_PATH_MAX + 8)

struct store_watch {
	bool (*wanted)(void *userdata);
	void *userdata;
};

struct store {
	char path[LEDGER_PATH_MAX];
	/* What its places are found by: its name and its path. Set after store_init(); empty: the name. */
	char log_keys[MAIL_LOGS][STORE_LOG_KEY_MAX];
	sqlite3 *db; /* NULL: closed */
	sqlite3_stmt *statements[STORE_STATEMENTS];
	struct store_watch watch;
	struct account_cache *accounts; /* NULL: none yet, or no memory for it */
	struct store_sums_count sums[STORE_SUMS_COUNTS];
	unsigned next_sums_count; /* the one that makes room */
	struct tally *tally; /* what the SQL function tally() adds to */
	char error[STORE_ERROR_MAX]; /* escaped */
};

/* What a file held: arrays that the receiver walks in this order. */
struct ledger_load {
	struct ledger_entry *entries;
	struct prefix *ended;
	struct ledger_past *past;
	struct log_places places[MAIL_LOGS]; /* of those logs that were read */
	size_t n_entries, n_ended, n_past, n_places;
	size_t delivered; /* of all together */
};

/* What applies to facts at the moment; wall clock. */
struct store_rules {
	usec_t before; /* days that were over before it are not kept */
	usec_t now;
	uint32_t account_networks;
};

/* What became of a group of facts, besides sums. */
struct store_noted {
	uint32_t dropped, folded;
	unsigned n_alerts;
	struct ledger_account_alert alerts[STORE_ALERTS_MAX];
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

/* The larger of this and what is known of its day. */
int store_note_peak(struct store *store, const struct ledger_peak *peak) MUST_CHECK;
/* Leaves LEDGER_PEAKS_PER_DAY of one day and service. */
int store_trim_peaks(struct store *store, usec_t day, const char *service) MUST_CHECK;
/* Deletes at most `most` peaks of days that were over before `before`. */
int store_clean_peaks(struct store *store, usec_t before, unsigned most,
		      unsigned *ret_deleted) MUST_CHECK;

/* All of them, within a transaction; those of days that are not kept are nothing. */
int store_note_facts(struct store *store, const struct ledger_fact *facts, size_t n,
		     const struct store_rules *rules, struct store_noted *ret_noted) MUST_CHECK;
int store_put_places(struct store *store, const struct log_places *places) MUST_CHECK;
/* Deletes at most `most` sums of each kind, of days that were over before `before`; the largest number of
 * one kind. */
int store_clean_sums(struct store *store, usec_t before, unsigned most, unsigned *ret_deleted) MUST_CHECK;
int store_clean_alerts(struct store *store, usec_t before, unsigned most,
		       unsigned *ret_deleted) MUST_CHECK;
/* Looks at `most` accounts after *id, and deletes those without sums. *id: 0 is the beginning and the end. */
int store_clean_accounts(struct store *store, usec_t before, unsigned most, int64_t *id) MUST_CHECK;

/* From now on SQLite asks every now and then whether its work still is wanted: if not, it ends with
 * -ECANCELED. NULL: no more. */
void store_watch(struct store *store, bool (*wanted)(void *userdata), void *userdata);

/* Reads only. */
int store_load(struct store *store, usec_t now, usec_t forget_after,
	       struct ledger_load **ret_load) MUST_CHECK;
struct ledger_load *ledger_load_free(struct ledger_load *load);

/*
 * Reads only. Now and then it asks whether the answer still is wanted; if not: -ECANCELED. The arrays of
 * *ret_answer are the caller's.
 */
int store_ask(struct store *store, const struct ledger_query *query, usec_t now,
	      bool (*wanted)(void *userdata), void *userdata,
	      struct ledger_answer *ret_answer) MUST_CHECK;
void ledger_answer_done(struct ledger_answer *answer);

/* --- among these files --- */

/* What SQLite's answer means; fills store->error. */
int store_failed(struct store *store, int code);
int store_execute(struct store *store, const char *sql) MUST_CHECK;
int store_ask_number(struct store *store, const char *sql, int64_t *ret_value) MUST_CHECK;
int store_prepare(struct store *store) MUST_CHECK;

/* *ret_version: 0 if there is nothing in the file. */
int store_check_schema(struct store *store, int *ret_version) MUST_CHECK;
/* From that version to STORE_SCHEMA, all or nothing. */
int store_upgrade(struct store *store, int version) MUST_CHECK;

extern const char *const store_kind_words[LEDGER_KINDS];
extern const char *const store_end_words[LEDGER_ENDS];
const char *store_log_key(const struct store *store, enum mail_log log);

/*
 * Where a prefix stands among all others, by its bytes: family, address, length. So all that is inside
 * of one is one span.
 */
struct store_place {
	uint8_t bytes[18], n;
};
struct store_span {
	struct store_place first, last;
};
#define STORE_SPANS_MAX 129
struct store_place store_place(const struct prefix *prefix);
/* Of an address; false: these bytes are none. */
bool store_place_address(const uint8_t *bytes, size_t n, struct address *ret_address);
/* The /24 or /48 of an address: so many bytes of its place are the same. */
size_t store_place_network_bytes(const uint8_t *bytes);
/* All that is inside of a prefix. */
struct store_span store_span_inside(const struct prefix *prefix);
/* All that is inside of, or around a prefix: how many spans that is. */
unsigned store_spans(const struct prefix *prefix, struct store_span spans[static STORE_SPANS_MAX]);

/* Binds values in the order of the statement's parameters; remembers the first failure. */
struct store_binding {
	sqlite3_stmt *statement;
	int at, code;
};
struct store_binding store_bind(struct store *store, enum store_statement which);
void store_bind_number(struct store_binding *binding, uint64_t value);
/* All 64 bits, which the file shows as a signed number. */
void store_bind_bits(struct store_binding *binding, uint64_t value);
void store_bind_null(struct store_binding *binding);
void store_bind_text(struct store_binding *binding, const char *text);
void store_bind_source(struct store_binding *binding, const struct prefix *source);
void store_bind_place(struct store_binding *binding, const struct store_place *place);
/* Runs a statement that returns no row. */
int store_run(struct store *store, struct store_binding *binding) MUST_CHECK;
/* The first two columns of the first row; STORE_NO_ROW. second: may be NULL. */
int store_run_numbers(struct store *store, struct store_binding *binding, int64_t *ret_first,
		      int64_t *ret_second) MUST_CHECK;

/* Days as the logs have them: 20261122. */
uint32_t store_day_of(usec_t wall);
/* As the logs of this host say it. */
uint32_t store_local_day_of(usec_t wall);
uint32_t store_day_before(uint32_t day);
/* The first day that is kept. */
uint32_t store_first_day(usec_t before);

/* ledger_accounts.c. *ret_id: 0 for no account, and for an unknown one unless it is to be added. */
int store_account(struct store *store, const char *text, uint32_t day, bool add,
		  int64_t *ret_id) MUST_CHECK;
int store_account_text(struct store *store, int64_t id, char text[static ACCOUNT_TEXT_MAX]) MUST_CHECK;
void store_forget_accounts(struct store *store);

/* ledger_alerts.c */
/* A new sum: the first of this day from its network? */
int store_is_new_network(struct store *store, uint32_t day, int64_t account,
			 const struct address *address, bool *ret_new) MUST_CHECK;
/* Whether this use of the account is one too many, at fact->last. */
int store_judge_use(struct store *store, const struct ledger_fact *fact, int64_t account,
		    const struct store_rules *rules, struct store_noted *noted) MUST_CHECK;
/* Of the last one; 0: none. */
int store_last_alert(struct store *store, int64_t account, usec_t *ret_wall) MUST_CHECK;

/* ledger_query_sums.c */
int store_ask_sums(struct store *store, const struct ledger_query *query,
		   struct ledger_answer *ret_answer) MUST_CHECK;

/* What one row becomes; false: it is not one of ours, and is left out. */
typedef bool (*store_reader)(sqlite3_stmt *statement, usec_t now, void *item);
/* All rows of a statement into an array. */
int store_read_all(struct store *store, struct store_binding *binding, store_reader reader, usec_t now,
		   size_t item_bytes, void **ret_items, size_t *ret_n) MUST_CHECK;
/* The first STORE_ENTRY_WIDTH columns; as they are, whatever the clock says. */
#define STORE_ENTRY_WIDTH 14
bool store_read_entry(sqlite3_stmt *statement, struct ledger_entry *entry);
uint32_t store_column_count(sqlite3_stmt *statement, int column);
usec_t store_column_time(sqlite3_stmt *statement, int column);
const char *store_column_word(sqlite3_stmt *statement, int column);
void store_column_text(sqlite3_stmt *statement, int column, char *text, size_t size);
bool store_column_source(sqlite3_stmt *statement, int column, struct prefix *ret_source);
enum ptr_state store_column_ptr_state(sqlite3_stmt *statement, int column);
