// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/wire/address_message.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

int address_message_decode(const struct nlmsghdr *nlh, struct address *ret_address, bool *ret_present)
{
	const struct nlattr *attribute, *address = NULL, *local = NULL;
	const struct ifaddrmsg *ifa;
	size_t size;
	int r;

	if ((nlh->nlmsg_type != RTM_NEWADDR && nlh->nlmsg_type != RTM_DELADDR) ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa))
		return -EBADMSG;
	ifa = mnl_nlmsg_get_payload(nlh);
	if (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6)
		return ADDRESS_MESSAGE_OTHER;
	mnl_attr_for_each(attribute, nlh, sizeof(*ifa))
	{
		if (mnl_attr_get_type(attribute) == IFA_ADDRESS)
			address = attribute;
		else if (mnl_attr_get_type(attribute) == IFA_LOCAL)
			local = attribute;
	}
	/* on a point-to-point interface IFA_ADDRESS is the peer's */
	if (local)
		address = local;
	if (!address)
		return ADDRESS_MESSAGE_OTHER;
	size = ifa->ifa_family == AF_INET ? 4 : 16;
	if (mnl_attr_get_payload_len(address) != size)
		return -EBADMSG;
	r = address_from_raw(ifa->ifa_family, mnl_attr_get_payload(address), ret_address);
	if (r < 0)
		return r;
	*ret_present = nlh->nlmsg_type == RTM_NEWADDR;
	return 0;
}

size_t address_dump_request(uint8_t bytes[static ADDRESS_DUMP_REQUEST_BYTES], uint32_t sequence)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct ifaddrmsg *ifa;

	nlh->nlmsg_type = RTM_GETADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = sequence;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = AF_UNSPEC;
	return nlh->nlmsg_len;
}
