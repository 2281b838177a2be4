// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The packet queue's codec: requests as the kernel reads them, packets at every length at which
 * they may have been cut.
 */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <netinet/tcp.h>

#include "smtpguard/wire/queue_message.h"

#define MESSAGE_BYTES 8192
#define PACKET_BYTES  4096
#define QUEUE	      0x1234
#define SEQUENCE      0x01020304U
#define ID	      0xa1b2c3d4U

/* --- requests --- */

static const struct nlattr *find(const struct nlmsghdr *nlh, uint16_t type)
{
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, nlh, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attribute) == type)
			return attribute;
	}
	return NULL;
}

static const void *payload(const struct nlmsghdr *nlh, uint16_t type, size_t size)
{
	const struct nlattr *attribute = find(nlh, type);

	assert_non_null(attribute);
	assert_int_equal(mnl_attr_get_payload_len(attribute), size);
	return mnl_attr_get_payload(attribute);
}

static void check_header(const struct nlmsghdr *nlh, size_t size, uint16_t message, uint16_t flags)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);

	assert_int_equal(nlh->nlmsg_len, size);
	assert_true(size <= QUEUE_REQUEST_BYTES);
	assert_int_equal(size % NLMSG_ALIGNTO, 0);
	assert_int_equal(nlh->nlmsg_type, NFNL_SUBSYS_QUEUE << 8 | message);
	assert_int_equal(nlh->nlmsg_flags, flags);
	assert_int_equal(nlh->nlmsg_seq, SEQUENCE);
	assert_int_equal(nfg->nfgen_family, AF_UNSPEC);
	assert_int_equal(nfg->version, NFNETLINK_V0);
	assert_int_equal(ntohs(nfg->res_id), QUEUE);
}

static void test_bind(void **state UNUSED)
{
	_Alignas(8) uint8_t bytes[QUEUE_REQUEST_BYTES];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)bytes;
	const struct nfqnl_msg_config_cmd *command;
	size_t size = queue_message_bind(bytes, QUEUE, SEQUENCE);

	check_header(nlh, size, NFQNL_MSG_CONFIG, NLM_F_REQUEST | NLM_F_ACK);
	command = payload(nlh, NFQA_CFG_CMD, sizeof(*command));
	assert_int_equal(command->command, NFQNL_CFG_CMD_BIND);
	assert_null(find(nlh, NFQA_CFG_PARAMS));
}

static void test_copy_mode(void **state UNUSED)
{
	_Alignas(8) uint8_t bytes[QUEUE_REQUEST_BYTES];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)bytes;
	const struct nfqnl_msg_config_params *params;
	size_t size = queue_message_copy_mode(bytes, QUEUE, 2048, SEQUENCE);
	const uint32_t *length;

	check_header(nlh, size, NFQNL_MSG_CONFIG, NLM_F_REQUEST | NLM_F_ACK);
	params = payload(nlh, NFQA_CFG_PARAMS, sizeof(*params));
	assert_int_equal(params->copy_mode, NFQNL_COPY_PACKET);
	assert_int_equal(ntohl(params->copy_range), QUEUE_COPY_BYTES);
	length = payload(nlh, NFQA_CFG_QUEUE_MAXLEN, sizeof(*length));
	assert_int_equal(ntohl(*length), 2048);
	assert_null(find(nlh, NFQA_CFG_FLAGS));
}

static void test_fail_open(void **state UNUSED)
{
	_Alignas(8) uint8_t bytes[QUEUE_REQUEST_BYTES];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)bytes;
	size_t size = queue_message_fail_open(bytes, QUEUE, SEQUENCE);
	const uint32_t *flags, *mask;

	check_header(nlh, size, NFQNL_MSG_CONFIG, NLM_F_REQUEST | NLM_F_ACK);
	flags = payload(nlh, NFQA_CFG_FLAGS, sizeof(*flags));
	mask = payload(nlh, NFQA_CFG_MASK, sizeof(*mask));
	assert_int_equal(ntohl(*flags), NFQA_CFG_F_FAIL_OPEN);
	assert_int_equal(ntohl(*mask), NFQA_CFG_F_FAIL_OPEN);
}

/* Several in one datagram, as they are sent. */
static void test_verdicts(void **state UNUSED)
{
	static const struct {
		enum queue_verdict verdict;
		uint32_t wanted, id;
	} cases[] = {
		{ QUEUE_VERDICT_ACCEPT, NF_ACCEPT, 1 },
		{ QUEUE_VERDICT_DROP, NF_DROP, UINT32_MAX },
		{ QUEUE_VERDICT_REPEAT, NF_REPEAT, ID },
	};
	_Alignas(8) uint8_t bytes[ARRAY_SIZE(cases) * QUEUE_REQUEST_BYTES];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)bytes;
	size_t size = 0;
	int left;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		size += queue_message_verdict(bytes + size, QUEUE, cases[i].id, cases[i].verdict,
					      SEQUENCE);
	left = (int)size;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct nfqnl_msg_verdict_hdr *verdict;

		assert_true(mnl_nlmsg_ok(nlh, left));
		check_header(nlh, nlh->nlmsg_len, NFQNL_MSG_VERDICT, NLM_F_REQUEST);
		verdict = payload(nlh, NFQA_VERDICT_HDR, sizeof(*verdict));
		assert_int_equal(ntohl(verdict->verdict), cases[i].wanted);
		assert_int_equal(ntohl(verdict->id), cases[i].id);
		nlh = mnl_nlmsg_next(nlh, &left);
	}
	assert_int_equal(left, 0);
}

