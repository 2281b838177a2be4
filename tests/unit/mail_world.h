/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A world with mail logs, and short ways to write what they say. */
#pragma once

#include "guard_world.h"

#define SMTP	      0
#define SUBMISSION    1
#define READINGS_NONE 99

static inline struct world *new_mail_world(void)
{
	struct world *world = new_world();

	world->settings.mail.enabled = true;
	return world;
}

static inline struct mail_stats mail_stats_of(const struct world *world)
{
	struct mail_stats stats;

	guard_mail_stats(world->guard, world->now, &stats);
	return stats;
}

static inline struct auth_summary summary_of(const struct world *world, const char *source)
{
	struct auth_summary summary = { .failures = 0 };
	struct prefix p = pfx(source);

	(void)guard_auth_summary(world->guard, &p, world->now, &summary);
	return summary;
}

static inline struct mail_fact fact_of(enum mail_fact_kind kind, struct address client,
				       uint16_t port)
{
	struct mail_fact fact = { .kind = kind,
				  .protocol = MAIL_PROTOCOL_SMTP,
				  .recent = true,
				  .count = 1,
				  .n_readings = 1 };

	fact.readings[0] = (struct mail_reading){ .address = client, .port = port };
	snprintf(fact.readings[0].account, ACCOUNT_TEXT_MAX, "user@example.com");
	return fact;
}

static inline enum mail_match tell(struct world *world, const struct mail_fact *fact,
				   unsigned *ret_reading)
{
	*ret_reading = READINGS_NONE;
	return guard_mail_fact(world->guard, fact, world->now, ret_reading);
}

/* With a single reading. */
static inline enum mail_match tell_one(struct world *world, enum mail_fact_kind kind,
				       const char *client, uint16_t port)
{
	struct mail_fact fact = fact_of(kind, addr(client), port);
	unsigned reading;
	enum mail_match match = tell(world, &fact, &reading);

	assert_int_equal(reading, 0);
	return match;
}

static inline bool is_ours(struct world *world, const char *client, uint16_t port)
{
	return tell_one(world, MAIL_FACT_MESSAGE, client, port) == MAIL_MATCH_TRACKED;
}

/* n failures over the connection from port 1024 */
static inline void failures(struct world *world, const char *client, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(tell_one(world, MAIL_FACT_AUTH_FAILURE, client, 1024),
				 MAIL_MATCH_TRACKED);
}

static inline void fails_as(struct world *world, const char *client, const char *account)
{
	struct mail_fact fact = fact_of(MAIL_FACT_AUTH_FAILURE, addr(client), 1024);
	unsigned reading;

	snprintf(fact.readings[0].account, ACCOUNT_TEXT_MAX, "%s", account);
	assert_int_equal(tell(world, &fact, &reading), MAIL_MATCH_TRACKED);
}

/* One connection to submission, and failures over it. */
static inline void guess(struct world *world, const char *client, unsigned n)
{
	open_many(world, client, 587, 1);
	failures(world, client, n);
}

static inline void unban(struct world *world, const char *source, usec_t grace)
{
	struct prefix p = pfx(source), conflict;
	unsigned lifted;

	(void)!guard_unban(world->guard, &p, grace, world->now, &lifted, &conflict);
}

static inline struct mail_fact forged(const char *first, uint16_t first_port, const char *second,
				      uint16_t second_port)
{
	struct mail_fact fact = fact_of(MAIL_FACT_AUTH_FAILURE, addr(first), first_port);

	fact.n_readings = 2;
	fact.readings[1] = fact.readings[0];
	fact.readings[1].address = addr(second);
	fact.readings[1].port = second_port;
	return fact;
}

static inline void reload(struct world *world, const struct guard_settings *settings)
{
	assert_int_equal(guard_reload(world->guard, settings, world->now), 0);
	/* the guard goes on with the caller's, which end() frees */
	memset(&world->settings.mail, 0xee, sizeof(world->settings.mail));
}
