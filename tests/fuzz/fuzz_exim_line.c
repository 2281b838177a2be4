// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A line of Exim's log of any content: what comes out of it lies within the line and within its
 * bounds, and does not depend on what is wanted.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpguard/wire/mail_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* By their form, a connection that is not wanted counts as such. */
static bool is_connection(enum mail_line_kind kind)
{
	return kind == MAIL_LINE_CONNECT || kind == MAIL_LINE_DISCONNECT;
}

static bool has_readings(enum mail_line_kind kind)
{
	return kind != MAIL_LINE_IGNORED && kind != MAIL_LINE_UNPARSED;
}

static void check_reading(const struct mail_line *line, unsigned i, const char *text, size_t length)
{
	const struct mail_line_reading *reading = &line->readings[i];
	const char *account = reading->account.at;

	if (reading->account.length) {
		require(account >= text && account <= text + length &&
			reading->account.length <= (size_t)(text + length - account));
		/* a line has none, so an account has none */
		require(!memchr(account, '\n', reading->account.length));
		require(line->kind == MAIL_LINE_AUTH_FAILURE ||
			line->kind == MAIL_LINE_AUTH_SUCCESS);
	}
	for (unsigned j = 0; j < i; j++)
		require(reading->port != line->readings[j].port ||
			!address_equal(&reading->address, &line->readings[j].address));
}

static void check_line(const char *text, size_t length)
{
	struct log_clock clock = { .now = UINT64_C(1776643200) * USEC_PER_SEC };
	struct mail_line line, other;

	exim_line_parse(&clock, text, length, MAIL_LINE_ALL, &line);
	require((unsigned)line.kind < MAIL_LINE_KINDS && mail_line_kind_name(line.kind));
	require(line.protocol == MAIL_PROTOCOL_SMTP);
	require(line.n_readings <= MAIL_READINGS_MAX);
	require(has_readings(line.kind) == (line.n_readings > 0));
	require(!line.too_many_readings || line.n_readings == MAIL_READINGS_MAX);
	require(line.n_readings == 0 || line.attempts == 1);
	require(line.n_readings == 0 || line.time.day >= 19700101);
	require(line.exim_connections == 0 || line.kind == MAIL_LINE_CONNECT);
	for (unsigned i = 0; i < line.n_readings; i++)
		check_reading(&line, i, text, length);

	exim_line_parse(&clock, text, length, 0, &other);
	require(other.n_readings == 0 && other.attempts == 0 && other.exim_connections == 0);
	require(other.kind == line.kind ||
		(is_connection(other.kind) &&
		 (is_connection(line.kind) || !has_readings(line.kind))));
	if (!has_readings(line.kind))
		return;
	exim_line_parse(&clock, text, length, MAIL_LINE_BIT(line.kind), &other);
	require(other.kind == line.kind && other.n_readings == line.n_readings &&
		other.exim_connections == line.exim_connections &&
		other.time.wall == line.time.wall && other.time.day == line.time.day);
	/* all of them begin with a stamp */
	require(text[0] >= '0' && text[0] <= '9');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
	size_t length = end ? (size_t)(end - data) : size;
	/* a copy of the exact size, so that reading behind the end is found */
	char *line = malloc(length ? length : 1);

	if (!line)
		return 0;
	if (length)
		memcpy(line, data, length);
	check_line(line, length);
	free(line);
	return 0;
}
