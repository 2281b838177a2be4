// SPDX-License-Identifier: GPL-2.0-or-later
/* What the store makes of facts: sums, accounts, alerts; and the places of the logs. */
#include "support.h"

#include "fact_file.h"

static int64_t sums(struct store *store, const char *where)
{
	char sql[256];

	snprintf(sql, sizeof(sql), "SELECT coalesce(sum(count), 0) FROM mail_sum WHERE %s", where);
	return number(store, sql);
}

static void test_sums(void **state UNUSED)
{
	struct ledger_fact facts[] = {
		fact(MAIL_FACT_AUTH_FAILURE, TODAY, "b@example.com", "192.0.2.1", 3,
		     NOW - SECONDS(9)),
		fact(MAIL_FACT_AUTH_FAILURE, TODAY, "a@example.com", "192.0.2.1", 1, NOW),
		fact(MAIL_FACT_AUTH_FAILURE, TODAY, "b@example.com", "192.0.2.1", 2,
		     NOW - SECONDS(30)),
		fact(MAIL_FACT_AUTH_FAILURE, TODAY, "b@example.com", "2001:db8::1", 1, NOW),
		fact(MAIL_FACT_AUTH_FAILURE, TODAY - 1, "b@example.com", "192.0.2.1", 1, NOW),
		fact(MAIL_FACT_AUTH_FAILURE, TODAY, "b@example.com", NULL, 1, NOW),
		fact(MAIL_FACT_AUTH_FAILURE, TODAY, "", NULL, 1, NOW),
		fact(MAIL_FACT_AUTH_FAILURE, TODAY, "", "192.0.2.1", 1, NOW),
		fact(MAIL_FACT_REFUSED, TODAY, "", "192.0.2.1", 5, NOW),
	};
	struct store_noted noted;
	struct store store;

	open_store(&store, true);
	noted = note_all(&store, facts, ARRAY_SIZE(facts), 5);
	assert_int_equal(noted.dropped + noted.folded + noted.n_alerts, 0);
	assert_int_equal(number(&store, "SELECT count(*) FROM mail_sum"), 8);
	assert_int_equal(number(&store, "SELECT count(*) FROM account"), 2);
	/* what there is grows, also in another run */
	store_close(&store);
	open_store(&store, false);
	facts[0].protocol = MAIL_PROTOCOL_IMAP;
	note_all(&store, facts, ARRAY_SIZE(facts), 5);
	assert_int_equal(number(&store, "SELECT count(*) FROM mail_sum"), 9);
	assert_int_equal(number(&store, "SELECT count(*) FROM account"), 2);
	assert_int_equal(sums(&store, "kind = 0"), 22);
	assert_int_equal(sums(&store, "kind = 4 AND account = 0"), 10);
	assert_int_equal(sums(&store, "length(place) = 0"), 4);
	assert_int_equal(number(&store,
				"SELECT last_s - first_s FROM mail_sum WHERE day = 20270115 AND"
				" length(place) = 6 AND protocol = 0 AND account ="
				" (SELECT id FROM account WHERE text = 'b@example.com')"),
			 21);
	store_close(&store);
}

