// SPDX-License-Identifier: GPL-2.0-or-later
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "smtpguard/wire/nft_notification.h"

#define MESSAGE_BYTES 512

static _Alignas(8) uint8_t bytes[MESSAGE_BYTES];

static struct nlmsghdr *begin(int type, uint8_t family)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));

	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	header->nfgen_family = family;
	return nlh;
}

static struct nlmsghdr *of_table(int type, uint8_t family, const char *table)
{
	struct nlmsghdr *nlh = begin(type, family);

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, table);
	return nlh;
}

static struct nlmsghdr *element(int type, const char *table, const char *set)
{
	struct nlmsghdr *nlh = of_table(type, NFPROTO_INET, table);

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	return nlh;
}

static struct nft_notification decoded(const struct nlmsghdr *nlh)
{
	struct nft_notification notification;

	memset(&notification, 0xff, sizeof(notification));
	assert_int_equal(nft_notification_decode(nlh, &notification), 0);
	return notification;
}

static void expect_malformed(const struct nlmsghdr *nlh)
{
	struct nft_notification notification;

	memset(&notification, 0x55, sizeof(notification));
	assert_int_equal(nft_notification_decode(nlh, &notification), -EBADMSG);
	assert_int_equal(notification.generation, 0x55555555);
}

static void test_kinds(void **state)
{
	static const struct {
		uint8_t type;
		enum nft_notification_kind kind;
		bool deleted;
	} types[] = {
		{ NFT_MSG_NEWTABLE, NFT_NOTIFICATION_TABLE, false },
		{ NFT_MSG_DELTABLE, NFT_NOTIFICATION_TABLE, true },
		{ NFT_MSG_NEWCHAIN, NFT_NOTIFICATION_CHAIN, false },
		{ NFT_MSG_DELCHAIN, NFT_NOTIFICATION_CHAIN, true },
		{ NFT_MSG_NEWRULE, NFT_NOTIFICATION_RULE, false },
		{ NFT_MSG_DELRULE, NFT_NOTIFICATION_RULE, true },
		{ NFT_MSG_NEWSET, NFT_NOTIFICATION_SET, false },
		{ NFT_MSG_DELSET, NFT_NOTIFICATION_SET, true },
		{ NFT_MSG_NEWSETELEM, NFT_NOTIFICATION_ELEMENT, false },
		{ NFT_MSG_DELSETELEM, NFT_NOTIFICATION_ELEMENT, true },
		{ NFT_MSG_NEWOBJ, NFT_NOTIFICATION_OTHER, false },
		{ NFT_MSG_DELOBJ, NFT_NOTIFICATION_OTHER, true },
		{ NFT_MSG_NEWFLOWTABLE, NFT_NOTIFICATION_OTHER, false },
		{ NFT_MSG_DELFLOWTABLE, NFT_NOTIFICATION_OTHER, true },
		/* of a kernel after ours */
		{ 200, NFT_NOTIFICATION_OTHER, false },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		struct nft_notification ours =
			decoded(of_table(types[i].type, NFPROTO_INET, "smtpguard"));

		assert_int_equal(ours.kind, types[i].kind);
		assert_int_equal(ours.deleted, types[i].deleted);
		assert_true(ours.touches_ours && !ours.touches_bans);
		assert_false(decoded(of_table(types[i].type, NFPROTO_INET, "filter")).touches_ours);
		assert_false(
			decoded(of_table(types[i].type, NFPROTO_IPV4, "smtpguard")).touches_ours);
	}
}

static void test_names_are_compared_whole(void **state)
{
	(void)state;
	assert_false(decoded(of_table(NFT_MSG_DELTABLE, NFPROTO_INET, "smtpguard2")).touches_ours);
	assert_false(decoded(of_table(NFT_MSG_DELTABLE, NFPROTO_INET, "smtpguar")).touches_ours);
	assert_false(decoded(of_table(NFT_MSG_DELTABLE, NFPROTO_INET, "")).touches_ours);
}

static void test_elements_of_bans(void **state)
{
	struct nft_notification other =
		decoded(element(NFT_MSG_NEWSETELEM, "smtpguard", "allowed4"));

	(void)state;
	assert_true(decoded(element(NFT_MSG_NEWSETELEM, "smtpguard", "banned4")).touches_bans);
	assert_true(decoded(element(NFT_MSG_DELSETELEM, "smtpguard", "banned6")).touches_bans);
	assert_true(other.touches_ours && !other.touches_bans);
	assert_false(decoded(element(NFT_MSG_NEWSETELEM, "filter", "banned4")).touches_bans);
	/* the set itself is more than its elements; NFTA_SET_NAME has the same number */
	assert_false(decoded(element(NFT_MSG_DELSET, "smtpguard", "banned4")).touches_bans);
}

