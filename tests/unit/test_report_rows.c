// SPDX-License-Identifier: GPL-2.0-or-later
/* What the ledger answers, as documents. */
#include "report_world.h"

#define NOON UINT64_C(1795348800000000) /* 2026-11-22T12:00:00Z */

/* The one row of an answer. */
static json_t *only_row(enum control_verb verb, const struct ledger_answer *answer)
{
	struct report_list *list;
	json_t *row, *more;

	assert_int_equal(report_list_of_answer(&list, verb, answer), 0);
	assert_string_equal(report_list_key(list), verb == CONTROL_PEAKS ? "peaks" : "history");
	assert_int_equal(report_list_next(list, 0, &row), 0);
	assert_int_equal(report_list_next(list, 0, &more), REPORT_LIST_END);
	assert_int_equal(report_list_total(list), answer->total);
	report_list_free(list);
	return row;
}

static json_t *row_of(const struct ledger_record *record)
{
	struct ledger_record copy = *record;
	const struct ledger_answer answer = { .records = &copy, .n = 1, .total = 7 };
	json_t *row = only_row(CONTROL_HISTORY, &answer);

	keys_are(row, "kind source service limit allowed observed peak window reverse_dns names "
		      "since until end ended earlier comment");
	return row;
}

static struct ledger_record record_of(enum ledger_kind kind, const char *source)
{
	return (struct ledger_record){ .entry = { .kind = kind,
						  .source = prefix(source),
						  .since = NOON,
						  .until = NOON + 3600 * USEC_PER_SEC } };
}

static void bans_with_their_evidence(void **state UNUSED)
{
	struct ledger_record record = record_of(LEDGER_BAN, "203.0.113.9");
	struct ban_reason *reason = &record.entry.reason;
	json_t *row;

	reason->limit = LIMIT_NEW;
	reason->allowed = 10;
	reason->observed = 11;
	reason->peak = 23;
	reason->window = 300 * USEC_PER_SEC;
	reason->ptr_state = PTR_STATE_MISMATCH;
	snprintf(reason->service, sizeof(reason->service), "smtp");
	snprintf(reason->name, sizeof(reason->name), "mail.example");
	record.entry.earlier = 2;
	record.end = LEDGER_LIFTED;
	record.ended = NOON + 60 * USEC_PER_SEC;
	row = row_of(&record);
	assert_string_equal(text_of(row, "kind"), "ban");
	assert_string_equal(text_of(row, "source"), "203.0.113.9");
	assert_string_equal(text_of(row, "service"), "smtp");
	assert_string_equal(text_of(row, "limit"), "new");
	assert_int_equal(number_of(row, "allowed"), 10);
	assert_int_equal(number_of(row, "observed"), 11);
	assert_int_equal(number_of(row, "peak"), 23);
	assert_string_equal(text_of(row, "window"), "300s");
	assert_string_equal(text_of(row, "reverse_dns"), "mismatch");
	assert_int_equal(json_array_size(json_object_get(row, "names")), 1);
	assert_string_equal(text_of(row, "since"), "2026-11-22T12:00:00Z");
	assert_string_equal(text_of(row, "until"), "2026-11-22T13:00:00Z");
	assert_string_equal(text_of(row, "end"), "lifted");
	assert_string_equal(text_of(row, "ended"), "2026-11-22T12:01:00Z");
	assert_int_equal(number_of(row, "earlier"), 2);
	assert_string_equal(text_of(row, "comment"),
			    "smtp 11>10 new/300s; PTR does not resolve back");
	json_decref(row);
}

static void what_operators_did(void **state UNUSED)
{
	struct ledger_record record = record_of(LEDGER_BLOCK, "198.18.0.0/15");
	json_t *row;

	record.entry.until = USEC_NEVER;
	snprintf(record.entry.reason.text, sizeof(record.entry.reason.text), "spam network");
	row = row_of(&record);
	assert_string_equal(text_of(row, "kind"), "block");
	assert_string_equal(text_of(row, "limit"), "operator");
	assert_string_equal(text_of(row, "comment"), "operator: spam network");
	assert_string_equal(text_of(row, "end"), "active");
	assert_true(json_is_null(json_object_get(row, "until")));
	assert_true(json_is_null(json_object_get(row, "ended")));
	assert_true(json_is_null(json_object_get(row, "observed")));
	json_decref(row);

	record = record_of(LEDGER_ALLOW, "2001:db8::25");
	snprintf(record.entry.reason.text, sizeof(record.entry.reason.text), "the office");
	record.end = LEDGER_EXPIRED;
	row = row_of(&record);
	assert_string_equal(text_of(row, "kind"), "allow");
	assert_string_equal(text_of(row, "comment"), "the office");
	assert_string_equal(text_of(row, "end"), "expired");
	assert_true(json_is_null(json_object_get(row, "limit")));
	json_decref(row);

	record = record_of(LEDGER_GRACE, "203.0.113.9");
	record.end = LEDGER_REPLACED;
	row = row_of(&record);
	assert_string_equal(text_of(row, "kind"), "grace");
	assert_string_equal(text_of(row, "comment"), "");
	assert_string_equal(text_of(row, "end"), "replaced");
	json_decref(row);
}

static void peaks_of_days(void **state UNUSED)
{
	struct ledger_peak peak = { .source = prefix("203.0.113.9"),
				    .service = "smtp",
				    .day = NOON - 43200 * USEC_PER_SEC,
				    .days = 2,
				    .concurrent = 12,
				    .fresh = 40,
				    .ptr_state = PTR_STATE_VERIFIED,
				    .name = "mx.example" };
	const struct ledger_answer answer = { .peaks = &peak, .n = 1, .total = 1 };
	json_t *row = only_row(CONTROL_PEAKS, &answer);

	keys_are(row, "source service concurrent new reverse_dns names days last_day");
	assert_string_equal(text_of(row, "service"), "smtp");
	assert_int_equal(number_of(row, "concurrent"), 12);
	assert_int_equal(number_of(row, "new"), 40);
	assert_string_equal(text_of(row, "reverse_dns"), "verified");
	assert_string_equal(json_string_value(json_array_get(json_object_get(row, "names"), 0)),
			    "mx.example");
	assert_int_equal(number_of(row, "days"), 2);
	assert_string_equal(text_of(row, "last_day"), "2026-11-22");
	json_decref(row);
}

static void nothing_is_an_empty_list(void **state UNUSED)
{
	const struct ledger_answer answer = { .n = 0 };
	struct report_list *list;
	json_t *row;

	assert_int_equal(report_list_of_answer(&list, CONTROL_HISTORY, &answer), 0);
	assert_int_equal(report_list_next(list, 0, &row), REPORT_LIST_END);
	assert_int_equal(report_list_total(list), 0);
	report_list_free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bans_with_their_evidence),
		cmocka_unit_test(what_operators_did),
		cmocka_unit_test(peaks_of_days),
		cmocka_unit_test(nothing_is_an_empty_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
