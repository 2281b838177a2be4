/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the operator decided (SPEC 3), as plain values: filled by daemon/config from the configuration
 * file, or by hand in tests. 0 means "off" for every limit.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "smtpguard/base/address.h"
#include "smtpguard/base/clock.h"
#include "smtpguard/track/prefix_set.h"

#define SERVICES_MAX 16
#define SERVICE_NAME_MAX 24 /* with the final NUL; [a-z0-9_-]+ */
#define SERVICE_PORTS_MAX 16
#define GUARDED_PORTS_MAX 64 /* over all services */
/* What `new` shows for a service whose limit is off. */
#define NEW_WINDOW_DEFAULT (300 * USEC_PER_SEC)

enum reverse_dns_use {
	REVERSE_DNS_IGNORE,
	REVERSE_DNS_EXEMPT, /* a verified source is only held to verified_concurrent */
	REVERSE_DNS_REQUIRE, /* likewise, and nobody else gets in: the gate (SPEC 7) */
};

/* What the gate asks of a source. */
enum reverse_dns_test {
	REVERSE_DNS_TEST_FCRDNS, /* some PTR name resolves back to it */
	REVERSE_DNS_TEST_PTR,	 /* it has a PTR record */
};

struct service_settings {
	char name[SERVICE_NAME_MAX];
	uint16_t ports[SERVICE_PORTS_MAX];
	unsigned n_ports;
	uint32_t concurrent;	 /* more than this at once is over the limit */
	uint32_t new_count;	 /* more handshakes than this in any new_window */
	usec_t new_window;	 /* never 0 */
	enum reverse_dns_use reverse_dns;
	enum reverse_dns_test reverse_dns_test; /* REVERSE_DNS_REQUIRE */
	uint32_t verified_concurrent; /* not REVERSE_DNS_IGNORE: limit of verified sources */
	uint32_t ceiling;	      /* packet path: connections at once of an untrusted source */
	bool observe;		      /* this service only, or because the whole program observes */
};

struct name_settings {
	usec_t deadline; /* how long a decision waits for an answer */
	usec_t min_ttl, max_ttl, negative_ttl, failure_ttl;
	uint32_t cache; /* addresses remembered */
	uint32_t max_in_flight;
};

/* How long bans last and how many there may be (SPEC 3, bans). */
struct ban_settings {
	usec_t duration; /* of a first ban */
	double growth;	 /* each ban within forget_after is so many times as long as the one before */
	usec_t max_duration, forget_after;
	uint32_t max_bans;	 /* per address family: the size of the kernel's sets */
	uint32_t max_per_minute; /* breaker; never 0 */
};

/* The packet-path gate (SPEC 3, gate). */
struct gate_settings {
	uint16_t queue;	   /* NFQUEUE number */
	usec_t hold;	   /* a packet waits at most so long for the answer */
	uint32_t max_held; /* packets that wait at once; further ones pass */
};

/* What the mail logs are good for (SPEC 3, mail_logs). */
struct mail_settings {
	bool enabled;		 /* settled at start */
	uint32_t auth_failures;	 /* so many within any auth_window ban; 0: off */
	usec_t auth_window;	 /* never 0 */
	uint32_t account_networks; /* used from more networks than this within a day: alarm; 0: off */
};

enum ban_action { BAN_ACTION_DROP, BAN_ACTION_REJECT };
enum ban_scope { BAN_SCOPE_SERVICES, BAN_SCOPE_HOST };

/* What a ban does in the kernel. */
struct enforcement_settings {
	enum ban_action action;
	enum ban_scope scope;
	bool close_connections;
};

struct guard_settings {
	bool observe; /* the whole program; every service has observe set then */
	struct service_settings services[SERVICES_MAX];
	unsigned n_services;
	uint8_t ipv4_prefix, ipv6_prefix; /* bits of the family's own length */
	uint32_t max_sources, max_flows;
	struct ban_settings bans;
	struct enforcement_settings enforcement;
	usec_t unban_grace;
	usec_t verified_for; /* how long a verified source passes the ceiling without being asked again */
	struct name_settings names;
	struct gate_settings gate;
	struct mail_settings mail;
	struct prefix_set *allowed; /* never banned; owned by whoever owns the settings */
};

/* The index of the service that guards a port, or -1. */
int settings_service_of_port(const struct guard_settings *settings, uint16_t port);
/* Whether a verified name counts for the service. */
bool settings_honours_names(const struct service_settings *service);
/* Whether some service asks the gate for a name, and is not only observed. */
bool settings_wants_gate(const struct guard_settings *settings);
/*
 * Whether a recent authentication spares a source there from bans for its connections: not where
 * strangers' mail comes in (port 25).
 */
bool settings_spares_authenticated(const struct service_settings *service);
int settings_service_by_name(const struct guard_settings *settings, const char *name);
/* All guarded ports, ascending, at most GUARDED_PORTS_MAX; only those of enforcing services if asked. */
unsigned settings_ports(const struct guard_settings *settings, bool only_enforcing,
			uint16_t ports[static GUARDED_PORTS_MAX]);
/* The defaults of SPEC 3 with its two services; allowed is NULL. */
void settings_defaults(struct guard_settings *ret_settings);
