/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of a source's name (SPEC 5), and the answer of the resolver worker as a plain struct.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "smtpguard/base/address.h"
#include "smtpguard/base/clock.h"

#define PTR_NAMES_MAX 4
#define PTR_NAME_TEXT_MAX 256 /* escaped, with the final NUL */
#define PTR_ADDRESSES_MAX 4

enum ptr_state {
	PTR_STATE_UNKNOWN, /* not asked, in progress, or our resolver is not healthy */
	PTR_STATE_VERIFIED,
	PTR_STATE_MISMATCH,
	PTR_STATE_NONE,
	PTR_STATE_UNVERIFIABLE,
	PTR_STATES
};

/* "unknown" "verified" "mismatch" "none" "unverifiable" */
const char *ptr_state_name(enum ptr_state state);

/* How one lookup ended. ANSWER_FAILED: no authoritative answer (timeout, SERVFAIL, REFUSED, garbage). */
enum name_answer_result {
	NAME_ANSWER_VERIFIED,
	NAME_ANSWER_MISMATCH,
	NAME_ANSWER_NONE,
	NAME_ANSWER_FAILED,
	NAME_ANSWER_RESULTS
};

struct name_answer {
	struct address address;
	enum name_answer_result result;
	/*
	 * The worker's test of the resolver itself, sent with a failed answer: whether a question that
	 * every working resolver answers was answered (SPEC 5: "although the resolver is healthy").
	 */
	bool resolver_healthy;
	usec_t ttl; /* smallest of the records used; not yet clamped */
	unsigned n_names;
	char names[PTR_NAMES_MAX][PTR_NAME_TEXT_MAX]; /* escaped by the worker's codec; the
							  verified one first */
	/* What the names resolved to: of a verified name, the address itself first, or whatever was heard. */
	unsigned n_addresses;
	struct address addresses[PTR_ADDRESSES_MAX];
};
