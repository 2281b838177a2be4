// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <sys/socket.h>

#include "smtpguard/worker/lock_in.h"
#include "worker_priv.h"

static const char *const allowed_calls[] = {
	"connect", "bind", "getsockname", "getpeername", "getsockopt", "setsockopt", "sendmmsg",
	"shutdown", "uname",
};

/* Asked for by the libraries here and there, and not missed by them. */
static const char *const refused_calls[] = {
	"ioctl", "sysinfo", "getrlimit", "prlimit64", "sched_getaffinity", "prctl", "access",
	"faccessat", "faccessat2", "readlink", "readlinkat", "getdents64", "getcwd",
};

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
	return r < 0 ? lock_in_fail("socket", -r) : 0;
}

static int add_rules(scmp_filter_ctx filter)
{
	int r = add_socket_rules(filter);

	/* resolv.conf is read again when it changes */
	return r < 0 ? r : lock_in_allow_reading(filter);
}

int sandbox_enter(void)
{
	static const struct lock_in settings = {
		.files_max = 128,
		.address_space_bytes = 256u << 20,
		.capability = -1,
		.allowed_calls = allowed_calls,
		.n_allowed = ARRAY_SIZE(allowed_calls),
		.refused_calls = refused_calls,
		.n_refused = ARRAY_SIZE(refused_calls),
		.add_rules = add_rules,
	};

	return lock_in(&settings);
}
