/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table inet smtpguard: its text is nft/smtpguard.nft.in with the configuration filled in, loaded
 * in this process by libnftables as one transaction. No program is executed. Needs CAP_NET_ADMIN.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "smtpguard/base/address.h"
#include "smtpguard/base/clock.h"

/* A ban that the new table begins with. */
struct ruleset_element {
	struct prefix prefix;
	usec_t timeout, remaining; /* USEC_NEVER: none */
	const char *comment;	   /* escaped, borrowed */
};

struct ruleset_parameters {
	const uint16_t *ports; /* of all services */
	unsigned n_ports;
	const uint16_t *enforced_ports; /* of those: where bans drop; may be none */
	unsigned n_enforced_ports;
	uint8_t ipv4_prefix, ipv6_prefix;
	uint32_t max_bans;
	bool element_counters;
	const struct prefix *allowed;
	unsigned n_allowed;
	const struct ruleset_element *elements;
	unsigned n_elements;
};

/* The filled-in text; the caller frees it. -ENOMEM. */
int ruleset_render(const struct ruleset_parameters *parameters, char **ret_text) MUST_CHECK;

/*
 * Replaces the table. 0, -ENOMEM, or -EINVAL when libnftables or the kernel refuses: then *ret_error is
 * its message (the caller frees it) and the kernel is as before.
 */
int ruleset_load(const char *text, char **ret_error) MUST_CHECK;
