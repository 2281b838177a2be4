// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/policy/name_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/hash_table.h"

/* the worker answers within two */
#define PATIENCE_DEADLINES 3
#define RETRY_URGENT (5 * USEC_PER_SEC)
#define UNVERIFIABLE_FAILURES 3
#define UNVERIFIABLE_SPAN (10 * USEC_PER_SEC)
/* More addresses than this failing in a row without a single answer: it is us, not them. */
#define FAILING_ADDRESSES_HEALTHY 8
#define NAMES_BYTES PTR_NAME_TEXT_MAX

enum lane { LANE_KNOWN, LANE_ASKED, N_LANES };

struct entry {
	struct address address;
	usec_t expires; /* of the state; 0: nothing known */
	usec_t asked_at, failed_at, first_failure;
	uint32_t failing_round; /* the round this address was counted as failing in */
	uint8_t state, failures, asked, n_names, n_addresses;
	struct address addresses[PTR_ADDRESSES_MAX];
	char names[NAMES_BYTES]; /* n_names texts, each with its NUL */
};

struct name_table {
	struct hash_table *entries;
	struct name_settings settings;
	struct name_table_stats stats;
	uint32_t failing_round, failing_addresses; /* since the last answer that settled something */
};

int name_table_new(struct name_table **ret_table, const struct name_settings *settings,
		   const struct siphash_key *key)
{
	struct name_table *table = calloc(1, sizeof(*table));
	int r;

	if (!table)
		return -ENOMEM;
	r = hash_table_new(&table->entries, settings->cache, sizeof(struct address),
			   sizeof(struct entry), N_LANES, key);
	if (r < 0) {
		free(table);
		return r;
	}
	table->settings = *settings;
	table->stats.healthy = true;
	table->failing_round = 1;
	*ret_table = table;
	return 0;
}

struct name_table *name_table_free(struct name_table *table)
{
	if (table) {
		hash_table_free(table->entries);
		free(table);
	}
	return NULL;
}

static bool is_fresh(const struct entry *entry, usec_t now)
{
	return entry->state != PTR_STATE_UNKNOWN && now < entry->expires;
}

enum ptr_state name_table_state(struct name_table *table, const struct address *address, usec_t now,
				const char **ret_names, unsigned *ret_n_names)
{
	struct entry *entry = hash_table_find(table->entries, address);
	const char *name;

	if (ret_n_names)
		*ret_n_names = 0;
	if (!entry || !is_fresh(entry, now))
		return PTR_STATE_UNKNOWN;
	if (!entry->asked)
		hash_table_move(table->entries, entry, LANE_KNOWN);
	if (ret_names && ret_n_names) {
		name = entry->names;
		for (unsigned i = 0; i < entry->n_names; i++, name += strlen(name) + 1)
			ret_names[i] = name;
		*ret_n_names = entry->n_names;
	}
	return entry->state;
}

unsigned name_table_addresses(const struct name_table *table, const struct address *address,
			      usec_t now, const struct address **ret_addresses)
{
	const struct entry *entry = hash_table_find(table->entries, address);

	if (!entry || !is_fresh(entry, now))
		return 0;
	*ret_addresses = entry->addresses;
	return entry->n_addresses;
}

static struct entry *find_or_make(struct name_table *table, const struct address *address)
{
	void *entry = hash_table_find(table->entries, address);
	struct entry *oldest;

	if (entry)
		return entry;
	if (hash_table_insert(table->entries, address, &entry) == 0)
		return entry;
	oldest = hash_table_oldest(table->entries, LANE_KNOWN);
	if (!oldest)
		return NULL;
	table->stats.evicted++;
	hash_table_remove(table->entries, oldest);
	return hash_table_insert(table->entries, address, &entry) == 0 ? entry : NULL;
}

static usec_t retry_time(const struct name_table *table, const struct entry *entry, bool urgent)
{
	if (!entry->failed_at)
		return 0;
	return entry->failed_at +
	       (urgent ? MIN_OF(RETRY_URGENT, table->settings.failure_ttl) : table->settings.failure_ttl);
}

bool name_table_should_ask(struct name_table *table, const struct address *address, usec_t now,
			   bool urgent)
{
	struct entry *entry = hash_table_find(table->entries, address);
	uint32_t room = table->settings.max_in_flight;

	if (entry && is_fresh(entry, now)) {
		table->stats.cache_hits++;
		return false;
	}
	if (entry && (entry->asked || now < retry_time(table, entry, urgent)))
		return false;
	/* a decision that waits must not stand behind questions asked ahead of need */
	if (!urgent)
		room = MAX_OF(room / 2, 1u);
	if (table->stats.in_flight >= room) {
		table->stats.refused_in_flight++;
		return false;
	}
	entry = find_or_make(table, address);
	if (!entry)
		return false;
	entry->asked = 1;
	entry->asked_at = now;
	hash_table_move(table->entries, entry, LANE_ASKED);
	table->stats.in_flight++;
	table->stats.asked++;
	return true;
}

