// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TCP load for the lab: opens connections from chosen source addresses and holds or closes them.
 *
 *   smtpload                         reads commands on stdin, answers each with one line on stdout
 *   smtpload --listen ADDR PORT...   accepts and holds everything, without a process per connection
 *
 *   open ID SRC SOURCES EACH DST PORT   EACH connections from each of SOURCES addresses, from SRC
 *   churn ID SRC SOURCES EACH DST PORT  the same, each closed as soon as it is established
 *   close ID [N]                        closes N established ones (default: all, pending too)
 *   count ID                            how many are in which state
 *   wait ID STATE N TIMEOUT_MS          waits until at least N are in STATE, then as count
 *
 * Every answer: "ok" (or "timeout"), the number in each state, when (CLOCK_MONOTONIC, ns) the
 * connection was begun whose handshake was completed last, and how long (ns) the slowest handshake
 * took from connect() to its end, one way or the other.
 * States: waiting, pending, established, refused (by a reset or an ICMP error), ended (by the
 * peer), closed; and opened: how many were ever established; settled: opened or refused.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

#define DESCRIPTORS_MAX 20000
#define GROUPS_MAX	512
#define HANDSHAKES_MAX	256 /* at a time and group: an accept queue holds them */
#define WORDS_MAX	8
#define LINE_MAX_BYTES	512

enum state { WAITING, PENDING, ESTABLISHED, REFUSED, ENDED, CLOSED, STATES };
enum { OPENED = STATES, SETTLED, COUNTS };

static const char *const count_names[COUNTS] = { "waiting", "pending", "established", "refused",
						 "ended",   "closed",  "opened",      "settled" };

union endpoint {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct group;

struct connection {
	struct group *group;
	int fd;
	enum state state;
	uint64_t begun_ns;
};

struct group {
	char id[32];
	bool churn;
	union endpoint first, to;
	unsigned sources, n, next;
	unsigned count[COUNTS];
	uint64_t last_ns, slowest_ns;
	struct connection *connections;
};

static struct group groups[GROUPS_MAX];
static unsigned n_groups;
static int epoll;

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0)
		die("clock_gettime");
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static bool parse_number(const char *text, unsigned long max, unsigned *ret)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || value > max)
		return false;
	*ret = (unsigned)value;
	return true;
}

static bool parse_address(const char *text, unsigned port, union endpoint *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &ret->in.sin_addr) == 1)
		ret->any.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &ret->in6.sin6_addr) == 1)
		ret->any.sa_family = AF_INET6;
	else
		return false;
	/* the port is at the same place in both */
	ret->in.sin_port = htons((uint16_t)port);
	return true;
}

/* The k-th address from the first on: the last 32 bits count, in both families. */
static union endpoint source_endpoint(const struct group *group, unsigned k)
{
	union endpoint e = group->first;
	uint32_t *low =
		e.any.sa_family == AF_INET ? &e.in.sin_addr.s_addr : &e.in6.sin6_addr.s6_addr32[3];

	*low = htonl(ntohl(*low) + k);
	return e;
}

static void set_state(struct connection *c, enum state state)
{
	c->group->count[c->state]--;
	c->group->count[state]++;
	c->state = state;
	if (state >= REFUSED && c->fd >= 0) {
		close(c->fd);
		c->fd = -1;
	}
}

/* The handshake came to its end. */
static void settle(struct connection *c)
{
	uint64_t took = now_ns() - c->begun_ns;

	c->group->count[SETTLED]++;
	if (took > c->group->slowest_ns)
		c->group->slowest_ns = took;
}

static void set_option(int fd, int level, int option)
{
	int on = 1;

	if (setsockopt(fd, level, option, &on, sizeof(on)) < 0)
		die("setsockopt");
}

