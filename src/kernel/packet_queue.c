// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/kernel/packet_queue.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/log.h"
#include "smtpguard/kernel/event_timer.h"
#include "smtpguard/kernel/netlink_socket.h"
#include "smtpguard/wire/netlink_message.h"

/* the kernel adds some 200 to what is copied of a packet */
#define BUFFER_BYTES	     4096
#define VERDICTS_BYTES	     32768
#define RECEIVE_BUFFER_BYTES (4 << 20)
#define ANSWER_PATIENCE_MS   1000

#define MESSAGES_PER_WAKEUP 64
/*
 * Nothing is more urgent than a held packet, so without a pause after each wakeup a flood of SYNs
 * would leave no time for verdicts, set changes and conntrack.
 */
#define PAUSE		 200
#define PRIORITY_PACKETS (SD_EVENT_PRIORITY_NORMAL - 30)

struct packet_queue {
	int fd;
	uint16_t number;
	sd_event_source *io, *resume;
	struct packet_queue_handlers handlers;
	uint32_t sequence; /* of the next request, or of the batch that is collected */
	uint32_t awaited;  /* sequence number of the request to be answered; 0: none */
	uint32_t failed;   /* of the batch that was counted as failed last */
	int answer;
	size_t verdicts_size;
	struct packet_queue_stats stats;
	_Alignas(NLMSG_ALIGNTO) uint8_t verdicts[VERDICTS_BYTES];
	_Alignas(NLMSG_ALIGNTO) uint8_t buffer[BUFFER_BYTES];
};

struct packet_queue *packet_queue_free(struct packet_queue *queue)
{
	if (queue) {
		packet_queue_flush(queue);
		sd_event_source_unref(queue->io);
		sd_event_source_unref(queue->resume);
		netlink_socket_close(&queue->fd);
		free(queue);
	}
	return NULL;
}

/* --- verdicts --- */

static void note_failure(struct packet_queue *queue, uint32_t sequence, int error)
{
	if (sequence == queue->failed)
		return;
	queue->failed = sequence;
	queue->stats.failed_batches++;
	queue->stats.last_error = error;
	log_warning("verdicts on held packets were refused: %s; %llu batches so far",
		    strerror(-error), (unsigned long long)queue->stats.failed_batches);
}

/*
 * Answers to single verdicts are left in the socket, for the loop to read: reading here would hand
 * out packets in the middle of whatever led to the flush.
 */
void packet_queue_flush(struct packet_queue *queue)
{
	size_t size = queue->verdicts_size;
	int r;

	if (!size)
		return;
	queue->verdicts_size = 0;
	queue->stats.batches++;
	r = netlink_socket_send(queue->fd, queue->verdicts, size);
	if (r < 0)
		note_failure(queue, queue->sequence, r);
	queue->sequence++;
}

void packet_queue_verdict(struct packet_queue *queue, uint32_t id, enum queue_verdict verdict)
{
	if (queue->verdicts_size + QUEUE_REQUEST_BYTES > sizeof(queue->verdicts))
		packet_queue_flush(queue);
	queue->verdicts_size += queue_message_verdict(queue->verdicts + queue->verdicts_size,
						      queue->number, id, verdict, queue->sequence);
	queue->stats.verdicts++;
}

/* --- packets --- */

static void read_answer(struct packet_queue *queue, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*error)) {
		queue->stats.malformed++;
	} else if (queue->awaited && nlh->nlmsg_seq == queue->awaited) {
		queue->answer = error->error;
		queue->awaited = 0;
	} else if (error->error == -ENOENT) {
		queue->stats.gone++;
	} else if (error->error < 0) {
		note_failure(queue, nlh->nlmsg_seq, error->error);
	}
}

static void read_messages(struct packet_queue *queue, size_t size, usec_t now)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(void *)queue->buffer;
	int left = (int)size;

	for (; netlink_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		struct queue_packet packet;

		if (nlh->nlmsg_type == NLMSG_ERROR) {
			read_answer(queue, nlh);
		} else if (queue_message_decode(nlh, &packet) < 0) {
			queue->stats.malformed++;
		} else {
			queue->stats.packets++;
			queue->handlers.packet(queue->handlers.userdata, &packet, now);
		}
	}
}

/* 0: go on reading; -EAGAIN, or what ended it. */
static int read_datagram(struct packet_queue *queue, usec_t now)
{
	ssize_t size = netlink_socket_receive(queue->fd, queue->buffer, sizeof(queue->buffer));

	if (size == -ENOBUFS)
		queue->stats.losses++;
	else if (size == -EMSGSIZE)
		queue->stats.malformed++;
	else if (size < 0)
		return (int)size;
	else
		read_messages(queue, (size_t)size, now);
	return 0;
}

