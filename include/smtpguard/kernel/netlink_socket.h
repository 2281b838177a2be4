/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A non-blocking netlink socket (netlink(7)). libmnl builds and reads the messages; the socket is made
 * here because libmnl 1.0.4 can open neither with SOCK_CLOEXEC nor non-blocking.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "smtpguard/base/compiler.h"

/* protocol NETLINK_..., groups: a bit mask of the first 32. Not bound yet. Returns the descriptor. */
int netlink_socket_open(int protocol) MUST_CHECK;
int netlink_socket_bind(int fd, uint32_t groups) MUST_CHECK;

/*
 * Buffer sizes beyond the system's limits (needs CAP_NET_ADMIN). The kernel doubles what it is given;
 * netlink_socket_receive_buffer() tells what is in force.
 */
int netlink_socket_grow_receive_buffer(int fd, int bytes) MUST_CHECK;
int netlink_socket_grow_send_buffer(int fd, int bytes) MUST_CHECK;
uint32_t netlink_socket_receive_buffer(int fd);

/* To the kernel. -EAGAIN and the like as -errno. */
int netlink_socket_send(int fd, const void *bytes, size_t size) MUST_CHECK;
/*
 * One datagram of the kernel; datagrams of anybody else are skipped. Its length, or -EAGAIN (nothing
 * there), -ENOBUFS (messages were lost), -EMSGSIZE (did not fit), another -errno.
 */
ssize_t netlink_socket_receive(int fd, void *buffer, size_t size) MUST_CHECK;

/* For CLEANUP(): closes a descriptor unless it is negative. */
void netlink_socket_close(int *fd);
