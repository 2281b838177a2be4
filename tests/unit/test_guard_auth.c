// SPDX-License-Identifier: GPL-2.0-or-later
/* Who is banned because authentications failed, and who is spared because one did not. */
#include "mail_world.h"

/* --- the limit --- */

static void test_twenty_ban_nineteen_do_not(void **state UNUSED)
{
	struct world *world = new_mail_world();
	const struct ban *ban;

	start(world);
	guess(world, "192.0.2.9", 19);
	assert_null(ban_of(world, "192.0.2.9"));
	assert_int_equal(summary_of(world, "192.0.2.9").failures_in_window, 19);
	assert_int_equal(standing_of(world, "192.0.2.9", SUBMISSION), STANDING_NORMAL);
	failures(world, "192.0.2.9", 1);
	ban = ban_of(world, "192.0.2.9");
	assert_non_null(ban);
	assert_int_equal(ban->reason.limit, LIMIT_AUTH_FAILURES);
	assert_string_equal(ban->reason.service, "submission");
	assert_int_equal(ban->reason.allowed, 20);
	assert_int_equal(ban->reason.observed, 20);
	assert_true(ban->reason.window == HOURS(1));
	assert_string_equal(world->reason, "submission 20/20 auth-failures/3600s; user@example.com");
	assert_int_equal(standing_of(world, "192.0.2.9", SUBMISSION), STANDING_BANNED);
	assert_int_equal(world->decisions[DECISION_BAN], 1);
	assert_int_equal(world->closes, 1);
	assert_true(ban->expires == world->now + HOURS(1));
	assert_int_equal(mail_stats_of(world).facts[MAIL_FACT_AUTH_FAILURE], 20);
	assert_int_equal(mail_stats_of(world).tracked, 20);
	check_world(world);
	end(world);
}

static void test_the_window_slides(void **state UNUSED)
{
	struct world *world = new_mail_world();

	start(world);
	open_many(world, "192.0.2.9", 587, 1);
	/* one in three minutes: never more than 20 in an hour, and 20 when it is a little faster */
	for (unsigned i = 0; i < 100; i++) {
		failures(world, "192.0.2.9", 1);
		pass_time(world, SECONDS(190));
	}
	assert_null(ban_of(world, "192.0.2.9"));
	assert_int_equal(summary_of(world, "192.0.2.9").failures, 100);
	pass_time(world, HOURS(1));
	for (unsigned i = 0; i < 20; i++) {
		assert_null(ban_of(world, "192.0.2.9"));
		failures(world, "192.0.2.9", 1);
		pass_time(world, SECONDS(180));
	}
	assert_non_null(ban_of(world, "192.0.2.9"));
	end(world);
}

static void test_edge_of_the_window(void **state UNUSED)
{
	struct world *world = new_mail_world();

	start(world);
	guess(world, "192.0.2.9", 10);
	pass_time(world, HOURS(1) - USEC_PER_MSEC);
	failures(world, "192.0.2.9", 9);
	pass_time(world, USEC_PER_MSEC);
	failures(world, "192.0.2.9", 10);
	assert_null(ban_of(world, "192.0.2.9"));
	assert_int_equal(summary_of(world, "192.0.2.9").failures_in_window, 19);
	failures(world, "192.0.2.9", 1);
	assert_non_null(ban_of(world, "192.0.2.9"));
	end(world);
}

static void test_one_line_for_several_attempts(void **state UNUSED)
{
	struct world *world = new_mail_world();
	struct mail_fact fact = fact_of(MAIL_FACT_AUTH_FAILURE, addr("192.0.2.9"), 1024);
	unsigned reading;

	start(world);
	open_many(world, "192.0.2.9", 587, 1);
	fact.count = 3;
	for (unsigned i = 0; i < 7; i++) {
		assert_null(ban_of(world, "192.0.2.9"));
		tell(world, &fact, &reading);
	}
	assert_string_equal(world->reason, "submission 21/20 auth-failures/3600s; user@example.com");
	assert_int_equal(mail_stats_of(world).facts[MAIL_FACT_AUTH_FAILURE], 21);
	open_many(world, "192.0.2.8", 587, 1);
	fact.readings[0].address = addr("192.0.2.8");
	fact.count = UINT32_MAX;
	tell(world, &fact, &reading);
	/* more than that are not counted */
	assert_string_equal(world->reason, "submission 60/20 auth-failures/3600s; user@example.com");
	check_world(world);
	end(world);
}

