// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For the lab alone: preloaded into smtpguardd, it makes the gate work on a kernel that lacks nft's
 * `queue` but has the xtables target NFQUEUE and nft_compat. Not for a mail host: nft cannot load
 * again what it lists of such a table.
 *
 * In the text for libnftables each `queue num N bypass` becomes `goto queue_N`, a chain that is
 * declared beside the others. When libnftables has loaded that, the one rule of the chain follows
 * through libnftnl. In between the chain is empty, and what goes there passes, as with `bypass`.
 */
#include <dlfcn.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <nftables/libnftables.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE	     "smtpguard"
#define BLOCK	     "table inet " TABLE " {"
#define BEFORE	     "queue num "
#define BEHIND	     " bypass"
#define QUEUES_MAX   8
#define BATCH_BYTES  4096
#define TARGET_BYTES ((sizeof(struct xt_NFQ_info_v3) + 7) / 8 * 8) /* XT_ALIGN */

struct queues {
	uint16_t number[QUEUES_MAX];
	unsigned n;
};

/* Programs that the daemon starts are none of our business. */
__attribute__((constructor)) static void stay_here(void)
{
	unsetenv("LD_PRELOAD");
}

static int complain(const char *what, int error)
{
	fprintf(stderr, "queue_target: %s: %s\n", what, strerror(error));
	return -1;
}

/* --- the text --- */

/* The next statement from text on, its number and what follows it; NULL: none. */
static const char *find_statement(const char *text, uint16_t *ret_number, const char **ret_rest)
{
	const char *found = text;

	while ((found = strstr(found, BEFORE))) {
		char *end;
		unsigned long number = strtoul(found + strlen(BEFORE), &end, 10);

		if (number <= UINT16_MAX && !strncmp(end, BEHIND, strlen(BEHIND))) {
			*ret_number = (uint16_t)number;
			*ret_rest = end + strlen(BEHIND);
			return found;
		}
		found = end;
	}
	return NULL;
}

static int note_queue(struct queues *queues, uint16_t number)
{
	for (unsigned i = 0; i < queues->n; i++)
		if (queues->number[i] == number)
			return 0;
	if (queues->n == QUEUES_MAX)
		return -E2BIG;
	queues->number[queues->n++] = number;
	return 0;
}

static void print_without_queues(FILE *out, const char *text)
{
	const char *statement, *rest;
	uint16_t number;

	for (; (statement = find_statement(text, &number, &rest)); text = rest)
		fprintf(out, "%.*sgoto queue_%u", (int)(statement - text), text, number);
	fputs(text, out);
}

static void declare_chains(FILE *out, const struct queues *queues, const char *before,
			   const char *behind)
{
	for (unsigned i = 0; i < queues->n; i++)
		fprintf(out, "%squeue_%u%s\n", before, queues->number[i], behind);
}

static void rewrite(FILE *out, const char *text, const struct queues *queues)
{
	const char *block = strstr(text, BLOCK);

	if (!block) {
		fputs("add table inet " TABLE "\n", out);
		declare_chains(out, queues, "add chain inet " TABLE " ", "");
	} else {
		block += strlen(BLOCK);
		fprintf(out, "%.*s\n", (int)(block - text), text);
		declare_chains(out, queues, "\tchain ", " { }");
		text = block;
	}
	print_without_queues(out, text);
}

/* NULL: no memory. */
static char *rewritten(const char *text, const struct queues *queues)
{
	char *result = NULL;
	size_t size;
	FILE *out = open_memstream(&result, &size);

	if (!out)
		return NULL;
	rewrite(out, text, queues);
	if (fclose(out) == 0)
		return result;
	free(result);
	return NULL;
}

/* --- the rules --- */

static struct nlmsghdr *put_header(struct mnl_nlmsg_batch *batch, uint16_t type, uint16_t flags)
{
	return nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(batch), type, NFPROTO_INET,
				     flags | NLM_F_ACK, 1);
}

static struct nftnl_rule *new_rule(uint16_t number)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();
	char chain[sizeof("queue_65535")];

	if (!rule)
		return NULL;
	snprintf(chain, sizeof(chain), "queue_%u", number);
	if (nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, TABLE) < 0 ||
	    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain) < 0) {
		nftnl_rule_free(rule);
		return NULL;
	}
	nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
	return rule;
}

