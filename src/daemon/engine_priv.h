/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's insides: engine.c wires the loop, engine_table.c fills the kernel's table from the guard,
 * engine_reconcile.c repairs it, engine_gate.c answers the kernel's queue, engine_ledger.c speaks with the
 * ledger, engine_mail_logs.c hears of the mail logs, engine_reload.c takes a new configuration,
 * engine_allow.c follows the allow files, engine_peaks.c knows what day it is.
 */
#pragma once

#include <sys/utsname.h>
#include <systemd/sd-event.h>

#include "smtpguard/control/server.h"
#include "smtpguard/daemon/engine.h"
#include "smtpguard/kernel/address_watcher.h"
#include "smtpguard/kernel/conntrack_source.h"
#include "smtpguard/kernel/file_watcher.h"
#include "smtpguard/kernel/packet_queue.h"
#include "smtpguard/kernel/ruleset_watcher.h"
#include "smtpguard/kernel/set_auditor.h"
#include "smtpguard/kernel/set_writer.h"
#include "smtpguard/kernel/socket_closer.h"
#include "smtpguard/ledger/ledger.h"
#include "smtpguard/maillog/client.h"
#include "smtpguard/policy/guard.h"
#include "smtpguard/resolver/client.h"

struct engine {
	struct engine_settings settings;
	struct config *config; /* the one in force; owned */
	sd_event *event;
	struct guard *guard;
	struct address_watcher *addresses;
	struct conntrack_source *conntrack;
	struct set_writer *writer;
	struct socket_closer *closer;
	struct packet_queue *queue; /* NULL: no service is gated */
	struct ruleset_watcher *ruleset_watcher;
	struct set_auditor *auditor;
	struct resolver_client *resolver;
	struct maillog_client *maillog; /* NULL: not wanted, or the ledger is not read yet */
	struct ledger *ledger;
	struct control_server *control;
	struct control_settings control_settings;
	char control_path[CONFIG_PATH_MAX];
	struct report_inputs inputs;
	struct kernel_facts kernel;
	struct reconcile_facts reconcile;
	struct gate_facts gate;
	struct allow_facts allow;
	struct mail_log_facts mail_facts;
	struct log_places log_places[MAIL_LOGS]; /* as the ledger had them */
	char log_paths[MAIL_LOGS][CONFIG_PATH_MAX];
	struct ledger_fact *facts; /* of the group that is being heard */
	size_t n_facts, facts_room, facts_lost;
	struct utsname uname;
	struct file_watcher *allow_watcher;
	sd_event_source *tick, *turn_end, *watchdog, *repair, *beat, *calendar;
	usec_t tick_at, watchdog_interval;
	struct address *unasked; /* max_in_flight: questions the resolver did not take this turn */
	unsigned n_unasked;
	struct ledger_entry *put_off; /* bans of the ledger, found while observing */
	size_t n_put_off;
	struct prefix_set *ended; /* sources whose last ban did not run out: old elements of theirs go */
	char moved_aside[256]; /* the damaged ledger that the journal was told of */
	char why[512];		  /* the kernel took no ruleset: its words */
	char gate_off[128];
	usec_t change_noticed;	  /* of the repair that is due; 0: none */
	usec_t repairs[8];	  /* the last ones, for the brake */
	unsigned next_repair;
	bool list_dirty[GUARD_LISTS];
	bool mode_ordered, ordered_observe; /* an operator's order outlasts reloads */
	bool ready, table_removed, ledger_loaded, ledger_troubled;
	bool repair_due; /* the table will be loaded with everything in it: no single writes meanwhile */
};

/* engine_table.c */
/* Reads the bans of an earlier run and adopts those that the ledger does not know better. */
int engine_adopt(struct engine *engine) MUST_CHECK;
/* Replaces the table by the wanted one, in one transaction. A failure is logged, kept for reports, and
 * makes the guard observe until a later try works. */
int engine_load_table(struct engine *engine);
void engine_write_lists(struct engine *engine);
/* Whether single elements may be written: the table is there, and not about to be replaced. */
bool engine_may_write(const struct engine *engine);
void engine_read_kernel_facts(struct engine *engine);

/* engine_gate.c */
#define ENGINE_GATE_ALIVE (3 * USEC_PER_SEC) /* how long ports stay gated without a beat */
/* Opens the queue if a service wants it; a failure is logged and shown, and the service is not gated. */
void engine_open_gate(struct engine *engine);
/* What waits passes. */
void engine_close_gate(struct engine *engine);
bool engine_gates(const struct engine *engine, const struct service_settings *service);
void engine_give_verdict(struct engine *engine, const struct guard_op *op);
void engine_change_gate_set(struct engine *engine, const struct guard_op *op);

/* engine_reconcile.c */
int engine_start_reconciler(struct engine *engine) MUST_CHECK;
/* Loads the table again soon. */
void engine_schedule_repair(struct engine *engine, usec_t delay);

/* engine_ledger.c */
int engine_start_ledger(struct engine *engine) MUST_CHECK;
void engine_record(struct engine *engine, const struct guard_op *op);
void engine_record_ban(struct engine *engine, const struct ban *ban);
/* The bans that were not wanted while the program only observed. */
void engine_restore_put_off(struct engine *engine);

/* engine_mail_logs.c */
/* Before the ledger is opened. */
void engine_name_mail_logs(struct engine *engine);
/* If it is wanted and the ledger is loaded; without effect when it was done. */
int engine_start_mail_logs(struct engine *engine) MUST_CHECK;
/* Of the ledger's handlers. */
void engine_take_log_places(void *userdata, const struct log_places *places);
/* What a ledger in trouble did not take: it is healthy again. */
void engine_read_refused_again(struct engine *engine);
void engine_tell_account_alert(void *userdata, const struct ledger_account_alert *alert);

/* engine_reload.c: control actions, see control/server.h. */
int engine_reload(void *userdata, char **ret_problems);
int engine_remove_table(void *userdata);
int engine_set_mode(void *userdata, bool observe);

/* engine_allow.c */
/* After a configuration came into force: what is wrong with its lists is shown. */
void engine_note_allow_files(struct engine *engine);
int engine_start_allow_watcher(struct engine *engine) MUST_CHECK;
/* Those of the configuration in force. */
void engine_follow_allow_files(struct engine *engine);
void engine_log_warnings(const struct config *config);

/* engine_peaks.c */
int engine_start_calendar(struct engine *engine) MUST_CHECK;
void engine_note_peak(struct engine *engine, const struct guard_op *op);
