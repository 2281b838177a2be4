// SPDX-License-Identifier: GPL-2.0-or-later
#include "report_rows_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report_priv.h"

#define DAY_TEXT_LENGTH 10 /* of "2026-11-22T00:00:00Z" */
#define DAY_TEXT_MAX 24	   /* of whatever day a number may stand for */

struct ledger_rows {
	enum control_verb verb;
	unsigned by; /* CONTROL_AUTH_FAILURES */
	bool of_source; /* CONTROL_ACCOUNTS */
	/* one of them */
	struct ledger_record *records;
	struct ledger_peak *peaks;
	struct ledger_sum *sums;
	struct ledger_account_address *shown; /* of all sums */
	uint32_t n, next;
	uint64_t total;
};

unsigned ledger_rows_by(const struct control_command *command)
{
	return command->by ? command->by : LEDGER_BY_ACCOUNT;
}

struct ledger_rows *ledger_rows_free(struct ledger_rows *rows)
{
	if (rows) {
		free(rows->records);
		free(rows->peaks);
		free(rows->sums);
		free(rows->shown);
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

/* The addresses of each sum are an array of its own. */
static int copy_shown(struct ledger_rows *rows)
{
	struct ledger_account_address *next;
	size_t n = 0;

	for (uint32_t i = 0; i < rows->n; i++)
		n += rows->sums[i].n_shown;
	if (n == 0)
		return 0;
	next = rows->shown = calloc(n, sizeof(*rows->shown));
	if (!next)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows->n; i++) {
		struct ledger_sum *sum = &rows->sums[i];

		if (sum->n_shown > 0)
			memcpy(next, sum->shown, sum->n_shown * sizeof(*next));
		sum->shown = next;
		next += sum->n_shown;
	}
	return 0;
}

static int copy_answer(struct ledger_rows *rows, const struct ledger_answer *answer)
{
	if (answer->n == 0)
		return 0;
	if (answer->sums) {
		rows->sums = copy(answer->sums, answer->n * sizeof(*answer->sums));
		return rows->sums ? copy_shown(rows) : -ENOMEM;
	}
	if (answer->records)
		rows->records = copy(answer->records, answer->n * sizeof(*answer->records));
	else
		rows->peaks = copy(answer->peaks, answer->n * sizeof(*answer->peaks));
	return rows->records || rows->peaks ? 0 : -ENOMEM;
}

int ledger_rows_new(struct ledger_rows **ret_rows, const struct control_command *command,
		    const struct ledger_answer *answer)
{
	struct ledger_rows *rows = calloc(1, sizeof(*rows));
	int r;

	if (!rows)
		return -ENOMEM;
	rows->verb = command->verb;
	rows->by = ledger_rows_by(command);
	rows->of_source = command->has_prefix;
	rows->total = answer->total;
	rows->n = answer->n;
	r = copy_answer(rows, answer);
	if (r < 0)
		ledger_rows_free(rows);
	else
		*ret_rows = rows;
	return r;
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

	return json_pack("{s:s, s:o, s:s?, s:s?, s:o, s:o, s:o, s:o, s:s?, s:o, s:o, s:o, s:o, s:s,"
			 " s:o, s:o, s:s}",
			 "kind", kind_name(entry->kind), "source", report_prefix(&entry->source),
			 "service", is_ban && reason->service[0] ? reason->service : NULL, "limit",
			 limit_of(entry), "allowed", number_of(entry, reason->allowed), "observed",
			 number_of(entry, reason->observed), "peak", number_of(entry, reason->peak),
			 "window", is_ban ? report_window(reason) : json_null(), "reverse_dns",
			 is_ban ? ptr_state_name(reason->ptr_state) : NULL, "names",
			 report_name(is_ban ? reason->name : ""), "accounts",
			 is_ban ? report_accounts(reason) : json_null(), "since",
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

/* --- auth-failures --- */

/* 20261122: "2026-11-22" */
static json_t *report_day(uint32_t day)
{
	char text[DAY_TEXT_MAX];

	snprintf(text, sizeof(text), "%04u-%02u-%02u", day / 10000, day / 100 % 100, day % 100);
	return json_string(text);
}

static json_t *report_failures(const struct ledger_sum *sum, unsigned by)
{
	char address[ADDRESS_TEXT_MAX];
	json_t *object = json_object();

	if (by & LEDGER_BY_ACCOUNT)
		object = report_with(object, "account", json_string(sum->account));
	if (by & LEDGER_BY_SOURCE)
		object = report_with(object, "source",
				     sum->has_address ?
					     json_string(address_format(&sum->address, address)) :
					     json_null());
	if (by & LEDGER_BY_DAY)
		object = report_with(object, "day", report_day(sum->day));
	object = report_merge(object, NUMBERS({ "failures", sum->failures },
					      { "accounts", sum->accounts },
					      { "addresses", sum->addresses },
					      { "networks", sum->networks }));
	object = report_with(object, "first", report_wall_time(sum->first));
	return report_with(object, "last", report_wall_time(sum->last));
}

/* --- accounts --- */

static json_t *report_used_from(const struct ledger_sum *sum)
{
	char text[ADDRESS_TEXT_MAX];
	json_t *list = json_array();

	for (uint32_t i = 0; list && i < sum->n_shown; i++) {
		const struct ledger_account_address *used = &sum->shown[i];
		json_t *entry =
			json_pack("{s:s, s:I, s:I, s:o, s:o}", "address",
				  address_format(&used->address, text), "messages",
				  (json_int_t)used->messages, "logins", (json_int_t)used->logins,
				  "first", report_wall_time(used->first), "last",
				  report_wall_time(used->last));

		if (json_array_append_new(list, entry) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *report_account(const struct ledger_sum *sum)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "account",
			 sum->account, "networks", (json_int_t)sum->networks, "addresses",
			 (json_int_t)sum->addresses, "messages", (json_int_t)sum->messages,
			 "logins", (json_int_t)sum->logins, "failures", (json_int_t)sum->failures,
			 "first", report_wall_time(sum->first), "last", report_wall_time(sum->last),
			 "alerted", report_wall_time(sum->alerted), "used_from",
			 report_used_from(sum));
}

/* What a source tried or used of an account. */
static json_t *report_tried(const struct ledger_sum *sum)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "account", sum->account,
			 "failures", (json_int_t)sum->failures, "messages",
			 (json_int_t)sum->messages, "logins", (json_int_t)sum->logins, "strangers",
			 (json_int_t)sum->strangers, "protocol_errors",
			 (json_int_t)sum->protocol_errors, "refused", (json_int_t)sum->refused,
			 "first", report_wall_time(sum->first), "last",
			 report_wall_time(sum->last));
}

int ledger_rows_next(struct ledger_rows *rows, json_t **ret_entry)
{
	uint32_t at = rows->next;

	if (at >= rows->n)
		return REPORT_LIST_END;
	rows->next++;
	if (rows->records)
		*ret_entry = report_record(&rows->records[at]);
	else if (rows->peaks)
		*ret_entry = report_peak(&rows->peaks[at]);
	else if (rows->verb == CONTROL_AUTH_FAILURES)
		*ret_entry = report_failures(&rows->sums[at], rows->by);
	else
		*ret_entry = rows->of_source ? report_tried(&rows->sums[at]) :
					       report_account(&rows->sums[at]);
	return 0;
}
