/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the two DNS answers that a reverse-DNS check needs: PTR, and A or AAAA. CNAMEs are followed
 * through the answer section (RFC 2317 delegates reverse zones that way), records of other owners
 * do not count, and the time to live is the smallest of the records used.
 *
 * The messages come from whoever owns the zone: every length is checked, the work is bounded, and a
 * message that contradicts itself is -EBADMSG. It has a fuzz target.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "smtpguard/base/address.h"
#include "smtpguard/base/compiler.h"

#define DNS_HOST_TEXT_MAX    254 /* 253 characters and the final NUL */
#define DNS_REVERSE_TEXT_MAX 80	 /* 32 nibbles with dots, and "ip6.arpa" */
#define DNS_HOSTS_MAX	     8
#define DNS_ADDRESSES_MAX    64

enum dns_outcome {
	DNS_FOUND,
	DNS_NO_RECORDS,	  /* the zone says so: NXDOMAIN, or NOERROR without such a record */
	DNS_INCONCLUSIVE, /* SERVFAIL, REFUSED, truncated, a referral, a CNAME that leads nowhere */
};

struct dns_hosts {
	enum dns_outcome outcome;
	uint32_t ttl_s; /* DNS_NO_RECORDS: of the SOA (RFC 2308), 0 without one */
	/*
	 * Names of letters, digits, '-' and '_' only, in lower case, without the final dot; others
	 * are left out, so DNS_FOUND may come with n == 0. At most the first DNS_HOSTS_MAX.
	 */
	unsigned n;
	char text[DNS_HOSTS_MAX][DNS_HOST_TEXT_MAX];
};

struct dns_addresses {
	enum dns_outcome outcome;
	uint32_t ttl_s;
	unsigned n; /* at most the first DNS_ADDRESSES_MAX */
	struct address addresses[DNS_ADDRESSES_MAX];
};

/* The name whose PTR records are the names of the address. Writes and returns text. */
const char *dns_reverse_name(const struct address *address, char text[static DNS_REVERSE_TEXT_MAX]);

/* The answer to a PTR question. 0 or -EBADMSG. */
int dns_hosts_read(const void *message, size_t size, struct dns_hosts *ret_hosts) MUST_CHECK;

/* The answer to an A (AF_INET) or AAAA (AF_INET6) question. 0, -EBADMSG, -EAFNOSUPPORT. */
int dns_addresses_read(const void *message, size_t size, int family,
		       struct dns_addresses *ret_addresses) MUST_CHECK;
