/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard's insides, shared by its three files: guard.c (life, time, reading), guard_flows.c
 * (connections and the decision about a source), guard_bans.c (bans, operators, the never-list).
 */
#pragma once

#include "smtpguard/policy/guard.h"

#define PENDING_MAX 4096
#define KNOWN_SOURCES_MAX 16384
#define NO_SERVICE 0xff

/* What outlives a ban: how many there were, and an operator's pardon. */
struct known_source {
	struct ban_key key;
	usec_t grace_until;
	usec_t last_ban;
	uint32_t bans;
	uint32_t reserved;
};

struct guard {
	const struct guard_settings *settings;
	guard_sink sink;
	void *sink_userdata;
	struct flow_table *flows;
	struct source_table *sources;
	struct ban_table *bans;
	struct name_table *names;
	struct hash_table *known;
	struct prefix_set *local;
	uint8_t service_of_port[65536];
	struct hash_handle pending[PENDING_MAX]; /* sources that wait for reverse DNS */
	uint32_t n_pending;
	usec_t next_expiry;   /* not later than the first ban's end */
	usec_t next_housekeeping, next_retry;
	uint32_t reevaluate_cursor;
	bool first_sync_done, sweeping, reevaluating, in_doubt;
	struct guard_stats stats;
};

/* guard_flows.c */
/* After something was added to its counts, or became known of it. */
void guard_evaluate(struct guard *guard, struct source *source, usec_t now);
void guard_retry_pending(struct guard *guard, usec_t now);

/* guard_bans.c */
struct prefix guard_prefix_of(const struct guard *guard, const struct address *address);
/* The ban of the source if it is still in force; one that has just ended is expired on the way. */
struct ban *guard_live_ban(struct guard *guard, const struct prefix *prefix, usec_t now);
/* 0 or GUARD_BANS_FULL. */
int guard_put_ban(struct guard *guard, const struct prefix *prefix, const struct ban_reason *reason,
		  usec_t duration, usec_t now);
void guard_expire_bans(struct guard *guard, usec_t now);
void guard_decide(struct guard *guard, enum decision_type type, const struct prefix *prefix,
		  const struct ban *ban, const struct ban_reason *reason, const char *because,
		  usec_t now);
