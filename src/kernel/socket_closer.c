// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/kernel/socket_closer.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "smtpguard/base/log.h"
#include "smtpguard/kernel/event_timer.h"
#include "smtpguard/kernel/netlink_socket.h"
#include "smtpguard/wire/netlink_message.h"
#include "socket_closer_priv.h"

_Static_assert(SOCKET_CLOSER_PORTS_MAX == DIAG_PORTS_MAX, "the kernel filters by all our ports");

/* behind set_writer's turn: nothing of the source may come in after its sockets are gone */
#define PRIORITY_START (SD_EVENT_PRIORITY_NORMAL - 13)
#define PRIORITY_WALK  (SD_EVENT_PRIORITY_NORMAL - 12)

/*
 * A walk costs the kernel a look into each bucket of its table, however few sockets there are. In a
 * flood of bans walks rest twice as long as they took, so that they leave two thirds of the time.
 */
#define REST_FACTOR  2
#define REST_MOST    (20 * USEC_PER_MSEC)
#define REPEATS_MOST 3

struct socket_closer {
	sd_event *event;
	int fd;
	sd_event_source *io, *start;
	struct source_set sets[2], *waiting, *walking;
	uint16_t ports[SOCKET_CLOSER_PORTS_MAX];
	unsigned n_ports;
	int family; /* being walked; AF_UNSPEC: no walk */
	uint32_t sequence;
	bool repeat; /* this family must be walked again */
	unsigned repeats;
	usec_t walk_since, rest_until;
	struct socket_closer_stats stats;
	struct diag_socket found[CLOSER_BATCH_MAX];
	unsigned n_found;
	uint8_t listening[65536 / 8]; /* a bit for each port with a listener of the family */
	struct destroyer destroyer;
	_Alignas(8) uint8_t buffer[CLOSER_DATAGRAM_BYTES];
};

/* --- the walk --- */

static bool is_guarded(const struct socket_closer *closer, uint16_t port)
{
	for (unsigned i = 0; i < closer->n_ports; i++)
		if (closer->ports[i] == port)
			return true;
	return false;
}

static void note_socket(struct socket_closer *closer, const struct diag_socket *socket)
{
	uint8_t *byte = &closer->listening[socket->local_port / 8];
	uint8_t bit = (uint8_t)(1U << socket->local_port % 8);
	bool guarded;

	if (socket->listening) {
		*byte |= bit;
		return;
	}
	guarded = is_guarded(closer, socket->local_port);
	if (!guarded && !(*byte & bit))
		return;
	if (source_set_covers(closer->walking, &socket->peer, !guarded) &&
	    closer->n_found < ARRAY_SIZE(closer->found))
		closer->found[closer->n_found++] = *socket;
}

static void note_failure(struct socket_closer *closer, unsigned n, const char *what, int error)
{
	closer->stats.failures += n;
	if (closer->stats.last_error != error)
		log_warning("%s: %s", what, strerror(-error));
	closer->stats.last_error = error;
}

static void end_walk(struct socket_closer *closer);

static void give_up(struct socket_closer *closer, int error)
{
	closer->stats.supported = false;
	closer->stats.last_error = error;
	log_warning(
		"this kernel cannot close the connections of banned sources (%s): they stay until "
		"they end by themselves",
		strerror(-error));
	end_walk(closer);
}

static bool means_unsupported(const struct socket_closer *closer, int error)
{
	return closer->stats.sockets_closed == 0 &&
	       (error == -EOPNOTSUPP || error == -EINVAL || error == -ENOENT);
}

static void destroy_found(struct socket_closer *closer)
{
	struct destroy_result result;

	if (!closer->n_found)
		return;
	destroyer_run(&closer->destroyer, closer->found, closer->n_found, &result);
	closer->n_found = 0;
	closer->stats.sockets_closed += result.closed;
	closer->stats.entries_deleted += result.entries;
	/* a half-open socket that is gone may have become an established one, behind the walk */
	closer->repeat |= result.gone > 0;
	if (result.closed)
		closer->stats.last_latency = clock_now() - closer->walking->since;
	if (!result.failures)
		return;
	if (means_unsupported(closer, result.error))
		give_up(closer, result.error);
	else
		note_failure(closer, result.failures, "closing connections of a banned source",
			     result.error);
}