static void connect_one(struct connection *c, unsigned k)
{
	struct group *g = c->group;
	union endpoint from = source_endpoint(g, k);
	bool v6 = from.any.sa_family == AF_INET6;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };

	c->fd = socket(from.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	/* the port is chosen at connect, per destination: 28 000 of them for every source */
	set_option(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
	set_option(c->fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_FREEBIND : IP_FREEBIND);
	if (bind(c->fd, &from.any, sizeof(from)) < 0)
		die("bind");
	c->begun_ns = now_ns();
	set_state(c, PENDING);
	if (connect(c->fd, &g->to.any, sizeof(g->to)) < 0 && errno != EINPROGRESS) {
		settle(c);
		set_state(c, REFUSED);
		return;
	}
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		die("epoll_ctl");
}

static void start_more(struct group *g)
{
	while (g->next < g->n && g->count[PENDING] < HANDSHAKES_MAX) {
		connect_one(&g->connections[g->next], g->next % g->sources);
		g->next++;
	}
}

static void drain(struct connection *c)
{
	char buffer[4096];
	ssize_t n;

	do
		n = read(c->fd, buffer, sizeof(buffer));
	while (n > 0);
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		set_state(c, ENDED);
}

static void on_event(struct connection *c)
{
	int error = 0;
	socklen_t length = sizeof(error);
	struct tcp_info info;

	if (c->state == PENDING) {
		if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
			die("SO_ERROR");
		length = sizeof(info);
		if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
			die("TCP_INFO");
		if (!error && info.tcpi_state == TCP_SYN_SENT)
			return;
		settle(c);
		/* a reset in the handshake is ECONNREFUSED: this one was established */
		if (!error || error == ECONNRESET) {
			c->group->last_ns = c->begun_ns;
			c->group->count[OPENED]++;
		}
		if (error)
			set_state(c, error == ECONNRESET ? ENDED : REFUSED);
		else
			set_state(c, c->group->churn ? CLOSED : ESTABLISHED);
		start_more(c->group);
	}
	if (c->state == ESTABLISHED)
		drain(c);
}

static struct group *find_group(const char *id)
{
	for (unsigned i = 0; i < n_groups; i++)
		if (!strcmp(groups[i].id, id))
			return &groups[i];
	return NULL;
}

static const char *command_open(char **w, bool churn)
{
	struct group *g = &groups[n_groups];
	unsigned each, port;

	if (n_groups == GROUPS_MAX || strlen(w[1]) >= sizeof(g->id))
		return "ID too long or too many";
	if (!parse_number(w[3], DESCRIPTORS_MAX, &g->sources) || !g->sources ||
	    !parse_number(w[4], 100000, &each) || !parse_number(w[6], UINT16_MAX, &port))
		return "bad number";
	if (!parse_address(w[2], 0, &g->first) || !parse_address(w[5], port, &g->to) ||
	    g->first.any.sa_family != g->to.any.sa_family)
		return "bad address";
	g->n = g->sources * each;
	g->connections = calloc(g->n, sizeof(*g->connections));
	if (!g->connections)
		return "no memory";
	memcpy(g->id, w[1], strlen(w[1]) + 1);
	g->churn = churn;
	g->count[WAITING] = g->n;
	for (unsigned i = 0; i < g->n; i++)
		g->connections[i] = (struct connection){ .group = g, .fd = -1 };
	n_groups++;
	start_more(g);
	return NULL;
}

static const char *command_close(struct group *g, const char *number)
{
	unsigned n = UINT32_MAX;

	if (number && !parse_number(number, UINT32_MAX, &n))
		return "bad number";
	if (!number)
		g->next = g->n;
	for (unsigned i = 0; i < g->n && n; i++) {
		struct connection *c = &g->connections[i];

		if (c->state == ESTABLISHED || (c->state < ESTABLISHED && !number)) {
			set_state(c, CLOSED);
			n--;
		}
	}
	return NULL;
}

static void print_counts(const char *word, const struct group *g)
{
	printf("%s", word);
	for (int s = 0; s < COUNTS; s++)
		printf(" %s %u", count_names[s], g->count[s]);
	printf(" last %llu slowest %llu\n", (unsigned long long)g->last_ns,
	       (unsigned long long)g->slowest_ns);
}

/* True: stdin has something to read. */
static bool turn(int timeout_ms)
{
	struct epoll_event events[256];
	bool input = false;
	int n = epoll_wait(epoll, events, 256, timeout_ms);

	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr)
			on_event(events[i].data.ptr);
		else
			input = true;
	}
	return input;
}

