// SPDX-License-Identifier: GPL-2.0-or-later
/* What the guard answers and reports; who is banned when is told by the stories of tests/replay. */
#include "guard_world.h"

static void test_words(void **state UNUSED)
{
	assert_string_equal(standing_name(STANDING_NORMAL), "normal");
	assert_string_equal(standing_name(STANDING_OVER_LIMIT), "over-limit");
	assert_string_equal(standing_name(STANDING_RESOLVING), "resolving");
	assert_string_equal(standing_name(STANDING_EXEMPT), "exempt");
	assert_string_equal(standing_name(STANDING_ALLOWED), "allowed");
	assert_string_equal(standing_name(STANDING_BANNED), "banned");
	assert_string_equal(decision_type_name(DECISION_BAN), "ban");
	assert_string_equal(decision_type_name(DECISION_UNBAN), "unban");
	assert_string_equal(decision_type_name(DECISION_EXPIRE), "expire");
	assert_string_equal(decision_type_name(DECISION_EXEMPT), "exempt");
	assert_string_equal(decision_type_name(DECISION_OBSERVE), "observe");
	assert_string_equal(decision_type_name(DECISION_REFUSE), "refuse");
	assert_string_equal(never_reason_name(NEVER_NOT), "");
	assert_string_equal(never_reason_name(NEVER_LOOPBACK), "loopback");
	assert_string_equal(never_reason_name(NEVER_LOCAL), "own address");
	assert_string_equal(never_reason_name(NEVER_ALLOWED), "allow list");
}

static void test_observing_changes_nothing(void **state UNUSED)
{
	struct world *world = new_world();
	struct prefix p = pfx("192.0.2.1");

	world->settings.observe = true;
	for (unsigned i = 0; i < world->settings.n_services; i++)
		world->settings.services[i].observe = true;
	start(world);
	assert_int_equal(guard_ban(world->guard, &p, 0, "", world->now, NULL), GUARD_OBSERVING);
	open_many(world, "192.0.2.1", 587, 40);
	assert_int_equal(world->decisions[DECISION_OBSERVE], 1);
	assert_string_equal(world->reason, "submission 31>30 concurrent");
	assert_int_equal(world->adds, 0);
	end(world);
}

static void test_never(void **state UNUSED)
{
	struct world *world = new_world();
	struct prefix match, list = pfx("203.0.113.0/24");
	static const struct {
		const char *source;
		enum never_reason reason;
	} cases[] = {
		{ "127.0.0.1", NEVER_LOOPBACK },   { "127.9.9.9", NEVER_LOOPBACK },
		{ "::1", NEVER_LOOPBACK },	   { "::/64", NEVER_LOOPBACK },
		{ "198.51.100.1", NEVER_LOCAL },   { "198.51.100.0/24", NEVER_LOCAL },
		{ "203.0.113.77", NEVER_ALLOWED }, { "203.0.0.0/16", NEVER_ALLOWED },
		{ "198.51.100.2", NEVER_NOT },	   { "192.0.2.1", NEVER_NOT },
		{ "2001:db8::/64", NEVER_NOT },
	};

	assert_int_equal(prefix_set_add(world->settings.allowed, &list), 0);
	start(world);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix p = pfx(cases[i].source);

		assert_int_equal(guard_never(world->guard, &p, NULL), cases[i].reason);
	}
	match = pfx("203.0.113.77");
	assert_int_equal(guard_never(world->guard, &match, &match), NEVER_ALLOWED);
	assert_true(prefix_equal(&match, &list));
	end(world);
}

static void test_next_tick(void **state UNUSED)
{
	struct world *world = new_world();
	struct prefix p = pfx("192.0.2.1"), forever = pfx("192.0.2.2");
	usec_t expires;

	start(world);
	assert_true(guard_next_tick(world->guard) == USEC_NEVER);
	assert_int_equal(guard_ban(world->guard, &forever, USEC_NEVER, "", world->now, NULL), 0);
	assert_true(guard_next_tick(world->guard) == USEC_NEVER);
	assert_int_equal(guard_ban(world->guard, &p, SECONDS(90), "", world->now, NULL), 0);
	expires = world->now + SECONDS(90);
	assert_true(guard_next_tick(world->guard) == expires);
	world->now = expires - 1;
	guard_tick(world->guard, world->now);
	assert_int_equal(world->decisions[DECISION_EXPIRE], 0);
	world->now = expires;
	guard_tick(world->guard, world->now);
	assert_int_equal(world->decisions[DECISION_EXPIRE], 1);
	/* the kernel's timeout removes the element */
	assert_int_equal(world->deletes, 0);
	assert_int_equal(stats_of(world).bans, 1);
	assert_true(guard_next_tick(world->guard) == USEC_NEVER);
	end(world);
}

