/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ends the live TCP connections of banned sources to guarded ports: sockets through sock_diag
 * (SOCK_DESTROY, FACTS 5.7), whose peers get a reset and whose processes wake at once, and
 * conntrack entries that are left (guarded by their id). Sources are collected during one turn of
 * the event loop; one walk over the kernel's sockets per family serves them all, and sources that
 * come meanwhile wait for the next one. Never waits: a walk is read piece by piece, one datagram
 * (8 KiB, at most 93 sockets) a turn. Needs CAP_NET_ADMIN and a kernel with CONFIG_INET_DIAG_DESTROY.
 *
 * Connections that this host opened itself are left alone. For a guarded port the local port tells
 * them apart. For "any port" only sockets count whose local port also has a listener of the same
 * family at that moment: the kernel gives no such port to an outgoing connection by itself. So a
 * connection whose listener is gone (a data connection of passive FTP) is not closed; it ends by
 * itself behind the ban.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "smtpguard/base/address.h"
#include "smtpguard/base/clock.h"
#include "smtpguard/base/compiler.h"

/* Waiting for the next walk; more are counted and left alone. */
#define SOCKET_CLOSER_SOURCES_MAX 4096
#define SOCKET_CLOSER_PORTS_MAX	  64

struct socket_closer_stats {
	bool supported; /* false once the kernel refused sock_diag or SOCK_DESTROY as unknown */
	uint64_t walks, sockets_closed, entries_deleted;
	uint64_t failures; /* refused by the kernel, a socket that was gone already not counted */
	uint64_t skipped_sources; /* did not fit into one walk */
	int last_error;		  /* -errno of the last failure; 0: none */
	usec_t last_latency;	  /* from the first source of a walk to its last destroyed socket */
	usec_t last_walk;	  /* how long the last walk took */
};

struct socket_closer;

int socket_closer_new(struct socket_closer **ret_closer, sd_event *event) MUST_CHECK;
struct socket_closer *socket_closer_free(struct socket_closer *closer);

/* Local ports whose connections may be closed; replaces the ones before. At most 64; copied. */
void socket_closer_set_ports(struct socket_closer *closer, const uint16_t *ports, unsigned n_ports);
/*
 * Every connection from the prefix to those ports; with all_ports to any port of this host. The ban
 * must be on its way into the kernel: the walk begins behind set_writer's turn.
 */
void socket_closer_close(struct socket_closer *closer, const struct prefix *source, bool all_ports);
void socket_closer_stats(const struct socket_closer *closer, struct socket_closer_stats *ret_stats);