static void test_the_accounts(void **state UNUSED)
{
	struct world *world = new_mail_world();
	char account[ACCOUNT_TEXT_MAX];

	world->settings.mail.auth_failures = 5;
	start(world);
	open_many(world, "192.0.2.9", 587, 1);
	fails_as(world, "192.0.2.9", "a@example.com");
	fails_as(world, "192.0.2.9", "b@example.com");
	fails_as(world, "192.0.2.9", "a@example.com");
	fails_as(world, "192.0.2.9", "");
	assert_int_equal(summary_of(world, "192.0.2.9").accounts, 2);
	assert_string_equal(summary_of(world, "192.0.2.9").last_account, "a@example.com");
	fails_as(world, "192.0.2.9", "c@example.com");
	assert_string_equal(world->reason,
			    "submission 5/5 auth-failures/3600s; c@example.com and 2 more");
	open_many(world, "192.0.2.8", 587, 1);
	unban(world, "192.0.2.9", 1);
	world->now += 1;
	close_many(world, "192.0.2.9", 587, 1);
	pass_time(world, SECONDS(1));
	for (unsigned i = 0; i < 5; i++) {
		snprintf(account, sizeof(account), "user%u@example.com", i);
		fails_as(world, "192.0.2.9", account);
	}
	assert_string_equal(world->reason, "submission 5/5 auth-failures/3600s; "
					   "user4@example.com and at least 7 more");
	for (unsigned i = 0; i < 5; i++)
		fails_as(world, "192.0.2.8", "");
	assert_string_equal(world->reason, "submission 5/5 auth-failures/3600s");
	assert_int_equal(summary_of(world, "192.0.2.8").accounts, 0);
	check_world(world);
	end(world);
}

/* Whatever the account is: the comment fits, and reads back. */
static void test_long_accounts(void **state UNUSED)
{
	struct world *world = new_mail_world();
	char account[ACCOUNT_TEXT_MAX], comment[REASON_COMMENT_MAX];
	struct ban_reason back;

	world->settings.mail.auth_failures = 1;
	start(world);
	for (uint32_t n = 0; n < 40; n++) {
		char source[ADDRESS_TEXT_MAX];
		struct address client = addr_n(n);
		const struct ban *ban;

		address_format(&client, source);
		open_many(world, source, 587, 1);
		memset(account, 'a', sizeof(account) - 1);
		for (unsigned at = n; at + 4 < sizeof(account); at += 4)
			memcpy(account + at, "\\x22", 4);
		account[sizeof(account) - 1] = '\0';
		fails_as(world, source, account);
		ban = ban_of(world, source);
		assert_non_null(ban);
		assert_null(strchr(ban->reason.text, '"'));
		assert_in_range(strlen(ban->reason.text), 70, REASON_COMMENT_MAX - 1);
		reason_parse(reason_format(&ban->reason, comment), &back);
		assert_int_equal(back.limit, LIMIT_AUTH_FAILURES);
		assert_string_equal(back.text, ban->reason.text);
		/* no part of an escape */
		if (strrchr(back.text, '\\'))
			assert_true(strlen(strrchr(back.text, '\\')) >= 4);
	}
	end(world);
}

static void test_ipv6_counts_by_prefix(void **state UNUSED)
{
	struct world *world = new_mail_world();
	struct address own = addr("2001:db8:ffff::25");
	char client[ADDRESS_TEXT_MAX];

	start(world);
	assert_int_equal(guard_local_address(world->guard, &own, true, world->now), 0);
	for (unsigned i = 1; i <= 20; i++) {
		assert_null(ban_of(world, "2001:db8:1:2::/64"));
		snprintf(client, sizeof(client), "2001:db8:1:2::%x", i);
		guess(world, client, 1);
	}
	assert_non_null(ban_of(world, "2001:db8:1:2::/64"));
	check_world(world);
	end(world);
}

