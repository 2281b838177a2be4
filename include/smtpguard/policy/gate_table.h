/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the gate knows: sources that are being asked about, with the packets that wait for the answer, and
 * sources that were judged, until that is forgotten. Bounded both ways: 108 bytes a source with links and
 * index, and 48 a packet. Pure.
 */
#pragma once

#include "smtpguard/policy/ban_table.h"
#include "smtpguard/policy/reverse_dns.h"

#define GATE_SOURCES_MAX 65536 /* the size of the kernel's sets refused4 to passed6, each */

enum {
	GATE_TABLE_FULL = 1,
};

enum gate_outcome {
	GATE_ASKING,	   /* packets may be held for it */
	GATE_REFUSED,	   /* no name, or none that leads back: in the kernel's set `refused` */
	GATE_PASSED,	   /* let through without a verified name: in the kernel's set `passed` */
	GATE_WOULD_REFUSE, /* the service observes: noted, nothing else */
	GATE_OUTCOMES
};

/* "held" "refused" "passed" "would-refuse" */
const char *gate_outcome_name(enum gate_outcome outcome);

struct gate_source {
	struct ban_key key;
	struct address client; /* whose name is asked for; stands for the prefix */
	usec_t since;	       /* of the outcome */
	usec_t until;	       /* when a judgement is forgotten; not of GATE_ASKING */
	uint32_t packets;      /* SYNs of it that came to the gate, since the entry was made */
	uint32_t first_held, last_held, n_held; /* gate_table.c's */
	uint8_t outcome, service; /* the service of the first packet; or one that refuses the source */
	uint8_t state;		  /* enum ptr_state it was judged by */
	bool also_passed;	  /* GATE_REFUSED, and let through where any PTR suffices */
};

struct held_packet {
	uint32_t id;
	uint8_t service;
	usec_t since;
};

struct gate_table;

int gate_table_new(struct gate_table **ret_table, uint32_t max_held,
		   const struct siphash_key *key) MUST_CHECK;
struct gate_table *gate_table_free(struct gate_table *table);

struct gate_source *gate_table_find(const struct gate_table *table, const struct prefix *prefix);
/*
 * A new entry, GATE_ASKING, zeroed behind its key; it must not be there yet. When the table is full the
 * judged source that was judged first makes room (of several of one moment any): *ret_evicted is a copy
 * of it, and a zeroed one if nobody had to go. GATE_TABLE_FULL: every entry waits for an answer.
 */
int gate_table_put(struct gate_table *table, const struct prefix *prefix,
		   struct gate_source **ret_source, struct gate_source *ret_evicted) MUST_CHECK;
/* Sets outcome and since, which tells who makes room first. Not GATE_ASKING. */
void gate_table_judge(struct gate_table *table, struct gate_source *source,
		      enum gate_outcome outcome, usec_t now);
/* Nothing may be held for it. */
void gate_table_remove(struct gate_table *table, struct gate_source *source);

/* Whether max_held packets wait. */
bool gate_table_is_full(const struct gate_table *table);
/* GATE_TABLE_FULL. */
int gate_table_hold(struct gate_table *table, struct gate_source *source,
		    const struct held_packet *packet) MUST_CHECK;
/* The packet of the source that waits longest, which does not wait any more; false: none does. */
bool gate_table_release(struct gate_table *table, struct gate_source *source,
			struct held_packet *ret_packet);
/* The source whose packet waits longest of all, or NULL; *ret_since: since when. */
struct gate_source *gate_table_longest_held(const struct gate_table *table, usec_t *ret_since);
/* Forgets all held packets, and the sources they waited for: there is nobody left to give verdicts to. */
void gate_table_forget_held(struct gate_table *table);

/* The source that has had this outcome for longest, or NULL. */
struct gate_source *gate_table_oldest(const struct gate_table *table, enum gate_outcome outcome);
/* The one that got this outcome next, or NULL. */
struct gate_source *gate_table_next(const struct gate_table *table, const struct gate_source *source);
uint32_t gate_table_count(const struct gate_table *table);
struct gate_source *gate_table_walk(const struct gate_table *table, uint32_t *cursor);
struct prefix gate_source_prefix(const struct gate_source *source);

struct gate_table_stats {
	uint32_t held, held_peak, max_held;
	uint32_t sources[GATE_OUTCOMES];
	uint64_t evicted;
};
void gate_table_stats(const struct gate_table *table, struct gate_table_stats *ret_stats);
