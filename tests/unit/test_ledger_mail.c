// SPDX-License-Identifier: GPL-2.0-or-later
/* Facts of the mail logs through the ledger's thread: queue, places, alerts. */
#include "support.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "ledger_run.h"

#define GROUP 16384

static struct ledger_fact facts[LEDGER_FACTS_QUEUE_MAX + 1];

/* What one question heard. */
static unsigned replies;
static uint64_t failures, total;

static void on_reply(void *userdata UNUSED, const struct ledger_answer *answer)
{
	replies++;
	assert_int_equal(answer->error, 0);
	total = answer->total;
	failures = 0;
	for (uint32_t i = 0; i < answer->n; i++)
		failures += answer->sums[i].failures;
}

/* All failures there are, in `failures`; rows in `total`. */
static void ask_failures(void)
{
	const struct ledger_query query = { .subject = LEDGER_AUTH_FAILURES,
					    .by = LEDGER_BY_ACCOUNT,
					    .limit = LEDGER_ROWS_MAX };
	struct ledger_question *question;

	replies = 0;
	EVENTUALLY(stats().state == LEDGER_HEALTHY);
	assert_int_equal(ledger_ask(ledger, &query, on_reply, NULL, &question), 0);
	EVENTUALLY(replies == 1);
}

static uint32_t day_of(usec_t at)
{
	time_t seconds = (time_t)(at / USEC_PER_SEC);
	struct tm tm;

	assert_non_null(gmtime_r(&seconds, &tm));
	return (uint32_t)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday);
}

static void make_facts(uint32_t n, enum mail_fact_kind kind)
{
	for (uint32_t i = 0; i < n; i++) {
		facts[i] = (struct ledger_fact){ .kind = kind,
						 .day = day_of(wall()),
						 .has_address = true,
						 .address = addr_n(i * 256),
						 .count = 1,
						 .first = wall(),
						 .last = wall() };
		snprintf(facts[i].account, sizeof(facts[i].account), "user%u", i % 1000);
	}
}

static struct log_places places_at(enum mail_log log, uint64_t offset)
{
	return (struct log_places){ .log = log,
				    .n = 1,
				    .place = { { .inode = 7, .offset = offset } } };
}

static void note(uint32_t n, enum mail_log log, uint64_t offset)
{
	struct log_places places = places_at(log, offset);

	const uint64_t dropped = stats().facts_dropped;
	const bool taken = ledger_note_facts(ledger, facts, n, &places);

	/* places alone are not counted */
	if (n)
		assert_int_equal(taken, stats().facts_dropped == dropped);
}

/* With the first snapshot behind it, if the file is new. */
static void open_settled(void)
{
	bool new = access(path, F_OK) < 0;

	open_loaded();
	EVENTUALLY(stats().state == LEDGER_HEALTHY && stats().snapshots == new);
}

static void test_facts_and_places(void **state UNUSED)
{
	make_facts(3000, MAIL_FACT_AUTH_FAILURE);
	open_settled();
	assert_int_equal(heard.places, 0);
	note(2000, MAIL_LOG_EXIM, 100);
	note(3000, MAIL_LOG_MAIL, 0);
	note(1000, MAIL_LOG_EXIM, 200);
	note(0, MAIL_LOG_CPANEL, 300);
	assert_true(stats().facts_queued <= 6001);
	EVENTUALLY(stats().facts_queued == 0);
	assert_int_equal(stats().facts_dropped + stats().facts_folded, 0);
	assert_int_equal(stats().written, 0);
	assert_true(stats().last_write > 0);
	ask_failures();
	assert_int_equal(failures, 6000);
	assert_int_equal(total, 1000);
	close_ledger();
	open_loaded();
	assert_int_equal(heard.places, 3);
	assert_int_equal(heard.places_at_loaded, 3);
	assert_int_equal(heard.last_places.log, MAIL_LOG_CPANEL);
	assert_true(heard.last_places.place[0].offset == 300);
	assert_int_equal(heard.snapshots, 0);
	close_ledger();
}

