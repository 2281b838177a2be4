/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemon may do: CAP_NET_ADMIN and nothing else (FACTS 5.8: it is checked at every netlink
 * request, so it stays in force). Started by hand as root it keeps its uid, but root's powers end here,
 * for the programs it starts too.
 *
 * CAP_DAC_READ_SEARCH, for the worker that reads the mail logs, is kept out of force: it can be passed on
 * (worker_settings.capability).
 */
#pragma once

#include <stdbool.h>

#include "smtpguard/base/compiler.h"

/* read_logs: keeps CAP_DAC_READ_SEARCH permitted and inheritable, if it is there.
 * -EPERM: CAP_NET_ADMIN is not there. After an error nothing may be taken for given: exit. */
int privileges_drop(bool read_logs) MUST_CHECK;
