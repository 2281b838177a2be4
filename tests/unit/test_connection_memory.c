// SPDX-License-Identifier: GPL-2.0-or-later
#include "support.h"

#include "smtpguard/track/connection_memory.h"

static struct connection_memory *new_memory(uint32_t capacity)
{
	struct connection_memory *memory;

	assert_int_equal(connection_memory_new(&memory, capacity, &test_key), 0);
	return memory;
}

static struct connection_memory_stats stats_of(const struct connection_memory *memory)
{
	struct connection_memory_stats stats;

	connection_memory_stats(memory, &stats);
	return stats;
}

static void begin(struct connection_memory *memory, uint32_t client, uint16_t port, uint16_t local_port)
{
	struct address address = addr_n(client);

	connection_memory_begin(memory, &address, port, local_port);
}

static void end(struct connection_memory *memory, uint32_t client, uint16_t port, uint16_t local_port,
		usec_t now)
{
	struct address address = addr_n(client);

	connection_memory_end(memory, &address, port, local_port, now);
}

static uint16_t find(const struct connection_memory *memory, uint32_t client, uint16_t port,
		     usec_t since)
{
	struct address address = addr_n(client);

	return connection_memory_find(memory, &address, port, since);
}

static bool has(const struct connection_memory *memory, uint32_t client, uint16_t local_port,
		usec_t since)
{
	struct address address = addr_n(client);

	return connection_memory_has(memory, &address, local_port, since);
}

static void test_one_connection(void **state UNUSED)
{
	struct connection_memory *memory = new_memory(16);

	assert_int_equal(find(memory, 9, 1001, 0), 0);
	assert_false(has(memory, 9, 25, 0));
	begin(memory, 9, 1001, 25);
	/* as long as it lives, whatever the time is */
	assert_int_equal(find(memory, 9, 1001, HOURS(9)), 25);
	assert_true(has(memory, 9, 25, HOURS(9)));
	assert_int_equal(find(memory, 9, 1002, 0), 0);
	assert_int_equal(find(memory, 8, 1001, 0), 0);
	assert_false(has(memory, 9, 587, 0));
	assert_false(has(memory, 8, 25, 0));
	/* the two kinds of ports are not mixed up */
	assert_int_equal(find(memory, 9, 25, 0), 0);
	assert_false(has(memory, 9, 1001, 0));
	end(memory, 9, 1001, 25, SECONDS(100));
	assert_int_equal(find(memory, 9, 1001, SECONDS(100) - 1), 25);
	assert_int_equal(find(memory, 9, 1001, SECONDS(100)), 0);
	assert_true(has(memory, 9, 25, SECONDS(100) - 1));
	assert_false(has(memory, 9, 25, SECONDS(100)));
	assert_int_equal(stats_of(memory).entries, 2);
	assert_int_equal(stats_of(memory).capacity, 16);
	assert_null(connection_memory_free(memory));
}

static void test_one_port_for_two_services(void **state UNUSED)
{
	struct connection_memory *memory = new_memory(16);

	begin(memory, 9, 1001, 25);
	begin(memory, 9, 1001, 587);
	assert_int_equal(find(memory, 9, 1001, SECONDS(9)), 587);
	end(memory, 9, 1001, 587, SECONDS(10));
	assert_int_equal(find(memory, 9, 1001, SECONDS(99)), 587);
	assert_true(has(memory, 9, 25, SECONDS(99)));
	assert_false(has(memory, 9, 587, SECONDS(99)));
	end(memory, 9, 1001, 25, SECONDS(20));
	assert_int_equal(find(memory, 9, 1001, SECONDS(15)), 587);
	assert_int_equal(find(memory, 9, 1001, SECONDS(20)), 0);
	connection_memory_free(memory);
}

