// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/wire/maillog_message.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/*
 * Byte 0 is the type, byte 1 the log in all messages but the start, where it is zero. Whatever is not
 * named here is reserved and zero. Places and facts are as long as their number of places and readings
 * says.
 */
enum {
	TYPE_BASE = 1, /* no type is 0 */
	ERROR_MAX = 4095,

	AT_TYPE = 0,
	AT_LOG = 1,
	AT_BODY = 8,
	START_BYTES = AT_BODY,
	SAMPLE_BYTES = AT_BODY + MAILLOG_SAMPLE_MAX,

	AT_N_PLACES = 2,
	AT_PLACES_RESERVED = 3,
	PLACE_INODE = 0,
	PLACE_OFFSET = 8,
	PLACE_HEAD_HASH = 16,
	PLACE_HEAD_BYTES = 24,
	PLACE_RESERVED = 28,
	PLACE_BYTES = 32,

	AT_KIND = 2,
	AT_PROTOCOL = 3,
	AT_RECENT = 4,
	AT_N_READINGS = 5,
	AT_FACT_RESERVED = 6,
	AT_COUNT = 8,
	AT_DAY = 12,
	AT_FIRST = 16,
	AT_LAST = 24,
	AT_READINGS = 32,
	READING_ADDRESS = 0,
	READING_PORT = 16,
	READING_ACCOUNT = 18,
	READING_BYTES = READING_ACCOUNT + ACCOUNT_TEXT_MAX,

	AT_STATE = 2,
	AT_REPORT_RESERVED = 3,
	AT_ERROR = 8,
	AT_EXIM_CONNECTIONS = 12,
	AT_NUMBERS = 16,
};

/* The 64-bit members of a report, in the order of the message. */
static const size_t report_numbers[] = {
	offsetof(struct log_report, offset),	   offsetof(struct log_report, size),
	offsetof(struct log_report, behind_bytes), offsetof(struct log_report, lag),
	offsetof(struct log_report, lines),	   offsetof(struct log_report, bytes),
	offsetof(struct log_report, facts),	   offsetof(struct log_report, unparsed),
	offsetof(struct log_report, ambiguous),	   offsetof(struct log_report, without_port),
	offsetof(struct log_report, long_lines),   offsetof(struct log_report, rotations),
	offsetof(struct log_report, truncations),  offsetof(struct log_report, gaps),
	offsetof(struct log_report, exim_full),	   offsetof(struct log_report, exim_host_limit),
	offsetof(struct log_report, exim_connections_at),
	offsetof(struct log_report, clock_off_s),
};

#define REPORT_BYTES (AT_NUMBERS + ARRAY_SIZE(report_numbers) * sizeof(uint64_t))

static_assert(AT_READINGS + MAIL_READINGS_MAX * READING_BYTES <= MAILLOG_PACKET_MAX, "fact");
static_assert(REPORT_BYTES <= MAILLOG_PACKET_MAX, "report");

