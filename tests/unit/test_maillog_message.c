// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "smtpguard/wire/maillog_message.h"

enum {
	TYPE = 0,
	LOG = 1,
	BODY = 8,
	N_PLACES = 2,
	PLACE_BYTES = 32,
	N_READINGS = 5,
	READINGS = 32,
	READING_BYTES = 18 + ACCOUNT_TEXT_MAX,
	ACCOUNT = READINGS + 18,
	REPORT_BYTES = 160,
};

static struct address parse(const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), 0);
	return address;
}

static struct maillog_message example_places(void)
{
	return (struct maillog_message){
		.type = MAILLOG_PLACES,
		.log = MAIL_LOG_MAIL,
		.places = {
			.log = MAIL_LOG_MAIL,
			.n = 2,
			.place = {
				{ 12, 3456789012345, 0x0123456789abcdef, LOG_HEAD_BYTES },
				{ UINT64_MAX, UINT64_MAX, UINT64_MAX, 0 },
			},
		},
	};
}

static struct maillog_message example_fact(void)
{
	struct maillog_message message = {
		.type = MAILLOG_FACT,
		.log = MAIL_LOG_EXIM,
		.fact = {
			.kind = MAIL_FACT_AUTH_FAILURE,
			.protocol = MAIL_PROTOCOL_SMTP,
			.recent = true,
			.count = 3,
			.first = 1763800000 * USEC_PER_SEC,
			.last = 1763800001 * USEC_PER_SEC,
			.day = 20251122,
			.n_readings = 2,
			.readings = {
				{ .address = parse("203.0.113.9"), .port = 40001 },
				{ .address = parse("2001:db8::1"), .port = 0 },
			},
		},
	};

	snprintf(message.fact.readings[0].account, ACCOUNT_TEXT_MAX, "user@example.com");
	memset(message.fact.readings[1].account, 'x', ACCOUNT_TEXT_MAX - 1);
	return message;
}

static struct maillog_message example_report(void)
{
	return (struct maillog_message){
		.type = MAILLOG_REPORT,
		.log = MAIL_LOG_CPANEL,
		.report = {
			.log = MAIL_LOG_CPANEL,
			.state = LOG_STATE_UNREADABLE,
			.error = EACCES,
			.offset = 1, .size = 2, .behind_bytes = 3, .lag = 4, .lines = 5, .bytes = 6,
			.facts = 7, .unparsed = 8, .ambiguous = 9, .without_port = 10,
			.long_lines = 11, .rotations = 12, .truncations = 13, .gaps = 14,
			.exim_connections = 15, .exim_connections_at = 16, .exim_full = 17,
			.exim_host_limit = UINT64_MAX, .clock_off_s = -18000,
		},
	};
}

static struct maillog_message example_sample(void)
{
	struct maillog_message message = { .type = MAILLOG_SAMPLE, .log = MAIL_LOG_CPANEL };

	snprintf(message.sample, sizeof(message.sample), "FAILED LOGIN \\x00 something else");
	return message;
}

/* Encodes, decodes from bytes of the exact size, encodes again: the same bytes. */
static size_t round_trip(const struct maillog_message *message, struct maillog_message *ret_message)
{
	uint8_t bytes[MAILLOG_PACKET_MAX], again[MAILLOG_PACKET_MAX];
	size_t size = maillog_message_encode(message, bytes);

	memset(ret_message, 0xff, sizeof(*ret_message));
	assert_int_equal(maillog_message_decode(bytes, size, ret_message), 0);
	assert_int_equal(ret_message->type, message->type);
	assert_int_equal(ret_message->log, message->log);
	assert_int_equal(maillog_message_encode(ret_message, again), size);
	assert_memory_equal(bytes, again, sizeof(bytes));
	return size;
}

static void test_places(void **state UNUSED)
{
	struct maillog_message message = example_places(), decoded;

	for (unsigned n = 0; n <= LOG_PLACES_MAX; n++) {
		message.places.n = n;
		assert_int_equal(round_trip(&message, &decoded), BODY + n * PLACE_BYTES);
		assert_int_equal(decoded.places.log, MAIL_LOG_MAIL);
		assert_int_equal(decoded.places.n, n);
		for (unsigned i = 0; i < n; i++) {
			const struct log_place *place = &decoded.places.place[i];

			assert_int_equal(place->inode, message.places.place[i].inode);
			assert_int_equal(place->offset, message.places.place[i].offset);
			assert_int_equal(place->head_hash, message.places.place[i].head_hash);
			assert_int_equal(place->head_bytes, message.places.place[i].head_bytes);
		}
	}
}

static void test_start(void **state UNUSED)
{
	struct maillog_message message = { .type = MAILLOG_START }, decoded;

	assert_int_equal(round_trip(&message, &decoded), BODY);
}

