// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/wire/nft_batch.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

/* more than one element message with the longest comment; libnftnl does not check for room itself */
#define MESSAGE_ROOM 1024

struct nft_batch {
	uint8_t *bytes;
	size_t size;
	struct mnl_nlmsg_batch *batch;
	uint32_t sequence;
};

static void free_set(struct nftnl_set **set)
{
	if (*set)
		nftnl_set_free(*set);
}

static void free_udata(struct nftnl_udata_buf **udata)
{
	if (*udata)
		nftnl_udata_buf_free(*udata);
}

int nft_batch_clear(struct nft_batch *batch)
{
	if (batch->batch)
		mnl_nlmsg_batch_stop(batch->batch);
	/* the limit leaves room for the message that ends the batch */
	batch->batch = mnl_nlmsg_batch_start(batch->bytes, batch->size - MESSAGE_ROOM);
	if (!batch->batch)
		return -ENOMEM;
	nftnl_batch_begin(mnl_nlmsg_batch_current(batch->batch), batch->sequence++);
	mnl_nlmsg_batch_next(batch->batch);
	return 0;
}

int nft_batch_new(struct nft_batch **ret_batch, size_t bytes)
{
	struct nft_batch *batch = calloc(1, sizeof(*batch));
	int r;

	if (!batch)
		return -ENOMEM;
	batch->size = MAX_OF(bytes, (size_t)8 * MESSAGE_ROOM);
	batch->bytes = malloc(batch->size);
	batch->sequence = 1;
	r = batch->bytes ? nft_batch_clear(batch) : -ENOMEM;
	if (r < 0) {
		nft_batch_free(batch);
		return r;
	}
	*ret_batch = batch;
	return 0;
}

struct nft_batch *nft_batch_free(struct nft_batch *batch)
{
	if (batch) {
		if (batch->batch)
			mnl_nlmsg_batch_stop(batch->batch);
		free(batch->bytes);
		free(batch);
	}
	return NULL;
}

static int set_comment(struct nftnl_set_elem *element, const char *comment)
{
	CLEANUP(free_udata) struct nftnl_udata_buf *udata = NULL;

	udata = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
	if (!udata)
		return -ENOMEM;
	if (!nftnl_udata_put_strz(udata, NFTNL_UDATA_SET_ELEM_COMMENT, comment))
		return -E2BIG;
	return nftnl_set_elem_set(element, NFTNL_SET_ELEM_USERDATA, nftnl_udata_buf_data(udata),
				  nftnl_udata_buf_len(udata)) < 0
		       ? -ENOMEM
		       : 0;
}

static struct nftnl_set *named_set(const char *name)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (!set)
		return NULL;
	if (nftnl_set_set_str(set, NFTNL_SET_TABLE, NFT_TABLE_NAME) < 0 ||
	    nftnl_set_set_str(set, NFTNL_SET_NAME, name) < 0) {
		nftnl_set_free(set);
		return NULL;
	}
	return set;
}

/* The name of a set, and an element's key in it. */
struct target {
	const char *set;
	uint8_t key[16];
	uint32_t key_length;
};

static struct target target_of_prefix(enum nft_set set, const struct prefix *prefix)
{
	static const char *const names[][2] = {
		[NFT_SET_BANNED] = { NFT_SET_BANNED4, NFT_SET_BANNED6 },
		[NFT_SET_TRUSTED] = { NFT_SET_TRUSTED4, NFT_SET_TRUSTED6 },
		[NFT_SET_REFUSED] = { NFT_SET_REFUSED4, NFT_SET_REFUSED6 },
		[NFT_SET_PASSED] = { NFT_SET_PASSED4, NFT_SET_PASSED6 },
	};
	bool ipv4 = prefix_is_ipv4(prefix);
	struct target target = { .set = names[set][!ipv4], .key_length = ipv4 ? 4 : 16 };

	memcpy(target.key, ipv4 ? address_ipv4_bytes(&prefix->address) : prefix->address.bytes,
	       target.key_length);
	return target;
}