/* What cannot be is dropped and counted; what is too old to be kept is not worth counting. */
static void test_impossible_and_old(void **state UNUSED)
{
	static const uint32_t days[] = { 0,	   19691231, 21010101,	20271301,
					 20270100, 20270132, UINT32_MAX };
	struct ledger_fact odd = fact(MAIL_FACT_MESSAGE, TODAY, "", "192.0.2.1", 0, NOW);
	struct store store;

	open_store(&store, true);
	for (unsigned i = 0; i < ARRAY_SIZE(days); i++)
		assert_int_equal(
			note(&store, fact(MAIL_FACT_MESSAGE, days[i], "", "192.0.2.1", 1, NOW))
				.dropped,
			1);
	assert_int_equal(note(&store, odd).dropped, 1);
	odd.count = 1;
	odd.kind = MAIL_FACT_KINDS;
	assert_int_equal(note(&store, odd).dropped, 1);
	odd.kind = MAIL_FACT_MESSAGE;
	odd.protocol = MAIL_PROTOCOLS;
	assert_int_equal(note(&store, odd).dropped, 1);
	/* 90 days before 2027-01-15 08:00 is 2026-10-17; what that day was elsewhere counts */
	assert_int_equal(
		note(&store, fact(MAIL_FACT_MESSAGE, 20261015, "a", "192.0.2.1", 1, NOW)).dropped,
		0);
	assert_int_equal(number(&store, "SELECT count(*) FROM mail_sum"), 0);
	assert_int_equal(number(&store, "SELECT count(*) FROM account"), 0);
	note(&store, fact(MAIL_FACT_MESSAGE, 20261016, "a", "192.0.2.1", 1, NOW));
	note(&store, fact(MAIL_FACT_MESSAGE, 21001231, "a", "192.0.2.1", 1, NOW));
	assert_int_equal(number(&store, "SELECT count(*) FROM mail_sum"), 2);
	store_close(&store);
}

static void test_bound(void **state UNUSED)
{
	struct ledger_fact facts[] = {
		fact(MAIL_FACT_AUTH_FAILURE, TODAY, "known@example.com", "192.0.2.1", 1, NOW),
		fact(MAIL_FACT_AUTH_FAILURE, TODAY, "known@example.com", "192.0.2.9", 2, NOW),
		fact(MAIL_FACT_AUTH_FAILURE, TODAY, "new@example.com", "192.0.2.9", 4, NOW),
		fact(MAIL_FACT_AUTH_FAILURE, TODAY, "new@example.com", "192.0.2.9", 8, NOW),
		fact(MAIL_FACT_AUTH_FAILURE, TODAY, "", NULL, 16, NOW),
		fact(MAIL_FACT_AUTH_FAILURE, TODAY, "", "192.0.2.9", 32, NOW),
		fact(MAIL_FACT_MESSAGE, TODAY, "", "192.0.2.9", 64, NOW),
	};
	struct store_noted noted;
	struct store store;

	open_store(&store, true);
	note(&store, facts[0]);
	assert_int_equal(store.sums[0].day, TODAY);
	assert_int_equal(store.sums[0].n, 1);
	store.sums[0].n = LEDGER_FACTS_PER_DAY;
	noted = note_all(&store, facts, ARRAY_SIZE(facts), 0);
	/* what has a row grows, the rest is one row, and other kinds have their own room */
	assert_int_equal(noted.folded, 4);
	assert_int_equal(noted.dropped, 0);
	assert_int_equal(number(&store, "SELECT count(*) FROM mail_sum"), 3);
	assert_int_equal(number(&store, "SELECT count(*) FROM account"), 1);
	assert_int_equal(sums(&store, "account > 0"), 2);
	assert_int_equal(sums(&store, "kind = 0 AND account = 0 AND length(place) = 0"), 62);
	noted = note_all(&store, facts, ARRAY_SIZE(facts), 0);
	assert_int_equal(noted.folded, 4);
	assert_int_equal(number(&store, "SELECT count(*) FROM mail_sum"), 3);
	/* counted anew with each start, and for each day */
	store_close(&store);
	open_store(&store, false);
	facts[1].day = TODAY + 1;
	noted = note_all(&store, facts, ARRAY_SIZE(facts), 0);
	assert_int_equal(noted.folded, 0);
	assert_int_equal(number(&store, "SELECT count(*) FROM mail_sum"), 6);
	for (unsigned i = 0; i < STORE_SUMS_COUNTS; i++)
		if (store.sums[i].day == TODAY && store.sums[i].kind == 0)
			assert_int_equal(store.sums[i].n, 4);
	store_close(&store);
}

