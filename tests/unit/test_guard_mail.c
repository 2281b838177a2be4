// SPDX-License-Identifier: GPL-2.0-or-later
/* Whose a line of a mail log is. */
#include "mail_world.h"

/* --- whose a line is --- */

static void test_an_unknown_connection(void **state UNUSED)
{
	struct world *world = new_mail_world();

	start(world);
	open_many(world, "192.0.2.9", 587, 1);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(tell_one(world, MAIL_FACT_AUTH_FAILURE, "192.0.2.9", 1025),
				 MAIL_MATCH_UNTRACKED);
		assert_int_equal(tell_one(world, MAIL_FACT_AUTH_FAILURE, "192.0.2.8", 1024),
				 MAIL_MATCH_UNTRACKED);
	}
	assert_int_equal(world->decisions[DECISION_BAN], 0);
	assert_int_equal(mail_stats_of(world).untracked, 80);
	assert_int_equal(mail_stats_of(world).sources, 0);
	end(world);
}

static void test_after_the_connection(void **state UNUSED)
{
	struct world *world = new_mail_world();

	start(world);
	open_many(world, "192.0.2.9", 587, 1);
	pass_time(world, HOURS(5));
	assert_true(is_ours(world, "192.0.2.9", 1024));
	close_many(world, "192.0.2.9", 587, 1);
	pass_time(world, MAIL_RECENT - 1);
	assert_true(is_ours(world, "192.0.2.9", 1024));
	pass_time(world, 1);
	assert_false(is_ours(world, "192.0.2.9", 1024));
	/* the port is used again: that is another connection */
	open_many(world, "192.0.2.9", 587, 1);
	assert_true(is_ours(world, "192.0.2.9", 1024));
	end(world);
}

/* Somebody who cannot answer the handshake makes nobody's address and port one of ours. */
static void test_half_open_does_not_count(void **state UNUSED)
{
	struct world *world = new_mail_world();

	start(world);
	flow(world, addr("192.0.2.9"), 1024, 587, FLOW_SYN);
	flow(world, addr("192.0.2.9"), 1025, 587, FLOW_PICKED_UP);
	assert_false(is_ours(world, "192.0.2.9", 1024));
	assert_false(is_ours(world, "192.0.2.9", 1025));
	assert_false(is_ours(world, "192.0.2.9", 0));
	flow(world, addr("192.0.2.9"), 1024, 587, FLOW_CLOSED);
	assert_false(is_ours(world, "192.0.2.9", 1024));
	assert_int_equal(mail_stats_of(world).connections.entries, 0);
	end(world);
}

static void test_without_port(void **state UNUSED)
{
	struct world *world = new_mail_world();

	start(world);
	open_many(world, "192.0.2.9", 25, 1);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(tell_one(world, MAIL_FACT_AUTH_FAILURE, "192.0.2.9", 0),
				 MAIL_MATCH_TRACKED);
	assert_string_equal(world->reason, "smtp 20/20 auth-failures/3600s; user@example.com");
	close_many(world, "192.0.2.9", 25, 1);
	pass_time(world, MAIL_RECENT);
	assert_false(is_ours(world, "192.0.2.9", 0));
	end(world);
}

static enum mail_match tell_protocol(struct world *world, enum mail_protocol protocol,
				     const char *client, uint16_t port)
{
	struct mail_fact fact = fact_of(MAIL_FACT_MESSAGE, addr(client), port);
	unsigned reading;

	fact.protocol = protocol;
	return tell(world, &fact, &reading);
}

