// SPDX-License-Identifier: GPL-2.0-or-later
/* Real files in a directory of its own, told of by inotify; the clock is the test's. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

#include "src/maillog/worker_priv.h"

#define LOG "exim_mainlog"
#define NOBODY 65534
#define EVERYTHING SIZE_MAX

struct fixture {
	char directory[64], path[PATH_MAX];
	struct follower *follower;
	struct log_places places;
	struct log_report report;
	usec_t now;
	char *lines; /* all that were handed out, each with a newline */
	size_t length, size;
	bool one_by_one; /* each line is enough for a turn */
	bool more;
};

static char *path_of(const struct fixture *fixture, const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", fixture->directory, name);
	return path;
}

/* --- what happens to the files --- */

static void append_bytes(const struct fixture *fixture, const char *name, const char *text, size_t length)
{
	int fd = open(path_of(fixture, name), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, length), length);
	assert_int_equal(close(fd), 0);
}

static void append(const struct fixture *fixture, const char *name, const char *text)
{
	append_bytes(fixture, name, text, strlen(text));
}

static void move(const struct fixture *fixture, const char *from, const char *to)
{
	assert_int_equal(rename(path_of(fixture, from), path_of(fixture, to)), 0);
}

static void copy(const struct fixture *fixture, const char *from, const char *to)
{
	char bytes[65536];
	ssize_t n;
	int fd = open(path_of(fixture, from), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	append(fixture, to, "");
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		append_bytes(fixture, to, bytes, (size_t)n);
	assert_int_equal(n, 0);
	close(fd);
}

static void cut(const struct fixture *fixture, const char *name, off_t size)
{
	assert_int_equal(truncate(path_of(fixture, name), size), 0);
}

static void delete(const struct fixture *fixture, const char *name)
{
	assert_int_equal(unlink(path_of(fixture, name)), 0);
}

/* When the file was last written to. */
static void set_written(const struct fixture *fixture, const char *name, time_t seconds)
{
	const struct timespec times[2] = { { .tv_sec = seconds }, { .tv_sec = seconds } };

	assert_int_equal(utimensat(AT_FDCWD, path_of(fixture, name), times, 0), 0);
}

/* The stamps of files are some ms coarse. */
static void nap(void)
{
	assert_int_equal(nanosleep(&(struct timespec){ .tv_nsec = 12000000 }, NULL), 0);
}

static void rotate_by_name(const struct fixture *fixture, const char *name, const char *next)
{
	nap();
	move(fixture, LOG, name);
	append(fixture, LOG, next);
}

static void rotate_by_copy(const struct fixture *fixture, const char *name, const char *next)
{
	nap();
	copy(fixture, LOG, name);
	cut(fixture, LOG, 0);
	append(fixture, LOG, next);
}

/* As gzip does: another file, with the old time. */
static void compress(const struct fixture *fixture, const char *name, const char *to)
{
	struct timespec times[2];
	uint8_t bytes[12] = { 0x1f, 0x8b };
	struct stat st;

	assert_int_equal(stat(path_of(fixture, name), &st), 0);
	for (unsigned i = 0; i < 4; i++)
		bytes[8 + i] = (uint8_t)(st.st_size >> (8 * i));
	append_bytes(fixture, to, (const char *)bytes, sizeof(bytes));
	times[0] = times[1] = st.st_mtim;
	assert_int_equal(utimensat(AT_FDCWD, path_of(fixture, to), times, 0), 0);
	delete (fixture, name);
}

/* --- what the follower makes of it --- */

static bool on_line(void *userdata, const char *line, size_t length)
{
	struct fixture *fixture = userdata;

	if (fixture->length + length + 2 > fixture->size) {
		fixture->size = (fixture->length + length + 2) * 2;
		fixture->lines = realloc(fixture->lines, fixture->size);
		assert_non_null(fixture->lines);
	}
	memcpy(fixture->lines + fixture->length, line, length);
	fixture->length += length;
	fixture->lines[fixture->length++] = '\n';
	fixture->lines[fixture->length] = '\0';
	return !fixture->one_by_one;
}

static void start(struct fixture *fixture)
{
	assert_int_equal(follower_new(&fixture->follower, fixture->path, &fixture->places, on_line,
				      fixture),
			 0);
}

static void stop(struct fixture *fixture)
{
	follower_places(fixture->follower, &fixture->places);
	fixture->follower = follower_free(fixture->follower);
}

static bool is_told(const struct fixture *fixture)
{
	struct pollfd fd = { .fd = follower_fd(fixture->follower), .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

/* false: nothing has happened that would make a turn necessary. */
static bool turn(struct fixture *fixture, size_t budget)
{
	if (!fixture->more && !is_told(fixture) && follower_next(fixture->follower) > fixture->now)
		return false;
	follower_on_inotify(fixture->follower);
	fixture->more = follower_turn(fixture->follower, fixture->now, budget);
	follower_report(fixture->follower, &fixture->report);
	return true;
}

/* All lines since the last time. */
static void expect(struct fixture *fixture, const char *lines)
{
	while (turn(fixture, EVERYTHING))
		;
	assert_string_equal(fixture->length ? fixture->lines : "", lines);
	fixture->length = 0;
}

static void expect_state(struct fixture *fixture, enum log_state state, int error)
{
	expect(fixture, "");
	assert_int_equal(fixture->report.state, state);
	assert_int_equal(fixture->report.error, error);
}

static void expect_counts(const struct fixture *fixture, unsigned rotations, unsigned truncations,
			  unsigned gaps)
{
	assert_int_equal(fixture->report.rotations, rotations);
	assert_int_equal(fixture->report.truncations, truncations);
	assert_int_equal(fixture->report.gaps, gaps);
	assert_int_equal(fixture->report.behind_bytes, 0);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	snprintf(fixture->directory, sizeof(fixture->directory), "/var/tmp/log_follower.XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	assert_int_equal(chmod(fixture->directory, 0755), 0);
	snprintf(fixture->path, sizeof(fixture->path), "%s/" LOG, fixture->directory);
	fixture->now = HOURS(1);
	start(fixture);
	*state = fixture;
	return 0;
}

static int remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED,
		      struct FTW *at UNUSED)
{
	return remove(path);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	assert_null(follower_free(fixture->follower));
	assert_null(follower_free(NULL));
	assert_int_equal(nftw(fixture->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(fixture->lines);
	free(fixture);
	return 0;
}

/* --- one file --- */

static void test_growing_file(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG, "one\ntwo\n");
	expect(fixture, "one\ntwo\n");
	assert_false(turn(fixture, EVERYTHING));
	append(fixture, LOG, "thr");
	expect(fixture, "");
	append(fixture, LOG, "ee");
	expect(fixture, "");
	assert_int_equal(fixture->report.state, LOG_STATE_FOLLOWING);
	append(fixture, LOG, "\n\nfour\nfi");
	expect(fixture, "three\n\nfour\n");
	append_bytes(fixture, LOG, "v\0e\r\n", 5);
	turn(fixture, EVERYTHING);
	assert_int_equal(fixture->length, 7);
	assert_memory_equal(fixture->lines, "fiv\0e\r\n", 7);
	assert_int_equal(fixture->report.lines, 6);
	assert_int_equal(fixture->report.bytes, 27);
	assert_int_equal(fixture->report.offset, 27);
	assert_int_equal(fixture->report.size, 27);
	expect_counts(fixture, 0, 0, 0);
	/* what others do in the directory is nothing */
	append(fixture, "other", "x\n");
	append(fixture, LOG "-notes", "x\n");
	turn(fixture, EVERYTHING);
	assert_false(turn(fixture, EVERYTHING));
}

static void append_long(const struct fixture *fixture, size_t length)
{
	char *text = malloc(length);

	assert_non_null(text);
	memset(text, 'x', length);
	append_bytes(fixture, LOG, text, length);
	free(text);
}

static void test_long_lines(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG, "a\n");
	append_long(fixture, LINE_BYTES_MAX);
	append(fixture, LOG, "\nb\n");
	while (turn(fixture, EVERYTHING))
		;
	assert_int_equal(fixture->length, 2 + LINE_BYTES_MAX + 1 + 2);
	fixture->length = 0;
	append_long(fixture, LINE_BYTES_MAX + 1);
	append(fixture, LOG, "\nc\n");
	expect(fixture, "c\n");
	assert_int_equal(fixture->report.long_lines, 1);
	/* longer than what is read at once, and seen in parts */
	append_long(fixture, 700000);
	expect(fixture, "");
	append_long(fixture, 700000);
	expect(fixture, "");
	assert_int_equal(fixture->report.long_lines, 2);
	assert_int_equal(fixture->report.behind_bytes, 0);
	/* the place is at its beginning */
	stop(fixture);
	start(fixture);
	expect(fixture, "");
	append(fixture, LOG, "\nd\n");
	expect(fixture, "d\n");
	assert_int_equal(fixture->report.long_lines, 1);
}

/* A file is known by its beginning, if there is as much of it. */
static void append_head(struct fixture *fixture)
{
	append_long(fixture, LOG_HEAD_BYTES - 1);
	append(fixture, LOG, "\n");
	turn(fixture, EVERYTHING);
	assert_int_equal(fixture->length, LOG_HEAD_BYTES);
	fixture->length = 0;
}

static void test_budget(void **state)
{
	struct fixture *fixture = *state;
	unsigned turns = 0;

	for (unsigned i = 0; i < 20; i++) {
		append_long(fixture, 60000);
		append(fixture, LOG, "\n");
	}
	while (turn(fixture, 1))
		turns++;
	assert_true(turns >= 4);
	assert_int_equal(fixture->length, 20 * 60001);
	fixture->length = 0;
	/* the receiver may have enough after any line */
	fixture->one_by_one = true;
	append(fixture, LOG, "a\nb\n");
	assert_true(turn(fixture, 1000));
	assert_string_equal(fixture->lines, "a\n");
	assert_int_equal(fixture->report.state, LOG_STATE_BEHIND);
	assert_int_equal(fixture->report.behind_bytes, 2);
	stop(fixture);
	start(fixture);
	expect(fixture, "a\nb\n");
}

/* --- rotation --- */

static void test_late_writes(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	move(fixture, LOG, LOG ".1");
	append(fixture, LOG ".1", "b\n");
	append(fixture, LOG, "c\n");
	append(fixture, LOG ".1", "d\n");
	expect(fixture, "b\nd\nc\n");
	expect_counts(fixture, 1, 0, 0);
	fixture->now += SECONDS(9.9);
	append(fixture, LOG ".1", "e\nf");
	append(fixture, LOG, "g\n");
	expect(fixture, "e\ng\n");
	follower_places(fixture->follower, &fixture->places);
	assert_int_equal(fixture->places.n, 2);
	assert_int_equal(fixture->places.place[0].offset, 4);
	assert_int_equal(fixture->places.place[1].offset, 8);
	/* it is dropped, and nobody will end its last line */
	fixture->now += SECONDS(0.1);
	expect(fixture, "f\n");
	append(fixture, LOG ".1", "too late\n");
	expect(fixture, "");
	append(fixture, LOG, "h\n");
	expect(fixture, "h\n");
	follower_places(fixture->follower, &fixture->places);
	assert_int_equal(fixture->places.n, 1);
	expect_counts(fixture, 1, 0, 0);
	/* it ended last, but was begun before the one that is rotated away now */
	nap();
	append(fixture, LOG ".1", "later still\n");
	move(fixture, LOG, LOG ".2");
	append(fixture, LOG, "i\n");
	expect(fixture, "i\n");
	expect_counts(fixture, 2, 0, 0);
}

static void test_two_rotations(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	append(fixture, LOG, "b\nc");
	move(fixture, LOG, LOG ".1");
	append(fixture, LOG, "d\ne");
	/* looks, and has read nothing yet */
	turn(fixture, 0);
	move(fixture, LOG ".1", LOG ".2");
	move(fixture, LOG, LOG ".1");
	append(fixture, LOG, "f\n");
	turn(fixture, 0);
	stop(fixture);
	start(fixture);
	expect(fixture, "b\nc\nd\nf\n");
	fixture->now += SECONDS(10);
	expect(fixture, "e\n");
	expect_counts(fixture, 1, 0, 0);
}

static void test_rotation_without_a_new_file(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	move(fixture, LOG, LOG ".1");
	expect_state(fixture, LOG_STATE_MISSING, 0);
	append(fixture, LOG ".1", "b\n");
	expect(fixture, "b\n");
	/* however long it takes */
	fixture->now += HOURS(2);
	append(fixture, LOG ".1", "c\n");
	expect(fixture, "c\n");
	stop(fixture);
	start(fixture);
	expect_state(fixture, LOG_STATE_MISSING, 0);
	append(fixture, LOG ".1", "d\n");
	append(fixture, LOG, "e\n");
	expect(fixture, "d\ne\n");
	assert_int_equal(fixture->report.state, LOG_STATE_FOLLOWING);
	expect_counts(fixture, 1, 0, 0);
}

static void test_rotation_taken_back(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	move(fixture, LOG, LOG ".1");
	append(fixture, LOG, "b\n");
	expect(fixture, "b\n");
	move(fixture, LOG ".1", LOG);
	append(fixture, LOG, "c\n");
	expect(fixture, "c\n");
	fixture->now += SECONDS(11);
	append(fixture, LOG, "d\n");
	expect(fixture, "d\n");
	expect_counts(fixture, 1, 0, 0);
}

/* While the worker is stopped, or waits for the daemon. */
static void test_rotated_often_unseen(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	append(fixture, LOG, "b\n");
	rotate_by_name(fixture, LOG ".3", "c\n");
	rotate_by_name(fixture, LOG ".2", "d\n");
	rotate_by_name(fixture, LOG ".1", "e\n");
	/* stopped after each line: what was not read is found again */
	fixture->one_by_one = true;
	for (unsigned i = 0; i < 4; i++) {
		turn(fixture, EVERYTHING);
		stop(fixture);
		start(fixture);
	}
	expect(fixture, "b\nc\nd\ne\n");
	assert_int_equal(fixture->report.gaps, 0);
	/* nobody has made a new one yet */
	rotate_by_name(fixture, LOG "-5", "f\n");
	nap();
	move(fixture, LOG, LOG "-6");
	expect(fixture, "f\n");
	assert_int_equal(fixture->report.state, LOG_STATE_MISSING);
	append(fixture, LOG, "g\n");
	expect(fixture, "g\n");
	fixture->now += SECONDS(10);
	expect(fixture, "");
	assert_int_equal(fixture->report.gaps, 0);
}

static void test_rotated_too_often_unseen(void **state)
{
	struct fixture *fixture = *state;
	char name[64], line[64];

	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	for (unsigned i = 0; i < SIBLINGS_MAX + 3; i++) {
		snprintf(name, sizeof(name), LOG ".%u", i);
		snprintf(line, sizeof(line), "%u\n", i);
		rotate_by_name(fixture, name, line);
	}
	expect(fixture, "0\n1\n2\n3\n4\n5\n6\n7\n10\n");
	expect_counts(fixture, 1 + SIBLINGS_MAX, 0, 2);
}

static void test_compressed_unseen(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	rotate_by_name(fixture, LOG ".2", "b\n");
	set_written(fixture, LOG, time(NULL) + 60);
	nap();
	move(fixture, LOG, LOG ".1");
	compress(fixture, LOG ".2", LOG ".2.gz");
	compress(fixture, LOG ".1", LOG ".1.gz");
	append(fixture, LOG, "c\n");
	expect(fixture, "c\n");
	expect_counts(fixture, 1, 0, 1);
}

/* An editor's way to save a file. */
static void test_replaced_by_a_copy(void **state)
{
	struct fixture *fixture = *state;

	append_head(fixture);
	append(fixture, LOG, "a\nb\n");
	expect(fixture, "a\nb\n");
	copy(fixture, LOG, "new");
	move(fixture, "new", LOG);
	append(fixture, LOG, "c\n");
	expect(fixture, "c\n");
	expect_counts(fixture, 0, 0, 0);
	/* a shorter one: what follows may begin within a line */
	copy(fixture, LOG, "new");
	cut(fixture, "new", LOG_HEAD_BYTES + 3);
	move(fixture, "new", LOG);
	expect(fixture, "");
	append(fixture, LOG, "b\nd\n");
	expect(fixture, "d\n");
}

/* --- truncation --- */

static void test_copy_and_truncate(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG, "a\nb\n");
	expect(fixture, "a\nb\n");
	copy(fixture, LOG, LOG ".1");
	cut(fixture, LOG, 0);
	expect(fixture, "");
	append(fixture, LOG, "c\n");
	expect(fixture, "c\n");
	expect_counts(fixture, 0, 1, 0);
	/* seen only when it is longer than before */
	copy(fixture, LOG, LOG ".2");
	cut(fixture, LOG, 0);
	append(fixture, LOG, "d\ne\nf\n");
	expect(fixture, "d\ne\nf\n");
	expect_counts(fixture, 0, 2, 0);
}

static void test_copy_and_truncate_when_behind(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG, "a\nb\n");
	expect(fixture, "a\nb\n");
	append(fixture, LOG, "c\nd\n");
	copy(fixture, LOG, LOG "-20261122");
	cut(fixture, LOG, 0);
	append(fixture, LOG, "e\n");
	expect(fixture, "c\nd\ne\n");
	expect_counts(fixture, 0, 1, 0);
	/* an older copy, which is not long enough */
	copy(fixture, LOG, LOG ".save");
	append(fixture, LOG, "f\n");
	expect(fixture, "f\n");
	append(fixture, LOG, "g\n");
	copy(fixture, LOG, LOG "-20261123");
	cut(fixture, LOG, 0);
	append(fixture, LOG, "h\n");
	/* stopped in between: the copy is found again */
	turn(fixture, 0);
	stop(fixture);
	start(fixture);
	expect(fixture, "g\nh\n");
	expect_counts(fixture, 0, 0, 0);
}

static void test_copied_often_unseen(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	append(fixture, LOG, "b\n");
	rotate_by_copy(fixture, LOG ".3", "c\n");
	rotate_by_copy(fixture, LOG ".2", "d\n");
	rotate_by_copy(fixture, LOG ".1", "e\n");
	expect(fixture, "b\nc\nd\ne\n");
	expect_counts(fixture, 0, 3, 0);
	/* the first copy is gone: what came after it is not */
	rotate_by_copy(fixture, LOG ".5", "f\n");
	rotate_by_copy(fixture, LOG ".4", "g\n");
	delete (fixture, LOG ".5");
	expect(fixture, "f\ng\n");
	expect_counts(fixture, 0, 5, 0);
	/* seen while it is empty */
	rotate_by_copy(fixture, LOG ".6", "");
	expect(fixture, "");
	nap();
	append(fixture, LOG, "h\n");
	rotate_by_copy(fixture, LOG ".7", "i\n");
	expect(fixture, "h\ni\n");
	/* both ways: the file that was truncated has lost its name */
	rotate_by_copy(fixture, LOG ".8", "j\n");
	rotate_by_name(fixture, LOG ".9", "k\n");
	expect(fixture, "j\nk\n");
	rotate_by_name(fixture, LOG ".10", "l\n");
	rotate_by_copy(fixture, LOG ".11", "m\n");
	expect(fixture, "l\nm\n");
	assert_int_equal(fixture->report.gaps, 0);
}

static void test_truncate_without_copy(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	cut(fixture, LOG, 0);
	append(fixture, LOG, "b\n");
	expect(fixture, "b\n");
	expect_counts(fixture, 0, 1, 0);
	/* it is known that something was there */
	append(fixture, LOG, "c\nd");
	expect(fixture, "c\n");
	cut(fixture, LOG, 0);
	append(fixture, LOG, "e\n");
	expect(fixture, "e\n");
	expect_counts(fixture, 0, 2, 1);
}

/* --- what is not there --- */

static void test_file_comes_and_goes(void **state)
{
	struct fixture *fixture = *state;

	expect_state(fixture, LOG_STATE_MISSING, 0);
	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	assert_int_equal(fixture->report.state, LOG_STATE_FOLLOWING);
	delete (fixture, LOG);
	expect_state(fixture, LOG_STATE_MISSING, 0);
	append(fixture, LOG, "b\n");
	expect(fixture, "b\n");
	expect_counts(fixture, 1, 0, 0);
}

static void test_directory_comes_and_goes(void **state)
{
	struct fixture *fixture = *state;

	stop(fixture);
	snprintf(fixture->path, sizeof(fixture->path), "%s/logs/" LOG, fixture->directory);
	start(fixture);
	expect_state(fixture, LOG_STATE_MISSING, 0);
	assert_int_equal(mkdir(path_of(fixture, "logs"), 0755), 0);
	append(fixture, "logs/" LOG, "a\n");
	assert_false(turn(fixture, EVERYTHING));
	fixture->now += SECONDS(5);
	expect(fixture, "a\n");
	append(fixture, "logs/" LOG, "b\n");
	expect(fixture, "b\n");
	/* another one in its place */
	move(fixture, "logs", "old");
	append(fixture, "old/" LOG, "c\n");
	expect(fixture, "c\n");
	assert_int_equal(fixture->report.state, LOG_STATE_MISSING);
	assert_int_equal(mkdir(path_of(fixture, "logs"), 0755), 0);
	append(fixture, "logs/" LOG, "d\n");
	fixture->now += SECONDS(5);
	expect(fixture, "d\n");
	append(fixture, "logs/" LOG, "e\n");
	append(fixture, "old/" LOG, "f\n");
	expect(fixture, "f\ne\n");
	move(fixture, "logs/" LOG, "logs/" LOG ".1");
	append(fixture, "logs/" LOG, "g\n");
	expect(fixture, "g\n");
}

static void test_not_a_file(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(mkdir(fixture->path, 0755), 0);
	expect_state(fixture, LOG_STATE_UNREADABLE, EISDIR);
	assert_int_equal(rmdir(fixture->path), 0);
	expect_state(fixture, LOG_STATE_MISSING, 0);
	assert_int_equal(mkfifo(fixture->path, 0644), 0);
	expect_state(fixture, LOG_STATE_UNREADABLE, EINVAL);
	delete (fixture, LOG);
	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	assert_int_equal(fixture->report.state, LOG_STATE_FOLLOWING);
}

static void test_permission(void **state)
{
	struct fixture *fixture = *state;

	if (geteuid() != 0)
		skip();
	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	/* what is open stays open */
	assert_int_equal(chmod(fixture->path, 0), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	expect_state(fixture, LOG_STATE_FOLLOWING, 0);
	assert_int_equal(seteuid(0), 0);
	append(fixture, LOG, "b\n");
	move(fixture, LOG, LOG ".1");
	append(fixture, LOG, "c\n");
	assert_int_equal(chmod(fixture->path, 0600), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	expect(fixture, "b\n");
	assert_int_equal(fixture->report.state, LOG_STATE_UNREADABLE);
	assert_int_equal(fixture->report.error, EACCES);
	/* a restart does not make it forget */
	stop(fixture);
	start(fixture);
	expect_state(fixture, LOG_STATE_UNREADABLE, EACCES);
	follower_places(fixture->follower, &fixture->places);
	assert_int_equal(fixture->places.place[0].offset, 4);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(path_of(fixture, LOG ".1"), 0644), 0);
	assert_int_equal(chmod(fixture->path, 0644), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	expect(fixture, "c\n");
	assert_int_equal(seteuid(0), 0);
	append(fixture, LOG ".1", "d\n");
	append(fixture, LOG, "e\n");
	expect(fixture, "d\ne\n");
	expect_counts(fixture, 1, 0, 0);
}

/* --- restarts --- */

static void test_restart_in_the_middle(void **state)
{
	struct fixture *fixture = *state;
	char line[64], lines[20000] = "";
	size_t length = 0;

	for (unsigned i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "line %u\n", i);
		append(fixture, LOG, line);
		length += (size_t)snprintf(lines + length, sizeof(lines) - length, "%s", line);
	}
	fixture->one_by_one = true;
	for (unsigned i = 0; i < 500; i++) {
		turn(fixture, 1 + random_below(100));
		if (random_below(3) > 0)
			continue;
		stop(fixture);
		start(fixture);
	}
	expect(fixture, lines);
	expect_counts(fixture, 0, 0, 0);
}

static void test_rotated_while_stopped(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	stop(fixture);
	append(fixture, LOG, "b\n");
	move(fixture, LOG, LOG ".1");
	append(fixture, LOG, "c\n");
	start(fixture);
	expect(fixture, "b\nc\n");
	/* it may have been rotated just now */
	append(fixture, LOG ".1", "d\n");
	expect(fixture, "d\n");
	expect_counts(fixture, 1, 0, 0);
	/* the older one is still written to while nobody looks */
	stop(fixture);
	append(fixture, LOG ".1", "e\n");
	append(fixture, LOG, "f\n");
	start(fixture);
	expect(fixture, "e\nf\n");
	expect_counts(fixture, 0, 0, 0);
}

static void test_rotated_often_while_stopped(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG ".3", "read before\n");
	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	stop(fixture);
	append(fixture, LOG, "b\n");
	move(fixture, LOG, LOG ".2");
	append(fixture, LOG ".1", "c\n");
	append(fixture, LOG ".0", "d\n");
	append(fixture, LOG ".backup", "somebody's own\n");
	append(fixture, LOG ".9.gz", "not a text\n");
	append(fixture, LOG, "e\n");
	set_written(fixture, LOG ".3", 1000);
	set_written(fixture, LOG ".2", 2000);
	set_written(fixture, LOG ".1", 3000);
	set_written(fixture, LOG ".0", 4000);
	start(fixture);
	expect(fixture, "b\nc\nd\ne\n");
	expect_counts(fixture, 3, 0, 0);
}

static void test_gone_while_stopped(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	stop(fixture);
	append(fixture, LOG, "b\n");
	move(fixture, LOG, LOG ".1.gz");
	append(fixture, LOG, "c\n");
	start(fixture);
	expect(fixture, "c\n");
	expect_counts(fixture, 0, 0, 1);
}

static void test_copied_while_stopped(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	stop(fixture);
	append(fixture, LOG, "b\n");
	copy(fixture, LOG, LOG ".1");
	cut(fixture, LOG, 0);
	append(fixture, LOG, "c\nd\ne\n");
	start(fixture);
	expect(fixture, "b\nc\nd\ne\n");
	expect_counts(fixture, 0, 1, 0);
	/* moved to another file system */
	stop(fixture);
	append(fixture, LOG, "f\n");
	copy(fixture, LOG, "new");
	move(fixture, "new", LOG);
	start(fixture);
	expect(fixture, "f\n");
	expect_counts(fixture, 0, 0, 0);
}

static void test_copied_often_while_stopped(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	stop(fixture);
	append(fixture, LOG, "b\n");
	rotate_by_copy(fixture, LOG ".3", "c\n");
	rotate_by_copy(fixture, LOG ".2", "d\n");
	rotate_by_copy(fixture, LOG ".1", "e\n");
	start(fixture);
	fixture->one_by_one = true;
	for (unsigned i = 0; i < 4; i++) {
		turn(fixture, EVERYTHING);
		stop(fixture);
		start(fixture);
	}
	expect(fixture, "b\nc\nd\ne\n");
	assert_int_equal(fixture->report.gaps, 0);
	/* both ways */
	stop(fixture);
	append(fixture, LOG, "f\n");
	rotate_by_copy(fixture, LOG ".4", "g\n");
	rotate_by_name(fixture, LOG ".5", "h\n");
	rotate_by_name(fixture, LOG ".6", "i\n");
	start(fixture);
	expect(fixture, "f\ng\nh\ni\n");
	assert_int_equal(fixture->report.gaps, 0);
}

/* The file before is waited for, and is compressed meanwhile. */
static void test_compressed_while_stopped(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, LOG, "a\n");
	expect(fixture, "a\n");
	rotate_by_name(fixture, LOG ".1", "b\n");
	expect(fixture, "b\n");
	stop(fixture);
	assert_int_equal(fixture->places.n, 2);
	compress(fixture, LOG ".1", LOG ".1.gz");
	start(fixture);
	expect(fixture, "");
	expect_counts(fixture, 0, 0, 0);
	rotate_by_name(fixture, LOG ".1", "c\n");
	expect(fixture, "c\n");
	stop(fixture);
	append(fixture, LOG ".1", "a late line\n");
	compress(fixture, LOG ".1", LOG ".0.gz");
	start(fixture);
	expect(fixture, "");
	expect_counts(fixture, 0, 0, 1);
}

