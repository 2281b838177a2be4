// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/track/sliding_window.h"

#include <errno.h>
#include <stdbool.h>
#include <stdbool.h>
#include <stdlib.h>

struct chunk {
	uint32_t next; /* chunk number + 1 */
	uint32_t stamp_ms[SLIDING_WINDOW_CHUNK_STAMPS];
};

struct sliding_window_pool {
	struct chunk *chunks;
	uint32_t n_chunks, used_end, free_head, in_use;
};

int sliding_window_pool_new(struct sliding_window_pool **ret_pool, uint32_t n_chunks)
{
	struct sliding_window_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	pool->chunks = calloc(n_chunks, sizeof(*pool->chunks));
	if (!pool->chunks) {
		free(pool);
		return -ENOMEM;
	}
	pool->n_chunks = n_chunks;
	*ret_pool = pool;
	return 0;
}

struct sliding_window_pool *sliding_window_pool_free(struct sliding_window_pool *pool)
{
	if (pool) {
		free(pool->chunks);
		free(pool);
	}
	return NULL;
}

uint32_t sliding_window_pool_used(const struct sliding_window_pool *pool)
{
	return pool->in_use;
}

static struct chunk *chunk_at(struct sliding_window_pool *pool, uint32_t number)
{
	return &pool->chunks[number - 1];
}

static uint32_t take_chunk(struct sliding_window_pool *pool)
{
	uint32_t number = 0;

	if (pool->free_head) {
		number = pool->free_head;
		pool->free_head = chunk_at(pool, number)->next;
	} else if (pool->used_end < pool->n_chunks) {
		number = ++pool->used_end;
	}
	if (number) {
		chunk_at(pool, number)->next = 0;
		pool->in_use++;
	}
	return number;
}

static void free_head_chunk(struct sliding_window_pool *pool, struct sliding_window *window)
{
	uint32_t number = window->head;

	window->head = chunk_at(pool, number)->next;
	if (!window->head)
		window->tail = 0;
	window->head_offset = 0;
	chunk_at(pool, number)->next = pool->free_head;
	pool->free_head = number;
	pool->in_use--;
}

static void forget_oldest(struct sliding_window_pool *pool, struct sliding_window *window)
{
	window->count--;
	if (++window->head_offset == SLIDING_WINDOW_CHUNK_STAMPS || window->count == 0)
		free_head_chunk(pool, window);
}

static int append_stamp(struct sliding_window_pool *pool, struct sliding_window *window, uint32_t stamp)
{
	unsigned offset = ((unsigned)window->head_offset + window->count) % SLIDING_WINDOW_CHUNK_STAMPS;

	if (offset == 0 || window->count == 0) {
		uint32_t number = take_chunk(pool);

		if (!number)
			return SLIDING_WINDOW_POOL_FULL;
		if (window->tail)
			chunk_at(pool, window->tail)->next = number;
		else
			window->head = number;
		window->tail = number;
		offset = 0;
	}
	chunk_at(pool, window->tail)->stamp_ms[offset] = stamp;
	window->count++;
	return 0;
}

int sliding_window_add(struct sliding_window_pool *pool, struct sliding_window *window, usec_t now,
		       uint16_t keep)
{
	bool forgot = window->count >= keep;
	int r;

	if (forgot)
		forget_oldest(pool, window);
	r = append_stamp(pool, window, (uint32_t)(now / USEC_PER_MSEC));
	if (r == SLIDING_WINDOW_POOL_FULL && forgot) {
		/* no chunk is free, so forgetting freed none: the stamp is still there */
		window->head_offset--;
		window->count++;
	}
	return r;
}

int sliding_window_copy(const struct sliding_window_pool *from_pool,
			const struct sliding_window *from, struct sliding_window_pool *to_pool,
			struct sliding_window *to)
{
	uint32_t number = from->head, offset = from->head_offset;

	for (unsigned i = 0; i < from->count; i++) {
		const struct chunk *chunk = &from_pool->chunks[number - 1];
		int r = append_stamp(to_pool, to, chunk->stamp_ms[offset]);

		if (r)
			return r;
		if (++offset == SLIDING_WINDOW_CHUNK_STAMPS) {
			offset = 0;
			number = chunk->next;
		}
	}
	return 0;
}

uint32_t sliding_window_count(struct sliding_window_pool *pool, struct sliding_window *window,
			      usec_t now, usec_t length)
{
	uint32_t now_ms = (uint32_t)(now / USEC_PER_MSEC);
	uint32_t length_ms = (uint32_t)(length / USEC_PER_MSEC);

	while (window->count) {
		uint32_t stamp = chunk_at(pool, window->head)->stamp_ms[window->head_offset];

		/* unsigned difference: right across the wrap of the 32-bit scale */
		if (now_ms - stamp < length_ms)
			break;
		forget_oldest(pool, window);
	}
	return window->count;
}

void sliding_window_clear(struct sliding_window_pool *pool, struct sliding_window *window)
{
	while (window->head)
		free_head_chunk(pool, window);
	*window = (struct sliding_window){ 0 };
}
