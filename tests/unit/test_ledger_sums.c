// SPDX-License-Identifier: GPL-2.0-or-later
/* What the store answers about the mail logs: against a model, and what it costs. */
#include "support.h"

#include <errno.h>

#include "fact_file.h"
#include "src/ledger/ledger_tally_priv.h"

#define FACTS	  3000
#define DAYS_USED 5

static struct ledger_fact facts[FACTS];
static struct ledger_answer answer;

static bool never(void *userdata UNUSED)
{
	return false;
}

/* The answer is in `answer`; its arrays are freed with the next question. */
static void ask(struct store *store, const struct ledger_query *query)
{
	ledger_answer_done(&answer);
	answer = (struct ledger_answer){ 0 };
	assert_int_equal(store_ask(store, query, NOW, always, NULL, &answer), 0);
	assert_int_equal(answer.error, 0);
	assert_true(answer.n <= query->limit && answer.n <= answer.total);
}

/* --- few values, so that all of them meet --- */

static struct address random_address(void)
{
	struct address address = addr(random_below(3) ? "192.0.2.0" : "2001:db8::");
	unsigned network = address_is_ipv4(&address) ? 14 : 5;

	address.bytes[network] |= (uint8_t)random_below(4);
	address.bytes[15] = (uint8_t)random_below(6);
	return address;
}

static void make_facts(struct store *store)
{
	for (unsigned i = 0; i < FACTS; i++) {
		uint32_t day = random_below(DAYS_USED), seconds = random_below(86400);

		facts[i] = (struct ledger_fact){ .kind = (enum mail_fact_kind)random_below(
							 MAIL_FACT_KINDS),
						 .protocol = (enum mail_protocol)random_below(3),
						 .day = 20270101 + day,
						 .has_address = random_below(10) > 0,
						 .address = random_address(),
						 .count = 1 + random_below(4) };
		if (random_below(5))
			snprintf(facts[i].account, sizeof(facts[i].account), "user%u",
				 random_below(12));
		facts[i].first = NOW - DAYS(14 - day) + SECONDS(seconds);
		facts[i].last = facts[i].first + SECONDS(random_below(50));
	}
	for (unsigned i = 0; i < FACTS; i += 500)
		note_all(store, facts + i, 500, 0);
}

static struct prefix network_of(const struct address *address)
{
	return prefix_of_address(address, 24, 48);
}

/* --- the model: facts that are asked for, compared with each other --- */

static bool is_asked(const struct ledger_query *query, const struct ledger_fact *made)
{
	if (query->has_account && strcmp(query->account, made->account))
		return false;
	if (query->has_source &&
	    (!made->has_address || !prefix_contains(&query->source, &made->address)))
		return false;
	return made->day >=
	       (query->since ? 20270101 + (query->since - (NOW - DAYS(14))) / DAYS(1) : 0);
}

static bool same_address(const struct ledger_fact *a, const struct ledger_fact *b)
{
	return a->has_address == b->has_address &&
	       (!a->has_address || address_equal(&a->address, &b->address));
}

static bool same_network(const struct ledger_fact *a, const struct ledger_fact *b)
{
	struct prefix of_a = network_of(&a->address), of_b = network_of(&b->address);

	return prefix_equal(&of_a, &of_b);
}

static bool same_group(unsigned by, const struct ledger_fact *a, const struct ledger_fact *b)
{
	return (!(by & LEDGER_BY_ACCOUNT) || !strcmp(a->account, b->account)) &&
	       (!(by & LEDGER_BY_SOURCE) || same_address(a, b)) &&
	       (!(by & LEDGER_BY_DAY) || a->day == b->day);
}

/* Different ones among chosen[0..n-1]. */
static void count_different(struct ledger_fact *const *chosen, size_t n, struct ledger_sum *sum)
{
	for (size_t i = 0; i < n; i++) {
		bool account = chosen[i]->account[0], address = chosen[i]->has_address,
		     network = address;

		for (size_t j = 0; j < i; j++) {
			account = account && strcmp(chosen[i]->account, chosen[j]->account);
			address = address && !same_address(chosen[i], chosen[j]);
			network = network &&
				  (!chosen[j]->has_address || !same_network(chosen[i], chosen[j]));
		}
		sum->accounts += account;
		sum->addresses += address;
		sum->networks += network;
	}
}

