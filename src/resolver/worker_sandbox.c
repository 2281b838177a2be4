// SPDX-License-Identifier: GPL-2.0-or-later
#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "smtpguard/base/log.h"
#include "smtpguard/wire/resolver_message.h"
#include "worker_priv.h"

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

#define ADDRESS_SPACE_BYTES (256u << 20)
#define FILES_MAX 128

#if WITH_ASAN
/* The leak check attaches to its own process from a new one: nothing that a sandbox allows. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

/* Names, not numbers: what an architecture or an older library does not have is left out. */
static const char *const allowed_calls[] = {
	"read", "readv", "write", "writev", "close", "fstat", "fstat64", "stat", "stat64", "lstat",
	"newfstatat", "fstatat64", "statx", "lseek", "_llseek", "fcntl", "fcntl64", "poll", "ppoll",
	"ppoll_time64", "connect", "bind", "getsockname", "getpeername", "getsockopt", "setsockopt",
	"sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "shutdown", "mmap", "mmap2", "mremap",
	"munmap", "mprotect", "madvise", "brk", "futex", "futex_time64", "rt_sigaction",
	"rt_sigprocmask", "rt_sigreturn", "sigreturn", "restart_syscall", "clock_gettime",
	"clock_gettime64", "clock_getres", "gettimeofday", "time", "getrandom", "getpid", "getppid",
	"gettid", "getuid", "geteuid", "getgid", "getegid", "uname", "exit", "exit_group",
#if WITH_ASAN
	"sigaltstack", "sched_yield", "sched_getaffinity", "readlink", "readlinkat", "getrlimit",
	"prlimit64", "prctl", "dup", "nanosleep", "clock_nanosleep", "getcwd",
#endif
};

/* Asked for by the libraries here and there, and not missed by them. */
static const char *const refused_calls[] = {
	"ioctl", "sysinfo", "getrlimit", "prlimit64", "sched_getaffinity", "prctl", "access",
	"faccessat", "faccessat2", "readlink", "readlinkat", "getdents64", "getcwd",
};

static int fail(const char *what, int error)
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
			return fail("RLIMIT_NOFILE", errno);
		for (rlim_t fd = RESOLVER_SOCKET_FD + 1; fd < limit.rlim_cur; fd++)
			close((int)fd);
		return 0;
	}
	while ((entry = readdir(directory))) {
		long fd = strtol(entry->d_name, NULL, 10);

		if (fd > RESOLVER_SOCKET_FD && fd != dirfd(directory))
			close((int)fd);
	}
	closedir(directory);
	return 0;
}

static int set_limit(__rlimit_resource_t resource, rlim_t value, const char *name)
{
	struct rlimit limit = { value, value };

	if (setrlimit(resource, &limit) < 0)
		return fail(name, errno);
	return 0;
}

/* No RLIMIT_NPROC: it does not bind root, and counts the daemon too; the filter knows no clone. */
static int set_limits(void)
{
	struct stat st;
	int r = set_limit(RLIMIT_NOFILE, FILES_MAX, "RLIMIT_NOFILE");

	if (r == 0)
		r = set_limit(RLIMIT_CORE, 0, "RLIMIT_CORE");
	/* a log in a file is the one thing it may write */
	if (r == 0 && (fstat(STDERR_FILENO, &st) < 0 || !S_ISREG(st.st_mode)))
		r = set_limit(RLIMIT_FSIZE, 0, "RLIMIT_FSIZE");
	if (r == 0 && !WITH_ASAN)
		r = set_limit(RLIMIT_AS, ADDRESS_SPACE_BYTES, "RLIMIT_AS");
	return r;
}

static int drop_capabilities(void)
{
	capng_select_t set = CAPNG_SELECT_CAPS;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return fail("ambient capabilities", errno);
	if (capng_get_caps_process() < 0)
		return fail("reading capabilities", EPERM);
	/* the bounding set can be cut only by who may; no_new_privs makes it meaningless anyway */
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		set = CAPNG_SELECT_BOTH;
	capng_clear(set);
	if (capng_apply(set) < 0)
		return fail("dropping capabilities", EPERM);
	if (capng_get_caps_process() < 0 ||
	    capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE)
		return fail("capabilities remain", EPERM);
	return 0;
}

static int set_process_flags(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail("PR_SET_NO_NEW_PRIVS", errno);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return fail("PR_SET_DUMPABLE", errno);
	/* a daemon that ended before this line has closed its end of the socket: the loop sees that */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return fail("PR_SET_PDEATHSIG", errno);
	return 0;
}

static int add_calls(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int call = seccomp_syscall_resolve_name(names[i]);
		int r = call < 0 ? 0 : seccomp_rule_add(filter, action, call, 0);

		/* -EEXIST: a refused call that this build allows */
		if (r < 0 && r != -EEXIST)
			return fail(names[i], -r);
	}
	return 0;
}

static int add_socket_rules(scmp_filter_ctx filter)
{
	static const int families[] = { AF_INET, AF_INET6 };
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM };
	static const int refused[] = { AF_UNIX, AF_NETLINK };
	const uint64_t type_mask = ~(uint64_t)(SOCK_CLOEXEC | SOCK_NONBLOCK);
	int r = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(families) * ARRAY_SIZE(types) && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i / 2]),
				     SCMP_A1(SCMP_CMP_MASKED_EQ, type_mask,
					     (scmp_datum_t)types[i % 2]));
	/* the C library tries these for the journal and for interface names, and does without */
	for (unsigned i = 0; i < ARRAY_SIZE(refused) && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)refused[i]));
	return r < 0 ? fail("socket", -r) : 0;
}

/* Reading only: resolv.conf is read again when it changes. */
static int add_open_rules(scmp_filter_ctx filter)
{
	const uint64_t mask = O_ACCMODE | O_CREAT | O_TRUNC;
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
				 SCMP_A2(SCMP_CMP_MASKED_EQ, mask, O_RDONLY));

	return r < 0 ? fail("openat", -r) : 0;
}

static int load_filter(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!filter)
		return fail("seccomp_init", ENOMEM);
	r = add_calls(filter, SCMP_ACT_ALLOW, allowed_calls, ARRAY_SIZE(allowed_calls));
	if (r == 0)
		r = add_calls(filter, SCMP_ACT_ERRNO(EPERM), refused_calls,
			      ARRAY_SIZE(refused_calls));
	if (r == 0)
		r = add_socket_rules(filter);
	if (r == 0)
		r = add_open_rules(filter);
	if (r == 0) {
		r = seccomp_load(filter);
		if (r < 0)
			r = fail("seccomp_load", -r);
	}
	seccomp_release(filter);
	return r;
}

int sandbox_enter(void)
{
	int r = close_inherited();

	if (r == 0)
		r = set_limits();
	if (r == 0)
		r = drop_capabilities();
	if (r == 0)
		r = set_process_flags();
	if (r == 0)
		r = load_filter();
	return r;
}
