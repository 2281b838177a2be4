// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/policy/ban_table.h"

#include <errno.h>
#include <stdlib.h>

enum { FAMILY_IPV4, FAMILY_IPV6, FAMILIES };

struct ban_table {
	struct hash_table *family[FAMILIES]; /* as in the kernel: one set per family */
};

int ban_table_new(struct ban_table **ret_table, uint32_t max_per_family,
		  const struct siphash_key *key)
{
	struct ban_table *table = calloc(1, sizeof(*table));

	_Static_assert(sizeof(struct ban_key) == 24, "ban_key must not have padding");
	if (!table)
		return -ENOMEM;
	for (int i = 0; i < FAMILIES; i++) {
		int r = hash_table_new(&table->family[i], max_per_family, sizeof(struct ban_key),
				       sizeof(struct ban), BAN_SEVERITY_MOST + 1, key);

		if (r < 0) {
			ban_table_free(table);
			return r;
		}
	}
	*ret_table = table;
	return 0;
}

struct ban_table *ban_table_free(struct ban_table *table)
{
	if (table) {
		for (int i = 0; i < FAMILIES; i++)
			hash_table_free(table->family[i]);
		free(table);
	}
	return NULL;
}

static struct hash_table *family_of(const struct ban_table *table, const struct prefix *prefix)
{
	return table->family[prefix_is_ipv4(prefix) ? FAMILY_IPV4 : FAMILY_IPV6];
}

static struct ban_key key_of(const struct prefix *prefix)
{
	return (struct ban_key){ .address = prefix->address, .length = prefix->length };
}

struct ban *ban_table_find(const struct ban_table *table, const struct prefix *prefix)
{
	struct ban_key key = key_of(prefix);

	return hash_table_find(family_of(table, prefix), &key);
}

struct ban *ban_table_match(const struct ban_table *table, const struct address *address,
			    unsigned ipv4_bits, unsigned ipv6_bits)
{
	struct prefix prefix = prefix_of_address(address, ipv4_bits, ipv6_bits);

	return ban_table_find(table, &prefix);
}

int ban_table_put(struct ban_table *table, const struct prefix *prefix, struct ban **ret_ban)
{
	struct ban_key key = key_of(prefix);
	void *entry;
	int r = hash_table_insert(family_of(table, prefix), &key, &entry);

	if (r == HASH_TABLE_FULL)
		return BAN_TABLE_FULL;
	*ret_ban = entry;
	return 0;
}

void ban_table_remove(struct ban_table *table, struct ban *ban)
{
	struct prefix prefix = ban_prefix(ban);

	hash_table_remove(family_of(table, &prefix), ban);
}

void ban_table_set_severity(struct ban_table *table, struct ban *ban, uint8_t severity)
{
	struct prefix prefix = ban_prefix(ban);

	ban->severity = MIN_OF(severity, (uint8_t)BAN_SEVERITY_MOST);
	hash_table_move(family_of(table, &prefix), ban, ban->severity);
}

struct ban *ban_table_weakest(const struct ban_table *table, const struct prefix *prefix,
			      uint8_t severity)
{
	for (unsigned lane = 0; lane < severity && lane < BAN_SEVERITY_MOST; lane++) {
		struct ban *ban = hash_table_oldest(family_of(table, prefix), lane);

		if (ban)
			return ban;
	}
	return NULL;
}

struct ban *ban_table_walk(const struct ban_table *table, uint32_t *cursor)
{
	/* both tables in one cursor: IPv6 slots follow the IPv4 capacity */
	uint32_t first = hash_table_capacity(table->family[FAMILY_IPV4]);
	struct ban *ban;

	if (*cursor < first) {
		ban = hash_table_walk(table->family[FAMILY_IPV4], cursor);
		if (ban)
			return ban;
		*cursor = first;
	}
	*cursor -= first;
	ban = hash_table_walk(table->family[FAMILY_IPV6], cursor);
	*cursor += first;
	return ban;
}

uint32_t ban_table_count(const struct ban_table *table)
{
	return hash_table_count(table->family[FAMILY_IPV4]) +
	       hash_table_count(table->family[FAMILY_IPV6]);
}

struct prefix ban_prefix(const struct ban *ban)
{
	return (struct prefix){ .address = ban->key.address, .length = ban->key.length };
}
