// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/wire/mail_line.h"

#include <sys/socket.h>

#include "smtpguard/base/compiler.h"

#include "mail_line_priv.h"

#define PORT_DIGITS_MAX 5

const char *mail_line_kind_name(enum mail_line_kind kind)
{
	static const char *const names[MAIL_LINE_KINDS] = {
		[MAIL_LINE_IGNORED] = "ignore",
		[MAIL_LINE_UNPARSED] = "unparsed",
		[MAIL_LINE_CONNECT] = "connect",
		[MAIL_LINE_DISCONNECT] = "disconnect",
		[MAIL_LINE_EXIM_FULL] = "exim-full",
		[MAIL_LINE_EXIM_HOST_LIMIT] = "exim-per-host-limit",
		[MAIL_LINE_AUTH_FAILURE] = "auth-failure",
		[MAIL_LINE_AUTH_SUCCESS] = "auth-success",
		[MAIL_LINE_PROTOCOL_ERROR] = "protocol-error",
		[MAIL_LINE_MESSAGE] = "message",
	};

	return names[kind];
}

size_t slice_number(struct text_slice text, size_t at, uint32_t maximum, uint32_t *ret_value)
{
	uint64_t value = 0;
	size_t end = at;

	for (; end < text.length && text.at[end] >= '0' && text.at[end] <= '9'; end++) {
		value = value * 10 + (uint64_t)(text.at[end] - '0');
		if (value > maximum)
			return 0;
	}
	if (end == at)
		return 0;
	*ret_value = (uint32_t)value;
	return end - at;
}

/* "203.0.113.9", as inet_pton() reads it: no leading zeros. */
static bool read_ipv4(struct text_slice text, struct address *ret_address)
{
	uint8_t bytes[4];
	size_t at = 0;

	for (unsigned i = 0; i < sizeof(bytes); i++) {
		unsigned value = 0;
		size_t begin = at;

		for (; at < text.length && slice_is_digit(text.at[at]) && at - begin < 3; at++)
			value = value * 10 + (unsigned)(text.at[at] - '0');
		if (at == begin || value > 255 || (text.at[begin] == '0' && at - begin > 1))
			return false;
		bytes[i] = (uint8_t)value;
		if (i < 3 && (at == text.length || text.at[at++] != '.'))
			return false;
	}
	return at == text.length && address_from_raw(AF_INET, bytes, ret_address) == 0;
}

bool slice_address(struct text_slice text, struct address *ret_address)
{
	char copy[ADDRESS_TEXT_MAX];

	if (read_ipv4(text, ret_address))
		return true;
	/* "::" is the shortest; the first byte sorts out most texts that are none */
	if (text.length < 2 || text.length >= sizeof(copy))
		return false;
	if (text.at[0] != ':' && !slice_is_hex(text.at[0]))
		return false;
	/* a NUL byte would end the text early */
	if (memchr(text.at, '\0', text.length))
		return false;
	memcpy(copy, text.at, text.length);
	copy[text.length] = '\0';
	return address_parse(copy, ret_address) == 0;
}

size_t slice_host(struct text_slice text, size_t at, struct address *ret_address,
		  uint16_t *ret_port)
{
	struct text_slice window;
	struct address address;
	uint32_t port = 0;
	size_t close, digits, end;

	if (!SLICE_HAS_AT(text, at, "["))
		return 0;
	window = slice_part(text, at + 1, at + 1 + ADDRESS_TEXT_MAX);
	close = slice_find_byte(window, 0, ']');
	if (close == SLICE_NONE || !slice_address(slice_part(window, 0, close), &address))
		return 0;
	end = at + 1 + close + 1;
	if (end + 1 < text.length && text.at[end] == ':' && text.at[end + 1] >= '0' &&
	    text.at[end + 1] <= '9') {
		digits = slice_number(text, end + 1, UINT16_MAX, &port);
		if (digits == 0 || digits > PORT_DIGITS_MAX || port == 0)
			return 0;
		end += 1 + digits;
	}
	*ret_address = address;
	*ret_port = (uint16_t)port;
	return end - at;
}

struct mail_line_reading *mail_line_find_reading(struct mail_line *line,
						 const struct address *address, uint16_t port)
{
	for (unsigned i = 0; i < line->n_readings; i++)
		if (line->readings[i].port == port &&
		    address_equal(&line->readings[i].address, address))
			return &line->readings[i];
	return NULL;
}

void mail_line_add_reading(struct mail_line *line, const struct address *address, uint16_t port,
			   struct text_slice account)
{
	struct mail_line_reading *before = mail_line_find_reading(line, address, port);

	/* who names his own address can hide the account behind another one */
	if (before && (before->account.length != account.length ||
		       (account.length && memcmp(before->account.at, account.at, account.length))))
		before->account = (struct text_slice){ 0 };
	if (before)
		return;
	if (line->n_readings == MAIL_READINGS_MAX) {
		line->too_many_readings = true;
		return;
	}
	line->readings[line->n_readings++] = (struct mail_line_reading){ *address, port, account };
}

void mail_line_finish(struct mail_line *line, unsigned wanted)
{
	enum mail_line_kind kind = line->kind;
	struct log_time time = line->time;

	if (wanted & MAIL_LINE_BIT(kind))
		return;
	mail_line_clear(line);
	line->kind = kind;
	line->time = time;
}
