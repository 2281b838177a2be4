// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>

#include "smtpguard/control/report.h"

#include "report_priv.h"

/* An entry of the source table and where it stands in the answer. */
struct pick {
	uint64_t rank;
	struct hash_handle handle;
};

struct report_list {
	struct guard *guard;
	bool is_bans;
	uint64_t total;

	/* bans */
	uint32_t cursor;
	bool one; /* only the ban of `prefix` */
	struct prefix prefix;

	/* sources: the best `capacity` ones, a min-heap while selecting, then sorted, best first */
	struct pick *picks;
	uint32_t n_picks, capacity, next;
};

struct report_list *report_list_free(struct report_list *list)
{
	if (list) {
		free(list->picks);
		free(list);
	}
	return NULL;
}

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

static void pick_source(struct report_list *list, const struct pick *pick)
{
	if (list->n_picks < list->capacity) {
		list->picks[list->n_picks++] = *pick;
		sift_up(list->picks, list->n_picks - 1);
	} else if (pick->rank > list->picks[0].rank) {
		list->picks[0] = *pick;
		sift_down(list->picks, list->n_picks, 0);
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
	return (uint64_t)first << 32 | second;
}

static int compare_picks(const void *a, const void *b)
{
	const struct pick *x = a, *y = b;

	return (x->rank < y->rank) - (x->rank > y->rank);
}

/* One walk over the table; memory and sorting are bounded by the limit, not by the table. */
static int select_sources(struct report_list *list, const struct control_command *command,
			  usec_t now)
{
	struct source_table *sources = guard_sources(list->guard);
	uint32_t cursor = 0;
	int service = -1;
	struct source *source;

	if (command->service[0]) {
		service = settings_service_by_name(guard_settings(list->guard), command->service);
		if (service < 0)
			return REPORT_UNKNOWN_SERVICE;
	}
	list->capacity = command->limit ? command->limit : CONTROL_SOURCES_LIMIT_DEFAULT;
	list->picks = calloc(list->capacity, sizeof(*list->picks));
	if (!list->picks)
		return -ENOMEM;

	while ((source = source_table_walk(sources, &cursor))) {
		if (service >= 0 && source->key.service != service)
			continue;
		if (!command->all && !source->concurrent && !source->half_open)
			continue;
		list->total++;
		pick_source(list, &(struct pick){
					  .rank = rank_of(list->guard, source, command->sort, now),
					  .handle = source_table_handle(sources, source) });
	}
	qsort(list->picks, list->n_picks, sizeof(*list->picks), compare_picks);
	return 0;
}

int report_list_new(struct report_list **ret_list, const struct report_inputs *inputs,
		    const struct control_command *command, usec_t now)
{
	struct report_list *list = calloc(1, sizeof(*list));
	int r = 0;

	if (!list)
		return -ENOMEM;
	list->guard = inputs->guard;
	list->is_bans = command->verb == CONTROL_BANS;
	list->one = command->has_prefix;
	list->prefix = command->prefix;
	if (!list->is_bans)
		r = select_sources(list, command, now);
	if (r != 0) {
		report_list_free(list);
		return r;
	}
	*ret_list = list;
	return 0;
}

const char *report_list_key(const struct report_list *list)
{
	return list->is_bans ? "bans" : "sources";
}

uint64_t report_list_total(const struct report_list *list)
{
	return list->total;
}

static json_t *report_source(struct guard *guard, struct source *source, usec_t now)
{
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
			 standing_name(guard_standing(guard, source)));
}

static const struct ban *next_ban(struct report_list *list)
{
	const struct ban *ban;

	if (!list->one)
		ban = ban_table_walk(guard_bans(list->guard), &list->cursor);
	else if (list->cursor++ == 0)
		ban = ban_table_find(guard_bans(list->guard), &list->prefix);
	else
		ban = NULL;
	if (ban)
		list->total++;
	return ban;
}

static struct source *next_source(struct report_list *list)
{
	while (list->next < list->n_picks) {
		struct source *source = source_table_at(guard_sources(list->guard),
							list->picks[list->next++].handle);

		if (source)
			return source;
	}
	return NULL;
}

int report_list_next(struct report_list *list, usec_t now, json_t **ret_entry)
{
	json_t *entry;

	if (list->is_bans) {
		const struct ban *ban = next_ban(list);

		if (!ban)
			return REPORT_LIST_END;
		entry = report_ban(ban, now);
	} else {
		struct source *source = next_source(list);

		if (!source)
			return REPORT_LIST_END;
		entry = report_source(list->guard, source, now);
	}
	if (!entry)
		return -ENOMEM;
	*ret_entry = entry;
	return 0;
}
