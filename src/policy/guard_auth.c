// SPDX-License-Identifier: GPL-2.0-or-later
/* Who failed to authenticate, and is banned for it, and who did not fail, and is spared. */
#include "guard_priv.h"

#include <stdio.h>
#include <string.h>

#define RETRY_INTERVAL (USEC_PER_SEC / 2)
#define FULL_RETRY_INTERVAL (60 * USEC_PER_SEC)
#define RETRY_BUDGET 4096u
/* for reports; longer if the window is */
#define REMEMBERED_FOR (86400 * USEC_PER_SEC)
/* how many stamps a window keeps: enough to decide, and some more to show */
#define KEEP_LEAST 60u
#define KEEP_SHOWN 1020u

/* --- windows --- */

static uint32_t count_failures(struct guard *guard, struct auth_source *source, usec_t now)
{
	return auth_table_failures(guard->auth, source, now, guard->settings->mail.auth_window);
}

static uint16_t window_keep(const struct guard *guard)
{
	uint32_t limit = guard->settings->mail.auth_failures;
	uint32_t shown = MIN_OF(MAX_OF(2 * limit, KEEP_LEAST), KEEP_SHOWN);

	return (uint16_t)MAX_OF(shown, limit);
}

static void begin_anew(struct guard *guard, struct auth_source *source)
{
	auth_table_clear_failures(guard->auth, source);
	source->announced = 0;
	auth_table_place(guard->auth, source, AUTH_LANE_PLAIN);
}

/* The episode of one that was over its limit ends at half of it. */
static void relax(struct guard *guard, struct auth_source *source, usec_t now)
{
	uint32_t n = count_failures(guard, source, now), limit = guard->settings->mail.auth_failures;

	if (n <= limit / 2)
		source->announced = 0;
	if (source->lane != AUTH_LANE_PLAIN && (!limit || n < limit))
		auth_table_place(guard->auth, source, AUTH_LANE_PLAIN);
}

/* --- the decision --- */

static void fill_reason(struct guard *guard, const struct auth_source *source, uint8_t service,
			uint32_t observed, struct ban_reason *ret_reason, usec_t now)
{
	const char *names[PTR_NAMES_MAX];
	char head[REASON_COMMENT_MAX];
	unsigned n_names;
	struct ban_reason reason = { .limit = LIMIT_AUTH_FAILURES,
				     .allowed = guard->settings->mail.auth_failures,
				     .observed = observed,
				     .peak = observed,
				     .window = guard->settings->mail.auth_window };

	memcpy(reason.service, guard->settings->services[service].name, sizeof(reason.service));
	reason.ptr_state = name_table_state(guard->names, &source->client, now, names, &n_names);
	if (n_names > 0)
		snprintf(reason.name, sizeof(reason.name), "%s", names[0]);
	/* all of it is to stand in the comment, behind the numbers */
	auth_source_accounts(source, reason.text,
			     REASON_COMMENT_MAX - sizeof("; ") - strlen(reason_format(&reason, head)));
	*ret_reason = reason;
}

/* SPEC 5 without its second and third point: a verified name may guess passwords no more than others. */
static void decide_offence(struct guard *guard, struct auth_source *source, uint8_t service,
			   uint32_t observed, usec_t now)
{
	struct ban_reason reason;
	const struct offence offence = { .source = auth_source_prefix(source),
					 .service = service,
					 .announced = &source->announced,
					 .reason = &reason };
	usec_t pause;
	int r;

	fill_reason(guard, source, service, observed, &reason, now);
	auth_table_place(guard->auth, source, AUTH_LANE_OVER);
	if (guard_spare(guard, &offence, now) != STANDING_NORMAL)
		return;
	r = guard_ban_or_observe(guard, &offence, now);
	if (r == GUARD_OBSERVING)
		return;
	if (r == 0) {
		/* what it is banned for must not ban it once more when it comes back */
		begin_anew(guard, source);
		return;
	}
	/* it must not need another failure to be judged when there is room */
	auth_table_place(guard->auth, source, AUTH_LANE_HELD);
	pause = r == GUARD_HELD_BACK ? RETRY_INTERVAL : FULL_RETRY_INTERVAL;
	guard->auth_retry = MIN_OF(guard->auth_retry, now + pause);
}

static bool is_shut_out(struct guard *guard, const struct auth_source *source, usec_t now)
{
	struct prefix prefix = auth_source_prefix(source);

	return guard_live_ban(guard, &prefix, now) || guard_is_blocked(guard, &prefix);
}

