// SPDX-License-Identifier: GPL-2.0-or-later
/* The test is its own worker: the path of Exim's log says what that is to do. */
#include <errno.h>
#include <stdio.h>

#include "worker_run.h"

#include "smtpguard/maillog/client.h"

#define STEP 100 /* how far a group moves the place */

/* What the handlers heard: facts are known by their count. */
static struct {
	unsigned facts, places;
	uint32_t counts[8];
	enum mail_log fact_logs[8];
	struct log_places last;
	unsigned facts_at_places;
	bool holds_back;
} heard;
static struct maillog_client *client;

static void on_fact(void *userdata UNUSED, enum mail_log log, const struct mail_fact *fact)
{
	if (heard.facts < ARRAY_SIZE(heard.counts)) {
		heard.counts[heard.facts] = fact->count;
		heard.fact_logs[heard.facts] = log;
	}
	heard.facts++;
}

static void on_places(void *userdata UNUSED, const struct log_places *places)
{
	heard.last = *places;
	heard.facts_at_places = heard.facts;
	heard.places++;
}

static bool on_ready(void *userdata UNUSED)
{
	return !heard.holds_back;
}

static struct log_places place_at(enum mail_log log, uint64_t offset)
{
	return (struct log_places){ .log = log,
				    .n = offset ? 1 : 0,
				    .place = { { .inode = 7, .offset = offset, .head_bytes = 3 } } };
}

/* Begins at 500 of Exim's log, at the beginning of the mail log. */
static void start_with(const char *exim, const char *mail)
{
	const struct maillog_settings settings = { .program = THIS_PROGRAM,
						   .paths = { [MAIL_LOG_EXIM] = exim,
							      [MAIL_LOG_MAIL] = mail,
							      [MAIL_LOG_CPANEL] = "" } };
	const struct maillog_handlers handlers = { .fact = on_fact,
						   .places = on_places,
						   .ready = on_ready };
	const struct log_places places[MAIL_LOGS] = {
		place_at(MAIL_LOG_EXIM, 500),
		place_at(MAIL_LOG_MAIL, 0),
		place_at(MAIL_LOG_CPANEL, 9),
	};

	assert_int_equal(maillog_client_new(&client, event, &settings, places, &handlers), 0);
}

static void start_new(const char *exim, const char *mail)
{
	memset(&heard, 0, sizeof(heard));
	start_with(exim, mail);
}

static struct maillog_stats stats(void)
{
	struct maillog_stats s;

	maillog_client_stats(client, &s);
	return s;
}

static void end(void)
{
	client = maillog_client_free(client);
	assert_null(client);
}

static void test_told_where_to_begin(void **state UNUSED)
{
	start_new("/echo", "/mail");
	assert_true(stats().worker.running);
	EVENTUALLY(stats().n_samples == 4);
	assert_string_equal(stats().samples[3], "--exim /echo --mail /mail");
	assert_string_equal(stats().samples[2], "exim 1 500");
	assert_string_equal(stats().samples[1], "mail 0 0");
	assert_string_equal(stats().samples[0], "start");
	end();
}

static void test_no_log(void **state UNUSED)
{
	const struct maillog_settings settings = { .program = THIS_PROGRAM };
	const struct maillog_handlers handlers = { .fact = on_fact, .places = on_places };
	const struct log_places places[MAIL_LOGS] = { 0 };

	assert_int_equal(maillog_client_new(&client, event, &settings, places, &handlers), -EINVAL);
	assert_null(client);
}

