// SPDX-License-Identifier: GPL-2.0-or-later
/* What can be looked at between two events. */
#include "story.h"

#include <stdio.h>
#include <string.h>

static void check_source(struct story *story)
{
	static const struct source absent;
	struct address address = address_of(story, next(story));
	const char *service_name = next(story);
	const struct guard_settings *settings = settings_in_force(story);
	int service = settings_service_by_name(settings, service_name);
	struct prefix prefix = prefix_of_address(&address, settings->ipv4_prefix,
						 settings->ipv6_prefix);
	struct source *found = NULL;
	const struct source *source;

	if (service >= 0)
		found = source_table_find(guard_sources(story->guard), &prefix, (uint8_t)service);
	source = found ? found : &absent;
	while (story->word < story->n_words) {
		const char *key = next(story), *wanted = next(story);
		char value[32] = "?";

		if (!strcmp(key, "concurrent"))
			snprintf(value, sizeof(value), "%u", source->concurrent);
		else if (!strcmp(key, "half_open"))
			snprintf(value, sizeof(value), "%u", source->half_open);
		else if (!strcmp(key, "peak"))
			snprintf(value, sizeof(value), "%u", source->peak);
		else if (!strcmp(key, "new"))
			snprintf(value, sizeof(value), "%u",
				 found ? source_table_new_count(
						 guard_sources(story->guard), found, story->now,
						 settings->services[service].new_window)
				       : 0);
		else if (!strcmp(key, "standing"))
			snprintf(value, sizeof(value), "%s",
				 standing_name(guard_standing(story->guard, source)));
		if (strcmp(value, wanted))
			fail(story, "%s is %s, not %s", key, value, wanted);
	}
}

static void check_gate_source(struct story *story)
{
	struct address address = address_of(story, next(story));
	const struct guard_settings *settings = settings_in_force(story);
	struct prefix prefix = prefix_of_address(&address, settings->ipv4_prefix,
						 settings->ipv6_prefix);
	const struct gate_source *source = guard_gate_source(story->guard, &prefix, story->now);
	const char *wanted = next(story);
	const char *outcome =
		source ? gate_outcome_name((enum gate_outcome)source->outcome) : "unknown";

	if (strcmp(outcome, wanted))
		fail(story, "it is %s, not %s", outcome, wanted);
}

static void check_gate(struct story *story)
{
	struct gate_stats stats;

	guard_gate_stats(story->guard, &stats);
	const struct {
		const char *name;
		uint64_t value;
	} values[] = {
		{ "packets", stats.packets },
		{ "joined", stats.joined },
		{ "accepted_verified", stats.accepted_verified },
		{ "accepted_ptr", stats.accepted_ptr },
		{ "accepted_unknown", stats.accepted_unknown },
		{ "accepted_full", stats.accepted_full },
		{ "accepted_exempt", stats.accepted_exempt },
		{ "refused", stats.refused },
		{ "dropped", stats.dropped },
		{ "timed_out", stats.timed_out },
		{ "refused_sources", stats.refused_sources },
		{ "observed_sources", stats.observed_sources },
		{ "held", stats.table.held },
		{ "held_peak", stats.table.held_peak },
	};

	while (story->word < story->n_words) {
		const char *key = next(story);
		uint64_t wanted = number_of(story, next(story));
		unsigned i = 0;

		while (i < ARRAY_SIZE(values) && strcmp(key, values[i].name))
			i++;
		if (i == ARRAY_SIZE(values))
			fail(story, "nothing of the gate is called %s", key);
		if (values[i].value != wanted)
			fail(story, "%s is %llu", key, (unsigned long long)values[i].value);
	}
}

void check(struct story *story)
{
	struct guard_stats stats;
	const char *key = next(story);
	uint64_t wanted;

	if (!strcmp(key, "source")) {
		check_source(story);
		return;
	}
	if (!strcmp(key, "gated")) {
		check_gate_source(story);
		return;
	}
	if (!strcmp(key, "gate")) {
		check_gate(story);
		return;
	}
	if (!strcmp(key, "auth")) {
		check_auth(story);
		return;
	}
	if (!strcmp(key, "mail")) {
		check_mail(story);
		return;
	}
	guard_stats(story->guard, story->now, &stats);
	wanted = number_of(story, next(story));
	const struct {
		const char *name;
		uint64_t value;
	} values[] = {
		{ "flows", stats.flows },
		{ "established", stats.established },
		{ "half_open", stats.half_open },
		{ "bans", stats.bans },
		{ "pending", stats.pending },
		{ "in_doubt", stats.in_doubt },
		{ "not_inbound", stats.not_inbound },
		{ "flows_full", stats.flows_full },
		{ "flows_evicted", stats.flows_evicted },
		{ "bans_full", stats.bans_full },
		{ "elements_refused", stats.elements_refused },
		{ "syncs", stats.syncs },
		{ "drift_added", stats.drift_added },
		{ "drift_changed", stats.drift_changed },
		{ "drift_removed", stats.drift_removed },
		{ "bans_replaced", stats.bans_replaced },
		{ "bans_held_back", stats.bans_held_back },
		{ "breaker_open", stats.breaker_open },
		{ "audit_added", stats.audit_added },
		{ "audit_deleted", stats.audit_deleted },
		{ "trusted", stats.trusted },
		{ "graces", stats.graces },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		if (strcmp(key, values[i].name))
			continue;
		if (values[i].value != wanted)
			fail(story, "%s is %llu", key, (unsigned long long)values[i].value);
		return;
	}
	fail(story, "nothing is called %s", key);
}
