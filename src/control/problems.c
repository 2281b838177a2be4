// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"

#include "problems_priv.h"

/* Three reconciling intervals: dumps do not get through. */
#define SYNC_TOO_OLD (180 * USEC_PER_SEC)
/* How long a repair stays news. */
#define REPAIR_SHOWN	(600 * USEC_PER_SEC)
#define AUDITS_DOUBTFUL 3

void problem_add(struct problems *problems, const char *format, ...)
{
	char text[STATUS_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (json_array_append_new(problems->list, json_string(text)) < 0)
		problems->failed = true;
}

static void add_kernel(struct problems *problems, const struct status_facts *facts)
{
	char error[STATUS_TEXT_MAX / 2];

	const char *why = facts->guard.unenforceable, *ruleset_error = facts->kernel->ruleset_error;

	if (ruleset_error)
		problem_add(problems, "table inet smtpguard is not loaded, nothing is enforced: %s",
			    escape(error, sizeof(error), ruleset_error, strlen(ruleset_error)));
	if (why && (!ruleset_error || strcmp(why, ruleset_error)))
		problem_add(problems,
			    "bans are not enforced, sources are judged as in mode observe: %s",
			    escape(error, sizeof(error), why, strlen(why)));
	if (!why && !ruleset_error && !facts->has_writer && !facts->settings->observe)
		problem_add(problems, "no connection to the kernel's sets: bans are not enforced");
	if (facts->kernel->conntrack_events_sysctl == 0)
		problem_add(problems,
			    "sysctl net.netfilter.nf_conntrack_events is 0: the kernel reports "
			    "no connections; set it to 1");
	if (!why && !facts->settings->observe && facts->bans_enforced < facts->guard.bans)
		problem_add(problems,
			    "%" PRIu64 " of %" PRIu32 " bans are not in the kernel's sets",
			    facts->guard.bans - facts->bans_enforced, facts->guard.bans);
	if (facts->writer.refused_elements)
		problem_add(problems,
			    "the kernel refused %" PRIu64 " set elements since start, last: %s",
			    facts->writer.refused_elements, strerror(-facts->writer.last_error));
}

static void add_reconcile(struct problems *problems, const struct status_facts *facts)
{
	const struct reconcile_facts *reconcile = &facts->reconcile;
	const struct set_auditor_stats *auditor = &facts->auditor;

	if (reconcile->last_repair && facts->now < reconcile->last_repair + REPAIR_SHOWN)
		problem_add(problems,
			    "somebody else changed table inet smtpguard: repaired %" PRIu64
			    " s ago, %" PRIu64 " times since start",
			    facts->now > reconcile->last_repair ?
				    (facts->now - reconcile->last_repair) / USEC_PER_SEC :
				    0,
			    reconcile->repairs);
	if (auditor->incomplete >= AUDITS_DOUBTFUL && 2 * auditor->incomplete >= auditor->audits)
		problem_add(problems,
			    "%" PRIu64 " of %" PRIu64 " audits of the kernel's sets did not see "
			    "all elements: drift may stay unseen",
			    auditor->incomplete, auditor->audits);
}

static void add_closer(struct problems *problems, const struct status_facts *facts)
{
	const struct socket_closer_stats *closer = &facts->closer;

	if (!facts->has_closer || !facts->settings->enforcement.close_connections)
		return;
	if (!closer->supported)
		problem_add(problems,
			    "the kernel cannot close connections (no CONFIG_INET_DIAG_DESTROY): "
			    "those of a banned source hold their slots until they end");
	else if (closer->failures)
		problem_add(problems,
			    "closing connections of banned sources failed %" PRIu64
			    " times since start, last: %s",
			    closer->failures, strerror(abs(closer->last_error)));
	if (closer->skipped_sources)
		problem_add(problems,
			    "connections of %" PRIu64 " banned sources were not closed since "
			    "start: too many bans at once",
			    closer->skipped_sources);
}

static void add_ledger_state(struct problems *problems, const struct ledger_stats *ledger)
{
	switch (ledger->state) {
	case LEDGER_LOADING:
		problem_add(problems,
			    "the ledger is still being read: earlier bans and lists may be "
			    "missing");
		break;
	case LEDGER_STALLED:
		problem_add(problems,
			    "the ledger's disk does not answer: %" PRIu32 " entries wait; bans "
			    "are enforced all the same",
			    ledger->queued);
		break;
	case LEDGER_FAILING:
		problem_add(problems,
			    "the ledger cannot be written: %s; bans are enforced, but a reboot "
			    "loses them",
			    ledger->error[0] ? ledger->error : "unknown error");
		break;
	case LEDGER_HEALTHY:
	case LEDGER_STATES:
		break;
	}
}

static void add_ledger(struct problems *problems, const struct status_facts *facts)
{
	const struct ledger_stats *ledger = &facts->ledger;

	if (!facts->has_ledger) {
		problem_add(problems, "there is no ledger: a reboot loses bans and lists");
		return;
	}
	add_ledger_state(problems, ledger);
	if (ledger->moved_aside[0])
		problem_add(problems,
			    "the ledger was corrupt at start and is now at %s: bans and history "
			    "in it are missing",
			    ledger->moved_aside);
	if (ledger->dropped)
		problem_add(problems,
			    "%" PRIu64 " ledger entries were lost since start because too many "
			    "waited for the disk",
			    ledger->dropped);
}

static void add_events(struct problems *problems, const struct status_facts *facts)
{
	const struct conntrack_stats *conntrack = &facts->conntrack;

	if (!conntrack->last_sync)
		problem_add(problems,
			    "no complete dump of the connection table yet: connections that "
			    "existed before the start are not counted");
	else if (facts->sync_age > SYNC_TOO_OLD)
		problem_add(problems,
			    "the last complete dump of the connection table is %" PRIu64 " s old",
			    facts->sync_age / USEC_PER_SEC);
	if (facts->guard.in_doubt && conntrack->losses)
		problem_add(problems,
			    "counts are in doubt since events were lost (%" PRIu64
			    " times since start); nobody is banned for concurrent until the "
			    "next complete dump",
			    conntrack->losses);
	if (conntrack->malformed)
		problem_add(problems, "%" PRIu64 " conntrack messages could not be read",
			    conntrack->malformed);
}

static void add_resolver(struct problems *problems, const struct status_facts *facts)
{
	bool gated = facts->gate_facts.wanted && !facts->gate_facts.off;

	if (!facts->resolver.running)
		problem_add(problems,
			    "the resolver is not running: reverse DNS is unknown, nobody new is "
			    "exempt by name, and bans wait for the deadline%s",
			    gated ? "; the gate lets everybody new in" : "");
	else if (!facts->names.healthy)
		problem_add(problems, "DNS does not answer: failed lookups count as unknown%s",
			    gated ? "; the gate lets them in" : "");
	if (facts->names.refused_in_flight)
		problem_add(problems,
			    "%" PRIu64 " lookups were put off since start: "
			    "resolver.max_in_flight (%" PRIu32 ") reached",
			    facts->names.refused_in_flight, facts->settings->names.max_in_flight);
}

static void add_gate(struct problems *problems, const struct status_facts *facts)
{
	const struct packet_queue_stats *queue = &facts->queue;
	const char *off = facts->gate_facts.off;
	char why[STATUS_TEXT_MAX / 2];

	if (facts->gate_facts.wanted && off)
		problem_add(problems, "the gate is off, nobody is refused for a missing name: %s",
			    escape(why, sizeof(why), off, strlen(off)));
	if (facts->gate_facts.wanted && !off && !queue->fails_open)
		problem_add(problems, "this kernel drops what does not fit into the gate's queue");
	if (facts->gate.accepted_full)
		problem_add(problems,
			    "%" PRIu64 " packets passed the gate unasked since start: "
			    "gate.max_held (%" PRIu32 ") or another bound was reached",
			    facts->gate.accepted_full, facts->settings->gate.max_held);
	if (queue->losses)
		problem_add(problems,
			    "packets passed the gate unseen %" PRIu64
			    " times since start: its buffer was full",
			    queue->losses);
	if (queue->failed_batches)
		problem_add(problems,
			    "the kernel did not take %" PRIu64 " batches of verdicts since "
			    "start, last: %s; those clients have to send their SYN again",
			    queue->failed_batches, strerror(abs(queue->last_error)));
	if (queue->malformed || facts->gate_facts.unreadable)
		problem_add(problems, "%" PRIu64 " packets at the gate could not be judged",
			    queue->malformed + facts->gate_facts.unreadable);
}

static void add_allow(struct problems *problems, const struct status_facts *facts)
{
	const struct allow_facts *allow = facts->allow;

	if (!allow)
		return;
	if (allow->refused[0])
		problem_add(problems, "allow files have changed and are not taken over: %s",
			    allow->refused);
	if (allow->unreadable)
		problem_add(problems,
			    "trust.cpanel_lists: %u cannot be read by the daemon's user; nobody in "
			    "them is "
			    "spared",
			    allow->unreadable);
}

static void add_bounds(struct problems *problems, const struct status_facts *facts)
{
	if (facts->guard.flows_full || facts->guard.flows_evicted)
		problem_add(problems,
			    "sources.max_flows (%" PRIu32 ") reached: %" PRIu64
			    " connections not tracked and %" PRIu64
			    " half-open ones forgotten since start",
			    facts->settings->max_flows, facts->guard.flows_full,
			    facts->guard.flows_evicted);
	if (facts->sources.refused || facts->sources.evicted_counting)
		problem_add(problems,
			    "sources.max_sources (%" PRIu32 ") reached: %" PRIu64
			    " connections not counted and %" PRIu64
			    " sources with connections forgotten since start",
			    facts->sources.capacity, facts->sources.refused,
			    facts->sources.evicted_counting);
	if (facts->sources.windows_full)
		problem_add(problems,
			    "%" PRIu64 " completed handshakes did not enter the window of `new` "
			    "since start: sources.max_sources is too small",
			    facts->sources.windows_full);
	if (facts->guard.bans_full || facts->guard.bans_replaced)
		problem_add(problems,
			    "bans.max_bans (%" PRIu32 ") reached: the worst offenders stay; "
			    "%" PRIu64 " bans gave way to worse ones and %" PRIu64
			    " were not made since start",
			    facts->settings->bans.max_bans, facts->guard.bans_replaced,
			    facts->guard.bans_full);
	for (unsigned i = 0; i < facts->settings->n_services; i++)
		if (facts->services[i].ceiling_sources >= RULESET_CEILING_SIZE)
			problem_add(
				problems,
				"the ceiling of %s counts %d sources, its most: further ones are "
				"held to the limits only",
				facts->settings->services[i].name, RULESET_CEILING_SIZE);
	if (facts->guard.breaker_open)
		problem_add(problems,
			    "bans.max_per_minute (%" PRIu32 ") reached: no new bans for now, "
			    "%" PRIu64 " held back since start",
			    facts->settings->bans.max_per_minute, facts->guard.bans_held_back);
}

json_t *status_problems(const struct status_facts *facts)
{
	struct problems problems = { .list = json_array() };

	if (!problems.list)
		return NULL;
	add_kernel(&problems, facts);
	add_reconcile(&problems, facts);
	add_closer(&problems, facts);
	add_ledger(&problems, facts);
	add_events(&problems, facts);
	add_resolver(&problems, facts);
	add_gate(&problems, facts);
	add_allow(&problems, facts);
	problems_mail(&problems, facts);
	add_bounds(&problems, facts);
	if (problems.failed) {
		json_decref(problems.list);
		return NULL;
	}
	return problems.list;
}