/* --- packets --- */

struct packet {
	size_t size;
	uint8_t bytes[PACKET_BYTES];
};

static void append(struct packet *packet, const void *bytes, size_t size)
{
	assert_true(packet->size + size <= sizeof(packet->bytes));
	memcpy(packet->bytes + packet->size, bytes, size);
	packet->size += size;
}

static void append_tcp(struct packet *packet, uint8_t flags)
{
	const uint8_t header[20] = { 0x9c, 0x40, 0, 25, [12] = 0x50, [13] = flags };

	append(packet, header, sizeof(header));
}

/* From 203.0.113.9 to 192.0.2.1, without a TCP header. */
static struct packet ipv4(size_t header_size)
{
	struct packet packet = {
		.size = header_size,
		.bytes = { [8] = 64, [9] = IPPROTO_TCP, [12] = 203, 0, 113, 9, 192, 0, 2, 1 }
	};

	packet.bytes[0] = (uint8_t)(0x40 | header_size / 4);
	return packet;
}

static struct packet ipv6(const char *client, uint8_t next)
{
	struct packet packet = { .size = 40, .bytes = { 0x60, [6] = next, [7] = 64 } };

	assert_int_equal(inet_pton(AF_INET6, client, packet.bytes + 8), 1);
	assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", packet.bytes + 24), 1);
	return packet;
}

/* An extension header of (units + 1) x 8 bytes. */
static void append_extension(struct packet *packet, uint8_t next, uint8_t units)
{
	uint8_t header[256 * 8] = { next, units };

	append(packet, header, (units + 1U) * 8);
}

static struct nlmsghdr *begin(uint8_t *bytes)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);

	nlh->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct nfgenmsg));
	return nlh;
}

/* As the kernel does it: the payload is last, and the message ends with it. */
static void put_payload(struct nlmsghdr *nlh, const void *bytes, size_t size)
{
	mnl_attr_put(nlh, NFQA_PAYLOAD, size, bytes);
	nlh->nlmsg_len -= (uint32_t)(MNL_ALIGN(size) - size);
}

static struct queue_packet decode(const struct packet *packet, size_t size)
{
	const struct nfqnl_msg_packet_hdr header = { .packet_id = htonl(ID) };
	uint8_t bytes[MESSAGE_BYTES];
	struct nlmsghdr *nlh = begin(bytes), *exact;
	struct queue_packet result;

	mnl_attr_put(nlh, NFQA_PACKET_HDR, sizeof(header), &header);
	mnl_attr_put_u32(nlh, NFQA_IFINDEX_INDEV, htonl(2));
	put_payload(nlh, packet->bytes, size);
	/* for the sanitizer */
	exact = malloc(nlh->nlmsg_len);
	assert_non_null(exact);
	memcpy(exact, nlh, nlh->nlmsg_len);
	assert_int_equal(queue_message_decode(exact, &result), 0);
	free(exact);
	assert_int_equal(result.id, ID);
	return result;
}

static void expect_syn(const struct packet *packet, const char *client, const char *local)
{
	struct queue_packet result = decode(packet, packet->size);
	struct address wanted = addr(client);

	assert_true(result.is_tcp && result.is_syn);
	assert_true(address_equal(&result.client, &wanted));
	wanted = addr(local);
	assert_true(address_equal(&result.local, &wanted));
	assert_int_equal(result.client_port, 40000);
	assert_int_equal(result.local_port, 25);
}

static void expect_other(const struct packet *packet)
{
	static const struct queue_packet other = { .id = ID };
	struct queue_packet result = decode(packet, packet->size);

	assert_false(result.is_tcp || result.is_syn);
	assert_true(address_equal(&result.client, &other.client));
	assert_true(address_equal(&result.local, &other.local));
	assert_int_equal(result.client_port | result.local_port, 0);
}

/* Whatever was cut off: no more is read than is there, and the id is known. */
static void expect_whole(const struct packet *packet)
{
	for (size_t size = 0; size <= packet->size; size++)
		assert_int_equal(decode(packet, size).is_tcp, size == packet->size);
}

static void test_ipv4(void **state UNUSED)
{
	for (size_t header_size = 20; header_size <= 60; header_size += 4) {
		struct packet packet = ipv4(header_size);

		append_tcp(&packet, TH_SYN);
		expect_syn(&packet, "203.0.113.9", "192.0.2.1");
		expect_whole(&packet);
	}
}

