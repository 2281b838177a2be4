// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Logins of Courier: "LOGIN FAILED, user=.., ip=[..]". The user is the client's, of any length and with
 * everything in it, and it stands in front of the address.
 */
#include "dovecot_line_priv.h"

/* imapd imapd-ssl pop3d pop3d-ssl, and older imaplogin courierpop3login .. */
bool courier_line_is_program(struct text_slice program, enum mail_protocol *ret_protocol)
{
	size_t at = SLICE_BEGINS(program, "courier") ? sizeof("courier") - 1 : 0;

	if (SLICE_HAS_AT(program, at, "imap"))
		*ret_protocol = MAIL_PROTOCOL_IMAP;
	else if (SLICE_HAS_AT(program, at, "pop3"))
		*ret_protocol = MAIL_PROTOCOL_POP3;
	else
		return false;
	program = slice_rest(program, at + 4);
	return SLICE_EQUALS(program, "d") || SLICE_EQUALS(program, "d-ssl") ||
	       SLICE_EQUALS(program, "login") || SLICE_EQUALS(program, "login-ssl");
}

/* "[ADDR]" or, for logins, "[ADDR], port=[N]", and then the end or further elements. */
static bool read_host(struct text_slice text, size_t at, struct address *ret_address,
		      uint16_t *ret_port)
{
	size_t end = slice_find_byte(text, at, ']'), digits;
	uint32_t port = 0;

	if (end == SLICE_NONE || !slice_address(slice_part(text, at, end), ret_address))
		return false;
	text = slice_rest(text, end + 1);
	*ret_port = 0;
	if (text.length && !SLICE_BEGINS(text, ", "))
		return false;
	if (!SLICE_BEGINS(text, ", port=["))
		return true;
	at = sizeof(", port=[") - 1;
	digits = slice_number(text, at, UINT16_MAX, &port);
	if (digits && SLICE_HAS_AT(text, at + digits, "]"))
		*ret_port = (uint16_t)port;
	return true;
}

/* "user=.., ip=[..]", or "method=.., ip=[..]" of a failed AUTHENTICATE. */
static void read_elements(struct text_slice elements, struct mail_line *line)
{
	bool has_user = SLICE_BEGINS(elements, "user=");
	struct address address;
	uint16_t port;
	size_t at = 0;

	if (!has_user && !SLICE_BEGINS(elements, "method="))
		return;
	for (unsigned n = 0; (at = SLICE_FIND(elements, at, ", ip=[")) != SLICE_NONE; n++) {
		struct text_slice account = { 0 };

		if (!dovecot_line_place_counts(line, n))
			break;
		if (has_user)
			account = slice_part(elements, sizeof("user=") - 1, at);
		at += sizeof(", ip=[") - 1;
		if (read_host(elements, at, &address, &port))
			mail_line_add_reading(line, &address, port, account);
	}
}

enum mail_line_kind courier_line_parse(struct text_slice message, struct mail_line *line)
{
	if (SLICE_BEGINS(message, "LOGIN FAILED, ")) {
		line->attempts = 1;
		read_elements(slice_rest(message, sizeof("LOGIN FAILED, ") - 1), line);
		return MAIL_LINE_AUTH_FAILURE;
	}
	if (SLICE_BEGINS(message, "LOGIN, ")) {
		read_elements(slice_rest(message, sizeof("LOGIN, ") - 1), line);
		return MAIL_LINE_AUTH_SUCCESS;
	}
	return dovecot_line_relevance(message);
}