/* --- after the ban --- */

static void test_the_ban_has_an_end(void **state UNUSED)
{
	struct world *world = new_mail_world();

	world->settings.mail.auth_window = 7 * HOURS(24);
	start(world);
	guess(world, "192.0.2.9", 20);
	/* lines that were under way, and those of connections that end late */
	failures(world, "192.0.2.9", 5);
	assert_int_equal(summary_of(world, "192.0.2.9").failures_in_window, 0);
	assert_int_equal(summary_of(world, "192.0.2.9").failures, 25);
	assert_int_equal(world->decisions[DECISION_BAN], 1);
	pass_time(world, HOURS(1));
	assert_int_equal(world->decisions[DECISION_EXPIRE], 1);
	failures(world, "192.0.2.9", 19);
	assert_null(ban_of(world, "192.0.2.9"));
	failures(world, "192.0.2.9", 1);
	assert_int_equal(ban_of(world, "192.0.2.9")->earlier, 1);
	assert_true(ban_of(world, "192.0.2.9")->expires == world->now + HOURS(2));
	check_world(world);
	end(world);
}

/* A ban for something else, which then ends by itself, changes nothing about the window. */
static void test_a_ban_for_something_else(void **state UNUSED)
{
	struct world *world = new_mail_world();

	world->settings.mail.auth_window = HOURS(24);
	start(world);
	guess(world, "192.0.2.9", 19);
	open_many(world, "192.0.2.9", 587, 31);
	assert_int_equal(ban_of(world, "192.0.2.9")->reason.limit, LIMIT_CONCURRENT);
	close_many(world, "192.0.2.9", 587, 31);
	pass_time(world, HOURS(1));
	guess(world, "192.0.2.9", 1);
	assert_int_equal(ban_of(world, "192.0.2.9")->reason.limit, LIMIT_AUTH_FAILURES);
	/* more connections are no more failures */
	open_many(world, "192.0.2.9", 587, 40);
	assert_int_equal(ban_of(world, "192.0.2.9")->reason.peak, 20);
	/* but whoever lifts one lets the source begin anew */
	guess(world, "192.0.2.8", 19);
	open_many(world, "192.0.2.8", 587, 31);
	assert_int_equal(guard_flush(world->guard, world->now), 2);
	failures(world, "192.0.2.8", 19);
	assert_null(ban_of(world, "192.0.2.8"));
	end(world);
}

static void test_unban_begins_anew(void **state UNUSED)
{
	struct world *world = new_mail_world();

	start(world);
	guess(world, "192.0.2.9", 20);
	unban(world, "192.0.2.9", MINUTES(10));
	assert_null(ban_of(world, "192.0.2.9"));
	failures(world, "192.0.2.9", 19);
	assert_int_equal(world->decisions[DECISION_EXEMPT], 0);
	failures(world, "192.0.2.9", 5);
	assert_int_equal(world->decisions[DECISION_EXEMPT], 1);
	assert_string_equal(world->because, "unbanned by an operator");
	assert_int_equal(mail_stats_of(world).spared, 0);
	/* of one that is not banned too */
	unban(world, "192.0.2.9", MINUTES(1));
	assert_int_equal(summary_of(world, "192.0.2.9").failures_in_window, 0);
	pass_time(world, MINUTES(2));
	failures(world, "192.0.2.9", 19);
	assert_null(ban_of(world, "192.0.2.9"));
	failures(world, "192.0.2.9", 1);
	assert_non_null(ban_of(world, "192.0.2.9"));
	guard_flush(world->guard, world->now);
	failures(world, "192.0.2.9", 19);
	assert_null(ban_of(world, "192.0.2.9"));
	check_world(world);
	end(world);
}

