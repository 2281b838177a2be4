// SPDX-License-Identifier: GPL-2.0-or-later
/* What operators say, and what the ledger and the kernel remember of an earlier run. */
#include "guard_world.h"

#define SUBMISSION 1 /* ignores names: a source over its limit is banned at once */

static struct prefix conflict;
static unsigned lifted;

static int ban(struct world *world, const char *text, usec_t duration)
{
	struct prefix p = pfx(text);

	return guard_ban(world->guard, &p, duration, "", world->now, &conflict);
}

static int unban(struct world *world, const char *text)
{
	struct prefix p = pfx(text);

	lifted = 0;
	return guard_unban(world->guard, &p, 0, world->now, &lifted, &conflict);
}

static int allow(struct world *world, const char *text, usec_t duration)
{
	struct prefix p = pfx(text);

	lifted = 0;
	return guard_allow(world->guard, &p, duration, "", world->now, &lifted, &conflict);
}

static int disallow(struct world *world, const char *text)
{
	struct prefix p = pfx(text);

	return guard_disallow(world->guard, &p, world->now);
}

static void assert_conflict(const char *text)
{
	struct prefix p = pfx(text);

	assert_true(prefix_equal(&conflict, &p));
}

static unsigned listed(const struct world *world, enum guard_list list)
{
	return operator_list_count(guard_list(world->guard, list));
}

/* --- ban and unban --- */

static void test_results(void **state UNUSED)
{
	struct world *world = new_world();
	struct prefix p = pfx("192.0.2.1"), own = pfx("198.51.100.1"), other = pfx("192.0.2.2");

	world->settings.bans.max_bans = 1;
	start(world);
	assert_int_equal(ban(world, "198.51.100.1", 0), GUARD_NEVER_LISTED);
	assert_int_equal(ban(world, "198.51.100.0/24", 0), GUARD_NEVER_LISTED);
	assert_int_equal(ban(world, "0.0.0.0/0", 0), GUARD_NEVER_LISTED);
	assert_int_equal(ban(world, "126.0.0.0/7", 0), GUARD_NEVER_LISTED);
	assert_int_equal(ban(world, "::/0", 0), GUARD_NEVER_LISTED);
	assert_int_equal(unban(world, "192.0.2.1"), GUARD_NOT_BANNED);
	assert_int_equal(unban(world, "192.0.2.0/24"), GUARD_NOT_BANNED);
	assert_int_equal(disallow(world, "192.0.2.1"), GUARD_NOT_LISTED);
	assert_int_equal(world->adds + world->deletes, 0);
	assert_int_equal(guard_ban(world->guard, &p, SECONDS(90), "spam run", world->now, &conflict), 0);
	assert_true(world->expires == world->now + SECONDS(90));
	assert_string_equal(world->reason, "operator: spam run");
	assert_int_equal(ban(world, "192.0.2.2", 0), GUARD_BANS_FULL);
	assert_int_equal(guard_adopt(world->guard, &other, HOURS(2), HOURS(1), "", world->now),
			 GUARD_BANS_FULL);
	assert_int_equal(guard_adopt(world->guard, &own, HOURS(2), HOURS(1), "", world->now),
			 GUARD_NEVER_LISTED);
	/* again, with the configured time: a new end for the same element */
	assert_int_equal(ban(world, "192.0.2.1", 0), 0);
	assert_true(world->expires == world->now + HOURS(1));
	assert_int_equal(world->adds, 2);
	check_world(world);
	assert_int_equal(unban(world, "192.0.2.1"), 0);
	assert_int_equal(lifted, 1);
	assert_int_equal(world->deletes, 1);
	assert_true(prefix_equal(&world->last, &p));
	assert_int_equal(stats_of(world).bans, 0);
	assert_int_equal(stats_of(world).decisions[DECISION_BAN], 2);
	assert_int_equal(stats_of(world).decisions[DECISION_UNBAN], 1);
	check_world(world);
	end(world);
}

static void test_long_text(void **state UNUSED)
{
	struct world *world = new_world();
	struct prefix p = pfx("192.0.2.1"), wide = pfx("203.0.113.0/24");
	char text[400];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	start(world);
	assert_int_equal(guard_ban(world->guard, &p, 0, text, world->now, &conflict), 0);
	assert_in_range(strlen(world->reason), 100, REASON_COMMENT_MAX - 1);
	assert_int_equal(guard_ban(world->guard, &wide, 0, text, world->now, &conflict), 0);
	assert_int_equal(
		strlen(operator_list_at(guard_list(world->guard, GUARD_LIST_BLOCKED), 0)->text),
		REASON_COMMENT_MAX - 1);
	end(world);
}

