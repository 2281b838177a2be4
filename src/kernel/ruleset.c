// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/kernel/ruleset.h"

#include <errno.h>
#include <inttypes.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char template_text[] =
#include "ruleset-template.h"
	;

static void print_ports(FILE *out, const uint16_t *ports, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		fprintf(out, "%s%u", i ? ", " : "", ports[i]);
}

static void print_time(FILE *out, const char *word, usec_t time)
{
	if (time != USEC_NEVER)
		fprintf(out, " %s %" PRIu64 "ms", word, MAX_OF(time / USEC_PER_MSEC, (usec_t)1));
}

static void print_elements(FILE *out, const struct ruleset_parameters *parameters, bool ipv4)
{
	char text[PREFIX_TEXT_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < parameters->n_elements; i++) {
		const struct ruleset_element *element = &parameters->elements[i];

		if (prefix_is_ipv4(&element->prefix) != ipv4)
			continue;
		fprintf(out, "%s%s", n++ ? ",\n\t\t\t" : "elements = {\n\t\t\t",
			address_format(&element->prefix.address, text));
		print_time(out, "timeout", element->timeout);
		print_time(out, "expires", element->remaining);
		if (element->comment && *element->comment)
			fprintf(out, " comment \"%s\"", element->comment);
	}
	if (n)
		fputs(" }", out);
}

static void print_allowed(FILE *out, const struct ruleset_parameters *parameters, bool ipv4)
{
	char text[PREFIX_TEXT_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < parameters->n_allowed; i++) {
		if (prefix_is_ipv4(&parameters->allowed[i]) != ipv4)
			continue;
		fprintf(out, "%s%s", n++ ? ", " : "elements = { ",
			prefix_format(&parameters->allowed[i], text));
	}
	if (n)
		fputs(" }", out);
}

static void print_drop(FILE *out, const struct ruleset_parameters *parameters, bool ipv4)
{
	struct address ones = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				  0xff, 0xff, 0xff, 0xff } };
	struct prefix mask = prefix_of_address(&ones, parameters->ipv4_prefix, parameters->ipv6_prefix);
	char text[ADDRESS_TEXT_MAX];

	if (!parameters->n_enforced_ports) {
		fputs("# observing: nothing is dropped", out);
		return;
	}
	if (ipv4) {
		mask = prefix_cut(&ones, (uint8_t)(IPV4_OFFSET_BITS + parameters->ipv4_prefix));
		/* the mask as an IPv4 address */
		memset(mask.address.bytes, 0, 10);
	}
	fputs("tcp dport { ", out);
	print_ports(out, parameters->enforced_ports, parameters->n_enforced_ports);
	fprintf(out, " } %s saddr ", ipv4 ? "ip" : "ip6");
	if (ipv4 ? parameters->ipv4_prefix < 32 : parameters->ipv6_prefix < 128)
		fprintf(out, "& %s ", address_format(&mask.address, text));
	fprintf(out, "@banned%c counter drop", ipv4 ? '4' : '6');
}

static int print_word(FILE *out, const struct ruleset_parameters *parameters, const char *word,
		      size_t length)
{
	char name[32];

	if (length >= sizeof(name))
		return -EINVAL;
	memcpy(name, word, length);
	name[length] = '\0';
	if (!strcmp(name, "MAX_BANS"))
		fprintf(out, "%" PRIu32, parameters->max_bans);
	else if (!strcmp(name, "COUNTER"))
		fputs(parameters->element_counters ? "counter" : "", out);
	else if (!strcmp(name, "BANNED4") || !strcmp(name, "BANNED6"))
		print_elements(out, parameters, name[6] == '4');
	else if (!strcmp(name, "ALLOWED4") || !strcmp(name, "ALLOWED6"))
		print_allowed(out, parameters, name[7] == '4');
	else if (!strcmp(name, "PORTS"))
		print_ports(out, parameters->ports, parameters->n_ports);
	else if (!strcmp(name, "DROP4") || !strcmp(name, "DROP6"))
		print_drop(out, parameters, name[4] == '4');
	else
		return -EINVAL;
	return 0;
}

int ruleset_render(const struct ruleset_parameters *parameters, char **ret_text)
{
	const char *p = template_text;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r = 0;

	if (!out)
		return -ENOMEM;
	while (r == 0 && *p) {
		const char *word = strchr(p, '%'), *end = word ? strchr(word + 1, '%') : NULL;

		if (!end) {
			fputs(p, out);
			break;
		}
		fwrite(p, 1, (size_t)(word - p), out);
		r = print_word(out, parameters, word + 1, (size_t)(end - word - 1));
		p = end + 1;
	}
	if (ferror(out) && r == 0)
		r = -ENOMEM;
	if (fclose(out) != 0 && r == 0)
		r = -ENOMEM;
	if (r < 0) {
		free(text);
		return r;
	}
	*ret_text = text;
	return 0;
}

int ruleset_load(const char *text, char **ret_error)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	const char *error;
	char *copy;
	int r;

	if (!nft)
		return -ENOMEM;
	if (nft_ctx_buffer_output(nft) || nft_ctx_buffer_error(nft)) {
		nft_ctx_free(nft);
		return -ENOMEM;
	}
	r = nft_run_cmd_from_buffer(nft, text);
	if (r == 0) {
		nft_ctx_free(nft);
		return 0;
	}
	error = nft_ctx_get_error_buffer(nft);
	copy = strdup(error && *error ? error : "libnftables gave no message");
	nft_ctx_free(nft);
	if (!copy)
		return -ENOMEM;
	*ret_error = copy;
	return -EINVAL;
}
