// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/nameser.h>
#include <stdlib.h>

#include "worker_priv.h"

#define INTERVAL USEC_PER_SEC

/* c-ares cannot take back one question: out of time, it stays there with `canary` NULL. */
struct canary_query {
	struct canary *canary;
};

static void conclude(struct canary *canary, bool healthy)
{
	if (canary->query)
		canary->query->canary = NULL;
	canary->query = NULL;
	canary->healthy = healthy;
	canary->concluded(canary->userdata, healthy);
}

static void on_soa(void *userdata, int status, int timeouts UNUSED, unsigned char *message UNUSED,
		   int size UNUSED)
{
	struct canary_query *query = userdata;

	if (query->canary)
		conclude(query->canary, answer_is_conclusive(status));
	free(query);
}

void canary_ask(struct canary *canary, ares_channel channel, usec_t now)
{
	if (canary->query)
		return;
	if (canary->started && now - canary->started < INTERVAL) {
		conclude(canary, canary->healthy);
		return;
	}
	canary->query = calloc(1, sizeof(*canary->query));
	if (!canary->query) {
		conclude(canary, false);
		return;
	}
	canary->query->canary = canary;
	canary->started = now;
	ares_query(channel, canary->name, ns_c_in, ns_t_soa, on_soa, canary->query);
}

void canary_forget(struct canary *canary)
{
	canary->started = 0;
}

usec_t canary_next(const struct canary *canary)
{
	return canary->query ? canary->started + canary->deadline : USEC_NEVER;
}

void canary_expire(struct canary *canary, usec_t now)
{
	if (canary_next(canary) <= now)
		conclude(canary, false);
}
