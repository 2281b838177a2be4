// SPDX-License-Identifier: GPL-2.0-or-later
/* An rtnetlink datagram of any content: reading it must end, within its bounds, in 0, 1 or -EBADMSG. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/wire/address_message.h"
#include "smtpguard/wire/netlink_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of exact size: reading behind it is seen by the sanitizer */
	struct nlmsghdr *nlh = malloc(size ? size : 1);
	struct nlmsghdr *first = nlh;
	struct address address;
	bool present;
	int left = (int)size;

	if (!nlh)
		return 0;
	memcpy(nlh, data, size);
	for (; netlink_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		int r = address_message_decode(nlh, &address, &present);

		if (r != 0 && r != ADDRESS_MESSAGE_OTHER && r != -EBADMSG && r != -EAFNOSUPPORT)
			abort();
	}
	free(first);
	return 0;
}
