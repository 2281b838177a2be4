/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nfnetlink_queue messages (linux/netfilter/nfnetlink_queue.h) by libnetfilter_queue: configuration and
 * verdicts out, queued packets in. The packet is what a stranger sent: its headers are read here and
 * nowhere else. No I/O. The reader is fuzzed.
 */
#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

#include "smtpguard/base/address.h"
#include "smtpguard/base/compiler.h"

/* Of each packet. Practically all of it: else extension headers could hide a SYN from the gate. */
#define QUEUE_COPY_BYTES 2048
#define QUEUE_REQUEST_BYTES 64

struct queue_packet {
	uint32_t id; /* for the verdict; rises by one with every packet of the queue */
	/* An IPv4 or IPv6 packet with a whole TCP header: what follows is set. Everything else (fragments,
	 * other protocols, extension headers without end) is not for us to judge. */
	bool is_tcp;
	bool is_syn; /* SYN without ACK, RST and FIN */
	struct address client, local;
	uint16_t client_port, local_port;
};

/*
 * The requests, each complete and with an acknowledgement asked for; each returns its length. They go out
 * in this order and one by one: a bound queue without copy mode drops everything, and a kernel that does
 * not know the flag refuses the whole message it travels in (FACTS 5.6).
 */
size_t queue_message_bind(uint8_t bytes[static QUEUE_REQUEST_BYTES], uint16_t queue,
			  uint32_t sequence);
/* length: packets the kernel holds for us at most. */
size_t queue_message_copy_mode(uint8_t bytes[static QUEUE_REQUEST_BYTES], uint16_t queue,
			       uint32_t length, uint32_t sequence);
/* What does not fit into the queue passes. */
size_t queue_message_fail_open(uint8_t bytes[static QUEUE_REQUEST_BYTES], uint16_t queue,
			       uint32_t sequence);

enum queue_verdict {
	QUEUE_VERDICT_ACCEPT,
	QUEUE_VERDICT_DROP,
	QUEUE_VERDICT_REPEAT, /* back to the beginning of the chain that queued it */
};

/* Many may stand in one datagram. Only what fails is answered, with an error. */
size_t queue_message_verdict(uint8_t bytes[static QUEUE_REQUEST_BYTES], uint16_t queue, uint32_t id,
			     enum queue_verdict verdict, uint32_t sequence);

/* -EBADMSG: not a packet message, or one without an id: nothing can be said of it. */
int queue_message_decode(const struct nlmsghdr *nlh, struct queue_packet *ret_packet) MUST_CHECK;