static const char *command_wait(struct group *g, char **w)
{
	unsigned state, n, timeout_ms;

	for (state = 0; state < COUNTS && strcmp(w[2], count_names[state]) != 0; state++)
		;
	if (state == COUNTS || !parse_number(w[3], UINT32_MAX, &n) ||
	    !parse_number(w[4], 3600000, &timeout_ms))
		return "bad state or number";
	for (uint64_t end = now_ns() + timeout_ms * UINT64_C(1000000);
	     g->count[state] < n && now_ns() < end;)
		turn(10);
	print_counts(g->count[state] < n ? "timeout" : "ok", g);
	return NULL;
}

/* NULL: answered; else what is wrong. */
static const char *command(char **w, unsigned n)
{
	struct group *g = n > 1 ? find_group(w[1]) : NULL;
	const char *error = NULL;

	if (n == 7 && !g) {
		error = command_open(w, !strcmp(w[0], "churn"));
		g = &groups[n_groups - 1];
	} else if (!g) {
		error = "unknown ID or command";
	} else if (n == 5 && !strcmp(w[0], "wait")) {
		return command_wait(g, w);
	} else if (n <= 3 && !strcmp(w[0], "close")) {
		error = command_close(g, n == 3 ? w[2] : NULL);
	} else if (strcmp(w[0], "count") != 0) {
		error = "unknown command";
	}
	if (!error)
		print_counts("ok", g);
	return error;
}

static void command_line(char *line)
{
	char *words[WORDS_MAX], *word;
	unsigned n = 0;
	const char *error;

	while (n < WORDS_MAX && (word = strsep(&line, " ")))
		words[n++] = word;
	error = n ? command(words, n) : "empty line";
	if (error)
		printf("error %s\n", error);
	fflush(stdout);
}

/* Whole lines only; the driver waits for each answer, so there is never more than one. */
static bool read_commands(void)
{
	static char buffer[LINE_MAX_BYTES];
	static size_t used;
	ssize_t n = read(STDIN_FILENO, buffer + used, sizeof(buffer) - 1 - used);
	char *end;

	if (n <= 0)
		return false;
	used += (size_t)n;
	end = memchr(buffer, '\n', used);
	if (end) {
		*end = '\0';
		used = 0;
		command_line(buffer);
	}
	return used < sizeof(buffer) - 1;
}

static int drive(void)
{
	struct epoll_event ev = { .events = EPOLLIN };

	/* data.ptr NULL marks stdin */
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &ev) < 0)
		die("stdin");
	while (!turn(-1) || read_commands())
		;
	return 0;
}

static int listen_on(const char *address, const char *port_text)
{
	union endpoint to;
	unsigned port;
	int fd;

	if (!parse_number(port_text, UINT16_MAX, &port) || !parse_address(address, port, &to)) {
		fprintf(stderr, "bad address or port\n");
		exit(2);
	}
	fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	set_option(fd, SOL_SOCKET, SO_REUSEADDR);
	/* several of us share a crowd that is too large for one */
	set_option(fd, SOL_SOCKET, SO_REUSEPORT);
	if (bind(fd, &to.any, sizeof(to)) < 0 || listen(fd, 65535) < 0)
		die("listen");
	return fd;
}

static void accept_all(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
			die("epoll_ctl");
	}
	if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		die("accept4");
}

static _Noreturn void hold(int argc, char **argv)
{
	static bool listeners[DESCRIPTORS_MAX];

	for (int i = 3; i < argc; i++) {
		int fd = listen_on(argv[2], argv[i]);
		struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

		listeners[fd] = true;
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
			die("epoll_ctl");
	}
	printf("listening\n");
	fflush(stdout);
	for (;;) {
		struct epoll_event events[256];
		int n = epoll_wait(epoll, events, 256, -1);

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			char buffer[4096];

			if (listeners[fd])
				accept_all(fd);
			else if (read(fd, buffer, sizeof(buffer)) <= 0)
				close(fd);
		}
	}
}

int main(int argc, char **argv)
{
	struct rlimit limit = { .rlim_cur = DESCRIPTORS_MAX, .rlim_max = DESCRIPTORS_MAX };

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("RLIMIT_NOFILE");
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		die("epoll_create1");
	if (argc > 3 && !strcmp(argv[1], "--listen"))
		hold(argc, argv);
	if (argc == 1)
		return drive();
	fprintf(stderr, "usage: smtpload | smtpload --listen ADDR PORT...\n");
	return 2;
}
