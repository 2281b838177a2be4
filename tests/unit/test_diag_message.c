// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The sock_diag codec. The filter program for ports is run by an interpreter that follows the rules
 * of the kernel's audit and run (net/ipv4/inet_diag.c).
 */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>

#include "smtpguard/wire/diag_message.h"

#define LINE_BYTES NLMSG_LENGTH(sizeof(struct inet_diag_msg))

/* --- dump requests --- */

static bool is_boundary(const uint8_t *program, int size, int left)
{
	for (int at = size; at > 0;) {
		const struct inet_diag_bc_op *op = (const void *)(program + (size - at));

		if (at == left)
			return true;
		at -= op->yes;
	}
	return left == 0;
}

static void audit(const uint8_t *program, int size)
{
	for (int left = size; left > 0;) {
		const struct inet_diag_bc_op *op = (const void *)(program + (size - left));
		int least = op->code == INET_DIAG_BC_JMP ? 4 : 8;

		assert_true(left >= least);
		assert_true(op->no >= least && op->no <= left + 4 && op->no % 4 == 0);
		assert_true(op->yes >= least && op->yes <= left + 4 && op->yes % 4 == 0);
		if (op->no < left)
			assert_true(is_boundary(program, size, left - op->no));
		left -= op->yes;
	}
}

static bool accepts(const uint8_t *program, int size, uint16_t port)
{
	int left = size;

	while (left > 0) {
		const struct inet_diag_bc_op *op = (const void *)(program + (size - left));
		bool yes = false;

		if (op->code == INET_DIAG_BC_S_GE)
			yes = port >= op[1].no;
		else if (op->code == INET_DIAG_BC_S_LE)
			yes = port <= op[1].no;
		else
			assert_int_equal(op->code, INET_DIAG_BC_JMP);
		left -= yes ? op->yes : op->no;
	}
	return left == 0;
}

static bool is_one_of(const uint16_t *ports, unsigned n, uint16_t port)
{
	for (unsigned i = 0; i < n; i++)
		if (ports[i] == port)
			return true;
	return false;
}

static void check_filter(const uint16_t *ports, unsigned n)
{
	_Alignas(8) uint8_t bytes[DIAG_DUMP_REQUEST_BYTES];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)bytes;
	size_t size = diag_dump_request(bytes, 1, AF_INET, ports, n, false);
	const struct nlattr *attribute =
		mnl_nlmsg_get_payload_offset(nlh, sizeof(struct inet_diag_req_v2));
	const uint8_t *program = mnl_attr_get_payload(attribute);
	int program_size = mnl_attr_get_payload_len(attribute);

	assert_true(size <= sizeof(bytes));
	assert_int_equal(mnl_attr_get_type(attribute), INET_DIAG_REQ_BYTECODE);
	assert_int_equal(nlh->nlmsg_len, (size_t)(program - bytes) + (size_t)program_size);
	audit(program, program_size);
	for (unsigned port = 0; port <= UINT16_MAX; port++)
		assert_int_equal(accepts(program, program_size, (uint16_t)port),
				 is_one_of(ports, n, (uint16_t)port));
}

