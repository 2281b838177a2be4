// SPDX-License-Identifier: GPL-2.0-or-later
#include "guard_priv.h"

#include <errno.h>
#include <stdlib.h>

#define HOUSEKEEPING_INTERVAL (60 * USEC_PER_SEC)
#define HOUSEKEEPING_BUDGET 4096
/* what a quiet source's peak is remembered for, at least */
#define IDLE_KEPT (600 * USEC_PER_SEC)
/* 60 000 bans, the most that max_per_minute can be, and one chunk cut by the window's ends */
#define MINUTE_CHUNKS (60000 / SLIDING_WINDOW_CHUNK_STAMPS + 2)

const char *standing_name(enum standing standing)
{
	static const char *const names[STANDINGS] = {
		[STANDING_NORMAL] = "normal",	    [STANDING_OVER_LIMIT] = "over-limit",
		[STANDING_RESOLVING] = "resolving", [STANDING_EXEMPT] = "exempt",
		[STANDING_ALLOWED] = "allowed",	    [STANDING_BANNED] = "banned",
	};

	return names[standing];
}

const char *decision_type_name(enum decision_type type)
{
	static const char *const names[DECISIONS] = {
		[DECISION_BAN] = "ban",		[DECISION_UNBAN] = "unban",
		[DECISION_EXPIRE] = "expire",	[DECISION_EXEMPT] = "exempt",
		[DECISION_OBSERVE] = "observe", [DECISION_REFUSE] = "refuse",
	};

	return names[type];
}

static int make_tables(struct guard *guard, const struct siphash_key *key)
{
	const struct guard_settings *settings = guard->settings;
	int r;

	r = flow_table_new(&guard->flows, settings->max_flows, key);
	if (r == 0)
		r = source_table_new(&guard->sources, settings->max_sources, key);
	if (r == 0)
		r = ban_table_new(&guard->bans, settings->bans.max_bans, key);
	if (r == 0)
		r = name_table_new(&guard->names, &settings->names, key);
	if (r == 0)
		r = gate_table_new(&guard->gate, settings->gate.max_held, key);
	if (r == 0)
		r = hash_table_new(&guard->known, KNOWN_SOURCES_MAX, sizeof(struct ban_key),
				   sizeof(struct known_source), 1, key);
	if (r == 0)
		r = hash_table_new(&guard->trusted, TRUSTED_MAX, sizeof(struct ban_key),
				   sizeof(struct trusted_source), 1, key);
	if (r == 0)
		r = sliding_window_pool_new(&guard->minute_pool, MINUTE_CHUNKS);
	for (int i = 0; r == 0 && i < GUARD_LISTS; i++)
		r = operator_list_new(&guard->lists[i]);
	if (r == 0)
		r = prefix_set_new(&guard->local);
	if (r == 0 && settings->mail.enabled)
		r = guard_mail_new(guard, key);
	return r;
}

int guard_new(struct guard **ret_guard, const struct guard_settings *settings,
	      const struct siphash_key *key, guard_sink sink, void *userdata)
{
	struct guard *guard = calloc(1, sizeof(*guard));
	int r;

	if (!guard)
		return -ENOMEM;
	guard->settings = settings;
	guard->sink = sink;
	guard->sink_userdata = userdata;
	guard->key = *key;
	guard->next_expiry = guard->next_retry = guard->auth_retry = USEC_NEVER;
	guard->in_doubt = true; /* until the first dump */
	guard_map_ports(guard);
	r = make_tables(guard, key);
	if (r < 0) {
		guard_free(guard);
		return r;
	}
	guard_follow_sources(guard);
	*ret_guard = guard;
	return 0;
}

struct guard *guard_free(struct guard *guard)
{
	if (guard) {
		flow_table_free(guard->flows);
		source_table_free(guard->sources);
		ban_table_free(guard->bans);
		name_table_free(guard->names);
		gate_table_free(guard->gate);
		hash_table_free(guard->known);
		hash_table_free(guard->trusted);
		sliding_window_pool_free(guard->minute_pool);
		for (int i = 0; i < GUARD_LISTS; i++)
			operator_list_free(guard->lists[i]);
		prefix_set_free(guard->local);
		guard_mail_free(guard);
		free(guard);
	}
	return NULL;
}