const char *log_state_name(enum log_state state)
{
	static const char *const names[LOG_STATES] = {
		[LOG_STATE_FOLLOWING] = "following",
		[LOG_STATE_BEHIND] = "behind",
		[LOG_STATE_MISSING] = "missing",
		[LOG_STATE_UNREADABLE] = "unreadable",
	};

	return (unsigned)state < LOG_STATES ? names[state] : "unknown";
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

/* One encoding per text: nothing may hide behind the NUL. */
static bool is_text(const uint8_t *text, size_t size)
{
	size_t length = 0;

	while (length < size && text[length] >= 0x20 && text[length] < 0x7f)
		length++;
	return length < size && is_zero(text + length, size - length);
}

static uint32_t get_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t get_u64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void put_u32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void put_u64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

static size_t encode_places(const struct log_places *places, uint8_t *bytes)
{
	unsigned n = MIN_OF(places->n, (unsigned)LOG_PLACES_MAX);

	bytes[AT_N_PLACES] = (uint8_t)n;
	for (unsigned i = 0; i < n; i++) {
		const struct log_place *place = &places->place[i];
		uint8_t *p = bytes + AT_BODY + i * PLACE_BYTES;

		put_u64(p + PLACE_INODE, place->inode);
		put_u64(p + PLACE_OFFSET, place->offset);
		put_u64(p + PLACE_HEAD_HASH, place->head_hash);
		put_u32(p + PLACE_HEAD_BYTES, place->head_bytes);
	}
	return AT_BODY + (size_t)n * PLACE_BYTES;
}

static size_t encode_fact(const struct mail_fact *fact, uint8_t *bytes)
{
	unsigned n = MIN_OF(fact->n_readings, (unsigned)MAIL_READINGS_MAX);

	bytes[AT_KIND] = (uint8_t)fact->kind;
	bytes[AT_PROTOCOL] = (uint8_t)fact->protocol;
	bytes[AT_RECENT] = fact->recent;
	bytes[AT_N_READINGS] = (uint8_t)n;
	put_u32(bytes + AT_COUNT, fact->count);
	put_u32(bytes + AT_DAY, fact->day);
	put_u64(bytes + AT_FIRST, fact->first);
	put_u64(bytes + AT_LAST, fact->last);
	for (unsigned i = 0; i < n; i++) {
		const struct mail_reading *reading = &fact->readings[i];
		uint8_t *p = bytes + AT_READINGS + i * READING_BYTES;

		memcpy(p + READING_ADDRESS, reading->address.bytes, sizeof(reading->address.bytes));
		memcpy(p + READING_PORT, &reading->port, sizeof(reading->port));
		memcpy(p + READING_ACCOUNT, reading->account,
		       strnlen(reading->account, ACCOUNT_TEXT_MAX - 1));
	}
	return AT_READINGS + (size_t)n * READING_BYTES;
}

static size_t encode_report(const struct log_report *report, uint8_t *bytes)
{
	bytes[AT_STATE] = (uint8_t)report->state;
	if (report->state == LOG_STATE_UNREADABLE)
		put_u32(bytes + AT_ERROR, (uint32_t)report->error);
	put_u32(bytes + AT_EXIM_CONNECTIONS, report->exim_connections);
	for (size_t i = 0; i < ARRAY_SIZE(report_numbers); i++)
		memcpy(bytes + AT_NUMBERS + i * sizeof(uint64_t),
		       (const uint8_t *)report + report_numbers[i], sizeof(uint64_t));
	return REPORT_BYTES;
}

size_t maillog_message_encode(const struct maillog_message *message,
			      uint8_t bytes[static MAILLOG_PACKET_MAX])
{
	memset(bytes, 0, MAILLOG_PACKET_MAX);
	bytes[AT_TYPE] = (uint8_t)(TYPE_BASE + message->type);
	if (message->type != MAILLOG_START)
		bytes[AT_LOG] = (uint8_t)message->log;
	switch (message->type) {
	case MAILLOG_PLACES:
		return encode_places(&message->places, bytes);
	case MAILLOG_FACT:
		return encode_fact(&message->fact, bytes);
	case MAILLOG_REPORT:
		return encode_report(&message->report, bytes);
	case MAILLOG_SAMPLE:
		memcpy(bytes + AT_BODY, message->sample,
		       strnlen(message->sample, MAILLOG_SAMPLE_MAX - 1));
		return SAMPLE_BYTES;
	case MAILLOG_START:
	case MAILLOG_MESSAGE_TYPES:
		break;
	}
	return START_BYTES;
}

static int decode_places(const uint8_t *p, size_t size, struct log_places *ret_places)
{
	unsigned n = p[AT_N_PLACES];

	if (n > LOG_PLACES_MAX || size != AT_BODY + (size_t)n * PLACE_BYTES ||
	    !is_zero(p + AT_PLACES_RESERVED, AT_BODY - AT_PLACES_RESERVED))
		return -EBADMSG;
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *at = p + AT_BODY + i * PLACE_BYTES;

		if (get_u32(at + PLACE_HEAD_BYTES) > LOG_HEAD_BYTES ||
		    !is_zero(at + PLACE_RESERVED, PLACE_BYTES - PLACE_RESERVED))
			return -EBADMSG;
	}
	memset(ret_places, 0, sizeof(*ret_places));
	ret_places->log = (enum mail_log)p[AT_LOG];
	ret_places->n = n;
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *at = p + AT_BODY + i * PLACE_BYTES;

		ret_places->place[i] = (struct log_place){
			.inode = get_u64(at + PLACE_INODE),
			.offset = get_u64(at + PLACE_OFFSET),
			.head_hash = get_u64(at + PLACE_HEAD_HASH),
			.head_bytes = get_u32(at + PLACE_HEAD_BYTES),
		};
	}
	return 0;
}

/* 20261122; not every date that passes is in the calendar, but none is far from one. */
static bool is_day(uint32_t day)
{
	unsigned year = day / 10000, month = day / 100 % 100, of_month = day % 100;

	return year >= 1970 && year <= 9999 && month >= 1 && month <= 12 && of_month >= 1 &&
	       of_month <= 31;
}

static bool is_fact(const uint8_t *p, size_t size)
{
	/* of a shorter one the number of readings is not there to be read */
	if (size < AT_READINGS || p[AT_N_READINGS] > MAIL_READINGS_MAX ||
	    size != AT_READINGS + (size_t)p[AT_N_READINGS] * READING_BYTES)
		return false;
	if (p[AT_KIND] >= MAIL_FACT_KINDS || p[AT_PROTOCOL] >= MAIL_PROTOCOLS || p[AT_RECENT] > 1 ||
	    !is_zero(p + AT_FACT_RESERVED, AT_COUNT - AT_FACT_RESERVED) ||
	    get_u32(p + AT_COUNT) == 0 || !is_day(get_u32(p + AT_DAY)) ||
	    get_u64(p + AT_FIRST) > get_u64(p + AT_LAST))
		return false;
	for (unsigned i = 0; i < p[AT_N_READINGS]; i++) {
		if (!is_text(p + AT_READINGS + i * READING_BYTES + READING_ACCOUNT,
			     ACCOUNT_TEXT_MAX))
			return false;
	}
	return true;
}

