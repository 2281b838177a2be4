// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A datagram of the packet queue of any content: reading it must end, within its bounds, in 0 or
 * -EBADMSG, and say nothing of a packet that is no TCP packet.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/wire/netlink_message.h"
#include "smtpguard/wire/queue_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_packet(const struct queue_packet *packet)
{
	static const struct address unset;

	if (packet->is_tcp)
		return;
	if (packet->is_syn || packet->client_port || packet->local_port ||
	    !address_equal(&packet->client, &unset) || !address_equal(&packet->local, &unset))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of exact size: reading behind it is seen by the sanitizer */
	struct nlmsghdr *nlh = malloc(size ? size : 1);
	struct nlmsghdr *first = nlh;
	struct queue_packet packet;
	int left = (int)size;

	if (!nlh)
		return 0;
	memcpy(nlh, data, size);
	for (; netlink_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		int r = queue_message_decode(nlh, &packet);

		if (r == 0)
			check_packet(&packet);
		else if (r != -EBADMSG)
			abort();
	}
	free(first);
	return 0;
}
