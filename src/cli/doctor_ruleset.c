// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's ruleset, read and never written: which tables and chains there are besides ours, and
 * how many of their rules limit or refuse connections to the guarded ports.
 */
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"

#include "doctor_ruleset_priv.h"

#define CHAINS_MAX    4096
#define JUMPS_MAX     16384
#define SET_READS_MAX 256
#define ATTEMPTS      3

struct jump {
	uint32_t from, to;
};

struct reader {
	struct ruleset_view *view;
	struct ruleset_socket rules, sets; /* a set is asked for amid the rules */
	struct jump *jumps;
	size_t n_jumps;
	unsigned set_reads;
	size_t last; /* the chain of the last rule: they come chain by chain */
};

/* --- tables and chains --- */

static int dump_all(struct reader *reader, int type, ruleset_message handle)
{
	_Alignas(struct nlmsghdr) char bytes[256];
	struct nlmsghdr *request =
		nftnl_nlmsg_build_hdr(bytes, (uint16_t)type, NFPROTO_UNSPEC, NLM_F_DUMP, 1);

	return ruleset_dump(&reader->rules, request, handle, reader);
}

static const char *family_name(uint32_t family)
{
	static const struct {
		uint32_t family;
		const char *name;
	} names[] = {
		{ NFPROTO_INET, "inet" },     { NFPROTO_IPV4, "ip" },	    { NFPROTO_IPV6, "ip6" },
		{ NFPROTO_BRIDGE, "bridge" }, { NFPROTO_NETDEV, "netdev" }, { NFPROTO_ARP, "arp" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].family == family)
			return names[i].name;
	return "other";
}

static bool is_ours(uint32_t family, const char *table)
{
	return family == NFPROTO_INET && strcmp(table, "smtpguard") == 0;
}

static int take_table(void *userdata, const struct nlmsghdr *nlh UNUSED)
{
	struct reader *reader = userdata;

	reader->view->n_tables++;
	return 0;
}

static int add_chain(struct ruleset_view *view, uint32_t family, const char *table,
		     const char *name, unsigned reach)
{
	struct ruleset_chain *chain;

	if (view->n_chains == CHAINS_MAX)
		return 0;
	if (view->n_chains == view->allocated) {
		size_t wanted = view->allocated ? 2 * view->allocated : 64;
		struct ruleset_chain *grown = reallocarray(view->chains, wanted, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		view->chains = grown;
		view->allocated = wanted;
	}
	chain = &view->chains[view->n_chains++];
	*chain = (struct ruleset_chain){ .reach = reach };
	snprintf(chain->family, sizeof(chain->family), "%s", family_name(family));
	escape(chain->table, sizeof(chain->table), table, strlen(table));
	escape(chain->name, sizeof(chain->name), name, strlen(name));
	return 0;
}

static unsigned reach_of(const struct nftnl_chain *chain, uint32_t family)
{
	uint32_t hook;

	if (!nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM))
		return 0;
	hook = nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM);
	if (family == NFPROTO_NETDEV)
		return hook == 0 ? REACH_INCOMING : 0;
	if (hook == NF_INET_PRE_ROUTING || hook == NF_INET_LOCAL_IN)
		return REACH_INCOMING;
	return hook == NF_INET_LOCAL_OUT || hook == NF_INET_POST_ROUTING ? REACH_OUTGOING : 0;
}

static void free_chain(struct nftnl_chain **chain)
{
	if (*chain)
		nftnl_chain_free(*chain);
}

static int take_chain(void *userdata, const struct nlmsghdr *nlh)
{
	struct reader *reader = userdata;
	CLEANUP(free_chain) struct nftnl_chain *chain = nftnl_chain_alloc();
	const char *table, *name;
	uint32_t family;

	if (!chain)
		return -ENOMEM;
	if (nftnl_chain_nlmsg_parse(nlh, chain) < 0)
		return 0;
	table = nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE);
	name = nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME);
	family = nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY);
	if (!table || !name || is_ours(family, table))
		return 0;
	return add_chain(reader->view, family, table, name, reach_of(chain, family));
}

