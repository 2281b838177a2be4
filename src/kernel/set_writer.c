// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/kernel/set_writer.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/log.h"
#include "smtpguard/kernel/netlink_socket.h"
#include "smtpguard/wire/netlink_message.h"
#include "smtpguard/wire/nft_batch.h"

#define BATCH_BYTES ((size_t)2 << 20)
#define SEND_BUFFER_BYTES (4 << 20)
#define CHANGES_MAX 1024 /* of one batch; each is up to three messages of about 250 bytes */
/* A refused transaction blocks for 8 to 190 ms on Linux 6.12 and later (FACTS 5.3): with so many in a
 * row the reason is not one element, and the rest would be refused as well. */
#define REFUSALS_MOST 8

struct change {
	uint16_t port; /* 0: it is about set and prefix */
	enum nft_set set;
	struct prefix prefix;
	usec_t timeout; /* 0: the element goes */
	char comment[NFT_COMMENT_MAX];
};

struct set_writer {
	int fd;
	struct nft_batch *batch;
	struct change *changes;
	unsigned n_changes;
	usec_t first_change;
	sd_event_source *post;
	struct set_writer_handlers handlers;
	struct set_writer_stats stats;
	uint8_t buffer[16384];
};

struct set_writer *set_writer_free(struct set_writer *writer)
{
	if (writer) {
		sd_event_source_unref(writer->post);
		netlink_socket_close(&writer->fd);
		nft_batch_free(writer->batch);
		free(writer->changes);
		free(writer);
	}
	return NULL;
}

/* The transaction runs inside send: its errors are there when it returns. The first one counts. */
static int read_errors(struct set_writer *writer)
{
	int result = 0;

	for (;;) {
		ssize_t size = netlink_socket_receive(writer->fd, writer->buffer, sizeof(writer->buffer));
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)(void *)writer->buffer;
		int left = (int)size;

		if (size == -EAGAIN)
			return result;
		if (size < 0)
			return result ? result : (int)size;
		for (; netlink_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			const struct nlmsgerr *error = mnl_nlmsg_get_payload(nlh);

			if (nlh->nlmsg_type == NLMSG_ERROR &&
			    mnl_nlmsg_get_payload_len(nlh) >= sizeof(*error) && !result)
				result = error->error;
		}
	}
}

static int append(struct set_writer *writer, const struct change *change)
{
	if (change->port)
		return nft_batch_put_port(writer->batch, change->port, change->timeout);
	if (change->timeout)
		return nft_batch_put(writer->batch, change->set, &change->prefix, change->timeout,
				     change->comment);
	return nft_batch_drop(writer->batch, change->set, &change->prefix);
}

static int send_changes(struct set_writer *writer, const struct change *changes, unsigned n)
{
	const void *bytes;
	size_t size;
	int r = nft_batch_clear(writer->batch);

	for (unsigned i = 0; r == 0 && i < n; i++)
		r = append(writer, &changes[i]);
	if (r == NFT_BATCH_FULL)
		r = -ENOBUFS;
	if (r < 0)
		return r;
	nft_batch_finish(writer->batch, &bytes, &size);
	writer->stats.batches++;
	r = netlink_socket_send(writer->fd, bytes, size);
	return r < 0 ? r : read_errors(writer);
}

static void count_result(struct set_writer *writer, const struct change *change, int r)
{
	/* a full set refuses the add that only makes sure the delete finds something: nothing was there */
	bool is_gone = !change->timeout && r == -ENFILE;

	if (r < 0 && !is_gone) {
		writer->stats.refused_elements++;
		writer->stats.last_error = r;
	} else if (change->timeout) {
		writer->stats.elements_added++;
	} else {
		writer->stats.elements_deleted++;
	}
	if (change->timeout && !change->port && change->set == NFT_SET_BANNED)
		writer->handlers.result(writer->handlers.userdata, &change->prefix, r == 0);
}

void set_writer_flush(struct set_writer *writer)
{
	unsigned n = writer->n_changes, refusals = 0;
	int r, each;

	if (!n)
		return;
	writer->n_changes = 0;
	r = each = send_changes(writer, writer->changes, n);
	if (r < 0)
		writer->stats.failed_batches++;
	/* a transaction fails as a whole: find the guilty element alone, so that the others get in */
	for (unsigned i = 0; i < n; i++) {
		if (r < 0 && n > 1 && refusals < REFUSALS_MOST)
			each = send_changes(writer, &writer->changes[i], 1);
		refusals += each < 0;
		count_result(writer, &writer->changes[i], each);
	}
	writer->stats.last_latency = clock_now() - writer->first_change;
	if (r < 0)
		log_warning("a change of the sets was refused (%s), tried again one by one: "
			    "%u changes, %llu refused so far",
			    strerror(-r), n, (unsigned long long)writer->stats.refused_elements);
}

static int on_post(sd_event_source *source UNUSED, void *userdata)
{
	set_writer_flush(userdata);
	return 0;
}

int set_writer_new(struct set_writer **ret_writer, sd_event *event,
		   const struct set_writer_handlers *handlers)
{
	struct set_writer *writer = calloc(1, sizeof(*writer));
	int r;

	if (!writer)
		return -ENOMEM;
	writer->handlers = *handlers;
	writer->fd = -1;
	writer->changes = calloc(CHANGES_MAX, sizeof(*writer->changes));
	r = writer->changes ? nft_batch_new(&writer->batch, BATCH_BYTES) : -ENOMEM;
	if (r == 0)
		writer->fd = r = netlink_socket_open(NETLINK_NETFILTER);
	if (r >= 0)
		r = netlink_socket_bind(writer->fd, 0);
	if (r == 0)
		r = netlink_socket_grow_send_buffer(writer->fd, SEND_BUFFER_BYTES);
	if (r == 0)
		r = netlink_socket_grow_receive_buffer(writer->fd, SEND_BUFFER_BYTES);
	if (r == 0)
		r = sd_event_add_post(event, &writer->post, on_post, writer);
	/* what conntrack led to goes out before conntrack is read again */
	if (r >= 0)
		r = sd_event_source_set_priority(writer->post, SD_EVENT_PRIORITY_NORMAL - 15);
	if (r < 0) {
		set_writer_free(writer);
		return r;
	}
	*ret_writer = writer;
	return 0;
}

static void collect(struct set_writer *writer, const struct change *change)
{
	if (writer->n_changes == CHANGES_MAX)
		set_writer_flush(writer);
	if (!writer->n_changes)
		writer->first_change = clock_now();
	writer->changes[writer->n_changes++] = *change;
}

void set_writer_add(struct set_writer *writer, enum nft_set set, const struct prefix *prefix,
		    usec_t timeout, const char *comment)
{
	struct change change = { .set = set,
				 .prefix = *prefix,
				 .timeout = MAX_OF(timeout, USEC_PER_MSEC) };

	if (comment)
		memcpy(change.comment, comment, strnlen(comment, sizeof(change.comment) - 1));
	collect(writer, &change);
}

void set_writer_delete(struct set_writer *writer, enum nft_set set, const struct prefix *prefix)
{
	struct change change = { .set = set, .prefix = *prefix };

	collect(writer, &change);
}

void set_writer_add_port(struct set_writer *writer, uint16_t port, usec_t timeout)
{
	struct change change = { .port = port, .timeout = MAX_OF(timeout, USEC_PER_MSEC) };

	collect(writer, &change);
}

void set_writer_discard(struct set_writer *writer)
{
	writer->n_changes = 0;
}

void set_writer_stats(const struct set_writer *writer, struct set_writer_stats *ret_stats)
{
	*ret_stats = writer->stats;
}
