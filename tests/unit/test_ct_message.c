// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The conntrack codec against libnetfilter_conntrack: messages are built by the library, read by both,
 * and must say the same. Then what the library does not decide: phases, and broken messages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/wire/ct_message.h"

#define MESSAGE_BYTES 4096

struct sample {
	bool ipv6, dnat, destroy;
	uint8_t protocol, tcp_state;
	uint32_t status;
	uint16_t zone;
};

static void random_bytes(void *target, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)target)[i] = (uint8_t)rand();
}

static void set_address(struct nf_conntrack *ct, bool ipv6, enum nf_conntrack_attr ipv4_attribute,
			enum nf_conntrack_attr ipv6_attribute, const uint8_t *bytes)
{
	nfct_set_attr(ct, ipv6 ? ipv6_attribute : ipv4_attribute, bytes);
}

static struct nf_conntrack *random_conntrack(const struct sample *sample)
{
	struct nf_conntrack *ct = nfct_new();
	uint8_t client[16], server[16], local[16];
	uint16_t client_port = (uint16_t)rand(), server_port = (uint16_t)rand(), local_port;

	assert_non_null(ct);
	random_bytes(client, sizeof(client));
	random_bytes(server, sizeof(server));
	memcpy(local, server, sizeof(local));
	local_port = server_port;
	if (sample->dnat) {
		random_bytes(local, sizeof(local));
		local_port = (uint16_t)rand();
	}
	nfct_set_attr_u8(ct, ATTR_L3PROTO, sample->ipv6 ? AF_INET6 : AF_INET);
	set_address(ct, sample->ipv6, ATTR_IPV4_SRC, ATTR_IPV6_SRC, client);
	set_address(ct, sample->ipv6, ATTR_IPV4_DST, ATTR_IPV6_DST, server);
	nfct_set_attr_u8(ct, ATTR_REPL_L3PROTO, sample->ipv6 ? AF_INET6 : AF_INET);
	set_address(ct, sample->ipv6, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC, local);
	set_address(ct, sample->ipv6, ATTR_REPL_IPV4_DST, ATTR_REPL_IPV6_DST, client);
	nfct_set_attr_u8(ct, ATTR_L4PROTO, sample->protocol);
	nfct_set_attr_u16(ct, ATTR_PORT_SRC, client_port);
	nfct_set_attr_u16(ct, ATTR_PORT_DST, server_port);
	nfct_set_attr_u8(ct, ATTR_REPL_L4PROTO, sample->protocol);
	nfct_set_attr_u16(ct, ATTR_REPL_PORT_SRC, local_port);
	nfct_set_attr_u16(ct, ATTR_REPL_PORT_DST, client_port);
	nfct_set_attr_u32(ct, ATTR_STATUS, sample->status);
	nfct_set_attr_u32(ct, ATTR_TIMEOUT, 300);
	if (sample->protocol == IPPROTO_TCP)
		nfct_set_attr_u8(ct, ATTR_TCP_STATE, sample->tcp_state);
	if (sample->zone)
		nfct_set_attr_u16(ct, ATTR_ZONE, sample->zone);
	return ct;
}

static struct nlmsghdr *build(uint8_t *bytes, const struct sample *sample)
{
	struct nf_conntrack *ct = random_conntrack(sample);
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 |
				     (sample->destroy ? IPCTNL_MSG_CT_DELETE : IPCTNL_MSG_CT_NEW));
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = sample->ipv6 ? AF_INET6 : AF_INET;
	assert_int_not_equal(nfct_nlmsg_build(nlh, ct), -1);
	nfct_destroy(ct);
	return nlh;
}

static struct address library_address(const struct nf_conntrack *ct, bool ipv6,
				      enum nf_conntrack_attr ipv4_attribute,
				      enum nf_conntrack_attr ipv6_attribute)
{
	struct address address;

	assert_int_equal(address_from_raw(ipv6 ? AF_INET6 : AF_INET,
					  nfct_get_attr(ct, ipv6 ? ipv6_attribute : ipv4_attribute),
					  &address),
			 0);
	return address;
}