/* --- sets that rules name --- */

struct set_question {
	uint32_t family;
	const char *table;
	struct reader *reader;
	struct port_marks *marks;
};

static void free_set(struct nftnl_set **set)
{
	if (*set)
		nftnl_set_free(*set);
}

static void take_element(struct port_marks *marks, const struct nftnl_set_elem *element)
{
	const uint32_t flags = nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_FLAGS)
				       ? nftnl_set_elem_get_u32((struct nftnl_set_elem *)element,
								NFTNL_SET_ELEM_FLAGS)
				       : 0;
	uint32_t length = 0;
	const uint8_t *key =
		nftnl_set_elem_get((struct nftnl_set_elem *)element, NFTNL_SET_ELEM_KEY, &length);

	if (!key || length < 2 || marks->n == PORT_MARKS_MAX)
		return;
	marks->items[marks->n].port = (uint16_t)(key[0] << 8 | key[1]);
	marks->items[marks->n].end = flags & NFT_SET_ELEM_INTERVAL_END;
	marks->intervals |= marks->items[marks->n].end;
	marks->n++;
}

static int take_elements(void *userdata, const struct nlmsghdr *nlh)
{
	CLEANUP(free_set) struct nftnl_set *set = nftnl_set_alloc();
	struct set_question *question = userdata;
	struct nftnl_set_elems_iter *elements;
	struct nftnl_set_elem *element;

	if (!set)
		return -ENOMEM;
	if (nftnl_set_elems_nlmsg_parse(nlh, set) < 0)
		return 0;
	elements = nftnl_set_elems_iter_create(set);
	if (!elements)
		return -ENOMEM;
	while ((element = nftnl_set_elems_iter_next(elements)))
		take_element(question->marks, element);
	nftnl_set_elems_iter_destroy(elements);
	return 0;
}

static int read_set(void *userdata, const char *name, struct port_marks *marks)
{
	struct set_question *question = userdata;
	struct reader *reader = question->reader;
	CLEANUP(free_set) struct nftnl_set *set = nftnl_set_alloc();
	_Alignas(struct nlmsghdr) char bytes[512];
	struct nlmsghdr *request;

	if (!set || reader->set_reads++ >= SET_READS_MAX)
		return -ENOMEM;
	if (nftnl_set_set_str(set, NFTNL_SET_TABLE, question->table) < 0 ||
	    nftnl_set_set_str(set, NFTNL_SET_NAME, name) < 0)
		return -ENOMEM;
	/* names have at most 255 bytes: longer ones would not fit */
	if (strlen(question->table) + strlen(name) > sizeof(bytes) / 2)
		return -ENAMETOOLONG;
	request = nftnl_nlmsg_build_hdr(bytes, NFT_MSG_GETSETELEM, (uint16_t)question->family,
					NLM_F_DUMP, 1);
	nftnl_set_elems_nlmsg_build_payload(request, set);
	question->marks = marks;
	return ruleset_dump(&reader->sets, request, take_elements, question);
}

/* --- rules --- */

/* SIZE_MAX: no such chain, or one of ours. */
static size_t chain_index(struct reader *reader, uint32_t family, const char *table,
			  const char *name)
{
	const struct ruleset_view *view = reader->view;
	char shown_table[RULESET_NAME_MAX], shown_name[RULESET_NAME_MAX];

	escape(shown_table, sizeof(shown_table), table, strlen(table));
	escape(shown_name, sizeof(shown_name), name, strlen(name));
	for (size_t i = 0; i < view->n_chains; i++) {
		size_t at = (reader->last + i) % view->n_chains;
		const struct ruleset_chain *chain = &view->chains[at];

		if (strcmp(chain->name, shown_name) == 0 &&
		    strcmp(chain->table, shown_table) == 0 &&
		    strcmp(chain->family, family_name(family)) == 0)
			return at;
	}
	return SIZE_MAX;
}

