// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/wire/mail_line.h"

#define NOW (UINT64_C(1776643200) * USEC_PER_SEC)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check(const struct mail_line *line, const char *text, size_t size)
{
	const struct text_slice *account = &line->readings[0].account;

	require(!line->too_many_readings && line->exim_connections == 0);
	if (line->kind != MAIL_LINE_AUTH_FAILURE) {
		require(line->kind == MAIL_LINE_IGNORED || line->kind == MAIL_LINE_UNPARSED);
		require(line->n_readings == 0 && line->attempts == 0);
		return;
	}
	require(line->n_readings == 1 && line->attempts == 1 && line->readings[0].port == 0);
	require(line->protocol >= MAIL_PROTOCOL_CPANEL && line->protocol <= MAIL_PROTOCOL_WEBDISK);
	require(line->time.day >= 19700101 && line->time.day <= 99991231);
	require(!account->length ||
		(account->at >= text && account->at + account->length <= text + size));
}

static enum mail_line_kind parse(const char *text, size_t size, struct mail_line *ret_line)
{
	struct log_clock clock = { .now = NOW };
	struct mail_line only_kind;
	/* a copy of the exact size, so that reading behind the end is found */
	char *copy = malloc(size ? size : 1);

	if (!copy)
		exit(1);
	memcpy(copy, text, size);
	cpanel_line_parse(&clock, copy, size, 0, &only_kind);
	cpanel_line_parse(&clock, copy, size, MAIL_LINE_ALL, ret_line);
	check(ret_line, copy, size);
	require(only_kind.kind == ret_line->kind && only_kind.n_readings == 0);
	free(copy);
	return ret_line->kind;
}

/* Whatever user and request are: the address and the verdict stay. */
static void parse_as_client(const char *format, const char *user, size_t user_size, const char *request,
			    size_t request_size, const char *behind, enum mail_line_kind kind)
{
	static const struct address true_address = {
		{ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 45 },
	};
	const char *between = strchr(format, '|');
	size_t front = (size_t)(between - format), middle = strlen(between + 1), end = strlen(behind);
	size_t length = front + user_size + middle + request_size + end, at = 0;
	char *text = malloc(length);
	struct mail_line line;

	if (!text)
		exit(1);
	memcpy(text, format, front);
	memcpy(text + (at += front), user, user_size);
	memcpy(text + (at += user_size), between + 1, middle);
	memcpy(text + (at += middle), request, request_size);
	memcpy(text + (at += request_size), behind, end);
	require(parse(text, length, &line) == kind);
	if (kind == MAIL_LINE_AUTH_FAILURE)
		require(line.protocol == MAIL_PROTOCOL_WEBMAIL &&
			address_equal(&line.readings[0].address, &true_address));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char today[] = "[2025-09-09 22:24:30 +0300] info [webmaild] 203.0.113.45 - | \"";
	static const char older[] = "203.0.113.45 - | [09/10/2025:07:46:04 -0000] \"";
	const char *text = size ? (const char *)data : "";
	const char *newline = memchr(text, '\n', size);
	/* the user is what stands in front of the first newline, the request is the rest */
	size_t user_size = newline ? (size_t)(newline - text) : size / 2;
	const char *request = text + user_size;
	size_t request_size = size - user_size;
	struct mail_line line;

	parse(text, size, &line);
	parse_as_client(today, text, user_size, request, request_size,
			"\" FAILED LOGIN webmaild: user password incorrect", MAIL_LINE_AUTH_FAILURE);
	parse_as_client(older, text, user_size, request, request_size,
			"\" FAILED LOGIN webmaild: user password incorrect", MAIL_LINE_AUTH_FAILURE);
	parse_as_client(today, text, user_size, request, request_size, "\" SUCCESS LOGIN webmaild",
			MAIL_LINE_IGNORED);
	parse_as_client(older, text, user_size, request, request_size,
			"\" FAILED LOGIN webmaild: Authorization: type not known", MAIL_LINE_IGNORED);
	return 0;
}
