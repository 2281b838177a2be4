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
#include "smtpguard/policy/reason.h"

#define LEDGER_QUEUE_MAX 65536 /* entries waiting for the disk, about 0.5 KiB each */
#define LEDGER_PATH_MAX 224

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
 * once. A thread that hangs in the disk is left behind and cleans up after itself. No handler is called.
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

/* A new configuration: takes effect with the next cleaning. */
void ledger_set_keep(struct ledger *ledger, usec_t keep, usec_t forget_after);
void ledger_stats(const struct ledger *ledger, struct ledger_stats *ret_stats);