/* Many more days in one group than the counts that are remembered. */
static void test_many_days(void **state UNUSED)
{
	static struct ledger_fact facts[28 * 12 * 5];
	struct store store;
	unsigned n = 0;

	for (unsigned i = 0; i < 28 * 12; i++)
		for (int kind = 0; kind < MAIL_FACT_KINDS; kind++)
			facts[n++] =
				fact((enum mail_fact_kind)kind, 20270101 + i / 28 * 100 + i % 28,
				     "a@example.com", "192.0.2.1", 1, NOW);
	open_store(&store, true);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(note_all(&store, facts, n, 0).dropped, 0);
	assert_int_equal(number(&store, "SELECT count(*) FROM mail_sum"), n);
	assert_int_equal(sums(&store, "1"), 3 * n);
	store_close(&store);
}

/* More accounts than the store remembers, and two that share its room. */
static void test_many_accounts(void **state UNUSED)
{
	static struct ledger_fact facts[16384];
	struct store store;

	open_store(&store, true);
	for (unsigned round = 0; round < 6; round++) {
		for (unsigned i = 0; i < ARRAY_SIZE(facts); i++) {
			facts[i] = fact(MAIL_FACT_AUTH_FAILURE, TODAY, "", "192.0.2.1", 1, NOW);
			snprintf(facts[i].account, sizeof(facts[i].account), "user%u@example.com",
				 (round * 16384 + i) % 80000);
		}
		note_all(&store, facts, ARRAY_SIZE(facts), 0);
	}
	assert_int_equal(number(&store, "SELECT count(*) FROM account"), 80000);
	assert_int_equal(number(&store, "SELECT count(*) FROM mail_sum"), 80000);
	assert_int_equal(sums(&store, "1"), 6 * 16384);
	assert_int_equal(number(&store, "SELECT count(*) FROM mail_sum WHERE account NOT IN"
					" (SELECT id FROM account)"),
			 0);
	store_close(&store);
}

static void test_clean(void **state UNUSED)
{
	unsigned deleted = 0, rounds = 0;
	struct store store;
	int64_t at = 0;

	open_store(&store, true);
	for (uint32_t i = 0; i < 30; i++) {
		char account[32];

		snprintf(account, sizeof(account), "user%u", i);
		note(&store, fact(i % 2 ? MAIL_FACT_AUTH_FAILURE : MAIL_FACT_MESSAGE,
				  20270101 + i % 10, account, "192.0.2.1", 1, NOW));
	}
	/* user0 is still in use */
	note(&store, fact(MAIL_FACT_MESSAGE, 20270109, "user0", "192.0.2.1", 1, NOW));
	/* before the 7th: 1st to 5th are over everywhere */
	assert_int_equal(store_clean_sums(&store, NOW - DAYS(8), 5, &deleted), 0);
	assert_int_equal(deleted, 5);
	assert_int_equal(store_clean_sums(&store, NOW - DAYS(8), 5, &deleted), 0);
	assert_int_equal(deleted, 4);
	assert_int_equal(store_clean_sums(&store, NOW - DAYS(8), 5, &deleted), 0);
	assert_int_equal(deleted, 0);
	assert_int_equal(number(&store, "SELECT min(day) FROM mail_sum"), 20270106);
	do {
		assert_int_equal(store_clean_accounts(&store, NOW - DAYS(8), 7, &at), 0);
		rounds++;
	} while (at);
	assert_in_range(rounds, 4, 6);
	assert_int_equal(number(&store, "SELECT count(*) FROM account"), 16);
	assert_int_equal(number(&store, "SELECT count(*) FROM mail_sum WHERE account NOT IN"
					" (SELECT id FROM account)"),
			 0);
	/* a number that was given again is that of the new one */
	note(&store, fact(MAIL_FACT_MESSAGE, TODAY, "user1", "192.0.2.1", 1, NOW));
	note(&store, fact(MAIL_FACT_MESSAGE, TODAY, "new", "192.0.2.1", 1, NOW));
	assert_int_equal(number(&store, "SELECT count(*) FROM mail_sum AS s JOIN account AS a"
					" ON a.id = s.account WHERE a.text IN ('user1', 'new')"),
			 2);
	store_close(&store);
}

