// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "smtpguard-config.h"
#include "smtpguard/base/log.h"
#include "smtpguard/base/parse.h"
#include "smtpguard/wire/resolver_message.h"
#include "smtpguard/worker/lock_in.h"
#include "worker_priv.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLV_CONF_INTERVAL (5 * USEC_PER_SEC)
/*
 * Not all at once: the usual socket buffer of a DNS server holds some 270 questions, and what it
 * loses costs the time of one try.
 */
#define QUESTIONS_PER_TURN 32
#define PAUSE_AFTER_FULL_TURN (2 * USEC_PER_MSEC)
#define SOCKETS_MAX 128

enum {
	EXIT_USAGE = 2,
};

struct worker {
	unsigned deadline_ms, tries, max_in_flight;
	const char *servers; /* NULL: those of RESOLV_CONF */
	ares_channel channel;
	struct lookups *lookups;
	struct pollfd sockets[SOCKETS_MAX]; /* of the channel */
	unsigned n_sockets;
	struct stat resolv_conf; /* as the channel has read it; zero: not there */
	usec_t resolv_conf_checked;
	usec_t pause_ends;
	bool stale;    /* a new channel is wanted */
	bool finished; /* the daemon is gone */
	int error;
};

static const char usage_text[] =
	"usage: smtpguard-resolver --deadline-ms N --tries N --max-in-flight N\n"
	"                          [--servers ADDR[:PORT],..]\n"
	"       smtpguard-resolver --version | --help\n"
	"Looks up the names of addresses for smtpguardd, which starts it by itself, with a socket as\n"
	"file descriptor 3. There is no use for it by hand.\n";

static int read_option(const char *name, const char *text, uint64_t maximum, unsigned *ret_value)
{
	uint64_t value;

	if (parse_number(text, 1, maximum, &value) < 0) {
		fprintf(stderr, "smtpguard-resolver: --%s: a number from 1 to %llu is wanted\n", name,
			(unsigned long long)maximum);
		return -EINVAL;
	}
	*ret_value = (unsigned)value;
	return 0;
}

