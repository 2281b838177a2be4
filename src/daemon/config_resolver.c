// SPDX-License-Identifier: GPL-2.0-or-later
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "smtpguard/base/parse.h"

#include "config_priv.h"

#define SERVERS_MAX 8
/* "[ADDR]:65535," */
static_assert(SERVERS_MAX * (ADDRESS_TEXT_MAX + 8) <= CONFIG_SERVERS_MAX, "servers fit");

/*
 * "ADDR", "ADDR4:PORT", "[ADDR6]" or "[ADDR6]:PORT" becomes "ADDR4:PORT" or "[ADDR6]:PORT", which
 * c-ares reads in one way only.
 */
static bool parse_server(const char *text, char *target, size_t size)
{
	const char *colon = strrchr(text, ':'), *end = text + strlen(text), *port_text = NULL;
	bool brackets = *text == '[';
	char address_text[ADDRESS_TEXT_MAX];
	struct address address;
	uint64_t port = 53;

	if (brackets) {
		text++;
		end = strchr(text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return false;
		port_text = end[1] ? end + 2 : NULL;
	} else if (colon && strchr(text, ':') == colon) {
		end = colon;
		port_text = colon + 1;
	}
	if ((size_t)(end - text) >= sizeof(address_text))
		return false;
	memcpy(address_text, text, (size_t)(end - text));
	address_text[end - text] = '\0';
	if (brackets != (brackets && strchr(address_text, ':')) ||
	    address_parse(address_text, &address) < 0 ||
	    (port_text && parse_number(port_text, 1, UINT16_MAX, &port) < 0))
		return false;
	address_format(&address, address_text);
	snprintf(target, size, address_is_ipv4(&address) ? "%s:%" PRIu64 : "[%s]:%" PRIu64,
		 address_text, port);
	return true;
}

static void read_servers(struct config_reader *reader, const config_setting_t *setting)
{
	char *servers = reader->config->resolver_servers;
	int n = reader_array(reader, setting, "servers", SERVERS_MAX);
	size_t used = 0;

	for (int i = 0; i < n; i++) {
		const config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
		const char *text = reader_string(element);
		char server[ADDRESS_TEXT_MAX + 8];

		if (text && parse_server(text, server, sizeof(server)))
			used += (size_t)snprintf(servers + used, CONFIG_SERVERS_MAX - used, "%s%s",
						 used ? "," : "", server);
		else
			reader_refuse(reader, element, "is not a server",
				      "\"ADDR\", \"ADDR4:PORT\", \"[ADDR6]:PORT\"");
	}
}

void config_read_resolver(struct config_reader *reader, const config_setting_t *setting)
{
	static const struct config_key keys[] = {
		DURATION_KEY("deadline", guard.names.deadline, 100 * USEC_PER_MSEC, 30 * SECOND),
		INTEGER_KEY("tries", resolver_tries, 1, 5),
		CUSTOM_KEY("servers", read_servers),
		INTEGER_KEY("max_in_flight", guard.names.max_in_flight, 1, 4096),
		INTEGER_KEY("cache", guard.names.cache, 256, 1048576),
		DURATION_KEY("min_ttl", guard.names.min_ttl, SECOND, DAY),
		DURATION_KEY("max_ttl", guard.names.max_ttl, SECOND, 7 * DAY),
		DURATION_KEY("negative_ttl", guard.names.negative_ttl, SECOND, DAY),
		DURATION_KEY("failure_ttl", guard.names.failure_ttl, SECOND, HOUR),
	};
	const struct name_settings *names = &reader->config->guard.names;

	reader_group(reader, setting, keys, ARRAY_SIZE(keys));
	reader_check_order(reader, setting, "min_ttl", names->min_ttl, "max_ttl", names->max_ttl);
}
