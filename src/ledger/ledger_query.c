// SPDX-License-Identifier: GPL-2.0-or-later
/* Answers. Rows of several statements come together in order, and never more than were asked for. */
#include "ledger_store_priv.h"

#include <stdlib.h>
#include <string.h>

struct rows {
	char *items;
	size_t n, item_bytes, limit;
	uint64_t total;
	store_reader reader;
	bool (*before)(const void *a, const void *b);
	usec_t now;
};

/* --- what a row becomes --- */

static enum ledger_end read_end(const char *word)
{
	for (int end = LEDGER_EXPIRED; end < LEDGER_ENDS; end++)
		if (!strcmp(word, store_end_words[end]))
			return (enum ledger_end)end;
	return LEDGER_EXPIRED;
}

static bool read_record(sqlite3_stmt *statement, usec_t now, void *item)
{
	struct ledger_record *record = item;

	record->end = LEDGER_NOT_ENDED;
	record->ended = 0;
	if (!store_read_entry(statement, &record->entry))
		return false;
	if (sqlite3_column_type(statement, STORE_ENTRY_WIDTH) != SQLITE_NULL) {
		record->ended = store_column_time(statement, STORE_ENTRY_WIDTH);
		record->end = read_end(store_column_word(statement, STORE_ENTRY_WIDTH + 1));
	} else if (record->entry.until <= now) {
		/* nobody has said so yet */
		record->ended = record->entry.until;
		record->end = LEDGER_EXPIRED;
	}
	return true;
}

static bool read_peak(sqlite3_stmt *statement, usec_t now UNUSED, void *item)
{
	struct ledger_peak *peak = item;

	if (!store_column_source(statement, 0, &peak->source))
		return false;
	store_column_text(statement, 1, peak->service, sizeof(peak->service));
	peak->day = store_column_time(statement, 2);
	peak->days = store_column_count(statement, 3);
	peak->concurrent = store_column_count(statement, 4);
	peak->fresh = store_column_count(statement, 5);
	peak->ptr_state = store_column_ptr_state(statement, 6);
	store_column_text(statement, 7, peak->name, sizeof(peak->name));
	return true;
}

static bool newer(const void *a, const void *b)
{
	const struct ledger_record *record = a, *other = b;

	return record->entry.since > other->entry.since;
}

static bool higher(const void *a, const void *b)
{
	const struct ledger_peak *peak = a, *other = b;

	if (peak->concurrent != other->concurrent)
		return peak->concurrent > other->concurrent;
	return peak->fresh > other->fresh;
}

/* --- rows of one statement among those of others --- */

static int merge(struct store *store, struct rows *rows, const char *more, size_t n)
{
	size_t bytes = rows->item_bytes, total = MIN_OF(rows->n + n, rows->limit);
	char *merged = reallocarray(NULL, total, bytes);
	const char *a = rows->items, *a_end = a + rows->n * bytes;
	const char *b = more, *b_end = b + n * bytes;

	if (!merged)
		return store_failed(store, SQLITE_NOMEM);
	for (char *at = merged; at < merged + total * bytes; at += bytes) {
		const char **from = a == a_end || (b < b_end && rows->before(b, a)) ? &b : &a;

		memcpy(at, *from, bytes);
		*from += bytes;
	}
	free(rows->items);
	rows->items = merged;
	rows->n = total;
	return 0;
}

/* --- the statements --- */

/* A day counts as long as it was not over. */
static usec_t first_day(usec_t since)
{
	return since > STORE_DAY ? since - STORE_DAY : 0;
}

static bool is_of_peaks(const struct ledger_query *query)
{
	return query->subject == LEDGER_PEAKS;
}

/* The parameters that all have, in their order. span: NULL for any source. */
static struct store_binding bind_query(struct store *store, enum store_statement which,
				       const struct ledger_query *query, const struct store_span *span)
{
	struct store_binding binding = store_bind(store, which);

	store_bind_number(&binding, is_of_peaks(query) ? first_day(query->since) : query->since);
	if (span) {
		store_bind_place(&binding, &span->first);
		store_bind_place(&binding, &span->last);
	}
	if (is_of_peaks(query))
		store_bind_text(&binding, query->service);
	return binding;
}

