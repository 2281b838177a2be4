// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/kernel/ruleset_watcher.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"
#include "smtpguard/base/log.h"
#include "smtpguard/kernel/event_timer.h"
#include "smtpguard/kernel/netlink_socket.h"
#include "smtpguard/wire/netlink_message.h"
#include "smtpguard/wire/nft_notification.h"

#define GROUP_MASK	     (1U << (NFNLGRP_NFTABLES - 1))
#define BUFFER_BYTES	     65536
#define DATAGRAMS_PER_WAKEUP 64

/* A transaction of ours is announced while we are still inside of it, so all of it has to fit: some
 * 150 bytes for each ban of a table that is loaded. */
#define RECEIVE_BUFFER_START (16 << 20)
#define RECEIVE_BUFFER_MOST  (64 << 20)

/* tools that save and restore rulesets make several transactions in a row */
#define CALM	    (50 * USEC_PER_MSEC)
#define CALM_LATEST (300 * USEC_PER_MSEC)

#define PRIORITY_NOTIFICATIONS (SD_EVENT_PRIORITY_NORMAL - 8)

struct ruleset_watcher {
	sd_event *event;
	int fd;
	uint32_t own_pid;
	sd_event_source *io, *report;
	void (*changed)(void *userdata, const struct ruleset_change *change);
	void *userdata;
	bool touched_bans, touched_ruleset; /* by the transaction that is being read */
	bool overrun;			    /* since then the socket has not been empty */
	struct ruleset_change change;	    /* to be reported */
	uint64_t first_change; /* when it began, of CLOCK_MONOTONIC; 0: nothing to report */
	int receive_buffer;
	struct ruleset_watcher_stats stats;
	uint8_t buffer[BUFFER_BYTES];
};

struct ruleset_watcher *ruleset_watcher_free(struct ruleset_watcher *watcher)
{
	if (watcher) {
		sd_event_source_unref(watcher->io);
		sd_event_source_unref(watcher->report);
		netlink_socket_close(&watcher->fd);
		free(watcher);
	}
	return NULL;
}

/* --- reports --- */

static void schedule_report(struct ruleset_watcher *watcher)
{
	uint64_t now;
	int r = sd_event_now(watcher->event, CLOCK_MONOTONIC, &now);

	if (r >= 0) {
		if (!watcher->first_change)
			watcher->first_change = now;
		r = sd_event_source_set_time(
			watcher->report, MIN_OF(now + CALM, watcher->first_change + CALM_LATEST));
	}
	if (r >= 0)
		r = sd_event_source_set_enabled(watcher->report, SD_EVENT_ONESHOT);
	if (r < 0)
		log_error("cannot schedule the report of a foreign ruleset change: %s",
			  strerror(-r));
}

static int on_report(sd_event_source *timer UNUSED, uint64_t when UNUSED, void *userdata)
{
	struct ruleset_watcher *watcher = userdata;
	struct ruleset_change change = watcher->change;

	watcher->change = (struct ruleset_change){ .author = "" };
	watcher->first_change = 0;
	watcher->changed(watcher->userdata, &change);
	return 0;
}

static void note_loss(struct ruleset_watcher *watcher)
{
	watcher->change.lost_notifications = true;
	schedule_report(watcher);
}

static void note_overrun(struct ruleset_watcher *watcher)
{
	watcher->stats.losses++;
	watcher->overrun = true;
	if (watcher->receive_buffer < RECEIVE_BUFFER_MOST) {
		watcher->receive_buffer = MIN_OF(watcher->receive_buffer * 2, RECEIVE_BUFFER_MOST);
		if (netlink_socket_grow_receive_buffer(watcher->fd, watcher->receive_buffer) < 0)
			log_warning("cannot enlarge the receive buffer for ruleset changes");
	}
	note_loss(watcher);
}

/* --- notifications --- */

static void end_transaction(struct ruleset_watcher *watcher, const struct nft_notification *end)
{
	bool touched = watcher->touched_bans || watcher->touched_ruleset;

	if (end->author_pid == watcher->own_pid) {
		watcher->stats.own++;
	} else {
		watcher->stats.foreign++;
		watcher->stats.foreign_ours += touched;
		if (touched) {
			struct ruleset_change *change = &watcher->change;

			change->bans |= watcher->touched_bans;
			change->ruleset |= watcher->touched_ruleset;
			change->transactions++;
			change->author_pid = end->author_pid;
			escape(change->author, sizeof(change->author), end->author,
			       strlen(end->author));
			schedule_report(watcher);
		}
	}
	watcher->touched_bans = watcher->touched_ruleset = false;
}

