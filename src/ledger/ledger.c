// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "ledger_store_priv.h"

#define PRIORITY (SD_EVENT_PRIORITY_NORMAL + 20) /* after everything that concerns packets */

const char *ledger_state_name(enum ledger_state state)
{
	static const char *const names[LEDGER_STATES] = {
		[LEDGER_LOADING] = "loading",
		[LEDGER_HEALTHY] = "healthy",
		[LEDGER_STALLED] = "stalled",
		[LEDGER_FAILING] = "failing",
	};

	return (unsigned)state < LEDGER_STATES ? names[state] : "failing";
}

static void lock(struct ledger *ledger)
{
	pthread_mutex_lock(&ledger->lock);
}

static void unlock(struct ledger *ledger)
{
	pthread_mutex_unlock(&ledger->lock);
}

/* --- what the thread is told --- */

/* Peaks never take the room of entries. A snapshot has the bounds of the wanted state, and comes after
 * losses only. */
static bool has_room_locked(const struct ledger *ledger, const struct ledger_op *op)
{
	if (op->type == LEDGER_OP_PEAK)
		return ledger->queued < LEDGER_QUEUE_MAX / 2;
	return ledger->queued < LEDGER_QUEUE_MAX || ledger->in_snapshot;
}

static void enqueue(struct ledger *ledger, const struct ledger_op *op)
{
	struct ledger_op *copy = malloc(sizeof(*copy));
	bool wanted = op->type != LEDGER_OP_PEAK; /* a snapshot would make up for it */

	lock(ledger);
	if (!copy || !has_room_locked(ledger, op)) {
		ledger->stats.dropped++;
		ledger->lost |= wanted;
		unlock(ledger);
		ledger->snapshot_broken |= wanted && ledger->in_snapshot;
		free(copy);
		return;
	}
	*copy = *op;
	copy->next = NULL;
	*ledger->tail = copy;
	ledger->tail = &copy->next;
	ledger->queued++;
	pthread_cond_signal(&ledger->wake);
	unlock(ledger);
	ledger_watch_disk(ledger);
}

void ledger_begin(struct ledger *ledger, const struct ledger_entry *entry)
{
	struct ledger_op op = { .type = LEDGER_OP_BEGIN, .entry = *entry };

	enqueue(ledger, &op);
}

void ledger_end(struct ledger *ledger, enum ledger_kind kind, const struct prefix *source,
		enum ledger_end end, usec_t when)
{
	struct ledger_op op = { .type = LEDGER_OP_END,
				.end = end,
				.when = when,
				.entry = { .kind = kind, .source = *source } };

	enqueue(ledger, &op);
}

void ledger_snapshot_begin(struct ledger *ledger)
{
	struct ledger_op op = { .type = LEDGER_OP_SNAPSHOT_BEGIN, .when = clock_to_wall(clock_now()) };

	ledger->in_snapshot = true;
	ledger->snapshot_broken = false;
	enqueue(ledger, &op);
}

void ledger_snapshot_end(struct ledger *ledger)
{
	struct ledger_op op = { .type = LEDGER_OP_SNAPSHOT_END, .when = clock_to_wall(clock_now()) };

	/* without all of it, the rest would be taken for replaced; it will be asked for again */
	if (!ledger->snapshot_broken)
		enqueue(ledger, &op);
	ledger->in_snapshot = false;
}

void ledger_note_peak(struct ledger *ledger, const struct ledger_peak *peak)
{
	struct ledger_op op = { .type = LEDGER_OP_PEAK, .peak = *peak };

	op.peak.day -= op.peak.day % STORE_DAY;
	enqueue(ledger, &op);
}

void ledger_set_keep(struct ledger *ledger, usec_t keep, usec_t forget_after)
{
	lock(ledger);
	ledger->keep = keep;
	ledger->forget_after = forget_after;
	unlock(ledger);
}

void ledger_stats(const struct ledger *ledger, struct ledger_stats *ret_stats)
{
	struct ledger *own = (struct ledger *)(uintptr_t)ledger; /* for the lock only */

	lock(own);
	*ret_stats = ledger->stats;
	ret_stats->state = ledger_state_locked(ledger);
	ret_stats->queued = ledger->queued;
	ret_stats->facts_queued = ledger->facts_queued;
	unlock(own);
}

/* --- beginning and end --- */

void ledger_release(struct ledger *ledger)
{
	struct ledger_op *op = ledger->head;
	struct ledger_facts *facts = ledger->facts_head;

	while (op) {
		struct ledger_op *next = op->next;

		free(op);
		op = next;
	}
	while (facts) {
		struct ledger_facts *next = facts->next;

		free(facts);
		facts = next;
	}
	ledger_load_free(ledger->load);
	ledger_load_free(ledger->delivering);
	if (ledger->notice_fd >= 0)
		close(ledger->notice_fd);
	pthread_cond_destroy(&ledger->over);
	pthread_cond_destroy(&ledger->wake);
	pthread_mutex_destroy(&ledger->lock);
	free(ledger->path);
	free(ledger);
}