static void test_grace(void **state UNUSED)
{
	struct world *world = new_world();
	struct prefix p = pfx("192.0.2.1");

	start(world);
	assert_true(guard_grace_until(world->guard, &p, world->now) == 0);
	assert_int_equal(unban(world, "192.0.2.1"), GUARD_NOT_BANNED);
	assert_int_equal(world->graces, 1);
	assert_true(guard_grace_until(world->guard, &p, world->now) == world->now + HOURS(1));
	assert_int_equal(guard_unban(world->guard, &p, MINUTES(5), world->now, &lifted, &conflict),
			 GUARD_NOT_BANNED);
	assert_true(guard_grace_until(world->guard, &p, world->now) == world->now + MINUTES(5));
	assert_true(guard_grace_until(world->guard, &p, world->now + MINUTES(5)) == 0);
	/* the operator's last word counts */
	assert_int_equal(ban(world, "192.0.2.1", 0), 0);
	assert_true(guard_grace_until(world->guard, &p, world->now) == 0);
	/* a network has none */
	assert_int_equal(unban(world, "192.0.2.0/24"), 0);
	assert_true(guard_grace_until(world->guard, &p, world->now) == 0);
	end(world);
}

static void test_unban_of_a_network(void **state UNUSED)
{
	struct world *world = new_world();

	start(world);
	assert_int_equal(ban(world, "192.0.2.1", 0), 0);
	assert_int_equal(ban(world, "192.0.2.200", 0), 0);
	assert_int_equal(ban(world, "192.0.3.1", 0), 0);
	assert_int_equal(ban(world, "192.0.2.64/26", 0), 0);
	assert_int_equal(ban(world, "192.0.2.16/28", 0), 0);
	assert_int_equal(ban(world, "192.0.3.128/25", 0), 0);
	assert_int_equal(ban(world, "2001:db8:1::/64", 0), 0);
	check_world(world);
	/* inside a block: that has to be named */
	assert_int_equal(unban(world, "192.0.2.65"), GUARD_COVERED);
	assert_conflict("192.0.2.64/26");
	assert_int_equal(unban(world, "192.0.2.64/27"), GUARD_COVERED);
	assert_int_equal(unban(world, "192.0.2.0/24"), 0);
	assert_int_equal(lifted, 4);
	check_world(world);
	assert_int_equal(listed(world, GUARD_LIST_BLOCKED), 1);
	assert_int_equal(stats_of(world).bans, 2);
	assert_int_equal(unban(world, "192.0.3.128/25"), 0);
	assert_int_equal(lifted, 1);
	assert_int_equal(guard_flush(world->guard, world->now), 2);
	assert_int_equal(guard_flush(world->guard, world->now), 0);
	check_world(world);
	end(world);
}

/* --- blocks --- */

static void test_a_block_and_its_sources(void **state UNUSED)
{
	struct world *world = new_world();
	unsigned made;

	start(world);
	open_many(world, "192.0.2.5", 587, 3);
	assert_int_equal(ban(world, "192.0.2.0/24", MINUTES(10)), 0);
	assert_int_equal(world->lists[GUARD_LIST_BLOCKED], 1);
	assert_int_equal(world->closes, 1);
	assert_int_equal(world->decisions[DECISION_BAN], 1);
	made = world->adds;
	/* who is there already, and who comes */
	assert_int_equal(standing_of(world, "192.0.2.5", SUBMISSION), STANDING_BANNED);
	open_many(world, "192.0.2.9", 587, 100);
	assert_int_equal(standing_of(world, "192.0.2.9", SUBMISSION), STANDING_BANNED);
	assert_int_equal(world->adds, made);
	assert_int_equal(stats_of(world).bans, 0);
	close_many(world, "192.0.2.5", 587, 3);
	assert_true(guard_next_tick(world->guard) <= world->now + MINUTES(10));
	pass_time(world, MINUTES(10) - 1);
	assert_int_equal(listed(world, GUARD_LIST_BLOCKED), 1);
	pass_time(world, 1);
	assert_int_equal(listed(world, GUARD_LIST_BLOCKED), 0);
	assert_int_equal(world->decisions[DECISION_EXPIRE], 1);
	assert_int_equal(standing_of(world, "192.0.2.5", SUBMISSION), STANDING_NORMAL);
	assert_int_equal(standing_of(world, "192.0.2.9", SUBMISSION), STANDING_NORMAL);
	check_world(world);
	/* over its limit still: judged by the next connection */
	open_from(world, addr("192.0.2.9"), 5000, 587, 1);
	assert_non_null(ban_of(world, "192.0.2.9"));
	end(world);
}

