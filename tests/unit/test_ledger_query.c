// SPDX-License-Identifier: GPL-2.0-or-later
/* What the store answers: history and peaks. */
#include "support.h"

#include <errno.h>

#include "store_file.h"

#define DAY (20000 * STORE_DAY) /* 2024-10-04 */

static struct ledger_answer answer;

static bool always(void *userdata UNUSED)
{
	return true;
}

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

static void ask_history(struct store *store, const char *source, usec_t since, uint32_t limit)
{
	struct ledger_query query = { .since = since, .limit = limit, .has_source = source != NULL };

	if (source)
		query.source = pfx(source);
	ask(store, &query);
}

static void put(struct store *store, enum ledger_kind kind, const char *source, usec_t since, usec_t until)
{
	struct ledger_entry entry = ban(source, since, until);

	entry.kind = kind;
	assert_int_equal(store_put(store, &entry, 0), 0);
}

static void end(struct store *store, enum ledger_kind kind, const char *source, enum ledger_end how,
		usec_t when)
{
	struct prefix prefix = pfx(source);

	assert_int_equal(store_end(store, kind, &prefix, how, when), 0);
}

static void is_record(uint32_t at, enum ledger_kind kind, const char *source, usec_t since,
		      enum ledger_end how, usec_t ended)
{
	const struct ledger_record *record = &answer.records[at];
	struct prefix prefix = pfx(source);

	assert_true(at < answer.n);
	assert_int_equal(record->entry.kind, kind);
	assert_true(prefix_equal(&record->entry.source, &prefix));
	assert_true(record->entry.since == since);
	assert_int_equal(record->end, how);
	assert_true(record->ended == ended);
}

static void test_history(void **state UNUSED)
{
	struct store store;

	open_store(&store, true);
	ask_history(&store, NULL, 0, 10);
	assert_int_equal(answer.total, 0);
	put(&store, LEDGER_BAN, "192.0.2.1", NOW - HOURS(9), NOW - HOURS(8));
	end(&store, LEDGER_BAN, "192.0.2.1", LEDGER_LIFTED, NOW - HOURS(8) - 1);
	put(&store, LEDGER_BLOCK, "192.0.2.0/24", NOW - HOURS(7), USEC_NEVER);
	put(&store, LEDGER_BAN, "192.0.2.1", NOW - HOURS(6), NOW + HOURS(1));
	end(&store, LEDGER_BAN, "192.0.2.1", LEDGER_REPLACED, NOW - HOURS(5));
	put(&store, LEDGER_ALLOW, "2001:db8::/32", NOW - HOURS(4), NOW - HOURS(3));
	put(&store, LEDGER_GRACE, "192.0.2.1", NOW - HOURS(4), NOW + HOURS(1));
	ask_history(&store, NULL, 0, 10);
	assert_int_equal(answer.n, 5);
	assert_int_equal(answer.total, 5);
	is_record(0, LEDGER_GRACE, "192.0.2.1", NOW - HOURS(4), LEDGER_NOT_ENDED, 0);
	/* it ran out, though nobody has said so */
	is_record(1, LEDGER_ALLOW, "2001:db8::/32", NOW - HOURS(4), LEDGER_EXPIRED, NOW - HOURS(3));
	is_record(2, LEDGER_BAN, "192.0.2.1", NOW - HOURS(6), LEDGER_REPLACED, NOW - HOURS(5));
	is_record(3, LEDGER_BLOCK, "192.0.2.0/24", NOW - HOURS(7), LEDGER_NOT_ENDED, 0);
	is_record(4, LEDGER_BAN, "192.0.2.1", NOW - HOURS(9), LEDGER_LIFTED, NOW - HOURS(8) - 1);
	assert_true(answer.records[3].entry.until == USEC_NEVER);
	assert_int_equal(answer.records[4].entry.earlier, 2);
	assert_int_equal(answer.records[4].entry.reason.observed, 23);
	assert_string_equal(answer.records[4].entry.reason.name, "mail.example.net");
	ask_history(&store, NULL, 0, 2);
	assert_int_equal(answer.n, 2);
	assert_int_equal(answer.total, 5);
	is_record(1, LEDGER_ALLOW, "2001:db8::/32", NOW - HOURS(4), LEDGER_EXPIRED, NOW - HOURS(3));
	store_close(&store);
}

