// SPDX-License-Identifier: GPL-2.0-or-later
/* Batches as the kernel will see them, read back message by message; what the kernel makes of them is
 * the lab's to show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
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
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_dump_request_and_refused_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