static int append(struct nft_batch *batch, int type, int flags, const struct target *target,
		  usec_t timeout, const char *comment)
{
	CLEANUP(free_set) struct nftnl_set *set = named_set(target->set);
	struct nftnl_set_elem *element = nftnl_set_elem_alloc();
	struct nlmsghdr *nlh;
	int r;

	if (!set || !element ||
	    nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, target->key, target->key_length) < 0) {
		if (element)
			nftnl_set_elem_free(element);
		return -ENOMEM;
	}
	/* from here on the set owns it */
	nftnl_set_elem_add(set, element);
	if (timeout && timeout != USEC_NEVER)
		nftnl_set_elem_set_u64(element, NFTNL_SET_ELEM_TIMEOUT,
				       MAX_OF(timeout / USEC_PER_MSEC, (usec_t)1));
	r = comment && *comment ? set_comment(element, comment) : 0;
	if (r < 0)
		return r;
	nlh = nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(batch->batch), (uint16_t)type, NFPROTO_INET,
				    (uint16_t)flags, batch->sequence++);
	nftnl_set_elems_nlmsg_build_payload(nlh, set);
	return mnl_nlmsg_batch_next(batch->batch) ? 0 : -ENOSPC;
}

static bool has_room_for(const struct nft_batch *batch, unsigned messages)
{
	return mnl_nlmsg_batch_size(batch->batch) + (messages + 1) * MESSAGE_ROOM < batch->size;
}

static int drop(struct nft_batch *batch, const struct target *target)
{
	int r;

	if (!has_room_for(batch, 2))
		return NFT_BATCH_FULL;
	r = append(batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, target, USEC_PER_SEC, NULL);
	if (r)
		return r;
	return append(batch, NFT_MSG_DELSETELEM, 0, target, 0, NULL);
}

static int put(struct nft_batch *batch, const struct target *target, usec_t timeout,
	       const char *comment)
{
	int r;

	if (!has_room_for(batch, 3))
		return NFT_BATCH_FULL;
	r = drop(batch, target);
	if (r)
		return r;
	return append(batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, target, timeout, comment);
}

int nft_batch_put(struct nft_batch *batch, enum nft_set set, const struct prefix *prefix,
		  usec_t timeout, const char *comment)
{
	struct target target = target_of_prefix(set, prefix);

	return put(batch, &target, timeout, comment);
}

int nft_batch_drop(struct nft_batch *batch, enum nft_set set, const struct prefix *prefix)
{
	struct target target = target_of_prefix(set, prefix);

	return drop(batch, &target);
}

int nft_batch_put_port(struct nft_batch *batch, uint16_t port, usec_t timeout)
{
	struct target target = { .set = NFT_SET_GATED_PORTS, .key_length = sizeof(port) };

	port = htons(port);
	memcpy(target.key, &port, sizeof(port));
	return put(batch, &target, timeout, NULL);
}

void nft_batch_finish(struct nft_batch *batch, const void **ret_bytes, size_t *ret_size)
{
	nftnl_batch_end(mnl_nlmsg_batch_current(batch->batch), batch->sequence++);
	mnl_nlmsg_batch_next(batch->batch);
	*ret_bytes = mnl_nlmsg_batch_head(batch->batch);
	*ret_size = mnl_nlmsg_batch_size(batch->batch);
}

size_t nft_element_dump_request(uint8_t bytes[static NFT_ELEMENT_DUMP_REQUEST_BYTES],
				const char *set_name, uint32_t sequence)
{
	CLEANUP(free_set) struct nftnl_set *set = named_set(set_name);
	struct nlmsghdr *nlh;

	if (!set)
		return 0;
	nlh = nftnl_nlmsg_build_hdr((char *)bytes, NFT_MSG_GETSETELEM, NFPROTO_INET, NLM_F_DUMP, sequence);
	nftnl_set_elems_nlmsg_build_payload(nlh, set);
	return nlh->nlmsg_len;
}