static int enable_start(struct socket_closer *closer)
{
	usec_t now = clock_now();

	return event_timer_start(closer->start,
				 closer->rest_until > now ? closer->rest_until - now : 0);
}

static void schedule_walk(struct socket_closer *closer)
{
	int r = enable_start(closer);

	if (r < 0)
		note_failure(closer, 1, "cannot schedule the closing of connections", r);
}

static void end_walk(struct socket_closer *closer)
{
	usec_t now = clock_now();

	if (closer->family == AF_UNSPEC)
		return;
	closer->family = AF_UNSPEC;
	source_set_clear(closer->walking);
	if (!closer->stats.supported)
		source_set_clear(closer->waiting);
	closer->stats.walks++;
	closer->stats.last_walk = now - closer->walk_since;
	closer->rest_until = now + MIN_OF(REST_FACTOR * closer->stats.last_walk, REST_MOST);
	if (source_set_count(closer->waiting))
		schedule_walk(closer);
}

static void begin_family(struct socket_closer *closer, int family)
{
	bool all_ports = closer->walking->any_all_ports;
	_Alignas(8) uint8_t request[DIAG_DUMP_REQUEST_BYTES];
	size_t size;
	int r;

	closer->family = family;
	closer->repeat = false;
	memset(closer->listening, 0, sizeof(closer->listening));
	size = diag_dump_request(request, ++closer->sequence, family, closer->ports,
				 all_ports ? 0 : closer->n_ports, all_ports);
	r = netlink_socket_send(closer->fd, request, size);
	if (r < 0) {
		note_failure(closer, 1, "reading the kernel's sockets", r);
		end_walk(closer);
	}
}

static void end_family(struct socket_closer *closer)
{
	if (closer->repeat && closer->repeats++ < REPEATS_MOST) {
		begin_family(closer, closer->family);
		return;
	}
	closer->repeats = 0;
	if (closer->family == AF_INET)
		begin_family(closer, AF_INET6);
	else
		end_walk(closer);
}

static int on_start(sd_event_source *timer UNUSED, uint64_t when UNUSED, void *userdata)
{
	struct socket_closer *closer = userdata;
	struct source_set *set = closer->waiting;

	if (closer->family != AF_UNSPEC || !source_set_count(set))
		return 0;
	closer->waiting = closer->walking;
	closer->walking = set;
	closer->walk_since = clock_now();
	closer->repeats = 0;
	/* IPv4 peers of dual-stack listeners are in AF_INET6 */
	begin_family(closer, AF_INET);
	return 0;
}

/* 1: the last piece; 0: go on; -errno. */
static int read_sockets(struct socket_closer *closer, size_t size)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)closer->buffer;
	int left = (int)size;

	for (; netlink_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		const struct nlmsgerr *error = mnl_nlmsg_get_payload(nlh);
		struct diag_socket socket;
		int r;

		/* what is left of a walk that failed */
		if (closer->family == AF_UNSPEC || nlh->nlmsg_seq != closer->sequence)
			continue;
		if (nlh->nlmsg_type == NLMSG_DONE)
			return 1;
		if (nlh->nlmsg_type == NLMSG_ERROR &&
		    mnl_nlmsg_get_payload_len(nlh) >= sizeof(*error))
			return error->error ? error->error : 1;
		r = diag_message_decode(nlh, &socket);
		if (r == 0)
			note_socket(closer, &socket);
		else if (r < 0)
			note_failure(closer, 1, "reading the kernel's sockets", r);
	}
	return 0;
}

