// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "support.h"

#include "smtpguard/base/parse.h"

#define UNTOUCHED 0x5a5a5a5a5a5a5a5a

static void number(const char *text, uint64_t minimum, uint64_t maximum, int expected_r,
		   uint64_t expected)
{
	uint64_t value = UNTOUCHED;

	assert_int_equal(parse_number(text, minimum, maximum, &value), expected_r);
	assert_true(value == (expected_r ? UNTOUCHED : expected));
}

static void test_number_bounds(void **state UNUSED)
{
	number("0", 0, 0, 0, 0);
	number("0", 0, UINT64_MAX, 0, 0);
	number("18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX);
	number("18446744073709551616", 0, UINT64_MAX, -ERANGE, 0);
	number("99999999999999999999999999", 0, UINT64_MAX, -ERANGE, 0);
	number("7", 7, 9, 0, 7);
	number("9", 7, 9, 0, 9);
	number("6", 7, 9, -ERANGE, 0);
	number("10", 7, 9, -ERANGE, 0);
	number("007", 7, 9, 0, 7);
}

static void test_number_form(void **state UNUSED)
{
	static const char *const bad[] = { "",	 " ",  " 1", "1 ", "+1", "-1", "0x10", "1.0", "1,000",
					   "1s", "a1", "1\n", "\xb2" };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		number(bad[i], 0, UINT64_MAX, -EINVAL, 0);
}

static void duration(const char *text, int expected_r, usec_t expected)
{
	usec_t value = UNTOUCHED;

	assert_int_equal(parse_duration(text, &value), expected_r);
	assert_true(value == (expected_r ? UNTOUCHED : expected));
}

static void test_duration_units(void **state UNUSED)
{
	duration("1ms", 0, USEC_PER_MSEC);
	duration("250ms", 0, 250 * USEC_PER_MSEC);
	duration("90s", 0, 90 * USEC_PER_SEC);
	duration("10m", 0, 600 * USEC_PER_SEC);
	duration("1h", 0, 3600 * USEC_PER_SEC);
	duration("7d", 0, 7 * 86400 * USEC_PER_SEC);
}

static void test_duration_bad(void **state UNUSED)
{
	static const char *const bad[] = { "",	   "s",	  "10",	  "1 s",    " 1s", "1s ", "-1s", "1S",
					   "1min", "1us", "1.5h", "1h30m", "off", "1msx" };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		duration(bad[i], -EINVAL, 0);
	duration("0s", -ERANGE, 0);
	duration("0ms", -ERANGE, 0);
}

static void test_duration_bounds(void **state UNUSED)
{
	/* UINT64_MAX / 2 microseconds: now + duration cannot overflow */
	duration("9223372036854775ms", 0, 9223372036854775 * USEC_PER_MSEC);
	duration("9223372036854776ms", -ERANGE, 0);
	duration("9223372036854s", 0, 9223372036854 * USEC_PER_SEC);
	duration("9223372036855s", -ERANGE, 0);
	duration("106751991d", 0, 106751991 * (86400 * USEC_PER_SEC));
	duration("106751992d", -ERANGE, 0);
	duration("18446744073709551616s", -ERANGE, 0);
}

static void window(const char *text, int expected_r, uint32_t expected_count, usec_t expected)
{
	uint32_t count = 77;
	usec_t value = UNTOUCHED;

	assert_int_equal(parse_window(text, &count, &value), expected_r);
	assert_int_equal(count, expected_r ? 77 : expected_count);
	assert_true(value == (expected_r ? UNTOUCHED : expected));
}

static void test_window(void **state UNUSED)
{
	static const char *const bad[] = { "",	     "/",      "10",	  "10/",     "/300s", "10/300",
					   "10 /1s", "10/ 1s", "10/1s ", "10/1s/1s", "a/1s",  "-1/1s",
					   "off" };

	window("10/300s", 0, 10, 300 * USEC_PER_SEC);
	window("1/1ms", 0, 1, USEC_PER_MSEC);
	window("4294967295/1h", 0, UINT32_MAX, 3600 * USEC_PER_SEC);
	window("4294967296/1h", -ERANGE, 0, 0);
	window("0/300s", -ERANGE, 0, 0);
	window("10/0s", -ERANGE, 0, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		window(bad[i], -EINVAL, 0, 0);
}

static void format(usec_t value, const char *expected)
{
	char text[DURATION_TEXT_MAX];

	assert_ptr_equal(duration_format(value, text), text);
	assert_string_equal(text, expected);
}

static void test_format(void **state UNUSED)
{
	format(USEC_PER_MSEC, "1ms");
	format(1500 * USEC_PER_MSEC, "1500ms");
	format(USEC_PER_SEC, "1s");
	format(90 * USEC_PER_SEC, "90s");
	format(60 * USEC_PER_SEC, "1m");
	format(3600 * USEC_PER_SEC, "1h");
	format(5400 * USEC_PER_SEC, "90m");
	format(86400 * USEC_PER_SEC, "1d");
	format(7 * 86400 * USEC_PER_SEC, "7d");
	format(0, "0ms");
	format(999, "0ms");
	format(1999, "1ms");
	format(UINT64_MAX, "18446744073709551ms");
}

static void test_window_format(void **state UNUSED)
{
	char text[DURATION_TEXT_MAX];

	assert_ptr_equal(window_format(SECONDS(300), text), text);
	assert_string_equal(text, "300s");
	assert_string_equal(window_format(HOURS(24), text), "86400s");
	assert_string_equal(window_format(SECONDS(1.5), text), "1500ms");
	assert_string_equal(window_format(USEC_PER_MSEC, text), "1ms");
}

static void test_format_and_back(void **state UNUSED)
{
	for (unsigned round = 0; round < 20000; round++) {
		usec_t value = (1 + (random_bits() >> random_below(64)) % (UINT64_MAX / 2000)) *
			       USEC_PER_MSEC;
		char text[DURATION_TEXT_MAX];
		usec_t back = 0;

		assert_int_equal(parse_duration(duration_format(value, text), &back), 0);
		assert_true(back == value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number_bounds),	cmocka_unit_test(test_number_form),
		cmocka_unit_test(test_duration_units),	cmocka_unit_test(test_duration_bad),
		cmocka_unit_test(test_duration_bounds), cmocka_unit_test(test_window),
		cmocka_unit_test(test_format),		cmocka_unit_test(test_window_format),
		cmocka_unit_test(test_format_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
