// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "smtpguard/base/escape.h"
#include "smtpguard/control/report.h"

#include "report_priv.h"
#include "report_status_priv.h"

struct number {
	const char *key;
	uint64_t value;
};

static json_t *numbers(const struct number *list, size_t n)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < n; i++) {
		if (json_object_set_new(object, list[i].key,
					json_integer((json_int_t)list[i].value)) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

#define NUMBERS(...)                                                                               \
	numbers((const struct number[]){ __VA_ARGS__ },                                            \
		sizeof((const struct number[]){ __VA_ARGS__ }) / sizeof(struct number))

/* Adds a member; NULL (the object released) when either is missing. */
static json_t *with(json_t *object, const char *key, json_t *value)
{
	if (!object || !value || json_object_set_new(object, key, value) < 0) {
		if (!object)
			json_decref(value);
		json_decref(object);
		return NULL;
	}
	return object;
}

static json_t *events_object(const struct status_facts *facts)
{
	const struct conntrack_stats *conntrack = &facts->conntrack;
	const struct guard_stats *guard = &facts->guard;
	json_t *object = NUMBERS(
		{ "received", conntrack->events }, { "about_guarded", guard->flow_events },
		{ "losses", conntrack->losses }, { "malformed", conntrack->malformed },
		{ "not_inbound", guard->not_inbound }, { "dumps", conntrack->dumps },
		{ "dump_lines", conntrack->dump_lines }, { "resyncs", conntrack->resyncs },
		{ "dump_failures", conntrack->dump_failures },
		{ "drift_added", guard->drift_added }, { "drift_changed", guard->drift_changed },
		{ "drift_removed", guard->drift_removed },
		{ "receive_buffer_bytes", conntrack->receive_buffer_bytes });

	object = with(object, "last_sync_age_s",
		      conntrack->last_sync ?
			      json_integer((json_int_t)(facts->sync_age / USEC_PER_SEC)) :
			      json_null());
	return with(object, "in_doubt", json_boolean(guard->in_doubt));
}

static json_t *decisions_object(const struct guard_stats *guard)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < DECISIONS; i++)
		object = with(object, decision_type_name((enum decision_type)i),
			      json_integer((json_int_t)guard->decisions[i]));
	return object;
}

static json_t *bans_object(const struct status_facts *facts)
{
	json_t *object = NUMBERS({ "count", facts->guard.bans },
				 { "enforced", facts->bans_enforced },
				 { "max_per_family", facts->settings->max_bans },
				 { "full", facts->guard.bans_full },
				 { "refused", facts->guard.elements_refused },
				 { "trusted", facts->guard.graces },
				 { "pending", facts->guard.pending });

	return with(object, "decisions", decisions_object(&facts->guard));
}

static json_t *resolver_object(const struct status_facts *facts)
{
	const struct name_table_stats *names = &facts->names;
	json_t *object = json_pack("{s:b, s:b}", "running", facts->resolver.running, "healthy",
				   names->healthy);
	json_t *counts = NUMBERS(
		{ "in_flight", names->in_flight }, { "asked", names->asked },
		{ "answered", names->answered }, { "failed", names->failed },
		{ "cached", names->entries }, { "cache_hits", names->cache_hits },
		{ "refused_in_flight", names->refused_in_flight },
		{ "starts", facts->resolver.starts },
		{ "bad_messages", facts->resolver.bad_messages },
		{ "busy", facts->resolver.busy });
	json_t *states = json_object();

	for (unsigned i = 0; i < PTR_STATES; i++)
		states = with(states, ptr_state_name((enum ptr_state)i),
			      json_integer((json_int_t)names->states[i]));
	if (!object || !counts || json_object_update(object, counts) < 0) {
		json_decref(object);
		object = NULL;
	}
	json_decref(counts);
	return with(object, "states", states);
}

static json_t *kernel_object(const struct status_facts *facts)
{
	const struct kernel_facts *kernel = facts->kernel;
	const struct set_writer_stats *writer = &facts->writer;
	char error[STATUS_TEXT_MAX];
	json_t *object;

	object = json_pack("{s:s, s:s, s:b, s:o}", "release", kernel->release, "ruleset",
			   kernel->ruleset_error ? escape(error, sizeof(error),
							  kernel->ruleset_error,
							  strlen(kernel->ruleset_error)) :
						   "loaded",
			   "element_counters", kernel->element_counters, "conntrack_events",
			   kernel->conntrack_events_sysctl < 0 ?
				   json_null() :
				   json_integer(kernel->conntrack_events_sysctl));
	object = with(object, "batches", json_integer((json_int_t)writer->batches));
	object = with(object, "elements_added", json_integer((json_int_t)writer->elements_added));
	object = with(object, "elements_deleted",
		      json_integer((json_int_t)writer->elements_deleted));
	object = with(object, "failed_batches", json_integer((json_int_t)writer->failed_batches));
	object = with(object, "refused_elements",
		      json_integer((json_int_t)writer->refused_elements));
	object = with(object, "last_error",
		      writer->last_error ? json_string(strerror(-writer->last_error)) :
					   json_null());
	return with(object, "last_latency_us", json_integer((json_int_t)writer->last_latency));
}

