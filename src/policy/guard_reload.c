// SPDX-License-Identifier: GPL-2.0-or-later
/* New settings for a running guard: services are matched by name, connections by their local port. */
#include "guard_priv.h"

#include <errno.h>
#include <string.h>

static void map_ports(uint8_t service_of_port[static 65536], const struct guard_settings *settings)
{
	memset(service_of_port, NO_SERVICE, 65536);
	for (unsigned i = 0; i < settings->n_services; i++)
		for (unsigned k = 0; k < settings->services[i].n_ports; k++)
			service_of_port[settings->services[i].ports[k]] = (uint8_t)i;
}

void guard_map_ports(struct guard *guard)
{
	map_ports(guard->service_of_port, guard->settings);
}

static void carry(const struct guard *guard, const struct source *from, struct source_table *sources,
		  struct source *to)
{
	source_table_carry(guard->sources, from, sources, to);
	/* until it is judged again: a full table must not lose it while flows are counted */
	source_table_protect(sources, to, from->is_protected);
}

/* What sources remember beside their connections, for the services that still exist. */
static void carry_sources(struct guard *guard, const struct guard_settings *settings,
			  struct source_table *sources, usec_t now)
{
	uint32_t cursor = 0;
	struct source *from, *to;

	while ((from = source_table_walk(guard->sources, &cursor))) {
		const char *name = guard->settings->services[from->key.service].name;
		int service = settings_service_by_name(settings, name);
		struct prefix prefix = source_prefix(from);

		if (service >= 0 &&
		    source_table_get(sources, &prefix, (uint8_t)service, &to) == 0)
			carry(guard, from, sources, to);
		else
			guard_tell_peak(guard, from, now);
	}
}

static bool adds_ports(const struct guard *guard, const struct guard_settings *settings)
{
	uint16_t ports[GUARDED_PORTS_MAX];
	unsigned n = settings_ports(settings, false, ports);

	for (unsigned i = 0; i < n; i++)
		if (guard->service_of_port[ports[i]] == NO_SERVICE)
			return true;
	return false;
}

static void count_flow(struct guard *guard, struct flow *flow, usec_t now)
{
	struct prefix prefix = guard_prefix_of(guard, &flow->key.client);
	bool established = flow->phase == FLOW_ESTABLISHED;
	struct source *source;

	guard->stats.established += established;
	guard->stats.half_open += !established;
	flow->source = (struct hash_handle){ 0 };
	if (source_table_get(guard->sources, &prefix, flow->service, &source))
		return;
	flow->source = source_table_handle(guard->sources, source);
	source_table_count(guard->sources, source, established, !established, now);
}

static void recount_flows(struct guard *guard, usec_t now)
{
	uint32_t cursor = 0;
	struct flow *flow;

	guard->stats.established = guard->stats.half_open = 0;
	while ((flow = flow_table_walk(guard->flows, &cursor))) {
		flow->service = guard->service_of_port[flow->local_port];
		flow->source = (struct hash_handle){ 0 };
		if (flow->phase == FLOW_CLOSED)
			continue;
		if (flow->service != NO_SERVICE) {
			count_flow(guard, flow, now);
			continue;
		}
		guard_follow_connection(guard, flow, flow->phase == FLOW_ESTABLISHED, false, now);
		flow_table_remove(guard->flows, flow);
	}
}

static void evaluate_all(struct guard *guard, usec_t now)
{
	uint32_t cursor = 0;
	struct source *source;

	while ((source = source_table_walk(guard->sources, &cursor))) {
		struct prefix prefix = source_prefix(source);

		if (source->concurrent)
			guard_evaluate(guard, source, now);
		else if (ban_table_find(guard->bans, &prefix) || guard_is_blocked(guard, &prefix))
			guard_set_standing_of_services(guard, &prefix, STANDING_BANNED);
		else
			source_table_protect(guard->sources, source, false);
	}
}

int guard_reload(struct guard *guard, const struct guard_settings *settings, usec_t now)
{
	struct source_table *sources;
	int r = source_table_new(&sources, settings->max_sources, &guard->key);

	if (r < 0)
		return r;
	guard_gate_release(guard, now);
	guard_gate_map_services(guard, settings);
	guard->ports_added |= adds_ports(guard, settings);
	guard->quiet_dump |= guard->ports_added;
	source_table_carry_stats(guard->sources, sources);
	carry_sources(guard, settings, sources, now);
	source_table_free(guard->sources);
	guard->sources = sources;
	guard->settings = settings;
	guard->n_pending = 0;
	guard->next_retry = USEC_NEVER;
	guard->peaks_cursor = 0;
	guard->now = now;
	guard_follow_sources(guard);
	guard_map_ports(guard);
	recount_flows(guard, now);
	guard_gate_review(guard, now);
	guard_lift_allowed(guard, now);
	evaluate_all(guard, now);
	guard_auth_review(guard, now);
	return 0;
}

/* Spared from now on, or not any more. */
static void judge(struct guard *guard, struct source *source, usec_t now)
{
	struct prefix prefix = source_prefix(source);
	bool shut_out = ban_table_find(guard->bans, &prefix) || guard_is_blocked(guard, &prefix);

	if (source->concurrent)
		guard_evaluate(guard, source, now);
	else if (shut_out != (source->standing == STANDING_BANNED))
		guard_set_standing_of_services(guard, &prefix,
					       shut_out ? STANDING_BANNED : STANDING_NORMAL);
}

void guard_reload_allowed(struct guard *guard, const struct guard_settings *settings, usec_t now)
{
	struct guard_op op = { .type = GUARD_OP_LIST, .list = GUARD_LIST_ALLOWED, .now = now };
	uint32_t cursor = 0;
	struct source *source;

	guard->settings = settings;
	guard_lift_allowed(guard, now);
	while ((source = source_table_walk(guard->sources, &cursor)))
		judge(guard, source, now);
	guard_gate_let_in_allowed(guard, now);
	guard->sink(guard->sink_userdata, &op);
}
