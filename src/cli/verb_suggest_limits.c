// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_priv.h"
#include "suggest_priv.h"

enum { OPTION_SERVICE, OPTION_SINCE };

#define SINCE_DEFAULT "7d"
#define DAY_TEXT_MAX  11 /* 2026-11-22 */
#define DAYS_KEPT     64

static const struct column columns[] = {
	{ "LIMIT", true },
	{ "CAUGHT", true },
	{ "VERIFIED", true },
	{ "NOTE", false },
};

/* The two limits; keys of the answers. */
static const struct {
	const char *key, *words;
} limits[] = {
	{ "concurrent", "connections at once" },
	{ "new", "new connections" },
};

/* --- gathering --- */

static bool is_of(const json_t *peak, const char *service)
{
	return !strcmp(text_of(peak, "service"), service);
}

/* Days on which something was noted: as many last days as differ, or as many as one source was seen
 * on. */
static unsigned count_days(const json_t *peaks, const char *service)
{
	char days[DAYS_KEPT][DAY_TEXT_MAX];
	json_int_t longest = 0;
	unsigned n = 0, k;
	const json_t *peak;
	size_t i;

	json_array_foreach(peaks, i, peak) {
		const char *day = text_of(peak, "last_day");

		if (!is_of(peak, service))
			continue;
		longest = MAX_OF(longest, number_of(peak, "days"));
		for (k = 0; k < n && strncmp(days[k], day, DAY_TEXT_MAX - 1); k++)
			;
		if (k == n && n < DAYS_KEPT)
			snprintf(days[n++], DAY_TEXT_MAX, "%s", day);
	}
	return MAX_OF(n, (unsigned)longest);
}

/* The caller frees it. */
static struct suggest_peak *gather(const json_t *peaks, const char *service, const char *key,
				   size_t *ret_n)
{
	struct suggest_peak *gathered = calloc(json_array_size(peaks) + 1, sizeof(*gathered));
	const json_t *peak;
	size_t i, n = 0;

	if (!gathered) {
		complain("out of memory");
		exit(EXIT_REFUSED);
	}
	json_array_foreach(peaks, i, peak)
		if (is_of(peak, service))
			gathered[n++] = (struct suggest_peak){
				.value = (uint32_t)number_of(peak, key),
				.verified = !strcmp(text_of(peak, "reverse_dns"), "verified"),
			};
	*ret_n = n;
	return gathered;
}

static void suggest_limit(const json_t *status, const json_t *peaks, const char *name,
			  const json_t *service, const char *key, struct suggestion *ret_suggestion)
{
	struct suggest_inputs inputs = {
		.days = count_days(peaks, name),
		.present = (uint32_t)number_of(service, key),
		.spares_verified = strcmp(text_of(service, "reverse_dns"), "ignore") != 0,
		.enforced = is_true(status, "enforcing") &&
			    !strcmp(text_of(service, "mode"), "enforce"),
	};

	inputs.peaks = gather(peaks, name, key, &inputs.n);
	suggest(&inputs, ret_suggestion);
	free(inputs.peaks);
}

/* --- as a document --- */

static json_t *row_json(const struct suggest_row *row)
{
	return json_pack("{s:I, s:I, s:I}", "limit", (json_int_t)row->limit, "caught",
			 (json_int_t)row->caught, "verified", (json_int_t)row->verified);
}

static json_t *limit_json(const struct suggestion *suggestion)
{
	json_t *rows = json_array();

	for (unsigned i = 0; i < suggestion->n_rows; i++)
		json_array_append_new(rows, row_json(&suggestion->rows[i]));
	return json_pack("{s:o, s:o, s:s, s:o}", "present",
			 suggestion->present.limit ? row_json(&suggestion->present) : json_null(),
			 "suggested",
			 suggestion->limit ? row_json(&suggestion->suggested) : json_null(),
			 "reason", suggestion->reason, "table", rows);
}

/* --- as text --- */

