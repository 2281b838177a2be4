// SPDX-License-Identifier: GPL-2.0-or-later
/* The gate's bounds, endings and invariants; the stories of tests/replay tell what is refused when. */
#include "guard_world.h"

enum { SMTP, SUBMISSION }; /* as in settings_defaults() */

/* smtp asks for a name that resolves back, submission for any */
static struct world *new_gate(void)
{
	struct world *world = new_world();

	world->settings.services[SMTP].reverse_dns = REVERSE_DNS_REQUIRE;
	world->settings.services[SUBMISSION].reverse_dns = REVERSE_DNS_REQUIRE;
	world->settings.services[SUBMISSION].reverse_dns_test = REVERSE_DNS_TEST_PTR;
	return world;
}

static uint32_t packet(struct world *world, const char *client, uint16_t port)
{
	return packet_of(world, addr(client), port);
}

static void got(const struct world *world, uint32_t id, enum guard_verdict verdict)
{
	assert_false(world->waits[id]);
	assert_int_equal(world->verdict[id], verdict);
}

static void gets(struct world *world, const char *client, uint16_t port, enum guard_verdict verdict)
{
	got(world, packet(world, client, port), verdict);
}

static const struct gate_source *known(const struct world *world, const char *source)
{
	struct prefix p = pfx(source);

	return guard_gate_source(world->guard, &p, world->now);
}

static void is(const struct world *world, const char *source, enum gate_outcome outcome)
{
	assert_non_null(known(world, source));
	assert_int_equal(known(world, source)->outcome, outcome);
}

static void test_joined(void **state UNUSED)
{
	struct world *world = new_gate();
	uint32_t first, second, third;

	start(world);
	first = packet(world, "2001:db8:0:9::1", 25);
	second = packet(world, "2001:db8:0:9::2", 587);
	third = packet(world, "2001:db8:0:9::1", 25);
	assert_int_equal(world->resolves, 1);
	assert_int_equal(gate_stats_of(world).joined, 2);
	assert_int_equal(known(world, "2001:db8:0:9::/64")->packets, 3);
	check_world(world);
	/* the name of another address of the prefix says nothing */
	answer(world, "2001:db8:0:9::2", NAME_ANSWER_NONE);
	assert_int_equal(world->waiting, 3);
	world->now += SECONDS(0.5);
	answer(world, "2001:db8:0:9::1", NAME_ANSWER_MISMATCH);
	got(world, first, GUARD_VERDICT_REPEAT);
	got(world, second, GUARD_VERDICT_REPEAT);
	got(world, third, GUARD_VERDICT_REPEAT);
	assert_true(gate_stats_of(world).longest_hold == SECONDS(0.5));
	assert_int_equal(world->decisions[DECISION_REFUSE], 1);
	assert_true(known(world, "2001:db8:0:9::/64")->also_passed);
	assert_int_equal(known(world, "2001:db8:0:9::/64")->service, SMTP);
	check_world(world);
	end(world);
}

static void test_another_address_of_the_prefix(void **state UNUSED)
{
	struct world *world = new_gate();
	struct address own6 = addr("2001:db8:ffff::25");
	uint32_t id;

	start(world);
	assert_int_equal(guard_local_address(world->guard, &own6, true, world->now), 0);
	/* ::2 was asked about because it is busy, ::1 because it waits */
	open_many(world, "2001:db8:0:9::2", 25, 6);
	assert_int_equal(world->resolves, 1);
	id = packet(world, "2001:db8:0:9::1", 25);
	assert_int_equal(world->resolves, 2);
	answer(world, "2001:db8:0:9::2", NAME_ANSWER_NONE);
	assert_true(world->waits[id]);
	answer(world, "2001:db8:0:9::1", NAME_ANSWER_VERIFIED);
	got(world, id, GUARD_VERDICT_ACCEPT);
	check_world(world);
	end(world);
}

