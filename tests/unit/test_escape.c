// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "support.h"

#include "smtpguard/base/escape.h"

static void check(const char *text, size_t length, const char *expected)
{
	char target[128];

	assert_ptr_equal(escape(target, sizeof(target), text, length), target);
	assert_string_equal(target, expected);
}

static void test_plain_text_stays(void **state UNUSED)
{
	char all[0x7f - 0x20 + 1];
	size_t n = 0;

	for (int c = 0x20; c < 0x7f; c++)
		if (c != '\\' && c != '"')
			all[n++] = (char)c;
	all[n] = '\0';
	check(all, n, all);
	check("", 0, "");
}

static void test_everything_else_is_hex(void **state UNUSED)
{
	for (int c = 0; c < 256; c++) {
		char text = (char)c, target[8], expected[8];

		if (c >= 0x20 && c < 0x7f && c != '\\' && c != '"')
			continue;
		snprintf(expected, sizeof(expected), "\\x%02x", (unsigned)c);
		escape(target, sizeof(target), &text, 1);
		assert_string_equal(target, expected);
	}
	check("a\nb\x1b[31m", 8, "a\\x0ab\\x1b[31m");
	check("x\0y", 3, "x\\x00y");
	check("caf\xc3\xa9", 5, "caf\\xc3\\xa9");
}

static void test_cut_between_characters(void **state UNUSED)
{
	char target[8];

	escape(target, 1, "abc", 3);
	assert_string_equal(target, "");
	escape(target, 3, "abc", 3);
	assert_string_equal(target, "ab");
	escape(target, 4, "abc", 3);
	assert_string_equal(target, "abc");
	escape(target, 4, "\n", 1);
	assert_string_equal(target, "");
	escape(target, 5, "\n", 1);
	assert_string_equal(target, "\\x0a");
	/* nothing behind the first character that does not fit, or the text would mislead */
	escape(target, 5, "a\nb", 3);
	assert_string_equal(target, "a");
}

static void test_never_writes_behind_the_size(void **state UNUSED)
{
	for (unsigned round = 0; round < 2000; round++) {
		char text[24], target[32];
		size_t size = 1 + random_below(24);

		for (unsigned i = 0; i < sizeof(text); i++)
			text[i] = (char)random_bits();
		memset(target, '#', sizeof(target));
		escape(target, size, text, random_below(sizeof(text) + 1));
		assert_true(strlen(target) < size);
		for (size_t i = size; i < sizeof(target); i++)
			assert_int_equal(target[i], '#');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_text_stays),
		cmocka_unit_test(test_everything_else_is_hex),
		cmocka_unit_test(test_cut_between_characters),
		cmocka_unit_test(test_never_writes_behind_the_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