/* A new file often gets the number of the one that was just removed. */
static void test_inode_used_again(void **state)
{
	struct fixture *fixture = *state;
	struct stat st;

	append(fixture, LOG, "a\nb\n");
	expect(fixture, "a\nb\n");
	stop(fixture);
	delete (fixture, LOG);
	append(fixture, LOG, "c\nd\ne\n");
	assert_int_equal(stat(fixture->path, &st), 0);
	fixture->places.place[0].inode = st.st_ino;
	start(fixture);
	expect(fixture, "c\nd\ne\n");
	expect_counts(fixture, 0, 0, 1);
}

/* As after a power failure: the end is gone, and what was read of it stays read. */
static void test_end_lost_while_stopped(void **state)
{
	struct fixture *fixture = *state;

	append_head(fixture);
	append(fixture, LOG, "one\ntwo\nthree\n");
	expect(fixture, "one\ntwo\nthree\n");
	stop(fixture);
	cut(fixture, LOG, LOG_HEAD_BYTES + 6);
	start(fixture);
	expect(fixture, "");
	append(fixture, LOG, "x\nfour\n");
	expect(fixture, "four\n");
	expect_counts(fixture, 0, 1, 0);
}

/* --- everything, in any order --- */

struct writer {
	struct fixture *fixture;
	unsigned next; /* number of the next line */
	unsigned n_rotated;
	char old[64]; /* the file before, while it may still be written to */
	bool running, looked;
	bool complete; /* the last line has its newline */
};

