// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/wire/queue_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <netinet/tcp.h>
#include <string.h>

/* of IPv4 (RFC 791): the bit "more fragments" and the offset */
#define FRAGMENT_BITS 0x3fff

#define IPV4_HEADER_LEAST      20
#define IPV6_HEADER_BYTES      40
#define EXTENSION_HEADER_LEAST 8
#define TCP_HEADER_BYTES       20

/* --- requests --- */

static struct nlmsghdr *put_header(uint8_t *bytes, uint16_t queue, uint8_t message, uint16_t flags,
				   uint32_t sequence)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | message);
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = sequence;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = AF_UNSPEC;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(queue);
	return nlh;
}

size_t queue_message_bind(uint8_t bytes[static QUEUE_REQUEST_BYTES], uint16_t queue,
			  uint32_t sequence)
{
	struct nlmsghdr *nlh = put_header(bytes, queue, NFQNL_MSG_CONFIG, NLM_F_ACK, sequence);

	nfq_nlmsg_cfg_put_cmd(nlh, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
	return nlh->nlmsg_len;
}

size_t queue_message_copy_mode(uint8_t bytes[static QUEUE_REQUEST_BYTES], uint16_t queue,
			       uint32_t length, uint32_t sequence)
{
	struct nlmsghdr *nlh = put_header(bytes, queue, NFQNL_MSG_CONFIG, NLM_F_ACK, sequence);

	nfq_nlmsg_cfg_put_params(nlh, NFQNL_COPY_PACKET, QUEUE_COPY_BYTES);
	nfq_nlmsg_cfg_put_qmaxlen(nlh, length);
	return nlh->nlmsg_len;
}

size_t queue_message_fail_open(uint8_t bytes[static QUEUE_REQUEST_BYTES], uint16_t queue,
			       uint32_t sequence)
{
	struct nlmsghdr *nlh = put_header(bytes, queue, NFQNL_MSG_CONFIG, NLM_F_ACK, sequence);

	mnl_attr_put_u32(nlh, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_FAIL_OPEN));
	mnl_attr_put_u32(nlh, NFQA_CFG_MASK, htonl(NFQA_CFG_F_FAIL_OPEN));
	return nlh->nlmsg_len;
}

size_t queue_message_verdict(uint8_t bytes[static QUEUE_REQUEST_BYTES], uint16_t queue, uint32_t id,
			     enum queue_verdict verdict, uint32_t sequence)
{
	static const int kernel_verdicts[] = {
		[QUEUE_VERDICT_ACCEPT] = NF_ACCEPT,
		[QUEUE_VERDICT_DROP] = NF_DROP,
		[QUEUE_VERDICT_REPEAT] = NF_REPEAT,
	};
	struct nlmsghdr *nlh = put_header(bytes, queue, NFQNL_MSG_VERDICT, 0, sequence);

	nfq_nlmsg_verdict_put(nlh, (int)id, kernel_verdicts[verdict]);
	return nlh->nlmsg_len;
}

/* --- packets --- */

static uint16_t read_be16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static bool read_tcp(const uint8_t *bytes, size_t size, struct queue_packet *packet)
{
	uint8_t flags;

	if (size < TCP_HEADER_BYTES)
		return false;
	packet->client_port = read_be16(bytes);
	packet->local_port = read_be16(bytes + 2);
	flags = bytes[13] & (TH_FIN | TH_SYN | TH_RST | TH_ACK);
	packet->is_syn = flags == TH_SYN;
	return true;
}

static bool read_ipv4(const uint8_t *bytes, size_t size, struct queue_packet *packet)
{
	size_t header_size;

	if (size < IPV4_HEADER_LEAST)
		return false;
	header_size = (size_t)(bytes[0] & 0x0f) * 4;
	if (header_size < IPV4_HEADER_LEAST || header_size > size || bytes[9] != IPPROTO_TCP ||
	    read_be16(bytes + 6) & FRAGMENT_BITS)
		return false;
	return address_from_raw(AF_INET, bytes + 12, &packet->client) == 0 &&
	       address_from_raw(AF_INET, bytes + 16, &packet->local) == 0 &&
	       read_tcp(bytes + header_size, size - header_size, packet);
}

/* Where the TCP header begins; 0: there is none, or none that the kernel would find. */
static size_t find_tcp(const uint8_t *bytes, size_t size)
{
	size_t offset = IPV6_HEADER_BYTES;
	uint8_t next = bytes[6];

	while (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS) {
		if (size - offset < EXTENSION_HEADER_LEAST)
			return 0;
		next = bytes[offset];
		offset += (size_t)(bytes[offset + 1] + 1) * 8;
		if (offset > size)
			return 0;
	}
	return next == IPPROTO_TCP ? offset : 0;
}

static bool read_ipv6(const uint8_t *bytes, size_t size, struct queue_packet *packet)
{
	size_t offset;

	if (size < IPV6_HEADER_BYTES)
		return false;
	offset = find_tcp(bytes, size);
	if (!offset || address_from_raw(AF_INET6, bytes + 8, &packet->client) < 0 ||
	    address_from_raw(AF_INET6, bytes + 24, &packet->local) < 0)
		return false;
	/* a mapped address in an IPv6 packet is forged: it must not count as the IPv4 source */
	return !address_is_ipv4(&packet->client) && read_tcp(bytes + offset, size - offset, packet);
}

static void read_packet(const uint8_t *bytes, size_t size, struct queue_packet *packet)
{
	struct queue_packet read = { .id = packet->id };

	if (size > 0 && bytes[0] >> 4 == 4)
		read.is_tcp = read_ipv4(bytes, size, &read);
	else if (size > 0 && bytes[0] >> 4 == 6)
		read.is_tcp = read_ipv6(bytes, size, &read);
	if (read.is_tcp)
		*packet = read;
}

int queue_message_decode(const struct nlmsghdr *nlh, struct queue_packet *ret_packet)
{
	const struct nlattr *attribute, *header = NULL, *payload = NULL;
	struct nfqnl_msg_packet_hdr packet_header;
	const uint8_t *end;

	if (nlh->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET) ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct nfgenmsg))
		return -EBADMSG;
	/*
	 * The payload is last and not padded, while mnl_attr_for_each() rounds the end of the
	 * message up: an attribute could reach behind it.
	 */
	end = (const uint8_t *)nlh + nlh->nlmsg_len;
	for (attribute = mnl_nlmsg_get_payload_offset(nlh, sizeof(struct nfgenmsg));
	     mnl_attr_ok(attribute, (int)(end - (const uint8_t *)attribute));
	     attribute = mnl_attr_next(attribute)) {
		if (mnl_attr_get_type(attribute) == NFQA_PACKET_HDR)
			header = attribute;
		else if (mnl_attr_get_type(attribute) == NFQA_PAYLOAD)
			payload = attribute;
	}
	if (!header || mnl_attr_get_payload_len(header) < sizeof(packet_header))
		return -EBADMSG;
	memcpy(&packet_header, mnl_attr_get_payload(header), sizeof(packet_header));
	*ret_packet = (struct queue_packet){ .id = ntohl(packet_header.packet_id) };
	if (payload)
		read_packet(mnl_attr_get_payload(payload), mnl_attr_get_payload_len(payload),
			    ret_packet);
	return 0;
}