/* --- spared, observed, held back --- */

static void test_never_listed(void **state UNUSED)
{
	struct world *world = new_mail_world();
	struct prefix allowed = pfx("192.0.2.0/24");

	assert_int_equal(prefix_set_add(world->settings.allowed, &allowed), 0);
	start(world);
	guess(world, "192.0.2.9", 50);
	assert_int_equal(world->decisions[DECISION_EXEMPT], 1);
	assert_string_equal(world->because, "allow list");
	guess(world, "198.51.100.1", 50);
	assert_int_equal(world->decisions[DECISION_EXEMPT], 2);
	assert_string_equal(world->because, "own address");
	assert_int_equal(world->adds, 0);
	/* a new episode begins when the old one has ended: at half the limit */
	pass_time(world, MINUTES(61));
	failures(world, "192.0.2.9", 19);
	assert_int_equal(world->decisions[DECISION_EXEMPT], 2);
	failures(world, "192.0.2.9", 1);
	assert_int_equal(world->decisions[DECISION_EXEMPT], 3);
	check_world(world);
	end(world);
}

static void test_observe(void **state UNUSED)
{
	for (int whole = 0; whole < 2; whole++) {
		struct world *world = new_mail_world();

		world->settings.observe = whole;
		world->settings.services[SMTP].observe = whole;
		world->settings.services[SUBMISSION].observe = true;
		start(world);
		guess(world, "192.0.2.9", 40);
		assert_int_equal(world->decisions[DECISION_OBSERVE], 1);
		assert_string_equal(world->reason,
				    "submission 20/20 auth-failures/3600s; user@example.com");
		assert_string_equal(world->because, "");
		assert_int_equal(world->adds, 0);
		/* the other service is not only observed */
		open_from(world, addr("192.0.2.9"), 2000, 25, 1);
		assert_int_equal(tell_one(world, MAIL_FACT_AUTH_FAILURE, "192.0.2.9", 2000),
				 MAIL_MATCH_TRACKED);
		assert_int_equal(world->adds, !whole);
		assert_int_equal(world->decisions[DECISION_OBSERVE], 1);
		check_world(world);
		end(world);
	}
}

/* Around the limit, but never down to half of it: one episode. */
static void test_one_episode(void **state UNUSED)
{
	struct world *world = new_mail_world();
	struct mail_fact fact = fact_of(MAIL_FACT_AUTH_FAILURE, addr("192.0.2.9"), 1024);
	unsigned reading;

	world->settings.services[SUBMISSION].observe = true;
	start(world);
	open_many(world, "192.0.2.9", 587, 1);
	for (unsigned i = 0; i < 100; i++) {
		failures(world, "192.0.2.9", i % 10 == 0 ? 10 : 0);
		pass_time(world, SECONDS(170));
	}
	assert_int_equal(world->decisions[DECISION_OBSERVE], 1);
	pass_time(world, HOURS(2));
	failures(world, "192.0.2.9", 20);
	assert_int_equal(world->decisions[DECISION_OBSERVE], 2);
	/* nobody has looked at it meanwhile, and one line brings all of them */
	world->now += HOURS(2);
	fact.count = 20;
	assert_int_equal(tell(world, &fact, &reading), MAIL_MATCH_TRACKED);
	assert_int_equal(world->decisions[DECISION_OBSERVE], 3);
	end(world);
}

static void test_unenforceable(void **state UNUSED)
{
	struct world *world = new_mail_world();

	start(world);
	guard_set_unenforceable(world->guard, "no table");
	guess(world, "192.0.2.9", 25);
	assert_int_equal(world->decisions[DECISION_OBSERVE], 1);
	assert_string_equal(world->because, "no table");
	guard_set_unenforceable(world->guard, NULL);
	assert_int_equal(world->adds, 0);
	failures(world, "192.0.2.9", 1);
	assert_int_equal(world->adds, 1);
	check_world(world);
	end(world);
}

