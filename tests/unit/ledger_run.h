/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One ledger on a bad disk, in an event loop, with ears: what the tests of its thread share. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "bad_disk.h"
#include "smtpguard/ledger/ledger.h"

#define PATIENCE SECONDS(20)

/* What the handlers heard. */
struct heard {
	unsigned entries, ended, past, loaded, snapshots, changes;
	unsigned entries_at_loaded;
	unsigned places, places_at_loaded, alerts;
	struct ledger_entry last;
	struct ledger_past last_past;
	struct log_places last_places;
	struct ledger_account_alert last_alert;
};

static char directory[64], path[96];
static sd_event *event;
static struct ledger *ledger;
static struct heard heard;
static unsigned wanted; /* how many sources a snapshot holds */

static usec_t wall(void)
{
	return clock_to_wall(clock_now());
}

static struct ledger_entry ban_n(uint32_t n)
{
	struct address address = addr_n(n);

	return (struct ledger_entry){ .kind = LEDGER_BAN,
				      .source = prefix_host(&address),
				      .since = wall(),
				      .until = wall() + HOURS(1),
				      .reason = { .limit = LIMIT_CONCURRENT, .service = "smtp" } };
}

static void begin_n(uint32_t n)
{
	struct ledger_entry entry = ban_n(n);

	ledger_begin(ledger, &entry);
}

static void on_entry(void *userdata, const struct ledger_entry *entry)
{
	struct heard *h = userdata;

	h->entries++;
	h->last = *entry;
}

static void on_ended(void *userdata, const struct prefix *source UNUSED)
{
	((struct heard *)userdata)->ended++;
}

static void on_past(void *userdata, const struct ledger_past *past)
{
	struct heard *h = userdata;

	h->past++;
	h->last_past = *past;
}

static void on_places(void *userdata, const struct log_places *places)
{
	struct heard *h = userdata;

	h->places++;
	h->last_places = *places;
}

static void on_alert(void *userdata, const struct ledger_account_alert *alert)
{
	struct heard *h = userdata;

	h->alerts++;
	h->last_alert = *alert;
}

static void on_loaded(void *userdata)
{
	struct heard *h = userdata;

	h->loaded++;
	h->entries_at_loaded = h->entries;
	h->places_at_loaded = h->places;
}

static void on_snapshot_wanted(void *userdata)
{
	((struct heard *)userdata)->snapshots++;
	ledger_snapshot_begin(ledger);
	for (uint32_t n = 0; n < wanted; n++)
		begin_n(n);
	ledger_snapshot_end(ledger);
}

static void on_state_changed(void *userdata)
{
	((struct heard *)userdata)->changes++;
}

static const struct ledger_handlers handlers = {
	.entry = on_entry,
	.ended = on_ended,
	.past = on_past,
	.places = on_places,
	.account_alert = on_alert,
	.loaded = on_loaded,
	.snapshot_wanted = on_snapshot_wanted,
	.state_changed = on_state_changed,
	.userdata = &heard,
};

static int set_up(void **state UNUSED)
{
	snprintf(directory, sizeof(directory), "/tmp/test-ledger-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/ledger.db", directory);
	wanted = 0;
	disk_heal();
	return sd_event_new(&event);
}

static int tear_down(void **state UNUSED)
{
	DIR *names = opendir(directory);
	struct dirent *entry;

	disk_heal();
	event = sd_event_unref(event);
	/* names of moved files hold the time */
	while (names && (entry = readdir(names)))
		(void)unlinkat(dirfd(names), entry->d_name, 0); /* not "." and ".." */
	if (names)
		closedir(names);
	return rmdir(directory);
}

static void open_ledger(void)
{
	struct ledger_settings settings = { .path = path,
					    .keep = HOURS(24 * 90),
					    .forget_after = HOURS(24 * 7),
					    .account_networks = 2 };

	heard = (struct heard){ 0 };
	assert_int_equal(ledger_open(&ledger, event, &settings, &handlers), 0);
}

static void open_loaded(void)
{
	open_ledger();
	assert_true(ledger_wait_loaded(ledger, PATIENCE));
	assert_int_equal(heard.loaded, 1);
}

static void close_ledger(void)
{
	ledger = ledger_close(ledger, PATIENCE);
	assert_null(ledger);
}

static struct ledger_stats stats(void)
{
	struct ledger_stats s;

	ledger_stats(ledger, &s);
	return s;
}

/* Runs the loop until the condition holds; fails after PATIENCE. */
#define EVENTUALLY(condition)                                                                     \
	do {                                                                                       \
		usec_t end_ = clock_now() + PATIENCE;                                              \
                                                                                                   \
		while (!(condition)) {                                                             \
			assert_true(clock_now() < end_);                                           \
			assert_true(sd_event_run(event, 10000) >= 0);                              \
		}                                                                                  \
	} while (0)

static void run_for(usec_t duration)
{
	usec_t end = clock_now() + duration;

	while (clock_now() < end)
		assert_true(sd_event_run(event, 10000) >= 0);
}