static void test_agrees_with_the_library(void **state)
{
	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		struct sample sample = { .ipv6 = rand() & 1,
					 .dnat = rand() & 1,
					 .destroy = rand() % 4 == 0,
					 .protocol = IPPROTO_TCP,
					 .tcp_state = (uint8_t)(rand() % TCP_CONNTRACK_MAX),
					 .status = (uint32_t)rand(),
					 .zone = rand() & 1 ? (uint16_t)rand() : 0 };
		uint8_t bytes[MESSAGE_BYTES];
		const struct nlmsghdr *nlh = build(bytes, &sample);
		struct nf_conntrack *ct = nfct_new();
		struct ct_event event;
		struct address address;

		assert_non_null(ct);
		assert_int_not_equal(nfct_nlmsg_parse(nlh, ct), -1);
		assert_int_equal(ct_message_decode(nlh, &event), 0);
		address = library_address(ct, sample.ipv6, ATTR_IPV4_SRC, ATTR_IPV6_SRC);
		assert_true(address_equal(&event.key.client, &address));
		address = library_address(ct, sample.ipv6, ATTR_IPV4_DST, ATTR_IPV6_DST);
		assert_true(address_equal(&event.key.server, &address));
		address = library_address(ct, sample.ipv6, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC);
		assert_true(address_equal(&event.local, &address));
		assert_int_equal(event.key.client_port, ntohs(nfct_get_attr_u16(ct, ATTR_PORT_SRC)));
		assert_int_equal(event.key.server_port, ntohs(nfct_get_attr_u16(ct, ATTR_PORT_DST)));
		assert_int_equal(event.local_port, ntohs(nfct_get_attr_u16(ct, ATTR_REPL_PORT_SRC)));
		assert_int_equal(event.key.zone,
				 nfct_attr_is_set(ct, ATTR_ZONE) ? nfct_get_attr_u16(ct, ATTR_ZONE) : 0);
		assert_int_equal(event.key.reserved, 0);
		nfct_destroy(ct);
	}
}

static enum flow_phase phase_of(uint8_t tcp_state, uint32_t status, bool destroy)
{
	struct sample sample = {
		.protocol = IPPROTO_TCP, .tcp_state = tcp_state, .status = status, .destroy = destroy
	};
	uint8_t bytes[MESSAGE_BYTES];
	struct ct_event event;

	assert_int_equal(ct_message_decode(build(bytes, &sample), &event), 0);
	return event.phase;
}

static void test_phases(void **state)
{
	static const uint8_t handshake[] = { TCP_CONNTRACK_SYN_SENT, TCP_CONNTRACK_SYN_SENT2,
					     TCP_CONNTRACK_SYN_RECV };
	static const uint8_t open[] = { TCP_CONNTRACK_ESTABLISHED, TCP_CONNTRACK_FIN_WAIT,
					TCP_CONNTRACK_CLOSE_WAIT, TCP_CONNTRACK_LAST_ACK };
	static const uint8_t closed[] = { TCP_CONNTRACK_TIME_WAIT, TCP_CONNTRACK_CLOSE };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(handshake); i++) {
		assert_int_equal(phase_of(handshake[i], 0, false), FLOW_SYN);
		assert_int_equal(phase_of(handshake[i], IPS_ASSURED, false), FLOW_SYN);
	}
	for (size_t i = 0; i < ARRAY_SIZE(open); i++) {
		assert_int_equal(phase_of(open[i], IPS_ASSURED | IPS_SEEN_REPLY, false),
				 FLOW_ESTABLISHED);
		/* a forged ACK gets this far, and no further */
		assert_int_equal(phase_of(open[i], 0, false), FLOW_PICKED_UP);
	}
	for (size_t i = 0; i < ARRAY_SIZE(closed); i++)
		assert_int_equal(phase_of(closed[i], IPS_ASSURED, false), FLOW_CLOSED);
	assert_int_equal(phase_of(TCP_CONNTRACK_ESTABLISHED, IPS_ASSURED, true), FLOW_CLOSED);
}

