/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nf_tables messages about the elements of our sets, by libnftnl: batches out (one batch is one
 * transaction of the kernel), dump lines in, by our own walk over the attributes. No I/O. The reader is fuzzed.
 */
#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

#include "smtpguard/base/address.h"
#include "smtpguard/base/clock.h"

#define NFT_TABLE_NAME "smtpguard"
#define NFT_SET_BANNED4 "banned4"
#define NFT_SET_BANNED6 "banned6"
#define NFT_SET_TRUSTED4 "trusted4"
#define NFT_SET_TRUSTED6 "trusted6"
#define NFT_SET_REFUSED4 "refused4"
#define NFT_SET_REFUSED6 "refused6"
#define NFT_SET_PASSED4 "passed4"
#define NFT_SET_PASSED6 "passed6"
#define NFT_SET_GATED_PORTS "gated_ports"
#define NFT_COMMENT_MAX 128 /* with the final NUL */
#define NFT_ELEMENT_DUMP_REQUEST_BYTES 256

enum nft_set { NFT_SET_BANNED, NFT_SET_TRUSTED, NFT_SET_REFUSED, NFT_SET_PASSED };

enum {
	NFT_BATCH_FULL = 1, /* no room for this change: send, and begin a new batch */
};

struct nft_batch;

/* bytes: how large a batch may grow. */
int nft_batch_new(struct nft_batch **ret_batch, size_t bytes) MUST_CHECK;
struct nft_batch *nft_batch_free(struct nft_batch *batch);
/* Forgets what was collected. */
int nft_batch_clear(struct nft_batch *batch) MUST_CHECK;

/*
 * Puts the element into the set of its family with this timeout (USEC_NEVER: none) and comment, whether or
 * not it is there: ADD, DELETE, ADD (FACTS 5.3: neither a missing nor a present element may fail the
 * batch, and before 6.12 adding again refreshes nothing). -ENOMEM.
 */
int nft_batch_put(struct nft_batch *batch, enum nft_set set, const struct prefix *prefix,
		  usec_t timeout, const char *comment) MUST_CHECK;
/* Takes the element out, whether or not it is there. */
int nft_batch_drop(struct nft_batch *batch, enum nft_set set,
		   const struct prefix *prefix) MUST_CHECK;
/* Puts a port into the set gated_ports, likewise. */
int nft_batch_put_port(struct nft_batch *batch, uint16_t port, usec_t timeout) MUST_CHECK;
/* Closes the batch and gives its bytes, valid until the next clear. */
void nft_batch_finish(struct nft_batch *batch, const void **ret_bytes, size_t *ret_size);

/* The request for all elements of a set. Returns its length in bytes; 0: out of memory. */
size_t nft_element_dump_request(uint8_t bytes[static NFT_ELEMENT_DUMP_REQUEST_BYTES],
				const char *set, uint32_t sequence);

struct nft_element {
	uint8_t key[16];
	unsigned key_length;	/* 4 or 16 */
	usec_t timeout, remaining; /* USEC_NEVER: none */
	bool counted; /* it has a counter (or another expression) of its own */
	char comment[NFT_COMMENT_MAX]; /* as found: foreign text; empty if there is none */
};

/* Calls visit for each element of one dump line. -EBADMSG, or what visit returned < 0. */
int nft_element_message_decode(const struct nlmsghdr *nlh,
			       int (*visit)(void *userdata, const struct nft_element *element),
			       void *userdata) MUST_CHECK;