static json_t *service_object(const struct service_settings *service,
			      const struct service_facts *now)
{
	json_t *object = json_object(), *limits = report_limits(service), *ports = json_array();
	json_t *standings = json_object();

	for (unsigned i = 0; ports && i < service->n_ports; i++) {
		if (json_array_append_new(ports, json_integer(service->ports[i])) < 0) {
			json_decref(ports);
			ports = NULL;
		}
	}
	object = with(object, "ports", ports);
	if (object && (!limits || json_object_update(object, limits) < 0)) {
		json_decref(object);
		object = NULL;
	}
	json_decref(limits);
	object = with(object, "connections", json_integer((json_int_t)now->connections));
	object = with(object, "half_open", json_integer((json_int_t)now->half_open));
	object = with(object, "sources", json_integer((json_int_t)now->sources));
	for (unsigned i = 0; i < STANDINGS; i++)
		standings = with(standings, standing_name((enum standing)i),
				 json_integer((json_int_t)now->standings[i]));
	return with(object, "standings", standings);
}

static json_t *services_object(const struct status_facts *facts)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < facts->settings->n_services; i++)
		object = with(object, facts->settings->services[i].name,
			      service_object(&facts->settings->services[i], &facts->services[i]));
	return object;
}

static json_t *tables_object(const struct status_facts *facts)
{
	json_t *flows = NUMBERS({ "used", facts->guard.flows },
				{ "capacity", facts->settings->max_flows },
				{ "evicted", facts->guard.flows_evicted },
				{ "refused", facts->guard.flows_full });
	json_t *sources = NUMBERS({ "used", facts->sources.entries },
				  { "capacity", facts->sources.capacity },
				  { "evicted", facts->sources.evicted },
				  { "evicted_counting", facts->sources.evicted_counting },
				  { "refused", facts->sources.refused },
				  { "windows_full", facts->sources.windows_full });
	json_t *names = NUMBERS({ "used", facts->names.entries },
				{ "capacity", facts->settings->names.cache },
				{ "evicted", facts->names.evicted });
	json_t *object = with(json_object(), "flows", flows);

	object = with(object, "sources", sources);
	return with(object, "names", names);
}

static json_t *control_object(const struct control_stats *control)
{
	return NUMBERS({ "clients", control->clients }, { "subscribers", control->subscribers },
		       { "commands", control->commands },
		       { "refused_clients", control->refused_clients },
		       { "long_lines", control->long_lines },
		       { "slow_clients", control->slow_clients });
}

static void count_sources(struct guard *guard, struct status_facts *facts)
{
	const struct source *source;
	uint32_t cursor = 0;

	while ((source = source_table_walk(guard_sources(guard), &cursor))) {
		struct service_facts *service = &facts->services[source->key.service];
		enum standing standing = guard_standing(guard, source);

		if (!source->concurrent && !source->half_open)
			continue;
		service->connections += source->concurrent;
		service->half_open += source->half_open;
		service->sources++;
		service->standings[standing]++;
	}
}

static void gather(const struct report_inputs *inputs, usec_t now, struct status_facts *facts)
{
	const struct ban *ban;
	uint32_t cursor = 0;

	facts->settings = guard_settings(inputs->guard);
	facts->kernel = inputs->kernel;
	facts->has_writer = inputs->writer;
	guard_stats(inputs->guard, now, &facts->guard);
	name_table_stats(guard_names(inputs->guard), &facts->names);
	source_table_stats(guard_sources(inputs->guard), &facts->sources);
	if (inputs->conntrack)
		conntrack_source_stats(inputs->conntrack, &facts->conntrack);
	if (inputs->writer)
		set_writer_stats(inputs->writer, &facts->writer);
	if (inputs->resolver)
		resolver_client_stats(inputs->resolver, &facts->resolver);
	if (facts->conntrack.last_sync && now > facts->conntrack.last_sync)
		facts->sync_age = now - facts->conntrack.last_sync;
	while ((ban = ban_table_walk(guard_bans(inputs->guard), &cursor)))
		facts->bans_enforced += ban->enforced;
	count_sources(inputs->guard, facts);
}

json_t *report_status(const struct report_inputs *inputs, const struct control_stats *control,
		      usec_t now)
{
	struct status_facts facts = { 0 };
	usec_t uptime = now > inputs->started ? now - inputs->started : 0;

	gather(inputs, now, &facts);
	return json_pack("{s:b, s:i, s:s, s:s, s:I, s:o, s:I, s:I,"
			 " s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "ok", 1, "schema", 1, "version", inputs->version, "mode",
			 facts.settings->observe ? "observe" : "enforce", "uptime_s",
			 (json_int_t)(uptime / USEC_PER_SEC), "events", events_object(&facts),
			 "flows", (json_int_t)facts.guard.flows, "sources",
			 (json_int_t)facts.sources.entries, "bans", bans_object(&facts), "resolver",
			 resolver_object(&facts), "kernel", kernel_object(&facts), "services",
			 services_object(&facts), "tables", tables_object(&facts), "control",
			 control_object(control), "problems", status_problems(&facts));
}