static void test_asked_already(void **state UNUSED)
{
	struct world *world = new_gate();
	uint32_t id;

	start(world);
	open_many(world, "192.0.2.9", 25, 6);
	assert_int_equal(world->resolves, 1);
	id = packet(world, "192.0.2.9", 25);
	assert_true(world->waits[id]);
	assert_int_equal(world->resolves, 1);
	answer(world, "192.0.2.9", NAME_ANSWER_NONE);
	got(world, id, GUARD_VERDICT_REPEAT);
	end(world);
}

static void test_known_names(void **state UNUSED)
{
	struct world *world = new_gate();

	start(world);
	for (int i = 0; i < 3; i++) {
		static const char *const clients[] = { "192.0.2.1", "192.0.2.2", "192.0.2.3" };
		static const enum name_answer_result results[] = { NAME_ANSWER_VERIFIED,
								   NAME_ANSWER_MISMATCH,
								   NAME_ANSWER_NONE };

		open_many(world, clients[i], 25, 6);
		answer(world, clients[i], results[i]);
	}
	assert_int_equal(world->resolves, 3);
	gets(world, "192.0.2.1", 25, GUARD_VERDICT_ACCEPT);
	gets(world, "192.0.2.2", 587, GUARD_VERDICT_REPEAT);
	gets(world, "192.0.2.2", 25, GUARD_VERDICT_DROP);
	gets(world, "192.0.2.3", 587, GUARD_VERDICT_REPEAT);
	gets(world, "192.0.2.3", 587, GUARD_VERDICT_DROP);
	assert_int_equal(world->resolves, 3);
	assert_null(known(world, "192.0.2.1"));
	assert_int_equal(known(world, "192.0.2.2")->service, SMTP);
	assert_string_equal(world->reason, "submission reverse_dns; no PTR");
	assert_int_equal(gate_stats_of(world).table.held_peak, 0);
	check_world(world);
	end(world);
}

static void test_unverifiable(void **state UNUSED)
{
	struct world *world = new_gate();
	struct name_answer a = { .address = addr("192.0.2.9"),
				 .result = NAME_ANSWER_FAILED,
				 .resolver_healthy = true };

	world->settings.names.failure_ttl = SECONDS(5);
	start(world);
	for (int i = 0; i < 3; i++) {
		packet(world, "192.0.2.9", 25);
		guard_name_answer(world->guard, &a, world->now);
		pass_time(world, SECONDS(5));
	}
	assert_int_equal(world->resolves, 3);
	assert_int_equal(world->verdicts[GUARD_VERDICT_REPEAT], 3);
	packet(world, "192.0.2.9", 25);
	guard_name_answer(world->guard, &a, world->now);
	is(world, "192.0.2.9", GATE_PASSED);
	assert_int_equal(known(world, "192.0.2.9")->state, PTR_STATE_UNVERIFIABLE);
	assert_int_equal(gate_stats_of(world).accepted_unknown, 4);
	check_world(world);
	end(world);
}

static void test_never_held(void **state UNUSED)
{
	struct world *world = new_gate();
	struct prefix p = pfx("203.0.113.0/24"), blocked = pfx("192.0.2.128/25");
	struct prefix single = pfx("192.0.2.9");
	unsigned lifted;

	assert_int_equal(prefix_set_add(world->settings.allowed, &p), 0);
	world->settings.services[SUBMISSION].observe = true;
	start(world);
	gets(world, "127.0.0.1", 25, GUARD_VERDICT_ACCEPT);
	gets(world, "198.51.100.1", 25, GUARD_VERDICT_ACCEPT);
	gets(world, "203.0.113.7", 25, GUARD_VERDICT_ACCEPT);
	gets(world, "192.0.2.9", 587, GUARD_VERDICT_ACCEPT);
	gets(world, "192.0.2.9", 2525, GUARD_VERDICT_ACCEPT);
	assert_int_equal(guard_unban(world->guard, &single, 0, world->now, &lifted, NULL),
			 GUARD_NOT_BANNED);
	gets(world, "192.0.2.9", 25, GUARD_VERDICT_ACCEPT);
	assert_int_equal(gate_stats_of(world).accepted_exempt, 6);
	assert_int_equal(guard_ban(world->guard, &single, SECONDS(60), "", world->now, NULL), 0);
	gets(world, "192.0.2.9", 25, GUARD_VERDICT_DROP);
	assert_int_equal(guard_ban(world->guard, &blocked, SECONDS(60), "", world->now, NULL), 0);
	gets(world, "192.0.2.200", 25, GUARD_VERDICT_DROP);
	assert_int_equal(gate_stats_of(world).dropped, 2);
	assert_int_equal(world->resolves, 0);
	/* over, though nobody has said so yet */
	world->now += SECONDS(60);
	assert_true(world->waits[packet(world, "192.0.2.200", 25)]);
	assert_true(world->waits[packet(world, "192.0.2.9", 25)]);
	end(world);
}

