/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The core: events in, ops out. Everything that enters is a call with a plain struct and the time,
 * everything that leaves is a struct guard_op handed to the sink. In between there is no file
 * descriptor, no clock, no allocation after guard_new() (address and allow lists apart) and no logging;
 * so a recorded list of events replays to the same list of ops (tests/replay).
 *
 * Single thread. The sink must not call back into the guard.
 */
#pragma once

#include "smtpguard/policy/auth_table.h"
#include "smtpguard/policy/ban_table.h"
#include "smtpguard/policy/gate_table.h"
#include "smtpguard/policy/mail_fact.h"
#include "smtpguard/policy/name_table.h"
#include "smtpguard/policy/operator_list.h"
#include "smtpguard/policy/settings.h"
#include "smtpguard/track/connection_memory.h"
#include "smtpguard/track/flow_table.h"
#include "smtpguard/track/source_table.h"

enum standing {
	STANDING_NORMAL,
	STANDING_OVER_LIMIT, /* over a limit but not banned: observe, doubt about the counts, a breaker */
	STANDING_RESOLVING,  /* over a limit, reverse DNS not known yet */
	STANDING_EXEMPT,     /* over a limit, spared: verified, authenticated, or just unbanned by an operator */
	STANDING_ALLOWED,    /* on the never-list */
	STANDING_BANNED,
	STANDINGS
};

/* "normal" "over-limit" "resolving" "exempt" "allowed" "banned" */
const char *standing_name(enum standing standing);

enum guard_op_type {
	GUARD_OP_RESOLVE,     /* ask for .address */
	GUARD_OP_ELEMENT_ADD, /* .ban enters its set (or gets a new timeout) */
	GUARD_OP_ELEMENT_DELETE, /* .prefix leaves its set; it may be gone already */
	GUARD_OP_TRUST,	      /* .prefix passes the ceilings until .until */
	GUARD_OP_CLOSE,	      /* end the live connections of .prefix */
	GUARD_OP_LIST,	      /* .list changed: its kernel set is to be written anew */
	GUARD_OP_RECORD,      /* for the ledger: .record says what */
	GUARD_OP_DECISION,    /* tell the world: journal, subscribers */
	GUARD_OP_VERDICT,     /* .verdict on .packet. Elements of the same turn are written before it */
	GUARD_OP_GATE_ADD,    /* .prefix enters .gate_set (or gets a new timeout) until .until */
	GUARD_OP_GATE_DELETE, /* .prefix leaves .gate_set; it may be gone already */
	GUARD_OP_PEAK,	      /* for the ledger: .peak of .prefix, the largest of its day so far */
};

enum guard_verdict {
	GUARD_VERDICT_ACCEPT,
	GUARD_VERDICT_DROP,
	/* Through the ruleset again: the source is in a set of the gate now, so it gets a reset, or is counted
	 * by the ceiling and passes. */
	GUARD_VERDICT_REPEAT,
};

enum gate_set { GATE_SET_REFUSED, GATE_SET_PASSED };

enum guard_list { GUARD_LIST_BLOCKED, GUARD_LIST_ALLOWED, GUARD_LISTS };

/* "blocked" "allowed" */
const char *guard_list_name(enum guard_list list);

enum guard_record {
	RECORD_BAN,	  /* .ban begins or changed */
	RECORD_BAN_END,	  /* .prefix, .end */
	RECORD_LISTED,	  /* .list, .entry */
	RECORD_LISTED_END, /* .list, .prefix, .end */
	RECORD_GRACE,	  /* .prefix, .until */
};

enum guard_end { GUARD_END_EXPIRED, GUARD_END_LIFTED, GUARD_END_REPLACED };

enum decision_type {
	DECISION_BAN,
	DECISION_UNBAN,
	DECISION_EXPIRE,
	DECISION_EXEMPT,  /* over a limit, spared: verified, allowed, unknown, unban grace */
	DECISION_OBSERVE, /* would have been banned or refused */
	DECISION_REFUSE,  /* the gate refuses the source */
	DECISIONS
};

/* "ban" "unban" "expire" "exempt" "observe" "refuse" */
const char *decision_type_name(enum decision_type type);

