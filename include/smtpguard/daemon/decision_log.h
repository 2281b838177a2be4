/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the journal tells, each in one line with structured fields (SPEC 5; docs/protocol.md lists them). */
#pragma once

#include "smtpguard/ledger/ledger.h"
#include "smtpguard/policy/guard.h"

/* op->type is GUARD_OP_DECISION. */
void decision_log(const struct guard_op *op);
/* An account was newly used from many networks. */
void account_alert_log(const struct ledger_account_alert *alert);
