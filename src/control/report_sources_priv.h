/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `sources` shows: the entries of the source table that rank highest, then what only the gate
 * knows, chosen once and handed out one by one. Entries that go away meanwhile are left out.
 */
#pragma once

#include "smtpguard/control/report.h"

struct source_selection;

/* 0, REPORT_UNKNOWN_SERVICE, -ENOMEM. */
int source_selection_new(struct source_selection **ret_selection, const struct report_inputs *inputs,
			 const struct control_command *command, usec_t now) MUST_CHECK;
struct source_selection *source_selection_free(struct source_selection *selection);
/* 0: *ret_entry is the caller's, NULL when out of memory. REPORT_LIST_END. */
int source_selection_next(struct source_selection *selection, usec_t now,
			  json_t **ret_entry) MUST_CHECK;
/* How many there were, handed out or not. */
uint64_t source_selection_total(const struct source_selection *selection);
