// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "cli_priv.h"

static const struct column columns[] = {
	{ "SERVICE", false }, { "STANDING", false }, { "NOW", true },  { "LIMIT", true },
	{ "NEW", true },      { "LIMIT", true },     { "HALF", true }, { "PEAK", true },
	{ "LAST CHANGE", false },
};

static void show_ban(const struct cli *cli, const json_t *ban)
{
	const json_t *left = json_object_get(ban, "remaining_s");
	char span[SPAN_TEXT_MAX];

	print_line(cli, COLOUR_RED, "banned: %s", text_of(ban, "comment"));
	if (json_is_integer(left))
		print_line(cli, COLOUR_NONE, "  since %s, until %s (%s left)", text_of(ban, "since"),
			   text_of(ban, "expires"), span_format(json_integer_value(left), span));
	else
		print_line(cli, COLOUR_NONE, "  since %s, without end", text_of(ban, "since"));
	print_line(cli, COLOUR_NONE, "  peak %lld, %lld earlier bans, %s",
		   (long long)number_of(ban, "peak"), (long long)number_of(ban, "earlier"),
		   is_true(ban, "enforced") ? "in the kernel's set" : "not in the kernel's set");
}

/* What the answers about its name came to. */
static const char *verdict_words(const char *state)
{
	if (!strcmp(state, "none"))
		return "it has no PTR record";
	if (!strcmp(state, "mismatch"))
		return "no name of its PTR records resolves back to it";
	if (!strcmp(state, "verified"))
		return "its name is verified";
	return "DNS gave no answer about its name";
}

static void show_gate(const struct cli *cli, const json_t *gate, const char *source)
{
	const char *outcome = text_of(gate, "outcome"), *service = text_of(gate, "service");
	const char *words = verdict_words(text_of(gate, "reverse_dns"));
	char end[SPAN_TEXT_MAX];

	end_format(gate, "until", end);
	if (!strcmp(outcome, "refused")) {
		print_line(cli, COLOUR_RED, "refused by the gate of %s: %s; since %s, %s", service,
			   words, text_of(gate, "since"), end);
		print_line(cli, COLOUR_NONE,
			   "  to let it in for a while: smtpguard unban %s; for good: "
			   "smtpguard allow add %s", source, source);
	} else if (!strcmp(outcome, "passed")) {
		print_line(cli, COLOUR_NONE,
			   "let in by the gate of %s without a verified name: %s; since %s, %s",
			   service, words, text_of(gate, "since"), end);
	} else if (!strcmp(outcome, "would-refuse")) {
		print_line(cli, COLOUR_YELLOW,
			   "the gate would refuse it, but %s is only observed: %s; since %s",
			   service, words, text_of(gate, "since"));
	} else if (number_of(gate, "held")) {
		print_line(cli, COLOUR_YELLOW,
			   "held by the gate of %s until DNS answers about its name; packets that "
			   "wait: %lld", service, (long long)number_of(gate, "held"));
	}
}

static void show_facts(const struct cli *cli, const json_t *answer)
{
	const json_t *ban = json_object_get(answer, "ban");
	const json_t *block = json_object_get(answer, "block");
	const json_t *never = json_object_get(answer, "never");
	const json_t *name = json_object_get(answer, "reverse_dns");
	const json_t *gate = json_object_get(answer, "gate");
	char text[CELL_TEXT_MAX], end[SPAN_TEXT_MAX];

	if (json_is_object(ban))
		show_ban(cli, ban);
	if (json_is_object(block))
		print_line(cli, COLOUR_RED, "inside the block %s, since %s, %s%s%s",
			   text_of(block, "prefix"), text_of(block, "since"),
			   end_format(block, "expires", end), *text_of(block, "reason") ? ": " : "",
			   text_of(block, "reason"));
	if (!json_is_object(ban) && !json_is_object(block))
		puts("not banned");
	if (json_is_object(gate))
		show_gate(cli, gate, text_of(answer, "source"));
	if (json_is_object(never))
		print_line(cli, COLOUR_GREEN, "never banned: %s %s", text_of(never, "reason"),
			   json_is_string(json_object_get(never, "match")) ?
				   text_of(never, "match") :
				   "");
	if (json_is_string(json_object_get(answer, "trusted_until")))
		print_line(cli, COLOUR_GREEN, "trusted after an unban, until %s",
			   text_of(answer, "trusted_until"));
	print_line(cli, COLOUR_NONE, "reverse DNS of %s: %s", text_of(name, "client"),
		   reverse_dns_format(json_object_get(name, "state"), json_object_get(name, "names"),
				      text));
}

/* A limit as the configuration writes it. */
static void add_limit(struct table *table, json_int_t limit, const char *window)
{
	if (limit == 0)
		table_add(table, COLOUR_NONE, "off");
	else
		table_add(table, COLOUR_NONE, "%lld%s%s", (long long)limit, window ? "/" : "",
			  window ? window : "");
}

/* What a verified source is held to differs, where the service looks at names. */
static bool is_verified(const json_t *answer, const json_t *limits)
{
	return !strcmp(text_of(json_object_get(answer, "reverse_dns"), "state"), "verified") &&
	       strcmp(text_of(limits, "reverse_dns"), "ignore");
}

static void show_services(const struct cli *cli, const json_t *answer)
{
	const json_t *services = json_object_get(answer, "services"), *service;
	struct table table;
	size_t i;

	table_begin(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach(services, i, service) {
		const json_t *limits = json_object_get(service, "limits");
		const char *standing = text_of(service, "standing");
		bool verified = is_verified(answer, limits);

		table_add(&table, COLOUR_NONE, "%s", text_of(service, "service"));
		table_add(&table, standing_colour(standing), "%s", standing);
		table_add(&table, COLOUR_NONE, "%lld", (long long)number_of(service, "concurrent"));
		add_limit(&table,
			  number_of(limits, verified ? "verified_concurrent" : "concurrent"), NULL);
		table_add(&table, COLOUR_NONE, "%lld", (long long)number_of(service, "new"));
		add_limit(&table, verified ? 0 : number_of(limits, "new"),
			  text_of(limits, "window"));
		table_add(&table, COLOUR_NONE, "%lld", (long long)number_of(service, "half_open"));
		table_add(&table, COLOUR_NONE, "%lld", (long long)number_of(service, "peak"));
		table_add(&table, COLOUR_NONE, "%s", text_of(service, "last_change"));
	}
	table_end(&table, cli);
}

static void show(const struct cli *cli, const json_t *answer)
{
	const char *address = text_of(answer, "address"), *source = text_of(answer, "source");

	if (strcmp(address, source))
		print_line(cli, COLOUR_BOLD, "%s, counted as %s", address, source);
	else
		print_line(cli, COLOUR_BOLD, "%s", address);
	show_facts(cli, answer);
	if (is_true(answer, "seen"))
		show_services(cli, answer);
	else
		puts("not seen: no connection to a guarded port is remembered");
}

static enum exit_code run(const struct cli *cli, const struct verb *verb,
			  const struct arguments *arguments)
{
	return ask(cli, verb, arguments, show);
}

const struct verb verb_explain = {
	.name = "explain",
	.alias = "why",
	.word = "ADDR",
	.needs_word = true,
	.help = "all that is known of one address: counts and limits, ban, gate, reverse DNS, trust",
	.run = run,
};
