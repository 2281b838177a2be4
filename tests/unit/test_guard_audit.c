// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's sets held against the bans, and times when nothing can be enforced. */
#include "guard_world.h"

#define SUBMISSION 1 /* ignores names: a source over its limit is banned at once */

static void ban(struct world *world, const char *text, usec_t duration)
{
	struct prefix p = pfx(text), conflict;

	assert_int_equal(guard_ban(world->guard, &p, duration, "", world->now, &conflict), 0);
}

static void seen(struct world *world, const char *text, usec_t remaining)
{
	struct prefix p = pfx(text);

	guard_audit_element(world->guard, &p, remaining, world->now);
}

/* Ops of one audit only. */
static void begin(struct world *world)
{
	world->now += SECONDS(1);
	world->adds = world->deletes = 0;
	guard_audit_begin(world->guard, world->now);
}

static struct world *world_with_bans(void)
{
	struct world *world = new_world();

	start(world);
	ban(world, "192.0.2.1", HOURS(1));
	ban(world, "192.0.2.2", HOURS(1));
	ban(world, "2001:db8:1::/64", USEC_NEVER);
	return world;
}

static void test_all_as_it_should_be(void **state UNUSED)
{
	struct world *world = world_with_bans();

	for (unsigned round = 0; round < 3; round++) {
		begin(world);
		seen(world, "192.0.2.1", ban_of(world, "192.0.2.1")->expires - world->now);
		/* within the tolerance, either way */
		seen(world, "192.0.2.2",
		     ban_of(world, "192.0.2.2")->expires - world->now + SECONDS(2) - round * SECONDS(2));
		seen(world, "2001:db8:1::/64", USEC_NEVER);
		guard_audit_end(world->guard, true, world->now);
		assert_int_equal(world->adds + world->deletes, 0);
	}
	assert_int_equal(stats_of(world).audit_added + stats_of(world).audit_deleted, 0);
	end(world);
}

static void test_missing(void **state UNUSED)
{
	struct world *world = world_with_bans();
	struct prefix p = pfx("192.0.2.2");

	(void)mirror_remove(&world->elements, &p);
	begin(world);
	seen(world, "192.0.2.1", ban_of(world, "192.0.2.1")->expires - world->now);
	seen(world, "2001:db8:1::/64", USEC_NEVER);
	/* a reader that was interrupted has seen nothing that is not there */
	guard_audit_end(world->guard, false, world->now);
	assert_int_equal(world->adds, 0);
	begin(world);
	seen(world, "192.0.2.1", ban_of(world, "192.0.2.1")->expires - world->now);
	seen(world, "2001:db8:1::/64", USEC_NEVER);
	guard_audit_end(world->guard, true, world->now);
	assert_int_equal(world->adds, 1);
	assert_true(prefix_equal(&world->last, &p));
	assert_int_equal(stats_of(world).audit_added, 1);
	assert_int_equal(world->decisions[DECISION_BAN], 3);
	check_world(world);
	end(world);
}

static void test_foreign(void **state UNUSED)
{
	struct world *world = world_with_bans();
	struct prefix p = pfx("203.0.113.1");

	begin(world);
	seen(world, "203.0.113.1", HOURS(1));
	assert_int_equal(world->deletes, 1);
	assert_true(prefix_equal(&world->last, &p));
	seen(world, "203.0.113.2", USEC_NEVER);
	assert_int_equal(world->deletes, 2);
	/* goes by itself */
	seen(world, "203.0.113.3", SECONDS(2));
	guard_audit_end(world->guard, false, world->now);
	assert_int_equal(world->deletes, 2);
	assert_int_equal(stats_of(world).audit_deleted, 2);
	end(world);
}

static void test_wrong_end(void **state UNUSED)
{
	struct world *world = world_with_bans();

	begin(world);
	seen(world, "192.0.2.1", MINUTES(10));
	assert_int_equal(world->adds, 1);
	assert_true(world->expires == ban_of(world, "192.0.2.1")->expires);
	seen(world, "192.0.2.2", USEC_NEVER);
	seen(world, "2001:db8:1::/64", HOURS(9));
	guard_audit_end(world->guard, true, world->now);
	assert_int_equal(world->adds, 3);
	assert_int_equal(stats_of(world).audit_added, 3);
	check_world(world);
	end(world);
}

static void test_bans_made_meanwhile(void **state UNUSED)
{
	struct world *world = world_with_bans();

	begin(world);
	seen(world, "192.0.2.1", ban_of(world, "192.0.2.1")->expires - world->now);
	seen(world, "2001:db8:1::/64", USEC_NEVER);
	world->now += USEC_PER_MSEC;
	/* written behind the reader, or read before it was written anew */
	ban(world, "192.0.2.3", HOURS(1));
	ban(world, "192.0.2.2", HOURS(5));
	seen(world, "192.0.2.2", MINUTES(59));
	world->adds = 0;
	guard_audit_end(world->guard, true, world->now);
	assert_int_equal(world->adds, 0);
	/* the next one sees them */
	begin(world);
	guard_audit_end(world->guard, true, world->now);
	assert_int_equal(world->adds, 4);
	end(world);
}

