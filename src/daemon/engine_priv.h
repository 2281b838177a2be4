/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine's insides: engine.c wires the loop, engine_table.c sets the kernel's table up at start. */
#pragma once

#include <sys/utsname.h>
#include <systemd/sd-event.h>

#include "smtpguard/control/server.h"
#include "smtpguard/daemon/engine.h"
#include "smtpguard/kernel/address_watcher.h"
#include "smtpguard/kernel/conntrack_source.h"
#include "smtpguard/kernel/set_writer.h"
#include "smtpguard/policy/guard.h"
#include "smtpguard/resolver/client.h"

struct engine {
	const struct config *config;
	sd_event *event;
	struct guard *guard;
	struct address_watcher *addresses;
	struct conntrack_source *conntrack;
	struct set_writer *writer;
	struct resolver_client *resolver;
	struct control_server *control;
	struct control_settings control_settings;
	struct report_inputs inputs;
	struct kernel_facts kernel;
	struct utsname uname;
	sd_event_source *tick, *turn_end, *watchdog;
	usec_t tick_at, watchdog_interval;
	struct address *unasked; /* max_in_flight: questions the resolver did not take this turn */
	unsigned n_unasked, n_adopted;
	bool ready;
};

/*
 * Reads the bans of an earlier run, adopts them, and replaces the table in one transaction with those
 * bans in it. Logs what goes wrong.
 */
int engine_load_table(struct engine *engine) MUST_CHECK;
