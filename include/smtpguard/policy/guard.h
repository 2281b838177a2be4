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

#include "smtpguard/policy/ban_table.h"
#include "smtpguard/policy/name_table.h"
#include "smtpguard/policy/settings.h"
#include "smtpguard/track/flow_table.h"
#include "smtpguard/track/source_table.h"

enum standing {
	STANDING_NORMAL,
	STANDING_OVER_LIMIT, /* over a limit but not banned: observe, doubt about the counts, table full */
	STANDING_RESOLVING,  /* over a limit, reverse DNS not known yet */
	STANDING_EXEMPT,     /* over a limit, spared: verified, or just unbanned by an operator */
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
	GUARD_OP_DECISION,    /* tell the world: journal, subscribers */
};

enum decision_type {
	DECISION_BAN,
	DECISION_UNBAN,
	DECISION_EXPIRE,
	DECISION_EXEMPT,  /* over a limit, spared: verified, allowed, unknown, unban grace */
	DECISION_OBSERVE, /* would have been banned */
	DECISIONS
};

/* "ban" "unban" "expire" "exempt" "observe" */
const char *decision_type_name(enum decision_type type);

struct guard_op {
	enum guard_op_type type;
	usec_t now;
	struct address address;	     /* GUARD_OP_RESOLVE */
	struct prefix prefix;	     /* all others */
	const struct ban *ban;	     /* ELEMENT_ADD; DECISION for ban, unban, expire. Borrowed for the call */
	enum decision_type decision; /* DECISION */
	const struct ban_reason *reason; /* DECISION. Borrowed for the call */
	const char *because;	     /* DECISION_EXEMPT: what spared it, a constant text */
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
void guard_resolver_gone(struct guard *guard);

/* --- bans --- */

enum {
	GUARD_NEVER_LISTED = 1, /* loopback, own address or allow list */
	GUARD_BANS_FULL = 2,
	GUARD_NOT_BANNED = 3,
	GUARD_OBSERVING = 4,	/* the whole program only observes: nothing was changed */
	GUARD_OTHER_PREFIX = 5, /* not a single source: shorter or longer than the configured prefix */
};

/* By an operator. text: the reason, escaped, may be empty. duration 0: the configured one. */
int guard_ban(struct guard *guard, const struct prefix *source, usec_t duration, const char *text,
	      usec_t now) MUST_CHECK;
/* Lifts the ban and spares the source for `grace` (0: the configured one). GUARD_NOT_BANNED: the grace
 * is given all the same. */
int guard_unban(struct guard *guard, const struct prefix *source, usec_t grace,
		usec_t now) MUST_CHECK;
/*
 * An element found in the kernel at start: the timeout it was made with and what remains of it
 * (USEC_NEVER: none). GUARD_NEVER_LISTED, GUARD_BANS_FULL: it should not be in the set.
 */
int guard_adopt(struct guard *guard, const struct prefix *source, usec_t timeout, usec_t remaining,
		const char *comment, usec_t now) MUST_CHECK;
/* What the kernel said of an element that was added. */
void guard_element_result(struct guard *guard, const struct prefix *source, bool enforced);

/* --- time --- */

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
	uint32_t flows, established, half_open, bans, graces, pending;
	bool in_doubt;
};
void guard_stats(const struct guard *guard, usec_t now, struct guard_stats *ret_stats);

const struct guard_settings *guard_settings(const struct guard *guard);
struct source_table *guard_sources(struct guard *guard);
const struct flow_table *guard_flows(const struct guard *guard);
const struct ban_table *guard_bans(const struct guard *guard);
struct name_table *guard_names(struct guard *guard);
enum standing guard_standing(const struct guard *guard, const struct source *source);

enum never_reason { NEVER_NOT, NEVER_LOOPBACK, NEVER_LOCAL, NEVER_ALLOWED };
/* "", "loopback", "own address", "allow list" */
const char *never_reason_name(enum never_reason reason);
/* *ret_match (may be NULL): the list's prefix for NEVER_ALLOWED. */
enum never_reason guard_never(const struct guard *guard, const struct prefix *source,
			      struct prefix *ret_match);
/* Until when an operator's unban spares the source; 0: not. */
usec_t guard_grace_until(const struct guard *guard, const struct prefix *source, usec_t now);
