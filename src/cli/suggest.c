// SPDX-License-Identifier: GPL-2.0-or-later
#include "suggest_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "smtpguard/base/compiler.h"

/* At most one source in so many stands out; more of them are what is normal here. */
#define OUTLIERS_ONE_IN 10
/* Where the peak doubles from one source to the next, the next one is of another kind. */
#define GAP_RATIO 2
#define GAP_MIN	  3
#define LIMIT_MIN 3

static int compare(const void *a, const void *b)
{
	const struct suggest_peak *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

static struct suggest_row row_of(const struct suggest_inputs *inputs, uint32_t limit)
{
	struct suggest_row row = { .limit = limit };

	for (size_t i = inputs->n; i > 0 && inputs->peaks[i - 1].value > limit; i--) {
		row.caught++;
		row.verified += inputs->peaks[i - 1].verified;
	}
	return row;
}

/* The limit does not apply to this one. */
static bool is_spared(const struct suggest_inputs *inputs, const struct suggest_peak *peak)
{
	return inputs->spares_verified && peak->verified;
}

/* The next lower one that the limit applies to; inputs->n: none. */
static size_t lower(const struct suggest_inputs *inputs, size_t i)
{
	while (i > 0)
		if (!is_spared(inputs, &inputs->peaks[--i]))
			return i;
	return inputs->n;
}

static uint32_t with_room(uint32_t peak, uint32_t divisor)
{
	return MAX_OF(peak + MAX_OF(peak / divisor, 2u), (uint32_t)LIMIT_MIN);
}

/* The widest step up among the highest peaks. Gives the peaks on both sides of it. */
static bool find_gap(const struct suggest_inputs *inputs, uint32_t *ret_normal,
		     uint32_t *ret_outlier)
{
	size_t most = inputs->n / OUTLIERS_ONE_IN, above = 0;
	size_t high = lower(inputs, inputs->n), low;
	double widest = 0;

	for (; high < inputs->n && above < most; high = low) {
		uint32_t outlier = inputs->peaks[high].value, normal;

		/* a verified source that the limit applies to is not what it is meant for */
		low = inputs->peaks[high].verified ? inputs->n : lower(inputs, high);
		if (low == inputs->n)
			break;
		above++;
		normal = MAX_OF(inputs->peaks[low].value, 1u);
		if (outlier < GAP_RATIO * normal || outlier < normal + GAP_MIN ||
		    (double)outlier / normal <= widest)
			continue;
		widest = (double)outlier / normal;
		*ret_normal = inputs->peaks[low].value;
		*ret_outlier = outlier;
	}
	return widest > 0;
}

/*
 * Bans cut the peaks off. Where somebody went far beyond the limit all the same, it was not
 * enforced then.
 */
static bool is_cut_off(const struct suggest_inputs *inputs)
{
	size_t top = lower(inputs, inputs->n);

	return inputs->enforced && inputs->present && top < inputs->n &&
	       inputs->peaks[top].value > inputs->present &&
	       inputs->peaks[top].value <= GAP_RATIO * inputs->present;
}

/* How many the present limit catches, and the highest peak that it does not. */
static size_t caught_now(const struct suggest_inputs *inputs, uint32_t *ret_highest)
{
	size_t caught = 0;

	*ret_highest = 0;
	for (size_t i = 0; i < inputs->n; i++) {
		if (is_spared(inputs, &inputs->peaks[i]))
			continue;
		if (inputs->peaks[i].value > inputs->present)
			caught++;
		else
			*ret_highest = inputs->peaks[i].value;
	}
	return caught;
}

/* The peaks of banned sources end at the limit: there is no gap to be seen above it. */
static void suggest_enforced(const struct suggest_inputs *inputs, struct suggestion *suggestion,
			     size_t caught, uint32_t highest)
{
	uint32_t limit = with_room(highest, 4);

	if (caught * OUTLIERS_ONE_IN > inputs->n) {
		snprintf(suggestion->reason, sizeof(suggestion->reason),
			 "the present limit of %u catches %zu of %zu sources, too many to be "
			 "exceptions: let the service observe for some days and look again",
			 inputs->present, caught, inputs->n);
		return;
	}
	suggestion->limit = MIN_OF(limit, inputs->present);
	if (limit <= inputs->present)
		snprintf(
			suggestion->reason, sizeof(suggestion->reason),
			"sources that were not banned reached %u at most, %zu were banned above %u",
			highest, caught, inputs->present);
	else
		snprintf(suggestion->reason, sizeof(suggestion->reason),
			 "%zu were banned above %u, but others come near it (%u): how far normal "
			 "sources go shows when the service observes for some days",
			 caught, inputs->present, highest);
}

static void suggest_seen(const struct suggest_inputs *inputs, struct suggestion *suggestion)
{
	size_t top = lower(inputs, inputs->n);
	uint32_t normal = 0, outlier = 0;

	if (find_gap(inputs, &normal, &outlier)) {
		suggestion->limit = MIN_OF(with_room(normal, 4), outlier - 1);
		snprintf(suggestion->reason, sizeof(suggestion->reason),
			 "normal sources reached %u at most, those that stand out %u and more",
			 normal, outlier);
		return;
	}
	normal = top < inputs->n ? inputs->peaks[top].value : 0;
	suggestion->limit = with_room(normal, 2);
	snprintf(suggestion->reason, sizeof(suggestion->reason),
		 "no source stands out: the highest peak is %u, and a limit well above it only "
		 "meets "
		 "what was not seen yet",
		 normal);
}

static void add_row(struct suggestion *suggestion, const struct suggest_row *row)
{
	unsigned at = suggestion->n_rows;

	for (unsigned i = 0; i < suggestion->n_rows; i++)
		if (suggestion->rows[i].limit == row->limit)
			return;
	if (at == SUGGEST_ROWS_MAX)
		return;
	for (; at > 0 && suggestion->rows[at - 1].limit > row->limit; at--)
		suggestion->rows[at] = suggestion->rows[at - 1];
	suggestion->rows[at] = *row;
	suggestion->n_rows++;
}

/* Round limits that catch somebody, but not half of all. */
static void fill_rows(const struct suggest_inputs *inputs, struct suggestion *suggestion)
{
	static const uint32_t round[] = { 3,	5,    8,    10,	  15,	20,   30,  40,
					  50,	75,   100,  150,  200,	300,  500, 750,
					  1000, 1500, 2000, 3000, 5000, 10000 };

	if (inputs->present)
		add_row(suggestion, &suggestion->present);
	if (suggestion->limit)
		add_row(suggestion, &suggestion->suggested);
	for (size_t i = 0; i < ARRAY_SIZE(round); i++) {
		const struct suggest_row row = row_of(inputs, round[i]);

		if (row.caught * 2 <= inputs->n)
			add_row(suggestion, &row);
		if (row.caught == 0)
			break;
	}
}

void suggest(struct suggest_inputs *inputs, struct suggestion *ret_suggestion)
{
	struct suggestion suggestion = { .limit = 0 };
	uint32_t highest;
	size_t caught;

	if (inputs->n)
		qsort(inputs->peaks, inputs->n, sizeof(*inputs->peaks), compare);
	caught = caught_now(inputs, &highest);
	if (inputs->n < SUGGEST_SOURCES_MIN || inputs->days < SUGGEST_DAYS_MIN)
		snprintf(
			suggestion.reason, sizeof(suggestion.reason),
			"too little is recorded to suggest a limit: %zu sources on %u days, wanted "
			"are %d on %d",
			inputs->n, inputs->days, SUGGEST_SOURCES_MIN, SUGGEST_DAYS_MIN);
	else if (is_cut_off(inputs))
		suggest_enforced(inputs, &suggestion, caught, highest);
	else
		suggest_seen(inputs, &suggestion);
	if (inputs->present)
		suggestion.present = row_of(inputs, inputs->present);
	if (suggestion.limit)
		suggestion.suggested = row_of(inputs, suggestion.limit);
	fill_rows(inputs, &suggestion);
	*ret_suggestion = suggestion;
}
