// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "top_priv.h"

#define REASON_KEPT (15 * USEC_PER_SEC) /* a ban may be renewed, a grace may end early */

/* The other standings say all by themselves. A verified name explains an exemption, too. */
static bool has_reason(const struct top_row *row)
{
	switch (row->standing) {
	case TOP_BANNED:
	case TOP_REFUSED:
	case TOP_ALLOWED:
	case TOP_EXEMPT:
		return true;
	default:
		return false;
	}
}

static struct top_reason *find(const struct top_model *model, const char *source)
{
	for (unsigned i = 0; i < TOP_REASONS_MAX; i++)
		if (!strcmp(model->reasons[i].source, source))
			return (struct top_reason *)&model->reasons[i];
	return NULL;
}

const struct top_reason *top_reason_find(const struct top_model *model, const struct top_row *row)
{
	const struct top_reason *reason = has_reason(row) ? find(model, row->source) : NULL;

	return reason && reason->standing == row->standing && reason->why[0] ? reason : NULL;
}

bool top_reason_wanted(const struct top_model *model, const struct top_row *row, usec_t now)
{
	const struct top_reason *reason = has_reason(row) ? find(model, row->source) : NULL;

	if (!has_reason(row) || strlen(row->source) >= TOP_SOURCE_MAX)
		return false;
	return !reason || reason->standing != row->standing || now >= reason->asked + REASON_KEPT;
}

const char *top_reason_request(const struct top_row *row, char text[static TOP_REQUEST_MAX])
{
	struct prefix prefix;

	if (prefix_parse(row->source, &prefix) != 0)
		return NULL;
	snprintf(text, TOP_REQUEST_MAX, "%s%s",
		 row->standing == TOP_BANNED ? "bans source=" : "explain ", row->source);
	return text;
}

void top_reason_begin(struct top_model *model, const struct top_row *row, usec_t now)
{
	struct top_reason *reason = find(model, row->source);

	if (!reason) {
		reason = &model->reasons[0];
		for (unsigned i = 1; i < TOP_REASONS_MAX; i++)
			if (model->reasons[i].asked < reason->asked)
				reason = &model->reasons[i];
		*reason = (struct top_reason){ .asked = 0 };
		snprintf(reason->source, sizeof(reason->source), "%s", row->source);
	}
	if (reason->standing != row->standing)
		reason->why[0] = '\0';
	reason->standing = row->standing;
	reason->asked = now;
}

/* 0: it is no time, or over. */
static usec_t moment_of(const json_t *object, const char *key, usec_t now, usec_t wall)
{
	time_t time;

	if (!time_of(object, key, &time) || time < 0 || (usec_t)time * USEC_PER_SEC <= wall)
		return 0;
	return now + (usec_t)time * USEC_PER_SEC - wall;
}

static void take_ban(struct top_reason *reason, const json_t *answer, usec_t now)
{
	const json_t *ban = json_array_get(json_object_get(answer, "bans"), 0);
	const json_t *left = json_object_get(ban, "remaining_s");

	if (!ban)
		return;
	reason->without_end = !json_is_integer(left);
	if (json_is_integer(left) && json_integer_value(left) >= 0)
		reason->until = now + (usec_t)json_integer_value(left) * USEC_PER_SEC;
	snprintf(reason->why, sizeof(reason->why), "%s", text_of(ban, "comment"));
}

static void take_refusal(struct top_reason *reason, const json_t *answer, usec_t now, usec_t wall)
{
	const json_t *gate = json_object_get(answer, "gate");
	const char *state = text_of(gate, "reverse_dns");

	if (!json_is_object(gate))
		return;
	reason->until = moment_of(gate, "until", now, wall);
	snprintf(reason->why, sizeof(reason->why), "%s",
		 !strcmp(state, "none")	    ? "no PTR" :
		 !strcmp(state, "mismatch") ? "name does not resolve back" :
					      state);
}

static void take_allowed(struct top_reason *reason, const json_t *answer)
{
	const json_t *never = json_object_get(answer, "never");
	const char *match = json_string_value(json_object_get(never, "match"));

	if (json_is_object(never))
		snprintf(reason->why, sizeof(reason->why), "%s%s%s", text_of(never, "reason"),
			 match ? " " : "", match ? match : "");
}

static void take_exemption(struct top_reason *reason, const json_t *answer, usec_t now, usec_t wall)
{
	const json_t *mail = json_object_get(answer, "mail");

	if (has_text(answer, "trusted_until")) {
		reason->until = moment_of(answer, "trusted_until", now, wall);
		snprintf(reason->why, sizeof(reason->why), "unbanned by hand");
	} else if (!strcmp(text_of(json_object_get(answer, "reverse_dns"), "state"), "verified")) {
		snprintf(reason->why, sizeof(reason->why), "name verified");
	} else if (has_text(mail, "authenticated_until")) {
		reason->until = moment_of(mail, "authenticated_until", now, wall);
		snprintf(reason->why, sizeof(reason->why), "authenticated lately");
	}
}

void top_reason_take(struct top_model *model, const char *source, const json_t *answer, usec_t now,
		     usec_t wall)
{
	struct top_reason *reason = find(model, source);

	if (!reason)
		return;
	reason->why[0] = '\0';
	reason->until = 0;
	reason->without_end = false;
	if (reason->standing == TOP_BANNED)
		take_ban(reason, answer, now);
	else if (reason->standing == TOP_REFUSED)
		take_refusal(reason, answer, now, wall);
	else if (reason->standing == TOP_ALLOWED)
		take_allowed(reason, answer);
	else
		take_exemption(reason, answer, now, wall);
}

void top_reason_forget(struct top_model *model)
{
	memset(model->reasons, 0, sizeof(model->reasons));
}