/* --- the reader: our own walk, because libnftnl's follows null pointers in a malformed message --- */

/* User data of an element: type, length, value, one behind the other (libnftnl/udata.h). */
static void read_comment(const struct nlattr *attribute, char comment[static NFT_COMMENT_MAX])
{
	const uint8_t *p = mnl_attr_get_payload(attribute);
	size_t left = mnl_attr_get_payload_len(attribute);

	while (left >= 2 && (size_t)p[1] + 2 <= left) {
		size_t length = MIN_OF((size_t)p[1], (size_t)NFT_COMMENT_MAX - 1);

		if (p[0] == NFTNL_UDATA_SET_ELEM_COMMENT) {
			/* foreign bytes: they need not end in a NUL */
			memcpy(comment, p + 2, length);
			comment[length] = '\0';
			return;
		}
		left -= (size_t)p[1] + 2;
		p += (size_t)p[1] + 2;
	}
}

static int read_time(const struct nlattr *attribute, usec_t *time)
{
	uint64_t ms;

	if (mnl_attr_get_payload_len(attribute) != sizeof(ms))
		return -EBADMSG;
	memcpy(&ms, mnl_attr_get_payload(attribute), sizeof(ms));
	ms = be64toh(ms);
	*time = ms < USEC_NEVER / 2 / USEC_PER_MSEC ? ms * USEC_PER_MSEC : USEC_NEVER;
	return 0;
}

static int read_key(const struct nlattr *nest, struct nft_element *element)
{
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, nest)
	{
		size_t length = mnl_attr_get_payload_len(attribute);

		if (mnl_attr_get_type(attribute) != NFTA_DATA_VALUE)
			continue;
		if (length != 4 && length != 16)
			return -EBADMSG;
		memcpy(element->key, mnl_attr_get_payload(attribute), length);
		element->key_length = (unsigned)length;
		return 0;
	}
	return -EBADMSG;
}

static int read_element(const struct nlattr *nest, struct nft_element *element)
{
	const struct nlattr *attribute;
	int r = 0;

	mnl_attr_for_each_nested(attribute, nest)
	{
		switch (mnl_attr_get_type(attribute)) {
		case NFTA_SET_ELEM_KEY:
			r = read_key(attribute, element);
			break;
		case NFTA_SET_ELEM_TIMEOUT:
			r = read_time(attribute, &element->timeout);
			break;
		case NFTA_SET_ELEM_EXPIRATION:
			r = read_time(attribute, &element->remaining);
			break;
		case NFTA_SET_ELEM_EXPR:
			element->counted = true;
			break;
		case NFTA_SET_ELEM_USERDATA:
			read_comment(attribute, element->comment);
			break;
		default:
			break;
		}
		if (r < 0)
			return r;
	}
	if (element->remaining == USEC_NEVER)
		element->remaining = element->timeout;
	return element->key_length ? 0 : -EBADMSG;
}

static int read_elements(const struct nlattr *nest,
			 int (*visit)(void *userdata, const struct nft_element *element),
			 void *userdata)
{
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, nest)
	{
		struct nft_element element = { .timeout = USEC_NEVER, .remaining = USEC_NEVER };
		int r;

		if (mnl_attr_get_type(attribute) != NFTA_LIST_ELEM)
			continue;
		r = read_element(attribute, &element);
		if (r == 0)
			r = visit(userdata, &element);
		if (r < 0)
			return r;
	}
	return 0;
}

int nft_element_message_decode(const struct nlmsghdr *nlh,
			       int (*visit)(void *userdata, const struct nft_element *element),
			       void *userdata)
{
	const struct nlattr *attribute;
	int r = 0;

	if (nlh->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM) ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct nfgenmsg))
		return -EBADMSG;
	mnl_attr_for_each(attribute, nlh, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attribute) == NFTA_SET_ELEM_LIST_ELEMENTS)
			r = read_elements(attribute, visit, userdata);
		if (r < 0)
			return r;
	}
	return 0;
}