static void test_filter_by_ports(void **state UNUSED)
{
	static const uint16_t smtp[] = { 25 }, mail[] = { 465, 25, 587 }, ends[] = { 65535, 0 };
	uint16_t many[DIAG_PORTS_MAX];

	check_filter(smtp, ARRAY_SIZE(smtp));
	check_filter(mail, ARRAY_SIZE(mail));
	check_filter(ends, ARRAY_SIZE(ends));
	for (unsigned i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (uint16_t)random_bits();
	check_filter(many, ARRAY_SIZE(many));
}

static const struct inet_diag_req_v2 *dump(uint8_t *bytes, int family, unsigned n_ports,
					   bool listeners)
{
	static const uint16_t ports[DIAG_PORTS_MAX + 1] = { 25 };
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(void *)bytes;
	size_t size = diag_dump_request(bytes, 7, family, ports, n_ports, listeners);
	const struct inet_diag_req_v2 *request;

	assert_int_equal(nlh->nlmsg_len, size);
	assert_int_equal(nlh->nlmsg_type, SOCK_DIAG_BY_FAMILY);
	assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
	assert_int_equal(nlh->nlmsg_seq, 7);
	request = mnl_nlmsg_get_payload(nlh);
	assert_int_equal(request->sdiag_family, family);
	assert_int_equal(request->sdiag_protocol, IPPROTO_TCP);
	return request;
}

static void test_states_asked_for(void **state UNUSED)
{
	_Alignas(8) uint8_t bytes[DIAG_DUMP_REQUEST_BYTES];
	uint32_t states = dump(bytes, AF_INET6, 1, false)->idiag_states;

	assert_true(states & 1U << TCP_ESTABLISHED && states & 1U << TCP_SYN_RECV);
	assert_true(states & 1U << TCP_FIN_WAIT2 && states & 1U << TCP_CLOSE_WAIT);
	assert_false(states & (1U << TCP_LISTEN | 1U << TCP_TIME_WAIT | 1U << TCP_CLOSE));
	assert_false(states & 1U << TCP_SYN_SENT);
	assert_int_equal(dump(bytes, AF_INET, 1, true)->idiag_states, states | 1U << TCP_LISTEN);
}

static void test_without_filter(void **state UNUSED)
{
	_Alignas(8) uint8_t bytes[DIAG_DUMP_REQUEST_BYTES];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)bytes;

	dump(bytes, AF_INET, 0, true);
	assert_int_equal(nlh->nlmsg_len, NLMSG_LENGTH(sizeof(struct inet_diag_req_v2)));
	/* too many for one program: the reader filters */
	dump(bytes, AF_INET, DIAG_PORTS_MAX + 1, true);
	assert_int_equal(nlh->nlmsg_len, NLMSG_LENGTH(sizeof(struct inet_diag_req_v2)));
}

/* --- lines --- */

static struct nlmsghdr *line(uint8_t *bytes, int family, const char *local, const char *peer,
			     uint8_t tcp_state)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
	struct inet_diag_msg *msg;

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	msg = mnl_nlmsg_put_extra_header(nlh, sizeof(*msg));
	msg->idiag_family = (uint8_t)family;
	msg->idiag_state = tcp_state;
	msg->id.idiag_sport = htons(25);
	msg->id.idiag_dport = htons(40000);
	msg->id.idiag_if = 3;
	msg->id.idiag_cookie[0] = 0x12345678;
	msg->id.idiag_cookie[1] = 0x9abcdef0;
	assert_int_equal(inet_pton(family, local, msg->id.idiag_src), 1);
	assert_int_equal(inet_pton(family, peer, msg->id.idiag_dst), 1);
	return nlh;
}

static void expect(const struct nlmsghdr *nlh, const char *local, const char *peer, bool listening)
{
	struct diag_socket socket;
	struct address wanted = addr(local);

	assert_int_equal(diag_message_decode(nlh, &socket), 0);
	assert_true(address_equal(&socket.local, &wanted));
	wanted = addr(peer);
	assert_true(address_equal(&socket.peer, &wanted));
	assert_int_equal(socket.local_port, 25);
	assert_int_equal(socket.peer_port, 40000);
	assert_int_equal(socket.listening, listening);
}

static void test_connections(void **state UNUSED)
{
	static const uint8_t states[] = { TCP_ESTABLISHED, TCP_SYN_RECV,   TCP_FIN_WAIT1,
					  TCP_FIN_WAIT2,   TCP_CLOSE_WAIT, TCP_LAST_ACK,
					  TCP_CLOSING };
	uint8_t bytes[LINE_BYTES];

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		expect(line(bytes, AF_INET, "192.0.2.1", "203.0.113.9", states[i]), "192.0.2.1",
		       "203.0.113.9", false);
	expect(line(bytes, AF_INET6, "2001:db8::1", "2001:db8:1::9", TCP_ESTABLISHED),
	       "2001:db8::1", "2001:db8:1::9", false);
	expect(line(bytes, AF_INET6, "::", "::", TCP_LISTEN), "::", "::", true);
}

