// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests about one conntrack entry against libnetfilter_conntrack, and the reading of the answer.
 */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "smtpguard/wire/ct_delete_message.h"

#define MESSAGE_BYTES 4096
#define ID	      0x01020304U

static struct ct_connection connection(const char *local, const char *peer)
{
	return (struct ct_connection){
		.local = addr(local), .peer = addr(peer), .local_port = 25, .peer_port = 40000
	};
}

/* What the library makes of the request is the reply tuple, and nothing else. */
static void check_tuple(const struct nlmsghdr *nlh, const struct ct_connection *wanted, bool ipv4)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	struct nf_conntrack *ct = nfct_new();
	struct address address;

	assert_non_null(ct);
	assert_int_equal(nfg->nfgen_family, ipv4 ? AF_INET : AF_INET6);
	assert_int_not_equal(nfct_payload_parse(nfg + 1,
						nlh->nlmsg_len - NLMSG_LENGTH(sizeof(*nfg)),
						nfg->nfgen_family, ct),
			     -1);
	assert_int_equal(
		address_from_raw(nfg->nfgen_family,
				 nfct_get_attr(ct, ipv4 ? ATTR_REPL_IPV4_SRC : ATTR_REPL_IPV6_SRC),
				 &address),
		0);
	assert_true(address_equal(&address, &wanted->local));
	assert_int_equal(
		address_from_raw(nfg->nfgen_family,
				 nfct_get_attr(ct, ipv4 ? ATTR_REPL_IPV4_DST : ATTR_REPL_IPV6_DST),
				 &address),
		0);
	assert_true(address_equal(&address, &wanted->peer));
	assert_int_equal(nfct_get_attr_u8(ct, ATTR_REPL_L4PROTO), IPPROTO_TCP);
	assert_int_equal(ntohs(nfct_get_attr_u16(ct, ATTR_REPL_PORT_SRC)), 25);
	assert_int_equal(ntohs(nfct_get_attr_u16(ct, ATTR_REPL_PORT_DST)), 40000);
	assert_false(nfct_attr_is_set(ct, ATTR_ORIG_L4PROTO));
	nfct_destroy(ct);
}

static const struct nlattr *find(const struct nlmsghdr *nlh, uint16_t type)
{
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, nlh,
			  sizeof(struct nfgenmsg)) if (mnl_attr_get_type(attribute) ==
						       type) return attribute;
	return NULL;
}

static void check_requests(const char *local, const char *peer, bool ipv4)
{
	_Alignas(8) uint8_t bytes[CT_ENTRY_REQUEST_BYTES];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)bytes;
	struct ct_connection wanted = connection(local, peer);
	size_t size = ct_entry_get_request(bytes, 5, &wanted);

	assert_int_equal(nlh->nlmsg_len, size);
	assert_int_equal(nlh->nlmsg_type, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET);
	assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST);
	assert_int_equal(nlh->nlmsg_seq, 5);
	assert_null(find(nlh, CTA_ID));
	check_tuple(nlh, &wanted, ipv4);

	size = ct_entry_delete_request(bytes, 6, &wanted, ID);
	assert_int_equal(nlh->nlmsg_len, size);
	assert_true(size <= sizeof(bytes));
	assert_int_equal(nlh->nlmsg_type, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE);
	assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST);
	assert_int_equal(nlh->nlmsg_seq, 6);
	assert_non_null(find(nlh, CTA_ID));
	assert_int_equal(mnl_attr_get_u32(find(nlh, CTA_ID)), ID);
	check_tuple(nlh, &wanted, ipv4);
}

static void test_requests(void **state UNUSED)
{
	check_requests("192.0.2.1", "203.0.113.9", true);
	check_requests("2001:db8::1", "2001:db8:1::9", false);
	check_requests("::ffff:192.0.2.1", "::ffff:203.0.113.9", true);
}

/* An answer as the kernel's, by the library; the id is put by hand. */
static struct nlmsghdr *answer(uint8_t *bytes, uint8_t protocol, uint8_t tcp_state)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct nf_conntrack *ct = nfct_new();
	struct nfgenmsg *nfg;

	assert_non_null(ct);
	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = AF_INET;
	nfct_set_attr_u8(ct, ATTR_L3PROTO, AF_INET);
	nfct_set_attr_u32(ct, ATTR_IPV4_SRC, htonl(0xcb007109));
	nfct_set_attr_u32(ct, ATTR_IPV4_DST, htonl(0xc0000201));
	nfct_set_attr_u8(ct, ATTR_L4PROTO, protocol);
	nfct_set_attr_u16(ct, ATTR_PORT_SRC, htons(40000));
	nfct_set_attr_u16(ct, ATTR_PORT_DST, htons(25));
	if (protocol == IPPROTO_TCP)
		nfct_set_attr_u8(ct, ATTR_TCP_STATE, tcp_state);
	assert_int_not_equal(nfct_nlmsg_build(nlh, ct), -1);
	nfct_destroy(ct);
	return nlh;
}

