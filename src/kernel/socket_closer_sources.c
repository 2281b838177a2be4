// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/base/hash_table.h"
#include "smtpguard/kernel/socket_closer.h"
#include "socket_closer_priv.h"

struct source {
	struct prefix prefix;
	bool all_ports;
};

int source_set_init(struct source_set *set, const struct siphash_key *key)
{
	return hash_table_new(&set->table, SOCKET_CLOSER_SOURCES_MAX, sizeof(struct prefix),
			      sizeof(struct source), 1, key);
}

void source_set_done(struct source_set *set)
{
	set->table = hash_table_free(set->table);
}

uint32_t source_set_count(const struct source_set *set)
{
	return hash_table_count(set->table);
}

void source_set_clear(struct source_set *set)
{
	struct source *source;

	while ((source = hash_table_oldest(set->table, 0)))
		hash_table_remove(set->table, source);
	set->n_lengths = 0;
	set->any_all_ports = false;
}

static void note_length(struct source_set *set, uint8_t length)
{
	for (unsigned i = 0; i < set->n_lengths; i++)
		if (set->lengths[i] == length)
			return;
	set->lengths[set->n_lengths++] = length;
}

int source_set_add(struct source_set *set, const struct prefix *prefix, bool all_ports)
{
	struct source *source;
	void *entry;

	if (hash_table_insert(set->table, prefix, &entry) == HASH_TABLE_FULL)
		return SOURCE_SET_FULL;
	source = entry;
	source->all_ports |= all_ports;
	set->any_all_ports |= all_ports;
	note_length(set, prefix->length);
	return 0;
}

bool source_set_covers(const struct source_set *set, const struct address *peer, bool all_ports)
{
	for (unsigned i = 0; i < set->n_lengths; i++) {
		struct prefix prefix = prefix_cut(peer, set->lengths[i]);
		const struct source *source = hash_table_find(set->table, &prefix);

		if (source && (source->all_ports || !all_ports))
			return true;
	}
	return false;
}
