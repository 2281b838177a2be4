// SPDX-License-Identifier: GPL-2.0-or-later
/* Batches as the kernel will see them, read back message by message; what the kernel makes of them is
 * the lab's to show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

#include "smtpguard/wire/nft_batch.h"

#define BATCH_BYTES 65536

struct seen {
	struct nft_element elements[8];
	unsigned n;
};

static int remember(void *userdata, const struct nft_element *element)
{
	struct seen *seen = userdata;

	assert_true(seen->n < ARRAY_SIZE(seen->elements));
	seen->elements[seen->n++] = *element;
	return 0;
}

static struct prefix parsed(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

static unsigned types_of(struct nft_batch *batch, uint16_t types[static 16], struct seen *seen)
{
	const void *bytes;
	size_t size;
	const struct nlmsghdr *nlh;
	unsigned n = 0;
	int left;

	nft_batch_finish(batch, &bytes, &size);
	left = (int)size;
	for (nlh = bytes; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		assert_true(n < 16);
		types[n++] = nlh->nlmsg_type;
		if (nlh->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM))
			assert_int_equal(nft_element_message_decode(nlh, remember, seen), 0);
	}
	assert_int_equal(left, 0);
	return n;
}

static void test_put_is_add_delete_add(void **state)
{
	static const uint16_t wanted[] = { NFNL_MSG_BATCH_BEGIN,
					   NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM,
					   NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELSETELEM,
					   NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM,
					   NFNL_MSG_BATCH_END };
	struct prefix source = parsed("203.0.113.9");
	struct nft_batch *batch;
	struct seen seen = { .n = 0 };
	uint16_t types[16];

	(void)state;
	assert_int_equal(nft_batch_new(&batch, BATCH_BYTES), 0);
	assert_int_equal(nft_batch_put(batch, NFT_SET_BANNED, &source, 3600 * USEC_PER_SEC, "smtp 11>10 concurrent; no PTR"),
			 0);
	assert_int_equal(types_of(batch, types, &seen), ARRAY_SIZE(wanted));
	assert_memory_equal(types, wanted, sizeof(wanted));
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.elements[1].key_length, 4);
	assert_memory_equal(seen.elements[1].key, address_ipv4_bytes(&source.address), 4);
	assert_int_equal(seen.elements[1].timeout, 3600 * USEC_PER_SEC);
	assert_string_equal(seen.elements[1].comment, "smtp 11>10 concurrent; no PTR");
	nft_batch_free(batch);
}

static void test_ipv6_without_timeout_and_drop(void **state)
{
	struct prefix source = parsed("2001:db8:1:2::/64");
	struct nft_batch *batch;
	struct seen seen = { .n = 0 };
	uint16_t types[16];

	(void)state;
	assert_int_equal(nft_batch_new(&batch, BATCH_BYTES), 0);
	assert_int_equal(nft_batch_put(batch, NFT_SET_BANNED, &source, USEC_NEVER, ""), 0);
	types_of(batch, types, &seen);
	assert_int_equal(seen.elements[1].key_length, 16);
	assert_memory_equal(seen.elements[1].key, source.address.bytes, 16);
	assert_true(seen.elements[1].timeout == USEC_NEVER && seen.elements[1].remaining == USEC_NEVER);
	assert_string_equal(seen.elements[1].comment, "");
	assert_int_equal(nft_batch_clear(batch), 0);
	seen.n = 0;
	assert_int_equal(nft_batch_drop(batch, NFT_SET_TRUSTED, &source), 0);
	assert_int_equal(types_of(batch, types, &seen), 4);
	assert_int_equal(types[2], NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELSETELEM);
	nft_batch_free(batch);
}

struct sent {
	char set[32];
	uint8_t key[16];
	uint16_t key_length;
	uint64_t timeout_ms;
};

static void read_attributes(const struct nlattr *attribute, struct sent *sent)
{
	const struct nlattr *nested;

	mnl_attr_for_each_nested(nested, attribute)
	{
		switch (mnl_attr_get_type(nested)) {
		case NFTA_SET_ELEM_KEY:
			/* its only attribute is NFTA_DATA_VALUE */
			nested = mnl_attr_get_payload(nested);
			sent->key_length = mnl_attr_get_payload_len(nested);
			assert_true(sent->key_length <= sizeof(sent->key));
			memcpy(sent->key, mnl_attr_get_payload(nested), sent->key_length);
			break;
		case NFTA_SET_ELEM_TIMEOUT:
			sent->timeout_ms = be64toh(mnl_attr_get_u64(nested));
			break;
		default:
			break;
		}
	}
}

/* The last element message of a batch. */
static struct sent last_sent(struct nft_batch *batch, unsigned *ret_n)
{
	struct sent sent = { .set = "" };
	const struct nlattr *attribute, *element;
	const struct nlmsghdr *nlh;
	const void *bytes;
	unsigned n = 0;
	size_t size;
	int left;

	nft_batch_finish(batch, &bytes, &size);
	left = (int)size;
	for (nlh = bytes; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
			continue;
		n++;
		sent = (struct sent){ .set = "" };
		mnl_attr_for_each(attribute, nlh, sizeof(struct nfgenmsg))
		{
			if (mnl_attr_get_type(attribute) == NFTA_SET_ELEM_LIST_SET)
				snprintf(sent.set, sizeof(sent.set), "%s",
					 mnl_attr_get_str(attribute));
			if (mnl_attr_get_type(attribute) != NFTA_SET_ELEM_LIST_ELEMENTS)
				continue;
			mnl_attr_for_each_nested(element, attribute) read_attributes(element, &sent);
		}
	}
	*ret_n = n;
	return sent;
}

