// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines as parsers give them, what becomes of them, and their sums against a naive model. */
#include <stdio.h>

#include "support.h"

#include "src/maillog/worker_priv.h"

#define NOON ((usec_t)1763640000 * USEC_PER_SEC)
#define TODAY 20251120

static struct mail_line a_line(enum mail_line_kind kind, const char *address, uint16_t port,
			       const char *account)
{
	struct mail_line line = {
		.kind = kind,
		.protocol = MAIL_PROTOCOL_SMTP,
		.time = { .wall = NOON, .day = TODAY },
		.attempts = 1,
		.n_readings = 1,
	};

	line.readings[0].address = addr(address);
	line.readings[0].port = port;
	line.readings[0].account = (struct text_slice){ account, strlen(account) };
	return line;
}

static void add_reading(struct mail_line *line, const char *address, uint16_t port, const char *account)
{
	struct mail_line_reading *reading = &line->readings[line->n_readings++];

	reading->address = addr(address);
	reading->port = port;
	reading->account = (struct text_slice){ account, strlen(account) };
}

/* --- facts --- */

static void test_kinds(void **state UNUSED)
{
	static const struct {
		enum mail_line_kind line;
		enum mail_fact_kind fact;
	} kinds[] = {
		{ MAIL_LINE_AUTH_FAILURE, MAIL_FACT_AUTH_FAILURE },
		{ MAIL_LINE_AUTH_SUCCESS, MAIL_FACT_AUTH_SUCCESS },
		{ MAIL_LINE_MESSAGE, MAIL_FACT_MESSAGE },
		{ MAIL_LINE_PROTOCOL_ERROR, MAIL_FACT_PROTOCOL_ERROR },
		{ MAIL_LINE_EXIM_FULL, MAIL_FACT_REFUSED },
		{ MAIL_LINE_EXIM_HOST_LIMIT, MAIL_FACT_REFUSED },
	};
	static const enum mail_line_kind others[] = { MAIL_LINE_IGNORED, MAIL_LINE_UNPARSED,
						      MAIL_LINE_CONNECT, MAIL_LINE_DISCONNECT };
	struct mail_fact fact;
	struct mail_line line;

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		line = a_line(kinds[i].line, "203.0.113.9", 51234, "user");
		line.attempts = 3;
		assert_true(fact_from_line(&line, NOON, &fact));
		assert_int_equal(fact.kind, kinds[i].fact);
		assert_int_equal(fact.count, kinds[i].fact == MAIL_FACT_AUTH_FAILURE ? 3 : 1);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
		line = a_line(others[i], "203.0.113.9", 51234, "user");
		assert_false(fact_from_line(&line, NOON, &fact));
	}
	/* mail of the host itself */
	line = a_line(MAIL_LINE_MESSAGE, "203.0.113.9", 51234, "");
	line.n_readings = 0;
	assert_false(fact_from_line(&line, NOON, &fact));
}

static void test_recent(void **state UNUSED)
{
	struct mail_line line = a_line(MAIL_LINE_AUTH_FAILURE, "203.0.113.9", 51234, "user");
	struct mail_fact fact;

	assert_true(fact_from_line(&line, NOON + MAIL_RECENT, &fact));
	assert_true(fact.recent);
	assert_int_equal(fact.first, NOON);
	assert_int_equal(fact.last, NOON);
	assert_int_equal(fact.day, TODAY);
	assert_int_equal(fact.readings[0].port, 51234);
	assert_true(fact_from_line(&line, NOON + MAIL_RECENT + 1, &fact));
	assert_false(fact.recent);
	assert_true(fact_from_line(&line, NOON - MAIL_RECENT, &fact));
	assert_true(fact.recent);
	assert_true(fact_from_line(&line, NOON - MAIL_RECENT - 1, &fact));
	assert_false(fact.recent);
	/* the true reading may be the one too many */
	line.too_many_readings = true;
	assert_true(fact_from_line(&line, NOON, &fact));
	assert_int_equal(fact.n_readings, 0);
}

/* It may be the client's own claim. */
static void test_doubtful_success(void **state UNUSED)
{
	struct mail_line line = a_line(MAIL_LINE_AUTH_SUCCESS, "203.0.113.9", 51234, "boss");
	struct mail_fact fact;

	assert_true(fact_from_line(&line, NOON, &fact));
	assert_int_equal(fact.kind, MAIL_FACT_AUTH_SUCCESS);
	assert_string_equal(fact.readings[0].account, "boss");
	add_reading(&line, "203.0.113.9", 0, "boss");
	assert_true(fact_from_line(&line, NOON, &fact));
	assert_int_equal(fact.kind, MAIL_FACT_MESSAGE);
	assert_int_equal(fact.n_readings, 2);
	assert_string_equal(fact.readings[0].account, "");
	assert_string_equal(fact.readings[1].account, "");
	line.protocol = MAIL_PROTOCOL_IMAP;
	assert_false(fact_from_line(&line, NOON, &fact));
}

