/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything `status` and `metrics` speak of, gathered once: the numbers and the sentences made of them
 * agree.
 */
#pragma once

#include "smtpguard/control/report.h"
#include "smtpguard/kernel/ruleset.h"

#define STATUS_TEXT_MAX 400

struct service_facts { /* sources with connections, at this moment */
	uint64_t connections, half_open, sources;
	uint64_t standings[STANDINGS];
	uint32_t ceiling_sources; /* of the fuller family, at the last audit */
};

struct status_facts {
	const struct guard_settings *settings;
	const struct kernel_facts *kernel;
	struct guard_stats guard;
	struct name_table_stats names;
	struct source_table_stats sources;
	struct conntrack_stats conntrack;
	struct set_writer_stats writer;
	struct resolver_stats resolver;
	struct socket_closer_stats closer;
	struct ruleset_watcher_stats watcher;
	struct set_auditor_stats auditor;
	struct ledger_stats ledger;
	struct reconcile_facts reconcile;
	struct gate_facts gate_facts;
	const struct allow_facts *allow; /* NULL: none are followed */
	struct gate_stats gate;
	struct packet_queue_stats queue;
	const struct mail_log_facts *mail_logs; /* NULL: none are followed */
	struct maillog_stats maillog; /* what the worker tells */
	struct mail_stats mail;	      /* what the guard made of it */
	struct service_facts services[SERVICES_MAX];
	uint64_t bans_enforced;
	uint32_t blocked, allowed; /* prefixes listed by hand */
	usec_t now;
	usec_t sync_age; /* since the last complete dump, if there was one */
	bool has_writer, has_closer, has_ledger;
};

/* report_facts.c. facts is zeroed before. */
void status_gather(const struct report_inputs *inputs, usec_t now, struct status_facts *facts);
/* Bans are put into the kernel. */
bool status_is_enforcing(const struct status_facts *facts);

/* report_upkeep.c: members of the answer. */
json_t *status_reconcile(const struct status_facts *facts);
json_t *status_closer(const struct status_facts *facts);
json_t *status_ledger(const struct status_facts *facts);

/* report_gate.c */
json_t *status_gate(const struct status_facts *facts);

/* report_mail.c */
json_t *status_mail_logs(const struct status_facts *facts);
/* Whether the log is to be followed. */
bool status_has_log(const struct status_facts *facts, enum mail_log log);

/* One sentence for each doubt or degradation. NULL when out of memory. */
json_t *status_problems(const struct status_facts *facts);
