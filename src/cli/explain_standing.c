// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "explain_priv.h"

/* --- the first sentence --- */

static bool gate_sentence(const struct cli *cli, const json_t *gate, const char *who)
{
	const char *outcome = text_of(gate, "outcome"), *service = text_of(gate, "service");
	const char *words = reverse_dns_words(text_of(gate, "reverse_dns"));

	if (!strcmp(outcome, "refused"))
		print_line(cli, COLOUR_RED, "%s is refused by the gate of %s: %s", who, service,
			   words);
	else if (!strcmp(outcome, "would-refuse"))
		print_line(cli, COLOUR_YELLOW,
			   "%s would be refused by the gate of %s, which only observes: %s", who,
			   service, words);
	else if (count_of(gate, "held"))
		print_line(cli, COLOUR_YELLOW,
			   "%s is held by the gate of %s until DNS answers about "
			   "its name; packets that wait: %lld",
			   who, service, count_of(gate, "held"));
	else if (!strcmp(outcome, "passed"))
		print_line(cli, COLOUR_NONE,
			   "%s was let in by the gate of %s without a verified "
			   "name: %s",
			   who, service, words);
	else
		return false;
	return true;
}

/* The service with this standing, or NULL. */
static const char *service_with(const json_t *answer, const char *standing)
{
	const json_t *services = json_object_get(answer, "services"), *service;
	size_t i;

	json_array_foreach(services, i, service)
		if (!strcmp(text_of(service, "standing"), standing))
			return text_of(service, "service");
	return NULL;
}

static void counted_sentence(const struct cli *cli, const json_t *answer, const char *who)
{
	const json_t *services = json_object_get(answer, "services"), *service;
	const char *over = service_with(answer, "over-limit");
	const char *waits = service_with(answer, "resolving");
	const char *exempt = service_with(answer, "exempt");
	char text[SENTENCE_TEXT_MAX];
	long long now = 0;
	size_t i;

	json_array_foreach(services, i, service)
		now += count_of(service, "concurrent");
	if (over)
		print_line(cli, COLOUR_YELLOW, "%s is over a limit of %s, but not banned: %s", who,
			   over, unbanned_words(answer, over));
	else if (waits)
		print_line(cli, COLOUR_YELLOW,
			   "%s is over a limit of %s; the answer about its name "
			   "is awaited",
			   who, waits);
	else if (exempt)
		print_line(cli, COLOUR_GREEN, "%s is over a limit of %s and spared: %s", who,
			   exempt, spared_words(answer, exempt, text));
	else
		print_line(cli, COLOUR_GREEN, "%s is within its limits, connections now: %lld", who,
			   now);
}

/* A ban would have emptied the window: something keeps it from being made. */
static bool is_over_failures(const json_t *mail)
{
	return number_of(mail, "limit") &&
	       number_of(mail, "failures_in_window") >= number_of(mail, "limit");
}

static void failures_sentence(const struct cli *cli, const json_t *answer, const char *who)
{
	const json_t *mail = json_object_get(answer, "mail");
	char span[SPAN_TEXT_MAX];

	print_line(cli, COLOUR_YELLOW,
		   "%s failed to authenticate %lld times within %s, a ban comes at %lld, but it is "
		   "not banned: %s",
		   who, count_of(mail, "failures_in_window"),
		   span_format(number_of(mail, "window_s"), span), count_of(mail, "limit"),
		   unbanned_words(answer, NULL));
}

