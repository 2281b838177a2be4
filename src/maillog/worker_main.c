// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "smtpguard-config.h"
#include "smtpguard/base/log.h"
#include "smtpguard/worker/lock_in.h"
#include "worker_priv.h"

/* What comes within this time is read with one wake-up. */
#define PAUSE (10 * USEC_PER_MSEC)

enum {
	EXIT_USAGE = 2,
};

struct worker {
	const char *paths[MAIL_LOGS]; /* NULL: not followed */
	struct log_places places[MAIL_LOGS];
	struct feed *feeds[MAIL_LOGS];
	usec_t pause_ends;
	bool more;     /* there is something to be read at once */
	bool finished; /* the daemon is gone */
};

static const char usage_text[] =
	"usage: smtpguard-maillog [--exim PATH] [--mail PATH] [--cpanel PATH]\n"
	"       smtpguard-maillog --version | --help\n"
	"Follows mail logs for smtpguardd, which starts it by itself, with a socket as file\n"
	"descriptor 3. There is no use for it by hand.\n";

static int read_path(enum mail_log log, const char *text, struct worker *worker)
{
	if (text[0] != '/' || text[strlen(text) - 1] == '/') {
		fprintf(stderr, "smtpguard-maillog: --%s: the absolute path of a file is wanted\n",
			mail_log_name(log));
		return -EINVAL;
	}
	worker->paths[log] = text;
	return 0;
}

