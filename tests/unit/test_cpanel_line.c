// SPDX-License-Identifier: GPL-2.0-or-later
/* The lines and what they say stand in tests/cases/cpanel.cases; here is what does not fit in there. */
#include "mail_line_cases.h"

#include <time.h>

#define FRONT "[2025-11-20 12:35:01 +0000] info [webmaild] 203.0.113.45 - "
#define BEHIND "\" FAILED LOGIN webmaild: user password incorrect"

static struct mail_line parse(const char *text, size_t length)
{
	struct log_clock clock = { .now = CASES_NOW };
	struct mail_line line;

	cpanel_line_parse(&clock, text, length, MAIL_LINE_ALL, &line);
	return line;
}

static void cases(void **state UNUSED)
{
	assert_in_range(mail_line_cases_run("cpanel.cases", cpanel_line_parse), 40, 1000);
}

/* The end of the line is the caller's word, not a NUL byte; and no byte behind it is looked at. */
static void every_beginning_of_a_line(void **state UNUSED)
{
	static const char *const texts[] = {
		FRONT "root \"GET / HTTP/1.1" BEHIND,
		"203.0.113.45 - root [11/20/2025:12:34:56 -0000] \"GET / HTTP/1.1" BEHIND,
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		size_t whole = (size_t)(strstr(texts[i], "webmaild: ") - texts[i]);

		for (size_t length = 0; length <= strlen(texts[i]); length++) {
			char *copy = malloc(length + 1);

			assert_non_null(copy);
			/* in the last bytes of the allocation */
			memcpy(copy + 1, texts[i], length);
			assert_int_equal(parse(copy + 1, length).n_readings,
					 length >= whole + sizeof("webmaild: ") - 1);
			free(copy);
		}
	}
}

static void nul_bytes_are_text(void **state UNUSED)
{
	static const char text[] = FRONT "a\0b \"GET /\0 HTTP/1.1" BEHIND;
	struct mail_line line = parse(text, sizeof(text) - 1);

	assert_int_equal(line.kind, MAIL_LINE_AUTH_FAILURE);
	assert_int_equal(line.n_readings, 1);
	assert_int_equal(line.readings[0].account.length, 3);
	assert_memory_equal(line.readings[0].account.at, "a\0b", 3);
}

/* Whatever user and request are, the address and the verdict are the daemon's. */
static void client_text_changes_nothing(void **state UNUSED)
{
	static const char *const pieces[] = {
		"\"", " \"", "\" ", " - ", "-", "[", "] ", "198.51.100.1", "root", "FAILED LOGIN ",
		"\" FAILED LOGIN webmaild: ", "\" SUCCESS LOGIN cpaneld", "\" DEFERRED LOGIN cpaneld: ",
		"Authorization: type not known", " [11/20/2005:12:34:56 -0000] \"", "\\\"",
		"[2025-11-20 12:35:01 +0000] info [cpaneld] 198.51.100.1 - root \"GET /",
	};
	const struct address peer = addr("203.0.113.45");
	char text[4096];

	for (unsigned round = 0; round < 20000; round++) {
		size_t used = (size_t)snprintf(text, sizeof(text), "%s", FRONT);
		unsigned n = random_below(8), request_at = random_below(n + 1);
		struct mail_line line;

		for (unsigned i = 0; i <= n; i++) {
			if (i == request_at)
				used += (size_t)snprintf(text + used, sizeof(text) - used, " \"");
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s",
						 pieces[random_below(ARRAY_SIZE(pieces))]);
		}
		snprintf(text + used, sizeof(text) - used, "%s", BEHIND);
		line = parse(text, strlen(text));
		assert_int_equal(line.kind, MAIL_LINE_AUTH_FAILURE);
		assert_int_equal(line.protocol, MAIL_PROTOCOL_WEBMAIL);
		assert_int_equal(line.n_readings, 1);
		assert_true(address_equal(&line.readings[0].address, &peer));
	}
}

static void long_lines_take_no_long_time(void **state UNUSED)
{
	static const char *const pieces[] = { "\"", " \"", " [", "\" FAILED LOGIN ", "FAILED LOGIN",
					      " [11/20/2025:12:34:56 -0000]" };
	static char text[65536];

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		size_t used = (size_t)snprintf(text, sizeof(text), "203.0.113.45 - ");

		while (used + strlen(pieces[i]) + sizeof(BEHIND) < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", pieces[i]);
		snprintf(text + used, sizeof(text) - used, "%s", BEHIND);
		assert_true(parse(text, strlen(text)).kind != MAIL_LINE_IGNORED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),
		cmocka_unit_test(every_beginning_of_a_line),
		cmocka_unit_test(nul_bytes_are_text),
		cmocka_unit_test(client_text_changes_nothing),
		cmocka_unit_test(long_lines_take_no_long_time),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
