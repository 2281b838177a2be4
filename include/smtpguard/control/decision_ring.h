/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last decisions, whoever they were about, for the timeline of `explain`: a new one takes the place
 * of the oldest. 184 bytes a decision, 736 KiB in all, allocated once.
 */
#pragma once

#include "smtpguard/policy/guard.h"

#define DECISION_RING_SIZE 4096

struct decision {
	usec_t time;
	const char *because; /* what spared the source, or ended its ban; a constant text or NULL */
	struct prefix prefix;
	uint8_t type;			/* enum decision_type */
	char service[SERVICE_NAME_MAX]; /* empty: none */
	char comment[REASON_COMMENT_MAX];
};

struct decision_ring;

int decision_ring_new(struct decision_ring **ret_ring) MUST_CHECK;
struct decision_ring *decision_ring_free(struct decision_ring *ring);

/* op->type is GUARD_OP_DECISION. */
void decision_ring_add(struct decision_ring *ring, const struct guard_op *op);
/*
 * The newest `max` decisions about the source, or a prefix that contains it or is a part of it, oldest
 * first. Returns how many; they are valid until the next decision.
 */
unsigned decision_ring_find(const struct decision_ring *ring, const struct prefix *source,
			    const struct decision **ret_list, unsigned max);
