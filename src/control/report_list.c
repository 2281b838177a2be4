// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/control/report.h"

#include "report_priv.h"

/* An entry of the source table and where it stands in the answer. */
struct pick {
	uint64_t rank;
	struct hash_handle handle;
};

struct report_list {
	struct guard *guard;
	enum control_verb verb;
	uint64_t total;

	/* bans */
	uint32_t cursor;
	bool one; /* only the ban of `prefix`, and a block of it */
	bool bans_done;
	struct prefix prefix;

	/* blocks, or what an operator allowed: continued by address, since places may shift */
	struct address last; /* that was shown */
	bool has_last;
	/* of the allow files */
	uint32_t next_file;

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
	list->verb = command->verb;
	list->one = command->has_prefix;
	list->prefix = command->prefix;
	if (list->verb == CONTROL_SOURCES)
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
	switch (list->verb) {
	case CONTROL_BANS:
		return "bans";
	case CONTROL_ALLOW_LIST:
		return "allowed";
	default:
		return "sources";
	}
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
	if (!list->one)
		return ban_table_walk(guard_bans(list->guard), &list->cursor);
	return list->cursor++ == 0 ? ban_table_find(guard_bans(list->guard), &list->prefix) : NULL;
}

/* The first entry behind the last one that was shown. */
static const struct operator_entry *next_entry(struct report_list *list, enum guard_list which)
{
	const struct operator_list *entries = guard_list(list->guard, which);
	uint32_t low = 0, high = list->has_last ? operator_list_count(entries) : 0;
	const struct operator_entry *entry;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		entry = operator_list_at(entries, middle);
		if (memcmp(&entry->prefix.address, &list->last, sizeof(list->last)) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == operator_list_count(entries))
		return NULL;
	entry = operator_list_at(entries, low);
	list->last = entry->prefix.address;
	list->has_last = true;
	return entry;
}

static const struct operator_entry *next_block(struct report_list *list)
{
	if (!list->one)
		return next_entry(list, GUARD_LIST_BLOCKED);
	if (list->has_last)
		return NULL;
	list->has_last = true;
	return operator_list_overlap(guard_list(list->guard, GUARD_LIST_BLOCKED), &list->prefix);
}

static int next_of_bans(struct report_list *list, usec_t now, json_t **ret_entry)
{
	const struct ban *ban = list->bans_done ? NULL : next_ban(list);
	const struct operator_entry *block;

	if (ban) {
		*ret_entry = report_ban(ban, now);
		return 0;
	}
	list->bans_done = true;
	block = next_block(list);
	if (!block)
		return REPORT_LIST_END;
	*ret_entry = report_block_as_ban(block, now);
	return 0;
}

static int next_of_allowed(struct report_list *list, json_t **ret_entry)
{
	const struct operator_entry *entry = NULL;
	const struct prefix_set *files = guard_settings(list->guard)->allowed;

	if (list->next_file == 0)
		entry = next_entry(list, GUARD_LIST_ALLOWED);
	if (entry) {
		*ret_entry = report_allowed(entry);
		return 0;
	}
	if (!files || list->next_file >= prefix_set_count(files))
		return REPORT_LIST_END;
	*ret_entry = json_pack("{s:o, s:s, s:n, s:n, s:n}", "prefix",
			       report_prefix(prefix_set_at(files, list->next_file++)), "from",
			       "file", "since", "expires", "comment");
	return 0;
}

static int next_of_sources(struct report_list *list, usec_t now, json_t **ret_entry)
{
	while (list->next < list->n_picks) {
		struct source *source = source_table_at(guard_sources(list->guard),
							list->picks[list->next++].handle);

		if (!source)
			continue;
		*ret_entry = report_source(list->guard, source, now);
		return 0;
	}
	return REPORT_LIST_END;
}

int report_list_next(struct report_list *list, usec_t now, json_t **ret_entry)
{
	json_t *entry;
	int r;

	if (list->verb == CONTROL_BANS)
		r = next_of_bans(list, now, &entry);
	else if (list->verb == CONTROL_ALLOW_LIST)
		r = next_of_allowed(list, &entry);
	else
		r = next_of_sources(list, now, &entry);
	if (r != 0)
		return r;
	if (!entry)
		return -ENOMEM;
	/* the total of sources is that of their selection */
	if (list->verb != CONTROL_SOURCES)
		list->total++;
	*ret_entry = entry;
	return 0;
}
