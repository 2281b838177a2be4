// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain_priv.h"

#define MOMENTS_SHOWN 20
/* The daemon and its ledger may put the same thing into neighbouring seconds. */
#define SAME_MOMENT_S 2

struct moment {
	time_t time;
	unsigned rank, order; /* of those within the same second */
	const char *event;
	char text[CELL_TEXT_MAX];
};

struct timeline {
	struct moment *moments;
	size_t n, capacity;
};

/*
 * What only the ledger knows was before what the daemon remembers of the same second; an unban,
 * before the trust that follows from it.
 */
enum { RANK_RECORD, RANK_DECISION, RANK_TRUST };

static unsigned rank_of(const char *event, unsigned rank)
{
	return strcmp(event, "trust") ? rank : RANK_TRUST;
}

/* NULL: no room, it is left out. */
static struct moment *add(struct timeline *timeline, time_t time, const char *event, unsigned rank)
{
	struct moment *moment;

	if (timeline->n == timeline->capacity)
		return NULL;
	moment = &timeline->moments[timeline->n];
	*moment = (struct moment){ .time = time,
				   .rank = rank_of(event, rank),
				   .order = (unsigned)timeline->n,
				   .event = event };
	timeline->n++;
	return moment;
}

static bool is_known(const struct timeline *timeline, size_t n, time_t time, const char *event)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(timeline->moments[i].event, event) &&
		    llabs((long long)(timeline->moments[i].time - time)) <= SAME_MOMENT_S)
			return true;
	return false;
}

static void add_decisions(struct timeline *timeline, const json_t *decisions)
{
	const json_t *decision;
	size_t i;

	json_array_foreach(decisions, i, decision) {
		const char *because = json_string_value(json_object_get(decision, "because"));
		struct moment *moment;
		time_t time;

		if (!time_of(decision, "time", &time))
			continue;
		moment = add(timeline, time, text_of(decision, "event"), RANK_DECISION);
		if (moment)
			snprintf(moment->text, sizeof(moment->text), "%s%s%s",
				 text_of(decision, "comment"), because ? "; " : "",
				 because ? because : "");
	}
}

static const char *beginning_of(const char *kind)
{
	return strcmp(kind, "grace") ? kind : "trust";
}

static const char *ending_of(const char *kind, const char *end)
{
	if (!strcmp(end, "lifted"))
		return strcmp(kind, "ban") ? "lifted" : "unban";
	if (strcmp(end, "expired"))
		return end;
	return strcmp(kind, "grace") ? "expire" : "untrust";
}

/* n: how many of the timeline are the daemon's own, which say the same better. */
static void add_record(struct timeline *timeline, size_t n, const json_t *record,
		       const char *source)
{
	const char *kind = text_of(record, "kind"), *whose = text_of(record, "source");
	const char *comment = text_of(record, "comment"), *event = beginning_of(kind);
	bool other = strcmp(whose, source) != 0;
	char end[SPAN_TEXT_MAX];
	struct moment *moment;
	time_t time;

	if (time_of(record, "since", &time) && !is_known(timeline, n, time, event)) {
		moment = add(timeline, time, event, RANK_RECORD);
		if (moment)
			snprintf(moment->text, sizeof(moment->text), "%s%s%s%s%s",
				 other ? whose : "", other ? ": " : "", comment,
				 *comment ? ", " : "", end_format(record, "until", end));
	}
	event = ending_of(kind, text_of(record, "end"));
	if (time_of(record, "ended", &time) && !is_known(timeline, n, time, event)) {
		moment = add(timeline, time, event, RANK_RECORD);
		if (moment)
			snprintf(moment->text, sizeof(moment->text), "%s%s%s", other ? whose : "",
				 other ? ": " : "", comment);
	}
}

static int compare(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static enum colour moment_colour(const char *event)
{
	if (!strcmp(event, "ban") || !strcmp(event, "block") || !strcmp(event, "refuse"))
		return COLOUR_RED;
	return strcmp(event, "observe") ? COLOUR_NONE : COLOUR_YELLOW;
}

static void show_moments(const struct cli *cli, const struct timeline *timeline, const char *source)
{
	size_t first = timeline->n > MOMENTS_SHOWN ? timeline->n - MOMENTS_SHOWN : 0;
	char moment[SPAN_TEXT_MAX];

	putchar('\n');
	print_line(cli, COLOUR_BOLD, "TIMELINE");
	if (first)
		print_line(cli, COLOUR_NONE, "%zu earlier: smtpguard history %s", first, source);
	for (size_t i = first; i < timeline->n; i++)
		print_line(cli, moment_colour(timeline->moments[i].event), "%s  %-7s  %s",
			   moment_text(timeline->moments[i].time, moment),
			   timeline->moments[i].event, timeline->moments[i].text);
}

void timeline_show(const struct cli *cli, const json_t *answer, const json_t *history)
{
	const json_t *decisions = json_object_get(answer, "timeline"), *record;
	struct timeline timeline = { 0 };
	size_t i, n;

	timeline.capacity = json_array_size(decisions) + 2 * json_array_size(history);
	if (timeline.capacity == 0)
		return;
	timeline.moments = calloc(timeline.capacity, sizeof(*timeline.moments));
	if (!timeline.moments) {
		complain("out of memory");
		exit(EXIT_REFUSED);
	}
	add_decisions(&timeline, decisions);
	n = timeline.n;
	/* newest first there; within one second the order of events counts */
	for (i = json_array_size(history); i > 0; i--) {
		record = json_array_get(history, i - 1);
		add_record(&timeline, n, record, text_of(answer, "source"));
	}
	if (timeline.n) {
		qsort(timeline.moments, timeline.n, sizeof(*timeline.moments), compare);
		show_moments(cli, &timeline, text_of(answer, "source"));
	}
	free(timeline.moments);
}
