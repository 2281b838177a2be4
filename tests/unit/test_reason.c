// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "support.h"

#include "smtpguard/policy/reason.h"

static struct ban_reason counted(enum limit_kind limit, enum ptr_state state)
{
	struct ban_reason reason = { .limit = limit,
				     .service = "smtp",
				     .allowed = 10,
				     .observed = 23,
				     .peak = 23,
				     .ptr_state = state };

	if (limit == LIMIT_NEW)
		reason.window = 90 * USEC_PER_SEC;
	return reason;
}

static struct ban_reason failures(const char *accounts)
{
	struct ban_reason reason = { .limit = LIMIT_AUTH_FAILURES,
				     .service = "submission",
				     .allowed = 20,
				     .observed = 20,
				     .peak = 20,
				     .window = 3600 * USEC_PER_SEC,
				     .ptr_state = PTR_STATE_NONE };

	snprintf(reason.text, sizeof(reason.text), "%s", accounts);
	return reason;
}

static void formats(struct ban_reason reason, const char *expected)
{
	char text[REASON_COMMENT_MAX];

	assert_ptr_equal(reason_format(&reason, text), text);
	assert_string_equal(text, expected);
}

static void test_format(void **state UNUSED)
{
	struct ban_reason operator = { .limit = LIMIT_OPERATOR, .text = "spam run" };

	formats(counted(LIMIT_CONCURRENT, PTR_STATE_NONE), "smtp 23>10 concurrent; no PTR");
	formats(counted(LIMIT_CONCURRENT, PTR_STATE_UNKNOWN), "smtp 23>10 concurrent");
	formats(counted(LIMIT_NEW, PTR_STATE_MISMATCH), "smtp 23>10 new/90s; PTR does not resolve back");
	formats(counted(LIMIT_CONCURRENT, PTR_STATE_UNVERIFIABLE),
		"smtp 23>10 concurrent; PTR lookups fail");
	formats(counted(LIMIT_VERIFIED_CONCURRENT, PTR_STATE_VERIFIED),
		"smtp 23>10 verified_concurrent; PTR verified");
	formats(counted(LIMIT_REVERSE_DNS, PTR_STATE_NONE), "smtp reverse_dns; no PTR");
	formats(counted(LIMIT_REVERSE_DNS, PTR_STATE_MISMATCH),
		"smtp reverse_dns; PTR does not resolve back");
	formats(operator, "operator: spam run");
	operator.text[0] = '\0';
	formats(operator, "operator");
	formats((struct ban_reason){ .limit = LIMIT_NONE, .text = "x y" }, "x y");
	formats(failures("user@example.com and 3 more"),
		"submission 20/20 auth-failures/3600s; user@example.com and 3 more");
	formats(failures(""), "submission 20/20 auth-failures/3600s");
}

static void test_longest_fits(void **state UNUSED)
{
	struct ban_reason reason = counted(LIMIT_VERIFIED_CONCURRENT, PTR_STATE_MISMATCH);
	char text[REASON_COMMENT_MAX];

	memset(reason.service, 's', SERVICE_NAME_MAX - 1);
	reason.observed = reason.allowed = UINT32_MAX;
	assert_in_range(strlen(reason_format(&reason, text)), 80, REASON_COMMENT_MAX - 1);
	assert_non_null(strstr(text, "back"));
	reason.limit = LIMIT_NEW;
	reason.window = UINT64_MAX / 2;
	assert_in_range(strlen(reason_format(&reason, text)), 80, REASON_COMMENT_MAX - 1);
	assert_non_null(strstr(text, "back"));
	reason.limit = LIMIT_OPERATOR;
	memset(reason.text, 't', sizeof(reason.text) - 1);
	reason.text[sizeof(reason.text) - 1] = '\0';
	assert_in_range(strlen(reason_format(&reason, text)), 100, REASON_COMMENT_MAX - 1);
	reason.limit = LIMIT_AUTH_FAILURES;
	assert_int_equal(strlen(reason_format(&reason, text)), REASON_COMMENT_MAX - 1);
	assert_non_null(strstr(text, "s; ttt"));
}

