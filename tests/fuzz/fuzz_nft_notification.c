// SPDX-License-Identifier: GPL-2.0-or-later
/* A datagram of notifications of any content: names end, and only our table's are ours. */
#include <stdlib.h>
#include <string.h>

#include "smtpguard/wire/netlink_message.h"
#include "smtpguard/wire/nft_notification.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct nlmsghdr *nlh)
{
	struct nft_notification notification;
	int r = nft_notification_decode(nlh, &notification);

	if (r > 0)
		abort();
	if (r < 0)
		return;
	if (notification.kind > NFT_NOTIFICATION_GENERATION ||
	    !memchr(notification.author, '\0', sizeof(notification.author)) ||
	    (notification.touches_bans && !notification.touches_ours) ||
	    (notification.touches_bans && notification.kind != NFT_NOTIFICATION_ELEMENT) ||
	    (notification.touches_ours && notification.kind == NFT_NOTIFICATION_GENERATION))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nlmsghdr *first = malloc(size ? size : 1);
	const struct nlmsghdr *nlh = first;
	int left = (int)size;

	if (!first)
		return 0;
	memcpy(first, data, size);
	for (; netlink_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		check(nlh);
	free(first);
	return 0;
}