struct guard_peak {
	usec_t day; /* as given to guard_begin_day() */
	const char *service;
	uint32_t concurrent, fresh; /* fresh: handshakes within the service's window of `new` */
	enum ptr_state ptr_state;
	const char *name; /* its first name, escaped; may be empty */
};

struct guard_op {
	enum guard_op_type type;
	usec_t now;
	struct address address;	     /* GUARD_OP_RESOLVE */
	struct prefix prefix;	     /* all others */
	/* ELEMENT_ADD; DECISION for ban, unban, expire, NULL if it is about a block or a refusal. Borrowed. */
	const struct ban *ban;
	enum decision_type decision; /* DECISION */
	const struct ban_reason *reason; /* DECISION, GATE_ADD to refused. Borrowed for the call */
	const char *because;	     /* what spared the source, or ended its ban; a constant text or NULL */
	/* TRUST, RECORD_GRACE, GATE_ADD; DECISION about a ban, block or refusal: its end, else 0 */
	usec_t until;
	uint32_t packet; /* VERDICT */
	enum guard_verdict verdict;
	enum gate_set gate_set; /* GATE_.. */
	enum guard_list list;	     /* LIST, RECORD_LISTED.. */
	enum guard_record record;    /* RECORD */
	enum guard_end end;	     /* RECORD_BAN_END, RECORD_LISTED_END */
	const struct operator_entry *entry; /* RECORD_LISTED. Borrowed for the call */
	const struct guard_peak *peak; /* PEAK. Borrowed for the call */
};

typedef void (*guard_sink)(void *userdata, const struct guard_op *op);

struct guard;

/* settings and what it points to are borrowed until guard_free(). -ENOMEM. */
int guard_new(struct guard **ret_guard, const struct guard_settings *settings,
	      const struct siphash_key *key, guard_sink sink, void *userdata) MUST_CHECK;
struct guard *guard_free(struct guard *guard);

/* --- connections --- */

void guard_flow_event(struct guard *guard, const struct ct_event *event, usec_t now);
/* Events were lost: until the next complete sync nobody is banned for `concurrent` (SPEC: doubt). */
void guard_events_lost(struct guard *guard);
/* A dump begins; its lines; its end. flow_table.h says how it meets events. */
void guard_sync_begin(struct guard *guard);
void guard_sync_line(struct guard *guard, const struct ct_event *event, usec_t now);
/* Call until it returns true; each call does a bounded piece of the sweep. lost: an overrun happened
 * since the beginning, so doubt remains. */
bool guard_sync_end(struct guard *guard, bool lost, usec_t now);

/* This host's addresses, as the kernel announces them. -ENOMEM. */
int guard_local_address(struct guard *guard, const struct address *address, bool present,
			usec_t now) MUST_CHECK;

/* --- reverse DNS --- */

void guard_name_answer(struct guard *guard, const struct name_answer *answer, usec_t now);
/* Packets that wait in vain now are released by the next guard_tick(), which is due at once. */
void guard_resolver_gone(struct guard *guard);

/* --- the gate --- */

/*
 * The first packet of a connection waits in the kernel (SPEC 7): every one of them gets exactly one
 * GUARD_OP_VERDICT, at the latest in the guard_tick() after gate.hold. Doubt accepts.
 */
struct gate_packet {
	uint32_t id;
	struct address client;
	uint16_t local_port;
};
void guard_gate_packet(struct guard *guard, const struct gate_packet *packet, usec_t now);
/* Accepts all packets that wait; of their sources nothing is remembered. */
void guard_gate_release(struct guard *guard, usec_t now);
/* The packets that wait are lost: the queue is gone. */
void guard_gate_closed(struct guard *guard);
const struct gate_table *guard_gate(const struct guard *guard);
/* What the gate knows of a source, unless it is forgotten at now; or NULL. */
const struct gate_source *guard_gate_source(const struct guard *guard, const struct prefix *source,
					    usec_t now);

