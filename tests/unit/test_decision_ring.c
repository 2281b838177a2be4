// SPDX-License-Identifier: GPL-2.0-or-later
#include "support.h"

#include <stdio.h>

#include "smtpguard/control/decision_ring.h"

#define FIND_MAX 50

static void add(struct decision_ring *ring, const char *prefix, usec_t time)
{
	struct ban_reason reason = { .limit = LIMIT_OPERATOR };
	struct guard_op op = { .type = GUARD_OP_DECISION,
			       .now = time,
			       .prefix = pfx(prefix),
			       .decision = DECISION_UNBAN,
			       .reason = &reason,
			       .because = "operator" };

	snprintf(reason.service, sizeof(reason.service), "smtp");
	snprintf(reason.text, sizeof(reason.text), "number %u", (unsigned)time);
	decision_ring_add(ring, &op);
}

static unsigned find(const struct decision_ring *ring, const char *source,
		     const struct decision **list)
{
	const struct prefix prefix = pfx(source);

	return decision_ring_find(ring, &prefix, list, FIND_MAX);
}

static void decisions_come_back_oldest_first(void **state UNUSED)
{
	const struct decision *list[FIND_MAX];
	struct decision_ring *ring;

	assert_int_equal(decision_ring_new(&ring), 0);
	assert_int_equal(find(ring, "203.0.113.9", list), 0);
	add(ring, "203.0.113.9", 1);
	add(ring, "203.0.113.10", 2);
	add(ring, "203.0.113.9", 3);
	assert_int_equal(find(ring, "203.0.113.9", list), 2);
	assert_int_equal(list[0]->time, 1);
	assert_int_equal(list[1]->time, 3);
	assert_int_equal(list[1]->type, DECISION_UNBAN);
	assert_string_equal(list[1]->service, "smtp");
	assert_string_equal(list[1]->comment, "operator: number 3");
	assert_string_equal(list[1]->because, "operator");
	decision_ring_free(ring);
}

static void prefixes_concern_what_is_in_them(void **state UNUSED)
{
	const struct decision *list[FIND_MAX];
	struct decision_ring *ring;

	assert_int_equal(decision_ring_new(&ring), 0);
	add(ring, "2001:db8::/32", 1);
	add(ring, "2001:db8:0:1::25", 2);
	add(ring, "2001:db8:0:2::/64", 3);
	assert_int_equal(find(ring, "2001:db8:0:1::/64", list), 2);
	assert_int_equal(list[1]->time, 2);
	assert_int_equal(find(ring, "2001:db9::/64", list), 0);
	decision_ring_free(ring);
}

static void the_oldest_are_forgotten(void **state UNUSED)
{
	const struct decision *list[FIND_MAX];
	struct decision_ring *ring;

	assert_int_equal(decision_ring_new(&ring), 0);
	add(ring, "203.0.113.9", 1);
	for (unsigned i = 0; i < DECISION_RING_SIZE - 1; i++)
		add(ring, "198.51.100.1", 2 + i);
	assert_int_equal(find(ring, "203.0.113.9", list), 1);
	assert_int_equal(find(ring, "198.51.100.1", list), FIND_MAX);
	assert_int_equal(list[FIND_MAX - 1]->time, DECISION_RING_SIZE);
	assert_int_equal(list[0]->time, DECISION_RING_SIZE - FIND_MAX + 1);
	add(ring, "198.51.100.1", 9999);
	assert_int_equal(find(ring, "203.0.113.9", list), 0);
	decision_ring_free(ring);
}

/* As the header states. */
static void memory_is_bounded(void **state UNUSED)
{
	assert_int_equal(sizeof(struct decision), 184);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decisions_come_back_oldest_first),
		cmocka_unit_test(prefixes_concern_what_is_in_them),
		cmocka_unit_test(the_oldest_are_forgotten),
		cmocka_unit_test(memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
