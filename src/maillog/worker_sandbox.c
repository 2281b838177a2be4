// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/capability.h>

#include "smtpguard/worker/lock_in.h"
#include "worker_priv.h"

static const char *const allowed_calls[] = {
	"pread64",	     "getdents",	 "getdents64",	    "inotify_init1",
	"inotify_add_watch", "inotify_rm_watch",
};

/* Asked for by the C library here and there, and not missed by it. */
static const char *const refused_calls[] = {
	"socket", "ioctl", "sysinfo", "getrlimit", "prlimit64", "prctl", "access", "faccessat",
	"faccessat2", "readlink", "readlinkat", "getcwd", "uname",
};

int sandbox_enter(void)
{
	static const struct lock_in settings = {
		.files_max = 64,
		.address_space_bytes = 128u << 20,
		.capability = CAP_DAC_READ_SEARCH,
		.allowed_calls = allowed_calls,
		.n_allowed = ARRAY_SIZE(allowed_calls),
		.refused_calls = refused_calls,
		.n_refused = ARRAY_SIZE(refused_calls),
		.add_rules = lock_in_allow_reading,
	};

	return lock_in(&settings);
}
