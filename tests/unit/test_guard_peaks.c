// SPDX-License-Identifier: GPL-2.0-or-later
/* What sources reached, day by day. */
#include "guard_world.h"

enum { SMTP, SUBMISSION }; /* as in settings_defaults() */

#define DAY(n) ((n) * HOURS(24))

static void test_told_every_five_minutes(void **state UNUSED)
{
	struct world *world = new_world();

	start(world);
	guard_begin_day(world->guard, DAY(7), world->now);
	open_many(world, "192.0.2.9", 587, 5);
	close_many(world, "192.0.2.9", 587, 3);
	pass_time(world, SECONDS(299));
	assert_int_equal(world->peaks, 0);
	pass_time(world, SECONDS(2));
	assert_int_equal(world->peaks, 1);
	assert_true(world->peak.day == DAY(7));
	assert_int_equal(world->peak.concurrent, 5);
	assert_int_equal(world->peak.fresh, 5);
	assert_string_equal(world->peak_service, "submission");
	assert_int_equal(world->peak.ptr_state, PTR_STATE_UNKNOWN);
	assert_string_equal(world->peak_name, "");
	/* nothing grew */
	pass_time(world, MINUTES(10));
	assert_int_equal(world->peaks, 1);
	open_from(world, addr("192.0.2.9"), 2000, 587, 4);
	pass_time(world, MINUTES(6));
	assert_int_equal(world->peaks, 2);
	assert_int_equal(world->peak.concurrent, 6);
	assert_int_equal(world->peak.fresh, 5);
	end(world);
}

static void test_one_connection_is_not_worth_it(void **state UNUSED)
{
	struct world *world = new_world();

	start(world);
	open_many(world, "192.0.2.9", 25, 1);
	for (uint16_t i = 0; i < 5; i++) {
		close_many(world, "192.0.2.9", 25, 1);
		pass_time(world, MINUTES(6));
		open_many(world, "192.0.2.9", 25, 1);
	}
	assert_int_equal(world->peaks, 0);
	/* two handshakes are */
	close_many(world, "192.0.2.9", 25, 1);
	open_many(world, "192.0.2.9", 25, 1);
	close_many(world, "192.0.2.9", 25, 1);
	pass_time(world, MINUTES(6));
	assert_int_equal(world->peaks, 1);
	assert_int_equal(world->peak.concurrent, 1);
	assert_int_equal(world->peak.fresh, 2);
	end(world);
}

static void test_names_are_told(void **state UNUSED)
{
	struct world *world = new_world();
	struct name_answer a = { .address = addr("192.0.2.9"),
				 .result = NAME_ANSWER_VERIFIED,
				 .ttl = HOURS(1),
				 .n_names = 1,
				 .names = { "mx.example" } };

	start(world);
	open_many(world, "192.0.2.9", 25, 8);
	assert_int_equal(world->resolves, 1);
	guard_name_answer(world->guard, &a, world->now);
	guard_tell_peaks(world->guard, world->now);
	assert_int_equal(world->peaks, 1);
	assert_int_equal(world->peak.ptr_state, PTR_STATE_VERIFIED);
	assert_string_equal(world->peak_name, "mx.example");
	end(world);
}

static void test_day_changes(void **state UNUSED)
{
	struct world *world = new_world();

	start(world);
	guard_begin_day(world->guard, DAY(7), world->now);
	open_many(world, "192.0.2.9", 587, 9);
	close_many(world, "192.0.2.9", 587, 2);
	pass_time(world, MINUTES(2));
	guard_begin_day(world->guard, DAY(7), world->now);
	assert_int_equal(world->peaks, 0);
	guard_begin_day(world->guard, DAY(8), world->now);
	pass_time(world, SECONDS(1));
	/* what it reached before midnight is the day's before */
	assert_int_equal(world->peaks, 1);
	assert_true(world->peak.day == DAY(7));
	assert_int_equal(world->peak.concurrent, 9);
	assert_int_equal(world->peak.fresh, 9);
	/* connections that last are there on the new day too, its handshakes are not */
	pass_time(world, MINUTES(6));
	assert_int_equal(world->peaks, 2);
	assert_true(world->peak.day == DAY(8));
	assert_int_equal(world->peak.concurrent, 7);
	assert_int_equal(world->peak.fresh, 0);
	open_from(world, addr("192.0.2.9"), 2000, 587, 1);
	pass_time(world, MINUTES(6));
	assert_int_equal(world->peaks, 3);
	assert_int_equal(world->peak.concurrent, 8);
	assert_int_equal(world->peak.fresh, 1);
	end(world);
}

