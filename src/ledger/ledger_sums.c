// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Facts of the mail logs become sums. A group is brought into the order of the table first: so each
 * page of it is touched once, and equal ones are one.
 */
#include "ledger_store_priv.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The file has these numbers; not to be changed without a new schema. */
_Static_assert(MAIL_FACT_AUTH_FAILURE == 0 && MAIL_FACT_AUTH_SUCCESS == 1 &&
		       MAIL_FACT_MESSAGE == 2 && MAIL_FACT_PROTOCOL_ERROR == 3 &&
		       MAIL_FACT_REFUSED == 4,
	       "mail_sum.kind");
_Static_assert(MAIL_PROTOCOL_SMTP == 0 && MAIL_PROTOCOL_IMAP == 1 && MAIL_PROTOCOL_POP3 == 2 &&
		       MAIL_PROTOCOL_SIEVE == 3 && MAIL_PROTOCOL_CPANEL == 4 &&
		       MAIL_PROTOCOL_WHM == 5 && MAIL_PROTOCOL_WEBMAIL == 6 &&
		       MAIL_PROTOCOL_WEBDISK == 7,
	       "mail_sum.protocol");

struct sum {
	uint32_t kind, day;
	int64_t account;
	struct store_place place;
	uint32_t protocol;
	uint64_t count, first, last;
	uint32_t n, folded; /* facts in it; those that come from elsewhere */
	bool is_new_network;
	const struct ledger_fact *fact; /* the latest */
};

/* --- days --- */

static uint32_t day_number(const struct tm *tm)
{
	if (!tm || tm->tm_year > 9999 - 1900)
		return 99991231;
	return (uint32_t)((tm->tm_year + 1900) * 10000 + (tm->tm_mon + 1) * 100 + tm->tm_mday);
}

uint32_t store_day_of(usec_t wall)
{
	time_t seconds = (time_t)(wall / USEC_PER_SEC);
	struct tm tm;

	return day_number(gmtime_r(&seconds, &tm));
}

uint32_t store_local_day_of(usec_t wall)
{
	time_t seconds = (time_t)(wall / USEC_PER_SEC);
	struct tm tm;

	return day_number(localtime_r(&seconds, &tm));
}

uint32_t store_day_before(uint32_t day)
{
	struct tm tm = { .tm_year = (int)(day / 10000) - 1900,
			 .tm_mon = (int)(day / 100 % 100) - 1,
			 .tm_mday = (int)(day % 100) - 1 };
	time_t seconds = timegm(&tm);

	return seconds > 0 ? store_day_of((usec_t)seconds * USEC_PER_SEC) : 0;
}

/* A day counts as long as it is not over, wherever the log was written. */
uint32_t store_first_day(usec_t before)
{
	return before > STORE_DAY ? store_day_of(before - STORE_DAY) : 0;
}

static bool is_possible(const struct ledger_fact *fact)
{
	uint32_t month = fact->day / 100 % 100, day = fact->day % 100;

	return fact->day >= 19700101 && fact->day <= 21001231 && month >= 1 && month <= 12 &&
	       day >= 1 && day <= 31 && (unsigned)fact->kind < MAIL_FACT_KINDS &&
	       (unsigned)fact->protocol < MAIL_PROTOCOLS && fact->count > 0;
}

/* --- how many there are of a day --- */

static int find_count(struct store *store, uint32_t kind, uint32_t day,
		      struct store_sums_count **ret_count)
{
	struct store_binding binding;
	struct store_sums_count *count;
	int64_t n = 0;
	int r;

	for (unsigned i = 0; i < STORE_SUMS_COUNTS; i++) {
		count = &store->sums[i];
		if (count->day == day && count->kind == kind) {
			*ret_count = count;
			return 0;
		}
	}
	binding = store_bind(store, STORE_COUNT_SUMS);
	store_bind_number(&binding, kind);
	store_bind_number(&binding, day);
	r = store_run_numbers(store, &binding, &n, NULL);
	if (r)
		return r;
	count = &store->sums[store->next_sums_count++ % STORE_SUMS_COUNTS];
	*count = (struct store_sums_count){ kind, day, (uint32_t)n };
	*ret_count = count;
	return 0;
}