void guard_resolver_gone(struct guard *guard)
{
	name_table_forget_questions(guard->names);
	guard->questions_gone = true;
}

usec_t guard_next_tick(const struct guard *guard)
{
	struct source_table_stats sources;
	usec_t next = MIN_OF(guard->next_expiry, guard->next_retry);

	next = MIN_OF(next, guard->auth_retry);
	source_table_stats(guard->sources, &sources);
	if (sources.entries || gate_table_count(guard->gate) ||
	    (guard->auth && auth_table_count(guard->auth)))
		next = MIN_OF(next, guard->next_housekeeping);
	if (sources.entries)
		next = MIN_OF(next, guard->next_peaks);
	next = MIN_OF(next, name_table_next_expiry(guard->names));
	return MIN_OF(next, guard_gate_next_tick(guard));
}

static void forget_idle_sources(struct guard *guard, usec_t now)
{
	usec_t kept = IDLE_KEPT;

	for (unsigned i = 0; i < guard->settings->n_services; i++)
		kept = MAX_OF(kept, guard->settings->services[i].new_window);
	if (now > kept &&
	    source_table_forget_idle(guard->sources, now - kept, HOUSEKEEPING_BUDGET) ==
		    HOUSEKEEPING_BUDGET)
		guard->next_housekeeping = now; /* more to do */
	else
		guard->next_housekeeping = now + HOUSEKEEPING_INTERVAL;
}

/* The stamps of a window wrap after 49 days: a source that is never counted must not see old ones again. */
static void count_windows(struct guard *guard, usec_t now)
{
	for (unsigned i = 0; i < HOUSEKEEPING_BUDGET; i++) {
		struct source *source = source_table_walk(guard->sources, &guard->window_cursor);

		if (!source) {
			guard->window_cursor = 0;
			return;
		}
		(void)source_table_new_count(guard->sources, source, now,
					     guard->settings->services[source->key.service].new_window);
	}
}

static void keep_house(struct guard *guard, usec_t now)
{
	guard->now = now;
	forget_idle_sources(guard, now);
	count_windows(guard, now);
	guard_auth_keep_house(guard, HOUSEKEEPING_BUDGET, now);
	if (guard_gate_forget(guard, HOUSEKEEPING_BUDGET, now))
		guard->next_housekeeping = now;
}

void guard_tick(struct guard *guard, usec_t now)
{
	if (name_table_expire_questions(guard->names, now) > 0)
		guard->questions_gone = true;
	guard_gate_tick(guard, now);
	guard_expire_bans(guard, now);
	if (now >= guard->next_retry)
		guard_retry_pending(guard, now);
	if (now >= guard->auth_retry)
		guard_auth_retry(guard, now);
	guard_tell_some_peaks(guard, now);
	if (now >= guard->next_housekeeping)
		keep_house(guard, now);
}

static void count_source(void *userdata, const struct prefix *source UNUSED, usec_t until UNUSED)
{
	++*(uint32_t *)userdata;
}

void guard_stats(struct guard *guard, usec_t now, struct guard_stats *ret_stats)
{
	*ret_stats = guard->stats;
	ret_stats->flows = flow_table_count(guard->flows);
	ret_stats->bans = ban_table_count(guard->bans);
	ret_stats->graces = ret_stats->trusted = 0;
	guard_graces(guard, now, count_source, &ret_stats->graces);
	guard_trusted(guard, now, count_source, &ret_stats->trusted);
	ret_stats->breaker_open = guard_breaker_open(guard, now);
	ret_stats->unenforceable = guard->unenforceable;
	ret_stats->pending = guard->n_pending;
	ret_stats->in_doubt = guard->in_doubt;
}

const struct guard_settings *guard_settings(const struct guard *guard)
{
	return guard->settings;
}

struct source_table *guard_sources(struct guard *guard)
{
	return guard->sources;
}

const struct ban_table *guard_bans(const struct guard *guard)
{
	return guard->bans;
}

struct name_table *guard_names(struct guard *guard)
{
	return guard->names;
}

enum standing guard_standing(const struct guard *guard, const struct source *source)
{
	(void)guard;
	return source->standing;
}