static void test_what_is_lifted(void **state UNUSED)
{
	struct world *world = new_gate();
	struct prefix part = pfx("2001:db8:0:9::7"), all = pfx("::/0"), conflict;
	unsigned lifted = 0;

	start(world);
	packet(world, "2001:db8:0:9::1", 25);
	answer(world, "2001:db8:0:9::1", NAME_ANSWER_NONE);
	/* a part of the source is not the source */
	assert_int_equal(guard_unban(world->guard, &part, 0, world->now, &lifted, &conflict),
			 GUARD_NOT_BANNED);
	is(world, "2001:db8:0:9::/64", GATE_REFUSED);
	assert_int_equal(guard_unban(world->guard, &all, 0, world->now, &lifted, &conflict), 0);
	assert_int_equal(lifted, 1);
	assert_int_equal(world->gate[GATE_SET_REFUSED].n, 0);
	check_world(world);
	/* what is forgotten needs no lifting */
	gets(world, "2001:db8:0:9::1", 25, GUARD_VERDICT_REPEAT);
	world->now += MINUTES(10);
	assert_null(known(world, "2001:db8:0:9::/64"));
	assert_int_equal(guard_flush(world->guard, world->now), 0);
	assert_int_equal(prefix_set_add(world->settings.allowed, &all), 0);
	assert_int_equal(guard_reload(world->guard, &world->settings, world->now), 0);
	assert_int_equal(world->decisions[DECISION_UNBAN], 1);
	check_world(world);
	end(world);
}

static void test_banned_while_waiting(void **state UNUSED)
{
	struct world *world = new_gate();
	struct prefix p = pfx("192.0.2.9");
	uint32_t id;

	start(world);
	id = packet(world, "192.0.2.9", 25);
	assert_int_equal(guard_ban(world->guard, &p, SECONDS(60), "", world->now, NULL), 0);
	pass_time(world, SECONDS(1));
	got(world, id, GUARD_VERDICT_DROP);
	check_world(world);
	end(world);
}

static void test_packet_bound(void **state UNUSED)
{
	struct world *world = new_gate();

	world->settings.gate.max_held = 5;
	start(world);
	for (uint32_t n = 0; n < 5; n++)
		packet_of(world, addr_n(n), 25);
	assert_int_equal(world->waiting, 5);
	/* neither a new source nor one that is asked about */
	packet_of(world, addr_n(5), 25);
	packet_of(world, addr_n(0), 25);
	assert_int_equal(world->waiting, 5);
	assert_int_equal(world->resolves, 5);
	assert_int_equal(gate_stats_of(world).accepted_full, 2);
	assert_int_equal(gate_stats_of(world).table.held_peak, 5);
	assert_null(known(world, "10.0.0.5"));
	/* refused ones need no room */
	answer(world, "10.0.0.1", NAME_ANSWER_NONE);
	packet_of(world, addr_n(6), 25);
	gets(world, "10.0.0.1", 25, GUARD_VERDICT_DROP);
	check_world(world);
	pass_time(world, SECONDS(1));
	assert_int_equal(world->waiting, 0);
	assert_int_equal(gate_stats_of(world).timed_out, 5);
	check_world(world);
	end(world);
}

