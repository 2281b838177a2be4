/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must outlive the daemon and the host's uptime (SPEC 9): bans, operator blocks and allows, pardons,
 * and the history of all of them, in SQLite on a thread of its own. A slow, full, read-only or broken
 * disk never delays the caller: entries go into a bounded queue, trouble is a state that is reported,
 * and after trouble the store is brought up to date from a snapshot of the wanted state.
 *
 * All functions are called from the main thread; handlers run there too (through an eventfd in the event
 * loop). Times in entries are wall-clock microseconds since 1970 (clock_to_wall()).
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "smtpguard/base/address.h"
#include "smtpguard/base/clock.h"
#include "smtpguard/base/compiler.h"
#include "smtpguard/base/log_place.h"
#include "smtpguard/policy/mail_fact.h"
#include "smtpguard/policy/reason.h"

#define LEDGER_QUEUE_MAX 65536 /* entries waiting for the disk, about 0.5 KiB each */
#define LEDGER_PATH_MAX 224
#define LEDGER_LOG_PATH_MAX 256

enum ledger_kind {
	LEDGER_BAN,   /* a ban of one source: source, since, until, reason, earlier */
	LEDGER_BLOCK, /* an operator's ban of a prefix: source, since, until, reason.text */
	LEDGER_ALLOW, /* an operator's allow: source, since, until, reason.text as the comment */
	LEDGER_GRACE, /* an operator's pardon: source, since, until */
	LEDGER_KINDS
};

/* How an entry ended. */
enum ledger_end {
	LEDGER_NOT_ENDED,
	LEDGER_EXPIRED,
	LEDGER_LIFTED,	 /* by an operator */
	LEDGER_REPLACED, /* another one took its place: a longer ban, a worse offender */
	LEDGER_ENDS
};

struct ledger_entry {
	enum ledger_kind kind;
	struct prefix source;
	usec_t since, until; /* until USEC_NEVER: without end */
	uint32_t earlier;    /* LEDGER_BAN: bans before this one within forget_after */
	struct ban_reason reason;
};

/* The penalty ladder's memory: how often a source was banned by the limits, and when last. */
struct ledger_past {
	struct prefix source;
	uint32_t bans;
	usec_t last_ban; /* the end of the last one, which may still lie ahead */
};

/* An account is newly used from more than settings.account_networks networks within 24 hours. */
struct ledger_account_alert {
	char account[ACCOUNT_TEXT_MAX];
	uint32_t networks, addresses;
	usec_t last; /* wall clock: of its last authentication */
	struct address address; /* that one's */
};

struct ledger_handlers {
	/*
	 * An active entry of the file. They come before `loaded`; if the file could not be read at first,
	 * they come when it can, after `loaded`, and may name what is known already.
	 */
	void (*entry)(void *userdata, const struct ledger_entry *entry);
	/* A source whose last ban ended other than by running out (lifted, replaced): an element of it
	 * that an old saved ruleset brought back is not wanted. */
	void (*ended)(void *userdata, const struct prefix *source);
	/* A source with bans younger than forget_after; the active one counts. */
	void (*past)(void *userdata, const struct ledger_past *past);
	/* How far a mail log was read; not of logs that never were. They come with the entries, and facts
	 * are taken from then on. May be NULL. */
	void (*places)(void *userdata, const struct log_places *places);
	/* At most 64 of one group of facts; of others there is only what LEDGER_ACCOUNTS tells. May be NULL. */
	void (*account_alert)(void *userdata, const struct ledger_account_alert *alert);
	/* Loading is complete, or nothing could be read (see the state). Called once. */
	void (*loaded)(void *userdata);
	/* Entries were lost, or the file is new: the handler calls ledger_snapshot_begin(), ledger_begin()
	 * for everything wanted, and ledger_snapshot_end(). Never before what the file holds was given. */
	void (*snapshot_wanted)(void *userdata);
	/* The condition changed, or a file was moved aside; see ledger_stats(). For the journal. */
	void (*state_changed)(void *userdata);
	void *userdata;
};

struct ledger_settings {
	const char *path;    /* shorter than LEDGER_PATH_MAX */
	usec_t keep;	     /* how long ended entries stay, at least forget_after */
	usec_t forget_after; /* how far back `past` looks */
	/* Places are kept by path: a log that is moved and moved back goes on where it was. NULL: none. Copied,
	 * cut to LEDGER_LOG_PATH_MAX. */
	const char *log_paths[MAIL_LOGS];
	uint32_t account_networks; /* more of them within a day are an alert; 0: off */
};

enum ledger_state {
	LEDGER_LOADING,
	LEDGER_HEALTHY,
	LEDGER_STALLED,	 /* the disk has not answered for more than LEDGER_STALL_AFTER */
	LEDGER_FAILING,	 /* the last attempt failed: disk full, read-only, no permission ... */
	LEDGER_STATES
};

#define LEDGER_STALL_AFTER USEC_PER_SEC

/* "loading" "healthy" "stalled" "failing" */
const char *ledger_state_name(enum ledger_state state);

