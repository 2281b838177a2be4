// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "cli_priv.h"

static const struct column columns[] = {
	{ "SERVICE", false }, { "PORTS", false },  { "CONNECTIONS", true }, { "HALF", true },
	{ "SOURCES", true },  { "OVER", true },	   { "BANNED", true },	    { "EXEMPT", true },
	{ "LIMITS", false },  { "MODE", false },
};

static long long count(const json_t *object, const char *key)
{
	return (long long)number_of(object, key);
}

static const char *ports_format(const json_t *ports, char text[static CELL_TEXT_MAX])
{
	size_t used = 0, i;
	const json_t *port;

	text[0] = '\0';
	json_array_foreach(ports, i, port) {
		int n = snprintf(text + used, CELL_TEXT_MAX - used, "%s%lld", i ? "," : "",
				 (long long)json_integer_value(port));

		if (n < 0 || (size_t)n >= CELL_TEXT_MAX - used)
			break;
		used += (size_t)n;
	}
	return text;
}

static const char *limits_format(const json_t *service, char text[static CELL_TEXT_MAX])
{
	char concurrent[32] = "off", fresh[64] = "off", verified[48] = "", ceiling[48] = "";
	const char *use = text_of(service, "reverse_dns");
	bool required = !strcmp(use, "require");

	if (count(service, "concurrent"))
		snprintf(concurrent, sizeof(concurrent), "%lld", count(service, "concurrent"));
	if (count(service, "ceiling"))
		snprintf(ceiling, sizeof(ceiling), ", ceiling %lld", count(service, "ceiling"));
	if (count(service, "new"))
		snprintf(fresh, sizeof(fresh), "%lld/%.24s", count(service, "new"),
			 text_of(service, "window"));
	if (required || !strcmp(use, "exempt")) {
		if (count(service, "verified_concurrent"))
			snprintf(verified, sizeof(verified), ", verified %lld",
				 count(service, "verified_concurrent"));
		else
			snprintf(verified, sizeof(verified), ", verified off");
	}
	snprintf(text, CELL_TEXT_MAX, "concurrent %s, new %s%s%s%s%.8s", concurrent, fresh, verified,
		 ceiling, required ? ", require " : "",
		 required ? text_of(service, "reverse_dns_test") : "");
	return text;
}

static void show_services(const struct cli *cli, json_t *services)
{
	char text[CELL_TEXT_MAX];
	struct table table;
	const char *name;
	json_t *service;

	table_begin(&table, columns, ARRAY_SIZE(columns));
	json_object_foreach(services, name, service) {
		const json_t *standings = json_object_get(service, "standings");
		long long over = count(standings, "over-limit") + count(standings, "resolving");

		table_add(&table, COLOUR_NONE, "%s", name);
		table_add(&table, COLOUR_NONE, "%s",
			  ports_format(json_object_get(service, "ports"), text));
		table_add(&table, COLOUR_NONE, "%lld", count(service, "connections"));
		table_add(&table, COLOUR_NONE, "%lld", count(service, "half_open"));
		table_add(&table, COLOUR_NONE, "%lld", count(service, "sources"));
		table_add(&table, over ? COLOUR_YELLOW : COLOUR_NONE, "%lld", over);
		table_add(&table, count(standings, "banned") ? COLOUR_RED : COLOUR_NONE, "%lld",
			  count(standings, "banned"));
		table_add(&table, COLOUR_NONE, "%lld", count(standings, "exempt"));
		table_add(&table, COLOUR_NONE, "%s", limits_format(service, text));
		table_add(&table, COLOUR_NONE, "%s", text_of(service, "mode"));
	}
	table_end(&table, cli);
}

static void show_problems(const struct cli *cli, const json_t *problems)
{
	const json_t *problem;
	size_t i;

	json_array_foreach(problems, i, problem) {
		const char *text = json_string_value(problem);

		print_line(cli, COLOUR_YELLOW, "problem: %s", text ? text : "-");
	}
	if (json_array_size(problems))
		putchar('\n');
}

static void show_bans(const struct cli *cli, const json_t *bans)
{
	const json_t *decisions = json_object_get(bans, "decisions");

	print_line(cli, COLOUR_NONE,
		   "bans      %lld, %lld in the kernel, at most %lld per family; "
		   "%lld replaced, %lld held back, %lld waiting for DNS",
		   count(bans, "count"), count(bans, "enforced"), count(bans, "max_per_family"),
		   count(bans, "replaced"), count(bans, "held_back"), count(bans, "pending"));
	print_line(cli, COLOUR_NONE,
		   "by hand   %lld blocked, %lld allowed, %lld trusted after an unban; "
		   "%lld sources pass the ceilings",
		   count(bans, "blocked"), count(bans, "allowed_by_operator"),
		   count(bans, "trusted"), count(bans, "trusted_sources"));
	print_line(cli, COLOUR_NONE, "decisions %lld ban, %lld unban, %lld expire, %lld exempt, "
				     "%lld observe, %lld refuse",
		   count(decisions, "ban"), count(decisions, "unban"), count(decisions, "expire"),
		   count(decisions, "exempt"), count(decisions, "observe"), count(decisions, "refuse"));
}

