/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's side of a worker program: starts it (posix_spawn, a SOCK_SEQPACKET socket on fd 3, no
 * other descriptors, ambient capabilities cleared first, of the environment only JOURNAL_STREAM and TZ),
 * passes packets, and starts it again with growing pauses (0.1 s to 30 s) when it ends or misbehaves.
 * Never waits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "smtpguard/base/clock.h"
#include "smtpguard/base/compiler.h"

#define WORKER_SOCKET_FD 3
#define WORKER_ARGUMENTS_MAX 16

enum {
	WORKER_BUSY = 1,   /* it does not take more now */
	WORKER_ABSENT = 2, /* there is none at the moment */
};

struct worker_settings {
	const char *program;	      /* its path; the last part is its name in messages */
	const char *const *arguments; /* without the program's own name, NULL-terminated */
	/* The only one it is given, as CAP_..; -1: none. We need it permitted and inheritable; without, the
	 * worker starts without. */
	int capability;
	size_t packet_bytes; /* the longest it may send */
	usec_t patience; /* one that is silent for so long hangs, and is ended; 0: it may be silent */
};

struct worker_process;

/* None of them may free the process. */
struct worker_handlers {
	/* It runs now: what it must know first can be sent. < 0: that failed, it is ended without `gone`, and
	 * started again later. May be NULL. */
	int (*started)(void *userdata, struct worker_process *process);
	/* < 0: the worker is ended; -EBADMSG: and what it sent counted as malformed. */
	int (*packet)(void *userdata, const void *bytes, size_t size);
	/* It went away. */
	void (*gone)(void *userdata);
	/* Whether packets can be worked on now; asked again after 20 ms. NULL: always. */
	bool (*ready)(void *userdata);
	void *userdata;
};

struct worker_stats {
	bool running;
	uint64_t starts;
	uint64_t bad_messages;
	uint64_t busy; /* WORKER_BUSY answers */
};

/* Settings are copied, handlers' userdata is borrowed until free; the worker is started at once, and
 * `started` called before this returns. A worker that cannot be started is tried again, no error.
 * -E2BIG: more than WORKER_ARGUMENTS_MAX. */
int worker_process_new(struct worker_process **ret_process, sd_event *event,
		       const struct worker_settings *settings,
		       const struct worker_handlers *handlers) MUST_CHECK;
/* Ends it; no handler is called. */
struct worker_process *worker_process_free(struct worker_process *process);
/* 0, WORKER_BUSY, WORKER_ABSENT, or -errno. */
int worker_process_send(struct worker_process *process, const void *bytes, size_t size) MUST_CHECK;
void worker_process_stats(const struct worker_process *process, struct worker_stats *ret_stats);