static void test_an_end_without_beginning(void **state UNUSED)
{
	struct connection_memory *memory = new_memory(16);

	end(memory, 9, 1001, 25, SECONDS(1));
	assert_int_equal(stats_of(memory).entries, 0);
	begin(memory, 9, 1001, 25);
	end(memory, 9, 1001, 25, SECONDS(2));
	end(memory, 9, 1001, 25, SECONDS(3));
	assert_int_equal(find(memory, 9, 1001, SECONDS(2)), 0);
	begin(memory, 9, 1001, 25);
	assert_int_equal(find(memory, 9, 1001, SECONDS(9)), 25);
	connection_memory_free(memory);
}

static void test_who_makes_room(void **state UNUSED)
{
	struct connection_memory *memory = new_memory(6);

	begin(memory, 1, 1001, 25);
	begin(memory, 2, 1002, 25);
	begin(memory, 3, 1003, 25);
	end(memory, 3, 1003, 25, SECONDS(1));
	end(memory, 1, 1001, 25, SECONDS(2));
	/* ended longest ago, although it began last */
	begin(memory, 4, 1004, 25);
	assert_int_equal(find(memory, 3, 1003, 0), 0);
	assert_int_equal(find(memory, 1, 1001, 0), 25);
	begin(memory, 5, 1005, 25);
	assert_int_equal(find(memory, 1, 1001, 0), 0);
	assert_int_equal(stats_of(memory).evicted, 4);
	assert_int_equal(stats_of(memory).evicted_alive, 0);
	/* nobody has ended: the oldest */
	begin(memory, 6, 1006, 25);
	assert_int_equal(find(memory, 2, 1002, 0), 0);
	assert_int_equal(find(memory, 4, 1004, 0), 25);
	assert_int_equal(stats_of(memory).evicted, 6);
	assert_int_equal(stats_of(memory).evicted_alive, 2);
	assert_int_equal(stats_of(memory).entries, 6);
	end(memory, 2, 1002, 25, SECONDS(3));
	assert_int_equal(find(memory, 2, 1002, 0), 0);
	connection_memory_free(memory);
}

/* --- random operations against a plain list of connections --- */

#define LIST_MAX 20000

static struct {
	uint32_t client;
	uint16_t port, local_port;
	bool alive;
	usec_t ended;
} list[LIST_MAX];

static uint16_t list_find(unsigned n, uint32_t client, uint16_t port, usec_t since)
{
	uint16_t newest = 0;
	bool recent = false;

	for (unsigned i = 0; i < n; i++) {
		if (list[i].client != client || list[i].port != port)
			continue;
		newest = list[i].local_port;
		recent |= list[i].alive || list[i].ended > since;
	}
	return recent ? newest : 0;
}

static bool list_has(unsigned n, uint32_t client, uint16_t local_port, usec_t since)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i].client == client && list[i].local_port == local_port &&
		    (list[i].alive || list[i].ended > since))
			return true;
	return false;
}

static void test_random_against_a_list(void **state UNUSED)
{
	static const uint16_t local_ports[] = { 25, 465, 587 };
	struct connection_memory *memory = new_memory(4096);
	usec_t now = SECONDS(1000);
	unsigned n = 0;

	for (unsigned round = 0; round < 30000; round++) {
		uint32_t client = random_below(8);
		uint16_t port = (uint16_t)(1024 + random_below(30));
		uint16_t local_port = local_ports[random_below(3)];
		usec_t since = now - random_below(1200) * USEC_PER_SEC;

		now += random_below(3) * USEC_PER_SEC;
		if (random_below(2) && n < LIST_MAX) {
			begin(memory, client, port, local_port);
			list[n].client = client;
			list[n].port = port;
			list[n].local_port = local_port;
			list[n++].alive = true;
		} else if (n) {
			unsigned i = n - 1 - random_below(MIN_OF(n, 40u));

			if (list[i].alive)
				end(memory, list[i].client, list[i].port, list[i].local_port, now);
			if (list[i].alive)
				list[i].ended = now;
			list[i].alive = false;
		}
		if (round % 4)
			continue;
		assert_int_equal(find(memory, client, port, since), list_find(n, client, port, since));
		assert_int_equal(has(memory, client, local_port, since),
				 list_has(n, client, local_port, since));
	}
	assert_int_equal(stats_of(memory).evicted, 0);
	connection_memory_free(memory);
}

