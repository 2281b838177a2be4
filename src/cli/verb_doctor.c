// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

#include "cli_priv.h"
#include "doctor_priv.h"

#define LINE_WIDTH 96

/* --- what only a running system has --- */

static void gather_clock(struct doctor *doctor)
{
	struct timex clock = { .modes = 0 };

	/* the state is in the flags: the result also tells of leap seconds */
	if (adjtimex(&clock) >= 0)
		doctor->clock =
			clock.status & STA_UNSYNC ? CLOCK_UNSYNCHRONISED : CLOCK_SYNCHRONISED;
}

static void gather_user(struct doctor *doctor)
{
	const struct passwd *user = getpwnam("smtpguard");

	if (!user)
		return;
	doctor->has_service_user = true;
	doctor->service_uid = user->pw_uid;
	doctor->service_gid = user->pw_gid;
}

/* --- the report --- */

/* Breaks at blanks; lines after the first are indented as far as the text. */
static void print_wrapped(const struct cli *cli, const char *label, const char *text)
{
	const size_t indent = strlen(label);
	const char *head = label;
	char blanks[32];

	snprintf(blanks, sizeof(blanks), "%*s", (int)indent, "");
	while (*text) {
		size_t length = strlen(text), fits = LINE_WIDTH - indent;

		if (length > fits) {
			length = fits;
			while (length > 0 && text[length] != ' ')
				length--;
			/* a word that is longer than the line stays whole */
			if (length == 0)
				length = strcspn(text, " ");
		}
		print_line(cli, COLOUR_NONE, "%s%.*s", head, (int)length, text);
		text += length;
		text += strspn(text, " ");
		head = blanks;
	}
}

static void show_finding(const struct cli *cli, const struct finding *finding)
{
	static const enum colour colours[] = { COLOUR_GREEN, COLOUR_NONE, COLOUR_YELLOW,
					       COLOUR_RED };
	const struct finding_text *text = &finding_texts[finding->kind];
	const char *todo = finding_todo(finding);

	print_line(cli, colours[text->level], "%-8s %s: %s", finding_level_name(text->level),
		   text->id, finding->what);
	if (text->why)
		print_wrapped(cli, "         why: ", text->why);
	/* never broken: it is to be copied */
	if (todo)
		print_line(cli, COLOUR_NONE, "         do:  %s", todo);
}

static void print_count(size_t n, const char *one, const char *end)
{
	printf("%zu %s%s%s", n, one, n == 1 ? "" : "s", end);
}

static void show(const struct cli *cli, const struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->n_findings; i++)
		show_finding(cli, &doctor->findings[i]);
	putchar('\n');
	print_count(doctor_count(doctor, LEVEL_PROBLEM), "problem", ", ");
	print_count(doctor_count(doctor, LEVEL_WARNING), "warning", ", ");
	print_count(doctor_count(doctor, LEVEL_NOTE), "note", ", ");
	printf("%zu ok\n", doctor_count(doctor, LEVEL_OK));
}

static json_t *finding_object(const struct finding *finding)
{
	const struct finding_text *text = &finding_texts[finding->kind];

	return json_pack("{s:s, s:s, s:s, s:s?, s:s?}", "id", text->id, "level",
			 finding_level_name(text->level), "what", finding->what, "why", text->why,
			 "do", finding_todo(finding));
}

static json_t *document_of(const struct doctor *doctor)
{
	json_t *findings = json_array();

	for (size_t i = 0; findings && i < doctor->n_findings; i++) {
		if (json_array_append_new(findings, finding_object(&doctor->findings[i])) < 0) {
			json_decref(findings);
			return NULL;
		}
	}
	return json_pack("{s:b, s:o, s:I, s:I}", "ok", 1, "findings", findings, "problems",
			 (json_int_t)doctor_count(doctor, LEVEL_PROBLEM), "warnings",
			 (json_int_t)doctor_count(doctor, LEVEL_WARNING));
}

/* --- the verb --- */

enum { OPTION_CONFIG, OPTION_EXIM_CONFIG };

static enum exit_code examine(const struct cli *cli, struct doctor *doctor)
{
	uint16_t ports[GUARDED_PORTS_MAX];
	json_t *status = NULL;
	enum exit_code code;

	doctor->status_error = doctor_ask(cli->socket_path, &status);
	doctor->status = status;
	doctor_read_config(doctor);
	doctor->ruleset.n_ports = doctor_ports(doctor, ports);
	doctor->ruleset.ports = ports;
	doctor->ruleset_error = ruleset_view_read(&doctor->ruleset);
	gather_clock(doctor);
	gather_user(doctor);
	doctor_check(doctor);

	if (doctor->status_error < 0)
		code = EXIT_UNREACHABLE;
	else if (doctor_count(doctor, LEVEL_PROBLEM) || doctor_count(doctor, LEVEL_WARNING))
		code = EXIT_REFUSED;
	else
		code = EXIT_DONE;
	if (!cli->json)
		show(cli, doctor);
	else if (print_document(document_of(doctor)) != EXIT_DONE)
		code = EXIT_REFUSED;
	json_decref(status);
	return code;
}

static enum exit_code run(const struct cli *cli, const struct verb *verb UNUSED,
			  const struct arguments *arguments)
{
	struct doctor doctor;
	enum exit_code code;

	if (doctor_begin(&doctor) < 0)
		return fail_with(cli, EXIT_REFUSED, "out of memory");
	doctor.socket_path = cli->socket_path;
	if (arguments->values[OPTION_CONFIG])
		doctor.config_path = arguments->values[OPTION_CONFIG];
	doctor.exim_path = arguments->values[OPTION_EXIM_CONFIG];
	code = examine(cli, &doctor);
	doctor_done(&doctor);
	return code;
}

const struct verb verb_doctor = {
	.name = "doctor",
	.help = "look at this host: what is in the way, why it matters, what to type; "
		"exit status 1 if anything is worse than a note, 3 without a daemon",
	.options = { [OPTION_CONFIG] = { "config", "FILE",
					 "smtpguard's configuration (the installed one)" },
		     [OPTION_EXIM_CONFIG] = { "exim-config", "FILE", "Exim's configuration" } },
	.run = run,
};