static void test_question_bound(void **state UNUSED)
{
	struct world *world = new_gate();

	world->settings.names.max_in_flight = 3;
	start(world);
	for (uint32_t n = 0; n < 10; n++)
		packet_of(world, addr_n(n), 25);
	assert_int_equal(world->resolves, 3);
	assert_int_equal(gate_stats_of(world).accepted_full, 7);
	assert_int_equal(gate_table_count(guard_gate(world->guard)), 3);
	/* questions without an answer make room after three deadlines */
	pass_time(world, SECONDS(6));
	assert_true(world->waits[packet_of(world, addr_n(9), 25)]);
	check_world(world);
	end(world);
}

static void count_deletes(void *userdata, const struct guard_op *op)
{
	unsigned *deletes = userdata;

	*deletes += op->type == GUARD_OP_GATE_DELETE;
}

static void test_source_bound(void **state UNUSED)
{
	struct world *world = new_gate();
	struct name_answer a = { .result = NAME_ANSWER_MISMATCH };
	struct gate_packet syn = { .id = 1, .local_port = 25 };
	struct gate_stats stats;
	struct guard *guard;
	unsigned deletes = 0;

	assert_int_equal(guard_new(&guard, &world->settings, &test_key, count_deletes, &deletes), 0);
	for (uint32_t n = 0; n < GATE_SOURCES_MAX + 100; n++) {
		syn.client = a.address = addr_n(n);
		guard_gate_packet(guard, &syn, world->now + n);
		guard_name_answer(guard, &a, world->now + n);
	}
	guard_gate_stats(guard, &stats);
	assert_int_equal(stats.refused_sources, GATE_SOURCES_MAX + 100);
	assert_int_equal(stats.table.sources[GATE_REFUSED], GATE_SOURCES_MAX);
	assert_int_equal(stats.table.evicted, 100);
	/* from both sets */
	assert_int_equal(deletes, 200);
	/* what is forgotten is removed by and by */
	for (unsigned ticks = 0; guard_next_tick(guard) < world->now + HOURS(1); ticks++) {
		assert_true(ticks < 10000);
		guard_tick(guard, MAX_OF(world->now, guard_next_tick(guard)));
	}
	assert_int_equal(gate_table_count(guard_gate(guard)), 0);
	assert_int_equal(deletes, 200);
	guard_free(guard);
	prefix_set_free(world->settings.allowed);
	free(world);
}

static void test_next_tick(void **state UNUSED)
{
	struct world *world = new_gate();

	start(world);
	assert_true(guard_next_tick(world->guard) == USEC_NEVER);
	packet(world, "192.0.2.9", 25);
	guard_tick(world->guard, world->now);
	assert_true(guard_next_tick(world->guard) == world->now + SECONDS(1));
	world->now += SECONDS(0.25);
	packet(world, "192.0.2.8", 25);
	world->now += SECONDS(0.75);
	guard_tick(world->guard, world->now);
	assert_int_equal(world->waiting, 1);
	assert_true(guard_next_tick(world->guard) == world->now + SECONDS(0.25));
	check_world(world);
	/* a late tick */
	world->now += SECONDS(0.25);
	guard_tick(world->guard, world->now);
	assert_int_equal(world->waiting, 0);
	assert_int_equal(gate_stats_of(world).timed_out, 2);
	end(world);
}

static void test_resolver_gone(void **state UNUSED)
{
	struct world *world = new_gate();
	uint32_t first, second;

	start(world);
	first = packet(world, "192.0.2.9", 25);
	second = packet(world, "192.0.2.9", 587);
	guard_resolver_gone(world->guard);
	assert_true(guard_next_tick(world->guard) <= world->now);
	guard_tick(world->guard, world->now);
	got(world, first, GUARD_VERDICT_REPEAT);
	got(world, second, GUARD_VERDICT_REPEAT);
	is(world, "192.0.2.9", GATE_PASSED);
	assert_true(known(world, "192.0.2.9")->until == world->now + SECONDS(30));
	assert_int_equal(gate_stats_of(world).timed_out, 0);
	assert_true(guard_next_tick(world->guard) > world->now);
	check_world(world);
	end(world);
}

