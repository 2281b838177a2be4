/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One journal line per decision, with structured fields (SPEC 5; docs/protocol.md lists them). */
#pragma once

#include "smtpguard/policy/guard.h"

/* op->type is GUARD_OP_DECISION. */
void decision_log(const struct guard_op *op);
