// SPDX-License-Identifier: GPL-2.0-or-later
#include "report_rows_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report_priv.h"

#define DAY_TEXT_LENGTH 10 /* of "2026-11-22T00:00:00Z" */

struct ledger_rows {
	/* one of them */
	struct ledger_record *records;
	struct ledger_peak *peaks;
	uint32_t n, next;
	uint64_t total;
};

struct ledger_rows *ledger_rows_free(struct ledger_rows *rows)
{
	if (rows) {
		free(rows->records);
		free(rows->peaks);
		free(rows);
	}
	return NULL;
}

uint64_t ledger_rows_total(const struct ledger_rows *rows)
{
	return rows->total;
}

static void *copy(const void *from, size_t bytes)
{
	void *memory = malloc(bytes);

	return memory ? memcpy(memory, from, bytes) : NULL;
}

int ledger_rows_new(struct ledger_rows **ret_rows, const struct ledger_answer *answer)
{
	struct ledger_rows *rows = calloc(1, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	rows->total = answer->total;
	rows->n = answer->n;
	if (answer->n > 0 && answer->records)
		rows->records = copy(answer->records, answer->n * sizeof(*answer->records));
	else if (answer->n > 0)
		rows->peaks = copy(answer->peaks, answer->n * sizeof(*answer->peaks));
	if (rows->n > 0 && !rows->records && !rows->peaks) {
		ledger_rows_free(rows);
		return -ENOMEM;
	}
	*ret_rows = rows;
	return 0;
}

/* --- history --- */

static const char *kind_name(enum ledger_kind kind)
{
	static const char *const names[LEDGER_KINDS] = {
		[LEDGER_BAN] = "ban",
		[LEDGER_BLOCK] = "block",
		[LEDGER_ALLOW] = "allow",
		[LEDGER_GRACE] = "grace",
	};

	return names[kind];
}

static const char *end_name(enum ledger_end end)
{
	static const char *const names[LEDGER_ENDS] = {
		[LEDGER_NOT_ENDED] = "active",
		[LEDGER_EXPIRED] = "expired",
		[LEDGER_LIFTED] = "lifted",
		[LEDGER_REPLACED] = "replaced",
	};

	return names[end];
}

/* What only bans have is null in the others. */
static json_t *number_of(const struct ledger_entry *entry, uint32_t number)
{
	return entry->kind == LEDGER_BAN ? json_integer(number) : json_null();
}

static const char *limit_of(const struct ledger_entry *entry)
{
	if (entry->kind == LEDGER_BLOCK)
		return limit_kind_name(LIMIT_OPERATOR);
	return entry->kind == LEDGER_BAN ? limit_kind_name(entry->reason.limit) : NULL;
}

static const char *comment_of(const struct ledger_entry *entry,
			      char text[static REASON_COMMENT_MAX])
{
	struct ban_reason reason = { .limit = LIMIT_OPERATOR };

	if (entry->kind == LEDGER_BAN)
		return reason_format(&entry->reason, text);
	if (entry->kind != LEDGER_BLOCK)
		return entry->reason.text;
	/* as `bans` shows it */
	snprintf(reason.text, sizeof(reason.text), "%s", entry->reason.text);
	return reason_format(&reason, text);
}

static json_t *report_record(const struct ledger_record *record)
{
	const struct ledger_entry *entry = &record->entry;
	const struct ban_reason *reason = &entry->reason;
	bool is_ban = entry->kind == LEDGER_BAN;
	char comment[REASON_COMMENT_MAX];

	return json_pack("{s:s, s:o, s:s?, s:s?, s:o, s:o, s:o, s:o, s:s?, s:o, s:o, s:o, s:s, s:o,"
			 " s:o, s:s}",
			 "kind", kind_name(entry->kind), "source", report_prefix(&entry->source),
			 "service", is_ban && reason->service[0] ? reason->service : NULL, "limit",
			 limit_of(entry), "allowed", number_of(entry, reason->allowed), "observed",
			 number_of(entry, reason->observed), "peak", number_of(entry, reason->peak),
			 "window", is_ban ? report_window(reason) : json_null(), "reverse_dns",
			 is_ban ? ptr_state_name(reason->ptr_state) : NULL, "names",
			 report_name(is_ban ? reason->name : ""), "since",
			 report_wall_time(entry->since), "until", report_wall_time(entry->until),
			 "end", end_name(record->end), "ended", report_wall_time(record->ended),
			 "earlier", number_of(entry, entry->earlier), "comment",
			 comment_of(entry, comment));
}

/* --- peaks --- */

static json_t *report_peak(const struct ledger_peak *peak)
{
	char day[TIMESTAMP_TEXT_MAX];

	clock_format_wall(peak->day, day);
	day[DAY_TEXT_LENGTH] = '\0';
	return json_pack("{s:o, s:s, s:I, s:I, s:s, s:o, s:I, s:s}", "source",
			 report_prefix(&peak->source), "service", peak->service, "concurrent",
			 (json_int_t)peak->concurrent, "new", (json_int_t)peak->fresh,
			 "reverse_dns", ptr_state_name(peak->ptr_state), "names",
			 report_name(peak->name), "days", (json_int_t)peak->days, "last_day", day);
}

int ledger_rows_next(struct ledger_rows *rows, json_t **ret_entry)
{
	uint32_t at = rows->next;

	if (at >= rows->n)
		return REPORT_LIST_END;
	rows->next++;
	*ret_entry = rows->records ? report_record(&rows->records[at]) :
				     report_peak(&rows->peaks[at]);
	return 0;
}
