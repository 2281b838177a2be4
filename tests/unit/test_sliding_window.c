// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "support.h"

#include "smtpguard/track/sliding_window.h"

#define CHUNK SLIDING_WINDOW_CHUNK_STAMPS

static struct sliding_window_pool *new_pool(uint32_t n_chunks)
{
	struct sliding_window_pool *pool;

	assert_int_equal(sliding_window_pool_new(&pool, n_chunks), 0);
	return pool;
}

static void add(struct sliding_window_pool *pool, struct sliding_window *window, usec_t now,
		uint16_t keep)
{
	assert_int_equal(sliding_window_add(pool, window, now, keep), 0);
}

static void test_edges_of_the_window(void **state UNUSED)
{
	struct sliding_window_pool *pool = new_pool(4);
	struct sliding_window window = { 0 };
	usec_t at = SECONDS(1000), length = SECONDS(300);

	assert_int_equal(sliding_window_count(pool, &window, at, length), 0);
	add(pool, &window, at, 10);
	assert_int_equal(sliding_window_count(pool, &window, at, length), 1);
	assert_int_equal(sliding_window_count(pool, &window, at + length - USEC_PER_MSEC, length), 1);
	/* open at the old end: an event exactly `length` ago is out */
	assert_int_equal(sliding_window_count(pool, &window, at + length, length), 0);
	assert_int_equal(sliding_window_pool_used(pool), 0);
	assert_int_equal(window.head, 0);
	sliding_window_pool_free(pool);
	assert_null(sliding_window_pool_free(NULL));
}

static void test_sliding_not_tumbling(void **state UNUSED)
{
	struct sliding_window_pool *pool = new_pool(4);
	struct sliding_window window = { 0 };
	usec_t length = SECONDS(300);

	/* 6 at the end of one five-minute block, 5 at the beginning of the next */
	for (unsigned i = 0; i < 6; i++)
		add(pool, &window, SECONDS(290) + i * USEC_PER_SEC, 20);
	for (unsigned i = 0; i < 5; i++)
		add(pool, &window, SECONDS(301) + i * USEC_PER_SEC, 20);
	assert_int_equal(sliding_window_count(pool, &window, SECONDS(306), length), 11);
	assert_int_equal(sliding_window_count(pool, &window, SECONDS(590), length), 10);
	assert_int_equal(sliding_window_count(pool, &window, SECONDS(595), length), 5);
	assert_int_equal(sliding_window_count(pool, &window, SECONDS(605), length), 0);
	sliding_window_pool_free(pool);
}

static void test_keep_forgets_the_oldest(void **state UNUSED)
{
	struct sliding_window_pool *pool = new_pool(4);
	struct sliding_window window = { 0 };

	for (unsigned i = 1; i <= 100; i++) {
		add(pool, &window, SECONDS(i), 11);
		assert_int_equal(sliding_window_count(pool, &window, SECONDS(i), SECONDS(1000)),
				 MIN_OF(i, 11u));
		assert_true(sliding_window_pool_used(pool) <= 2);
	}
	/* the eleven that are kept are those of 90 s to 100 s */
	assert_int_equal(sliding_window_count(pool, &window, SECONDS(100), SECONDS(11)), 11);
	assert_int_equal(sliding_window_count(pool, &window, SECONDS(100), SECONDS(10)), 10);
	add(pool, &window, SECONDS(101), 1);
	sliding_window_clear(pool, &window);
	add(pool, &window, SECONDS(102), 1);
	add(pool, &window, SECONDS(103), 1);
	assert_int_equal(sliding_window_count(pool, &window, SECONDS(103), SECONDS(1)), 1);
	assert_int_equal(sliding_window_pool_used(pool), 1);
	sliding_window_pool_free(pool);
}

static void test_chunk_boundaries(void **state UNUSED)
{
	struct sliding_window_pool *pool = new_pool(8);

	for (unsigned n = 1; n <= 4 * CHUNK; n++) {
		struct sliding_window window = { 0 };

		for (unsigned i = 0; i < n; i++)
			add(pool, &window, SECONDS(i), 1000);
		assert_int_equal(sliding_window_pool_used(pool), (n + CHUNK - 1) / CHUNK);
		/* one second older at a time: every offset is once the head */
		for (unsigned i = 0; i <= n; i++)
			assert_int_equal(sliding_window_count(pool, &window, SECONDS(n + i), SECONDS(n + 1)),
					 n - i);
		assert_int_equal(sliding_window_pool_used(pool), 0);
	}
	sliding_window_pool_free(pool);
}

