/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bounds check of every loop over the messages of a netlink datagram. */
#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>

/*
 * Whether a whole message stands at nlh, with `left` bytes of the datagram remaining. mnl_nlmsg_ok()
 * alone compares the length as a signed number and accepts one of 2^31 and more (found by fuzzing).
 */
static inline bool netlink_message_ok(const struct nlmsghdr *nlh, int left)
{
	return mnl_nlmsg_ok(nlh, left) && nlh->nlmsg_len <= (uint32_t)left;
}
