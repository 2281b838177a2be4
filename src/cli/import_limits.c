// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Limits per port become services. Where two limits of a kind meet on a port the stricter one holds.
 * Ports of a class with the same limits are one service; classes stay apart, because verified names
 * count on port 25 and not where users log in.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/parse.h"

#include "import_priv.h"

/* Of smtpguard's configuration. */
#define COUNT_MAX 10000
#define CONCURRENT_MAX 1000000
#define WINDOW_MAX_S 86400
#define CSF_HITS_MAX 20

static const char *const class_names[] = {
	[MAIL_SMTP] = "smtp",
	[MAIL_SUBMISSION] = "submission",
	[MAIL_POP3] = "pop3",
	[MAIL_IMAP] = "imap",
};

static bool is_stricter(const struct import_rule *a, const struct import_rule *b)
{
	if (a->kind == RULE_CONCURRENT)
		return a->count < b->count;
	return (uint64_t)a->count * b->window_s < (uint64_t)b->count * a->window_s;
}

void rule_add(struct import *import, const struct import_rule *rule)
{
	if (!rule->ports) {
		line_note(import, rule->line, OUTCOME_OTHER, "%s: no mail port, not for smtpguard",
			  rule->text);
		return;
	}
	if (import->n_rules == IMPORT_RULES_MAX) {
		line_note(import, rule->line, OUTCOME_NOT_UNDERSTOOD, "%s: more than %d limits",
			  rule->text, IMPORT_RULES_MAX);
		return;
	}
	for (unsigned i = 0; i < MAIL_PORTS; i++) {
		uint32_t *winner = &import->winners[rule->kind][i];

		if ((rule->ports & (1u << i)) &&
		    (*winner == NO_RULE || is_stricter(rule, &import->rules[*winner])))
			*winner = import->n_rules;
	}
	import->rules[import->n_rules++] = *rule;
}

/* --- reading --- */

/* PORT;PROTOCOL;COUNT;SECONDS. What is wrong, or NULL; *ret_other: it is about another protocol. */
static const char *read_new(char *const *fields, unsigned n, struct import_rule *rule,
			    bool *ret_other)
{
	uint64_t count, window;

	if (n != 4)
		return "not PORT;PROTOCOL;COUNT;SECONDS";
	if (ports_parse(fields[0], &rule->ports) < 0)
		return "no port";
	*ret_other = !strcmp(fields[1], "udp") || !strcmp(fields[1], "icmp");
	if (!*ret_other && strcmp(fields[1], "tcp") != 0)
		return "no protocol";
	if (parse_number(fields[2], 1, COUNT_MAX, &count) < 0)
		return "a count of 1 to 10000 is allowed";
	if (parse_number(fields[3], 1, WINDOW_MAX_S, &window) < 0)
		return "1 to 86400 seconds are allowed";
	rule->count = (uint32_t)count;
	rule->window_s = (unsigned)window;
	return NULL;
}

/* PORT;COUNT or PORT:COUNT. */
static const char *read_concurrent(char *const *fields, unsigned n, struct import_rule *rule)
{
	uint64_t count;

	if (n != 2)
		return "not a port and a limit";
	if (ports_parse(fields[0], &rule->ports) < 0)
		return "no port";
	if (parse_number(fields[1], 1, CONCURRENT_MAX, &count) < 0)
		return "a limit of 1 to 1000000 is allowed";
	rule->count = (uint32_t)count;
	return NULL;
}

static void read_rule(struct import *import, enum rule_kind kind, size_t line, char *text,
		      char separator)
{
	struct import_rule rule = { .kind = kind, .line = line };
	char *fields[5];
	unsigned n = 0;
	bool other = false;
	const char *wrong;

	show_text(rule.text, sizeof(rule.text), text, strlen(text));
	for (char *at = text; at && n < ARRAY_SIZE(fields); n++) {
		char *end = strchr(at, separator);

		if (end)
			*end++ = '\0';
		fields[n] = at;
		at = end;
	}
	wrong = kind == RULE_NEW ? read_new(fields, n, &rule, &other) :
				   read_concurrent(fields, n, &rule);
	if (wrong)
		line_note(import, line, OUTCOME_NOT_UNDERSTOOD, "%s: %s", rule.text, wrong);
	else if (other)
		line_note(import, line, OUTCOME_OTHER, "%s: not TCP", rule.text);
	else
		rule_add(import, &rule);
	if (!wrong && rule.count > CSF_HITS_MAX && kind == RULE_NEW && rule.ports)
		line_note(import, line, OUTCOME_COMMENT,
			  "%s: CSF made no rule of more than %d, here it holds", rule.text,
			  CSF_HITS_MAX);
}