static void test_readings(void **state UNUSED)
{
	struct mail_line line = a_line(MAIL_LINE_AUTH_FAILURE, "203.0.113.9", 51234, "first");
	struct mail_fact fact;

	add_reading(&line, "198.51.100.1", 25, "second");
	add_reading(&line, "203.0.113.9", 51234, "third");
	add_reading(&line, "203.0.113.9", 51235, "");
	assert_true(fact_from_line(&line, NOON, &fact));
	assert_int_equal(fact.n_readings, 3);
	assert_string_equal(fact.readings[0].account, "first");
	assert_true(address_equal(&fact.readings[1].address, &line.readings[1].address));
	assert_string_equal(fact.readings[1].account, "second");
	assert_int_equal(fact.readings[2].port, 51235);
	assert_string_equal(fact.readings[2].account, "");
}

static void test_accounts(void **state UNUSED)
{
	struct mail_line line = a_line(MAIL_LINE_AUTH_FAILURE, "203.0.113.9", 51234, "");
	char text[300];
	struct mail_fact fact;

	line.readings[0].account = (struct text_slice){ "a\"b\\\0\033[31m\xff", 11 };
	assert_true(fact_from_line(&line, NOON, &fact));
	assert_string_equal(fact.readings[0].account, "a\\x22b\\x5c\\x00\\x1b[31m\\xff");
	memset(text, 'x', sizeof(text));
	line.readings[0].account = (struct text_slice){ text, sizeof(text) };
	assert_true(fact_from_line(&line, NOON, &fact));
	assert_int_equal(strlen(fact.readings[0].account), ACCOUNT_TEXT_MAX - 1);
	/* cut between two characters */
	memset(text, '\n', sizeof(text));
	assert_true(fact_from_line(&line, NOON, &fact));
	assert_int_equal(strlen(fact.readings[0].account), (ACCOUNT_TEXT_MAX - 1) / 4 * 4);
}

/* --- sums --- */

static struct mail_fact a_fact(const char *address, const char *account, usec_t at)
{
	struct mail_line line = a_line(MAIL_LINE_AUTH_FAILURE, address, 51234, account);
	struct mail_fact fact;

	line.time.wall = at;
	assert_true(fact_from_line(&line, NOON + HOURS(100), &fact));
	assert_false(fact.recent);
	return fact;
}

static struct fact_sums *new_sums(uint32_t capacity)
{
	struct fact_sums *sums;

	assert_int_equal(fact_sums_new(&sums, capacity, &test_key), 0);
	return sums;
}

static void add(struct fact_sums *sums, struct mail_fact fact)
{
	assert_int_equal(fact_sums_add(sums, &fact), 0);
}

static void expect_sum(struct fact_sums *sums, uint32_t count, const char *account)
{
	struct mail_fact fact;

	assert_true(fact_sums_take(sums, &fact));
	assert_int_equal(fact.count, count);
	assert_false(fact.recent);
	assert_int_equal(fact.n_readings, 1);
	assert_int_equal(fact.readings[0].port, 0);
	assert_string_equal(fact.readings[0].account, account);
}

static void test_sum(void **state UNUSED)
{
	struct fact_sums *sums = new_sums(100);
	struct mail_fact fact = a_fact("203.0.113.9", "user", NOON);

	add(sums, fact);
	fact.count = 5;
	fact.first = fact.last = NOON + 7;
	add(sums, fact);
	fact.first = fact.last = NOON - 3;
	fact.readings[0].port = 1;
	add(sums, fact);
	assert_int_equal(fact_sums_count(sums), 1);
	assert_true(fact_sums_take(sums, &fact));
	assert_int_equal(fact.kind, MAIL_FACT_AUTH_FAILURE);
	assert_int_equal(fact.protocol, MAIL_PROTOCOL_SMTP);
	assert_int_equal(fact.count, 11);
	assert_int_equal(fact.first, NOON - 3);
	assert_int_equal(fact.last, NOON + 7);
	assert_int_equal(fact.day, TODAY);
	assert_false(fact_sums_take(sums, &fact));
	assert_int_equal(fact_sums_count(sums), 0);
	assert_null(fact_sums_free(sums));
	assert_null(fact_sums_free(NULL));
}

