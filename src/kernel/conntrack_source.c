// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/kernel/conntrack_source.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/log.h"
#include "smtpguard/kernel/conntrack_filter.h"
#include "smtpguard/kernel/event_timer.h"
#include "smtpguard/kernel/netlink_socket.h"
#include "smtpguard/wire/ct_message.h"
#include "smtpguard/wire/netlink_message.h"

#define BUFFER_BYTES 32768
#define RECEIVE_BUFFER_START (8 << 20)
#define RECEIVE_BUFFER_MOST (64 << 20)

/* events read in one turn of the loop, and how many make the socket a busy one */
#define EVENTS_PER_WAKEUP 256
#define EVENTS_BUSY 16
/* a longer pause lets more connections past a limit in a burst (24 at 1 ms, research/perf.md 6) */
#define COALESCE_DELAY 200

/* after a loss the host is busy: dump when it has calmed down, but not too late */
#define RESYNC_DELAY (USEC_PER_SEC / 2)
#define RESYNC_LATEST (2 * USEC_PER_SEC)
#define RETRY_DELAY USEC_PER_SEC
/* events are read before each piece of a dump; how often a busy socket may put the piece off */
#define EVENTS_BEFORE_DUMP 1024
#define DUMP_DEFERRALS_MOST 64

#define PRIORITY_EVENTS (SD_EVENT_PRIORITY_NORMAL - 10)
/* as the control socket, so that everybody has a turn while conntrack keeps us busy */
#define PRIORITY_DUMP (SD_EVENT_PRIORITY_NORMAL + 20)
#define PRIORITY_RESUME (SD_EVENT_PRIORITY_NORMAL + 20)

struct conntrack_source {
	sd_event *event;
	struct conntrack_settings settings;
	struct conntrack_handlers handlers;
	int event_fd, dump_fd;
	sd_event_source *event_io, *resume, *dump_io, *dump_timer, *finish;
	uint32_t sequence;
	bool dumping, lost_during_dump, dump_is_resync, dump_again;
	unsigned deferrals;
	usec_t first_loss; /* of the losses not repaired yet; 0: none */
	int receive_buffer;
	struct conntrack_stats stats;
	uint8_t buffer[BUFFER_BYTES];
};

struct conntrack_source *conntrack_source_free(struct conntrack_source *source)
{
	if (source) {
		sd_event_source_unref(source->event_io);
		sd_event_source_unref(source->resume);
		sd_event_source_unref(source->dump_io);
		sd_event_source_unref(source->dump_timer);
		sd_event_source_unref(source->finish);
		netlink_socket_close(&source->event_fd);
		netlink_socket_close(&source->dump_fd);
		free(source);
	}
	return NULL;
}

static void schedule_dump(struct conntrack_source *source, usec_t delay)
{
	int r = event_timer_start(source->dump_timer, delay);

	if (r < 0)
		log_error("cannot schedule the next conntrack dump: %s", strerror(-r));
}

static void note_loss(struct conntrack_source *source, usec_t now)
{
	usec_t waited;

	source->stats.losses++;
	source->lost_during_dump = true;
	source->handlers.lost(source->handlers.userdata);
	if (source->receive_buffer < RECEIVE_BUFFER_MOST) {
		source->receive_buffer = MIN_OF(source->receive_buffer * 2, RECEIVE_BUFFER_MOST);
		if (netlink_socket_grow_receive_buffer(source->event_fd, source->receive_buffer) < 0)
			log_warning("cannot enlarge the conntrack receive buffer");
		source->stats.receive_buffer_bytes = netlink_socket_receive_buffer(source->event_fd);
	}
	if (!source->first_loss) {
		source->first_loss = now;
		log_warning("conntrack events were lost; receive buffer is %u bytes now, counts will be "
			    "read again from the kernel",
			    source->stats.receive_buffer_bytes);
	}
	if (source->dumping)
		return; /* its end schedules the next one */
	waited = now - source->first_loss;
	schedule_dump(source, waited >= RESYNC_LATEST ? 0 : MIN_OF(RESYNC_DELAY, RESYNC_LATEST - waited));
}

static void read_messages(struct conntrack_source *source, size_t size, usec_t now, bool from_dump)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(void *)source->buffer;
	int left = (int)size;
	struct ct_event ct;

	for (; netlink_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		int r;

		if (nlh->nlmsg_type < NLMSG_MIN_TYPE)
			continue;
		r = ct_message_decode(nlh, &ct);
		if (r < 0)
			source->stats.malformed++;
		if (from_dump)
			source->stats.dump_lines++;
		else
			source->stats.events++;
		if (r != 0)
			continue;
		if (from_dump)
			source->handlers.sync_line(source->handlers.userdata, &ct, now);
		else
			source->handlers.event(source->handlers.userdata, &ct, now);
	}
}