/* --- facts in the order of the table --- */

static int compare(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;
	int order;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	if (x->account != y->account)
		return x->account < y->account ? -1 : 1;
	order = memcmp(x->place.bytes, y->place.bytes, MIN_OF(x->place.n, y->place.n));
	if (order || x->place.n != y->place.n)
		return order ? order : x->place.n - y->place.n;
	return x->protocol < y->protocol ? -1 : x->protocol > y->protocol;
}

/* An account that nobody knows yet is not added for a sum that will not be kept. */
static int make_sum(struct store *store, const struct ledger_fact *fact, struct sum *sum)
{
	struct store_sums_count *count;
	struct prefix host;
	int r;

	*sum = (struct sum){ .kind = fact->kind,
			     .day = fact->day,
			     .protocol = fact->protocol,
			     .count = fact->count,
			     .first = MIN_OF(fact->first, fact->last) / USEC_PER_SEC,
			     .last = MAX_OF(fact->first, fact->last) / USEC_PER_SEC,
			     .n = 1,
			     .fact = fact };
	r = find_count(store, sum->kind, sum->day, &count);
	if (r == 0)
		r = store_account(store, fact->account, sum->day, count->n < LEDGER_FACTS_PER_DAY,
				  &sum->account);
	if (r)
		return r;
	if (fact->account[0] && !sum->account) {
		sum->folded = 1;
		return 0;
	}
	if (!fact->has_address)
		return 0;
	host = prefix_host(&fact->address);
	sum->place = store_place(&host);
	return 0;
}

/* Facts of impossible days are counted as dropped, those too old to keep are nothing. */
static int make_sums(struct store *store, const struct ledger_fact *facts, size_t n,
		     const struct store_rules *rules, struct sum *sums, size_t *ret_n,
		     struct store_noted *noted)
{
	uint32_t first_day = store_first_day(rules->before);
	size_t made = 0;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		if (!is_possible(&facts[i]))
			noted->dropped++;
		else if (facts[i].day >= first_day)
			r = make_sum(store, &facts[i], &sums[made++]);
	}
	*ret_n = made;
	return r;
}

static size_t merge(struct sum *sums, size_t n)
{
	struct sum *last = sums;

	for (size_t i = 1; i < n; i++) {
		const struct sum *next = &sums[i];

		if (compare(last, next)) {
			*++last = *next;
			continue;
		}
		last->count += next->count;
		last->n += next->n;
		last->folded += next->folded;
		last->first = MIN_OF(last->first, next->first);
		last->last = MAX_OF(last->last, next->last);
		if (next->fact->last > last->fact->last)
			last->fact = next->fact;
	}
	return n ? (size_t)(last - sums) + 1 : 0;
}

/* --- sums into the table --- */

static int run_with(struct store *store, enum store_statement which, const struct sum *sum)
{
	struct store_binding binding = store_bind(store, which);

	store_bind_number(&binding, sum->count);
	store_bind_number(&binding, sum->first);
	store_bind_number(&binding, sum->last);
	store_bind_number(&binding, sum->kind);
	store_bind_number(&binding, sum->day);
	store_bind_number(&binding, (uint64_t)sum->account);
	store_bind_place(&binding, &sum->place);
	store_bind_number(&binding, sum->protocol);
	return store_run(store, &binding);
}

/* *inserted: it is the first. *done: not if there is none of it, and no room for one. */
static int add_to(struct store *store, const struct sum *sum, bool has_room, bool *inserted,
		  bool *done)
{
	int r = run_with(store, STORE_ADD_SUM, sum);

	if (r)
		return r;
	*done = sqlite3_changes(store->db) > 0;
	if (*done || !has_room)
		return 0;
	r = run_with(store, STORE_INSERT_SUM, sum);
	*inserted = *done = r == 0;
	return r;
}

