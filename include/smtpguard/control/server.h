/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket (SPEC 10): one command per line in, one JSON document on one line out. Over-long
 * lines, clients that do not read, and clients beyond max_clients are dropped and counted; nobody else
 * waits. Changing verbs need uid 0, or the configured group among the peer's groups (SO_PEERCRED, and
 * SO_PEERGROUPS where the kernel has it).
 */
#pragma once

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "smtpguard/control/report.h"

/* What the socket can set off outside of the guard. All run in the event loop and must be brief. */
struct control_actions {
	/* Reads the configuration again. 0, or < 0 with every problem in *ret_problems (one a line,
	 * escaped; the caller frees it; may be NULL): then nothing was changed. */
	int (*reload)(void *userdata, char **ret_problems);
	/* Removes the table from the kernel; bans are not enforced until the next reload. 0 or -errno. */
	int (*remove_table)(void *userdata);
	/* Observe or enforce from now on, whatever the file says, until the next such order or the
	 * daemon's end. 0 or -errno: then nothing was changed. */
	int (*set_mode)(void *userdata, bool observe);
	void *userdata;
};

struct control_settings {
	const char *path;
	gid_t group; /* may change things; (gid_t)-1: uid 0 only */
	unsigned max_clients;
	struct control_actions actions;
};

struct control_server;

/*
 * Creates and binds the socket (mode 0660, group as configured), replacing a stale one. Separate from
 * serving, because it happens before privileges are dropped. The path's directory must exist. *ret_fd
 * is the caller's. -EADDRINUSE: somebody answers there; -EEXIST: the path is no socket; -ENAMETOOLONG.
 */
int control_socket_open(const struct control_settings *settings, int *ret_fd) MUST_CHECK;

/*
 * Takes fd when it succeeds. inputs and settings are borrowed until free; of settings, path and
 * max_clients count as they are now, group and actions as they are when needed.
 */
int control_server_new(struct control_server **ret_server, sd_event *event, int fd,
		       const struct control_settings *settings,
		       const struct report_inputs *inputs) MUST_CHECK;
/* Also removes the socket file, if it is still this server's. */
struct control_server *control_server_free(struct control_server *server);

/*
 * Keeps a decision for `explain`, and sends it to all subscribers of `events`. May be called from inside
 * a command's work (the guard's sink).
 */
void control_server_publish(struct control_server *server, const struct guard_op *op);