static void test_question_ends_before_hold(void **state UNUSED)
{
	struct world *world = new_gate();
	uint32_t id;

	world->settings.gate.hold = SECONDS(60);
	start(world);
	id = packet(world, "192.0.2.9", 25);
	pass_time(world, SECONDS(6));
	got(world, id, GUARD_VERDICT_REPEAT);
	assert_int_equal(gate_stats_of(world).timed_out, 0);
	check_world(world);
	end(world);
}

static void test_closed_and_released(void **state UNUSED)
{
	struct world *world = new_gate();
	uint32_t id;

	start(world);
	id = packet(world, "192.0.2.9", 25);
	guard_gate_release(world->guard, world->now);
	got(world, id, GUARD_VERDICT_ACCEPT);
	assert_null(known(world, "192.0.2.9"));
	id = packet(world, "192.0.2.9", 25);
	assert_int_equal(world->resolves, 1);
	guard_gate_closed(world->guard);
	assert_true(world->waits[id]);
	world->lost = world->waiting;
	world->waiting = 0;
	check_world(world);
	answer(world, "192.0.2.9", NAME_ANSWER_NONE);
	assert_int_equal(world->decisions[DECISION_REFUSE], 0);
	gets(world, "192.0.2.9", 25, GUARD_VERDICT_REPEAT);
	check_world(world);
	end(world);
}

static void test_late_answers(void **state UNUSED)
{
	struct world *world = new_gate();
	struct prefix trusted = pfx("192.0.2.1");

	start(world);
	packet(world, "192.0.2.1", 25);
	packet(world, "192.0.2.2", 25);
	packet(world, "192.0.2.3", 587);
	packet(world, "192.0.2.4", 25);
	pass_time(world, SECONDS(1));
	assert_int_equal(world->gate[GATE_SET_PASSED].n, 4);
	answer(world, "192.0.2.1", NAME_ANSWER_VERIFIED);
	assert_null(known(world, "192.0.2.1"));
	assert_true(prefix_equal(&world->last_trusted, &trusted));
	answer(world, "192.0.2.2", NAME_ANSWER_NONE);
	is(world, "192.0.2.2", GATE_REFUSED);
	answer(world, "192.0.2.3", NAME_ANSWER_MISMATCH);
	is(world, "192.0.2.3", GATE_REFUSED);
	assert_string_equal(world->reason, "smtp reverse_dns; PTR does not resolve back");
	answer(world, "192.0.2.4", NAME_ANSWER_FAILED);
	is(world, "192.0.2.4", GATE_PASSED);
	assert_int_equal(world->gate[GATE_SET_PASSED].n, 2);
	assert_int_equal(world->gate[GATE_SET_REFUSED].n, 2);
	check_world(world);
	gets(world, "192.0.2.3", 587, GUARD_VERDICT_ACCEPT);
	gets(world, "192.0.2.3", 25, GUARD_VERDICT_DROP);
	assert_int_equal(gate_stats_of(world).accepted_ptr, 1);
	check_world(world);
	end(world);
}

static void test_a_name_after_all(void **state UNUSED)
{
	struct world *world = new_gate();

	start(world);
	packet(world, "192.0.2.9", 25);
	answer(world, "192.0.2.9", NAME_ANSWER_NONE);
	guard_flush(world->guard, world->now);
	pass_time(world, MINUTES(9));
	gets(world, "192.0.2.9", 25, GUARD_VERDICT_REPEAT);
	pass_time(world, MINUTES(2));
	/* refused still, while the answer itself is forgotten */
	open_many(world, "192.0.2.9", 25, 6);
	answer(world, "192.0.2.9", NAME_ANSWER_VERIFIED);
	assert_null(known(world, "192.0.2.9"));
	assert_string_equal(world->because, "verified name");
	assert_int_equal(world->decisions[DECISION_UNBAN], 2);
	assert_int_equal(world->gate[GATE_SET_REFUSED].n, 0);
	gets(world, "192.0.2.9", 25, GUARD_VERDICT_ACCEPT);
	check_world(world);
	end(world);
}