static void read_datagram(struct ruleset_watcher *watcher, size_t size)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(void *)watcher->buffer;
	int left = (int)size;

	for (; netlink_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		struct nft_notification notification;

		if (nlh->nlmsg_type < NLMSG_MIN_TYPE)
			continue;
		if (nft_notification_decode(nlh, &notification) < 0)
			note_loss(watcher);
		else if (notification.kind == NFT_NOTIFICATION_GENERATION)
			end_transaction(watcher, &notification);
		else if (notification.touches_bans)
			watcher->touched_bans = true;
		else if (notification.touches_ours)
			watcher->touched_ruleset = true;
	}
}

static int on_readable(sd_event_source *io UNUSED, int fd, uint32_t revents UNUSED, void *userdata)
{
	struct ruleset_watcher *watcher = userdata;

	for (int i = 0; i < DATAGRAMS_PER_WAKEUP; i++) {
		ssize_t size = netlink_socket_receive(fd, watcher->buffer, sizeof(watcher->buffer));

		if (size == -EAGAIN) {
			/*
			 * After an overrun the kernel drops everything, without a word, until the
			 * socket is empty: only what comes from now on would be seen.
			 */
			if (watcher->overrun) {
				note_loss(watcher);
				watcher->touched_bans = watcher->touched_ruleset = false;
			}
			watcher->overrun = false;
			return 0;
		}
		if (size == -ENOBUFS)
			note_overrun(watcher);
		else if (size < 0) {
			watcher->stats.losses++;
			note_loss(watcher);
			if (size != -EMSGSIZE)
				return 0;
		} else
			read_datagram(watcher, (size_t)size);
	}
	return 0;
}

/* --- life --- */

/*
 * The number under which the kernel will name us. getpid() is another one in a pid namespace, and
 * port numbers do not tell: libnftables has a socket of its own.
 */
static int learn_own_pid(struct ruleset_watcher *watcher)
{
	CLEANUP(netlink_socket_close) int fd = netlink_socket_open(NETLINK_NETFILTER);
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(void *)watcher->buffer;
	uint8_t request[NFT_GENERATION_REQUEST_BYTES];
	struct nft_notification answer;
	ssize_t size;
	int r = fd < 0 ? fd : netlink_socket_bind(fd, 0);

	if (r == 0)
		r = netlink_socket_send(fd, request, nft_generation_request(request, 1));
	if (r < 0)
		return r;
	/* the kernel answers inside of send */
	size = netlink_socket_receive(fd, watcher->buffer, sizeof(watcher->buffer));
	if (size < 0)
		return (int)size;
	if (!netlink_message_ok(nlh, (int)size))
		return -EBADMSG;
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *error = mnl_nlmsg_get_payload(nlh);

		return mnl_nlmsg_get_payload_len(nlh) >= sizeof(*error) && error->error < 0
			       ? error->error
			       : -EBADMSG;
	}
	r = nft_notification_decode(nlh, &answer);
	if (r < 0)
		return r;
	if (answer.kind != NFT_NOTIFICATION_GENERATION || !answer.author_pid)
		return -EOPNOTSUPP;
	watcher->own_pid = answer.author_pid;
	return 0;
}

static int open_socket(struct ruleset_watcher *watcher)
{
	int r;

	watcher->fd = r = netlink_socket_open(NETLINK_NETFILTER);
	if (r < 0)
		return r;
	r = netlink_socket_grow_receive_buffer(watcher->fd, watcher->receive_buffer);
	return r < 0 ? r : netlink_socket_bind(watcher->fd, GROUP_MASK);
}

static int add_sources(struct ruleset_watcher *watcher)
{
	int r = sd_event_add_io(watcher->event, &watcher->io, watcher->fd, EPOLLIN, on_readable,
				watcher);

	if (r >= 0)
		r = sd_event_source_set_priority(watcher->io, PRIORITY_NOTIFICATIONS);
	if (r >= 0)
		r = event_timer_add(watcher->event, &watcher->report, on_report,
				    PRIORITY_NOTIFICATIONS, watcher);
	return r;
}

int ruleset_watcher_new(struct ruleset_watcher **ret_watcher, sd_event *event,
			void (*changed)(void *userdata, const struct ruleset_change *change),
			void *userdata)
{
	struct ruleset_watcher *watcher = calloc(1, sizeof(*watcher));
	int r;

	if (!watcher)
		return -ENOMEM;
	watcher->event = event;
	watcher->fd = -1;
	watcher->changed = changed;
	watcher->userdata = userdata;
	watcher->receive_buffer = RECEIVE_BUFFER_START;
	r = learn_own_pid(watcher);
	if (r == 0)
		r = open_socket(watcher);
	if (r >= 0)
		r = add_sources(watcher);
	if (r < 0) {
		ruleset_watcher_free(watcher);
		return r;
	}
	*ret_watcher = watcher;
	return 0;
}

void ruleset_watcher_stats(const struct ruleset_watcher *watcher,
			   struct ruleset_watcher_stats *ret_stats)
{
	*ret_stats = watcher->stats;
}