static void write_lines(struct writer *writer, const char *name)
{
	char line[64];

	for (unsigned n = random_below(4); n > 0; n--) {
		snprintf(line, sizeof(line), "line %u\n", writer->next++);
		append(writer->fixture, name, line);
	}
}

static void write_in_two(struct writer *writer)
{
	char line[64];

	if (writer->complete)
		snprintf(line, sizeof(line), "line %u", writer->next++);
	append(writer->fixture, LOG, writer->complete ? line : "\n");
	writer->complete = !writer->complete;
}

static void write_line(struct writer *writer, const char *name)
{
	char line[64];

	snprintf(line, sizeof(line), "line %u\n", writer->next++);
	append(writer->fixture, name, line);
}

static void rotate_once(struct writer *writer, bool by_copy)
{
	struct fixture *fixture = writer->fixture;
	char name[64];

	snprintf(name, sizeof(name), LOG ".%u", ++writer->n_rotated);
	write_lines(writer, LOG);
	if (by_copy) {
		copy(fixture, LOG, name);
		cut(fixture, LOG, 0);
		writer->old[0] = '\0';
	} else {
		move(fixture, LOG, name);
		snprintf(writer->old, sizeof(writer->old), "%s", name);
	}
	/* a copy of a file that was empty when it was looked at could not be told */
	write_line(writer, LOG);
}