static void test_unenforceable_while_waiting(void **state UNUSED)
{
	struct world *world = new_gate();
	uint32_t id;

	start(world);
	id = packet(world, "192.0.2.9", 25);
	guard_set_unenforceable(world->guard, "no table");
	answer(world, "192.0.2.9", NAME_ANSWER_NONE);
	got(world, id, GUARD_VERDICT_ACCEPT);
	assert_int_equal(gate_stats_of(world).accepted_exempt, 1);
	assert_int_equal(world->decisions[DECISION_REFUSE], 0);
	assert_null(known(world, "192.0.2.9"));
	check_world(world);
	end(world);
}

static void test_observed_once(void **state UNUSED)
{
	struct world *world = new_gate();

	world->settings.observe = true;
	for (unsigned i = 0; i < world->settings.n_services; i++)
		world->settings.services[i].observe = true;
	start(world);
	open_many(world, "192.0.2.9", 25, 2);
	open_many(world, "192.0.2.9", 587, 2);
	assert_int_equal(world->resolves, 1);
	answer(world, "192.0.2.9", NAME_ANSWER_NONE);
	is(world, "192.0.2.9", GATE_WOULD_REFUSE);
	open_from(world, addr("192.0.2.9"), 5000, 25, 3);
	assert_int_equal(world->decisions[DECISION_OBSERVE], 1);
	assert_string_equal(world->reason, "smtp reverse_dns; no PTR");
	assert_int_equal(gate_stats_of(world).observed_sources, 1);
	assert_int_equal(world->gate[GATE_SET_REFUSED].n, 0);
	gets(world, "192.0.2.9", 25, GUARD_VERDICT_ACCEPT);
	/* any PTR is enough for submission */
	open_many(world, "192.0.2.8", 587, 1);
	answer(world, "192.0.2.8", NAME_ANSWER_MISMATCH);
	assert_null(known(world, "192.0.2.8"));
	pass_time(world, MINUTES(11));
	assert_null(known(world, "192.0.2.9"));
	assert_int_equal(gate_table_count(guard_gate(world->guard)), 0);
	check_world(world);
	end(world);
}

static void test_observed_elsewhere_refused_here(void **state UNUSED)
{
	struct world *world = new_gate();

	world->settings.services[SUBMISSION].observe = true;
	start(world);
	open_many(world, "192.0.2.9", 587, 1);
	answer(world, "192.0.2.9", NAME_ANSWER_NONE);
	is(world, "192.0.2.9", GATE_WOULD_REFUSE);
	gets(world, "192.0.2.9", 25, GUARD_VERDICT_REPEAT);
	is(world, "192.0.2.9", GATE_REFUSED);
	/* refused is enough */
	open_many(world, "192.0.2.9", 587, 3);
	assert_int_equal(world->decisions[DECISION_OBSERVE], 1);
	assert_int_equal(world->decisions[DECISION_REFUSE], 1);
	check_world(world);
	end(world);
}

/* --- random sequences --- */

#define SOURCES 20

/* What the answers said, and what an operator wants; the rest is seen by its effects. */
struct model {
	enum ptr_state state[SOURCES];
	usec_t until[SOURCES], banned[SOURCES], spared[SOURCES];
	bool unenforceable;
};

static struct address client_n(uint32_t n)
{
	char text[ADDRESS_TEXT_MAX];

	snprintf(text, sizeof(text), n % 2 ? "2001:db8:0:%x::25" : "192.0.2.%u", n);
	return addr(text);
}

static struct prefix source_n(uint32_t n)
{
	struct address a = client_n(n);

	return prefix_of_address(&a, 32, 64);
}

static bool is_one_of(uint16_t port, const struct service_settings *service)
{
	for (unsigned i = 0; i < service->n_ports; i++)
		if (service->ports[i] == port)
			return true;
	return false;
}