static void test_what_is_kept_apart(void **state UNUSED)
{
	struct fact_sums *sums = new_sums(100);
	struct mail_fact fact = a_fact("203.0.113.9", "user", NOON), other = fact;

	add(sums, fact);
	other.kind = MAIL_FACT_AUTH_SUCCESS;
	add(sums, other);
	other = fact;
	other.protocol = MAIL_PROTOCOL_IMAP;
	add(sums, other);
	other = fact;
	other.day = TODAY + 1;
	add(sums, other);
	add(sums, a_fact("203.0.113.10", "user", NOON));
	add(sums, a_fact("2001:db8::9", "user", NOON));
	add(sums, a_fact("203.0.113.9", "usex", NOON));
	add(sums, a_fact("203.0.113.9", "", NOON));
	add(sums, fact);
	assert_int_equal(fact_sums_count(sums), 8);
	/* in the order of the log */
	expect_sum(sums, 2, "user");
	for (unsigned i = 0; i < 5; i++)
		expect_sum(sums, 1, "user");
	expect_sum(sums, 1, "usex");
	expect_sum(sums, 1, "");
	fact_sums_free(sums);
}

/* A line with several readings is nobody's, whatever stands in them. */
static void test_nobody(void **state UNUSED)
{
	struct fact_sums *sums = new_sums(100);
	struct mail_fact fact = a_fact("203.0.113.9", "user", NOON), other;

	fact.n_readings = 0;
	other = a_fact("198.51.100.1", "other", NOON);
	other.n_readings = 0;
	add(sums, fact);
	add(sums, other);
	assert_true(fact_sums_take(sums, &fact));
	assert_int_equal(fact.n_readings, 0);
	assert_int_equal(fact.count, 2);
	assert_int_equal(fact_sums_count(sums), 0);
	fact_sums_free(sums);
}

static void test_bounds(void **state UNUSED)
{
	struct fact_sums *sums = new_sums(2);
	struct mail_fact fact = a_fact("203.0.113.9", "a", NOON), third = a_fact("203.0.113.9", "c", NOON);

	fact.count = UINT32_MAX - 1;
	add(sums, fact);
	add(sums, a_fact("203.0.113.9", "b", NOON));
	assert_int_equal(fact_sums_add(sums, &third), FACT_SUMS_FULL);
	/* what is there already is added to */
	add(sums, a_fact("203.0.113.9", "a", NOON));
	add(sums, a_fact("203.0.113.9", "a", NOON));
	expect_sum(sums, UINT32_MAX, "a");
	add(sums, third);
	expect_sum(sums, 1, "b");
	expect_sum(sums, 1, "c");
	fact_sums_free(sums);
}

#define ACCOUNTS 50
#define ADDRESSES 20

static void test_against_model(void **state UNUSED)
{
	static uint32_t model[ADDRESSES][ACCOUNTS];
	struct fact_sums *sums = new_sums(ADDRESSES * ACCOUNTS);
	char account[32], address[32];
	struct mail_fact fact;
	unsigned number;

	for (unsigned i = 0; i < 20000; i++) {
		unsigned from = random_below(ADDRESSES), of = random_below(ACCOUNTS);

		snprintf(address, sizeof(address), "192.0.2.%u", from);
		snprintf(account, sizeof(account), "%u", of);
		fact = a_fact(address, account, NOON + i);
		fact.count = 1 + random_below(3);
		add(sums, fact);
		model[from][of] += fact.count;
		if (random_below(4) == 0 && fact_sums_take(sums, &fact)) {
			assert_int_equal(sscanf(fact.readings[0].account, "%u", &number), 1);
			model[address_ipv4_bytes(&fact.readings[0].address)[3]][number] -= fact.count;
		}
	}
	while (fact_sums_take(sums, &fact)) {
		assert_int_equal(sscanf(fact.readings[0].account, "%u", &number), 1);
		model[address_ipv4_bytes(&fact.readings[0].address)[3]][number] -= fact.count;
	}
	for (unsigned i = 0; i < ADDRESSES * ACCOUNTS; i++)
		assert_int_equal(model[i / ACCOUNTS][i % ACCOUNTS], 0);
	fact_sums_free(sums);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_recent),
		cmocka_unit_test(test_doubtful_success),
		cmocka_unit_test(test_readings),
		cmocka_unit_test(test_accounts),
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_what_is_kept_apart),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
