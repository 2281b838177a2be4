/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard's insides, shared by its files: guard.c (life, time, reading), guard_flows.c (connections),
 * guard_evaluate.c (the decision about a source), guard_offence.c (what all limits share of it),
 * guard_bans.c (bans, the ladder, the breakers), guard_operator.c (what operators say), guard_audit.c (the
 * kernel's sets), guard_reload.c, guard_peaks.c (what sources reached), guard_gate.c (packets that wait for
 * a name), guard_gate_judge.c (what a name means for them), guard_mail.c (whose a line of a mail log is),
 * guard_auth.c (who failed to authenticate, and who did not).
 */
#pragma once

#include "smtpguard/policy/guard.h"

#define PENDING_MAX 4096
#define KNOWN_SOURCES_MAX 65536
#define TRUSTED_MAX 65536 /* the size of the kernel's sets trusted4 and trusted6 together */
#define NO_SERVICE 0xff
#define CONNECTIONS_REMEMBERED 131072 /* entries of connection_memory.h */
#define AUTH_SOURCES_MAX 32768

/* What outlives a ban: how many there were, and an operator's pardon. */
struct known_source {
	struct ban_key key;
	usec_t grace_until;
	usec_t last_ban; /* the end of the last one; before the boot modulo 2^64 */
	uint32_t bans; /* of the ladder: within forget_after of each other */
	uint32_t reserved;
};

/* Passes the ceilings of services that honour names. */
struct trusted_source {
	struct ban_key key;
	usec_t until;
};

struct guard {
	const struct guard_settings *settings;
	guard_sink sink;
	void *sink_userdata;
	struct flow_table *flows;
	struct source_table *sources;
	struct ban_table *bans;
	struct name_table *names;
	struct gate_table *gate;
	struct hash_table *known, *trusted;
	struct siphash_key key;
	struct prefix_set *local;
	struct operator_list *lists[GUARD_LISTS];
	struct sliding_window_pool *minute_pool;
	struct sliding_window minute; /* bans of the last minute, for the breaker */
	const char *unenforceable;
	uint32_t audit;
	usec_t audit_began;
	uint8_t service_of_port[65536];
	struct hash_handle pending[PENDING_MAX]; /* sources that wait for reverse DNS */
	uint32_t n_pending;
	usec_t next_expiry;   /* not later than the first ban's end */
	usec_t next_housekeeping, next_retry;
	usec_t next_peaks; /* the next slice of their walk; 0: no source was there yet */
	usec_t day, day_before;
	usec_t now; /* of the call that may make a source leave the table */
	uint32_t reevaluate_cursor, window_cursor, peaks_cursor;
	bool first_sync_done, sweeping, reevaluating, in_doubt;
	bool quiet_dump; /* the one under way tells of connections that are old, not new or missed */
	bool ports_added; /* since it began */
	bool reevaluation_wanted; /* after the next dump, doubt or not */
	bool questions_gone; /* some will never be answered: packets may wait in vain */
	/* the mail logs; NULL without them */
	struct connection_memory *connections;
	struct auth_table *auth;
	uint32_t auth_cursor;
	usec_t auth_retry; /* some are held back until then; USEC_NEVER: none */
	struct mail_stats mail_stats; /* without what the tables say of themselves */
	struct guard_stats stats;
	struct gate_stats gate_stats; /* without .table */
};

/* guard_evaluate.c */
/* After something was added to its counts, or became known of it. */
void guard_evaluate(struct guard *guard, struct source *source, usec_t now);
/* After a connection ended: never bans, may bring the source back to normal. */
void guard_relax(struct guard *guard, struct source *source, usec_t now);
/* Looks at the source again soon. */
void guard_put_pending(struct guard *guard, struct source *source, usec_t now);
void guard_retry_pending(struct guard *guard, usec_t now);
void guard_ask_name(struct guard *guard, const struct address *address, usec_t now, bool urgent);

