// SPDX-License-Identifier: GPL-2.0-or-later
/* What goes to the daemon, in which order and when; the lines are Exim's, the clock's start is real. */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

#include "src/maillog/worker_priv.h"

struct fixture {
	char path[64];
	struct feed *feed;
	struct log_places places;
	usec_t now;
	unsigned in_group; /* facts since the last places */
	unsigned largest_group;
	unsigned n_groups, n_single, n_reports, n_samples;
	uint64_t n_facts; /* their counts */
	struct log_report report;
	char sample[MAILLOG_SAMPLE_MAX];
	int answer; /* of send */
};

static int on_message(void *userdata, const struct maillog_message *message)
{
	struct fixture *fixture = userdata;

	assert_int_equal(message->log, MAIL_LOG_EXIM);
	switch (message->type) {
	case MAILLOG_FACT:
		fixture->in_group++;
		fixture->n_single += message->fact.recent;
		fixture->n_facts += message->fact.count;
		break;
	case MAILLOG_PLACES:
		fixture->largest_group = MAX_OF(fixture->largest_group, fixture->in_group);
		fixture->places = message->places;
		fixture->in_group = 0;
		fixture->n_groups++;
		break;
	case MAILLOG_REPORT:
		fixture->report = message->report;
		fixture->n_reports++;
		break;
	case MAILLOG_SAMPLE:
		memcpy(fixture->sample, message->sample, sizeof(fixture->sample));
		fixture->n_samples++;
		break;
	case MAILLOG_START:
	case MAILLOG_MESSAGE_TYPES:
		fail();
	}
	return fixture->answer;
}

static void start(struct fixture *fixture)
{
	assert_int_equal(feed_new(&fixture->feed, MAIL_LOG_EXIM, fixture->path, &fixture->places,
				  on_message, fixture),
			 0);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	int fd;

	assert_non_null(fixture);
	snprintf(fixture->path, sizeof(fixture->path), "/var/tmp/log_feed.XXXXXX");
	fd = mkstemp(fixture->path);
	assert_true(fd >= 0);
	close(fd);
	fixture->now = clock_now();
	start(fixture);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	assert_null(feed_free(fixture->feed));
	assert_null(feed_free(NULL));
	unlink(fixture->path);
	free(fixture);
	return 0;
}

/* Failures with n accounts, `age` seconds old. */
static void append_failures(const struct fixture *fixture, unsigned n, time_t age)
{
	FILE *file = fopen(fixture->path, "ae");
	time_t then = time(NULL) - age;
	char stamp[32];
	struct tm tm;

	assert_non_null(file);
	assert_non_null(localtime_r(&then, &tm));
	assert_true(strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &tm) > 0);
	for (unsigned i = 0; i < n; i++)
		assert_true(fprintf(file,
				    "%s dovecot_login authenticator failed for (x) "
				    "[203.0.113.9]:51234: 535 Incorrect authentication data "
				    "(set_id=user%u)\n",
				    stamp, i) > 0);
	assert_int_equal(fclose(file), 0);
}

static void append(const struct fixture *fixture, const char *text)
{
	FILE *file = fopen(fixture->path, "ae");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void run(struct fixture *fixture)
{
	int r;

	feed_on_inotify(fixture->feed);
	do
		r = feed_turn(fixture->feed, fixture->now);
	while (r > 0);
	assert_int_equal(r, 0);
}

static void test_recent_facts_leave_at_once(void **state)
{
	struct fixture *fixture = *state;

	append_failures(fixture, 3, 1);
	run(fixture);
	assert_int_equal(fixture->n_single, 3);
	assert_int_equal(fixture->n_groups, 1);
	assert_int_equal(fixture->in_group, 0);
	append_failures(fixture, 2, 1);
	run(fixture);
	assert_int_equal(fixture->n_single, 5);
	assert_int_equal(fixture->n_groups, 2);
	/* the daemon knows all of it */
	feed_free(fixture->feed);
	start(fixture);
	append_failures(fixture, 1, 1);
	run(fixture);
	assert_int_equal(fixture->n_facts, 6);
}

static void test_old_facts_are_summed_up(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < 4; i++)
		append_failures(fixture, 100, 3600);
	run(fixture);
	assert_int_equal(fixture->n_single, 0);
	assert_int_equal(fixture->n_facts, 400);
	assert_int_equal(fixture->largest_group, 100);
	assert_int_equal(fixture->n_groups, 1);
}

static void test_groups_are_bounded(void **state)
{
	struct fixture *fixture = *state;

	append_failures(fixture, 2 * MAILLOG_GROUP_MAX, 3600);
	append_failures(fixture, MAILLOG_GROUP_MAX / 2, 1);
	append_failures(fixture, MAILLOG_GROUP_MAX, 3600);
	run(fixture);
	assert_int_equal(fixture->n_facts, 3 * MAILLOG_GROUP_MAX + MAILLOG_GROUP_MAX / 2);
	assert_true(fixture->largest_group <= MAILLOG_GROUP_MAX);
	assert_true(fixture->n_groups >= 4);
	assert_int_equal(fixture->in_group, 0);
	/* behind and at the end again */
	assert_int_equal(fixture->report.state, LOG_STATE_FOLLOWING);
	assert_int_equal(fixture->report.behind_bytes, 0);
	assert_int_equal(fixture->report.lag, 0);
}

