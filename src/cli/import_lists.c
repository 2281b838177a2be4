// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Addresses to allow or to ban. What another entry covers is dropped: the daemon's lists of prefixes
 * do not overlap, and an allowed address is never banned.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "import_priv.h"

/* As the allow files' reader has it. */
#define SHORTEST_IPV4 8
#define SHORTEST_IPV6 16
#define HEADING_MAX 8
#define SECONDS_MAX ((uint64_t)3650 * 86400)
#define SPAN_MAX 40

/* What is wrong with the length, or NULL. */
static const char *length_problem(const struct prefix *prefix)
{
	static const struct address ipv4_first = { .bytes = { [10] = 0xff, [11] = 0xff } };

	if (prefix_is_ipv4(prefix))
		return prefix->length < IPV4_OFFSET_BITS + SHORTEST_IPV4 ?
			       "too wide for an allow file, which takes /8 to /32" : NULL;
	if (prefix->length < SHORTEST_IPV6 || prefix_contains(prefix, &ipv4_first))
		return "too wide for an allow file, which takes /16 to /128";
	return NULL;
}

static const char *span_text(uint64_t seconds, char text[static SPAN_MAX])
{
	if (seconds)
		snprintf(text, SPAN_MAX, "for %llus", (unsigned long long)seconds);
	else
		snprintf(text, SPAN_MAX, "without end");
	return text;
}

/* What the entry becomes, and in which way it is not just what was written. */
static void note_added(struct import *import, size_t line, enum import_list list,
		       const struct filter *filter, uint64_t seconds)
{
	char prefix[PREFIX_TEXT_MAX], span[SPAN_MAX], ports[64] = "", guarded[64];

	prefix_format(&filter->prefix, prefix);
	if (list == IMPORT_ALLOW_FILE)
		line_note(import, line, OUTCOME_ALLOWED, "allow %s", prefix);
	else
		line_note(import, line,
			  list == IMPORT_BAN_COMMAND ? OUTCOME_BLOCKED : OUTCOME_ALLOWED, "%s %s %s",
			  list == IMPORT_BAN_COMMAND ? "ban" : "allow", prefix,
			  span_text(seconds, span));
	if (filter->cut)
		line_note(import, line, OUTCOME_COMMENT, "bits behind the length are left out");
	if (filter->has_ports && (filter->ports & import->guarded) != import->guarded)
		line_note(import, line, OUTCOME_COMMENT, "on every guarded port (%s), not only on %s",
			  ports_format(import->guarded, guarded),
			  ports_format(filter->ports & import->guarded, ports));
}

void list_add(struct import_reader *reader, size_t line, enum import_list list,
	      const struct filter *filter, uint64_t seconds, const char *comment)
{
	struct import *import = reader->import;
	struct import_entry entry = { .prefix = filter->prefix, .line = line };
	char escaped[IMPORT_COMMENT_MAX];
	const char *wrong = NULL;

	/* as the control socket: longer than that is without end */
	entry.seconds = seconds > SECONDS_MAX ? 0 : seconds;
	if (filter->has_ports && !(filter->ports & import->guarded)) {
		line_note(import, line, OUTCOME_OTHER, "no guarded port, not for smtpguard");
		return;
	}
	if (address_is_loopback(&filter->prefix.address)) {
		line_note(import, line, OUTCOME_COVERED, "loopback is never banned");
		return;
	}
	if (list == IMPORT_ALLOW_FILE)
		wrong = length_problem(&filter->prefix);
	if (import->lists[list].n == IMPORT_ENTRIES_MAX)
		wrong = "more than 100000 entries";
	if (wrong) {
		line_note(import, line, OUTCOME_NO_COUNTERPART, "%s", wrong);
		return;
	}
	if (reader->heading != SIZE_MAX && line - reader->heading <= HEADING_MAX)
		entry.heading = (uint32_t)(line - reader->heading);
	add_entry(import, list, &entry,
		  show_text(escaped, sizeof(escaped), comment, strlen(comment)));
	note_added(import, line, list, filter, entry.seconds);
}

void filter_note(struct import *import, size_t line, enum filter_result result,
		 const struct filter *filter)
{
	switch (result) {
	case FILTER_OTHER:
		line_note(import, line, OUTCOME_OTHER, "%s, not for smtpguard", filter->why);
		break;
	case FILTER_IGNORED:
		line_note(import, line, OUTCOME_IGNORED, "%s", filter->why);
		break;
	case FILTER_REFUSED:
		line_note(import, line, OUTCOME_NO_COUNTERPART, "%s", filter->why);
		break;
	default:
		line_note(import, line, OUTCOME_NOT_UNDERSTOOD, "%s", filter->why);
		break;
	}
}

