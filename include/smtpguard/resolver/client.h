/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's side of smtpguard-resolver: starts the worker (posix_spawn, socketpair on fd 3, no
 * inherited descriptors, ambient capabilities cleared first), sends questions, hands out answers, and
 * starts it again with growing pauses (0.1 s to 30 s) when it ends or misbehaves. Never waits.
 */
#pragma once

#include <systemd/sd-event.h>

#include "smtpguard/base/compiler.h"
#include "smtpguard/policy/reverse_dns.h"

enum {
	RESOLVER_BUSY = 1,    /* the worker does not take more now */
	RESOLVER_ABSENT = 2,  /* no worker at the moment */
};

struct resolver_settings {
	const char *program;   /* path of smtpguard-resolver */
	usec_t deadline;       /* for one lookup, all questions together */
	unsigned tries;	       /* per server and question */
	const char *servers;   /* "ADDR[:PORT],.."; NULL or empty: /etc/resolv.conf */
	unsigned max_in_flight;
};

struct resolver_handlers {
	void (*answer)(void *userdata, const struct name_answer *answer);
	/* The worker went away: nothing that was asked will be answered. */
	void (*gone)(void *userdata);
	void *userdata;
};

struct resolver_stats {
	bool running;
	uint64_t starts;     /* of the worker */
	uint64_t bad_messages;
	uint64_t busy;	     /* RESOLVER_BUSY answers */
};

struct resolver_client;

/* settings' strings and handlers are copied or borrowed until free; the worker is started at once. */
int resolver_client_new(struct resolver_client **ret_client, sd_event *event,
			const struct resolver_settings *settings,
			const struct resolver_handlers *handlers) MUST_CHECK;
struct resolver_client *resolver_client_free(struct resolver_client *client);

/* 0, RESOLVER_BUSY, RESOLVER_ABSENT, or -errno. */
int resolver_client_ask(struct resolver_client *client, const struct address *address) MUST_CHECK;
void resolver_client_stats(const struct resolver_client *client, struct resolver_stats *ret_stats);