static void test_generation(void **state)
{
	struct nlmsghdr *nlh = begin(NFT_MSG_NEWGEN, NFPROTO_UNSPEC);
	struct nft_notification end;

	(void)state;
	mnl_attr_put_u32(nlh, NFTA_GEN_ID, htonl(70000));
	mnl_attr_put_u32(nlh, NFTA_GEN_PROC_PID, htonl(4711));
	mnl_attr_put_strz(nlh, NFTA_GEN_PROC_NAME, "nft");
	end = decoded(nlh);
	assert_int_equal(end.kind, NFT_NOTIFICATION_GENERATION);
	assert_int_equal(end.generation, 70000);
	assert_int_equal(end.author_pid, 4711);
	assert_string_equal(end.author, "nft");
	assert_false(end.touches_ours || end.deleted);

	/* an old kernel says nothing about the author */
	end = decoded(begin(NFT_MSG_NEWGEN, NFPROTO_UNSPEC));
	assert_int_equal(end.author_pid, 0);
	assert_string_equal(end.author, "");

	nlh = begin(NFT_MSG_NEWGEN, NFPROTO_UNSPEC);
	mnl_attr_put_strz(nlh, NFTA_GEN_PROC_NAME, "longer-than-any-thread's-name");
	assert_string_equal(decoded(nlh).author, "longer-than-any");
}

static void test_malformed(void **state)
{
	struct nlmsghdr *nlh = of_table(NFT_MSG_NEWTABLE, NFPROTO_INET, "smtpguard");
	struct nlattr *attribute = mnl_nlmsg_get_payload_offset(nlh, sizeof(struct nfgenmsg));

	(void)state;
	nlh->nlmsg_len -= 4; /* the name is cut */
	expect_malformed(nlh);
	nlh->nlmsg_len += 2;
	expect_malformed(nlh);
	nlh->nlmsg_len = NLMSG_LENGTH(0);
	expect_malformed(nlh);

	nlh = of_table(NFT_MSG_NEWTABLE, NFPROTO_INET, "smtpguard");
	memset(bytes + nlh->nlmsg_len, 0, 4); /* too short for an attribute */
	nlh->nlmsg_len += 4;
	expect_malformed(nlh);

	nlh = begin(NFT_MSG_NEWTABLE, NFPROTO_INET);
	mnl_attr_put(nlh, NFTA_TABLE_NAME, 9, "smtpguard"); /* no final NUL */
	expect_malformed(nlh);
	nlh = begin(NFT_MSG_NEWTABLE, NFPROTO_INET);
	mnl_attr_put(nlh, NFTA_TABLE_NAME, 0, "");
	expect_malformed(nlh);
	expect_malformed(begin(NFT_MSG_DELRULE, NFPROTO_INET)); /* of which table? */

	nlh = of_table(NFT_MSG_NEWTABLE, NFPROTO_INET, "smtpguard");
	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8;
	expect_malformed(nlh);
	nlh->nlmsg_type = NLMSG_DONE;
	expect_malformed(nlh);

	nlh = of_table(NFT_MSG_NEWTABLE, NFPROTO_INET, "smtpguard");
	attribute->nla_len = 3;
	expect_malformed(nlh);

	nlh = begin(NFT_MSG_NEWGEN, NFPROTO_UNSPEC);
	mnl_attr_put_u16(nlh, NFTA_GEN_PROC_PID, 1);
	expect_malformed(nlh);
	nlh = begin(NFT_MSG_NEWGEN, NFPROTO_UNSPEC);
	mnl_attr_put(nlh, NFTA_GEN_PROC_NAME, 3, "nft");
	expect_malformed(nlh);
}

static void test_request(void **state)
{
	_Alignas(8) uint8_t request[NFT_GENERATION_REQUEST_BYTES];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)request;

	(void)state;
	assert_int_equal(nft_generation_request(request, 5), NLMSG_LENGTH(sizeof(struct nfgenmsg)));
	assert_int_equal(nlh->nlmsg_type, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN);
	assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST);
	assert_int_equal(nlh->nlmsg_seq, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_names_are_compared_whole),
		cmocka_unit_test(test_elements_of_bans),
		cmocka_unit_test(test_generation),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