static void test_undone(void **state UNUSED)
{
	struct ledger_fact made = fact(MAIL_FACT_MESSAGE, TODAY, "a", "192.0.2.1", 1, NOW);
	struct store_rules rules = { .now = NOW };
	struct store_noted noted;
	struct store store;

	open_store(&store, true);
	assert_int_equal(store_begin(&store), 0);
	assert_int_equal(store_note_facts(&store, &made, 1, &rules, &noted), 0);
	store_close(&store);
	open_store(&store, false);
	note(&store, fact(MAIL_FACT_MESSAGE, TODAY, "b", "192.0.2.1", 1, NOW));
	note(&store, made);
	assert_int_equal(number(&store, "SELECT count(*) FROM account"), 2);
	assert_int_equal(number(&store, "SELECT count(*) FROM mail_sum AS s JOIN account AS a"
					" ON a.id = s.account"),
			 2);
	store_close(&store);
}

/* --- places --- */

static struct ledger_load *load(struct store *store)
{
	struct ledger_load *loaded = NULL;

	assert_int_equal(store_load(store, NOW, DAYS(7), &loaded), 0);
	return loaded;
}

static void put_places(struct store *store, struct log_places places)
{
	assert_int_equal(store_put_places(store, &places), 0);
}

static void test_places(void **state UNUSED)
{
	const struct log_place one = { UINT64_MAX, 123456789012, UINT64_MAX - 1, LOG_HEAD_BYTES };
	const struct log_place two = { 7, 0, 1, 0 };
	struct ledger_load *loaded;
	struct store store;

	open_store(&store, true);
	loaded = load(&store);
	assert_int_equal(loaded->n_places, 0);
	ledger_load_free(loaded);
	put_places(&store, (struct log_places){ MAIL_LOG_EXIM, 2, { one, two } });
	put_places(&store, (struct log_places){ MAIL_LOG_CPANEL, 2, { two, one } });
	put_places(&store, (struct log_places){ MAIL_LOG_CPANEL, 1, { one } });
	put_places(&store, (struct log_places){ MAIL_LOGS, 1, { one } });
	store_close(&store);
	open_store(&store, false);
	loaded = load(&store);
	assert_int_equal(loaded->n_places, 2);
	assert_int_equal(loaded->places[0].log, MAIL_LOG_EXIM);
	assert_int_equal(loaded->places[0].n, 2);
	assert_true(loaded->places[0].place[0].inode == one.inode);
	assert_true(loaded->places[0].place[0].offset == one.offset);
	assert_true(loaded->places[0].place[0].head_hash == one.head_hash);
	assert_int_equal(loaded->places[0].place[0].head_bytes, LOG_HEAD_BYTES);
	assert_true(loaded->places[0].place[1].inode == 7);
	assert_int_equal(loaded->places[1].log, MAIL_LOG_CPANEL);
	assert_int_equal(loaded->places[1].n, 1);
	ledger_load_free(loaded);
	/* under another path it is another log; back under the old one it goes on */
	snprintf(store.log_keys[MAIL_LOG_CPANEL], sizeof(store.log_keys[0]), "cpanel /elsewhere");
	put_places(&store, (struct log_places){ MAIL_LOG_CPANEL, 1, { two } });
	loaded = load(&store);
	assert_true(loaded->places[1].place[0].inode == two.inode);
	ledger_load_free(loaded);
	store.log_keys[MAIL_LOG_CPANEL][0] = '\0';
	loaded = load(&store);
	assert_true(loaded->places[1].place[0].inode == one.inode);
	ledger_load_free(loaded);
	/* a log that has none any more */
	put_places(&store, (struct log_places){ .log = MAIL_LOG_CPANEL });
	/* what cannot be is none at all: better from the beginning than from anywhere */
	assert_int_equal(store_execute(&store, "UPDATE log_place SET offset = -1 WHERE log = 'exim'"
					       " AND age = 1"),
			 0);
	loaded = load(&store);
	assert_int_equal(loaded->n_places, 0);
	ledger_load_free(loaded);
	store_close(&store);
}

