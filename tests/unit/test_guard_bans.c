// SPDX-License-Identifier: GPL-2.0-or-later
/* How long bans last, who stays when there is no room, the breaker, and who passes the ceilings. */
#include "guard_world.h"

#define SUBMISSION 1 /* ignores names: a source over its limit is banned at once */

/* Its n-th connection bans it, with a limit of n - 1. */
static struct world *new_strict_world(uint32_t limit)
{
	struct world *world = new_world();

	world->settings.services[SUBMISSION].concurrent = limit;
	world->settings.services[SUBMISSION].new_count = 0;
	return world;
}

static void offend(struct world *world, const char *source, uint16_t connections)
{
	open_many(world, source, 587, connections);
}

static usec_t ban_length(const struct world *world, const char *source)
{
	const struct ban *ban = ban_of(world, source);

	return ban ? ban->expires - world->now : 0;
}

/* --- the ladder --- */

static void test_ladder(void **state UNUSED)
{
	struct world *world = new_strict_world(2);
	usec_t expected = HOURS(1);

	world->settings.bans.max_duration = HOURS(6);
	world->settings.bans.forget_after = HOURS(24);
	start(world);
	for (unsigned step = 0; step < 5; step++) {
		offend(world, "192.0.2.9", 3);
		assert_true(ban_length(world, "192.0.2.9") == expected);
		assert_int_equal(ban_of(world, "192.0.2.9")->earlier, step);
		check_world(world);
		close_many(world, "192.0.2.9", 587, 3);
		pass_time(world, expected);
		assert_null(ban_of(world, "192.0.2.9"));
		expected = MIN_OF(2 * expected, HOURS(6));
	}
	/* another source begins at the beginning */
	offend(world, "192.0.2.8", 3);
	assert_true(ban_length(world, "192.0.2.8") == HOURS(1));
	pass_time(world, HOURS(25));
	offend(world, "192.0.2.9", 3);
	assert_true(ban_length(world, "192.0.2.9") == HOURS(1));
	assert_int_equal(ban_of(world, "192.0.2.9")->earlier, 0);
	check_world(world);
	end(world);
}

static void test_no_growth(void **state UNUSED)
{
	struct world *world = new_strict_world(2);

	world->settings.bans.growth = 1.0;
	start(world);
	for (unsigned step = 0; step < 4; step++) {
		offend(world, "192.0.2.9", 3);
		assert_true(ban_length(world, "192.0.2.9") == HOURS(1));
		close_many(world, "192.0.2.9", 587, 3);
		pass_time(world, HOURS(1));
	}
	end(world);
}

/* An unban of one source, of a network, a flush, an allow: none is held against the source. */
static void test_lifted_bans_are_no_step(void **state UNUSED)
{
	struct world *world = new_strict_world(2);
	struct prefix p = pfx("192.0.2.9"), wide = pfx("192.0.2.0/24"), conflict;
	unsigned lifted;

	world->settings.unban_grace = 1;
	world->settings.bans.forget_after = HOURS(100);
	start(world);
	offend(world, "192.0.2.9", 3);
	close_many(world, "192.0.2.9", 587, 3);
	pass_time(world, HOURS(1));
	for (unsigned way = 0; way < 4; way++) {
		offend(world, "192.0.2.9", 3);
		assert_true(ban_length(world, "192.0.2.9") == HOURS(2));
		lifted = 0;
		if (way == 0)
			assert_int_equal(guard_unban(world->guard, &p, 0, world->now, &lifted,
						     &conflict),
					 0);
		else if (way == 1)
			assert_int_equal(guard_unban(world->guard, &wide, 0, world->now, &lifted,
						     &conflict),
					 0);
		else if (way == 2)
			lifted = guard_flush(world->guard, world->now);
		else
			assert_int_equal(guard_allow(world->guard, &p, SECONDS(1), "", world->now,
						     &lifted, &conflict),
					 0);
		assert_int_equal(lifted, 1);
		check_world(world);
		close_many(world, "192.0.2.9", 587, 3);
		pass_time(world, SECONDS(2));
	}
	offend(world, "192.0.2.9", 3);
	assert_true(ban_length(world, "192.0.2.9") == HOURS(2));
	end(world);
}