/* Facts of a group of the model; kinds: bits. */
static size_t choose(const struct ledger_query *query, unsigned by, unsigned kinds,
		     const struct ledger_fact *like, struct ledger_fact **chosen)
{
	size_t n = 0;

	for (unsigned i = 0; i < FACTS; i++)
		if (kinds & 1u << facts[i].kind && is_asked(query, &facts[i]) &&
		    same_group(by, like, &facts[i]))
			chosen[n++] = &facts[i];
	return n;
}

static struct ledger_sum add_up(struct ledger_fact *const *chosen, size_t n)
{
	struct ledger_sum sum = { .first = USEC_NEVER };

	count_different(chosen, n, &sum);
	for (size_t i = 0; i < n; i++) {
		uint64_t *const numbers[MAIL_FACT_KINDS] = {
			[MAIL_FACT_AUTH_FAILURE] = &sum.failures,
			[MAIL_FACT_AUTH_SUCCESS] = chosen[i]->protocol == MAIL_PROTOCOL_SMTP
							   ? &sum.messages
							   : &sum.logins,
			[MAIL_FACT_MESSAGE] = &sum.strangers,
			[MAIL_FACT_PROTOCOL_ERROR] = &sum.protocol_errors,
			[MAIL_FACT_REFUSED] = &sum.refused,
		};

		*numbers[chosen[i]->kind] += chosen[i]->count;
		sum.first = MIN_OF(sum.first, chosen[i]->first);
		sum.last = MAX_OF(sum.last, chosen[i]->last);
	}
	return sum;
}

/* The file has whole seconds. */
static bool same_time(usec_t a, usec_t b)
{
	return a / USEC_PER_SEC == b / USEC_PER_SEC;
}

static const struct ledger_sum *find_row(unsigned by, const struct ledger_fact *like)
{
	for (uint32_t i = 0; i < answer.n; i++) {
		struct ledger_fact row = { .day = answer.sums[i].day,
					   .has_address = answer.sums[i].has_address,
					   .address = answer.sums[i].address };

		memcpy(row.account, answer.sums[i].account, sizeof(row.account));
		if (same_group(by, &row, like))
			return &answer.sums[i];
	}
	return NULL;
}

/* Whether facts[at] is the first one of its group that is asked for. */
static bool is_first(const struct ledger_query *query, unsigned by, unsigned kinds, unsigned at)
{
	if (!(kinds & 1u << facts[at].kind) || !is_asked(query, &facts[at]))
		return false;
	for (unsigned i = 0; i < at; i++)
		if (kinds & 1u << facts[i].kind && is_asked(query, &facts[i]) &&
		    same_group(by, &facts[i], &facts[at]))
			return false;
	return true;
}

static void is_ordered(const struct ledger_query *query)
{
	for (uint32_t i = 1; i < answer.n; i++) {
		const struct ledger_sum *before = &answer.sums[i - 1], *row = &answer.sums[i];

		if (query->subject == LEDGER_ACCOUNTS && query->has_source)
			assert_true(before->last >= row->last);
		else if (query->subject == LEDGER_ACCOUNTS)
			assert_true(before->networks > row->networks ||
				    (before->networks == row->networks &&
				     before->addresses >= row->addresses));
		else if (query->by == LEDGER_BY_DAY)
			assert_true(before->day > row->day);
		else
			assert_true(before->failures >= row->failures);
	}
}

