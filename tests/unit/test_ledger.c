// SPDX-License-Identifier: GPL-2.0-or-later
#include "support.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger_run.h"

/* The only thing in the file that counts: what a new start would find. */
static void finds(unsigned entries, unsigned ended, unsigned past)
{
	open_loaded();
	assert_int_equal(heard.entries, entries);
	assert_int_equal(heard.ended, ended);
	assert_int_equal(heard.past, past);
	assert_int_equal(heard.entries_at_loaded, entries);
	close_ledger();
}

static void test_first_start(void **state UNUSED)
{
	open_loaded();
	EVENTUALLY(stats().state == LEDGER_HEALTHY && heard.snapshots == 1);
	assert_string_equal(ledger_state_name(stats().state), "healthy");
	assert_int_equal(heard.entries + heard.past + heard.ended, 0);
	EVENTUALLY(stats().queued == 0 && heard.changes == 1);
	assert_int_equal(stats().snapshots, 1);
	assert_int_equal(stats().written, 0);
	close_ledger();
	/* an old file wants none */
	open_loaded();
	run_for(SECONDS(0.1));
	assert_int_equal(heard.snapshots, 0);
	close_ledger();
	assert_null(ledger_close(NULL, 0));
}

static void test_entries_come_back(void **state UNUSED)
{
	struct ledger_entry entry = ban_n(1);
	struct ledger_end_case {
		uint32_t n;
		enum ledger_end end;
	} ends[] = { { 2, LEDGER_LIFTED }, { 3, LEDGER_EXPIRED }, { 4, LEDGER_REPLACED } };

	open_loaded();
	run_for(SECONDS(0.1)); /* the empty snapshot */
	ledger_begin(ledger, &entry);
	for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
		struct address address = addr_n(ends[i].n);
		struct prefix source = prefix_host(&address);

		begin_n(ends[i].n);
		ledger_end(ledger, LEDGER_BAN, &source, ends[i].end, wall());
	}
	EVENTUALLY(stats().written == 7);
	assert_true(stats().last_write > 0 && stats().slowest_write > 0);
	close_ledger();
	open_loaded();
	assert_int_equal(heard.entries, 1);
	assert_true(heard.last.since == entry.since && heard.last.until == entry.until);
	assert_int_equal(heard.ended, 2);
	/* the lifted and the replaced one are not held against their sources */
	assert_int_equal(heard.past, 2);
	assert_int_equal(heard.last_past.bans, 1);
	close_ledger();
}

static void test_close_writes_what_is_queued(void **state UNUSED)
{
	open_loaded();
	run_for(SECONDS(0.1));
	for (uint32_t n = 0; n < 5000; n++)
		begin_n(n);
	close_ledger();
	finds(5000, 0, 5000);
}

static void test_time_runs_on_while_closed(void **state UNUSED)
{
	struct ledger_entry entry = ban_n(1);

	entry.until = wall() + SECONDS(0.3);
	open_loaded();
	run_for(SECONDS(0.1));
	ledger_begin(ledger, &entry);
	close_ledger();
	usleep(300000);
	finds(0, 0, 1);
}

static void test_corrupt_file(void **state UNUSED)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char bytes[6000];
	struct stat st;

	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	close(fd);
	wanted = 3;
	open_loaded();
	EVENTUALLY(heard.snapshots == 1 && stats().snapshots == 1);
	assert_int_equal(strncmp(stats().moved_aside, path, strlen(path)), 0);
	assert_int_equal(stat(stats().moved_aside, &st), 0);
	assert_int_equal(st.st_size, sizeof(bytes));
	assert_int_equal(stats().state, LEDGER_HEALTHY);
	assert_int_equal(heard.changes, 1);
	close_ledger();
	finds(3, 0, 3);
}

static void test_corrupt_while_running(void **state UNUSED)
{
	wanted = 5;
	open_loaded();
	EVENTUALLY(stats().snapshots == 1);
	atomic_store(&disk_fails_once, true);
	atomic_store(&disk_write_error, SQLITE_CORRUPT);
	begin_n(9);
	EVENTUALLY(heard.snapshots == 2 && stats().snapshots == 2);
	assert_true(stats().moved_aside[0]);
	assert_int_equal(stats().state, LEDGER_HEALTHY);
	assert_int_equal(heard.changes, 2);
	/* the new one too, at once: no heap of damaged files */
	atomic_store(&disk_write_error, SQLITE_CORRUPT);
	begin_n(1);
	EVENTUALLY(stats().state == LEDGER_FAILING);
	assert_string_equal(stats().error, "a new file is corrupt again");
	close_ledger();
	finds(5, 1, 5);
}

