/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guard and what reports are made from, without a kernel: connections, packets at the gate and answers
 * about names come from the test, decisions are kept as the documents that subscribers get.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "smtpguard/control/report.h"

#include "../../src/control/report_status_priv.h"

#define START (100 * USEC_PER_SEC)

struct fixture {
	struct guard_settings settings;
	struct guard *guard;
	struct kernel_facts kernel;
	struct gate_facts gate;
	struct report_inputs inputs;
	struct decision_ring *ring;
	bool mode_ordered;
	json_t *decisions;
	usec_t now;
};

static inline void sink(void *userdata, const struct guard_op *op)
{
	struct fixture *fixture = userdata;

	if (op->type != GUARD_OP_DECISION)
		return;
	assert_int_equal(json_array_append_new(fixture->decisions, report_decision(op)), 0);
	decision_ring_add(fixture->ring, op);
}

/* gated: smtp wants a name that resolves back, submission any PTR. */
static inline int setup_with(void **state, bool gated, bool mail_logs)
{
	static const struct siphash_key key = { { 1 } };
	static struct fixture fixture;
	struct prefix allowed;

	memset(&fixture, 0, sizeof(fixture));
	settings_defaults(&fixture.settings);
	for (unsigned i = 0; gated && i < 2; i++)
		fixture.settings.services[i].reverse_dns = REVERSE_DNS_REQUIRE;
	fixture.settings.services[1].reverse_dns_test = REVERSE_DNS_TEST_PTR;
	fixture.gate.wanted = gated;
	fixture.settings.mail.enabled = mail_logs;
	fixture.settings.max_sources = 4096;
	fixture.settings.max_flows = 4096;
	fixture.settings.bans.max_bans = 512;
	assert_int_equal(prefix_set_new(&fixture.settings.allowed), 0);
	assert_int_equal(prefix_parse("192.0.2.0/24", &allowed), 0);
	assert_int_equal(prefix_set_add(fixture.settings.allowed, &allowed), 0);
	fixture.decisions = json_array();
	assert_int_equal(decision_ring_new(&fixture.ring), 0);
	fixture.now = START;
	assert_int_equal(guard_new(&fixture.guard, &fixture.settings, &key, sink, &fixture), 0);
	fixture.kernel = (struct kernel_facts){ .release = "6.1.0", .conntrack_events_sysctl = 1 };
	fixture.inputs = (struct report_inputs){ .version = "0.1.0",
						 .started = START - 7 * USEC_PER_SEC,
						 .mode_ordered = &fixture.mode_ordered,
						 .guard = fixture.guard,
						 .gate = &fixture.gate,
						 .kernel = &fixture.kernel };
	assert_int_equal(guard_local_address(fixture.guard,
					     &(struct address){ { [10] = 0xff, 0xff, 10, 0, 0, 1 } },
					     true, START), 0);
	guard_sync_begin(fixture.guard);
	while (!guard_sync_end(fixture.guard, false, START))
		;
	*state = &fixture;
	return 0;
}

static inline int setup(void **state)
{
	return setup_with(state, false, false);
}

static inline int teardown(void **state)
{
	struct fixture *fixture = *state;

	guard_free(fixture->guard);
	prefix_set_free(fixture->settings.allowed);
	json_decref(fixture->decisions);
	decision_ring_free(fixture->ring);
	return 0;
}

static inline struct address address(const char *text)
{
	struct address result;

	assert_int_equal(address_parse(text, &result), 0);
	return result;
}

static inline struct prefix prefix(const char *text)
{
	struct prefix result;

	assert_int_equal(prefix_parse(text, &result), 0);
	return result;
}

static inline void block(struct fixture *fixture, const char *text, usec_t duration, const char *reason)
{
	struct prefix wanted = prefix(text), conflict;

	assert_int_equal(guard_ban(fixture->guard, &wanted, duration, reason, fixture->now,
				   &conflict), 0);
}

static inline void allow(struct fixture *fixture, const char *text, usec_t duration, const char *comment)
{
	struct prefix wanted = prefix(text), conflict;
	unsigned lifted;

	assert_int_equal(guard_allow(fixture->guard, &wanted, duration, comment, fixture->now,
				     &lifted, &conflict), 0);
}

static inline void connect_many(struct fixture *fixture, const char *client, unsigned first, unsigned n,
			 enum flow_phase phase)
{
	for (unsigned i = 0; i < n; i++) {
		struct ct_event event = { .local = address("10.0.0.1"),
					  .local_port = 25,
					  .phase = phase };

		event.key.client = address(client);
		event.key.server = event.local;
		event.key.client_port = (uint16_t)(first + i);
		event.key.server_port = 25;
		guard_flow_event(fixture->guard, &event, fixture->now);
	}
}

static inline void name_is(struct fixture *fixture, const char *client, enum name_answer_result result)
{
	struct name_answer answer = { .address = address(client),
				      .result = result,
				      .resolver_healthy = true,
				      .ttl = 300 * USEC_PER_SEC };

	if (result != NAME_ANSWER_NONE) {
		answer.n_names = 1;
		snprintf(answer.names[0], sizeof(answer.names[0]), "mail.example");
	}
	guard_name_answer(fixture->guard, &answer, fixture->now);
}

/* The whole list as one array. */
static inline json_t *list(struct fixture *fixture, const char *line, uint64_t *ret_total)
{
	struct control_command command;
	struct report_list *list;
	json_t *result = json_array(), *entry;
	char error[200];
	int r;

	assert_int_equal(control_line_parse(line, strlen(line), &command, error, sizeof(error)), 0);
	assert_int_equal(report_list_new(&list, &fixture->inputs, &command, fixture->now), 0);
	while ((r = report_list_next(list, fixture->now, &entry)) == 0)
		json_array_append_new(result, entry);
	assert_int_equal(r, REPORT_LIST_END);
	if (ret_total)
		*ret_total = report_list_total(list);
	report_list_free(list);
	return result;
}

static inline const char *text_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_string(value))
		fail_msg("'%s' is no string", key);
	return json_string_value(value);
}

static inline json_int_t number_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value))
		fail_msg("'%s' is no number", key);
	return json_integer_value(value);
}

static inline json_t *explain_of(struct fixture *fixture, const char *text)
{
	const struct address client = address(text);
	const struct prefix source = prefix_of_address(&client, fixture->settings.ipv4_prefix,
						       fixture->settings.ipv6_prefix);

	return report_explain(&fixture->inputs, fixture->ring, &client, &source, fixture->now);
}

/* The keys in the order of the answer: scripts and people read them so. */
static inline void keys_are(json_t *object, const char *expected)
{
	char keys[512] = "";
	size_t used = 0;
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
		used += (size_t)snprintf(keys + used, sizeof(keys) - used, "%s%s",
					 used ? " " : "", key);
	assert_string_equal(keys, expected);
}

static inline bool has_problem(const json_t *status, const char *part)
{
	const json_t *problems = json_object_get(status, "problems");

	for (size_t i = 0; i < json_array_size(problems); i++)
		if (strstr(json_string_value(json_array_get(problems, i)), part))
			return true;
	return false;
}
