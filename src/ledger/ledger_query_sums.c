// SPDX-License-Identifier: GPL-2.0-or-later
/* Answers about the mail logs. */
#include "ledger_asking_priv.h"

#include <stdlib.h>

/* So few accounts are looked up again one by one. */
#define TWO_STEPS_MAX 500

/* --- what the first ones lack --- */

static void copy_different(struct best_row *row, const struct tally_group *group)
{
	row->group.accounts = group->accounts;
	row->group.addresses = group->addresses;
	row->group.networks = group->networks;
}

static int count_in_accounts(struct asking *asking)
{
	struct best *best = &asking->best;
	int r = 0;

	for (size_t i = 0; i < best->n && r == 0; i++) {
		int64_t account = best->rows[i].group.account;

		tally_clear(&asking->tally);
		r = asking_scan(asking, asking->kinds, account, account);
		if (r == 0 && asking->tally.n)
			copy_different(&best->rows[i], asking->tally.groups);
	}
	return r;
}

/* Makes the groups of the first ones, or finds them again. */
static int find_group(struct asking *asking, const struct best_row *best_row,
		      struct tally_group **ret_group)
{
	const struct tally_row row = { .account = best_row->group.account,
				       .place = best_row->group.place };

	return tally_group(&asking->tally, &row, ret_group) < 0 || !*ret_group
		       ? asking_no_memory(asking)
		       : 0;
}

/* All rows again, for the first ones only. */
static int scan_known(struct asking *asking, unsigned kinds)
{
	struct best *best = &asking->best;
	struct tally_group *group;
	int r = 0;

	tally_clear(&asking->tally);
	asking->tally.parts = 1;
	for (size_t i = 0; i < best->n && r == 0; i++)
		r = find_group(asking, &best->rows[i], &group);
	asking->tally.only_known = true;
	return r ? r : asking_scan(asking, kinds, asking->first_account, asking->last_account);
}

static int count_in_sources(struct asking *asking)
{
	struct best *best = &asking->best;
	struct tally_group *group;
	int r = scan_known(asking, asking->kinds);

	for (size_t i = 0; i < best->n && r == 0; i++) {
		r = find_group(asking, &best->rows[i], &group);
		if (r == 0)
			copy_different(&best->rows[i], group);
	}
	return r;
}

static int count_different(struct asking *asking)
{
	asking->tally.plain = false;
	return asking->tally.by & LEDGER_BY_ACCOUNT ? count_in_accounts(asking)
						    : count_in_sources(asking);
}

static int add_failures(struct asking *asking)
{
	struct best *best = &asking->best;
	struct tally_group *group;
	int r;

	asking->tally.by = LEDGER_BY_ACCOUNT;
	asking->tally.plain = true;
	r = scan_known(asking, 1u << MAIL_FACT_AUTH_FAILURE);
	for (size_t i = 0; i < best->n && r == 0; i++) {
		r = find_group(asking, &best->rows[i], &group);
		if (r == 0)
			best->rows[i].group.numbers[MAIL_FACT_AUTH_FAILURE] =
				group->numbers[MAIL_FACT_AUTH_FAILURE];
	}
	return r;
}

static int make_sum(struct asking *asking, struct best_row *row, struct ledger_sum *sum)
{
	const struct tally_group *group = &row->group;
	int r;

	*sum = (struct ledger_sum){ .day = group->day,
				    .failures = group->numbers[MAIL_FACT_AUTH_FAILURE],
				    .messages = group->messages,
				    .logins = group->numbers[MAIL_FACT_AUTH_SUCCESS],
				    .strangers = group->numbers[MAIL_FACT_MESSAGE],
				    .protocol_errors = group->numbers[MAIL_FACT_PROTOCOL_ERROR],
				    .refused = group->numbers[MAIL_FACT_REFUSED],
				    .accounts = group->accounts,
				    .addresses = group->addresses,
				    .networks = group->networks,
				    .first = group->first * USEC_PER_SEC,
				    .last = group->last * USEC_PER_SEC,
				    .shown = row->shown,
				    .n_shown = row->n_shown };
	row->shown = NULL;
	sum->has_address = store_place_address(group->place.bytes, group->place.n, &sum->address);
	if (!group->account)
		return 0;
	r = store_account_text(asking->store, group->account, sum->account);
	if (r == 0 && asking->query->subject == LEDGER_ACCOUNTS)
		r = store_last_alert(asking->store, group->account, &sum->alerted);
	return r;
}

