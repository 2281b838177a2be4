// SPDX-License-Identifier: GPL-2.0-or-later
#include "ct_attributes_priv.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

int ct_tcp_state(const struct nlattr *protoinfo, uint8_t *ret_state)
{
	const struct nlattr *tcp, *attribute;

	mnl_attr_for_each_nested(tcp, protoinfo)
	{
		if (mnl_attr_get_type(tcp) != CTA_PROTOINFO_TCP)
			continue;
		mnl_attr_for_each_nested(attribute, tcp)
		{
			if (mnl_attr_get_type(attribute) != CTA_PROTOINFO_TCP_STATE)
				continue;
			if (mnl_attr_get_payload_len(attribute) != 1)
				return -EBADMSG;
			*ret_state = mnl_attr_get_u8(attribute);
			return 0;
		}
	}
	return -ENODATA;
}
