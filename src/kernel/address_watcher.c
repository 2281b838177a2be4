// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/kernel/address_watcher.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/log.h"
#include "smtpguard/kernel/netlink_socket.h"
#include "smtpguard/wire/address_message.h"
#include "smtpguard/wire/netlink_message.h"

#define BUFFER_BYTES 32768
#define MESSAGES_PER_WAKEUP 64
#define DUMP_PATIENCE_MS 5000

struct address_watcher {
	int fd;
	uint32_t sequence;
	sd_event_source *source;
	address_watcher_handler handler;
	void *userdata;
	uint8_t buffer[BUFFER_BYTES];
};

struct address_watcher *address_watcher_free(struct address_watcher *watcher)
{
	if (watcher) {
		sd_event_source_unref(watcher->source);
		netlink_socket_close(&watcher->fd);
		free(watcher);
	}
	return NULL;
}

static int request_dump(struct address_watcher *watcher)
{
	uint8_t request[ADDRESS_DUMP_REQUEST_BYTES];
	size_t size = address_dump_request(request, ++watcher->sequence);

	return netlink_socket_send(watcher->fd, request, size);
}

/* 1: a dump is complete; 0: go on; -errno: the kernel refused. */
static int read_datagram(struct address_watcher *watcher, size_t size)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(void *)watcher->buffer;
	int left = (int)size, done = 0;
	struct address address;
	bool present;

	for (; netlink_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_type == NLMSG_DONE) {
			done = 1;
			continue;
		}
		if (nlh->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *error = mnl_nlmsg_get_payload(nlh);

			if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*error))
				return -EBADMSG;
			if (error->error)
				return error->error;
			continue;
		}
		if (address_message_decode(nlh, &address, &present) == 0)
			watcher->handler(watcher->userdata, &address, present);
	}
	return done;
}

static int on_readable(sd_event_source *source UNUSED, int fd, uint32_t revents UNUSED, void *userdata)
{
	struct address_watcher *watcher = userdata;

	for (int i = 0; i < MESSAGES_PER_WAKEUP; i++) {
		ssize_t size = netlink_socket_receive(fd, watcher->buffer, sizeof(watcher->buffer));
		int r;

		if (size == -EAGAIN)
			return 0;
		if (size == -ENOBUFS) {
			/* additions matter (they must not be banned); a dump tells them all */
			r = request_dump(watcher);
			if (r < 0)
				log_warning("address changes were lost and cannot be read again: %s",
					    strerror(-r));
			return 0;
		}
		if (size < 0) {
			log_warning("reading address changes: %s", strerror((int)-size));
			return 0;
		}
		r = read_datagram(watcher, (size_t)size);
		if (r < 0)
			log_warning("reading this host's addresses: %s", strerror(-r));
	}
	return 0;
}

static int read_first_dump(struct address_watcher *watcher)
{
	int r = request_dump(watcher);

	while (r == 0) {
		struct pollfd readable = { .fd = watcher->fd, .events = POLLIN };
		ssize_t size;

		if (poll(&readable, 1, DUMP_PATIENCE_MS) == 0)
			return -ETIMEDOUT;
		size = netlink_socket_receive(watcher->fd, watcher->buffer, sizeof(watcher->buffer));
		if (size == -EAGAIN)
			continue;
		if (size < 0)
			return (int)size;
		r = read_datagram(watcher, (size_t)size);
	}
	return r < 0 ? r : 0;
}

int address_watcher_new(struct address_watcher **ret_watcher, sd_event *event,
			address_watcher_handler handler, void *userdata)
{
	struct address_watcher *watcher = calloc(1, sizeof(*watcher));
	int r;

	if (!watcher)
		return -ENOMEM;
	watcher->handler = handler;
	watcher->userdata = userdata;
	watcher->fd = r = netlink_socket_open(NETLINK_ROUTE);
	if (r >= 0)
		r = netlink_socket_bind(watcher->fd, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
	if (r == 0)
		r = read_first_dump(watcher);
	if (r == 0)
		r = sd_event_add_io(event, &watcher->source, watcher->fd, EPOLLIN, on_readable, watcher);
	/* before conntrack: an address must be known as ours when its first connection is counted */
	if (r >= 0)
		r = sd_event_source_set_priority(watcher->source, SD_EVENT_PRIORITY_NORMAL - 20);
	if (r < 0) {
		address_watcher_free(watcher);
		return r;
	}
	*ret_watcher = watcher;
	return 0;
}