static void test_operator_bans_are_no_step(void **state UNUSED)
{
	struct world *world = new_strict_world(2);
	struct prefix p = pfx("192.0.2.9"), conflict;

	start(world);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(guard_ban(world->guard, &p, MINUTES(10), "", world->now, &conflict),
				 0);
		assert_true(ban_length(world, "192.0.2.9") == MINUTES(10));
		pass_time(world, MINUTES(10));
	}
	offend(world, "192.0.2.9", 3);
	assert_true(ban_length(world, "192.0.2.9") == HOURS(1));
	close_many(world, "192.0.2.9", 587, 3);
	pass_time(world, HOURS(1));
	/* and do not climb either */
	assert_int_equal(guard_ban(world->guard, &p, 0, "", world->now, &conflict), 0);
	assert_true(ban_length(world, "192.0.2.9") == HOURS(1));
	end(world);
}

/* --- the breaker --- */

static void test_breaker(void **state UNUSED)
{
	struct world *world = new_strict_world(2);
	struct prefix p = pfx("192.0.2.200"), conflict;

	world->settings.bans.max_per_minute = 5;
	start(world);
	for (uint32_t n = 0; n < 8; n++) {
		open_from(world, addr_n(n), 1024, 587, 3);
		world->now += SECONDS(1);
	}
	assert_int_equal(world->decisions[DECISION_BAN], 5);
	assert_int_equal(world->decisions[DECISION_EXEMPT], 3);
	assert_string_equal(world->because, "max_per_minute reached");
	assert_true(stats_of(world).breaker_open);
	assert_int_equal(stats_of(world).bans_held_back, 3);
	assert_int_equal(standing_of(world, "10.0.0.7", SUBMISSION), STANDING_OVER_LIMIT);
	/* an operator is no flood */
	assert_int_equal(guard_ban(world->guard, &p, 0, "", world->now, &conflict), 0);
	assert_int_equal(stats_of(world).bans, 6);
	/* the first five fell at 0 to 4 s */
	pass_time(world, SECONDS(51));
	assert_int_equal(stats_of(world).bans, 6);
	/* trying again is not one more each time */
	assert_int_equal(stats_of(world).bans_held_back, 3);
	pass_time(world, SECONDS(2));
	assert_in_range(stats_of(world).bans, 7, 8);
	pass_time(world, SECONDS(2));
	assert_int_equal(stats_of(world).bans, 9);
	assert_int_equal(world->decisions[DECISION_EXEMPT], 3);
	check_world(world);
	pass_time(world, SECONDS(61));
	assert_false(stats_of(world).breaker_open);
	end(world);
}

/* More are held back than can wait in line: the next dump finds the rest. */
static void test_breaker_holds_many_back(void **state UNUSED)
{
	struct world *world = new_strict_world(1);
	enum { SOURCES = 6000 };

	world->settings.max_sources = world->settings.max_flows = 16384;
	world->settings.bans.max_bans = 8192;
	world->settings.bans.max_per_minute = 100;
	world->settings.enforcement.close_connections = false;
	start(world);
	world->settings.bans.max_per_minute = 60000; /* for later: the first 100 come at once */
	for (uint32_t n = 0; n < 100; n++)
		open_from(world, addr_n(n), 1024, 587, 2);
	world->settings.bans.max_per_minute = 100;
	for (uint32_t n = 100; n < SOURCES; n++)
		open_from(world, addr_n(n), 1024, 587, 2);
	assert_int_equal(world->decisions[DECISION_BAN], 100);
	assert_int_equal(stats_of(world).bans_held_back, SOURCES - 100);
	world->settings.bans.max_per_minute = 60000;
	guard_sync_begin(world->guard);
	for (uint32_t n = 0; n < SOURCES; n++)
		for (uint16_t port = 1024; port < 1026; port++) {
			struct ct_event line = event_of(addr_n(n), port, 587, FLOW_ESTABLISHED);

			guard_sync_line(world->guard, &line, world->now);
		}
	while (!guard_sync_end(world->guard, false, world->now))
		;
	pass_time(world, SECONDS(1));
	assert_int_equal(ban_table_count(guard_bans(world->guard)), SOURCES);
	end(world);
}

/* --- no room --- */

