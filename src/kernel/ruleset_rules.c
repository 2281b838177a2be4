// SPDX-License-Identifier: GPL-2.0-or-later
#include "ruleset_priv.h"

#include <inttypes.h>
#include <string.h>

static void print_ports(FILE *out, const uint16_t *ports, unsigned n)
{
	fputs("tcp dport { ", out);
	for (unsigned i = 0; i < n; i++)
		fprintf(out, "%s%u", i ? ", " : "", ports[i]);
	fputs(" } ", out);
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

void ruleset_print_ban_rules(FILE *out, const struct ruleset_parameters *parameters)
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

void ruleset_print_ceiling_sets(FILE *out, const struct ruleset_parameters *parameters)
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

/* The beginning of a rule: new connections of a family's sources to the service. */
static void print_service(FILE *out, const struct ruleset_parameters *parameters,
			  const struct ruleset_service *service, int family)
{
	fputs("\t\t", out);
	print_ports(out, service->ports, service->n_ports);
	print_source(out, parameters, family == 4);
}

static void print_ceiling_rule(FILE *out, const struct ruleset_parameters *parameters,
			       const struct ruleset_service *service, int family)
{
	char name[RULESET_CEILING_NAME_MAX];

	fputs("\t\t", out);
	print_ports(out, service->ports, service->n_ports);
	ruleset_ceiling_name(service->name, family, name);
	fprintf(out, "add @%s { ", name);
	print_source(out, parameters, family == 4);
	fprintf(out, "ct count over %" PRIu32 " } counter reject with tcp reset\n",
		service->ceiling);
}

static void print_refusal_rule(FILE *out, const struct ruleset_parameters *parameters,
			       const struct ruleset_service *service, int family)
{
	print_service(out, parameters, service, family);
	fprintf(out, "@refused%d ", family);
	if (service->ptr_suffices) {
		/* a source whose PTR does not resolve back is in both sets */
		print_source(out, parameters, family == 4);
		fprintf(out, "!= @passed%d ", family);
	}
	fprintf(out, "counter reject with tcp reset comment \"%s\"\n",
		service->ptr_suffices ? "gate: no PTR record" : "gate: no verified name");
}

static void print_queue_rule(FILE *out, const struct ruleset_parameters *parameters,
			     const struct ruleset_service *service)
{
	fputs("\t\t", out);
	print_ports(out, service->ports, service->n_ports);
	fprintf(out,
		"tcp flags & (fin | syn | rst | ack) == syn tcp dport @gated_ports "
		"counter queue num %u bypass "
		"comment \"gate: unknown sources wait for smtpguardd\"\n",
		parameters->queue);
}

void ruleset_print_service_rules(FILE *out, const struct ruleset_parameters *parameters)
{
	for (unsigned i = 0; i < parameters->n_services; i++) {
		const struct ruleset_service *service = &parameters->services[i];

		for (int family = 4; family <= 6; family += 2) {
			if (service->trusts_names && (service->ceiling || service->gated)) {
				print_service(out, parameters, service, family);
				fprintf(out, "@trusted%d accept\n", family);
			}
			if (service->gated)
				print_refusal_rule(out, parameters, service, family);
			if (service->ceiling)
				print_ceiling_rule(out, parameters, service, family);
			if (service->gated) {
				print_service(out, parameters, service, family);
				fprintf(out, "@passed%d accept\n", family);
			}
		}
		if (service->gated)
			print_queue_rule(out, parameters, service);
	}
}

void ruleset_print_jump(FILE *out, const struct ruleset_parameters *parameters)
{
	if (!parameters->whole_host)
		print_ports(out, parameters->ports, parameters->n_ports);
	fputs("ct state new jump guarded", out);
}