static void test_ipv4_of_others(void **state UNUSED)
{
	struct packet packet = ipv4(20), changed;

	append_tcp(&packet, TH_SYN);
	changed = packet;
	changed.bytes[0] = 0x44;
	expect_other(&changed);
	changed.bytes[0] = 0x55;
	expect_other(&changed);
	changed = packet;
	changed.bytes[9] = IPPROTO_UDP;
	expect_other(&changed);
	changed = packet;
	changed.bytes[6] = 0x20; /* more fragments */
	expect_other(&changed);
	changed.bytes[6] = 0;
	changed.bytes[7] = 1; /* offset */
	expect_other(&changed);
	changed.bytes[6] = 0x40; /* "do not fragment" */
	changed.bytes[7] = 0;
	expect_syn(&changed, "203.0.113.9", "192.0.2.1");
}

static void test_ipv6(void **state UNUSED)
{
	struct packet packet = ipv6("2001:db8:1::9", IPPROTO_TCP);

	append_tcp(&packet, TH_SYN);
	expect_syn(&packet, "2001:db8:1::9", "2001:db8::1");
	expect_whole(&packet);
}

static void test_extension_headers(void **state UNUSED)
{
	struct packet packet = ipv6("2001:db8:1::9", IPPROTO_HOPOPTS);

	append_extension(&packet, IPPROTO_ROUTING, 0);
	append_extension(&packet, IPPROTO_DSTOPTS, 2);
	append_extension(&packet, IPPROTO_TCP, 255);
	append_tcp(&packet, TH_SYN);
	expect_syn(&packet, "2001:db8:1::9", "2001:db8::1");
	expect_whole(&packet);
}

/* As many as a sender can put into one packet: they must not hide it. */
static void test_many_extension_headers(void **state UNUSED)
{
	struct packet packet = ipv6("2001:db8:1::9", IPPROTO_DSTOPTS);

	while (packet.size < QUEUE_COPY_BYTES - 28)
		append_extension(&packet, IPPROTO_DSTOPTS, 0);
	append_extension(&packet, IPPROTO_TCP, 0);
	append_tcp(&packet, TH_SYN);
	expect_syn(&packet, "2001:db8:1::9", "2001:db8::1");
	/* without end */
	packet.size -= 28;
	expect_other(&packet);
}

static void test_ipv6_of_others(void **state UNUSED)
{
	static const uint8_t others[] = { IPPROTO_FRAGMENT, IPPROTO_AH, IPPROTO_ESP, IPPROTO_NONE,
					  IPPROTO_UDP };
	struct packet packet;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		packet = ipv6("2001:db8:1::9", others[i]);
		append_extension(&packet, IPPROTO_TCP, 0);
		append_tcp(&packet, TH_SYN);
		expect_other(&packet);
	}
	/* forged: would be taken for the IPv4 source */
	packet = ipv6("::ffff:203.0.113.9", IPPROTO_TCP);
	append_tcp(&packet, TH_SYN);
	expect_other(&packet);
}

static void test_flags(void **state UNUSED)
{
	for (unsigned flags = 0; flags <= UINT8_MAX; flags++) {
		bool is_syn = flags & TH_SYN && !(flags & (TH_ACK | TH_RST | TH_FIN));
		struct packet packet = ipv4(20);

		append_tcp(&packet, (uint8_t)flags);
		assert_true(decode(&packet, packet.size).is_tcp);
		assert_int_equal(decode(&packet, packet.size).is_syn, is_syn);
	}
}

static void test_malformed(void **state UNUSED)
{
	const struct nfqnl_msg_packet_hdr header = { .packet_id = htonl(ID) };
	uint8_t bytes[MESSAGE_BYTES];
	struct nlmsghdr *nlh = begin(bytes);
	struct packet packet = ipv4(20);
	struct queue_packet result;

	append_tcp(&packet, TH_SYN);
	put_payload(nlh, packet.bytes, packet.size);
	assert_int_equal(queue_message_decode(nlh, &result), -EBADMSG);
	nlh = begin(bytes);
	mnl_attr_put(nlh, NFQA_PACKET_HDR, sizeof(header) - 1, &header);
	put_payload(nlh, packet.bytes, packet.size);
	assert_int_equal(queue_message_decode(nlh, &result), -EBADMSG);
	/* no payload: there is still somebody to be let through */
	nlh = begin(bytes);
	mnl_attr_put(nlh, NFQA_PACKET_HDR, sizeof(header), &header);
	assert_int_equal(queue_message_decode(nlh, &result), 0);
	assert_int_equal(result.id, ID);
	assert_false(result.is_tcp);
	nlh->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT;
	assert_int_equal(queue_message_decode(nlh, &result), -EBADMSG);
	nlh->nlmsg_type = NLMSG_ERROR;
	assert_int_equal(queue_message_decode(nlh, &result), -EBADMSG);
	nlh = begin(bytes);
	for (nlh->nlmsg_len--; nlh->nlmsg_len >= NLMSG_LENGTH(0); nlh->nlmsg_len--)
		assert_int_equal(queue_message_decode(nlh, &result), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bind),
		cmocka_unit_test(test_copy_mode),
		cmocka_unit_test(test_fail_open),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv4_of_others),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_extension_headers),
		cmocka_unit_test(test_many_extension_headers),
		cmocka_unit_test(test_ipv6_of_others),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
