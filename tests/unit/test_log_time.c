// SPDX-License-Identifier: GPL-2.0-or-later
#include "support.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "smtpguard/wire/log_time.h"

typedef size_t stamp_reader(struct log_clock *clock, const char *text, size_t length,
			    struct log_time *ret_time);

static void set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

/* Seconds since 1970, of UTC */
static usec_t utc(const char *text)
{
	struct tm tm = { 0 };

	assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
	return (usec_t)timegm(&tm) * USEC_PER_SEC;
}

/* length: of the stamp; 0: it is none */
static void check(stamp_reader *read, struct log_clock *clock, const char *text, size_t length,
		  usec_t wall, uint32_t day)
{
	struct log_time time = { 0 };
	/* of the exact size: reading behind the end is seen by the sanitizer */
	char *copy = malloc(strlen(text) + 1);
	size_t got;

	assert_non_null(copy);
	memcpy(copy, text, strlen(text));
	got = read(clock, copy, strlen(text), &time);
	if (got != length || time.wall != wall || time.day != day)
		fail_msg("%s: %zu bytes, %" PRIu64 " instead of %" PRIu64 ", day %u", text, got,
			 time.wall, wall, time.day);
	assert_int_equal(read(clock, copy, strlen(text), NULL), length);
	/* no beginning of it is the whole */
	for (size_t i = 0; i < length; i++)
		assert_in_range(read(clock, copy, i, &time), 0, i);
	free(copy);
}

static void none(stamp_reader *read, const char *text)
{
	struct log_clock clock = { .now = utc("2026-04-20 00:00:00") };

	check(read, &clock, text, 0, 0, 0);
}

static void exim(void **state UNUSED)
{
	struct log_clock clock = { 0 };

	set_zone("UTC");
	check(log_time_exim, &clock, "2025-11-20 08:28:42", 19, utc("2025-11-20 08:28:42"),
	      20251120);
	check(log_time_exim, &clock, "2025-11-20 08:59:59 SMTP", 19, utc("2025-11-20 08:59:59"),
	      20251120);
	check(log_time_exim, &clock, "2025-11-20 08:28:42.291", 23,
	      utc("2025-11-20 08:28:42") + 291000, 20251120);
	check(log_time_exim, &clock, "2025-11-20 08:28:42.291 +0130 [1] x", 29,
	      utc("2025-11-20 06:58:42") + 291000, 20251120);
	check(log_time_exim, &clock, "2025-12-31 23:28:42 -0800 x", 25, utc("2026-01-01 07:28:42"),
	      20251231);
	check(log_time_exim, &clock, "2024-02-29 00:00:60 +130", 19,
	      utc("2024-03-01 00:00:00") - 86340 * USEC_PER_SEC, 20240229);
	check(log_time_exim, &clock, "2025-11-20 08:28:42. x", 19, utc("2025-11-20 08:28:42"),
	      20251120);
	check(log_time_exim, &clock, "2025-11-20 08:28:42.0000019999 x", 29,
	      utc("2025-11-20 08:28:42") + 1, 20251120);
	check(log_time_exim, &clock, "1970-01-01 00:00:00 +0100", 25, 0, 19700101);
	check(log_time_exim, &clock, "9999-12-31 23:59:59", 19, utc("9999-12-31 23:59:59"),
	      99991231);
	none(log_time_exim, "");
	none(log_time_exim, "x2025-11-20 08:28:42");
	none(log_time_exim, "2025-11-20T08:28:42");
	none(log_time_exim, "2025-13-20 08:28:42");
	none(log_time_exim, "2025-00-20 08:28:42");
	none(log_time_exim, "2025-11-32 08:28:42");
	none(log_time_exim, "2025-11-20 24:28:42");
	none(log_time_exim, "2025-11-20 08:60:42");
	none(log_time_exim, "2025-11-20 08:28:61");
	none(log_time_exim, "1969-12-31 23:59:59");
}