static void test_since(void **state UNUSED)
{
	struct store store;

	open_store(&store, true);
	put(&store, LEDGER_BAN, "192.0.2.1", NOW - HOURS(9), NOW - HOURS(3));
	put(&store, LEDGER_BLOCK, "192.0.2.2", NOW - HOURS(8), USEC_NEVER);
	put(&store, LEDGER_BAN, "192.0.2.3", NOW - HOURS(7), NOW - HOURS(5));
	end(&store, LEDGER_BAN, "192.0.2.3", LEDGER_LIFTED, NOW - HOURS(6));
	put(&store, LEDGER_BAN, "192.0.2.4", NOW - HOURS(2), NOW + HOURS(1));
	ask_history(&store, NULL, NOW - HOURS(6) - 1, 10);
	assert_int_equal(answer.total, 4);
	ask_history(&store, NULL, NOW - HOURS(6), 10);
	assert_int_equal(answer.total, 3);
	assert_int_equal(answer.n, 3);
	is_record(0, LEDGER_BAN, "192.0.2.4", NOW - HOURS(2), LEDGER_NOT_ENDED, 0);
	is_record(1, LEDGER_BLOCK, "192.0.2.2", NOW - HOURS(8), LEDGER_NOT_ENDED, 0);
	is_record(2, LEDGER_BAN, "192.0.2.1", NOW - HOURS(9), LEDGER_EXPIRED, NOW - HOURS(3));
	ask_history(&store, NULL, NOW - HOURS(6), 2);
	assert_int_equal(answer.n, 2);
	assert_int_equal(answer.total, 3);
	ask_history(&store, "192.0.2.0/24", NOW - HOURS(6), 10);
	assert_int_equal(answer.n, 3);
	assert_int_equal(answer.total, 3);
	ask_history(&store, "192.0.2.3", NOW - HOURS(6), 10);
	assert_int_equal(answer.total, 0);
	ask_history(&store, NULL, NOW, 10);
	assert_int_equal(answer.total, 2);
	store_close(&store);
}

static void test_source(void **state UNUSED)
{
	static const char *const around[] = { "0.0.0.0/0", "192.0.0.0/8", "192.0.2.0/24",
					      "192.0.2.8/31", "192.0.2.8" };
	struct store store;

	open_store(&store, true);
	for (unsigned i = 0; i < ARRAY_SIZE(around); i++)
		put(&store, LEDGER_BLOCK, around[i], NOW - HOURS(i + 1), USEC_NEVER);
	put(&store, LEDGER_BLOCK, "192.0.2.9", NOW - 1, USEC_NEVER);
	put(&store, LEDGER_BLOCK, "192.0.3.0/24", NOW - 1, USEC_NEVER);
	put(&store, LEDGER_BLOCK, "::/0", NOW - 1, USEC_NEVER);
	put(&store, LEDGER_BLOCK, "2001:db8::/64", NOW - 1, USEC_NEVER);
	ask_history(&store, "192.0.2.8", 0, 10);
	assert_int_equal(answer.n, ARRAY_SIZE(around));
	for (unsigned i = 0; i < ARRAY_SIZE(around); i++)
		is_record(i, LEDGER_BLOCK, around[i], NOW - HOURS(i + 1), LEDGER_NOT_ENDED, 0);
	ask_history(&store, "192.0.2.8", 0, 2);
	assert_int_equal(answer.n, 2);
	assert_int_equal(answer.total, ARRAY_SIZE(around));
	is_record(1, LEDGER_BLOCK, around[1], NOW - HOURS(2), LEDGER_NOT_ENDED, 0);
	ask_history(&store, "192.0.2.0/24", 0, 10);
	assert_int_equal(answer.n, 6);
	/* one family is not inside of the other, whatever the 16 bytes say */
	ask_history(&store, "::/0", 0, 10);
	assert_int_equal(answer.n, 2);
	ask_history(&store, "0.0.0.0/0", 0, 10);
	assert_int_equal(answer.n, 7);
	ask_history(&store, "2001:db8::7", 0, 10);
	assert_int_equal(answer.n, 2);
	store_close(&store);
}

/* Few bits that differ, so that much is inside and around. */
static struct prefix random_prefix(void)
{
	struct address address = random_below(2) ? addr("192.0.0.0") : addr("2001::");
	bool ipv4 = address_is_ipv4(&address);
	unsigned first = ipv4 ? 12 : random_below(2) ? 2 : 14;

	address.bytes[first] |= (uint8_t)(random_below(4) << 6);
	address.bytes[15] |= (uint8_t)random_below(3);
	return prefix_cut(&address, (uint8_t)(ipv4 ? 96 + random_below(33) : random_below(129)));
}

static bool related(const struct prefix *a, const struct prefix *b)
{
	if (prefix_is_ipv4(a) != prefix_is_ipv4(b))
		return false;
	return a->length < b->length ? prefix_contains(a, &b->address) : prefix_contains(b, &a->address);
}

