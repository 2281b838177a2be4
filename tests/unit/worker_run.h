/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of what is started as a program of its own: an event loop, and the test itself as that
 * program (it finds out by its arguments).
 */
#pragma once

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smtpguard/base/log.h"
#include "smtpguard/worker/process.h"
#include "support.h"

#define THIS_PROGRAM "/proc/self/exe"
#define PATIENCE SECONDS(20)

static sd_event *event;

/* The loop reaps children, which needs SIGCHLD blocked. */
static int set_up_loop(void **state UNUSED)
{
	sigset_t set;

	log_set_level(LOG_CRIT);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -1 : sd_event_new(&event);
}

static int tear_down_loop(void **state UNUSED)
{
	event = sd_event_unref(event);
	return 0;
}

/* Runs the loop until the condition holds; fails after PATIENCE. */
#define EVENTUALLY(condition)                                                                     \
	do {                                                                                       \
		usec_t end_ = clock_now() + PATIENCE;                                              \
                                                                                                   \
		while (!(condition)) {                                                             \
			assert_true(clock_now() < end_);                                           \
			assert_true(sd_event_run(event, 10000) >= 0);                              \
		}                                                                                  \
	} while (0)

static void run_for(usec_t duration)
{
	usec_t end = clock_now() + duration;

	while (clock_now() < end)
		assert_true(sd_event_run(event, 10000) >= 0);
}

/* --- in the worker, where nothing can fail a test but a wrong end --- */

static void worker_send(const void *bytes, size_t size)
{
	if (send(WORKER_SOCKET_FD, bytes, size, MSG_NOSIGNAL) < 0)
		_exit(2);
}

static size_t worker_receive(void *bytes, size_t size)
{
	ssize_t n = recv(WORKER_SOCKET_FD, bytes, size, 0);

	if (n <= 0)
		_exit(0);
	return (size_t)n;
}

/* Until it is killed. */
static void worker_wait(void)
{
	for (;;)
		pause();
}