static void model_packet(struct world *world, const struct model *model, uint32_t n)
{
	static const uint16_t ports[] = { 25, 587, 465, 2525 };
	uint16_t port = ports[random_below(ARRAY_SIZE(ports))];
	bool gated = port != 2525 && !model->unenforceable;
	bool any_ptr = is_one_of(port, &world->settings.services[SUBMISSION]);
	enum ptr_state state = world->now < model->until[n] ? model->state[n] : PTR_STATE_UNKNOWN;
	unsigned waiting = world->waiting;
	struct prefix p = source_n(n);
	bool refused = mirror_find(&world->gate[GATE_SET_REFUSED], &p) >= 0;
	bool passed = mirror_find(&world->gate[GATE_SET_PASSED], &p) >= 0;
	uint32_t id = packet_of(world, client_n(n), port);

	if (!gated || world->now < model->spared[n])
		got(world, id, GUARD_VERDICT_ACCEPT);
	else if (world->now < model->banned[n])
		got(world, id, GUARD_VERDICT_DROP);
	else if (refused)
		got(world, id,
		    any_ptr && passed ? GUARD_VERDICT_ACCEPT : GUARD_VERDICT_DROP);
	else if (state == PTR_STATE_NONE || (state == PTR_STATE_MISMATCH && !any_ptr))
		got(world, id, GUARD_VERDICT_REPEAT);
	else if (state == PTR_STATE_VERIFIED || passed)
		got(world, id, GUARD_VERDICT_ACCEPT);
	else if (state == PTR_STATE_MISMATCH)
		/* counted by the ceiling, and in `passed` by then */
		got(world, id, GUARD_VERDICT_REPEAT);
	else
		/* doubt: it waits, or is let through; nothing else */
		assert_true(world->waiting == waiting + 1 ||
			    world->verdict[id] == GUARD_VERDICT_ACCEPT ||
			    (world->verdict[id] == GUARD_VERDICT_REPEAT &&
			     mirror_find(&world->gate[GATE_SET_REFUSED], &p) < 0));
}

static void model_answer(struct world *world, struct model *model, uint32_t n)
{
	struct name_answer a = { .address = client_n(n), .ttl = SECONDS(60) };
	static const enum ptr_state states[] = { [NAME_ANSWER_VERIFIED] = PTR_STATE_VERIFIED,
						 [NAME_ANSWER_MISMATCH] = PTR_STATE_MISMATCH,
						 [NAME_ANSWER_NONE] = PTR_STATE_NONE,
						 [NAME_ANSWER_FAILED] = PTR_STATE_UNKNOWN };
	unsigned waiting = world->waiting;

	a.result = (enum name_answer_result)random_below(NAME_ANSWER_RESULTS);
	if (!name_table_is_asking(guard_names(world->guard), &a.address)) {
		guard_name_answer(world->guard, &a, world->now);
		assert_int_equal(world->waiting, waiting);
		return;
	}
	model->state[n] = states[a.result];
	model->until[n] = world->now + (a.result == NAME_ANSWER_VERIFIED ?
						a.ttl :
						world->settings.names.negative_ttl);
	guard_name_answer(world->guard, &a, world->now);
}

static void model_operator(struct world *world, struct model *model, uint32_t n)
{
	struct prefix p = source_n(n);
	unsigned lifted = 0, waiting = world->waiting;
	bool refused = mirror_find(&world->gate[GATE_SET_REFUSED], &p) >= 0;
	bool banned = world->now < model->banned[n];

	switch (random_below(4)) {
	case 0:
		assert_int_equal(guard_ban(world->guard, &p, SECONDS(20), "", world->now, NULL), 0);
		model->banned[n] = world->now + SECONDS(20);
		model->spared[n] = 0;
		assert_int_equal(world->waiting, waiting);
		break;
	case 1:
		assert_int_equal(guard_unban(world->guard, &p, SECONDS(10), world->now, &lifted, NULL),
				 refused || banned ? 0 : GUARD_NOT_BANNED);
		assert_int_equal(lifted, refused + banned);
		model->banned[n] = 0;
		model->spared[n] = world->now + SECONDS(10);
		assert_int_equal(mirror_find(&world->gate[GATE_SET_REFUSED], &p), -1);
		break;
	case 2:
		guard_flush(world->guard, world->now);
		memset(model->banned, 0, sizeof(model->banned));
		assert_int_equal(world->gate[GATE_SET_REFUSED].n, 0);
		break;
	default:
		model->unenforceable = !model->unenforceable && random_below(2) == 0;
		guard_set_unenforceable(world->guard, model->unenforceable ? "no table" : NULL);
		break;
	}
}