struct ledger_stats {
	enum ledger_state state;
	char error[160];	/* the last failure in words, while failing; else empty. Escaped */
	char moved_aside[256];	/* where the last corrupt file went; empty: there was none */
	uint64_t written, dropped, failures, snapshots; /* entries, entries, attempts, snapshots written */
	uint32_t queued;
	uint32_t facts_queued;
	uint64_t facts_dropped, facts_folded; /* folded: beyond LEDGER_FACTS_PER_DAY */
	usec_t last_write; /* clock_now() scale; 0: none */
	usec_t slowest_write;
};

struct ledger;

/*
 * Starts the thread, which opens or creates the file (mode 0600, WAL) and loads it. A corrupt file is
 * moved aside to PATH.corrupt-TIME and a new one begun; another program's database or one of a newer
 * version is left alone (failing). The file is locked: one daemon per file. Never fails because of the
 * disk. The path's directory must exist. Strings of settings and the handlers are copied; userdata is
 * borrowed. The thread has the capabilities of its caller. -ENAMETOOLONG, -ENOMEM, -EAGAIN.
 */
int ledger_open(struct ledger **ret_ledger, sd_event *event, const struct ledger_settings *settings,
		const struct ledger_handlers *handlers) MUST_CHECK;
/* Before the event loop runs: handles what the thread has to say until it is loaded, or patience is over
 * (false: it loads in the background, handlers come later). */
bool ledger_wait_loaded(struct ledger *ledger, usec_t patience);
/*
 * Gives the thread at most `patience` to write what is queued, then ends it; a disk that fails is tried
 * once. A thread that hangs in the disk is left behind and cleans up after itself. No handler is called;
 * questions that wait are replied to.
 */
struct ledger *ledger_close(struct ledger *ledger, usec_t patience);

/*
 * If there is an active entry of this kind and source it is changed, and keeps its `since` (wall clocks
 * drift against the caller's): what takes the place of another is begun after ledger_end(). An entry
 * whose `until` is over by the new `since` counts as expired.
 */
void ledger_begin(struct ledger *ledger, const struct ledger_entry *entry);
/* The active entry of this kind and source, if there is one, ended at `when`. */
void ledger_end(struct ledger *ledger, enum ledger_kind kind, const struct prefix *source,
		enum ledger_end end, usec_t when);

/* Between these two every ledger_begin() belongs to the snapshot: active entries of the file that are not
 * in it are ended as LEDGER_REPLACED. Its size is not bounded by LEDGER_QUEUE_MAX. */
void ledger_snapshot_begin(struct ledger *ledger);
void ledger_snapshot_end(struct ledger *ledger);

/* --- peaks: what sources reached, day by day, for suggest-limits --- */

/* Sources kept per day and service; the smallest go first, by the larger of the two numbers. */
#define LEDGER_PEAKS_PER_DAY 2000

struct ledger_peak {
	struct prefix source;
	char service[SERVICE_NAME_MAX];
	usec_t day;	     /* its beginning in UTC; in an answer the last one */
	uint32_t days;	     /* in an answer: on how many days the source was noted */
	uint32_t concurrent; /* most connections at once */
	uint32_t fresh;	     /* most handshakes within the service's window of `new` */
	enum ptr_state ptr_state;
	char name[PTR_NAME_TEXT_MAX]; /* escaped; may be empty */
};

/*
 * The larger of what is known of the day and this; its `days` is not looked at, any time of the day is
 * the day. At most half of LEDGER_QUEUE_MAX waits for the disk, so that peaks never cost an entry; what
 * is too much is counted as dropped.
 */
void ledger_note_peak(struct ledger *ledger, const struct ledger_peak *peak);

/* --- facts of the mail logs, summed up by day, kind, protocol, account and address --- */

/* Sums kept per day and kind; what does not fit is counted without account and address. */
#define LEDGER_FACTS_PER_DAY 262144
/* Facts that may wait for the disk. */
#define LEDGER_FACTS_QUEUE_MAX 65536

struct ledger_fact {
	enum mail_fact_kind kind;
	enum mail_protocol protocol;
	uint32_t day; /* in the log's own time: 20261122 */
	bool has_address; /* false: the line could be read in several ways */
	struct address address;
	char account[ACCOUNT_TEXT_MAX]; /* escaped; empty: none, or unknown */
	uint32_t count;
	usec_t first, last; /* wall clock */
};

/*
 * Adds the facts of one log to the sums, and remembers how far that log was read, in one transaction:
 * both or neither. Copied. false: without memory or room, or while the ledger is failing or not loaded, they
 * are not taken and counted as dropped, and the caller should come again with them. Entries never wait for more
 * than one such group.
 *
 * Facts of days that cannot be (not within 1970 to 2100) are dropped and counted, those of days older than
 * `keep` come to nothing. The file has whole seconds.
 */
bool ledger_note_facts(struct ledger *ledger, const struct ledger_fact *facts, size_t n,
		       const struct log_places *places) MUST_CHECK;
