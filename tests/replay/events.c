// SPDX-License-Identifier: GPL-2.0-or-later
/* What goes in: one event of a story becomes one call of the guard. */
#include "story.h"

#include <stdio.h>
#include <string.h>

enum { STATE_OPEN = 100, STATE_PASS };

static void one_flow(struct story *story, const struct ct_event *event, bool dumped)
{
	if (dumped)
		guard_sync_line(story->guard, event, story->now);
	else
		guard_flow_event(story->guard, event, story->now);
}

/* `flow CLIENT [-> SERVER] [local ENDPOINT] STATE [every TIME]` */
static void flows(struct story *story, bool dumped)
{
	static const struct named states[] = { { "syn", FLOW_SYN },
					       { "picked-up", FLOW_PICKED_UP },
					       { "established", FLOW_ESTABLISHED },
					       { "closed", FLOW_CLOSED },
					       { "open", STATE_OPEN },
					       { "pass", STATE_PASS },
					       { NULL, 0 } };
	struct ct_event event = { .local_port = 0 };
	uint16_t first, last, unused;
	usec_t every = 0;
	int state;

	event.key.client = endpoint_of(story, next(story), &first, &last);
	event.key.server = address_of(
		story, address_is_ipv4(&event.key.client) ? "198.51.100.1" : "2001:db8:ffff::25");
	event.key.server_port = 25;
	if (accept(story, "->"))
		event.key.server =
			endpoint_of(story, next(story), &event.key.server_port, &unused);
	event.local = event.key.server;
	event.local_port = event.key.server_port;
	if (accept(story, "local"))
		event.local = endpoint_of(story, next(story), &event.local_port, &unused);
	state = choose(story, states);
	if (accept(story, "every"))
		every = time_of(story, next(story));
	for (uint32_t port = first; port <= last; port++) {
		if (port > first && every)
			advance(story, story->now + every);
		event.key.client_port = (uint16_t)port;
		event.phase = state < STATE_OPEN ? (enum flow_phase)state : FLOW_SYN;
		one_flow(story, &event, dumped);
		if (state < STATE_OPEN)
			continue;
		event.phase = FLOW_ESTABLISHED;
		one_flow(story, &event, dumped);
		event.phase = FLOW_CLOSED;
		if (state == STATE_PASS)
			one_flow(story, &event, dumped);
	}
}

static void dump(struct story *story)
{
	bool lost;

	if (accept(story, "begin")) {
		guard_sync_begin(story->guard);
	} else if (accept(story, "end")) {
		lost = accept(story, "lost");
		for (unsigned pieces = 0; !guard_sync_end(story->guard, lost, story->now); pieces++)
			if (pieces == TICKS_MAX)
				fail(story, "the sweep does not end");
	} else {
		flows(story, true);
	}
}

static void local(struct story *story)
{
	static const struct named states[] = { { "added", true }, { "removed", false }, { NULL, 0 } };
	struct address address = address_of(story, next(story));
	int present = choose(story, states);

	if (guard_local_address(story->guard, &address, present, story->now) < 0)
		fail(story, "no memory");
}

/* `answer ADDRESS RESULT [unhealthy] [ttl TIME] [NAME...]` */
static void answer(struct story *story)
{
	static const struct named results[] = { { "verified", NAME_ANSWER_VERIFIED },
						{ "mismatch", NAME_ANSWER_MISMATCH },
						{ "none", NAME_ANSWER_NONE },
						{ "failed", NAME_ANSWER_FAILED },
						{ NULL, 0 } };
	struct name_answer answer = { .ttl = 3600 * USEC_PER_SEC };

	answer.address = address_of(story, next(story));
	answer.result = (enum name_answer_result)choose(story, results);
	answer.resolver_healthy = !accept(story, "unhealthy");
	if (accept(story, "ttl"))
		answer.ttl = time_of(story, next(story));
	while (story->word < story->n_words) {
		if (answer.n_names == PTR_NAMES_MAX)
			fail(story, "too many names");
		snprintf(answer.names[answer.n_names++], PTR_NAME_TEXT_MAX, "%s", next(story));
	}
	guard_name_answer(story->guard, &answer, story->now);
}

/* --- operators --- */

