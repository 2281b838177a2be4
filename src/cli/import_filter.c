// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One entry of an allow or deny file: an address, a prefix, or a filter of protocol, direction, port
 * and address. CSF separates a filter's fields with "|", or ":" if there is no "|", and takes every
 * field but the port and the address as optional; APF separates with ":" and writes IPv6 addresses in
 * brackets.
 */
#include <ctype.h>
#include <string.h>

#include "import_priv.h"

#define FIELDS_MAX 8

static enum filter_result say(struct filter *filter, enum filter_result result, const char *why)
{
	filter->why = why;
	return result;
}

static enum filter_result take_address(const char *text, struct filter *filter)
{
	int r = prefix_parse(text, &filter->prefix);

	if (r < 0)
		return say(filter, FILTER_NOT_UNDERSTOOD, "no address");
	filter->cut = r == PREFIX_HOST_BITS;
	if (filter->prefix.length == 0 || (prefix_is_ipv4(&filter->prefix) &&
					   filter->prefix.length == IPV4_OFFSET_BITS))
		return say(filter, FILTER_REFUSED, "every address there is: not taken over");
	return FILTER_ADDRESS;
}

static unsigned split(char *text, char separator, char *fields[static FIELDS_MAX])
{
	unsigned n = 0;

	for (;;) {
		char *at = strchr(text, separator);

		if (n == FIELDS_MAX)
			return FIELDS_MAX + 1;
		fields[n++] = text;
		if (!at)
			return n;
		*at = '\0';
		text = at + 1;
	}
}

/* "d=25" into 'd' and "25"; 0 if it is none. */
static char field_key(const char *field, const char **ret_value)
{
	if ((*field != 's' && *field != 'd' && *field != 'u' && *field != 'g') || field[1] != '=')
		return 0;
	*ret_value = field + 2;
	return *field;
}

/* Port and address of a filter for incoming TCP. */
static enum filter_result take_pair(char port_side, const char *port, char address_side,
				    const char *address, struct filter *filter)
{
	enum filter_result result;

	if (ports_parse(port, &filter->ports) < 0)
		return say(filter, FILTER_NOT_UNDERSTOOD, "no port");
	filter->has_ports = true;
	result = take_address(address, filter);
	if (result != FILTER_ADDRESS)
		return result;
	if (address_side == 'd')
		return say(filter, FILTER_OTHER, "about connections to that address, not from it");
	if (port_side == 's')
		return say(filter, FILTER_OTHER, "about the remote side's port");
	return FILTER_ADDRESS;
}

/* --- CSF --- */

/* Protocol and direction, both optional; returns the index of the field behind them. */
static unsigned take_csf_head(char *const *fields, unsigned n, const char **ret_other)
{
	unsigned i = 0;

	*ret_other = NULL;
	if (i < n && (!strcmp(fields[i], "udp") || !strcmp(fields[i], "icmp"))) {
		*ret_other = "not TCP";
		i++;
	} else if (i < n && !strcmp(fields[i], "tcp")) {
		i++;
	}
	if (i < n && !strcmp(fields[i], "out")) {
		*ret_other = "about outgoing connections";
		i++;
	} else if (i < n && !strcmp(fields[i], "in")) {
		i++;
	}
	return i;
}

static enum filter_result parse_csf_fields(char *const *fields, unsigned n, struct filter *filter)
{
	char port_side = 0, address_side = 0;
	const char *port = NULL, *address = NULL, *other, *value;
	unsigned i = take_csf_head(fields, n, &other);

	for (; i < n; i++) {
		char key = field_key(fields[i], &value);

		if (!key && *fields[i])
			return say(filter, FILTER_NOT_UNDERSTOOD, "no such field in a filter");
		if (key == 'u' || key == 'g')
			return say(filter, FILTER_OTHER, "about outgoing connections of a user");
		if (key && !port_side) {
			port_side = key;
			port = value;
		} else if (key && !address_side) {
			address_side = key;
			address = value;
		} else if (key) {
			return say(filter, FILTER_NOT_UNDERSTOOD, "more than a port and an address");
		}
	}
	if (!address_side)
		return say(filter, FILTER_IGNORED, "CSF wants a port and an address");
	if (other)
		return say(filter, FILTER_OTHER, other);
	return take_pair(port_side, port, address_side, address, filter);
}