/* 0: go on. Otherwise the program ends, with *ret_status. */
static int read_arguments(int argc, char **argv, struct worker *worker, int *ret_status)
{
	static const struct option options[] = {
		{ "exim", required_argument, NULL, 'e' },
		{ "mail", required_argument, NULL, 'm' },
		{ "cpanel", required_argument, NULL, 'c' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool any = false;
	int option, r = 0;

	*ret_status = EXIT_USAGE;
	while (r == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'e':
			r = read_path(MAIL_LOG_EXIM, optarg, worker);
			break;
		case 'm':
			r = read_path(MAIL_LOG_MAIL, optarg, worker);
			break;
		case 'c':
			r = read_path(MAIL_LOG_CPANEL, optarg, worker);
			break;
		case 'V':
			puts("smtpguard-maillog " SMTPGUARD_VERSION);
			*ret_status = EXIT_SUCCESS;
			return 1;
		case 'h':
			fputs(usage_text, stdout);
			*ret_status = EXIT_SUCCESS;
			return 1;
		default:
			r = -EINVAL;
		}
	}
	for (unsigned i = 0; i < MAIL_LOGS; i++)
		any |= worker->paths[i] != NULL;
	if (r < 0 || optind != argc || !any) {
		fputs(usage_text, stderr);
		return 1;
	}
	return 0;
}

/* The C library reads the time zone now, and finds it in memory when it is locked in. */
static void read_time_zone(void)
{
	time_t now = time(NULL);
	struct tm local;

	tzset();
	(void)localtime_r(&now, &local);
}

/* --- what the daemon says --- */

/* One message. 0: none, the daemon is gone. */
static int receive(struct maillog_message *ret_message)
{
	uint8_t bytes[MAILLOG_PACKET_MAX];
	ssize_t n;
	int r;

	do
		n = recv(MAILLOG_SOCKET_FD, bytes, sizeof(bytes), MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return 0;
	r = (size_t)n > sizeof(bytes) ? -EBADMSG :
					maillog_message_decode(bytes, (size_t)n, ret_message);
	return r < 0 ? r : 1;
}

static int complain(void)
{
	log_error("a malformed message came from the daemon");
	return -EBADMSG;
}

/* Where to go on, for each log that it knows of, and then the start. */
static int read_places(struct worker *worker)
{
	struct maillog_message message;
	int r;

	for (unsigned i = 0; i < MAIL_LOGS; i++)
		worker->places[i].log = (enum mail_log)i;
	while ((r = receive(&message)) > 0) {
		if (message.type == MAILLOG_START)
			return 0;
		if (message.type != MAILLOG_PLACES)
			return complain();
		worker->places[message.log] = message.places;
	}
	worker->finished = true;
	return r < 0 ? complain() : 0;
}

/* May wait for the daemon, which never waits for us. */
static int send_packet(void *userdata, const struct maillog_message *message)
{
	uint8_t bytes[MAILLOG_PACKET_MAX];
	struct worker *worker = userdata;
	size_t size = maillog_message_encode(message, bytes);
	ssize_t n;

	do
		n = send(MAILLOG_SOCKET_FD, bytes, size, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	worker->finished = true;
	return -errno;
}

/* --- the loop --- */

static int start(struct worker *worker)
{
	int r = read_places(worker);

	for (unsigned i = 0; i < MAIL_LOGS && r == 0 && !worker->finished; i++) {
		if (worker->paths[i])
			r = feed_new(&worker->feeds[i], (enum mail_log)i, worker->paths[i],
				     &worker->places[i], send_packet, worker);
		if (r < 0)
			log_error("%s", strerror(-r));
	}
	worker->more = true;
	return r;
}

/* Rounded up: a timer that is woken early would only wait again. */
static int timeout_ms(const struct worker *worker, usec_t now)
{
	usec_t next = worker->pause_ends, wait;

	if (worker->more)
		return 0;
	if (next <= now) {
		next = USEC_NEVER;
		for (unsigned i = 0; i < MAIL_LOGS; i++)
			if (worker->feeds[i])
				next = MIN_OF(next, feed_next(worker->feeds[i]));
	}
	if (next == USEC_NEVER)
		return -1;
	wait = next > now ? next - now : 0;
	return (int)MIN_OF((wait + USEC_PER_MSEC - 1) / USEC_PER_MSEC, (usec_t)60000);
}

/* All of them: whatever woke us up, one turn finds everything. */
static int read_logs(struct worker *worker, usec_t now)
{
	worker->more = false;
	for (unsigned i = 0; i < MAIL_LOGS; i++) {
		int r;

		if (!worker->feeds[i])
			continue;
		/* before: what is told after this is of the next turn */
		feed_on_inotify(worker->feeds[i]);
		r = feed_turn(worker->feeds[i], now);
		if (r < 0)
			return worker->finished ? 0 : r;
		worker->more |= r > 0;
	}
	if (!worker->more)
		worker->pause_ends = clock_now() + PAUSE;
	return 0;
}

static int turn(struct worker *worker)
{
	struct pollfd fds[1 + MAIL_LOGS];
	usec_t now = clock_now();
	bool paused = !worker->more && worker->pause_ends > now;

	fds[0] = (struct pollfd){ .fd = MAILLOG_SOCKET_FD, .events = POLLIN };
	for (unsigned i = 0; i < MAIL_LOGS; i++)
		fds[1 + i] = (struct pollfd){
			.fd = paused || !worker->feeds[i] ? -1 : feed_fd(worker->feeds[i]),
			.events = POLLIN,
		};
	if (poll(fds, ARRAY_SIZE(fds), timeout_ms(worker, now)) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[0].revents & POLLIN) {
		struct maillog_message message;

		worker->finished = receive(&message) == 0;
		return worker->finished ? 0 : complain();
	}
	if (fds[0].revents) {
		worker->finished = true;
		return 0;
	}
	return paused ? 0 : read_logs(worker, clock_now());
}

int main(int argc, char **argv)
{
	static struct worker worker;
	int status, r;

	if (read_arguments(argc, argv, &worker, &status))
		return status;
	log_open("smtpguard-maillog");
	if (lock_in_check_socket() < 0)
		return EXIT_FAILURE;
	read_time_zone();
	if (sandbox_enter() < 0)
		return EXIT_FAILURE;
	r = start(&worker);
	while (r == 0 && !worker.finished)
		r = turn(&worker);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