static void test_closing_writes_what_is_queued(void **state UNUSED)
{
	make_facts(GROUP, MAIL_FACT_AUTH_FAILURE);
	open_settled();
	for (unsigned i = 0; i < 3; i++)
		note(GROUP, MAIL_LOG_EXIM, i);
	close_ledger();
	open_settled();
	assert_true(heard.last_places.place[0].offset == 2);
	ask_failures();
	assert_int_equal(failures, 3 * GROUP);
	close_ledger();
}

/* Some are impossible: they are dropped by the thread. */
static void test_impossible_facts(void **state UNUSED)
{
	make_facts(10, MAIL_FACT_AUTH_FAILURE);
	facts[3].day = 20271341;
	facts[7].count = 0;
	open_settled();
	note(10, MAIL_LOG_EXIM, 1);
	EVENTUALLY(stats().facts_queued == 0);
	assert_int_equal(stats().facts_dropped, 2);
	ask_failures();
	assert_int_equal(failures, 8);
	close_ledger();
}

/* No facts before it is known how far the logs were read, and none while the disk fails; what was
 * queued before is written later, once. */
static void test_disk_fails(void **state UNUSED)
{
	make_facts(1000, MAIL_FACT_AUTH_FAILURE);
	open_ledger();
	assert_true(ledger_takes_facts(ledger));
	note(10, MAIL_LOG_EXIM, 1);
	assert_int_equal(stats().facts_dropped, 10);
	assert_true(ledger_wait_loaded(ledger, PATIENCE));
	EVENTUALLY(stats().state == LEDGER_HEALTHY && stats().snapshots == 1);
	atomic_store(&disk_write_error, SQLITE_FULL);
	note(1000, MAIL_LOG_EXIM, 2);
	EVENTUALLY(stats().state == LEDGER_FAILING);
	note(500, MAIL_LOG_EXIM, 3);
	note(0, MAIL_LOG_EXIM, 4);
	assert_int_equal(stats().facts_dropped, 510);
	assert_int_equal(stats().facts_queued, 1000);
	assert_true(ledger_takes_facts(ledger));
	disk_heal();
	EVENTUALLY(stats().state == LEDGER_HEALTHY && stats().facts_queued == 0);
	/* sums need no snapshot */
	assert_int_equal(heard.snapshots, 1);
	ask_failures();
	assert_int_equal(failures, 1000);
	close_ledger();
	open_loaded();
	assert_true(heard.last_places.place[0].offset == 2);
	close_ledger();
}

static void test_queue_is_bounded(void **state UNUSED)
{
	make_facts(LEDGER_FACTS_QUEUE_MAX + 1, MAIL_FACT_AUTH_FAILURE);
	open_settled();
	/* the thread is busy with an entry */
	atomic_store(&disk_delay_ms, 300);
	begin_n(1);
	usleep(50000);
	note(LEDGER_FACTS_QUEUE_MAX + 1, MAIL_LOG_EXIM, 1);
	assert_int_equal(stats().facts_dropped, LEDGER_FACTS_QUEUE_MAX + 1);
	note(LEDGER_FACTS_QUEUE_MAX / 2, MAIL_LOG_EXIM, 2);
	assert_true(ledger_takes_facts(ledger));
	note(1, MAIL_LOG_EXIM, 3);
	assert_false(ledger_takes_facts(ledger));
	/* all or nothing */
	note(LEDGER_FACTS_QUEUE_MAX / 2, MAIL_LOG_EXIM, 4);
	assert_int_equal(stats().facts_dropped, LEDGER_FACTS_QUEUE_MAX * 3 / 2 + 1);
	note(LEDGER_FACTS_QUEUE_MAX / 2 - 1, MAIL_LOG_EXIM, 5);
	/* places alone take room too */
	note(0, MAIL_LOG_EXIM, 6);
	assert_int_equal(stats().facts_queued, LEDGER_FACTS_QUEUE_MAX);
	/* entries have their own */
	begin_n(2);
	assert_int_equal(stats().dropped, 0);
	disk_heal();
	EVENTUALLY(stats().facts_queued == 0 && stats().queued == 0);
	assert_true(ledger_takes_facts(ledger));
	ask_failures();
	assert_int_equal(failures, LEDGER_FACTS_QUEUE_MAX);
	close_ledger();
	open_loaded();
	assert_int_equal(heard.entries, 2);
	assert_true(heard.last_places.place[0].offset == 5);
	close_ledger();
}

