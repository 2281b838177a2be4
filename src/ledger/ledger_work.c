// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger_worker_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#define BATCH_MAX 512 /* entries in one transaction */
#define CLEAN_EVERY (3600 * USEC_PER_SEC)
#define CLEAN_PAUSE (50 * USEC_PER_MSEC)
/* What a crash of the host may cost. */
#define CHECKPOINT_AFTER (5 * USEC_PER_SEC)

void worker_lock(struct worker *w)
{
	pthread_mutex_lock(&w->ledger->lock);
}

void worker_unlock(struct worker *w)
{
	pthread_mutex_unlock(&w->ledger->lock);
}

void worker_notice_locked(struct worker *w)
{
	/* it fails only when the counter is full: then the other side wakes up anyway */
	if (!w->ledger->closing)
		(void)eventfd_write(w->ledger->notice_fd, 1);
}

static usec_t wall_now(void)
{
	return clock_to_wall(clock_now());
}

void worker_free_batch(struct worker *w)
{
	while (w->batch) {
		struct ledger_op *next = w->batch->next;

		free(w->batch);
		w->batch = next;
	}
	w->n_batch = 0;
}

static int open_file(struct worker *w)
{
	bool created;
	int r = store_open(&w->store, &created);

	if (r)
		return r;
	w->open = true;
	if (!created)
		return 0;
	worker_lock(w);
	w->ledger->lost = true;
	worker_unlock(w);
	return 0;
}

/* Removed, or replaced by a copy: what is written here would be gone with the next start. */
static void check_place(struct worker *w)
{
	if (!w->open || store_in_place(&w->store))
		return;
	store_close(&w->store);
	w->open = false;
	worker_lock(w);
	w->ledger->lost = true;
	worker_unlock(w);
}

static void take_batch(struct worker *w)
{
	struct ledger *ledger = w->ledger;
	struct ledger_op **end = &w->batch;

	if (w->batch)
		return;
	worker_lock(w);
	while (ledger->head && w->n_batch < BATCH_MAX) {
		*end = ledger->head;
		ledger->head = ledger->head->next;
		end = &(*end)->next;
		w->n_batch++;
	}
	*end = NULL;
	if (!ledger->head)
		ledger->tail = &ledger->head;
	worker_unlock(w);
}

/* A peak; the last one of its day and service in this batch takes what there is too many with it. */
static int note_peak(struct worker *w, const struct ledger_op *op)
{
	const struct ledger_peak *peak = &op->peak;
	const struct ledger_op *next = op->next;
	int r = store_note_peak(&w->store, peak);

	if (r || (next && next->type == LEDGER_OP_PEAK && next->peak.day == peak->day &&
		  !strcmp(next->peak.service, peak->service)))
		return r;
	return store_trim_peaks(&w->store, peak->day, peak->service);
}

/* *snapshot goes from one entry to the next, and is kept only if all of them were written. */
static int apply(struct worker *w, const struct ledger_op *op, usec_t *snapshot)
{
	int r;

	switch (op->type) {
	case LEDGER_OP_BEGIN:
		return store_put(&w->store, &op->entry, *snapshot);
	case LEDGER_OP_END:
		return store_end(&w->store, op->entry.kind, &op->entry.source, op->end, op->when);
	case LEDGER_OP_SNAPSHOT_BEGIN:
		*snapshot = op->when;
		return 0;
	case LEDGER_OP_SNAPSHOT_END:
		r = store_end_unseen(&w->store, *snapshot, op->when);
		if (r == 0)
			*snapshot = 0;
		return r;
	case LEDGER_OP_PEAK:
		return note_peak(w, op);
	}
	return 0;
}

void worker_count_write_locked(struct worker *w, usec_t begun)
{
	struct ledger_stats *stats = &w->ledger->stats;
	usec_t now = clock_now();

	stats->last_write = now;
	stats->slowest_write = MAX_OF(stats->slowest_write, now - begun);
	if (w->checkpoint_at == USEC_NEVER)
		w->checkpoint_at = now + CHECKPOINT_AFTER;
}

static void count_written(struct worker *w, usec_t begun)
{
	struct ledger_stats *stats = &w->ledger->stats;

	worker_lock(w);
	for (const struct ledger_op *op = w->batch; op; op = op->next) {
		if (op->type == LEDGER_OP_SNAPSHOT_END)
			stats->snapshots++;
		else if (op->type != LEDGER_OP_SNAPSHOT_BEGIN)
			stats->written++;
	}
	w->ledger->queued -= w->n_batch;
	worker_count_write_locked(w, begun);
	worker_unlock(w);
}

