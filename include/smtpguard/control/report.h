/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The documents the control socket answers with (docs/protocol.md): reads the rooms' counters and
 * tables, writes JSON. Nothing here changes anything.
 */
#pragma once

#include <jansson.h>

#include "smtpguard/control/decision_ring.h"
#include "smtpguard/kernel/conntrack_source.h"
#include "smtpguard/kernel/feature_probe.h"
#include "smtpguard/kernel/packet_queue.h"
#include "smtpguard/kernel/ruleset_watcher.h"
#include "smtpguard/kernel/set_auditor.h"
#include "smtpguard/kernel/set_writer.h"
#include "smtpguard/kernel/socket_closer.h"
#include "smtpguard/ledger/ledger.h"
#include "smtpguard/maillog/client.h"
#include "smtpguard/policy/guard.h"
#include "smtpguard/resolver/client.h"
#include "smtpguard/wire/control_line.h"

/* Facts that are settled at start; all borrowed. */
struct kernel_facts {
	const char *release;	    /* uname */
	struct kernel_features features;
	int conntrack_events_sysctl; /* nf_conntrack_events; -1: not readable */
	const char *ruleset_error;  /* NULL: the table is loaded */
};

/* What the reconciler did to the kernel's table (SPEC 6), audits not included. */
struct reconcile_facts {
	uint64_t repairs;	   /* after somebody else's change */
	uint64_t elements_restored; /* bans that were missing then */
	uint64_t elements_removed; /* elements that nobody wanted then */
	uint64_t tables_loaded;	   /* whole table, start included */
	uint64_t load_failures;
	usec_t last_repair;	   /* 0: none */
	usec_t slowest_repair;	   /* from the first notice of a change to the loaded table */
};

/* Whether the gate works. */
struct gate_facts {
	bool wanted;	 /* some service requires a name */
	const char *off; /* why it does not work although it is wanted; NULL: it works. Borrowed */
	uint64_t unreadable; /* packets that were no SYN that can be judged: accepted */
};

/* What is wrong with the allow files. */
struct allow_facts {
	char refused[256]; /* the first problem of changed files that were not taken over, escaped; empty: none */
	unsigned unreadable;  /* of cPanel's lists: there, but not to be read */
};

#define MAIL_FORGED_SHOWN 8

/* The mail logs, when they are followed. */
struct mail_log_facts {
	const struct maillog_client *client; /* NULL: not started yet, the ledger is being read */
	const char *paths[MAIL_LOGS]; /* NULL or empty: not followed. Borrowed */
	uint64_t account_alerts; /* since the start */
	bool refused; /* the ledger took not all: the logs are read again when it is healthy */
	/* The addresses and ports that the last forged line could be of (mail_stats.last_forged): the first of
	 * them, and how many there were. 0: none, or too many to be told. */
	struct mail_reading forged[MAIL_FORGED_SHOWN];
	unsigned n_forged;
};

/* Where reports read from; everything borrowed. Only version, mode_ordered, guard, gate and kernel are
 * never NULL. */
struct report_inputs {
	const char *version;
	const bool *mode_ordered; /* the mode is an operator's order, not the file's */
	usec_t started;
	struct guard *guard;
	const struct conntrack_source *conntrack;
	const struct set_writer *writer;
	const struct resolver_client *resolver;
	const struct socket_closer *closer;
	const struct ruleset_watcher *watcher;
	const struct set_auditor *auditor;
	struct ledger *ledger; /* asked, never written to */
	const struct packet_queue *queue;
	const struct gate_facts *gate;
	const struct allow_facts *allow; /* may be NULL */
	const struct mail_log_facts *mail_logs; /* NULL: mail_logs.enabled is not set */
	const struct reconcile_facts *reconcile;
	const struct kernel_facts *kernel;
};

/* The control server's own counters. */
struct control_stats {
	uint32_t clients, subscribers;
	uint64_t commands, refused_clients, long_lines, slow_clients;
	usec_t started_wall; /* inputs->started as the wall clock told it then: must not waver */
};

/* Each returns a new object (the caller decrefs it) or NULL when out of memory. */
json_t *report_status(const struct report_inputs *inputs, const struct control_stats *control,
		      usec_t now);
/* The answer to `metrics`: the same facts as text (OpenMetrics 1.0). */
json_t *report_metrics(const struct report_inputs *inputs, const struct control_stats *control,
		       usec_t now);
json_t *report_mode(const struct report_inputs *inputs);
/* source: the prefix that the address belongs to. */
json_t *report_explain(const struct report_inputs *inputs, const struct decision_ring *decisions,
		       const struct address *address, const struct prefix *source, usec_t now);
json_t *report_ban(const struct ban *ban, usec_t now);
/* Operator's entries, as the answers to `ban` and `allow add` show them. */
json_t *report_block(const struct operator_entry *entry);
json_t *report_allowed(const struct operator_entry *entry);
/* One decision, for `events`. op->type is GUARD_OP_DECISION. */
json_t *report_decision(const struct guard_op *op);
json_t *report_error(const char *code, const char *message);
/* RFC 3339; null for 0 and USEC_NEVER. */
json_t *report_time(usec_t moment);

/*
 * `sources`, `bans` (blocks after the bans), `allow list` (by hand, then from files) and the ledger's
 * `history`, `peaks`, `auth-failures` and `accounts` as a list that is made entry by entry, so that a long
 * answer takes no long turn of the event loop. Entries that go away meanwhile are left out.
 */
struct report_list;

enum {
	REPORT_LIST_END = 1,
	REPORT_UNKNOWN_SERVICE = 2,
};

/* command->prefix is a source prefix. 0, REPORT_UNKNOWN_SERVICE, -ENOMEM. */
int report_list_new(struct report_list **ret_list, const struct report_inputs *inputs,
		    const struct control_command *command, usec_t now) MUST_CHECK;
/* What the ledger answered to the command, copied: 0.5 to 1 KiB a row. -ENOMEM. */
int report_list_of_answer(struct report_list **ret_list, const struct control_command *command,
			  const struct ledger_answer *answer) MUST_CHECK;
struct report_list *report_list_free(struct report_list *list);
/* The key of the array in the answer: "sources", "bans", "allowed", "history", "peaks",
 * "auth_failures" or "accounts". */
const char *report_list_key(const struct report_list *list);
/* 0: *ret_entry is the caller's. REPORT_LIST_END, -ENOMEM. */
int report_list_next(struct report_list *list, usec_t now, json_t **ret_entry) MUST_CHECK;
/* How many entries match, shown or not; final after REPORT_LIST_END. */
uint64_t report_list_total(const struct report_list *list);
