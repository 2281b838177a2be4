// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger_store_priv.h"

#include <string.h>

#define FAMILY_IPV4 4
#define FAMILY_IPV6 6

struct store_place store_place(const struct prefix *prefix)
{
	struct store_place place = { .n = 0 };

	/* apart from the IPv6 prefixes that would contain them, as ::/0 */
	if (prefix_is_ipv4(prefix)) {
		place.bytes[place.n++] = FAMILY_IPV4;
		memcpy(place.bytes + place.n, address_ipv4_bytes(&prefix->address), 4);
		place.n += 4;
	} else {
		place.bytes[place.n++] = FAMILY_IPV6;
		memcpy(place.bytes + place.n, prefix->address.bytes, 16);
		place.n += 16;
	}
	place.bytes[place.n++] = prefix->length;
	return place;
}

bool store_place_address(const uint8_t *bytes, size_t n, struct address *ret_address)
{
	struct address address = { { 0 } };
	bool ipv4 = n == 6 && bytes[0] == FAMILY_IPV4;

	if (!ipv4 && (n != 18 || bytes[0] != FAMILY_IPV6))
		return false;
	if (ipv4) {
		address.bytes[10] = address.bytes[11] = 0xff;
		memcpy(address.bytes + 12, bytes + 1, 4);
	} else {
		memcpy(address.bytes, bytes + 1, 16);
	}
	*ret_address = address;
	return bytes[n - 1] == 128;
}

size_t store_place_network_bytes(const uint8_t *bytes)
{
	return bytes[0] == FAMILY_IPV4 ? 1 + 24 / 8 : 1 + 48 / 8;
}

/* From the first address with any length to the last one: also what begins there and is wider. */
struct store_span store_span_inside(const struct prefix *prefix)
{
	struct store_span span = { .first = store_place(prefix) };
	unsigned bits = prefix->length - (prefix_is_ipv4(prefix) ? IPV4_OFFSET_BITS : 0);
	unsigned n = span.first.n;

	span.last = span.first;
	for (unsigned i = 1; i < n - 1; i++) {
		unsigned kept = bits > (i - 1) * 8 ? MIN_OF(bits - (i - 1) * 8, 8u) : 0;

		span.last.bytes[i] |= (uint8_t)(0xff >> kept);
	}
	span.first.bytes[n - 1] = 0;
	span.last.bytes[n - 1] = 0xff;
	return span;
}

unsigned store_spans(const struct prefix *prefix, struct store_span spans[static STORE_SPANS_MAX])
{
	unsigned n = 0, shortest = prefix_is_ipv4(prefix) ? IPV4_OFFSET_BITS : 0;
	struct prefix around = *prefix;

	spans[n++] = store_span_inside(prefix);
	while (around.length > shortest) {
		around = prefix_cut(&prefix->address, (uint8_t)(around.length - 1));
		if (address_equal(&around.address, &prefix->address))
			continue;
		spans[n].first = spans[n].last = store_place(&around);
		n++;
	}
	return n;
}
