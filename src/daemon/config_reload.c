// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What only a start applies: tables and kernel sets are made once with their size, addresses are
 * cut once, the workers get their settings at their start, and socket, ledger and queue stay open.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "smtpguard/base/escape.h"
#include "smtpguard/base/parse.h"
#include "smtpguard/daemon/config.h"

#define VALUE_TEXT_MAX (4 * CONFIG_SERVERS_MAX + 3) /* escaped, in quotes */
#define PROBLEM_TEXT_MAX (2 * VALUE_TEXT_MAX + 128)

enum value_type { VALUE_NUMBER, VALUE_BOOLEAN, VALUE_DURATION, VALUE_TEXT };

struct fixed_key {
	const char *name;
	enum value_type type;
	size_t offset, bytes;
};

#define FIXED(text, field, value_type)                                                             \
	{ .name = text, .type = value_type, .offset = offsetof(struct config, field),              \
	  .bytes = sizeof(((struct config *)NULL)->field) }

static const struct fixed_key fixed_keys[] = {
	FIXED("sources.ipv4_prefix", guard.ipv4_prefix, VALUE_NUMBER),
	FIXED("sources.ipv6_prefix", guard.ipv6_prefix, VALUE_NUMBER),
	FIXED("sources.max_sources", guard.max_sources, VALUE_NUMBER),
	FIXED("sources.max_flows", guard.max_flows, VALUE_NUMBER),
	FIXED("bans.max_bans", guard.bans.max_bans, VALUE_NUMBER),
	FIXED("resolver.deadline", guard.names.deadline, VALUE_DURATION),
	FIXED("resolver.tries", resolver_tries, VALUE_NUMBER),
	FIXED("resolver.servers", resolver_servers, VALUE_TEXT),
	FIXED("resolver.max_in_flight", guard.names.max_in_flight, VALUE_NUMBER),
	FIXED("resolver.cache", guard.names.cache, VALUE_NUMBER),
	FIXED("resolver.min_ttl", guard.names.min_ttl, VALUE_DURATION),
	FIXED("resolver.max_ttl", guard.names.max_ttl, VALUE_DURATION),
	FIXED("resolver.negative_ttl", guard.names.negative_ttl, VALUE_DURATION),
	FIXED("resolver.failure_ttl", guard.names.failure_ttl, VALUE_DURATION),
	FIXED("gate.queue", guard.gate.queue, VALUE_NUMBER),
	FIXED("gate.max_held", guard.gate.max_held, VALUE_NUMBER),
	FIXED("mail_logs.enabled", guard.mail.enabled, VALUE_BOOLEAN),
	FIXED("mail_logs.exim", mail_log_paths[MAIL_LOG_EXIM], VALUE_TEXT),
	FIXED("mail_logs.mail", mail_log_paths[MAIL_LOG_MAIL], VALUE_TEXT),
	FIXED("mail_logs.cpanel", mail_log_paths[MAIL_LOG_CPANEL], VALUE_TEXT),
	FIXED("ledger.path", ledger_path, VALUE_TEXT),
	FIXED("control.path", control_path, VALUE_TEXT),
	FIXED("control.group", control_group, VALUE_TEXT),
	FIXED("control.max_clients", control_max_clients, VALUE_NUMBER),
};

static uint64_t number_at(const struct config *config, const struct fixed_key *key)
{
	const void *value = (const char *)config + key->offset;

	if (key->bytes == sizeof(uint8_t))
		return *(const uint8_t *)value;
	if (key->bytes == sizeof(uint16_t))
		return *(const uint16_t *)value;
	if (key->bytes == sizeof(uint32_t))
		return *(const uint32_t *)value;
	return *(const uint64_t *)value;
}

static const char *text_at(const struct config *config, const struct fixed_key *key)
{
	return (const char *)config + key->offset;
}

static bool is_same(const struct config *a, const struct config *b, const struct fixed_key *key)
{
	if (key->type == VALUE_TEXT)
		return strcmp(text_at(a, key), text_at(b, key)) == 0;
	return number_at(a, key) == number_at(b, key);
}

/* As it would be written in the file. */
static const char *format_value(const struct config *config, const struct fixed_key *key,
				char text[static VALUE_TEXT_MAX])
{
	char value[VALUE_TEXT_MAX - 2];

	if (key->type == VALUE_BOOLEAN)
		return number_at(config, key) ? "true" : "false";
	if (key->type == VALUE_NUMBER) {
		snprintf(text, VALUE_TEXT_MAX, "%" PRIu64, number_at(config, key));
		return text;
	}
	if (key->type == VALUE_DURATION)
		duration_format(number_at(config, key), value);
	else
		escape(value, sizeof(value), text_at(config, key), strlen(text_at(config, key)));
	snprintf(text, VALUE_TEXT_MAX, "\"%s\"", value);
	return text;
}

static void report(const struct config *running, const struct config *wanted,
		   const struct fixed_key *key, config_problem problem, void *userdata)
{
	char now[VALUE_TEXT_MAX], then[VALUE_TEXT_MAX], text[PROBLEM_TEXT_MAX];

	snprintf(text, sizeof(text),
		 "%s: cannot change while smtpguardd runs (now %s, wanted %s); restart it",
		 key->name, format_value(running, key, now), format_value(wanted, key, then));
	problem(userdata, text);
}

/* Paths of logs that nobody follows may be what they like. */
static bool is_unused(const struct config *running, const struct config *wanted,
		      const struct fixed_key *key)
{
	size_t paths = offsetof(struct config, mail_log_paths);

	return key->offset >= paths && key->offset < paths + sizeof(running->mail_log_paths) &&
	       !running->guard.mail.enabled && !wanted->guard.mail.enabled;
}

int config_check_reload(const struct config *running, const struct config *wanted,
			config_problem problem, void *userdata)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fixed_keys); i++) {
		if (is_unused(running, wanted, &fixed_keys[i]) ||
		    is_same(running, wanted, &fixed_keys[i]))
			continue;
		report(running, wanted, &fixed_keys[i], problem, userdata);
		r = CONFIG_INVALID;
	}
	return r;
}
