// SPDX-License-Identifier: GPL-2.0-or-later
#include "guard_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOUSEKEEPING_INTERVAL (60 * USEC_PER_SEC)
#define HOUSEKEEPING_BUDGET 4096
/* what a quiet source's peak is remembered for, at least */
#define IDLE_KEPT (600 * USEC_PER_SEC)

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
		[DECISION_OBSERVE] = "observe",
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
		r = ban_table_new(&guard->bans, settings->max_bans, key);
	if (r == 0)
		r = name_table_new(&guard->names, &settings->names, key);
	if (r == 0)
		r = hash_table_new(&guard->known, KNOWN_SOURCES_MAX, sizeof(struct ban_key),
				   sizeof(struct known_source), 1, key);
	if (r == 0)
		r = prefix_set_new(&guard->local);
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
	guard->next_expiry = guard->next_retry = USEC_NEVER;
	guard->in_doubt = true; /* until the first dump */
	memset(guard->service_of_port, NO_SERVICE, sizeof(guard->service_of_port));
	for (unsigned i = 0; i < settings->n_services; i++)
		for (unsigned k = 0; k < settings->services[i].n_ports; k++)
			guard->service_of_port[settings->services[i].ports[k]] = (uint8_t)i;
	r = make_tables(guard, key);
	if (r < 0) {
		guard_free(guard);
		return r;
	}
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
		hash_table_free(guard->known);
		prefix_set_free(guard->local);
		free(guard);
	}
	return NULL;
}

void guard_resolver_gone(struct guard *guard)
{
	name_table_forget_questions(guard->names);
}

usec_t guard_next_tick(const struct guard *guard)
{
	struct source_table_stats sources;
	usec_t next = MIN_OF(guard->next_expiry, guard->next_retry);

	source_table_stats(guard->sources, &sources);
	if (sources.entries)
		next = MIN_OF(next, guard->next_housekeeping);
	return next;
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

void guard_tick(struct guard *guard, usec_t now)
{
	guard_expire_bans(guard, now);
	name_table_expire_questions(guard->names, now);
	if (now >= guard->next_retry)
		guard_retry_pending(guard, now);
	if (now >= guard->next_housekeeping)
		forget_idle_sources(guard, now);
}

static uint32_t count_graces(const struct guard *guard, usec_t now)
{
	const struct known_source *known;
	uint32_t cursor = 0, count = 0;

	while ((known = hash_table_walk(guard->known, &cursor)))
		count += known->grace_until > now;
	return count;
}

void guard_stats(const struct guard *guard, usec_t now, struct guard_stats *ret_stats)
{
	*ret_stats = guard->stats;
	ret_stats->flows = flow_table_count(guard->flows);
	ret_stats->bans = ban_table_count(guard->bans);
	ret_stats->graces = count_graces(guard, now);
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

const struct flow_table *guard_flows(const struct guard *guard)
{
	return guard->flows;
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
