/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is remembered of sources that failed to authenticate, or succeeded: failures in a sliding
 * window, the accounts they tried, until when a success spares them. Pure: no clock, no I/O.
 *
 * When it is full, the source that was not heard of for longest makes room, those in AUTH_LANE_OVER and
 * AUTH_LANE_HELD after all others. 288 bytes a source with links and index, and 4 bytes a failure from
 * a pool of two chunks of 15 failures for each source: when that is used up, sources make room too.
 */
#pragma once

#include "smtpguard/base/hash_table.h"
#include "smtpguard/policy/ban_table.h"
#include "smtpguard/policy/mail_fact.h"
#include "smtpguard/track/sliding_window.h"

#define AUTH_ACCOUNTS_SHOWN 8

enum auth_lane {
	AUTH_LANE_PLAIN,
	AUTH_LANE_OVER, /* the limit, and not banned: spared or only observed */
	AUTH_LANE_HELD, /* likewise, but its ban waits for room or for the breaker */
	AUTH_LANES
};

struct auth_source {
	struct ban_key key;
	struct sliding_window window; /* failures */
	uint32_t accounts[AUTH_ACCOUNTS_SHOWN]; /* hashes of different ones it failed with */
	uint8_t n_accounts;
	uint8_t lane;	     /* through auth_table_place() only */
	/* owned by the caller */
	uint8_t announced;
	uint8_t reserved;
	uint32_t failures, successes;
	struct address client; /* the last that failed: its name stands for the source */
	uint16_t local_port;   /* the last it failed at */
	usec_t last_failure, last_success, authenticated_until;
	char last_account[ACCOUNT_TEXT_MAX]; /* it failed with; escaped */
};

struct auth_table;

/* -ENOMEM */
int auth_table_new(struct auth_table **ret_table, uint32_t capacity,
		   const struct siphash_key *key) MUST_CHECK;
struct auth_table *auth_table_free(struct auth_table *table);

struct auth_source *auth_table_find(const struct auth_table *table, const struct prefix *prefix);
/* Finds or creates; the newest of its lane now. May evict another source. */
struct auth_source *auth_table_get(struct auth_table *table, const struct prefix *prefix);
void auth_table_remove(struct auth_table *table, struct auth_source *source);
void auth_table_place(struct auth_table *table, struct auth_source *source, enum auth_lane lane);
/* The one longest in its lane; NULL. */
struct auth_source *auth_table_oldest(const struct auth_table *table, enum auth_lane lane);

/* n failures now, of which as many as `keep` are remembered; see sliding_window_add(). May evict others. */
void auth_table_add_failures(struct auth_table *table, struct auth_source *source, uint32_t n,
			     uint16_t keep, usec_t now);
uint32_t auth_table_failures(struct auth_table *table, struct auth_source *source, usec_t now,
			     usec_t window);
void auth_table_clear_failures(struct auth_table *table, struct auth_source *source);
void auth_table_note_account(struct auth_table *table, struct auth_source *source,
			     const char *account);

struct auth_source *auth_table_walk(const struct auth_table *table, uint32_t *cursor);
uint32_t auth_table_count(const struct auth_table *table);
uint32_t auth_table_count_in(const struct auth_table *table, enum auth_lane lane);
uint64_t auth_table_evicted(const struct auth_table *table);

struct prefix auth_source_prefix(const struct auth_source *source);
/*
 * "user@example.com and 3 more", "user@example.com and at least 7 more": the account is cut, between two
 * characters, so that at most room (at least 24) bytes and the final NUL are written. Empty if none is
 * known. Returns text.
 */
const char *auth_source_accounts(const struct auth_source *source, char *text, size_t room);