static void test_other_protocols_are_not_ours(void **state)
{
	struct sample sample = { .protocol = IPPROTO_UDP };
	uint8_t bytes[MESSAGE_BYTES];
	struct ct_event event;

	(void)state;
	assert_int_equal(ct_message_decode(build(bytes, &sample), &event), CT_MESSAGE_OTHER);
}

static void test_other_messages_are_refused(void **state)
{
	struct sample sample = { .protocol = IPPROTO_TCP };
	uint8_t bytes[MESSAGE_BYTES];
	struct nlmsghdr *nlh = build(bytes, &sample);
	struct ct_event event;

	(void)state;
	nlh->nlmsg_type = (NFNL_SUBSYS_CTNETLINK + 1) << 8 | IPCTNL_MSG_CT_NEW;
	assert_int_equal(ct_message_decode(nlh, &event), -EBADMSG);
	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_DYING;
	assert_int_equal(ct_message_decode(nlh, &event), -EBADMSG);
	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
	nlh->nlmsg_len = NLMSG_LENGTH(sizeof(struct nfgenmsg)); /* no attributes */
	assert_int_equal(ct_message_decode(nlh, &event), -EBADMSG);
	nlh->nlmsg_len = NLMSG_LENGTH(0);
	assert_int_equal(ct_message_decode(nlh, &event), -EBADMSG);
}

/* Every single-byte change of a good message is read without leaving it (run under ASan). */
static void test_damaged_messages(void **state)
{
	struct sample sample = { .protocol = IPPROTO_TCP, .zone = 7, .status = IPS_ASSURED };
	uint8_t bytes[MESSAGE_BYTES];
	size_t size = build(bytes, &sample)->nlmsg_len;
	uint8_t *copy = malloc(size);

	(void)state;
	assert_non_null(copy);
	for (size_t i = sizeof(struct nlmsghdr); i < size; i++) {
		for (int value = 0; value < 256; value += 5) {
			struct nlmsghdr *nlh = (struct nlmsghdr *)(void *)copy;
			struct ct_event event;
			int r;

			memcpy(copy, bytes, size);
			copy[i] = (uint8_t)value;
			r = ct_message_decode(nlh, &event);
			assert_true(r == 0 || r == CT_MESSAGE_OTHER || r == -EBADMSG);
		}
	}
	free(copy);
}

static void test_dump_request(void **state)
{
	_Alignas(8) uint8_t bytes[CT_DUMP_REQUEST_BYTES];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)bytes;

	(void)state;
	assert_int_equal(ct_dump_request(bytes, 77), NLMSG_LENGTH(sizeof(struct nfgenmsg)));
	assert_int_equal(nlh->nlmsg_seq, 77);
	assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
}

/* What the kernel answers is the feature probe's to find out. */
static void test_filter_probe_request(void **state)
{
	_Alignas(8) uint8_t bytes[CT_DUMP_REQUEST_BYTES] = { 0 };
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)bytes;
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attribute;
	uint16_t seen[2] = { 0, 0 };
	unsigned n = 0;

	(void)state;
	assert_true(ct_filter_probe_request(bytes, 78) <= sizeof(bytes));
	assert_int_equal(nlh->nlmsg_seq, 78);
	assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
	assert_int_equal(nfg->nfgen_family, AF_UNSPEC);
	mnl_attr_for_each(attribute, nlh, sizeof(struct nfgenmsg))
	{
		assert_true(n < ARRAY_SIZE(seen));
		assert_true(attribute->nla_type & NLA_F_NESTED);
		seen[n++] = mnl_attr_get_type(attribute);
	}
	assert_int_equal(n, 2);
	assert_int_equal(seen[0], CTA_TUPLE_ORIG);
	assert_int_equal(seen[1], 25); /* CTA_FILTER */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees_with_the_library),
		cmocka_unit_test(test_phases),
		cmocka_unit_test(test_other_protocols_are_not_ours),
		cmocka_unit_test(test_other_messages_are_refused),
		cmocka_unit_test(test_damaged_messages),
		cmocka_unit_test(test_dump_request),
		cmocka_unit_test(test_filter_probe_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
