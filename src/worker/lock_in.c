// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/worker/lock_in.h"

#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "smtpguard/base/log.h"
#include "smtpguard/worker/process.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#endif
#ifndef WITH_ASAN
#define WITH_ASAN 0
#endif

#if WITH_ASAN
/* The leak check attaches to its own process from a new one: nothing that a sandbox allows. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

/* No call here opens, creates, renames or removes a file, makes a socket or starts a process. */
static const char *const common_calls[] = {
	"read", "readv", "write", "writev", "close", "fstat", "fstat64", "stat", "stat64", "lstat",
	"newfstatat", "fstatat64", "statx", "lseek", "_llseek", "fcntl", "fcntl64", "poll", "ppoll",
	"ppoll_time64", "sendto", "sendmsg", "recvfrom", "recvmsg", "mmap", "mmap2", "mremap",
	"munmap", "mprotect", "madvise", "brk", "futex", "futex_time64", "rt_sigaction",
	"rt_sigprocmask", "rt_sigreturn", "sigreturn", "restart_syscall", "clock_gettime",
	"clock_gettime64", "clock_getres", "gettimeofday", "time", "getrandom", "getpid",
	"getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "exit", "exit_group",
#if WITH_ASAN
	"sigaltstack", "sched_yield", "sched_getaffinity", "readlink", "readlinkat", "getrlimit",
	"prlimit64", "prctl", "dup", "nanosleep", "clock_nanosleep", "getcwd",
#endif
};

int lock_in_fail(const char *what, int error)
{
	log_error("cannot lock itself in: %s: %s", what, strerror(error));
	return -error;
}

/* Without /proc every number that can be open is tried. */
static int close_inherited(void)
{
	DIR *directory = opendir("/proc/self/fd");
	struct rlimit limit;
	struct dirent *entry;

	if (!directory) {
		if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
			return lock_in_fail("RLIMIT_NOFILE", errno);
		for (rlim_t fd = WORKER_SOCKET_FD + 1; fd < limit.rlim_cur; fd++)
			close((int)fd);
		return 0;
	}
	while ((entry = readdir(directory))) {
		long fd = strtol(entry->d_name, NULL, 10);

		if (fd > WORKER_SOCKET_FD && fd != dirfd(directory))
			close((int)fd);
	}
	closedir(directory);
	return 0;
}

static int set_limit(__rlimit_resource_t resource, rlim_t value, const char *name)
{
	struct rlimit limit = { value, value };

	if (setrlimit(resource, &limit) < 0)
		return lock_in_fail(name, errno);
	return 0;
}

/* No RLIMIT_NPROC: it does not bind root, and counts the daemon too; the filter knows no clone. */
static int set_limits(const struct lock_in *settings)
{
	struct stat st;
	int r = set_limit(RLIMIT_NOFILE, settings->files_max, "RLIMIT_NOFILE");

	if (r == 0)
		r = set_limit(RLIMIT_CORE, 0, "RLIMIT_CORE");
	/* a log in a file is the one thing it may write */
	if (r == 0 && (fstat(STDERR_FILENO, &st) < 0 || !S_ISREG(st.st_mode)))
		r = set_limit(RLIMIT_FSIZE, 0, "RLIMIT_FSIZE");
	if (r == 0 && !WITH_ASAN)
		r = set_limit(RLIMIT_AS, settings->address_space_bytes, "RLIMIT_AS");
	return r;
}

/* Whether the process has nothing but `kept`, and that not for programs it might start. */
static bool has_only(int kept)
{
	for (int i = 0; i <= CAP_LAST_CAP; i++) {
		unsigned capability = (unsigned)i;

		if (capng_have_capability(CAPNG_INHERITABLE, capability))
			return false;
		if (i != kept && (capng_have_capability(CAPNG_PERMITTED, capability) ||
				  capng_have_capability(CAPNG_EFFECTIVE, capability)))
			return false;
	}
	return true;
}

static int drop_capabilities(int kept)
{
	capng_select_t set = CAPNG_SELECT_CAPS;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return lock_in_fail("ambient capabilities", errno);
	if (capng_get_caps_process() < 0)
		return lock_in_fail("reading capabilities", EPERM);
	/* the bounding set can be cut only by who may; no_new_privs makes it meaningless anyway */
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		set = CAPNG_SELECT_BOTH;
	if (kept >= 0 && !capng_have_capability(CAPNG_PERMITTED, (unsigned)kept))
		kept = -1;
	capng_clear(set);
	if (kept >= 0 && capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
				      (unsigned)kept) < 0)
		return lock_in_fail("keeping a capability", EPERM);
	if (capng_apply(set) < 0)
		return lock_in_fail("dropping capabilities", EPERM);
	if (capng_get_caps_process() < 0 || !has_only(kept))
		return lock_in_fail("capabilities remain", EPERM);
	return 0;
}

static int set_process_flags(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return lock_in_fail("PR_SET_NO_NEW_PRIVS", errno);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return lock_in_fail("PR_SET_DUMPABLE", errno);
	/* a daemon that ended before this line has closed its end of the socket: the loop sees that */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return lock_in_fail("PR_SET_PDEATHSIG", errno);
	return 0;
}

static int add_calls(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int call = seccomp_syscall_resolve_name(names[i]);
		int r = call < 0 ? 0 : seccomp_rule_add(filter, action, call, 0);

		/* -EEXIST: named before; of a refused call: this build allows it */
		if (r < 0 && r != -EEXIST)
			return lock_in_fail(names[i], -r);
	}
	return 0;
}

int lock_in_allow_reading(scmp_filter_ctx filter)
{
	const uint64_t mask = O_ACCMODE | O_CREAT | O_TRUNC;
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
				 SCMP_A2(SCMP_CMP_MASKED_EQ, mask, O_RDONLY));

	return r < 0 ? lock_in_fail("openat", -r) : 0;
}

static int load_filter(const struct lock_in *settings)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!filter)
		return lock_in_fail("seccomp_init", ENOMEM);
	r = add_calls(filter, SCMP_ACT_ALLOW, common_calls, ARRAY_SIZE(common_calls));
	if (r == 0)
		r = add_calls(filter, SCMP_ACT_ALLOW, settings->allowed_calls,
			      settings->n_allowed);
	if (r == 0)
		r = add_calls(filter, SCMP_ACT_ERRNO(EPERM), settings->refused_calls,
			      settings->n_refused);
	if (r == 0 && settings->add_rules)
		r = settings->add_rules(filter);
	if (r == 0) {
		r = seccomp_load(filter);
		if (r < 0)
			r = lock_in_fail("seccomp_load", -r);
	}
	seccomp_release(filter);
	return r;
}

int lock_in_check_socket(void)
{
	int type = 0, domain = 0;
	socklen_t type_size = sizeof(type), domain_size = sizeof(domain);

	if (getsockopt(WORKER_SOCKET_FD, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0 ||
	    getsockopt(WORKER_SOCKET_FD, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) < 0 ||
	    type != SOCK_SEQPACKET || domain != AF_UNIX) {
		log_error("file descriptor 3 is not a SOCK_SEQPACKET socket: "
			  "this program is started by smtpguardd");
		return -ENOTSOCK;
	}
	return 0;
}

int lock_in(const struct lock_in *settings)
{
	int r = close_inherited();

	if (r == 0)
		r = set_limits(settings);
	if (r == 0)
		r = drop_capabilities(settings->capability);
	if (r == 0)
		r = set_process_flags();
	if (r == 0)
		r = load_filter(settings);
	return r;
}