static void evaluate(struct guard *guard, struct auth_source *source, usec_t now)
{
	uint32_t limit = guard->settings->mail.auth_failures;
	uint32_t observed = count_failures(guard, source, now);
	uint8_t service = guard->service_of_port[source->local_port];

	relax(guard, source, now);
	if (!limit || observed < limit)
		return;
	if (service == NO_SERVICE || is_shut_out(guard, source, now))
		auth_table_place(guard->auth, source, AUTH_LANE_OVER);
	else
		decide_offence(guard, source, service, observed, now);
}

void guard_auth_failed(struct guard *guard, const struct mail_reading *reading, uint16_t local_port,
		       uint32_t count, usec_t now)
{
	struct prefix prefix = guard_prefix_of(guard, &reading->address);
	struct auth_source *source = auth_table_get(guard->auth, &prefix);

	source->failures += count;
	source->last_failure = now;
	source->client = reading->address;
	source->local_port = local_port;
	auth_table_note_account(guard->auth, source, reading->account);
	relax(guard, source, now);
	/* lines that come after its ban are about what it is banned for */
	if (is_shut_out(guard, source, now))
		return;
	auth_table_add_failures(guard->auth, source, count, window_keep(guard), now);
	evaluate(guard, source, now);
}

void guard_auth_succeeded(struct guard *guard, const struct mail_reading *reading, uint32_t count,
			  usec_t now)
{
	struct prefix prefix = guard_prefix_of(guard, &reading->address);
	struct auth_source *source = auth_table_get(guard->auth, &prefix);

	source->successes += count;
	source->last_success = now;
	source->authenticated_until = now + guard->settings->verified_for;
}

void guard_auth_forgive(struct guard *guard, const struct prefix *source)
{
	struct auth_source *found = guard->auth ? auth_table_find(guard->auth, source) : NULL;

	if (found)
		begin_anew(guard, found);
}

/* --- again --- */

void guard_auth_review(struct guard *guard, usec_t now)
{
	struct auth_source *source;
	uint32_t cursor = 0;

	while (guard->auth && (source = auth_table_walk(guard->auth, &cursor)))
		evaluate(guard, source, now);
}

void guard_auth_retry(struct guard *guard, usec_t now)
{
	uint32_t n = auth_table_count_in(guard->auth, AUTH_LANE_HELD);

	guard->auth_retry = USEC_NEVER;
	n = MIN_OF(n, RETRY_BUDGET);
	while (n-- > 0 && !guard_breaker_open(guard, now))
		evaluate(guard, auth_table_oldest(guard->auth, AUTH_LANE_HELD), now);
	if (guard->auth_retry == USEC_NEVER && auth_table_count_in(guard->auth, AUTH_LANE_HELD))
		guard->auth_retry = now + RETRY_INTERVAL;
}

void guard_auth_keep_house(struct guard *guard, unsigned budget, usec_t now)
{
	usec_t kept = MAX_OF(REMEMBERED_FOR, guard->settings->mail.auth_window);

	for (unsigned i = 0; guard->auth && i < budget; i++) {
		struct auth_source *source = auth_table_walk(guard->auth, &guard->auth_cursor);

		if (!source) {
			guard->auth_cursor = 0;
			return;
		}
		/* stamps wrap after 49 days: they must not come to life again */
		relax(guard, source, now);
		if (now - MAX_OF(source->last_failure, source->last_success) >= kept &&
		    source->authenticated_until <= now)
			auth_table_remove(guard->auth, source);
	}
}

/* --- reading --- */

bool guard_is_authenticated(const struct guard *guard, const struct prefix *source, usec_t now)
{
	const struct auth_source *found = guard->auth ? auth_table_find(guard->auth, source) : NULL;

	return found && found->authenticated_until > now;
}

bool guard_auth_summary(struct guard *guard, const struct prefix *source, usec_t now,
			struct auth_summary *ret_summary)
{
	struct auth_source *found = guard->auth ? auth_table_find(guard->auth, source) : NULL;
	struct auth_summary summary;

	if (!found)
		return false;
	summary = (struct auth_summary){
		.failures_in_window = count_failures(guard, found, now),
		.failures = found->failures,
		.successes = found->successes,
		.accounts = found->n_accounts,
		.last_failure = found->last_failure,
		.last_success = found->last_success,
		.authenticated_until = found->authenticated_until > now ? found->authenticated_until : 0,
	};
	memcpy(summary.last_account, found->last_account, sizeof(summary.last_account));
	*ret_summary = summary;
	return true;
}