static int add_target(struct nftnl_rule *rule, uint16_t number)
{
	struct nftnl_expr *target = nftnl_expr_alloc("target");
	struct xt_NFQ_info_v3 *info = calloc(1, TARGET_BYTES);

	if (!target || !info) {
		free(info);
		nftnl_expr_free(target);
		return -ENOMEM;
	}
	*info = (struct xt_NFQ_info_v3){ .queuenum = number,
					 .queues_total = 1,
					 .flags = NFQ_FLAG_BYPASS };
	nftnl_expr_set_u32(target, NFTNL_EXPR_TG_REV, 3);
	/* info is the expression's now, and the expression the rule's */
	if (nftnl_expr_set(target, NFTNL_EXPR_TG_INFO, info, TARGET_BYTES) < 0)
		free(info);
	nftnl_expr_set_str(target, NFTNL_EXPR_TG_NAME, "NFQUEUE");
	nftnl_rule_add_expr(rule, target);
	return 0;
}

/* Empties the chain of a queue and puts its rule there. */
static int put_queue(struct mnl_nlmsg_batch *batch, uint16_t number)
{
	struct nftnl_rule *rule = new_rule(number);

	if (!rule)
		return -ENOMEM;
	/* without an expression, deletion means every rule of the chain */
	nftnl_rule_nlmsg_build_payload(put_header(batch, NFT_MSG_DELRULE, 0), rule);
	mnl_nlmsg_batch_next(batch);
	if (add_target(rule, number) < 0) {
		nftnl_rule_free(rule);
		return -ENOMEM;
	}
	nftnl_rule_nlmsg_build_payload(
		put_header(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND), rule);
	mnl_nlmsg_batch_next(batch);
	nftnl_rule_free(rule);
	return 0;
}

/* The kernel answers inside of send. The first error, or 0. */
static int commit(struct mnl_socket *socket, struct mnl_nlmsg_batch *batch)
{
	char reply[BATCH_BYTES * 2];
	int error = 0;

	if (mnl_socket_sendto(socket, mnl_nlmsg_batch_head(batch), mnl_nlmsg_batch_size(batch)) < 0)
		return -errno;
	for (;;) {
		ssize_t length = mnl_socket_recvfrom(socket, reply, sizeof(reply));
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)(void *)reply;
		int left = (int)length;

		if (length <= 0)
			return length < 0 && errno != EAGAIN ? -errno : error;
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			const struct nlmsgerr *answer = mnl_nlmsg_get_payload(nlh);

			if (nlh->nlmsg_type == NLMSG_ERROR && answer->error && !error)
				error = answer->error;
		}
	}
}

static int send_queues(const struct queues *queues)
{
	char bytes[BATCH_BYTES * 2];
	struct mnl_nlmsg_batch *batch = mnl_nlmsg_batch_start(bytes, BATCH_BYTES);
	struct mnl_socket *socket =
		mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int r = !batch ? -ENOMEM : !socket ? -errno : 0;

	if (r == 0 && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		r = -errno;
	if (r == 0) {
		nftnl_batch_begin(mnl_nlmsg_batch_current(batch), 0);
		mnl_nlmsg_batch_next(batch);
	}
	for (unsigned i = 0; r == 0 && i < queues->n; i++)
		r = put_queue(batch, queues->number[i]);
	if (r == 0) {
		nftnl_batch_end(mnl_nlmsg_batch_current(batch), 0);
		mnl_nlmsg_batch_next(batch);
		r = commit(socket, batch);
	}
	if (socket)
		mnl_socket_close(socket);
	if (batch)
		mnl_nlmsg_batch_stop(batch);
	return r;
}

/* --- in libnftables' place --- */

static int run(struct nft_ctx *nft, const char *text)
{
	static int (*original)(struct nft_ctx * nft, const char *text);
	void *found;

	if (!original) {
		found = dlsym(RTLD_NEXT, "nft_run_cmd_from_buffer");
		if (!found)
			return complain("no libnftables", ENOSYS);
		memcpy(&original, &found, sizeof(original));
	}
	return original(nft, text);
}

int nft_run_cmd_from_buffer(struct nft_ctx *nft, const char *buf)
{
	const char *rest = buf;
	struct queues queues = { .n = 0 };
	uint16_t number;
	char *changed;
	int r;

	while (find_statement(rest, &number, &rest))
		if (note_queue(&queues, number) < 0)
			return complain("too many queues", E2BIG);
	if (!queues.n)
		return run(nft, buf);
	changed = rewritten(buf, &queues);
	if (!changed)
		return complain("the ruleset's text", ENOMEM);
	r = run(nft, changed);
	free(changed);
	if (r)
		return r;
	r = send_queues(&queues);
	/* a text that takes back at its end what it declared leaves no chain */
	return r == 0 || r == -ENOENT ? 0 : complain("the target NFQUEUE", -r);
}
