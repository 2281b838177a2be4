/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IPv4 and IPv6 addresses and prefixes in one form: 16 bytes in network order, IPv4 as
 * ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). So a v4-mapped peer of a dual-stack socket and the same peer
 * over IPv4 are one address.
 *
 * A prefix length always counts bits of the 16 bytes: the IPv4 prefix 192.0.2.0/24 has length 120.
 * Texts show and read the usual lengths (24). Bits behind the length are zero in every prefix.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "smtpguard/base/compiler.h"

#define ADDRESS_TEXT_MAX 46 /* INET6_ADDRSTRLEN */
#define PREFIX_TEXT_MAX 50  /* address, '/', three digits */
#define IPV4_OFFSET_BITS 96 /* where the IPv4 address begins in the 16 bytes */

enum {
	PREFIX_HOST_BITS = 1, /* prefix_parse(): bits behind the length were set */
};

struct address {
	uint8_t bytes[16];
};

struct prefix {
	struct address address;
	uint8_t length;
};

/* family AF_INET (4 bytes at raw) or AF_INET6 (16 bytes). -EAFNOSUPPORT otherwise. */
int address_from_raw(int family, const void *raw, struct address *ret_address) MUST_CHECK;

bool address_is_ipv4(const struct address *address);
bool address_equal(const struct address *a, const struct address *b);
/* 127.0.0.0/8 and ::1. */
bool address_is_loopback(const struct address *address);
/* The last 4 bytes: the IPv4 address in network order. Only for address_is_ipv4(). */
const uint8_t *address_ipv4_bytes(const struct address *address);

/* Text without brackets, zone or prefix. -EINVAL. */
int address_parse(const char *text, struct address *ret_address) MUST_CHECK;
/* Writes and returns text; v4-mapped addresses appear as IPv4. */
const char *address_format(const struct address *address, char text[static ADDRESS_TEXT_MAX]);

/* The prefix an address belongs to: ipv4_bits 0..32 or ipv6_bits 0..128 by its family. */
struct prefix prefix_of_address(const struct address *address, unsigned ipv4_bits,
				unsigned ipv6_bits);
/* The prefix of `length` bits (of the 16 bytes) that contains the address. */
struct prefix prefix_cut(const struct address *address, uint8_t length);
struct prefix prefix_host(const struct address *address);
bool prefix_equal(const struct prefix *a, const struct prefix *b);
bool prefix_contains(const struct prefix *prefix, const struct address *address);
bool prefix_is_ipv4(const struct prefix *prefix);

/*
 * "ADDR" or "ADDR/LEN". -EINVAL if it is neither; PREFIX_HOST_BITS if bits behind LEN are set:
 * then *ret_prefix is the masked prefix, for the message.
 */
int prefix_parse(const char *text, struct prefix *ret_prefix) MUST_CHECK;
/* Writes and returns text; a full-length prefix appears as a bare address. */
const char *prefix_format(const struct prefix *prefix, char text[static PREFIX_TEXT_MAX]);