static void test_sources_against_a_model(void **state UNUSED)
{
	struct ledger_query query = { .has_source = true, .limit = 1000 };
	static struct prefix sources[400];
	struct store store;

	open_store(&store, true);
	assert_int_equal(store_begin(&store), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(sources); i++) {
		struct ledger_entry entry = ban("192.0.2.1", NOW - i, NOW + HOURS(1));

		entry.source = sources[i] = random_prefix();
		assert_int_equal(store_put(&store, &entry, 0), 0);
		/* each a row of its own */
		assert_int_equal(store_end(&store, LEDGER_BAN, &sources[i], LEDGER_LIFTED, NOW), 0);
	}
	assert_int_equal(store_commit(&store), 0);
	for (unsigned i = 0; i < 2000; i++) {
		uint32_t n = 0;

		query.source = random_prefix();
		ask(&store, &query);
		for (unsigned j = 0; j < ARRAY_SIZE(sources); j++) {
			if (!related(&query.source, &sources[j]))
				continue;
			assert_true(n < answer.n && answer.records[n].entry.since == NOW - j);
			n++;
		}
		assert_int_equal(answer.n, n);
		assert_int_equal(answer.total, n);
	}
	store_close(&store);
}

static struct ledger_peak peak(const char *source, const char *service, unsigned day, uint32_t concurrent,
			       uint32_t fresh)
{
	struct ledger_peak made = { .source = pfx(source),
				    .day = DAY + day * STORE_DAY,
				    .concurrent = concurrent,
				    .fresh = fresh,
				    .ptr_state = PTR_STATE_UNKNOWN };

	snprintf(made.service, sizeof(made.service), "%s", service);
	return made;
}

static void note(struct store *store, struct ledger_peak made)
{
	assert_int_equal(store_note_peak(store, &made), 0);
}

static void ask_peaks(struct store *store, const char *source, const char *service, usec_t since,
		      uint32_t limit)
{
	struct ledger_query query = { .subject = LEDGER_PEAKS,
				      .since = since,
				      .limit = limit,
				      .has_source = source != NULL };

	if (source)
		query.source = pfx(source);
	snprintf(query.service, sizeof(query.service), "%s", service);
	ask(store, &query);
}

static void is_peak(uint32_t at, const char *source, const char *service, uint32_t concurrent,
		    uint32_t fresh, uint32_t days, unsigned last_day)
{
	const struct ledger_peak *found = &answer.peaks[at];
	struct prefix prefix = pfx(source);

	assert_true(at < answer.n);
	assert_true(prefix_equal(&found->source, &prefix));
	assert_string_equal(found->service, service);
	assert_int_equal(found->concurrent, concurrent);
	assert_int_equal(found->fresh, fresh);
	assert_int_equal(found->days, days);
	assert_true(found->day == DAY + last_day * STORE_DAY);
}

static void test_peaks(void **state UNUSED)
{
	struct ledger_peak named = peak("192.0.2.1", "smtp", 0, 5, 4);
	struct store store;

	open_store(&store, true);
	named.ptr_state = PTR_STATE_VERIFIED;
	snprintf(named.name, sizeof(named.name), "mx.example.net");
	note(&store, peak("192.0.2.1", "smtp", 0, 3, 9));
	note(&store, named);
	/* not known any more is no news */
	note(&store, peak("192.0.2.1", "smtp", 0, 4, 1));
	note(&store, peak("192.0.2.1", "submission", 0, 7, 7));
	note(&store, peak("192.0.2.1", "smtp", 2, 1, 2));
	note(&store, peak("2001:db8:0:1::/64", "smtp", 1, 5, 30));
	ask_peaks(&store, NULL, "", 0, 10);
	assert_int_equal(answer.n, 3);
	assert_int_equal(answer.total, 3);
	is_peak(0, "192.0.2.1", "submission", 7, 7, 1, 0);
	is_peak(1, "2001:db8:0:1::/64", "smtp", 5, 30, 1, 1);
	is_peak(2, "192.0.2.1", "smtp", 5, 9, 2, 2);
	assert_int_equal(answer.peaks[2].ptr_state, PTR_STATE_UNKNOWN);
	ask_peaks(&store, NULL, "smtp", 0, 1);
	assert_int_equal(answer.n, 1);
	assert_int_equal(answer.total, 2);
	is_peak(0, "2001:db8:0:1::/64", "smtp", 5, 30, 1, 1);
	ask_peaks(&store, "192.0.2.0/24", "smtp", 0, 10);
	assert_int_equal(answer.n, 1);
	is_peak(0, "192.0.2.1", "smtp", 5, 9, 2, 2);
	ask_peaks(&store, "2001:db8:0:1::9", "", 0, 10);
	assert_int_equal(answer.total, 1);
	/* the day counts until it is over */
	ask_peaks(&store, NULL, "", DAY + STORE_DAY - 1, 10);
	assert_int_equal(answer.total, 3);
	ask_peaks(&store, NULL, "", DAY + STORE_DAY, 10);
	assert_int_equal(answer.total, 2);
	is_peak(1, "192.0.2.1", "smtp", 1, 2, 1, 2);
	ask_peaks(&store, "192.0.2.1", "", DAY + STORE_DAY, 10);
	assert_int_equal(answer.total, 1);
	store_close(&store);
}

