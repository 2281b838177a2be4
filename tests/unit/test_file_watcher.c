// SPDX-License-Identifier: GPL-2.0-or-later
/* Real files in a directory of its own; waits are bounded, and as short as the watcher's second allows. */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

#include "smtpguard/kernel/file_watcher.h"

#define QUIET (1500 * USEC_PER_MSEC)
#define PATIENCE (20 * USEC_PER_SEC)

struct fixture {
	char directory[64];
	sd_event *event;
	struct file_watcher *watcher;
	unsigned told;
};

static char *path_of(const struct fixture *fixture, const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", fixture->directory, name);
	return path;
}

static void write_file(const struct fixture *fixture, const char *name)
{
	FILE *file = fopen(path_of(fixture, name), "we");

	assert_non_null(file);
	assert_true(fputs("192.0.2.1\n", file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void on_changed(void *userdata)
{
	((struct fixture *)userdata)->told++;
}

static void run_for(struct fixture *fixture, usec_t time, unsigned until_told)
{
	usec_t end = clock_now() + time, now;

	while ((now = clock_now()) < end && fixture->told < until_told)
		assert_true(sd_event_run(fixture->event, end - now) >= 0);
}

/* Told exactly once since the last time. */
static void expect_told(struct fixture *fixture)
{
	run_for(fixture, PATIENCE, 1);
	assert_int_equal(fixture->told, 1);
	fixture->told = 0;
}

static void expect_quiet(struct fixture *fixture)
{
	run_for(fixture, QUIET, 1);
	assert_int_equal(fixture->told, 0);
}

static void follow(struct fixture *fixture, const char *a, const char *b)
{
	const char *patterns[] = { path_of(fixture, a), b ? path_of(fixture, b) : NULL };

	assert_int_equal(file_watcher_set(fixture->watcher, patterns, b ? 2 : 1), 0);
	expect_told(fixture);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	/* not /tmp: what others do to the attributes of a directory on the way is told, too */
	snprintf(fixture->directory, sizeof(fixture->directory), "/var/tmp/file_watcher.XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	assert_true(sd_event_new(&fixture->event) >= 0);
	assert_int_equal(file_watcher_new(&fixture->watcher, fixture->event, on_changed, fixture), 0);
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

	assert_null(file_watcher_free(fixture->watcher));
	assert_null(file_watcher_free(NULL));
	sd_event_unref(fixture->event);
	assert_int_equal(nftw(fixture->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(fixture);
	return 0;
}

static void test_files_of_a_pattern(void **state)
{
	struct fixture *fixture = *state;

	follow(fixture, "*.list", NULL);
	expect_quiet(fixture);
	/* many at once are one change */
	write_file(fixture, "a.list");
	write_file(fixture, "b.list");
	write_file(fixture, "a.list");
	expect_told(fixture);
	write_file(fixture, "notes.txt");
	assert_int_equal(mkdir(path_of(fixture, "sub"), 0700), 0);
	write_file(fixture, "sub/c.list");
	expect_quiet(fixture);
	assert_int_equal(rename(path_of(fixture, "notes.txt"), path_of(fixture, "b.list")), 0);
	expect_told(fixture);
	assert_int_equal(chmod(path_of(fixture, "b.list"), 0), 0);
	expect_told(fixture);
	assert_int_equal(unlink(path_of(fixture, "b.list")), 0);
	expect_told(fixture);
	assert_int_equal(symlink("a.list", path_of(fixture, "d.list")), 0);
	expect_told(fixture);
	expect_quiet(fixture);
}

/* A new file is not read before it is closed. */
static void test_half_written_file(void **state)
{
	struct fixture *fixture = *state;
	FILE *file;

	follow(fixture, "*.list", NULL);
	file = fopen(path_of(fixture, "a.list"), "we");
	assert_non_null(file);
	assert_true(fputs("192.0.2.1", file) >= 0 && fflush(file) == 0);
	expect_quiet(fixture);
	assert_int_equal(fclose(file), 0);
	expect_told(fixture);
}

static void test_directory_comes_and_goes(void **state)
{
	struct fixture *fixture = *state;

	follow(fixture, "x/y/*.list", NULL);
	assert_int_equal(mkdir(path_of(fixture, "z"), 0700), 0);
	expect_quiet(fixture);
	assert_int_equal(mkdir(path_of(fixture, "x"), 0700), 0);
	expect_told(fixture);
	assert_int_equal(mkdir(path_of(fixture, "x/y"), 0700), 0);
	expect_told(fixture);
	write_file(fixture, "x/y/a.list");
	expect_told(fixture);
	/* another one in its place */
	assert_int_equal(mkdir(path_of(fixture, "z/y"), 0700), 0);
	write_file(fixture, "z/y/b.list");
	assert_int_equal(rename(path_of(fixture, "x"), path_of(fixture, "old")), 0);
	assert_int_equal(rename(path_of(fixture, "z"), path_of(fixture, "x")), 0);
	expect_told(fixture);
	write_file(fixture, "old/y/a.list");
	expect_quiet(fixture);
	write_file(fixture, "x/y/b.list");
	expect_told(fixture);
	assert_int_equal(unlink(path_of(fixture, "x/y/b.list")), 0);
	assert_int_equal(rmdir(path_of(fixture, "x/y")), 0);
	expect_told(fixture);
	assert_int_equal(mkdir(path_of(fixture, "x/y"), 0700), 0);
	expect_told(fixture);
	write_file(fixture, "x/y/a.list");
	expect_told(fixture);
}

static void test_patterns_on_the_way(void **state)
{
	struct fixture *fixture = *state;

	follow(fixture, "*.d/list", "file");
	assert_int_equal(mkdir(path_of(fixture, "a.d"), 0700), 0);
	expect_told(fixture);
	write_file(fixture, "a.d/list");
	expect_told(fixture);
	write_file(fixture, "a.d/other");
	write_file(fixture, "list");
	expect_quiet(fixture);
	write_file(fixture, "file");
	expect_told(fixture);
}

/* The directory is a link, which is led elsewhere. */
static void test_linked_directory(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(mkdir(path_of(fixture, "one"), 0700), 0);
	assert_int_equal(mkdir(path_of(fixture, "two"), 0700), 0);
	assert_int_equal(symlink("one", path_of(fixture, "link")), 0);
	follow(fixture, "link/*.list", "two/*.list");
	write_file(fixture, "one/a.list");
	expect_told(fixture);
	assert_int_equal(symlink("two", path_of(fixture, "new")), 0);
	assert_int_equal(rename(path_of(fixture, "new"), path_of(fixture, "link")), 0);
	expect_told(fixture);
	write_file(fixture, "one/a.list");
	expect_quiet(fixture);
	write_file(fixture, "two/a.list");
	expect_told(fixture);
}

static void test_other_patterns(void **state)
{
	struct fixture *fixture = *state;
	const char *same[] = { path_of(fixture, "a") };

	follow(fixture, "a", NULL);
	assert_int_equal(file_watcher_set(fixture->watcher, same, 1), 0);
	expect_quiet(fixture);
	follow(fixture, "b", NULL);
	write_file(fixture, "a");
	expect_quiet(fixture);
	write_file(fixture, "b");
	expect_told(fixture);
	write_file(fixture, "b");
	run_for(fixture, USEC_PER_SEC / 10, 1);
	assert_int_equal(file_watcher_set(fixture->watcher, NULL, 0), 0);
	write_file(fixture, "b");
	expect_quiet(fixture);
}

static void test_too_many_directories(void **state)
{
	struct fixture *fixture = *state;
	char name[32];

	for (unsigned i = 0; i < FILE_WATCHER_DIRECTORIES_MAX + 5; i++) {
		snprintf(name, sizeof(name), "%u.d", i);
		assert_int_equal(mkdir(path_of(fixture, name), 0700), 0);
	}
	write_file(fixture, "first");
	/* said in the journal, and those that fit are followed */
	follow(fixture, "first", "*.d/list");
	write_file(fixture, "first");
	expect_told(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files_of_a_pattern, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_half_written_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_directory_comes_and_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_patterns_on_the_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_linked_directory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_patterns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many_directories, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