/* A source in a block that ended is no longer protected: it goes when it is idle. */
static void test_blocked_sources_are_forgotten(void **state UNUSED)
{
	struct world *world = new_world();
	struct source_table_stats sources;

	start(world);
	assert_int_equal(ban(world, "192.0.2.0/24", MINUTES(10)), 0);
	open_many(world, "192.0.2.9", 587, 3);
	close_many(world, "192.0.2.9", 587, 3);
	pass_time(world, HOURS(2));
	source_table_stats(guard_sources(world->guard), &sources);
	assert_int_equal(sources.entries, 0);
	end(world);
}

static void test_ban_inside_a_block(void **state UNUSED)
{
	struct world *world = new_world();

	start(world);
	open_many(world, "192.0.2.9", 587, 31);
	assert_non_null(ban_of(world, "192.0.2.9"));
	assert_int_equal(ban(world, "192.0.2.0/24", HOURS(5)), 0);
	check_world(world);
	pass_time(world, HOURS(1));
	assert_null(ban_of(world, "192.0.2.9"));
	assert_int_equal(standing_of(world, "192.0.2.9", SUBMISSION), STANDING_BANNED);
	assert_int_equal(unban(world, "192.0.2.9"), GUARD_COVERED);
	assert_int_equal(guard_flush(world->guard, world->now), 1);
	assert_int_equal(standing_of(world, "192.0.2.9", SUBMISSION), STANDING_NORMAL);
	end(world);
}

static void test_overlapping_blocks(void **state UNUSED)
{
	struct world *world = new_world();

	start(world);
	assert_int_equal(ban(world, "192.0.2.0/25", HOURS(1)), 0);
	assert_int_equal(ban(world, "192.0.2.128/25", HOURS(2)), 0);
	assert_int_equal(ban(world, "192.0.2.0/26", HOURS(9)), GUARD_COVERED);
	assert_conflict("192.0.2.0/25");
	assert_int_equal(ban(world, "192.0.2.0/24", HOURS(1)), GUARD_OVERLAPS);
	assert_conflict("192.0.2.128/25");
	assert_int_equal(listed(world, GUARD_LIST_BLOCKED), 2);
	check_world(world);
	/* both become part of it, and whoever keeps a record hears of that */
	assert_int_equal(ban(world, "192.0.2.0/24", USEC_NEVER), 0);
	assert_int_equal(listed(world, GUARD_LIST_BLOCKED), 1);
	check_world(world);
	/* the same again with another end */
	assert_int_equal(ban(world, "192.0.2.0/24", HOURS(1)), 0);
	check_world(world);
	pass_time(world, HOURS(1));
	assert_int_equal(listed(world, GUARD_LIST_BLOCKED), 0);
	check_world(world);
	end(world);
}

static void test_block_of_part_of_a_source(void **state UNUSED)
{
	struct world *world = new_world();

	start(world);
	assert_int_equal(ban(world, "2001:db8:1::7", HOURS(1)), 0);
	assert_int_equal(listed(world, GUARD_LIST_BLOCKED), 1);
	/* the rest of the /64 is no better or worse for it */
	for (uint16_t port = 1; port <= 3; port++)
		flow(world, addr("2001:db8:1::9"), port, 587, FLOW_ESTABLISHED);
	assert_int_equal(standing_of(world, "2001:db8:1::/64", SUBMISSION), STANDING_NORMAL);
	assert_int_equal(unban(world, "2001:db8:1::/64"), 0);
	assert_int_equal(lifted, 1);
	assert_int_equal(listed(world, GUARD_LIST_BLOCKED), 0);
	check_world(world);
	end(world);
}

