// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "support.h"

#include "smtpguard/track/flow_table.h"

static struct flow_table *new_table(uint32_t capacity)
{
	struct flow_table *table;

	assert_int_equal(flow_table_new(&table, capacity, &test_key), 0);
	return table;
}

static struct ct_event event_of(uint32_t n, enum flow_phase phase)
{
	struct ct_event event = { .phase = phase, .local_port = 25 };

	event.key.client = addr_n(n);
	event.key.server = event.local = addr("198.51.100.1");
	event.key.client_port = (uint16_t)(1024 + n);
	event.key.server_port = 25;
	return event;
}

/* Sends an event; the change is settled. */
static struct flow_change send(struct flow_table *table, uint32_t n, enum flow_phase phase)
{
	struct ct_event event = event_of(n, phase);
	struct flow_change change;

	assert_int_equal(flow_table_event(table, &event, &change), 0);
	flow_table_settle(table, change.flow);
	return change;
}

static int dump(struct flow_table *table, uint32_t n, enum flow_phase phase,
		struct flow_change *change)
{
	struct ct_event event = event_of(n, phase);
	int r = flow_table_dump_line(table, &event, change);

	if (r == 0)
		flow_table_settle(table, change->flow);
	return r;
}

static struct flow *find(const struct flow_table *table, uint32_t n)
{
	struct ct_event event = event_of(n, FLOW_SYN);

	return flow_table_find(table, &event.key);
}

/* Runs the sweep to its end; returns how many flows it handed out. */
static unsigned sweep(struct flow_table *table)
{
	unsigned removed = 0;
	struct flow *flow;
	bool done;

	do {
		flow = flow_table_sync_next(table, 3, &done);
		if (flow) {
			flow_table_remove(table, flow);
			removed++;
		}
	} while (!done);
	return removed;
}

static void assert_change(struct flow_change change, enum flow_phase before, enum flow_phase after,
			  bool handshake)
{
	assert_int_equal(change.before, before);
	assert_int_equal(change.after, after);
	assert_int_equal(change.handshake, handshake);
}

static void test_life_of_a_flow(void **state UNUSED)
{
	struct flow_table *table = new_table(4);
	struct ct_event late = event_of(1, FLOW_CLOSED);
	struct flow_change change;

	assert_change(send(table, 1, FLOW_SYN), FLOW_ABSENT, FLOW_SYN, false);
	assert_change(send(table, 1, FLOW_SYN), FLOW_SYN, FLOW_SYN, false);
	assert_change(send(table, 1, FLOW_ESTABLISHED), FLOW_SYN, FLOW_ESTABLISHED, true);
	assert_change(send(table, 1, FLOW_ESTABLISHED), FLOW_ESTABLISHED, FLOW_ESTABLISHED, false);
	assert_int_equal(flow_table_count(table), 1);
	assert_change(send(table, 1, FLOW_CLOSED), FLOW_ESTABLISHED, FLOW_CLOSED, false);
	assert_int_equal(flow_table_count(table), 0);
	assert_null(find(table, 1));
	/* TIME_WAIT is followed by DESTROY: the second close is about nothing */
	assert_int_equal(flow_table_event(table, &late, &change), FLOW_TABLE_IGNORED);
	flow_table_free(table);
	assert_null(flow_table_free(NULL));
}

static void test_first_heard_of_as_established(void **state UNUSED)
{
	struct flow_table *table = new_table(4);

	assert_change(send(table, 1, FLOW_ESTABLISHED), FLOW_ABSENT, FLOW_ESTABLISHED, true);
	flow_table_free(table);
}

static void test_picked_up_is_no_handshake(void **state UNUSED)
{
	struct flow_table *table = new_table(4);

	assert_change(send(table, 1, FLOW_PICKED_UP), FLOW_ABSENT, FLOW_PICKED_UP, false);
	assert_change(send(table, 1, FLOW_ESTABLISHED), FLOW_PICKED_UP, FLOW_ESTABLISHED, false);
	/* the entry was deleted, the event lost, and conntrack met the connection again */
	assert_change(send(table, 1, FLOW_PICKED_UP), FLOW_ESTABLISHED, FLOW_ESTABLISHED, false);
	/* the same with the event seen */
	send(table, 1, FLOW_CLOSED);
	assert_change(send(table, 1, FLOW_PICKED_UP), FLOW_ABSENT, FLOW_PICKED_UP, false);
	assert_change(send(table, 1, FLOW_ESTABLISHED), FLOW_PICKED_UP, FLOW_ESTABLISHED, false);
	flow_table_free(table);
}

