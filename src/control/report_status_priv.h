/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything `status` speaks of, gathered once: the numbers and the sentences made of them agree.
 */
#pragma once

#include "smtpguard/control/report.h"

#define STATUS_TEXT_MAX 400

struct service_facts { /* sources with connections, at this moment */
	uint64_t connections, half_open, sources;
	uint64_t standings[STANDINGS];
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
	struct service_facts services[SERVICES_MAX];
	uint64_t bans_enforced;
	usec_t sync_age; /* since the last complete dump, if there was one */
	bool has_writer;
};

/* One sentence for each doubt or degradation. NULL when out of memory. */
json_t *status_problems(const struct status_facts *facts);