static void test_list_full(void **state UNUSED)
{
	struct world *world = new_world();

	start(world);
	for (uint32_t n = 0; n < OPERATOR_LIST_MAX; n++) {
		struct address a = addr_n(4 * n);
		struct operator_entry entry = { .prefix = prefix_cut(&a, 126), .expires = USEC_NEVER };

		assert_int_equal(guard_restore_entry(world->guard, GUARD_LIST_BLOCKED, &entry), 0);
		/* as the ledger knows them, where they come from */
		world->recorded_lists[GUARD_LIST_BLOCKED].items[n].prefix = entry.prefix;
		world->recorded_lists[GUARD_LIST_BLOCKED].n = n + 1;
	}
	assert_int_equal(ban(world, "192.0.2.0/24", 0), GUARD_LIST_FULL);
	assert_int_equal(world->closes, 0);
	assert_int_equal(listed(world, GUARD_LIST_BLOCKED), OPERATOR_LIST_MAX);
	assert_int_equal(unban(world, "10.0.0.0/8"), 0);
	assert_int_equal(lifted, OPERATOR_LIST_MAX);
	end(world);
}

/* --- allow --- */

static void test_allow_lifts(void **state UNUSED)
{
	struct world *world = new_world();
	struct prefix source = pfx("2001:db8:1::/64"), match;

	start(world);
	open_many(world, "192.0.2.9", 587, 31);
	assert_int_equal(ban(world, "192.0.2.64/26", 0), 0);
	assert_int_equal(ban(world, "2001:db8:1::/64", 0), 0);
	assert_int_equal(allow(world, "192.0.2.0/24", 0), 0);
	assert_int_equal(lifted, 2);
	assert_int_equal(world->lists[GUARD_LIST_ALLOWED], 1);
	check_world(world);
	open_from(world, addr("192.0.2.9"), 9000, 587, 5);
	assert_int_equal(standing_of(world, "192.0.2.9", SUBMISSION), STANDING_ALLOWED);
	assert_string_equal(world->because, "allow list");
	/* nothing inside can be banned, no block can be laid over it */
	assert_int_equal(ban(world, "192.0.2.7", 0), GUARD_NEVER_LISTED);
	assert_int_equal(ban(world, "192.0.2.0/28", 0), GUARD_NEVER_LISTED);
	assert_int_equal(ban(world, "192.0.0.0/16", 0), GUARD_NEVER_LISTED);
	/* one address spares its /64 */
	assert_int_equal(allow(world, "2001:db8:1::77", 0), 0);
	assert_int_equal(lifted, 1);
	assert_int_equal(guard_never(world->guard, &source, &match), NEVER_ALLOWED);
	assert_int_equal(match.length, 128);
	assert_int_equal(ban(world, "2001:db8:1::/64", 0), GUARD_NEVER_LISTED);
	check_world(world);
	assert_int_equal(disallow(world, "2001:db8:1::/64"), GUARD_NOT_LISTED);
	assert_int_equal(disallow(world, "2001:db8:1::77"), 0);
	assert_int_equal(ban(world, "2001:db8:1::/64", 0), 0);
	check_world(world);
	end(world);
}

static void dump_again(struct world *world, const char *client, uint16_t port, uint16_t n)
{
	guard_sync_begin(world->guard);
	for (uint16_t i = 0; i < n; i++) {
		struct ct_event line =
			event_of(addr(client), (uint16_t)(1024 + i), port, FLOW_ESTABLISHED);

		guard_sync_line(world->guard, &line, world->now);
	}
	while (!guard_sync_end(world->guard, false, world->now))
		;
}

/* Who was spared is judged again when that ends: no later than the next dump. */
static void test_allow_with_an_end(void **state UNUSED)
{
	struct world *world = new_world();

	start(world);
	assert_int_equal(allow(world, "192.0.2.9", MINUTES(10)), 0);
	open_many(world, "192.0.2.9", 587, 40);
	assert_int_equal(stats_of(world).bans, 0);
	assert_int_equal(allow(world, "192.0.2.9", MINUTES(20)), 0);
	assert_int_equal(allow(world, "192.0.2.9", MINUTES(10)), 0);
	pass_time(world, MINUTES(10) - 1);
	assert_int_equal(listed(world, GUARD_LIST_ALLOWED), 1);
	pass_time(world, 1);
	assert_int_equal(listed(world, GUARD_LIST_ALLOWED), 0);
	check_world(world);
	dump_again(world, "192.0.2.9", 587, 40);
	assert_non_null(ban_of(world, "192.0.2.9"));
	assert_int_equal(allow(world, "192.0.2.9", 0), 0);
	assert_null(ban_of(world, "192.0.2.9"));
	assert_int_equal(disallow(world, "192.0.2.9"), 0);
	dump_again(world, "192.0.2.9", 587, 40);
	assert_non_null(ban_of(world, "192.0.2.9"));
	end(world);
}

