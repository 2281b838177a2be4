// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/wire/log_time.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "smtpguard/base/compiler.h"

#define DAY_S		    INT64_C(86400)
#define HOUR_S		    INT64_C(3600)
#define FRACTION_DIGITS_MAX 9
#define STAMP_BYTES	    (sizeof("2025-11-20 08:28:42") - 1)

/* Of a stamp, as it is written; month and day from 1. */
struct stamp {
	unsigned year, month, day, hour, minute, second;
	unsigned usec;
	bool has_zone;
	int64_t zone_s; /* east of Greenwich */
};

/* What is left of the text. */
struct reader {
	const char *at, *end;
};

static bool digit_at(const struct reader *reader, size_t n)
{
	return (size_t)(reader->end - reader->at) > n && reader->at[n] >= '0' &&
	       reader->at[n] <= '9';
}

static bool take_number(struct reader *reader, unsigned digits, unsigned minimum, unsigned maximum,
			unsigned *ret_value)
{
	unsigned value = 0;

	for (unsigned i = 0; i < digits; i++) {
		if (!digit_at(reader, i))
			return false;
		value = value * 10 + (unsigned)(reader->at[i] - '0');
	}
	if (value < minimum || value > maximum)
		return false;
	reader->at += digits;
	*ret_value = value;
	return true;
}

