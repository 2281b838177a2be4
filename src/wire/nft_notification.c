// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/wire/nft_notification.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "smtpguard/wire/nft_batch.h"

/* NFTA_CHAIN_TABLE and so on are the same number: each kind of message has its table's name there,
 * and elements the name of their set */
#define ATTRIBUTE_TABLE NFTA_SET_ELEM_LIST_TABLE
#define ATTRIBUTE_SET	NFTA_SET_ELEM_LIST_SET

static void classify(unsigned type, struct nft_notification *notification)
{
	static const struct {
		uint8_t created, deleted;
		enum nft_notification_kind kind;
	} types[] = {
		{ NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE, NFT_NOTIFICATION_TABLE },
		{ NFT_MSG_NEWCHAIN, NFT_MSG_DELCHAIN, NFT_NOTIFICATION_CHAIN },
		{ NFT_MSG_NEWRULE, NFT_MSG_DELRULE, NFT_NOTIFICATION_RULE },
		{ NFT_MSG_NEWSET, NFT_MSG_DELSET, NFT_NOTIFICATION_SET },
		{ NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM, NFT_NOTIFICATION_ELEMENT },
		{ NFT_MSG_NEWOBJ, NFT_MSG_DELOBJ, NFT_NOTIFICATION_OTHER },
		{ NFT_MSG_NEWFLOWTABLE, NFT_MSG_DELFLOWTABLE, NFT_NOTIFICATION_OTHER },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		if (type != types[i].created && type != types[i].deleted)
			continue;
		notification->kind = types[i].kind;
		notification->deleted = type == types[i].deleted;
		return;
	}
	notification->kind = NFT_NOTIFICATION_OTHER;
}

static int read_u32(const struct nlattr *attribute, uint32_t *value)
{
	if (mnl_attr_validate(attribute, MNL_TYPE_U32) < 0)
		return -EBADMSG;
	*value = ntohl(mnl_attr_get_u32(attribute));
	return 0;
}

static int read_generation_attribute(const struct nlattr *attribute,
				     struct nft_notification *notification)
{
	switch (mnl_attr_get_type(attribute)) {
	case NFTA_GEN_ID:
		return read_u32(attribute, &notification->generation);
	case NFTA_GEN_PROC_PID:
		return read_u32(attribute, &notification->author_pid);
	case NFTA_GEN_PROC_NAME:
		if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0)
			return -EBADMSG;
		memset(notification->author, 0, sizeof(notification->author));
		memcpy(notification->author, mnl_attr_get_str(attribute),
		       strnlen(mnl_attr_get_str(attribute), sizeof(notification->author) - 1));
		return 0;
	default:
		return 0;
	}
}

static int read_name(const struct nlattr *attribute, const char **name)
{
	if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0)
		return -EBADMSG;
	*name = mnl_attr_get_str(attribute);
	return 0;
}

static int read_attributes(const struct nlmsghdr *nlh, struct nft_notification *notification,
			   const char **table, const char **set)
{
	const struct nlattr *attribute;
	int r = 0;

	mnl_attr_for_each(attribute, nlh, sizeof(struct nfgenmsg))
	{
		uint16_t type = mnl_attr_get_type(attribute);

		if (notification->kind == NFT_NOTIFICATION_GENERATION)
			r = read_generation_attribute(attribute, notification);
		else if (type == ATTRIBUTE_TABLE)
			r = read_name(attribute, table);
		else if (type == ATTRIBUTE_SET && notification->kind == NFT_NOTIFICATION_ELEMENT)
			r = read_name(attribute, set);
		if (r < 0)
			return r;
	}
	/* what is left over is no attribute */
	return (const void *)attribute == mnl_nlmsg_get_payload_tail(nlh) ? 0 : -EBADMSG;
}

int nft_notification_decode(const struct nlmsghdr *nlh, struct nft_notification *ret_notification)
{
	struct nft_notification notification = { .author = "" };
	const struct nfgenmsg *header;
	const char *table = NULL, *set = NULL;
	unsigned type = NFNL_MSG_TYPE(nlh->nlmsg_type);
	int r;

	/* the kernel pads each attribute, so libmnl may look at whole words only */
	if (NFNL_SUBSYS_ID(nlh->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
	    nlh->nlmsg_len % MNL_ALIGNTO || nlh->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*header))
		return -EBADMSG;
	header = mnl_nlmsg_get_payload(nlh);
	if (type == NFT_MSG_NEWGEN)
		notification.kind = NFT_NOTIFICATION_GENERATION;
	else
		classify(type, &notification);
	r = read_attributes(nlh, &notification, &table, &set);
	if (r < 0)
		return r;
	if (!table && notification.kind < NFT_NOTIFICATION_OTHER)
		return -EBADMSG;
	notification.touches_ours =
		table && header->nfgen_family == NFPROTO_INET && !strcmp(table, NFT_TABLE_NAME);
	notification.touches_bans =
		notification.touches_ours && set &&
		(!strcmp(set, NFT_SET_BANNED4) || !strcmp(set, NFT_SET_BANNED6));
	*ret_notification = notification;
	return 0;
}

size_t nft_generation_request(uint8_t bytes[static NFT_GENERATION_REQUEST_BYTES], uint32_t sequence)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));

	nlh->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = sequence;
	header->version = NFNETLINK_V0;
	return nlh->nlmsg_len;
}
