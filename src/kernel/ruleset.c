// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/kernel/ruleset.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void print_ports(FILE *out, const uint16_t *ports, unsigned n)
{
	fputs("tcp dport { ", out);
	for (unsigned i = 0; i < n; i++)
		fprintf(out, "%s%u", i ? ", " : "", ports[i]);
	fputs(" } ", out);
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

/* "ip saddr", cut to the source's prefix if that is not the whole address. */
static void print_source(FILE *out, const struct ruleset_parameters *parameters, bool ipv4)
{
	struct address ones = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				  0xff, 0xff, 0xff, 0xff } };
	struct prefix mask = prefix_cut(&ones, parameters->ipv6_prefix);
	char text[ADDRESS_TEXT_MAX];

	if (ipv4) {
		mask = prefix_cut(&ones, (uint8_t)(IPV4_OFFSET_BITS + parameters->ipv4_prefix));
		/* the mask as an IPv4 address */
		memset(mask.address.bytes, 0, 10);
	}
	fputs(ipv4 ? "ip saddr " : "ip6 saddr ", out);
	if (ipv4 ? parameters->ipv4_prefix < 32 : parameters->ipv6_prefix < 128)
		fprintf(out, "& %s ", address_format(&mask.address, text));
}

static void print_ban_rule(FILE *out, const struct ruleset_parameters *parameters, bool ipv4,
			   bool blocked, bool reject)
{
	fputs("\t\t", out);
	if (!parameters->whole_host)
		print_ports(out, parameters->enforced_ports, parameters->n_enforced_ports);
	else if (reject)
		fputs("meta l4proto tcp ", out);
	if (blocked)
		fputs(ipv4 ? "ip saddr " : "ip6 saddr ", out);
	else
		print_source(out, parameters, ipv4);
	fprintf(out, "@%s%c counter %s\n", blocked ? "blocked" : "banned", ipv4 ? '4' : '6',
		reject ? "reject with tcp reset" : "drop");
}

static void print_ban_rules(FILE *out, const struct ruleset_parameters *parameters)
{
	if (!parameters->n_enforced_ports) {
		fputs("\t\t# observing: nothing is dropped\n", out);
		return;
	}
	for (int i = 0; i < 4; i++) {
		bool ipv4 = !(i & 1), blocked = i & 2;

		if (parameters->reject)
			print_ban_rule(out, parameters, ipv4, blocked, true);
		/* other protocols of the whole host know no reset */
		if (!parameters->reject || parameters->whole_host)
			print_ban_rule(out, parameters, ipv4, blocked, false);
	}
}

void ruleset_ceiling_name(const char *service, int family, char name[static RULESET_CEILING_NAME_MAX])
{
	snprintf(name, RULESET_CEILING_NAME_MAX, "ceiling_%.*s%d", RULESET_SERVICE_NAME_MAX - 1,
		 service, family);
}

static void print_ceiling_sets(FILE *out, const struct ruleset_parameters *parameters)
{
	char name[RULESET_CEILING_NAME_MAX];

	for (unsigned i = 0; i < parameters->n_services; i++) {
		const struct ruleset_service *service = &parameters->services[i];

		for (int family = 4; service->ceiling && family <= 6; family += 2) {
			ruleset_ceiling_name(service->name, family, name);
			fprintf(out,
				"\tset %s {\n\t\ttype %s\n\t\tsize %d\n\t\tflags dynamic\n\t}\n",
				name, family == 4 ? "ipv4_addr" : "ipv6_addr", RULESET_CEILING_SIZE);
		}
	}
	fputc('\n', out);
}

static void print_ceiling_rules(FILE *out, const struct ruleset_parameters *parameters)
{
	char name[RULESET_CEILING_NAME_MAX];

	for (unsigned i = 0; i < parameters->n_services; i++) {
		const struct ruleset_service *service = &parameters->services[i];

		for (int family = 4; service->ceiling && family <= 6; family += 2) {
			if (service->trusts_names) {
				fputs("\t\t", out);
				print_ports(out, service->ports, service->n_ports);
				print_source(out, parameters, family == 4);
				fprintf(out, "@trusted%d accept\n", family);
			}
			fputs("\t\t", out);
			print_ports(out, service->ports, service->n_ports);
			ruleset_ceiling_name(service->name, family, name);
			fprintf(out, "add @%s { ", name);
			print_source(out, parameters, family == 4);
			fprintf(out, "ct count over %" PRIu32 " } counter reject with tcp reset\n",
				service->ceiling);
		}
	}
}

static void print_jump(FILE *out, const struct ruleset_parameters *parameters)
{
	if (!parameters->whole_host)
		print_ports(out, parameters->ports, parameters->n_ports);
	fputs("ct state new jump guarded", out);
}

static int print_word(FILE *out, const struct ruleset_parameters *p, const char *name)
{
	bool ipv4 = name[0] && name[strlen(name) - 1] == '4';

	if (!strcmp(name, "MAX_BANS"))
		fprintf(out, "%" PRIu32, p->max_bans);
	else if (!strcmp(name, "TRUSTED_SIZE"))
		fprintf(out, "%d", RULESET_TRUSTED_SIZE);
	else if (!strcmp(name, "COUNTER"))
		fputs(p->element_counters ? "counter" : "", out);
	else if (!strcmp(name, "BANNED4") || !strcmp(name, "BANNED6"))
		print_set(out, p->banned, ipv4, true);
	else if (!strcmp(name, "BLOCKED4") || !strcmp(name, "BLOCKED6"))
		print_set(out, p->blocked, ipv4, false);
	else if (!strcmp(name, "ALLOWED4") || !strcmp(name, "ALLOWED6"))
		print_set(out, p->allowed, ipv4, false);
	else if (!strcmp(name, "TRUSTED4") || !strcmp(name, "TRUSTED6"))
		print_set(out, p->trusted, ipv4, true);
	else if (!strcmp(name, "CEILING_SETS"))
		print_ceiling_sets(out, p);
	else if (!strcmp(name, "JUMP"))
		print_jump(out, p);
	else if (!strcmp(name, "BAN_RULES"))
		print_ban_rules(out, p);
	else if (!strcmp(name, "CEILING_RULES"))
		print_ceiling_rules(out, p);
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