static void test_breaker(void **state UNUSED)
{
	struct world *world = new_mail_world();

	world->settings.bans.max_per_minute = 5;
	start(world);
	for (uint32_t n = 0; n < 8; n++) {
		char source[ADDRESS_TEXT_MAX];
		struct address client = addr_n(n);

		if (n == 5)
			pass_time(world, SECONDS(30));
		guess(world, address_format(&client, source), 20);
	}
	assert_int_equal(world->decisions[DECISION_BAN], 5);
	assert_int_equal(world->decisions[DECISION_EXEMPT], 3);
	assert_string_equal(world->because, "max_per_minute reached");
	assert_int_equal(stats_of(world).bans_held_back, 3);
	pass_time(world, SECONDS(29));
	assert_int_equal(world->decisions[DECISION_BAN], 5);
	/* without another failure, and told only once that they were held back */
	pass_time(world, SECONDS(2));
	assert_int_equal(world->decisions[DECISION_BAN], 8);
	assert_int_equal(world->decisions[DECISION_EXEMPT], 3);
	assert_int_equal(stats_of(world).bans_held_back, 3);
	check_world(world);
	end(world);
}

static void test_held_back_and_forgotten(void **state UNUSED)
{
	struct world *world = new_mail_world();

	world->settings.bans.max_per_minute = 1;
	world->settings.mail.auth_window = SECONDS(15);
	start(world);
	guess(world, "192.0.2.8", 20);
	world->now += SECONDS(20);
	pass_time(world, SECONDS(20));
	guess(world, "192.0.2.9", 20);
	assert_int_equal(stats_of(world).bans_held_back, 1);
	assert_true(guard_next_tick(world->guard) <= world->now + SECONDS(1));
	/* when the breaker closes, its failures are too old to count, and nobody waits any more */
	pass_time(world, SECONDS(22));
	assert_null(ban_of(world, "192.0.2.9"));
	assert_true(guard_next_tick(world->guard) > world->now + SECONDS(10));
	check_world(world);
	end(world);
}

static void test_bans_full(void **state UNUSED)
{
	struct world *world = new_mail_world();

	world->settings.bans.max_bans = 2;
	world->settings.bans.duration = MINUTES(10);
	start(world);
	guess(world, "192.0.2.1", 20);
	guess(world, "192.0.2.2", 20);
	guess(world, "192.0.2.3", 22);
	assert_int_equal(world->decisions[DECISION_EXEMPT], 1);
	assert_string_equal(world->because, "max_bans reached");
	assert_int_equal(stats_of(world).bans_full, 1);
	assert_null(ban_of(world, "192.0.2.3"));
	pass_time(world, MINUTES(12));
	assert_non_null(ban_of(world, "192.0.2.3"));
	check_world(world);
	end(world);
}

static void test_blocked(void **state UNUSED)
{
	struct world *world = new_mail_world();
	struct prefix block = pfx("192.0.2.0/24"), conflict;

	start(world);
	open_many(world, "192.0.2.9", 587, 1);
	assert_int_equal(guard_ban(world->guard, &block, 0, "", world->now, &conflict), 0);
	failures(world, "192.0.2.9", 40);
	assert_null(ban_of(world, "192.0.2.9"));
	assert_int_equal(summary_of(world, "192.0.2.9").failures_in_window, 0);
	end(world);
}

/* --- who authenticated --- */

static void authenticate(struct world *world, const char *client, uint16_t port)
{
	assert_int_equal(tell_one(world, MAIL_FACT_AUTH_SUCCESS, client, port), MAIL_MATCH_TRACKED);
}