struct gate_stats {
	uint64_t packets;
	uint64_t joined;	  /* of those: of a source that was being asked about already */
	/* how they ended, each packet in one of these */
	uint64_t accepted_verified, accepted_ptr;
	uint64_t accepted_unknown; /* no answer within hold, or none that settles anything */
	uint64_t accepted_full;	   /* max_held, or too many sources or questions at once: not asked */
	uint64_t accepted_exempt;  /* never-listed, spared, or not a gated service's (any more) */
	uint64_t refused, dropped; /* dropped: late ones of refused sources, and of banned ones */
	uint64_t timed_out;	   /* of accepted_unknown: those that waited for all of hold */
	usec_t longest_hold;
	uint64_t refused_sources, observed_sources; /* decisions */
	struct gate_table_stats table;
};
void guard_gate_stats(const struct guard *guard, struct gate_stats *ret_stats);

/* --- mail logs --- */

/*
 * With settings.mail.enabled the guard remembers connections (131072 entries of connection_memory.h, at most
 * 10 MB) and sources that authenticated or failed to (32768 entries of auth_table.h, at most 14 MB).
 */

/* Whose a fact is. */
enum mail_match {
	MAIL_MATCH_TRACKED,   /* a connection of ours: it counts for and against the source */
	MAIL_MATCH_UNTRACKED, /* it informs, and changes nobody's standing */
	MAIL_MATCH_AMBIGUOUS, /* several readings, and none of them is sure: nobody's */
};

/*
 * What a line of a mail log says. The fact counts only when exactly one of its readings is a connection
 * that is, or was within MAIL_RECENT, one of ours: by address and port; a line without the port by its address
 * and a guarded port of its protocol, if it has no other reading. While recent lines with several readings
 * come of which none is ours, somebody writes them through a port that is not guarded and could hit
 * another one's connection by chance: for MAIL_RECENT those with several readings are nobody's.
 *
 * *ret_reading: which one, for TRACKED and UNTRACKED. settings.mail.enabled must be set.
 */
enum mail_match guard_mail_fact(struct guard *guard, const struct mail_fact *fact, usec_t now,
				unsigned *ret_reading);

/* What is remembered of a source whose authentications were tracked; for reports. */
struct auth_summary {
	uint32_t failures_in_window, failures, successes; /* the latter two since it is remembered */
	uint32_t accounts;	   /* different ones it failed with; from AUTH_ACCOUNTS_SHOWN on: at least */
	char last_account[ACCOUNT_TEXT_MAX]; /* it failed with; escaped */
	usec_t last_failure, last_success;   /* 0: none */
	usec_t authenticated_until;	     /* spared until then; 0: not */
};
/* false: nothing is known of it. */
bool guard_auth_summary(struct guard *guard, const struct prefix *source, usec_t now,
			struct auth_summary *ret_summary);

struct mail_stats {
	uint64_t facts[MAIL_FACT_KINDS]; /* lines, attempts counted singly */
	uint64_t tracked, untracked, ambiguous; /* of the recent ones */
	uint64_t old;		/* the others */
	uint64_t spared;	/* sources over a limit that were spared because they had authenticated */
	/* Recent failed authentications that were nobody's: a true line has one reading, so they are forged. */
	uint64_t forged;
	usec_t last_forged; /* 0: none */
	usec_t distrusted_until; /* lines with several readings are nobody's until then; 0: they are read */
	uint32_t sources, authenticated; /* remembered; of those: spared now */
	uint64_t sources_evicted;
	struct connection_memory_stats connections;
};
/* All zero without settings.mail.enabled. */
void guard_mail_stats(const struct guard *guard, usec_t now, struct mail_stats *ret_stats);

/* --- bans --- */

enum {
	GUARD_NEVER_LISTED = 1, /* loopback, own address or allow list */
	GUARD_BANS_FULL = 2,
	GUARD_NOT_BANNED = 3,
	GUARD_OBSERVING = 4,	/* the whole program only observes: nothing was changed */
	GUARD_COVERED = 5,	/* *ret_conflict contains the prefix */
	GUARD_OVERLAPS = 6,	/* *ret_conflict is a narrower entry that lasts longer */
	GUARD_LIST_FULL = 7,
	GUARD_NOT_LISTED = 8,
};