/* --- random operations in a small memory, against a plain list of entries --- */

#define MODEL_CAPACITY 40

static struct model_entry {
	uint32_t client;
	uint16_t port, local_port;
	bool is_local, used;
	uint32_t alive, moved;
	usec_t ended;
} model[MODEL_CAPACITY];
static uint32_t model_moves, model_evicted, model_evicted_alive;

static struct model_entry *model_find(uint32_t client, bool is_local, uint16_t port)
{
	for (unsigned i = 0; i < MODEL_CAPACITY; i++)
		if (model[i].used && model[i].client == client && model[i].is_local == is_local &&
		    model[i].port == port)
			return &model[i];
	return NULL;
}

static struct model_entry *model_free_place(void)
{
	struct model_entry *victim = NULL;

	for (unsigned i = 0; i < MODEL_CAPACITY; i++) {
		struct model_entry *entry = &model[i];

		if (!entry->used)
			return entry;
		if (!victim || !entry->alive > !victim->alive ||
		    (!entry->alive == !victim->alive && entry->moved < victim->moved))
			victim = entry;
	}
	model_evicted++;
	model_evicted_alive += victim->alive > 0;
	return victim;
}

static void model_begin(uint32_t client, bool is_local, uint16_t port, uint16_t local_port)
{
	struct model_entry *entry = model_find(client, is_local, port);

	if (!entry) {
		entry = model_free_place();
		*entry = (struct model_entry){ .client = client, .port = port,
					       .is_local = is_local, .used = true };
	}
	entry->alive++;
	entry->local_port = local_port;
	entry->moved = ++model_moves;
}

static void model_end(uint32_t client, bool is_local, uint16_t port, usec_t now)
{
	struct model_entry *entry = model_find(client, is_local, port);

	if (!entry || !entry->alive || --entry->alive)
		return;
	entry->ended = now;
	entry->moved = ++model_moves;
}

static void test_random_in_a_small_memory(void **state UNUSED)
{
	static const uint16_t local_ports[] = { 25, 587 };
	struct connection_memory *memory = new_memory(MODEL_CAPACITY);
	usec_t now = SECONDS(1000);

	for (unsigned round = 0; round < 50000; round++) {
		uint32_t client = random_below(30);
		uint16_t port = (uint16_t)(1024 + random_below(3));
		uint16_t local_port = local_ports[random_below(2)];
		usec_t since = now - random_below(100) * USEC_PER_SEC;
		const struct model_entry *entry;

		now += random_below(3) * USEC_PER_SEC;
		if (random_below(5) < 2) {
			begin(memory, client, port, local_port);
			model_begin(client, false, port, local_port);
			model_begin(client, true, local_port, local_port);
		} else {
			end(memory, client, port, local_port, now);
			model_end(client, false, port, now);
			model_end(client, true, local_port, now);
		}
		client = random_below(30);
		entry = model_find(client, false, port);
		assert_int_equal(find(memory, client, port, since),
				 entry && (entry->alive || entry->ended > since) ?
					 entry->local_port : 0);
		entry = model_find(client, true, local_port);
		assert_int_equal(has(memory, client, local_port, since),
				 entry && (entry->alive || entry->ended > since));
		assert_int_equal(stats_of(memory).evicted, model_evicted);
		assert_int_equal(stats_of(memory).evicted_alive, model_evicted_alive);
	}
	assert_true(model_evicted_alive > 0 && model_evicted_alive < model_evicted);
	connection_memory_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_connection),
		cmocka_unit_test(test_one_port_for_two_services),
		cmocka_unit_test(test_an_end_without_beginning),
		cmocka_unit_test(test_who_makes_room),
		cmocka_unit_test(test_random_against_a_list),
		cmocka_unit_test(test_random_in_a_small_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