/* Both conditions are waited for with the clock that nobody sets. */
static int init_locks(struct ledger *ledger)
{
	pthread_condattr_t attributes;
	int r = pthread_condattr_init(&attributes);

	if (r)
		return -r;
	r = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	if (r == 0)
		r = pthread_cond_init(&ledger->wake, &attributes);
	if (r == 0) {
		r = pthread_cond_init(&ledger->over, &attributes);
		if (r == 0)
			r = pthread_mutex_init(&ledger->lock, NULL);
	}
	pthread_condattr_destroy(&attributes);
	return -r;
}

static int watch_thread(struct ledger *ledger, sd_event *event)
{
	int r = sd_event_add_io(event, &ledger->io, ledger->notice_fd, EPOLLIN, ledger_on_notice, ledger);

	if (r >= 0)
		r = sd_event_source_set_priority(ledger->io, PRIORITY);
	if (r >= 0)
		r = sd_event_add_time(event, &ledger->timer, CLOCK_BOOTTIME, 0, 0, ledger_on_timer, ledger);
	if (r >= 0)
		r = sd_event_source_set_enabled(ledger->timer, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_source_set_priority(ledger->timer, PRIORITY);
	return r < 0 ? r : 0;
}

static void unwatch_thread(struct ledger *ledger)
{
	ledger->io = sd_event_source_unref(ledger->io);
	ledger->timer = sd_event_source_unref(ledger->timer);
}

/* Signals are the main thread's. */
static int start_thread(struct ledger *ledger)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	r = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (r)
		return -r;
	r = pthread_create(&ledger->thread, NULL, ledger_thread, ledger);
	/* restoring what was just read cannot fail */
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

int ledger_open(struct ledger **ret_ledger, sd_event *event, const struct ledger_settings *settings,
		const struct ledger_handlers *handlers)
{
	struct ledger *ledger;
	int r;

	if (strlen(settings->path) >= LEDGER_PATH_MAX)
		return -ENAMETOOLONG;
	ledger = calloc(1, sizeof(*ledger));
	if (!ledger)
		return -ENOMEM;
	ledger->handlers = *handlers;
	ledger->keep = settings->keep;
	ledger->forget_after = settings->forget_after;
	ledger->account_networks = settings->account_networks;
	ledger->tail = &ledger->head;
	ledger->facts_tail = &ledger->facts_head;
	ledger->told = LEDGER_LOADING;
	r = init_locks(ledger);
	if (r < 0) {
		free(ledger);
		return r;
	}
	for (int log = 0; log < MAIL_LOGS; log++)
		snprintf(ledger->log_paths[log], sizeof(ledger->log_paths[log]), "%s",
			 settings->log_paths[log] ? settings->log_paths[log] : "");
	ledger->path = strdup(settings->path);
	ledger->notice_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!ledger->path)
		r = -ENOMEM;
	else if (ledger->notice_fd < 0)
		r = -errno;
	if (r == 0)
		r = watch_thread(ledger, event);
	if (r == 0)
		r = start_thread(ledger);
	if (r < 0) {
		unwatch_thread(ledger);
		ledger_release(ledger);
		return r;
	}
	ledger_watch_disk(ledger);
	*ret_ledger = ledger;
	return 0;
}

static struct timespec monotonic_after(usec_t duration)
{
	struct timespec t = { 0 };
	usec_t end;

	/* cannot fail for this clock with a valid pointer (clock_gettime(2)) */
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	end = (usec_t)t.tv_sec * USEC_PER_SEC + (usec_t)t.tv_nsec / 1000 + duration;
	return (struct timespec){ .tv_sec = (time_t)(end / USEC_PER_SEC),
				  .tv_nsec = (long)(end % USEC_PER_SEC) * 1000 };
}

struct ledger *ledger_close(struct ledger *ledger, usec_t patience)
{
	struct timespec end = monotonic_after(patience);
	pthread_t thread;
	bool ended;
	int r = 0;

	if (!ledger)
		return NULL;
	unwatch_thread(ledger);
	thread = ledger->thread;
	lock(ledger);
	ledger->closing = true;
	pthread_cond_signal(&ledger->wake);
	unlock(ledger);
	ledger_refuse_questions(ledger);
	lock(ledger);
	while (!ledger->thread_ended && r == 0)
		r = pthread_cond_timedwait(&ledger->over, &ledger->lock, &end);
	ended = ledger->thread_ended;
	ledger->abandoned = !ended;
	unlock(ledger);
	/* a thread inside a write that does not return cannot be ended: it cleans up after itself */
	if (!ended) {
		pthread_detach(thread);
		return NULL;
	}
	pthread_join(thread, NULL);
	ledger_release(ledger);
	return NULL;
}
