// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exim's slots against the configured limits: whoever stays within a limit must not be able to take
 * all of them.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"
#include "smtpguard/base/parse.h"

#include "doctor_priv.h"
#include "exim_file_priv.h"

/* Sources at their limit that together take all slots: fewer than this are too few. */
#define SOURCES_FEW 5

/* The number of a setting; false and a finding if it is none. */
static bool number_of_setting(struct doctor *doctor, const char *name, const char *text,
			      uint64_t *ret_number)
{
	char shown[128];

	if (exim_file_number(text, ret_number) == 0)
		return true;
	find(doctor, FINDING_EXIM_VALUE_UNKNOWN, "%s = %s is no plain number", name,
	     escape(shown, sizeof(shown), text, strlen(text)));
	return false;
}

/* --- slots --- */

/* What one source of the service can hold at most, names aside; 0: no bound. */
static uint32_t most_of_source(const struct service_settings *service)
{
	if (service->ceiling && service->concurrent)
		return MIN_OF(service->ceiling, service->concurrent);
	return service->ceiling ? service->ceiling : service->concurrent;
}

static void check_service(struct doctor *doctor, const struct service_settings *service,
			  uint64_t slots)
{
	const uint32_t most = most_of_source(service);
	const uint64_t sensible = MAX_OF(slots / 10, 1);

	if (!most || most >= slots || service->ceiling >= slots) {
		find(doctor, FINDING_EXIM_ONE_SOURCE_FILLS,
		     "service %s: concurrent %u, ceiling %u (0: off); Exim has %" PRIu64 " slots",
		     service->name, service->concurrent, service->ceiling, slots);
		advise(doctor,
		       "services.%s.concurrent = %" PRIu64 " and ceiling = %" PRIu64
		       " in the configuration, or a higher smtp_accept_max",
		       service->name, sensible, 2 * sensible);
	} else if (slots / most < SOURCES_FEW) {
		find(doctor, FINDING_EXIM_FEW_SOURCES_FILL,
		     "service %s: %" PRIu64 " sources with %u connections each fill Exim's %" PRIu64
		     " slots",
		     service->name, (slots + most - 1) / most, most, slots);
		advise(doctor,
		       "a higher smtp_accept_max in Exim's configuration, or "
		       "services.%s.concurrent "
		       "= %" PRIu64,
		       service->name, sensible);
	}
	if (settings_honours_names(service) &&
	    (!service->verified_concurrent || service->verified_concurrent >= slots)) {
		find(doctor, FINDING_EXIM_VERIFIED_FILLS,
		     "service %s: verified_concurrent %u (0: off); Exim has %" PRIu64 " slots",
		     service->name, service->verified_concurrent, slots);
		advise(doctor, "services.%s.verified_concurrent = %" PRIu64 " in the configuration",
		       service->name, MAX_OF(slots / 2, 1));
	}
}

static void check_slots(struct doctor *doctor, const struct exim_settings *exim, const char *path)
{
	uint64_t slots = EXIM_SLOTS_DEFAULT;

	if (exim->slots[0] && !number_of_setting(doctor, "smtp_accept_max", exim->slots, &slots))
		return;
	if (slots == 0) {
		find(doctor, FINDING_EXIM_SLOTS_UNLIMITED, "smtp_accept_max is 0 (no limit) in %s",
		     path);
		return;
	}
	if (!exim->slots[0])
		find(doctor, FINDING_EXIM_SLOTS_DEFAULT, "smtp_accept_max is not set in %s", path);
	if (!doctor->config)
		return;
	for (unsigned i = 0; i < doctor->config->guard.n_services; i++)
		check_service(doctor, &doctor->config->guard.services[i], slots);
}

static void check_per_host(struct doctor *doctor, const struct exim_settings *exim)
{
	const struct service_settings *service;
	uint64_t most;

	if (!exim->per_host[0] || !doctor->config ||
	    !number_of_setting(doctor, "smtp_accept_max_per_host", exim->per_host, &most) || !most)
		return;
	for (unsigned i = 0; i < doctor->config->guard.n_services; i++) {
		service = &doctor->config->guard.services[i];
		if (service->concurrent && most <= service->concurrent)
			find(doctor, FINDING_EXIM_PER_HOST_FIRST,
			     "smtp_accept_max_per_host is %" PRIu64 ", service %s allows %u", most,
			     service->name, service->concurrent);
	}
}

static void check_reserve(struct doctor *doctor, const struct exim_settings *exim)
{
	const bool slots = exim->reserve[0] && strcmp(exim->reserve, "0") != 0;

	if (slots && !exim->reserve_hosts[0])
		find(doctor, FINDING_EXIM_RESERVE,
		     "smtp_accept_reserve without smtp_reserve_hosts");
	else if (!slots && exim->reserve_hosts[0])
		find(doctor, FINDING_EXIM_RESERVE,
		     "smtp_reserve_hosts without smtp_accept_reserve");
}

