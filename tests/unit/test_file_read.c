// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

#include "smtpguard/base/file_read.h"

struct fixture {
	char path[64];
};

static void write_bytes(const struct fixture *fixture, size_t n)
{
	FILE *file = fopen(fixture->path, "we");

	assert_non_null(file);
	for (size_t i = 0; i < n; i++)
		assert_int_not_equal(fputc('a' + (int)(i % 26), file), EOF);
	assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	int fd;

	assert_non_null(fixture);
	snprintf(fixture->path, sizeof(fixture->path), "/tmp/test_file_read.XXXXXX");
	fd = mkstemp(fixture->path);
	assert_true(fd >= 0);
	close(fd);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	unlink(fixture->path);
	free(fixture);
	return 0;
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 8192, 100000 };
	const struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t length = 7;
		char *text;

		write_bytes(fixture, sizes[i]);
		assert_int_equal(file_read(fixture->path, 100000, &text, &length), 0);
		assert_int_equal(length, sizes[i]);
		assert_int_equal(strlen(text), sizes[i]);
		for (size_t k = 0; k < length; k++)
			assert_int_equal(text[k], 'a' + (int)(k % 26));
		free(text);
	}
}

static void test_too_large(void **state)
{
	const struct fixture *fixture = *state;
	size_t length = 7;
	char *text = NULL;

	write_bytes(fixture, 5000);
	assert_int_equal(file_read(fixture->path, 4999, &text, &length), FILE_TOO_LARGE);
	assert_null(text);
	assert_string_equal(file_read_error(FILE_TOO_LARGE), "file too large");
	assert_int_equal(file_read_head(fixture->path, 4999, &text, &length), 0);
	assert_int_equal(length, 4999);
	assert_int_equal(text[4999], '\0');
	free(text);
}

static void test_what_is_no_file(void **state)
{
	const struct fixture *fixture = *state;
	size_t length;
	char *text;

	assert_int_equal(file_read("/", 100, &text, &length), FILE_NOT_REGULAR);
	assert_int_equal(file_read("/dev/zero", 100, &text, &length), FILE_NOT_REGULAR);
	unlink(fixture->path);
	assert_int_equal(file_read(fixture->path, 100, &text, &length), -ENOENT);
	assert_string_equal(file_read_error(-ENOENT), strerror(ENOENT));
	assert_int_equal(mkfifo(fixture->path, 0600), 0);
	/* and it does not wait for a writer */
	assert_int_equal(file_read(fixture->path, 100, &text, &length), FILE_NOT_REGULAR);
}

static void test_file_without_a_size(void **state UNUSED)
{
	size_t length;
	char *text;

	assert_int_equal(file_read("/proc/self/status", 65536, &text, &length), 0);
	assert_true(length > 100 && strstr(text, "test_file_read"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sizes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_large, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_no_file, set_up, tear_down),
		cmocka_unit_test(test_file_without_a_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