/* --- what covers what --- */

struct sorted {
	struct import_entry **entries;
	size_t n;
	bool lengths[129]; /* which occur */
};

static int compare_prefixes(const struct prefix *a, const struct prefix *b)
{
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	return memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));
}

/* Of equal prefixes the one that lasts longest first, then the one that was read first. */
static int compare_entries(const void *left, const void *right)
{
	const struct import_entry *a = *(struct import_entry *const *)left;
	const struct import_entry *b = *(struct import_entry *const *)right;
	int r = compare_prefixes(&a->prefix, &b->prefix);

	if (r)
		return r;
	if (a->seconds != b->seconds)
		return a->seconds - 1 > b->seconds - 1 ? -1 : 1;
	return a->line < b->line ? -1 : a->line > b->line;
}

static int sort_entries(struct import *import, struct import_entries *list, struct sorted *sorted)
{
	*sorted = (struct sorted){ .entries = reallocarray(NULL, list->n + 1,
								sizeof(*sorted->entries)) };
	if (!sorted->entries) {
		import->failure = -ENOMEM;
		return -ENOMEM;
	}
	for (sorted->n = 0; sorted->n < list->n; sorted->n++) {
		sorted->entries[sorted->n] = &list->items[sorted->n];
		sorted->lengths[list->items[sorted->n].prefix.length] = true;
	}
	qsort(sorted->entries, sorted->n, sizeof(*sorted->entries), compare_entries);
	return 0;
}

/* The first entry of that prefix. */
static bool find(const struct sorted *sorted, const struct prefix *prefix,
		 const struct import_entry **ret_entry)
{
	size_t low = 0, high = sorted->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_prefixes(&sorted->entries[middle]->prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == sorted->n || !prefix_equal(&sorted->entries[low]->prefix, prefix))
		return false;
	*ret_entry = sorted->entries[low];
	return true;
}

/* The widest entry that holds all of the prefix for at least that long. */
static bool find_cover(const struct sorted *sorted, const struct prefix *prefix, uint64_t seconds,
		       const struct import_entry **ret_entry)
{
	for (unsigned length = 0; length <= prefix->length; length++) {
		struct prefix cut;

		if (!sorted->lengths[length])
			continue;
		cut = prefix_cut(&prefix->address, (uint8_t)length);
		/* 0 is without end: the longest */
		if (find(sorted, &cut, ret_entry) && (*ret_entry)->seconds - 1 >= seconds - 1)
			return true;
	}
	return false;
}

static void drop_covered(struct import *import, struct import_entries *list,
			 const struct sorted *covers, bool same_only, const char *what)
{
	char place[IMPORT_PATH_MAX], by[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < list->n; i++) {
		struct import_entry *entry = &list->items[i];
		const struct import_entry *cover;
		bool found;

		if (entry->dropped)
			continue;
		found = same_only ? find(covers, &entry->prefix, &cover) :
				    find_cover(covers, &entry->prefix, entry->seconds, &cover);
		if (!found || cover == entry)
			continue;
		entry->dropped = true;
		free(import->lines[entry->line].result);
		import->lines[entry->line].result = NULL;
		import->lines[entry->line].outcome = OUTCOME_COVERED;
		line_note(import, entry->line, OUTCOME_COVERED, "%s %s (%s)", what,
			  prefix_format(&cover->prefix, by), line_place(import, cover->line, place));
	}
}

void lists_finish(struct import *import)
{
	struct import_entries *allow_file = &import->lists[IMPORT_ALLOW_FILE];
	struct import_entries *allow = &import->lists[IMPORT_ALLOW_COMMAND];
	struct import_entries *ban = &import->lists[IMPORT_BAN_COMMAND];
	struct sorted allowed, allowed_for, banned;

	if (sort_entries(import, allow_file, &allowed) < 0)
		return;
	/* an allow file may hold a prefix and parts of it, and what was commented there stays */
	drop_covered(import, allow_file, &allowed, true, "allowed already by");
	drop_covered(import, allow, &allowed, false, "allowed already by");
	drop_covered(import, ban, &allowed, false, "not banned: allowed by");
	free(allowed.entries);
	if (sort_entries(import, allow, &allowed_for) == 0) {
		drop_covered(import, allow, &allowed_for, false, "allowed already by");
		free(allowed_for.entries);
	}
	if (sort_entries(import, ban, &banned) == 0) {
		drop_covered(import, ban, &banned, false, "banned already by");
		free(banned.entries);
	}
}