/* Once or twice, and not again before it was looked at. */
static void rotate(struct writer *writer)
{
	if (!writer->looked || !writer->complete)
		return;
	writer->looked = false;
	rotate_once(writer, random_below(2));
	if (random_below(2))
		return;
	/* each file ends after the one before */
	nap();
	write_line(writer, LOG);
	rotate_once(writer, random_below(2));
}

static void look_at_logs(struct writer *writer)
{
	struct fixture *fixture = writer->fixture;

	if (!writer->running)
		start(fixture);
	writer->running = true;
	fixture->one_by_one = random_below(2);
	while (turn(fixture, random_below(2) ? EVERYTHING : 1) && random_below(4) > 0)
		;
	/* all is read, and no file is waited for any more */
	if (random_below(2)) {
		while (turn(fixture, EVERYTHING))
			;
		fixture->now += SECONDS(10);
		while (turn(fixture, EVERYTHING))
			;
		writer->old[0] = '\0';
		writer->looked = true;
	}
}

static void expect_each_line_once(struct fixture *fixture, unsigned n)
{
	unsigned *seen = calloc(n, sizeof(*seen)), number;
	const char *at = fixture->lines;

	assert_non_null(seen);
	for (; at < fixture->lines + fixture->length; at = strchr(at, '\n') + 1) {
		assert_int_equal(sscanf(at, "line %u\n", &number), 1);
		assert_true(number < n);
		seen[number]++;
	}
	for (unsigned i = 0; i < n; i++)
		if (seen[i] != 1)
			fail_msg("line %u was seen %u times", i, seen[i]);
	free(seen);
}

