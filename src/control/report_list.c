// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/control/report.h"

#include "report_priv.h"
#include "report_rows_priv.h"
#include "report_sources_priv.h"

struct report_list {
	struct guard *guard;
	enum control_verb verb;
	uint64_t total; /* handed out */

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

	struct source_selection *sources;
	struct ledger_rows *rows;
};

struct report_list *report_list_free(struct report_list *list)
{
	if (list) {
		source_selection_free(list->sources);
		ledger_rows_free(list->rows);
		free(list);
	}
	return NULL;
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
		r = source_selection_new(&list->sources, inputs, command, now);
	if (r != 0) {
		report_list_free(list);
		return r;
	}
	*ret_list = list;
	return 0;
}

int report_list_of_answer(struct report_list **ret_list, const struct control_command *command,
			  const struct ledger_answer *answer)
{
	struct report_list *list = calloc(1, sizeof(*list));
	int r;

	if (!list)
		return -ENOMEM;
	list->verb = command->verb;
	r = ledger_rows_new(&list->rows, command, answer);
	if (r < 0)
		report_list_free(list);
	else
		*ret_list = list;
	return r;
}

const char *report_list_key(const struct report_list *list)
{
	switch (list->verb) {
	case CONTROL_HISTORY:
		return "history";
	case CONTROL_PEAKS:
		return "peaks";
	case CONTROL_AUTH_FAILURES:
		return "auth_failures";
	case CONTROL_ACCOUNTS:
		return "accounts";
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
	if (list->rows)
		return ledger_rows_total(list->rows);
	return list->sources ? source_selection_total(list->sources) : list->total;
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

int report_list_next(struct report_list *list, usec_t now, json_t **ret_entry)
{
	json_t *entry;
	int r;

	if (list->rows)
		r = ledger_rows_next(list->rows, &entry);
	else if (list->verb == CONTROL_BANS)
		r = next_of_bans(list, now, &entry);
	else if (list->verb == CONTROL_ALLOW_LIST)
		r = next_of_allowed(list, &entry);
	else
		r = source_selection_next(list->sources, now, &entry);
	if (r != 0)
		return r;
	if (!entry)
		return -ENOMEM;
	list->total++;
	*ret_entry = entry;
	return 0;
}
