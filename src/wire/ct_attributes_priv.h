/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libmnl/libmnl.h>

#include "smtpguard/base/compiler.h"

/*
 * The TCP state in CTA_PROTOINFO. -ENODATA: there is none, as in DESTROY before Linux 6.1 (FACTS 5.1);
 * -EBADMSG.
 */
int ct_tcp_state(const struct nlattr *protoinfo, uint8_t *ret_state) MUST_CHECK;