static void test_and_back(void **state UNUSED)
{
	for (int limit = LIMIT_CONCURRENT; limit < LIMIT_OPERATOR; limit++) {
		for (int ptr = 0; ptr < PTR_STATES; ptr++) {
			struct ban_reason reason = counted((enum limit_kind)limit, (enum ptr_state)ptr);
			struct ban_reason back;
			char text[REASON_COMMENT_MAX];

			reason_parse(reason_format(&reason, text), &back);
			assert_int_equal(back.limit, reason.limit);
			assert_string_equal(back.service, reason.service);
			assert_int_equal(back.observed, reason.observed);
			assert_int_equal(back.allowed, reason.allowed);
			assert_true(back.window == reason.window);
			assert_int_equal(back.ptr_state, reason.ptr_state);
			assert_string_equal(back.text, "");
		}
	}
}

static void test_refusal_and_back(void **state UNUSED)
{
	for (int ptr = 0; ptr < PTR_STATES; ptr++) {
		struct ban_reason reason = counted(LIMIT_REVERSE_DNS, (enum ptr_state)ptr), back;
		char text[REASON_COMMENT_MAX];

		memset(reason.service, 's', SERVICE_NAME_MAX - 1);
		reason_parse(reason_format(&reason, text), &back);
		assert_int_equal(back.limit, LIMIT_REVERSE_DNS);
		assert_string_equal(back.service, reason.service);
		assert_int_equal(back.ptr_state, reason.ptr_state);
		assert_int_equal(back.observed, 0);
		assert_int_equal(back.allowed, 0);
		assert_string_equal(back.text, "");
	}
}

static void test_failures_and_back(void **state UNUSED)
{
	static const char *const texts[] = { "",
					     "user@example.com",
					     "user@example.com and at least 7 more",
					     "; no PTR",
					     "a 20/20 auth-failures/5s; b",
					     "x\\x22\\x5c y" };
	char text[REASON_COMMENT_MAX], again[REASON_COMMENT_MAX];
	struct ban_reason back;

	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		struct ban_reason reason = failures(texts[i]);

		reason_parse(reason_format(&reason, text), &back);
		assert_int_equal(back.limit, LIMIT_AUTH_FAILURES);
		assert_string_equal(back.service, "submission");
		assert_int_equal(back.observed, 20);
		assert_int_equal(back.allowed, 20);
		assert_int_equal(back.peak, 20);
		assert_true(back.window == reason.window);
		assert_int_equal(back.ptr_state, PTR_STATE_UNKNOWN);
		assert_string_equal(back.text, texts[i]);
	}
	/* of an account that is too long its beginning is left, and nothing else changes */
	for (unsigned n = 0; n < REASON_COMMENT_MAX; n++) {
		struct ban_reason reason = failures("");

		memset(reason.text, 'a', n);
		reason.text[n] = '\0';
		reason_parse(reason_format(&reason, text), &back);
		assert_int_equal(back.limit, LIMIT_AUTH_FAILURES);
		assert_int_equal(strncmp(back.text, reason.text, strlen(back.text)), 0);
		assert_int_equal(strlen(back.text), MIN_OF(n, REASON_COMMENT_MAX - 1 - 38u));
		assert_string_equal(reason_format(&back, again), text);
	}
}

static void test_operator_and_back(void **state UNUSED)
{
	static const char *const texts[] = { "", "spam run", "ticket #42; see mail", "a: b" };

	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		struct ban_reason reason = { .limit = LIMIT_OPERATOR }, back;
		char text[REASON_COMMENT_MAX];

		snprintf(reason.text, sizeof(reason.text), "%s", texts[i]);
		reason_parse(reason_format(&reason, text), &back);
		assert_int_equal(back.limit, LIMIT_OPERATOR);
		assert_string_equal(back.text, texts[i]);
	}
}