static void test_pool_full(void **state UNUSED)
{
	struct sliding_window_pool *pool = new_pool(2);
	struct sliding_window a = { 0 }, b = { 0 };

	for (unsigned i = 0; i < CHUNK; i++)
		add(pool, &a, SECONDS(1), 1000);
	add(pool, &b, SECONDS(1), 1000);
	assert_int_equal(sliding_window_add(pool, &a, SECONDS(2), 1000), SLIDING_WINDOW_POOL_FULL);
	assert_int_equal(sliding_window_count(pool, &a, SECONDS(2), SECONDS(10)), CHUNK);
	sliding_window_clear(pool, &b);
	assert_int_equal(b.head, 0);
	add(pool, &a, SECONDS(2), 1000);
	assert_int_equal(sliding_window_count(pool, &a, SECONDS(2), SECONDS(10)), CHUNK + 1);
	assert_int_equal(sliding_window_add(pool, &b, SECONDS(2), 1000), SLIDING_WINDOW_POOL_FULL);
	assert_int_equal(sliding_window_count(pool, &b, SECONDS(2), SECONDS(10)), 0);
	sliding_window_clear(pool, &a);
	assert_int_equal(sliding_window_pool_used(pool), 0);
	sliding_window_pool_free(pool);
}

static void test_pool_full_at_keep(void **state UNUSED)
{
	struct sliding_window_pool *pool = new_pool(2);
	struct sliding_window a = { 0 }, b = { 0 };

	for (unsigned i = 0; i < CHUNK; i++)
		add(pool, &a, SECONDS(1), CHUNK);
	add(pool, &b, SECONDS(1), 1);
	/* an event that cannot be recorded must not cost one that was */
	assert_int_equal(sliding_window_add(pool, &a, SECONDS(2), CHUNK), SLIDING_WINDOW_POOL_FULL);
	assert_int_equal(sliding_window_count(pool, &a, SECONDS(2), SECONDS(10)), CHUNK);
	/* the forgotten stamp's own chunk is room enough */
	add(pool, &b, SECONDS(2), 1);
	assert_int_equal(sliding_window_count(pool, &b, SECONDS(2), SECONDS(10)), 1);
	sliding_window_pool_free(pool);
}

static void test_longest_window(void **state UNUSED)
{
	struct sliding_window_pool *pool = new_pool(4);
	struct sliding_window window = { 0 };
	usec_t length = SLIDING_WINDOW_LONGEST, at = SECONDS(5);

	add(pool, &window, at, 10);
	assert_int_equal(sliding_window_count(pool, &window, at + length - USEC_PER_MSEC, length), 1);
	/* the next look may come as late as another whole length */
	assert_int_equal(sliding_window_count(pool, &window, at + 2 * length, length), 0);
	sliding_window_pool_free(pool);
}

/* --- several windows against arrays of stamps --- */

#define WINDOWS 6
#define STAMPS_MAX 4096

struct model {
	usec_t stamps[STAMPS_MAX];
	unsigned count;
};

static void model_forget(struct model *model, unsigned n)
{
	model->count -= n;
	memmove(model->stamps, model->stamps + n, model->count * sizeof(*model->stamps));
}

static unsigned model_count(struct model *model, usec_t now, usec_t length)
{
	unsigned gone = 0;

	while (gone < model->count && model->stamps[gone] + length <= now)
		gone++;
	model_forget(model, gone);
	return model->count;
}

static uint32_t chunks_for(const struct sliding_window *window)
{
	return ((uint32_t)window->head_offset + window->count + CHUNK - 1) / CHUNK;
}

static void random_walk(usec_t now, uint32_t n_chunks)
{
	static const usec_t lengths[WINDOWS] = { 10000, 300000, 1000000, 60000000, 5000, 300000000 };
	static const uint16_t keeps[WINDOWS] = { 1, 11, 15, 16, 101, 1000 };
	static struct model models[WINDOWS];
	struct sliding_window_pool *pool = new_pool(n_chunks);
	struct sliding_window windows[WINDOWS] = { { 0 } };
	unsigned refused = 0;

	memset(models, 0, sizeof(models));
	for (unsigned step = 0; step < 30000; step++) {
		unsigned w = random_below(WINDOWS);
		struct model *model = &models[w];
		uint32_t used = 0;

		/* whole milliseconds: the resolution of the stamps */
		now += (random_bits() % 40 ? random_below(20) : random_below(20000)) * USEC_PER_MSEC;
		if (random_below(3)) {
			int r = sliding_window_add(pool, &windows[w], now, keeps[w]);

			if (r == SLIDING_WINDOW_POOL_FULL) {
				refused++;
			} else {
				if (model->count == keeps[w])
					model_forget(model, 1);
				model->stamps[model->count++] = now;
			}
		}
		if (random_below(200) == 0) {
			sliding_window_clear(pool, &windows[w]);
			model->count = 0;
		}
		assert_int_equal(sliding_window_count(pool, &windows[w], now, lengths[w]),
				 model_count(model, now, lengths[w]));
		for (unsigned i = 0; i < WINDOWS; i++)
			used += chunks_for(&windows[i]);
		assert_int_equal(sliding_window_pool_used(pool), used);
	}
	assert_int_equal(refused > 0, n_chunks < 20);
	for (unsigned w = 0; w < WINDOWS; w++)
		sliding_window_clear(pool, &windows[w]);
	assert_int_equal(sliding_window_pool_used(pool), 0);
	sliding_window_pool_free(pool);
}