/* Reads up to limit datagrams; returns how many, fewer than limit when the socket is empty. */
static unsigned drain_events(struct conntrack_source *source, unsigned limit)
{
	usec_t now = clock_now();
	unsigned n = 0;

	while (n < limit) {
		ssize_t size = netlink_socket_receive(source->event_fd, source->buffer,
						      sizeof(source->buffer));

		if (size == -EAGAIN)
			return n;
		n++;
		if (size == -ENOBUFS) {
			note_loss(source, now);
		} else if (size < 0) {
			source->stats.malformed++;
			return n;
		} else {
			read_messages(source, (size_t)size, now, false);
		}
		/* a long piece has a clock of its own: stamps of handshakes must not lag behind */
		if (n % EVENTS_PER_WAKEUP == 0)
			now = clock_now();
	}
	return n;
}

/*
 * Waited on when quiet; when busy, left alone for a moment, so that the kernel need not wake us for
 * every message, and the less urgent sources of the loop have their turn.
 */
static int on_events(sd_event_source *io UNUSED, int fd UNUSED, uint32_t revents UNUSED, void *userdata)
{
	struct conntrack_source *source = userdata;
	unsigned n = drain_events(source, EVENTS_PER_WAKEUP);
	int r;

	if (n < EVENTS_BUSY)
		return 0;
	r = sd_event_source_set_enabled(source->event_io, SD_EVENT_OFF);
	if (r >= 0)
		r = event_timer_start(source->resume, n < EVENTS_PER_WAKEUP ? COALESCE_DELAY : 0);
	return r;
}

static int on_resume(sd_event_source *timer UNUSED, uint64_t when UNUSED, void *userdata)
{
	struct conntrack_source *source = userdata;

	return sd_event_source_set_enabled(source->event_io, SD_EVENT_ON);
}

/* --- dumps --- */

static void dump_failed(struct conntrack_source *source, int error)
{
	source->stats.dump_failures++;
	source->dumping = false;
	log_warning("reading the conntrack table: %s; trying again", strerror(-error));
	(void)sd_event_source_set_enabled(source->dump_io, SD_EVENT_OFF);
	schedule_dump(source, RETRY_DELAY);
}

static int on_dump_time(sd_event_source *timer UNUSED, uint64_t when UNUSED, void *userdata)
{
	struct conntrack_source *source = userdata;
	uint8_t request[CT_DUMP_REQUEST_BYTES];
	size_t size;
	int r;

	if (source->dumping)
		return 0;
	/*
	 * Events from before a loss that are read after the dump has begun would be taken for newer than
	 * the dump: read them first.
	 */
	if (drain_events(source, EVENTS_BEFORE_DUMP) == EVENTS_BEFORE_DUMP &&
	    source->deferrals++ < DUMP_DEFERRALS_MOST) {
		schedule_dump(source, 0);
		return 0;
	}
	source->deferrals = 0;
	source->dumping = true;
	source->lost_during_dump = false;
	source->dump_is_resync = source->first_loss != 0;
	source->first_loss = 0;
	source->handlers.sync_begin(source->handlers.userdata);
	size = ct_dump_request(request, ++source->sequence);
	r = netlink_socket_send(source->dump_fd, request, size);
	if (r == 0)
		r = sd_event_source_set_enabled(source->dump_io, SD_EVENT_ON);
	if (r < 0)
		dump_failed(source, r);
	return 0;
}

/* 1: the last piece; 0: go on; -errno. */
static int end_of_dump(const struct conntrack_source *source, size_t size)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)source->buffer;
	int left = (int)size;

	for (; netlink_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		const struct nlmsgerr *error = mnl_nlmsg_get_payload(nlh);

		if (nlh->nlmsg_seq != source->sequence)
			continue;
		if (nlh->nlmsg_type == NLMSG_DONE)
			return 1;
		if (nlh->nlmsg_type == NLMSG_ERROR && mnl_nlmsg_get_payload_len(nlh) >= sizeof(*error))
			return error->error ? error->error : 1;
	}
	return 0;
}

