/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sock_diag messages about TCP sockets (sock_diag(7), linux/inet_diag.h): the request for a dump, a
 * line of it -> struct diag_socket, and the request that destroys one socket. No I/O. Fuzzed.
 */
#pragma once

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "smtpguard/base/address.h"
#include "smtpguard/base/compiler.h"

#define DIAG_PORTS_MAX		   64
#define DIAG_DUMP_REQUEST_BYTES	   1536
#define DIAG_DESTROY_REQUEST_BYTES 72
#define DIAG_LINE_BYTES_LEAST	   88 /* of one socket in a dump */

enum {
	DIAG_MESSAGE_OTHER =
		1, /* well-formed; nothing to close: time-wait, closed, or still connecting */
};

struct diag_socket {
	struct address local, peer;
	uint16_t local_port, peer_port;
	bool listening;
	uint8_t family;		    /* AF_INET6 holds IPv4 peers of dual-stack listeners too */
	struct inet_diag_sockid id; /* the kernel's name for the socket, with the cookie */
};

/*
 * All connections of a family, or those with one of the local ports if n_ports
 * is 1..DIAG_PORTS_MAX: the kernel filters then. Without SYN_SENT: that is always a connection this
 * host opens itself. With listeners, the kernel tells them before the connections. Returns its
 * length in bytes.
 */
size_t diag_dump_request(uint8_t bytes[static DIAG_DUMP_REQUEST_BYTES], uint32_t sequence,
			 int family, const uint16_t *ports, unsigned n_ports, bool listeners);

/* nlh has passed netlink_message_ok(). -EBADMSG: not a line of such a dump, or too short. */
int diag_message_decode(const struct nlmsghdr *nlh, struct diag_socket *ret_socket) MUST_CHECK;

/*
 * Only this very socket: a later one with the same addresses and ports has another cookie. No
 * acknowledgement is asked for: the kernel answers only if it refuses. Returns its length in bytes.
 */
size_t diag_destroy_request(uint8_t bytes[static DIAG_DESTROY_REQUEST_BYTES], uint32_t sequence,
			    const struct diag_socket *socket);
