// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/kernel/feature_probe.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/log.h"
#include "smtpguard/kernel/netlink_socket.h"
#include "smtpguard/kernel/ruleset.h"
#include "smtpguard/kernel/set_reader.h"
#include "smtpguard/wire/ct_message.h"
#include "smtpguard/wire/diag_message.h"
#include "smtpguard/wire/netlink_message.h"

#define BUFFER_BYTES 65536
#define PATIENCE_MS  1000

/* for documentation (RFC 5737); the sets are in no rule anyway */
#define SCRATCH_ADDRESS	 "192.0.2.1"
#define SCRATCH_TEXT_MAX 512

/* One transaction, so that nothing of it can stay. No packet gets into a chain that nobody calls. */
static const char queue_text[] = "add table inet smtpguard\n"
				 "add chain inet smtpguard probe_queue\n"
				 "add rule inet smtpguard probe_queue queue num 0 bypass\n"
				 "flush chain inet smtpguard probe_queue\n"
				 "delete chain inet smtpguard probe_queue\n";

/* A set of addresses with one element, and what is to be found in it. */
struct set_probe {
	const char *name; /* one for each: what a killed run left has the same definition */
	const char *definition;
	const char *element; /* the words after the address */
	const char *again;   /* the same for a second transaction; or NULL */
	bool (*is_wanted)(const struct nft_element *element);
};

static bool run(const char *text)
{
	char *error = NULL;
	int r = ruleset_load(text, &error);

	free(error);
	return r == 0;
}

struct reading {
	const struct set_probe *probe;
	bool found;
};

static int check_element(void *userdata, const struct nft_element *element)
{
	struct reading *reading = userdata;

	/* an interval is two elements, its begin and its end */
	reading->found |= reading->probe->is_wanted(element);
	return 0;
}

static bool make_set(const struct set_probe *probe)
{
	char text[SCRATCH_TEXT_MAX];

	snprintf(text, sizeof(text),
		 "add table inet smtpguard\n"
		 "add set inet smtpguard %s { type ipv4_addr; %s }\n"
		 "flush set inet smtpguard %s\n"
		 "add element inet smtpguard %s { " SCRATCH_ADDRESS " %s }\n",
		 probe->name, probe->definition, probe->name, probe->name, probe->element);
	return run(text);
}

static bool put_again(const struct set_probe *probe)
{
	char text[SCRATCH_TEXT_MAX];

	snprintf(text, sizeof(text), "add element inet smtpguard %s { " SCRATCH_ADDRESS " %s }\n",
		 probe->name, probe->again);
	return run(text);
}

static void delete_set(const struct set_probe *probe)
{
	char text[SCRATCH_TEXT_MAX];

	snprintf(text, sizeof(text), "delete set inet smtpguard %s\n", probe->name);
	if (!run(text))
		log_warning("the scratch set %s could not be deleted; it goes with the next table",
			    probe->name);
}

/* Old kernels skip what they do not know: only what they show afterwards is proof. */
static bool probe_set(const struct set_probe *probe)
{
	struct reading reading = { .probe = probe };
	bool readable;

	if (!make_set(probe))
		return false;
	readable = (!probe->again || put_again(probe)) &&
		   set_reader_read(probe->name, check_element, &reading) == 0;
	delete_set(probe);
	return readable && reading.found;
}

static bool has_counter(const struct nft_element *element)
{
	return element->counted;
}

static bool has_timeout(const struct nft_element *element)
{
	return element->timeout != USEC_NEVER;
}

static bool has_new_timeout(const struct nft_element *element)
{
	return element->timeout != USEC_NEVER && element->timeout > 60 * USEC_PER_SEC;
}

static const struct set_probe counter_probe = {
	.name = "probe_counter",
	.definition = "counter;",
	.element = "",
	.is_wanted = has_counter,
};

static const struct set_probe interval_probe = {
	.name = "probe_interval",
	.definition = "flags interval,timeout;",
	.element = "timeout 60s",
	.is_wanted = has_timeout,
};

static const struct set_probe update_probe = {
	.name = "probe_update",
	.definition = "flags timeout;",
	.element = "timeout 60s",
	.again = "timeout 1h",
	.is_wanted = has_new_timeout,
};

/* --- requests of other kinds --- */

/* 0 for the line of a dump. */
static int result_of(const struct nlmsghdr *nlh)
{
	int result;

	/* both begin with the result */
	if (nlh->nlmsg_type != NLMSG_ERROR && nlh->nlmsg_type != NLMSG_DONE)
		return 0;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(result))
		return -EBADMSG;
	memcpy(&result, mnl_nlmsg_get_payload(nlh), sizeof(result));
	return result;
}

static void free_buffer(uint8_t **buffer)
{
	free(*buffer);
}

/* The kernel's first answer. A dump that it has begun ends with the socket. */
static int ask(int protocol, const void *request, size_t size)
{
	CLEANUP(netlink_socket_close) int fd = netlink_socket_open(protocol);
	CLEANUP(free_buffer) uint8_t *buffer = malloc(BUFFER_BYTES);
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)buffer;
	ssize_t got;
	int r = fd < 0 ? fd : 0;

	if (!buffer)
		return -ENOMEM;
	if (r == 0)
		r = netlink_socket_bind(fd, 0);
	if (r == 0)
		r = netlink_socket_send(fd, request, size);
	if (r < 0)
		return r;
	if (poll(&readable, 1, PATIENCE_MS) <= 0)
		return -ETIMEDOUT;
	got = netlink_socket_receive(fd, buffer, BUFFER_BYTES);
	if (got < 0)
		return (int)got;
	return netlink_message_ok(nlh, (int)got) ? result_of(nlh) : -EBADMSG;
}

static bool probe_sock_destroy(void)
{
	static const uint16_t no_port[] = { 0 };
	/* port 0 is nobody's, and the cookies of sockets begin at 1 */
	const struct diag_socket nobody = { .family = AF_INET };
	uint8_t dump[DIAG_DUMP_REQUEST_BYTES], destroy[DIAG_DESTROY_REQUEST_BYTES];

	/* a kernel without sock_diag for TCP says ENOENT to everything */
	if (ask(NETLINK_SOCK_DIAG, dump, diag_dump_request(dump, 1, AF_INET, no_port, 1, false)) < 0)
		return false;
	return ask(NETLINK_SOCK_DIAG, destroy, diag_destroy_request(destroy, 1, &nobody)) == -ENOENT;
}

static bool probe_ct_filter(void)
{
	uint8_t request[CT_DUMP_REQUEST_BYTES];

	return ask(NETLINK_NETFILTER, request, ct_filter_probe_request(request, 1)) == -EOPNOTSUPP;
}

void feature_probe(struct kernel_features *ret_features)
{
	*ret_features = (struct kernel_features){
		.queue = run(queue_text),
		.element_counters = probe_set(&counter_probe),
		.timeout_update = probe_set(&update_probe),
		.interval_timeouts = probe_set(&interval_probe),
		.sock_destroy = probe_sock_destroy(),
		.ct_filter = probe_ct_filter(),
	};
}
