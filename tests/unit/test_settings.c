// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "smtpguard/policy/settings.h"
#include "smtpguard/track/sliding_window.h"

static void defaults_are_those_of_the_manual(void **state UNUSED)
{
	struct guard_settings settings;

	memset(&settings, 0xff, sizeof(settings));
	settings_defaults(&settings);
	assert_false(settings.observe);
	assert_int_equal(settings.n_services, 2);
	assert_string_equal(settings.services[0].name, "smtp");
	assert_int_equal(settings.services[0].concurrent, 10);
	assert_int_equal(settings.services[0].new_count, 10);
	assert_int_equal(settings.services[0].new_window, 300 * USEC_PER_SEC);
	assert_int_equal(settings.services[0].reverse_dns, REVERSE_DNS_EXEMPT);
	assert_int_equal(settings.services[0].verified_concurrent, 100);
	assert_string_equal(settings.services[1].name, "submission");
	assert_int_equal(settings.services[1].concurrent, 30);
	assert_int_equal(settings.services[1].new_count, 100);
	assert_int_equal(settings.services[1].reverse_dns, REVERSE_DNS_IGNORE);
	assert_int_equal(settings.ipv4_prefix, 32);
	assert_int_equal(settings.ipv6_prefix, 64);
	assert_int_equal(settings.services[0].ceiling, 20);
	assert_int_equal(settings.services[1].ceiling, 60);
	assert_int_equal(settings.bans.duration, 3600 * USEC_PER_SEC);
	assert_true(settings.bans.growth >= 2.0 && settings.bans.growth <= 2.0);
	assert_int_equal(settings.bans.max_duration, 7 * 86400 * USEC_PER_SEC);
	assert_int_equal(settings.bans.forget_after, 7 * 86400 * USEC_PER_SEC);
	assert_int_equal(settings.bans.max_bans, 16384);
	assert_int_equal(settings.bans.max_per_minute, 2000);
	assert_int_equal(settings.enforcement.action, BAN_ACTION_DROP);
	assert_int_equal(settings.enforcement.scope, BAN_SCOPE_SERVICES);
	assert_true(settings.enforcement.close_connections);
	assert_int_equal(settings.verified_for, 3600 * USEC_PER_SEC);
	assert_int_equal(settings.gate.queue, 25);
	assert_int_equal(settings.gate.hold, USEC_PER_SEC);
	assert_int_equal(settings.gate.max_held, 1024);
	assert_false(settings.mail.enabled);
	assert_int_equal(settings.mail.auth_failures, 20);
	assert_int_equal(settings.mail.auth_window, 3600 * USEC_PER_SEC);
	assert_int_equal(settings.mail.account_networks, 5);
	assert_null(settings.allowed);
	for (unsigned i = 0; i < settings.n_services; i++) {
		assert_false(settings.services[i].observe);
		assert_int_equal(settings.services[i].reverse_dns_test, REVERSE_DNS_TEST_FCRDNS);
		assert_in_range(settings.services[i].new_window, 1, SLIDING_WINDOW_LONGEST);
	}
}

static void names_count_unless_ignored(void **state UNUSED)
{
	struct service_settings service = { .reverse_dns = REVERSE_DNS_IGNORE };

	assert_false(settings_honours_names(&service));
	service.reverse_dns = REVERSE_DNS_EXEMPT;
	assert_true(settings_honours_names(&service));
	service.reverse_dns = REVERSE_DNS_REQUIRE;
	assert_true(settings_honours_names(&service));
}

static void the_gate_is_wanted_where_names_are_required(void **state UNUSED)
{
	struct guard_settings settings;

	settings_defaults(&settings);
	assert_false(settings_wants_gate(&settings));
	settings.services[1].reverse_dns = REVERSE_DNS_REQUIRE;
	assert_true(settings_wants_gate(&settings));
	settings.observe = true;
	assert_false(settings_wants_gate(&settings));
	settings.observe = false;
	settings.services[1].observe = true;
	assert_false(settings_wants_gate(&settings));
	settings.services[0].reverse_dns = REVERSE_DNS_REQUIRE;
	assert_true(settings_wants_gate(&settings));
}

static void who_authenticated_is_spared_where_no_stranger_brings_mail(void **state UNUSED)
{
	struct service_settings service = { .ports = { 465, 587, 25 }, .n_ports = 2 };

	assert_true(settings_spares_authenticated(&service));
	service.n_ports = 3;
	assert_false(settings_spares_authenticated(&service));
	service = (struct service_settings){ .ports = { 25 }, .n_ports = 1 };
	assert_false(settings_spares_authenticated(&service));
	service.ports[0] = 143;
	assert_true(settings_spares_authenticated(&service));
}

static void services_are_found(void **state UNUSED)
{
	struct guard_settings settings;

	settings_defaults(&settings);
	assert_int_equal(settings_service_of_port(&settings, 25), 0);
	assert_int_equal(settings_service_of_port(&settings, 465), 1);
	assert_int_equal(settings_service_of_port(&settings, 587), 1);
	assert_int_equal(settings_service_of_port(&settings, 0), -1);
	assert_int_equal(settings_service_of_port(&settings, 26), -1);
	assert_int_equal(settings_service_by_name(&settings, "submission"), 1);
	assert_int_equal(settings_service_by_name(&settings, "submissio"), -1);
	assert_int_equal(settings_service_by_name(&settings, ""), -1);
}

static void ports_are_ascending(void **state UNUSED)
{
	struct guard_settings settings;
	uint16_t ports[GUARDED_PORTS_MAX];

	settings_defaults(&settings);
	settings.services[0].ports[0] = 2525;
	assert_int_equal(settings_ports(&settings, false, ports), 3);
	assert_int_equal(ports[0], 465);
	assert_int_equal(ports[1], 587);
	assert_int_equal(ports[2], 2525);
}

static void ports_of_observed_services_are_left_out(void **state UNUSED)
{
	struct guard_settings settings;
	uint16_t ports[GUARDED_PORTS_MAX];

	settings_defaults(&settings);
	settings.services[1].observe = true;
	assert_int_equal(settings_ports(&settings, false, ports), 3);
	assert_int_equal(settings_ports(&settings, true, ports), 1);
	assert_int_equal(ports[0], 25);
	settings.observe = true;
	assert_int_equal(settings_ports(&settings, true, ports), 0);
}

static void ports_never_exceed_the_bound(void **state UNUSED)
{
	struct guard_settings settings = { .n_services = SERVICES_MAX };
	uint16_t ports[GUARDED_PORTS_MAX];

	for (unsigned i = 0; i < SERVICES_MAX; i++) {
		settings.services[i].n_ports = SERVICE_PORTS_MAX;
		for (unsigned j = 0; j < SERVICE_PORTS_MAX; j++)
			settings.services[i].ports[j] = (uint16_t)(1000 - i * SERVICE_PORTS_MAX - j);
	}
	assert_int_equal(settings_ports(&settings, false, ports), GUARDED_PORTS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_manual),
		cmocka_unit_test(names_count_unless_ignored),
		cmocka_unit_test(the_gate_is_wanted_where_names_are_required),
		cmocka_unit_test(who_authenticated_is_spared_where_no_stranger_brings_mail),
		cmocka_unit_test(services_are_found),
		cmocka_unit_test(ports_are_ascending),
		cmocka_unit_test(ports_of_observed_services_are_left_out),
		cmocka_unit_test(ports_never_exceed_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