static int write_batch(struct worker *w)
{
	usec_t snapshot = w->snapshot, begun = clock_now();
	int r;

	take_batch(w);
	if (!w->batch)
		return 0;
	r = store_begin(&w->store);
	for (const struct ledger_op *op = w->batch; op && r == 0; op = op->next)
		r = apply(w, op, &snapshot);
	if (r == 0)
		r = store_commit(&w->store);
	if (r)
		return r;
	w->snapshot = snapshot;
	count_written(w, begun);
	worker_free_batch(w);
	return 0;
}

/* After what is queued: an entry that was ended meanwhile must not come back. */
static int load(struct worker *w)
{
	struct ledger *ledger = w->ledger;
	struct ledger_load *found;
	usec_t forget_after;
	bool waiting;
	int r;

	worker_lock(w);
	waiting = ledger->head != NULL;
	forget_after = ledger->forget_after;
	worker_unlock(w);
	if (waiting)
		return 0;
	r = store_load(&w->store, wall_now(), forget_after, &found);
	if (r)
		return r;
	w->loaded = true;
	worker_lock(w);
	ledger->load = found;
	ledger->load_over = true;
	worker_notice_locked(w);
	worker_unlock(w);
	return 0;
}

static int expire(struct worker *w)
{
	int r = store_expire(&w->store, wall_now());

	w->expired = r == 0;
	return r;
}

usec_t worker_keeps(struct worker *w)
{
	usec_t wall = wall_now(), keep;

	worker_lock(w);
	keep = MAX_OF(w->ledger->keep, w->ledger->forget_after);
	worker_unlock(w);
	return wall > keep ? wall - keep : 0;
}

/* In small pieces, so that entries never wait for it. */
static int clean(struct worker *w)
{
	usec_t now = clock_now(), before = worker_keeps(w);
	bool more = false;
	unsigned deleted, peaks;
	int r;

	r = store_clean(&w->store, before, CLEAN_PIECE, &deleted);
	if (r == 0)
		r = store_clean_peaks(&w->store, before, CLEAN_PIECE, &peaks);
	if (r == 0)
		r = worker_clean_sums(w, before, &more);
	if (r)
		return r;
	more |= MAX_OF(deleted, peaks) == CLEAN_PIECE;
	w->clean_at = now + (more ? CLEAN_PAUSE : CLEAN_EVERY);
	return 0;
}

static int checkpoint(struct worker *w)
{
	int r = store_checkpoint(&w->store);

	if (r == 0)
		w->checkpoint_at = USEC_NEVER;
	return r;
}

bool worker_is_asked_locked(const struct worker *w)
{
	return w->loaded && w->ledger->questions && !w->ledger->answered;
}

void worker_note_progress_locked(struct worker *w)
{
	struct ledger *ledger = w->ledger;

	ledger->busy_since = clock_now();
	if (ledger->stalled) {
		ledger->stalled = false;
		worker_notice_locked(w);
	}
}

/* Called between two steps of SQLite. False: nobody wants the answer any more. */
static bool is_wanted(void *userdata)
{
	struct worker *w = userdata;
	bool wanted;

	worker_lock(w);
	worker_note_progress_locked(w);
	wanted = w->ledger->reading != NULL;
	worker_unlock(w);
	return wanted;
}

/* One question, and its copy for the time without the lock. */
static bool take_question(struct worker *w, struct ledger_query *query)
{
	struct ledger *ledger = w->ledger;
	bool asked;

	worker_lock(w);
	asked = worker_is_asked_locked(w);
	if (asked) {
		ledger->reading = ledger->questions;
		ledger->questions = ledger->reading->next;
		*query = ledger->reading->query;
	}
	worker_unlock(w);
	return asked;
}

static int answer(struct worker *w)
{
	struct ledger *ledger = w->ledger;
	struct ledger_answer found = { 0 };
	struct ledger_query query;
	int r;

	if (!take_question(w, &query))
		return 0;
	r = store_ask(&w->store, &query, wall_now(), is_wanted, w, &found);
	if (r)
		found.error = r < 0 ? r : -EIO;
	worker_lock(w);
	worker_note_progress_locked(w);
	if (ledger->reading) {
		ledger->answered = ledger->reading;
		ledger->reading = NULL;
		ledger->answered->answer = found;
		found = (struct ledger_answer){ 0 };
		worker_notice_locked(w);
	}
	worker_unlock(w);
	ledger_answer_done(&found);
	return r == -ECANCELED ? 0 : r;
}

int worker_take_steps(struct worker *w)
{
	int r = 0;

	check_place(w);
	if (!w->open)
		r = open_file(w);
	if (r == 0)
		r = write_batch(w);
	if (r == 0)
		r = worker_write_facts(w);
	if (r == 0 && !w->loaded)
		r = load(w);
	if (r == 0 && w->loaded && !w->expired)
		r = expire(w);
	if (r == 0 && w->loaded && clock_now() >= w->clean_at)
		r = clean(w);
	if (r == 0 && clock_now() >= w->checkpoint_at)
		r = checkpoint(w);
	if (r == 0)
		r = answer(w);
	return r;
}
