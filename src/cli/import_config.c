// SPDX-License-Identifier: GPL-2.0-or-later
/* The texts that an import makes: a configuration, an allow file, a list of commands. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"

#include "import_priv.h"

#define BAN_DURATION_DEFAULT_S (7 * 86400) /* bans.max_duration */
#define VERIFIED_DEFAULT 100
#define REASON_MAX 100

static const struct {
	uint32_t concurrent;
	const char *new;
	bool exempt;
} defaults[] = {
	[MAIL_SMTP] = { 10, "10/300s", true },
	[MAIL_SUBMISSION] = { 30, "100/300s", false },
	[MAIL_POP3] = { 0, NULL, false },
	[MAIL_IMAP] = { 0, NULL, false },
};

/* Closes the stream and returns its text, or NULL. */
static char *finish_text(struct import *import, FILE *stream, char **text)
{
	bool failed = ferror(stream) != 0;

	if (fclose(stream) == 0 && !failed)
		return *text;
	import->failure = -ENOMEM;
	free(*text);
	return NULL;
}

static const char *directory_text(const struct import *import, char text[static IMPORT_PATH_MAX])
{
	return escape(text, IMPORT_PATH_MAX, import->directory, strlen(import->directory));
}

static FILE *begin_text(struct import *import, char **text, size_t *size)
{
	FILE *stream = open_memstream(text, size);

	if (!stream)
		import->failure = -ENOMEM;
	return stream;
}

/* --- smtpguard.conf --- */

/* Every limit that the value stands for: those that other ports of the service had, too. */
static void print_origins(FILE *out, const struct import *import,
			  const struct import_service *service, enum rule_kind kind)
{
	char place[IMPORT_PATH_MAX];

	for (uint32_t i = 0; i < import->n_rules; i++) {
		const struct import_rule *rule = &import->rules[i];
		const char *setting = import->lines[rule->line].text;

		if (rule->kind == kind && rule_wins(import, i, service))
			fprintf(out, "    # %s: %.*s %s\n", line_place(import, rule->line, place),
				(int)strcspn(setting, " ="), setting, rule->text);
	}
	if (service->rules[kind] == NO_RULE)
		fprintf(out, "    # not limited by %s: %s\n", import->from,
			defaults[service->class].concurrent ? "smtpguard's default" : "nor here");
}

static void print_ports(FILE *out, const struct import_service *service)
{
	char ports[64];

	fprintf(out, "    ports = [ %s ];\n", ports_format(service->ports, ports));
}

static void print_service(FILE *out, const struct import *import,
			  const struct import_service *service)
{
	uint32_t concurrent = service->rules[RULE_CONCURRENT], new = service->rules[RULE_NEW];
	uint32_t limit = concurrent == NO_RULE ? defaults[service->class].concurrent :
						 import->rules[concurrent].count;
	const char *window = defaults[service->class].new;

	fprintf(out, "  %s: {\n", service->name);
	print_ports(out, service);
	print_origins(out, import, service, RULE_CONCURRENT);
	if (limit)
		fprintf(out, "    concurrent = %u;\n", limit);
	else
		fprintf(out, "    concurrent = \"off\";\n");
	print_origins(out, import, service, RULE_NEW);
	if (new != NO_RULE)
		fprintf(out, "    new = \"%u/%us\";\n", import->rules[new].count,
			import->rules[new].window_s);
	else
		fprintf(out, "    new = \"%s\";\n", window ? window : "off");
	fprintf(out, "    reverse_dns = \"%s\";\n",
		defaults[service->class].exempt ? "exempt" : "ignore");
	if (defaults[service->class].exempt)
		fprintf(out, "    # for sources whose name resolves back; never less than above\n"
			     "    verified_concurrent = %u;\n", MAX_OF(limit, VERIFIED_DEFAULT));
	fprintf(out, "  };\n");
}

static void print_bans(FILE *out, const struct import *import)
{
	const struct import_bans *bans = &import->bans;
	char place[IMPORT_PATH_MAX];

	fprintf(out, "\nbans: {\n");
	if (bans->has_duration) {
		fprintf(out, "  # %s: %s; repeated bans grow (bans.growth)\n",
			line_place(import, bans->duration_line, place),
			import->lines[bans->duration_line].text);
		fprintf(out, "  duration = \"%llus\";\n", (unsigned long long)bans->duration_s);
		if (bans->duration_s > BAN_DURATION_DEFAULT_S)
			fprintf(out, "  max_duration = \"%llus\";\n",
				(unsigned long long)bans->duration_s);
	}
	if (bans->reject)
		fprintf(out, "  # %s: %s\n  action = \"reject\";\n",
			line_place(import, bans->reject_line, place),
			import->lines[bans->reject_line].text);
	fprintf(out, "};\n");
}

