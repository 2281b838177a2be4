// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cPanel's login_log:
 *
 *	[STAMP] info [DAEMON] ADDR - USER "REQUEST" FAILED LOGIN DAEMON: REASON
 *	ADDR - USER [STAMP] "REQUEST" FAILED LOGIN DAEMON: REASON	(older, and cpdavd)
 *
 * USER and REQUEST are the client's and may hold anything, quotes too, and some reasons repeat the user. The
 * address is in front of all that: there is one reading.
 */
#include "mail_line_priv.h"

static bool read_daemon(struct text_slice name, enum mail_protocol *ret_protocol)
{
	static const struct {
		const char *name;
		enum mail_protocol protocol;
	} daemons[] = {
		{ "cpaneld", MAIL_PROTOCOL_CPANEL },
		{ "whostmgrd", MAIL_PROTOCOL_WHM },
		{ "webmaild", MAIL_PROTOCOL_WEBMAIL },
		{ "cpdavd", MAIL_PROTOCOL_WEBDISK },
	};

	for (size_t i = 0; i < ARRAY_SIZE(daemons); i++) {
		size_t length = strlen(daemons[i].name);

		if (name.length == length && slice_has_at(name, 0, daemons[i].name, length)) {
			*ret_protocol = daemons[i].protocol;
			return true;
		}
	}
	return false;
}

/* FAILED LOGIN or another of its kind, and the daemon: "FAILED LOGIN webmaild: ...". */
struct verdict {
	bool failed;
	enum mail_protocol protocol;
	size_t quote; /* the one that closes the request */
};

static bool read_verdict(struct text_slice text, size_t quote, struct verdict *ret_verdict)
{
	bool failed = SLICE_HAS_AT(text, quote, "\" FAILED LOGIN ");
	size_t at = quote + 2, end;
	struct text_slice name;

	if (failed)
		at += sizeof("FAILED LOGIN ") - 1;
	else if (SLICE_HAS_AT(text, quote, "\" DEFERRED LOGIN "))
		at += sizeof("DEFERRED LOGIN ") - 1;
	else if (SLICE_HAS_AT(text, quote, "\" SUCCESS LOGIN "))
		at += sizeof("SUCCESS LOGIN ") - 1;
	else
		return false;
	end = at;
	while (end < text.length && text.at[end] >= 'a' && text.at[end] <= 'z')
		end++;
	name = slice_part(text, at, end);
	if (!read_daemon(name, &ret_verdict->protocol))
		return false;
	if (failed && !SLICE_HAS_AT(text, end, ": "))
		return false;
	/* somebody who is logged in, and whose browser asks in another way: no password was wrong */
	ret_verdict->failed = failed && !SLICE_HAS_AT(text, end, ": Authorization: type not known");
	ret_verdict->quote = quote;
	return true;
}

/* Behind the last quote that one follows: all before it may be the client's. */
static bool find_verdict(struct text_slice text, struct verdict *ret_verdict)
{
	struct text_slice before = text;
	size_t quote;

	while ((quote = slice_find_last(before, '"')) != SLICE_NONE) {
		if (read_verdict(text, quote, ret_verdict))
			return true;
		before = slice_part(text, 0, quote);
	}
	return false;
}

/* "ADDR - ": *at moves behind it. */
static bool read_address(struct text_slice text, size_t *at, struct address *ret_address)
{
	size_t end = slice_find_byte(text, *at, ' ');

	if (end == SLICE_NONE || !SLICE_HAS_AT(text, end, " - ") ||
	    !slice_address(slice_part(text, *at, end), ret_address))
		return false;
	*at = end + 3;
	return true;
}

/* "[STAMP] info [DAEMON] ": how many bytes. The daemon here is not the client's text for sure. */
static size_t read_front(struct log_clock *clock, struct text_slice text, struct mail_line *line)
{
	size_t at = log_time_cpanel(clock, text.at, text.length, &line->time), end;

	if (!at || !SLICE_HAS_AT(text, at, " info ["))
		return 0;
	at += sizeof(" info [") - 1;
	end = slice_find_byte(text, at, ']');
	if (end == SLICE_NONE || !SLICE_HAS_AT(text, end, "] ") ||
	    !read_daemon(slice_part(text, at, end), &line->protocol))
		return 0;
	return end + 2;
}

/* Of "USER [STAMP] " the user's length; the stamp that the client may have written comes later. */
static size_t read_stamp(struct log_clock *clock, struct text_slice text, size_t from,
			 struct log_time *ret_time)
{
	size_t at = from;

	while ((at = SLICE_FIND(text, at, " [")) != SLICE_NONE) {
		struct text_slice rest = slice_rest(text, at + 1);
		size_t length = log_time_cpanel(clock, rest.at, rest.length, ret_time);

		if (length && SLICE_HAS_AT(rest, length, " \""))
			return at - from;
		at++;
	}
	return SLICE_NONE;
}

static bool read_line(struct log_clock *clock, struct text_slice text, struct mail_line *line)
{
	size_t at = 0, user;
	struct text_slice account;
	struct address address;

	if (SLICE_BEGINS(text, "[")) {
		at = read_front(clock, text, line);
		if (!at || !read_address(text, &at, &address))
			return false;
		user = SLICE_FIND(text, at, " \"");
		user = user == SLICE_NONE ? user : user - at;
	} else {
		if (!read_address(text, &at, &address))
			return false;
		user = read_stamp(clock, text, at, &line->time);
	}
	if (user == SLICE_NONE)
		return false;
	account = slice_part(text, at, at + user);
	if (SLICE_EQUALS(account, "-"))
		account.length = 0;
	line->attempts = 1;
	mail_line_add_reading(line, &address, 0, account);
	return true;
}

static enum mail_line_kind parse_line(struct log_clock *clock, struct text_slice text,
				      struct mail_line *line)
{
	struct verdict verdict;

	if (SLICE_FIND(text, 0, "FAILED LOGIN") == SLICE_NONE)
		return MAIL_LINE_IGNORED;
	if (!find_verdict(text, &verdict))
		return MAIL_LINE_UNPARSED;
	if (!verdict.failed)
		return MAIL_LINE_IGNORED;
	line->protocol = verdict.protocol;
	/* the request, and the user in front of it, end before the verdict */
	if (!read_line(clock, slice_part(text, 0, verdict.quote), line))
		return MAIL_LINE_UNPARSED;
	return MAIL_LINE_AUTH_FAILURE;
}

void cpanel_line_parse(struct log_clock *clock, const char *line, size_t length, unsigned wanted,
		       struct mail_line *ret_line)
{
	enum mail_line_kind kind;

	*ret_line = (struct mail_line){ 0 };
	kind = parse_line(clock, (struct text_slice){ line, length }, ret_line);
	/* what was read before it turned out to be nothing */
	if (kind == MAIL_LINE_IGNORED || kind == MAIL_LINE_UNPARSED)
		*ret_line = (struct mail_line){ 0 };
	ret_line->kind = kind;
	mail_line_finish(ret_line, wanted);
}
