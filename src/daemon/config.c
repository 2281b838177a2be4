// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/daemon/config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "smtpguard-config.h"

#include "config_priv.h"

static_assert(sizeof(((struct sockaddr_un *)NULL)->sun_path) <= CONFIG_PATH_MAX, "paths fit");

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

static void read_growth(struct config_reader *reader, const config_setting_t *setting)
{
	reader_fraction(reader, setting, 1.0, 100.0, &reader->config->guard.bans.growth);
}

static void read_action(struct config_reader *reader, const config_setting_t *setting)
{
	static const char *const actions[] = {
		[BAN_ACTION_DROP] = "drop",
		[BAN_ACTION_REJECT] = "reject",
	};
	unsigned index;

	if (reader_choice(reader, setting, actions, ARRAY_SIZE(actions), &index))
		reader->config->guard.enforcement.action = (enum ban_action)index;
}

static void read_scope(struct config_reader *reader, const config_setting_t *setting)
{
	static const char *const scopes[] = {
		[BAN_SCOPE_SERVICES] = "services",
		[BAN_SCOPE_HOST] = "host",
	};
	unsigned index;

	if (reader_choice(reader, setting, scopes, ARRAY_SIZE(scopes), &index))
		reader->config->guard.enforcement.scope = (enum ban_scope)index;
}

static void read_close_connections(struct config_reader *reader, const config_setting_t *setting)
{
	reader_boolean(reader, setting, &reader->config->guard.enforcement.close_connections);
}

static void read_bans(struct config_reader *reader, const config_setting_t *setting)
{
	static const struct config_key keys[] = {
		DURATION_KEY("duration", guard.bans.duration, SECOND, 366 * DAY),
		CUSTOM_KEY("growth", read_growth),
		DURATION_KEY("max_duration", guard.bans.max_duration, SECOND, 366 * DAY),
		DURATION_KEY("forget_after", guard.bans.forget_after, SECOND, 366 * DAY),
		CUSTOM_KEY("action", read_action),
		CUSTOM_KEY("scope", read_scope),
		CUSTOM_KEY("close_connections", read_close_connections),
		INTEGER_KEY("max_bans", guard.bans.max_bans, 16, 1048576),
		INTEGER_KEY("max_per_minute", guard.bans.max_per_minute, 1, 60000),
	};
	const struct ban_settings *bans = &reader->config->guard.bans;

	reader_group(reader, setting, keys, ARRAY_SIZE(keys));
	reader_check_order(reader, setting, "duration", bans->duration, "max_duration",
			   bans->max_duration);
}

static void read_patterns(struct config_reader *reader, const config_setting_t *setting,
			  struct allow_patterns *patterns,
			  void (*read)(struct config_reader *reader, const char *pattern,
				       const config_setting_t *setting))
{
	int n = reader_array(reader, setting, "patterns", CONFIG_ALLOW_GLOBS_MAX);

	for (int i = 0; i < n; i++) {
		const config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
		const char *pattern = reader_string(element);

		if (!pattern || *pattern != '/') {
			reader_refuse(reader, element, "is not an absolute path", "\"/PATTERN\"");
			continue;
		}
		allow_keep_pattern(reader, patterns, pattern);
		read(reader, pattern, element);
	}
}

static void read_allow_files(struct config_reader *reader, const config_setting_t *setting)
{
	reader->allow_files_given = true;
	read_patterns(reader, setting, &reader->config->allow_patterns, allow_read_pattern);
}

static void read_cpanel_lists(struct config_reader *reader, const config_setting_t *setting)
{
	read_patterns(reader, setting, &reader->config->cpanel_patterns, cpanel_read_pattern);
}

static void read_trust(struct config_reader *reader, const config_setting_t *setting)
{
	static const struct config_key keys[] = {
		CUSTOM_KEY("allow_files", read_allow_files),
		CUSTOM_KEY("cpanel_lists", read_cpanel_lists),
		DURATION_KEY("verified_for", guard.verified_for, SECOND, 7 * DAY),
		DURATION_KEY("unban_grace", guard.unban_grace, SECOND, 366 * DAY),
	};

	reader_group(reader, setting, keys, ARRAY_SIZE(keys));
}

