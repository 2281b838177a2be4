// SPDX-License-Identifier: GPL-2.0-or-later
#include <assert.h>
#include <string.h>

#include "smtpguard/track/sliding_window.h"

#include "config_priv.h"

#define LIMIT_MAX 1000000
#define CEILING_MAX (2 * LIMIT_MAX) /* the default for the highest limit */
#define CEILING_DEFAULT UINT32_MAX  /* not given: follows from concurrent, wherever that stands */
#define NEW_COUNT_MAX 10000
#define NEW_WINDOW_MAX DAY
static_assert(NEW_WINDOW_MAX <= SLIDING_WINDOW_LONGEST, "windows can be counted");

void config_read_mode(struct config_reader *reader, const config_setting_t *setting, bool *observe)
{
	static const char *const modes[] = { "enforce", "observe" };
	unsigned index;

	if (reader_choice(reader, setting, modes, ARRAY_SIZE(modes), &index))
		*observe = index == 1;
}

static void read_service_mode(struct config_reader *reader, const config_setting_t *setting)
{
	config_read_mode(reader, setting, &reader->service->observe);
}

static void read_concurrent(struct config_reader *reader, const config_setting_t *setting)
{
	reader_limit(reader, setting, 1, LIMIT_MAX, &reader->service->concurrent);
}

static void read_verified_concurrent(struct config_reader *reader, const config_setting_t *setting)
{
	reader_limit(reader, setting, 0, LIMIT_MAX, &reader->service->verified_concurrent);
}

static void read_ceiling(struct config_reader *reader, const config_setting_t *setting)
{
	reader_limit(reader, setting, 0, CEILING_MAX, &reader->service->ceiling);
}

static void read_new(struct config_reader *reader, const config_setting_t *setting)
{
	struct service_settings *service = reader->service;

	reader_window(reader, setting, NEW_COUNT_MAX, NEW_WINDOW_MAX, &service->new_count,
		      &service->new_window);
}

static void read_reverse_dns(struct config_reader *reader, const config_setting_t *setting)
{
	static const char *const uses[] = {
		[REVERSE_DNS_IGNORE] = "ignore",
		[REVERSE_DNS_EXEMPT] = "exempt",
		[REVERSE_DNS_REQUIRE] = "require",
	};
	unsigned index;

	if (reader_choice(reader, setting, uses, ARRAY_SIZE(uses), &index))
		reader->service->reverse_dns = (enum reverse_dns_use)index;
}

/* Allowed without "require" too: it waits there for the day the gate is wanted. */
static void read_reverse_dns_test(struct config_reader *reader, const config_setting_t *setting)
{
	static const char *const tests[] = {
		[REVERSE_DNS_TEST_FCRDNS] = "fcrdns",
		[REVERSE_DNS_TEST_PTR] = "ptr",
	};
	unsigned index;

	if (reader_choice(reader, setting, tests, ARRAY_SIZE(tests), &index))
		reader->service->reverse_dns_test = (enum reverse_dns_test)index;
}

static void add_port(struct config_reader *reader, const config_setting_t *setting, uint16_t port)
{
	const struct guard_settings *guard = &reader->config->guard;
	struct service_settings *service = reader->service;
	/* the service being read is not among the counted ones yet */
	int other = settings_service_of_port(guard, port);

	if (other >= 0) {
		reader_problem(reader, setting, "port %u is also in services.%s.ports, "
			       "allowed: each port in one service", port,
			       guard->services[other].name);
		return;
	}
	for (unsigned i = 0; i < service->n_ports; i++) {
		if (service->ports[i] == port) {
			reader_problem(reader, setting, "port %u is given twice, allowed: each port "
				       "once", port);
			return;
		}
	}
	service->ports[service->n_ports++] = port;
}

static void read_ports(struct config_reader *reader, const config_setting_t *setting)
{
	int n = config_setting_is_array(setting) ? config_setting_length(setting) : -1;

	if (n < 0)
		reader_refuse(reader, setting, "is not an array", "[ PORT, ... ]");
	else if (n < 1 || n > SERVICE_PORTS_MAX)
		reader_problem(reader, setting, "%d ports, allowed: 1 to %d", n, SERVICE_PORTS_MAX);
	if (n > SERVICE_PORTS_MAX)
		return;
	for (int i = 0; i < n; i++) {
		const config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
		uint64_t port;

		if (reader_integer(reader, element, 1, UINT16_MAX, "", &port))
			add_port(reader, element, (uint16_t)port);
	}
}

