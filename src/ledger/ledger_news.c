// SPDX-License-Identifier: GPL-2.0-or-later
/* What the thread has to tell, and what it does not tell: that the disk keeps it waiting. */
#include "ledger_priv.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "ledger_store_priv.h"

#define DELIVERIES_PER_WAKEUP 1024

static void lock(struct ledger *ledger)
{
	pthread_mutex_lock(&ledger->lock);
}

static void unlock(struct ledger *ledger)
{
	pthread_mutex_unlock(&ledger->lock);
}

enum ledger_state ledger_state_locked(const struct ledger *ledger)
{
	if (ledger->failing)
		return LEDGER_FAILING;
	if (ledger->stalled)
		return LEDGER_STALLED;
	return ledger->load_over ? LEDGER_HEALTHY : LEDGER_LOADING;
}

/* Somebody waits for the disk, and nothing is known against it. */
static bool outstanding_locked(const struct ledger *ledger)
{
	return (ledger->queued > 0 || ledger->facts_queued > 0 || ledger->n_questions > 0 ||
		!ledger->load_over) &&
	       !ledger->failing && !ledger->stalled;
}

/* A question is not left alone with a disk that stalls. */
static bool watched_locked(const struct ledger *ledger)
{
	return outstanding_locked(ledger) || ledger->n_questions > 0;
}

/* Runs only while something waits for the disk. Without it a stall goes unnoticed, no more. */
static void set_timer(struct ledger *ledger, usec_t at)
{
	if (sd_event_source_set_time(ledger->timer, at) < 0 ||
	    sd_event_source_set_enabled(ledger->timer, SD_EVENT_ONESHOT) < 0)
		return;
	ledger->timer_on = true;
}

void ledger_watch_disk(struct ledger *ledger)
{
	bool watch;

	if (ledger->timer_on)
		return;
	lock(ledger);
	watch = watched_locked(ledger);
	unlock(ledger);
	if (watch)
		set_timer(ledger, clock_now() + LEDGER_STALL_AFTER);
}

static void tell_state(struct ledger *ledger)
{
	enum ledger_state state;
	bool moved;

	lock(ledger);
	state = ledger_state_locked(ledger);
	moved = ledger->moved;
	ledger->moved = false;
	unlock(ledger);
	ledger_watch_disk(ledger);
	if (state == ledger->told && !moved)
		return;
	ledger->told = state;
	ledger->handlers.state_changed(ledger->handlers.userdata);
}

/* One item of the load; the arrays are walked as one. */
static void deliver_item(const struct ledger *ledger, const struct ledger_load *load, size_t at)
{
	const struct ledger_handlers *handlers = &ledger->handlers;

	if (at < load->n_entries) {
		handlers->entry(handlers->userdata, &load->entries[at]);
		return;
	}
	at -= load->n_entries;
	if (at < load->n_ended) {
		handlers->ended(handlers->userdata, &load->ended[at]);
		return;
	}
	at -= load->n_ended;
	if (at < load->n_past)
		handlers->past(handlers->userdata, &load->past[at]);
	else if (handlers->places)
		handlers->places(handlers->userdata, &load->places[at - load->n_past]);
}

/* False: there is more, for another wakeup. */
static bool deliver(struct ledger *ledger)
{
	struct ledger_load *load = ledger->delivering;
	size_t total = load->n_entries + load->n_ended + load->n_past + load->n_places;
	size_t end = MIN_OF(load->delivered + DELIVERIES_PER_WAKEUP, total);

	while (load->delivered < end)
		deliver_item(ledger, load, load->delivered++);
	if (end < total)
		return false;
	ledger->delivering = ledger_load_free(load);
	ledger->places_told = true;
	return true;
}

static void tell_alerts(struct ledger *ledger)
{
	struct ledger_account_alert alerts[LEDGER_ALERTS_MAX];
	unsigned n;

	lock(ledger);
	n = ledger->n_alerts;
	memcpy(alerts, ledger->alerts, n * sizeof(*alerts));
	ledger->n_alerts = 0;
	unlock(ledger);
	for (unsigned i = 0; i < n && ledger->handlers.account_alert; i++)
		ledger->handlers.account_alert(ledger->handlers.userdata, &alerts[i]);
}

static void notice(struct ledger *ledger)
{
	/* it fails only when the counter is full: then the other side wakes up anyway */
	(void)eventfd_write(ledger->notice_fd, 1);
}

/* Entries first, then that they are complete, then what follows from them. */
static void listen_to_thread(struct ledger *ledger)
{
	bool over, wanted;

	lock(ledger);
	if (!ledger->delivering) {
		ledger->delivering = ledger->load;
		ledger->load = NULL;
	}
	over = ledger->load_over;
	unlock(ledger);
	if (ledger->delivering && !deliver(ledger)) {
		notice(ledger);
		return;
	}
	if (over && !ledger->loaded_told) {
		ledger->loaded_told = true;
		ledger->handlers.loaded(ledger->handlers.userdata);
	}
	lock(ledger);
	wanted = ledger->snapshot_wanted && !ledger->load;
	if (wanted)
		ledger->snapshot_wanted = false;
	unlock(ledger);
	if (wanted)
		ledger->handlers.snapshot_wanted(ledger->handlers.userdata);
	tell_alerts(ledger);
	ledger_tell_answers(ledger);
	tell_state(ledger);
}

int ledger_on_notice(sd_event_source *source UNUSED, int fd, uint32_t revents UNUSED, void *userdata)
{
	eventfd_t count;

	(void)eventfd_read(fd, &count); /* nothing there: somebody was quicker */
	listen_to_thread(userdata);
	return 0;
}

int ledger_on_timer(sd_event_source *source UNUSED, uint64_t usec UNUSED, void *userdata)
{
	struct ledger *ledger = userdata;
	usec_t since, now = clock_now();
	bool watch;

	ledger->timer_on = false;
	lock(ledger);
	since = ledger->busy_since;
	watch = watched_locked(ledger);
	if (outstanding_locked(ledger) && since && now >= since + LEDGER_STALL_AFTER)
		ledger->stalled = true;
	unlock(ledger);
	if (watch)
		set_timer(ledger, MAX_OF(since, now - LEDGER_STALL_AFTER / 2) + LEDGER_STALL_AFTER);
	ledger_tell_answers(ledger);
	tell_state(ledger);
	return 0;
}

bool ledger_wait_loaded(struct ledger *ledger, usec_t patience)
{
	usec_t now = clock_now(), end = now + patience;
	struct pollfd pollfd = { .fd = ledger->notice_fd, .events = POLLIN };
	eventfd_t count;

	for (; !ledger->loaded_told && now < end; now = clock_now()) {
		int n = poll(&pollfd, 1, (int)MIN_OF((end - now) / USEC_PER_MSEC + 1, (usec_t)60000));

		if (n < 0 && errno != EINTR)
			break;
		if (n <= 0)
			continue;
		(void)eventfd_read(ledger->notice_fd, &count); /* readable, as poll(2) said */
		listen_to_thread(ledger);
	}
	return ledger->loaded_told;
}
