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

#define RULESET_TRUSTED_SIZE 65536 /* elements of trusted4 and of trusted6 */
#define RULESET_GATE_SIZE 65536 /* elements of refused4, refused6, passed4 and passed6, each */
#define RULESET_CEILING_SIZE 65535 /* sources that a ceiling can count at once, per service and family */
#define RULESET_SERVICE_NAME_MAX 24

/* An element of a set. */
struct ruleset_element {
	struct prefix prefix;
	usec_t timeout, remaining; /* USEC_NEVER: none */
	char comment[128];	   /* escaped; may be empty */
};

struct ruleset_elements {
	struct ruleset_element *element;
	unsigned count, allocated;
};

/* Grows as needed. -ENOMEM. */
int ruleset_elements_add(struct ruleset_elements *elements,
			 const struct ruleset_element *element) MUST_CHECK;
void ruleset_elements_done(struct ruleset_elements *elements);

struct ruleset_service {
	char name[RULESET_SERVICE_NAME_MAX];
	const uint16_t *ports;
	unsigned n_ports;
	uint32_t ceiling; /* 0: none */
	bool trusts_names; /* verified sources pass its ceiling */
	bool gated;	   /* new sources go to the queue */
	bool ptr_suffices; /* gated: those in `passed` are not refused */
};

/* The name of a ceiling's set, "ceiling_smtp4"; family is 4 or 6. */
#define RULESET_CEILING_NAME_MAX 40
void ruleset_ceiling_name(const char *service, int family,
			  char name[static RULESET_CEILING_NAME_MAX]);

enum ruleset_set { RULESET_BLOCKED, RULESET_ALLOWED };

struct ruleset_parameters {
	const uint16_t *ports; /* of all services */
	unsigned n_ports;
	const uint16_t *enforced_ports; /* of those: where bans hold; may be none */
	unsigned n_enforced_ports;
	const struct ruleset_service *services; /* the enforcing ones */
	unsigned n_services;
	uint8_t ipv4_prefix, ipv6_prefix;
	uint32_t max_bans;
	bool element_counters;
	bool reject;	/* a banned source gets a TCP reset instead of silence */
	bool whole_host; /* bans hold on every port */
	uint16_t queue; /* of the gated services */
	usec_t gate_alive; /* how long their ports stay in gated_ports unless they are put there again */
	const struct ruleset_elements *banned, *blocked, *allowed, *trusted, *refused, *passed;
};

/* The filled-in text; the caller frees it. -ENOMEM. */
int ruleset_render(const struct ruleset_parameters *parameters, char **ret_text) MUST_CHECK;
/* The text that replaces the contents of an interval set in one transaction; the caller frees it. */
int ruleset_render_set(enum ruleset_set set, const struct ruleset_elements *elements,
		       char **ret_text) MUST_CHECK;
/* The text that removes the table. */
extern const char ruleset_removal[];

/*
 * Runs such a text. 0, -ENOMEM, or -EINVAL when libnftables or the kernel refuses: then *ret_error is
 * its message (the caller frees it) and the kernel is as before.
 */
int ruleset_load(const char *text, char **ret_error) MUST_CHECK;
