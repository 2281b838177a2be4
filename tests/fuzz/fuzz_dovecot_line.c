// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "smtpguard/wire/mail_line.h"

#define NOW (UINT64_C(1776643200) * USEC_PER_SEC)
#define USER_BYTES_MAX 80 /* where Dovecot cuts it */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_readings(const struct mail_line *line, const char *text, size_t size)
{
	for (unsigned i = 0; i < line->n_readings; i++) {
		const struct mail_line_reading *a = &line->readings[i];

		require(!a->account.length || (a->account.at >= text &&
					       a->account.at + a->account.length <= text + size));
		for (unsigned j = 0; j < i; j++)
			require(a->port != line->readings[j].port ||
				!address_equal(&a->address, &line->readings[j].address));
	}
}

static void check(const struct mail_line *line, const char *text, size_t size)
{
	bool failure = line->kind == MAIL_LINE_AUTH_FAILURE;
	bool success = line->kind == MAIL_LINE_AUTH_SUCCESS;

	require(failure || success || line->kind == MAIL_LINE_IGNORED ||
		line->kind == MAIL_LINE_UNPARSED);
	require(line->n_readings <= MAIL_READINGS_MAX);
	require((line->n_readings > 0 || line->too_many_readings) == (failure || success));
	require((line->attempts > 0) == failure);
	require(line->exim_connections == 0);
	if (failure || success) {
		require(line->protocol < MAIL_PROTOCOLS);
		require(line->time.day >= 19700101 && line->time.day <= 99991231);
	}
	check_readings(line, text, size);
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
	dovecot_line_parse(&clock, copy, size, 0, &only_kind);
	dovecot_line_parse(&clock, copy, size, MAIL_LINE_ALL, ret_line);
	check(ret_line, copy, size);
	require(only_kind.kind == ret_line->kind && only_kind.n_readings == 0);
	free(copy);
	return ret_line->kind;
}

/* Whatever the user is, the true reading is there, and the line is of the kind it is. */
static void parse_as_user(const char *head, const char *user, size_t size, const char *tail,
			  uint16_t port, enum mail_line_kind kind)
{
	size_t head_length = strlen(head), tail_length = strlen(tail);
	static const struct address true_address = {
		{ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 45 },
	};
	size_t length = head_length + size + tail_length;
	char *text = malloc(length);
	struct mail_line line;
	bool found = false;

	if (!text)
		exit(1);
	memcpy(text, head, head_length);
	memcpy(text + head_length, user, size);
	memcpy(text + head_length + size, tail, tail_length);
	require(parse(text, length, &line) == kind);
	for (unsigned i = 0; i < line.n_readings; i++)
		found |= line.readings[i].port == port &&
			 address_equal(&line.readings[i].address, &true_address);
	require(found || line.too_many_readings || kind == MAIL_LINE_IGNORED);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = size ? (const char *)data : "";
	size_t user = size < USER_BYTES_MAX ? size : USER_BYTES_MAX;
	struct mail_line line;

	parse(text, size, &line);
	parse_as_user("Nov 20 10:15:32 h dovecot[9]: imap-login: Login aborted: Logged out (auth failed, 1 "
		      "attempts in 3 secs) (auth_failed): user=<", text, user,
		      ">, method=PLAIN, rip=203.0.113.45, lip=192.0.2.1, TLS, session=<a>", 0,
		      MAIL_LINE_AUTH_FAILURE);
	parse_as_user("Nov 20 10:15:32 h dovecot: imap-login: Login: user=<", text, user,
		      ">, rport=50123, rip=203.0.113.45, lip=192.0.2.1", 50123, MAIL_LINE_AUTH_SUCCESS);
	parse_as_user("Nov 20 10:15:32 h dovecot: pop3-login: Disconnected (no auth attempts in 1 secs): "
		      "user=<", text, user, ">, rip=203.0.113.45", 0, MAIL_LINE_IGNORED);
	parse_as_user("Nov 20 10:15:32 h imapd: LOGIN FAILED, user=", text, size,
		      ", ip=[::ffff:203.0.113.45]", 0, MAIL_LINE_AUTH_FAILURE);
	return 0;
}