/* The peer of a dual-stack listener is the IPv4 address that was banned. */
static void test_mapped_peer(void **state UNUSED)
{
	uint8_t bytes[LINE_BYTES];

	expect(line(bytes, AF_INET6, "::ffff:192.0.2.1", "::ffff:203.0.113.9", TCP_ESTABLISHED),
	       "192.0.2.1", "203.0.113.9", false);
}

static void test_nothing_to_close(void **state UNUSED)
{
	static const uint8_t states[] = { 0, TCP_SYN_SENT, TCP_TIME_WAIT, TCP_CLOSE, 12, 32, 255 };
	uint8_t bytes[LINE_BYTES];
	struct diag_socket socket;
	struct inet_diag_msg *msg;
	struct nlmsghdr *nlh;

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		assert_int_equal(diag_message_decode(line(bytes, AF_INET, "192.0.2.1",
							  "203.0.113.9", states[i]),
						     &socket),
				 DIAG_MESSAGE_OTHER);
	/* a socket in FIN_WAIT2 that has shrunk to a time-wait one */
	nlh = line(bytes, AF_INET, "192.0.2.1", "203.0.113.9", TCP_FIN_WAIT2);
	msg = mnl_nlmsg_get_payload(nlh);
	msg->idiag_timer = 3;
	assert_int_equal(diag_message_decode(nlh, &socket), DIAG_MESSAGE_OTHER);
}

static void test_malformed(void **state UNUSED)
{
	uint8_t bytes[LINE_BYTES];
	struct nlmsghdr *nlh = line(bytes, AF_INET, "192.0.2.1", "203.0.113.9", TCP_ESTABLISHED);
	struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	struct diag_socket socket;

	for (uint32_t size = NLMSG_LENGTH(0); size < LINE_BYTES; size++) {
		nlh->nlmsg_len = size;
		assert_int_equal(diag_message_decode(nlh, &socket), -EBADMSG);
	}
	nlh->nlmsg_len = LINE_BYTES;
	assert_int_equal(diag_message_decode(nlh, &socket), 0);
	msg->idiag_family = AF_UNIX;
	assert_int_equal(diag_message_decode(nlh, &socket), -EBADMSG);
	msg->idiag_family = AF_INET;
	nlh->nlmsg_type = SOCK_DESTROY;
	assert_int_equal(diag_message_decode(nlh, &socket), -EBADMSG);
	nlh->nlmsg_type = NLMSG_DONE;
	assert_int_equal(diag_message_decode(nlh, &socket), -EBADMSG);
}

/* --- destroying --- */

static void test_destroy_names_the_very_socket(void **state UNUSED)
{
	uint8_t bytes[LINE_BYTES];
	_Alignas(8) uint8_t out[DIAG_DESTROY_REQUEST_BYTES];
	const struct nlmsghdr *nlh =
		line(bytes, AF_INET6, "2001:db8::1", "2001:db8:1::9", TCP_SYN_RECV);
	const struct nlmsghdr *destroy = (const struct nlmsghdr *)(const void *)out;
	const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	const struct inet_diag_req_v2 *request;
	struct diag_socket socket;

	assert_int_equal(diag_message_decode(nlh, &socket), 0);
	assert_int_equal(diag_destroy_request(out, 99, &socket), sizeof(out));
	assert_int_equal(destroy->nlmsg_len, sizeof(out));
	assert_int_equal(destroy->nlmsg_type, SOCK_DESTROY);
	assert_int_equal(destroy->nlmsg_flags, NLM_F_REQUEST);
	assert_int_equal(destroy->nlmsg_seq, 99);
	request = mnl_nlmsg_get_payload(destroy);
	assert_int_equal(request->sdiag_family, AF_INET6);
	assert_int_equal(request->sdiag_protocol, IPPROTO_TCP);
	assert_memory_equal(&request->id, &msg->id, sizeof(msg->id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter_by_ports),
		cmocka_unit_test(test_states_asked_for),
		cmocka_unit_test(test_without_filter),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_mapped_peer),
		cmocka_unit_test(test_nothing_to_close),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_destroy_names_the_very_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
