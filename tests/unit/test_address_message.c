// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "smtpguard/wire/address_message.h"

#define MESSAGE_BYTES 512

static struct nlmsghdr *begin(uint8_t *bytes, uint16_t type, uint8_t family)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct ifaddrmsg *ifa;

	nlh->nlmsg_type = type;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = family;
	return nlh;
}

static void put(struct nlmsghdr *nlh, uint16_t type, int family, const char *text)
{
	uint8_t raw[16];

	assert_int_equal(inet_pton(family, text, raw), 1);
	mnl_attr_put(nlh, type, family == AF_INET ? 4 : 16, raw);
}

static void expect(const struct nlmsghdr *nlh, const char *text, bool present)
{
	struct address address, wanted;
	bool is_present = !present;

	assert_int_equal(address_message_decode(nlh, &address, &is_present), 0);
	assert_int_equal(address_parse(text, &wanted), 0);
	assert_true(address_equal(&address, &wanted));
	assert_int_equal(is_present, present);
}

static void test_new_and_deleted(void **state)
{
	uint8_t bytes[MESSAGE_BYTES];
	struct nlmsghdr *nlh = begin(bytes, RTM_NEWADDR, AF_INET);

	(void)state;
	put(nlh, IFA_ADDRESS, AF_INET, "192.0.2.1");
	put(nlh, IFA_LOCAL, AF_INET, "192.0.2.1");
	expect(nlh, "192.0.2.1", true);
	nlh = begin(bytes, RTM_DELADDR, AF_INET6);
	put(nlh, IFA_ADDRESS, AF_INET6, "2001:db8::1");
	expect(nlh, "2001:db8::1", false);
}

/* ip addr add 192.0.2.1 peer 198.51.100.1: ours is IFA_LOCAL, in either order of attributes */
static void test_point_to_point(void **state)
{
	uint8_t bytes[MESSAGE_BYTES];
	struct nlmsghdr *nlh = begin(bytes, RTM_NEWADDR, AF_INET);

	(void)state;
	put(nlh, IFA_LOCAL, AF_INET, "192.0.2.1");
	put(nlh, IFA_ADDRESS, AF_INET, "198.51.100.1");
	expect(nlh, "192.0.2.1", true);
}

static void test_refused(void **state)
{
	uint8_t bytes[MESSAGE_BYTES];
	struct nlmsghdr *nlh = begin(bytes, RTM_NEWADDR, AF_PACKET);
	struct address address;
	bool present;

	(void)state;
	assert_int_equal(address_message_decode(nlh, &address, &present), ADDRESS_MESSAGE_OTHER);
	nlh = begin(bytes, RTM_NEWADDR, AF_INET);
	assert_int_equal(address_message_decode(nlh, &address, &present), ADDRESS_MESSAGE_OTHER);
	put(nlh, IFA_LOCAL, AF_INET6, "2001:db8::1"); /* too long for the family */
	assert_int_equal(address_message_decode(nlh, &address, &present), -EBADMSG);
	nlh = begin(bytes, RTM_NEWLINK, AF_INET);
	assert_int_equal(address_message_decode(nlh, &address, &present), -EBADMSG);
	nlh = mnl_nlmsg_put_header(bytes);
	nlh->nlmsg_type = RTM_NEWADDR;
	assert_int_equal(address_message_decode(nlh, &address, &present), -EBADMSG);
}

static void test_dump_request(void **state)
{
	_Alignas(8) uint8_t bytes[ADDRESS_DUMP_REQUEST_BYTES];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)bytes;

	(void)state;
	assert_int_equal(address_dump_request(bytes, 5), NLMSG_LENGTH(sizeof(struct ifaddrmsg)));
	assert_int_equal(nlh->nlmsg_type, RTM_GETADDR);
	assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_and_deleted),
		cmocka_unit_test(test_point_to_point),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_dump_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