static void test_protocols(void **state UNUSED)
{
	struct world *world = new_mail_world();
	struct service_settings *imap = &world->settings.services[world->settings.n_services++];

	*imap = world->settings.services[SUBMISSION];
	snprintf(imap->name, sizeof(imap->name), "imap");
	imap->ports[0] = 993;
	imap->ports[1] = 1143;
	start(world);
	open_many(world, "192.0.2.1", 25, 1);
	open_many(world, "192.0.2.2", 993, 1);
	open_many(world, "192.0.2.3", 1143, 1);
	for (int port = 0; port <= 1024; port += 1024) {
		uint16_t p = (uint16_t)port;

		assert_int_equal(tell_protocol(world, MAIL_PROTOCOL_SMTP, "192.0.2.1", p),
				 MAIL_MATCH_TRACKED);
		assert_int_equal(tell_protocol(world, MAIL_PROTOCOL_IMAP, "192.0.2.1", p),
				 MAIL_MATCH_UNTRACKED);
		assert_int_equal(tell_protocol(world, MAIL_PROTOCOL_IMAP, "192.0.2.2", p),
				 MAIL_MATCH_TRACKED);
		assert_int_equal(tell_protocol(world, MAIL_PROTOCOL_POP3, "192.0.2.2", p),
				 MAIL_MATCH_UNTRACKED);
		assert_int_equal(tell_protocol(world, MAIL_PROTOCOL_WEBMAIL, "192.0.2.2", p),
				 MAIL_MATCH_UNTRACKED);
	}
	/* a port of nobody in particular: only with the client's port it is sure */
	assert_int_equal(tell_protocol(world, MAIL_PROTOCOL_IMAP, "192.0.2.3", 1024),
			 MAIL_MATCH_TRACKED);
	assert_int_equal(tell_protocol(world, MAIL_PROTOCOL_IMAP, "192.0.2.3", 0),
			 MAIL_MATCH_UNTRACKED);
	end(world);
}

static void test_forged_readings(void **state UNUSED)
{
	struct world *world = new_mail_world();
	struct mail_fact fact;
	unsigned reading;

	start(world);
	open_many(world, "192.0.2.9", 587, 2);
	open_many(world, "203.0.113.5", 587, 1);
	/* the innocent's port is guessed, and wrong */
	fact = forged("203.0.113.5", 2525, "192.0.2.9", 1024);
	assert_int_equal(tell(world, &fact, &reading), MAIL_MATCH_TRACKED);
	assert_int_equal(reading, 1);
	fact = forged("192.0.2.9", 1025, "203.0.113.5", 2525);
	assert_int_equal(tell(world, &fact, &reading), MAIL_MATCH_TRACKED);
	assert_int_equal(reading, 0);
	/* without a port it is never one of ours, although the address has a connection */
	fact = forged("203.0.113.5", 0, "192.0.2.9", 1024);
	assert_int_equal(tell(world, &fact, &reading), MAIL_MATCH_TRACKED);
	assert_int_equal(reading, 1);
	assert_int_equal(summary_of(world, "192.0.2.9").failures, 3);
	/* the port is right: it could be either */
	fact = forged("203.0.113.5", 1024, "192.0.2.9", 1024);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(tell(world, &fact, &reading), MAIL_MATCH_AMBIGUOUS);
		assert_int_equal(reading, READINGS_NONE);
	}
	assert_int_equal(summary_of(world, "203.0.113.5").failures, 0);
	assert_int_equal(summary_of(world, "192.0.2.9").failures, 3);
	assert_int_equal(mail_stats_of(world).ambiguous, 40);
	assert_int_equal(mail_stats_of(world).distrusted_until, 0);
	/* naming another connection of his own does not help him */
	fact = forged("192.0.2.9", 1024, "192.0.2.9", 1025);
	assert_int_equal(tell(world, &fact, &reading), MAIL_MATCH_TRACKED);
	assert_int_equal(reading, 0);
	assert_int_equal(summary_of(world, "192.0.2.9").failures, 4);
	fact.n_readings = 0;
	assert_int_equal(tell(world, &fact, &reading), MAIL_MATCH_AMBIGUOUS);
	/* lines without ports, and those that are no failures, hit nobody */
	fact = forged("203.0.113.7", 0, "203.0.113.6", 0);
	assert_int_equal(tell(world, &fact, &reading), MAIL_MATCH_AMBIGUOUS);
	fact = forged("203.0.113.7", 2525, "203.0.113.6", 0);
	fact.kind = MAIL_FACT_PROTOCOL_ERROR;
	assert_int_equal(tell(world, &fact, &reading), MAIL_MATCH_AMBIGUOUS);
	assert_int_equal(mail_stats_of(world).distrusted_until, 0);
	end(world);
}

