// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "status_priv.h"

static void show_bans(const struct cli *cli, const json_t *bans)
{
	const json_t *decisions = json_object_get(bans, "decisions");

	print_fact(cli, "bans", COLOUR_NONE,
		   "%lld, %lld in the kernel, at most %lld per family; "
		   "%lld replaced, %lld held back, %lld waiting for DNS",
		   count_of(bans, "count"), count_of(bans, "enforced"),
		   count_of(bans, "max_per_family"), count_of(bans, "replaced"),
		   count_of(bans, "held_back"), count_of(bans, "pending"));
	print_fact(cli, "by hand", COLOUR_NONE,
		   "%lld blocked, %lld allowed, %lld trusted after an unban; "
		   "%lld sources pass the ceilings",
		   count_of(bans, "blocked"), count_of(bans, "allowed_by_operator"),
		   count_of(bans, "trusted"), count_of(bans, "trusted_sources"));
	print_fact(cli, "decisions", COLOUR_NONE,
		   "%lld ban, %lld unban, %lld expire, %lld exempt, "
		   "%lld observe, %lld refuse",
		   count_of(decisions, "ban"), count_of(decisions, "unban"),
		   count_of(decisions, "expire"), count_of(decisions, "exempt"),
		   count_of(decisions, "observe"), count_of(decisions, "refuse"));
}

static void show_gate(const struct cli *cli, const json_t *gate)
{
	const json_t *sources = json_object_get(gate, "sources");

	if (!is_true(gate, "wanted")) {
		/* all services that require a name are only observed */
		if (count_of(gate, "observed_sources"))
			print_fact(cli, "gate", COLOUR_NONE,
				   "only observes; %lld sources would have been refused",
				   count_of(gate, "observed_sources"));
		return;
	}
	if (!is_true(gate, "active")) {
		print_fact(cli, "gate", COLOUR_YELLOW, "off: %s", text_of(gate, "off"));
		return;
	}
	print_fact(cli, "gate", COLOUR_NONE,
		   "%lld packets held now (peak %lld, at most %lld for %lld ms), "
		   "%lld sources refused now; longest wait %lld us",
		   count_of(gate, "held"), count_of(gate, "held_peak"), count_of(gate, "max_held"),
		   count_of(gate, "hold_ms"), count_of(sources, "refused"),
		   count_of(gate, "longest_hold_us"));
	print_fact(cli, "", COLOUR_NONE,
		   "passed %lld verified, %lld by PTR, %lld unknown, %lld unasked, "
		   "%lld exempt; refused %lld, of %lld sources",
		   count_of(gate, "accepted_verified"), count_of(gate, "accepted_ptr"),
		   count_of(gate, "accepted_unknown"), count_of(gate, "accepted_full"),
		   count_of(gate, "accepted_exempt"), count_of(gate, "refused"),
		   count_of(gate, "refused_sources"));
}

static void show_missing_features(const struct cli *cli, const json_t *kernel)
{
	static const struct {
		const char *key, *words;
	} features[] = {
		{ "queue", "nft queue" },
		{ "element_counters", "element counters" },
		{ "timeout_update", "timeout update" },
		{ "interval_timeouts", "interval timeouts" },
		{ "sock_destroy", "SOCK_DESTROY" },
		{ "ct_filter", "filtered conntrack dumps" },
	};
	char text[CELL_TEXT_MAX];
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (!is_true(kernel, features[i].key))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
						 used ? ", " : "", features[i].words);
	if (used)
		print_fact(cli, "", COLOUR_NONE, "it lacks: %s", text);
}

static void show_machinery(const struct cli *cli, const json_t *answer)
{
	const json_t *resolver = json_object_get(answer, "resolver");
	const json_t *events = json_object_get(answer, "events");
	const json_t *kernel = json_object_get(answer, "kernel");
	const json_t *age = json_object_get(events, "last_sync_age_s");
	char span[SPAN_TEXT_MAX];

	print_fact(cli, "resolver", COLOUR_NONE,
		   "%s, %s; %lld asked, %lld answered, %lld failed, "
		   "%lld in flight, %lld cached, started: %lld",
		   is_true(resolver, "running") ? "running" : "not running",
		   is_true(resolver, "healthy") ? "healthy" : "not healthy",
		   count_of(resolver, "asked"), count_of(resolver, "answered"),
		   count_of(resolver, "failed"), count_of(resolver, "in_flight"),
		   count_of(resolver, "cached"), count_of(resolver, "starts"));
	print_fact(cli, "events", COLOUR_NONE,
		   "%lld received, %lld losses, %lld resyncs; last dump "
		   "%s%s; drift %lld added, %lld changed, %lld removed",
		   count_of(events, "received"), count_of(events, "losses"),
		   count_of(events, "resyncs"),
		   json_is_integer(age) ? span_format(json_integer_value(age), span) : "none",
		   json_is_integer(age) ? " ago" : "", count_of(events, "drift_added"),
		   count_of(events, "drift_changed"), count_of(events, "drift_removed"));
	print_fact(cli, "kernel", COLOUR_NONE,
		   "%s, table %s; %lld batches, %lld refused elements, "
		   "last answer in %lld us",
		   text_of(kernel, "release"), text_of(kernel, "ruleset"),
		   count_of(kernel, "batches"), count_of(kernel, "refused_elements"),
		   count_of(kernel, "last_latency_us"));
	show_missing_features(cli, kernel);
}

/* What keeps the bans true: the table, live connections, the ledger. */
static void show_upkeep(const struct cli *cli, const json_t *answer)
{
	const json_t *reconcile = json_object_get(answer, "reconcile");
	const json_t *closer = json_object_get(answer, "closer");
	const json_t *ledger = json_object_get(answer, "ledger");

	print_fact(cli, "table", COLOUR_NONE,
		   "loads: %lld, %lld foreign changes, %lld repairs; "
		   "%lld elements added, %lld removed; %lld audits",
		   count_of(reconcile, "tables_loaded"), count_of(reconcile, "foreign_changes"),
		   count_of(reconcile, "repairs"), count_of(reconcile, "elements_added"),
		   count_of(reconcile, "elements_removed"), count_of(reconcile, "audits"));
	print_fact(cli, "closed", COLOUR_NONE,
		   "%lld sockets, %lld conntrack entries; %lld failures, "
		   "last round in %lld us",
		   count_of(closer, "sockets_closed"), count_of(closer, "entries_deleted"),
		   count_of(closer, "failures"), count_of(closer, "last_latency_us"));
	print_fact(cli, "ledger", COLOUR_NONE,
		   "%s; %lld written, %lld waiting, %lld lost, slowest "
		   "write %lld us",
		   text_of(ledger, "state"), count_of(ledger, "written"),
		   count_of(ledger, "queued"), count_of(ledger, "dropped"),
		   count_of(ledger, "slowest_write_us"));
}

void status_details(const struct cli *cli, const json_t *answer)
{
	show_bans(cli, json_object_get(answer, "bans"));
	show_gate(cli, json_object_get(answer, "gate"));
	show_machinery(cli, answer);
	show_upkeep(cli, answer);
	status_mail_details(cli, json_object_get(answer, "mail_logs"));
}
