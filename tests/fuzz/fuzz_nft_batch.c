// SPDX-License-Identifier: GPL-2.0-or-later
/* A datagram of a set dump of any content: whatever is found fits, and comments end. */
#include <stdlib.h>
#include <string.h>

#include "smtpguard/wire/netlink_message.h"
#include "smtpguard/wire/nft_batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int check(void *userdata, const struct nft_element *element)
{
	unsigned *n = userdata;

	if ((element->key_length != 4 && element->key_length != 16) ||
	    !memchr(element->comment, '\0', sizeof(element->comment)))
		abort();
	++*n;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nlmsghdr *nlh = malloc(size ? size : 1);
	struct nlmsghdr *first = nlh;
	int left = (int)size;
	unsigned n = 0;

	if (!nlh)
		return 0;
	memcpy(nlh, data, size);
	for (; netlink_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		if (nft_element_message_decode(nlh, check, &n) > 0)
			abort();
	free(first);
	return 0;
}
