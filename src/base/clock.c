// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/base/clock.h"

#include <stdio.h>
#include <time.h>

static usec_t read_clock(clockid_t id)
{
	struct timespec t = { 0 };

	/* cannot fail for these two clocks with a valid pointer (clock_gettime(2)) */
	(void)clock_gettime(id, &t);
	return (usec_t)t.tv_sec * USEC_PER_SEC + (usec_t)t.tv_nsec / 1000;
}

usec_t clock_now(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

usec_t clock_to_wall(usec_t moment)
{
	return read_clock(CLOCK_REALTIME) + moment - clock_now();
}

const char *clock_format_wall(usec_t wall, char text[static TIMESTAMP_TEXT_MAX])
{
	time_t seconds = (time_t)(wall / USEC_PER_SEC);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) ||
	    strftime(text, TIMESTAMP_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(text, TIMESTAMP_TEXT_MAX, "-");
	return text;
}
