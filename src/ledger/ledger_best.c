// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger_best_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- orders; complete ones, so that the same question has the same answer --- */

static int higher_first(uint64_t a, uint64_t b)
{
	return a > b ? -1 : a < b;
}

static int compare_places(const struct store_place *a, const struct store_place *b)
{
	int order = memcmp(a->bytes, b->bytes, MIN_OF(a->n, b->n));

	return order ? order : a->n - b->n;
}

static int compare_keys(const struct tally_group *a, const struct tally_group *b)
{
	int order = higher_first(a->day, b->day);

	if (order == 0)
		order = higher_first((uint64_t)b->account, (uint64_t)a->account);
	return order ? order : compare_places(&a->place, &b->place);
}

int best_by_failures(const void *a, const void *b)
{
	const struct tally_group *x = a, *y = b;
	int order = higher_first(x->numbers[MAIL_FACT_AUTH_FAILURE],
				 y->numbers[MAIL_FACT_AUTH_FAILURE]);

	return order ? order : compare_keys(x, y);
}

int best_by_day(const void *a, const void *b)
{
	return compare_keys(a, b);
}

static uint64_t uses(const struct tally_group *group)
{
	return group->messages + group->numbers[MAIL_FACT_AUTH_SUCCESS];
}

int best_by_networks(const void *a, const void *b)
{
	const struct tally_group *x = a, *y = b;
	int order = higher_first(x->networks, y->networks);

	if (order == 0)
		order = higher_first(x->addresses, y->addresses);
	if (order == 0)
		order = higher_first(uses(x), uses(y));
	return order ? order : compare_keys(x, y);
}

int best_by_time(const void *a, const void *b)
{
	const struct tally_group *x = a, *y = b;
	int order = higher_first(x->last, y->last);

	return order ? order : compare_keys(x, y);
}

static int by_place(const void *a, const void *b)
{
	const struct tally_group *x = a, *y = b;

	return compare_places(&x->place, &y->place);
}

static int by_use(const void *a, const void *b)
{
	const struct tally_group *x = a, *y = b;
	int order = higher_first(uses(x), uses(y));

	if (order == 0)
		order = higher_first(x->last, y->last);
	return order ? order : compare_keys(x, y);
}

/* --- the first ones --- */

static void cut(struct best *best)
{
	qsort(best->rows, best->n, sizeof(*best->rows), best->compare);
	while (best->n > best->limit)
		free(best->rows[--best->n].shown);
	best->is_cut = best->n == best->limit;
}

void best_sort(struct best *best)
{
	if (best->n)
		cut(best);
}

void best_done(struct best *best)
{
	while (best->n)
		free(best->rows[--best->n].shown);
	free(best->rows);
	best->rows = NULL;
	best->room = 0;
}

bool best_wants(const struct best *best, const struct tally_group *group)
{
	return !best->is_cut || best->compare(group, &best->rows[best->limit - 1]) < 0;
}

static int grow(struct best *best)
{
	size_t room = MIN_OF(best->room ? 2 * best->room : 64, 2 * best->limit);
	struct best_row *rows = reallocarray(best->rows, room, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	best->rows = rows;
	best->room = room;
	return 0;
}

int best_offer(struct best *best, const struct best_row *row)
{
	if (!best_wants(best, &row->group)) {
		free(row->shown);
		return 0;
	}
	if (best->n == 2 * best->limit)
		cut(best);
	if (best->n == best->room && grow(best) < 0) {
		free(row->shown);
		return -ENOMEM;
	}
	best->rows[best->n++] = *row;
	return 0;
}

/* --- accounts --- */

static uint32_t count32(uint64_t n)
{
	return (uint32_t)MIN_OF(n, (uint64_t)UINT32_MAX);
}

static int show_addresses(struct best_row *row, struct tally_group *groups, size_t n)
{
	row->shown = calloc(LEDGER_ADDRESSES_SHOWN, sizeof(*row->shown));
	if (!row->shown)
		return -ENOMEM;
	qsort(groups, n, sizeof(*groups), by_use);
	for (size_t i = 0; i < n && row->n_shown < LEDGER_ADDRESSES_SHOWN; i++) {
		struct ledger_account_address *shown = &row->shown[row->n_shown];

		if (!store_place_address(groups[i].place.bytes, groups[i].place.n, &shown->address))
			continue;
		shown->messages = count32(groups[i].messages);
		shown->logins = count32(groups[i].numbers[MAIL_FACT_AUTH_SUCCESS]);
		shown->first = groups[i].first * USEC_PER_SEC;
		shown->last = groups[i].last * USEC_PER_SEC;
		row->n_shown++;
	}
	return 0;
}

/* Sorted by place: addresses of one network follow each other. */
static void add_up(struct tally_group *all, struct tally_group *groups, size_t n)
{
	const struct store_place *before = NULL;

	qsort(groups, n, sizeof(*groups), by_place);
	*all = (struct tally_group){ .account = groups->account,
				     .accounts = 1,
				     .first = groups->first };
	for (size_t i = 0; i < n; i++) {
		const struct tally_group *group = &groups[i];

		all->messages += group->messages;
		all->numbers[MAIL_FACT_AUTH_SUCCESS] += group->numbers[MAIL_FACT_AUTH_SUCCESS];
		all->first = MIN_OF(all->first, group->first);
		all->last = MAX_OF(all->last, group->last);
		if (!group->place.n)
			continue;
		all->addresses++;
		if (!before || memcmp(before->bytes, group->place.bytes,
				      store_place_network_bytes(group->place.bytes)))
			all->networks++;
		before = &group->place;
	}
}

int best_offer_account(struct best *best, struct tally_group *groups, size_t n,
		       uint32_t min_networks, uint64_t *total)
{
	struct best_row row = { .shown = NULL };

	add_up(&row.group, groups, n);
	if (row.group.networks < min_networks)
		return 0;
	++*total;
	if (!best_wants(best, &row.group))
		return 0;
	if (show_addresses(&row, groups, n) < 0)
		return -ENOMEM;
	return best_offer(best, &row);
}