static void model_accident(struct world *world)
{
	switch (random_below(4)) {
	case 0:
		guard_resolver_gone(world->guard);
		guard_tick(world->guard, world->now);
		assert_int_equal(world->waiting, 0);
		break;
	case 1:
		guard_gate_release(world->guard, world->now);
		assert_int_equal(world->waiting, 0);
		break;
	case 2:
		guard_gate_closed(world->guard);
		world->lost += world->waiting;
		world->waiting = 0;
		memset(world->waits, 0, sizeof(world->waits));
		break;
	default:
		/* the same settings again */
		assert_int_equal(guard_reload(world->guard, &world->settings, world->now), 0);
		assert_int_equal(world->waiting, 0);
		break;
	}
}

static void random_step(struct world *world, struct model *model)
{
	uint32_t n = random_below(SOURCES), what = random_below(1000);

	if (what < 600)
		model_packet(world, model, n);
	else if (what < 850)
		model_answer(world, model, n);
	else if (what < 950)
		pass_time(world, random_below(1500) * USEC_PER_MSEC);
	else if (what < 960)
		pass_time(world, random_below(30) * USEC_PER_SEC);
	else if (what < 980)
		model_operator(world, model, n);
	else if (what < 992)
		flow(world, client_n(n), (uint16_t)(1 + random_below(60000)), 25,
		     random_below(2) ? FLOW_ESTABLISHED : FLOW_CLOSED);
	else
		model_accident(world);
}

static void test_random_sequences(void **state UNUSED)
{
	struct world *world = new_gate();
	struct address own6 = addr("2001:db8:ffff::25");
	struct model model = { .unenforceable = false };
	struct gate_stats stats;

	world->settings.gate.max_held = 12;
	world->settings.names.max_in_flight = 9;
	world->settings.names.negative_ttl = SECONDS(40);
	world->settings.names.failure_ttl = SECONDS(7);
	for (unsigned i = 0; i < world->settings.n_services; i++)
		world->settings.services[i].concurrent = world->settings.services[i].new_count = 0;
	start(world);
	assert_int_equal(guard_local_address(world->guard, &own6, true, world->now), 0);
	for (unsigned step = 0; step < 60000; step++) {
		random_step(world, &model);
		check_world(world);
	}
	stats = gate_stats_of(world);
	/* every ending was met */
	assert_true(stats.accepted_verified > 100 && stats.accepted_ptr > 100 &&
		    stats.accepted_unknown > 100 && stats.accepted_full > 20 &&
		    stats.accepted_exempt > 100 && stats.refused > 100 && stats.dropped > 100 &&
		    stats.timed_out > 20 && stats.joined > 100 && stats.observed_sources > 0);
	assert_int_equal(stats.table.held_peak, 12);
	assert_int_equal(world->decisions[DECISION_REFUSE], stats.refused_sources);
	end(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joined),
		cmocka_unit_test(test_another_address_of_the_prefix),
		cmocka_unit_test(test_asked_already),
		cmocka_unit_test(test_known_names),
		cmocka_unit_test(test_unverifiable),
		cmocka_unit_test(test_never_held),
		cmocka_unit_test(test_what_is_lifted),
		cmocka_unit_test(test_banned_while_waiting),
		cmocka_unit_test(test_packet_bound),
		cmocka_unit_test(test_question_bound),
		cmocka_unit_test(test_source_bound),
		cmocka_unit_test(test_next_tick),
		cmocka_unit_test(test_resolver_gone),
		cmocka_unit_test(test_question_ends_before_hold),
		cmocka_unit_test(test_closed_and_released),
		cmocka_unit_test(test_late_answers),
		cmocka_unit_test(test_a_name_after_all),
		cmocka_unit_test(test_unenforceable_while_waiting),
		cmocka_unit_test(test_observed_once),
		cmocka_unit_test(test_observed_elsewhere_refused_here),
		cmocka_unit_test(test_random_sequences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
