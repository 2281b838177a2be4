// SPDX-License-Identifier: GPL-2.0-or-later
/* Which limit recorded peaks suggest. */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "smtpguard/base/compiler.h"

#include "src/cli/suggest_priv.h"

#define PEAKS_MAX 256

struct world {
	struct suggest_peak peaks[PEAKS_MAX];
	struct suggest_inputs inputs;
};

/* Backwards: the order they come in does not matter. */
static void add(struct world *world, size_t n, uint32_t value, bool verified)
{
	world->inputs.peaks = world->peaks;
	memmove(world->peaks + n, world->peaks, world->inputs.n * sizeof(*world->peaks));
	for (size_t i = 0; i < n; i++)
		world->peaks[i] = (struct suggest_peak){ .value = value, .verified = verified };
	world->inputs.n += n;
}

static struct suggestion ask(struct world *world)
{
	struct suggestion suggestion;

	suggest(&world->inputs, &suggestion);
	assert_true(suggestion.reason[0] != '\0');
	for (unsigned i = 1; i < suggestion.n_rows; i++) {
		assert_true(suggestion.rows[i].limit > suggestion.rows[i - 1].limit);
		assert_true(suggestion.rows[i].caught <= suggestion.rows[i - 1].caught);
		assert_true(suggestion.rows[i].verified <= suggestion.rows[i].caught);
	}
	return suggestion;
}

static void test_between_normal_and_outliers(void **state UNUSED)
{
	struct world world = { .inputs = { .days = 7, .present = 10 } };
	struct suggestion suggestion;

	add(&world, 60, 2, false);
	add(&world, 35, 8, true);
	add(&world, 5, 40, false);
	suggestion = ask(&world);
	assert_in_range(suggestion.limit, 9, 39);
	assert_int_equal(suggestion.suggested.caught, 5);
	assert_int_equal(suggestion.suggested.verified, 0);
	assert_int_equal(suggestion.present.caught, 5);
	assert_non_null(strstr(suggestion.reason, "reached 8 at most"));
	assert_non_null(strstr(suggestion.reason, "stand out 40"));
}

static void test_nobody_stands_out(void **state UNUSED)
{
	struct world world = { .inputs = { .days = 7, .present = 0 } };
	struct suggestion suggestion;

	add(&world, 50, 6, false);
	add(&world, 50, 9, false);
	suggestion = ask(&world);
	assert_true(suggestion.limit > 9);
	assert_int_equal(suggestion.suggested.caught, 0);
	assert_int_equal(suggestion.present.limit, 0);
	assert_non_null(strstr(suggestion.reason, "no source stands out"));
}

/* A verified source is what the limit should not meet, unless it is spared anyway. */
static void test_verified_sources(void **state UNUSED)
{
	struct world world = { .inputs = { .days = 7, .present = 10 } };
	struct suggestion suggestion;

	add(&world, 95, 4, false);
	add(&world, 1, 30, true);
	suggestion = ask(&world);
	assert_true(suggestion.limit > 30);
	world.inputs.spares_verified = true;
	suggestion = ask(&world);
	assert_true(suggestion.limit < 10);
	assert_int_equal(suggestion.suggested.caught, 1);
	assert_int_equal(suggestion.suggested.verified, 1);
}

/* Too many to be exceptions are what is normal. */
static void test_a_crowd_is_normal(void **state UNUSED)
{
	struct world world = { .inputs = { .days = 7, .present = 100 } };

	add(&world, 60, 2, false);
	add(&world, 40, 20, false);
	assert_true(ask(&world).limit > 20);
}

/* Where bans cut the peaks off, the limit is not put higher than it is. */
static void test_enforced(void **state UNUSED)
{
	struct world world = { .inputs = { .days = 7, .present = 10, .enforced = true } };
	struct suggestion suggestion;

	add(&world, 95, 4, false);
	add(&world, 5, 11, false);
	suggestion = ask(&world);
	assert_in_range(suggestion.limit, 5, 10);
	add(&world, 3, 10, false);
	suggestion = ask(&world);
	assert_int_equal(suggestion.limit, 10);
	assert_non_null(strstr(suggestion.reason, "observes"));
	/* a limit that catches one in five is no limit to be kept */
	add(&world, 20, 12, false);
	suggestion = ask(&world);
	assert_int_equal(suggestion.limit, 0);
	assert_non_null(strstr(suggestion.reason, "too many"));
	assert_int_equal(suggestion.present.caught, 25);
	/* far beyond the limit: it was not enforced then */
	add(&world, 1, 200, false);
	assert_true(ask(&world).limit > 12);
}

static void test_too_little(void **state UNUSED)
{
	struct world world = { .inputs = { .days = 7, .present = 10 } };

	assert_int_equal(ask(&world).limit, 0);
	add(&world, SUGGEST_SOURCES_MIN - 1, 5, false);
	assert_int_equal(ask(&world).limit, 0);
	add(&world, 1, 5, false);
	assert_int_not_equal(ask(&world).limit, 0);
	world.inputs.days = SUGGEST_DAYS_MIN - 1;
	assert_int_equal(ask(&world).limit, 0);
	assert_non_null(strstr(ask(&world).reason, "too little"));
}

/* Any peaks: a suggestion never catches one in ten, and there is room for all rows. */
static void test_random(void **state UNUSED)
{
	srandom(1);
	for (int round = 0; round < 2000; round++) {
		struct world world = { .inputs = { .days = 2, .present = (uint32_t)random() % 30 } };
		size_t n = SUGGEST_SOURCES_MIN + (size_t)random() % (PEAKS_MAX - SUGGEST_SOURCES_MIN);
		struct suggestion suggestion;

		world.inputs.enforced = random() % 2;
		for (size_t i = 0; i < n; i++)
			add(&world, 1, (uint32_t)(random() % 20 ? random() % 8 : random() % 2000),
			    random() % 3 == 0);
		suggestion = ask(&world);
		assert_true(suggestion.n_rows <= SUGGEST_ROWS_MAX);
		if (suggestion.limit)
			assert_true(suggestion.suggested.caught * 10 <= n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_between_normal_and_outliers),
		cmocka_unit_test(test_nobody_stands_out),
		cmocka_unit_test(test_verified_sources),
		cmocka_unit_test(test_a_crowd_is_normal),
		cmocka_unit_test(test_enforced),
		cmocka_unit_test(test_too_little),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