static void is_as_the_model_says(const struct ledger_query *query)
{
	static struct ledger_fact *chosen[FACTS];
	uint64_t groups = 0;

	for (unsigned i = 0; i < FACTS; i++) {
		const struct ledger_sum *row;
		struct ledger_sum sum;

		if (!is_first(query, query->by, 1u << MAIL_FACT_AUTH_FAILURE, i))
			continue;
		groups++;
		row = find_row(query->by, &facts[i]);
		if (!row) {
			assert_true(answer.n == query->limit);
			continue;
		}
		sum = add_up(chosen, choose(query, query->by, 1u << MAIL_FACT_AUTH_FAILURE,
					    &facts[i], chosen));
		assert_int_equal(row->failures, sum.failures);
		assert_int_equal(row->accounts, sum.accounts);
		assert_int_equal(row->addresses, sum.addresses);
		assert_int_equal(row->networks, sum.networks);
		assert_true(same_time(row->first, sum.first) && same_time(row->last, sum.last));
		assert_int_equal(row->messages + row->logins + row->n_shown + row->alerted, 0);
	}
	assert_int_equal(answer.total, groups);
	assert_int_equal(answer.n, MIN_OF(groups, query->limit));
	is_ordered(query);
}

static void with_filters(unsigned turn, struct ledger_query *query)
{
	static const char *const sources[] = { "192.0.2.0/24", "2001:db8:3::/48",
					       "192.0.1.3",    "0.0.0.0/0",
					       "::/0",	       "203.0.113.0/24" };
	static const char *const accounts[] = { "user3", "", "nobody" };

	if (turn % 4 == 1 || turn % 4 == 3) {
		query->has_source = true;
		query->source = pfx(sources[turn % ARRAY_SIZE(sources)]);
	}
	if (turn % 5 > 2) {
		query->has_account = true;
		snprintf(query->account, sizeof(query->account), "%s",
			 accounts[turn / 5 % ARRAY_SIZE(accounts)]);
	}
	if (turn % 3 == 1)
		query->since = NOW - DAYS(14) + DAYS(turn % DAYS_USED) + HOURS(turn % 16);
}

static void test_failures_against_a_model(void **state UNUSED)
{
	struct store store;

	open_store(&store, true);
	make_facts(&store);
	for (unsigned turn = 0; turn < 60; turn++) {
		for (unsigned by = 1; by < 8; by++) {
			struct ledger_query query = { .subject = LEDGER_AUTH_FAILURES,
						      .by = by,
						      .limit = turn % 7 ? 4000 : 3 };

			with_filters(turn, &query);
			ask(&store, &query);
			is_as_the_model_says(&query);
			/* one look or two give the same */
			query.limit = 400;
			ask(&store, &query);
			is_as_the_model_says(&query);
		}
	}
	store_close(&store);
}

/* --- accounts --- */

static void shows_addresses(const struct ledger_query *query, const struct ledger_sum *row)
{
	uint64_t messages = 0, logins = 0;

	assert_int_equal(row->n_shown, MIN_OF(row->addresses, LEDGER_ADDRESSES_SHOWN));
	for (uint32_t i = 0; i < row->n_shown; i++) {
		const struct ledger_account_address *shown = &row->shown[i];
		static struct ledger_fact *chosen[FACTS];
		struct ledger_fact like = { .has_address = true, .address = shown->address };
		struct ledger_sum sum;

		memcpy(like.account, row->account, sizeof(like.account));
		sum = add_up(chosen, choose(query, LEDGER_BY_ACCOUNT | LEDGER_BY_SOURCE,
					    1u << MAIL_FACT_AUTH_SUCCESS, &like, chosen));
		assert_int_equal(shown->messages, sum.messages);
		assert_int_equal(shown->logins, sum.logins);
		assert_true(same_time(shown->first, sum.first) && same_time(shown->last, sum.last));
		if (i)
			assert_true(shown->messages + shown->logins <=
				    row->shown[i - 1].messages + row->shown[i - 1].logins);
		messages += shown->messages;
		logins += shown->logins;
	}
	assert_true(messages <= row->messages && logins <= row->logins);
}

