// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "smtpguard/base/parse.h"

static const uint8_t mapped_head[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

int address_from_raw(int family, const void *raw, struct address *ret_address)
{
	switch (family) {
	case AF_INET:
		memcpy(ret_address->bytes, mapped_head, sizeof(mapped_head));
		memcpy(ret_address->bytes + sizeof(mapped_head), raw, 4);
		return 0;
	case AF_INET6:
		memcpy(ret_address->bytes, raw, 16);
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
}

bool address_is_ipv4(const struct address *address)
{
	return memcmp(address->bytes, mapped_head, sizeof(mapped_head)) == 0;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool address_is_loopback(const struct address *address)
{
	static const uint8_t loopback6[16] = { [15] = 1 };

	if (address_is_ipv4(address))
		return address->bytes[12] == 127;
	return memcmp(address->bytes, loopback6, sizeof(loopback6)) == 0;
}

const uint8_t *address_ipv4_bytes(const struct address *address)
{
	return address->bytes + sizeof(mapped_head);
}

int address_parse(const char *text, struct address *ret_address)
{
	uint8_t raw[16];

	if (inet_pton(AF_INET, text, raw) == 1)
		return address_from_raw(AF_INET, raw, ret_address);
	if (inet_pton(AF_INET6, text, raw) == 1)
		return address_from_raw(AF_INET6, raw, ret_address);
	return -EINVAL;
}

const char *address_format(const struct address *address, char text[static ADDRESS_TEXT_MAX])
{
	if (address_is_ipv4(address))
		inet_ntop(AF_INET, address_ipv4_bytes(address), text, ADDRESS_TEXT_MAX);
	else
		inet_ntop(AF_INET6, address->bytes, text, ADDRESS_TEXT_MAX);
	return text;
}

static bool mask_behind(struct address *address, unsigned length)
{
	bool had_bits = false;

	for (unsigned i = 0; i < sizeof(address->bytes); i++) {
		unsigned kept = length > i * 8 ? MIN_OF(length - i * 8, 8u) : 0;
		uint8_t mask = (uint8_t)(0xff00u >> kept);

		if (address->bytes[i] & ~mask & 0xff)
			had_bits = true;
		address->bytes[i] &= mask;
	}
	return had_bits;
}

struct prefix prefix_of_address(const struct address *address, unsigned ipv4_bits,
				unsigned ipv6_bits)
{
	return prefix_cut(address, (uint8_t)(address_is_ipv4(address) ? IPV4_OFFSET_BITS + ipv4_bits
									: ipv6_bits));
}

struct prefix prefix_cut(const struct address *address, uint8_t length)
{
	struct prefix prefix = { .address = *address, .length = length };

	mask_behind(&prefix.address, length);
	return prefix;
}

struct prefix prefix_host(const struct address *address)
{
	return (struct prefix){ .address = *address, .length = 128 };
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->length == b->length && address_equal(&a->address, &b->address);
}

bool prefix_contains(const struct prefix *prefix, const struct address *address)
{
	struct prefix cut = prefix_cut(address, prefix->length);

	return prefix_equal(&cut, prefix);
}

bool prefix_is_ipv4(const struct prefix *prefix)
{
	return prefix->length >= IPV4_OFFSET_BITS && address_is_ipv4(&prefix->address);
}

int prefix_parse(const char *text, struct prefix *ret_prefix)
{
	const char *slash = strchr(text, '/');
	size_t address_length = slash ? (size_t)(slash - text) : strlen(text);
	char address_text[ADDRESS_TEXT_MAX];
	struct prefix prefix;
	uint64_t bits;
	int r;

	if (address_length >= sizeof(address_text))
		return -EINVAL;
	memcpy(address_text, text, address_length);
	address_text[address_length] = '\0';
	r = address_parse(address_text, &prefix.address);
	if (r < 0)
		return r;
	/* "::ffff:192.0.2.0/120" counts from the front already, "192.0.2.0/24" does not */
	bool dotted = !strchr(address_text, ':');

	prefix.length = 128;
	if (slash) {
		r = parse_number(slash + 1, 0, dotted ? 32 : 128, &bits);
		if (r < 0)
			return -EINVAL;
		prefix.length = (uint8_t)(dotted ? bits + IPV4_OFFSET_BITS : bits);
	}
	r = mask_behind(&prefix.address, prefix.length) ? PREFIX_HOST_BITS : 0;
	*ret_prefix = prefix;
	return r;
}

const char *prefix_format(const struct prefix *prefix, char text[static PREFIX_TEXT_MAX])
{
	char address_text[ADDRESS_TEXT_MAX];
	unsigned bits = prefix->length;

	address_format(&prefix->address, address_text);
	if (prefix_is_ipv4(prefix))
		bits -= IPV4_OFFSET_BITS;
	if (prefix->length == 128)
		snprintf(text, PREFIX_TEXT_MAX, "%s", address_text);
	else
		snprintf(text, PREFIX_TEXT_MAX, "%s/%u", address_text, bits);
	return text;
}