static void test_complete_group(void **state UNUSED)
{
	start_new("/complete", NULL);
	EVENTUALLY(heard.places == 1);
	assert_int_equal(heard.facts, 3);
	assert_int_equal(heard.facts_at_places, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(heard.counts[i], i + 1);
	assert_int_equal(heard.last.log, MAIL_LOG_EXIM);
	assert_int_equal(heard.last.place[0].offset, 500 + STEP);
	end();
}

static void test_logs_apart(void **state UNUSED)
{
	start_new("/interleaved", "/mail");
	EVENTUALLY(heard.places == 1);
	assert_int_equal(heard.last.log, MAIL_LOG_MAIL);
	assert_int_equal(heard.facts, 2);
	assert_int_equal(heard.counts[0], 11);
	assert_int_equal(heard.fact_logs[1], MAIL_LOG_MAIL);
	EVENTUALLY(heard.places == 2);
	assert_int_equal(heard.last.log, MAIL_LOG_EXIM);
	assert_int_equal(heard.facts, 4);
	assert_int_equal(heard.counts[2], 1);
	assert_int_equal(heard.counts[3], 2);
	end();
}

/* Half a group counts for nothing; the next worker begins where the last whole one ended. */
static void test_dies_in_mid_group(void **state UNUSED)
{
	start_new("/dies", NULL);
	EVENTUALLY(heard.places == 2);
	assert_int_equal(heard.facts, 2);
	assert_int_equal(heard.counts[0], 1);
	assert_int_equal(heard.counts[1], 7);
	assert_int_equal(heard.last.place[0].offset, 500 + 2 * STEP);
	assert_true(stats().worker.starts >= 2);
	end();
}

/* Refused as a whole, with the half group before it. */
static void test_malformed(void **state UNUSED)
{
	static const char *const how[] = { "/garbage", "/unfollowed", "/start", "/too-many" };

	for (size_t i = 0; i < ARRAY_SIZE(how); i++) {
		start_new(how[i], NULL);
		EVENTUALLY(stats().worker.bad_messages == 1);
		assert_false(stats().worker.running);
		EVENTUALLY(stats().worker.bad_messages == 2);
		assert_int_equal(heard.facts + heard.places, 0);
		end();
	}
}

static void test_largest_group(void **state UNUSED)
{
	start_new("/full", NULL);
	EVENTUALLY(heard.places == 2);
	assert_int_equal(heard.facts, 2 * MAILLOG_GROUP_MAX);
	assert_int_equal(stats().worker.bad_messages, 0);
	end();
}

static void test_held_back(void **state UNUSED)
{
	memset(&heard, 0, sizeof(heard));
	heard.holds_back = true;
	start_with("/full", NULL);
	run_for(SECONDS(0.2));
	assert_int_equal(heard.facts + heard.places, 0);
	assert_true(stats().worker.running);
	heard.holds_back = false;
	EVENTUALLY(heard.places == 2);
	assert_int_equal(heard.facts, 2 * MAILLOG_GROUP_MAX);
	assert_int_equal(stats().worker.starts, 1);
	end();
}

/* Counters go on over workers, reports do not. */
static void test_reports(void **state UNUSED)
{
	struct maillog_stats s;

	start_new("/reports", NULL);
	EVENTUALLY(stats().lines == 10);
	assert_true(stats().reported[MAIL_LOG_EXIM]);
	assert_false(stats().reported[MAIL_LOG_MAIL]);
	EVENTUALLY(!stats().worker.running);
	s = stats();
	assert_false(s.reported[MAIL_LOG_EXIM]);
	assert_int_equal(s.lines, 10);
	EVENTUALLY(stats().lines == 20);
	s = stats();
	assert_int_equal(s.reports[MAIL_LOG_EXIM].lines, 10);
	assert_int_equal(s.reports[MAIL_LOG_EXIM].state, LOG_STATE_BEHIND);
	assert_int_equal(s.facts, 2);
	assert_int_equal(s.unparsed, 4);
	assert_int_equal(s.ambiguous, 6);
	assert_int_equal(s.without_port, 8);
	assert_int_equal(s.exim_full, 10);
	assert_int_equal(s.exim_host_limit, 12);
	end();
}

static void test_samples(void **state UNUSED)
{
	start_new("/samples", NULL);
	EVENTUALLY(heard.places == 1);
	assert_int_equal(stats().n_samples, MAILLOG_SAMPLES);
	for (unsigned i = 0; i < MAILLOG_SAMPLES; i++) {
		char expected[16];

		snprintf(expected, sizeof(expected), "line %u", 6 - i);
		assert_string_equal(stats().samples[i], expected);
		assert_int_equal(stats().sample_logs[i], MAIL_LOG_EXIM);
	}
	end();
}

/* --- the worker --- */

static void say(const struct maillog_message *message)
{
	uint8_t bytes[MAILLOG_PACKET_MAX];

	worker_send(bytes, maillog_message_encode(message, bytes));
}

static void say_fact(enum mail_log log, uint32_t count)
{
	struct maillog_message message = { .type = MAILLOG_FACT,
					   .log = log,
					   .fact = { .kind = MAIL_FACT_AUTH_FAILURE,
						     .count = count,
						     .first = 1,
						     .last = 2,
						     .day = 20261122,
						     .n_readings = 1 } };

	snprintf(message.fact.readings[0].account, ACCOUNT_TEXT_MAX, "user@example.com");
	say(&message);
}

static void say_place(enum mail_log log, uint64_t offset)
{
	struct maillog_message message = { .type = MAILLOG_PLACES,
					   .log = log,
					   .places = place_at(log, offset) };

	say(&message);
}

static void say_sample(const char *text)
{
	struct maillog_message message = { .type = MAILLOG_SAMPLE, .log = MAIL_LOG_EXIM };

	snprintf(message.sample, sizeof(message.sample), "%s", text);
	say(&message);
}

static void say_report(void)
{
	struct maillog_message message = { .type = MAILLOG_REPORT, .log = MAIL_LOG_EXIM };

	message.report = (struct log_report){ .state = LOG_STATE_BEHIND,
					      .lines = 10,
					      .facts = 1,
					      .unparsed = 2,
					      .ambiguous = 3,
					      .without_port = 4,
					      .exim_full = 5,
					      .exim_host_limit = 6 };
	say(&message);
}

/* Until START; echoes what it is told. Returns where Exim's log begins. */
static uint64_t listen_to_daemon(bool echoes)
{
	uint64_t offset = 0;

	for (;;) {
		uint8_t bytes[MAILLOG_PACKET_MAX];
		size_t size = worker_receive(bytes, sizeof(bytes));
		struct maillog_message message;
		char text[64];

		if (maillog_message_decode(bytes, size, &message) < 0)
			_exit(2);
		if (message.type == MAILLOG_START)
			break;
		if (message.log == MAIL_LOG_EXIM)
			offset = message.places.place[0].offset;
		snprintf(text, sizeof(text), "%s %u %u", mail_log_name(message.log),
			 message.places.n, (unsigned)message.places.place[0].offset);
		if (echoes)
			say_sample(text);
	}
	if (echoes)
		say_sample("start");
	return offset;
}

static void say_facts(unsigned n)
{
	for (unsigned i = 1; i <= n; i++)
		say_fact(MAIL_LOG_EXIM, i);
}

static void fail_somehow(const char *how, uint64_t offset)
{
	if (strcmp(how, "/dies") == 0 && offset == 500) {
		say_facts(1);
		say_place(MAIL_LOG_EXIM, 500 + STEP);
		say_facts(2);
		/* what is still in the socket when it ends is read again */
		usleep(100000);
		_exit(1);
	}
	say_facts(2);
	if (strcmp(how, "/garbage") == 0)
		worker_send("garbage", 7);
	else if (strcmp(how, "/unfollowed") == 0)
		say_fact(MAIL_LOG_MAIL, 1);
	else if (strcmp(how, "/start") == 0)
		say(&(struct maillog_message){ .type = MAILLOG_START });
	else if (strcmp(how, "/too-many") == 0)
		say_facts(MAILLOG_GROUP_MAX);
	say_place(MAIL_LOG_EXIM, 1);
}

static void follow(const char *how, uint64_t offset)
{
	if (strcmp(how, "/complete") == 0) {
		say_facts(3);
		say_place(MAIL_LOG_EXIM, offset + STEP);
	} else if (strcmp(how, "/interleaved") == 0) {
		say_fact(MAIL_LOG_EXIM, 1);
		say_fact(MAIL_LOG_MAIL, 11);
		say_fact(MAIL_LOG_EXIM, 2);
		say_fact(MAIL_LOG_MAIL, 12);
		say_place(MAIL_LOG_MAIL, STEP);
		usleep(100000);
		say_place(MAIL_LOG_EXIM, offset + STEP);
	} else if (strcmp(how, "/full") == 0) {
		for (unsigned i = 1; i <= 2; i++) {
			say_facts(MAILLOG_GROUP_MAX);
			say_place(MAIL_LOG_EXIM, offset + i * STEP);
		}
	} else if (strcmp(how, "/reports") == 0) {
		say_report();
		usleep(100000);
		_exit(0);
	} else if (strcmp(how, "/samples") == 0) {
		static const char *const lines[] = { "line 0", "line 1", "line 2", "line 3",
						     "line 4", "line 5", "line 6" };

		for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
			say_sample(lines[i]);
		say_place(MAIL_LOG_EXIM, offset + STEP);
	} else if (strcmp(how, "/dies") == 0 && offset == 500 + STEP) {
		say_fact(MAIL_LOG_EXIM, 7);
		say_place(MAIL_LOG_EXIM, offset + STEP);
	} else if (strcmp(how, "/echo") != 0) {
		fail_somehow(how, offset);
	}
}

static int be_worker(int argc, char **argv)
{
	const char *how = argv[2];
	bool echoes = strcmp(how, "/echo") == 0;
	char text[MAILLOG_SAMPLE_MAX];
	uint64_t offset;

	snprintf(text, sizeof(text), "%s %s %s %s", argv[1], how, argc > 3 ? argv[3] : "",
		 argc > 4 ? argv[4] : "");
	if (echoes)
		say_sample(text);
	offset = listen_to_daemon(echoes);
	follow(how, offset);
	worker_wait();
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told_where_to_begin),
		cmocka_unit_test(test_no_log),
		cmocka_unit_test(test_complete_group),
		cmocka_unit_test(test_logs_apart),
		cmocka_unit_test(test_dies_in_mid_group),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_largest_group),
		cmocka_unit_test(test_held_back),
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_samples),
	};

	if (argc > 2 && strcmp(argv[1], "--exim") == 0)
		return be_worker(argc, argv);
	return cmocka_run_group_tests_name("maillog_client", tests, set_up_loop, tear_down_loop);
}
