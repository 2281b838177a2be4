// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The commands that change bans and the operator's lists.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server_priv.h"

#define UNBANS_PER_PIECE 128

struct prefix command_source(const struct guard *guard, const struct prefix *given)
{
	const struct guard_settings *settings = guard_settings(guard);
	const struct prefix host = prefix_host(&given->address);

	if (given->length != host.length)
		return *given;
	return prefix_of_address(&given->address, settings->ipv4_prefix, settings->ipv6_prefix);
}

static const struct operator_entry *entry_of(const struct guard *guard, enum guard_list which,
					     const struct prefix *prefix)
{
	const struct operator_entry *entry =
		operator_list_match(guard_list(guard, which), &prefix->address);

	return entry && prefix_equal(&entry->prefix, prefix) ? entry : NULL;
}

/*
 * What the operator means to ban or unban: ADDR/LEN by its word, an address as the source it belongs
 * to, unless it was blocked by its word before.
 */
static struct prefix target_of(const struct guard *guard, const struct control_command *command)
{
	if (command->has_length || (command->verb == CONTROL_UNBAN &&
				    entry_of(guard, GUARD_LIST_BLOCKED, &command->prefix)))
		return command->prefix;
	return command_source(guard, &command->prefix);
}

/* --- refusals --- */

/* A change that the guard refused: what was asked for, of what, and what stood in the way. */
struct refusal {
	enum control_verb verb;
	struct prefix prefix, conflict;
	usec_t now;
};

static void refuse_never(struct client *client, const struct refusal *refusal)
{
	struct guard *guard = client->server->inputs->guard;
	char text[PREFIX_TEXT_MAX], match_text[PREFIX_TEXT_MAX] = "", message[MESSAGE_MAX];
	struct prefix match = { 0 };
	enum never_reason never = guard_never(guard, &refusal->prefix, &match);

	if (never == NEVER_ALLOWED)
		prefix_format(&match, match_text);
	snprintf(message, sizeof(message), "%s is never banned: %s%s%s",
		 prefix_format(&refusal->prefix, text), never_reason_name(never),
		 match_text[0] ? " " : "", match_text);
	client_add_error(client, "never-listed", message);
}

static void refuse_not_banned(struct client *client, const struct refusal *refusal)
{
	const struct guard *guard = client->server->inputs->guard;
	usec_t until = guard_grace_until(guard, &refusal->prefix, refusal->now);
	char text[PREFIX_TEXT_MAX], time[TIMESTAMP_TEXT_MAX], message[MESSAGE_MAX];

	snprintf(message, sizeof(message), "%s is not banned%s%s",
		 prefix_format(&refusal->prefix, text),
		 until ? "; it is trusted all the same, until " : "",
		 until ? clock_format_wall(clock_to_wall(until), time) : "");
	client_add_error(client, "not-banned", message);
}

static void refuse_covered(struct client *client, const struct refusal *refusal)
{
	char text[PREFIX_TEXT_MAX], by[PREFIX_TEXT_MAX], message[MESSAGE_MAX];

	prefix_format(&refusal->prefix, text);
	prefix_format(&refusal->conflict, by);
	if (refusal->verb == CONTROL_UNBAN)
		snprintf(message, sizeof(message),
			 "%s is inside the block %s: unban that one, or allow the address", text,
			 by);
	else
		snprintf(message, sizeof(message), "%s is inside %s, which is %s already", text, by,
			 refusal->verb == CONTROL_BAN ? "blocked" : "allowed");
	client_add_error(client, "covered", message);
}

static void refuse_overlaps(struct client *client, const struct refusal *refusal)
{
	char text[PREFIX_TEXT_MAX], by[PREFIX_TEXT_MAX], message[MESSAGE_MAX];

	prefix_format(&refusal->prefix, text);
	prefix_format(&refusal->conflict, by);
	snprintf(message, sizeof(message),
		 "%s contains %s, which is %s for longer: lift that one first (%s %s), or give a "
		 "longer time",
		 text, by, refusal->verb == CONTROL_BAN ? "blocked" : "allowed",
		 refusal->verb == CONTROL_BAN ? "unban" : "allow remove", by);
	client_add_error(client, "overlaps", message);
}