static void test_port_used_again_after_a_lost_close(void **state UNUSED)
{
	struct flow_table *table = new_table(4);

	send(table, 1, FLOW_ESTABLISHED);
	assert_change(send(table, 1, FLOW_SYN), FLOW_ESTABLISHED, FLOW_SYN, false);
	assert_change(send(table, 1, FLOW_ESTABLISHED), FLOW_SYN, FLOW_ESTABLISHED, true);
	flow_table_free(table);
}

static void test_zones_and_ports_are_different_flows(void **state UNUSED)
{
	struct flow_table *table = new_table(8);
	struct ct_event event = event_of(1, FLOW_SYN);
	struct flow_change change;

	for (unsigned i = 0; i < 4; i++) {
		event = event_of(1, FLOW_SYN);
		event.key.zone = i == 1;
		event.key.client_port = (uint16_t)(event.key.client_port + (i == 2));
		event.key.server_port = (uint16_t)(i == 3 ? 587 : 25);
		assert_int_equal(flow_table_event(table, &event, &change), 0);
		assert_int_equal(change.before, FLOW_ABSENT);
	}
	assert_int_equal(flow_table_count(table), 4);
	flow_table_free(table);
}

static void test_full(void **state UNUSED)
{
	struct flow_table *table = new_table(3);
	struct ct_event event = event_of(9, FLOW_ESTABLISHED);
	struct flow_change change;

	send(table, 1, FLOW_SYN);
	send(table, 2, FLOW_PICKED_UP);
	send(table, 3, FLOW_ESTABLISHED);
	/* 1 spoke last, so 2 is the oldest in its handshake */
	send(table, 1, FLOW_SYN);
	change = send(table, 4, FLOW_ESTABLISHED);
	assert_int_equal(change.evicted.phase, FLOW_PICKED_UP);
	assert_int_equal(change.evicted.key.client_port, 1024 + 2);
	assert_null(find(table, 2));
	change = send(table, 5, FLOW_ESTABLISHED);
	assert_int_equal(change.evicted.phase, FLOW_SYN);
	assert_int_equal(flow_table_event(table, &event, &change), FLOW_TABLE_FULL);
	assert_null(find(table, 9));
	assert_int_equal(flow_table_count(table), 3);
	assert_int_equal(flow_table_capacity(table), 3);
	/* what is tracked already still changes */
	assert_change(send(table, 3, FLOW_CLOSED), FLOW_ESTABLISHED, FLOW_CLOSED, false);
	assert_int_equal(send(table, 9, FLOW_ESTABLISHED).evicted.phase, FLOW_ABSENT);
	flow_table_free(table);
}

static void test_event_beats_the_dump(void **state UNUSED)
{
	struct flow_table *table = new_table(8);
	struct flow_change change;

	send(table, 1, FLOW_ESTABLISHED);
	send(table, 2, FLOW_SYN);
	flow_table_sync_begin(table);
	send(table, 1, FLOW_CLOSED);
	send(table, 2, FLOW_ESTABLISHED);
	send(table, 3, FLOW_CLOSED);
	assert_int_equal(flow_table_count(table), 1);
	/* the dump's lines were written before these events */
	assert_int_equal(dump(table, 1, FLOW_ESTABLISHED, &change), FLOW_TABLE_IGNORED);
	assert_int_equal(dump(table, 2, FLOW_SYN, &change), FLOW_TABLE_IGNORED);
	assert_int_equal(dump(table, 3, FLOW_ESTABLISHED, &change), FLOW_TABLE_IGNORED);
	/* a port used again in the middle of the dump */
	assert_change(send(table, 1, FLOW_SYN), FLOW_ABSENT, FLOW_SYN, false);
	assert_int_equal(sweep(table), 0);
	assert_int_equal(flow_table_count(table), 2);
	assert_null(find(table, 3));
	flow_table_free(table);
}