bool name_table_is_asking(const struct name_table *table, const struct address *address)
{
	const struct entry *entry = hash_table_find(table->entries, address);

	return entry && entry->asked;
}

static void end_question(struct name_table *table, struct entry *entry)
{
	entry->asked = 0;
	table->stats.in_flight--;
	hash_table_move(table->entries, entry, LANE_KNOWN);
}

static void keep_names(struct entry *entry, const struct name_answer *answer)
{
	size_t used = 0;

	entry->n_names = 0;
	for (unsigned i = 0; i < answer->n_names && i < PTR_NAMES_MAX; i++) {
		size_t length = strlen(answer->names[i]) + 1;

		if (used + length > sizeof(entry->names))
			break;
		memcpy(entry->names + used, answer->names[i], length);
		used += length;
		entry->n_names++;
	}
	entry->n_addresses = (uint8_t)MIN_OF(answer->n_addresses, (unsigned)PTR_ADDRESSES_MAX);
	memcpy(entry->addresses, answer->addresses, sizeof(entry->addresses));
}

static usec_t clamp(usec_t value, usec_t low, usec_t high)
{
	return value < low ? low : MIN_OF(value, high);
}

static void settle(struct name_table *table, struct entry *entry, const struct name_answer *answer,
		   usec_t now)
{
	const struct name_settings *s = &table->settings;

	switch (answer->result) {
	case NAME_ANSWER_VERIFIED:
		entry->state = PTR_STATE_VERIFIED;
		entry->expires = now + clamp(answer->ttl, s->min_ttl, s->max_ttl);
		break;
	case NAME_ANSWER_MISMATCH:
		entry->state = PTR_STATE_MISMATCH;
		entry->expires = now + s->negative_ttl;
		break;
	default:
		entry->state = PTR_STATE_NONE;
		entry->expires = now + s->negative_ttl;
		break;
	}
	keep_names(entry, answer);
	entry->failures = 0;
	entry->failed_at = entry->first_failure = 0;
	table->failing_round++;
	table->failing_addresses = 0;
	table->stats.healthy = true;
}

static void note_failure(struct name_table *table, struct entry *entry,
			 const struct name_answer *answer, usec_t now)
{
	if (entry->failing_round != table->failing_round) {
		entry->failing_round = table->failing_round;
		table->failing_addresses++;
	}
	table->stats.failed++;
	table->stats.healthy = answer->resolver_healthy &&
			       table->failing_addresses <= FAILING_ADDRESSES_HEALTHY;
	entry->state = PTR_STATE_UNKNOWN;
	entry->n_names = entry->n_addresses = 0;
	entry->failed_at = now;
	if (!table->stats.healthy)
		return;
	if (entry->failures == 0)
		entry->first_failure = now;
	if (entry->failures < UINT8_MAX)
		entry->failures++;
	if (entry->failures >= UNVERIFIABLE_FAILURES &&
	    now - entry->first_failure >= UNVERIFIABLE_SPAN) {
		entry->state = PTR_STATE_UNVERIFIABLE;
		entry->expires = now + table->settings.failure_ttl;
	}
}

bool name_table_answer(struct name_table *table, const struct name_answer *answer, usec_t now)
{
	struct entry *entry = hash_table_find(table->entries, &answer->address);

	if (!entry || !entry->asked)
		return false;
	end_question(table, entry);
	table->stats.answered++;
	if (answer->result == NAME_ANSWER_FAILED)
		note_failure(table, entry, answer, now);
	else
		settle(table, entry, answer, now);
	table->stats.states[entry->state]++;
	return true;
}

void name_table_forget_questions(struct name_table *table)
{
	struct entry *entry;

	while ((entry = hash_table_oldest(table->entries, LANE_ASKED)))
		end_question(table, entry);
	table->stats.healthy = false;
}

usec_t name_table_next_expiry(const struct name_table *table)
{
	const struct entry *entry = hash_table_oldest(table->entries, LANE_ASKED);

	return entry ? entry->asked_at + PATIENCE_DEADLINES * table->settings.deadline : USEC_NEVER;
}

unsigned name_table_expire_questions(struct name_table *table, usec_t now)
{
	struct entry *entry;
	unsigned n = 0;

	while (now >= name_table_next_expiry(table)) {
		entry = hash_table_oldest(table->entries, LANE_ASKED);
		end_question(table, entry);
		entry->failed_at = now;
		table->stats.healthy = false;
		n++;
	}
	return n;
}

usec_t name_table_retry_at(struct name_table *table, const struct address *address, usec_t now)
{
	const struct entry *entry = hash_table_find(table->entries, address);

	if (!entry || entry->asked || is_fresh(entry, now))
		return USEC_NEVER;
	return MAX_OF(now, retry_time(table, entry, true));
}

void name_table_stats(const struct name_table *table, struct name_table_stats *ret_stats)
{
	*ret_stats = table->stats;
	ret_stats->entries = hash_table_count(table->entries);
}