static void test_authenticated_is_spared(void **state UNUSED)
{
	struct world *world = new_mail_world();

	start(world);
	open_many(world, "192.0.2.9", 587, 1);
	authenticate(world, "192.0.2.9", 1024);
	assert_int_equal(summary_of(world, "192.0.2.9").successes, 1);
	assert_true(summary_of(world, "192.0.2.9").authenticated_until == world->now + HOURS(1));
	assert_int_equal(mail_stats_of(world).authenticated, 1);
	open_many(world, "192.0.2.9", 587, 100);
	assert_int_equal(world->decisions[DECISION_EXEMPT], 1);
	assert_string_equal(world->because, "authenticated");
	assert_int_equal(mail_stats_of(world).spared, 1);
	assert_int_equal(standing_of(world, "192.0.2.9", SUBMISSION), STANDING_EXEMPT);
	/* up to the limit of verified sources */
	open_many(world, "192.0.2.9", 587, 101);
	assert_string_equal(world->reason, "submission 101>100 verified_concurrent");
	check_world(world);
	end(world);
}

/* That limit is one of connections: while they are in doubt it bans nobody either. */
static void test_authenticated_in_doubt(void **state UNUSED)
{
	struct world *world = new_mail_world();

	world->settings.services[SUBMISSION].new_count = 5;
	world->settings.services[SUBMISSION].verified_concurrent = 10;
	start(world);
	open_many(world, "192.0.2.9", 587, 1);
	authenticate(world, "192.0.2.9", 1024);
	guard_events_lost(world->guard);
	open_many(world, "192.0.2.9", 587, 10);
	assert_int_equal(standing_of(world, "192.0.2.9", SUBMISSION), STANDING_EXEMPT);
	open_many(world, "192.0.2.9", 587, 11);
	assert_int_equal(standing_of(world, "192.0.2.9", SUBMISSION), STANDING_OVER_LIMIT);
	assert_int_equal(world->decisions[DECISION_BAN], 0);
	end(world);
}

static void test_authenticated_for_a_time(void **state UNUSED)
{
	struct world *world = new_mail_world();

	world->settings.services[SUBMISSION].verified_concurrent = 0;
	world->settings.services[SUBMISSION].new_count = 0;
	start(world);
	open_many(world, "192.0.2.9", 587, 1);
	authenticate(world, "192.0.2.9", 1024);
	open_many(world, "192.0.2.9", 587, 500);
	pass_time(world, HOURS(1) - 1);
	open_many(world, "192.0.2.9", 587, 501);
	assert_null(ban_of(world, "192.0.2.9"));
	pass_time(world, 1);
	assert_int_equal(summary_of(world, "192.0.2.9").authenticated_until, 0);
	assert_int_equal(mail_stats_of(world).authenticated, 0);
	assert_null(ban_of(world, "192.0.2.9"));
	open_many(world, "192.0.2.9", 587, 502);
	assert_int_equal(ban_of(world, "192.0.2.9")->reason.limit, LIMIT_CONCURRENT);
	end(world);
}

static void test_authenticated_where_strangers_come_in(void **state UNUSED)
{
	struct world *world = new_mail_world();

	start(world);
	open_many(world, "192.0.2.9", 25, 1);
	authenticate(world, "192.0.2.9", 1024);
	open_many(world, "192.0.2.9", 25, 11);
	answer(world, "192.0.2.9", NAME_ANSWER_NONE);
	assert_string_equal(world->reason, "smtp 11>10 concurrent; no PTR");
	assert_int_equal(mail_stats_of(world).spared, 0);
	end(world);
}

static void test_forged_success(void **state UNUSED)
{
	struct world *world = new_mail_world();
	struct mail_fact fact = forged("192.0.2.9", 1024, "203.0.113.5", 2525);
	unsigned reading;

	fact.kind = MAIL_FACT_AUTH_SUCCESS;
	start(world);
	open_many(world, "192.0.2.9", 587, 1);
	assert_int_equal(tell(world, &fact, &reading), MAIL_MATCH_TRACKED);
	assert_int_equal(summary_of(world, "192.0.2.9").authenticated_until, 0);
	/* not one of ours */
	assert_int_equal(tell_one(world, MAIL_FACT_AUTH_SUCCESS, "192.0.2.8", 1024),
			 MAIL_MATCH_UNTRACKED);
	assert_int_equal(mail_stats_of(world).authenticated, 0);
	open_many(world, "192.0.2.9", 587, 31);
	assert_non_null(ban_of(world, "192.0.2.9"));
	end(world);
}