static void sentence(const struct cli *cli, const json_t *answer, const char *who)
{
	const json_t *ban = json_object_get(answer, "ban"),
		     *never = json_object_get(answer, "never");
	const json_t *block = json_object_get(answer, "block"),
		     *gate = json_object_get(answer, "gate");
	char text[SENTENCE_TEXT_MAX], moment[SPAN_TEXT_MAX];

	if (json_is_object(never))
		print_line(cli, COLOUR_GREEN, "%s is never banned: %s", who,
			   never_words(never, text));
	else if (json_is_object(ban))
		print_line(cli, COLOUR_RED, "%s is banned: %s", who, ban_words(ban, text));
	else if (json_is_object(block))
		print_line(cli, COLOUR_RED, "%s is blocked by hand: inside %s%s%s", who,
			   text_of(block, "prefix"), *text_of(block, "reason") ? ", " : "",
			   text_of(block, "reason"));
	else if (json_is_object(gate) && gate_sentence(cli, gate, who))
		return;
	else if (has_text(answer, "trusted_until"))
		print_line(cli, COLOUR_GREEN, "%s is trusted after an unban, until %s", who,
			   moment_format(answer, "trusted_until", moment));
	else if (is_over_failures(json_object_get(answer, "mail")))
		failures_sentence(cli, answer, who);
	else if (is_true(answer, "seen"))
		counted_sentence(cli, answer, who);
	else
		print_line(cli, COLOUR_NONE,
			   "%s is not seen: no connection to a guarded port is "
			   "remembered",
			   who);
}

/* --- the facts behind it --- */

static void show_ban(const struct cli *cli, const json_t *ban)
{
	const json_t *left = json_object_get(ban, "remaining_s");
	char since[SPAN_TEXT_MAX], end[SPAN_TEXT_MAX], span[SPAN_TEXT_MAX], peak[CELL_TEXT_MAX] = "";
	const char *state =
		is_true(ban, "enforced") ? "in the kernel's set" : "not in the kernel's set";

	moment_format(ban, "since", since);
	end_format(ban, "expires", end);
	if (json_is_integer(left))
		print_fact(cli, "banned", COLOUR_NONE, "since %s, %s (%s left), %s", since, end,
			   span_format(json_integer_value(left), span), state);
	else
		print_fact(cli, "banned", COLOUR_NONE, "since %s, %s, %s", since, end, state);
	/* of failures there is no number at once */
	if (strcmp(text_of(ban, "limit"), "auth-failures"))
		snprintf(peak, sizeof(peak), "; peak of connections at once %lld",
			 count_of(ban, "peak"));
	if (count_of(ban, "allowed"))
		print_fact(cli, "at the time", COLOUR_NONE, "%s: limit %s %lld%s%s, reached %lld%s",
			   text_of(ban, "service"), text_of(ban, "limit"), count_of(ban, "allowed"),
			   has_text(ban, "window") ? " in " : "",
			   has_text(ban, "window") ? text_of(ban, "window") : "",
			   count_of(ban, "observed"), peak);
}

/* For how long bans are remembered: what the daemon says of the last one comes to that. */
static const char *memory_words(const json_t *ladder, char text[static SPAN_TEXT_MAX])
{
	char span[SPAN_TEXT_MAX];
	time_t end, forgotten;

	text[0] = '\0';
	if (time_of(ladder, "last_ban_end", &end) && time_of(ladder, "forgotten", &forgotten) &&
	    forgotten > end)
		snprintf(text, SPAN_TEXT_MAX, " within %.20s", span_format(forgotten - end, span));
	return text;
}

static void show_ladder(const struct cli *cli, const json_t *answer)
{
	const json_t *ladder = json_object_get(answer, "ladder"),
		     *ban = json_object_get(answer, "ban");
	char memory[SPAN_TEXT_MAX], next[SPAN_TEXT_MAX], text[SPAN_TEXT_MAX];
	long long bans = count_of(ladder, "bans");

	if (!json_is_object(ladder))
		return;
	memory_words(ladder, memory);
	span_format(number_of(ladder, "next_ban_s"), next);
	if (json_is_object(ban))
		print_fact(cli, "ladder", COLOUR_NONE, "%s ban%s; the next lasts %s",
			   ordinal_format(number_of(ban, "earlier") + 1, text), memory, next);
	else if (bans)
		print_fact(cli, "ladder", COLOUR_NONE,
			   "%lld ban%s%s, the last ended %s; the next "
			   "lasts %s",
			   bans, bans == 1 ? "" : "s", memory,
			   moment_format(ladder, "last_ban_end", text), next);
	else
		print_fact(cli, "ladder", COLOUR_NONE, "no ban so far; the first lasts %s", next);
	if (has_text(ladder, "forgotten"))
		print_fact(cli, "", COLOUR_NONE, "begins anew after %s",
			   moment_format(ladder, "forgotten", text));
}