static void test_full_disk(void **state UNUSED)
{
	open_loaded();
	run_for(SECONDS(0.1));
	atomic_store(&disk_write_error, SQLITE_FULL);
	for (uint32_t n = 0; n < 100; n++)
		begin_n(n);
	EVENTUALLY(stats().state == LEDGER_FAILING && heard.changes == 2);
	assert_string_equal(stats().error, "disk full");
	assert_int_equal(stats().queued, 100);
	assert_true(stats().failures > 0);
	disk_heal();
	EVENTUALLY(stats().state == LEDGER_HEALTHY && heard.changes == 3 && stats().queued == 0);
	assert_string_equal(stats().error, "");
	assert_int_equal(heard.snapshots, 1); /* the first: nothing was lost */
	close_ledger();
	finds(100, 0, 100);
}

static void test_broken_disk(void **state UNUSED)
{
	open_loaded();
	run_for(SECONDS(0.1));
	atomic_store(&disk_write_error, SQLITE_IOERR_WRITE);
	begin_n(1);
	EVENTUALLY(stats().state == LEDGER_FAILING);
	assert_non_null(strstr(stats().error, "I/O error"));
	/* a last attempt, and no waiting for a better disk */
	usec_t begun = clock_now();

	close_ledger();
	assert_true(clock_now() - begun < SECONDS(1));
}

static void test_queue_is_bounded(void **state UNUSED)
{
	usec_t begun;

	open_loaded();
	run_for(SECONDS(0.1));
	wanted = LEDGER_QUEUE_MAX + 1000;
	atomic_store(&disk_write_error, SQLITE_FULL);
	begun = clock_now();
	for (uint32_t n = 0; n < LEDGER_QUEUE_MAX + 500; n++)
		begin_n(n);
	assert_true(clock_now() - begun < SECONDS(10));
	assert_int_equal(stats().dropped, 500);
	assert_int_equal(stats().queued, LEDGER_QUEUE_MAX);
	EVENTUALLY(stats().state == LEDGER_FAILING);
	disk_heal();
	/* larger than the queue, and still whole */
	EVENTUALLY(heard.snapshots == 2 && stats().snapshots == 2);
	assert_int_equal(stats().dropped, 500);
	close_ledger();
	open_loaded();
	assert_int_equal(heard.entries, LEDGER_QUEUE_MAX + 1000);
	close_ledger();
}

static void test_stall(void **state UNUSED)
{
	usec_t begun, slowest = 0;

	open_loaded();
	run_for(SECONDS(0.1));
	assert_int_equal(heard.changes, 1);
	atomic_store(&disk_delay_ms, 1500);
	for (uint32_t n = 0; n < 1000; n++) {
		begun = clock_now();
		begin_n(n);
		slowest = MAX_OF(slowest, clock_now() - begun);
		assert_true(sd_event_run(event, 0) >= 0);
	}
	assert_true(slowest < SECONDS(0.5));
	EVENTUALLY(stats().state == LEDGER_STALLED && heard.changes == 2);
	assert_true(stats().queued > 0);
	disk_heal();
	EVENTUALLY(stats().state == LEDGER_HEALTHY && heard.changes >= 3 && stats().queued == 0);
	assert_true(stats().slowest_write >= SECONDS(1.5));
	assert_int_equal(stats().failures, 0);
	close_ledger();
	finds(1000, 0, 1000);
}

static void test_stall_while_loading(void **state UNUSED)
{
	atomic_store(&disk_delay_ms, 700);
	open_ledger();
	assert_false(ledger_wait_loaded(ledger, SECONDS(0.2)));
	assert_int_equal(stats().state, LEDGER_LOADING);
	begin_n(1);
	EVENTUALLY(stats().state == LEDGER_STALLED);
	disk_heal();
	EVENTUALLY(heard.loaded == 1 && stats().state == LEDGER_HEALTHY);
	/* it was begun before the file was loaded */
	assert_in_range(heard.entries, 0, 1);
	close_ledger();
}

static void test_closing_does_not_wait_for_a_stuck_disk(void **state UNUSED)
{
	usec_t begun;

	open_loaded();
	run_for(SECONDS(0.1));
	atomic_store(&disk_delay_ms, 800);
	begin_n(1);
	usleep(100000);
	begun = clock_now();
	assert_null(ledger_close(ledger, SECONDS(0.2)));
	assert_true(clock_now() - begun < SECONDS(0.7));
	/* the thread ends by itself, with what it was given */
	disk_heal();
	usleep(2000000);
	finds(1, 0, 1);
}

static void test_file_removed_while_running(void **state UNUSED)
{
	wanted = 7;
	open_loaded();
	EVENTUALLY(stats().snapshots == 1);
	assert_int_equal(unlink(path), 0);
	begin_n(3);
	EVENTUALLY(stats().snapshots == 2);
	close_ledger();
	finds(7, 0, 7);
}

