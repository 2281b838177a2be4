// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	usec_t usec;
} units[] = {
	{ "d", 86400 * USEC_PER_SEC }, { "h", 3600 * USEC_PER_SEC }, { "m", 60 * USEC_PER_SEC },
	{ "s", USEC_PER_SEC },	       { "ms", USEC_PER_MSEC },
};

/* Reads the digits at text; *ret_rest points behind them. */
static int read_digits(const char *text, uint64_t *ret_value, const char **ret_rest)
{
	uint64_t value = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		unsigned digit = (unsigned)(*p - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
	if (p == text)
		return -EINVAL;
	*ret_value = value;
	*ret_rest = p;
	return 0;
}

int parse_number(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *ret_value)
{
	const char *rest;
	uint64_t value;
	int r = read_digits(text, &value, &rest);

	if (r < 0)
		return r;
	if (*rest)
		return -EINVAL;
	if (value < minimum || value > maximum)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int parse_duration(const char *text, usec_t *ret_duration)
{
	const char *unit;
	uint64_t value;
	int r = read_digits(text, &value, &unit);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(unit, units[i].name))
			continue;
		/* half the range, so that now + duration never overflows */
		if (value == 0 || value > UINT64_MAX / 2 / units[i].usec)
			return -ERANGE;
		*ret_duration = value * units[i].usec;
		return 0;
	}
	return -EINVAL;
}

int parse_window(const char *text, uint32_t *ret_count, usec_t *ret_duration)
{
	const char *rest;
	uint64_t count;
	usec_t duration;
	int r = read_digits(text, &count, &rest);

	if (r < 0)
		return r;
	if (*rest != '/')
		return -EINVAL;
	if (count < 1 || count > UINT32_MAX)
		return -ERANGE;
	r = parse_duration(rest + 1, &duration);
	if (r < 0)
		return r;
	*ret_count = (uint32_t)count;
	*ret_duration = duration;
	return 0;
}

const char *window_format(usec_t window, char text[static DURATION_TEXT_MAX])
{
	if (window % USEC_PER_SEC == 0)
		snprintf(text, DURATION_TEXT_MAX, "%" PRIu64 "s", window / USEC_PER_SEC);
	else
		snprintf(text, DURATION_TEXT_MAX, "%" PRIu64 "ms", window / USEC_PER_MSEC);
	return text;
}

const char *duration_format(usec_t duration, char text[static DURATION_TEXT_MAX])
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (duration >= units[i].usec && duration % units[i].usec == 0) {
			snprintf(text, DURATION_TEXT_MAX, "%" PRIu64 "%s", duration / units[i].usec,
				 units[i].name);
			return text;
		}
	}
	snprintf(text, DURATION_TEXT_MAX, "%" PRIu64 "ms", duration / USEC_PER_MSEC);
	return text;
}
