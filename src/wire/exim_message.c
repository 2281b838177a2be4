// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A message was accepted:
 *
 *     <= SENDER [R=..] [DS] H=HOST P=PROTOCOL .. [A=DRIVER[:ACCOUNT]] .. S=SIZE [id=..] [T=".."]
 */
#include "exim_line_priv.h"

/* Exim's names, with "utf8" before them for SMTPUTF8; asmtp until 4.42. */
static bool is_authenticated(struct text_slice protocol)
{
	if (SLICE_BEGINS(protocol, "utf8"))
		protocol = slice_rest(protocol, 4);
	return SLICE_EQUALS(protocol, "esmtpsa") || SLICE_EQUALS(protocol, "esmtpa") ||
	       SLICE_EQUALS(protocol, "essmtpa") || SLICE_EQUALS(protocol, "asmtp") ||
	       SLICE_EQUALS(protocol, "asmtps");
}

/*
 * The end of the field that begins at `at`. Blanks may stand in NAME="..", and quotes without
 * escape (DN= and SNI= are the client's).
 */
static size_t field_end(struct text_slice text, size_t at)
{
	size_t end = exim_find_gap(text, at), quote;

	quote = slice_find_byte(slice_part(text, 0, end), at, '=');
	if (quote == SLICE_NONE || !SLICE_HAS_AT(text, quote + 1, "\""))
		return end;
	quote++;
	while ((quote = slice_find_byte(text, quote + 1, '"')) != SLICE_NONE)
		if (quote + 1 == text.length || text.at[quote + 1] == ' ')
			return quote + 1;
	return end;
}

/* Whether what follows A= begins here: the account itself may hold blanks. */
static bool account_ends(struct text_slice text, size_t at)
{
	if (SLICE_HAS_AT(text, at, " S="))
		return at + 3 < text.length && slice_is_digit(text.at[at + 3]);
	return SLICE_HAS_AT(text, at, " K S=") || SLICE_HAS_AT(text, at, " PRDR ") ||
	       SLICE_HAS_AT(text, at, " PRX=");
}

/* "DRIVER:ACCOUNT", or "DRIVER" of an authenticator without server_set_id */
static struct text_slice account_at(struct text_slice text, size_t driver)
{
	size_t at = slice_find_byte(slice_part(text, 0, exim_find_gap(text, driver)), driver, ':');

	if (at == SLICE_NONE)
		return (struct text_slice){ 0 };
	at++;
	for (size_t end = exim_find_gap(text, at); end < text.length;
	     end = exim_find_gap(text, end + 1))
		if (account_ends(text, end))
			return slice_part(text, at, end);
	return slice_part(text, at, exim_find_gap(text, at));
}

/*
 * The account of the fields from `at` on, a blank. A= stands before S=: behind that, all is the
 * sender's. Another host field is another reading's.
 */
static struct text_slice find_account(struct text_slice text, size_t at)
{
	while (at < text.length) {
		at++;
		if (SLICE_HAS_AT(text, at, "A="))
			return account_at(text, at + 2);
		if (SLICE_HAS_AT(text, at, "S=") || SLICE_HAS_AT(text, at, "H=") ||
		    SLICE_HAS_AT(text, at, "P="))
			break;
		at = field_end(text, at);
	}
	return (struct text_slice){ 0 };
}