/*
 * By an operator. text: the reason, escaped, may be empty. duration 0: the configured one; USEC_NEVER:
 * without end. A single source is banned like any other; another prefix (shorter or longer than the
 * sources') enters the blocked list. NEVER_LISTED, BANS_FULL, OBSERVING, COVERED, OVERLAPS, LIST_FULL.
 */
int guard_ban(struct guard *guard, const struct prefix *prefix, usec_t duration, const char *text,
	      usec_t now, struct prefix *ret_conflict) MUST_CHECK;
/*
 * Lifts ban and refusal of a single source, or every ban, block and refusal inside a wider prefix, and
 * spares a single source for `grace` (0: the configured one). *ret_lifted: how many. GUARD_NOT_BANNED:
 * there was none (the grace is given all the same). GUARD_COVERED: the prefix is inside a block,
 * *ret_conflict.
 */
int guard_unban(struct guard *guard, const struct prefix *prefix, usec_t grace, usec_t now,
		unsigned *ret_lifted, struct prefix *ret_conflict) MUST_CHECK;
/* Lifts every ban, block and refusal, without grace. Returns how many. */
unsigned guard_flush(struct guard *guard, usec_t now);

/*
 * Never banned from now on (duration 0: without end): lifts bans, blocks and refusals inside the prefix;
 * *ret_lifted of them. COVERED, OVERLAPS, LIST_FULL.
 */
int guard_allow(struct guard *guard, const struct prefix *prefix, usec_t duration, const char *text,
		usec_t now, unsigned *ret_lifted, struct prefix *ret_conflict) MUST_CHECK;
/* Exactly this prefix of the operator's list. GUARD_NOT_LISTED. */
int guard_disallow(struct guard *guard, const struct prefix *prefix, usec_t now) MUST_CHECK;
const struct operator_list *guard_list(const struct guard *guard, enum guard_list list);

/* --- what outlived the daemon --- */

/* From the ledger, before the kernel's elements are adopted: emits nothing. A ban that is known already
 * takes these times. BANS_FULL, NEVER_LISTED: not restored. */
int guard_restore_ban(struct guard *guard, const struct prefix *source, usec_t since, usec_t expires,
		      const struct ban_reason *reason, uint32_t earlier, usec_t now) MUST_CHECK;
/* COVERED, OVERLAPS, LIST_FULL. */
int guard_restore_entry(struct guard *guard, enum guard_list list,
			const struct operator_entry *entry) MUST_CHECK;
void guard_restore_grace(struct guard *guard, const struct prefix *source, usec_t until);
/* How many bans climbed the ladder, and when the last one ends or ended. */
void guard_restore_past(struct guard *guard, const struct prefix *source, uint32_t bans,
			usec_t last_ban);
/*
 * An element found in the kernel at start: the timeout it was made with and what remains of it
 * (USEC_NEVER: none). GUARD_NEVER_LISTED, GUARD_BANS_FULL: it should not be in the set.
 */
int guard_adopt(struct guard *guard, const struct prefix *source, usec_t timeout, usec_t remaining,
		const char *comment, usec_t now) MUST_CHECK;
/* Calls visit for every source that passes the ceilings at now. */
void guard_trusted(const struct guard *guard, usec_t now,
		   void (*visit)(void *userdata, const struct prefix *source, usec_t until),
		   void *userdata);

/* The same for every source that an operator's unban spares at now. */
void guard_graces(const struct guard *guard, usec_t now,
		  void (*visit)(void *userdata, const struct prefix *source, usec_t until),
		  void *userdata);

/* --- the kernel's sets --- */

/* Why bans cannot be, or are not to be, enforced now: sources are judged as under observe. NULL: they can.
 * The text is borrowed. */
void guard_set_unenforceable(struct guard *guard, const char *why);

/*
 * An audit compares the sets' elements with the bans: elements nobody wants are deleted, missing ones and
 * ones with another end (by more than 2 s) are written again. complete: every element was seen.
 */
void guard_audit_begin(struct guard *guard, usec_t now);
void guard_audit_element(struct guard *guard, const struct prefix *source, usec_t remaining,
			 usec_t now);