static void test_allow_conflicts(void **state UNUSED)
{
	struct world *world = new_world();

	start(world);
	assert_int_equal(allow(world, "192.0.2.0/24", HOURS(1)), 0);
	assert_int_equal(allow(world, "192.0.2.9", 0), GUARD_COVERED);
	assert_conflict("192.0.2.0/24");
	assert_int_equal(allow(world, "203.0.113.9", 0), 0);
	assert_int_equal(allow(world, "203.0.113.0/24", HOURS(1)), GUARD_OVERLAPS);
	assert_conflict("203.0.113.9");
	assert_int_equal(allow(world, "203.0.113.0/24", 0), 0);
	check_world(world);
	assert_int_equal(listed(world, GUARD_LIST_ALLOWED), 2);
	/* not what is inside of it */
	assert_int_equal(disallow(world, "203.0.113.9"), GUARD_NOT_LISTED);
	end(world);
}

/* An allowed address inside a block passes in the kernel: it is not called banned. */
static void test_allow_inside_a_block(void **state UNUSED)
{
	struct world *world = new_world();

	start(world);
	assert_int_equal(ban(world, "192.0.2.0/24", 0), 0);
	open_many(world, "192.0.2.9", 587, 3);
	open_many(world, "192.0.2.8", 587, 3);
	assert_int_equal(allow(world, "192.0.2.9", 0), 0);
	assert_int_equal(listed(world, GUARD_LIST_BLOCKED), 1);
	assert_int_equal(standing_of(world, "192.0.2.9", SUBMISSION), STANDING_NORMAL);
	assert_int_equal(standing_of(world, "192.0.2.8", SUBMISSION), STANDING_BANNED);
	open_many(world, "192.0.2.9", 587, 50);
	assert_int_equal(standing_of(world, "192.0.2.9", SUBMISSION), STANDING_ALLOWED);
	assert_int_equal(disallow(world, "192.0.2.9"), 0);
	assert_int_equal(standing_of(world, "192.0.2.9", SUBMISSION), STANDING_BANNED);
	end(world);
}

/* --- the ledger and the kernel at start --- */

static void test_the_ledger_wins(void **state UNUSED)
{
	struct world *world = new_world();
	struct ban_reason reason = { .limit = LIMIT_CONCURRENT, .allowed = 10, .observed = 23 };
	struct prefix p = pfx("192.0.2.1"), gone = pfx("192.0.2.2"), own = pfx("198.51.100.1"),
		      late = pfx("192.0.2.3");

	start_empty(world);
	/* from before the boot: its age counts modulo 2^64 */
	assert_int_equal(guard_restore_ban(world->guard, &p, world->now - HOURS(2000),
					   world->now + MINUTES(5), &reason, 2, world->now),
			 0);
	assert_int_equal(guard_restore_ban(world->guard, &gone, world->now - HOURS(2), world->now,
					   &reason, 0, world->now),
			 0);
	assert_int_equal(guard_restore_ban(world->guard, &own, world->now, USEC_NEVER, &reason, 0,
					   world->now),
			 GUARD_NEVER_LISTED);
	assert_int_equal(guard_adopt(world->guard, &p, HOURS(1), MINUTES(50), "other", world->now), 0);
	assert_int_equal(stats_of(world).bans, 1);
	assert_true(ban_of(world, "192.0.2.1")->expires == world->now + MINUTES(5));
	assert_int_equal(ban_of(world, "192.0.2.1")->reason.observed, 23);
	assert_int_equal(ban_of(world, "192.0.2.1")->earlier, 2);
	assert_true(world->now - ban_of(world, "192.0.2.1")->since == HOURS(2000));
	/* the ledger comes late: it wins all the same */
	assert_int_equal(guard_adopt(world->guard, &late, HOURS(1), MINUTES(50), "", world->now), 0);
	assert_int_equal(guard_restore_ban(world->guard, &late, world->now, world->now + MINUTES(7),
					   &reason, 0, world->now),
			 0);
	assert_true(ban_of(world, "192.0.2.3")->expires == world->now + MINUTES(7));
	/* known already, in the kernel already: no op came of it */
	assert_int_equal(world->adds + world->deletes + world->decisions[DECISION_BAN], 0);
	assert_true(guard_next_tick(world->guard) == world->now + MINUTES(5));
	dump_again(world, "192.0.2.1", 587, 3);
	assert_int_equal(standing_of(world, "192.0.2.1", SUBMISSION), STANDING_BANNED);
	assert_int_equal(world->decisions[DECISION_BAN], 0);
	end(world);
}

