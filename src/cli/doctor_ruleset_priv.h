/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the readers of the kernel's ruleset: doctor_netlink.c asks, doctor_ruleset.c has tables
 * and chains, doctor_rule.c says what one rule is about.
 */
#pragma once

#include <libmnl/libmnl.h>
#include <libnftnl/rule.h>

#include "doctor_priv.h"

/* --- doctor_netlink.c --- */

struct ruleset_socket {
	int fd; /* -1: not open */
	uint8_t *buffer;
	bool changed; /* somebody changed the ruleset during a dump */
};

/* One message of a dump. 0 or -errno, which ends it. */
typedef int (*ruleset_message)(void *userdata, const struct nlmsghdr *nlh);

/* On failure, too, it has to be closed. */
int ruleset_socket_open(struct ruleset_socket *ruleset) MUST_CHECK;
void ruleset_socket_close(struct ruleset_socket *ruleset);
/* Sends a request for a dump and hands every message of the answer out. */
int ruleset_dump(struct ruleset_socket *ruleset, const struct nlmsghdr *request,
		 ruleset_message handle, void *userdata) MUST_CHECK;

/* --- doctor_rule.c --- */

#define PORT_MARKS_MAX 64

/* A set of ports: an element alone, or in interval sets where one begins and where it ends. */
struct port_marks {
	struct {
		uint16_t port;
		bool end;
	} items[PORT_MARKS_MAX];
	unsigned n;
	bool intervals;
};

struct rule_facts {
	uint64_t ports;	  /* which of the guarded ones, by their index; 0: none */
	unsigned actions; /* RULE_... */
	bool has_port, has_source;
	bool has_verdict; /* not only a log line */
	bool has_owner; /* about programs of this host */
	const char *jump; /* to a chain of the same table; NULL: none */
};

/* Fetches an anonymous set's elements; 0 or -errno. */
typedef int (*port_set_reader)(void *userdata, const char *set, struct port_marks *marks);

/* What is borrowed in *facts lives as long as the rule. */
void rule_read(const struct ruleset_view *view, struct nftnl_rule *rule, port_set_reader read_set,
	       void *userdata, struct rule_facts *ret_facts);
