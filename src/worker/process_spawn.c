// SPDX-License-Identifier: GPL-2.0-or-later
#include "process_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smtpguard/base/log.h"

#define SEND_BUFFER_BYTES (1 << 20)

/* Two ends: ours in *ret_ours, the worker's never numbered WORKER_SOCKET_FD itself. */
static int make_sockets(int *ret_ours, int *ret_theirs)
{
	int pair[2], theirs, size = SEND_BUFFER_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	/* glibc 2.28 leaves FD_CLOEXEC set when posix_spawn's dup2 has nothing to do */
	theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, WORKER_SOCKET_FD + 1);
	close(pair[1]);
	/* the default holds fewer questions than a resolver may have in flight */
	if (theirs < 0 || setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0) {
		int error = errno;

		close(pair[0]);
		if (theirs >= 0)
			close(theirs);
		return -error;
	}
	*ret_ours = pair[0];
	*ret_theirs = theirs;
	return 0;
}

static int fill_actions(posix_spawn_file_actions_t *actions, int fd)
{
	int r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	if (r == 0)
		r = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY,
						     0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, fd, WORKER_SOCKET_FD);
	return r;
}

/*
 * The daemon blocks and ignores signals for its own ends. A process group of its own keeps Ctrl-C
 * from ending the worker before the daemon, which would start it again.
 */
static int fill_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawnattr_setsigmask(attributes, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attributes, &all);
	if (r == 0)
		r = posix_spawnattr_setpgroup(attributes, 0);
	if (r == 0)
		r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
								 POSIX_SPAWN_SETSIGDEF |
								 POSIX_SPAWN_SETPGROUP);
	return r;
}

/* Of the environment only what leads messages to the journal, and the zone of a log's stamps. */
static void fill_environment(char *environment[static 3])
{
	static const char *const kept[2] = { "JOURNAL_STREAM=", "TZ=" };
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(kept); i++) {
		for (char **variable = environ; variable && *variable; variable++) {
			if (strncmp(*variable, kept[i], strlen(kept[i])) == 0) {
				environment[n++] = *variable;
				break;
			}
		}
	}
	environment[n] = NULL;
}

/*
 * What is inheritable must not reach a program that needs none of it; what one needs is in the ambient
 * set for no longer than its start takes.
 */
static int spawn_with(const struct worker_program *program,
		      const posix_spawn_file_actions_t *actions,
		      const posix_spawnattr_t *attributes, pid_t *ret_pid)
{
	char *environment[3];
	int r;

	fill_environment(environment);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	if (program->capability >= 0 &&
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, program->capability, 0, 0) < 0)
		log_debug("%s starts without capability %d: %s", program->name, program->capability,
			  strerror(errno));
	r = posix_spawn(ret_pid, program->arguments[0], actions, attributes, program->arguments,
			environment);
	/* it did not fail above, and cannot with these arguments (prctl(2)) */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return -r;
}

static int spawn(const struct worker_program *program, int fd, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r = posix_spawn_file_actions_init(&actions);

	if (r)
		return -r;
	r = posix_spawnattr_init(&attributes);
	if (r) {
		posix_spawn_file_actions_destroy(&actions);
		return -r;
	}
	r = fill_actions(&actions, fd);
	if (r == 0)
		r = fill_attributes(&attributes);
	r = r ? -r : spawn_with(program, &actions, &attributes, ret_pid);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

int worker_spawn(const struct worker_program *program, int *ret_fd, pid_t *ret_pid)
{
	int ours = -1, theirs = -1, r = make_sockets(&ours, &theirs);

	if (r < 0)
		return r;
	r = spawn(program, theirs, ret_pid);
	close(theirs);
	if (r < 0) {
		close(ours);
		return r;
	}
	*ret_fd = ours;
	return 0;
}
