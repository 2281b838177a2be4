// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One rule of somebody else: does it limit or refuse connections to a mail port? Both the native
 * expressions and those that iptables-nft keeps of its own (matches and targets) are understood.
 */
#include <stdio.h> /* libnftnl/expr.h needs it */

#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <string.h>

#include "doctor_ruleset_priv.h"

#define OFFSET_DESTINATION_PORT 2
#define OFFSET_IP_SOURCE	12
#define OFFSET_IP6_SOURCE	8

struct rule_walk {
	const struct ruleset_view *view;
	struct rule_facts *facts;
	uint32_t port_register; /* where the port was loaded to; 0: nowhere */
	uint32_t low, high;
	bool compared; /* low and high say something */
	bool source_loaded;
	port_set_reader read_set;
	void *userdata;
};

static void take_range(struct rule_walk *walk, uint32_t low, uint32_t high)
{
	walk->facts->has_port = true;
	for (unsigned i = 0; i < walk->view->n_ports; i++)
		if (walk->view->ports[i] >= low && walk->view->ports[i] <= high)
			walk->facts->ports |= UINT64_C(1) << i;
}

/* `>= 25` and `<= 26` are two comparisons of one range: it is taken when it is complete. */
static void end_comparison(struct rule_walk *walk)
{
	if (walk->compared)
		take_range(walk, walk->low, walk->high);
	walk->compared = false;
	walk->port_register = 0;
	walk->source_loaded = false;
}

/* --- native expressions --- */

static void read_payload(struct rule_walk *walk, const struct nftnl_expr *expr)
{
	const uint32_t base = nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_BASE);
	const uint32_t offset = nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET);
	const uint32_t length = nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_LEN);

	end_comparison(walk);
	if (base == NFT_PAYLOAD_TRANSPORT_HEADER && offset == OFFSET_DESTINATION_PORT &&
	    length == 2) {
		walk->port_register = nftnl_expr_get_u32(expr, NFTNL_EXPR_PAYLOAD_DREG);
		walk->low = 0;
		walk->high = UINT16_MAX;
	} else if (base == NFT_PAYLOAD_NETWORK_HEADER &&
		   (offset == OFFSET_IP_SOURCE || offset == OFFSET_IP6_SOURCE)) {
		walk->source_loaded = true;
	}
}

static bool port_of(const struct nftnl_expr *expr, uint16_t attribute, uint32_t *ret_port)
{
	uint32_t length;
	const uint8_t *data = nftnl_expr_get(expr, attribute, &length);

	if (!data || length < 2)
		return false;
	*ret_port = (uint32_t)data[0] << 8 | data[1];
	return true;
}

static void read_comparison(struct rule_walk *walk, const struct nftnl_expr *expr)
{
	const uint32_t op = nftnl_expr_get_u32(expr, NFTNL_EXPR_CMP_OP);
	uint32_t port;

	/* one source; those of a set, as of other daemons, are looked up */
	walk->facts->has_source |= walk->source_loaded;
	if (!walk->port_register ||
	    nftnl_expr_get_u32(expr, NFTNL_EXPR_CMP_SREG) != walk->port_register ||
	    !port_of(expr, NFTNL_EXPR_CMP_DATA, &port))
		return;
	if (op == NFT_CMP_EQ || op == NFT_CMP_GTE)
		walk->low = port;
	if (op == NFT_CMP_EQ || op == NFT_CMP_LTE)
		walk->high = port;
	/* "not 25" is about all others: taken for every port */
	walk->compared = true;
}

static void read_range(struct rule_walk *walk, const struct nftnl_expr *expr)
{
	uint32_t low, high;

	if (walk->port_register && port_of(expr, NFTNL_EXPR_RANGE_FROM_DATA, &low) &&
	    port_of(expr, NFTNL_EXPR_RANGE_TO_DATA, &high))
		take_range(walk, low, high);
}

static bool marks_contain(const struct port_marks *marks, uint16_t port)
{
	bool inside = false, found = false;
	uint16_t nearest = 0;

	for (unsigned i = 0; i < marks->n; i++) {
		const uint16_t mark = marks->items[i].port;

		if (!marks->intervals && mark == port)
			return true;
		if (!marks->intervals || mark > port || (found && mark < nearest))
			continue;
		/* where one interval ends another may begin: the beginning counts */
		inside = !marks->items[i].end || (found && mark == nearest && inside);
		nearest = mark;
		found = true;
	}
	return inside;
}

static void read_lookup(struct rule_walk *walk, const struct nftnl_expr *expr)
{
	const char *set = nftnl_expr_get_str(expr, NFTNL_EXPR_LOOKUP_SET);
	struct port_marks marks = { .n = 0 };

	if (!walk->port_register || !set)
		return;
	walk->facts->has_port = true;
	if (walk->read_set(walk->userdata, set, &marks) < 0)
		return;
	for (unsigned i = 0; i < walk->view->n_ports; i++)
		if (marks_contain(&marks, walk->view->ports[i]))
			walk->facts->ports |= UINT64_C(1) << i;
}

static void read_immediate(struct rule_walk *walk, const struct nftnl_expr *expr)
{
	uint32_t verdict;

	if (!nftnl_expr_is_set(expr, NFTNL_EXPR_IMM_VERDICT))
		return;
	walk->facts->has_verdict = true;
	verdict = nftnl_expr_get_u32(expr, NFTNL_EXPR_IMM_VERDICT);
	if (verdict == NF_DROP)
		walk->facts->actions |= RULE_REFUSES;
	else if (verdict == (uint32_t)NFT_JUMP || verdict == (uint32_t)NFT_GOTO)
		walk->facts->jump = nftnl_expr_get_str(expr, NFTNL_EXPR_IMM_CHAIN);
}

