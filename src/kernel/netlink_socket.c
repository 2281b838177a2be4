// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/kernel/netlink_socket.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

int netlink_socket_open(int protocol)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	return fd < 0 ? -errno : fd;
}

int netlink_socket_bind(int fd, uint32_t groups)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK, .nl_groups = groups };

	return bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0 ? -errno : 0;
}

int netlink_socket_grow_receive_buffer(int fd, int bytes)
{
	return setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0 ? -errno : 0;
}

int netlink_socket_grow_send_buffer(int fd, int bytes)
{
	return setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0 ? -errno : 0;
}

uint32_t netlink_socket_receive_buffer(int fd)
{
	socklen_t length = sizeof(int);
	int bytes = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &length) < 0 || bytes < 0)
		return 0;
	return (uint32_t)bytes;
}

int netlink_socket_send(int fd, const void *bytes, size_t size)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t sent;

	do
		sent = sendto(fd, bytes, size, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return (size_t)sent == size ? 0 : -EIO;
}

ssize_t netlink_socket_receive(int fd, void *buffer, size_t size)
{
	struct sockaddr_nl sender = { 0 };
	struct iovec iov = { buffer, size };
	struct msghdr message = { .msg_name = &sender, .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t length;

	for (;;) {
		message.msg_namelen = sizeof(sender);
		length = recvmsg(fd, &message, 0);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return -errno;
		/* any process may send to a netlink socket; only port 0 is the kernel */
		if (sender.nl_pid != 0)
			continue;
		return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : length;
	}
}

void netlink_socket_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
