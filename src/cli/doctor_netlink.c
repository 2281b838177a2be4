// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Dumps of the kernel's ruleset, one after the other, each waited for.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "doctor_ruleset_priv.h"

#define BUFFER_BYTES 65536
#define PATIENCE_S 5

int ruleset_socket_open(struct ruleset_socket *ruleset)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_nl self = { .nl_family = AF_NETLINK };

	*ruleset = (struct ruleset_socket){ .fd = -1, .buffer = malloc(BUFFER_BYTES) };
	if (!ruleset->buffer)
		return -ENOMEM;
	ruleset->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (ruleset->fd < 0)
		return -errno;
	if (setsockopt(ruleset->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    bind(ruleset->fd, (struct sockaddr *)&self, sizeof(self)) < 0)
		return -errno;
	return 0;
}

void ruleset_socket_close(struct ruleset_socket *ruleset)
{
	if (ruleset->fd >= 0)
		close(ruleset->fd);
	free(ruleset->buffer);
	*ruleset = (struct ruleset_socket){ .fd = -1 };
}

/* 1: the dump is complete; 0: go on; -errno. */
static int read_datagram(struct ruleset_socket *ruleset, size_t size, ruleset_message handle,
			 void *userdata)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)ruleset->buffer;
	int left = (int)size, r;

	/* mnl_nlmsg_ok() compares the length as a signed number */
	for (; mnl_nlmsg_ok(nlh, left) && nlh->nlmsg_len <= (uint32_t)left;
	     nlh = mnl_nlmsg_next(nlh, &left)) {
		ruleset->changed |= (nlh->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR) {
			int result;

			if (mnl_nlmsg_get_payload_len(nlh) < sizeof(result))
				return -EBADMSG;
			memcpy(&result, mnl_nlmsg_get_payload(nlh), sizeof(result));
			return result < 0 ? result : 1;
		}
		r = handle(userdata, nlh);
		if (r < 0)
			return r;
	}
	return 0;
}

int ruleset_dump(struct ruleset_socket *ruleset, const struct nlmsghdr *request,
		 ruleset_message handle, void *userdata)
{
	int r = 0;

	if (send(ruleset->fd, request, request->nlmsg_len, 0) < 0)
		return -errno;
	while (r == 0) {
		struct sockaddr_nl sender = { 0 };
		socklen_t length = sizeof(sender);
		ssize_t n = recvfrom(ruleset->fd, ruleset->buffer, BUFFER_BYTES, 0,
				     (struct sockaddr *)&sender, &length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		/* any process may send to a netlink socket; only port 0 is the kernel */
		if (sender.nl_pid == 0)
			r = read_datagram(ruleset, (size_t)n, handle, userdata);
	}
	return r < 0 ? r : 0;
}