/* guard_offence.c */
/* A source broke a limit of a service. */
struct offence {
	struct prefix source;
	uint8_t service;
	/* The decisions that were told of in this episode, a bit each, and OFFENCE_UNPUNISHED; the limit's own. */
	uint8_t *announced;
	struct ban_reason *reason;
};
#define OFFENCE_UNPUNISHED 0x80
/* Announced once per episode: a decision that stays the same is not news. False: it was. */
bool guard_announce(struct guard *guard, const struct offence *offence, enum decision_type type,
		    const char *because, usec_t now);
/* On the never-list, or just unbanned: announced. STANDING_ALLOWED, STANDING_EXEMPT; STANDING_NORMAL: not
 * spared. */
enum standing guard_spare(struct guard *guard, const struct offence *offence, usec_t now);
/* 0: it is banned. Else it is not, which is announced: GUARD_OBSERVING, GUARD_BANS_FULL,
 * GUARD_HELD_BACK. */
int guard_ban_or_observe(struct guard *guard, const struct offence *offence, usec_t now);

/* guard_bans.c */
struct prefix guard_prefix_of(const struct guard *guard, const struct address *address);
/* The ban of the source if it is still in force; one that has just ended is expired on the way. */
struct ban *guard_live_ban(struct guard *guard, const struct prefix *prefix, usec_t now);
/* By the ladder. 0, GUARD_BANS_FULL, or GUARD_HELD_BACK. */
#define GUARD_HELD_BACK 100
int guard_punish(struct guard *guard, const struct prefix *prefix, const struct ban_reason *reason,
		 usec_t now);
/* With this duration (USEC_NEVER: without end). 0 or GUARD_BANS_FULL. */
int guard_put_ban(struct guard *guard, const struct prefix *prefix, const struct ban_reason *reason,
		  usec_t duration, usec_t now);
void guard_end_ban(struct guard *guard, struct ban *ban, enum guard_end end, const char *because,
		   usec_t now);
/* Gives the ban its place among those that may have to make room. */
void guard_rate_ban(struct guard *guard, struct ban *ban);
/* The ban's evidence grew: its source has more connections than were known. */
void guard_note_peak(struct guard *guard, struct ban *ban, uint32_t connections);
struct known_source *guard_find_known(const struct guard *guard, const struct prefix *prefix);
struct known_source *guard_remember(struct guard *guard, const struct prefix *prefix);
void guard_set_standing_of_services(struct guard *guard, const struct prefix *prefix,
				    enum standing standing);
void guard_trust(struct guard *guard, const struct prefix *prefix, usec_t until, usec_t now);
/* Without an op: for what the next table will hold anyway. */
void guard_note_trust(struct guard *guard, const struct prefix *prefix, usec_t until);
/* USEC_NEVER stays. */
static inline usec_t guard_end_after(usec_t now, usec_t duration)
{
	return duration == USEC_NEVER ? USEC_NEVER : now + duration;
}

void guard_emit(struct guard *guard, enum guard_op_type type, const struct prefix *prefix,
		const struct ban *ban, usec_t now);
bool guard_breaker_open(struct guard *guard, usec_t now);

/* guard_gate.c */
/* Verdicts by this state for the source's packets, and for one that did not wait (or NULL). */
void guard_gate_end_wait(struct guard *guard, struct gate_source *source, enum ptr_state state,
			 const struct held_packet *newcomer, usec_t now);
/* The packets of sources that share an address with the prefix: an operator spares them now. */
void guard_gate_let_in(struct guard *guard, const struct prefix *prefix, usec_t now);
/* The packets of sources that an allow list spares. */
void guard_gate_let_in_allowed(struct guard *guard, usec_t now);
void guard_gate_tick(struct guard *guard, usec_t now);
usec_t guard_gate_next_tick(const struct guard *guard);

