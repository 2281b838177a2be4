/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is counted per source and service (SPEC 4). A source is a prefix; one entry exists per source
 * and service it talks to. Pure: no clock, no I/O.
 *
 * When the table is full the least interesting entry goes: without connections first, then the one with
 * the fewest (exact up to 15), oldest use first; never one that is protected. An evicted entry's flows
 * are stale handles to their owner: the next event or dump line of such a flow counts it again.
 * 128 bytes an entry with links and index, 64 more while it has stamps in its window.
 */
#pragma once

#include "smtpguard/base/address.h"
#include "smtpguard/base/clock.h"
#include "smtpguard/base/hash_table.h"
#include "smtpguard/track/sliding_window.h"

enum {
	SOURCE_TABLE_FULL = 1, /* every entry is protected */
};

/* Hashed as bytes: reserved must be 0. */
struct source_key {
	struct address address; /* of the prefix */
	uint8_t length;		/* of the prefix */
	uint8_t service;
	uint8_t reserved[2];
};

struct source {
	struct source_key key;
	uint32_t concurrent, half_open, peak; /* peak: of concurrent, since the entry exists */
	struct sliding_window window;	      /* completed handshakes */
	/* Owned by the caller: the address whose name stands for the source (a prefix has many). */
	struct address name_client;
	uint32_t day_concurrent; /* the most at once of its day */
	usec_t last_change;
	usec_t waiting_since; /* owned by the caller */
	uint8_t standing;     /* owned by the caller */
	uint8_t announced;    /* owned by the caller */
	uint8_t is_pending;   /* owned by the caller */
	uint8_t is_protected; /* through source_table_protect() only */
	uint8_t day;	      /* as source_table_day() when its day began */
	uint8_t day_changed;  /* the day's numbers grew since source_table_peaks_told() */
	uint16_t day_new;     /* the most handshakes in one window that ended in its day */
};

struct source_table;

/* The window pool has capacity chunks: one for every entry. */
int source_table_new(struct source_table **ret_table, uint32_t capacity,
		     const struct siphash_key *key) MUST_CHECK;
struct source_table *source_table_free(struct source_table *table);

struct source *source_table_find(const struct source_table *table, const struct prefix *prefix,
				 uint8_t service);
/* Finds or creates. 0 or SOURCE_TABLE_FULL. May evict another entry. */
int source_table_get(struct source_table *table, const struct prefix *prefix, uint8_t service,
		     struct source **ret_source) MUST_CHECK;

/* The counts change by -1, 0 or +1 (never below 0); becomes the newest of its kind. */
void source_table_count(struct source_table *table, struct source *source, int concurrent,
			int half_open, usec_t now);
/* A completed handshake; see sliding_window_add() for keep. Counted when the pool is full. */
void source_table_handshake(struct source_table *table, struct source *source, usec_t now,
			    uint16_t keep);
uint32_t source_table_new_count(struct source_table *table, struct source *source, usec_t now,
				usec_t length);

/*
 * The largest numbers of a day: source->day_concurrent and source->day_new. After
 * source_table_begin_day() an entry's numbers are still those of the day before (its .day is not
 * source_table_day()) until source_table_peaks_told() begins its new day with what it has now.
 */
void source_table_begin_day(struct source_table *table);
uint8_t source_table_day(const struct source_table *table);
/* A window of the entry held so many handshakes. */
void source_table_note_new(struct source *source, uint32_t count);
void source_table_peaks_told(const struct source_table *table, struct source *source);
/* Told of every entry that is about to leave the table, but not by source_table_free(). NULL: nobody. */
void source_table_on_leave(struct source_table *table,
			   void (*leaves)(void *userdata, const struct source *source),
			   void *userdata);
/* What an entry remembers besides its connections (peaks, window, the caller's fields) goes over to an
 * entry of another table. */
void source_table_carry(const struct source_table *from_table, const struct source *from,
			struct source_table *to_table, struct source *to);
/* The counters of what happened so far and the day, for a table that takes another's place. */
void source_table_carry_stats(const struct source_table *from_table, struct source_table *to_table);
/* Protected entries are never evicted. */
void source_table_protect(struct source_table *table, struct source *source, bool protect);

/*
 * Removes up to budget entries without connections and protection that last changed before `before`.
 * Returns how many.
 */
unsigned source_table_forget_idle(struct source_table *table, usec_t before, unsigned budget);

struct prefix source_prefix(const struct source *source);
struct source *source_table_walk(const struct source_table *table, uint32_t *cursor);
struct hash_handle source_table_handle(const struct source_table *table,
				       const struct source *source);
struct source *source_table_at(const struct source_table *table, struct hash_handle handle);

struct source_table_stats {
	uint32_t entries, capacity;
	uint64_t evicted;	   /* entries that made room */
	uint64_t evicted_counting; /* of those: had connections, so counts were lost for a while */
	uint64_t refused;	   /* SOURCE_TABLE_FULL */
	uint64_t windows_full;	   /* handshakes not recorded */
};
void source_table_stats(const struct source_table *table, struct source_table_stats *ret_stats);