/* --- ports --- */

static bool is_guarded(const struct doctor *doctor, uint64_t port)
{
	return settings_service_of_port(&doctor->config->guard, (uint16_t)port) >= 0;
}

/* From /etc/services, as far as mail is concerned. 0: none of those. */
static uint64_t port_of(const char *text)
{
	static const struct {
		const char *name;
		uint16_t port;
	} names[] = {
		{ "smtp", 25 }, { "smtps", 465 },      { "ssmtp", 465 }, { "submissions", 465 },
		{ "urd", 465 }, { "submission", 587 }, { "mail", 25 },
	};
	uint64_t port;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(text, names[i].name) == 0)
			return names[i].port;
	return parse_number(text, 1, UINT16_MAX, &port) < 0 ? 0 : port;
}

static void check_port(struct doctor *doctor, uint64_t port, const char *where)
{
	if (!port || is_guarded(doctor, port))
		return;
	find(doctor, FINDING_EXIM_PORT_UNGUARDED, "no service guards port %" PRIu64 " (%s)", port,
	     where);
	advise(doctor, "port %" PRIu64 " in the `ports` of a service in the configuration", port);
}

/* A list of Exim's: separated by colons, or by what follows a `<` at its beginning. */
static void check_ports(struct doctor *doctor, const struct exim_settings *exim)
{
	char list[sizeof(exim->ports)], separator[] = ":";
	char *item = list;

	snprintf(list, sizeof(list), "%s", exim->ports);
	if (list[0] == '<' && list[1]) {
		separator[0] = list[1];
		item += 2;
	}
	while (*item) {
		size_t length = strcspn(item, separator);
		char *next = item + length + (item[length] != '\0');

		item[length] = '\0';
		check_port(doctor, port_of(doctor_trim(item)), "daemon_smtp_ports");
		item = next;
	}
}

/* cPanel's further ports are files: exim-26, or exim-26,2525. */
static void check_cpanel_ports(struct doctor *doctor)
{
	static const uint16_t usual[] = { 26, 2525, 2526, 8025 };
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		snprintf(path, sizeof(path), "/etc/chkserv.d/exim-%u", usual[i]);
		if (doctor_exists(doctor, path))
			check_port(doctor, usual[i], path);
	}
}

/* --- the log --- */

static void check_log(struct doctor *doctor, const struct exim_settings *exim, const char *path)
{
	if (!doctor_wants_log(doctor, MAIL_LOG_EXIM))
		return;
	if (!exim_file_logs(exim, "incoming_port"))
		find(doctor, FINDING_EXIM_LOG_WITHOUT_PORT,
		     "log_selector has no +incoming_port in %.300s", path);
	if (!exim_file_logs(exim, "smtp_connection"))
		find(doctor, FINDING_EXIM_LOG_WITHOUT_COUNT,
		     "log_selector has no +smtp_connection in %.300s", path);
}

/* --- all of it --- */

void doctor_check_exim(struct doctor *doctor)
{
	const char *path = doctor->exim_path ? doctor->exim_path : exim_file_find(doctor->root);
	struct exim_settings exim;
	char shown[256], slots[64], per_host[64], per_connection[64];
	int r = path ? exim_file_read(doctor->root, path, &exim) : -ENOENT;

	if (!path) {
		find(doctor, FINDING_EXIM_ABSENT, "no configuration of Exim was found");
		return;
	}
	escape(shown, sizeof(shown), path, strlen(path));
	if (r < 0) {
		find(doctor, FINDING_EXIM_NOT_CHECKED, "%s cannot be read: %s", shown,
		     strerror(-r));
		return;
	}
	find(doctor, FINDING_EXIM, "%s: smtp_accept_max %s, per host %s, queue per connection %s",
	     shown,
	     exim.slots[0] ? escape(slots, sizeof(slots), exim.slots, strlen(exim.slots))
			   : "20 (default)",
	     exim.per_host[0]
		     ? escape(per_host, sizeof(per_host), exim.per_host, strlen(exim.per_host))
		     : "unlimited",
	     exim.per_connection[0] ? escape(per_connection, sizeof(per_connection),
					     exim.per_connection, strlen(exim.per_connection))
				    : "10 (default)");
	check_slots(doctor, &exim, shown);
	check_per_host(doctor, &exim);
	check_reserve(doctor, &exim);
	check_log(doctor, &exim, shown);
	if (!doctor->config)
		return;
	check_ports(doctor, &exim);
	check_cpanel_ports(doctor);
}
