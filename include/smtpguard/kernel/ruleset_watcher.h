/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sees what others do to our table: follows the kernel's nf_tables notifications
 * (NFNLGRP_NFTABLES). Each transaction ends in NEWGEN with the pid of its author (FACTS 5.3). A
 * transaction is our own if this process's first thread, which must be the one that makes the
 * watcher, committed it, by whatever socket: the kernel tells us our number at start, so this holds
 * in a pid namespace too. Everything else is foreign. A foreign transaction that touches table inet
 * smtpguard, or a loss of notifications, is reported once, after a short calm (50 ms without
 * another one, at most 300 ms after the first). Needs CAP_NET_ADMIN.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "smtpguard/base/clock.h"
#include "smtpguard/base/compiler.h"

struct ruleset_change {
	bool lost_notifications; /* what happened is not known */
	bool bans;		 /* elements of banned4 or banned6 came or went */
	bool ruleset; /* anything else of the table: an audit of the ban sets does not find it */
	uint32_t transactions; /* foreign ones that touched our table since the last report */
	uint32_t author_pid;   /* of the last one, in the host's first pid namespace; 0: unknown */
	char author[64];       /* its thread's name, escaped; empty: unknown */
};

struct ruleset_watcher_stats {
	uint64_t own, foreign, foreign_ours,
		losses; /* transactions; foreign_ours touched our table */
};

struct ruleset_watcher;

/*
 * The handler must not free the watcher. -EOPNOTSUPP: this kernel does not name the author of a
 * transaction, so that our own changes would look like foreign ones.
 */
int ruleset_watcher_new(struct ruleset_watcher **ret_watcher, sd_event *event,
			void (*changed)(void *userdata, const struct ruleset_change *change),
			void *userdata) MUST_CHECK;
struct ruleset_watcher *ruleset_watcher_free(struct ruleset_watcher *watcher);
void ruleset_watcher_stats(const struct ruleset_watcher *watcher,
			   struct ruleset_watcher_stats *ret_stats);
