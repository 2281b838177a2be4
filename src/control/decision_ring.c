// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/control/decision_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct decision_ring {
	uint64_t added; /* the next one's place is added % DECISION_RING_SIZE */
	struct decision decisions[DECISION_RING_SIZE];
};

int decision_ring_new(struct decision_ring **ret_ring)
{
	struct decision_ring *ring = calloc(1, sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	*ret_ring = ring;
	return 0;
}

struct decision_ring *decision_ring_free(struct decision_ring *ring)
{
	free(ring);
	return NULL;
}

void decision_ring_add(struct decision_ring *ring, const struct guard_op *op)
{
	struct decision *decision = &ring->decisions[ring->added++ % DECISION_RING_SIZE];

	decision->time = op->now;
	decision->because = op->because;
	decision->prefix = op->prefix;
	decision->type = (uint8_t)op->decision;
	memcpy(decision->service, op->reason->service, sizeof(decision->service));
	reason_format(op->reason, decision->comment);
}

static bool concerns(const struct decision *decision, const struct prefix *source)
{
	return prefix_contains(&decision->prefix, &source->address) ||
	       prefix_contains(source, &decision->prefix.address);
}

unsigned decision_ring_find(const struct decision_ring *ring, const struct prefix *source,
			    const struct decision **ret_list, unsigned max)
{
	uint64_t kept = ring->added < DECISION_RING_SIZE ? ring->added : DECISION_RING_SIZE;
	unsigned n = 0;

	for (uint64_t i = 1; i <= kept && n < max; i++) {
		const struct decision *decision =
			&ring->decisions[(ring->added - i) % DECISION_RING_SIZE];

		if (concerns(decision, source))
			ret_list[n++] = decision;
	}
	/* found newest first */
	for (unsigned i = 0; i < n / 2; i++) {
		const struct decision *other = ret_list[i];

		ret_list[i] = ret_list[n - 1 - i];
		ret_list[n - 1 - i] = other;
	}
	return n;
}