static bool same_text(struct text_slice a, struct text_slice b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

/* Of each reading, by its number. */
struct claims {
	bool authenticated[MAIL_READINGS_MAX];
	bool contested[MAIL_READINGS_MAX];
};

/*
 * A client knows its own address and port: in a HELO it can claim to be authenticated, or as whom.
 * Such a line must not pass for one that can be read in one way only, so there is a second reading,
 * without port. Lines without ports cannot have that: there, what is contested is left out.
 */
static void contest(struct mail_line *line, struct claims *claims, unsigned i, bool authenticated,
		    struct text_slice account)
{
	struct mail_line_reading *reading = &line->readings[i];
	struct address address = reading->address;

	claims->contested[i] = true;
	if (reading->port == 0) {
		claims->authenticated[i] = false;
		reading->account = (struct text_slice){ 0 };
		return;
	}
	/* who would hide an account behind a claim without one is not to succeed */
	claims->authenticated[i] |= authenticated;
	if (reading->account.length == 0)
		reading->account = account;
	mail_line_add_reading(line, &address, 0, (struct text_slice){ 0 });
}

static void add_reading(struct mail_line *line, struct claims *claims, const struct exim_host *host,
			bool authenticated, struct text_slice account)
{
	struct mail_line_reading *before = mail_line_find_reading(line, &host->address, host->port);
	unsigned i = before ? (unsigned)(before - line->readings) : line->n_readings;

	if (!before) {
		mail_line_add_reading(line, &host->address, host->port, account);
		if (i < line->n_readings)
			claims->authenticated[i] = authenticated;
	} else if (!claims->contested[i] && (claims->authenticated[i] != authenticated ||
					     !same_text(before->account, account))) {
		contest(line, claims, i, authenticated, account);
	}
}

/* Blanks in a sender are quoted, by `"` or a backslash. */
static size_t sender_end(struct text_slice text)
{
	size_t at = exim_find_gap(text, 0);
	struct text_slice word = slice_part(text, 0, at);
	bool quoted = false;

	if (slice_find_byte(word, 0, '"') == SLICE_NONE &&
	    slice_find_byte(word, 0, '\\') == SLICE_NONE)
		return at;
	for (at = 0; at < text.length && (quoted || text.at[at] != ' '); at++) {
		if (text.at[at] == '"')
			quoted = !quoted;
		else if (text.at[at] == '\\')
			at++;
	}
	return at;
}

/*
 * A local process has no host field, but may choose its sender (untrusted_set_sender): the first
 * field behind the sender tells.
 */
static bool is_local(struct text_slice text)
{
	size_t at = sender_end(text);

	while (at < text.length) {
		if (SLICE_HAS_AT(text, at, " H="))
			return false;
		/* before these stand only R= (of a bounce) and DS (DNSSEC) */
		if (SLICE_HAS_AT(text, at, " U=") || SLICE_HAS_AT(text, at, " P="))
			return true;
		at = exim_find_gap(text, at + 1);
	}
	return true;
}

enum mail_line_kind exim_message_read(struct text_slice text, struct mail_line *line)
{
	struct exim_scan scan = { .text = text, .find = exim_find_protocol };
	bool authenticated = false, last = false;
	struct text_slice account = { 0 };
	struct claims claims = { 0 };
	size_t ending = 0, ident = 0;
	struct exim_host host;

	if (is_local(text))
		return MAIL_LINE_IGNORED;
	while (exim_scan_next(&scan, &host)) {
		if (host.ending != ending) {
			size_t end = exim_find_gap(text, host.ending + 1);

			authenticated = is_authenticated(slice_part(text, host.ending + 3, end));
			account = (struct text_slice){ 0 };
			if (authenticated)
				account = find_account(text, end);
			last = !authenticated || exim_find_protocol(text, end) == SLICE_NONE;
			ending = host.ending;
		}
		add_reading(line, &claims, &host, authenticated, account);
		if (last || host.end == host.ending)
			continue;
		/* an ident may hold what looks like the protocol and all that follows it */
		if (ident < host.end)
			ident = SLICE_FIND(text, host.end, " U=");
		if (ident < host.ending)
			add_reading(line, &claims, &host, false, account);
	}
	for (unsigned i = 0; i < line->n_readings; i++)
		if (claims.authenticated[i])
			return MAIL_LINE_AUTH_SUCCESS;
	return line->n_readings ? MAIL_LINE_MESSAGE : MAIL_LINE_IGNORED;
}
