/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's queue of held packets (NFQUEUE): hands each to a handler, takes verdicts in batches.
 *
 * It fails open: what does not fit into the queue passes, and without the socket the ruleset's `bypass`
 * lets everything pass. Packets that wait when the socket closes are dropped by the kernel; their
 * senders try again (FACTS 5.6). Needs CAP_NET_ADMIN. One thread, the loop's.
 */
#pragma once

#include <systemd/sd-event.h>

#include "smtpguard/base/clock.h"
#include "smtpguard/base/compiler.h"
#include "smtpguard/wire/queue_message.h"

struct packet_queue_handlers {
	/* Owed a verdict, now or later. */
	void (*packet)(void *userdata, const struct queue_packet *packet, usec_t now);
	void *userdata;
};

struct packet_queue_stats {
	uint64_t packets, malformed;
	uint64_t losses; /* times the socket's buffer was full: packets passed without being seen */
	uint64_t verdicts, batches;
	uint64_t gone; /* verdicts that came too late: an interface went down with its packets */
	uint64_t failed_batches; /* the kernel did not take one: its packets wait until the socket closes */
	int last_error;		 /* -errno of the last of them; 0: none */
	bool fails_open;	 /* false: this kernel drops what does not fit into the queue */
};

struct packet_queue;

/*
 * number: of the queue. length: packets the kernel holds for us at most. -EBUSY: another program has the
 * queue; -EINVAL, -EOPNOTSUPP: this kernel has no such queues.
 */
int packet_queue_new(struct packet_queue **ret_queue, sd_event *event, uint16_t number,
		     uint32_t length, const struct packet_queue_handlers *handlers) MUST_CHECK;
struct packet_queue *packet_queue_free(struct packet_queue *queue);

/* Collected until packet_queue_flush(), or until a datagram is full. */
void packet_queue_verdict(struct packet_queue *queue, uint32_t id, enum queue_verdict verdict);
/* Sends what is collected. Set changes that a repeated packet is to meet must be in the kernel before. */
void packet_queue_flush(struct packet_queue *queue);
void packet_queue_stats(const struct packet_queue *queue, struct packet_queue_stats *ret_stats);
