// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/daemon/config.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "smtpguard-config.h"
#include "smtpguard/base/parse.h"

#include "config_priv.h"

#define SECOND USEC_PER_SEC
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

#define SERVERS_MAX 8
/* "[ADDR]:65535," */
static_assert(SERVERS_MAX * (ADDRESS_TEXT_MAX + 8) <= CONFIG_SERVERS_MAX, "servers fit");
static_assert(sizeof(((struct sockaddr_un *)NULL)->sun_path) <= CONFIG_PATH_MAX, "paths fit");

#define BOUNDED_KEY(text, field, low, high, duration)                                              \
	{ .name = text, .is_duration = duration, .bytes = sizeof(((struct config *)NULL)->field),  \
	  .offset = offsetof(struct config, field), .minimum = low, .maximum = high }
#define INTEGER_KEY(text, field, low, high) BOUNDED_KEY(text, field, low, high, false)
#define DURATION_KEY(text, field, low, high) BOUNDED_KEY(text, field, low, high, true)

static void read_mode(struct config_reader *reader, const config_setting_t *setting)
{
	config_read_mode(reader, setting, &reader->config->guard.observe);
}

static void read_sources(struct config_reader *reader, const config_setting_t *setting)
{
	static const struct config_key keys[] = {
		INTEGER_KEY("ipv4_prefix", guard.ipv4_prefix, 8, 32),
		INTEGER_KEY("ipv6_prefix", guard.ipv6_prefix, 16, 128),
		INTEGER_KEY("max_sources", guard.max_sources, 1024, 16777216),
		INTEGER_KEY("max_flows", guard.max_flows, 1024, 16777216),
	};

	reader_group(reader, setting, keys, ARRAY_SIZE(keys));
}

static void read_bans(struct config_reader *reader, const config_setting_t *setting)
{
	static const struct config_key keys[] = {
		DURATION_KEY("duration", guard.ban_duration, SECOND, 366 * DAY),
		INTEGER_KEY("max_bans", guard.max_bans, 16, 1048576),
	};

	reader_group(reader, setting, keys, ARRAY_SIZE(keys));
}

/* -1 if it is not an array of strings of a good length. */
static int array_length(struct config_reader *reader, const config_setting_t *setting,
			const char *what, int maximum)
{
	int n = config_setting_length(setting);

	if (!config_setting_is_array(setting))
		reader_refuse(reader, setting, "is not an array", "[ \"...\", ... ]");
	else if (n > maximum)
		reader_problem(reader, setting, "%d %s, allowed: 0 to %d", n, what, maximum);
	else
		return n;
	return -1;
}

static void read_allow_files(struct config_reader *reader, const config_setting_t *setting)
{
	int n = array_length(reader, setting, "patterns", CONFIG_ALLOW_GLOBS_MAX);

	reader->allow_files_given = true;
	for (int i = 0; i < n; i++) {
		const config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
		const char *pattern = reader_string(element);

		if (pattern && *pattern == '/')
			allow_read_pattern(reader, pattern, element);
		else
			reader_refuse(reader, element, "is not an absolute path", "\"/PATTERN\"");
	}
}

static void read_trust(struct config_reader *reader, const config_setting_t *setting)
{
	static const struct config_key keys[] = {
		CUSTOM_KEY("allow_files", read_allow_files),
		DURATION_KEY("unban_grace", guard.unban_grace, SECOND, 366 * DAY),
	};

	reader_group(reader, setting, keys, ARRAY_SIZE(keys));
}

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
	int n = array_length(reader, setting, "servers", SERVERS_MAX);
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

static void read_resolver(struct config_reader *reader, const config_setting_t *setting)
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
	const config_setting_t *given;
	char low[DURATION_TEXT_MAX], high[DURATION_TEXT_MAX];
	size_t before = reader->n_problems;

	reader_group(reader, setting, keys, ARRAY_SIZE(keys));
	/* with a problem in the group one of the two may be a default the file does not mean */
	if (reader->n_problems > before || names->min_ttl <= names->max_ttl)
		return;
	given = config_setting_get_member(setting, "min_ttl");
	if (!given)
		given = config_setting_get_member(setting, "max_ttl");
	reader_problem(reader, given, "min_ttl \"%s\" is more than max_ttl \"%s\", allowed: at most "
		       "max_ttl", duration_format(names->min_ttl, low),
		       duration_format(names->max_ttl, high));
}

