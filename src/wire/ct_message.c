// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/wire/ct_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

#include "ct_attributes_priv.h"

/* CTA_FILTER, CTA_FILTER_ORIG_FLAGS: by number, as headers before Linux 5.8 lack them. No header has the
 * flags. */
#define FILTER		  25
#define FILTER_ORIG_FLAGS 1
#define FILTER_PROTOCOL	  (1U << 3)

struct tuple {
	struct address source, destination;
	uint16_t source_port, destination_port;
	uint8_t protocol;
	bool has_source, has_destination, has_protocol;
};

static uint16_t read_be16(const struct nlattr *attribute)
{
	uint16_t value;

	memcpy(&value, mnl_attr_get_payload(attribute), sizeof(value));
	return ntohs(value);
}

static int read_address(const struct nlattr *attribute, int family, size_t size,
			struct address *address, bool *has)
{
	if (mnl_attr_get_payload_len(attribute) != size)
		return -EBADMSG;
	*has = true;
	return address_from_raw(family, mnl_attr_get_payload(attribute), address);
}

static int read_addresses(const struct nlattr *nest, struct tuple *tuple)
{
	const struct nlattr *attribute;
	int r = 0;

	mnl_attr_for_each_nested(attribute, nest)
	{
		switch (mnl_attr_get_type(attribute)) {
		case CTA_IP_V4_SRC:
			r = read_address(attribute, AF_INET, 4, &tuple->source, &tuple->has_source);
			break;
		case CTA_IP_V4_DST:
			r = read_address(attribute, AF_INET, 4, &tuple->destination,
					 &tuple->has_destination);
			break;
		case CTA_IP_V6_SRC:
			r = read_address(attribute, AF_INET6, 16, &tuple->source,
					 &tuple->has_source);
			break;
		case CTA_IP_V6_DST:
			r = read_address(attribute, AF_INET6, 16, &tuple->destination,
					 &tuple->has_destination);
			break;
		default:
			break;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_protocol(const struct nlattr *nest, struct tuple *tuple)
{
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, nest)
	{
		size_t size = mnl_attr_get_payload_len(attribute);

		switch (mnl_attr_get_type(attribute)) {
		case CTA_PROTO_NUM:
			if (size != 1)
				return -EBADMSG;
			tuple->protocol = *(const uint8_t *)mnl_attr_get_payload(attribute);
			tuple->has_protocol = true;
			break;
		case CTA_PROTO_SRC_PORT:
			if (size != 2)
				return -EBADMSG;
			tuple->source_port = read_be16(attribute);
			break;
		case CTA_PROTO_DST_PORT:
			if (size != 2)
				return -EBADMSG;
			tuple->destination_port = read_be16(attribute);
			break;
		default:
			break;
		}
	}
	return 0;
}

static int read_tuple(const struct nlattr *nest, struct tuple *tuple)
{
	const struct nlattr *attribute;
	int r = 0;

	mnl_attr_for_each_nested(attribute, nest)
	{
		if (mnl_attr_get_type(attribute) == CTA_TUPLE_IP)
			r = read_addresses(attribute, tuple);
		else if (mnl_attr_get_type(attribute) == CTA_TUPLE_PROTO)
			r = read_protocol(attribute, tuple);
		if (r < 0)
			return r;
	}
	return tuple->has_source && tuple->has_destination && tuple->has_protocol ? 0 : -EBADMSG;
}

/*
 * IPS_ASSURED is set when conntrack saw the last step of a handshake, or an answer in a connection it
 * met in the middle: the one thing a forged packet cannot bring about (nf_conntrack_proto_tcp.c).
 */
static enum flow_phase phase_of(uint8_t tcp_state, uint32_t status)
{
	switch (tcp_state) {
	case TCP_CONNTRACK_SYN_SENT:
	case TCP_CONNTRACK_SYN_SENT2:
	case TCP_CONNTRACK_SYN_RECV:
		return FLOW_SYN;
	case TCP_CONNTRACK_ESTABLISHED:
	case TCP_CONNTRACK_FIN_WAIT:
	case TCP_CONNTRACK_CLOSE_WAIT:
	case TCP_CONNTRACK_LAST_ACK:
		return status & IPS_ASSURED ? FLOW_ESTABLISHED : FLOW_PICKED_UP;
	default:
		return FLOW_CLOSED;
	}
}

int ct_message_decode(const struct nlmsghdr *nlh, struct ct_event *ret_event)
{
	unsigned subsystem = nlh->nlmsg_type >> 8, message = nlh->nlmsg_type & 0xff;
	struct tuple original = { 0 }, reply = { 0 };
	bool has_original = false, has_reply = false, has_state = false;
	const struct nlattr *attribute;
	uint8_t tcp_state = TCP_CONNTRACK_NONE;
	uint16_t zone = 0;
	uint32_t status = 0;
	int r = 0;

	if (subsystem != NFNL_SUBSYS_CTNETLINK ||
	    (message != IPCTNL_MSG_CT_NEW && message != IPCTNL_MSG_CT_DELETE) ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct nfgenmsg))
		return -EBADMSG;
	mnl_attr_for_each(attribute, nlh, sizeof(struct nfgenmsg))
	{
		size_t size = mnl_attr_get_payload_len(attribute);

		switch (mnl_attr_get_type(attribute)) {
		case CTA_TUPLE_ORIG:
			r = read_tuple(attribute, &original);
			has_original = true;
			break;
		case CTA_TUPLE_REPLY:
			r = read_tuple(attribute, &reply);
			has_reply = true;
			break;
		case CTA_STATUS:
			if (size != 4)
				return -EBADMSG;
			status = ntohl(mnl_attr_get_u32(attribute));
			break;
		case CTA_ZONE:
			if (size != 2)
				return -EBADMSG;
			zone = read_be16(attribute);
			break;
		case CTA_PROTOINFO:
			r = ct_tcp_state(attribute, &tcp_state);
			has_state = r == 0;
			r = r == -ENODATA ? 0 : r;
			break;
		default:
			break;
		}
		if (r < 0)
			return r;
	}
	if (!has_original || !has_reply)
		return -EBADMSG;
	if (original.protocol != IPPROTO_TCP || (message == IPCTNL_MSG_CT_NEW && !has_state))
		return CT_MESSAGE_OTHER;
	*ret_event = (struct ct_event){
		.key = { .client = original.source,
			 .server = original.destination,
			 .client_port = original.source_port,
			 .server_port = original.destination_port,
			 .zone = zone },
		.local = reply.source,
		.local_port = reply.source_port,
		.phase = message == IPCTNL_MSG_CT_DELETE ? FLOW_CLOSED : phase_of(tcp_state, status),
	};
	return 0;
}

static struct nlmsghdr *put_dump_request(uint8_t *bytes, uint32_t sequence)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = sequence;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = AF_UNSPEC;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = 0;
	return nlh;
}

size_t ct_dump_request(uint8_t bytes[static CT_DUMP_REQUEST_BYTES], uint32_t sequence)
{
	return put_dump_request(bytes, sequence)->nlmsg_len;
}

size_t ct_filter_probe_request(uint8_t bytes[static CT_DUMP_REQUEST_BYTES], uint32_t sequence)
{
	struct nlmsghdr *nlh = put_dump_request(bytes, sequence);
	struct nlattr *tuple = mnl_attr_nest_start(nlh, CTA_TUPLE_ORIG);
	struct nlattr *nest = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);

	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, IPPROTO_TCP);
	mnl_attr_nest_end(nlh, nest);
	mnl_attr_nest_end(nlh, tuple);
	nest = mnl_attr_nest_start(nlh, FILTER);
	mnl_attr_put_u32(nlh, FILTER_ORIG_FLAGS, FILTER_PROTOCOL);
	mnl_attr_nest_end(nlh, nest);
	return nlh->nlmsg_len;
}