static void test_the_worst_stay(void **state UNUSED)
{
	struct world *world = new_strict_world(10);
	enum { OFFENDERS = 200, ROOM = 16 };
	uint32_t order[OFFENDERS];

	world->settings.bans.max_bans = ROOM;
	world->settings.enforcement.close_connections = false;
	world->settings.max_flows = 16384;
	start(world);
	/* source n ends with 11 + n connections, all at once, in random order */
	for (uint32_t i = 0; i < OFFENDERS; i++) {
		uint32_t k = random_below(i + 1);

		order[i] = order[k];
		order[k] = i;
	}
	for (uint32_t i = 0; i < OFFENDERS; i++) {
		world->now += USEC_PER_MSEC;
		open_from(world, addr_n(order[i]), 1024, 587, (uint16_t)(11 + order[i]));
		assert_in_range(world->elements.n, 1, ROOM);
		check_world(world);
	}
	assert_int_equal(ban_table_count(guard_bans(world->guard)), ROOM);
	assert_true(stats_of(world).bans_replaced > 0);
	assert_int_equal(world->ends[GUARD_END_REPLACED], stats_of(world).bans_replaced);
	for (uint32_t n = 0; n < OFFENDERS; n++) {
		struct address a = addr_n(n);
		struct prefix p = prefix_host(&a);
		const struct ban *ban = ban_table_find(guard_bans(world->guard), &p);

		/* a severity is a quarter of a doubling: 19 per cent */
		if ((11 + n) * 100 > (11 + OFFENDERS - ROOM) * 120)
			assert_non_null(ban);
		if ((11 + n) * 120 < (11 + OFFENDERS - ROOM) * 100)
			assert_null(ban);
		/* to make room is no offence */
		if (ban)
			assert_int_equal(ban->earlier, 0);
	}
	end(world);
}

/* Two sources that compete for one place do not climb the ladder by that. */
static void test_replaced_bans_are_no_step(void **state UNUSED)
{
	struct world *world = new_strict_world(10);
	uint16_t have[2] = { 0 };

	world->settings.bans.max_bans = 1;
	world->settings.enforcement.close_connections = false;
	start(world);
	/* each in turn twice as many as the other */
	for (uint16_t wanted = 16, turn = 0; wanted <= 256; wanted *= 2, turn ^= 1) {
		open_from(world, addr_n(1 + turn), have[turn], 587, (uint16_t)(wanted - have[turn]));
		have[turn] = wanted;
		check_world(world);
	}
	assert_true(stats_of(world).bans_replaced > 2);
	assert_int_equal(ban_table_count(guard_bans(world->guard)), 1);
	for (uint32_t n = 1; n <= 2; n++) {
		struct address a = addr_n(n);
		struct prefix p = prefix_host(&a);
		const struct ban *ban = ban_table_find(guard_bans(world->guard), &p);

		if (ban)
			assert_int_equal(ban->earlier, 0);
		if (ban)
			assert_true(ban->expires == world->now + HOURS(1));
	}
	end(world);
}

static void test_equals_do_not_replace(void **state UNUSED)
{
	struct world *world = new_strict_world(10);

	world->settings.bans.max_bans = 2;
	start(world);
	for (uint32_t n = 0; n < 5; n++) {
		open_from(world, addr_n(n), 1024, 587, 11);
		world->now += SECONDS(1);
	}
	assert_non_null(ban_of(world, "10.0.0.0"));
	assert_non_null(ban_of(world, "10.0.0.1"));
	assert_int_equal(stats_of(world).bans_replaced, 0);
	assert_int_equal(stats_of(world).bans_full, 3);
	assert_string_equal(world->because, "max_bans reached");
	/* twice as many: the one that came first of the least gives way */
	open_from(world, addr_n(4), 2000, 587, 14);
	assert_non_null(ban_of(world, "10.0.0.4"));
	assert_null(ban_of(world, "10.0.0.0"));
	check_world(world);
	end(world);
}

static void test_earlier_bans_weigh(void **state UNUSED)
{
	struct world *world = new_strict_world(10);
	struct prefix old = pfx("192.0.2.1");

	world->settings.bans.max_bans = 1;
	start(world);
	guard_restore_past(world->guard, &old, 1, world->now - HOURS(3));
	offend(world, "192.0.2.2", 11);
	offend(world, "192.0.2.1", 11);
	assert_non_null(ban_of(world, "192.0.2.1"));
	assert_int_equal(ban_of(world, "192.0.2.1")->earlier, 1);
	assert_null(ban_of(world, "192.0.2.2"));
	end(world);
}

