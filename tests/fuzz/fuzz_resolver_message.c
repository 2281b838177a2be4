// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "smtpguard/wire/resolver_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* There is one encoding: what was accepted encodes to the same bytes. */
static void try_question(const uint8_t *bytes, size_t size)
{
	uint8_t again[RESOLVER_QUESTION_BYTES];
	struct address address;

	if (resolver_question_decode(bytes, size, &address) < 0)
		return;
	resolver_question_encode(&address, again);
	if (size != sizeof(again) || memcmp(bytes, again, sizeof(again)))
		abort();
}

static void try_answer(const uint8_t *bytes, size_t size)
{
	uint8_t again[RESOLVER_ANSWER_BYTES];
	struct name_answer answer;

	if (resolver_answer_decode(bytes, size, &answer) < 0)
		return;
	for (unsigned i = 0; i < answer.n_names; i++) {
		for (const char *c = answer.names[i]; *c; c++) {
			if (*c < 0x20 || *c > 0x7e)
				abort();
		}
	}
	resolver_answer_encode(&answer, again);
	if (size != sizeof(again) || memcmp(bytes, again, sizeof(again)))
		abort();
}

/* The first byte chooses: even a question, odd an answer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size == 0)
		return 0;
	/* a copy of the exact size, so that reading behind the end is found */
	copy = malloc(size - 1 ? size - 1 : 1);
	if (!copy)
		return 0;
	memcpy(copy, data + 1, size - 1);
	if (data[0] & 1)
		try_answer(copy, size - 1);
	else
		try_question(copy, size - 1);
	free(copy);
	return 0;
}
