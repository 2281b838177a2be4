/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A classic BPF program on a conntrack event socket: TCP connections with one of these local ports, IPv4
 * and IPv6; everything else costs no receive buffer and no wakeup. The local port is the reply tuple's
 * source port, which is right behind DNAT too. FACTS 5.1; linux/filter.h (SKF_AD_NLATTR).
 */
#pragma once

#include <stdint.h>

#include "smtpguard/base/compiler.h"

#define CONNTRACK_FILTER_PORTS_MAX 64

/* Attach before bind(), so that nothing unwanted gets in between. -EINVAL: too many ports or none. */
int conntrack_filter_attach(int fd, const uint16_t *ports, unsigned n_ports) MUST_CHECK;