static void count_rule(struct ruleset_chain *chain, const struct rule_facts *facts)
{
	if (facts->has_owner || !facts->actions)
		return;
	/* how often to log, or to count */
	if (facts->actions == RULE_LIMITS_RATE && !facts->has_verdict)
		return;
	if (facts->ports) {
		chain->mail_rules++;
		chain->mail_ports |= facts->ports;
		chain->mail_actions |= facts->actions;
	} else if (!facts->has_port && facts->has_source && facts->actions == RULE_REFUSES) {
		chain->source_drops++;
	}
}

static void free_rule(struct nftnl_rule **rule)
{
	if (*rule)
		nftnl_rule_free(*rule);
}

static int take_rule(void *userdata, const struct nlmsghdr *nlh)
{
	struct reader *reader = userdata;
	CLEANUP(free_rule) struct nftnl_rule *rule = nftnl_rule_alloc();
	struct set_question question = { .reader = reader };
	struct rule_facts facts;
	const char *name;
	size_t at, to;

	if (!rule)
		return -ENOMEM;
	if (nftnl_rule_nlmsg_parse(nlh, rule) < 0)
		return 0;
	question.family = nftnl_rule_get_u32(rule, NFTNL_RULE_FAMILY);
	question.table = nftnl_rule_get_str(rule, NFTNL_RULE_TABLE);
	name = nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN);
	at = name && question.table ? chain_index(reader, question.family, question.table, name)
				    : SIZE_MAX;
	if (at == SIZE_MAX)
		return 0;
	reader->last = at;
	rule_read(reader->view, rule, read_set, &question, &facts);
	count_rule(&reader->view->chains[at], &facts);
	to = facts.jump ? chain_index(reader, question.family, question.table, facts.jump)
			: SIZE_MAX;
	if (to != SIZE_MAX && reader->n_jumps < JUMPS_MAX)
		reader->jumps[reader->n_jumps++] = (struct jump){ (uint32_t)at, (uint32_t)to };
	return 0;
}

/* Jumps have no loops, and the kernel allows 16 in a row. */
static void follow_jumps(struct reader *reader)
{
	struct ruleset_chain *chains = reader->view->chains;
	bool changed = true;

	for (unsigned round = 0; changed && round < 16; round++) {
		changed = false;
		for (size_t i = 0; i < reader->n_jumps; i++) {
			const unsigned reach = chains[reader->jumps[i].from].reach;
			unsigned *target = &chains[reader->jumps[i].to].reach;

			changed |= (*target | reach) != *target;
			*target |= reach;
		}
	}
}

static int read_once(struct reader *reader)
{
	int r;

	reader->view->n_tables = 0;
	reader->view->n_chains = 0;
	reader->n_jumps = 0;
	reader->last = 0;
	reader->rules.changed = false;
	r = dump_all(reader, NFT_MSG_GETTABLE, take_table);
	if (r == 0)
		r = dump_all(reader, NFT_MSG_GETCHAIN, take_chain);
	if (r == 0)
		r = dump_all(reader, NFT_MSG_GETRULE, take_rule);
	return r;
}

static int read_all(struct reader *reader)
{
	int r = ruleset_socket_open(&reader->rules);

	if (r == 0)
		r = ruleset_socket_open(&reader->sets);
	/* somebody changes rules meanwhile: what was seen so far may be of two rulesets */
	for (unsigned i = 0; r == 0 && i < ATTEMPTS; i++) {
		r = read_once(reader);
		if (!reader->rules.changed)
			break;
	}
	if (r == 0)
		follow_jumps(reader);
	return r;
}

int ruleset_view_read(struct ruleset_view *view)
{
	struct reader reader = { .view = view, .rules.fd = -1, .sets.fd = -1 };
	int r;

	reader.jumps = calloc(JUMPS_MAX, sizeof(*reader.jumps));
	r = reader.jumps ? read_all(&reader) : -ENOMEM;
	ruleset_socket_close(&reader.rules);
	ruleset_socket_close(&reader.sets);
	free(reader.jumps);
	return r;
}

void ruleset_view_done(struct ruleset_view *view)
{
	free(view->chains);
	view->chains = NULL;
	view->n_chains = view->allocated = 0;
}
