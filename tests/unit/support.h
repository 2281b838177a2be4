/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the unit tests share: cmocka with the headers it wants before it, reproducible random numbers,
 * and short ways to write addresses and times. Time never comes from a clock here.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "smtpguard/base/address.h"
#include "smtpguard/base/clock.h"
#include "smtpguard/base/compiler.h"
#include "smtpguard/base/siphash.h"

#define SECONDS(n) ((usec_t)((n) * 1e6))
#define MINUTES(n) ((usec_t)(n) * 60 * USEC_PER_SEC)
#define HOURS(n) ((usec_t)(n) * 3600 * USEC_PER_SEC)

static const struct siphash_key test_key UNUSED = { "0123456789abcde" };

/* splitmix64 from a fixed seed: a failure comes again with the next run */
static uint64_t random_state UNUSED = 1;

static inline uint64_t random_bits(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* 0..n-1 */
static inline uint32_t random_below(uint32_t n)
{
	return (uint32_t)(random_bits() % n);
}

static inline struct address addr(const char *text)
{
	struct address address = { 0 };

	assert_int_equal(address_parse(text, &address), 0);
	return address;
}

static inline struct prefix pfx(const char *text)
{
	struct prefix prefix = { 0 };

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

/* The n-th address of 10.0.0.0/8 */
static inline struct address addr_n(uint32_t n)
{
	const uint8_t raw[4] = { 10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };
	struct address address = { 0 };

	assert_int_equal(address_from_raw(2 /* AF_INET */, raw, &address), 0);
	return address;
}