static void test_operator_bans_stay(void **state UNUSED)
{
	struct world *world = new_strict_world(10);
	struct prefix p = pfx("192.0.2.1"), q = pfx("192.0.2.2"), r = pfx("192.0.2.3"), conflict;

	world->settings.bans.max_bans = 2;
	start(world);
	assert_int_equal(guard_ban(world->guard, &p, 0, "", world->now, &conflict), 0);
	offend(world, "192.0.2.9", 1000);
	assert_int_equal(guard_ban(world->guard, &q, 0, "", world->now, &conflict), 0);
	assert_null(ban_of(world, "192.0.2.9"));
	offend(world, "192.0.2.8", 1000);
	assert_null(ban_of(world, "192.0.2.8"));
	assert_int_equal(guard_ban(world->guard, &r, 0, "", world->now, &conflict), GUARD_BANS_FULL);
	check_world(world);
	end(world);
}

/* A flood of offenders without a place does not push out what is remembered of others. */
static void test_who_finds_no_place_is_not_remembered(void **state UNUSED)
{
	struct world *world = new_strict_world(1);
	struct prefix worst = pfx("192.0.2.1"), spared = pfx("192.0.2.2"), conflict;
	unsigned lifted;

	world->settings.bans.max_bans = 1;
	start(world);
	assert_int_equal(guard_ban(world->guard, &worst, 0, "", world->now, &conflict), 0);
	assert_int_equal(guard_unban(world->guard, &spared, 0, world->now, &lifted, &conflict),
			 GUARD_NOT_BANNED);
	for (uint32_t n = 0; n < 70000; n++) {
		open_from(world, addr_n(n), 1024, 587, 2);
		flow(world, addr_n(n), 1024, 587, FLOW_CLOSED);
		flow(world, addr_n(n), 1025, 587, FLOW_CLOSED);
	}
	assert_int_equal(stats_of(world).bans_full, 70000);
	assert_int_equal(stats_of(world).graces, 1);
	end(world);
}

/* A place that becomes free is filled without another connection: with the next dump at the latest. */
static void test_a_free_place_is_filled(void **state UNUSED)
{
	struct world *world = new_strict_world(2);
	struct prefix p = pfx("192.0.2.1"), conflict;
	unsigned lifted;

	world->settings.bans.max_bans = 1;
	start(world);
	offend(world, "192.0.2.1", 3);
	offend(world, "192.0.2.2", 3);
	assert_null(ban_of(world, "192.0.2.2"));
	assert_int_equal(guard_unban(world->guard, &p, 0, world->now, &lifted, &conflict), 0);
	guard_sync_begin(world->guard);
	for (uint16_t port = 1024; port < 1027; port++) {
		struct ct_event line = event_of(addr("192.0.2.2"), port, 587, FLOW_ESTABLISHED);

		guard_sync_line(world->guard, &line, world->now);
	}
	while (!guard_sync_end(world->guard, false, world->now))
		;
	assert_non_null(ban_of(world, "192.0.2.2"));
	end(world);
}

static void test_peak_while_banned(void **state UNUSED)
{
	struct world *world = new_strict_world(10);
	uint8_t severity;

	world->settings.enforcement.close_connections = false;
	start(world);
	offend(world, "192.0.2.9", 11);
	assert_int_equal(ban_of(world, "192.0.2.9")->reason.peak, 11);
	severity = ban_of(world, "192.0.2.9")->severity;
	open_from(world, addr("192.0.2.9"), 3000, 587, 50);
	assert_int_equal(ban_of(world, "192.0.2.9")->reason.peak, 61);
	assert_int_equal(ban_of(world, "192.0.2.9")->reason.observed, 11);
	assert_true(ban_of(world, "192.0.2.9")->severity > severity);
	/* connections to another service are no evidence about this one */
	severity = ban_of(world, "192.0.2.9")->severity;
	open_from(world, addr("192.0.2.9"), 5000, 25, 1000);
	assert_int_equal(ban_of(world, "192.0.2.9")->reason.peak, 61);
	assert_int_equal(ban_of(world, "192.0.2.9")->severity, severity);
	end(world);
}