static void note_result(struct story *story, int r, const struct prefix *conflict)
{
	static const char *const names[] = { [GUARD_NEVER_LISTED] = "never-listed",
					     [GUARD_BANS_FULL] = "bans-full",
					     [GUARD_NOT_BANNED] = "not-banned",
					     [GUARD_OBSERVING] = "observing",
					     [GUARD_COVERED] = "covered",
					     [GUARD_OVERLAPS] = "overlaps",
					     [GUARD_LIST_FULL] = "list-full",
					     [GUARD_NOT_LISTED] = "not-listed" };
	char text[PREFIX_TEXT_MAX];

	if (r == GUARD_COVERED || r == GUARD_OVERLAPS)
		note(story, "result %s %s", names[r], prefix_format(conflict, text));
	else if (r)
		note(story, "result %s", r > 0 && r < (int)ARRAY_SIZE(names) ? names[r] : "?");
}

static void lifted(struct story *story, int r, unsigned n, const struct prefix *conflict)
{
	note_result(story, r, conflict);
	if (r == 0 && n != 1)
		note(story, "result lifted %u", n);
}

static const char *text_or_nothing(struct story *story)
{
	return *peek(story) ? next(story) : "";
}

static void ban(struct story *story)
{
	struct prefix prefix = prefix_of(story, next(story)), conflict = { .length = 0 };
	usec_t duration = *peek(story) ? time_or_never(story) : 0;

	note_result(story,
		    guard_ban(story->guard, &prefix, duration, text_or_nothing(story), story->now,
			      &conflict),
		    &conflict);
}

static void unban(struct story *story)
{
	struct prefix prefix = prefix_of(story, next(story)), conflict = { .length = 0 };
	usec_t grace = *peek(story) ? time_or_never(story) : 0;
	unsigned n = 0;
	int r = guard_unban(story->guard, &prefix, grace, story->now, &n, &conflict);

	lifted(story, r, n, &conflict);
}

static void allow_by_hand(struct story *story)
{
	struct prefix prefix = prefix_of(story, next(story)), conflict = { .length = 0 };
	usec_t duration = *peek(story) && !accept(story, "never") ? time_of(story, next(story)) : 0;
	unsigned n = 0;
	int r = guard_allow(story->guard, &prefix, duration, text_or_nothing(story), story->now, &n,
			    &conflict);

	note_result(story, r, &conflict);
	if (r == 0 && n)
		note(story, "result lifted %u", n);
}

static void disallow(struct story *story)
{
	struct prefix prefix = prefix_of(story, next(story));

	note_result(story, guard_disallow(story->guard, &prefix, story->now), NULL);
}

static void flush(struct story *story)
{
	note(story, "result lifted %u", guard_flush(story->guard, story->now));
}

/* --- what outlived the daemon, and the kernel's sets --- */

/* `adopt PREFIX TIMEOUT REMAINING COMMENT` */
static void adopt(struct story *story)
{
	struct prefix prefix = prefix_of(story, next(story));
	usec_t timeout = time_or_never(story), remaining = time_or_never(story);

	note_result(story,
		    guard_adopt(story->guard, &prefix, timeout, remaining, next(story), story->now),
		    NULL);
}

static usec_t in_time(struct story *story)
{
	usec_t time = time_or_never(story);

	return time == USEC_NEVER ? USEC_NEVER : story->now + time;
}

/* `restore ban PREFIX AGE REMAINING COMMENT [EARLIER]` */
static void restore_ban(struct story *story)
{
	struct prefix source = prefix_of(story, next(story));
	usec_t since = story->now - time_of(story, next(story)), expires = in_time(story);
	struct ban_reason reason;
	uint32_t earlier;

	reason_parse(next(story), &reason);
	earlier = *peek(story) ? (uint32_t)number_of(story, next(story)) : 0;
	note_result(story,
		    guard_restore_ban(story->guard, &source, since, expires, &reason, earlier,
				      story->now),
		    NULL);
}

/* `restore blocked|allowed PREFIX REMAINING` */
static void restore_entry(struct story *story, enum guard_list list)
{
	struct operator_entry entry = { .prefix = prefix_of(story, next(story)),
					.since = story->now };

	entry.expires = in_time(story);
	note_result(story, guard_restore_entry(story->guard, list, &entry), &entry.prefix);
}

