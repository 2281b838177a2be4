// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/kernel/set_auditor.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/log.h"
#include "smtpguard/kernel/event_timer.h"
#include "smtpguard/kernel/netlink_socket.h"
#include "smtpguard/wire/netlink_message.h"

/* The kernel makes pieces as large as the largest buffer it has seen, up to this. For each it walks
 * over all elements of the pieces before. */
#define BUFFER_BYTES 32768
#define PATIENCE     (5 * USEC_PER_SEC)

/* Behind everything that decides or answers; losing patience comes after what can be read. */
#define PRIORITY_AUDIT	  (SD_EVENT_PRIORITY_NORMAL + 15)
#define PRIORITY_PATIENCE (SD_EVENT_PRIORITY_NORMAL + 16)

static const char *const ban_sets[] = { NFT_SET_BANNED4, NFT_SET_BANNED6 };

struct set_auditor {
	sd_event *event;
	usec_t interval;
	struct set_auditor_handlers handlers;
	sd_event_source *due, *io, *patience;
	int fd;
	bool running;
	unsigned set; /* the one that is being read */
	uint32_t sequence;
	bool changed; /* during this audit: it is not complete */
	bool has_generation;
	uint16_t generation; /* of this set's first piece; the lower half, in network order */
	struct counted {
		char name[SET_AUDITOR_NAME_MAX];
		uint32_t count, reading;
	} counted[SET_AUDITOR_COUNTED_MAX];
	unsigned n_counted;
	struct set_auditor_stats stats;
	uint8_t buffer[BUFFER_BYTES];
};

static void close_socket(struct set_auditor *auditor)
{
	auditor->io = sd_event_source_unref(auditor->io);
	netlink_socket_close(&auditor->fd);
	auditor->fd = -1;
}

struct set_auditor *set_auditor_free(struct set_auditor *auditor)
{
	if (auditor) {
		close_socket(auditor);
		sd_event_source_unref(auditor->due);
		sd_event_source_unref(auditor->patience);
		free(auditor);
	}
	return NULL;
}

static void schedule_audit(struct set_auditor *auditor, usec_t delay)
{
	int r = event_timer_start(auditor->due, delay);

	if (r < 0)
		log_error("cannot schedule the next audit of the ban sets: %s", strerror(-r));
}

/* The counted set that is being read, or NULL. */
static struct counted *counted_now(struct set_auditor *auditor)
{
	unsigned first = ARRAY_SIZE(ban_sets);

	return auditor->set < first ? NULL : &auditor->counted[auditor->set - first];
}

static const char *name_now(struct set_auditor *auditor)
{
	const struct counted *counted = counted_now(auditor);

	return counted ? counted->name : ban_sets[auditor->set];
}

/* error: 0, or why it ends early. */
static void end_audit(struct set_auditor *auditor, int error)
{
	bool complete = !error && !auditor->changed;

	/* an unfinished dump would refuse the next one on this socket */
	close_socket(auditor);
	(void)sd_event_source_set_enabled(auditor->patience, SD_EVENT_OFF);
	auditor->running = false;
	auditor->stats.audits++;
	auditor->stats.incomplete += !complete;
	if (error && error != -ENOENT && error != -ECANCELED)
		log_warning("reading the set %s: %s", name_now(auditor), strerror(-error));
	schedule_audit(auditor, auditor->interval);
	auditor->handlers.end(auditor->handlers.userdata, error == -ENOENT, complete);
}

static int request_dump(struct set_auditor *auditor)
{
	uint8_t request[NFT_ELEMENT_DUMP_REQUEST_BYTES];
	size_t size =
		nft_element_dump_request(request, name_now(auditor), ++auditor->sequence);
	int r = size ? netlink_socket_send(auditor->fd, request, size) : -ENOMEM;

	auditor->has_generation = false;
	return r < 0 ? r : event_timer_start(auditor->patience, PATIENCE);
}

static int tell(void *userdata, const struct nft_element *element)
{
	struct set_auditor *auditor = userdata;
	struct counted *counted = counted_now(auditor);

	auditor->stats.elements++;
	if (counted)
		counted->reading++;
	else
		auditor->handlers.element(auditor->handlers.userdata, element);
	return 0;
}

/* Not every kernel sets NLM_F_DUMP_INTR in dumps of elements, but each piece has its generation. */
static void compare_generation(struct set_auditor *auditor, const struct nlmsghdr *nlh)
{
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(nlh);

	if (!auditor->has_generation)
		auditor->generation = header->res_id;
	else if (auditor->generation != header->res_id)
		auditor->changed = true;
	auditor->has_generation = true;
}

/* NLMSG_DONE and NLMSG_ERROR both begin with the result. 1: the end; -errno. */
static int read_result(const struct nlmsghdr *nlh)
{
	int result;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(result))
		return -EBADMSG;
	memcpy(&result, mnl_nlmsg_get_payload(nlh), sizeof(result));
	return result < 0 ? result : 1;
}

