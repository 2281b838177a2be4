// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>

#include "smtpguard/kernel/netlink_socket.h"
#include "smtpguard/wire/netlink_message.h"
#include "socket_closer_priv.h"

/* CLOSER_BATCH_MAX answers, each with its own buffer's overhead */
#define RECEIVE_BUFFER_BYTES (1 << 20)

static int open_bound(int protocol, int *ret_fd)
{
	int r, fd = netlink_socket_open(protocol);

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	r = netlink_socket_bind(fd, 0);
	if (r == 0)
		r = netlink_socket_grow_receive_buffer(fd, RECEIVE_BUFFER_BYTES);
	return r;
}

int destroyer_open(struct destroyer *destroyer)
{
	int r;

	destroyer->diag_fd = destroyer->conntrack_fd = -1;
	r = open_bound(NETLINK_SOCK_DIAG, &destroyer->diag_fd);
	if (r == 0)
		r = open_bound(NETLINK_NETFILTER, &destroyer->conntrack_fd);
	return r;
}

void destroyer_close(struct destroyer *destroyer)
{
	netlink_socket_close(&destroyer->diag_fd);
	netlink_socket_close(&destroyer->conntrack_fd);
}

/* What the kernel answers to request `index` of the last ones that is no error. */
typedef void (*answer_handler)(void *userdata, unsigned index, const struct nlmsghdr *nlh);

static void read_datagram(struct destroyer *destroyer, size_t size, unsigned n,
			  answer_handler handler, void *userdata)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)destroyer->answer;
	uint32_t first = destroyer->sequence - n;
	int left = (int)size;

	for (; netlink_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		const struct nlmsgerr *error = mnl_nlmsg_get_payload(nlh);
		uint32_t index = nlh->nlmsg_seq - first;

		if (index >= n)
			continue;
		if (nlh->nlmsg_type != NLMSG_ERROR)
			handler(userdata, index, nlh);
		else if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(*error))
			destroyer->errors[index] = error->error;
	}
}

/*
 * Sends n requests with the sequence numbers before destroyer->sequence, as one datagram. The
 * kernel works on them while they are sent, so every answer is there to be read at once.
 */
static int exchange(struct destroyer *destroyer, int fd, size_t size, unsigned n,
		    answer_handler handler, void *userdata)
{
	int r;

	memset(destroyer->errors, 0, n * sizeof(*destroyer->errors));
	r = netlink_socket_send(fd, destroyer->requests, size);
	while (r == 0) {
		ssize_t got =
			netlink_socket_receive(fd, destroyer->answer, sizeof(destroyer->answer));

		if (got == -EAGAIN)
			return 0;
		if (got < 0)
			return (int)got;
		read_datagram(destroyer, (size_t)got, n, handler, userdata);
	}
	return r;
}

static void note_failure(struct destroy_result *result, unsigned n, int error)
{
	if (error == 0)
		return;
	result->failures += n;
	result->error = error;
}

static void ignore_answer(void *userdata UNUSED, unsigned index UNUSED,
			  const struct nlmsghdr *nlh UNUSED)
{
}

/* Keeps the connections whose sockets were destroyed; returns how many. */
static unsigned destroy_sockets(struct destroyer *destroyer, const struct diag_socket *sockets,
				unsigned n, struct ct_connection *connections,
				struct destroy_result *result)
{
	unsigned n_destroyed = 0;
	size_t size = 0;
	int r;

	for (unsigned i = 0; i < n; i++)
		size += diag_destroy_request(destroyer->requests + size, destroyer->sequence++,
					     &sockets[i]);
	r = exchange(destroyer, destroyer->diag_fd, size, n, ignore_answer, NULL);
	note_failure(result, r < 0 ? n : 0, r);
	for (unsigned i = 0; r == 0 && i < n; i++) {
		if (destroyer->errors[i] == -ENOENT) {
			result->gone++;
		} else if (destroyer->errors[i] < 0) {
			note_failure(result, 1, destroyer->errors[i]);
		} else {
			result->closed++;
			connections[n_destroyed++] = (struct ct_connection){
				.local = sockets[i].local,
				.peer = sockets[i].peer,
				.local_port = sockets[i].local_port,
				.peer_port = sockets[i].peer_port,
			};
		}
	}
	return n_destroyed;
}

struct leftover {
	const struct ct_connection *connection;
	uint32_t id;
};

struct leftovers {
	const struct ct_connection *connections;
	unsigned n;
	struct leftover entries[CLOSER_BATCH_MAX];
};

static void note_entry(void *userdata, unsigned index, const struct nlmsghdr *nlh)
{
	struct leftovers *leftovers = userdata;
	struct ct_entry entry;

	if (ct_entry_decode(nlh, &entry) != 0 || entry.closed || leftovers->n == CLOSER_BATCH_MAX)
		return;
	leftovers->entries[leftovers->n++] = (struct leftover){
		.connection = &leftovers->connections[index],
		.id = entry.id,
	};
}

/*
 * The reset of a destroyed socket has brought conntrack's entry to CLOSE. A half-open socket and
 * one that was closing already send none, and another firewall may have dropped it.
 */
static void delete_entries(struct destroyer *destroyer, const struct ct_connection *connections,
			   unsigned n, struct destroy_result *result)
{
	struct leftovers leftovers = { .connections = connections };
	size_t size = 0;
	int r;

	for (unsigned i = 0; i < n; i++)
		size += ct_entry_get_request(destroyer->requests + size, destroyer->sequence++,
					     &connections[i]);
	r = exchange(destroyer, destroyer->conntrack_fd, size, n, note_entry, &leftovers);
	note_failure(result, r < 0 ? n : 0, r);
	n = leftovers.n;
	if (r < 0 || n == 0)
		return;
	size = 0;
	for (unsigned i = 0; i < n; i++)
		size += ct_entry_delete_request(destroyer->requests + size, destroyer->sequence++,
						leftovers.entries[i].connection,
						leftovers.entries[i].id);
	r = exchange(destroyer, destroyer->conntrack_fd, size, n, ignore_answer, NULL);
	note_failure(result, r < 0 ? n : 0, r);
	for (unsigned i = 0; r == 0 && i < n; i++) {
		if (destroyer->errors[i] == 0)
			result->entries++;
		else if (destroyer->errors[i] != -ENOENT)
			note_failure(result, 1, destroyer->errors[i]);
	}
}

void destroyer_run(struct destroyer *destroyer, const struct diag_socket *sockets, unsigned n,
		   struct destroy_result *ret_result)
{
	struct ct_connection connections[CLOSER_BATCH_MAX];
	struct destroy_result result = { 0 };

	n = n > CLOSER_BATCH_MAX ? CLOSER_BATCH_MAX : n;
	if (n > 0)
		n = destroy_sockets(destroyer, sockets, n, connections, &result);
	if (n > 0)
		delete_entries(destroyer, connections, n, &result);
	*ret_result = result;
}