void rules_add(struct import *import, enum rule_kind kind, size_t line, char *text,
	       char separator)
{
	char *to = text;

	for (const char *from = text; *from; from++)
		if (*from != ' ' && *from != '\t')
			*to++ = *from;
	*to = '\0';
	while (text) {
		char *end = strchr(text, ',');

		if (end)
			*end++ = '\0';
		if (*text)
			read_rule(import, kind, line, text, separator);
		text = end;
	}
}

/* --- services --- */

static bool same_limits(const struct import *import, unsigned a, unsigned b)
{
	for (unsigned kind = 0; kind < RULE_KINDS; kind++) {
		uint32_t left = import->winners[kind][a], right = import->winners[kind][b];

		if ((left == NO_RULE) != (right == NO_RULE))
			return false;
		if (left != NO_RULE &&
		    (import->rules[left].count != import->rules[right].count ||
		     import->rules[left].window_s != import->rules[right].window_s))
			return false;
	}
	return true;
}

static unsigned first_port(uint32_t ports)
{
	return (unsigned)__builtin_ctz(ports);
}

static void name_service(const struct import *import, struct import_service *service)
{
	const char *name = class_names[service->class];

	for (unsigned i = 0; i < import->n_services; i++) {
		if (import->services[i].class == service->class) {
			snprintf(service->name, sizeof(service->name), "%s-%u", name,
				 mail_port(first_port(service->ports)));
			return;
		}
	}
	snprintf(service->name, sizeof(service->name), "%s", name);
}

static void place_port(struct import *import, unsigned port)
{
	struct import_service made = { .class = mail_port_class(port), .ports = 1u << port };

	for (unsigned i = 0; i < import->n_services; i++) {
		struct import_service *service = &import->services[i];

		if (service->class == made.class &&
		    same_limits(import, first_port(service->ports), port)) {
			service->ports |= made.ports;
			return;
		}
	}
	for (unsigned kind = 0; kind < RULE_KINDS; kind++)
		made.rules[kind] = import->winners[kind][port];
	name_service(import, &made);
	import->services[import->n_services++] = made;
}

bool rule_wins(const struct import *import, uint32_t rule, const struct import_service *service)
{
	for (unsigned i = 0; i < MAIL_PORTS; i++)
		if ((service->ports & (1u << i)) &&
		    import->winners[import->rules[rule].kind][i] == rule)
			return true;
	return false;
}

static void describe(struct import *import, uint32_t which)
{
	const struct import_rule *rule = &import->rules[which];
	char place[IMPORT_PATH_MAX], losing[64];
	uint32_t lost = 0, winner = NO_RULE;

	for (unsigned i = 0; i < import->n_services; i++) {
		const char *name = import->services[i].name;

		if (!rule_wins(import, which, &import->services[i]))
			continue;
		if (rule->kind == RULE_NEW)
			line_note(import, rule->line, OUTCOME_SETTING,
				  "%s: services.%s.new = \"%u/%us\"", rule->text, name, rule->count,
				  rule->window_s);
		else
			line_note(import, rule->line, OUTCOME_SETTING,
				  "%s: services.%s.concurrent = %u", rule->text, name, rule->count);
	}
	for (unsigned i = 0; i < MAIL_PORTS; i++) {
		if ((rule->ports & import->guarded & (1u << i)) &&
		    import->winners[rule->kind][i] != which) {
			lost |= 1u << i;
			winner = import->winners[rule->kind][i];
		}
	}
	if (lost)
		line_note(import, rule->line, OUTCOME_COVERED, "%s: stricter for %s: %s (%s)",
			  rule->text, ports_format(lost, losing), import->rules[winner].text,
			  line_place(import, import->rules[winner].line, place));
}

void limits_finish(struct import *import)
{
	import->guarded = MAIL_PORTS_ALWAYS;
	for (uint32_t i = 0; i < import->n_rules; i++)
		import->guarded |= import->rules[i].ports;
	for (unsigned i = 0; i < MAIL_PORTS; i++)
		if (import->guarded & (1u << i))
			place_port(import, i);
	for (uint32_t i = 0; i < import->n_rules; i++)
		describe(import, i);
}
