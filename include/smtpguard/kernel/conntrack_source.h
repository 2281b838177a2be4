/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conntrack as a stream of struct ct_event: events of guarded ports only (filtered in the kernel by a
 * classic BPF program on the socket), dumps on a socket of their own, and the rule that joins them:
 * listen first, then dump; after a loss enlarge the buffer and dump again, delayed; dump every 60 s.
 * FACTS 5.1, 5.2. Needs CAP_NET_ADMIN.
 */
#pragma once

#include <systemd/sd-event.h>

#include "smtpguard/base/clock.h"
#include "smtpguard/base/compiler.h"
#include "smtpguard/track/ct_event.h"

struct conntrack_settings {
	const uint16_t *ports; /* local ports, copied */
	unsigned n_ports;
	usec_t reconcile_interval; /* 60 s */
	int receive_buffer_bytes;  /* 0: 8 MiB. Doubled after each loss, up to 64 MiB */
};

struct conntrack_handlers {
	void (*event)(void *userdata, const struct ct_event *event, usec_t now);
	void (*lost)(void *userdata);
	void (*sync_begin)(void *userdata);
	void (*sync_line)(void *userdata, const struct ct_event *event, usec_t now);
	/* True: finished; false: call again. lost: an overrun happened during the dump. */
	bool (*sync_end)(void *userdata, bool lost, usec_t now);
	void *userdata;
};

struct conntrack_stats {
	uint64_t events;	 /* messages of guarded ports received */
	uint64_t malformed;	 /* messages that could not be read */
	uint64_t losses;	 /* ENOBUFS: each stands for an unknown number of events */
	uint64_t dumps, dump_lines, dump_failures;
	uint64_t resyncs;	 /* dumps because of a loss */
	usec_t last_sync;	 /* end of the last complete dump; 0: none yet */
	uint32_t receive_buffer_bytes;
};

struct conntrack_source;

int conntrack_source_new(struct conntrack_source **ret_source, sd_event *event,
			 const struct conntrack_settings *settings,
			 const struct conntrack_handlers *handlers) MUST_CHECK;
struct conntrack_source *conntrack_source_free(struct conntrack_source *source);
/* Guards other ports from now on; connections to new ones come with the next dump. */
int conntrack_source_set_ports(struct conntrack_source *source, const uint16_t *ports,
			       unsigned n_ports) MUST_CHECK;
/* A dump as soon as possible. */
void conntrack_source_request_dump(struct conntrack_source *source);
void conntrack_source_stats(const struct conntrack_source *source,
			    struct conntrack_stats *ret_stats);
