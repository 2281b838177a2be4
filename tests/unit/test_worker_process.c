// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>

#include "worker_run.h"

#define PACKET_BYTES 256
#define NUMBERS 500 /* more than one turn of the loop takes */

/* What the handlers heard, and how they answer. */
static struct {
	unsigned started, packets, gone, refuse_starts;
	usec_t starts_at[8];
	char text[8][PACKET_BYTES + 1];
	unsigned next_number, ready_until;
	int answer;
} heard;
static struct worker_process *worker;

static int on_started(void *userdata UNUSED, struct worker_process *process)
{
	if (heard.started < ARRAY_SIZE(heard.starts_at))
		heard.starts_at[heard.started] = clock_now();
	heard.started++;
	if (heard.refuse_starts) {
		heard.refuse_starts--;
		return -EIO;
	}
	return worker_process_send(process, "hello", 5);
}

static int on_packet(void *userdata UNUSED, const void *bytes, size_t size)
{
	unsigned n = heard.packets++;

	assert_in_range(size, 1, PACKET_BYTES);
	if (n < ARRAY_SIZE(heard.text)) {
		memcpy(heard.text[n], bytes, size);
		heard.text[n][size] = '\0';
	}
	return heard.answer;
}

static int on_number(void *userdata UNUSED, const void *bytes, size_t size)
{
	unsigned number;

	assert_int_equal(size, sizeof(number));
	memcpy(&number, bytes, sizeof(number));
	assert_int_equal(number, heard.next_number);
	heard.next_number++;
	return 0;
}

static bool on_ready(void *userdata UNUSED)
{
	return heard.next_number < heard.ready_until;
}

static void on_gone(void *userdata UNUSED)
{
	heard.gone++;
}

static const struct worker_handlers all_handlers = {
	.started = on_started,
	.packet = on_packet,
	.gone = on_gone,
};

static void start_with(const char *how, const struct worker_handlers *handlers)
{
	const char *const arguments[] = { "worker", how, NULL };
	const struct worker_settings settings = {
		.program = THIS_PROGRAM,
		.arguments = arguments,
		.capability = -1,
		.packet_bytes = PACKET_BYTES,
	};

	memset(&heard, 0, sizeof(heard));
	assert_int_equal(worker_process_new(&worker, event, &settings, handlers), 0);
}

static struct worker_stats stats(void)
{
	struct worker_stats s;

	worker_process_stats(worker, &s);
	return s;
}

static void end(void)
{
	worker = worker_process_free(worker);
	assert_null(worker);
}

static void test_talk(void **state UNUSED)
{
	start_with("echo", &all_handlers);
	assert_int_equal(heard.started, 1);
	assert_true(stats().running);
	assert_int_equal(stats().starts, 1);
	assert_int_equal(worker_process_send(worker, "again", 5), 0);
	EVENTUALLY(heard.packets == 2);
	assert_string_equal(heard.text[0], "hello");
	assert_string_equal(heard.text[1], "again");
	end();
	assert_int_equal(heard.gone, 0);
}

static void test_surroundings(void **state UNUSED)
{
	assert_int_equal(setenv("TZ", "Europe/Bucharest", 1), 0);
	assert_int_equal(setenv("JOURNAL_STREAM", "1:2", 1), 0);
	assert_int_equal(setenv("SECRET", "x", 1), 0);
	start_with("surroundings", &all_handlers);
	EVENTUALLY(heard.packets == 3);
	assert_string_equal(heard.text[0], "JOURNAL_STREAM=1:2");
	assert_string_equal(heard.text[1], "TZ=Europe/Bucharest");
	assert_string_equal(heard.text[2], "signals: none");
	end();
	unsetenv("TZ");
	unsetenv("JOURNAL_STREAM");
}

/* It has just said so. */
static pid_t pid_of_worker(void)
{
	return (pid_t)strtol(heard.text[0], NULL, 10);
}