static void test_idle_sources_are_forgotten(void **state UNUSED)
{
	struct world *world = new_world();
	struct source_table_stats sources;
	struct ct_event event;

	start(world);
	for (uint32_t n = 0; n < 200; n++) {
		event = event_of(addr_n(n), 1024, 25, FLOW_ESTABLISHED);
		guard_flow_event(world->guard, &event, world->now);
		event.phase = FLOW_CLOSED;
		guard_flow_event(world->guard, &event, world->now);
	}
	for (usec_t until = world->now + HOURS(1); guard_next_tick(world->guard) <= until;) {
		world->now = MAX_OF(world->now, guard_next_tick(world->guard));
		guard_tick(world->guard, world->now);
	}
	source_table_stats(guard_sources(world->guard), &sources);
	assert_int_equal(sources.entries, 0);
	assert_true(guard_next_tick(world->guard) == USEC_NEVER);
	end(world);
}

static void test_many_wait_for_their_names(void **state UNUSED)
{
	struct world *world = new_world();
	enum { WAITING = 300 };

	world->settings.names.max_in_flight = WAITING;
	start(world);
	for (uint32_t n = 0; n < WAITING; n++) {
		char text[ADDRESS_TEXT_MAX];
		struct address a = addr_n(n);

		open_many(world, address_format(&a, text), 25, 11);
	}
	assert_int_equal(stats_of(world).pending, WAITING);
	/* half of the questions were asked ahead of need, the rest by those that wait */
	assert_int_equal(world->resolves, WAITING);
	for (unsigned i = 0; i < 8; i++) {
		world->now += USEC_PER_SEC / 2;
		guard_tick(world->guard, world->now);
	}
	assert_int_equal(world->decisions[DECISION_EXEMPT], WAITING);
	assert_string_equal(world->because, "reverse DNS unknown");
	assert_int_equal(stats_of(world).pending, WAITING);
	for (uint32_t n = 0; n < 60; n++) {
		char text[ADDRESS_TEXT_MAX];
		struct address a = addr_n(n);

		answer(world, address_format(&a, text), NAME_ANSWER_NONE);
	}
	assert_int_equal(world->adds, 60);
	world->now += USEC_PER_SEC;
	guard_tick(world->guard, world->now);
	assert_int_equal(stats_of(world).pending, WAITING - 60);
	end(world);
}

static void test_unwanted_answers(void **state UNUSED)
{
	struct world *world = new_world();

	start(world);
	answer(world, "192.0.2.1", NAME_ANSWER_VERIFIED);
	open_many(world, "192.0.2.1", 25, 11);
	assert_int_equal(world->resolves, 1);
	assert_int_equal(world->decisions[DECISION_EXEMPT], 0);
	end(world);
}

static void test_sweep_in_pieces(void **state UNUSED)
{
	struct world *world = new_world();
	unsigned pieces = 1;

	world->settings.max_sources = world->settings.max_flows = 32768;
	start(world);
	for (uint32_t n = 0; n < 20000; n++) {
		struct ct_event event = event_of(addr_n(n), 1024, 25, FLOW_ESTABLISHED);

		guard_flow_event(world->guard, &event, world->now);
	}
	assert_int_equal(stats_of(world).established, 20000);
	guard_sync_begin(world->guard);
	while (!guard_sync_end(world->guard, false, world->now)) {
		struct ct_event event = event_of(addr_n(30000 + pieces), 1024, 25, FLOW_ESTABLISHED);

		guard_flow_event(world->guard, &event, world->now);
		pieces++;
	}
	/* bounded work each time: other events come in between */
	assert_true(pieces >= 5);
	assert_int_equal(stats_of(world).established, pieces - 1);
	assert_int_equal(stats_of(world).drift_removed, 20000);
	assert_int_equal(stats_of(world).syncs, 2);
	end(world);
}

