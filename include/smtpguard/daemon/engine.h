/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wiring: the only place that connects the rooms. Events of the kernel, the resolver, the clock and
 * the control socket go into the guard; the guard's ops go to the set writer, the socket closer, the
 * resolver, the ledger, the journal and the subscribers. No decision is taken here.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "smtpguard/base/compiler.h"
#include "smtpguard/daemon/config.h"

struct engine;

struct engine_settings {
	struct config *config;	      /* taken, also when engine_new() fails */
	const char *config_path;      /* borrowed: where a reload reads */
	bool observe;		      /* as config_load(): of the command line */
	const char *resolver_program, *maillog_program; /* borrowed */
	int receive_buffer_bytes;     /* of the conntrack socket; 0: the default */
	int control_fd;		      /* a listening socket; taken */
	gid_t control_group;
};

/*
 * Restores the ledger's bans, adopts those it finds in the kernel, replaces the table, starts to
 * listen. Problems are logged where they are found. Signals SIGCHLD, SIGTERM, SIGINT and SIGHUP must be
 * blocked by the caller.
 */
int engine_new(struct engine **ret_engine, const struct engine_settings *settings) MUST_CHECK;
struct engine *engine_free(struct engine *engine);

/* Until SIGTERM or SIGINT: 0. Otherwise -errno. Bans stay in the kernel either way. */
int engine_run(struct engine *engine) MUST_CHECK;