static void test_fact(void **state UNUSED)
{
	struct maillog_message message = example_fact(), decoded;

	for (unsigned n = 0; n <= MAIL_READINGS_MAX; n++) {
		message.fact.n_readings = n;
		message.fact.recent = n % 2;
		message.fact.kind = (enum mail_fact_kind)(n % MAIL_FACT_KINDS);
		message.fact.protocol = (enum mail_protocol)(n % MAIL_PROTOCOLS);
		assert_int_equal(round_trip(&message, &decoded), READINGS + n * READING_BYTES);
		assert_int_equal(decoded.fact.kind, message.fact.kind);
		assert_int_equal(decoded.fact.protocol, message.fact.protocol);
		assert_int_equal(decoded.fact.recent, message.fact.recent);
		assert_int_equal(decoded.fact.count, 3);
		assert_int_equal(decoded.fact.first, message.fact.first);
		assert_int_equal(decoded.fact.last, message.fact.last);
		assert_int_equal(decoded.fact.day, 20251122);
		assert_int_equal(decoded.fact.n_readings, n);
		assert_memory_equal(decoded.fact.readings, message.fact.readings,
				    n * sizeof(message.fact.readings[0]));
	}
}

static void test_report(void **state UNUSED)
{
	struct maillog_message message = example_report(), decoded;

	assert_int_equal(round_trip(&message, &decoded), REPORT_BYTES);
	assert_memory_equal(&decoded.report, &message.report, sizeof(message.report));

	message.report.state = LOG_STATE_BEHIND;
	round_trip(&message, &decoded);
	assert_int_equal(decoded.report.state, LOG_STATE_BEHIND);
	assert_int_equal(decoded.report.error, 0);
}

static void test_sample(void **state UNUSED)
{
	struct maillog_message message = example_sample(), decoded;

	assert_int_equal(round_trip(&message, &decoded), BODY + MAILLOG_SAMPLE_MAX);
	assert_string_equal(decoded.sample, message.sample);
	memset(message.sample, '~', sizeof(message.sample));
	round_trip(&message, &decoded);
	assert_int_equal(strlen(decoded.sample), MAILLOG_SAMPLE_MAX - 1);
}

/* What is behind a text's end, or in a reading or place that does not count, stays out. */
static void test_encode_leaves_nothing_behind(void **state UNUSED)
{
	struct maillog_message message = example_fact();
	uint8_t clean[MAILLOG_PACKET_MAX], dirty[MAILLOG_PACKET_MAX];
	size_t size = maillog_message_encode(&message, clean);

	memset(message.fact.readings[0].account + 20, 'z', 30);
	memset(&message.fact.readings[2], 'z', sizeof(message.fact.readings[2]));
	assert_int_equal(maillog_message_encode(&message, dirty), size);
	assert_memory_equal(clean, dirty, sizeof(clean));
	message.fact.n_readings = 1000;
	maillog_message_encode(&message, dirty);
	assert_int_equal(dirty[N_READINGS], MAIL_READINGS_MAX);

	message = example_places();
	message.places.n = 1000;
	assert_int_equal(maillog_message_encode(&message, dirty), BODY + 2 * PLACE_BYTES);
}

static const struct maillog_message *examples(void)
{
	static struct maillog_message all[MAILLOG_MESSAGE_TYPES];

	all[MAILLOG_PLACES] = example_places();
	all[MAILLOG_START] = (struct maillog_message){ .type = MAILLOG_START };
	all[MAILLOG_FACT] = example_fact();
	all[MAILLOG_REPORT] = example_report();
	all[MAILLOG_SAMPLE] = example_sample();
	return all;
}

static void test_sizes_refused(void **state UNUSED)
{
	const struct maillog_message *all = examples();

	for (unsigned type = 0; type < MAILLOG_MESSAGE_TYPES; type++) {
		uint8_t bytes[MAILLOG_PACKET_MAX];
		size_t right = maillog_message_encode(&all[type], bytes);
		struct maillog_message decoded = { .type = MAILLOG_MESSAGE_TYPES };

		for (size_t size = 0; size <= sizeof(bytes); size++) {
			if (size != right)
				assert_int_equal(maillog_message_decode(bytes, size, &decoded),
						 -EBADMSG);
		}
		assert_int_equal(decoded.type, MAILLOG_MESSAGE_TYPES);
	}
}

struct change {
	enum maillog_message_type type;
	unsigned at;
	uint8_t value;
};