static void test_random_against_stamps(void **state UNUSED)
{
	random_walk(0, 200);
}

static void test_random_with_a_small_pool(void **state UNUSED)
{
	random_walk(SECONDS(77), 9);
}

static void test_random_across_the_wrap(void **state UNUSED)
{
	/* the walk takes about four hours: the 32-bit millisecond scale wraps in the middle */
	random_walk(((usec_t)1 << 32) * USEC_PER_MSEC - MINUTES(30), 200);
	random_walk(((usec_t)7 << 32) * USEC_PER_MSEC - MINUTES(30), 9);
}

/* Whatever a window has been through, its copy counts the same from then on. */
static void test_copy(void **state UNUSED)
{
	struct sliding_window_pool *pool = new_pool(100);

	for (unsigned events = 0; events < 80; events++) {
		for (unsigned forgotten = 0; forgotten <= events; forgotten += 7) {
			struct sliding_window_pool *other = new_pool(100);
			struct sliding_window from = { 0 }, to = { 0 };

			for (unsigned i = 0; i < events; i++)
				assert_int_equal(sliding_window_add(pool, &from, SECONDS(i), 1000), 0);
			(void)sliding_window_count(pool, &from, SECONDS(events),
						   SECONDS(events - forgotten) + 1);
			assert_int_equal(sliding_window_copy(pool, &from, other, &to), 0);
			/* as compact as can be */
			assert_int_equal(sliding_window_pool_used(other),
					 (to.count + SLIDING_WINDOW_CHUNK_STAMPS - 1) /
						 SLIDING_WINDOW_CHUNK_STAMPS);
			assert_int_equal(to.count, from.count);
			assert_int_equal(sliding_window_add(other, &to, SECONDS(events), 1000), 0);
			assert_int_equal(sliding_window_add(pool, &from, SECONDS(events), 1000), 0);
			for (unsigned age = events + 1; age > 0; age -= (age + 1) / 2)
				assert_int_equal(sliding_window_count(other, &to, SECONDS(events),
								      SECONDS(age)),
						 sliding_window_count(pool, &from, SECONDS(events),
								      SECONDS(age)));
			sliding_window_clear(pool, &from);
			sliding_window_clear(other, &to);
			assert_int_equal(sliding_window_pool_used(other), 0);
			sliding_window_pool_free(other);
		}
	}
	assert_int_equal(sliding_window_pool_used(pool), 0);
	sliding_window_pool_free(pool);
}

static void test_copy_into_a_small_pool(void **state UNUSED)
{
	struct sliding_window_pool *pool = new_pool(10), *small = new_pool(1);
	struct sliding_window from = { 0 }, to = { 0 };

	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(sliding_window_add(pool, &from, SECONDS(i), 1000), 0);
	assert_int_equal(sliding_window_copy(pool, &from, small, &to), SLIDING_WINDOW_POOL_FULL);
	/* what is there is right, the newest are missing */
	assert_int_equal(sliding_window_count(small, &to, SECONDS(20), SECONDS(30)),
			 SLIDING_WINDOW_CHUNK_STAMPS);
	assert_int_equal(sliding_window_count(small, &to, SECONDS(20), SECONDS(7)), 1);
	sliding_window_pool_free(pool);
	sliding_window_pool_free(small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges_of_the_window),
		cmocka_unit_test(test_sliding_not_tumbling),
		cmocka_unit_test(test_keep_forgets_the_oldest),
		cmocka_unit_test(test_chunk_boundaries),
		cmocka_unit_test(test_pool_full),
		cmocka_unit_test(test_pool_full_at_keep),
		cmocka_unit_test(test_longest_window),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_copy_into_a_small_pool),
		cmocka_unit_test(test_random_against_stamps),
		cmocka_unit_test(test_random_with_a_small_pool),
		cmocka_unit_test(test_random_across_the_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
