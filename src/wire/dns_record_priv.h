/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and records of a DNS message (RFC 1035, 4.1), for dns_message.c. Every length is checked
 * against the message; what does not fit is -EBADMSG.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "smtpguard/base/compiler.h"

#define DNS_NAME_BYTES_MAX 254 /* RFC 1035, 3.1, without the root label */

/* Labels with their length bytes, letters in lower case: equal names are equal bytes. */
struct dns_name {
	unsigned length;
	uint8_t bytes[DNS_NAME_BYTES_MAX];
};

struct dns_record {
	struct dns_name owner;
	uint16_t type, class;
	uint32_t ttl_s;
	size_t data, data_size; /* where in the message */
};

struct dns_bytes {
	const uint8_t *bytes;
	size_t size;
};

uint16_t dns_get16(const uint8_t *p);
uint32_t dns_get32(const uint8_t *p);

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);

/* Both begin at *at (at most the message's size) and move it behind what they read. */
int dns_name_read(const struct dns_bytes *message, size_t *at,
		  struct dns_name *ret_name) MUST_CHECK;
int dns_record_read(const struct dns_bytes *message, size_t *at,
		    struct dns_record *ret_record) MUST_CHECK;

/* The one name that is all of the record's data. */
int dns_record_name(const struct dns_bytes *message, const struct dns_record *record,
		    struct dns_name *ret_name) MUST_CHECK;