char *config_text(struct import *import, const char *allow_glob)
{
	char *text = NULL, directory[IMPORT_PATH_MAX];
	size_t size;
	FILE *out = begin_text(import, &text, &size);

	if (!out)
		return NULL;
	fprintf(out,
		"# smtpguard configuration, made by `smtpguard import %s` from %s; see\n"
		"# smtpguard.conf(5). What is not in here has its default.\n\n"
		"# \"observe\" decides, counts and logs, and bans nobody: a way to look first.\n"
		"mode = \"enforce\";\n\nservices: {\n",
		import->from, directory_text(import, directory));
	for (unsigned i = 0; i < import->n_services; i++)
		print_service(out, import, &import->services[i]);
	fprintf(out, "};\n");
	if (import->bans.has_duration || import->bans.reject)
		print_bans(out, import);
	mail_print(out, import);
	if (allow_glob)
		fprintf(out, "\ntrust: { allow_files = [ \"%s\" ]; };\n", allow_glob);
	return finish_text(import, out, &text);
}

/* --- allow.d --- */

static void print_heading(FILE *out, const struct import *import, const struct import_entry *entry)
{
	for (size_t line = entry->line - entry->heading; line < entry->line; line++) {
		const char *text = import->lines[line].text;

		text += strspn(text, " \t");
		fprintf(out, "%s\n", *text == '#' ? text : "");
	}
}

char *allow_text(struct import *import)
{
	const struct import_entries *entries = &import->lists[IMPORT_ALLOW_FILE];
	char *text = NULL, prefix[PREFIX_TEXT_MAX], place[IMPORT_PATH_MAX];
	char directory[IMPORT_PATH_MAX];
	size_t size;
	FILE *out = begin_text(import, &text, &size);

	if (!out)
		return NULL;
	fprintf(out, "# Never banned; made by `smtpguard import %s` from %s.\n", import->from,
		directory_text(import, directory));
	for (size_t i = 0; i < entries->n; i++) {
		const struct import_entry *entry = &entries->items[i];

		if (entry->dropped)
			continue;
		print_heading(out, import, entry);
		fprintf(out, "%s  # %s%s(%.200s)\n", prefix_format(&entry->prefix, prefix),
			entry->comment, *entry->comment ? " " : "",
			line_place(import, entry->line, place));
	}
	return finish_text(import, out, &text);
}

size_t allow_count(const struct import *import)
{
	const struct import_entries *entries = &import->lists[IMPORT_ALLOW_FILE];
	size_t n = 0;

	for (size_t i = 0; i < entries->n; i++)
		n += !entries->items[i].dropped;
	return n;
}

/* --- commands --- */

size_t commands_count(const struct import *import, enum command_state state)
{
	size_t n = 0;

	for (unsigned list = IMPORT_ALLOW_COMMAND; list < IMPORT_LISTS; list++)
		for (size_t i = 0; i < import->lists[list].n; i++)
			n += !import->lists[list].items[i].dropped &&
			     import->lists[list].items[i].state == state;
	return n;
}

void command_parts(const struct import *import, enum import_list list,
		   const struct import_entry *entry, struct command_parts *ret_parts)
{
	const char *name = list == IMPORT_BAN_COMMAND ? "banned" : "allowed";

	prefix_format(&entry->prefix, ret_parts->target);
	/* a single IPv6 address is meant, not the /64 that it is counted in */
	if (!strchr(ret_parts->target, '/') && strchr(ret_parts->target, ':'))
		strncat(ret_parts->target, "/128",
			sizeof(ret_parts->target) - strlen(ret_parts->target) - 1);
	if (entry->seconds)
		snprintf(ret_parts->span, sizeof(ret_parts->span), "%llus",
			 (unsigned long long)entry->seconds);
	else
		snprintf(ret_parts->span, sizeof(ret_parts->span), "forever");
	if (*entry->comment)
		snprintf(ret_parts->reason, sizeof(ret_parts->reason), "%s: %.*s", import->from,
			 REASON_MAX, entry->comment);
	else
		snprintf(ret_parts->reason, sizeof(ret_parts->reason), "%s by %s", name,
			 import->from);
}

static void print_command(FILE *out, const struct import *import, enum import_list list,
			  const struct import_entry *entry)
{
	struct command_parts parts;

	command_parts(import, list, entry, &parts);
	fprintf(out, "%s %s for=%s %s=\"", list == IMPORT_BAN_COMMAND ? "ban" : "allow add",
		parts.target, parts.span, list == IMPORT_BAN_COMMAND ? "reason" : "comment");
	for (const char *p = parts.reason; *p; p++)
		fprintf(out, "%s%c", *p == '\\' || *p == '"' ? "\\" : "", *p);
	fprintf(out, "\"\n");
}

char *commands_text(struct import *import)
{
	char *text = NULL;
	size_t size;
	FILE *out = begin_text(import, &text, &size);

	if (!out)
		return NULL;
	for (unsigned list = IMPORT_ALLOW_COMMAND; list < IMPORT_LISTS; list++) {
		for (size_t i = 0; i < import->lists[list].n; i++) {
			const struct import_entry *entry = &import->lists[list].items[i];

			if (!entry->dropped && entry->state != COMMAND_SENT)
				print_command(out, import, (enum import_list)list, entry);
		}
	}
	return finish_text(import, out, &text);
}