static void test_authenticated_may_not_guess(void **state UNUSED)
{
	struct world *world = new_mail_world();

	start(world);
	guess(world, "192.0.2.9", 10);
	authenticate(world, "192.0.2.9", 1024);
	failures(world, "192.0.2.9", 10);
	assert_int_equal(ban_of(world, "192.0.2.9")->reason.limit, LIMIT_AUTH_FAILURES);
	end(world);
}

/* --- new settings --- */

static void test_reload(void **state UNUSED)
{
	struct world *world = new_mail_world();
	struct guard_settings first, second;

	start(world);
	first = second = world->settings;
	guess(world, "192.0.2.9", 15);
	guess(world, "192.0.2.8", 5);
	close_many(world, "192.0.2.9", 587, 1);
	first.mail.auth_failures = 0;
	reload(world, &first);
	failures(world, "192.0.2.9", 10);
	assert_int_equal(world->decisions[DECISION_BAN], 0);
	assert_int_equal(summary_of(world, "192.0.2.9").failures_in_window, 25);
	second.mail.auth_failures = 12;
	second.mail.auth_window = MINUTES(30);
	reload(world, &second);
	assert_int_equal(world->decisions[DECISION_BAN], 1);
	assert_string_equal(world->reason, "submission 25/12 auth-failures/1800s; user@example.com");
	failures(world, "192.0.2.8", 7);
	assert_int_equal(world->decisions[DECISION_BAN], 2);
	check_world(world);
	end(world);
}

/* Nobody is banned at a port that is not guarded any more. */
static void test_reload_without_the_service(void **state UNUSED)
{
	struct world *world = new_mail_world();
	struct guard_settings less, more;

	start(world);
	less = more = world->settings;
	guess(world, "192.0.2.9", 19);
	less.n_services = 1;
	less.mail.auth_failures = more.mail.auth_failures = 10;
	reload(world, &less);
	assert_int_equal(world->decisions[DECISION_BAN], 0);
	reload(world, &more);
	assert_non_null(ban_of(world, "192.0.2.9"));
	check_world(world);
	end(world);
}

static void test_from_observe_to_enforce(void **state UNUSED)
{
	struct world *world = new_mail_world();
	struct guard_settings enforcing = world->settings;

	world->settings.services[SUBMISSION].observe = true;
	start(world);
	guess(world, "192.0.2.9", 20);
	assert_int_equal(world->decisions[DECISION_OBSERVE], 1);
	reload(world, &enforcing);
	assert_non_null(ban_of(world, "192.0.2.9"));
	check_world(world);
	end(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twenty_ban_nineteen_do_not),
		cmocka_unit_test(test_the_window_slides),
		cmocka_unit_test(test_edge_of_the_window),
		cmocka_unit_test(test_one_line_for_several_attempts),
		cmocka_unit_test(test_the_accounts),
		cmocka_unit_test(test_long_accounts),
		cmocka_unit_test(test_ipv6_counts_by_prefix),
		cmocka_unit_test(test_the_ban_has_an_end),
		cmocka_unit_test(test_a_ban_for_something_else),
		cmocka_unit_test(test_unban_begins_anew),
		cmocka_unit_test(test_never_listed),
		cmocka_unit_test(test_observe),
		cmocka_unit_test(test_one_episode),
		cmocka_unit_test(test_unenforceable),
		cmocka_unit_test(test_breaker),
		cmocka_unit_test(test_held_back_and_forgotten),
		cmocka_unit_test(test_bans_full),
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_authenticated_is_spared),
		cmocka_unit_test(test_authenticated_in_doubt),
		cmocka_unit_test(test_authenticated_for_a_time),
		cmocka_unit_test(test_authenticated_where_strangers_come_in),
		cmocka_unit_test(test_forged_success),
		cmocka_unit_test(test_authenticated_may_not_guess),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_reload_without_the_service),
		cmocka_unit_test(test_from_observe_to_enforce),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