static void test_end_is_the_end(void **state UNUSED)
{
	pid_t pid;

	start_with("pid", &all_handlers);
	EVENTUALLY(heard.packets == 1);
	pid = pid_of_worker();
	assert_int_equal(kill(pid, 0), 0);
	end();
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void test_killed(void **state UNUSED)
{
	start_with("pid", &all_handlers);
	EVENTUALLY(heard.packets == 1);
	assert_int_equal(kill(pid_of_worker(), SIGTERM), 0);
	EVENTUALLY(heard.gone == 1);
	assert_false(stats().running);
	assert_int_equal(worker_process_send(worker, "x", 1), WORKER_ABSENT);
	EVENTUALLY(heard.packets == 2);
	assert_true(stats().running);
	assert_int_equal(stats().starts, 2);
	assert_int_equal(stats().bad_messages, 0);
	end();
}

/* What the handler refuses, and what is longer than it can be. */
static void test_malformed(void **state UNUSED)
{
	start_with("echo", &all_handlers);
	heard.answer = -EBADMSG;
	EVENTUALLY(heard.gone == 1);
	assert_int_equal(heard.packets, 1);
	assert_int_equal(stats().bad_messages, 1);
	heard.answer = 0;
	EVENTUALLY(heard.packets == 2);
	assert_int_equal(stats().starts, 2);
	end();

	start_with("long", &all_handlers);
	EVENTUALLY(heard.gone == 1);
	assert_int_equal(heard.packets, 0);
	assert_int_equal(stats().bad_messages, 1);
	end();
}

static void test_packet_cannot_be_taken(void **state UNUSED)
{
	start_with("echo", &all_handlers);
	heard.answer = -ENOMEM;
	EVENTUALLY(heard.gone == 1);
	assert_int_equal(stats().bad_messages, 0);
	end();
}

/* It lives, and hangs; it is ended, and another one started. */
static void test_silent(void **state UNUSED)
{
	const char *const arguments[] = { "worker", "pid", NULL };
	const struct worker_settings settings = { .program = THIS_PROGRAM,
						  .arguments = arguments,
						  .capability = -1,
						  .packet_bytes = PACKET_BYTES,
						  .patience = SECONDS(0.3) };
	usec_t begun = clock_now();

	memset(&heard, 0, sizeof(heard));
	assert_int_equal(worker_process_new(&worker, event, &settings, &all_handlers), 0);
	EVENTUALLY(heard.packets == 1);
	EVENTUALLY(heard.gone == 1);
	assert_true(clock_now() - begun >= SECONDS(0.3));
	EVENTUALLY(heard.packets == 2);
	assert_int_equal(stats().starts, 2);
	assert_int_equal(stats().bad_messages, 0);
	end();
}

static void test_back_off(void **state UNUSED)
{
	start_with("exit", &all_handlers);
	EVENTUALLY(heard.started == 4);
	for (unsigned i = 1; i < 4; i++) {
		usec_t pause = heard.starts_at[i] - heard.starts_at[i - 1];

		assert_true(pause >= (100 * USEC_PER_MSEC) << (i - 1));
	}
	assert_int_equal(heard.gone, 3);
	end();
}

static void test_program_missing(void **state UNUSED)
{
	const char *const arguments[] = { NULL };
	const struct worker_settings settings = { .program = "/nonexistent/worker",
						  .arguments = arguments,
						  .capability = -1,
						  .packet_bytes = PACKET_BYTES };

	memset(&heard, 0, sizeof(heard));
	assert_int_equal(worker_process_new(&worker, event, &settings, &all_handlers), 0);
	assert_false(stats().running);
	assert_int_equal(worker_process_send(worker, "x", 1), WORKER_ABSENT);
	run_for(SECONDS(0.5));
	assert_int_equal(stats().starts, 0);
	assert_int_equal(heard.started + heard.gone, 0);
	end();
}

/* It was not told what it must know: there is none, until it was. */
static void test_start_refused(void **state UNUSED)
{
	const char *const arguments[] = { "worker", "echo", NULL };
	const struct worker_settings settings = { .program = THIS_PROGRAM,
						  .arguments = arguments,
						  .capability = -1,
						  .packet_bytes = PACKET_BYTES };

	memset(&heard, 0, sizeof(heard));
	heard.refuse_starts = 2;
	assert_int_equal(worker_process_new(&worker, event, &settings, &all_handlers), 0);
	assert_false(stats().running);
	EVENTUALLY(heard.packets == 1);
	assert_int_equal(heard.started, 3);
	assert_int_equal(heard.gone, 0);
	end();
}

static void test_too_many_arguments(void **state UNUSED)
{
	const char *arguments[WORKER_ARGUMENTS_MAX + 2] = { NULL };
	const struct worker_settings settings = { .program = THIS_PROGRAM,
						  .arguments = arguments,
						  .capability = -1,
						  .packet_bytes = PACKET_BYTES };

	for (unsigned i = 0; i <= WORKER_ARGUMENTS_MAX; i++)
		arguments[i] = "x";
	assert_int_equal(worker_process_new(&worker, event, &settings, &all_handlers), -E2BIG);
	assert_null(worker);
}

/* Nothing is taken while the reader is not ready, and nothing is lost by that. */
static void test_not_ready(void **state UNUSED)
{
	const struct worker_handlers handlers = { .packet = on_number,
						  .gone = on_gone,
						  .ready = on_ready };

	start_with("numbers", &handlers);
	run_for(SECONDS(0.1));
	assert_int_equal(heard.next_number, 0);
	heard.ready_until = 10;
	EVENTUALLY(heard.next_number == 10);
	run_for(SECONDS(0.1));
	assert_int_equal(heard.next_number, 10);
	heard.ready_until = UINT32_MAX;
	EVENTUALLY(heard.next_number == NUMBERS);
	assert_int_equal(heard.gone, 0);
	end();
}

/* One that is held back and dies is buried and replaced like any other. */
static void test_not_ready_and_gone(void **state UNUSED)
{
	const struct worker_handlers handlers = { .packet = on_packet,
						  .gone = on_gone,
						  .ready = on_ready };

	start_with("exit", &handlers);
	EVENTUALLY(heard.gone == 2);
	assert_int_equal(heard.packets, 0);
	heard.ready_until = 1;
	EVENTUALLY(heard.gone == 3);
	end();
}

static void test_busy(void **state UNUSED)
{
	static const char bytes[4096];
	int r;

	start_with("deaf", &all_handlers);
	for (unsigned i = 0; i < 10000; i++) {
		r = worker_process_send(worker, bytes, sizeof(bytes));
		if (r != 0)
			break;
	}
	assert_int_equal(r, WORKER_BUSY);
	assert_int_equal(stats().busy, 1);
	assert_true(stats().running);
	end();
}

static void tell_surroundings(void)
{
	sigset_t blocked;
	bool any = false;

	for (char **variable = environ; *variable; variable++)
		worker_send(*variable, strlen(*variable));
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	for (int signal = 1; signal < 32; signal++)
		any = any || sigismember(&blocked, signal) == 1;
	worker_send(any ? "signals: some" : "signals: none", 13);
}

static int be_worker(const char *how)
{
	char bytes[PACKET_BYTES + 1] = "";

	if (strcmp(how, "echo") == 0) {
		for (;;)
			worker_send(bytes, worker_receive(bytes, sizeof(bytes)));
	} else if (strcmp(how, "exit") == 0) {
		return 3;
	} else if (strcmp(how, "pid") == 0) {
		worker_send(bytes, (size_t)snprintf(bytes, sizeof(bytes), "%d", (int)getpid()));
	} else if (strcmp(how, "long") == 0) {
		worker_send(bytes, sizeof(bytes));
	} else if (strcmp(how, "numbers") == 0) {
		for (unsigned i = 0; i < NUMBERS; i++)
			worker_send(&i, sizeof(i));
	} else if (strcmp(how, "surroundings") == 0) {
		tell_surroundings();
	}
	worker_wait();
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talk),
		cmocka_unit_test(test_surroundings),
		cmocka_unit_test(test_end_is_the_end),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_packet_cannot_be_taken),
		cmocka_unit_test(test_back_off),
		cmocka_unit_test(test_program_missing),
		cmocka_unit_test(test_start_refused),
		cmocka_unit_test(test_too_many_arguments),
		cmocka_unit_test(test_not_ready),
		cmocka_unit_test(test_not_ready_and_gone),
		cmocka_unit_test(test_busy),
	};

	if (argc == 3 && strcmp(argv[1], "worker") == 0)
		return be_worker(argv[2]);
	return cmocka_run_group_tests_name("worker_process", tests, set_up_loop, tear_down_loop);
}
