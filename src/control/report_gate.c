// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The gate in the documents: its counters, and what it does with a source.
 */
#include <string.h>

#include "smtpguard/base/escape.h"

#include "report_priv.h"
#include "report_status_priv.h"

/* --- a source --- */

const char *report_gate_standing(const struct report_inputs *inputs,
				 const struct gate_source *source, unsigned service, usec_t now)
{
	const struct guard_settings *settings = guard_settings(inputs->guard);
	const struct service_settings *asked;

	if (inputs->gate->off || service >= settings->n_services)
		return NULL;
	asked = &settings->services[service];
	if (asked->reverse_dns != REVERSE_DNS_REQUIRE || asked->observe)
		return NULL;
	if (source->outcome == GATE_ASKING && source->n_held > 0)
		return gate_outcome_name(GATE_ASKING);
	if (source->outcome != GATE_REFUSED || source->until <= now)
		return NULL;
	if (source->also_passed && asked->reverse_dns_test == REVERSE_DNS_TEST_PTR)
		return NULL;
	return gate_outcome_name(GATE_REFUSED);
}

const char *report_standing(const struct report_inputs *inputs, const struct prefix *prefix,
			    unsigned service, enum standing standing, usec_t now)
{
	const struct gate_source *source = guard_gate_source(inputs->guard, prefix, now);
	const char *gated = NULL;

	/* a ban, or what spares it, comes before the gate */
	if (source && standing == STANDING_NORMAL)
		gated = report_gate_standing(inputs, source, service, now);
	return gated ? gated : standing_name(standing);
}

json_t *report_gate(const struct report_inputs *inputs, const struct prefix *prefix, usec_t now)
{
	const struct guard_settings *settings = guard_settings(inputs->guard);
	const struct gate_source *source = guard_gate_source(inputs->guard, prefix, now);

	if (!source || source->service >= settings->n_services)
		return json_null();
	return json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:s}", "outcome",
			 gate_outcome_name((enum gate_outcome)source->outcome), "service",
			 settings->services[source->service].name, "since",
			 report_time(source->since), "until",
			 source->outcome == GATE_ASKING ? json_null() : report_time(source->until),
			 "packets", (json_int_t)source->packets, "held", (json_int_t)source->n_held,
			 "reverse_dns", ptr_state_name((enum ptr_state)source->state));
}

/* --- the whole --- */

static json_t *sources_object(const struct gate_table_stats *table)
{
	return NUMBERS({ "held", table->sources[GATE_ASKING] },
		       { "refused", table->sources[GATE_REFUSED] },
		       { "passed", table->sources[GATE_PASSED] },
		       { "would_refuse", table->sources[GATE_WOULD_REFUSE] },
		       { "evicted", table->evicted });
}

static json_t *counters_object(const struct gate_stats *gate)
{
	return NUMBERS({ "held", gate->table.held }, { "held_peak", gate->table.held_peak },
		       { "packets", gate->packets }, { "joined", gate->joined },
		       { "accepted_verified", gate->accepted_verified },
		       { "accepted_ptr", gate->accepted_ptr },
		       { "accepted_unknown", gate->accepted_unknown },
		       { "accepted_full", gate->accepted_full },
		       { "accepted_exempt", gate->accepted_exempt },
		       { "refused", gate->refused }, { "dropped", gate->dropped },
		       { "timed_out", gate->timed_out },
		       { "longest_hold_us", gate->longest_hold },
		       { "refused_sources", gate->refused_sources },
		       { "observed_sources", gate->observed_sources });
}

static json_t *queue_object(const struct status_facts *facts)
{
	const struct packet_queue_stats *queue = &facts->queue;
	json_t *object = NUMBERS({ "losses", queue->losses },
				 { "malformed", queue->malformed + facts->gate_facts.unreadable },
				 { "verdicts", queue->verdicts }, { "batches", queue->batches },
				 { "failed_batches", queue->failed_batches });

	return report_with(object, "last_error",
			   queue->last_error ? json_string(strerror(-queue->last_error)) :
					       json_null());
}

json_t *status_gate(const struct status_facts *facts)
{
	const struct gate_settings *settings = &facts->settings->gate;
	const char *off = facts->gate_facts.off;
	char why[STATUS_TEXT_MAX];
	json_t *object;

	object = json_pack("{s:b, s:b, s:s?, s:I, s:I, s:I}", "wanted", facts->gate_facts.wanted,
			   "active", facts->gate_facts.wanted && !off, "off",
			   off ? escape(why, sizeof(why), off, strlen(off)) : NULL, "queue",
			   (json_int_t)settings->queue, "hold_ms",
			   (json_int_t)(settings->hold / USEC_PER_MSEC), "max_held",
			   (json_int_t)settings->max_held);
	object = report_merge(object, counters_object(&facts->gate));
	object = report_with(object, "sources", sources_object(&facts->gate.table));
	return report_merge(object, queue_object(facts));
}