static void refuse(struct client *client, int condition, const struct refusal *refusal)
{
	const struct guard_settings *settings = guard_settings(client->server->inputs->guard);
	char text[PREFIX_TEXT_MAX], message[MESSAGE_MAX];

	switch (condition) {
	case GUARD_NEVER_LISTED:
		refuse_never(client, refusal);
		return;
	case GUARD_BANS_FULL:
		snprintf(message, sizeof(message),
			 "no room for another ban: bans.max_bans is %" PRIu32,
			 settings->bans.max_bans);
		client_add_error(client, "bans-full", message);
		return;
	case GUARD_NOT_BANNED:
		refuse_not_banned(client, refusal);
		return;
	case GUARD_OBSERVING:
		client_add_error(client, "observing", "mode is observe: nobody is banned");
		return;
	case GUARD_COVERED:
		refuse_covered(client, refusal);
		return;
	case GUARD_OVERLAPS:
		refuse_overlaps(client, refusal);
		return;
	case GUARD_LIST_FULL:
		snprintf(message, sizeof(message), "no room: the list holds at most %d prefixes",
			 OPERATOR_LIST_MAX);
		client_add_error(client, "list-full", message);
		return;
	case GUARD_NOT_LISTED:
		snprintf(message, sizeof(message), "%s is not among the prefixes allowed by hand",
			 prefix_format(&refusal->prefix, text));
		client_add_error(client, "not-listed", message);
		return;
	default:
		snprintf(message, sizeof(message), "not done: %s", strerror(-condition));
		client_add_error(client, "failed", message);
		return;
	}
}

/* --- bans and blocks --- */

void command_ban(struct client *client, const struct control_command *command, usec_t now)
{
	struct guard *guard = client->server->inputs->guard;
	struct refusal refusal = { .verb = command->verb,
				   .prefix = target_of(guard, command),
				   .now = now };
	const struct operator_entry *block;
	const struct ban *ban;
	int r;

	r = guard_ban(guard, &refusal.prefix, command->duration, command->reason, now,
		      &refusal.conflict);
	if (r != 0) {
		refuse(client, r, &refusal);
		return;
	}
	block = entry_of(guard, GUARD_LIST_BLOCKED, &refusal.prefix);
	if (block) {
		client_answer(client,
			      json_pack("{s:b, s:o}", "ok", 1, "block", report_block(block)));
		return;
	}
	ban = ban_table_find(guard_bans(guard), &refusal.prefix);
	client_answer(client, json_pack("{s:b, s:o}", "ok", 1, "ban",
					ban ? report_ban(ban, now) : json_null()));
}

void command_unban(struct client *client, const struct control_command *command, usec_t now)
{
	struct guard *guard = client->server->inputs->guard;
	struct refusal refusal = { .verb = command->verb, .now = now };
	char text[PREFIX_TEXT_MAX];
	unsigned lifted = 0;
	int r;

	if (command->all) {
		client->is_unbanning = true;
		client->unban_cursor = 0;
		client->unbanned = 0;
		client->unban_grace = command->duration;
		return;
	}
	refusal.prefix = target_of(guard, command);
	r = guard_unban(guard, &refusal.prefix, command->duration, now, &lifted, &refusal.conflict);
	if (r != 0)
		refuse(client, r, &refusal);
	else
		client_answer(client, json_pack("{s:b, s:s, s:I, s:o}", "ok", 1, "source",
						prefix_format(&refusal.prefix, text), "unbanned",
						(json_int_t)lifted, "trusted_until",
						report_time(guard_grace_until(
							guard, &refusal.prefix, now))));
}

