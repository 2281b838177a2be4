// SPDX-License-Identifier: GPL-2.0-or-later
/* What a source's name means at the gate: which sets it is in, until when, and what is told of it. */
#include "guard_priv.h"

#include <stdio.h>
#include <string.h>

static bool requires_name(const struct service_settings *service)
{
	return service->reverse_dns == REVERSE_DNS_REQUIRE;
}

static bool is_observed(const struct guard *guard, const struct service_settings *service)
{
	return requires_name(service) && (service->observe || guard->unenforceable);
}

bool guard_is_gated(const struct guard *guard, uint8_t service)
{
	const struct service_settings *settings = guard->settings->services;

	return service < guard->settings->n_services && requires_name(&settings[service]) &&
	       !is_observed(guard, &settings[service]);
}

bool guard_gate_refuses(const struct service_settings *service, enum ptr_state state)
{
	return state == PTR_STATE_NONE || (state == PTR_STATE_MISMATCH &&
					   service->reverse_dns_test == REVERSE_DNS_TEST_FCRDNS);
}

/* --- sources --- */

static bool is_forgotten(const struct gate_source *source, usec_t now)
{
	return source->outcome != GATE_ASKING && source->until <= now;
}

const struct gate_source *guard_gate_source(const struct guard *guard, const struct prefix *source,
					    usec_t now)
{
	const struct gate_source *found = gate_table_find(guard->gate, source);

	return found && !is_forgotten(found, now) ? found : NULL;
}

struct gate_source *guard_gate_live(struct guard *guard, const struct prefix *prefix, usec_t now)
{
	struct gate_source *source = gate_table_find(guard->gate, prefix);

	if (!source || !is_forgotten(source, now))
		return source;
	gate_table_remove(guard->gate, source);
	return NULL;
}

static void emit(struct guard *guard, enum guard_op_type type, enum gate_set set,
		 const struct gate_source *source, const struct ban_reason *reason, usec_t now)
{
	struct guard_op op = { .type = type,
			       .now = now,
			       .prefix = gate_source_prefix(source),
			       .gate_set = set,
			       .reason = reason };

	if (type == GUARD_OP_GATE_ADD)
		op.until = source->until;
	guard->sink(guard->sink_userdata, &op);
}

bool guard_gate_is_in_passed(const struct gate_source *source)
{
	return source->outcome == GATE_PASSED ||
	       (source->outcome == GATE_REFUSED && source->also_passed);
}

static void leave_sets(struct guard *guard, const struct gate_source *source, usec_t now)
{
	if (is_forgotten(source, now))
		return;
	if (source->outcome == GATE_REFUSED)
		emit(guard, GUARD_OP_GATE_DELETE, GATE_SET_REFUSED, source, NULL, now);
	if (guard_gate_is_in_passed(source))
		emit(guard, GUARD_OP_GATE_DELETE, GATE_SET_PASSED, source, NULL, now);
}

struct gate_source *guard_gate_enter(struct guard *guard, const struct prefix *prefix,
				     const struct address *client, uint8_t service, usec_t now)
{
	struct gate_source *source = gate_table_find(guard->gate, prefix), evicted;

	if (source)
		gate_table_remove(guard->gate, source);
	if (gate_table_put(guard->gate, prefix, &source, &evicted))
		return NULL;
	leave_sets(guard, &evicted, now);
	source->client = *client;
	source->service = service;
	source->since = now;
	source->packets = 1;
	return source;
}

/* --- judgements --- */

static void tell(struct guard *guard, enum decision_type type, const struct gate_source *source,
		 const struct ban_reason *reason, const char *because, usec_t now)
{
	struct guard_op op = { .type = GUARD_OP_DECISION,
			       .now = now,
			       .prefix = gate_source_prefix(source),
			       .decision = type,
			       .reason = reason,
			       .because = because,
			       .until = type == DECISION_OBSERVE ? 0 : source->until };

	guard->stats.decisions[type]++;
	guard->sink(guard->sink_userdata, &op);
}

static void fill_reason(struct guard *guard, const struct gate_source *source,
			struct ban_reason *ret_reason, usec_t now)
{
	const char *names[PTR_NAMES_MAX];
	unsigned n_names;

	*ret_reason = (struct ban_reason){ .limit = LIMIT_REVERSE_DNS,
					   .ptr_state = (enum ptr_state)source->state };
	memcpy(ret_reason->service, guard->settings->services[source->service].name,
	       sizeof(ret_reason->service));
	(void)name_table_state(guard->names, &source->client, now, names, &n_names);
	if (n_names > 0)
		snprintf(ret_reason->name, sizeof(ret_reason->name), "%s", names[0]);
}