/* Near its end, and past it before the tick came: nothing of it is written any more. */
static void test_about_to_expire(void **state UNUSED)
{
	struct world *world = new_world();
	usec_t expires;

	start(world);
	ban(world, "192.0.2.1", MINUTES(1));
	ban(world, "192.0.2.2", MINUTES(1));
	expires = world->now + MINUTES(1);
	world->now = expires - SECONDS(3);
	begin(world);
	guard_audit_end(world->guard, true, world->now);
	assert_int_equal(world->adds, 0);
	world->now = expires + SECONDS(5);
	begin(world);
	/* somebody wrote it without an end */
	seen(world, "192.0.2.1", USEC_NEVER);
	seen(world, "192.0.2.2", SECONDS(1));
	guard_audit_end(world->guard, true, world->now);
	assert_int_equal(world->adds, 0);
	assert_int_equal(world->deletes, 1);
	end(world);
}

static void test_element_results(void **state UNUSED)
{
	struct world *world = world_with_bans();
	struct prefix p = pfx("192.0.2.1"), stranger = pfx("192.0.2.77");

	assert_false(ban_of(world, "192.0.2.1")->enforced);
	guard_element_result(world->guard, &p, true);
	assert_true(ban_of(world, "192.0.2.1")->enforced);
	guard_element_result(world->guard, &p, false);
	guard_element_result(world->guard, &stranger, false);
	assert_false(ban_of(world, "192.0.2.1")->enforced);
	assert_int_equal(stats_of(world).elements_refused, 2);
	end(world);
}

static void test_unenforceable(void **state UNUSED)
{
	struct world *world = new_world();

	start(world);
	open_many(world, "192.0.2.1", 587, 31);
	assert_int_equal(stats_of(world).bans, 1);
	guard_set_unenforceable(world->guard, "no table");
	assert_string_equal(stats_of(world).unenforceable, "no table");
	open_many(world, "192.0.2.2", 587, 31);
	assert_int_equal(world->decisions[DECISION_OBSERVE], 1);
	assert_string_equal(world->because, "no table");
	assert_int_equal(standing_of(world, "192.0.2.2", SUBMISSION), STANDING_OVER_LIMIT);
	/* what was decided before stays, and so does what an operator wants */
	assert_int_equal(standing_of(world, "192.0.2.1", SUBMISSION), STANDING_BANNED);
	ban(world, "192.0.2.3", HOURS(1));
	assert_int_equal(stats_of(world).bans, 2);
	guard_set_unenforceable(world->guard, NULL);
	assert_null(stats_of(world).unenforceable);
	assert_null(ban_of(world, "192.0.2.2"));
	/* judged again with the next dump, which the daemon asks for; its counts are sure anyway */
	guard_sync_begin(world->guard);
	for (uint16_t i = 0; i < 31; i++) {
		struct ct_event line =
			event_of(addr("192.0.2.2"), (uint16_t)(1024 + i), 587, FLOW_ESTABLISHED);

		guard_sync_line(world->guard, &line, world->now);
	}
	while (!guard_sync_end(world->guard, false, world->now))
		;
	assert_non_null(ban_of(world, "192.0.2.2"));
	assert_int_equal(world->decisions[DECISION_BAN], 3);
	check_world(world);
	end(world);
}

/* --- random drift: whatever somebody does to the sets, one complete audit puts it right --- */

static void disturb(struct world *world, struct mirror *kernel)
{
	struct address a = addr_n(random_below(40));
	struct prefix p = prefix_host(&a);

	switch (random_below(3)) {
	case 0:
		(void)mirror_remove(kernel, &p);
		break;
	case 1:
		mirror_put(kernel, &p, USEC_NEVER);
		break;
	default:
		mirror_put(kernel, &p, world->now + SECONDS(3 + random_below(4000)));
		break;
	}
}

static void test_random_drift(void **state UNUSED)
{
	struct world *world = new_world();
	static struct mirror before;
	struct prefix conflict;

	start(world);
	for (unsigned round = 0; round < 2000; round++) {
		for (unsigned i = 0; i < 5; i++) {
			struct address a = addr_n(random_below(40));
			struct prefix p = prefix_host(&a);

			assert_int_equal(guard_ban(world->guard, &p,
						   SECONDS(10 + random_below(2000)), "", world->now,
						   &conflict),
					 0);
		}
		pass_time(world, SECONDS(random_below(100)));
		guard_tick(world->guard, world->now);
		for (unsigned i = random_below(8); i > 0; i--)
			disturb(world, &world->elements);
		pass_time(world, SECONDS(1));
		guard_tick(world->guard, world->now);
		guard_audit_begin(world->guard, world->now);
		before = world->elements;
		for (unsigned i = 0; i < before.n; i++)
			guard_audit_element(world->guard, &before.items[i].prefix,
					    before.items[i].expires == USEC_NEVER ?
						    USEC_NEVER :
						    before.items[i].expires - world->now,
					    world->now);
		guard_audit_end(world->guard, true, world->now);
		/* the tolerances are seconds: let what is near its end go before comparing */
		pass_time(world, SECONDS(4));
		for (unsigned i = 0; i < world->elements.n; i++) {
			const struct ban *ban = ban_table_find(guard_bans(world->guard),
							       &world->elements.items[i].prefix);
			usec_t end = world->elements.items[i].expires;

			assert_non_null(ban);
			assert_true(MAX_OF(end, ban->expires) - MIN_OF(end, ban->expires) <=
				    SECONDS(2));
			world->elements.items[i].expires = ban->expires;
		}
		check_world(world);
	}
	end(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_as_it_should_be),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_wrong_end),
		cmocka_unit_test(test_bans_made_meanwhile),
		cmocka_unit_test(test_about_to_expire),
		cmocka_unit_test(test_element_results),
		cmocka_unit_test(test_unenforceable),
		cmocka_unit_test(test_random_drift),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