static void test_name_of_a_peak(void **state UNUSED)
{
	struct ledger_peak named = peak("192.0.2.1", "smtp", 0, 5, 4);
	struct store store;

	open_store(&store, true);
	named.ptr_state = PTR_STATE_VERIFIED;
	snprintf(named.name, sizeof(named.name), "mx.example.net");
	note(&store, named);
	note(&store, peak("192.0.2.1", "smtp", 0, 6, 1));
	ask_peaks(&store, NULL, "", 0, 10);
	is_peak(0, "192.0.2.1", "smtp", 6, 4, 1, 0);
	assert_int_equal(answer.peaks[0].ptr_state, PTR_STATE_VERIFIED);
	assert_string_equal(answer.peaks[0].name, "mx.example.net");
	named.ptr_state = PTR_STATE_NONE;
	named.name[0] = '\0';
	note(&store, named);
	ask_peaks(&store, NULL, "", 0, 10);
	assert_int_equal(answer.peaks[0].ptr_state, PTR_STATE_NONE);
	assert_string_equal(answer.peaks[0].name, "");
	store_close(&store);
}

/* Whoever is large in one of the two stays. */
static void test_peaks_are_bounded(void **state UNUSED)
{
	struct store store;

	open_store(&store, true);
	assert_int_equal(store_begin(&store), 0);
	for (uint32_t i = 0; i < LEDGER_PEAKS_PER_DAY + 500; i++) {
		struct address address = addr_n(i);
		struct ledger_peak made = peak("192.0.2.1", "smtp", 0, i % 2 ? i : 1, i % 2 ? 1 : i);

		made.source = prefix_host(&address);
		note(&store, made);
	}
	note(&store, peak("192.0.2.1", "submission", 0, 1, 1));
	note(&store, peak("192.0.2.1", "smtp", 1, 1, 1));
	assert_int_equal(store_trim_peaks(&store, DAY, "smtp"), 0);
	assert_int_equal(store_trim_peaks(&store, DAY, "submission"), 0);
	assert_int_equal(store_commit(&store), 0);
	assert_int_equal(number(&store, "SELECT count(*) FROM peak"), LEDGER_PEAKS_PER_DAY + 2);
	assert_int_equal(number(&store, "SELECT min(max(concurrent, fresh)) FROM peak"
					" WHERE source LIKE '10.%'"), 500);
	ask_peaks(&store, NULL, "smtp", DAY, LEDGER_ROWS_MAX);
	assert_int_equal(answer.n, LEDGER_PEAKS_PER_DAY + 1);
	store_close(&store);
	open_store(&store, false);
	assert_int_equal(number(&store, "SELECT count(*) FROM pragma_integrity_check"
					" WHERE integrity_check = 'ok'"), 1);
	store_close(&store);
}

static void test_peaks_are_cleaned(void **state UNUSED)
{
	unsigned deleted = 0;
	struct store store;

	open_store(&store, true);
	for (unsigned day = 0; day < 10; day++)
		note(&store, peak("192.0.2.1", "smtp", day, 1, 1));
	assert_int_equal(store_clean_peaks(&store, DAY + 5 * STORE_DAY + 7, 3, &deleted), 0);
	assert_int_equal(deleted, 3);
	assert_int_equal(store_clean_peaks(&store, DAY + 5 * STORE_DAY + 7, 3, &deleted), 0);
	assert_int_equal(deleted, 2);
	assert_int_equal(number(&store, "SELECT min(day_us) FROM peak") / STORE_DAY, 20005);
	store_close(&store);
}

