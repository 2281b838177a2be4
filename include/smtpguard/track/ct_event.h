/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel says of one TCP connection, as wire/ct_message reads it from a conntrack message:
 * a plain struct, the unit of recorded histories in tests/replay.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "smtpguard/base/address.h"

/* The original tuple: unique per conntrack zone while the entry lives. Hashed as bytes: no padding. */
struct flow_key {
	struct address client;
	struct address server; /* as the client addressed it: before DNAT */
	uint16_t client_port;  /* host byte order, as all ports */
	uint16_t server_port;
	uint16_t zone;
	uint16_t reserved; /* 0 */
};

/*
 * FLOW_SYN: the handshake is under way. FLOW_PICKED_UP: conntrack met the connection in the middle
 * (nf_conntrack_tcp_loose) and saw no answer yet; a forged ACK looks like this, so it counts as
 * half-open. FLOW_ESTABLISHED: the handshake was completed (IPS_ASSURED) and the connection has not
 * reached TIME_WAIT or CLOSE: the closing states before those still hold a slot of the mail server.
 */
enum flow_phase {
	FLOW_ABSENT,
	FLOW_SYN,
	FLOW_PICKED_UP,
	FLOW_ESTABLISHED,
	FLOW_CLOSED,
};

struct ct_event {
	struct flow_key key;
	struct address local; /* the reply tuple's source: this host's side, behind DNAT too */
	uint16_t local_port;
	enum flow_phase phase; /* never FLOW_ABSENT */
};
