// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/kernel/ruleset.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset_priv.h"

static const char template_text[] =
#include "ruleset-template.h"
	;

const char ruleset_removal[] = "add table inet smtpguard\ndelete table inet smtpguard\n";

int ruleset_elements_add(struct ruleset_elements *elements, const struct ruleset_element *element)
{
	if (elements->count == elements->allocated) {
		unsigned wanted = elements->allocated ? elements->allocated * 2 : 64;
		struct ruleset_element *grown =
			reallocarray(elements->element, wanted, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		elements->element = grown;
		elements->allocated = wanted;
	}
	elements->element[elements->count++] = *element;
	return 0;
}

void ruleset_elements_done(struct ruleset_elements *elements)
{
	free(elements->element);
	*elements = (struct ruleset_elements){ 0 };
}

static void print_time(FILE *out, const char *word, usec_t time)
{
	if (time != USEC_NEVER)
		fprintf(out, " %s %" PRIu64 "ms", word, MAX_OF(time / USEC_PER_MSEC, (usec_t)1));
}

/*
 * One family of a list as "{ a, b }", with `before` and `after` around it; nothing if there is none.
 * keyed: by the masked address, so without a prefix length.
 */
static void print_elements(FILE *out, const struct ruleset_elements *elements, bool ipv4, bool keyed,
			   const char *before, const char *after)
{
	char text[PREFIX_TEXT_MAX];
	unsigned n = 0;

	for (unsigned i = 0; elements && i < elements->count; i++) {
		const struct ruleset_element *element = &elements->element[i];

		if (prefix_is_ipv4(&element->prefix) != ipv4)
			continue;
		fprintf(out, "%s%s", n++ ? ",\n\t\t\t" : before,
			keyed ? address_format(&element->prefix.address, text) :
				prefix_format(&element->prefix, text));
		print_time(out, "timeout", element->timeout);
		print_time(out, "expires", element->remaining);
		if (element->comment[0])
			fprintf(out, " comment \"%s\"", element->comment);
	}
	if (n)
		fputs(after, out);
}

static void print_set(FILE *out, const struct ruleset_elements *elements, bool ipv4, bool keyed)
{
	print_elements(out, elements, ipv4, keyed, "elements = {\n\t\t\t", " }");
}

/* Of the gated services: the gate works until the daemon has to say again that it does. */
static void print_gated_ports(FILE *out, const struct ruleset_parameters *parameters)
{
	unsigned n = 0;

	for (unsigned i = 0; i < parameters->n_services; i++) {
		const struct ruleset_service *service = &parameters->services[i];

		for (unsigned j = 0; service->gated && j < service->n_ports; j++) {
			fprintf(out, "%s%u", n++ ? ", " : "elements = { ", service->ports[j]);
			print_time(out, "timeout", parameters->gate_alive);
		}
	}
	if (n)
		fputs(" }", out);
}

/* A word like BANNED4: the elements of one family. */
static bool print_elements_word(FILE *out, const struct ruleset_parameters *p, const char *name)
{
	const struct {
		const char *name;
		const struct ruleset_elements *elements;
		bool keyed;
	} sets[] = {
		{ "BANNED", p->banned, true },	  { "BLOCKED", p->blocked, false },
		{ "ALLOWED", p->allowed, false }, { "TRUSTED", p->trusted, true },
		{ "REFUSED", p->refused, true },  { "PASSED", p->passed, true },
	};
	size_t length = strcspn(name, "46");

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		if (!name[length] || strlen(sets[i].name) != length ||
		    strncmp(name, sets[i].name, length))
			continue;
		print_set(out, sets[i].elements, name[length] == '4', sets[i].keyed);
		return true;
	}
	return false;
}

static int print_word(FILE *out, const struct ruleset_parameters *p, const char *name)
{
	if (print_elements_word(out, p, name))
		return 0;
	if (!strcmp(name, "MAX_BANS"))
		fprintf(out, "%" PRIu32, p->max_bans);
	else if (!strcmp(name, "TRUSTED_SIZE"))
		fprintf(out, "%d", RULESET_TRUSTED_SIZE);
	else if (!strcmp(name, "GATE_SIZE"))
		fprintf(out, "%d", RULESET_GATE_SIZE);
	else if (!strcmp(name, "COUNTER"))
		fputs(p->element_counters ? "counter" : "", out);
	else if (!strcmp(name, "GATED_PORTS"))
		print_gated_ports(out, p);
	else if (!strcmp(name, "CEILING_SETS"))
		ruleset_print_ceiling_sets(out, p);
	else if (!strcmp(name, "JUMP"))
		ruleset_print_jump(out, p);
	else if (!strcmp(name, "BAN_RULES"))
		ruleset_print_ban_rules(out, p);
	else if (!strcmp(name, "SERVICE_RULES"))
		ruleset_print_service_rules(out, p);
	else
		return -EINVAL;
	return 0;
}

static int print_template(FILE *out, const struct ruleset_parameters *parameters)
{
	const char *p = template_text;
	char name[32];

	while (*p) {
		const char *word = strchr(p, '%'), *end = word ? strchr(word + 1, '%') : NULL;
		size_t length = end ? (size_t)(end - word - 1) : 0;
		int r;

		if (!end) {
			fputs(p, out);
			return 0;
		}
		if (length >= sizeof(name))
			return -EINVAL;
		fwrite(p, 1, (size_t)(word - p), out);
		memcpy(name, word + 1, length);
		name[length] = '\0';
		r = print_word(out, parameters, name);
		if (r < 0)
			return r;
		p = end + 1;
	}
	return 0;
}

/* Closes the stream; the text is the caller's unless something went wrong. */
static int finish(FILE *out, int r, char **text, char **ret_text)
{
	if (ferror(out) && r == 0)
		r = -ENOMEM;
	if (fclose(out) != 0 && r == 0)
		r = -ENOMEM;
	if (r < 0)
		free(*text);
	else
		*ret_text = *text;
	return r;
}

int ruleset_render(const struct ruleset_parameters *parameters, char **ret_text)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	return finish(out, print_template(out, parameters), &text, ret_text);
}

int ruleset_render_set(enum ruleset_set set, const struct ruleset_elements *elements, char **ret_text)
{
	const char *name = set == RULESET_BLOCKED ? "blocked" : "allowed";
	char *text = NULL, before[64];
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	for (int family = 4; family <= 6; family += 2) {
		fprintf(out, "flush set inet smtpguard %s%d\n", name, family);
		snprintf(before, sizeof(before), "add element inet smtpguard %s%d { ", name, family);
		print_elements(out, elements, family == 4, false, before, " }\n");
	}
	return finish(out, 0, &text, ret_text);
}