static int on_dump_readable(sd_event_source *io UNUSED, int fd, uint32_t revents UNUSED, void *userdata)
{
	struct conntrack_source *source = userdata;
	ssize_t size;
	int r;

	/*
	 * A piece of the dump was written when the piece before it was read, so every event older than it
	 * is in the event socket by now. Reading those first keeps the order: the flow table takes an
	 * event over a dump line.
	 */
	if (drain_events(source, EVENTS_BEFORE_DUMP) == EVENTS_BEFORE_DUMP &&
	    source->deferrals++ < DUMP_DEFERRALS_MOST)
		return 0;
	source->deferrals = 0;
	size = netlink_socket_receive(fd, source->buffer, sizeof(source->buffer));
	if (size == -EAGAIN)
		return 0;
	if (size < 0) {
		dump_failed(source, (int)size);
		return 0;
	}
	r = end_of_dump(source, (size_t)size);
	if (r < 0) {
		dump_failed(source, r);
		return 0;
	}
	read_messages(source, (size_t)size, clock_now(), true);
	if (r == 0)
		return 0;
	r = sd_event_source_set_enabled(source->dump_io, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_source_set_enabled(source->finish, SD_EVENT_ON);
	return r;
}

/* A defer source: one bounded piece of the sweep per turn. */
static int on_finish(sd_event_source *defer, void *userdata)
{
	struct conntrack_source *source = userdata;
	usec_t now = clock_now();

	if (!source->handlers.sync_end(source->handlers.userdata, source->lost_during_dump, now))
		return 0;
	source->dumping = false;
	source->stats.dumps++;
	source->stats.resyncs += source->dump_is_resync;
	source->stats.last_sync = now;
	if (source->lost_during_dump) {
		source->first_loss = now;
		schedule_dump(source, RESYNC_DELAY);
	} else {
		schedule_dump(source,
			      source->dump_again ? 0 : source->settings.reconcile_interval);
	}
	source->dump_again = false;
	return sd_event_source_set_enabled(defer, SD_EVENT_OFF);
}

/* --- life --- */

static int open_event_socket(struct conntrack_source *source)
{
	int r;

	source->event_fd = r = netlink_socket_open(NETLINK_NETFILTER);
	if (r < 0)
		return r;
	r = netlink_socket_grow_receive_buffer(source->event_fd, source->receive_buffer);
	if (r < 0)
		return r;
	source->stats.receive_buffer_bytes = netlink_socket_receive_buffer(source->event_fd);
	r = conntrack_filter_attach(source->event_fd, source->settings.ports, source->settings.n_ports);
	if (r < 0)
		return r;
	return netlink_socket_bind(source->event_fd, NF_NETLINK_CONNTRACK_NEW |
							     NF_NETLINK_CONNTRACK_UPDATE |
							     NF_NETLINK_CONNTRACK_DESTROY);
}

static int add_io(struct conntrack_source *source, sd_event_source **ret_io, int fd,
		  sd_event_io_handler_t handler, int64_t priority, int enabled)
{
	int r = sd_event_add_io(source->event, ret_io, fd, EPOLLIN, handler, source);

	if (r >= 0)
		r = sd_event_source_set_priority(*ret_io, priority);
	if (r >= 0)
		r = sd_event_source_set_enabled(*ret_io, enabled);
	return r;
}

static int add_sources(struct conntrack_source *source)
{
	int r = add_io(source, &source->event_io, source->event_fd, on_events, PRIORITY_EVENTS,
		       SD_EVENT_ON);

	if (r >= 0)
		r = add_io(source, &source->dump_io, source->dump_fd, on_dump_readable, PRIORITY_DUMP,
			   SD_EVENT_OFF);
	if (r >= 0)
		r = event_timer_add(source->event, &source->resume, on_resume, PRIORITY_RESUME, source);
	if (r >= 0)
		r = event_timer_add(source->event, &source->dump_timer, on_dump_time, PRIORITY_DUMP,
				    source);
	if (r >= 0)
		r = event_timer_start(source->dump_timer, 0);
	if (r >= 0)
		r = sd_event_add_defer(source->event, &source->finish, on_finish, source);
	if (r >= 0)
		r = sd_event_source_set_priority(source->finish, PRIORITY_DUMP);
	if (r >= 0)
		r = sd_event_source_set_enabled(source->finish, SD_EVENT_OFF);
	return r;
}

int conntrack_source_new(struct conntrack_source **ret_source, sd_event *event,
			 const struct conntrack_settings *settings,
			 const struct conntrack_handlers *handlers)
{
	struct conntrack_source *source = calloc(1, sizeof(*source));
	int r;

	if (!source)
		return -ENOMEM;
	source->event = event;
	source->settings = *settings;
	source->handlers = *handlers;
	source->event_fd = source->dump_fd = -1;
	source->receive_buffer =
		settings->receive_buffer_bytes ? settings->receive_buffer_bytes : RECEIVE_BUFFER_START;
	r = open_event_socket(source);
	source->settings.ports = NULL; /* was the caller's */
	if (r == 0)
		source->dump_fd = r = netlink_socket_open(NETLINK_NETFILTER);
	if (r >= 0)
		r = netlink_socket_bind(source->dump_fd, 0);
	if (r == 0)
		r = add_sources(source);
	if (r < 0) {
		conntrack_source_free(source);
		return r;
	}
	*ret_source = source;
	return 0;
}

int conntrack_source_set_ports(struct conntrack_source *source, const uint16_t *ports,
			       unsigned n_ports)
{
	/* the kernel exchanges the programs in one step */
	return conntrack_filter_attach(source->event_fd, ports, n_ports);
}

void conntrack_source_request_dump(struct conntrack_source *source)
{
	if (source->dumping)
		source->dump_again = true;
	else
		schedule_dump(source, 0);
}

void conntrack_source_stats(const struct conntrack_source *source, struct conntrack_stats *ret_stats)
{
	*ret_stats = source->stats;
}