struct judgement {
	bool refused, passed;
	uint8_t service; /* one that refuses, if any; the source's own if it does */
};

/* Over all gated services: the sets are the same for each of them. */
static struct judgement weigh(const struct guard *guard, const struct gate_source *source,
			      enum ptr_state state)
{
	struct judgement judgement = { .service = source->service };
	bool own = false;

	for (uint8_t i = 0; state != PTR_STATE_VERIFIED && i < guard->settings->n_services; i++) {
		if (!guard_is_gated(guard, i))
			continue;
		if (!guard_gate_refuses(&guard->settings->services[i], state)) {
			judgement.passed = true;
			continue;
		}
		own |= i == source->service;
		if (own)
			judgement.service = source->service;
		else if (!judgement.refused)
			judgement.service = i;
		judgement.refused = true;
	}
	return judgement;
}

static usec_t end_of(const struct guard *guard, enum ptr_state state, usec_t now)
{
	const struct name_settings *names = &guard->settings->names;

	if (state == PTR_STATE_NONE || state == PTR_STATE_MISMATCH)
		return now + names->negative_ttl;
	return now + names->failure_ttl;
}

/* From the sets that it is in to those that it belongs in. */
static void move(struct guard *guard, struct gate_source *source, const struct judgement *judgement,
		 const struct ban_reason *reason, usec_t now)
{
	bool was_refused = source->outcome == GATE_REFUSED, was_passed = guard_gate_is_in_passed(source);

	if (judgement->refused)
		emit(guard, GUARD_OP_GATE_ADD, GATE_SET_REFUSED, source, reason, now);
	else if (was_refused)
		emit(guard, GUARD_OP_GATE_DELETE, GATE_SET_REFUSED, source, NULL, now);
	if (judgement->passed)
		emit(guard, GUARD_OP_GATE_ADD, GATE_SET_PASSED, source, NULL, now);
	else if (was_passed)
		emit(guard, GUARD_OP_GATE_DELETE, GATE_SET_PASSED, source, NULL, now);
	source->also_passed = judgement->refused && judgement->passed;
	if (judgement->refused)
		gate_table_judge(guard->gate, source, GATE_REFUSED, now);
	else if (judgement->passed)
		gate_table_judge(guard->gate, source, GATE_PASSED, now);
}

void guard_gate_judge(struct guard *guard, struct gate_source *source, enum ptr_state state,
		      usec_t until, const struct held_packet *newcomer, usec_t now)
{
	struct judgement judgement = weigh(guard, source, state);
	struct prefix prefix = gate_source_prefix(source);
	bool was_refused = source->outcome == GATE_REFUSED;
	struct ban_reason reason;

	if (was_refused && !judgement.refused)
		fill_reason(guard, source, &reason, now);
	source->state = (uint8_t)state;
	source->service = judgement.service;
	if (judgement.refused)
		fill_reason(guard, source, &reason, now);
	if (judgement.refused || judgement.passed)
		source->until = until ? until : end_of(guard, state, now);
	if (state == PTR_STATE_VERIFIED)
		guard_trust(guard, &prefix, now + guard->settings->verified_for, now);
	move(guard, source, &judgement, &reason, now);
	guard_gate_end_wait(guard, source, state, newcomer, now);
	if (judgement.refused && !was_refused) {
		guard->gate_stats.refused_sources++;
		tell(guard, DECISION_REFUSE, source, &reason, NULL, now);
	} else if (was_refused && !judgement.refused) {
		tell(guard, DECISION_UNBAN, source, &reason, "verified name", now);
	}
	if (!judgement.refused && !judgement.passed)
		gate_table_remove(guard->gate, source);
}

void guard_gate_answer(struct guard *guard, const struct name_answer *answer, usec_t now)
{
	struct prefix prefix = guard_prefix_of(guard, &answer->address);
	struct gate_source *source = guard_gate_live(guard, &prefix, now);
	enum ptr_state state;
	bool settled;

	/* another address of the prefix may have another name */
	if (!source || !address_equal(&source->client, &answer->address))
		return;
	state = name_table_state(guard->names, &answer->address, now, NULL, NULL);
	settled = state != PTR_STATE_UNKNOWN && state != PTR_STATE_UNVERIFIABLE;
	if (source->outcome == GATE_ASKING || (source->outcome == GATE_PASSED && settled) ||
	    (source->outcome == GATE_REFUSED && state == PTR_STATE_VERIFIED))
		guard_gate_judge(guard, source, state, 0, NULL, now);
}

/* --- observing --- */

