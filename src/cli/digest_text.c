// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest_priv.h"

static void put_bans(FILE *file, const json_t *bans)
{
	fprintf(file, "Bans made: %lld, still active: %lld", count_of(bans, "made"),
		count_of(bans, "active"));
	if (count_of(bans, "observed"))
		fprintf(file, "; would have been banned or refused since the daemon's start: %lld",
			count_of(bans, "observed"));
	if (count_of(bans, "blocks"))
		fprintf(file, "; networks blocked by hand: %lld", count_of(bans, "blocks"));
	if (count_of(bans, "records") > count_of(bans, "records_read"))
		fprintf(file, " (of the newest %lld of %lld records)", count_of(bans, "records_read"),
			count_of(bans, "records"));
	putc('\n', file);
}

static void put_gate(FILE *file, const json_t *gate)
{
	char span[SPAN_TEXT_MAX];

	if (json_is_object(gate))
		fprintf(file,
			"Refused by the gate: %lld sources now, %lld since the daemon's start "
			"%s ago\n",
			count_of(gate, "refused_now"), count_of(gate, "refused_since_start"),
			span_format(number_of(gate, "uptime_s"), span));
}

static void put_offender(FILE *file, const json_t *source)
{
	char text[CELL_TEXT_MAX];

	fprintf(file, "  %-24s %lld ban%s", text_of(source, "source"), count_of(source, "bans"),
		count_of(source, "bans") == 1 ? "" : "s");
	if (count_of(source, "peak"))
		fprintf(file, ", peak %lld", count_of(source, "peak"));
	/* a ban by hand has none */
	if (has_text(source, "reverse_dns") && strcmp(text_of(source, "reverse_dns"), "unknown"))
		fprintf(file, ", reverse DNS: %s",
			reverse_dns_format(json_object_get(source, "reverse_dns"),
					   json_object_get(source, "names"), text));
	putc('\n', file);
}

static void put_services(FILE *file, const json_t *services)
{
	const json_t *service, *source;
	size_t i, k;

	json_array_foreach(services, i, service) {
		fprintf(file, "\n%s, bans: %lld, sources: %lld, the worst:\n",
			text_of(service, "service"), count_of(service, "bans"),
			count_of(service, "sources"));
		json_array_foreach(json_object_get(service, "offenders"), k, source)
			put_offender(file, source);
	}
}

static void put_near(FILE *file, const json_t *list)
{
	const json_t *near;
	size_t i;

	if (json_array_size(list))
		fputs("\nNear a limit, not over it:\n", file);
	json_array_foreach(list, i, near)
		fprintf(file, "  %-24s %s: %lld %s, allowed %lld; reverse DNS %s\n",
			text_of(near, "source"), text_of(near, "service"),
			count_of(near, "reached"),
			strcmp(text_of(near, "limit"), "new") ? "connections at once"
							      : "new connections",
			count_of(near, "allowed"), text_of(near, "reverse_dns"));
}

static void put_problems(FILE *file, const json_t *problems)
{
	const json_t *problem;
	size_t i;

	if (json_array_size(problems))
		fputs("\nProblems:\n", file);
	json_array_foreach(problems, i, problem)
		fprintf(file, "  %s\n",
			json_string_value(problem) ? json_string_value(problem) : "-");
}

static void put_digest(FILE *file, const json_t *digest)
{
	char since[SPAN_TEXT_MAX], until[SPAN_TEXT_MAX];

	fprintf(file, "smtpguard on %s, %s to %s\n\n", text_of(digest, "host"),
		moment_format(digest, "since", since), moment_format(digest, "until", until));
	if (!is_true(digest, "news"))
		fputs("Nothing new.\n", file);
	put_bans(file, json_object_get(digest, "bans"));
	put_gate(file, json_object_get(digest, "gate"));
	put_services(file, json_object_get(digest, "services"));
	put_near(file, json_object_get(digest, "near_limit"));
	digest_mail_put(file, json_object_get(digest, "mail_logs"));
	put_problems(file, json_object_get(digest, "problems"));
	fputs("\nMore: smtpguard history; why one of them: smtpguard why ADDR\n", file);
}

static void put_subject(FILE *file, const json_t *digest)
{
	const json_t *bans = json_object_get(digest, "bans");
	const json_t *mail_logs = json_object_get(digest, "mail_logs");
	size_t problems = json_array_size(json_object_get(digest, "problems"));
	size_t alerts = json_array_size(json_object_get(mail_logs, "alerted"));

	fprintf(file, "smtpguard on %s: bans: %lld, still active: %lld", text_of(digest, "host"),
		count_of(bans, "made"), count_of(bans, "active"));
	if (count_of(bans, "observed"))
		fprintf(file, ", observed: %lld", count_of(bans, "observed"));
	if (alerts)
		fprintf(file, ", %zu account alert%s", alerts, alerts == 1 ? "" : "s");
	if (problems)
		fprintf(file, ", %zu problem%s", problems, problems == 1 ? "" : "s");
}

/* The daemon escapes all foreign text already; this holds whatever answers on the socket. */
static char *text_by(void (*put)(FILE *file, const json_t *digest), const json_t *digest)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	bool failed;

	if (!file)
		return NULL;
	put(file, digest);
	failed = ferror(file) != 0;
	if (fclose(file) != 0 || failed) {
		free(text);
		return NULL;
	}
	for (char *p = text; *p; p++)
		if ((*p < 0x20 && *p != '\n') || *p > 0x7e)
			*p = '?';
	return text;
}

char *digest_text(const json_t *digest)
{
	return text_by(put_digest, digest);
}

char *digest_subject(const json_t *digest)
{
	return text_by(put_subject, digest);
}