static void read_gate(struct config_reader *reader, const config_setting_t *setting)
{
	static const struct config_key keys[] = {
		INTEGER_KEY("queue", guard.gate.queue, 0, UINT16_MAX),
		DURATION_KEY("hold", guard.gate.hold, 10 * USEC_PER_MSEC, 10 * SECOND),
		INTEGER_KEY("max_held", guard.gate.max_held, 1, 65535),
	};

	reader_group(reader, setting, keys, ARRAY_SIZE(keys));
}

static void read_ledger_path(struct config_reader *reader, const config_setting_t *setting)
{
	reader_path(reader, setting, "is not a file path", "", reader->config->ledger_path,
		    CONFIG_LEDGER_PATH_MAX);
}

static void read_ledger(struct config_reader *reader, const config_setting_t *setting)
{
	static const struct config_key keys[] = {
		CUSTOM_KEY("path", read_ledger_path),
		DURATION_KEY("keep", ledger_keep, HOUR, 3660 * DAY),
	};

	reader_group(reader, setting, keys, ARRAY_SIZE(keys));
}

static void read_socket_path(struct config_reader *reader, const config_setting_t *setting)
{
	reader_path(reader, setting, "is not a socket path", "", reader->config->control_path,
		    sizeof(((struct sockaddr_un *)NULL)->sun_path));
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
		CUSTOM_KEY("path", read_socket_path),
		CUSTOM_KEY("group", read_control_group),
		INTEGER_KEY("max_clients", control_max_clients, 1, 1024),
	};

	reader_group(reader, setting, keys, ARRAY_SIZE(keys));
}

/* --- the whole --- */

static const struct config_key keys_of_file[] = {
	CUSTOM_KEY("mode", read_mode),	       CUSTOM_KEY("services", config_read_services),
	CUSTOM_KEY("sources", read_sources),   CUSTOM_KEY("bans", read_bans),
	CUSTOM_KEY("trust", read_trust),       CUSTOM_KEY("resolver", config_read_resolver),
	CUSTOM_KEY("gate", read_gate),	       CUSTOM_KEY("mail_logs", config_read_mail_logs),
	CUSTOM_KEY("ledger", read_ledger),     CUSTOM_KEY("control", read_control),
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
	static_assert(sizeof(SMTPGUARD_LEDGER_PATH) <= CONFIG_LEDGER_PATH_MAX, "the default path fits");
	memcpy(config->ledger_path, SMTPGUARD_LEDGER_PATH, sizeof(SMTPGUARD_LEDGER_PATH));
	config->ledger_keep = 90 * DAY;
	config_mail_logs_defaults(config);
	return config;
}

static void read_file(struct config_reader *reader, const char *path)
{
	config_t tree;

	config_init(&tree);
	if (reader_parse(reader, path, &tree)) {
		reader_group(reader, config_root_setting(&tree), keys_of_file,
			     ARRAY_SIZE(keys_of_file));
		if (!reader->allow_files_given) {
			allow_keep_pattern(reader, &reader->config->allow_patterns,
					   SMTPGUARD_ALLOW_GLOB);
			allow_read_pattern(reader, SMTPGUARD_ALLOW_GLOB, NULL);
		}
	}
	config_destroy(&tree);
}

int config_load(struct config **ret_config, const char *path, bool observe, config_problem problem,
		void *userdata)
{
	struct config_reader reader = { .config = config_defaults() };
	struct config *config = reader.config;

	if (!config)
		return -ENOMEM;
	read_file(&reader, path);
	config->observe = config->guard.observe || observe;
	for (unsigned i = 0; i < config->guard.n_services; i++)
		config->service_observes[i] = config->guard.services[i].observe;
	config_set_mode(config, config->observe);
	return config_finish(&reader, problem, userdata, ret_config);
}

void config_print_problem(void *file, const char *text)
{
	fprintf(file, "%s\n", text);
}
