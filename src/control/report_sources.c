// SPDX-License-Identifier: GPL-2.0-or-later
#include "report_sources_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "report_priv.h"

/* Added to the rank of what is counted, so that it comes before what the gate knows. */
#define RANK_COUNTED (UINT64_C(1) << 63)

/* An entry of the source table, or a source of the gate, and where it stands in the answer. */
struct pick {
	uint64_t rank;
	struct hash_handle handle; /* of RANK_COUNTED */
	struct prefix gated;	   /* of the others */
};

struct source_selection {
	const struct report_inputs *inputs;
	struct guard *guard;
	int service; /* -1: any */
	bool all;
	uint64_t total;
	/* the best `capacity` ones, a min-heap while selecting, then sorted, best first */
	struct pick *picks;
	uint32_t n_picks, capacity, next;
};

struct source_selection *source_selection_free(struct source_selection *selection)
{
	if (selection) {
		free(selection->picks);
		free(selection);
	}
	return NULL;
}

uint64_t source_selection_total(const struct source_selection *selection)
{
	return selection->total;
}

/* --- choosing --- */

static void sift_down(struct pick *picks, uint32_t n, uint32_t at)
{
	const struct pick moved = picks[at];

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= n)
			break;
		if (child + 1 < n && picks[child + 1].rank < picks[child].rank)
			child++;
		if (picks[child].rank >= moved.rank)
			break;
		picks[at] = picks[child];
		at = child;
	}
	picks[at] = moved;
}