static int add(struct store *store, struct store_binding *binding, struct rows *rows)
{
	void *more = NULL;
	size_t n = 0;
	int r;

	store_bind_number(binding, rows->limit);
	r = store_read_all(store, binding, rows->reader, rows->now, rows->item_bytes, &more, &n);
	if (r == 0 && n && rows->n) {
		r = merge(store, rows, more, n);
	} else if (r == 0 && n) {
		rows->items = more;
		rows->n = n;
		more = NULL;
	}
	free(more);
	return r;
}

static int count(struct store *store, struct store_binding *binding, struct rows *rows)
{
	int code = binding->code == SQLITE_OK ? sqlite3_step(binding->statement) : binding->code;
	int r = code == SQLITE_ROW ? 0 : store_failed(store, code);

	if (r == 0)
		rows->total += (uint64_t)sqlite3_column_int64(binding->statement, 0);
	sqlite3_reset(binding->statement);
	return r;
}

/* What began after `since`, and then what began before it and was in force after it. */
static int ask_newest(struct store *store, const struct ledger_query *query, struct rows *rows)
{
	struct store_binding binding = bind_query(store, STORE_NEWEST, query, NULL);
	int r = add(store, &binding, rows);

	if (r == 0 && query->since && rows->n < rows->limit) {
		binding = bind_query(store, STORE_OLDER, query, NULL);
		r = add(store, &binding, rows);
	}
	if (r)
		return r;
	/* SQLite has a quick way to count all of a table */
	binding = query->since ? bind_query(store, STORE_COUNT_SINCE, query, NULL) :
				 store_bind(store, STORE_COUNT_ALL);
	return count(store, &binding, rows);
}

static int ask_span(struct store *store, const struct ledger_query *query, const struct store_span *span,
		    struct rows *rows)
{
	enum store_statement which = STORE_SPAN, counting = STORE_COUNT_SPAN;
	struct store_binding binding;
	int r;

	if (is_of_peaks(query)) {
		which = span ? STORE_PEAKS_SPAN : STORE_PEAKS;
		counting = span ? STORE_COUNT_PEAKS_SPAN : STORE_COUNT_PEAKS;
	}
	binding = bind_query(store, which, query, span);
	r = add(store, &binding, rows);
	if (r)
		return r;
	binding = bind_query(store, counting, query, span);
	return count(store, &binding, rows);
}

static int ask(struct store *store, const struct ledger_query *query, struct rows *rows)
{
	struct store_span spans[STORE_SPANS_MAX];
	unsigned n;
	int r = 0;

	if (!query->has_source)
		return is_of_peaks(query) ? ask_span(store, query, NULL, rows) :
				      ask_newest(store, query, rows);
	n = store_spans(&query->source, spans);
	for (unsigned i = 0; i < n && r == 0; i++)
		r = ask_span(store, query, &spans[i], rows);
	return r;
}

static int ask_rows(struct store *store, const struct ledger_query *query, usec_t now,
		    struct ledger_answer *ret_answer)
{
	bool peaks = is_of_peaks(query);
	struct rows rows = { .item_bytes = peaks ? sizeof(struct ledger_peak) :
						   sizeof(struct ledger_record),
			     .reader = peaks ? read_peak : read_record,
			     .before = peaks ? higher : newer,
			     .limit = query->limit,
			     .now = now };
	int r = ask(store, query, &rows);

	if (r) {
		free(rows.items);
		return r;
	}
	*ret_answer = (struct ledger_answer){ .n = (uint32_t)rows.n, .total = rows.total };
	if (peaks)
		ret_answer->peaks = (void *)rows.items;
	else
		ret_answer->records = (void *)rows.items;
	return 0;
}

int store_ask(struct store *store, const struct ledger_query *query, usec_t now,
	      bool (*wanted)(void *userdata), void *userdata, struct ledger_answer *ret_answer)
{
	int r;

	store_watch(store, wanted, userdata);
	if (query->subject == LEDGER_AUTH_FAILURES || query->subject == LEDGER_ACCOUNTS)
		r = store_ask_sums(store, query, ret_answer);
	else
		r = ask_rows(store, query, now, ret_answer);
	store_watch(store, NULL, NULL);
	return r;
}

void ledger_answer_done(struct ledger_answer *answer)
{
	for (uint32_t i = 0; answer->sums && i < answer->n; i++)
		free(answer->sums[i].shown);
	free(answer->records);
	free(answer->peaks);
	free(answer->sums);
}
