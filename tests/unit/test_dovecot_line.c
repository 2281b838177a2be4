// SPDX-License-Identifier: GPL-2.0-or-later
/* The lines and what they say stand in tests/cases/dovecot.cases; here is what does not fit in there. */
#include "mail_line_cases.h"

#include <time.h>

static struct mail_line parse(const char *text, size_t length)
{
	struct log_clock clock = { .now = CASES_NOW };
	struct mail_line line;

	dovecot_line_parse(&clock, text, length, MAIL_LINE_ALL, &line);
	return line;
}

static void cases(void **state UNUSED)
{
	assert_in_range(mail_line_cases_run("dovecot.cases", dovecot_line_parse), 100, 1000);
}

/* The end of the line is the caller's word, not a NUL byte; and no byte behind it is looked at. */
static void every_beginning_of_a_line(void **state UNUSED)
{
	static const char *const texts[] = {
		"Nov 20 10:15:32 host1 dovecot[996]: imap-login: Login aborted: Connection closed (auth "
		"failed, 3 attempts in 16 secs) (auth_failed): user=<x>, rip=198.51.100.1, rport=25, >, "
		"method=PLAIN, rip=203.0.113.45, rport=50123, lip=198.51.100.10",
		"2026-01-13T10:15:32+00:00 server1 imapd: LOGIN, user=x, ip=[198.51.100.1], port=[25], "
		"ip=[::ffff:192.0.2.9], port=[51326], protocol=IMAP",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		for (size_t length = 0; length <= strlen(texts[i]); length++) {
			char *copy = malloc(length + 1);
			struct mail_line line;

			assert_non_null(copy);
			/* in the last bytes of the allocation */
			memcpy(copy + 1, texts[i], length);
			line = parse(copy + 1, length);
			assert_true(line.n_readings <= 2);
			free(copy);
		}
		assert_int_equal(parse(texts[i], strlen(texts[i])).n_readings, 2);
	}
}

static void nul_bytes_are_text(void **state UNUSED)
{
	static const char with_nul[] = "Nov 20 10:15:32 host1 dovecot: imap-login: Login: user=<a\0b>, "
				       "rip=203.0.113.45";
	static const char in_address[] = "Nov 20 10:15:32 host1 dovecot: imap-login: Login: user=<a>, "
					 "rip=203.0.113.4\0005";
	struct mail_line line = parse(with_nul, sizeof(with_nul) - 1);

	assert_int_equal(line.kind, MAIL_LINE_AUTH_SUCCESS);
	assert_int_equal(line.n_readings, 1);
	assert_int_equal(line.readings[0].account.length, 3);
	assert_memory_equal(line.readings[0].account.at, "a\0b", 3);
	assert_int_equal(parse(in_address, sizeof(in_address) - 1).kind, MAIL_LINE_UNPARSED);
}

/* The true address is the last one; with so many in front of it it may be missing, and that is said. */
static void more_addresses_than_are_looked_at(void **state UNUSED)
{
	static const struct {
		const char *head, *repeated, *tail;
	} lines[] = {
		{ "Nov 20 10:15:32 host1 dovecot: imap-login: Login: user=<", ">, rip=198.51.100.1, ",
		  ">, rip=203.0.113.45" },
		{ "Nov 20 10:15:32 host1 imapd: LOGIN FAILED, user=", ", ip=[198.51.100.1]",
		  ", ip=[203.0.113.45]" },
	};
	static char text[65536];

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		for (unsigned n = 62; n <= 3000; n = n < 66 ? n + 1 : n * 4) {
			size_t used = (size_t)snprintf(text, sizeof(text), "%s", lines[i].head);
			struct mail_line line;

			for (unsigned j = 0; j < n; j++)
				used += (size_t)snprintf(text + used, sizeof(text) - used, "%s",
							 lines[i].repeated);
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s",
						 lines[i].tail);
			assert_true(used < sizeof(text));
			line = parse(text, used);
			assert_int_equal(line.too_many_readings, n >= 64);
			assert_int_equal(line.n_readings, n >= 64 ? 1 : 2);
		}
	}
}

static void what_is_not_wanted_is_only_named(void **state UNUSED)
{
	static const char text[] = "Nov 20 10:15:32 host1 dovecot: imap-login: Login: user=<a>, "
				   "rip=203.0.113.45";
	struct log_clock clock = { .now = CASES_NOW };
	struct mail_line line;

	dovecot_line_parse(&clock, text, sizeof(text) - 1, MAIL_LINE_BIT(MAIL_LINE_AUTH_FAILURE), &line);
	assert_int_equal(line.kind, MAIL_LINE_AUTH_SUCCESS);
	assert_int_equal(line.n_readings, 0);
	dovecot_line_parse(&clock, text, sizeof(text) - 1, MAIL_LINE_BIT(MAIL_LINE_AUTH_SUCCESS), &line);
	assert_int_equal(line.n_readings, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),
		cmocka_unit_test(every_beginning_of_a_line),
		cmocka_unit_test(nul_bytes_are_text),
		cmocka_unit_test(more_addresses_than_are_looked_at),
		cmocka_unit_test(what_is_not_wanted_is_only_named),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
