/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012): the keyed hash of all
 * tables, so that a peer who chooses addresses and ports cannot choose buckets.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "smtpguard/base/compiler.h"

struct siphash_key {
	uint8_t bytes[16];
};

uint64_t siphash(const struct siphash_key *key, const void *data, size_t length);
/* A random key from getrandom(2). */
int siphash_key_random(struct siphash_key *ret_key) MUST_CHECK;