static void read_path(struct config_reader *reader, const config_setting_t *setting)
{
	size_t size = sizeof(((struct sockaddr_un *)NULL)->sun_path);
	const char *path = reader_string(setting);
	size_t length = path ? strlen(path) : 0;

	if (length < 2 || length >= size || *path != '/' || path[length - 1] == '/')
		reader_refuse(reader, setting, "is not a socket path",
			      "an absolute path of at most %zu bytes", size - 1);
	else
		memcpy(reader->config->control_path, path, length + 1);
}

static void read_control_group(struct config_reader *reader, const config_setting_t *setting)
{
	size_t size = sizeof(reader->config->control_group);
	const char *name = reader_string(setting);

	if (!name || !*name || strlen(name) >= size)
		reader_refuse(reader, setting, "is not a group name", "1 to %zu bytes", size - 1);
	else
		memcpy(reader->config->control_group, name, strlen(name) + 1);
}

static void read_control(struct config_reader *reader, const config_setting_t *setting)
{
	static const struct config_key keys[] = {
		CUSTOM_KEY("path", read_path),
		CUSTOM_KEY("group", read_control_group),
		INTEGER_KEY("max_clients", control_max_clients, 1, 1024),
	};

	reader_group(reader, setting, keys, ARRAY_SIZE(keys));
}

/* --- the whole --- */

static const struct config_key keys_of_file[] = {
	CUSTOM_KEY("mode", read_mode),	       CUSTOM_KEY("services", config_read_services),
	CUSTOM_KEY("sources", read_sources),   CUSTOM_KEY("bans", read_bans),
	CUSTOM_KEY("trust", read_trust),       CUSTOM_KEY("resolver", read_resolver),
	CUSTOM_KEY("control", read_control),
};

static struct config *config_defaults(void)
{
	struct config *config = calloc(1, sizeof(*config));

	if (!config)
		return NULL;
	settings_defaults(&config->guard);
	config->resolver_tries = 2;
	config->control_max_clients = 64;
	static_assert(sizeof(SMTPGUARD_SOCKET_PATH) <=
		      sizeof(((struct sockaddr_un *)NULL)->sun_path), "the default path fits");
	memcpy(config->control_path, SMTPGUARD_SOCKET_PATH, sizeof(SMTPGUARD_SOCKET_PATH));
	memcpy(config->control_group, "smtpguard", sizeof("smtpguard"));
	return config;
}

static void read_file(struct config_reader *reader, const char *path)
{
	config_t tree;

	config_init(&tree);
	if (reader_parse(reader, path, &tree)) {
		reader_group(reader, config_root_setting(&tree), keys_of_file,
			     ARRAY_SIZE(keys_of_file));
		if (!reader->allow_files_given)
			allow_read_pattern(reader, SMTPGUARD_ALLOW_GLOB, NULL);
	}
	config_destroy(&tree);
}

int config_load(struct config **ret_config, const char *path, bool observe, config_problem problem,
		void *userdata)
{
	struct config_reader reader = { .config = config_defaults() };
	struct guard_settings *guard;
	int r;

	if (!reader.config)
		return -ENOMEM;
	read_file(&reader, path);
	allow_finish(&reader);
	guard = &reader.config->guard;
	guard->observe |= observe;
	for (unsigned i = 0; i < guard->n_services; i++)
		guard->services[i].observe |= guard->observe;
	r = reader.failure;
	if (r == 0 && reader_report(&reader, problem, userdata))
		r = CONFIG_INVALID;
	reader_done(&reader);
	if (r)
		config_free(reader.config);
	else
		*ret_config = reader.config;
	return r;
}

struct config *config_free(struct config *config)
{
	if (config) {
		prefix_set_free(config->guard.allowed);
		free(config);
	}
	return NULL;
}

void config_print_problem(void *file, const char *text)
{
	fprintf(file, "%s\n", text);
}