static const struct change refused[] = {
	{ MAILLOG_START, TYPE, 0 },
	{ MAILLOG_START, TYPE, MAILLOG_MESSAGE_TYPES + 1 },
	{ MAILLOG_START, TYPE, 255 },
	{ MAILLOG_START, LOG, MAIL_LOG_MAIL },
	{ MAILLOG_START, 2, 1 },
	{ MAILLOG_START, 7, 1 },
	{ MAILLOG_PLACES, LOG, MAIL_LOGS },
	{ MAILLOG_PLACES, N_PLACES, 1 },
	{ MAILLOG_PLACES, N_PLACES, 3 },
	{ MAILLOG_PLACES, 3, 1 },
	{ MAILLOG_PLACES, 7, 1 },
	/* more than LOG_HEAD_BYTES; reserved bytes of both places */
	{ MAILLOG_PLACES, BODY + 24, 1 },
	{ MAILLOG_PLACES, BODY + PLACE_BYTES + 27, 1 },
	{ MAILLOG_PLACES, BODY + 28, 1 },
	{ MAILLOG_PLACES, BODY + PLACE_BYTES + 31, 1 },
	{ MAILLOG_FACT, LOG, MAIL_LOGS },
	{ MAILLOG_FACT, 2, MAIL_FACT_KINDS },
	{ MAILLOG_FACT, 3, MAIL_PROTOCOLS },
	{ MAILLOG_FACT, 4, 2 },
	{ MAILLOG_FACT, N_READINGS, 1 },
	{ MAILLOG_FACT, N_READINGS, 3 },
	{ MAILLOG_FACT, N_READINGS, 255 },
	{ MAILLOG_FACT, 6, 1 },
	{ MAILLOG_FACT, 7, 1 },
	/* no count; a day beyond the year 9999; first after last */
	{ MAILLOG_FACT, 8, 0 },
	{ MAILLOG_FACT, 15, 0x7f },
	{ MAILLOG_FACT, 23, 0x7f },
	/* inside an account, behind its NUL, in place of the last NUL */
	{ MAILLOG_FACT, ACCOUNT, '\0' },
	{ MAILLOG_FACT, ACCOUNT, '\n' },
	{ MAILLOG_FACT, ACCOUNT + 3, 0x1b },
	{ MAILLOG_FACT, ACCOUNT + 3, 0x7f },
	{ MAILLOG_FACT, ACCOUNT + 3, 0x80 },
	{ MAILLOG_FACT, ACCOUNT + 17, 'x' },
	{ MAILLOG_FACT, ACCOUNT + ACCOUNT_TEXT_MAX - 1, 1 },
	{ MAILLOG_FACT, ACCOUNT + READING_BYTES + ACCOUNT_TEXT_MAX - 1, 'x' },
	{ MAILLOG_REPORT, LOG, MAIL_LOGS },
	{ MAILLOG_REPORT, 2, LOG_STATES },
	/* an error that cannot be, or with a state that has none; none with one that has one */
	{ MAILLOG_REPORT, 2, LOG_STATE_FOLLOWING },
	{ MAILLOG_REPORT, 8, 0 },
	{ MAILLOG_REPORT, 9, 0x10 },
	{ MAILLOG_REPORT, 11, 0x80 },
	{ MAILLOG_REPORT, 3, 1 },
	{ MAILLOG_REPORT, 7, 1 },
	{ MAILLOG_SAMPLE, LOG, MAIL_LOGS },
	{ MAILLOG_SAMPLE, 2, 1 },
	{ MAILLOG_SAMPLE, 7, 1 },
	{ MAILLOG_SAMPLE, BODY, '\0' },
	{ MAILLOG_SAMPLE, BODY + 2, '\t' },
	{ MAILLOG_SAMPLE, BODY + MAILLOG_SAMPLE_MAX - 1, 'x' },
};

static void test_values_refused(void **state UNUSED)
{
	const struct maillog_message *all = examples();

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		uint8_t bytes[MAILLOG_PACKET_MAX];
		size_t size = maillog_message_encode(&all[refused[i].type], bytes);
		struct maillog_message decoded;

		assert_int_equal(maillog_message_decode(bytes, size, &decoded), 0);
		bytes[refused[i].at] = refused[i].value;
		if (maillog_message_decode(bytes, size, &decoded) != -EBADMSG)
			fail_msg("case %zu was taken", i);
	}
}

static void test_days(void **state UNUSED)
{
	static const struct {
		uint32_t day;
		int result;
	} cases[] = {
		{ 20261122, 0 }, { 19700101, 0 }, { 99991231, 0 }, { 20260231, 0 }, { 0, -EBADMSG },
		{ 19691231, -EBADMSG }, { 20260001, -EBADMSG }, { 20261301, -EBADMSG },
		{ 20260100, -EBADMSG }, { 20260132, -EBADMSG }, { 100000101, -EBADMSG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct maillog_message message = example_fact(), decoded;
		uint8_t bytes[MAILLOG_PACKET_MAX];
		size_t size;

		message.fact.day = cases[i].day;
		size = maillog_message_encode(&message, bytes);
		assert_int_equal(maillog_message_decode(bytes, size, &decoded), cases[i].result);
	}
}

static void test_names(void **state UNUSED)
{
	assert_string_equal(log_state_name(LOG_STATE_FOLLOWING), "following");
	assert_string_equal(log_state_name(LOG_STATE_UNREADABLE), "unreadable");
	assert_string_equal(mail_log_name(MAIL_LOG_EXIM), "exim");
	assert_string_equal(mail_log_name(MAIL_LOG_CPANEL), "cpanel");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_fact),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_encode_leaves_nothing_behind),
		cmocka_unit_test(test_sizes_refused),
		cmocka_unit_test(test_values_refused),
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("maillog_message", tests, NULL, NULL);
}
