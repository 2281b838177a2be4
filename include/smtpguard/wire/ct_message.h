/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctnetlink messages -> struct ct_event (linux/netfilter/nfnetlink_conntrack.h), and the request for a
 * dump. The attribute walk is our own, over libmnl, because it runs for every event; a test holds it
 * equal to libnetfilter_conntrack's parser (docs/decisions/001). No I/O. Fuzzed.
 */
#pragma once

#include <stddef.h>

#include <libmnl/libmnl.h>

#include "smtpguard/base/compiler.h"
#include "smtpguard/track/ct_event.h"

#define CT_DUMP_REQUEST_BYTES 64

enum {
	CT_MESSAGE_OTHER = 1, /* well-formed, but not about a TCP connection, or without its state */
};

/*
 * nlh has passed netlink_message_ok(). Events and dump lines look alike; a DESTROY is FLOW_CLOSED.
 * -EBADMSG: not a conntrack message, or attributes missing or of a wrong size.
 */
int ct_message_decode(const struct nlmsghdr *nlh, struct ct_event *ret_event) MUST_CHECK;

/* A dump of all connections of both families. Returns its length in bytes. */
size_t ct_dump_request(uint8_t bytes[static CT_DUMP_REQUEST_BYTES], uint32_t sequence);

/*
 * Finds out whether the kernel reads CTA_FILTER (5.9 and later): a dump filtered by a tuple without an
 * address family. One that reads it answers -EOPNOTSUPP, any other begins the dump. Returns its length.
 */
size_t ct_filter_probe_request(uint8_t bytes[static CT_DUMP_REQUEST_BYTES], uint32_t sequence);
