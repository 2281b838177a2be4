// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "status_priv.h"

enum { OPTION_CHECK, OPTION_EXIM_CONFIG };

/* --- status --check: what a monitoring plugin prints --- */

/* Behind the bar: values for a graph. */
static void print_values(const json_t *answer)
{
	const json_t *bans = json_object_get(answer, "bans");

	printf(" | connections=%lld bans=%lld pending=%lld\n", status_connections(answer),
	       count_of(bans, "count"), count_of(bans, "pending"));
}

static enum exit_code check(const struct cli *cli, const json_t *answer)
{
	const json_t *problems = json_object_get(answer, "problems");
	const struct advice advice = advice_find(problems);
	size_t more = json_array_size(problems) - (advice.problem != NULL);

	if (cli->json) {
		print_document(json_pack("{s:b, s:b, s:s?, s:s?, s:O?}", "ok", 1, "healthy",
					 !advice.problem, "problem", advice.problem, "do_first",
					 advice.action, "problems", problems));
	} else if (!advice.problem) {
		printf("SMTPGUARD OK: mode %s, %lld bans", text_of(answer, "mode"),
		       count_of(json_object_get(answer, "bans"), "count"));
		print_values(answer);
	} else {
		printf("SMTPGUARD WARNING: %s; do first: %s", advice.problem, advice.action);
		if (more)
			printf(" (and %zu more)", more);
		print_values(answer);
	}
	return advice.problem ? EXIT_REFUSED : EXIT_DONE;
}

/* --- status --- */

/* The daemon's answer with what this command added. */
static enum exit_code print_all(json_t *answer, const json_t *offenders,
				const struct exim_limits *exim)
{
	int r = json_object_set_new(answer, "exim", exim_json(exim, status_connections(answer)));

	r |= json_object_set(answer, "offenders", json_object_get(offenders, "sources"));
	return print_document(r == 0 ? json_incref(answer) : NULL);
}

static enum exit_code report(const struct cli *cli, json_t *answer, const char *exim_path)
{
	static const struct parameter worst[] = { { "limit", "3" }, { NULL, NULL } };
	struct exim_limits exim;
	json_t *offenders;
	enum exit_code code = fetch(cli, "sources", worst, &offenders);

	if (code != EXIT_DONE)
		return code;
	code = check_answer(cli, offenders);
	if (code == EXIT_DONE) {
		exim_read(&exim, exim_path);
		if (cli->json)
			code = print_all(answer, offenders, &exim);
		else
			status_show(cli, answer, offenders, &exim);
	}
	json_decref(offenders);
	return code;
}

static enum exit_code run(const struct cli *cli, const struct verb *verb UNUSED,
			  const struct arguments *arguments)
{
	const bool only_check = arguments->values[OPTION_CHECK] != NULL;
	json_t *answer;
	enum exit_code code = fetch(cli, "status", NULL, &answer);

	if (code == EXIT_UNREACHABLE && only_check && !cli->json)
		puts("SMTPGUARD UNKNOWN: the daemon does not answer; systemctl status smtpguard");
	if (code != EXIT_DONE)
		return code;
	code = check_answer(cli, answer);
	if (code == EXIT_DONE)
		code = only_check ? check(cli, answer)
				  : report(cli, answer, arguments->values[OPTION_EXIM_CONFIG]);
	json_decref(answer);
	return code;
}

const struct verb verb_status = {
	.name = "status",
	.help = "health and what to do first, Exim's slots, counts and limits, offenders, bans",
	.options = { { "check", NULL,
		       "one line for monitoring; exit status 1 if there is a problem" },
		     { "exim-config", "FILE", "where smtp_accept_max is (where Exim has it)" } },
	.run = run,
};