static void is_account_of_the_model(const struct ledger_query *query,
				    const struct ledger_fact *like, const struct ledger_sum *row)
{
	static struct ledger_fact *chosen[FACTS];
	const unsigned successes = 1u << MAIL_FACT_AUTH_SUCCESS, all = (1u << MAIL_FACT_KINDS) - 1;
	struct ledger_sum used =
		add_up(chosen, choose(query, LEDGER_BY_ACCOUNT, successes, like, chosen));
	struct ledger_sum sum = add_up(chosen, choose(query, LEDGER_BY_ACCOUNT, all, like, chosen));
	const struct ledger_sum *times = used.last ? &used : &sum;

	assert_int_equal(row->failures, sum.failures);
	assert_int_equal(row->messages, sum.messages);
	assert_int_equal(row->logins, sum.logins);
	assert_true(same_time(row->first, times->first) && same_time(row->last, times->last));
	if (query->has_source) {
		assert_int_equal(row->strangers, sum.strangers);
		assert_int_equal(row->protocol_errors, sum.protocol_errors);
		assert_int_equal(row->refused, sum.refused);
		assert_int_equal(row->n_shown, 0);
	} else {
		assert_int_equal(row->addresses, used.addresses);
		assert_int_equal(row->networks, used.networks);
		shows_addresses(query, row);
	}
}

static void accounts_are_as_the_model_says(const struct ledger_query *query)
{
	unsigned kinds =
		query->has_source ? (1u << MAIL_FACT_KINDS) - 1 : 1u << MAIL_FACT_AUTH_SUCCESS;
	static struct ledger_fact *chosen[FACTS];
	uint64_t groups = 0;

	for (unsigned i = 0; i < FACTS; i++) {
		const struct ledger_sum *row;
		struct ledger_sum sum;

		if (!is_first(query, LEDGER_BY_ACCOUNT, kinds, i))
			continue;
		sum = add_up(chosen, choose(query, LEDGER_BY_ACCOUNT, kinds, &facts[i], chosen));
		row = find_row(LEDGER_BY_ACCOUNT, &facts[i]);
		/* what is about no account is no account */
		if (!query->has_source &&
		    (!facts[i].account[0] || sum.networks < query->min_networks)) {
			assert_null(row);
			continue;
		}
		groups++;
		if (row)
			is_account_of_the_model(query, &facts[i], row);
		else
			assert_true(answer.n == query->limit);
	}
	assert_int_equal(answer.total, groups);
	assert_int_equal(answer.n, MIN_OF(groups, query->limit));
	is_ordered(query);
}

static void test_accounts_against_a_model(void **state UNUSED)
{
	struct store store;

	open_store(&store, true);
	make_facts(&store);
	for (unsigned turn = 0; turn < 120; turn++) {
		struct ledger_query query = { .subject = LEDGER_ACCOUNTS,
					      .min_networks = turn % 8,
					      .limit = turn % 7 ? 4000 : 3 };

		with_filters(turn, &query);
		ask(&store, &query);
		accounts_are_as_the_model_says(&query);
	}
	store_close(&store);
}

static void test_alerted(void **state UNUSED)
{
	struct ledger_query query = { .subject = LEDGER_ACCOUNTS, .limit = 10 };
	struct store_rules rules = { .now = NOW, .account_networks = 1 };
	struct ledger_fact uses[] = {
		fact(MAIL_FACT_AUTH_SUCCESS, TODAY, "user1", "192.0.2.1", 1, NOW - SECONDS(7)),
		fact(MAIL_FACT_AUTH_SUCCESS, TODAY, "user1", "192.0.3.1", 1, NOW - SECONDS(5)),
		fact(MAIL_FACT_AUTH_SUCCESS, TODAY, "user2", "192.0.3.1", 1, NOW - SECONDS(5)),
	};
	struct store_noted noted;
	struct store store;

	open_store(&store, true);
	assert_int_equal(store_note_facts(&store, uses, ARRAY_SIZE(uses), &rules, &noted), 0);
	assert_int_equal(noted.n_alerts, 1);
	ask(&store, &query);
	assert_int_equal(answer.n, 2);
	assert_string_equal(answer.sums[0].account, "user1");
	assert_true(answer.sums[0].alerted == NOW - SECONDS(5));
	assert_true(answer.sums[1].alerted == 0);
	query.has_source = true;
	query.source = pfx("192.0.3.1");
	ask(&store, &query);
	assert_int_equal(answer.n, 2);
	assert_true(answer.sums[0].alerted + answer.sums[1].alerted == NOW - SECONDS(5));
	store_close(&store);
}

