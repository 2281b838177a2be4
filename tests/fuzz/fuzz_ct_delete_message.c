// SPDX-License-Identifier: GPL-2.0-or-later
/* Conntrack's answer of any content: reading it must end, within its bounds, in 0, 1 or -EBADMSG.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/wire/ct_delete_message.h"
#include "smtpguard/wire/netlink_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of exact size: reading behind it is seen by the sanitizer */
	struct nlmsghdr *nlh = malloc(size ? size : 1);
	struct nlmsghdr *first = nlh;
	struct ct_entry entry;
	int left = (int)size;

	if (!nlh)
		return 0;
	memcpy(nlh, data, size);
	for (; netlink_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		int r = ct_entry_decode(nlh, &entry);

		if (r != 0 && r != CT_ENTRY_OTHER && r != -EBADMSG)
			abort();
	}
	free(first);
	return 0;
}