static void restore(struct story *story)
{
	enum { BAN, BLOCKED, ALLOWED, GRACE, PAST };
	static const struct named kinds[] = { { "ban", BAN },	      { "blocked", BLOCKED },
					      { "allowed", ALLOWED }, { "grace", GRACE },
					      { "past", PAST },	      { NULL, 0 } };
	int kind = choose(story, kinds);
	struct prefix source;
	uint32_t bans;

	if (kind == BAN) {
		restore_ban(story);
		return;
	}
	if (kind == BLOCKED || kind == ALLOWED) {
		restore_entry(story, kind == BLOCKED ? GUARD_LIST_BLOCKED : GUARD_LIST_ALLOWED);
		return;
	}
	source = prefix_of(story, next(story));
	if (kind == GRACE) {
		guard_restore_grace(story->guard, &source, in_time(story));
		return;
	}
	/* `restore past PREFIX BANS AGO` */
	bans = (uint32_t)number_of(story, next(story));
	guard_restore_past(story->guard, &source, bans, story->now - time_of(story, next(story)));
}

/* `audit begin`, `audit PREFIX REMAINING`, `audit end [incomplete]` */
static void audit(struct story *story)
{
	struct prefix source;

	if (accept(story, "begin")) {
		guard_audit_begin(story->guard, story->now);
	} else if (accept(story, "end")) {
		guard_audit_end(story->guard, !accept(story, "incomplete"), story->now);
	} else {
		source = prefix_of(story, next(story));
		guard_audit_element(story->guard, &source, time_or_never(story), story->now);
	}
}

static void element(struct story *story)
{
	static const struct named states[] = { { "enforced", true }, { "refused", false }, { NULL, 0 } };
	struct prefix prefix = prefix_of(story, next(story));

	guard_element_result(story->guard, &prefix, choose(story, states));
}

/* This host's addresses and an empty table: what most stories begin with. */
static void ready(struct story *story)
{
	static const char *const own[] = { "198.51.100.1", "2001:db8:ffff::25" };

	for (unsigned i = 0; i < ARRAY_SIZE(own); i++) {
		struct address address = address_of(story, own[i]);

		if (guard_local_address(story->guard, &address, true, story->now) < 0)
			fail(story, "no memory");
	}
	guard_sync_begin(story->guard);
	while (!guard_sync_end(story->guard, false, story->now))
		;
}

static void events_lost(struct story *story)
{
	guard_events_lost(story->guard);
}

static void resolver_gone(struct story *story)
{
	guard_resolver_gone(story->guard);
}

/* `packet ID ADDR [PORT]` */
static void packet(struct story *story)
{
	struct gate_packet packet = { .id = (uint32_t)number_of(story, next(story)) };

	packet.client = address_of(story, next(story));
	packet.local_port = *peek(story) ? (uint16_t)number_of(story, next(story)) : 25;
	guard_gate_packet(story->guard, &packet, story->now);
}

static void gate_release(struct story *story)
{
	guard_gate_release(story->guard, story->now);
}

static void gate_closed(struct story *story)
{
	guard_gate_closed(story->guard);
}

static void connections(struct story *story)
{
	flows(story, false);
}

static void unenforceable(struct story *story)
{
	guard_set_unenforceable(story->guard, "no table");
}

static void enforceable(struct story *story)
{
	guard_set_unenforceable(story->guard, NULL);
}

static void day(struct story *story)
{
	guard_begin_day(story->guard, time_of(story, next(story)), story->now);
}

static void tell_peaks(struct story *story)
{
	guard_tell_peaks(story->guard, story->now);
}

static void nothing(struct story *story UNUSED)
{
}

void event(struct story *story)
{
	static const struct {
		const char *word;
		void (*play)(struct story *story);
	} events[] = {
		{ "ready", ready },	    { "flow", connections },
		{ "lost", events_lost },    { "dump", dump },
		{ "local", local },	    { "answer", answer },
		{ "ban", ban },		    { "resolver-gone", resolver_gone },
		{ "unban", unban },	    { "allow", allow_by_hand },
		{ "disallow", disallow },   { "flush", flush },
		{ "adopt", adopt },	    { "restore", restore },
		{ "audit", audit },	    { "element", element },
		{ "unenforceable", unenforceable }, { "enforceable", enforceable },
		{ "packet", packet },	    { "gate-release", gate_release },
		{ "gate-closed", gate_closed }, { "mail", mail },
		{ "reload", reload },	    { "wait", nothing },
		{ "day", day },		    { "tell-peaks", tell_peaks },
	};
	const char *word = next(story);

	for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
		if (!strcmp(word, events[i].word)) {
			events[i].play(story);
			return;
		}
	}
	fail(story, "unknown event \"%s\"", word);
}