static void test_past_feeds_the_ladder(void **state UNUSED)
{
	struct world *world = new_world();
	struct prefix three = pfx("192.0.2.3"), old = pfx("192.0.2.4"), boot = pfx("192.0.2.5");

	start_empty(world);
	guard_restore_past(world->guard, &three, 3, world->now - HOURS(20));
	guard_restore_past(world->guard, &old, 3, world->now - HOURS(7 * 24 + 1));
	world->now = HOURS(1);
	/* an hour after the boot, two hours after its ban */
	guard_restore_past(world->guard, &boot, 1, world->now - HOURS(2));
	world->now = HOURS(1000);
	dump_nothing(world);
	open_many(world, "192.0.2.3", 587, 31);
	assert_true(ban_of(world, "192.0.2.3")->expires == world->now + HOURS(8));
	open_many(world, "192.0.2.4", 587, 31);
	assert_true(ban_of(world, "192.0.2.4")->expires == world->now + HOURS(1));
	end(world);
	world = new_world();
	world->now = HOURS(1);
	start_empty(world);
	guard_restore_past(world->guard, &boot, 1, world->now - HOURS(2));
	dump_nothing(world);
	open_many(world, "192.0.2.5", 587, 31);
	assert_true(ban_of(world, "192.0.2.5")->expires == world->now + HOURS(2));
	end(world);
}

static void test_restored_entries(void **state UNUSED)
{
	struct world *world = new_world();
	struct operator_entry block = { .prefix = pfx("192.0.2.0/24") },
			      inner = { .prefix = pfx("192.0.2.0/25"), .expires = USEC_NEVER },
			      allowed = { .prefix = pfx("203.0.113.9"), .expires = USEC_NEVER };

	start_empty(world);
	block.expires = world->now + MINUTES(5);
	assert_int_equal(guard_restore_entry(world->guard, GUARD_LIST_BLOCKED, &block), 0);
	assert_int_equal(guard_restore_entry(world->guard, GUARD_LIST_BLOCKED, &inner),
			 GUARD_COVERED);
	assert_int_equal(guard_restore_entry(world->guard, GUARD_LIST_ALLOWED, &allowed), 0);
	assert_true(guard_next_tick(world->guard) == block.expires);
	assert_int_equal(world->lists[GUARD_LIST_BLOCKED] + world->lists[GUARD_LIST_ALLOWED], 0);
	dump_again(world, "192.0.2.9", 587, 2);
	assert_int_equal(standing_of(world, "192.0.2.9", SUBMISSION), STANDING_BANNED);
	assert_int_equal(ban(world, "203.0.113.9", 0), GUARD_NEVER_LISTED);
	end(world);
}

static void test_restored_grace(void **state UNUSED)
{
	struct world *world = new_world();
	struct prefix p = pfx("192.0.2.9");

	start_empty(world);
	guard_restore_grace(world->guard, &p, world->now + MINUTES(10));
	dump_nothing(world);
	open_many(world, "192.0.2.9", 587, 31);
	assert_int_equal(standing_of(world, "192.0.2.9", SUBMISSION), STANDING_EXEMPT);
	assert_int_equal(stats_of(world).graces, 1);
	pass_time(world, MINUTES(10));
	open_from(world, addr("192.0.2.9"), 9000, 587, 1);
	assert_non_null(ban_of(world, "192.0.2.9"));
	end(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_grace),
		cmocka_unit_test(test_unban_of_a_network),
		cmocka_unit_test(test_a_block_and_its_sources),
		cmocka_unit_test(test_blocked_sources_are_forgotten),
		cmocka_unit_test(test_ban_inside_a_block),
		cmocka_unit_test(test_overlapping_blocks),
		cmocka_unit_test(test_block_of_part_of_a_source),
		cmocka_unit_test(test_list_full),
		cmocka_unit_test(test_allow_lifts),
		cmocka_unit_test(test_allow_with_an_end),
		cmocka_unit_test(test_allow_conflicts),
		cmocka_unit_test(test_allow_inside_a_block),
		cmocka_unit_test(test_the_ledger_wins),
		cmocka_unit_test(test_past_feeds_the_ladder),
		cmocka_unit_test(test_restored_entries),
		cmocka_unit_test(test_restored_grace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