static void test_mark_and_sweep(void **state UNUSED)
{
	struct flow_table *table = new_table(16);
	struct flow_change change;

	for (uint32_t n = 0; n < 8; n++)
		send(table, n, n % 2 ? FLOW_ESTABLISHED : FLOW_SYN);
	flow_table_sync_begin(table);
	assert_int_equal(dump(table, 0, FLOW_SYN, &change), 0);
	assert_int_equal(dump(table, 2, FLOW_ESTABLISHED, &change), 0);
	assert_change(change, FLOW_SYN, FLOW_ESTABLISHED, true);
	assert_int_equal(dump(table, 3, FLOW_CLOSED, &change), 0);
	assert_change(change, FLOW_ESTABLISHED, FLOW_CLOSED, false);
	assert_int_equal(dump(table, 20, FLOW_ESTABLISHED, &change), 0);
	assert_change(change, FLOW_ABSENT, FLOW_ESTABLISHED, true);
	assert_int_equal(dump(table, 21, FLOW_CLOSED, &change), FLOW_TABLE_IGNORED);
	/* 1 and 4 to 7 */
	assert_int_equal(sweep(table), 5);
	assert_int_equal(flow_table_count(table), 3);
	flow_table_free(table);
}

static void test_begin_again_without_a_sweep(void **state UNUSED)
{
	struct flow_table *table = new_table(4);
	struct flow_change change;

	send(table, 1, FLOW_ESTABLISHED);
	flow_table_sync_begin(table);
	assert_int_equal(dump(table, 1, FLOW_ESTABLISHED, &change), 0);
	flow_table_sync_begin(table);
	assert_int_equal(sweep(table), 1);
	flow_table_free(table);
}

static void test_events_between_pieces_of_the_sweep(void **state UNUSED)
{
	struct flow_table *table = new_table(16);
	uint32_t cursor = 0;
	bool done = true;

	for (uint32_t n = 0; n < 8; n++)
		send(table, n, FLOW_ESTABLISHED);
	flow_table_sync_begin(table);
	for (uint32_t n = 0; n < 8; n++)
		send(table, n, FLOW_ESTABLISHED);
	assert_null(flow_table_sync_next(table, 4, &done));
	assert_false(done);
	/* behind the cursor and before it */
	send(table, 0, FLOW_CLOSED);
	send(table, 7, FLOW_CLOSED);
	send(table, 30, FLOW_ESTABLISHED);
	assert_int_equal(sweep(table), 0);
	assert_int_equal(flow_table_count(table), 7);
	for (const struct flow *flow; (flow = flow_table_walk(table, &cursor));)
		assert_int_equal(flow->phase, FLOW_ESTABLISHED);
	flow_table_free(table);
}

static void test_memory_as_stated(void **state UNUSED)
{
	/* 24 bytes of links: hash_table.h */
	assert_int_equal((sizeof(struct flow) + 7) / 8 * 8 + 24, 80);
}

/* --- against the truth: what a kernel would have, told with losses, repetitions and dumps --- */

#define FLOWS 40

struct world {
	struct flow_table *table;
	enum flow_phase truth[FLOWS]; /* FLOW_ABSENT: no entry */
	uint32_t handshakes, handshakes_seen;
	int established, half_open; /* kept from the changes alone */
	bool losing;
};

static int is_half_open(enum flow_phase phase)
{
	return phase == FLOW_SYN || phase == FLOW_PICKED_UP;
}

static void account(struct world *world, const struct flow_change *change)
{
	world->established +=
		(change->after == FLOW_ESTABLISHED) - (change->before == FLOW_ESTABLISHED);
	world->half_open += is_half_open(change->after) - is_half_open(change->before);
	world->handshakes_seen += change->handshake;
}

static void tell(struct world *world, uint32_t n, enum flow_phase phase)
{
	struct ct_event event = event_of(n, phase);

	for (unsigned times = random_below(10) ? 1 : 2; times; times--) {
		struct flow_change change;
		int r;

		if (world->losing && random_below(2))
			continue;
		r = flow_table_event(world->table, &event, &change);
		assert_true(r == 0 || r == FLOW_TABLE_IGNORED);
		if (r == 0) {
			account(world, &change);
			flow_table_settle(world->table, change.flow);
		}
	}
}

static enum flow_phase next_phase(enum flow_phase phase)
{
	switch (phase) {
	case FLOW_SYN:
	case FLOW_PICKED_UP:
		return random_below(3) ? FLOW_ESTABLISHED : FLOW_CLOSED;
	case FLOW_ESTABLISHED:
		return FLOW_CLOSED;
	case FLOW_CLOSED: /* TIME_WAIT: DESTROY, or the port is used again */
		return random_below(2) ? FLOW_ABSENT : FLOW_SYN;
	default:
		return random_below(6) ? FLOW_SYN : FLOW_PICKED_UP;
	}
}

