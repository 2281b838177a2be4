// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/kernel/conntrack_filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define HEAD 18 /* instructions before the port comparisons */

int conntrack_filter_attach(int fd, const uint16_t *ports, unsigned n_ports)
{
	/* jumps count from the next instruction; the port list, then "reject", then "accept" */
	const unsigned reject = HEAD + n_ports, accept = reject + 1;
	struct sock_filter program[HEAD + CONNTRACK_FILTER_PORTS_MAX + 2];
	struct sock_fprog filter = { .filter = program };

	if (n_ports < 1 || n_ports > CONNTRACK_FILTER_PORTS_MAX)
		return -EINVAL;
	/*
	 * SKF_AD_NLATTR: A = where to begin, X = attribute type -> A = its offset, 0 if there is none;
	 * SKF_AD_NLATTR_NEST: the same inside the attribute at A. Half words are loaded in host order.
	 */
	const struct sock_filter head[HEAD] = {
		BPF_STMT(BPF_LD | BPF_IMM, sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg)),
		BPF_STMT(BPF_LDX | BPF_IMM, CTA_TUPLE_REPLY),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_AD_OFF + SKF_AD_NLATTR),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(reject - 4), 0),
		BPF_STMT(BPF_LDX | BPF_IMM, CTA_TUPLE_PROTO),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_AD_OFF + SKF_AD_NLATTR_NEST),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(reject - 7), 0),
		BPF_STMT(BPF_ST, 0), /* M[0] = offset of CTA_TUPLE_PROTO */
		BPF_STMT(BPF_LDX | BPF_IMM, CTA_PROTO_NUM),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_AD_OFF + SKF_AD_NLATTR_NEST),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, NLA_HDRLEN),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, (uint8_t)(reject - 13)),
		BPF_STMT(BPF_LD | BPF_MEM, 0),
		BPF_STMT(BPF_LDX | BPF_IMM, CTA_PROTO_SRC_PORT),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_AD_OFF + SKF_AD_NLATTR_NEST),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, NLA_HDRLEN),
	};

	memcpy(program, head, sizeof(head));
	for (unsigned i = 0; i < n_ports; i++)
		program[HEAD + i] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ports[i],
						     (uint8_t)(accept - (HEAD + i) - 1), 0);
	program[reject] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	program[accept] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	filter.len = (unsigned short)(accept + 1);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ? -errno : 0;
}
