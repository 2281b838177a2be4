// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/wire/ct_delete_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "ct_attributes_priv.h"

static void put_addresses(struct nlmsghdr *nlh, const struct ct_connection *connection, bool ipv4)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);

	if (ipv4) {
		mnl_attr_put(nlh, CTA_IP_V4_SRC, 4, address_ipv4_bytes(&connection->local));
		mnl_attr_put(nlh, CTA_IP_V4_DST, 4, address_ipv4_bytes(&connection->peer));
	} else {
		mnl_attr_put(nlh, CTA_IP_V6_SRC, 16, connection->local.bytes);
		mnl_attr_put(nlh, CTA_IP_V6_DST, 16, connection->peer.bytes);
	}
	mnl_attr_nest_end(nlh, nest);
}

static void put_protocol(struct nlmsghdr *nlh, const struct ct_connection *connection)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);

	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, IPPROTO_TCP);
	mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, htons(connection->local_port));
	mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(connection->peer_port));
	mnl_attr_nest_end(nlh, nest);
}

static struct nlmsghdr *put_request(uint8_t *bytes, uint8_t message, uint32_t sequence,
				    const struct ct_connection *connection)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	/* an IPv4 peer of an IPv6 socket is an IPv4 connection to conntrack */
	bool ipv4 = address_is_ipv4(&connection->peer);
	struct nfgenmsg *nfg;
	struct nlattr *nest;

	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | message);
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = sequence;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = ipv4 ? AF_INET : AF_INET6;
	nfg->version = NFNETLINK_V0;
	nest = mnl_attr_nest_start(nlh, CTA_TUPLE_REPLY);
	put_addresses(nlh, connection, ipv4);
	put_protocol(nlh, connection);
	mnl_attr_nest_end(nlh, nest);
	return nlh;
}

size_t ct_entry_get_request(uint8_t bytes[static CT_ENTRY_REQUEST_BYTES], uint32_t sequence,
			    const struct ct_connection *connection)
{
	return put_request(bytes, IPCTNL_MSG_CT_GET, sequence, connection)->nlmsg_len;
}

size_t ct_entry_delete_request(uint8_t bytes[static CT_ENTRY_REQUEST_BYTES], uint32_t sequence,
			       const struct ct_connection *connection, uint32_t id)
{
	struct nlmsghdr *nlh = put_request(bytes, IPCTNL_MSG_CT_DELETE, sequence, connection);

	mnl_attr_put_u32(nlh, CTA_ID, id);
	return nlh->nlmsg_len;
}

int ct_entry_decode(const struct nlmsghdr *nlh, struct ct_entry *ret_entry)
{
	const struct nlattr *attribute;
	int state_r = -ENODATA;
	bool has_id = false;
	uint8_t state = 0;
	uint32_t id = 0;

	if (nlh->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct nfgenmsg))
		return -EBADMSG;
	mnl_attr_for_each(attribute, nlh, sizeof(struct nfgenmsg))
	{
		switch (mnl_attr_get_type(attribute)) {
		case CTA_ID:
			if (mnl_attr_get_payload_len(attribute) != sizeof(id))
				return -EBADMSG;
			/* handed back as it came: no byte order */
			id = mnl_attr_get_u32(attribute);
			has_id = true;
			break;
		case CTA_PROTOINFO:
			state_r = ct_tcp_state(attribute, &state);
			if (state_r < 0 && state_r != -ENODATA)
				return state_r;
			break;
		default:
			break;
		}
	}
	if (!has_id)
		return -EBADMSG;
	if (state_r == -ENODATA)
		return CT_ENTRY_OTHER;
	*ret_entry = (struct ct_entry){
		.id = id,
		.closed = state == TCP_CONNTRACK_TIME_WAIT || state == TCP_CONNTRACK_CLOSE,
	};
	return 0;
}