/* An entry is written before the facts that came earlier, but for the group that is being written.
 */
static void test_entries_go_first(void **state UNUSED)
{
	make_facts(GROUP, MAIL_FACT_AUTH_FAILURE);
	open_settled();
	for (unsigned i = 0; i < 4; i++)
		note(GROUP, MAIL_LOG_EXIM, i);
	begin_n(1);
	EVENTUALLY(stats().written == 1);
	assert_in_range(stats().facts_queued, 2 * GROUP, 4 * GROUP);
	EVENTUALLY(stats().facts_queued == 0);
	close_ledger();
}

/* A slow disk gets them later. */
static void test_stall(void **state UNUSED)
{
	make_facts(LEDGER_FACTS_QUEUE_MAX / 2 + 1, MAIL_FACT_AUTH_FAILURE);
	open_settled();
	atomic_store(&disk_delay_ms, 1500);
	begin_n(1);
	EVENTUALLY(stats().state == LEDGER_STALLED);
	note(10, MAIL_LOG_EXIM, 1);
	assert_true(ledger_takes_facts(ledger));
	note(LEDGER_FACTS_QUEUE_MAX / 2 + 1, MAIL_LOG_EXIM, 2);
	assert_false(ledger_takes_facts(ledger));
	assert_int_equal(stats().facts_dropped, 0);
	disk_heal();
	EVENTUALLY(stats().state == LEDGER_HEALTHY && stats().facts_queued == 0);
	ask_failures();
	assert_int_equal(failures, LEDGER_FACTS_QUEUE_MAX / 2 + 11);
	close_ledger();
}

/* What takes long because it is much is no stall. */
static void test_much_is_no_stall(void **state UNUSED)
{
	make_facts(GROUP, MAIL_FACT_AUTH_FAILURE);
	open_settled();
	for (unsigned i = 0; i < 40; i++) {
		EVENTUALLY(ledger_takes_facts(ledger));
		note(GROUP, MAIL_LOG_EXIM, i);
	}
	EVENTUALLY(stats().facts_queued == 0);
	assert_int_equal(stats().facts_dropped, 0);
	ask_failures();
	assert_int_equal(failures, 40 * GROUP);
	close_ledger();
}

/* The file is found when the logs are being read already: what was read until then does not count.
 */
static void test_file_found_later(void **state UNUSED)
{
	char away[128];

	make_facts(10, MAIL_FACT_AUTH_FAILURE);
	open_settled();
	note(10, MAIL_LOG_EXIM, 11);
	close_ledger();
	snprintf(away, sizeof(away), "%s-away", directory);
	assert_int_equal(rename(directory, away), 0);
	open_ledger();
	assert_true(ledger_wait_loaded(ledger, PATIENCE));
	assert_int_equal(heard.places, 0);
	assert_int_equal(rename(away, directory), 0);
	while (!heard.places) {
		note(1, MAIL_LOG_EXIM, 99);
		assert_true(sd_event_run(event, 10000) >= 0);
	}
	assert_true(heard.last_places.place[0].offset == 11);
	EVENTUALLY(stats().state == LEDGER_HEALTHY);
	note(1, MAIL_LOG_EXIM, 12);
	EVENTUALLY(stats().facts_queued == 0);
	ask_failures();
	assert_int_equal(failures, 11);
	close_ledger();
}

static void test_old_sums_are_cleaned(void **state UNUSED)
{
	make_facts(3000, MAIL_FACT_AUTH_FAILURE);
	for (uint32_t i = 0; i < 2000; i++)
		facts[i].day = day_of(wall() - HOURS(24 * 20));
	open_settled();
	note(3000, MAIL_LOG_EXIM, 1);
	EVENTUALLY(stats().facts_queued == 0);
	ask_failures();
	assert_int_equal(failures, 3000);
	ledger_set_keep(ledger, HOURS(24 * 10), HOURS(24 * 7));
	close_ledger();
	/* each start begins with cleaning */
	open_settled();
	ledger_set_keep(ledger, HOURS(24 * 10), HOURS(24 * 7));
	do {
		run_for(SECONDS(0.1));
		ask_failures();
	} while (failures > 1000);
	assert_int_equal(failures, 1000);
	/* what is too old comes to nothing */
	note(3000, MAIL_LOG_EXIM, 2);
	EVENTUALLY(stats().facts_queued == 0);
	ask_failures();
	assert_int_equal(failures, 2000);
	assert_int_equal(stats().facts_dropped, 0);
	close_ledger();
}