static void test_distrust(void **state UNUSED)
{
	struct world *world = new_mail_world();
	struct mail_fact none = forged("203.0.113.5", 2525, "203.0.113.6", 0);
	struct mail_fact one = forged("203.0.113.5", 1024, "203.0.113.6", 2525);
	unsigned reading;

	start(world);
	open_many(world, "203.0.113.5", 587, 1);
	none.recent = false;
	assert_int_equal(tell(world, &none, &reading), MAIL_MATCH_AMBIGUOUS);
	assert_int_equal(tell(world, &one, &reading), MAIL_MATCH_TRACKED);
	none.recent = true;
	assert_int_equal(tell(world, &none, &reading), MAIL_MATCH_AMBIGUOUS);
	assert_true(mail_stats_of(world).distrusted_until == world->now + MAIL_RECENT);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(tell(world, &one, &reading), MAIL_MATCH_AMBIGUOUS);
	assert_int_equal(summary_of(world, "203.0.113.5").failures, 1);
	/* those that can be read in one way only are as good as ever */
	failures(world, "203.0.113.5", 1);
	pass_time(world, MAIL_RECENT - 1);
	assert_int_equal(tell(world, &one, &reading), MAIL_MATCH_AMBIGUOUS);
	/* it goes on while they come */
	assert_int_equal(tell(world, &none, &reading), MAIL_MATCH_AMBIGUOUS);
	pass_time(world, MAIL_RECENT - 1);
	assert_int_equal(tell(world, &one, &reading), MAIL_MATCH_AMBIGUOUS);
	pass_time(world, 1);
	assert_int_equal(mail_stats_of(world).distrusted_until, 0);
	assert_int_equal(tell(world, &one, &reading), MAIL_MATCH_TRACKED);
	end(world);
}

static void test_old_lines(void **state UNUSED)
{
	struct world *world = new_mail_world();
	struct mail_fact fact = fact_of(MAIL_FACT_AUTH_FAILURE, addr("192.0.2.9"), 1024);
	unsigned reading;

	start(world);
	open_many(world, "192.0.2.9", 587, 1);
	fact.recent = false;
	fact.count = 75178;
	assert_int_equal(tell(world, &fact, &reading), MAIL_MATCH_UNTRACKED);
	assert_int_equal(reading, 0);
	fact.n_readings = 0;
	assert_int_equal(tell(world, &fact, &reading), MAIL_MATCH_AMBIGUOUS);
	assert_int_equal(reading, READINGS_NONE);
	fact.kind = MAIL_FACT_AUTH_SUCCESS;
	fact.n_readings = 1;
	assert_int_equal(tell(world, &fact, &reading), MAIL_MATCH_UNTRACKED);
	assert_int_equal(mail_stats_of(world).old, 3 * 75178);
	assert_int_equal(mail_stats_of(world).facts[MAIL_FACT_AUTH_FAILURE], 2 * 75178);
	assert_int_equal(mail_stats_of(world).tracked, 0);
	assert_int_equal(mail_stats_of(world).sources, 0);
	assert_int_equal(world->decisions[DECISION_BAN], 0);
	end(world);
}

/* Ten minutes after the boot, and before. */
static void test_soon_after_the_boot(void **state UNUSED)
{
	struct world *world = new_mail_world();

	world->now = SECONDS(5);
	start(world);
	open_many(world, "192.0.2.9", 587, 1);
	close_many(world, "192.0.2.9", 587, 1);
	assert_true(is_ours(world, "192.0.2.9", 1024));
	pass_time(world, MAIL_RECENT - 1);
	assert_true(is_ours(world, "192.0.2.9", 1024));
	pass_time(world, 1);
	assert_false(is_ours(world, "192.0.2.9", 1024));
	end(world);
}

static void test_reload_without_the_port(void **state UNUSED)
{
	struct world *world = new_mail_world();
	struct guard_settings less, more;

	start(world);
	less = more = world->settings;
	guess(world, "192.0.2.9", 19);
	less.n_services = 1;
	reload(world, &less);
	assert_false(is_ours(world, "192.0.2.9", 1024));
	assert_false(is_ours(world, "192.0.2.9", 0));
	/* what was followed is known to have ended: nothing is left of it in ten minutes */
	reload(world, &more);
	assert_true(is_ours(world, "192.0.2.9", 1024));
	pass_time(world, MAIL_RECENT);
	assert_false(is_ours(world, "192.0.2.9", 1024));
	end(world);
}

/* --- the connections behind it --- */

/* The source of a connection may leave its table before the connection ends. */
static void test_an_evicted_source(void **state UNUSED)
{
	struct world *world = new_mail_world();

	world->settings.max_sources = 2;
	start(world);
	open_many(world, "192.0.2.9", 587, 1);
	for (uint32_t n = 0; n < 4; n++)
		open_from(world, addr_n(n), 1024, 587, 1);
	/* counted anew under its source, but it is the same connection */
	open_many(world, "192.0.2.9", 587, 1);
	open_many(world, "192.0.2.9", 587, 1);
	assert_true(is_ours(world, "192.0.2.9", 1024));
	for (uint32_t n = 0; n < 4; n++)
		open_from(world, addr_n(n), 1024, 25, 1);
	close_many(world, "192.0.2.9", 587, 1);
	pass_time(world, MAIL_RECENT);
	assert_false(is_ours(world, "192.0.2.9", 1024));
	end(world);
}