static void test_closing_on_a_ban(void **state UNUSED)
{
	for (int wanted = 0; wanted < 2; wanted++) {
		struct world *world = new_strict_world(2);
		struct prefix p = pfx("192.0.2.8"), wide = pfx("203.0.113.0/24"), conflict;

		world->settings.enforcement.close_connections = wanted;
		start(world);
		offend(world, "192.0.2.9", 3);
		assert_int_equal(guard_ban(world->guard, &p, 0, "", world->now, &conflict), 0);
		assert_int_equal(guard_ban(world->guard, &wide, 0, "", world->now, &conflict), 0);
		assert_int_equal(world->closes, wanted ? 3 : 0);
		end(world);
	}
}

/* --- expiry --- */

/* Many ends close together are not as many walks over all bans. */
static void test_many_ends(void **state UNUSED)
{
	struct world *world = new_strict_world(1);
	unsigned ticks = 0;
	usec_t until;

	world->settings.bans.max_bans = 1000;
	start(world);
	for (uint32_t n = 0; n < 1000; n++) {
		open_from(world, addr_n(n), 1024, 587, 2);
		flow(world, addr_n(n), 1024, 587, FLOW_CLOSED);
		flow(world, addr_n(n), 1025, 587, FLOW_CLOSED);
		world->now += USEC_PER_MSEC;
	}
	until = world->now + HOURS(1);
	world->now = until - SECONDS(2);
	guard_tick(world->guard, world->now);
	for (; guard_next_tick(world->guard) <= until + SECONDS(1); ticks++) {
		world->now = MAX_OF(world->now, guard_next_tick(world->guard));
		guard_tick(world->guard, world->now);
	}
	assert_int_equal(world->decisions[DECISION_EXPIRE], 1000);
	assert_in_range(ticks, 2, 40);
	end(world);
}

/* --- trust --- */

static void test_trust_of_verified_sources(void **state UNUSED)
{
	struct world *world = new_world();

	world->settings.names.max_ttl = HOURS(10);
	world->settings.verified_for = HOURS(2);
	start(world);
	/* known before the limit is reached, so that the ceiling never meets the source */
	open_many(world, "192.0.2.9", 25, 6);
	assert_int_equal(world->resolves, 1);
	answer(world, "192.0.2.9", NAME_ANSWER_VERIFIED);
	assert_int_equal(world->trusts, 1);
	assert_true(world->until == world->now + HOURS(2));
	assert_int_equal(stats_of(world).trusted, 1);
	/* renewed at half time */
	world->now += MINUTES(59);
	open_from(world, addr("192.0.2.9"), 3000, 25, 1);
	assert_int_equal(world->trusts, 1);
	world->now += MINUTES(2);
	{
		/* known for an hour only (the answer's TTL): asked again */
		open_from(world, addr("192.0.2.9"), 3001, 25, 1);
		assert_int_equal(world->resolves, 2);
		answer(world, "192.0.2.9", NAME_ANSWER_VERIFIED);
	}
	assert_int_equal(world->trusts, 2);
	assert_true(world->until == world->now + HOURS(2));
	open_from(world, addr("192.0.2.9"), 4000, 25, 20);
	assert_int_equal(world->trusts, 2);
	assert_int_equal(standing_of(world, "192.0.2.9", 0), STANDING_EXEMPT);
	world->now += HOURS(2);
	assert_int_equal(stats_of(world).trusted, 0);
	end(world);
}

static void test_no_trust_without_a_name(void **state UNUSED)
{
	struct world *world = new_world();

	start(world);
	open_many(world, "192.0.2.9", 25, 6);
	answer(world, "192.0.2.9", NAME_ANSWER_NONE);
	open_many(world, "192.0.2.8", 25, 6);
	answer(world, "192.0.2.8", NAME_ANSWER_MISMATCH);
	/* a service that ignores names */
	open_many(world, "192.0.2.7", 587, 20);
	answer(world, "192.0.2.7", NAME_ANSWER_VERIFIED);
	assert_int_equal(world->trusts, 0);
	end(world);
}

static void count_trusted(void *userdata, const struct prefix *source, usec_t until)
{
	struct world *world = userdata;

	world->last_trusted = *source;
	world->until = until;
	world->graces++;
}