static void test_foreign_rows(void **state UNUSED)
{
	static const char sql[] =
		"INSERT INTO account VALUES(1, char(27) || '[31m', 0), (9223372036854775807, "
		"'last', 0);"
		"INSERT INTO mail_sum VALUES"
		"(0, 20270101, 1, x'04c0000201', 0, 1, 5, 5),"
		"(0, 20270101, 1, x'04c000020180', 77, -4, -5, 1e30),"
		"(0, 20270101, 1, 'text', 0, 2, 'x', x'00'),"
		"(0, 20270101, 9223372036854775807, x'04c000020180', 0, 1, 5, 5),"
		"(0, 20270102, -7, x'04c000020180', 0, 1, 5, 5),"
		"(0, 'day', 1, x'', 0, 1, 5, 5), (0, x'35', 1, x'', 0, 1, 5, 5), (0, 5.5, 1, x'', "
		"0, 1, 5, 5),"
		"(0, -3, 1, x'', 0, 1, 5, 5), (0, 99999999999, 1, x'', 0, 1, 5, 5),"
		"(99, 20270101, 1, x'', 0, 1, 5, 5), ('kind', 20270101, 1, x'', 0, 1, 5, 5),"
		"(1, 20270101, 1, x'', 7, 1, 5, 5);";
	struct ledger_query query = { .subject = LEDGER_AUTH_FAILURES, .limit = 10 };
	struct store store;

	open_store(&store, true);
	assert_int_equal(store_execute(&store, sql), 0);
	for (query.by = 1; query.by < 8; query.by++)
		ask(&store, &query);
	query.by = LEDGER_BY_ACCOUNT;
	ask(&store, &query);
	assert_int_equal(answer.n, 2);
	assert_string_equal(answer.sums[0].account, "\\x1b[31m");
	assert_int_equal(answer.sums[0].failures, 3);
	assert_int_equal(answer.sums[0].addresses, 1);
	assert_string_equal(answer.sums[1].account, "last");
	query.subject = LEDGER_ACCOUNTS;
	ask(&store, &query);
	assert_int_equal(answer.n, 1);
	assert_int_equal(answer.sums[0].addresses + answer.sums[0].n_shown, 0);
	query.has_source = true;
	query.source = pfx("0.0.0.0/0");
	ask(&store, &query);
	assert_int_equal(answer.n, 2);
	store_close(&store);
}

static void fill(struct store *store, unsigned n)
{
	static struct ledger_fact many[20000];

	for (unsigned i = 0; i < n; i++) {
		many[i] = fact(MAIL_FACT_AUTH_FAILURE, TODAY, "", NULL, 1, NOW);
		many[i].has_address = true;
		many[i].address = addr_n(random_below(1 << 20));
		snprintf(many[i].account, sizeof(many[i].account), "user%u", random_below(5000));
	}
	note_all(store, many, n, 0);
}

/* More addresses than one pass has room for; each of them on two days, with an account of its own.
 */