static void show_gate(const struct cli *cli, const json_t *gate)
{
	const json_t *sources = json_object_get(gate, "sources");

	if (!is_true(gate, "wanted")) {
		/* all services that require a name are only observed */
		if (count(gate, "observed_sources"))
			print_line(cli, COLOUR_NONE,
				   "gate      only observes; %lld sources would have been refused",
				   count(gate, "observed_sources"));
		return;
	}
	if (!is_true(gate, "active")) {
		print_line(cli, COLOUR_YELLOW, "gate      off: %s", text_of(gate, "off"));
		return;
	}
	print_line(cli, COLOUR_NONE,
		   "gate      %lld packets held now (peak %lld, at most %lld for %lld ms), "
		   "%lld sources refused now; longest wait %lld us",
		   count(gate, "held"), count(gate, "held_peak"), count(gate, "max_held"),
		   count(gate, "hold_ms"), count(sources, "refused"), count(gate, "longest_hold_us"));
	print_line(cli, COLOUR_NONE,
		   "          passed %lld verified, %lld by PTR, %lld unknown, %lld unasked, "
		   "%lld exempt; refused %lld, of %lld sources",
		   count(gate, "accepted_verified"), count(gate, "accepted_ptr"),
		   count(gate, "accepted_unknown"), count(gate, "accepted_full"),
		   count(gate, "accepted_exempt"), count(gate, "refused"),
		   count(gate, "refused_sources"));
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
		print_line(cli, COLOUR_NONE, "          it lacks: %s", text);
}

static void show_machinery(const struct cli *cli, const json_t *answer)
{
	const json_t *resolver = json_object_get(answer, "resolver");
	const json_t *events = json_object_get(answer, "events");
	const json_t *kernel = json_object_get(answer, "kernel");
	const json_t *age = json_object_get(events, "last_sync_age_s");
	char span[SPAN_TEXT_MAX];

	print_line(cli, COLOUR_NONE, "resolver  %s, %s; %lld asked, %lld answered, %lld failed, "
				     "%lld in flight, %lld cached, %lld starts",
		   is_true(resolver, "running") ? "running" : "not running",
		   is_true(resolver, "healthy") ? "healthy" : "not healthy",
		   count(resolver, "asked"), count(resolver, "answered"), count(resolver, "failed"),
		   count(resolver, "in_flight"), count(resolver, "cached"),
		   count(resolver, "starts"));
	print_line(cli, COLOUR_NONE, "events    %lld received, %lld losses, %lld resyncs; last dump "
				     "%s%s; drift %lld added, %lld changed, %lld removed",
		   count(events, "received"), count(events, "losses"), count(events, "resyncs"),
		   json_is_integer(age) ? span_format(json_integer_value(age), span) : "none",
		   json_is_integer(age) ? " ago" : "", count(events, "drift_added"),
		   count(events, "drift_changed"), count(events, "drift_removed"));
	print_line(cli, COLOUR_NONE, "kernel    %s, table %s; %lld batches, %lld refused elements, "
				     "last answer in %lld us",
		   text_of(kernel, "release"), text_of(kernel, "ruleset"), count(kernel, "batches"),
		   count(kernel, "refused_elements"), count(kernel, "last_latency_us"));
	show_missing_features(cli, kernel);
}

/* What keeps the bans true: the table, live connections, the ledger. */
static void show_upkeep(const struct cli *cli, const json_t *answer)
{
	const json_t *reconcile = json_object_get(answer, "reconcile");
	const json_t *closer = json_object_get(answer, "closer");
	const json_t *ledger = json_object_get(answer, "ledger");

	print_line(cli, COLOUR_NONE, "table     loaded %lld times, %lld foreign changes, %lld repairs; "
				     "%lld elements added, %lld removed; %lld audits",
		   count(reconcile, "tables_loaded"), count(reconcile, "foreign_changes"),
		   count(reconcile, "repairs"), count(reconcile, "elements_added"),
		   count(reconcile, "elements_removed"), count(reconcile, "audits"));
	print_line(cli, COLOUR_NONE, "closed    %lld sockets, %lld conntrack entries; %lld failures, "
				     "last round in %lld us",
		   count(closer, "sockets_closed"), count(closer, "entries_deleted"),
		   count(closer, "failures"), count(closer, "last_latency_us"));
	print_line(cli, COLOUR_NONE, "ledger    %s; %lld written, %lld waiting, %lld lost, slowest "
				     "write %lld us",
		   text_of(ledger, "state"), count(ledger, "written"), count(ledger, "queued"),
		   count(ledger, "dropped"), count(ledger, "slowest_write_us"));
}

static void show(const struct cli *cli, const json_t *answer)
{
	char span[SPAN_TEXT_MAX];

	print_line(cli, COLOUR_BOLD, "smtpguard %s, mode %s%s, up %s; %lld connections tracked, "
				     "%lld sources remembered",
		   text_of(answer, "version"), text_of(answer, "mode"),
		   json_is_string(json_object_get(answer, "unenforceable")) ? ", not enforcing" : "",
		   span_format(number_of(answer, "uptime_s"), span), count(answer, "flows"),
		   count(answer, "sources"));
	putchar('\n');
	show_problems(cli, json_object_get(answer, "problems"));
	show_services(cli, json_object_get(answer, "services"));
	putchar('\n');
	show_bans(cli, json_object_get(answer, "bans"));
	show_gate(cli, json_object_get(answer, "gate"));
	show_machinery(cli, answer);
	show_upkeep(cli, answer);
}

static enum exit_code run(const struct cli *cli, const struct verb *verb,
			  const struct arguments *arguments)
{
	return ask(cli, verb, arguments, show);
}

const struct verb verb_status = {
	.name = "status",
	.help = "mode, counts, limits, health, and every doubt or degradation first",
	.run = run,
};