static void syslog(void **state UNUSED)
{
	struct log_clock clock = { .now = utc("2026-04-20 12:00:00") };

	set_zone("UTC");
	check(log_time_syslog, &clock, "2026-03-02T10:15:38+01:00 host", 25,
	      utc("2026-03-02 09:15:38"), 20260302);
	check(log_time_syslog, &clock, "2026-03-02T10:15:38.123456-05:30", 32,
	      utc("2026-03-02 15:45:38") + 123456, 20260302);
	check(log_time_syslog, &clock, "2026-03-02T10:15:38Z", 20, utc("2026-03-02 10:15:38"),
	      20260302);
	check(log_time_syslog, &clock, "2026-03-02T10:15:38.5Z", 22,
	      utc("2026-03-02 10:15:38") + 500000, 20260302);
	none(log_time_syslog, "2026-03-02T10:15:38");
	none(log_time_syslog, "2026-03-02T10:15:38+0100");
	none(log_time_syslog, "2026-03-02T10:15:38+24:00");
	none(log_time_syslog, "2026-03-02 10:15:38Z");
	none(log_time_syslog, "Nov 2 10:15:32");
	none(log_time_syslog, "Nov 00 10:15:32");
	none(log_time_syslog, "Nov  0 10:15:32");
	none(log_time_syslog, "Foo 20 10:15:32");
	none(log_time_syslog, "ovD 20 10:15:32");
	none(log_time_syslog, "Nov 20 10:15");
	none(log_time_syslog, "");
}

/* Classic stamps have no year. */
static void years(void **state UNUSED)
{
	struct log_clock clock = { .now = utc("2026-04-20 12:00:00") };

	set_zone("UTC");
	check(log_time_syslog, &clock, "Apr 20 10:15:32 host", 15, utc("2026-04-20 10:15:32"),
	      20260420);
	check(log_time_syslog, &clock, "Jan  3 10:15:32", 15, utc("2026-01-03 10:15:32"), 20260103);
	check(log_time_syslog, &clock, "Nov 20 10:15:32", 15, utc("2025-11-20 10:15:32"), 20251120);
	/* a day ahead at most, also within one hour, with and without the cache */
	check(log_time_syslog, &clock, "Apr 21 12:00:00", 15, utc("2026-04-21 12:00:00"), 20260421);
	check(log_time_syslog, &clock, "Apr 21 12:00:01", 15, utc("2025-04-21 12:00:01"), 20250421);
	check(log_time_syslog, &clock, "Apr 21 12:00:00", 15, utc("2026-04-21 12:00:00"), 20260421);
	/* the same hour again, a year later */
	clock.now = utc("2027-04-20 12:00:00");
	check(log_time_syslog, &clock, "Apr 21 12:00:00", 15, utc("2027-04-21 12:00:00"), 20270421);
	clock.now = utc("2026-01-01 00:00:05");
	check(log_time_syslog, &clock, "Dec 31 23:59:59", 15, utc("2025-12-31 23:59:59"), 20251231);
	clock.now = utc("2025-12-31 23:59:59");
	check(log_time_syslog, &clock, "Jan  1 00:00:00", 15, utc("2026-01-01 00:00:00"), 20260101);
	/* a leap day was in 2024 */
	clock.now = utc("2026-04-20 12:00:00");
	check(log_time_syslog, &clock, "Feb 29 10:15:32", 15, utc("2024-02-29 10:15:32"), 20240229);
	/* a clock that was never set */
	clock.now = 0;
	check(log_time_syslog, &clock, "Feb  3 10:15:32", 15, utc("1970-02-03 10:15:32"), 19700203);
	/* a stamp with a year is not taken for one without */
	clock.now = utc("2026-04-20 12:00:00");
	check(log_time_exim, &clock, "2020-11-20 10:00:00", 19, utc("2020-11-20 10:00:00"),
	      20201120);
	check(log_time_syslog, &clock, "Nov 20 10:15:32", 15, utc("2025-11-20 10:15:32"), 20251120);
	check(log_time_exim, &clock, "2020-11-20 10:00:00", 19, utc("2020-11-20 10:00:00"),
	      20201120);
}