static void test_file_found_later(void **state UNUSED)
{
	char away[128];

	wanted = 4;
	open_loaded();
	EVENTUALLY(stats().snapshots == 1);
	close_ledger();
	snprintf(away, sizeof(away), "%s-away", directory);
	assert_int_equal(rename(directory, away), 0);
	open_ledger();
	/* the daemon begins with nothing, and is told what there was when it is found */
	assert_true(ledger_wait_loaded(ledger, PATIENCE));
	assert_int_equal(heard.entries, 0);
	assert_int_equal(stats().state, LEDGER_FAILING);
	assert_string_equal(stats().error, "cannot open the file: No such file or directory");
	begin_n(100);
	assert_int_equal(rename(away, directory), 0);
	EVENTUALLY(stats().state == LEDGER_HEALTHY && stats().queued == 0);
	EVENTUALLY(heard.entries == 5);
	assert_int_equal(heard.loaded, 1);
	assert_int_equal(heard.snapshots, 0);
	close_ledger();
	finds(5, 0, 5);
}

/* A child that is killed in the middle of its work; it said how many entries were written before. */
static unsigned killed_child(unsigned round)
{
	unsigned written = 0;
	int pipes[2];
	pid_t child;

	assert_int_equal(pipe(pipes), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(pipes[0]);
		event = sd_event_unref(event);
		if (sd_event_new(&event) < 0)
			_exit(1);
		open_loaded();
		for (uint32_t n = 0;; n++) {
			unsigned now;

			begin_n(round * 100000 + n);
			usleep(20);
			now = (unsigned)stats().written;
			if (write(pipes[1], &now, sizeof(now)) != sizeof(now))
				_exit(1);
		}
	}
	close(pipes[1]);
	while (written < 50 + round * 37)
		assert_int_equal(read(pipes[0], &written, sizeof(written)), sizeof(written));
	assert_int_equal(kill(child, SIGKILL), 0);
	while (read(pipes[0], &written, sizeof(written)) == sizeof(written))
		continue;
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(pipes[0]);
	return written;
}

static void test_kill_loses_nothing_written(void **state UNUSED)
{
	unsigned total = 0;

	for (unsigned round = 0; round < 10; round++) {
		total += killed_child(round);
		open_loaded();
		assert_true(heard.entries >= total);
		assert_int_equal(heard.entries, heard.past);
		total = heard.entries;
		assert_int_equal(stats().moved_aside[0], '\0');
		close_ledger();
	}
}

/* A real one: a small tmpfs in a mount namespace of our own. */
static void test_full_tmpfs(void **state UNUSED)
{
	static char filler[4096];
	char name[96];
	int fd;

	snprintf(name, sizeof(name), "%s/filler", directory);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", directory, "tmpfs", 0, "size=512k") < 0)
		skip();
	open_loaded();
	run_for(SECONDS(0.1));
	fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, filler, sizeof(filler)) == sizeof(filler))
		continue;
	close(fd);
	for (uint32_t n = 0; n < 800; n++)
		begin_n(n);
	EVENTUALLY(stats().state == LEDGER_FAILING);
	assert_string_equal(stats().error, "disk full");
	/* a start on a full disk reads what is there */
	close_ledger();
	open_loaded();
	begin_n(1000);
	EVENTUALLY(stats().state == LEDGER_FAILING);
	assert_int_equal(unlink(name), 0);
	EVENTUALLY(stats().state == LEDGER_HEALTHY && stats().queued == 0);
	close_ledger();
	open_loaded();
	assert_int_equal(heard.last.source.address.bytes[14], 1000 >> 8);
	close_ledger();
	assert_int_equal(umount2(directory, MNT_DETACH), 0);
}

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LEDGER_TEST(test_first_start),
		LEDGER_TEST(test_entries_come_back),
		LEDGER_TEST(test_close_writes_what_is_queued),
		LEDGER_TEST(test_time_runs_on_while_closed),
		LEDGER_TEST(test_corrupt_file),
		LEDGER_TEST(test_corrupt_while_running),
		LEDGER_TEST(test_full_disk),
		LEDGER_TEST(test_broken_disk),
		LEDGER_TEST(test_queue_is_bounded),
		LEDGER_TEST(test_stall),
		LEDGER_TEST(test_stall_while_loading),
		LEDGER_TEST(test_closing_does_not_wait_for_a_stuck_disk),
		LEDGER_TEST(test_file_removed_while_running),
		LEDGER_TEST(test_file_found_later),
		LEDGER_TEST(test_kill_loses_nothing_written),
		LEDGER_TEST(test_full_tmpfs),
	};

	disk_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