/* A source that grows before the walk of midnight has come to it. */
static void test_growing_over_midnight(void **state UNUSED)
{
	struct world *world = new_world();

	start(world);
	guard_begin_day(world->guard, DAY(7), world->now);
	open_many(world, "192.0.2.9", 587, 3);
	guard_begin_day(world->guard, DAY(8), world->now);
	open_from(world, addr("192.0.2.9"), 2000, 587, 1);
	open_many(world, "192.0.2.8", 587, 6);
	guard_tell_peaks(world->guard, world->now);
	assert_int_equal(world->peaks, 2);
	guard_tell_peaks(world->guard, world->now);
	assert_int_equal(world->peaks, 3);
	assert_true(world->peak.day == DAY(8));
	assert_int_equal(world->peak.concurrent, 4);
	end(world);
}

static void test_told_when_forgotten(void **state UNUSED)
{
	struct world *world = new_world();
	struct source_table_stats stats;

	world->settings.max_sources = 1024;
	start(world);
	guard_begin_day(world->guard, DAY(7), world->now);
	open_many(world, "192.0.2.9", 587, 3);
	close_many(world, "192.0.2.9", 587, 3);
	for (uint32_t n = 0; n < 1024; n++)
		flow(world, addr_n(n), 1000, 587, FLOW_ESTABLISHED);
	source_table_stats(guard_sources(world->guard), &stats);
	assert_int_equal(stats.evicted, 1);
	assert_int_equal(world->peaks, 1);
	assert_int_equal(world->peak.concurrent, 3);
	end(world);
}

static void test_told_in_slices(void **state UNUSED)
{
	struct world *world = new_world();
	unsigned most = 0;

	world->settings.max_sources = world->settings.max_flows = 8192;
	start(world);
	pass_time(world, SECONDS(1));
	for (uint32_t n = 0; n < 3000; n++)
		for (uint16_t i = 0; i < 2; i++)
			flow(world, addr_n(n), (uint16_t)(1000 + i), 587, FLOW_ESTABLISHED);
	while (world->peaks < 3000) {
		unsigned before = world->peaks;

		world->now = MAX_OF(world->now, guard_next_tick(world->guard));
		guard_tick(world->guard, world->now);
		most = MAX_OF(most, world->peaks - before);
	}
	assert_int_equal(most, 1024);
	assert_int_equal(world->peaks, 3000);
	pass_time(world, MINUTES(20));
	assert_int_equal(world->peaks, 3000);
	end(world);
}

static void test_reload_loses_none(void **state UNUSED)
{
	struct world *world = new_world();
	struct guard_settings next;

	start(world);
	guard_begin_day(world->guard, DAY(7), world->now);
	open_many(world, "192.0.2.9", 587, 3);
	open_many(world, "192.0.2.9", 25, 4);
	close_many(world, "192.0.2.9", 25, 4);
	next = world->settings;
	next.n_services = 1; /* without submission */
	assert_int_equal(guard_reload(world->guard, &next, world->now), 0);
	assert_int_equal(world->peaks, 1);
	assert_string_equal(world->peak_service, "submission");
	guard_tell_peaks(world->guard, world->now);
	assert_int_equal(world->peaks, 2);
	assert_string_equal(world->peak_service, "smtp");
	assert_int_equal(world->peak.concurrent, 4);
	guard_free(world->guard);
	world->guard = NULL;
	end(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told_every_five_minutes),
		cmocka_unit_test(test_one_connection_is_not_worth_it),
		cmocka_unit_test(test_names_are_told),
		cmocka_unit_test(test_day_changes),
		cmocka_unit_test(test_growing_over_midnight),
		cmocka_unit_test(test_told_when_forgotten),
		cmocka_unit_test(test_told_in_slices),
		cmocka_unit_test(test_reload_loses_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