static bool is_service_name(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return name[length] == '\0' && length > 0 && length < SERVICE_NAME_MAX;
}

static void finish_ceiling(struct config_reader *reader, const config_setting_t *group)
{
	const config_setting_t *ceiling = config_setting_get_member(group, "ceiling");
	const config_setting_t *concurrent = config_setting_get_member(group, "concurrent");
	struct service_settings *service = reader->service;

	if (service->ceiling == CEILING_DEFAULT) {
		service->ceiling = 2 * service->concurrent;
		return;
	}
	/* a limit that was refused is not what the file means; one that is off reads as 0 here */
	if (concurrent && config_setting_get_int64(concurrent) != service->concurrent)
		return;
	if (service->ceiling && service->ceiling < service->concurrent)
		reader_problem(reader, ceiling, "%u is less than concurrent %u: the ceiling would "
			       "refuse what the limit allows, allowed: %u to %u, or \"off\"",
			       service->ceiling, service->concurrent, service->concurrent,
			       CEILING_MAX);
}

static void read_service(struct config_reader *reader, const config_setting_t *setting)
{
	static const struct config_key keys[] = {
		CUSTOM_KEY("ports", read_ports),
		CUSTOM_KEY("concurrent", read_concurrent),
		CUSTOM_KEY("new", read_new),
		CUSTOM_KEY("ceiling", read_ceiling),
		CUSTOM_KEY("reverse_dns", read_reverse_dns),
		CUSTOM_KEY("reverse_dns_test", read_reverse_dns_test),
		CUSTOM_KEY("verified_concurrent", read_verified_concurrent),
		CUSTOM_KEY("mode", read_service_mode),
	};
	const char *name = config_setting_name(setting);
	struct service_settings *service = reader->service;
	struct guard_settings defaults;

	/* the defaults of any service are those of the built-in smtp service, without its ports */
	settings_defaults(&defaults);
	*service = defaults.services[0];
	service->n_ports = 0;
	service->ceiling = CEILING_DEFAULT;
	memset(service->ports, 0, sizeof(service->ports));
	if (!is_service_name(name)) {
		reader_problem(reader, setting, "not a service name, allowed: 1 to %d of a-z 0-9 "
			       "_ -", SERVICE_NAME_MAX - 1);
		return;
	}
	memset(service->name, 0, sizeof(service->name));
	memcpy(service->name, name, strlen(name));
	reader_group(reader, setting, keys, ARRAY_SIZE(keys));
	finish_ceiling(reader, setting);
	if (config_setting_is_group(setting) && !config_setting_get_member(setting, "ports"))
		reader_problem(reader, setting, "the key ports is missing, allowed: ports = "
			       "[ PORT, ... ]");
}

void config_read_services(struct config_reader *reader, const config_setting_t *setting)
{
	struct guard_settings *guard = &reader->config->guard;
	int n = config_setting_is_group(setting) ? config_setting_length(setting) : -1;
	unsigned n_ports = 0;

	if (n < 0)
		reader_refuse(reader, setting, "is not a group", "a group in { }");
	else if (n < 1 || n > SERVICES_MAX)
		reader_problem(reader, setting, "%d services, allowed: 1 to %d", n, SERVICES_MAX);
	if (n < 1 || n > SERVICES_MAX)
		return;
	memset(guard->services, 0, sizeof(guard->services));
	guard->n_services = 0;
	for (int i = 0; i < n; i++) {
		reader->service = &guard->services[i];
		read_service(reader, config_setting_get_elem(setting, (unsigned)i));
		n_ports += reader->service->n_ports;
		guard->n_services++;
	}
	if (n_ports > GUARDED_PORTS_MAX)
		reader_problem(reader, setting, "%u ports in all services, allowed: %d", n_ports,
			       GUARDED_PORTS_MAX);
}
