/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process.c (the loop's side of a worker) starts it through process_spawn.c. */
#pragma once

#include <sys/types.h>

#include "smtpguard/base/compiler.h"
#include "smtpguard/worker/process.h"

struct worker_program {
	char *arguments[WORKER_ARGUMENTS_MAX + 2]; /* [0]: the program's path; NULL-terminated */
	const char *name;			   /* the last part of the path */
	int capability;				   /* as CAP_..; -1: none */
};

/* *ret_fd: our end of the worker's socket. -errno. */
int worker_spawn(const struct worker_program *program, int *ret_fd, pid_t *ret_pid) MUST_CHECK;