void command_continue_unban_all(struct client *client, usec_t now)
{
	struct guard *guard = client->server->inputs->guard;

	for (unsigned i = 0; i < UNBANS_PER_PIECE; i++) {
		const struct ban *ban = ban_table_walk(guard_bans(guard), &client->unban_cursor);
		struct prefix source, conflict;
		unsigned lifted = 0;

		if (!ban) {
			/* blocks, and bans made while this went on: no single source to spare */
			client->unbanned += guard_flush(guard, now);
			client->is_unbanning = false;
			client_answer(client, json_pack("{s:b, s:I}", "ok", 1, "unbanned",
							(json_int_t)client->unbanned));
			return;
		}
		source = ban_prefix(ban);
		/* a ban that ran out at this moment is no failure; one inside a block goes with it */
		if (guard_unban(guard, &source, client->unban_grace, now, &lifted, &conflict) == 0)
			client->unbanned += lifted;
	}
}

void command_flush(struct client *client, const struct control_command *command, usec_t now)
{
	const struct control_actions *actions = &client->server->settings->actions;
	struct guard *guard = client->server->inputs->guard;
	unsigned lifted = guard_flush(guard, now);
	struct guard_stats stats;
	char message[MESSAGE_MAX];
	int r;

	if (!command->all) {
		client_answer(client, json_pack("{s:b, s:I}", "ok", 1, "lifted", (json_int_t)lifted));
		return;
	}
	r = actions->remove_table ? actions->remove_table(actions->userdata) : -EOPNOTSUPP;
	if (r < 0) {
		snprintf(message, sizeof(message),
			 "%u bans, blocks and refusals are lifted, but table inet smtpguard was not "
			 "removed: %s", lifted, strerror(-r));
		client_add_error(client, "failed", message);
		return;
	}
	guard_stats(guard, now, &stats);
	client_answer(client, json_pack("{s:b, s:I, s:b, s:s?}", "ok", 1, "lifted",
					(json_int_t)lifted, "table_removed", 1, "unenforceable",
					stats.unenforceable));
}

/* --- the allow list: an address is that address, as in the allow files --- */

static const struct address ipv4_mapped = { { [10] = 0xff, [11] = 0xff } };

void command_allow(struct client *client, const struct control_command *command, usec_t now)
{
	struct guard *guard = client->server->inputs->guard;
	struct refusal refusal = { .verb = command->verb,
				   .prefix = command->prefix,
				   .now = now };
	const struct operator_entry *entry;
	unsigned lifted = 0;
	int r;

	/* all of IPv4 is inside it as ::ffff:0:0/96, for us, but not for the kernel's IPv6 set */
	if (!prefix_is_ipv4(&command->prefix) && command->prefix.length < IPV4_OFFSET_BITS &&
	    prefix_contains(&command->prefix, &ipv4_mapped)) {
		client_add_error(client, "bad-command",
				 "this prefix contains the IPv4-mapped addresses; allow longer ones");
		return;
	}
	r = guard_allow(guard, &refusal.prefix,
			command->duration == USEC_NEVER ? 0 : command->duration, command->reason,
			now, &lifted, &refusal.conflict);
	if (r != 0) {
		refuse(client, r, &refusal);
		return;
	}
	entry = entry_of(guard, GUARD_LIST_ALLOWED, &refusal.prefix);
	client_answer(client, json_pack("{s:b, s:o, s:I}", "ok", 1, "allow",
					entry ? report_allowed(entry) : json_null(), "lifted",
					(json_int_t)lifted));
}

void command_disallow(struct client *client, const struct control_command *command, usec_t now)
{
	struct guard *guard = client->server->inputs->guard;
	struct refusal refusal = { .verb = command->verb,
				   .prefix = command->prefix,
				   .now = now };
	char text[PREFIX_TEXT_MAX];
	int r = guard_disallow(guard, &refusal.prefix, now);

	if (r != 0)
		refuse(client, r, &refusal);
	else
		client_answer(client, json_pack("{s:b, s:s}", "ok", 1, "removed",
						prefix_format(&refusal.prefix, text)));
}