static void test_more_than_fits_in_a_pass(void **state UNUSED)
{
	static struct ledger_fact many[16384];
	const uint32_t n = 34 * ARRAY_SIZE(many);
	struct ledger_query query = { .subject = LEDGER_AUTH_FAILURES,
				      .by = LEDGER_BY_SOURCE,
				      .limit = 5 };
	struct store store;

	open_store(&store, true);
	for (uint32_t i = 0; i < 2 * n; i++) {
		struct ledger_fact *made = &many[i % ARRAY_SIZE(many)];
		uint32_t address = i % n;

		*made = fact(MAIL_FACT_AUTH_FAILURE, TODAY + i % 6, "", NULL,
			     address % 100000 ? 1 : 1 + address / 100000, NOW);
		made->has_address = true;
		made->address = addr_n(address);
		snprintf(made->account, sizeof(made->account), "user%u", i / n);
		if ((i + 1) % ARRAY_SIZE(many) == 0)
			note_all(&store, many, ARRAY_SIZE(many), 0);
	}
	assert_true(n > TALLY_GROUPS_MAX);
	ask(&store, &query);
	assert_int_equal(answer.total, n);
	assert_int_equal(answer.n, 5);
	for (uint32_t i = 0; i < 5; i++) {
		struct address address = addr_n((5 - i) * 100000);

		assert_true(address_equal(&answer.sums[i].address, &address));
		assert_int_equal(answer.sums[i].failures, 2 * (6 - i));
		assert_int_equal(answer.sums[i].accounts, 2);
	}
	/* one account with all of it */
	query.by = LEDGER_BY_ACCOUNT | LEDGER_BY_SOURCE;
	ask(&store, &query);
	assert_int_equal(answer.total, 2 * n);
	query.by = LEDGER_BY_ACCOUNT;
	ask(&store, &query);
	assert_int_equal(answer.total, 2);
	assert_int_equal(answer.sums[0].addresses, n);
	assert_int_equal(answer.sums[0].networks, n / 256);
	store_close(&store);
}

static void test_given_up(void **state UNUSED)
{
	struct ledger_query query = { .subject = LEDGER_AUTH_FAILURES,
				      .by = LEDGER_BY_ACCOUNT,
				      .limit = 10 };
	struct ledger_answer none;
	struct store store;

	open_store(&store, true);
	fill(&store, 20000);
	for (query.by = 1; query.by < 8; query.by++)
		assert_int_equal(store_ask(&store, &query, NOW, never, NULL, &none), -ECANCELED);
	query.subject = LEDGER_ACCOUNTS;
	query.has_source = true;
	query.source = pfx("0.0.0.0/0");
	assert_int_equal(store_ask(&store, &query, NOW, never, NULL, &none), -ECANCELED);
	/* and nothing of it is left */
	query.subject = LEDGER_AUTH_FAILURES;
	query.by = LEDGER_BY_DAY;
	ask(&store, &query);
	assert_int_equal(answer.sums[0].failures, 20000);
	store_close(&store);
}

/* Every look at a table is by an index: no question walks through more than what it is about. */
static void test_plans(void **state UNUSED)
{
	struct store store;

	open_store(&store, true);
	for (int which = STORE_FIND_ACCOUNT; which < STORE_STATEMENTS; which++) {
		char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s",
					    sqlite3_sql(store.statements[which]));
		sqlite3_stmt *statement;

		assert_int_equal(sqlite3_prepare_v2(store.db, sql, -1, &statement, NULL),
				 SQLITE_OK);
		while (sqlite3_step(statement) == SQLITE_ROW) {
			const char *step = (const char *)sqlite3_column_text(statement, 3);

			if (!strncmp(step, "SCAN", 4) &&
			    (strstr(step, "mail_sum") || strstr(step, "account") ||
			     strstr(step, "place")))
				fail_msg("%s: %s", sql, step);
		}
		sqlite3_finalize(statement);
		sqlite3_free(sql);
	}
	store_close(&store);
}

static int tear_down_answer(void **state)
{
	ledger_answer_done(&answer);
	answer = (struct ledger_answer){ 0 };
	return tear_down(state);
}

#define SUMS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down_answer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SUMS_TEST(test_failures_against_a_model),
		SUMS_TEST(test_accounts_against_a_model),
		SUMS_TEST(test_alerted),
		SUMS_TEST(test_foreign_rows),
		SUMS_TEST(test_more_than_fits_in_a_pass),
		SUMS_TEST(test_given_up),
		SUMS_TEST(test_plans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
