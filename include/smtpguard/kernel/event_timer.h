/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One-shot timers of the event loop with relative times, which sd-event has only since systemd 247. */
#pragma once

#include <systemd/sd-event.h>

#include "smtpguard/base/clock.h"
#include "smtpguard/base/compiler.h"

/* A CLOCK_MONOTONIC time source that does nothing until it is started. 1 us accurate. */
int event_timer_add(sd_event *event, sd_event_source **ret_timer, sd_event_time_handler_t handler,
		    int64_t priority, void *userdata) MUST_CHECK;
/* Fires once, delay from now; starting it again replaces that. USEC_NEVER: does not fire. */
int event_timer_start(sd_event_source *timer, usec_t delay) MUST_CHECK;