static void show_limit(const struct cli *cli, size_t which, const struct suggestion *suggestion,
		       const json_t *service)
{
	const char *key = limits[which].key;
	struct table table;

	putchar('\n');
	print_line(cli, COLOUR_BOLD, "%s (%s%s%s)", key, limits[which].words,
		   strcmp(key, "new") ? "" : " within ",
		   strcmp(key, "new") ? "" : text_of(service, "window"));
	table_begin(&table, columns, ARRAY_SIZE(columns));
	for (unsigned i = 0; i < suggestion->n_rows; i++) {
		const struct suggest_row *row = &suggestion->rows[i];
		bool present = row->limit == suggestion->present.limit;
		bool suggested = row->limit == suggestion->limit;

		table_add(&table, suggested ? COLOUR_GREEN : COLOUR_NONE, "%u", row->limit);
		table_add(&table, COLOUR_NONE, "%zu", row->caught);
		table_add(&table, COLOUR_NONE, "%zu", row->verified);
		table_add(&table, COLOUR_NONE, "%s%s%s", present ? "present" : "",
			  present && suggested ? ", " : "", suggested ? "suggested" : "");
	}
	table_end(&table, cli);
	if (!suggestion->limit)
		print_line(cli, COLOUR_YELLOW, "no suggestion: %s", suggestion->reason);
	else if (suggestion->limit == suggestion->present.limit)
		print_line(cli, COLOUR_GREEN, "keep %u: %s", suggestion->limit, suggestion->reason);
	else
		print_line(cli, COLOUR_GREEN, "suggested: %s = %u%s%s; %s", key, suggestion->limit,
			   strcmp(key, "new") ? "" : " in ",
			   strcmp(key, "new") ? "" : text_of(service, "window"),
			   suggestion->reason);
}

static void show_service(const struct cli *cli, const char *name, const json_t *service,
			 const json_t *peaks)
{
	const json_t *peak;
	size_t i, n = 0, verified = 0;

	json_array_foreach(peaks, i, peak)
		if (is_of(peak, name)) {
			n++;
			verified += !strcmp(text_of(peak, "reverse_dns"), "verified");
		}
	print_line(cli, COLOUR_BOLD, "%s: %zu sources on %u days, with a verified name: %zu%s",
		   name, n, count_days(peaks, name), verified,
		   strcmp(text_of(service, "reverse_dns"), "ignore")
			   ? " (spared up to verified_concurrent)"
			   : "");
}

/* --- the verb --- */

/* With --json the service's limits; without it they are shown. */
static json_t *do_service(const struct cli *cli, const json_t *status, const json_t *peaks,
			  const char *name, const json_t *service)
{
	json_t *document = cli->json ? json_object() : NULL;
	struct suggestion suggestion;

	if (!cli->json)
		show_service(cli, name, service, peaks);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		suggest_limit(status, peaks, name, service, limits[i].key, &suggestion);
		if (cli->json)
			json_object_set_new(document, limits[i].key, limit_json(&suggestion));
		else
			show_limit(cli, i, &suggestion, service);
	}
	return document;
}

static enum exit_code do_services(const struct cli *cli, const json_t *status, const json_t *peaks,
				  const char *only, const char *since)
{
	json_t *services = json_object_get(status, "services"), *service;
	json_t *found = json_object();
	const char *name;
	bool first = true;

	json_object_foreach(services, name, service) {
		json_t *document;

		if (only && strcmp(only, name))
			continue;
		if (!cli->json && !first)
			putchar('\n');
		first = false;
		document = do_service(cli, status, peaks, name, service);
		if (document)
			json_object_set_new(found, name, document);
	}
	if (cli->json)
		return print_document(
			json_pack("{s:b, s:s, s:o}", "ok", 1, "since", since, "services", found));
	json_decref(found);
	return EXIT_DONE;
}

static enum exit_code run(const struct cli *cli, const struct verb *verb UNUSED,
			  const struct arguments *arguments)
{
	const char *service = arguments->values[OPTION_SERVICE];
	const char *since = arguments->values[OPTION_SINCE];
	const struct parameter parameters[] = { { "service", service },
						{ "since", since ? since : SINCE_DEFAULT },
						{ "limit", "10000" },
						{ NULL, NULL } };
	json_t *status = NULL, *peaks = NULL;
	enum exit_code code = fetch(cli, "status", NULL, &status);

	if (code == EXIT_DONE)
		code = check_answer(cli, status);
	if (code == EXIT_DONE)
		code = fetch(cli, "peaks", parameters, &peaks);
	if (code == EXIT_DONE)
		code = check_answer(cli, peaks);
	if (code == EXIT_DONE)
		code = do_services(cli, status, json_object_get(peaks, "peaks"), service,
				   since ? since : SINCE_DEFAULT);
	json_decref(status);
	json_decref(peaks);
	return code;
}

const struct verb verb_suggest_limits = {
	.name = "suggest-limits",
	.help = "which limits recorded peaks suggest, and whom each limit would have caught",
	.options = { { "service", "NAME", "only this service" },
		     { "since", "DURATION|TIME", "of which time (" SINCE_DEFAULT ")" } },
	.run = run,
};
