/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reverse-DNS knowledge of the daemon: a bounded cache with clamped times, deduplicated questions,
 * and the states of SPEC 5. Pure: it says what to ask, it never asks.
 *
 * A failed lookup leaves the state unknown. Three failed lookups over at least ten seconds, each with a
 * healthy resolver, make it unverifiable. When many addresses fail and none is answered, the resolver
 * is not healthy, whatever it says of itself.
 */
#pragma once

#include "smtpguard/base/siphash.h"
#include "smtpguard/policy/reverse_dns.h"
#include "smtpguard/policy/settings.h"

struct name_table;

int name_table_new(struct name_table **ret_table, const struct name_settings *settings,
		   const struct siphash_key *key) MUST_CHECK;
struct name_table *name_table_free(struct name_table *table);

/* What is known. *ret_names (PTR_NAMES_MAX) may be NULL; the texts are valid until the next call. */
enum ptr_state name_table_state(struct name_table *table, const struct address *address, usec_t now,
				const char **ret_names, unsigned *ret_n_names);

/* What its names resolved to; how many, at most PTR_ADDRESSES_MAX. Valid until the next call. */
unsigned name_table_addresses(const struct name_table *table, const struct address *address,
			      usec_t now, const struct address **ret_addresses);

/*
 * Whether the caller should ask for the address now; if so it counts as asked. False when the answer is
 * fresh, a question is under way, a retry is not due yet, or the bounds (in flight, cache) bite.
 * Urgent questions may use all of max_in_flight, others half.
 */
bool name_table_should_ask(struct name_table *table, const struct address *address, usec_t now,
			   bool urgent);
/* Whether an answer may still come. */
bool name_table_is_asking(const struct name_table *table, const struct address *address);
/* An answer, asked for or not (the latter is ignored: false). */
bool name_table_answer(struct name_table *table, const struct name_answer *answer, usec_t now);
/* Nothing that was asked will be answered (worker gone). */
void name_table_forget_questions(struct name_table *table);
/* When the next question ends without an answer: after three deadlines. USEC_NEVER: none is under way. */
usec_t name_table_next_expiry(const struct name_table *table);
/* Ends those. Returns how many. */
unsigned name_table_expire_questions(struct name_table *table, usec_t now);
/*
 * When the address may be asked urgently: after now if it failed lately. USEC_NEVER: it was never asked,
 * is being asked about, or its answer is fresh.
 */
usec_t name_table_retry_at(struct name_table *table, const struct address *address, usec_t now);

struct name_table_stats {
	uint32_t entries, in_flight;
	uint64_t asked, answered, failed, cache_hits;
	uint64_t refused_in_flight; /* questions not asked because too many were under way */
	uint64_t evicted;
	uint64_t states[PTR_STATES]; /* answers by the state they led to */
	bool healthy;
};
void name_table_stats(const struct name_table *table, struct name_table_stats *ret_stats);