enum filter_result filter_parse_csf(char *text, struct filter *ret_filter)
{
	char *fields[FIELDS_MAX];
	struct prefix prefix;
	unsigned n;

	*ret_filter = (struct filter){ 0 };
	for (char *p = text; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	if (prefix_parse(text, &prefix) >= 0)
		return take_address(text, ret_filter);
	if (!strpbrk(text, "|=")) {
		if (!strpbrk(text, ":/") && strchr(text, '.') &&
		    strpbrk(text, "abcdefghijklmnopqrstuvwxyz"))
			return say(ret_filter, FILTER_IGNORED, "CSF takes no host names here");
		return say(ret_filter, FILTER_NOT_UNDERSTOOD, "no address and no filter");
	}
	n = split(text, strchr(text, '|') ? '|' : ':', fields);
	if (n > FIELDS_MAX)
		return say(ret_filter, FILTER_NOT_UNDERSTOOD, "too many fields");
	return parse_csf_fields(fields, n, ret_filter);
}

/* --- APF --- */

/* Splits at colons outside of brackets, which are removed. */
static unsigned split_apf(char *text, char *fields[static FIELDS_MAX])
{
	char *to = text;
	unsigned n = 1, depth = 0;

	fields[0] = text;
	for (; *text; text++) {
		if (*text == '[' || *text == ']') {
			depth = *text == '[';
			continue;
		}
		if (*text == ':' && !depth) {
			if (n == FIELDS_MAX)
				return FIELDS_MAX + 1;
			*to++ = '\0';
			fields[n++] = to;
			continue;
		}
		*to++ = *text;
	}
	*to = '\0';
	return n;
}

static enum filter_result parse_apf_fields(char *const *fields, unsigned n, struct filter *filter)
{
	const char *port = "", *address = "", *other = NULL;
	unsigned i = 0;
	char port_side, address_side;

	if (n == 4 && (!strcmp(fields[0], "tcp") || !strcmp(fields[0], "udp"))) {
		if (*fields[0] == 'u')
			other = "not TCP";
		i++;
	}
	if (n - i == 3) {
		if (!strcmp(fields[i], "out"))
			other = "about outgoing connections";
		else if (strcmp(fields[i], "in") != 0)
			return say(filter, FILTER_NOT_UNDERSTOOD, "neither in nor out");
		i++;
	}
	if (n - i != 2)
		return say(filter, FILTER_NOT_UNDERSTOOD, "not [PROTOCOL:][FLOW:]PORT:ADDRESS");
	port_side = field_key(fields[i], &port);
	address_side = field_key(fields[i + 1], &address);
	if (!strchr("sd", port_side) || !strchr("sd", address_side) || !port_side || !address_side)
		return say(filter, FILTER_NOT_UNDERSTOOD, "neither s= nor d=");
	if (other)
		return say(filter, FILTER_OTHER, other);
	return take_pair(port_side, port, address_side, address, filter);
}

enum filter_result filter_parse_apf(char *text, struct filter *ret_filter)
{
	char *fields[FIELDS_MAX];
	struct prefix prefix;
	unsigned n;

	*ret_filter = (struct filter){ 0 };
	if (prefix_parse(text, &prefix) >= 0)
		return take_address(text, ret_filter);
	if (*text == '@' || (strlen(text) == 2 && isupper((unsigned char)text[0]) &&
			     isupper((unsigned char)text[1])))
		return say(ret_filter, FILTER_OTHER, "a country: smtpguard looks up none");
	if (!strchr(text, '=')) {
		if (strchr(text, '.') && text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"
							   "OPQRSTUVWXYZ0123456789.-_")] == '\0' &&
		    text[strspn(text, "0123456789.")])
			return say(ret_filter, FILTER_OTHER, "a host name: smtpguard takes addresses");
		return say(ret_filter, FILTER_NOT_UNDERSTOOD, "no address and no filter");
	}
	n = split_apf(text, fields);
	if (n > FIELDS_MAX)
		return say(ret_filter, FILTER_NOT_UNDERSTOOD, "too many fields");
	return parse_apf_fields(fields, n, ret_filter);
}