static void show_gate(const struct cli *cli, const json_t *gate)
{
	char since[SPAN_TEXT_MAX], end[SPAN_TEXT_MAX];

	if (!has_text(gate, "since"))
		return;
	print_fact(cli, "gate", COLOUR_NONE, "%s since %s, %s; first packets seen: %lld",
		   text_of(gate, "outcome"), moment_format(gate, "since", since),
		   end_format(gate, "until", end), count_of(gate, "packets"));
}

static void show_block(const struct cli *cli, const json_t *block)
{
	char since[SPAN_TEXT_MAX], end[SPAN_TEXT_MAX];

	print_fact(cli, "blocked", COLOUR_NONE, "%s since %s, %s", text_of(block, "prefix"),
		   moment_format(block, "since", since), end_format(block, "expires", end));
}

/* A block is lifted as a whole: letting one address through is another thing. */
static void show_remedy(const struct cli *cli, const json_t *answer)
{
	const json_t *gate = json_object_get(answer, "gate");
	const char *source = text_of(answer, "source");
	const json_t *ban = json_object_get(answer, "ban");
	bool banned = json_is_object(ban) ||
		      (json_is_object(gate) && !strcmp(text_of(gate, "outcome"), "refused"));
	const json_t *block = json_object_get(answer, "block");

	if (!strcmp(text_of(ban, "limit"), "auth-failures"))
		print_fact(cli, "a customer?", COLOUR_NONE,
			   "first correct the password in the mail program, or the ban comes again");
	if (json_is_object(block))
		print_fact(cli, "let it in", COLOUR_NONE,
			   "smtpguard unban %s (all of it), or for this one:",
			   text_of(block, "prefix"));
	else if (banned)
		print_fact(cli, "let it in", COLOUR_NONE, "smtpguard unban %s (for a while)",
			   source);
	if (banned || json_is_object(block))
		print_fact(cli, "", COLOUR_NONE, "smtpguard allow add %s (for good)", source);
}

/* The texts of a list, each after what separates it from the one before. Writes and returns text.
 */
static const char *list_format(const json_t *list, const char *first,
			       char text[static CELL_TEXT_MAX])
{
	const json_t *member;
	size_t i, used = 0;

	text[0] = '\0';
	json_array_foreach(list, i, member) {
		const char *word = json_string_value(member);
		int n = snprintf(text + used, CELL_TEXT_MAX - used, "%s%s", i ? ", " : first,
				 word ? word : "-");

		if (n < 0 || (size_t)n >= CELL_TEXT_MAX - used)
			break;
		used += (size_t)n;
	}
	return text;
}

static void show_name(const struct cli *cli, const json_t *name)
{
	char names[CELL_TEXT_MAX], addresses[CELL_TEXT_MAX];

	print_fact(cli, "reverse DNS", COLOUR_NONE, "%s: %s", text_of(name, "client"),
		   text_of(name, "state"));
	list_format(json_object_get(name, "names"), "", names);
	if (*names)
		print_fact(cli, "", COLOUR_NONE, "%s%s", names,
			   list_format(json_object_get(name, "addresses"), " -> ", addresses));
}

void standing_show(const struct cli *cli, const json_t *answer)
{
	const char *address = text_of(answer, "address"), *source = text_of(answer, "source");
	const json_t *ban = json_object_get(answer, "ban"), *gate = json_object_get(answer, "gate");
	const json_t *block = json_object_get(answer, "block");
	char now[SPAN_TEXT_MAX];

	sentence(cli, answer, address);
	if (strcmp(address, source))
		print_fact(cli, "counted as", COLOUR_NONE, "%s", source);
	/* local time: its zone once */
	print_fact(cli, "as of", COLOUR_NONE, "%s %s", moment_text(time(NULL), now),
		   tzname[localtime(&(time_t){ time(NULL) })->tm_isdst > 0]);
	if (json_is_object(ban))
		show_ban(cli, ban);
	if (json_is_object(block))
		show_block(cli, block);
	if (json_is_object(gate))
		show_gate(cli, gate);
	if (!json_is_object(json_object_get(answer, "never"))) {
		show_ladder(cli, answer);
		show_remedy(cli, answer);
	}
	show_name(cli, json_object_get(answer, "reverse_dns"));
}
