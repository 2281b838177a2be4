// SPDX-License-Identifier: GPL-2.0-or-later
#include "guard_priv.h"

#include <stdio.h>
#include <string.h>

static uint32_t new_count(struct guard *guard, struct source *source, usec_t now)
{
	return source_table_new_count(guard->sources, source, now,
				      guard->settings->services[source->key.service].new_window);
}

static void set_standing(struct guard *guard, struct source *source, enum standing standing)
{
	source->standing = (uint8_t)standing;
	if (standing == STANDING_NORMAL)
		source->waiting_since = 0;
	source_table_protect(guard->sources, source, standing != STANDING_NORMAL);
}

void guard_ask_name(struct guard *guard, const struct address *address, usec_t now, bool urgent)
{
	struct guard_op op = { .type = GUARD_OP_RESOLVE, .now = now, .address = *address };

	if (name_table_should_ask(guard->names, address, now, urgent))
		guard->sink(guard->sink_userdata, &op);
}

void guard_put_pending(struct guard *guard, struct source *source, usec_t now)
{
	if (source->is_pending || guard->n_pending == PENDING_MAX)
		return;
	source->is_pending = 1;
	guard->pending[guard->n_pending++] = source_table_handle(guard->sources, source);
	guard->next_retry = MIN_OF(guard->next_retry, now + USEC_PER_SEC / 2);
}

static void wait_for_name(struct guard *guard, struct source *source,
			  const struct offence *offence, usec_t now)
{
	set_standing(guard, source, STANDING_RESOLVING);
	if (!source->waiting_since)
		source->waiting_since = now;
	guard_ask_name(guard, &source->name_client, now, true);
	guard_put_pending(guard, source, now);
	if (now - source->waiting_since >= guard->settings->names.deadline)
		guard_announce(guard, offence, DECISION_EXEMPT, "reverse DNS unknown", now);
}

static void fill_reason(struct guard *guard, struct source *source, struct ban_reason *reason,
			uint32_t fresh, usec_t now)
{
	const struct service_settings *service = &guard->settings->services[source->key.service];
	const char *names[PTR_NAMES_MAX];
	unsigned n_names;

	memcpy(reason->service, service->name, sizeof(reason->service));
	reason->peak = source->peak;
	reason->window = service->new_window;
	reason->observed = reason->limit == LIMIT_NEW ? fresh : source->concurrent;
	switch (reason->limit) {
	case LIMIT_NEW:
		reason->allowed = service->new_count;
		break;
	case LIMIT_VERIFIED_CONCURRENT:
		reason->allowed = service->verified_concurrent;
		break;
	default:
		reason->allowed = service->concurrent;
		break;
	}
	reason->ptr_state =
		name_table_state(guard->names, &source->name_client, now, names, &n_names);
	if (n_names > 0)
		snprintf(reason->name, sizeof(reason->name), "%s", names[0]);
}

static void ban_or_observe(struct guard *guard, struct source *source,
			   const struct offence *offence, usec_t now)
{
	int r = guard_ban_or_observe(guard, offence, now);

	if (r == 0)
		return;
	set_standing(guard, source, STANDING_OVER_LIMIT);
	if (r == GUARD_OBSERVING)
		return;
	/* the next dump tries those that do not wait in line */
	guard->reevaluation_wanted = true;
	/* the breaker closes by itself: the source must not need another connection to be judged then */
	if (r == GUARD_HELD_BACK)
		guard_put_pending(guard, source, now);
}

enum known_by { KNOWN_BY_NAME, KNOWN_BY_PASSWORD };

/* It is only held to verified_concurrent. */
static void decide_known(struct guard *guard, struct source *source, const struct offence *offence,
			 enum known_by known_by, uint32_t fresh, usec_t now)
{
	static const char *const because[] = { [KNOWN_BY_NAME] = "verified name",
					       [KNOWN_BY_PASSWORD] = "authenticated" };
	uint32_t limit = guard->settings->services[offence->service].verified_concurrent;

	if (!limit || source->concurrent <= limit) {
		set_standing(guard, source, STANDING_EXEMPT);
		if (guard_announce(guard, offence, DECISION_EXEMPT, because[known_by], now) &&
		    known_by == KNOWN_BY_PASSWORD)
			guard->mail_stats.spared++;
		return;
	}
	/* this limit rests on the same counts as the plain one */
	if (guard->in_doubt) {
		set_standing(guard, source, STANDING_OVER_LIMIT);
		return;
	}
	offence->reason->limit = LIMIT_VERIFIED_CONCURRENT;
	fill_reason(guard, source, offence->reason, fresh, now);
	ban_or_observe(guard, source, offence, now);
}

/* SPEC 5, in its order: never, known by password or name, unknown waits, ban. */
static void decide_offence(struct guard *guard, struct source *source, struct ban_reason *reason,
			   uint32_t fresh, usec_t now)
{
	const struct service_settings *service = &guard->settings->services[source->key.service];
	const struct offence offence = { .source = source_prefix(source),
					 .service = source->key.service,
					 .announced = &source->announced,
					 .reason = reason };
	enum standing spared;

	fill_reason(guard, source, reason, fresh, now);
	spared = guard_spare(guard, &offence, now);
	if (spared != STANDING_NORMAL) {
		set_standing(guard, source, spared);
	} else if (settings_spares_authenticated(service) &&
		   guard_is_authenticated(guard, &offence.source, now)) {
		decide_known(guard, source, &offence, KNOWN_BY_PASSWORD, fresh, now);
	} else if (settings_honours_names(service) && reason->ptr_state == PTR_STATE_UNKNOWN) {
		wait_for_name(guard, source, &offence, now);
	} else if (settings_honours_names(service) && reason->ptr_state == PTR_STATE_VERIFIED) {
		guard_trust(guard, &offence.source, now + guard->settings->verified_for, now);
		decide_known(guard, source, &offence, KNOWN_BY_NAME, fresh, now);
	} else {
		ban_or_observe(guard, source, &offence, now);
	}
}

