// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is seen and decided: connections, sources, decisions, bans, the gate.
 */
#include "metrics_priv.h"

/* A gauge with one sample per service. */
static void add_by_service(FILE *out, const struct status_facts *facts, const char *name,
			   const char *help, const uint64_t values[static SERVICES_MAX])
{
	metrics_family(out, METRIC_GAUGE, name, help);
	for (unsigned i = 0; i < facts->settings->n_services; i++)
		metrics_sample(out, METRIC_GAUGE, name, "service",
			       facts->settings->services[i].name, values[i]);
}

static void add_standings(FILE *out, const struct status_facts *facts)
{
	metrics_family(out, METRIC_GAUGE, "sources",
		       "Sources with connections, by service and standing.");
	for (unsigned i = 0; i < facts->settings->n_services; i++)
		for (unsigned j = 0; j < STANDINGS; j++)
			fprintf(out,
				"smtpguard_sources{service=\"%s\",standing=\"%s\"} %llu\n",
				facts->settings->services[i].name,
				standing_name((enum standing)j),
				(unsigned long long)facts->services[i].standings[j]);
}

void metrics_services(FILE *out, const struct status_facts *facts)
{
	uint64_t connections[SERVICES_MAX], half_open[SERVICES_MAX], ceiling[SERVICES_MAX];
	uint64_t limits[SERVICES_MAX], fresh[SERVICES_MAX];

	for (unsigned i = 0; i < facts->settings->n_services; i++) {
		connections[i] = facts->services[i].connections;
		half_open[i] = facts->services[i].half_open;
		ceiling[i] = facts->services[i].ceiling_sources;
		limits[i] = facts->settings->services[i].concurrent;
		fresh[i] = facts->settings->services[i].new_count;
	}
	add_by_service(out, facts, "connections", "Established connections.", connections);
	add_by_service(out, facts, "half_open_connections", "Connections in their handshake.",
		       half_open);
	add_standings(out, facts);
	add_by_service(out, facts, "ceiling_sources",
		       "Sources that the kernel counts for the ceiling, of the fuller family.",
		       ceiling);
	add_by_service(out, facts, "limit_concurrent",
		       "Configured limit of connections of a source; 0: off.", limits);
	add_by_service(out, facts, "limit_new",
		       "Configured limit of handshakes of a source in its window; 0: off.", fresh);
}

void metrics_decisions(FILE *out, const struct status_facts *facts)
{
	metrics_family(out, METRIC_COUNTER, "decisions", "Decisions about sources.");
	for (unsigned i = 0; i < DECISIONS; i++)
		metrics_sample(out, METRIC_COUNTER, "decisions", "decision",
			       decision_type_name((enum decision_type)i),
			       facts->guard.decisions[i]);
}

void metrics_bans(FILE *out, const struct status_facts *facts)
{
	const struct guard_stats *guard = &facts->guard;

	METRICS(out,
		{ METRIC_GAUGE, "bans", "Banned sources.", guard->bans },
		{ METRIC_GAUGE, "bans_enforced", "Of those: in the kernel's set.",
		  facts->bans_enforced },
		{ METRIC_GAUGE, "bans_max", "Bans that fit, per address family.",
		  facts->settings->bans.max_bans },
		{ METRIC_GAUGE, "ban_breaker_open",
		  "1: bans.max_per_minute was reached, no new bans.", guard->breaker_open },
		{ METRIC_GAUGE, "blocked_prefixes", "Prefixes blocked by hand.", facts->blocked },
		{ METRIC_GAUGE, "allowed_prefixes", "Prefixes allowed by hand.", facts->allowed },
		{ METRIC_GAUGE, "spared_sources", "Sources spared for a while after an unban.",
		  guard->graces },
		{ METRIC_GAUGE, "trusted_sources",
		  "Sources that pass the ceilings, by their name or after an unban.",
		  guard->trusted },
		{ METRIC_GAUGE, "pending_sources",
		  "Sources over a limit whose reverse DNS is awaited.", guard->pending },
		{ METRIC_COUNTER, "bans_replaced", "Bans that gave way to those of worse offenders.",
		  guard->bans_replaced });
	metrics_parts(out,
		      &(struct metric){ METRIC_COUNTER, "bans_missed",
					"Bans that were not made or not enforced, by reason.", 0 },
		      "kind",
		      PARTS({ "max_bans", guard->bans_full },
			    { "max_per_minute", guard->bans_held_back },
			    { "kernel", guard->elements_refused }));
}

static void add_gate_packets(FILE *out, const struct gate_stats *gate)
{
	metrics_parts(out,
		      &(struct metric){ METRIC_COUNTER, "gate_packets",
					"First packets that came to the gate, by how they ended.",
					0 },
		      "kind",
		      PARTS({ "accepted_verified", gate->accepted_verified },
			    { "accepted_ptr", gate->accepted_ptr },
			    { "accepted_unknown", gate->accepted_unknown },
			    { "accepted_full", gate->accepted_full },
			    { "accepted_exempt", gate->accepted_exempt },
			    { "refused", gate->refused }, { "dropped", gate->dropped }));
}

void metrics_gate(FILE *out, const struct status_facts *facts)
{
	const struct gate_stats *gate = &facts->gate;
	const uint32_t *sources = gate->table.sources;

	METRICS(out,
		{ METRIC_GAUGE, "gate_wanted", "1: some service requires a name.",
		  facts->gate_facts.wanted },
		{ METRIC_GAUGE, "gate_active", "1: it is wanted and works.",
		  facts->gate_facts.wanted && !facts->gate_facts.off },
		{ METRIC_GAUGE, "gate_held_packets", "Packets that wait for an answer.",
		  gate->table.held },
		{ METRIC_GAUGE, "gate_held_packets_max", "gate.max_held.", gate->table.max_held },
		{ METRIC_COUNTER, "gate_timed_out_packets", "Packets that waited for all of hold.",
		  gate->timed_out },
		{ METRIC_COUNTER, "gate_losses",
		  "Times that the gate's buffer was full: packets passed unseen.",
		  facts->queue.losses },
		{ METRIC_COUNTER, "gate_malformed_packets", "Packets that could not be judged.",
		  facts->queue.malformed + facts->gate_facts.unreadable },
		{ METRIC_COUNTER, "gate_failed_batches",
		  "Batches of verdicts that the kernel did not take.",
		  facts->queue.failed_batches });
	add_gate_packets(out, gate);
	metrics_parts(out,
		      &(struct metric){ METRIC_GAUGE, "gate_sources",
					"Sources that the gate remembers, by outcome.", 0 },
		      "kind",
		      PARTS({ "held", sources[GATE_ASKING] }, { "refused", sources[GATE_REFUSED] },
			    { "passed", sources[GATE_PASSED] },
			    { "would_refuse", sources[GATE_WOULD_REFUSE] }));
	metrics_seconds(out, "gate_longest_hold_seconds", "The longest wait of a packet.",
			gate->longest_hold);
}