static void run_writer(struct fixture *fixture)
{
	struct writer writer = { .fixture = fixture, .running = true, .complete = true };

	append(fixture, LOG, "line 0\n");
	writer.next = 1;
	for (unsigned i = 0; i < 400; i++) {
		switch (random_below(8)) {
		case 0:
			rotate(&writer);
			break;
		case 1:
			if (writer.running)
				stop(fixture);
			writer.running = false;
			break;
		case 2:
			write_in_two(&writer);
			break;
		case 3:
			if (writer.old[0])
				write_lines(&writer, writer.old);
			break;
		case 4:
		case 5:
			if (writer.complete)
				write_lines(&writer, LOG);
			break;
		default:
			look_at_logs(&writer);
		}
	}
	if (!writer.complete)
		append(fixture, LOG, "\n");
	if (!writer.running)
		start(fixture);
	while (turn(fixture, EVERYTHING))
		;
	expect_each_line_once(fixture, writer.next);
	assert_int_equal(fixture->report.gaps, 0);
}

static void test_every_line_once(void **state)
{
	for (unsigned i = 0; i < 20; i++) {
		run_writer(*state);
		tear_down(state);
		set_up(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_growing_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long_lines, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_budget, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_late_writes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two_rotations, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rotated_often_unseen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rotated_too_often_unseen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_compressed_unseen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rotation_without_a_new_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rotation_taken_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_replaced_by_a_copy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_copy_and_truncate, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_copy_and_truncate_when_behind, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_copied_often_unseen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_truncate_without_copy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_file_comes_and_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_directory_comes_and_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_a_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_permission, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_restart_in_the_middle, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rotated_while_stopped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rotated_often_while_stopped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_gone_while_stopped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_copied_while_stopped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_copied_often_while_stopped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_compressed_while_stopped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_inode_used_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_end_lost_while_stopped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_every_line_once, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
