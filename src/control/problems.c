// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "smtpguard/base/escape.h"

#include "report_status_priv.h"

/* Three reconciling intervals: dumps do not get through. */
#define SYNC_TOO_OLD (180 * USEC_PER_SEC)

struct problems {
	json_t *list;
	bool failed;
};

static void add(struct problems *problems, const char *format, ...) PRINTF_LIKE(2, 3);

static void add(struct problems *problems, const char *format, ...)
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

	if (facts->kernel->ruleset_error)
		add(problems, "table inet smtpguard is not loaded, nothing is enforced: %s",
		    escape(error, sizeof(error), facts->kernel->ruleset_error,
			   strlen(facts->kernel->ruleset_error)));
	else if (!facts->has_writer && !facts->settings->observe)
		add(problems, "no connection to the kernel's sets: bans are not enforced");
	if (facts->kernel->conntrack_events_sysctl == 0)
		add(problems, "sysctl net.netfilter.nf_conntrack_events is 0: the kernel reports "
			      "no connections; set it to 1");
	if (!facts->settings->observe && facts->bans_enforced < facts->guard.bans)
		add(problems, "%" PRIu64 " of %" PRIu32 " bans are not in the kernel's sets",
		    facts->guard.bans - facts->bans_enforced, facts->guard.bans);
	if (facts->writer.refused_elements)
		add(problems, "the kernel refused %" PRIu64 " set elements since start, last: %s",
		    facts->writer.refused_elements, strerror(-facts->writer.last_error));
}

static void add_events(struct problems *problems, const struct status_facts *facts)
{
	const struct conntrack_stats *conntrack = &facts->conntrack;

	if (!conntrack->last_sync)
		add(problems, "no complete dump of the connection table yet: connections that "
			      "existed before the start are not counted");
	else if (facts->sync_age > SYNC_TOO_OLD)
		add(problems,
		    "the last complete dump of the connection table is %" PRIu64 " s old",
		    facts->sync_age / USEC_PER_SEC);
	if (facts->guard.in_doubt && conntrack->losses)
		add(problems, "counts are in doubt since events were lost (%" PRIu64
			      " times since start); nobody is banned for concurrent until the "
			      "next complete dump",
		    conntrack->losses);
	if (conntrack->malformed)
		add(problems, "%" PRIu64 " conntrack messages could not be read",
		    conntrack->malformed);
}

static void add_resolver(struct problems *problems, const struct status_facts *facts)
{
	if (!facts->resolver.running)
		add(problems, "the resolver is not running: reverse DNS is unknown, nobody new is "
			      "exempt by name, and bans wait for the deadline");
	else if (!facts->names.healthy)
		add(problems, "DNS does not answer: failed lookups count as unknown");
	if (facts->names.refused_in_flight)
		add(problems, "%" PRIu64 " lookups were put off since start: "
			      "resolver.max_in_flight (%" PRIu32 ") reached",
		    facts->names.refused_in_flight, facts->settings->names.max_in_flight);
}

static void add_bounds(struct problems *problems, const struct status_facts *facts)
{
	if (facts->guard.flows_full || facts->guard.flows_evicted)
		add(problems, "sources.max_flows (%" PRIu32 ") reached: %" PRIu64
			      " connections not tracked and %" PRIu64
			      " half-open ones forgotten since start",
		    facts->settings->max_flows, facts->guard.flows_full,
		    facts->guard.flows_evicted);
	if (facts->sources.refused || facts->sources.evicted_counting)
		add(problems, "sources.max_sources (%" PRIu32 ") reached: %" PRIu64
			      " connections not counted and %" PRIu64
			      " sources with connections forgotten since start",
		    facts->sources.capacity, facts->sources.refused,
		    facts->sources.evicted_counting);
	if (facts->sources.windows_full)
		add(problems, "%" PRIu64 " completed handshakes did not enter the window of `new` "
			      "since start: sources.max_sources is too small",
		    facts->sources.windows_full);
	if (facts->guard.bans_full)
		add(problems, "bans.max_bans (%" PRIu32 ") reached: %" PRIu64
			      " bans not made since start",
		    facts->settings->max_bans, facts->guard.bans_full);
}

json_t *status_problems(const struct status_facts *facts)
{
	struct problems problems = { .list = json_array() };

	if (!problems.list)
		return NULL;
	add_kernel(&problems, facts);
	add_events(&problems, facts);
	add_resolver(&problems, facts);
	add_bounds(&problems, facts);
	if (problems.failed) {
		json_decref(problems.list);
		return NULL;
	}
	return problems.list;
}