static bool is_judged(const struct sum *sum, const struct store_rules *rules)
{
	const struct ledger_fact *fact = sum->fact;

	return sum->kind == MAIL_FACT_AUTH_SUCCESS && sum->account && fact->has_address &&
	       rules->account_networks && fact->last + STORE_DAY >= rules->now &&
	       fact->last <= rules->now + STORE_DAY;
}

/* Where everything goes that has no room. */
static bool is_rest(const struct sum *sum)
{
	return !sum->account && !sum->place.n;
}

static void fold(struct sum *sum)
{
	sum->account = 0;
	sum->place.n = 0;
	sum->folded = sum->n;
}

static int add(struct store *store, struct sum *sum, const struct store_rules *rules,
	       struct store_noted *noted)
{
	bool inserted = false, done = false, is_new = false;
	struct store_sums_count *count;
	int r = find_count(store, sum->kind, sum->day, &count);

	if (r)
		return r;
	if (is_judged(sum, rules))
		r = store_is_new_network(store, sum->day, sum->account, &sum->fact->address,
					 &is_new);
	if (r == 0)
		r = add_to(store, sum, count->n < LEDGER_FACTS_PER_DAY || is_rest(sum), &inserted,
			   &done);
	if (r == 0 && !done) {
		fold(sum);
		is_new = false;
		r = add_to(store, sum, true, &inserted, &done);
	}
	count->n += inserted;
	noted->folded += sum->folded;
	sum->is_new_network = is_new;
	return r;
}

/* --- who used an account, when all of the group is in the table --- */

static int compare_times(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;

	return x->fact->last < y->fact->last ? -1 : x->fact->last > y->fact->last;
}

static int judge(struct store *store, struct sum *sums, size_t n, const struct store_rules *rules,
		 struct store_noted *noted)
{
	size_t new = 0;
	int r = 0;

	for (size_t i = 0; i < n; i++)
		if (sums[i].is_new_network)
			sums[new ++] = sums[i];
	qsort(sums, new, sizeof(*sums), compare_times);
	for (size_t i = 0; i < new &&r == 0; i++)
		r = store_judge_use(store, sums[i].fact, sums[i].account, rules, noted);
	return r;
}

int store_note_facts(struct store *store, const struct ledger_fact *facts, size_t n,
		     const struct store_rules *rules, struct store_noted *ret_noted)
{
	struct sum *sums = reallocarray(NULL, MAX_OF(n, (size_t)1), sizeof(*sums));
	struct store_noted noted = { .dropped = 0 };
	size_t made = 0;
	int r;

	if (!sums)
		return store_failed(store, SQLITE_NOMEM);
	r = make_sums(store, facts, n, rules, sums, &made, &noted);
	if (r == 0) {
		qsort(sums, made, sizeof(*sums), compare);
		made = merge(sums, made);
	}
	for (size_t i = 0; i < made && r == 0; i++)
		r = add(store, &sums[i], rules, &noted);
	if (r == 0)
		r = judge(store, sums, made, rules, &noted);
	free(sums);
	if (r == 0)
		*ret_noted = noted;
	return r;
}

int store_clean_sums(struct store *store, usec_t before, unsigned most, unsigned *ret_deleted)
{
	unsigned deleted = 0;
	int r = 0;

	for (uint32_t kind = 0; kind < MAIL_FACT_KINDS && r == 0; kind++) {
		struct store_binding binding = store_bind(store, STORE_CLEAN_SUMS);

		store_bind_number(&binding, kind);
		store_bind_number(&binding, store_first_day(before));
		store_bind_number(&binding, most);
		r = store_run(store, &binding);
		if (r == 0)
			deleted = MAX_OF(deleted, (unsigned)sqlite3_changes(store->db));
	}
	if (r == 0)
		*ret_deleted = deleted;
	return r;
}
