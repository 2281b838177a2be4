/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which connections there are, and were lately: whether a line of a mail log speaks of one of ours
 * (SPEC 8). Asked by the client's address and port, or, for lines without the client's port, by its
 * address and the local port. Pure: no clock, no I/O.
 *
 * When it is full, what ended longest ago goes first, then what began longest ago; an address and port
 * whose entry was lost while it was alive is not known until a new connection begins, and may be
 * forgotten early after that. Two entries a connection, of 80 bytes at most with links and index;
 * entries that share address and port are one.
 */
#pragma once

#include "smtpguard/base/address.h"
#include "smtpguard/base/clock.h"
#include "smtpguard/base/hash_table.h"

struct connection_memory;

/* capacity: entries. -ENOMEM. */
int connection_memory_new(struct connection_memory **ret_memory, uint32_t capacity,
			  const struct siphash_key *key) MUST_CHECK;
struct connection_memory *connection_memory_free(struct connection_memory *memory);

/* A connection was established, or ended. The two must come in pairs; an end without beginning is fine. */
void connection_memory_begin(struct connection_memory *memory, const struct address *client,
			     uint16_t client_port, uint16_t local_port);
void connection_memory_end(struct connection_memory *memory, const struct address *client,
			   uint16_t client_port, uint16_t local_port, usec_t now);

/* The local port of the newest connection of this address and port, if one of them is alive or ended after
 * `since`; 0: there is none. */
uint16_t connection_memory_find(const struct connection_memory *memory, const struct address *client,
				uint16_t client_port, usec_t since);
/* Whether one from this address to this local port is alive or ended after `since`. */
bool connection_memory_has(const struct connection_memory *memory, const struct address *client,
			   uint16_t local_port, usec_t since);

struct connection_memory_stats {
	uint32_t entries, capacity;
	uint64_t evicted; /* made room; of those: */
	uint64_t evicted_alive;
};
void connection_memory_stats(const struct connection_memory *memory,
			     struct connection_memory_stats *ret_stats);
