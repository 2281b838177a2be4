/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the elements of our ban sets in the running daemon, piece by piece (one netlink datagram,
 * at most 32 KiB, per turn of the event loop), so that the wanted state can be compared with the
 * kernel's. One audit reads banned4, then banned6. Never waits.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "smtpguard/base/clock.h"
#include "smtpguard/base/compiler.h"
#include "smtpguard/wire/nft_batch.h"

/* They must not free the auditor. */
struct set_auditor_handlers {
	void (*begin)(void *userdata);
	void (*element)(void *userdata, const struct nft_element *element);
	/* table_missing: a set, or the table, is not there. complete: false if somebody, we
	 * included, committed a transaction while a set was read (NLM_F_DUMP_INTR, or another
	 * generation), or the reading failed: nothing may be concluded from an element that was not
	 * seen. The same element may then have been told twice. */
	void (*end)(void *userdata, bool table_missing, bool complete);
	void *userdata;
};

#define SET_AUDITOR_COUNTED_MAX 32

struct set_auditor_stats {
	uint64_t audits, incomplete, elements;
};

struct set_auditor;

/* interval: pause between two audits. */
int set_auditor_new(struct set_auditor **ret_auditor, sd_event *event, usec_t interval,
		    const struct set_auditor_handlers *handlers) MUST_CHECK;
/* A running audit ends without a word. */
struct set_auditor *set_auditor_free(struct set_auditor *auditor);
/*
 * Sets whose elements are only counted, after the ban sets: how full the ceilings are. Replaces the ones
 * before; names are copied, at most SET_AUDITOR_COUNTED_MAX of less than SET_AUDITOR_NAME_MAX bytes.
 */
#define SET_AUDITOR_NAME_MAX 40
void set_auditor_count_sets(struct set_auditor *auditor, const char *const *names, unsigned n);
/* Elements of a counted set when it was last read; 0 before that, and for an unknown name. */
uint32_t set_auditor_count(const struct set_auditor *auditor, const char *name);
void set_auditor_stats(const struct set_auditor *auditor, struct set_auditor_stats *ret_stats);
