/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time stamps of mail logs. Stamps without a zone are local time (localtime(3): the zone is read before
 * the worker locks itself in); classic syslog stamps have no year: the latest one that is not more than a
 * day ahead of `now`.
 *
 * Fuzzed with the line parsers. Single thread: a log_clock remembers the last hour it converted.
 */
#pragma once

#include <stddef.h>

#include "smtpguard/base/clock.h"
#include "smtpguard/base/compiler.h"

#define LOG_HOUR_BYTES 14

struct log_clock {
	usec_t now; /* wall clock; set by the caller before lines are read */
	/* the cache; zero at first */
	int64_t hour_key, hour_start_s;
	uint32_t year;
	/* of log_time_exim(): the hour as it was written, "2025-11-20 08:" */
	char hour_text[LOG_HOUR_BYTES];
	uint32_t hour_text_day;
	int64_t hour_text_start_s;
};

struct log_time {
	usec_t wall;  /* microseconds since 1970 */
	uint32_t day; /* as the stamp says it: 20261122 */
};

/*
 * Each reads the stamp that text begins with: how many bytes it has, or 0 if there is none. text need
 * not be NUL-terminated. ret_time NULL: only the length is wanted.
 */
/* "2025-11-20 08:28:42[.291][ +0000]" */
size_t log_time_exim(struct log_clock *clock, const char *text, size_t length, struct log_time *ret_time);
/* "Nov 20 10:15:32" or RFC 3339 "2026-03-02T10:15:38[.123456]+01:00" (or "Z") */
size_t log_time_syslog(struct log_clock *clock, const char *text, size_t length,
		       struct log_time *ret_time);
/* "[2025-09-10 13:14:33 +0300]" or "[09/10/2025:07:46:04 -0000]" */
size_t log_time_cpanel(struct log_clock *clock, const char *text, size_t length,
		       struct log_time *ret_time);