/* False: it is better to wait, the disk is busy with the facts it has. Always true for a ledger that is
 * failing: facts may be of use elsewhere. */
bool ledger_takes_facts(const struct ledger *ledger);

/* --- reading back --- */

#define LEDGER_ROWS_MAX 10000
#define LEDGER_QUESTIONS_MAX 16
#define LEDGER_QUESTION_PATIENCE (5 * USEC_PER_SEC)

struct ledger_record {
	struct ledger_entry entry;
	enum ledger_end end; /* LEDGER_NOT_ENDED: it is in force */
	usec_t ended;	     /* 0: it is in force */
};

enum ledger_subject {
	LEDGER_RECORDS,	      /* newest first */
	LEDGER_PEAKS,	      /* the highest `concurrent` first */
	LEDGER_AUTH_FAILURES, /* sums grouped by query.by, most failures first; by day alone: newest first */
	LEDGER_ACCOUNTS,      /* accounts with authentications, or of has_source all it tried; see there */
};

/* For LEDGER_AUTH_FAILURES: any of them together, at least one. */
enum ledger_by { LEDGER_BY_ACCOUNT = 1, LEDGER_BY_SOURCE = 2, LEDGER_BY_DAY = 4 };

struct ledger_query {
	enum ledger_subject subject;
	bool has_source;
	struct prefix source; /* entries of it, inside it, or around it */
	char service[SERVICE_NAME_MAX]; /* peaks only; empty: all */
	/* Records that were in force, peaks of days, sums that grew after it; 0: all there is. Sums are of whole
	 * days. */
	usec_t since;
	unsigned by;	       /* LEDGER_AUTH_FAILURES */
	bool has_account;
	char account[ACCOUNT_TEXT_MAX]; /* LEDGER_AUTH_FAILURES, LEDGER_ACCOUNTS: only this one; escaped */
	uint32_t min_networks; /* LEDGER_ACCOUNTS without has_source: used from at least so many */
	uint32_t limit;	      /* 1..LEDGER_ROWS_MAX */
};

#define LEDGER_ADDRESSES_SHOWN 16

struct ledger_account_address {
	struct address address;
	uint32_t messages, logins; /* SMTP; all others */
	usec_t first, last;
};

/*
 * One row of LEDGER_AUTH_FAILURES (what it is grouped by, failures, numbers of the rest, first, last) or
 * LEDGER_ACCOUNTS (account, all numbers; first and last of authentications, or of everything if there are
 * none; addresses unless has_source). Networks are /24 of IPv4, /48 of IPv6. Rows of LEDGER_ACCOUNTS: most
 * networks first, then most addresses; of has_source the latest first, and what is not about an account
 * (messages of strangers, protocol errors, refusals) in a row with an empty account.
 */
struct ledger_sum {
	char account[ACCOUNT_TEXT_MAX]; /* empty: none, or unknown */
	bool has_address;
	struct address address;
	uint32_t day;
	uint64_t failures, messages, logins; /* messages and logins: authenticated */
	uint64_t strangers, protocol_errors, refused; /* has_source: mail without authentication, .. */
	uint32_t accounts, addresses, networks; /* different ones; at least so many, beyond some 100 000 */
	usec_t first, last; /* wall clock */
	usec_t alerted;	    /* wall clock of the last account_alert; 0: none */
	struct ledger_account_address *shown; /* n_shown, most messages and logins first */
	uint32_t n_shown;
};

struct ledger_answer {
	int error; /* 0, or -errno: then nothing else is set */
	struct ledger_record *records;
	struct ledger_peak *peaks;
	struct ledger_sum *sums;
	uint32_t n;
	uint64_t total; /* rows that match, shown or not */
};

/* In the event loop, once. The answer is borrowed for the call. */
typedef void (*ledger_reply)(void *userdata, const struct ledger_answer *answer);

struct ledger_question;

/*
 * Answered by the ledger's thread between two batches; a question never delays an entry by more than one
 * read. -EAGAIN: the ledger is not healthy, there is nobody to answer now; -EBUSY: LEDGER_QUESTIONS_MAX
 * wait; -EINVAL: the limit; -ENOMEM.
 * There is always one reply, unless it is forgotten before. Its errors: -ETIMEDOUT after
 * LEDGER_QUESTION_PATIENCE, -ECANCELED from within ledger_close(), any other if the ledger has failed.
 * In a reply the ledger may be asked again. *ret_question is valid until the reply or
 * ledger_question_forget().
 */
int ledger_ask(struct ledger *ledger, const struct ledger_query *query, ledger_reply reply, void *userdata,
	       struct ledger_question **ret_question) MUST_CHECK;
/* The reply is not wanted any more: it will not come. NULL is fine. */
void ledger_question_forget(struct ledger_question *question);

/* A new configuration: takes effect with the next cleaning. */
void ledger_set_keep(struct ledger *ledger, usec_t keep, usec_t forget_after);
/* With the next facts. */
void ledger_set_account_networks(struct ledger *ledger, uint32_t networks);
void ledger_stats(const struct ledger *ledger, struct ledger_stats *ret_stats);
