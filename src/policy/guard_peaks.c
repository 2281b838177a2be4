// SPDX-License-Identifier: GPL-2.0-or-later
/* What sources reached, day by day, for whoever has to choose limits. */
#include "guard_priv.h"

#define PEAKS_INTERVAL (300 * USEC_PER_SEC)
/* a flood of sources must not fill the ledger's queue: 10 000 a second at most */
#define PEAKS_PER_SLICE 1024u
#define SOURCES_PER_SLICE 4096u
#define SLICE_PAUSE (100 * USEC_PER_MSEC)
/* what one connection reaches says nothing about a limit */
#define PEAK_WORTH_TELLING 2

static bool tell(struct guard *guard, const struct source *source, usec_t now)
{
	const char *names[PTR_NAMES_MAX];
	unsigned n_names;
	struct guard_peak peak = { .service = guard->settings->services[source->key.service].name,
				   .day = source->day == source_table_day(guard->sources) ?
						  guard->day : guard->day_before,
				   .concurrent = source->day_concurrent,
				   .fresh = source->day_new };
	struct guard_op op = { .type = GUARD_OP_PEAK, .now = now, .peak = &peak };

	if (!source->day_changed || (source->day_concurrent < PEAK_WORTH_TELLING &&
				     source->day_new < PEAK_WORTH_TELLING))
		return false;
	op.prefix = source_prefix(source);
	peak.ptr_state = name_table_state(guard->names, &source->name_client, now, names, &n_names);
	peak.name = n_names > 0 ? names[0] : "";
	guard->sink(guard->sink_userdata, &op);
	return true;
}

void guard_tell_peak(struct guard *guard, const struct source *source, usec_t now)
{
	(void)tell(guard, source, now);
}

static void on_leave(void *userdata, const struct source *source)
{
	struct guard *guard = userdata;

	guard_tell_peak(guard, source, guard->now);
}

void guard_follow_sources(struct guard *guard)
{
	source_table_on_leave(guard->sources, on_leave, guard);
}

/* One slice of the walk; false: it is over. */
static bool tell_slice(struct guard *guard, usec_t now)
{
	unsigned told = 0;

	for (unsigned i = 0; i < SOURCES_PER_SLICE && told < PEAKS_PER_SLICE; i++) {
		struct source *source = source_table_walk(guard->sources, &guard->peaks_cursor);

		if (!source) {
			guard->peaks_cursor = 0;
			return false;
		}
		told += tell(guard, source, now);
		source_table_peaks_told(guard->sources, source);
	}
	return true;
}

void guard_tell_some_peaks(struct guard *guard, usec_t now)
{
	if (now < guard->next_peaks)
		return;
	/* the first source is here since just now */
	if (guard->next_peaks && tell_slice(guard, now))
		guard->next_peaks = now + SLICE_PAUSE;
	else
		guard->next_peaks = now + PEAKS_INTERVAL;
}

void guard_tell_peaks(struct guard *guard, usec_t now)
{
	guard->peaks_cursor = 0;
	while (tell_slice(guard, now))
		;
}

void guard_begin_day(struct guard *guard, usec_t day, usec_t now)
{
	if (day == guard->day)
		return;
	guard->day_before = guard->day;
	guard->day = day;
	/* before the first day there was none to tell of */
	if (!guard->day_before) {
		guard->day_before = day;
		return;
	}
	source_table_begin_day(guard->sources);
	guard->peaks_cursor = 0;
	guard->next_peaks = now;
}
