// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "digest_priv.h"

#define ADDRESS_MAX  254 /* RFC 5321, 4.5.3.1 */
#define FIRST_OWN_FD 3

bool mail_is_address(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length > ADDRESS_MAX || *text == '-' || *text == '|' || *text == '/')
		return false;
	for (; *text; text++)
		if (*text < 0x21 || *text > 0x7e || strchr(",;:<>()[]\"\\", *text))
			return false;
	return true;
}

/* No byte of a value may end the header or begin another one. */
static void put_header(FILE *file, const char *name, const char *value)
{
	fprintf(file, "%s: ", name);
	for (; *value; value++)
		putc(*value < 0x20 || *value > 0x7e ? '?' : *value, file);
	putc('\n', file);
}

static char *compose(const char *to, const char *subject, const char *body)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	bool failed;

	if (!file)
		return NULL;
	put_header(file, "To", to);
	put_header(file, "Subject", subject);
	/* RFC 3834: nobody's holiday answers it */
	put_header(file, "Auto-Submitted", "auto-generated");
	put_header(file, "MIME-Version", "1.0");
	put_header(file, "Content-Type", "text/plain; charset=utf-8");
	put_header(file, "Content-Transfer-Encoding", "8bit");
	putc('\n', file);
	fputs(body, file);
	failed = ferror(file) != 0;
	if (fclose(file) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}

/* Standard output is the digest's own: what the program prints goes to standard error. */
static int set_up(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, int input)
{
	sigset_t none, defaults;
	int r = posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, STDERR_FILENO, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attributes, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attributes, &defaults);
	if (r == 0)
		r = posix_spawnattr_setflags(attributes,
					     POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	return r;
}

static int start(const char *sendmail, int input, pid_t *ret_pid)
{
	/* -t: to whom is in the header; -oi: a line with a single dot does not end the text */
	static char *const arguments[] = { (char *)"sendmail", (char *)"-t", (char *)"-oi", NULL };
	static char *const environment[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
					     (char *)"LC_ALL=C", NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return -r;
	r = posix_spawnattr_init(&attributes);
	if (r == 0) {
		r = set_up(&actions, &attributes, input);
		if (r == 0)
			r = posix_spawn(ret_pid, sendmail, &actions, &attributes, arguments,
					environment);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int feed(int fd, const char *text)
{
	for (size_t left = strlen(text); left > 0;) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		left -= (size_t)n;
	}
	return 0;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : MAIL_REFUSED;
}

/* Both ends above the standard three: to those nothing is to be moved onto itself. */
static int open_pipe(int fds[static 2])
{
	int low[2], r = 0;

	if (pipe2(low, O_CLOEXEC) < 0)
		return -errno;
	fds[0] = fcntl(low[0], F_DUPFD_CLOEXEC, FIRST_OWN_FD);
	fds[1] = fds[0] < 0 ? -1 : fcntl(low[1], F_DUPFD_CLOEXEC, FIRST_OWN_FD);
	if (fds[1] < 0) {
		r = -errno;
		if (fds[0] >= 0)
			close(fds[0]);
	}
	close(low[0]);
	close(low[1]);
	return r;
}

static int hand_over(const char *sendmail, const char *text)
{
	int fds[2] = { -1, -1 }, r = open_pipe(fds), ended;
	pid_t pid;

	if (r < 0)
		return r;
	r = start(sendmail, fds[0], &pid);
	close(fds[0]);
	if (r < 0) {
		close(fds[1]);
		return r;
	}
	r = feed(fds[1], text);
	close(fds[1]);
	ended = wait_for(pid);
	/* that it would not read all is the smaller news */
	return ended != 0 ? ended : r;
}

int mail_send(const char *sendmail, const char *to, const char *subject, const char *body)
{
	char *text = compose(to, subject, body);
	int r = text ? hand_over(sendmail, text) : -ENOMEM;

	free(text);
	return r;
}
