// SPDX-License-Identifier: GPL-2.0-or-later
/* Each case locks a child of the test in, which then tries something; how it ended tells. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#include "smtpguard/worker/lock_in.h"
#include "smtpguard/worker/process.h"

static char file[64];

static const char *const allowed_calls[] = { "umask", "no_such_call" };
static const char *const refused_calls[] = { "access", "faccessat", "faccessat2" };

static const struct lock_in all = {
	.files_max = 32,
	.address_space_bytes = 256u << 20,
	.capability = CAP_DAC_READ_SEARCH,
	.allowed_calls = allowed_calls,
	.n_allowed = ARRAY_SIZE(allowed_calls),
	.refused_calls = refused_calls,
	.n_refused = ARRAY_SIZE(refused_calls),
	.add_rules = lock_in_allow_reading,
};

/* How a child that was locked in ends: 0 is success, a signal is negative. */
static int run(const struct lock_in *settings, int (*attempt)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (lock_in(settings) < 0)
			_exit(100);
		_exit(attempt());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int read_file(void)
{
	char byte;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	return fd < 0 || read(fd, &byte, 1) != 1 || close(fd) < 0;
}

static int write_file(void)
{
	return open(file, O_WRONLY | O_CLOEXEC) >= 0;
}

static int create_file(void)
{
	return open(file, O_RDONLY | O_CREAT | O_CLOEXEC, 0600) >= 0;
}

static int make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0;
}

static int start_process(void)
{
	return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) < 0;
}

static int call_allowed(void)
{
	return umask(077) == 0;
}

static int call_refused(void)
{
	return access(file, R_OK) != -1 || errno != EPERM;
}

/* Descriptors behind the socket are gone, the first four are not. */
static int use_descriptors(void)
{
	for (int fd = 0; fd <= WORKER_SOCKET_FD; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			return 1;
	}
	for (int fd = WORKER_SOCKET_FD + 1; fd < 32; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			return 2;
	}
	return 0;
}

static int succeed(void)
{
	return 0;
}

static void test_calls(void **state UNUSED)
{
	assert_int_equal(run(&all, succeed), 0);
	assert_int_equal(run(&all, call_allowed), 0);
	assert_int_equal(run(&all, call_refused), 0);
	assert_int_equal(run(&all, make_socket), -SIGSYS);
	assert_int_equal(run(&all, start_process), -SIGSYS);
}

static void test_files(void **state UNUSED)
{
	struct lock_in none = all;

	assert_int_equal(run(&all, read_file), 0);
	assert_int_equal(run(&all, write_file), -SIGSYS);
	assert_int_equal(run(&all, create_file), -SIGSYS);
	none.add_rules = NULL;
	assert_int_equal(run(&none, read_file), -SIGSYS);
}

static void test_descriptors(void **state UNUSED)
{
	int low = fcntl(STDERR_FILENO, F_DUPFD, WORKER_SOCKET_FD), high;

	high = fcntl(STDERR_FILENO, F_DUPFD, 20);
	assert_true(low >= 0 && high >= 20);
	assert_int_equal(run(&all, use_descriptors), 0);
	close(low);
	close(high);
}

/* What /proc/self/status says, as it cannot be asked for when prctl is not allowed. */
static int show_status(void)
{
	char text[4096];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	const char *permitted, *bits;

	if (n < 0)
		return errno == EACCES ? 0 : 1;
	text[n] = '\0';
	permitted = strstr(text, "CapPrm:\t");
	bits = permitted ? permitted + strlen("CapPrm:\t") : "";
	if (!strstr(text, "CapInh:\t0000000000000000") || !strstr(text, "CapAmb:\t0000000000000000") ||
	    !strstr(text, "NoNewPrivs:\t1") || !strstr(text, "Seccomp:\t2"))
		return 2;
	return strncmp(bits, "0000000000000000", 16) && strncmp(bits, "0000000000000004", 16) ? 3 : 0;
}

static void test_status(void **state UNUSED)
{
	assert_int_equal(run(&all, show_status), 0);
}

static int set_up(void **state UNUSED)
{
	int fd;

	snprintf(file, sizeof(file), "/tmp/test-lock-in-XXXXXX");
	fd = mkstemp(file);
	return fd < 0 || write(fd, "x", 1) != 1 || close(fd) < 0;
}

static int tear_down(void **state UNUSED)
{
	return unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests_name("lock_in", tests, set_up, tear_down);
}