static bool take(struct reader *reader, char c)
{
	if (reader->at == reader->end || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

static bool take_clock(struct reader *reader, struct stamp *stamp)
{
	/* 60: a leap second */
	return take_number(reader, 2, 0, 23, &stamp->hour) && take(reader, ':') &&
	       take_number(reader, 2, 0, 59, &stamp->minute) && take(reader, ':') &&
	       take_number(reader, 2, 0, 60, &stamp->second);
}

/* "2025-11-20" */
static bool take_date(struct reader *reader, struct stamp *stamp)
{
	return take_number(reader, 4, 1970, 9999, &stamp->year) && take(reader, '-') &&
	       take_number(reader, 2, 1, 12, &stamp->month) && take(reader, '-') &&
	       take_number(reader, 2, 1, 31, &stamp->day);
}

/* ".291", if it is there; the reader stays where it was if there are no digits. */
static void take_fraction(struct reader *reader, struct stamp *stamp)
{
	unsigned weight = 100000;

	if (reader->at == reader->end || *reader->at != '.' || !digit_at(reader, 1))
		return;
	reader->at++;
	for (unsigned i = 0; i < FRACTION_DIGITS_MAX && digit_at(reader, 0); i++, weight /= 10)
		stamp->usec += weight * (unsigned)(*reader->at++ - '0');
}

/* "+0100", or "+01:00" with a separator. */
static bool take_zone(struct reader *reader, char separator, struct stamp *stamp)
{
	unsigned hours, minutes;
	bool west = take(reader, '-');

	if (!west && !take(reader, '+'))
		return false;
	if (!take_number(reader, 2, 0, 23, &hours) || (separator && !take(reader, separator)) ||
	    !take_number(reader, 2, 0, 59, &minutes))
		return false;
	stamp->has_zone = true;
	stamp->zone_s = hours * HOUR_S + minutes * 60;
	if (west)
		stamp->zone_s = -stamp->zone_s;
	return true;
}

static bool is_leap_year(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days since 1970-01-01; year from 1970, no check of the day. */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
	static const unsigned before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	unsigned y = year - 1;
	int64_t leap_days =
		(int64_t)(y / 4 - y / 100 + y / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);

	return (int64_t)(year - 1970) * 365 + leap_days + before[month - 1] +
	       (month > 2 && is_leap_year(year)) + day - 1;
}

/*
 * The moment at which local clocks showed it. By localtime_r(), which reads the zone once: mktime()
 * looks at the zone's file again each time, which a worker that has locked itself in cannot. In the
 * hour that comes twice in autumn it is one of the two.
 */
static int64_t local_to_utc(int64_t local_s)
{
	time_t moment = (time_t)local_s;
	struct tm tm;

	for (unsigned i = 0; i < 2; i++) {
		if (!localtime_r(&moment, &tm))
			return local_s;
		moment = (time_t)(local_s - tm.tm_gmtoff);
	}
	return (int64_t)moment;
}

static int64_t stamp_hour(const struct stamp *stamp)
{
	return days_of(stamp->year, stamp->month, stamp->day) * DAY_S + stamp->hour * HOUR_S;
}

static struct log_time stamp_time(const struct stamp *stamp, int64_t hour_start_s)
{
	int64_t s = hour_start_s + stamp->minute * 60 + stamp->second;

	return (struct log_time){
		/* the first hours of 1970, east of Greenwich */
		.wall = s < 0 ? 0 : (usec_t)s * USEC_PER_SEC + stamp->usec,
		.day = (stamp->year * 100 + stamp->month) * 100 + stamp->day,
	};
}

static void convert(struct log_clock *clock, const struct stamp *stamp, struct log_time *ret_time)
{
	int64_t hour = stamp_hour(stamp);

	if (stamp->has_zone) {
		*ret_time = stamp_time(stamp, hour - stamp->zone_s);
		return;
	}
	/* never 0, which is an empty cache */
	if (clock->hour_key != hour + 1) {
		clock->hour_start_s = local_to_utc(hour);
		clock->hour_key = hour + 1;
	}
	*ret_time = stamp_time(stamp, clock->hour_start_s);
}

/* The latest year in which it is not more than a day ahead. */
static int64_t hour_without_year(struct stamp *stamp, int64_t limit_s)
{
	bool leap_day = stamp->month == 2 && stamp->day == 29;
	int64_t past_hour_s = stamp->minute * 60 + stamp->second, start_s;
	time_t limit = (time_t)limit_s;
	struct tm tm;

	stamp->year =
		localtime_r(&limit, &tm) && tm.tm_year > 70 ? (unsigned)tm.tm_year + 1900 : 1970;
	for (; stamp->year > 1970; stamp->year--) {
		if (leap_day && !is_leap_year(stamp->year))
			continue;
		start_s = local_to_utc(stamp_hour(stamp));
		if (start_s + past_hour_s <= limit_s)
			return start_s;
	}
	return local_to_utc(stamp_hour(stamp));
}

static void convert_without_year(struct log_clock *clock, struct stamp *stamp,
				 struct log_time *ret_time)
{
	int64_t limit_s = (int64_t)(clock->now / USEC_PER_SEC) + DAY_S;
	int64_t past_hour_s = stamp->minute * 60 + stamp->second;
	/* negative: not to be taken for one with a year */
	int64_t key = -(int64_t)((stamp->month * 32 + stamp->day) * 24 + stamp->hour);
	bool fits = clock->hour_start_s + past_hour_s <= limit_s &&
		    clock->hour_start_s + past_hour_s + 365 * DAY_S > limit_s;

	if (clock->hour_key != key || !fits) {
		clock->hour_start_s = hour_without_year(stamp, limit_s);
		clock->hour_key = key;
		clock->year = stamp->year;
	}
	stamp->year = clock->year;
	*ret_time = stamp_time(stamp, clock->hour_start_s);
}

/* "42" at text, 0..59, or 60 for what is to be looked at more closely. */
static unsigned sixtieth(const char *text)
{
	unsigned tens = (unsigned)(text[0] - '0'), ones = (unsigned)(text[1] - '0');

	return tens < 6 && ones < 10 ? tens * 10 + ones : 60;
}

/* "2025-11-20 08:28:42 SMTP": nearly every line has the hour of the line before, and no zone. */
static bool same_hour(const struct log_clock *clock, const char *text, size_t length,
		      struct log_time *ret_time)
{
	unsigned minute, second;

	/* day 0: no hour yet */
	if (clock->hour_text_day == 0 || length < STAMP_BYTES + 2 ||
	    memcmp(text, clock->hour_text, LOG_HOUR_BYTES) != 0 ||
	    text[LOG_HOUR_BYTES + 2] != ':' || text[STAMP_BYTES] != ' ' ||
	    text[STAMP_BYTES + 1] == '+' || text[STAMP_BYTES + 1] == '-')
		return false;
	minute = sixtieth(text + LOG_HOUR_BYTES);
	second = sixtieth(text + LOG_HOUR_BYTES + 3);
	if (minute == 60 || second == 60)
		return false;
	ret_time->wall = (usec_t)(clock->hour_text_start_s + minute * 60 + second) * USEC_PER_SEC;
	ret_time->day = clock->hour_text_day;
	return true;
}

size_t log_time_exim(struct log_clock *clock, const char *text, size_t length,
		     struct log_time *ret_time)
{
	struct reader reader = { text, text + length }, rest;
	struct stamp stamp = { 0 };

	if (ret_time && same_hour(clock, text, length, ret_time))
		return STAMP_BYTES;
	if (!take_date(&reader, &stamp) || !take(&reader, ' ') || !take_clock(&reader, &stamp))
		return 0;
	take_fraction(&reader, &stamp);
	rest = reader;
	if (take(&rest, ' ') && take_zone(&rest, '\0', &stamp))
		reader = rest;
	if (ret_time)
		convert(clock, &stamp, ret_time);
	if (ret_time && !stamp.has_zone && clock->hour_start_s >= 0) {
		memcpy(clock->hour_text, text, LOG_HOUR_BYTES);
		clock->hour_text_start_s = clock->hour_start_s;
		clock->hour_text_day = ret_time->day;
	}
	return (size_t)(reader.at - text);
}

static bool take_month_name(struct reader *reader, unsigned *ret_month)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	if (reader->end - reader->at < 3)
		return false;
	for (unsigned i = 0; i < 12; i++) {
		if (memcmp(names + (size_t)i * 3, reader->at, 3))
			continue;
		reader->at += 3;
		*ret_month = i + 1;
		return true;
	}
	return false;
}

/* "Nov 20 10:15:32", "Nov  3 10:15:32" */
static size_t classic_stamp(struct log_clock *clock, const char *text, size_t length,
			    struct log_time *ret_time)
{
	struct reader reader = { text, text + length };
	struct stamp stamp = { 0 };

	if (!take_month_name(&reader, &stamp.month) || !take(&reader, ' '))
		return 0;
	if (take(&reader, ' ') ? !take_number(&reader, 1, 1, 9, &stamp.day)
			       : !take_number(&reader, 2, 1, 31, &stamp.day))
		return 0;
	if (!take(&reader, ' ') || !take_clock(&reader, &stamp))
		return 0;
	if (ret_time)
		convert_without_year(clock, &stamp, ret_time);
	return (size_t)(reader.at - text);
}

size_t log_time_syslog(struct log_clock *clock, const char *text, size_t length,
		       struct log_time *ret_time)
{
	struct reader reader = { text, text + length };
	struct stamp stamp = { 0 };

	if (!digit_at(&reader, 0))
		return classic_stamp(clock, text, length, ret_time);
	if (!take_date(&reader, &stamp) || !take(&reader, 'T') || !take_clock(&reader, &stamp))
		return 0;
	take_fraction(&reader, &stamp);
	if (take(&reader, 'Z'))
		stamp.has_zone = true;
	else if (!take_zone(&reader, ':', &stamp))
		return 0;
	if (ret_time)
		convert(clock, &stamp, ret_time);
	return (size_t)(reader.at - text);
}

/* "09/10/2025": month first */
static bool take_american_date(struct reader *reader, struct stamp *stamp)
{
	return take_number(reader, 2, 1, 12, &stamp->month) && take(reader, '/') &&
	       take_number(reader, 2, 1, 31, &stamp->day) && take(reader, '/') &&
	       take_number(reader, 4, 1970, 9999, &stamp->year);
}

size_t log_time_cpanel(struct log_clock *clock, const char *text, size_t length,
		       struct log_time *ret_time)
{
	struct reader reader = { text, text + length }, rest;
	struct stamp stamp = { 0 };

	if (!take(&reader, '['))
		return 0;
	rest = reader;
	if (take_date(&rest, &stamp) && take(&rest, ' ')) {
		reader = rest;
	} else {
		stamp = (struct stamp){ 0 };
		if (!take_american_date(&reader, &stamp) || !take(&reader, ':'))
			return 0;
	}
	if (!take_clock(&reader, &stamp) || !take(&reader, ' ') ||
	    !take_zone(&reader, '\0', &stamp) || !take(&reader, ']'))
		return 0;
	if (ret_time)
		convert(clock, &stamp, ret_time);
	return (size_t)(reader.at - text);
}