static int on_readable(sd_event_source *io UNUSED, int fd, uint32_t revents UNUSED, void *userdata)
{
	struct socket_closer *closer = userdata;
	ssize_t size = netlink_socket_receive(fd, closer->buffer, sizeof(closer->buffer));
	int r;

	if (size == -EAGAIN)
		return 0;
	r = size < 0 ? (int)size : read_sockets(closer, (size_t)size);
	destroy_found(closer);
	/* destroying may have ended the walk */
	if (r == 0 || closer->family == AF_UNSPEC)
		return 0;
	if (r > 0) {
		end_family(closer);
	} else if (means_unsupported(closer, r)) {
		give_up(closer, r);
	} else {
		note_failure(closer, 1, "reading the kernel's sockets", r);
		end_walk(closer);
	}
	return 0;
}

/* --- life --- */

struct socket_closer *socket_closer_free(struct socket_closer *closer)
{
	if (closer) {
		sd_event_source_unref(closer->io);
		sd_event_source_unref(closer->start);
		source_set_done(&closer->sets[0]);
		source_set_done(&closer->sets[1]);
		netlink_socket_close(&closer->fd);
		destroyer_close(&closer->destroyer);
		free(closer);
	}
	return NULL;
}

static int add_sources(struct socket_closer *closer)
{
	int r = sd_event_add_io(closer->event, &closer->io, closer->fd, EPOLLIN, on_readable,
				closer);

	if (r >= 0)
		r = sd_event_source_set_priority(closer->io, PRIORITY_WALK);
	if (r >= 0)
		r = event_timer_add(closer->event, &closer->start, on_start, PRIORITY_START,
				    closer);
	return r < 0 ? r : 0;
}

static int set_up(struct socket_closer *closer)
{
	struct siphash_key key;
	int r = siphash_key_random(&key);

	for (unsigned i = 0; r == 0 && i < ARRAY_SIZE(closer->sets); i++)
		r = source_set_init(&closer->sets[i], &key);
	if (r < 0)
		return r;
	closer->fd = r = netlink_socket_open(NETLINK_SOCK_DIAG);
	if (r >= 0)
		r = netlink_socket_bind(closer->fd, 0);
	if (r == 0)
		r = destroyer_open(&closer->destroyer);
	return r < 0 ? r : add_sources(closer);
}

int socket_closer_new(struct socket_closer **ret_closer, sd_event *event)
{
	struct socket_closer *closer = calloc(1, sizeof(*closer));
	int r;

	if (!closer)
		return -ENOMEM;
	closer->event = event;
	closer->stats.supported = true;
	closer->waiting = &closer->sets[0];
	closer->walking = &closer->sets[1];
	closer->fd = closer->destroyer.diag_fd = closer->destroyer.conntrack_fd = -1;
	r = set_up(closer);
	if (r < 0) {
		socket_closer_free(closer);
		return r;
	}
	*ret_closer = closer;
	return 0;
}

void socket_closer_set_ports(struct socket_closer *closer, const uint16_t *ports, unsigned n_ports)
{
	closer->n_ports = MIN_OF(n_ports, SOCKET_CLOSER_PORTS_MAX);
	memcpy(closer->ports, ports, closer->n_ports * sizeof(*ports));
}

void socket_closer_close(struct socket_closer *closer, const struct prefix *source, bool all_ports)
{
	bool is_first = source_set_count(closer->waiting) == 0;

	if (!closer->stats.supported || (closer->n_ports == 0 && !all_ports))
		return;
	if (source_set_add(closer->waiting, source, all_ports) == SOURCE_SET_FULL) {
		closer->stats.skipped_sources++;
		return;
	}
	if (!is_first)
		return;
	closer->waiting->since = clock_now();
	if (closer->family == AF_UNSPEC)
		schedule_walk(closer);
}

void socket_closer_stats(const struct socket_closer *closer, struct socket_closer_stats *ret_stats)
{
	*ret_stats = closer->stats;
}