static int make_answer(struct asking *asking, struct ledger_answer *answer)
{
	struct best *best = &asking->best;
	int r = 0;

	best_sort(best);
	if (best->n && asking_accounts(asking))
		r = add_failures(asking);
	else if (best->n && asking->two_steps)
		r = count_different(asking);
	if (r)
		return r;
	answer->total = asking->total;
	answer->sums = calloc(MAX_OF(best->n, (size_t)1), sizeof(*answer->sums));
	if (!answer->sums)
		return asking_no_memory(asking);
	while (answer->n < best->n && r == 0) {
		r = make_sum(asking, &best->rows[answer->n], &answer->sums[answer->n]);
		answer->n++;
	}
	return r;
}

/* --- the question --- */

/* *ret_known: false if nothing can be found. */
static int look_up_account(struct asking *asking, bool *ret_known)
{
	const char *text = asking->query->account;
	int64_t id = 0;
	int r;

	if (!asking->query->has_account) {
		struct store_binding binding = store_bind(asking->store, STORE_LAST_ACCOUNT);

		*ret_known = true;
		/* what is about no account is no account */
		asking->first_account = asking_accounts(asking);
		return store_run_numbers(asking->store, &binding, &asking->last_account, NULL);
	}
	r = store_account(asking->store, text, 0, false, &id);
	asking->first_account = asking->last_account = id;
	*ret_known = r == 0 && (id || (!text[0] && !asking_accounts(asking)));
	return r;
}

static void prepare(struct asking *asking)
{
	const struct ledger_query *query = asking->query;

	asking->kinds = 1u << MAIL_FACT_AUTH_FAILURE;
	asking->tally.by = query->by;
	asking->best.limit = query->limit;
	asking->best.compare = query->by == LEDGER_BY_DAY ? best_by_day : best_by_failures;
	asking->first_day = query->since ? store_local_day_of(query->since) : 0;
	asking->has_span = query->has_source;
	if (query->has_source)
		asking->span = store_span_inside(&query->source);
	if (query->subject != LEDGER_ACCOUNTS) {
		asking->two_steps =
			query->by == LEDGER_BY_SOURCE ||
			(query->by == LEDGER_BY_ACCOUNT && query->limit <= TWO_STEPS_MAX);
		asking->tally.plain = asking->two_steps;
		return;
	}
	asking->tally.by = LEDGER_BY_ACCOUNT;
	if (query->has_source) {
		asking->kinds = (1u << MAIL_FACT_KINDS) - 1;
		asking->best.compare = best_by_time;
	} else {
		asking->kinds = 1u << MAIL_FACT_AUTH_SUCCESS;
		asking->tally.by |= LEDGER_BY_SOURCE;
		asking->best.compare = best_by_networks;
	}
}

static int find(struct asking *asking)
{
	/* accounts that were used are told how often they were not */
	unsigned kinds = asking->kinds | 1u << MAIL_FACT_AUTH_FAILURE;
	bool known;
	int r = look_up_account(asking, &known);

	if (r || !known)
		return r;
	for (unsigned kind = 0; kind < MAIL_FACT_KINDS && r == 0; kind++)
		if (kinds & 1u << kind)
			r = asking_find_days(asking, kind);
	return r ? r : asking_pass(asking);
}

int store_ask_sums(struct store *store, const struct ledger_query *query,
		   struct ledger_answer *ret_answer)
{
	struct asking asking = { .store = store, .query = query };
	struct ledger_answer answer = { .error = 0 };
	int r;

	tally_init(&asking.tally);
	prepare(&asking);
	store->tally = &asking.tally;
	r = find(&asking);
	if (r == 0)
		r = make_answer(&asking, &answer);
	store->tally = NULL;
	tally_done(&asking.tally);
	best_done(&asking.best);
	for (unsigned kind = 0; kind < MAIL_FACT_KINDS; kind++)
		free(asking.days[kind].days);
	if (r) {
		ledger_answer_done(&answer);
		return r;
	}
	*ret_answer = answer;
	return 0;
}
