// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "smtpguard/base/parse.h"

#include "top_priv.h"

#define DELAY_MIN_MS 100
#define DELAY_MAX_S  3600

static volatile sig_atomic_t interrupted, resized;

static void on_end(int signal UNUSED)
{
	interrupted = 1;
}

static void on_resize(int signal UNUSED)
{
	resized = 1;
}

/* --- the loop --- */

static int wait_for_events(struct top *top, usec_t now, const sigset_t *signals)
{
	bool due = top->next <= now || (top->due && !top->lost[0]);
	usec_t wait = due ? 0 : top->next - now;
	struct pollfd fds[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = top->socket.connection.fd,
		  .events = (short)(POLLIN | (top->socket.filled ? POLLOUT : 0)) },
	};
	struct timespec timeout;

	/* a round under way ends with its answers; the clock in the head goes on meanwhile */
	if (top->socket.n_questions || top->paused)
		wait = MAX_OF(wait, USEC_PER_SEC);
	timeout = (struct timespec){ .tv_sec = (time_t)(wait / USEC_PER_SEC),
				     .tv_nsec = (long)(wait % USEC_PER_SEC) * 1000 };
	if (ppoll(fds, ARRAY_SIZE(fds), &timeout, signals) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
		interrupted = 1;
	if (fds[1].revents)
		top_read(top);
	return 0;
}

static bool take_keys(struct top *top)
{
	bool any = false;
	int key;

	while (!top->ended && (key = top_screen_key()) >= 0) {
		top_key(top, key);
		any = true;
	}
	return any;
}

static enum exit_code loop(struct top *top, const sigset_t *signals)
{
	int r = 0;

	while (!interrupted && !top->ended && r == 0) {
		usec_t now = clock_now();
		bool keys = take_keys(top);

		if (resized) {
			resized = 0;
			top_screen_resize();
		}
		top_work(top, now);
		/* one picture per round, not one per answer */
		if (keys || !top->socket.n_questions || now > top->asked + USEC_PER_SEC)
			top_screen_draw(top, clock_now());
		r = wait_for_events(top, clock_now(), signals);
	}
	top_screen_end();
	if (r < 0)
		return fail_with(top->cli, EXIT_REFUSED, "cannot wait: %s", strerror(-r));
	return EXIT_DONE;
}

/* The signals arrive only while waiting, so that none is missed between a look and the waiting. */
static int catch_signals(sigset_t *ret_waiting)
{
	static const int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2 };
	const struct sigaction end = { .sa_handler = on_end }, resize = { .sa_handler = on_resize };
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGWINCH);
	if (sigaction(SIGWINCH, &resize, NULL) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		sigaddset(&blocked, ends[i]);
		if (sigaction(ends[i], &end, NULL) < 0)
			return -errno;
	}
	return sigprocmask(SIG_BLOCK, &blocked, ret_waiting) < 0 ? -errno : 0;
}

/* --- the verb --- */

/* Seconds, with at most three digits behind the point. */
static int read_delay(const char *text, usec_t *ret_delay)
{
	char whole[8], digits[4] = "000";
	const char *point = strchrnul(text, '.');
	size_t length = (size_t)(point - text), n_digits = *point ? strlen(point + 1) : 0;
	uint64_t s, ms;

	if (length == 0 || length >= sizeof(whole) || n_digits > 3 || (*point && !n_digits))
		return -EINVAL;
	memcpy(whole, text, length);
	whole[length] = '\0';
	if (n_digits)
		memcpy(digits, point + 1, n_digits);
	if (parse_number(whole, 0, DELAY_MAX_S, &s) < 0 || parse_number(digits, 0, 999, &ms) < 0)
		return -EINVAL;
	ms += 1000 * s;
	if (ms < DELAY_MIN_MS || ms > 1000 * DELAY_MAX_S)
		return -ERANGE;
	*ret_delay = ms * USEC_PER_MSEC;
	return 0;
}

/* The screen is touched after the first answer: what goes wrong is said as by any verb. */
static enum exit_code begin(struct top *top, sigset_t *ret_signals)
{
	enum exit_code code = top_screen_check(top->cli);
	int r;

	if (code == EXIT_DONE)
		code = fetch(top->cli, "status", NULL, &top->status);
	if (code == EXIT_DONE)
		code = check_answer(top->cli, top->status);
	if (code != EXIT_DONE)
		return code;
	r = top_socket_dial(&top->socket, top->cli->socket_path);
	if (r < 0)
		return fail_with(top->cli, EXIT_UNREACHABLE, "no daemon at %s: %s",
				 top->cli->socket_path, strerror(-r));
	r = catch_signals(ret_signals);
	if (r < 0)
		return fail_with(top->cli, EXIT_REFUSED, "cannot catch signals: %s", strerror(-r));
	return top_screen_begin(top->cli);
}

static enum exit_code run(const struct cli *cli, const struct verb *verb UNUSED,
			  const struct arguments *arguments)
{
	struct top top = { .cli = cli, .delay = USEC_PER_SEC, .due = true,
			   .socket.connection.fd = -1 };
	enum exit_code code;
	sigset_t signals;

	if (cli->json)
		return fail_with(cli, EXIT_USAGE, "top draws on a terminal; for JSON there is: "
						  "smtpguard --json sources");
	if (arguments->values[0] && read_delay(arguments->values[0], &top.delay) < 0)
		return fail_with(cli, EXIT_USAGE, "top: --delay: not a number of seconds; "
						  "allowed: 0.1 to %d", DELAY_MAX_S);
	code = begin(&top, &signals);
	if (code == EXIT_DONE)
		code = loop(&top, &signals);
	top_socket_close(&top.socket);
	top_model_done(&top.model);
	json_decref(top.status);
	top_explain_done(&top.explain);
	return code;
}

const struct verb verb_top = {
	.name = "top",
	.help = "the live view: who is connected, how many, reverse DNS, standing; ? in it shows its keys",
	.options = { { "delay", "SECONDS", "how often to look again, 0.1 to 3600 (1)" } },
	.run = run,
};