static void sift_up(struct pick *picks, uint32_t at)
{
	const struct pick moved = picks[at];

	while (at > 0 && picks[(at - 1) / 2].rank > moved.rank) {
		picks[at] = picks[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	picks[at] = moved;
}

static void pick_source(struct source_selection *selection, const struct pick *pick)
{
	selection->total++;
	if (selection->n_picks < selection->capacity) {
		selection->picks[selection->n_picks++] = *pick;
		sift_up(selection->picks, selection->n_picks - 1);
	} else if (pick->rank > selection->picks[0].rank) {
		selection->picks[0] = *pick;
		sift_down(selection->picks, selection->n_picks, 0);
	}
}

static uint64_t rank_of(struct guard *guard, struct source *source, enum control_sort sort,
			usec_t now)
{
	const struct guard_settings *settings = guard_settings(guard);
	uint32_t first, second;

	switch (sort) {
	case CONTROL_SORT_NEW:
		first = source_table_new_count(guard_sources(guard), source, now,
					       settings->services[source->key.service].new_window);
		second = source->concurrent;
		break;
	case CONTROL_SORT_HALF_OPEN:
		first = source->half_open;
		second = source->concurrent;
		break;
	case CONTROL_SORT_CONCURRENT:
	default:
		first = source->concurrent;
		second = source->half_open;
		break;
	}
	/* counts stay below max_flows, far below this bit */
	return RANK_COUNTED | (uint64_t)first << 32 | second;
}

static bool is_shown(const struct source_selection *selection, const struct source *source)
{
	if (selection->service >= 0 && source->key.service != selection->service)
		return false;
	return selection->all || source->concurrent || source->half_open;
}

static void select_counted(struct source_selection *selection, enum control_sort sort, usec_t now)
{
	struct source_table *sources = guard_sources(selection->guard);
	struct source *source;
	uint32_t cursor = 0;

	while ((source = source_table_walk(sources, &cursor))) {
		if (!is_shown(selection, source))
			continue;
		pick_source(selection,
			    &(struct pick){ .rank = rank_of(selection->guard, source, sort, now),
					    .handle = source_table_handle(sources, source) });
	}
}

/* Most of those that the gate holds or refuses have no entry: nothing of them was ever counted. */
static void select_gated(struct source_selection *selection, usec_t now)
{
	const struct gate_table *gate = guard_gate(selection->guard);
	const struct gate_source *gated;
	uint32_t cursor = 0;

	while ((gated = gate_table_walk(gate, &cursor))) {
		const struct prefix prefix = gate_source_prefix(gated);
		const struct source *counted;

		if ((selection->service >= 0 && gated->service != selection->service) ||
		    !report_gate_standing(selection->inputs, gated, gated->service, now))
			continue;
		counted = source_table_find(guard_sources(selection->guard), &prefix,
					    gated->service);
		if (!counted || !is_shown(selection, counted))
			pick_source(selection,
				    &(struct pick){ .rank = (uint64_t)gated->n_held << 32 |
							    gated->packets,
						    .gated = prefix });
	}
}

static int compare_picks(const void *a, const void *b)
{
	const struct pick *x = a, *y = b;

	return (x->rank < y->rank) - (x->rank > y->rank);
}

/* One walk over each table; memory and sorting are bounded by the limit, not by the tables. */
static int select_all(struct source_selection *selection, const struct control_command *command,
		      usec_t now)
{
	selection->service = -1;
	if (command->service[0]) {
		selection->service = settings_service_by_name(guard_settings(selection->guard),
							      command->service);
		if (selection->service < 0)
			return REPORT_UNKNOWN_SERVICE;
	}
	selection->capacity = command->limit ? command->limit : CONTROL_LIMIT_DEFAULT;
	selection->picks = calloc(selection->capacity, sizeof(*selection->picks));
	if (!selection->picks)
		return -ENOMEM;
	select_counted(selection, command->sort, now);
	select_gated(selection, now);
	qsort(selection->picks, selection->n_picks, sizeof(*selection->picks), compare_picks);
	return 0;
}

int source_selection_new(struct source_selection **ret_selection, const struct report_inputs *inputs,
			 const struct control_command *command, usec_t now)
{
	struct source_selection *selection = calloc(1, sizeof(*selection));
	int r;

	if (!selection)
		return -ENOMEM;
	selection->inputs = inputs;
	selection->guard = inputs->guard;
	selection->all = command->all;
	r = select_all(selection, command, now);
	if (r != 0)
		source_selection_free(selection);
	else
		*ret_selection = selection;
	return r;
}

/* --- handing out --- */

static json_t *report_counted(const struct report_inputs *inputs, struct source *source, usec_t now)
{
	struct guard *guard = inputs->guard;
	const struct service_settings *service =
		&guard_settings(guard)->services[source->key.service];
	const struct prefix prefix = source_prefix(source);
	const char *names[PTR_NAMES_MAX];
	unsigned n_names = 0;
	enum ptr_state state =
		name_table_state(guard_names(guard), &source->name_client, now, names, &n_names);

	return json_pack("{s:o, s:s, s:I, s:I, s:I, s:I, s:s, s:o, s:s}", "source",
			 report_prefix(&prefix), "service", service->name, "concurrent",
			 (json_int_t)source->concurrent, "half_open", (json_int_t)source->half_open,
			 "new",
			 (json_int_t)source_table_new_count(guard_sources(guard), source, now,
							    service->new_window),
			 "peak", (json_int_t)source->peak, "reverse_dns", ptr_state_name(state),
			 "names", report_names(names, n_names), "standing",
			 report_standing(inputs, &prefix, source->key.service,
					 guard_standing(guard, source), now));
}

/* The same keys, nothing counted. NULL with *ret_gone: neither held nor refused any more. */
static json_t *report_gated(const struct report_inputs *inputs, const struct prefix *prefix,
			    usec_t now, bool *ret_gone)
{
	struct guard *guard = inputs->guard;
	const struct gate_source *gated = guard_gate_source(guard, prefix, now);
	const char *names[PTR_NAMES_MAX];
	const char *standing =
		gated ? report_gate_standing(inputs, gated, gated->service, now) : NULL;
	unsigned n_names = 0;
	enum ptr_state state;

	*ret_gone = !standing;
	if (!standing)
		return NULL;
	state = name_table_state(guard_names(guard), &gated->client, now, names, &n_names);
	/* the cache of names may have forgotten what it was judged by */
	if (state == PTR_STATE_UNKNOWN)
		state = (enum ptr_state)gated->state;
	return json_pack("{s:o, s:s, s:i, s:i, s:i, s:i, s:s, s:o, s:s}", "source",
			 report_prefix(prefix), "service",
			 guard_settings(guard)->services[gated->service].name, "concurrent", 0,
			 "half_open", 0, "new", 0, "peak", 0, "reverse_dns", ptr_state_name(state),
			 "names", report_names(names, n_names), "standing", standing);
}

int source_selection_next(struct source_selection *selection, usec_t now, json_t **ret_entry)
{
	while (selection->next < selection->n_picks) {
		const struct pick *pick = &selection->picks[selection->next++];
		struct source *source;
		bool gone;

		if (pick->rank & RANK_COUNTED) {
			source = source_table_at(guard_sources(selection->guard), pick->handle);
			gone = !source;
			*ret_entry = source ? report_counted(selection->inputs, source, now) : NULL;
		} else {
			*ret_entry = report_gated(selection->inputs, &pick->gated, now, &gone);
		}
		if (!gone)
			return 0;
	}
	return REPORT_LIST_END;
}