static int on_readable(sd_event_source *io, int fd UNUSED, uint32_t revents UNUSED, void *userdata)
{
	struct packet_queue *queue = userdata;
	usec_t now = clock_now();
	int r = 0;

	for (int i = 0; r == 0 && i < MESSAGES_PER_WAKEUP; i++)
		r = read_datagram(queue, now);
	if (r < 0 && r != -EAGAIN)
		log_warning("reading held packets: %s", strerror(-r));
	/* timers start when the loop woke up, the pause now; without a timer it is left out */
	if (event_timer_start(queue->resume, clock_now() - now + PAUSE) < 0)
		return 0;
	return sd_event_source_set_enabled(io, SD_EVENT_OFF);
}

static int on_resume(sd_event_source *timer UNUSED, uint64_t when UNUSED, void *userdata)
{
	struct packet_queue *queue = userdata;

	return sd_event_source_set_enabled(queue->io, SD_EVENT_ON);
}

/* --- life --- */

/* The request has queue->sequence. */
static int request(struct packet_queue *queue, const uint8_t *bytes, size_t size)
{
	int r;

	queue->awaited = queue->sequence++;
	r = netlink_socket_send(queue->fd, bytes, size);
	while (r == 0 && queue->awaited) {
		struct pollfd readable = { .fd = queue->fd, .events = POLLIN };

		r = read_datagram(queue, clock_now());
		/* answered inside of send, so this is for an answer that was lost */
		if (r == -EAGAIN)
			r = poll(&readable, 1, ANSWER_PATIENCE_MS) == 0 ? -ETIMEDOUT : 0;
	}
	packet_queue_flush(queue);
	return r < 0 ? r : queue->answer;
}

static int configure(struct packet_queue *queue, uint32_t length)
{
	_Alignas(NLMSG_ALIGNTO) uint8_t bytes[QUEUE_REQUEST_BYTES];
	size_t size = queue_message_bind(bytes, queue->number, queue->sequence);
	int r = request(queue, bytes, size);

	/* somebody else's queue: without the capability the buffer could not have been enlarged */
	if (r == -EPERM)
		return -EBUSY;
	if (r < 0)
		return r;
	size = queue_message_copy_mode(bytes, queue->number, length, queue->sequence);
	r = request(queue, bytes, size);
	if (r < 0)
		return r;
	size = queue_message_fail_open(bytes, queue->number, queue->sequence);
	r = request(queue, bytes, size);
	queue->stats.fails_open = r == 0;
	if (r < 0)
		log_warning("packets beyond %u in queue %u will be dropped: %s", length,
			    queue->number, strerror(-r));
	return 0;
}

/* There is nobody yet to judge what comes while the queue is configured. */
static void accept_early(void *userdata, const struct queue_packet *packet, usec_t now UNUSED)
{
	packet_queue_verdict(userdata, packet->id, QUEUE_VERDICT_ACCEPT);
}

static int open_queue(struct packet_queue *queue, uint32_t length)
{
	int r;

	queue->fd = r = netlink_socket_open(NETLINK_NETFILTER);
	if (r < 0)
		return r;
	r = netlink_socket_bind(queue->fd, 0);
	if (r == 0)
		r = netlink_socket_grow_receive_buffer(queue->fd, RECEIVE_BUFFER_BYTES);
	if (r == 0)
		r = configure(queue, length);
	return r;
}

static int add_sources(struct packet_queue *queue, sd_event *event)
{
	int r = sd_event_add_io(event, &queue->io, queue->fd, EPOLLIN, on_readable, queue);

	if (r >= 0)
		r = sd_event_source_set_priority(queue->io, PRIORITY_PACKETS);
	if (r >= 0)
		r = event_timer_add(event, &queue->resume, on_resume, PRIORITY_PACKETS, queue);
	return r;
}

int packet_queue_new(struct packet_queue **ret_queue, sd_event *event, uint16_t number,
		     uint32_t length, const struct packet_queue_handlers *handlers)
{
	struct packet_queue *queue = calloc(1, sizeof(*queue));
	int r;

	if (!queue)
		return -ENOMEM;
	queue->fd = -1;
	queue->number = number;
	queue->sequence = 1;
	queue->handlers =
		(struct packet_queue_handlers){ .packet = accept_early, .userdata = queue };
	r = open_queue(queue, length);
	if (r == 0)
		r = add_sources(queue, event);
	if (r < 0) {
		packet_queue_free(queue);
		return r;
	}
	queue->handlers = *handlers;
	*ret_queue = queue;
	return 0;
}

void packet_queue_stats(const struct packet_queue *queue, struct packet_queue_stats *ret_stats)
{
	*ret_stats = queue->stats;
}
