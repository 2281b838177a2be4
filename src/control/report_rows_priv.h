/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `history`, `peaks`, `auth-failures` and `accounts` show: a copy of the ledger's answer, handed out
 * row by row.
 */
#pragma once

#include "smtpguard/control/report.h"

struct ledger_rows;

/* What `auth-failures` is grouped by: as the command says, or by account. */
unsigned ledger_rows_by(const struct control_command *command);

/* answer->error is 0. -ENOMEM. */
int ledger_rows_new(struct ledger_rows **ret_rows, const struct control_command *command,
		    const struct ledger_answer *answer) MUST_CHECK;
struct ledger_rows *ledger_rows_free(struct ledger_rows *rows);
/* 0: *ret_entry is the caller's, NULL when out of memory. REPORT_LIST_END. */
int ledger_rows_next(struct ledger_rows *rows, json_t **ret_entry) MUST_CHECK;
/* How many match, handed out or not. */
uint64_t ledger_rows_total(const struct ledger_rows *rows);
