// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "smtpguard-config.h"

#include "explain_priv.h"

enum { OPTION_CONFIG };

/* --- the page --- */

static const struct column columns[] = {
	{ "SERVICE", false }, { "STANDING", false }, { "NOW", true },
	{ "LIMIT", true },    { "NEW", true },	     { "LIMIT", true },
	{ "HALF", true },     { "PEAK", true },	     { "LAST CHANGE", false },
};

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
	char moment[SPAN_TEXT_MAX];
	struct table table;
	size_t i;

	putchar('\n');
	table_begin(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach(services, i, service) {
		const json_t *limits = json_object_get(service, "limits");
		const char *standing = text_of(service, "standing");
		bool verified = is_verified(answer, limits);

		table_add(&table, COLOUR_NONE, "%s", text_of(service, "service"));
		table_add(&table, standing_colour(standing), "%s", standing);
		table_add(&table, COLOUR_NONE, "%lld", count_of(service, "concurrent"));
		add_limit(&table,
			  number_of(limits, verified ? "verified_concurrent" : "concurrent"), NULL);
		table_add(&table, COLOUR_NONE, "%lld", count_of(service, "new"));
		add_limit(&table, verified ? 0 : number_of(limits, "new"),
			  text_of(limits, "window"));
		table_add(&table, COLOUR_NONE, "%lld", count_of(service, "half_open"));
		table_add(&table, COLOUR_NONE, "%lld", count_of(service, "peak"));
		table_add(&table, COLOUR_NONE, "%s", moment_format(service, "last_change", moment));
	}
	table_end(&table, cli);
}

static void show_allow(const struct cli *cli, const json_t *answer, const struct allow_lines *allow)
{
	const char *never = text_of(json_object_get(answer, "never"), "reason");
	bool covered = allow->n && allow->lines[0].covers;

	allow_lines_show(cli, allow);
	if (!strcmp(never, "allow list") && !covered && !*allow->problem)
		print_fact(
			cli, "", COLOUR_GREEN,
			"allowed by hand, or by a file that changed since: smtpguard allow list");
}

void explain_page_show(const struct cli *cli, const struct explain_page *page)
{
	const json_t *answer = page->answer, *history = page->history;

	standing_show(cli, answer);
	show_allow(cli, answer, page->allow);
	if (is_true(answer, "seen"))
		show_services(cli, answer);
	else
		prospects_show(cli, answer);
	mail_show(cli, answer, page->accounts);
	timeline_show(cli, answer, json_object_get(history, "history"));
	if (history && !is_true(history, "ok"))
		print_line(cli, COLOUR_YELLOW, "earlier events are not to be had: %s",
			   text_of(history, "message"));
}

/* --- the verb --- */

/* The list of that name, or null and beside it why it is not to be had. */
static int add_list(json_t *answer, const char *list, const char *problem, const json_t *from)
{
	json_t *rows = json_object_get(from, list);
	int r = json_object_set(answer, list, rows ? rows : json_null());

	r |= json_object_set_new(answer, problem,
				 rows ? json_null() : json_string(text_of(from, "message")));
	return r;
}

/* The daemon's answer with what this command added. */
static enum exit_code print_all(json_t *answer, const struct explain_page *page)
{
	int r = add_list(answer, "history", "history_problem", page->history);

	r |= add_list(answer, "accounts", "accounts_problem", page->accounts);
	r |= json_object_set_new(answer, "allow_files", allow_lines_json(page->allow));
	return print_document(r == 0 ? json_incref(answer) : NULL);
}

/* 1: the answer names no source, it is not one of explain. */
static int find_allow_lines(const struct arguments *arguments, const json_t *answer,
			    struct allow_lines *lines)
{
	const char *path = arguments->values[OPTION_CONFIG];
	struct prefix source;

	if (prefix_parse(text_of(answer, "source"), &source) < 0)
		return 1;
	allow_lines_find(lines, path ? path : SMTPGUARD_CONFIG_PATH, &source);
	return 0;
}

static enum exit_code explain(const struct cli *cli, const struct arguments *arguments,
			      json_t *answer)
{
	const char *source = text_of(answer, "source");
	const struct parameter of_history[] = { { "source", source },
						{ "limit", EXPLAIN_HISTORY_LIMIT },
						{ NULL, NULL } };
	const struct parameter of_accounts[] = { { "source", source },
						 { "limit", EXPLAIN_ACCOUNTS_LIMIT },
						 { NULL, NULL } };
	json_t *history = NULL, *accounts = NULL;
	struct allow_lines allow;
	enum exit_code code;

	if (find_allow_lines(arguments, answer, &allow))
		return fail_with(cli, EXIT_UNREACHABLE, "what answers at %s is not smtpguardd",
				 cli->socket_path);
	code = fetch(cli, "history", of_history, &history);
	if (code == EXIT_DONE)
		code = fetch(cli, "accounts", of_accounts, &accounts);
	if (code == EXIT_DONE) {
		const struct explain_page page = { answer, history, accounts, &allow };

		if (cli->json)
			code = print_all(answer, &page);
		else
			explain_page_show(cli, &page);
	}
	json_decref(history);
	json_decref(accounts);
	return code;
}

static enum exit_code run(const struct cli *cli, const struct verb *verb,
			  const struct arguments *arguments)
{
	const struct arguments asked = { .word = arguments->word };
	json_t *answer;
	enum exit_code code = fetch_verb(cli, verb, &asked, &answer);

	if (code != EXIT_DONE)
		return code;
	code = check_answer(cli, answer);
	if (code == EXIT_DONE)
		code = explain(cli, arguments, answer);
	json_decref(answer);
	return code;
}

const struct verb verb_explain = {
	.name = "explain",
	.alias = "why",
	.word = "ADDR",
	.needs_word = true,
	.help = "one page about an address: where it stands and why, until when, how to let it in",
	.options = { { "config", "FILE", "whose allow files to look into (the installed one)" } },
	.run = run,
};