static void test_grace_gives_trust(void **state UNUSED)
{
	struct world *world = new_strict_world(2);
	struct prefix p = pfx("192.0.2.9"), six = pfx("2001:db8:1::/64"), conflict;
	unsigned lifted;

	start(world);
	offend(world, "192.0.2.9", 3);
	assert_int_equal(guard_unban(world->guard, &p, MINUTES(30), world->now, &lifted, &conflict), 0);
	assert_int_equal(world->trusts, 1);
	assert_true(world->until == world->now + MINUTES(30));
	assert_true(prefix_equal(&world->last_trusted, &p));
	/* one that the ledger remembers is in the next table too */
	guard_restore_grace(world->guard, &six, world->now + MINUTES(40));
	world->graces = 0;
	guard_trusted(world->guard, world->now, count_trusted, world);
	assert_int_equal(world->graces, 2);
	world->graces = 0;
	guard_trusted(world->guard, world->now + MINUTES(30), count_trusted, world);
	assert_int_equal(world->graces, 1);
	assert_true(prefix_equal(&world->last_trusted, &six));
	assert_true(world->until == world->now + MINUTES(40));
	end(world);
}

static struct ladder_position ladder_of(const struct world *world, const char *text)
{
	struct ladder_position position;
	struct prefix p = pfx(text);

	guard_ladder(world->guard, &p, world->now, &position);
	return position;
}

static void test_ladder_is_told(void **state UNUSED)
{
	struct world *world = new_world();
	struct ladder_position position;
	struct prefix source = pfx("192.0.2.9");
	unsigned lifted;

	world->settings.bans.forget_after = HOURS(24);
	start(world);
	position = ladder_of(world, "192.0.2.9");
	assert_int_equal(position.bans, 0);
	assert_true(position.last_ban_end == 0 && position.forgotten == 0);
	assert_true(position.next_ban == HOURS(1));

	open_many(world, "192.0.2.9", 587, 31);
	position = ladder_of(world, "192.0.2.9");
	assert_int_equal(position.bans, 1);
	assert_true(position.last_ban_end == ban_of(world, "192.0.2.9")->expires);
	assert_true(position.forgotten == position.last_ban_end + HOURS(24));
	assert_true(position.next_ban == HOURS(2));
	/* what it says is what comes */
	close_many(world, "192.0.2.9", 587, 31);
	pass_time(world, HOURS(2));
	open_many(world, "192.0.2.9", 587, 31);
	assert_true(ban_of(world, "192.0.2.9")->expires == world->now + HOURS(2));
	position = ladder_of(world, "192.0.2.9");
	assert_int_equal(position.bans, 2);
	assert_true(position.next_ban == HOURS(4));
	close_many(world, "192.0.2.9", 587, 31);
	pass_time(world, HOURS(2 + 24));
	assert_int_equal(ladder_of(world, "192.0.2.9").bans, 2);
	pass_time(world, SECONDS(1));
	assert_int_equal(ladder_of(world, "192.0.2.9").bans, 0);
	assert_true(ladder_of(world, "192.0.2.9").forgotten == 0);

	/* an operator's word: a ban that is taken back does not count */
	open_many(world, "192.0.2.9", 587, 31);
	assert_int_equal(ladder_of(world, "192.0.2.9").bans, 1);
	assert_int_equal(guard_unban(world->guard, &source, 0, world->now, &lifted, NULL), 0);
	assert_int_equal(ladder_of(world, "192.0.2.9").bans, 0);
	assert_true(ladder_of(world, "192.0.2.9").next_ban == HOURS(1));
	end(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ladder),
		cmocka_unit_test(test_no_growth),
		cmocka_unit_test(test_lifted_bans_are_no_step),
		cmocka_unit_test(test_operator_bans_are_no_step),
		cmocka_unit_test(test_breaker),
		cmocka_unit_test(test_breaker_holds_many_back),
		cmocka_unit_test(test_the_worst_stay),
		cmocka_unit_test(test_replaced_bans_are_no_step),
		cmocka_unit_test(test_equals_do_not_replace),
		cmocka_unit_test(test_earlier_bans_weigh),
		cmocka_unit_test(test_operator_bans_stay),
		cmocka_unit_test(test_who_finds_no_place_is_not_remembered),
		cmocka_unit_test(test_a_free_place_is_filled),
		cmocka_unit_test(test_peak_while_banned),
		cmocka_unit_test(test_closing_on_a_ban),
		cmocka_unit_test(test_many_ends),
		cmocka_unit_test(test_trust_of_verified_sources),
		cmocka_unit_test(test_no_trust_without_a_name),
		cmocka_unit_test(test_grace_gives_trust),
		cmocka_unit_test(test_ladder_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