static int decode_fact(const uint8_t *p, size_t size, struct mail_fact *ret_fact)
{
	if (!is_fact(p, size))
		return -EBADMSG;
	ret_fact->kind = (enum mail_fact_kind)p[AT_KIND];
	ret_fact->protocol = (enum mail_protocol)p[AT_PROTOCOL];
	ret_fact->recent = p[AT_RECENT];
	ret_fact->count = get_u32(p + AT_COUNT);
	ret_fact->first = get_u64(p + AT_FIRST);
	ret_fact->last = get_u64(p + AT_LAST);
	ret_fact->day = get_u32(p + AT_DAY);
	ret_fact->n_readings = p[AT_N_READINGS];
	memset(ret_fact->readings, 0, sizeof(ret_fact->readings));
	for (unsigned i = 0; i < ret_fact->n_readings; i++) {
		struct mail_reading *reading = &ret_fact->readings[i];
		const uint8_t *at = p + AT_READINGS + i * READING_BYTES;

		memcpy(reading->address.bytes, at + READING_ADDRESS, sizeof(struct address));
		memcpy(&reading->port, at + READING_PORT, sizeof(reading->port));
		memcpy(reading->account, at + READING_ACCOUNT, ACCOUNT_TEXT_MAX);
	}
	return 0;
}

static int decode_report(const uint8_t *p, size_t size, struct log_report *ret_report)
{
	if (size != REPORT_BYTES || p[AT_STATE] >= LOG_STATES ||
	    !is_zero(p + AT_REPORT_RESERVED, AT_BODY - AT_REPORT_RESERVED) ||
	    get_u32(p + AT_ERROR) > ERROR_MAX ||
	    (get_u32(p + AT_ERROR) > 0) != (p[AT_STATE] == LOG_STATE_UNREADABLE))
		return -EBADMSG;
	memset(ret_report, 0, sizeof(*ret_report));
	ret_report->log = (enum mail_log)p[AT_LOG];
	ret_report->state = (enum log_state)p[AT_STATE];
	ret_report->error = (int)get_u32(p + AT_ERROR);
	ret_report->exim_connections = get_u32(p + AT_EXIM_CONNECTIONS);
	for (size_t i = 0; i < ARRAY_SIZE(report_numbers); i++)
		memcpy((uint8_t *)ret_report + report_numbers[i],
		       p + AT_NUMBERS + i * sizeof(uint64_t), sizeof(uint64_t));
	return 0;
}

static int decode_sample(const uint8_t *p, size_t size, char ret_sample[static MAILLOG_SAMPLE_MAX])
{
	if (size != SAMPLE_BYTES || !is_zero(p + AT_LOG + 1, AT_BODY - AT_LOG - 1) ||
	    !p[AT_BODY] || !is_text(p + AT_BODY, MAILLOG_SAMPLE_MAX))
		return -EBADMSG;
	memcpy(ret_sample, p + AT_BODY, MAILLOG_SAMPLE_MAX);
	return 0;
}

int maillog_message_decode(const void *bytes, size_t size, struct maillog_message *ret_message)
{
	struct maillog_message message;
	const uint8_t *p = bytes;
	int r = -EBADMSG;

	if (size < AT_BODY || p[AT_TYPE] < TYPE_BASE ||
	    p[AT_TYPE] >= TYPE_BASE + MAILLOG_MESSAGE_TYPES || p[AT_LOG] >= MAIL_LOGS)
		return -EBADMSG;
	message.type = (enum maillog_message_type)(p[AT_TYPE] - TYPE_BASE);
	message.log = (enum mail_log)p[AT_LOG];
	switch (message.type) {
	case MAILLOG_PLACES:
		r = decode_places(p, size, &message.places);
		break;
	case MAILLOG_START:
		r = size == START_BYTES && is_zero(p + AT_LOG, size - AT_LOG) ? 0 : -EBADMSG;
		break;
	case MAILLOG_FACT:
		r = decode_fact(p, size, &message.fact);
		break;
	case MAILLOG_REPORT:
		r = decode_report(p, size, &message.report);
		break;
	case MAILLOG_SAMPLE:
		r = decode_sample(p, size, message.sample);
		break;
	case MAILLOG_MESSAGE_TYPES:
		break;
	}
	if (r == 0)
		*ret_message = message;
	return r;
}