static void test_foreign_rows(void **state UNUSED)
{
	static const char sql[] =
		"INSERT INTO entry(kind, source, since_us, until_us, ended_us, ended_how, earlier,"
		" snapshot, limit_kind, service, allowed, observed, peak, window_us, ptr_state, name,"
		" text) VALUES"
		"('ban', 'nonsense', 1, NULL, NULL, NULL, 0, 0, '', '', 0, 0, 0, 0, '', '', ''),"
		"('ban', '192.0.2.3', 5, 9, 'x', 'odd', -1, 0, 'odd', x'1b5b41', 1e30, -1, 'x', 0, 7,"
		" char(27) || '[31m', char(10));"
		"INSERT INTO peak(day_us, service, place, source, concurrent, fresh, ptr_state, name)"
		" VALUES"
		"(7, 'smtp', x'00', 'nonsense', 1, 1, '', ''),"
		"(7, char(27), x'01', '192.0.2.3', -4, 1e30, 'odd', x'1b5b41');";
	struct store store;

	open_store(&store, true);
	assert_int_equal(sqlite3_exec(store.db, sql, NULL, NULL, NULL), SQLITE_OK);
	ask_history(&store, NULL, 0, 10);
	assert_int_equal(answer.n, 1);
	is_record(0, LEDGER_BAN, "192.0.2.3", 5, LEDGER_EXPIRED, 0);
	assert_string_equal(answer.records[0].entry.reason.name, "\\x1b[31m");
	ask_peaks(&store, NULL, "", 0, 10);
	assert_int_equal(answer.n, 1);
	assert_string_equal(answer.peaks[0].service, "\\x1b");
	assert_string_equal(answer.peaks[0].name, "\\x1b[A");
	assert_int_equal(answer.peaks[0].concurrent, 0);
	assert_true(answer.peaks[0].fresh == UINT32_MAX);
	store_close(&store);
}

static void fill(struct store *store, uint32_t n)
{
	assert_int_equal(store_begin(store), 0);
	for (uint32_t i = 0; i < n; i++) {
		struct ledger_entry entry = ban("192.0.2.1", NOW - i, NOW + HOURS(1));
		struct address address = addr_n(i);

		entry.source = prefix_host(&address);
		assert_int_equal(store_put(store, &entry, 0), 0);
	}
	assert_int_equal(store_commit(store), 0);
}

static void test_given_up(void **state UNUSED)
{
	struct ledger_query query = { .limit = 10, .has_source = true, .source = pfx("10.0.0.0/8") };
	struct ledger_answer none;
	struct store store;

	open_store(&store, true);
	fill(&store, 5000);
	assert_int_equal(store_ask(&store, &query, NOW, never, NULL, &none), -ECANCELED);
	/* and nothing of it is left */
	ask(&store, &query);
	assert_int_equal(answer.total, 5000);
	store_close(&store);
}

/* Every look at a table is by an index: no question walks through all of it. (All of entry_active is
 * little.) */
static void test_plans(void **state UNUSED)
{
	static const enum store_statement which[] = {
		STORE_LOAD_ENDED,  STORE_LOAD_PAST,   STORE_NEWEST,	 STORE_OLDER,
		STORE_COUNT_SINCE, STORE_SPAN,	      STORE_COUNT_SPAN,	 STORE_NOTE_PEAK,
		STORE_TRIM_PEAKS,  STORE_CLEAN_PEAKS, STORE_PEAKS,	 STORE_COUNT_PEAKS,
		STORE_PEAKS_SPAN,  STORE_COUNT_PEAKS_SPAN,
	};
	struct store store;

	open_store(&store, true);
	for (unsigned i = 0; i < ARRAY_SIZE(which); i++) {
		char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s",
					    sqlite3_sql(store.statements[which[i]]));
		sqlite3_stmt *statement;

		assert_int_equal(sqlite3_prepare_v2(store.db, sql, -1, &statement, NULL), SQLITE_OK);
		while (sqlite3_step(statement) == SQLITE_ROW) {
			const char *step = (const char *)sqlite3_column_text(statement, 3);

			if (!strncmp(step, "SCAN", 4) && !strstr(step, "entry_active") &&
			    (strstr(step, "entry") || strstr(step, "peak")))
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

#define QUERY_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down_answer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUERY_TEST(test_history),
		QUERY_TEST(test_since),
		QUERY_TEST(test_source),
		QUERY_TEST(test_sources_against_a_model),
		QUERY_TEST(test_peaks),
		QUERY_TEST(test_name_of_a_peak),
		QUERY_TEST(test_peaks_are_bounded),
		QUERY_TEST(test_peaks_are_cleaned),
		QUERY_TEST(test_foreign_rows),
		QUERY_TEST(test_given_up),
		QUERY_TEST(test_plans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