static bool is_over_concurrent(const struct guard *guard, const struct source *source)
{
	uint32_t limit = guard->settings->services[source->key.service].concurrent;

	return limit && source->concurrent > limit;
}

static bool is_over_new(const struct guard *guard, const struct source *source, uint32_t fresh)
{
	uint32_t limit = guard->settings->services[source->key.service].new_count;

	return limit && fresh > limit;
}

static bool is_quiet(const struct guard *guard, const struct source *source, uint32_t fresh)
{
	const struct service_settings *service = &guard->settings->services[source->key.service];

	return (!service->concurrent || source->concurrent <= service->concurrent / 2) &&
	       (!service->new_count || fresh <= service->new_count / 2);
}

/* A connection ended: nobody is banned for that, but a source may be back within its limits. */
void guard_relax(struct guard *guard, struct source *source, usec_t now)
{
	uint32_t fresh;

	if (source->standing == STANDING_BANNED ||
	    (source->standing == STANDING_NORMAL && !source->announced))
		return;
	fresh = new_count(guard, source, now);
	if (is_over_concurrent(guard, source) || is_over_new(guard, source, fresh))
		return;
	set_standing(guard, source, STANDING_NORMAL);
	if (is_quiet(guard, source, fresh))
		source->announced = 0;
}

/* Asks ahead of need, and lets a verified source pass the ceiling before it meets it. */
static void foresee(struct guard *guard, struct source *source, const struct prefix *prefix, usec_t now)
{
	if (name_table_state(guard->names, &source->name_client, now, NULL, NULL) ==
	    PTR_STATE_VERIFIED)
		guard_trust(guard, prefix, now + guard->settings->verified_for, now);
	else
		guard_ask_name(guard, &source->name_client, now, false);
}

void guard_evaluate(struct guard *guard, struct source *source, usec_t now)
{
	const struct service_settings *service = &guard->settings->services[source->key.service];
	struct prefix prefix = source_prefix(source);
	uint32_t fresh = new_count(guard, source, now);
	bool over_concurrent = is_over_concurrent(guard, source);
	struct ban_reason reason = { .limit = LIMIT_NONE };
	struct ban *ban = guard_live_ban(guard, &prefix, now);

	source_table_note_new(source, fresh);
	if (ban && !strcmp(ban->reason.service, service->name))
		guard_note_peak(guard, ban, source->concurrent);
	if (ban || guard_is_blocked(guard, &prefix)) {
		set_standing(guard, source, STANDING_BANNED);
		return;
	}
	/* lost events may have left closed connections in the count: no ban on it before the dump */
	if (over_concurrent && !guard->in_doubt)
		reason.limit = LIMIT_CONCURRENT;
	else if (is_over_new(guard, source, fresh))
		reason.limit = LIMIT_NEW;
	if (reason.limit != LIMIT_NONE) {
		decide_offence(guard, source, &reason, fresh, now);
		return;
	}
	if (over_concurrent) {
		set_standing(guard, source, STANDING_OVER_LIMIT);
		return;
	}
	set_standing(guard, source, STANDING_NORMAL);
	if (is_quiet(guard, source, fresh)) {
		source->announced = 0;
		return;
	}
	/* ask ahead of need, so that the answer is there when the limit is passed */
	if (settings_honours_names(service) &&
	    guard_never(guard, &prefix, NULL) == NEVER_NOT)
		foresee(guard, source, &prefix, now);
}

void guard_retry_pending(struct guard *guard, usec_t now)
{
	uint32_t n = guard->n_pending;
	struct hash_handle waiting[64];

	/* in pieces, from the front: evaluating puts those that still wait back into the list */
	guard->next_retry = n ? now + USEC_PER_SEC / 2 : USEC_NEVER;
	for (uint32_t done = 0; done < n;) {
		uint32_t piece = MIN_OF(n - done, (uint32_t)ARRAY_SIZE(waiting));

		memcpy(waiting, guard->pending, piece * sizeof(*waiting));
		guard->n_pending -= piece;
		memmove(guard->pending, guard->pending + piece,
			guard->n_pending * sizeof(*guard->pending));
		for (uint32_t i = 0; i < piece; i++) {
			struct source *source = source_table_at(guard->sources, waiting[i]);

			if (!source)
				continue;
			source->is_pending = 0;
			guard_evaluate(guard, source, now);
		}
		done += piece;
	}
	if (!guard->n_pending)
		guard->next_retry = USEC_NEVER;
}

void guard_name_answer(struct guard *guard, const struct name_answer *answer, usec_t now)
{
	struct prefix prefix = guard_prefix_of(guard, &answer->address);

	if (!name_table_answer(guard->names, answer, now))
		return;
	guard_gate_answer(guard, answer, now);
	for (unsigned i = 0; i < guard->settings->n_services; i++) {
		struct source *source = source_table_find(guard->sources, &prefix, (uint8_t)i);

		if (source && source->standing == STANDING_RESOLVING)
			guard_evaluate(guard, source, now);
		else if (source && answer->result == NAME_ANSWER_VERIFIED &&
			 settings_honours_names(&guard->settings->services[i]))
			guard_trust(guard, &prefix, now + guard->settings->verified_for, now);
		if (source)
			guard_gate_observe(guard, source, false, now);
	}
}
