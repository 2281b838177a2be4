/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counts events in a true sliding window: sliding_window_count() is exactly the number of events in
 * (now - length, now], as long as no more than `keep` of them are asked for. Each window is a list of
 * time stamps (milliseconds) in chunks of 64 bytes from one bounded pool, so quiet windows cost nothing
 * and a busy one costs 4 bytes an event.
 *
 * Windows longer than SLIDING_WINDOW_LONGEST cannot be counted (stamps are 32 bits); a window must be
 * counted or cleared at least that often. now must not go backwards.
 */
#pragma once

#include <stdint.h>

#include "smtpguard/base/clock.h"
#include "smtpguard/base/compiler.h"

#define SLIDING_WINDOW_LONGEST (20 * 86400 * USEC_PER_SEC)
#define SLIDING_WINDOW_CHUNK_STAMPS 15

enum {
	SLIDING_WINDOW_POOL_FULL = 1, /* the event was not recorded */
};

struct sliding_window_pool;

/* All zero: an empty window. No resources outside its pool. */
struct sliding_window {
	uint32_t head, tail; /* chunk number + 1; 0 = none */
	uint16_t head_offset;
	uint16_t count;
};

int sliding_window_pool_new(struct sliding_window_pool **ret_pool, uint32_t n_chunks) MUST_CHECK;
struct sliding_window_pool *sliding_window_pool_free(struct sliding_window_pool *pool);
uint32_t sliding_window_pool_used(const struct sliding_window_pool *pool);

/* Records an event at now. With `keep` (1..65520) stamps present the oldest one is forgotten. */
int sliding_window_add(struct sliding_window_pool *pool, struct sliding_window *window, usec_t now,
		       uint16_t keep) MUST_CHECK;
/* Events in (now - length, now]; forgets older ones. */
uint32_t sliding_window_count(struct sliding_window_pool *pool, struct sliding_window *window,
			      usec_t now, usec_t length);
/* Adds the stamps of one window to another, empty one of another pool. POOL_FULL: the newest are missing. */
int sliding_window_copy(const struct sliding_window_pool *from_pool,
			const struct sliding_window *from, struct sliding_window_pool *to_pool,
			struct sliding_window *to) MUST_CHECK;
void sliding_window_clear(struct sliding_window_pool *pool, struct sliding_window *window);
