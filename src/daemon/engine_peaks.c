// SPDX-License-Identifier: GPL-2.0-or-later
/* Days are the wall clock's, in UTC; the guard knows none. */
#include "engine_priv.h"

#include <stdio.h>

#include "smtpguard/kernel/event_timer.h"

#define DAY (86400 * USEC_PER_SEC)
/* a wall clock that is set is noticed so soon */
#define LOOK_INTERVAL (60 * USEC_PER_SEC)
#define PRIORITY_CALENDAR (SD_EVENT_PRIORITY_NORMAL + 5)

static int look(struct engine *engine)
{
	usec_t now = clock_now(), wall = clock_to_wall(now);

	guard_begin_day(engine->guard, wall - wall % DAY, now);
	return event_timer_start(engine->calendar, MIN_OF(DAY - wall % DAY, LOOK_INTERVAL));
}

static int on_calendar(sd_event_source *timer UNUSED, uint64_t when UNUSED, void *userdata)
{
	return look(userdata);
}

int engine_start_calendar(struct engine *engine)
{
	int r = event_timer_add(engine->event, &engine->calendar, on_calendar, PRIORITY_CALENDAR,
				engine);

	return r < 0 ? r : look(engine);
}

void engine_note_peak(struct engine *engine, const struct guard_op *op)
{
	struct ledger_peak peak = { .source = op->prefix,
				    .day = op->peak->day,
				    .concurrent = op->peak->concurrent,
				    .fresh = op->peak->fresh,
				    .ptr_state = op->peak->ptr_state };

	if (!engine->ledger)
		return;
	snprintf(peak.service, sizeof(peak.service), "%s", op->peak->service);
	snprintf(peak.name, sizeof(peak.name), "%s", op->peak->name);
	ledger_note_peak(engine->ledger, &peak);
}