static void test_places_without_facts(void **state)
{
	struct fixture *fixture = *state;

	run(fixture);
	fixture->now += SECONDS(10);
	append(fixture, "2025-11-20 08:28:42 Start queue run: pid=1\n");
	run(fixture);
	assert_int_equal(fixture->places.place[0].offset, 43);
	append(fixture, "2025-11-20 08:28:43 End queue run: pid=1\n");
	run(fixture);
	assert_int_equal(fixture->places.place[0].offset, 43);
	assert_true(feed_next(fixture->feed) <= fixture->now + SECONDS(5));
	fixture->now += SECONDS(5);
	run(fixture);
	assert_int_equal(fixture->places.place[0].offset, 84);
	fixture->now += SECONDS(5);
	run(fixture);
	/* only that it still lives is told */
	fixture->n_reports = 0;
	assert_true(feed_next(fixture->feed) <= fixture->now + MAILLOG_HEARTBEAT);
	fixture->now += MAILLOG_HEARTBEAT;
	run(fixture);
	assert_int_equal(fixture->n_reports, 1);
	assert_int_equal(feed_next(fixture->feed), fixture->now + MAILLOG_HEARTBEAT);
}

static void test_reports_and_samples(void **state)
{
	struct fixture *fixture = *state;

	run(fixture);
	assert_int_equal(fixture->n_reports, 1);
	append(fixture, "2025-11-20 08:28:42 something else: 535 Incorrect \"authentication\" data\n");
	append(fixture, "2025-11-20 08:28:42 SMTP connection from [203.0.113.9]:51234 "
			"(TCP/IP connection count = 37)\n");
	run(fixture);
	assert_int_equal(fixture->n_reports, 1);
	assert_int_equal(fixture->n_samples, 1);
	assert_string_equal(fixture->sample, "2025-11-20 08:28:42 something else: 535 Incorrect "
					     "\\x22authentication\\x22 data");
	append(fixture, "2025-11-20 08:28:43 another thing: 535 Incorrect authentication data\n");
	fixture->now += SECONDS(0.9);
	run(fixture);
	assert_int_equal(fixture->n_samples, 1);
	assert_true(feed_next(fixture->feed) <= fixture->now + SECONDS(0.1));
	fixture->now += SECONDS(0.1);
	run(fixture);
	assert_int_equal(fixture->n_reports, 2);
	assert_int_equal(fixture->report.unparsed, 2);
	assert_int_equal(fixture->report.lines, 3);
	assert_int_equal(fixture->report.exim_connections, 37);
	append(fixture, "2025-11-20 08:28:43 another thing: 535 Incorrect authentication data\n");
	run(fixture);
	assert_int_equal(fixture->n_samples, 2);
}

static void test_ports(void **state)
{
	struct fixture *fixture = *state;

	append_failures(fixture, 1, 3600);
	append(fixture, "2025-11-20 08:28:42 dovecot_login authenticator failed for (x) [203.0.113.9]: "
			"535 Incorrect authentication data (set_id=user)\n");
	run(fixture);
	fixture->now += SECONDS(1);
	run(fixture);
	assert_int_equal(fixture->report.facts, 2);
	assert_int_equal(fixture->report.without_port, 1);
}

/* New lines with old stamps, a second later each. */
static void run_off_the_clock(struct fixture *fixture, unsigned turns, time_t age)
{
	for (; turns > 0; turns--) {
		append_failures(fixture, 1, age--);
		run(fixture);
	}
	/* the report is due, and the lines are written not long ago */
	fixture->now += SECONDS(1);
	run(fixture);
}

static void test_another_time_zone(void **state)
{
	struct fixture *fixture = *state;

	append_failures(fixture, 10, 5 * 3600);
	run_off_the_clock(fixture, 1, 5 * 3600 - 1);
	assert_int_equal(fixture->report.facts, 11);
	run_off_the_clock(fixture, 1, 5 * 3600 - 2);
	assert_int_equal(fixture->report.clock_off_s, 0);
	run_off_the_clock(fixture, 1, 5 * 3600 - 3);
	assert_in_range(-fixture->report.clock_off_s, 5 * 3600 - 60, 5 * 3600 + 60);
	/* they are right again */
	run_off_the_clock(fixture, 1, 599 - 60);
	assert_int_equal(fixture->report.clock_off_s, 0);
	run_off_the_clock(fixture, 3, -4 * 3600);
	assert_in_range(fixture->report.clock_off_s, 4 * 3600 - 60, 4 * 3600 + 60);
}

/* What was written a while ago may well be old. */
static void test_old_lines_are_not_off_the_clock(void **state)
{
	struct fixture *fixture = *state;

	run(fixture);
	fixture->now += HOURS(1);
	run_off_the_clock(fixture, 5, 60);
	assert_int_equal(fixture->report.facts, 5);
	assert_int_equal(fixture->report.clock_off_s, 0);
}

static void test_the_daemon_goes_away(void **state)
{
	struct fixture *fixture = *state;

	fixture->answer = -EPIPE;
	append_failures(fixture, 3, 1);
	assert_int_equal(feed_turn(fixture->feed, fixture->now), -EPIPE);
	assert_int_equal(fixture->n_single, 1);
	assert_int_equal(fixture->n_groups, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_recent_facts_leave_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_old_facts_are_summed_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_groups_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_places_without_facts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reports_and_samples, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ports, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_time_zone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_old_lines_are_not_off_the_clock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_daemon_goes_away, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
