// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "smtpguard/wire/maillog_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size)
{
	if (strnlen(text, size) == size)
		abort();
	for (; *text; text++) {
		if (*text < 0x20 || *text > 0x7e)
			abort();
	}
}

static void check_fact(const struct mail_fact *fact)
{
	if (fact->count == 0 || fact->first > fact->last || fact->n_readings > MAIL_READINGS_MAX ||
	    fact->kind >= MAIL_FACT_KINDS || fact->protocol >= MAIL_PROTOCOLS)
		abort();
	for (unsigned i = 0; i < fact->n_readings; i++)
		check_text(fact->readings[i].account, ACCOUNT_TEXT_MAX);
}

static void check_places(const struct log_places *places)
{
	if (places->n > LOG_PLACES_MAX)
		abort();
	for (unsigned i = 0; i < places->n; i++) {
		if (places->place[i].head_bytes > LOG_HEAD_BYTES)
			abort();
	}
}

/* There is one encoding: what was accepted encodes to the same bytes. */
static void try(const uint8_t *bytes, size_t size)
{
	uint8_t again[MAILLOG_PACKET_MAX];
	struct maillog_message message;

	if (maillog_message_decode(bytes, size, &message) < 0)
		return;
	if (message.type == MAILLOG_FACT)
		check_fact(&message.fact);
	if (message.type == MAILLOG_PLACES)
		check_places(&message.places);
	if (message.type == MAILLOG_SAMPLE)
		check_text(message.sample, sizeof(message.sample));
	if (maillog_message_encode(&message, again) != size || memcmp(bytes, again, size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of the exact size, so that reading behind the end is found */
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	try(copy, size);
	free(copy);
	return 0;
}
