/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctnetlink messages about one connection (linux/netfilter/nfnetlink_conntrack.h): ask for its
 * entry, read the answer, delete the entry. Named by the reply tuple, which is the local socket's
 * view of the connection, behind DNAT too. A delete carries the id of the answer: an entry that
 * took the tuple meanwhile is not hit (FACTS 5.2). Only zone 0. No I/O. Fuzzed.
 */
#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "smtpguard/base/address.h"
#include "smtpguard/base/compiler.h"

#define CT_ENTRY_REQUEST_BYTES 128

enum {
	CT_ENTRY_OTHER = 1, /* well-formed, but not about a TCP connection, or without its state */
};

/* A connection as its socket here has it; both addresses of one family. */
struct ct_connection {
	struct address local, peer;
	uint16_t local_port, peer_port;
};

struct ct_entry {
	uint32_t id; /* opaque */
	bool closed; /* CLOSE or TIME_WAIT: about to go by itself, and not counted any more */
};

/* Both return their length in bytes. */
size_t ct_entry_get_request(uint8_t bytes[static CT_ENTRY_REQUEST_BYTES], uint32_t sequence,
			    const struct ct_connection *connection);
size_t ct_entry_delete_request(uint8_t bytes[static CT_ENTRY_REQUEST_BYTES], uint32_t sequence,
			       const struct ct_connection *connection, uint32_t id);

/* nlh has passed netlink_message_ok(). -EBADMSG: not an answer to a get request, or attributes of a
 * wrong size. */
int ct_entry_decode(const struct nlmsghdr *nlh, struct ct_entry *ret_entry) MUST_CHECK;
