/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel tells group NFNLGRP_NFTABLES about a transaction: a message for each thing that
 * was created or deleted, then one with the new generation and the author. No I/O. Fuzzed.
 *
 * The author's pid is the thread's, as the first pid namespace of the host knows it, not as
 * getpid() does in a container. The same number is in the answer to nft_generation_request(): so a
 * process learns which one is its own. Elements that expire are never announced (FACTS 5.3).
 */
#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "smtpguard/base/compiler.h"

#define NFT_GENERATION_REQUEST_BYTES 32
#define NFT_AUTHOR_MAX		     16 /* TASK_COMM_LEN */

enum nft_notification_kind {
	NFT_NOTIFICATION_TABLE,
	NFT_NOTIFICATION_CHAIN,
	NFT_NOTIFICATION_RULE,
	NFT_NOTIFICATION_SET,
	NFT_NOTIFICATION_ELEMENT,
	NFT_NOTIFICATION_OTHER,	     /* objects, flowtables, what later kernels add */
	NFT_NOTIFICATION_GENERATION, /* the end of the transaction */
};

struct nft_notification {
	enum nft_notification_kind kind;
	bool deleted;	   /* else created or changed */
	bool touches_ours; /* it is in table inet smtpguard, or that table itself */
	bool touches_bans; /* an element of its banned4 or banned6 */
	/* of NFT_NOTIFICATION_GENERATION; pid 0 and an empty name: the kernel did not say */
	uint32_t generation, author_pid;
	char author[NFT_AUTHOR_MAX]; /* the thread's name: foreign text */
};

/* nlh has passed netlink_message_ok(). -EBADMSG: not a message of nf_tables, or malformed. */
int nft_notification_decode(const struct nlmsghdr *nlh,
			    struct nft_notification *ret_notification) MUST_CHECK;

/* Asks for the generation; the "author" of the answer is who asks. Returns its length in bytes. */
size_t nft_generation_request(uint8_t bytes[static NFT_GENERATION_REQUEST_BYTES],
			      uint32_t sequence);