/* 0: go on. Otherwise the program ends, with *ret_status. */
static int read_arguments(int argc, char **argv, struct worker *worker, int *ret_status)
{
	static const struct option options[] = {
		{ "deadline-ms", required_argument, NULL, 'd' },
		{ "tries", required_argument, NULL, 't' },
		{ "max-in-flight", required_argument, NULL, 'm' },
		{ "servers", required_argument, NULL, 's' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option, r = 0;

	*ret_status = EXIT_USAGE;
	while (r == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'd':
			r = read_option("deadline-ms", optarg, 600000, &worker->deadline_ms);
			break;
		case 't':
			r = read_option("tries", optarg, 10, &worker->tries);
			break;
		case 'm':
			r = read_option("max-in-flight", optarg, 65536, &worker->max_in_flight);
			break;
		case 's':
			worker->servers = optarg;
			break;
		case 'V':
			puts("smtpguard-resolver " SMTPGUARD_VERSION);
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
	if (r < 0 || optind != argc || !worker->deadline_ms || !worker->tries ||
	    !worker->max_in_flight) {
		fputs(usage_text, stderr);
		return 1;
	}
	return 0;
}

/* c-ares tells of every socket it opens, waits on, and closes. */
static void on_socket_state(void *userdata, ares_socket_t fd, int readable, int writable)
{
	struct worker *worker = userdata;
	short events = (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
	unsigned i = 0;

	while (i < worker->n_sockets && worker->sockets[i].fd != fd)
		i++;
	if (!events) {
		if (i < worker->n_sockets)
			worker->sockets[i] = worker->sockets[--worker->n_sockets];
		return;
	}
	/* RLIMIT_NOFILE keeps below the bound; one beyond it would never be answered */
	if (i == SOCKETS_MAX)
		return;
	if (i == worker->n_sockets)
		worker->n_sockets++;
	worker->sockets[i] = (struct pollfd){ .fd = fd, .events = events };
}

/* c-ares doubles the time with every try: all tries of one server fit into the deadline. */
static int first_timeout_ms(const struct worker *worker)
{
	unsigned timeout_ms = worker->deadline_ms / ((1u << worker->tries) - 1);

	return (int)MAX_OF(timeout_ms, 1u);
}

/* Opens the channel, in place of an older one. */
static int open_channel(struct worker *worker)
{
	struct ares_options options = {
		/* names are asked for as they are: no search list, no aliases */
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.timeout = first_timeout_ms(worker),
		.tries = (int)worker->tries,
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = worker,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
		   ARES_OPT_DOMAINS;
	int status;

#ifdef ARES_OPT_QUERY_CACHE
	/* the canary must ask, and the daemon has a cache of its own */
	options.qcache_max_ttl = 0;
	mask |= ARES_OPT_QUERY_CACHE;
#endif
	if (worker->channel)
		ares_destroy(worker->channel);
	worker->channel = NULL;
	worker->stale = false;
	if (!worker->servers && stat(RESOLV_CONF, &worker->resolv_conf) < 0)
		memset(&worker->resolv_conf, 0, sizeof(worker->resolv_conf));
	status = ares_init_options(&worker->channel, &options, mask);
	if (status != ARES_SUCCESS) {
		log_error("c-ares: %s", ares_strerror(status));
		return -EIO;
	}
	status = worker->servers ? ares_set_servers_ports_csv(worker->channel, worker->servers) :
				   ARES_SUCCESS;
	if (status != ARES_SUCCESS) {
		log_error("--servers: %s", ares_strerror(status));
		return -EINVAL;
	}
	lookups_use_channel(worker->lookups, worker->channel);
	return 0;
}

static void check_resolv_conf(struct worker *worker, usec_t now)
{
	const struct stat *old = &worker->resolv_conf;
	struct stat st;

	if (worker->servers || now - worker->resolv_conf_checked < RESOLV_CONF_INTERVAL)
		return;
	worker->resolv_conf_checked = now;
	if (stat(RESOLV_CONF, &st) < 0)
		return;
	worker->stale = st.st_ino != old->st_ino || st.st_dev != old->st_dev ||
			st.st_size != old->st_size || st.st_mtim.tv_sec != old->st_mtim.tv_sec ||
			st.st_mtim.tv_nsec != old->st_mtim.tv_nsec;
}

/* May wait for the daemon, which never waits for us. */
static void send_answer(void *userdata, const struct name_answer *answer)
{
	uint8_t bytes[RESOLVER_ANSWER_BYTES];
	struct worker *worker = userdata;
	ssize_t n;

	resolver_answer_encode(answer, bytes);
	do
		n = send(RESOLVER_SOCKET_FD, bytes, sizeof(bytes), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		worker->finished = true;
}

static void read_questions(struct worker *worker, usec_t now)
{
	uint8_t bytes[RESOLVER_QUESTION_BYTES];

	check_resolv_conf(worker, now);
	for (unsigned i = 0; i < QUESTIONS_PER_TURN && !worker->stale; i++) {
		struct address address;
		ssize_t n = recv(RESOLVER_SOCKET_FD, bytes, sizeof(bytes),
				 MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			worker->finished = true;
			return;
		}
		worker->error = resolver_question_decode(bytes, (size_t)n, &address);
		if (worker->error < 0) {
			log_error("a malformed question came from the daemon");
			return;
		}
		lookups_ask(worker->lookups, &address, now);
	}
	worker->pause_ends = now + PAUSE_AFTER_FULL_TURN;
}

/* Rounded up: a timer that is woken early would only wait again. */
static int next_timeout_ms(struct worker *worker, usec_t now)
{
	struct timeval tv, *wanted = ares_timeout(worker->channel, NULL, &tv);
	usec_t next = lookups_next(worker->lookups), wait = USEC_NEVER;

	if (worker->pause_ends > now)
		next = MIN_OF(next, worker->pause_ends);
	if (next != USEC_NEVER)
		wait = next > now ? next - now : 0;
	if (wanted)
		wait = MIN_OF(wait, (usec_t)wanted->tv_sec * USEC_PER_SEC +
					    (usec_t)wanted->tv_usec);
	if (wait == USEC_NEVER)
		return -1;
	return (int)((wait + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
}

/* Questions wait in the socket while lookups of an outdated channel are still under way. */
static int turn(struct worker *worker)
{
	struct pollfd fds[SOCKETS_MAX + 1];
	unsigned n = worker->n_sockets;
	usec_t now = clock_now();
	int r;

	fds[0] = (struct pollfd){ .fd = RESOLVER_SOCKET_FD };
	if (!worker->stale && worker->pause_ends <= now)
		fds[0].events = POLLIN;
	memcpy(fds + 1, worker->sockets, n * sizeof(fds[0]));
	r = poll(fds, n + 1, next_timeout_ms(worker, now));
	if (r < 0)
		return errno == EINTR ? 0 : -errno;
	for (unsigned i = 1; i <= n; i++) {
		if (fds[i].revents)
			ares_process_fd(worker->channel,
					fds[i].revents & ~POLLOUT ? fds[i].fd : ARES_SOCKET_BAD,
					fds[i].revents & POLLOUT ? fds[i].fd : ARES_SOCKET_BAD);
	}
	ares_process_fd(worker->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	lookups_expire(worker->lookups, clock_now());
	if (fds[0].revents & POLLIN)
		read_questions(worker, clock_now());
	else if (fds[0].revents)
		worker->finished = true;
	if (worker->stale && lookups_count(worker->lookups) == 0)
		return open_channel(worker);
	return worker->error;
}

int main(int argc, char **argv)
{
	static struct worker worker;
	int status, r;

	if (read_arguments(argc, argv, &worker, &status))
		return status;
	log_open("smtpguard-resolver");
	if (lock_in_check_socket() < 0)
		return EXIT_FAILURE;
	/* c-ares takes settings from the environment, and writes to TCP with SIGPIPE */
	unsetenv("LOCALDOMAIN");
	unsetenv("RES_OPTIONS");
	signal(SIGPIPE, SIG_IGN);
	if (sandbox_enter() < 0)
		return EXIT_FAILURE;
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
	    lookups_new(&worker.lookups, worker.deadline_ms * USEC_PER_MSEC, worker.max_in_flight,
			send_answer, &worker) < 0) {
		log_error("out of memory");
		return EXIT_FAILURE;
	}
	r = open_channel(&worker);
	if (r == -EINVAL)
		return EXIT_USAGE;
	while (r == 0 && !worker.finished)
		r = turn(&worker);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
