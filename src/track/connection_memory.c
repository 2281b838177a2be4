// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/track/connection_memory.h"

#include <errno.h>
#include <stdlib.h>

/* What an entry's port is: a connection is remembered under both. */
enum port_kind { CLIENT_PORT, LOCAL_PORT };

/* Lanes: those that ended in the order of their end, the others in the order of their last beginning. */
enum lane { LANE_ENDED, LANE_ALIVE, N_LANES };

/* Hashed as bytes: reserved must be 0. */
struct memory_key {
	struct address client;
	uint16_t port;
	uint8_t kind;
	uint8_t reserved;
};

struct entry {
	struct memory_key key;
	uint32_t alive; /* connections */
	usec_t ended;	/* the last one, when none is alive */
	uint16_t local_port; /* of the newest, for CLIENT_PORT */
};

struct connection_memory {
	struct hash_table *entries;
	uint64_t evicted, evicted_alive;
};

int connection_memory_new(struct connection_memory **ret_memory, uint32_t capacity,
			  const struct siphash_key *key)
{
	struct connection_memory *memory = calloc(1, sizeof(*memory));
	int r;

	_Static_assert(sizeof(struct memory_key) == 20, "memory_key must not have padding");
	_Static_assert(sizeof(struct entry) <= 48, "as connection_memory.h says");
	if (!memory)
		return -ENOMEM;
	r = hash_table_new(&memory->entries, capacity, sizeof(struct memory_key),
			   sizeof(struct entry), N_LANES, key);
	if (r < 0) {
		free(memory);
		return r;
	}
	*ret_memory = memory;
	return 0;
}

struct connection_memory *connection_memory_free(struct connection_memory *memory)
{
	if (memory) {
		hash_table_free(memory->entries);
		free(memory);
	}
	return NULL;
}

static struct entry *find(const struct connection_memory *memory, const struct address *client,
			  enum port_kind kind, uint16_t port)
{
	struct memory_key key = { .client = *client, .port = port, .kind = (uint8_t)kind };

	return hash_table_find(memory->entries, &key);
}

static void make_room(struct connection_memory *memory)
{
	struct entry *victim = hash_table_oldest(memory->entries, LANE_ENDED);

	if (!victim) {
		victim = hash_table_oldest(memory->entries, LANE_ALIVE);
		memory->evicted_alive++;
	}
	memory->evicted++;
	hash_table_remove(memory->entries, victim);
}

static void begin(struct connection_memory *memory, const struct memory_key *key, uint16_t local_port)
{
	struct entry *entry;
	void *found;
	int r = hash_table_insert(memory->entries, key, &found);

	if (r == HASH_TABLE_FULL) {
		make_room(memory);
		r = hash_table_insert(memory->entries, key, &found);
	}
	if (r == HASH_TABLE_FULL)
		return;
	entry = found;
	entry->alive++;
	entry->local_port = local_port;
	hash_table_move(memory->entries, entry, LANE_ALIVE);
}

void connection_memory_begin(struct connection_memory *memory, const struct address *client,
			     uint16_t client_port, uint16_t local_port)
{
	struct memory_key key = { .client = *client, .port = client_port, .kind = CLIENT_PORT };

	begin(memory, &key, local_port);
	key.port = local_port;
	key.kind = LOCAL_PORT;
	begin(memory, &key, local_port);
}

static void end(struct connection_memory *memory, struct entry *entry, usec_t now)
{
	/* it was evicted meanwhile, or came back since with fewer connections than there are */
	if (!entry || !entry->alive)
		return;
	if (--entry->alive)
		return;
	entry->ended = now;
	hash_table_move(memory->entries, entry, LANE_ENDED);
}

void connection_memory_end(struct connection_memory *memory, const struct address *client,
			   uint16_t client_port, uint16_t local_port, usec_t now)
{
	end(memory, find(memory, client, CLIENT_PORT, client_port), now);
	end(memory, find(memory, client, LOCAL_PORT, local_port), now);
}

static bool is_recent(const struct entry *entry, usec_t since)
{
	return entry && (entry->alive || entry->ended > since);
}

uint16_t connection_memory_find(const struct connection_memory *memory, const struct address *client,
				uint16_t client_port, usec_t since)
{
	const struct entry *entry = find(memory, client, CLIENT_PORT, client_port);

	return is_recent(entry, since) ? entry->local_port : 0;
}

bool connection_memory_has(const struct connection_memory *memory, const struct address *client,
			   uint16_t local_port, usec_t since)
{
	return is_recent(find(memory, client, LOCAL_PORT, local_port), since);
}

void connection_memory_stats(const struct connection_memory *memory,
			     struct connection_memory_stats *ret_stats)
{
	*ret_stats = (struct connection_memory_stats){
		.entries = hash_table_count(memory->entries),
		.capacity = hash_table_capacity(memory->entries),
		.evicted = memory->evicted,
		.evicted_alive = memory->evicted_alive,
	};
}
