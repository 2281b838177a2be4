// SPDX-License-Identifier: GPL-2.0-or-later
#include "dns_record_priv.h"

#include <errno.h>
#include <string.h>

#define JUMPS_MAX 64 /* compression pointers in one name */

uint16_t dns_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t dns_get32(const uint8_t *p)
{
	return (uint32_t)dns_get16(p) << 16 | dns_get16(p + 2);
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* Appends the label at `at` to the name. */
static int label_read(const struct dns_bytes *message, size_t at, struct dns_name *name)
{
	unsigned length = message->bytes[at];

	if (length > 63 || length >= message->size - at ||
	    name->length + 1 + length > DNS_NAME_BYTES_MAX)
		return -EBADMSG;
	name->bytes[name->length++] = (uint8_t)length;
	for (unsigned i = 1; i <= length; i++)
		name->bytes[name->length++] = lower(message->bytes[at + i]);
	return 0;
}

/* Moves *at behind the name. */
int dns_name_read(const struct dns_bytes *message, size_t *at, struct dns_name *ret_name)
{
	size_t here = *at, behind = 0;
	struct dns_name name = { 0 };
	unsigned jumps = 0;

	for (;;) {
		uint8_t first;
		int r;

		if (here >= message->size)
			return -EBADMSG;
		first = message->bytes[here];
		if (first == 0)
			break;
		if (first < 0xc0) {
			r = label_read(message, here, &name);
			if (r < 0)
				return r;
			here += 1u + first;
			continue;
		}
		if (message->size - here < 2 || ++jumps > JUMPS_MAX)
			return -EBADMSG;
		if (!behind)
			behind = here + 2;
		here = dns_get16(message->bytes + here) & 0x3fff;
	}
	*at = behind ? behind : here + 1;
	*ret_name = name;
	return 0;
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	return a->length == b->length && !memcmp(a->bytes, b->bytes, a->length);
}

int dns_record_name(const struct dns_bytes *message, const struct dns_record *record,
		    struct dns_name *ret_name)
{
	size_t at = record->data;
	struct dns_name name;
	int r = dns_name_read(message, &at, &name);

	if (r < 0)
		return r;
	if (at != record->data + record->data_size)
		return -EBADMSG;
	*ret_name = name;
	return 0;
}

int dns_record_read(const struct dns_bytes *message, size_t *at, struct dns_record *ret_record)
{
	size_t here = *at;
	const uint8_t *p;
	int r = dns_name_read(message, &here, &ret_record->owner);

	if (r < 0)
		return r;
	if (message->size - here < 10)
		return -EBADMSG;
	p = message->bytes + here;
	ret_record->type = dns_get16(p);
	ret_record->class = dns_get16(p + 2);
	ret_record->ttl_s = dns_get32(p + 4);
	if (ret_record->ttl_s > INT32_MAX) /* RFC 2181, 8 */
		ret_record->ttl_s = 0;
	ret_record->data = here + 10;
	ret_record->data_size = dns_get16(p + 8);
	if (ret_record->data_size > message->size - ret_record->data)
		return -EBADMSG;
	*at = ret_record->data + ret_record->data_size;
	return 0;
}
