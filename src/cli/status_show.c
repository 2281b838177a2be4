// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "status_priv.h"

/* Slots used of Exim's, in percent, from which on it is worth a colour. */
#define SLOTS_TIGHT 75
#define SLOTS_FULL  95

static const struct column columns[] = {
	{ "SERVICE", false }, { "PORTS", false },
	{ "NOW", true },      { "HALF", true },
	{ "SOURCES", true },  { "OVER", true },
	{ "BANNED", true },   { "EXEMPT", true },
	{ "MODE", false },
};

static const struct column offender_columns[] = {
	{ "MOST CONNECTIONS", false },
	{ "SERVICE", false },
	{ "NOW", true },
	{ "PEAK", true },
	{ "NEW", true },
	{ "STANDING", false },
	{ "REVERSE DNS", false },
};

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

	if (count_of(service, "concurrent"))
		snprintf(concurrent, sizeof(concurrent), "%lld", count_of(service, "concurrent"));
	if (count_of(service, "ceiling"))
		snprintf(ceiling, sizeof(ceiling), ", ceiling %lld", count_of(service, "ceiling"));
	if (count_of(service, "new"))
		snprintf(fresh, sizeof(fresh), "%lld/%.24s", count_of(service, "new"),
			 text_of(service, "window"));
	if (required || !strcmp(use, "exempt")) {
		if (count_of(service, "verified_concurrent"))
			snprintf(verified, sizeof(verified), ", verified %lld",
				 count_of(service, "verified_concurrent"));
		else
			snprintf(verified, sizeof(verified), ", verified off");
	}
	snprintf(text, CELL_TEXT_MAX, "concurrent %s, new %s%s%s%s%.8s", concurrent, fresh,
		 verified, ceiling, required ? ", require " : "",
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
		long long over =
			count_of(standings, "over-limit") + count_of(standings, "resolving");
		long long banned = count_of(standings, "banned");

		table_add(&table, COLOUR_NONE, "%s", name);
		table_add(&table, COLOUR_NONE, "%s",
			  ports_format(json_object_get(service, "ports"), text));
		table_add(&table, COLOUR_NONE, "%lld", count_of(service, "connections"));
		table_add(&table, COLOUR_NONE, "%lld", count_of(service, "half_open"));
		table_add(&table, COLOUR_NONE, "%lld", count_of(service, "sources"));
		table_add(&table, over ? COLOUR_YELLOW : COLOUR_NONE, "%lld", over);
		table_add(&table, banned ? COLOUR_RED : COLOUR_NONE, "%lld", banned);
		table_add(&table, COLOUR_NONE, "%lld", count_of(standings, "exempt"));
		table_add(&table, COLOUR_NONE, "%s", text_of(service, "mode"));
	}
	table_end(&table, cli);
	/* a column of them would be wider than many a terminal */
	json_object_foreach((json_t *)services, name, service)
		print_line(cli, COLOUR_NONE, "limits of %s: %s", name, limits_format(service, text));
}

static void show_offenders(const struct cli *cli, const json_t *sources)
{
	const json_t *source;
	char text[CELL_TEXT_MAX];
	struct table table;
	size_t i;

	if (json_array_size(sources) == 0)
		return;
	putchar('\n');
	table_begin(&table, offender_columns, ARRAY_SIZE(offender_columns));
	json_array_foreach(sources, i, source) {
		const char *standing = text_of(source, "standing");

		table_add(&table, COLOUR_NONE, "%s", text_of(source, "source"));
		table_add(&table, COLOUR_NONE, "%s", text_of(source, "service"));
		table_add(&table, COLOUR_NONE, "%lld", count_of(source, "concurrent"));
		table_add(&table, COLOUR_NONE, "%lld", count_of(source, "peak"));
		table_add(&table, COLOUR_NONE, "%lld", count_of(source, "new"));
		table_add(&table, standing_colour(standing), "%s", standing);
		table_add(&table, COLOUR_NONE, "%s",
			  reverse_dns_format(json_object_get(source, "reverse_dns"),
					     json_object_get(source, "names"), text));
	}
	table_end(&table, cli);
}

long long status_connections(const json_t *answer)
{
	json_t *services = json_object_get(answer, "services"), *service;
	long long connections = 0;
	const char *name;

	json_object_foreach(services, name, service)
		connections += count_of(service, "connections");
	return connections;
}

static void show_slots(const struct cli *cli, const struct exim_limits *exim, long long used)
{
	long long percent = exim->accept_max ? used * 100 / exim->accept_max : 0;

	switch (exim->state) {
	case EXIM_ABSENT:
		break;
	case EXIM_UNREADABLE:
		print_fact(cli, "Exim", COLOUR_NONE, "%s cannot be read: %s", exim->path,
			   exim->value);
		break;
	case EXIM_NOT_A_NUMBER:
		print_fact(cli, "Exim", COLOUR_NONE,
			   "smtp_accept_max = %s in %s is no plain number", exim->value,
			   exim->path);
		break;
	case EXIM_SLOTS:
		if (exim->accept_max == 0)
			print_fact(cli, "Exim", COLOUR_NONE,
				   "no limit of connections "
				   "(smtp_accept_max = 0 in %s)",
				   exim->path);
		else
			print_fact(cli, "Exim",
				   percent >= SLOTS_FULL    ? COLOUR_RED
				   : percent >= SLOTS_TIGHT ? COLOUR_YELLOW
							    : COLOUR_NONE,
				   "%lld of %lld slots used (smtp_accept_max, %s%s)", used,
				   exim->accept_max, exim->is_default ? "default, not set in " : "",
				   exim->path);
		break;
	}
}

static void show_health(const struct cli *cli, const json_t *problems)
{
	const struct advice advice = advice_find(problems);
	size_t n = json_array_size(problems), i;
	const json_t *problem;

	if (!advice.problem) {
		print_fact(cli, "health", COLOUR_GREEN, "good");
		return;
	}
	print_fact(cli, "health", COLOUR_YELLOW, "%zu problem%s", n, n == 1 ? "" : "s");
	print_fact(cli, "do first", COLOUR_BOLD, "%s", advice.action);
	print_fact(cli, "because", COLOUR_YELLOW, "%s", advice.problem);
	json_array_foreach(problems, i, problem)
		if (json_string_value(problem) && json_string_value(problem) != advice.problem)
			print_fact(cli, "also", COLOUR_YELLOW, "%s", json_string_value(problem));
}

void status_show(const struct cli *cli, const json_t *answer, const json_t *offenders,
		 const struct exim_limits *exim)
{
	char span[SPAN_TEXT_MAX];

	print_line(cli, COLOUR_BOLD,
		   "smtpguard %s, mode %s%s%s, up %s; %lld connections tracked, "
		   "%lld sources remembered",
		   text_of(answer, "version"), text_of(answer, "mode"),
		   is_true(answer, "mode_ordered") ? " by order" : "",
		   has_text(answer, "unenforceable") ? ", not enforcing" : "",
		   span_format(number_of(answer, "uptime_s"), span), count_of(answer, "flows"),
		   count_of(answer, "sources"));
	show_health(cli, json_object_get(answer, "problems"));
	show_slots(cli, exim, status_connections(answer));
	status_mail_show(cli, json_object_get(answer, "mail_logs"));
	putchar('\n');
	show_services(cli, json_object_get(answer, "services"));
	show_offenders(cli, json_object_get(offenders, "sources"));
	putchar('\n');
	status_details(cli, answer);
}
