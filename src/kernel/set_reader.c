// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/kernel/set_reader.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/kernel/netlink_socket.h"
#include "smtpguard/wire/netlink_message.h"

#define BUFFER_BYTES 65536
#define PATIENCE_MS 5000

static void free_buffer(uint8_t **buffer)
{
	free(*buffer);
}

/* 1: the dump is complete; 0: go on; -errno. */
static int read_datagram(const uint8_t *buffer, size_t size,
			 int (*visit)(void *userdata, const struct nft_element *element), void *userdata)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)buffer;
	int left = (int)size, r;

	for (; netlink_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		/* both begin with the result: a dump can fail in its middle too */
		if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR) {
			int result;

			if (mnl_nlmsg_get_payload_len(nlh) < sizeof(result))
				return -EBADMSG;
			memcpy(&result, mnl_nlmsg_get_payload(nlh), sizeof(result));
			return result < 0 ? result : 1;
		}
		r = nft_element_message_decode(nlh, visit, userdata);
		if (r < 0)
			return r;
	}
	return 0;
}

int set_reader_read(const char *set, int (*visit)(void *userdata, const struct nft_element *element),
		    void *userdata)
{
	uint8_t request[NFT_ELEMENT_DUMP_REQUEST_BYTES];
	CLEANUP(netlink_socket_close) int fd = netlink_socket_open(NETLINK_NETFILTER);
	CLEANUP(free_buffer) uint8_t *buffer = malloc(BUFFER_BYTES);
	size_t length = nft_element_dump_request(request, set, 1);
	int r = fd < 0 ? fd : 0;

	if (!buffer || !length)
		return -ENOMEM;
	if (r == 0)
		r = netlink_socket_bind(fd, 0);
	if (r == 0)
		r = netlink_socket_send(fd, request, length);
	while (r == 0) {
		struct pollfd readable = { .fd = fd, .events = POLLIN };
		ssize_t size;

		if (poll(&readable, 1, PATIENCE_MS) == 0)
			return -ETIMEDOUT;
		size = netlink_socket_receive(fd, buffer, BUFFER_BYTES);
		if (size == -EAGAIN)
			continue;
		r = size < 0 ? (int)size : read_datagram(buffer, (size_t)size, visit, userdata);
	}
	if (r == -ENOENT)
		return SET_READER_ABSENT;
	return r < 0 ? r : 0;
}