/* ADD, DELETE, ADD too; a port is two bytes in network order. */
static void test_put_port(void **state)
{
	static const uint8_t submission[] = { 587 >> 8, 587 & 0xff };
	struct nft_batch *batch;
	struct sent sent;
	unsigned n;

	(void)state;
	assert_int_equal(nft_batch_new(&batch, BATCH_BYTES), 0);
	assert_int_equal(nft_batch_put_port(batch, 587, 3 * USEC_PER_SEC), 0);
	sent = last_sent(batch, &n);
	assert_int_equal(n, 3);
	assert_string_equal(sent.set, "gated_ports");
	assert_int_equal(sent.key_length, sizeof(submission));
	assert_memory_equal(sent.key, submission, sizeof(submission));
	assert_int_equal(sent.timeout_ms, 3000);
	nft_batch_free(batch);
}

static void test_sets_by_family(void **state)
{
	static const struct {
		enum nft_set set;
		const char *source, *name;
	} cases[] = {
		{ NFT_SET_BANNED, "203.0.113.9", "banned4" },
		{ NFT_SET_BANNED, "2001:db8:1:2::/64", "banned6" },
		{ NFT_SET_TRUSTED, "203.0.113.9", "trusted4" },
		{ NFT_SET_TRUSTED, "2001:db8:1:2::/64", "trusted6" },
		{ NFT_SET_REFUSED, "203.0.113.9", "refused4" },
		{ NFT_SET_REFUSED, "2001:db8:1:2::/64", "refused6" },
		{ NFT_SET_PASSED, "203.0.113.9", "passed4" },
		{ NFT_SET_PASSED, "2001:db8:1:2::/64", "passed6" },
	};
	struct nft_batch *batch;

	(void)state;
	assert_int_equal(nft_batch_new(&batch, BATCH_BYTES), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix source = parsed(cases[i].source);
		struct sent sent;
		unsigned n;

		assert_int_equal(nft_batch_put(batch, cases[i].set, &source, USEC_PER_SEC, NULL), 0);
		sent = last_sent(batch, &n);
		assert_string_equal(sent.set, cases[i].name);
		assert_int_equal(sent.key_length, prefix_is_ipv4(&source) ? 4 : 16);
		assert_int_equal(nft_batch_clear(batch), 0);
	}
	nft_batch_free(batch);
}

/* As the kernel tells an element of a set with counters. */
static void test_counted_element(void **state)
{
	static const uint8_t key[] = { 203, 0, 113, 9 };
	_Alignas(8) uint8_t bytes[256];
	struct nlattr *list, *element, *nest;

	(void)state;
	for (int counted = 0; counted <= 1; counted++) {
		struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
		struct seen seen = { .n = 0 };

		nlh->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM;
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct nfgenmsg));
		list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
		element = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
		nest = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);
		mnl_attr_put(nlh, NFTA_DATA_VALUE, sizeof(key), key);
		mnl_attr_nest_end(nlh, nest);
		if (counted) {
			nest = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_EXPR);
			mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, "counter");
			mnl_attr_nest_end(nlh, nest);
		}
		mnl_attr_nest_end(nlh, element);
		mnl_attr_nest_end(nlh, list);
		assert_int_equal(nft_element_message_decode(nlh, remember, &seen), 0);
		assert_int_equal(seen.n, 1);
		assert_int_equal(seen.elements[0].counted, counted);
	}
}

/* A full batch refuses the whole change: no half of ADD, DELETE, ADD gets in. */
static void test_full(void **state)
{
	struct prefix source = parsed("203.0.113.9");
	struct nft_batch *batch;
	char comment[NFT_COMMENT_MAX];
	const void *bytes;
	size_t size;
	int r, n = 0;

	(void)state;
	memset(comment, 'x', sizeof(comment) - 1);
	comment[sizeof(comment) - 1] = '\0';
	assert_int_equal(nft_batch_new(&batch, BATCH_BYTES), 0);
	while ((r = nft_batch_put(batch, NFT_SET_BANNED, &source, USEC_PER_SEC, comment)) == 0)
		n++;
	assert_int_equal(r, NFT_BATCH_FULL);
	assert_true(n > 50);
	nft_batch_finish(batch, &bytes, &size);
	assert_true(size <= BATCH_BYTES);
	nft_batch_free(batch);
}

static void test_dump_request_and_refused_messages(void **state)
{
	_Alignas(8) uint8_t bytes[NFT_ELEMENT_DUMP_REQUEST_BYTES];
	struct nlmsghdr *nlh = (struct nlmsghdr *)(void *)bytes;
	struct seen seen = { .n = 0 };
	size_t size = nft_element_dump_request(bytes, NFT_SET_BANNED6, 9);

	(void)state;
	assert_true(size > NLMSG_LENGTH(sizeof(struct nfgenmsg)) && size <= sizeof(bytes));
	assert_int_equal(nlh->nlmsg_seq, 9);
	assert_int_equal(nft_element_message_decode(nlh, remember, &seen), -EBADMSG);
	nlh->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM;
	assert_int_equal(nft_element_message_decode(nlh, remember, &seen), 0);
	assert_int_equal(seen.n, 0);
	nlh->nlmsg_len = NLMSG_LENGTH(0);
	assert_int_equal(nft_element_message_decode(nlh, remember, &seen), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_is_add_delete_add),
		cmocka_unit_test(test_ipv6_without_timeout_and_drop),
		cmocka_unit_test(test_put_port),
		cmocka_unit_test(test_sets_by_family),
		cmocka_unit_test(test_counted_element),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_dump_request_and_refused_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
