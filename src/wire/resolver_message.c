// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/wire/resolver_message.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/*
 * Byte 0 is the type, bytes 16..31 are the address in both messages; whatever is not named here is
 * reserved and zero.
 */
enum {
	TYPE_QUESTION = 1,
	TYPE_ANSWER = 2,

	AT_TYPE = 0,
	AT_RESULT = 1,
	AT_HEALTHY = 2,
	AT_N_NAMES = 3,
	AT_N_ADDRESSES = 4,
	AT_RESERVED = 5,
	AT_ADDRESS = 16,
	AT_TTL = 32,
	AT_RESERVED_2 = 40,
	AT_NAMES = 56,
	AT_ADDRESSES = AT_NAMES + PTR_NAMES_MAX * PTR_NAME_TEXT_MAX,
};

static_assert(AT_ADDRESS + sizeof(struct address) == RESOLVER_QUESTION_BYTES, "question's size");
static_assert(AT_ADDRESSES + sizeof(((struct name_answer *)NULL)->addresses) ==
		      RESOLVER_ANSWER_BYTES,
	      "answer's size");

static bool is_zero(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

void resolver_question_encode(const struct address *address,
			      uint8_t bytes[static RESOLVER_QUESTION_BYTES])
{
	memset(bytes, 0, RESOLVER_QUESTION_BYTES);
	bytes[AT_TYPE] = TYPE_QUESTION;
	memcpy(bytes + AT_ADDRESS, address->bytes, sizeof(address->bytes));
}

int resolver_question_decode(const void *bytes, size_t size, struct address *ret_address)
{
	const uint8_t *p = bytes;

	if (size != RESOLVER_QUESTION_BYTES || p[AT_TYPE] != TYPE_QUESTION ||
	    !is_zero(p + AT_TYPE + 1, AT_ADDRESS - AT_TYPE - 1))
		return -EBADMSG;
	memcpy(ret_address->bytes, p + AT_ADDRESS, sizeof(ret_address->bytes));
	return 0;
}

void resolver_answer_encode(const struct name_answer *answer,
			    uint8_t bytes[static RESOLVER_ANSWER_BYTES])
{
	unsigned n = MIN_OF(answer->n_names, (unsigned)PTR_NAMES_MAX);
	unsigned n_addresses = MIN_OF(answer->n_addresses, (unsigned)PTR_ADDRESSES_MAX);

	memset(bytes, 0, RESOLVER_ANSWER_BYTES);
	bytes[AT_TYPE] = TYPE_ANSWER;
	bytes[AT_RESULT] = (uint8_t)answer->result;
	bytes[AT_HEALTHY] = answer->resolver_healthy;
	bytes[AT_N_NAMES] = (uint8_t)n;
	bytes[AT_N_ADDRESSES] = (uint8_t)n_addresses;
	memcpy(bytes + AT_ADDRESS, answer->address.bytes, sizeof(answer->address.bytes));
	memcpy(bytes + AT_TTL, &answer->ttl, sizeof(answer->ttl));
	for (unsigned i = 0; i < n; i++) {
		const char *name = answer->names[i];

		memcpy(bytes + AT_NAMES + i * PTR_NAME_TEXT_MAX, name,
		       strnlen(name, PTR_NAME_TEXT_MAX - 1));
	}
	memcpy(bytes + AT_ADDRESSES, answer->addresses, n_addresses * sizeof(answer->addresses[0]));
}

/* One encoding per text: nothing may hide behind the NUL. */
static bool is_name(const uint8_t text[static PTR_NAME_TEXT_MAX])
{
	size_t length = 0;

	while (length < PTR_NAME_TEXT_MAX && text[length] >= 0x20 && text[length] < 0x7f)
		length++;
	return length > 0 && length < PTR_NAME_TEXT_MAX &&
	       is_zero(text + length, PTR_NAME_TEXT_MAX - length);
}

int resolver_answer_decode(const void *bytes, size_t size, struct name_answer *ret_answer)
{
	const uint8_t *p = bytes, *names = p + AT_NAMES, *addresses = p + AT_ADDRESSES;
	size_t used;

	if (size != RESOLVER_ANSWER_BYTES || p[AT_TYPE] != TYPE_ANSWER ||
	    p[AT_RESULT] >= NAME_ANSWER_RESULTS || p[AT_HEALTHY] > 1 ||
	    p[AT_N_NAMES] > PTR_NAMES_MAX || p[AT_N_ADDRESSES] > PTR_ADDRESSES_MAX ||
	    !is_zero(p + AT_RESERVED, AT_ADDRESS - AT_RESERVED) ||
	    !is_zero(p + AT_RESERVED_2, AT_NAMES - AT_RESERVED_2))
		return -EBADMSG;
	for (unsigned i = 0; i < p[AT_N_NAMES]; i++) {
		if (!is_name(names + i * PTR_NAME_TEXT_MAX))
			return -EBADMSG;
	}
	used = (size_t)p[AT_N_NAMES] * PTR_NAME_TEXT_MAX;
	if (!is_zero(names + used, sizeof(ret_answer->names) - used))
		return -EBADMSG;
	used = p[AT_N_ADDRESSES] * sizeof(ret_answer->addresses[0]);
	if (!is_zero(addresses + used, sizeof(ret_answer->addresses) - used))
		return -EBADMSG;

	ret_answer->result = (enum name_answer_result)p[AT_RESULT];
	ret_answer->resolver_healthy = p[AT_HEALTHY];
	ret_answer->n_names = p[AT_N_NAMES];
	memcpy(ret_answer->address.bytes, p + AT_ADDRESS, sizeof(ret_answer->address.bytes));
	memcpy(&ret_answer->ttl, p + AT_TTL, sizeof(ret_answer->ttl));
	memcpy(ret_answer->names, names, sizeof(ret_answer->names));
	ret_answer->n_addresses = p[AT_N_ADDRESSES];
	memcpy(ret_answer->addresses, addresses, sizeof(ret_answer->addresses));
	return 0;
}
