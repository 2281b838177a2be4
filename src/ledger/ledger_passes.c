// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger_asking_priv.h"

#include <stdlib.h>

#define WIDTH_AT_FIRST 64 /* accounts in a pass */
/* Groups and different ones in a pass: with more of them they do not stay in the processor's cache.
 */
#define COSY	  32768
#define PARTS_MAX 4096
#define DAY_MAX	  99991231

bool asking_accounts(const struct asking *asking)
{
	return asking->query->subject == LEDGER_ACCOUNTS && !asking->query->has_source;
}

int asking_no_memory(struct asking *asking)
{
	return store_failed(asking->store, SQLITE_NOMEM);
}

/* --- rows --- */

/* The first one from *day on; 0: none. */
static int find_day(struct asking *asking, unsigned kind, uint32_t *day)
{
	struct store_binding binding = store_bind(asking->store, STORE_FIND_DAY);
	int64_t found = 0;
	int r;

	store_bind_number(&binding, kind);
	store_bind_number(&binding, *day);
	store_bind_number(&binding, DAY_MAX);
	r = store_run_numbers(asking->store, &binding, &found, NULL);
	*day = found >= *day && found <= DAY_MAX ? (uint32_t)found : 0;
	return r;
}

/* The days that have sums of the kind. */
int asking_find_days(struct asking *asking, unsigned kind)
{
	struct asking_days *days = &asking->days[kind];
	uint32_t *grown, day;
	int r;

	for (day = MAX_OF(asking->first_day, 1u);; day++) {
		r = find_day(asking, kind, &day);
		if (r || !day)
			return r;
		if ((days->n & (days->n - 1)) == 0) {
			grown = reallocarray(days->days, days->n ? 2 * days->n : 1, sizeof(*grown));
			if (!grown)
				return asking_no_memory(asking);
			days->days = grown;
		}
		days->days[days->n++] = day;
	}
}

static int scan_day(struct asking *asking, unsigned kind, uint32_t day, int64_t first, int64_t last)
{
	struct store_binding binding =
		store_bind(asking->store, asking->has_span ? STORE_SUMS_SPAN : STORE_SUMS);
	int64_t nothing;

	asking->tally.kind = (enum mail_fact_kind)kind;
	asking->tally.day = day;
	store_bind_number(&binding, kind);
	store_bind_number(&binding, day);
	store_bind_number(&binding, (uint64_t)first);
	store_bind_number(&binding, (uint64_t)last);
	if (asking->has_span) {
		store_bind_place(&binding, &asking->span.first);
		store_bind_place(&binding, &asking->span.last);
	}
	return store_run_numbers(asking->store, &binding, &nothing, NULL);
}

int asking_scan(struct asking *asking, unsigned kinds, int64_t first, int64_t last)
{
	int r = 0;

	for (unsigned kind = 0; kind < MAIL_FACT_KINDS; kind++) {
		const struct asking_days *days = &asking->days[kind];

		if (!(kinds & 1u << kind))
			continue;
		for (size_t i = 0; i < days->n && r == 0 && !asking->tally.full; i++)
			r = scan_day(asking, kind, days->days[i], first, last);
	}
	return r;
}

/* --- what a pass has found --- */

static int by_account(const void *a, const void *b)
{
	const struct tally_group *x = a, *y = b;

	return x->account < y->account ? -1 : x->account > y->account;
}

static int offer_accounts(struct asking *asking)
{
	struct tally_group *groups = asking->tally.groups;
	uint32_t end, n = asking->tally.n;
	int r = 0;

	if (n)
		qsort(groups, n, sizeof(*groups), by_account);
	for (uint32_t i = 0; i < n && r == 0; i = end) {
		for (end = i + 1; end < n && groups[end].account == groups[i].account; end++)
			;
		r = best_offer_account(&asking->best, &groups[i], end - i,
				       asking->query->min_networks, &asking->total);
	}
	return r < 0 ? asking_no_memory(asking) : 0;
}

static int offer(struct asking *asking)
{
	if (asking_accounts(asking))
		return offer_accounts(asking);
	for (uint32_t i = 0; i < asking->tally.n; i++) {
		struct best_row row = { .group = asking->tally.groups[i] };

		if (!row.group.last) {
			row.group.first = row.group.any_first;
			row.group.last = row.group.any_last;
		}
		if (best_offer(&asking->best, &row) < 0)
			return asking_no_memory(asking);
	}
	asking->total += asking->tally.n;
	return 0;
}

/* --- passes --- */

/* Too many addresses for one pass: those of one half of their hashes, then the others. */
static int pass_parts(struct asking *asking, int64_t first, int64_t last, uint32_t part,
		      uint32_t parts)
{
	int r;

	tally_clear(&asking->tally);
	asking->tally.part = part;
	asking->tally.parts = parts;
	r = asking_scan(asking, asking->kinds, first, last);
	if (r)
		return r;
	if (!asking->tally.full || parts == PARTS_MAX || asking_accounts(asking))
		return offer(asking);
	r = pass_parts(asking, first, last, part, 2 * parts);
	return r ? r : pass_parts(asking, first, last, part + parts, 2 * parts);
}

static bool is_crowded(const struct tally *tally)
{
	return tally->full || tally->n_seen > TALLY_SEEN_MAX / 2;
}

static int64_t next_width(int64_t width, const struct tally *tally)
{
	uint32_t used = tally->n + tally->n_seen;

	if (used < COSY / 2 && width < INT64_MAX / 4)
		return used < COSY / 8 ? 4 * width : 2 * width;
	return used > 2 * COSY && width > 1 ? width / 2 : width;
}

/* From `first` on as many accounts as fit well; *last: up to which. */
static int pass_some(struct asking *asking, int64_t first, int64_t *last)
{
	struct tally *tally = &asking->tally;
	int r;

	tally->parts = 1;
	for (;;) {
		tally_clear(tally);
		r = asking_scan(asking, asking->kinds, first, *last);
		if (r || !is_crowded(tally) || *last == first)
			break;
		*last = first + (*last - first) / 2;
	}
	if (r)
		return r;
	return tally->full ? pass_parts(asking, first, *last, 0, 1) : offer(asking);
}

/* Some accounts after the others. */
static int pass_accounts(struct asking *asking)
{
	int64_t width = asking->has_span ? INT64_MAX : WIDTH_AT_FIRST;
	int64_t at = asking->first_account, last = asking->last_account, end;
	int r = 0;

	while (at <= last && r == 0) {
		end = last - at < width ? last : at + width - 1;
		r = pass_some(asking, at, &end);
		if (end == last)
			break;
		width = next_width(end - at + 1, &asking->tally);
		at = end + 1;
	}
	return r;
}

static int pass_days(struct asking *asking)
{
	const struct asking_days *days = &asking->days[MAIL_FACT_AUTH_FAILURE];
	int r = 0;

	for (size_t i = 0; i < days->n && r == 0; i++) {
		tally_clear(&asking->tally);
		r = scan_day(asking, MAIL_FACT_AUTH_FAILURE, days->days[i], asking->first_account,
			     asking->last_account);
		if (r == 0)
			r = offer(asking);
	}
	return r;
}

int asking_pass(struct asking *asking)
{
	if (asking->tally.by & LEDGER_BY_DAY)
		return pass_days(asking);
	if (asking->tally.by & LEDGER_BY_ACCOUNT)
		return pass_accounts(asking);
	return pass_parts(asking, asking->first_account, asking->last_account, 0, 1);
}
