// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

#include "smtpguard/base/file_read.h"
#include "smtpguard/base/file_write.h"

static char directory[64], path[128];

static void holds(const char *wanted, mode_t mode)
{
	struct stat st;
	size_t length;
	char *text;

	assert_int_equal(file_read(path, 100, &text, &length), 0);
	assert_string_equal(text, wanted);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	free(text);
}

/* Nothing is left beside the file. */
static unsigned count_entries(void)
{
	DIR *open = opendir(directory);
	unsigned n = 0;

	assert_non_null(open);
	while (readdir(open))
		n++;
	closedir(open);
	return n - 2;
}

static int set_up(void **state UNUSED)
{
	snprintf(directory, sizeof(directory), "/tmp/test_file_write.%d", (int)getpid());
	snprintf(path, sizeof(path), "%s/file", directory);
	return mkdir(directory, 0700);
}

static int tear_down(void **state UNUSED)
{
	unlink(path);
	return rmdir(directory);
}

static void test_new_and_replaced(void **state UNUSED)
{
	assert_int_equal(file_write(path, "one", 3, 0640, false), 0);
	holds("one", 0640);
	assert_int_equal(file_write(path, "two", 3, 0600, false), FILE_EXISTS);
	holds("one", 0640);
	assert_int_equal(file_write(path, "two", 3, 0644, true), 0);
	holds("two", 0644);
	assert_int_equal(file_write(path, "", 0, 0644, true), 0);
	holds("", 0644);
	assert_int_equal(count_entries(), 1);
}

static void test_a_link_is_not_followed(void **state UNUSED)
{
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(file_write(path, "one", 3, 0600, false), FILE_EXISTS);
	assert_int_equal(file_write(path, "one", 3, 0600, true), 0);
	holds("one", 0600);
	assert_int_equal(count_entries(), 1);
}

static void test_no_place(void **state UNUSED)
{
	char long_path[5000];

	assert_int_equal(file_write("/nowhere/at/all", "one", 3, 0600, true), -ENOENT);
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(file_write(long_path, "one", 3, 0600, true), -ENAMETOOLONG);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(file_write(path, "one", 3, 0600, true), -EISDIR);
	assert_int_equal(count_entries(), 1);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_new_and_replaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_link_is_not_followed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_place, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
