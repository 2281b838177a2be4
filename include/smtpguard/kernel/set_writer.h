/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts bans, trusted sources and the gate's elements into the kernel's sets of table inet smtpguard:
 * they are collected during one turn of the event loop and sent as one libnftnl batch (one
 * transaction).
 *
 * Every change is safe whether or not the element exists, and refreshes timeouts on kernels before
 * 6.12: add, delete, add in one batch (FACTS 5.3). A batch that fails is tried again element by element,
 * so that one bad element does not take others with it. Needs CAP_NET_ADMIN.
 */
#pragma once

#include <systemd/sd-event.h>

#include "smtpguard/base/address.h"
#include "smtpguard/base/clock.h"
#include "smtpguard/base/compiler.h"
#include "smtpguard/wire/nft_batch.h"

struct set_writer_handlers {
	/* The kernel's answer for a ban that was to be added. */
	void (*result)(void *userdata, const struct prefix *prefix, bool enforced);
	void *userdata;
};

struct set_writer_stats {
	uint64_t batches, elements_added, elements_deleted;
	uint64_t failed_batches, refused_elements;
	int last_error;	     /* -errno of the last refused element; 0: none */
	usec_t last_latency; /* of the last batch, from its first element to the kernel's answer */
};

struct set_writer;

int set_writer_new(struct set_writer **ret_writer, sd_event *event,
		   const struct set_writer_handlers *handlers) MUST_CHECK;
struct set_writer *set_writer_free(struct set_writer *writer);

/* timeout USEC_NEVER: none. comment: at most 127 bytes, already escaped; copied. */
void set_writer_add(struct set_writer *writer, enum nft_set set, const struct prefix *prefix,
		    usec_t timeout, const char *comment);
void set_writer_delete(struct set_writer *writer, enum nft_set set, const struct prefix *prefix);
/* Into the set gated_ports: until then packets to the port wait for the queue's verdict. */
void set_writer_add_port(struct set_writer *writer, uint16_t port, usec_t timeout);
/* Forgets what is collected: a whole table with all of it is about to be loaded. */
void set_writer_discard(struct set_writer *writer);
/* Sends what is collected, now. Also happens by itself at the end of each loop turn. */
void set_writer_flush(struct set_writer *writer);
void set_writer_stats(const struct set_writer *writer, struct set_writer_stats *ret_stats);