/* --- alerts --- */

static struct ledger_fact use(const char *address, usec_t at, uint32_t day)
{
	return fact(MAIL_FACT_AUTH_SUCCESS, day, "user@example.com", address, 1, at);
}

static struct store_noted note_use(struct store *store, const char *address, usec_t at,
				   uint32_t day)
{
	struct ledger_fact made = use(address, at, day);

	return note_all(store, &made, 1, 2);
}

static void test_alert(void **state UNUSED)
{
	struct address last = addr("2001:db8:1:2::1");
	struct store_noted noted;
	struct store store;

	open_store(&store, true);
	/* the day before, and too long ago for the others */
	assert_int_equal(note_use(&store, "198.51.100.1", NOW - HOURS(23), TODAY - 1).n_alerts, 0);
	assert_int_equal(note_use(&store, "192.0.2.1", NOW - HOURS(9), TODAY - 1).n_alerts, 0);
	assert_int_equal(note_use(&store, "192.0.2.200", NOW - HOURS(8), TODAY).n_alerts, 0);
	assert_int_equal(note_use(&store, "192.0.2.200", NOW - HOURS(7), TODAY).n_alerts, 0);
	/* other accounts, failures, nobody's address */
	note(&store, fact(MAIL_FACT_AUTH_SUCCESS, TODAY, "other", "203.0.113.1", 1, NOW));
	note(&store,
	     fact(MAIL_FACT_AUTH_FAILURE, TODAY, "user@example.com", "203.0.113.2", 1, NOW));
	assert_int_equal(note_use(&store, NULL, NOW - HOURS(7), TODAY).n_alerts, 0);
	noted = note_use(&store, "2001:db8:1:2::1", NOW - HOURS(2), TODAY);
	assert_int_equal(noted.n_alerts, 1);
	assert_string_equal(noted.alerts[0].account, "user@example.com");
	assert_int_equal(noted.alerts[0].networks, 3);
	assert_int_equal(noted.alerts[0].addresses, 4);
	assert_true(noted.alerts[0].last == NOW - HOURS(2));
	assert_true(address_equal(&noted.alerts[0].address, &last));
	/* told already, within the day */
	assert_int_equal(note_use(&store, "203.0.113.1", NOW - HOURS(1), TODAY).n_alerts, 0);
	assert_int_equal(number(&store, "SELECT count(*) FROM account_alert"), 1);
	assert_true((usec_t)number(&store, "SELECT wall_us FROM account_alert") == NOW - HOURS(2));
	/* and once more after it */
	assert_int_equal(note_use(&store, "203.0.113.1", NOW + HOURS(21), TODAY + 1).n_alerts, 0);
	noted = note_use(&store, "203.0.113.77", NOW + HOURS(23), TODAY + 1);
	assert_int_equal(noted.n_alerts, 0);
	noted = note_use(&store, "2001:db8:1:3::1", NOW + HOURS(23), TODAY + 1);
	assert_int_equal(noted.n_alerts, 0);
	noted = note_use(&store, "2001:db8:2::1", NOW + HOURS(23), TODAY + 1);
	assert_int_equal(noted.n_alerts, 1);
	assert_int_equal(noted.alerts[0].networks, 3);
	assert_int_equal(noted.alerts[0].addresses, 4);
	store_close(&store);
}