static void cpanel(void **state UNUSED)
{
	struct log_clock clock = { 0 };

	set_zone("UTC");
	check(log_time_cpanel, &clock, "[2025-09-10 13:14:33 +0300] info", 27,
	      utc("2025-09-10 10:14:33"), 20250910);
	check(log_time_cpanel, &clock, "[09/10/2025:07:46:04 -0000] x", 27,
	      utc("2025-09-10 07:46:04"), 20250910);
	none(log_time_cpanel, "");
	none(log_time_cpanel, "[");
	none(log_time_cpanel, "2025-09-10 13:14:33 +0300");
	none(log_time_cpanel, "[2025-09-10 13:14:33]");
	none(log_time_cpanel, "[2025-09-10 13:14:33 +03:00]");
	none(log_time_cpanel, "[2025-09-10:13:14:33 +0300]");
	none(log_time_cpanel, "[13/10/2025:07:46:04 -0000]");
	none(log_time_cpanel, "[09/10/2025 07:46:04 -0000]");
}

/* Local time, against the C library, over 30 years and all changes of the clock in them. */
static void zones(void **state UNUSED)
{
	static const char *const names[] = {
		"UTC",		"Europe/Berlin",      "America/Los_Angeles",
		"Asia/Kolkata", "Australia/Adelaide", "EST5EDT,M3.2.0,M11.1.0"
	};
	struct log_clock clock = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		set_zone(names[i]);
		clock = (struct log_clock){ 0 };
		for (unsigned n = 0; n < 20000; n++) {
			time_t moment = (time_t)random_below(946684800) + 946684800;
			struct log_time time;
			char text[40];
			struct tm tm;
			time_t back;

			assert_non_null(localtime_r(&moment, &tm));
			strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
			assert_int_equal(log_time_exim(&clock, text, 19, &time), 19);
			back = (time_t)(time.wall / USEC_PER_SEC);
			/* either one of the hour that comes twice in autumn */
			if (back != moment) {
				char again[40];

				assert_non_null(localtime_r(&back, &tm));
				strftime(again, sizeof(again), "%Y-%m-%d %H:%M:%S", &tm);
				assert_string_equal(text, again);
				assert_in_range(llabs((long long)(back - moment)), 3600, 3600);
			}
			assert_true(time.wall % USEC_PER_SEC == 0);
		}
	}
	set_zone("UTC");
}

/* The same hour again is read in another way: with the same result as without a memory of it. */
static void same_hour(void **state UNUSED)
{
	static const char *const ends[] = {
		"",	" ",	  " S",	 " +0100", " -0100 x", " +010 x",      "  +0100 x",
		".291", ".291 S", ". x", "x",	   " -S",      ".291 +0130 S",
	};
	static const char bytes[] = "0123456789:- .+";
	struct log_clock clock = { 0 };

	set_zone("Europe/Berlin");
	for (unsigned n = 0; n < 300000; n++) {
		char text[64], *copy;
		struct log_clock fresh = { 0 };
		struct log_time time = { 0 }, wanted = { 0 };
		size_t length;

		snprintf(text, sizeof(text), "2025-%02u-26 %02u:%02u:%02u%s",
			 9 + (unsigned)random_below(2), (unsigned)random_below(4),
			 (unsigned)random_below(60), (unsigned)random_below(62),
			 ends[random_below(ARRAY_SIZE(ends))]);
		length = strlen(text);
		if (random_below(2))
			text[random_below(length)] = bytes[random_below(sizeof(bytes) - 1)];
		if (random_below(8) == 0)
			length = random_below(length + 1);
		copy = malloc(length ? length : 1);
		assert_non_null(copy);
		memcpy(copy, text, length);
		if (log_time_exim(&clock, copy, length, &time) !=
			    log_time_exim(&fresh, copy, length, &wanted) ||
		    time.wall != wanted.wall || time.day != wanted.day)
			fail_msg("%.*s", (int)length, text);
		free(copy);
	}
	set_zone("UTC");
}

/* No hour is known at first: NUL bytes are none. */
static void no_hour(void **state UNUSED)
{
	static const char text[] = "\0\0\0\0\0\0\0\0\0\0\0\0\0\00000:00 SMTP";
	struct log_clock clock = { 0 };
	struct log_time time;

	assert_int_equal(log_time_exim(&clock, text, sizeof(text) - 1, &time), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exim),	   cmocka_unit_test(syslog), cmocka_unit_test(years),
		cmocka_unit_test(cpanel),  cmocka_unit_test(zones),  cmocka_unit_test(same_hour),
		cmocka_unit_test(no_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