static void test_dumps(void **state UNUSED)
{
	struct world *world = new_mail_world();
	struct ct_event line;

	start_empty(world);
	guard_sync_begin(world->guard);
	line = event_of(addr("192.0.2.9"), 1024, 587, FLOW_ESTABLISHED);
	guard_sync_line(world->guard, &line, world->now);
	while (!guard_sync_end(world->guard, false, world->now))
		;
	assert_true(is_ours(world, "192.0.2.9", 1024));
	pass_time(world, HOURS(1));
	/* its end was missed */
	dump_nothing(world);
	assert_int_equal(stats_of(world).drift_removed, 1);
	assert_true(is_ours(world, "192.0.2.9", 1024));
	pass_time(world, MAIL_RECENT);
	assert_false(is_ours(world, "192.0.2.9", 1024));
	end(world);
}

/* Events, dumps and full tables in any order, against a plain list. */
static void test_random_connections(void **state UNUSED)
{
	enum { CLIENTS = 6, PORTS = 4 };
	static struct {
		enum flow_phase phase;
		bool was_established;
		usec_t ended;
	} model[CLIENTS][PORTS];
	struct world *world = new_mail_world();

	world->settings.max_sources = 4;
	world->settings.services[SUBMISSION].concurrent = 0;
	world->settings.services[SUBMISSION].new_count = 0;
	start(world);
	for (unsigned round = 0; round < 40000; round++) {
		uint32_t c = random_below(CLIENTS), p = random_below(PORTS);
		uint16_t port = (uint16_t)(1024 + p);
		enum flow_phase phase = (enum flow_phase)(FLOW_SYN + random_below(4));
		struct mail_fact fact = fact_of(MAIL_FACT_MESSAGE, addr_n(c), port);
		bool dump = random_below(200) == 0, ours;
		unsigned reading;

		pass_time(world, random_below(40) * USEC_PER_SEC);
		if (dump)
			guard_sync_begin(world->guard);
		for (c = 0; dump && c < CLIENTS; c++)
			for (p = 0; p < PORTS; p++) {
				struct ct_event line = event_of(addr_n(c), (uint16_t)(1024 + p), 587,
								model[c][p].phase);
				bool is_established = model[c][p].phase == FLOW_ESTABLISHED;

				if (is_established && random_below(4) == 0) {
					model[c][p].phase = FLOW_ABSENT;
					model[c][p].ended = world->now;
				} else if (is_established) {
					guard_sync_line(world->guard, &line, world->now);
				} else {
					model[c][p].phase = FLOW_ABSENT;
				}
			}
		while (dump && !guard_sync_end(world->guard, false, world->now))
			;
		if (!dump) {
			bool was = model[c][p].phase == FLOW_ESTABLISHED;

			flow(world, addr_n(c), port, 587, phase);
			if (was && phase == FLOW_PICKED_UP)
				phase = FLOW_ESTABLISHED;
			if (was && phase != FLOW_ESTABLISHED)
				model[c][p].ended = world->now;
			model[c][p].phase = phase == FLOW_CLOSED ? FLOW_ABSENT : phase;
			model[c][p].was_established |= phase == FLOW_ESTABLISHED;
		}
		c = random_below(CLIENTS);
		p = random_below(PORTS);
		fact.readings[0].address = addr_n(c);
		fact.readings[0].port = (uint16_t)(1024 + p);
		ours = model[c][p].phase == FLOW_ESTABLISHED ||
		       (model[c][p].was_established && world->now - model[c][p].ended < MAIL_RECENT);
		assert_int_equal(tell(world, &fact, &reading) == MAIL_MATCH_TRACKED, ours);
	}
	end(world);
}

/* --- bounds --- */

