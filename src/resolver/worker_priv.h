/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of smtpguard-resolver: worker_main.c (arguments, socket, c-ares channel, loop),
 * worker_lookup.c (what is asked for an address and what follows from the answers), worker_canary.c
 * (is it the resolver or the zone that does not answer?), worker_sandbox.c.
 */
#pragma once

/* 1.28 and later call ares_query old; its successor is missing in what older hosts have. */
#define CARES_NO_DEPRECATED 1
#include <ares.h>

#include "smtpguard/base/clock.h"
#include "smtpguard/base/compiler.h"
#include "smtpguard/policy/reverse_dns.h"

/*
 * Gives up every capability, file and system call that DNS questions do not need. -errno with a
 * message logged: the caller must end, and never go on without it.
 */
int sandbox_enter(void) MUST_CHECK;

/* All lookups under way. */
struct lookups;

typedef void lookup_answer_fn(void *userdata, const struct name_answer *answer);

/* answer is called once for every address asked, from any of the functions below or from c-ares. */
int lookups_new(struct lookups **ret_lookups, usec_t deadline, unsigned capacity,
		lookup_answer_fn *answer, void *userdata) MUST_CHECK;
/* The channel for further questions; the one before must not be destroyed while lookups_count(). */
void lookups_use_channel(struct lookups *lookups, ares_channel channel);
unsigned lookups_count(const struct lookups *lookups);

/* An address that is being looked up is not asked again. */
void lookups_ask(struct lookups *lookups, const struct address *address, usec_t now);
/* Ends what has run out of time; lookups_next() says when that must be looked at next. */
void lookups_expire(struct lookups *lookups, usec_t now);
usec_t lookups_next(const struct lookups *lookups);

/* Whether a status of c-ares is an answer of the zone, be it "no". */
bool answer_is_conclusive(int status);

/*
 * A question that every working resolver answers, asked when a lookup failed: it tells a zone that
 * does not answer from a resolver that does not. At most one a second: under load many lookups fail
 * at once. The caller fills the first four fields and zeroes the rest.
 */
struct canary {
	const char *name; /* whose SOA is asked for */
	usec_t deadline;
	void (*concluded)(void *userdata, bool healthy);
	void *userdata;

	struct canary_query *query; /* NULL: none under way */
	usec_t started;		    /* 0: never */
	bool healthy;		    /* what the last one said */
};

/* concluded() will be called, at the latest by canary_expire(); perhaps before this returns. */
void canary_ask(struct canary *canary, ares_channel channel, usec_t now);
void canary_expire(struct canary *canary, usec_t now);
usec_t canary_next(const struct canary *canary);
/* What the last one said is not used any more. */
void canary_forget(struct canary *canary);