static void happen(struct world *world)
{
	uint32_t n = random_below(FLOWS);
	enum flow_phase before = world->truth[n], after = next_phase(before);

	/* conntrack -D on a live connection */
	if (before == FLOW_ESTABLISHED && random_below(8) == 0)
		after = FLOW_ABSENT;
	world->handshakes += before == FLOW_SYN && after == FLOW_ESTABLISHED;
	world->truth[n] = after;
	tell(world, n, after == FLOW_ABSENT ? FLOW_CLOSED : after);
}

/* The dump reads entry by entry while the world goes on, and its lines arrive later than events. */
static void dump_meanwhile(struct world *world)
{
	struct {
		uint32_t n;
		enum flow_phase phase;
	} lines[FLOWS];
	unsigned n_lines = 0, delivered = 0;
	struct flow_change change;

	flow_table_sync_begin(world->table);
	for (uint32_t n = 0; n < FLOWS || delivered < n_lines;) {
		unsigned dice = random_below(3);

		if (dice == 0) {
			happen(world);
		} else if (dice == 1 && n < FLOWS) {
			if (world->truth[n] != FLOW_ABSENT) {
				lines[n_lines].n = n;
				lines[n_lines++].phase = world->truth[n];
			}
			n++;
		} else if (delivered < n_lines) {
			if (dump(world->table, lines[delivered].n, lines[delivered].phase,
				 &change) == 0)
				account(world, &change);
			delivered++;
		}
	}
}

static void sweep_meanwhile(struct world *world)
{
	bool done = false;

	while (!done) {
		struct flow *flow =
			flow_table_sync_next(world->table, 1 + random_below(8), &done);

		if (flow) {
			struct flow_change change = { .before = flow->phase };

			account(world, &change);
			flow_table_remove(world->table, flow);
		}
		if (random_below(2))
			happen(world);
	}
}

static void compare(const struct world *world)
{
	int established = 0, half_open = 0;
	uint32_t cursor = 0, flows = 0;

	for (uint32_t n = 0; n < FLOWS; n++) {
		const struct flow *flow = find(world->table, n);
		enum flow_phase known = flow ? flow->phase : FLOW_CLOSED;
		enum flow_phase truth = world->truth[n] ? world->truth[n] : FLOW_CLOSED;

		/* a connection known as established that was picked up again stays what it is */
		if (truth == FLOW_PICKED_UP && known == FLOW_ESTABLISHED)
			continue;
		assert_int_equal(known, truth);
	}
	for (const struct flow *flow; (flow = flow_table_walk(world->table, &cursor)); flows++) {
		established += flow->phase == FLOW_ESTABLISHED;
		half_open += is_half_open(flow->phase);
	}
	assert_int_equal(flow_table_count(world->table), flows);
	assert_int_equal(established, world->established);
	assert_int_equal(half_open, world->half_open);
}

static void test_without_losses(void **state UNUSED)
{
	struct world world = { .table = new_table(FLOWS) };

	for (unsigned round = 0; round < 300; round++) {
		for (unsigned i = 0; i < 50; i++)
			happen(&world);
		compare(&world);
		dump_meanwhile(&world);
		sweep_meanwhile(&world);
		compare(&world);
		assert_int_equal(world.handshakes_seen, world.handshakes);
	}
	flow_table_free(world.table);
}

static void test_a_dump_mends_losses(void **state UNUSED)
{
	/* room for no more than there is: nothing may leak */
	struct world world = { .table = new_table(FLOWS) };

	for (unsigned round = 0; round < 500; round++) {
		world.losing = true;
		for (unsigned i = random_below(100); i; i--)
			happen(&world);
		world.losing = false;
		dump_meanwhile(&world);
		sweep_meanwhile(&world);
		compare(&world);
	}
	flow_table_free(world.table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life_of_a_flow),
		cmocka_unit_test(test_first_heard_of_as_established),
		cmocka_unit_test(test_picked_up_is_no_handshake),
		cmocka_unit_test(test_port_used_again_after_a_lost_close),
		cmocka_unit_test(test_zones_and_ports_are_different_flows),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_event_beats_the_dump),
		cmocka_unit_test(test_mark_and_sweep),
		cmocka_unit_test(test_begin_again_without_a_sweep),
		cmocka_unit_test(test_events_between_pieces_of_the_sweep),
		cmocka_unit_test(test_memory_as_stated),
		cmocka_unit_test(test_without_losses),
		cmocka_unit_test(test_a_dump_mends_losses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
