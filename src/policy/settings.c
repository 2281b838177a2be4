// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/policy/settings.h"

#include <string.h>

static bool service_has_port(const struct service_settings *service, uint16_t port)
{
	for (unsigned i = 0; i < service->n_ports; i++) {
		if (service->ports[i] == port)
			return true;
	}
	return false;
}

int settings_service_of_port(const struct guard_settings *settings, uint16_t port)
{
	for (unsigned i = 0; i < settings->n_services; i++) {
		if (service_has_port(&settings->services[i], port))
			return (int)i;
	}
	return -1;
}

bool settings_spares_authenticated(const struct service_settings *service)
{
	return !service_has_port(service, 25);
}

int settings_service_by_name(const struct guard_settings *settings, const char *name)
{
	for (unsigned i = 0; i < settings->n_services; i++) {
		if (strcmp(settings->services[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

bool settings_honours_names(const struct service_settings *service)
{
	return service->reverse_dns != REVERSE_DNS_IGNORE;
}

bool settings_wants_gate(const struct guard_settings *settings)
{
	for (unsigned i = 0; i < settings->n_services; i++) {
		const struct service_settings *service = &settings->services[i];

		if (service->reverse_dns == REVERSE_DNS_REQUIRE && !service->observe &&
		    !settings->observe)
			return true;
	}
	return false;
}

/* Keeps ports[] ascending and free of duplicates; a port too many is dropped. */
static unsigned insert_port(uint16_t *ports, unsigned count, uint16_t port)
{
	unsigned at = 0;

	while (at < count && ports[at] < port)
		at++;
	if (count == GUARDED_PORTS_MAX || (at < count && ports[at] == port))
		return count;
	memmove(ports + at + 1, ports + at, (count - at) * sizeof(*ports));
	ports[at] = port;
	return count + 1;
}

unsigned settings_ports(const struct guard_settings *settings, bool only_enforcing,
			uint16_t ports[static GUARDED_PORTS_MAX])
{
	unsigned count = 0;

	for (unsigned i = 0; i < settings->n_services; i++) {
		const struct service_settings *service = &settings->services[i];

		if (only_enforcing && (service->observe || settings->observe))
			continue;
		for (unsigned j = 0; j < service->n_ports; j++)
			count = insert_port(ports, count, service->ports[j]);
	}
	return count;
}

void settings_defaults(struct guard_settings *ret_settings)
{
	static const struct guard_settings defaults = {
		.services = {
			{
				.name = "smtp",
				.ports = { 25 },
				.n_ports = 1,
				.concurrent = 10,
				.new_count = 10,
				.new_window = NEW_WINDOW_DEFAULT,
				.reverse_dns = REVERSE_DNS_EXEMPT,
				.reverse_dns_test = REVERSE_DNS_TEST_FCRDNS,
				.verified_concurrent = 100,
				.ceiling = 20,
			},
			{
				.name = "submission",
				.ports = { 465, 587 },
				.n_ports = 2,
				.concurrent = 30,
				.new_count = 100,
				.new_window = NEW_WINDOW_DEFAULT,
				.reverse_dns = REVERSE_DNS_IGNORE,
				.reverse_dns_test = REVERSE_DNS_TEST_FCRDNS,
				.verified_concurrent = 100,
				.ceiling = 60,
			},
		},
		.n_services = 2,
		.ipv4_prefix = 32,
		.ipv6_prefix = 64,
		.max_sources = 262144,
		.max_flows = 524288,
		.bans = {
			.duration = 3600 * USEC_PER_SEC,
			.growth = 2.0,
			.max_duration = 7 * 86400 * USEC_PER_SEC,
			.forget_after = 7 * 86400 * USEC_PER_SEC,
			.max_bans = 16384,
			.max_per_minute = 2000,
		},
		.enforcement = {
			.action = BAN_ACTION_DROP,
			.scope = BAN_SCOPE_SERVICES,
			.close_connections = true,
		},
		.unban_grace = 3600 * USEC_PER_SEC,
		.verified_for = 3600 * USEC_PER_SEC,
		.names = {
			.deadline = 2 * USEC_PER_SEC,
			.min_ttl = 60 * USEC_PER_SEC,
			.max_ttl = 3600 * USEC_PER_SEC,
			.negative_ttl = 600 * USEC_PER_SEC,
			.failure_ttl = 30 * USEC_PER_SEC,
			.cache = 65536,
			.max_in_flight = 512,
		},
		.gate = {
			.queue = 25,
			.hold = USEC_PER_SEC,
			.max_held = 1024,
		},
		.mail = {
			.auth_failures = 20,
			.auth_window = 3600 * USEC_PER_SEC,
			.account_networks = 5,
		},
	};

	*ret_settings = defaults;
}