/* In one group, out of order; the account goes on being used from where it was. */
static void test_alert_in_a_group(void **state UNUSED)
{
	struct ledger_fact facts[] = {
		use("203.0.113.1", NOW - HOURS(1), TODAY),
		use("192.0.2.1", NOW - HOURS(5), TODAY),
		use("198.51.100.1", NOW - HOURS(4), TODAY),
		use("203.0.113.9", NOW - HOURS(3), TODAY),
		use("192.0.2.1", NOW, TODAY),
		use("198.51.100.1", NOW, TODAY),
	};
	struct store_noted noted;
	struct store store;

	open_store(&store, true);
	noted = note_all(&store, facts, ARRAY_SIZE(facts), 2);
	assert_int_equal(noted.n_alerts, 1);
	assert_int_equal(noted.alerts[0].networks, 3);
	assert_true(noted.alerts[0].last >= NOW - HOURS(3));
	store_close(&store);
}

static void test_no_alert(void **state UNUSED)
{
	struct ledger_fact facts[10], old[10];
	struct store store;

	for (unsigned i = 0; i < ARRAY_SIZE(facts); i++) {
		char address[32];

		snprintf(address, sizeof(address), "192.0.%u.1", i);
		facts[i] = use(address, NOW - HOURS(1), TODAY);
		old[i] = use(address, NOW - DAYS(9), TODAY - 9);
	}
	open_store(&store, true);
	/* off; long ago; not more than allowed */
	assert_int_equal(note_all(&store, facts, ARRAY_SIZE(facts), 0).n_alerts, 0);
	store_close(&store);
	assert_int_equal(unlink(path), 0);
	open_store(&store, true);
	assert_int_equal(note_all(&store, old, ARRAY_SIZE(old), 2).n_alerts, 0);
	assert_int_equal(note_all(&store, facts, 5, 5).n_alerts, 0);
	/* a network is new once a day */
	assert_int_equal(note_all(&store, facts, 5, 2).n_alerts, 0);
	assert_int_equal(note_all(&store, facts, 6, 5).n_alerts, 1);
	store_close(&store);
}

/* Hundreds of accounts at once: all have a row, few are told. */
static void test_many_alerts(void **state UNUSED)
{
	static struct ledger_fact facts[300 * 3];
	unsigned deleted = 0;
	struct store store;

	for (unsigned i = 0; i < ARRAY_SIZE(facts); i++) {
		char address[32];

		snprintf(address, sizeof(address), "192.0.%u.1", i % 3);
		facts[i] = use(address, NOW - SECONDS(i), TODAY);
		snprintf(facts[i].account, sizeof(facts[i].account), "user%u", i / 3);
	}
	open_store(&store, true);
	assert_int_equal(note_all(&store, facts, ARRAY_SIZE(facts), 2).n_alerts, STORE_ALERTS_MAX);
	assert_int_equal(number(&store, "SELECT count(*) FROM account_alert"), 300);
	assert_int_equal(store_clean_alerts(&store, NOW - DAYS(1), 100, &deleted), 0);
	assert_int_equal(deleted, 0);
	assert_int_equal(store_clean_alerts(&store, NOW + 1, 200, &deleted), 0);
	assert_int_equal(deleted, 200);
	assert_int_equal(store_clean_alerts(&store, NOW + 1, 200, &deleted), 0);
	assert_int_equal(deleted, 100);
	store_close(&store);
}

#define FACTS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FACTS_TEST(test_sums),		FACTS_TEST(test_impossible_and_old),
		FACTS_TEST(test_bound),		FACTS_TEST(test_many_days),
		FACTS_TEST(test_many_accounts), FACTS_TEST(test_clean),
		FACTS_TEST(test_undone),	FACTS_TEST(test_places),
		FACTS_TEST(test_alert),		FACTS_TEST(test_alert_in_a_group),
		FACTS_TEST(test_no_alert),	FACTS_TEST(test_many_alerts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
