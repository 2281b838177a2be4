// SPDX-License-Identifier: GPL-2.0-or-later
/* What the ledger answers, as documents. */
#include "report_world.h"

#define NOON UINT64_C(1795348800000000) /* 2026-11-22T12:00:00Z */

/* The one row of the answer to a command. */
static json_t *only_row(const char *line, const struct ledger_answer *answer)
{
	struct control_command command;
	struct report_list *list;
	json_t *row, *more;
	char error[200];

	assert_int_equal(control_line_parse(line, strlen(line), &command, error, sizeof(error)), 0);
	assert_int_equal(report_list_of_answer(&list, &command, answer), 0);
	if (command.verb == CONTROL_AUTH_FAILURES)
		assert_string_equal(report_list_key(list), "auth_failures");
	else
		assert_string_equal(report_list_key(list), control_verb_name(command.verb));
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
	json_t *row = only_row("history", &answer);

	keys_are(row, "kind source service limit allowed observed peak window reverse_dns names "
		      "accounts since until end ended earlier comment");
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

static void bans_for_wrong_passwords(void **state UNUSED)
{
	struct ledger_record record = record_of(LEDGER_BAN, "203.0.113.9");
	struct ban_reason *reason = &record.entry.reason;
	json_t *row;

	reason->limit = LIMIT_AUTH_FAILURES;
	reason->allowed = 20;
	reason->observed = 20;
	reason->window = 3600 * USEC_PER_SEC;
	snprintf(reason->service, sizeof(reason->service), "submission");
	snprintf(reason->text, sizeof(reason->text), "user@example.com and 3 more");
	row = row_of(&record);
	assert_string_equal(text_of(row, "limit"), "auth-failures");
	assert_int_equal(number_of(row, "allowed"), 20);
	assert_int_equal(number_of(row, "observed"), 20);
	assert_string_equal(text_of(row, "window"), "3600s");
	assert_string_equal(text_of(row, "accounts"), "user@example.com and 3 more");
	assert_string_equal(text_of(row, "comment"),
			    "submission 20/20 auth-failures/3600s; user@example.com and 3 more");
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
	json_t *row = only_row("peaks", &answer);

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

/* --- sums of the mail logs --- */

static struct ledger_sum sum_of(void)
{
	struct ledger_sum sum = { .account = "user@example.com",
				  .has_address = true,
				  .address = address("203.0.113.9"),
				  .day = 20261122,
				  .failures = 75178,
				  .messages = 12,
				  .logins = 3,
				  .strangers = 5,
				  .protocol_errors = 6,
				  .refused = 7,
				  .accounts = 1,
				  .addresses = 12,
				  .networks = 9,
				  .first = NOON,
				  .last = NOON + 60 * USEC_PER_SEC };

	return sum;
}

static json_t *row_of_sum(const char *line, const struct ledger_sum *sum)
{
	struct ledger_sum copy = *sum;
	const struct ledger_answer answer = { .sums = &copy, .n = 1, .total = 812 };

	return only_row(line, &answer);
}

static void failures_by_what_was_asked(void **state UNUSED)
{
	struct ledger_sum sum = sum_of();
	json_t *row = row_of_sum("auth-failures", &sum);

	keys_are(row, "account failures accounts addresses networks first last");
	assert_string_equal(text_of(row, "account"), "user@example.com");
	assert_int_equal(number_of(row, "failures"), 75178);
	assert_int_equal(number_of(row, "accounts"), 1);
	assert_int_equal(number_of(row, "addresses"), 12);
	assert_int_equal(number_of(row, "networks"), 9);
	assert_string_equal(text_of(row, "first"), "2026-11-22T12:00:00Z");
	assert_string_equal(text_of(row, "last"), "2026-11-22T12:01:00Z");
	json_decref(row);

	row = row_of_sum("auth-failures by=day,source", &sum);
	keys_are(row, "source day failures accounts addresses networks first last");
	assert_string_equal(text_of(row, "source"), "203.0.113.9");
	assert_string_equal(text_of(row, "day"), "2026-11-22");
	json_decref(row);

	sum.has_address = false;
	sum.account[0] = '\0';
	row = row_of_sum("auth-failures by=account,source,day", &sum);
	keys_are(row, "account source day failures accounts addresses networks first last");
	assert_string_equal(text_of(row, "account"), "");
	assert_true(json_is_null(json_object_get(row, "source")));
	json_decref(row);
}

/* Each with its own addresses, which are gone with the answer. */
static void accounts_with_their_addresses(void **state UNUSED)
{
	struct ledger_account_address *shown = calloc(3, sizeof(*shown));
	struct ledger_sum sums[3] = { sum_of(), sum_of(), sum_of() };
	const struct ledger_answer answer = { .sums = sums, .n = 3, .total = 3 };
	const struct control_command command = { .verb = CONTROL_ACCOUNTS };
	struct report_list *list;
	json_t *row, *used;

	assert_non_null(shown);
	for (unsigned i = 0; i < 3; i++)
		shown[i] = (struct ledger_account_address){ .messages = 7 + i,
							    .logins = i,
							    .first = NOON,
							    .last = NOON };
	shown[0].address = address("203.0.113.9");
	shown[1].address = address("2001:db8::9");
	shown[2].address = address("198.51.100.1");
	sums[0].shown = shown;
	sums[0].n_shown = 2;
	sums[0].alerted = NOON;
	sums[2].shown = shown + 2;
	sums[2].n_shown = 1;
	assert_int_equal(report_list_of_answer(&list, &command, &answer), 0);
	free(shown);
	memset(sums, 0, sizeof(sums));

	assert_int_equal(report_list_next(list, 0, &row), 0);
	keys_are(row, "account networks addresses messages logins failures first last alerted "
		      "used_from");
	assert_string_equal(text_of(row, "account"), "user@example.com");
	assert_int_equal(number_of(row, "networks"), 9);
	assert_string_equal(text_of(row, "alerted"), "2026-11-22T12:00:00Z");
	used = json_object_get(row, "used_from");
	assert_int_equal(json_array_size(used), 2);
	keys_are(json_array_get(used, 0), "address messages logins first last");
	assert_string_equal(text_of(json_array_get(used, 0), "address"), "203.0.113.9");
	assert_string_equal(text_of(json_array_get(used, 1), "address"), "2001:db8::9");
	assert_int_equal(number_of(json_array_get(used, 1), "messages"), 8);
	assert_int_equal(number_of(json_array_get(used, 1), "logins"), 1);
	json_decref(row);

	assert_int_equal(report_list_next(list, 0, &row), 0);
	assert_true(json_is_null(json_object_get(row, "alerted")));
	assert_int_equal(json_array_size(json_object_get(row, "used_from")), 0);
	json_decref(row);
	assert_int_equal(report_list_next(list, 0, &row), 0);
	used = json_object_get(row, "used_from");
	assert_string_equal(text_of(json_array_get(used, 0), "address"), "198.51.100.1");
	json_decref(row);
	report_list_free(list);
}

static void what_a_source_tried(void **state UNUSED)
{
	struct ledger_sum sum = sum_of();
	json_t *row = row_of_sum("accounts source=203.0.113.9", &sum);

	keys_are(row, "account failures messages logins strangers protocol_errors refused first "
		      "last");
	assert_int_equal(number_of(row, "failures"), 75178);
	assert_int_equal(number_of(row, "messages"), 12);
	assert_int_equal(number_of(row, "logins"), 3);
	assert_int_equal(number_of(row, "strangers"), 5);
	assert_int_equal(number_of(row, "protocol_errors"), 6);
	assert_int_equal(number_of(row, "refused"), 7);
	json_decref(row);
}

static void nothing_is_an_empty_list(void **state UNUSED)
{
	const struct control_command command = { .verb = CONTROL_HISTORY };
	const struct ledger_answer answer = { .n = 0 };
	struct report_list *list;
	json_t *row;

	assert_int_equal(report_list_of_answer(&list, &command, &answer), 0);
	assert_int_equal(report_list_next(list, 0, &row), REPORT_LIST_END);
	assert_int_equal(report_list_total(list), 0);
	report_list_free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bans_with_their_evidence),
		cmocka_unit_test(bans_for_wrong_passwords),
		cmocka_unit_test(what_operators_did),
		cmocka_unit_test(peaks_of_days),
		cmocka_unit_test(failures_by_what_was_asked),
		cmocka_unit_test(accounts_with_their_addresses),
		cmocka_unit_test(what_a_source_tried),
		cmocka_unit_test(nothing_is_an_empty_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