/* A limit for each source of its own, kept in a set; without one the set only remembers. */
static void read_dynset(struct rule_walk *walk, const struct nftnl_expr *expr)
{
	const struct nftnl_expr *inner;
	uint32_t length;
	const char *name;

	if (!nftnl_expr_is_set(expr, NFTNL_EXPR_DYNSET_EXPR))
		return;
	inner = nftnl_expr_get(expr, NFTNL_EXPR_DYNSET_EXPR, &length);
	name = inner ? nftnl_expr_get_str(inner, NFTNL_EXPR_NAME) : NULL;
	if (name && strcmp(name, "limit") == 0)
		walk->facts->actions |= RULE_LIMITS_RATE;
	else if (name && strcmp(name, "connlimit") == 0)
		walk->facts->actions |= RULE_LIMITS_CONNECTIONS;
}

static void read_reject(struct rule_walk *walk, const struct nftnl_expr *expr UNUSED)
{
	walk->facts->has_verdict = true;
	walk->facts->actions |= RULE_REFUSES;
}

static void read_meta(struct rule_walk *walk, const struct nftnl_expr *expr)
{
	const uint32_t key = nftnl_expr_get_u32(expr, NFTNL_EXPR_META_KEY);

	walk->facts->has_owner |= key == NFT_META_SKUID || key == NFT_META_SKGID;
}

/* --- what iptables-nft keeps as its own --- */

static void read_tcp(struct rule_walk *walk, const void *data, uint32_t length)
{
	struct xt_tcp tcp;

	if (length < sizeof(tcp))
		return;
	memcpy(&tcp, data, sizeof(tcp));
	/* 0:65535 matches flags or source ports only */
	if (tcp.dpts[0] != 0 || tcp.dpts[1] != UINT16_MAX)
		take_range(walk, tcp.dpts[0], tcp.dpts[1]);
}

static void read_multiport(struct rule_walk *walk, const void *data, uint32_t length)
{
	struct xt_multiport_v1 list;

	if (length < sizeof(list))
		return;
	memcpy(&list, data, sizeof(list));
	if (list.flags == XT_MULTIPORT_SOURCE)
		return;
	for (unsigned i = 0; i < MIN_OF(list.count, XT_MULTI_PORTS); i++) {
		bool range = list.pflags[i] && i + 1 < XT_MULTI_PORTS;

		take_range(walk, list.ports[i], list.ports[range ? i + 1 : i]);
		i += range;
	}
}

static void read_match(struct rule_walk *walk, const struct nftnl_expr *expr)
{
	static const struct {
		const char *name;
		unsigned action;
	} limits[] = {
		{ "connlimit", RULE_LIMITS_CONNECTIONS },
		{ "recent", RULE_LIMITS_RECENT },
		{ "hashlimit", RULE_LIMITS_RATE },
		{ "limit", RULE_LIMITS_RATE },
	};
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_MT_NAME);
	uint32_t length = 0;
	const void *data = nftnl_expr_get(expr, NFTNL_EXPR_MT_INFO, &length);

	if (!name || !data)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (strcmp(name, limits[i].name) == 0)
			walk->facts->actions |= limits[i].action;
	walk->facts->has_owner |= strcmp(name, "owner") == 0;
	if (strcmp(name, "tcp") == 0)
		read_tcp(walk, data, length);
	else if (strcmp(name, "multiport") == 0)
		read_multiport(walk, data, length);
}

static void read_target(struct rule_walk *walk, const struct nftnl_expr *expr)
{
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_TG_NAME);

	if (!name || strcmp(name, "LOG") == 0 || strcmp(name, "NFLOG") == 0)
		return;
	walk->facts->has_verdict = true;
	if (strcmp(name, "REJECT") == 0 || strcmp(name, "DROP") == 0 || strcmp(name, "TARPIT") == 0)
		walk->facts->actions |= RULE_REFUSES;
}

/* --- the rule --- */

static const struct {
	const char *name;
	void (*read)(struct rule_walk *walk, const struct nftnl_expr *expr); /* may be NULL */
	unsigned action;
} expressions[] = {
	{ "payload", read_payload, 0 },	     { "cmp", read_comparison, 0 },
	{ "range", read_range, 0 },	     { "lookup", read_lookup, 0 },
	{ "immediate", read_immediate, 0 },  { "meta", read_meta, 0 },
	{ "match", read_match, 0 },	     { "target", read_target, 0 },
	{ "reject", read_reject, 0 },	     { "connlimit", NULL, RULE_LIMITS_CONNECTIONS },
	{ "limit", NULL, RULE_LIMITS_RATE }, { "dynset", read_dynset, 0 },
};

static int read_expression(struct nftnl_expr *expr, void *userdata)
{
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);
	struct rule_walk *walk = userdata;

	for (size_t i = 0; name && i < ARRAY_SIZE(expressions); i++) {
		if (strcmp(name, expressions[i].name) != 0)
			continue;
		walk->facts->actions |= expressions[i].action;
		/* another load may reuse the register */
		if (strcmp(name, "meta") == 0)
			end_comparison(walk);
		if (expressions[i].read)
			expressions[i].read(walk, expr);
	}
	return 0;
}

void rule_read(const struct ruleset_view *view, struct nftnl_rule *rule, port_set_reader read_set,
	       void *userdata, struct rule_facts *ret_facts)
{
	struct rule_walk walk = {
		.view = view, .facts = ret_facts, .read_set = read_set, .userdata = userdata
	};

	*ret_facts = (struct rule_facts){ .ports = 0 };
	nftnl_expr_foreach(rule, read_expression, &walk);
	end_comparison(&walk);
}