/* 1: the set is complete; 0: go on; -errno. */
static int read_datagram(struct set_auditor *auditor, size_t size)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(void *)auditor->buffer;
	int left = (int)size, r;

	for (; netlink_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_seq != auditor->sequence)
			continue;
		/* what is only counted decides nothing */
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR && !counted_now(auditor))
			auditor->changed = true;
		if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR)
			return read_result(nlh);
		r = nft_element_message_decode(nlh, tell, auditor);
		if (r < 0)
			return r;
		if (!counted_now(auditor))
			compare_generation(auditor, nlh);
	}
	return 0;
}

/* A set ended: with 1, or an error. 0: the next one is read, or the audit is over. */
static int end_of_set(struct set_auditor *auditor, int result)
{
	struct counted *counted = counted_now(auditor);

	/* a ceiling comes and goes with the configuration */
	if (result < 0 && !(counted && result == -ENOENT))
		return result;
	if (counted)
		counted->count = counted->reading;
	if (++auditor->set == ARRAY_SIZE(ban_sets) + auditor->n_counted) {
		end_audit(auditor, 0);
		return 0;
	}
	counted = counted_now(auditor);
	if (counted)
		counted->reading = 0;
	return request_dump(auditor);
}

static int on_readable(sd_event_source *io UNUSED, int fd, uint32_t revents UNUSED, void *userdata)
{
	struct set_auditor *auditor = userdata;
	ssize_t size = netlink_socket_receive(fd, auditor->buffer, sizeof(auditor->buffer));
	int r;

	if (size == -EAGAIN)
		return 0;
	r = size < 0 ? (int)size : read_datagram(auditor, (size_t)size);
	if (r == 0)
		r = event_timer_start(auditor->patience, PATIENCE);
	else
		r = end_of_set(auditor, r);
	if (r < 0)
		end_audit(auditor, r);
	return 0;
}

static int on_patience(sd_event_source *timer UNUSED, uint64_t when UNUSED, void *userdata)
{
	end_audit(userdata, -ETIMEDOUT);
	return 0;
}

static int open_socket(struct set_auditor *auditor)
{
	int r;

	auditor->fd = r = netlink_socket_open(NETLINK_NETFILTER);
	if (r >= 0)
		r = netlink_socket_bind(auditor->fd, 0);
	if (r == 0)
		r = sd_event_add_io(auditor->event, &auditor->io, auditor->fd, EPOLLIN, on_readable,
				    auditor);
	if (r >= 0)
		r = sd_event_source_set_priority(auditor->io, PRIORITY_AUDIT);
	return r;
}

static int on_due(sd_event_source *timer UNUSED, uint64_t when UNUSED, void *userdata)
{
	struct set_auditor *auditor = userdata;
	int r;

	auditor->running = true;
	auditor->changed = false;
	auditor->set = 0;
	auditor->handlers.begin(auditor->handlers.userdata);
	r = open_socket(auditor);
	if (r >= 0)
		r = request_dump(auditor);
	if (r < 0)
		end_audit(auditor, r);
	return 0;
}

void set_auditor_count_sets(struct set_auditor *auditor, const char *const *names, unsigned n)
{
	/* a running audit would continue with other sets */
	if (auditor->running)
		end_audit(auditor, -ECANCELED);
	auditor->n_counted = MIN_OF(n, (unsigned)SET_AUDITOR_COUNTED_MAX);
	for (unsigned i = 0; i < auditor->n_counted; i++) {
		struct counted *counted = &auditor->counted[i];

		*counted = (struct counted){ .count = 0 };
		memcpy(counted->name, names[i], strnlen(names[i], sizeof(counted->name) - 1));
	}
}

uint32_t set_auditor_count(const struct set_auditor *auditor, const char *name)
{
	for (unsigned i = 0; i < auditor->n_counted; i++)
		if (!strcmp(auditor->counted[i].name, name))
			return auditor->counted[i].count;
	return 0;
}

int set_auditor_new(struct set_auditor **ret_auditor, sd_event *event, usec_t interval,
		    const struct set_auditor_handlers *handlers)
{
	struct set_auditor *auditor = calloc(1, sizeof(*auditor));
	int r;

	if (!auditor)
		return -ENOMEM;
	auditor->event = event;
	auditor->interval = interval;
	auditor->handlers = *handlers;
	auditor->fd = -1;
	r = event_timer_add(event, &auditor->due, on_due, PRIORITY_AUDIT, auditor);
	if (r >= 0)
		r = event_timer_add(event, &auditor->patience, on_patience, PRIORITY_PATIENCE, auditor);
	if (r >= 0)
		r = event_timer_start(auditor->due, interval);
	if (r < 0) {
		set_auditor_free(auditor);
		return r;
	}
	*ret_auditor = auditor;
	return 0;
}

void set_auditor_stats(const struct set_auditor *auditor, struct set_auditor_stats *ret_stats)
{
	*ret_stats = auditor->stats;
}
