// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "smtpguard/base/escape.h"
#include "smtpguard/control/report.h"

#include "report_priv.h"
#include "report_status_priv.h"

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

	object = report_with(object, "last_sync_age_s",
		      conntrack->last_sync ?
			      json_integer((json_int_t)(facts->sync_age / USEC_PER_SEC)) :
			      json_null());
	return report_with(object, "in_doubt", json_boolean(guard->in_doubt));
}

static json_t *decisions_object(const struct guard_stats *guard)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < DECISIONS; i++)
		object = report_with(object, decision_type_name((enum decision_type)i),
			      json_integer((json_int_t)guard->decisions[i]));
	return object;
}

static json_t *bans_object(const struct status_facts *facts)
{
	json_t *object = NUMBERS({ "count", facts->guard.bans },
				 { "enforced", facts->bans_enforced },
				 { "max_per_family", facts->settings->bans.max_bans },
				 { "max_per_minute", facts->settings->bans.max_per_minute },
				 { "full", facts->guard.bans_full },
				 { "replaced", facts->guard.bans_replaced },
				 { "held_back", facts->guard.bans_held_back },
				 { "refused", facts->guard.elements_refused },
				 { "blocked", facts->blocked },
				 { "allowed_by_operator", facts->allowed },
				 { "trusted", facts->guard.graces },
				 { "trusted_sources", facts->guard.trusted },
				 { "pending", facts->guard.pending });

	object = report_with(object, "breaker_open", json_boolean(facts->guard.breaker_open));
	return report_with(object, "decisions", decisions_object(&facts->guard));
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
		states = report_with(states, ptr_state_name((enum ptr_state)i),
			      json_integer((json_int_t)names->states[i]));
	if (!object || !counts || json_object_update(object, counts) < 0) {
		json_decref(object);
		object = NULL;
	}
	json_decref(counts);
	return report_with(object, "states", states);
}

static json_t *kernel_object(const struct status_facts *facts)
{
	const struct kernel_facts *kernel = facts->kernel;
	const struct set_writer_stats *writer = &facts->writer;
	const struct {
		const char *key;
		bool present;
	} features[] = { { "queue", kernel->features.queue },
			 { "element_counters", kernel->features.element_counters },
			 { "timeout_update", kernel->features.timeout_update },
			 { "interval_timeouts", kernel->features.interval_timeouts },
			 { "sock_destroy", kernel->features.sock_destroy },
			 { "ct_filter", kernel->features.ct_filter } };
	char error[STATUS_TEXT_MAX];
	json_t *object;

	object = json_pack("{s:s, s:s, s:o}", "release", kernel->release, "ruleset",
			   kernel->ruleset_error ? escape(error, sizeof(error),
							  kernel->ruleset_error,
							  strlen(kernel->ruleset_error)) :
						   "loaded",
			   "conntrack_events",
			   kernel->conntrack_events_sysctl < 0 ?
				   json_null() :
				   json_integer(kernel->conntrack_events_sysctl));
	for (unsigned i = 0; i < ARRAY_SIZE(features); i++)
		object = report_with(object, features[i].key, json_boolean(features[i].present));
	object = report_with(object, "batches", json_integer((json_int_t)writer->batches));
	object = report_with(object, "elements_added",
			     json_integer((json_int_t)writer->elements_added));
	object = report_with(object, "elements_deleted",
			     json_integer((json_int_t)writer->elements_deleted));
	object = report_with(object, "failed_batches",
			     json_integer((json_int_t)writer->failed_batches));
	object = report_with(object, "refused_elements",
			     json_integer((json_int_t)writer->refused_elements));
	object = report_with(object, "last_error",
			     writer->last_error ? json_string(strerror(-writer->last_error)) :
						  json_null());
	return report_with(object, "last_latency_us",
			   json_integer((json_int_t)writer->last_latency));
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
	object = report_with(object, "ports", ports);
	if (object && (!limits || json_object_update(object, limits) < 0)) {
		json_decref(object);
		object = NULL;
	}
	json_decref(limits);
	object = report_with(object, "connections", json_integer((json_int_t)now->connections));
	object = report_with(object, "half_open", json_integer((json_int_t)now->half_open));
	object = report_with(object, "sources", json_integer((json_int_t)now->sources));
	object = report_with(object, "ceiling_sources",
			     json_integer((json_int_t)now->ceiling_sources));
	for (unsigned i = 0; i < STANDINGS; i++)
		standings = report_with(standings, standing_name((enum standing)i),
				 json_integer((json_int_t)now->standings[i]));
	return report_with(object, "standings", standings);
}

static json_t *services_object(const struct status_facts *facts)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < facts->settings->n_services; i++)
		object = report_with(object, facts->settings->services[i].name,
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
	json_t *object = report_with(json_object(), "flows", flows);

	object = report_with(object, "sources", sources);
	return report_with(object, "names", names);
}

static json_t *control_object(const struct control_stats *control)
{
	return NUMBERS({ "clients", control->clients }, { "subscribers", control->subscribers },
		       { "commands", control->commands },
		       { "refused_clients", control->refused_clients },
		       { "long_lines", control->long_lines },
		       { "slow_clients", control->slow_clients });
}

json_t *report_status(const struct report_inputs *inputs, const struct control_stats *control,
		      usec_t now)
{
	struct status_facts facts = { 0 };
	usec_t uptime = now > inputs->started ? now - inputs->started : 0;

	status_gather(inputs, now, &facts);
	return json_pack("{s:b, s:i, s:s, s:s, s:b, s:b, s:s?, s:I, s:o, s:I, s:I,"
			 " s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "ok", 1, "schema", 1, "version", inputs->version, "mode",
			 report_mode_name(facts.settings), "mode_ordered", *inputs->mode_ordered,
			 "enforcing", status_is_enforcing(&facts), "unenforceable",
			 facts.guard.unenforceable, "uptime_s", (json_int_t)(uptime / USEC_PER_SEC),
			 "events", events_object(&facts), "flows", (json_int_t)facts.guard.flows,
			 "sources", (json_int_t)facts.sources.entries, "bans", bans_object(&facts),
			 "resolver", resolver_object(&facts), "gate", status_gate(&facts),
			 "mail_logs", status_mail_logs(&facts), "kernel", kernel_object(&facts),
			 "reconcile", status_reconcile(&facts), "closer", status_closer(&facts),
			 "ledger", status_ledger(&facts), "services", services_object(&facts),
			 "tables", tables_object(&facts), "control", control_object(control),
			 "problems", status_problems(&facts));
}