void guard_audit_end(struct guard *guard, bool complete, usec_t now);

/* What the kernel said of an element that was added. */
void guard_element_result(struct guard *guard, const struct prefix *source, bool enforced);

/* --- time --- */

/*
 * New settings (ports, limits, services, times): counts, windows and bans stay. The sources' prefixes and
 * the sizes of tables must be as before. -ENOMEM: nothing was changed. The old settings are not used any
 * more when this returns 0; connections to new ports come with the next dump.
 */
int guard_reload(struct guard *guard, const struct guard_settings *settings, usec_t now) MUST_CHECK;

/*
 * Settings that differ from those in force by .allowed only, its members included: sources are judged by
 * the new list at once, everything else stays. The kernel's set is to be written anew (GUARD_OP_LIST).
 */
void guard_reload_allowed(struct guard *guard, const struct guard_settings *settings, usec_t now);

/*
 * A day of the wall clock begins; day is the caller's name for it, handed back in guard_peak. What sources
 * reached is told every five minutes and when they are forgotten, if it grew and is at least 2
 * connections or 2 handshakes.
 */
void guard_begin_day(struct guard *guard, usec_t day, usec_t now);
/* All that was not told yet, at the end. */
void guard_tell_peaks(struct guard *guard, usec_t now);

/* The next moment guard_tick() has something to do; USEC_NEVER when idle. */
usec_t guard_next_tick(const struct guard *guard);
void guard_tick(struct guard *guard, usec_t now);

/* --- reading, for reports --- */

struct guard_stats {
	uint64_t flow_events;	  /* about guarded ports */
	uint64_t not_inbound;	  /* of those: connections this host opened, or forwarded ones */
	uint64_t flows_full;	  /* connections that could not be tracked */
	uint64_t flows_evicted;	  /* half-open ones that made room */
	uint64_t syncs, drift_added, drift_changed, drift_removed; /* found by dumps, the first excluded */
	uint64_t decisions[DECISIONS];
	uint64_t bans_full;	  /* bans that did not fit in max_bans */
	uint64_t elements_refused; /* the kernel did not take the element */
	uint64_t bans_replaced;	  /* gave way to worse offenders */
	uint64_t bans_held_back;  /* over max_per_minute */
	uint64_t audit_added, audit_deleted; /* drift found and repaired in the sets */
	const char *unenforceable; /* as set; NULL: bans are enforced */
	bool breaker_open;	  /* max_per_minute was reached within the last minute */
	uint32_t trusted;
	uint32_t flows, established, half_open, bans, graces, pending;
	bool in_doubt;
};
void guard_stats(struct guard *guard, usec_t now, struct guard_stats *ret_stats);

const struct guard_settings *guard_settings(const struct guard *guard);
struct source_table *guard_sources(struct guard *guard);
const struct ban_table *guard_bans(const struct guard *guard);
struct name_table *guard_names(struct guard *guard);
enum standing guard_standing(const struct guard *guard, const struct source *source);

enum never_reason { NEVER_NOT, NEVER_LOOPBACK, NEVER_LOCAL, NEVER_ALLOWED };
/* "", "loopback", "own address", "allow list" */
const char *never_reason_name(enum never_reason reason);
/* *ret_match (may be NULL): the list's prefix for NEVER_ALLOWED. */
enum never_reason guard_never(const struct guard *guard, const struct prefix *source,
			      struct prefix *ret_match);
/* Where a source stands on the penalty ladder. */
struct ladder_position {
	uint32_t bans;	     /* that count, the one in force included; 0: it starts anew */
	usec_t last_ban_end; /* may lie ahead, or before the boot (modulo 2^64); 0: none */
	usec_t next_ban;     /* how long one by the limits would last if it came now */
	usec_t forgotten;    /* when the bans do not count any more; 0: none do */
};
void guard_ladder(const struct guard *guard, const struct prefix *source, usec_t now,
		  struct ladder_position *ret_position);

/* Until when an operator's unban spares the source; 0: not. */
usec_t guard_grace_until(const struct guard *guard, const struct prefix *source, usec_t now);
