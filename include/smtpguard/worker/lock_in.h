/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a worker program locks itself in, step by step: inherited descriptors, limits, capabilities,
 * process flags, and the filter of system calls. What every worker needs is in the filter: memory,
 * time, signals, reading and writing of open files and of its socket, exit; the rest is the worker's own
 * list. Every step logs what failed and returns -errno: the caller must end, and never go on without it.
 */
#pragma once

#include <seccomp.h>
#include <stddef.h>

#include "smtpguard/base/compiler.h"

struct lock_in {
	unsigned files_max;	    /* RLIMIT_NOFILE */
	size_t address_space_bytes; /* RLIMIT_AS; not under AddressSanitizer */
	int capability;		    /* kept if it is there, as CAP_..; -1: none */
	/* Besides the common ones. Names: what an architecture or an older library does not have is left
	 * out. */
	const char *const *allowed_calls;
	size_t n_allowed;
	const char *const *refused_calls; /* fail with EPERM; all others end the process */
	size_t n_refused;
	/* Rules with conditions on arguments. 0 or -errno. May be NULL. */
	int (*add_rules)(scmp_filter_ctx filter);
};

/* Before it: descriptor WORKER_SOCKET_FD is a socket of the kind that the daemon makes. -ENOTSOCK, logged. */
int lock_in_check_socket(void) MUST_CHECK;
int lock_in(const struct lock_in *settings) MUST_CHECK;

/* For add_rules: opening files to read, and nothing else. */
int lock_in_allow_reading(scmp_filter_ctx filter) MUST_CHECK;
/* For add_rules: logs what failed; error is an errno. Returns -error. */
int lock_in_fail(const char *what, int error);