static void test_many_sources(void **state UNUSED)
{
	enum { SOURCES = 33000 };
	struct world *world = new_mail_world();
	struct mail_stats stats;

	world->settings.services[SUBMISSION].observe = true;
	start(world);
	/* over its limit: it stays */
	guess(world, "192.0.2.9", 20);
	for (uint32_t n = 0; n < SOURCES; n++) {
		struct mail_fact fact = fact_of(MAIL_FACT_AUTH_FAILURE, addr_n(n), 1024);
		unsigned reading;

		flow(world, addr_n(n), 1024, 587, FLOW_ESTABLISHED);
		flow(world, addr_n(n), 1024, 587, FLOW_CLOSED);
		assert_int_equal(tell(world, &fact, &reading), MAIL_MATCH_TRACKED);
	}
	stats = mail_stats_of(world);
	assert_int_equal(stats.sources, 32768);
	assert_int_equal(stats.sources_evicted, SOURCES + 1 - 32768);
	assert_int_equal(summary_of(world, "192.0.2.9").failures, 20);
	assert_int_equal(summary_of(world, "10.0.0.1").failures, 0);
	assert_int_equal(summary_of(world, "10.0.128.1").failures, 1);
	assert_int_equal(stats.connections.entries, 2 * (SOURCES + 1));
	for (uint32_t n = SOURCES; n < 2 * SOURCES; n++) {
		flow(world, addr_n(n), 1024, 587, FLOW_ESTABLISHED);
		flow(world, addr_n(n), 1024, 587, FLOW_CLOSED);
	}
	stats = mail_stats_of(world);
	assert_int_equal(stats.connections.entries, 131072);
	assert_int_equal(stats.connections.evicted, 4 * SOURCES + 2 - 131072);
	assert_int_equal(stats.connections.evicted_alive, 0);
	/* all of it is forgotten in time */
	close_many(world, "192.0.2.9", 587, 1);
	pass_time(world, HOURS(25));
	assert_int_equal(mail_stats_of(world).sources, 0);
	assert_true(guard_next_tick(world->guard) == USEC_NEVER);
	end(world);
}

static void test_without_mail_logs(void **state UNUSED)
{
	struct world *world = new_world();
	struct prefix p = pfx("192.0.2.9");
	struct auth_summary summary;
	struct mail_stats stats, zero = { .old = 0 };

	start(world);
	open_many(world, "192.0.2.9", 587, 31);
	unban(world, "192.0.2.9", 0);
	stats = mail_stats_of(world);
	assert_memory_equal(&stats, &zero, sizeof(stats));
	assert_false(guard_auth_summary(world->guard, &p, world->now, &summary));
	end(world);
}

static void test_words(void **state UNUSED)
{
	assert_string_equal(mail_fact_kind_name(MAIL_FACT_AUTH_FAILURE), "auth-failure");
	assert_string_equal(mail_fact_kind_name(MAIL_FACT_AUTH_SUCCESS), "auth-success");
	assert_string_equal(mail_fact_kind_name(MAIL_FACT_MESSAGE), "message");
	assert_string_equal(mail_fact_kind_name(MAIL_FACT_PROTOCOL_ERROR), "protocol-error");
	assert_string_equal(mail_fact_kind_name(MAIL_FACT_REFUSED), "refused");
	assert_string_equal(mail_protocol_name(MAIL_PROTOCOL_SMTP), "smtp");
	assert_string_equal(mail_protocol_name(MAIL_PROTOCOL_IMAP), "imap");
	assert_string_equal(mail_protocol_name(MAIL_PROTOCOL_POP3), "pop3");
	assert_string_equal(mail_protocol_name(MAIL_PROTOCOL_SIEVE), "sieve");
	assert_string_equal(mail_protocol_name(MAIL_PROTOCOL_CPANEL), "cpanel");
	assert_string_equal(mail_protocol_name(MAIL_PROTOCOL_WHM), "whm");
	assert_string_equal(mail_protocol_name(MAIL_PROTOCOL_WEBMAIL), "webmail");
	assert_string_equal(mail_protocol_name(MAIL_PROTOCOL_WEBDISK), "webdisk");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_unknown_connection),
		cmocka_unit_test(test_after_the_connection),
		cmocka_unit_test(test_half_open_does_not_count),
		cmocka_unit_test(test_without_port),
		cmocka_unit_test(test_protocols),
		cmocka_unit_test(test_forged_readings),
		cmocka_unit_test(test_distrust),
		cmocka_unit_test(test_old_lines),
		cmocka_unit_test(test_soon_after_the_boot),
		cmocka_unit_test(test_reload_without_the_port),
		cmocka_unit_test(test_an_evicted_source),
		cmocka_unit_test(test_dumps),
		cmocka_unit_test(test_random_connections),
		cmocka_unit_test(test_many_sources),
		cmocka_unit_test(test_without_mail_logs),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
