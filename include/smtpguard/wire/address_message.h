/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtnetlink address messages (RTM_NEWADDR, RTM_DELADDR) -> the address this host has or lost, and the
 * request for a dump (rtnetlink(7)). No I/O. Fuzzed.
 */
#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>

#include "smtpguard/base/address.h"

#define ADDRESS_DUMP_REQUEST_BYTES 64

enum {
	ADDRESS_MESSAGE_OTHER = 1, /* well-formed, but no IPv4 or IPv6 address */
};

int address_message_decode(const struct nlmsghdr *nlh, struct address *ret_address,
			   bool *ret_present) MUST_CHECK;

/* All addresses of all interfaces. Returns its length in bytes. */
size_t address_dump_request(uint8_t bytes[static ADDRESS_DUMP_REQUEST_BYTES], uint32_t sequence);
