// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "smtpguard/wire/resolver_message.h"

enum {
	RESULT = 1,
	HEALTHY = 2,
	N_NAMES = 3,
	N_ADDRESSES = 4,
	NAMES = 56,
	ADDRESSES = NAMES + PTR_NAMES_MAX * PTR_NAME_TEXT_MAX,
};

static struct address parse(const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), 0);
	return address;
}

static struct name_answer example(void)
{
	struct name_answer answer = {
		.address = parse("2001:db8::1"),
		.result = NAME_ANSWER_VERIFIED,
		.ttl = 300 * USEC_PER_SEC,
		.n_names = 2,
		.n_addresses = 2,
		.addresses = { parse("2001:db8::1"), parse("::") },
	};

	snprintf(answer.names[0], sizeof(answer.names[0]), "mail.example");
	memset(answer.names[1], 'x', PTR_NAME_TEXT_MAX - 1);
	return answer;
}

static void test_question_round_trip(void **state UNUSED)
{
	static const char *const texts[] = { "192.0.2.1", "2001:db8::1", "::" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct address address = parse(texts[i]), decoded;
		uint8_t bytes[RESOLVER_QUESTION_BYTES];

		memset(bytes, 0xff, sizeof(bytes));
		resolver_question_encode(&address, bytes);
		assert_int_equal(resolver_question_decode(bytes, sizeof(bytes), &decoded), 0);
		assert_true(address_equal(&address, &decoded));
	}
}

static void test_question_refused(void **state UNUSED)
{
	struct address address = parse("192.0.2.1"), decoded = parse("192.0.2.99");
	const struct address untouched = decoded;
	uint8_t bytes[RESOLVER_QUESTION_BYTES + 1] = { 0 };

	resolver_question_encode(&address, bytes);
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		if (size != RESOLVER_QUESTION_BYTES)
			assert_int_equal(resolver_question_decode(bytes, size, &decoded), -EBADMSG);
	}
	for (unsigned i = 0; i < 16; i++) {
		bytes[i] ^= 0x40;
		assert_int_equal(resolver_question_decode(bytes, RESOLVER_QUESTION_BYTES, &decoded),
				 -EBADMSG);
		bytes[i] ^= 0x40;
	}
	assert_true(address_equal(&decoded, &untouched));
}

static void test_answer_round_trip(void **state UNUSED)
{
	struct name_answer answer = example(), decoded;
	uint8_t bytes[RESOLVER_ANSWER_BYTES];

	for (unsigned result = 0; result < NAME_ANSWER_RESULTS; result++) {
		answer.result = (enum name_answer_result)result;
		answer.resolver_healthy = result == NAME_ANSWER_FAILED;
		resolver_answer_encode(&answer, bytes);
		memset(&decoded, 0xff, sizeof(decoded));
		assert_int_equal(resolver_answer_decode(bytes, sizeof(bytes), &decoded), 0);
		assert_true(address_equal(&decoded.address, &answer.address));
		assert_int_equal(decoded.result, result);
		assert_int_equal(decoded.resolver_healthy, answer.resolver_healthy);
		assert_int_equal(decoded.ttl, answer.ttl);
		assert_int_equal(decoded.n_names, 2);
		assert_memory_equal(decoded.names, answer.names, sizeof(answer.names));
		assert_int_equal(decoded.n_addresses, 2);
		assert_memory_equal(decoded.addresses, answer.addresses, sizeof(answer.addresses));
	}
}

/* What is behind a name's end, or in a name that does not count, stays out of the message. */
static void test_encode_leaves_nothing_behind(void **state UNUSED)
{
	struct name_answer answer = example();
	uint8_t clean[RESOLVER_ANSWER_BYTES], dirty[RESOLVER_ANSWER_BYTES];

	resolver_answer_encode(&answer, clean);
	memset(answer.names[0] + 20, 'z', 30);
	memset(answer.names[2], 'z', sizeof(answer.names[2]));
	resolver_answer_encode(&answer, dirty);
	assert_memory_equal(clean, dirty, sizeof(clean));
	memset(&answer.addresses[2], 0xff, sizeof(answer.addresses[2]));
	resolver_answer_encode(&answer, dirty);
	assert_memory_equal(clean, dirty, sizeof(clean));

	answer.n_names = answer.n_addresses = 1000;
	resolver_answer_encode(&answer, dirty);
	assert_int_equal(dirty[N_NAMES], PTR_NAMES_MAX);
	assert_int_equal(dirty[N_ADDRESSES], PTR_ADDRESSES_MAX);
}

static void test_answer_sizes_refused(void **state UNUSED)
{
	uint8_t bytes[RESOLVER_ANSWER_BYTES + 1] = { 0 };
	struct name_answer answer = example(), decoded;

	resolver_answer_encode(&answer, bytes);
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		if (size != RESOLVER_ANSWER_BYTES)
			assert_int_equal(resolver_answer_decode(bytes, size, &decoded), -EBADMSG);
	}
}

static void test_answer_values_refused(void **state UNUSED)
{
	static const struct {
		unsigned at;
		uint8_t value;
	} cases[] = {
		{ 0, 0 }, { 0, 1 }, { 0, 3 }, { RESULT, NAME_ANSWER_RESULTS }, { RESULT, 255 },
		{ HEALTHY, 2 }, { N_NAMES, PTR_NAMES_MAX + 1 }, { N_NAMES, 255 },
		/* one name less than there are, one more than there are */
		{ N_NAMES, 1 }, { N_NAMES, 3 },
		{ 5, 1 }, { 15, 1 }, { 40, 1 }, { 55, 1 },
		/* inside a name, behind its NUL, in place of the last NUL, in an unused name */
		{ NAMES, '\0' }, { NAMES, '\n' }, { NAMES + 3, 0x1b }, { NAMES + 3, 0x7f },
		{ NAMES + 3, 0x80 }, { NAMES + 3, '\0' }, { NAMES + 14, 'x' },
		{ NAMES + 2 * PTR_NAME_TEXT_MAX - 1, 'x' }, { NAMES + 2 * PTR_NAME_TEXT_MAX, 'x' },
		{ ADDRESSES - 1, 'x' },
		/* too many addresses, fewer than there are, something in one that does not count */
		{ N_ADDRESSES, PTR_ADDRESSES_MAX + 1 }, { N_ADDRESSES, 255 }, { N_ADDRESSES, 0 },
		{ ADDRESSES + 2 * 16, 1 }, { RESOLVER_ANSWER_BYTES - 1, 1 },
	};
	struct name_answer answer = example(), decoded;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t bytes[RESOLVER_ANSWER_BYTES];

		resolver_answer_encode(&answer, bytes);
		bytes[cases[i].at] = cases[i].value;
		if (resolver_answer_decode(bytes, sizeof(bytes), &decoded) != -EBADMSG)
			fail_msg("case %zu was taken", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_question_round_trip),
		cmocka_unit_test(test_question_refused),
		cmocka_unit_test(test_answer_round_trip),
		cmocka_unit_test(test_encode_leaves_nothing_behind),
		cmocka_unit_test(test_answer_sizes_refused),
		cmocka_unit_test(test_answer_values_refused),
	};

	return cmocka_run_group_tests_name("resolver_message", tests, NULL, NULL);
}
