// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/wire/diag_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>

/* idiag_timer of what is left of a socket in TIME_WAIT, or in FIN_WAIT2 without its process */
#define TIMER_TIME_WAIT 3

/* TCP_SYN_RECV asks for request sockets too */
#define CONNECTIONS                                                                                \
	(1U << TCP_ESTABLISHED | 1U << TCP_SYN_RECV | 1U << TCP_FIN_WAIT1 | 1U << TCP_FIN_WAIT2 |  \
	 1U << TCP_CLOSE_WAIT | 1U << TCP_LAST_ACK | 1U << TCP_CLOSING)

/*
 * One port in the kernel's filter language. INET_DIAG_BC_S_EQ came with Linux 4.16 and `yes`
 * reaches only 255 bytes, so: at least the port and at most the port, then a jump, whose way is in
 * `no`.
 */
struct port_block {
	struct inet_diag_bc_op at_least, at_least_port;
	struct inet_diag_bc_op at_most, at_most_port;
	struct inet_diag_bc_op accept;
};

static void put_port_filter(struct nlmsghdr *nlh, const uint16_t *ports, unsigned n)
{
	const uint16_t op_bytes = sizeof(struct inet_diag_bc_op), compare_bytes = 2 * op_bytes;
	struct port_block program[DIAG_PORTS_MAX];

	for (unsigned i = 0; i < n; i++) {
		uint16_t to_end = (uint16_t)((n - i) * sizeof(*program));
		uint16_t to_next = sizeof(*program);

		/* the end itself accepts, one operation behind it refuses */
		if (i == n - 1)
			to_next = (uint16_t)(to_next + op_bytes);
		program[i] = (struct port_block){
			.at_least = { INET_DIAG_BC_S_GE, (uint8_t)compare_bytes, to_next },
			.at_least_port.no = ports[i],
			.at_most = { INET_DIAG_BC_S_LE, (uint8_t)compare_bytes,
				     (uint16_t)(to_next - compare_bytes) },
			.at_most_port.no = ports[i],
			.accept = { INET_DIAG_BC_JMP, (uint8_t)op_bytes,
				    (uint16_t)(to_end - 2 * compare_bytes) },
		};
	}
	mnl_attr_put(nlh, INET_DIAG_REQ_BYTECODE, n * sizeof(*program), program);
}

static struct inet_diag_req_v2 *put_request(struct nlmsghdr *nlh, uint16_t type, uint16_t flags,
					    uint32_t sequence, int family)
{
	struct inet_diag_req_v2 *request;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	nlh->nlmsg_seq = sequence;
	request = mnl_nlmsg_put_extra_header(nlh, sizeof(*request));
	request->sdiag_family = (uint8_t)family;
	request->sdiag_protocol = IPPROTO_TCP;
	return request;
}

size_t diag_dump_request(uint8_t bytes[static DIAG_DUMP_REQUEST_BYTES], uint32_t sequence,
			 int family, const uint16_t *ports, unsigned n_ports, bool listeners)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct inet_diag_req_v2 *request;

	request =
		put_request(nlh, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, sequence, family);
	request->idiag_states = CONNECTIONS | (listeners ? 1U << TCP_LISTEN : 0);
	if (n_ports >= 1 && n_ports <= DIAG_PORTS_MAX)
		put_port_filter(nlh, ports, n_ports);
	return nlh->nlmsg_len;
}

int diag_message_decode(const struct nlmsghdr *nlh, struct diag_socket *ret_socket)
{
	const struct inet_diag_msg *line;
	struct diag_socket socket = { 0 };
	int r;

	if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*line))
		return -EBADMSG;
	line = mnl_nlmsg_get_payload(nlh);
	if (line->idiag_family != AF_INET && line->idiag_family != AF_INET6)
		return -EBADMSG;
	socket.listening = line->idiag_state == TCP_LISTEN;
	if (line->idiag_timer == TIMER_TIME_WAIT || line->idiag_state > TCP_CLOSING ||
	    !((CONNECTIONS | 1U << TCP_LISTEN) & 1U << line->idiag_state))
		return DIAG_MESSAGE_OTHER;
	r = address_from_raw(line->idiag_family, line->id.idiag_src, &socket.local);
	if (r == 0)
		r = address_from_raw(line->idiag_family, line->id.idiag_dst, &socket.peer);
	if (r < 0)
		return r;
	socket.local_port = ntohs(line->id.idiag_sport);
	socket.peer_port = ntohs(line->id.idiag_dport);
	socket.family = line->idiag_family;
	socket.id = line->id;
	*ret_socket = socket;
	return 0;
}

size_t diag_destroy_request(uint8_t bytes[static DIAG_DESTROY_REQUEST_BYTES], uint32_t sequence,
			    const struct diag_socket *socket)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct inet_diag_req_v2 *request;

	request = put_request(nlh, SOCK_DESTROY, NLM_F_REQUEST, sequence, socket->family);
	request->idiag_states = UINT32_MAX;
	request->id = socket->id;
	return nlh->nlmsg_len;
}