/* guard_gate_judge.c */
/* Whether packets to the service are judged: it requires a name, and not only to observe. */
bool guard_is_gated(const struct guard *guard, uint8_t service);
/* Whether the kernel's set `passed` should hold it. */
bool guard_gate_is_in_passed(const struct gate_source *source);
bool guard_gate_refuses(const struct service_settings *service, enum ptr_state state);
/* The source unless it is forgotten; what is forgotten is removed. */
struct gate_source *guard_gate_live(struct guard *guard, const struct prefix *prefix, usec_t now);
/* A new entry in place of one that does not count any more; of the service's packet. NULL: no room. */
struct gate_source *guard_gate_enter(struct guard *guard, const struct prefix *prefix,
				     const struct address *client, uint8_t service, usec_t now);
/* Ends asking, or corrects an earlier judgement; until 0: the configured time. The source may be gone
 * afterwards. */
void guard_gate_judge(struct guard *guard, struct gate_source *source, enum ptr_state state,
		      usec_t until, const struct held_packet *newcomer, usec_t now);
void guard_gate_answer(struct guard *guard, const struct name_answer *answer, usec_t now);
/* Somebody has come in where the gate only observes. */
void guard_gate_observe(struct guard *guard, const struct source *source, bool may_ask, usec_t now);
/* Refusals of sources inside the prefix. Returns how many. */
unsigned guard_gate_lift(struct guard *guard, const struct prefix *prefix, const char *because,
			 usec_t now);
void guard_gate_lift_allowed(struct guard *guard, usec_t now);
/* Around a change of settings, while nobody is asked about: before, with the new ones, and after. */
void guard_gate_map_services(struct guard *guard, const struct guard_settings *settings);
void guard_gate_review(struct guard *guard, usec_t now);
/* Removes up to budget sources that are forgotten; true: there may be more. */
bool guard_gate_forget(struct guard *guard, unsigned budget, usec_t now);

/* guard_mail.c */
int guard_mail_new(struct guard *guard, const struct siphash_key *key) MUST_CHECK;
void guard_mail_free(struct guard *guard);
/* A connection was established, or is not any more: for every change of a flow. */
void guard_follow_connection(struct guard *guard, const struct flow *flow, bool was_established,
			     bool is_established, usec_t now);

/* guard_auth.c; all but the first two also without mail logs */
/* The client of a connection to the port failed, or succeeded, count times. */
void guard_auth_failed(struct guard *guard, const struct mail_reading *reading, uint16_t local_port,
		       uint32_t count, usec_t now);
void guard_auth_succeeded(struct guard *guard, const struct mail_reading *reading, uint32_t count,
			  usec_t now);
bool guard_is_authenticated(const struct guard *guard, const struct prefix *source, usec_t now);
/* Its failures so far do not count any more. */
void guard_auth_forgive(struct guard *guard, const struct prefix *source);
/* Under new settings. */
void guard_auth_review(struct guard *guard, usec_t now);
/* Those that were held back, at guard->auth_retry. */
void guard_auth_retry(struct guard *guard, usec_t now);
/* Up to budget sources: forgets what is over. */
void guard_auth_keep_house(struct guard *guard, unsigned budget, usec_t now);

/* guard_peaks.c */
/* If it is worth it and was not told yet. */
void guard_tell_peak(struct guard *guard, const struct source *source, usec_t now);
void guard_tell_some_peaks(struct guard *guard, usec_t now);
/* For a new table of sources: those that leave it are told of. */
void guard_follow_sources(struct guard *guard);

/* guard_reload.c */
void guard_map_ports(struct guard *guard);

/* guard_operator.c */
/* The guard's word for a condition of operator_list.h. */
int guard_list_condition(int r);
void guard_expire_lists(struct guard *guard, usec_t now);
/* What new allow files spare. */
void guard_lift_allowed(struct guard *guard, usec_t now);
/* Whether the whole source is in a block, and nothing in it is never to be banned. */
bool guard_is_blocked(const struct guard *guard, const struct prefix *source);
void guard_expire_bans(struct guard *guard, usec_t now);
void guard_decide(struct guard *guard, enum decision_type type, const struct prefix *prefix,
		  const struct ban *ban, const struct ban_reason *reason, const char *because,
		  usec_t now);
