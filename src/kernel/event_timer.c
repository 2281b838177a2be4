// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/kernel/event_timer.h"

#include <time.h>

int event_timer_add(sd_event *event, sd_event_source **ret_timer, sd_event_time_handler_t handler,
		    int64_t priority, void *userdata)
{
	int r = sd_event_add_time(event, ret_timer, CLOCK_MONOTONIC, 0, 1, handler, userdata);

	if (r >= 0)
		r = sd_event_source_set_priority(*ret_timer, priority);
	if (r >= 0)
		r = sd_event_source_set_enabled(*ret_timer, SD_EVENT_OFF);
	return r;
}

int event_timer_start(sd_event_source *timer, usec_t delay)
{
	uint64_t now;
	int r;

	if (delay == USEC_NEVER)
		return sd_event_source_set_enabled(timer, SD_EVENT_OFF);
	r = sd_event_now(sd_event_source_get_event(timer), CLOCK_MONOTONIC, &now);
	if (r >= 0)
		r = sd_event_source_set_time(timer, now + delay);
	if (r >= 0)
		r = sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
	return r;
}
