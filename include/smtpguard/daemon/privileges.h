/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemon may do: CAP_NET_ADMIN and nothing else (FACTS 5.8: it is checked at every netlink
 * request, so it stays in force). Started by hand as root it keeps its uid, but root's powers end here,
 * for the programs it starts too.
 */
#pragma once

#include "smtpguard/base/compiler.h"

/* -EPERM: CAP_NET_ADMIN is not there. After an error nothing may be taken for given: exit. */
int privileges_drop(void) MUST_CHECK;