void guard_gate_observe(struct guard *guard, const struct source *source, bool may_ask, usec_t now)
{
	const struct service_settings *service = &guard->settings->services[source->key.service];
	struct prefix prefix = source_prefix(source);
	struct ban_reason reason;
	struct gate_source *noted;
	enum ptr_state state;

	if (!is_observed(guard, service) || guard_gate_source(guard, &prefix, now) ||
	    guard_never(guard, &prefix, NULL) != NEVER_NOT || guard_grace_until(guard, &prefix, now))
		return;
	state = name_table_state(guard->names, &source->name_client, now, NULL, NULL);
	if (state == PTR_STATE_UNKNOWN && may_ask)
		guard_ask_name(guard, &source->name_client, now, false);
	if (!guard_gate_refuses(service, state))
		return;
	noted = guard_gate_enter(guard, &prefix, &source->name_client, source->key.service, now);
	if (!noted)
		return;
	noted->packets = 0;
	noted->state = (uint8_t)state;
	noted->until = end_of(guard, state, now);
	gate_table_judge(guard->gate, noted, GATE_WOULD_REFUSE, now);
	fill_reason(guard, noted, &reason, now);
	guard->gate_stats.observed_sources++;
	tell(guard, DECISION_OBSERVE, noted, &reason, guard->unenforceable, now);
}

/* --- taking it back --- */

static void lift(struct guard *guard, struct gate_source *source, const char *because, usec_t now)
{
	struct ban_reason reason;

	fill_reason(guard, source, &reason, now);
	leave_sets(guard, source, now);
	tell(guard, DECISION_UNBAN, source, &reason, because, now);
	gate_table_remove(guard->gate, source);
}

unsigned guard_gate_lift(struct guard *guard, const struct prefix *prefix, const char *because,
			 usec_t now)
{
	struct gate_source *next, *source = gate_table_oldest(guard->gate, GATE_REFUSED);
	unsigned lifted = 0;

	for (; source; source = next) {
		struct prefix own = gate_source_prefix(source);

		next = gate_table_next(guard->gate, source);
		if (own.length < prefix->length || !prefix_contains(prefix, &own.address) ||
		    is_forgotten(source, now))
			continue;
		lift(guard, source, because, now);
		lifted++;
	}
	return lifted;
}

void guard_gate_lift_allowed(struct guard *guard, usec_t now)
{
	struct gate_source *next, *source = gate_table_oldest(guard->gate, GATE_REFUSED);

	for (; source; source = next) {
		struct prefix own = gate_source_prefix(source);

		next = gate_table_next(guard->gate, source);
		if (!is_forgotten(source, now) && guard_never(guard, &own, NULL) == NEVER_ALLOWED)
			lift(guard, source, "allow list", now);
	}
}

void guard_gate_map_services(struct guard *guard, const struct guard_settings *settings)
{
	uint32_t cursor = 0;
	struct gate_source *source;

	while ((source = gate_table_walk(guard->gate, &cursor))) {
		const char *name = guard->settings->services[source->service].name;
		int service = settings_service_by_name(settings, name);

		source->service = service < 0 ? NO_SERVICE : (uint8_t)service;
	}
}

static bool still_holds(const struct guard *guard, const struct gate_source *source,
			const struct judgement *judgement)
{
	const struct service_settings *services = guard->settings->services;

	if (source->service == NO_SERVICE)
		return false;
	if (source->outcome == GATE_WOULD_REFUSE)
		return is_observed(guard, &services[source->service]) &&
		       guard_gate_refuses(&services[source->service], source->state);
	return guard_is_gated(guard, source->service) &&
	       judgement->refused == (source->outcome == GATE_REFUSED);
}

void guard_gate_review(struct guard *guard, usec_t now)
{
	uint32_t cursor = 0;
	struct gate_source *source;

	while ((source = gate_table_walk(guard->gate, &cursor))) {
		struct judgement judgement = weigh(guard, source, source->state);

		if (is_forgotten(source, now) || !still_holds(guard, source, &judgement)) {
			leave_sets(guard, source, now);
			gate_table_remove(guard->gate, source);
			continue;
		}
		if (source->outcome != GATE_REFUSED)
			continue;
		source->service = judgement.service;
		if (judgement.passed != source->also_passed)
			emit(guard, judgement.passed ? GUARD_OP_GATE_ADD : GUARD_OP_GATE_DELETE,
			     GATE_SET_PASSED, source, NULL, now);
		source->also_passed = judgement.passed;
	}
}

bool guard_gate_forget(struct guard *guard, unsigned budget, usec_t now)
{
	for (int outcome = GATE_ASKING + 1; outcome < GATE_OUTCOMES; outcome++) {
		struct gate_source *source;

		while ((source = gate_table_oldest(guard->gate, (enum gate_outcome)outcome)) &&
		       is_forgotten(source, now)) {
			if (budget-- == 0)
				return true;
			gate_table_remove(guard->gate, source);
		}
	}
	return false;
}
