/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the socket closer's walk works with: the sources it looks for, the end of what it finds. */
#pragma once

#include "smtpguard/base/clock.h"
#include "smtpguard/base/siphash.h"
#include "smtpguard/wire/ct_delete_message.h"
#include "smtpguard/wire/diag_message.h"

#define CLOSER_DATAGRAM_BYTES 8192 /* the kernel cuts a dump to what is read at once */
#define CLOSER_BATCH_MAX      (CLOSER_DATAGRAM_BYTES / DIAG_LINE_BYTES_LEAST)

enum {
	SOURCE_SET_FULL = 1,
};

struct hash_table;

struct source_set {
	struct hash_table *table;
	uint8_t lengths[129]; /* the different prefix lengths in use */
	unsigned n_lengths;
	bool any_all_ports;
	usec_t since; /* the first one came; kept by the closer */
};

int source_set_init(struct source_set *set, const struct siphash_key *key) MUST_CHECK;
void source_set_done(struct source_set *set);
uint32_t source_set_count(const struct source_set *set);
void source_set_clear(struct source_set *set);
/* 0 or SOURCE_SET_FULL. */
int source_set_add(struct source_set *set, const struct prefix *prefix, bool all_ports) MUST_CHECK;
/* all_ports: only by sources that were added with all_ports. */
bool source_set_covers(const struct source_set *set, const struct address *peer, bool all_ports);

/* Sockets apart from the walk's: their answers are there as soon as the request was sent. */
struct destroyer {
	int diag_fd, conntrack_fd;
	uint32_t sequence;
	int errors[CLOSER_BATCH_MAX]; /* of the last requests, one each */
	_Alignas(8) uint8_t requests[CLOSER_BATCH_MAX * CT_ENTRY_REQUEST_BYTES];
	_Alignas(8) uint8_t answer[CLOSER_DATAGRAM_BYTES];
};

struct destroy_result {
	unsigned closed, gone, entries, failures;
	int error; /* of the last failure */
};

int destroyer_open(struct destroyer *destroyer) MUST_CHECK;
void destroyer_close(struct destroyer *destroyer);

/* Destroys the sockets, n at most CLOSER_BATCH_MAX, then what conntrack still holds of them. */
void destroyer_run(struct destroyer *destroyer, const struct diag_socket *sockets, unsigned n,
		   struct destroy_result *ret_result);