static void test_adopted_ban_tells_what_it_was(void **state UNUSED)
{
	struct world *world = new_world();
	struct prefix p = pfx("192.0.2.1"), endless = pfx("192.0.2.2"), old = pfx("192.0.2.3");
	const struct ban *ban;

	start(world);
	assert_int_equal(guard_adopt(world->guard, &p, SECONDS(90), SECONDS(50),
				     "smtp 23>10 concurrent; no PTR", world->now),
			 0);
	ban = ban_table_find(guard_bans(world->guard), &p);
	assert_non_null(ban);
	assert_true(ban->adopted && ban->enforced);
	assert_true(ban->since == world->now - SECONDS(40));
	assert_true(ban->expires == world->now + SECONDS(50));
	assert_int_equal(ban->reason.limit, LIMIT_CONCURRENT);
	assert_int_equal(ban->reason.observed, 23);
	assert_int_equal(guard_adopt(world->guard, &endless, USEC_NEVER, USEC_NEVER, "by hand",
				     world->now),
			 0);
	ban = ban_table_find(guard_bans(world->guard), &endless);
	assert_non_null(ban);
	assert_true(ban->since == world->now && ban->expires == USEC_NEVER);
	assert_string_equal(ban->reason.text, "by hand");
	/* older than the machine's uptime tells */
	assert_int_equal(guard_adopt(world->guard, &old, HOURS(2000), HOURS(1), "", world->now), 0);
	ban = ban_table_find(guard_bans(world->guard), &old);
	assert_non_null(ban);
	/* its age is known, or at least not negative */
	assert_true(world->now - ban->since <= HOURS(1999));
	/* they are in the kernel already, and no news */
	assert_int_equal(world->adds + world->decisions[DECISION_BAN], 0);
	end(world);
}

/* --- against a naive model: who should be banned when --- */

#define CLIENTS 12
#define PORTS 8
#define LIMIT 4

struct model {
	bool open[CLIENTS][PORTS];
	bool banned[CLIENTS];
	unsigned bans;
};

static unsigned model_count(const struct model *model, uint32_t client)
{
	unsigned n = 0;

	for (unsigned port = 0; port < PORTS; port++)
		n += model->open[client][port];
	return n;
}

static void toggle(struct world *world, struct model *model)
{
	uint32_t client = random_below(CLIENTS), port = random_below(PORTS);
	struct ct_event event = event_of(addr_n(client), (uint16_t)(1024 + port), 25, FLOW_SYN);

	if (model->open[client][port]) {
		event.phase = FLOW_CLOSED;
	} else {
		guard_flow_event(world->guard, &event, world->now);
		assert_int_equal(world->adds, model->bans);
		event.phase = FLOW_ESTABLISHED;
	}
	guard_flow_event(world->guard, &event, world->now);
	model->open[client][port] = !model->open[client][port];
	/* who was unbanned while over the limit is banned for the next connection, never for a close */
	if (event.phase == FLOW_ESTABLISHED && !model->banned[client] &&
	    model_count(model, client) > LIMIT) {
		model->banned[client] = true;
		model->bans++;
	}
}

static void compare(struct world *world, const struct model *model)
{
	struct guard_stats stats = stats_of(world);
	unsigned open = 0, banned = 0;

	assert_int_equal(world->adds, model->bans);
	for (uint32_t client = 0; client < CLIENTS; client++) {
		struct address a = addr_n(client);
		struct prefix p = prefix_host(&a);
		struct source *source = source_table_find(guard_sources(world->guard), &p, 0);

		assert_int_equal(source ? source->concurrent : 0, model_count(model, client));
		assert_int_equal(ban_table_find(guard_bans(world->guard), &p) != NULL,
				 model->banned[client]);
		open += model_count(model, client);
		banned += model->banned[client];
	}
	assert_int_equal(stats.established, open);
	assert_int_equal(stats.flows, open);
	assert_int_equal(stats.half_open, 0);
	assert_int_equal(stats.bans, banned);
}

static void test_random_against_model(void **state UNUSED)
{
	struct world *world = new_world();
	struct model model = { .bans = 0 };
	unsigned lifted;
	struct service_settings *service = &world->settings.services[0];

	service->concurrent = LIMIT;
	service->new_count = 0;
	service->reverse_dns = REVERSE_DNS_IGNORE;
	world->settings.unban_grace = 1; /* over at the next event */
	start(world);
	for (unsigned step = 0; step < 20000; step++) {
		world->now += USEC_PER_MSEC;
		toggle(world, &model);
		if (random_below(20) == 0) {
			uint32_t client = random_below(CLIENTS);
			struct address a = addr_n(client);
			struct prefix p = prefix_host(&a);

			assert_int_equal(guard_unban(world->guard, &p, 0, world->now, &lifted, NULL),
					 model.banned[client] ? 0 : GUARD_NOT_BANNED);
			model.banned[client] = false;
		}
		compare(world, &model);
	}
	assert_true(model.bans > 100);
	assert_int_equal(world->decisions[DECISION_BAN], model.bans);
	end(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_observing_changes_nothing),
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_next_tick),
		cmocka_unit_test(test_idle_sources_are_forgotten),
		cmocka_unit_test(test_many_wait_for_their_names),
		cmocka_unit_test(test_unwanted_answers),
		cmocka_unit_test(test_sweep_in_pieces),
		cmocka_unit_test(test_adopted_ban_tells_what_it_was),
		cmocka_unit_test(test_random_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