static void test_alerts(void **state UNUSED)
{
	make_facts(3000, MAIL_FACT_AUTH_SUCCESS);
	open_settled();
	/* facts[i] and facts[i + 1000] are of one account, from two networks */
	note(2000, MAIL_LOG_MAIL, 1);
	EVENTUALLY(stats().facts_queued == 0);
	run_for(SECONDS(0.05));
	assert_int_equal(heard.alerts, 0);
	note(2001, MAIL_LOG_MAIL, 2);
	EVENTUALLY(heard.alerts == 1);
	assert_string_equal(heard.last_alert.account, "user0");
	assert_int_equal(heard.last_alert.networks, 3);
	assert_int_equal(heard.last_alert.addresses, 3);
	assert_true(address_equal(&heard.last_alert.address, &facts[2000].address));
	/* a thousand at once: the first ones are told */
	note(3000, MAIL_LOG_MAIL, 3);
	EVENTUALLY(stats().facts_queued == 0);
	run_for(SECONDS(0.05));
	assert_int_equal(heard.alerts, 65);
	close_ledger();
}

static void test_alerts_by_order(void **state UNUSED)
{
	make_facts(2000, MAIL_FACT_AUTH_SUCCESS);
	open_settled();
	ledger_set_account_networks(ledger, 0);
	note(1001, MAIL_LOG_MAIL, 1);
	EVENTUALLY(stats().facts_queued == 0);
	ledger_set_account_networks(ledger, 1);
	note(1002, MAIL_LOG_MAIL, 1);
	EVENTUALLY(heard.alerts == 1);
	assert_string_equal(heard.last_alert.account, "user1");
	close_ledger();
}

/* A child that is killed in the middle of its work, which goes on from the places it was told. */
static void killed_child(unsigned round)
{
	int pipes[2];
	pid_t child;
	char byte;

	assert_int_equal(pipe(pipes), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		uint64_t offset;

		close(pipes[0]);
		event = sd_event_unref(event);
		if (sd_event_new(&event) < 0)
			_exit(1);
		open_loaded();
		offset = heard.places ? heard.last_places.place[0].offset : 0;
		for (;;) {
			uint32_t n = 1 + random_below(3000);

			while (!ledger_takes_facts(ledger) || stats().state != LEDGER_HEALTHY)
				usleep(1000);
			offset += n;
			note(n, MAIL_LOG_EXIM, offset);
			if (write(pipes[1], "", 1) != 1)
				_exit(1);
		}
	}
	close(pipes[1]);
	for (unsigned i = 0; i < 60 + round * 7; i++)
		assert_int_equal(read(pipes[0], &byte, 1), 1);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(pipes[0]);
}

static void test_kill_loses_and_doubles_nothing(void **state UNUSED)
{
	make_facts(3000, MAIL_FACT_AUTH_FAILURE);
	for (unsigned round = 0; round < 8; round++) {
		killed_child(round);
		open_settled();
		assert_int_equal(heard.places, 1);
		ask_failures();
		assert_true(failures == heard.last_places.place[0].offset);
		close_ledger();
	}
	assert_true(failures > 0);
}

#define MAIL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MAIL_TEST(test_facts_and_places),
		MAIL_TEST(test_closing_writes_what_is_queued),
		MAIL_TEST(test_impossible_facts),
		MAIL_TEST(test_disk_fails),
		MAIL_TEST(test_queue_is_bounded),
		MAIL_TEST(test_entries_go_first),
		MAIL_TEST(test_stall),
		MAIL_TEST(test_much_is_no_stall),
		MAIL_TEST(test_file_found_later),
		MAIL_TEST(test_old_sums_are_cleaned),
		MAIL_TEST(test_alerts),
		MAIL_TEST(test_alerts_by_order),
		MAIL_TEST(test_kill_loses_and_doubles_nothing),
	};

	disk_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
