// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A sock_diag datagram of any content: reading it must end, within its bounds, in 0, 1 or -EBADMSG,
 * and the request to destroy what was read must name the socket as the kernel did.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/wire/diag_message.h"
#include "smtpguard/wire/netlink_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_destroy(const struct nlmsghdr *nlh, const struct diag_socket *socket)
{
	_Alignas(8) uint8_t bytes[DIAG_DESTROY_REQUEST_BYTES];
	const struct nlmsghdr *request = (const struct nlmsghdr *)(const void *)bytes;
	const struct inet_diag_msg *line = mnl_nlmsg_get_payload(nlh);
	const struct inet_diag_req_v2 *wanted;

	if (diag_destroy_request(bytes, 1, socket) != sizeof(bytes))
		abort();
	wanted = mnl_nlmsg_get_payload(request);
	if (wanted->sdiag_family != line->idiag_family ||
	    memcmp(&wanted->id, &line->id, sizeof(wanted->id)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of exact size: reading behind it is seen by the sanitizer */
	struct nlmsghdr *nlh = malloc(size ? size : 1);
	struct nlmsghdr *first = nlh;
	struct diag_socket socket;
	int left = (int)size;

	if (!nlh)
		return 0;
	memcpy(nlh, data, size);
	for (; netlink_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		int r = diag_message_decode(nlh, &socket);

		if (r == 0)
			check_destroy(nlh, &socket);
		else if (r != DIAG_MESSAGE_OTHER && r != -EBADMSG)
			abort();
	}
	free(first);
	return 0;
}
