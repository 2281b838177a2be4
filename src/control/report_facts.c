// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What `status` and `metrics` are made from: one look at every room.
 */
#include "report_status_priv.h"

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

static void gather_ceilings(const struct set_auditor *auditor, struct status_facts *facts)
{
	char name[SET_AUDITOR_NAME_MAX];

	for (unsigned i = 0; i < facts->settings->n_services; i++) {
		for (int family = 4; family <= 6; family += 2) {
			uint32_t *fuller = &facts->services[i].ceiling_sources;

			ruleset_ceiling_name(facts->settings->services[i].name, family, name);
			*fuller = MAX_OF(*fuller, set_auditor_count(auditor, name));
		}
	}
}

void status_gather(const struct report_inputs *inputs, usec_t now, struct status_facts *facts)
{
	const struct ban *ban;
	uint32_t cursor = 0;

	facts->now = now;
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
	if (inputs->closer)
		socket_closer_stats(inputs->closer, &facts->closer);
	if (inputs->watcher)
		ruleset_watcher_stats(inputs->watcher, &facts->watcher);
	if (inputs->auditor)
		set_auditor_stats(inputs->auditor, &facts->auditor);
	if (inputs->auditor)
		gather_ceilings(inputs->auditor, facts);
	if (inputs->ledger)
		ledger_stats(inputs->ledger, &facts->ledger);
	if (inputs->queue)
		packet_queue_stats(inputs->queue, &facts->queue);
	guard_gate_stats(inputs->guard, &facts->gate);
	facts->gate_facts = *inputs->gate;
	facts->allow = inputs->allow;
	facts->mail_logs = inputs->mail_logs;
	if (inputs->mail_logs && inputs->mail_logs->client)
		maillog_client_stats(inputs->mail_logs->client, &facts->maillog);
	if (inputs->mail_logs)
		guard_mail_stats(inputs->guard, now, &facts->mail);
	if (inputs->reconcile)
		facts->reconcile = *inputs->reconcile;
	facts->has_closer = inputs->closer;
	facts->has_ledger = inputs->ledger;
	facts->blocked = operator_list_count(guard_list(inputs->guard, GUARD_LIST_BLOCKED));
	facts->allowed = operator_list_count(guard_list(inputs->guard, GUARD_LIST_ALLOWED));
	while ((ban = ban_table_walk(guard_bans(inputs->guard), &cursor)))
		facts->bans_enforced += ban->enforced;
	count_sources(inputs->guard, facts);
}

bool status_is_enforcing(const struct status_facts *facts)
{
	return !facts->settings->observe && !facts->guard.unenforceable &&
	       !facts->kernel->ruleset_error;
}
