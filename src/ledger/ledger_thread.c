// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger_worker_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BACK_OFF_MIN USEC_PER_SEC
#define BACK_OFF_MAX (30 * USEC_PER_SEC)
/* A new file that is corrupt so soon will not be the last: the disk is to blame. */
#define MOVE_AGAIN_AFTER (60 * USEC_PER_SEC)

static int move_aside(struct worker *w)
{
	struct ledger *ledger = w->ledger;
	usec_t now = clock_now();
	char name[sizeof(ledger->stats.moved_aside)];
	int r;

	if (w->moved_at && now < w->moved_at + MOVE_AGAIN_AFTER) {
		snprintf(w->store.error, sizeof(w->store.error), "a new file is corrupt again");
		return -EIO;
	}
	r = store_move_aside(&w->store, clock_to_wall(clock_now()), name, sizeof(name));
	if (r)
		return r;
	w->moved_at = now;
	worker_lock(w);
	memcpy(ledger->stats.moved_aside, name, sizeof(name));
	ledger->moved = true;
	ledger->lost = true;
	ledger->stats.failures++;
	worker_unlock(w);
	return 0;
}

static void fail(struct worker *w, int r)
{
	struct ledger *ledger = w->ledger;

	store_close(&w->store);
	w->open = false;
	w->retry_at = 0;
	if (r == STORE_CORRUPT && move_aside(w) == 0)
		return;
	if (r == -EIO)
		store_look_closer(&w->store);
	w->failed = true;
	w->retry_at = clock_now() + w->back_off;
	w->back_off = MIN_OF(w->back_off * 2, BACK_OFF_MAX);
	worker_lock(w);
	ledger->stats.failures++;
	snprintf(ledger->stats.error, sizeof(ledger->stats.error), "%s", w->store.error);
	if (!ledger->failing || !ledger->load_over)
		worker_notice_locked(w);
	ledger->failing = true;
	ledger->error = r < 0 ? r : -EIO;
	ledger->load_over = true;
	worker_unlock(w);
}

static void succeed(struct worker *w)
{
	struct ledger *ledger = w->ledger;

	w->failed = false;
	w->back_off = BACK_OFF_MIN;
	worker_lock(w);
	if (ledger->failing) {
		ledger->failing = false;
		ledger->stats.error[0] = '\0';
		worker_notice_locked(w);
	}
	/* a snapshot before the file was loaded would end what it holds */
	if (ledger->lost && w->loaded && ledger->queued <= LEDGER_QUEUE_MAX / 2) {
		ledger->lost = false;
		ledger->snapshot_wanted = true;
		worker_notice_locked(w);
	}
	worker_unlock(w);
}

static void work(struct worker *w)
{
	struct ledger *ledger = w->ledger;
	int r;

	worker_lock(w);
	ledger->busy_since = clock_now();
	worker_unlock(w);
	r = worker_take_steps(w);
	if (r)
		fail(w, r);
	else
		succeed(w);
	worker_lock(w);
	ledger->busy_since = 0;
	if (ledger->stalled) {
		ledger->stalled = false;
		worker_notice_locked(w);
	}
	worker_unlock(w);
}

/* --- waiting --- */

static bool has_orders_locked(const struct worker *w)
{
	return w->batch || w->ledger->head || w->facts || w->ledger->facts_head;
}

static usec_t next_work(const struct worker *w)
{
	if (!w->open)
		return w->retry_at;
	if (has_orders_locked(w) || !w->loaded || !w->expired || worker_is_asked_locked(w))
		return 0;
	return MIN_OF(w->clean_at, w->checkpoint_at);
}

/* The condition counts in CLOCK_MONOTONIC: the program's clock cannot be waited with. */
static void wait_until(struct worker *w, usec_t moment)
{
	usec_t now = clock_now(), rest = moment > now ? moment - now : 0, end;
	struct timespec t = { 0 };

	if (moment == USEC_NEVER) {
		pthread_cond_wait(&w->ledger->wake, &w->ledger->lock);
		return;
	}
	/* cannot fail for this clock with a valid pointer (clock_gettime(2)) */
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	end = (usec_t)t.tv_sec * USEC_PER_SEC + (usec_t)t.tv_nsec / 1000 + rest + 1;
	t = (struct timespec){ .tv_sec = (time_t)(end / USEC_PER_SEC),
			       .tv_nsec = (long)(end % USEC_PER_SEC) * 1000 };
	pthread_cond_timedwait(&w->ledger->wake, &w->ledger->lock, &t);
}

/* False: it is over. A closing ledger gets one more attempt at a disk that failed. */
static bool wait_for_work(struct worker *w)
{
	struct ledger *ledger = w->ledger;
	bool more = true;
	usec_t at;

	worker_lock(w);
	for (;;) {
		if (ledger->closing && !w->closing) {
			w->closing = true;
			w->failed = false;
			w->retry_at = 0;
		}
		if (w->closing && (w->failed || !has_orders_locked(w))) {
			more = false;
			break;
		}
		at = next_work(w);
		if (at <= clock_now())
			break;
		wait_until(w, at);
	}
	worker_unlock(w);
	return more;
}

static void name_logs(struct store *store, const struct ledger *ledger)
{
	for (int log = 0; log < MAIL_LOGS; log++)
		if (ledger->log_paths[log][0])
			snprintf(store->log_keys[log], sizeof(store->log_keys[log]), "%s %s",
				 mail_log_name((enum mail_log)log), ledger->log_paths[log]);
}

void *ledger_thread(void *argument)
{
	struct ledger *ledger = argument;
	struct worker w = { .ledger = ledger,
			    .back_off = BACK_OFF_MIN,
			    .checkpoint_at = USEC_NEVER };
	bool abandoned;

	/* without its name it works as well */
	(void)pthread_setname_np(pthread_self(), "ledger");
	if (store_init(&w.store, ledger->path) == 0) {
		name_logs(&w.store, ledger);
		while (wait_for_work(&w))
			work(&w);
	}
	store_close(&w.store);
	worker_free_batch(&w);
	free(w.facts);
	worker_lock(&w);
	ledger->thread_ended = true;
	abandoned = ledger->abandoned;
	pthread_cond_signal(&ledger->over);
	worker_unlock(&w);
	if (abandoned)
		ledger_release(ledger);
	return NULL;
}