static void test_answers(void **state UNUSED)
{
	uint8_t bytes[MESSAGE_BYTES];

	for (uint8_t tcp_state = TCP_CONNTRACK_SYN_SENT; tcp_state <= TCP_CONNTRACK_CLOSE;
	     tcp_state++) {
		struct nlmsghdr *nlh = answer(bytes, IPPROTO_TCP, tcp_state);
		struct ct_entry entry;

		mnl_attr_put_u32(nlh, CTA_ID, ID);
		assert_int_equal(ct_entry_decode(nlh, &entry), 0);
		assert_int_equal(entry.id, ID);
		assert_int_equal(entry.closed, tcp_state == TCP_CONNTRACK_TIME_WAIT ||
						       tcp_state == TCP_CONNTRACK_CLOSE);
	}
}

static void test_without_state(void **state UNUSED)
{
	uint8_t bytes[MESSAGE_BYTES];
	struct nlmsghdr *nlh = answer(bytes, IPPROTO_UDP, 0);
	struct ct_entry entry;

	mnl_attr_put_u32(nlh, CTA_ID, ID);
	assert_int_equal(ct_entry_decode(nlh, &entry), CT_ENTRY_OTHER);
}

static void test_malformed(void **state UNUSED)
{
	uint8_t bytes[MESSAGE_BYTES];
	struct nlmsghdr *nlh = answer(bytes, IPPROTO_TCP, TCP_CONNTRACK_ESTABLISHED);
	struct ct_entry entry;

	/* no id: nothing would guard the delete */
	assert_int_equal(ct_entry_decode(nlh, &entry), -EBADMSG);
	mnl_attr_put_u16(nlh, CTA_ID, 1);
	assert_int_equal(ct_entry_decode(nlh, &entry), -EBADMSG);
	nlh = answer(bytes, IPPROTO_TCP, TCP_CONNTRACK_ESTABLISHED);
	mnl_attr_put_u32(nlh, CTA_ID, ID);
	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
	assert_int_equal(ct_entry_decode(nlh, &entry), -EBADMSG);
	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
	nlh->nlmsg_len = NLMSG_LENGTH(0);
	assert_int_equal(ct_entry_decode(nlh, &entry), -EBADMSG);
}

/* A TCP state of another size than one byte, and every single-byte change (run under ASan). */
static void test_damaged(void **state UNUSED)
{
	uint8_t bytes[MESSAGE_BYTES];
	struct nlmsghdr *nlh = answer(bytes, IPPROTO_UDP, 0);
	struct nlattr *outer = mnl_attr_nest_start(nlh, CTA_PROTOINFO);
	struct nlattr *inner = mnl_attr_nest_start(nlh, CTA_PROTOINFO_TCP);
	struct ct_entry entry;
	size_t size;
	uint8_t *copy;

	mnl_attr_put_u16(nlh, CTA_PROTOINFO_TCP_STATE, TCP_CONNTRACK_ESTABLISHED);
	mnl_attr_nest_end(nlh, inner);
	mnl_attr_nest_end(nlh, outer);
	mnl_attr_put_u32(nlh, CTA_ID, ID);
	assert_int_equal(ct_entry_decode(nlh, &entry), -EBADMSG);

	nlh = answer(bytes, IPPROTO_TCP, TCP_CONNTRACK_ESTABLISHED);
	mnl_attr_put_u32(nlh, CTA_ID, ID);
	size = nlh->nlmsg_len;
	copy = malloc(size);
	assert_non_null(copy);
	for (size_t i = sizeof(struct nlmsghdr); i < size; i++) {
		for (int value = 0; value < 256; value += 5) {
			int r;

			memcpy(copy, bytes, size);
			copy[i] = (uint8_t)value;
			r = ct_entry_decode((const struct nlmsghdr *)(void *)copy, &entry);
			assert_true(r == 0 || r == CT_ENTRY_OTHER || r == -EBADMSG);
		}
	}
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),      cmocka_unit_test(test_answers),
		cmocka_unit_test(test_without_state), cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