static void test_foreign_comments(void **state UNUSED)
{
	static const char *const foreign[] = {
		"",
		"by hand",
		"smtp",
		"smtp 23>10",
		"smtp 23>10 ",
		"smtp 23>10 things",
		"smtp 23>10 new",
		"smtp 23>10 concurrent/5s",
		"smtp 23>10 new/5",
		"smtp 23>10 concurrent; nice PTR",
		"smtp 23>10 concurrent no PTR",
		"smtp 23>10 concurrent; no PTR and more",
		"smtp 23<10 concurrent",
		"SMTP 23>10 concurrent",
		"smtp 99999999999999999999>10 concurrent",
		"a-service-name-that-is-too-long 23>10 concurrent",
		"operators: x",
		"smtp 23>10 operator",
		"smtp 23>10 none",
		"smtp 23>10 reverse_dns",
		"smtp reverse_dns; nice PTR",
		"smtp reverse_dns and more",
		"smtp reverse_dn",
		"reverse_dns; no PTR",
		"submission 20/20 auth-failures",
		"submission 20/20 auth-failures/",
		"submission 20/20 auth-failures/1x",
		"submission 20/20 auth-failures/0s",
		"submission 20/20 auth-failures/3600s user@example.com",
		"submission 20>20 auth-failures/3600s; user@example.com",
		"submission 20/20 auth_failures/3600s; user@example.com",
		"submission auth-failures/3600s",
		"20/20 auth-failures/3600s",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(foreign); i++) {
		struct ban_reason back;

		reason_parse(foreign[i], &back);
		assert_int_equal(back.limit, LIMIT_NONE);
		assert_string_equal(back.text, foreign[i]);
		assert_string_equal(back.service, "");
		assert_int_equal(back.observed, 0);
	}
}

static void test_nothing_raw_gets_through(void **state UNUSED)
{
	char comment[256];
	struct ban_reason back;

	for (unsigned round = 0; round < 5000; round++) {
		unsigned n = random_below(sizeof(comment));

		for (unsigned i = 0; i < n; i++)
			comment[i] = (char)(1 + random_below(255));
		comment[n] = '\0';
		if (random_below(4) == 0)
			memcpy(comment, "operator: ", MIN_OF(n, 10u));
		else if (random_below(4) == 0)
			memcpy(comment, "a 9/9 auth-failures/9s; ", MIN_OF(n, 24u));
		reason_parse(comment, &back);
		for (const char *p = back.text; *p; p++)
			assert_true(*p >= 0x20 && *p < 0x7f && *p != '"');
		assert_true(strlen(back.text) < REASON_COMMENT_MAX);
	}
}

static void test_names(void **state UNUSED)
{
	assert_string_equal(limit_kind_name(LIMIT_NONE), "none");
	assert_string_equal(limit_kind_name(LIMIT_CONCURRENT), "concurrent");
	assert_string_equal(limit_kind_name(LIMIT_NEW), "new");
	assert_string_equal(limit_kind_name(LIMIT_VERIFIED_CONCURRENT), "verified_concurrent");
	assert_string_equal(limit_kind_name(LIMIT_OPERATOR), "operator");
	assert_string_equal(limit_kind_name(LIMIT_REVERSE_DNS), "reverse_dns");
	assert_string_equal(limit_kind_name(LIMIT_AUTH_FAILURES), "auth-failures");
	assert_string_equal(ptr_state_name(PTR_STATE_UNKNOWN), "unknown");
	assert_string_equal(ptr_state_name(PTR_STATE_VERIFIED), "verified");
	assert_string_equal(ptr_state_name(PTR_STATE_MISMATCH), "mismatch");
	assert_string_equal(ptr_state_name(PTR_STATE_NONE), "none");
	assert_string_equal(ptr_state_name(PTR_STATE_UNVERIFIABLE), "unverifiable");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),		  cmocka_unit_test(test_longest_fits),
		cmocka_unit_test(test_and_back),	  cmocka_unit_test(test_operator_and_back),
		cmocka_unit_test(test_foreign_comments),  cmocka_unit_test(test_nothing_raw_gets_through),
		cmocka_unit_test(test_names),		  cmocka_unit_test(test_refusal_and_back),
		cmocka_unit_test(test_failures_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
