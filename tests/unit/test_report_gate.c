// SPDX-License-Identifier: GPL-2.0-or-later
/* The gate in the documents. smtp wants a name that resolves back, submission any PTR. */
#include "report_world.h"

#define ROW_KEYS "source service concurrent half_open new peak reverse_dns names standing"

static int setup_gated(void **state)
{
	return setup_with(state, true, false);
}

static int setup_observed(void **state)
{
	int r = setup_with(state, true, false);
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < fixture->settings.n_services; i++)
		fixture->settings.services[i].observe = true;
	fixture->gate.wanted = false;
	return r;
}

static void arrive(struct fixture *fixture, const char *client, uint16_t port, unsigned n)
{
	static uint32_t id;

	for (unsigned i = 0; i < n; i++) {
		const struct gate_packet packet = { .id = ++id,
						    .client = address(client),
						    .local_port = port };

		guard_gate_packet(fixture->guard, &packet, fixture->now);
	}
}

static json_t *status_of(struct fixture *fixture)
{
	static const struct control_stats control;

	return report_status(&fixture->inputs, &control, fixture->now);
}

static const char *standing_in(const json_t *explain, unsigned service)
{
	return text_of(json_array_get(json_object_get(explain, "services"), service), "standing");
}

/* The rows of the answer as "SOURCE SERVICE STANDING, ...". */
static void rows_are(struct fixture *fixture, const char *line, const char *expected, uint64_t total)
{
	char text[1024] = "";
	size_t used = 0, i;
	uint64_t found;
	json_t *rows = list(fixture, line, &found), *row;

	json_array_foreach(rows, i, row) {
		keys_are(row, ROW_KEYS);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s %s",
					 used ? ", " : "", text_of(row, "source"),
					 text_of(row, "service"), text_of(row, "standing"));
	}
	assert_string_equal(text, expected);
	assert_int_equal(found, total);
	json_decref(rows);
}

static void counters_have_their_keys(void **state)
{
	struct fixture *fixture = *state;
	json_t *status = status_of(fixture), *gate = json_object_get(status, "gate");

	keys_are(gate, "wanted active off queue hold_ms max_held held held_peak packets joined "
		       "accepted_verified accepted_ptr accepted_unknown accepted_full accepted_exempt "
		       "refused dropped timed_out longest_hold_us refused_sources observed_sources "
		       "sources losses malformed verdicts batches failed_batches last_error");
	keys_are(json_object_get(gate, "sources"), "held refused passed would_refuse evicted");
	assert_true(json_is_true(json_object_get(gate, "wanted")));
	assert_true(json_is_true(json_object_get(gate, "active")));
	assert_true(json_is_null(json_object_get(gate, "off")));
	assert_int_equal(number_of(gate, "queue"), 25);
	assert_int_equal(number_of(gate, "hold_ms"), 1000);
	assert_int_equal(number_of(gate, "max_held"), 1024);
	assert_true(has_problem(status, "the gate lets everybody new in"));
	json_decref(status);

	fixture->gate.off = "the kernel has no \x1b[31mqueue";
	status = status_of(fixture);
	gate = json_object_get(status, "gate");
	assert_true(json_is_false(json_object_get(gate, "active")));
	assert_string_equal(text_of(gate, "off"), "the kernel has no \\x1b[31mqueue");
	assert_true(has_problem(status, "the gate is off, nobody is refused for a missing name: the "
					"kernel has no \\x1b[31mqueue"));
	json_decref(status);

	fixture->gate = (struct gate_facts){ 0 };
	status = status_of(fixture);
	gate = json_object_get(status, "gate");
	assert_true(json_is_false(json_object_get(gate, "wanted")));
	assert_true(json_is_false(json_object_get(gate, "active")));
	assert_false(has_problem(status, "the gate"));
	json_decref(status);
}

static void features_and_limits_are_shown(void **state)
{
	struct fixture *fixture = *state;
	json_t *status, *kernel, *services, *explain;

	fixture->kernel.features = (struct kernel_features){ .queue = true, .sock_destroy = true };
	status = status_of(fixture);
	kernel = json_object_get(status, "kernel");
	keys_are(kernel, "release ruleset conntrack_events queue element_counters timeout_update "
			 "interval_timeouts sock_destroy ct_filter batches elements_added "
			 "elements_deleted failed_batches refused_elements last_error "
			 "last_latency_us");
	assert_true(json_is_true(json_object_get(kernel, "queue")));
	assert_true(json_is_false(json_object_get(kernel, "timeout_update")));
	assert_true(json_is_true(json_object_get(kernel, "sock_destroy")));
	services = json_object_get(status, "services");
	assert_string_equal(text_of(json_object_get(services, "smtp"), "reverse_dns"), "require");
	assert_string_equal(text_of(json_object_get(services, "smtp"), "reverse_dns_test"), "fcrdns");
	assert_int_equal(number_of(json_object_get(services, "smtp"), "verified_concurrent"), 100);
	assert_string_equal(text_of(json_object_get(services, "submission"), "reverse_dns_test"),
			    "ptr");
	json_decref(status);

	/* of no meaning elsewhere */
	fixture->settings.services[1].reverse_dns = REVERSE_DNS_EXEMPT;
	explain = explain_of(fixture, "203.0.113.9");
	services = json_object_get(explain, "services");
	assert_true(json_is_null(json_object_get(
		json_object_get(json_array_get(services, 1), "limits"), "reverse_dns_test")));
	assert_true(json_is_null(json_object_get(explain, "gate")));
	json_decref(explain);
}

static void held_then_refused(void **state)
{
	struct fixture *fixture = *state;
	json_t *explain, *gate, *status, *decision;

	arrive(fixture, "203.0.113.9", 25, 3);
	rows_are(fixture, "sources", "203.0.113.9 smtp held", 1);
	explain = explain_of(fixture, "203.0.113.9");
	assert_true(json_is_true(json_object_get(explain, "seen")));
	gate = json_object_get(explain, "gate");
	keys_are(gate, "outcome service since until packets held reverse_dns");
	assert_string_equal(text_of(gate, "outcome"), "held");
	assert_string_equal(text_of(gate, "service"), "smtp");
	assert_true(json_is_null(json_object_get(gate, "until")));
	assert_int_equal(number_of(gate, "packets"), 3);
	assert_int_equal(number_of(gate, "held"), 3);
	assert_string_equal(text_of(gate, "reverse_dns"), "unknown");
	assert_string_equal(standing_in(explain, 0), "held");
	json_decref(explain);

	name_is(fixture, "203.0.113.9", NAME_ANSWER_NONE);
	assert_int_equal(json_array_size(fixture->decisions), 1);
	decision = json_array_get(fixture->decisions, 0);
	assert_string_equal(text_of(decision, "event"), "refuse");
	assert_string_equal(text_of(decision, "source"), "203.0.113.9");
	assert_string_equal(text_of(decision, "service"), "smtp");
	assert_string_equal(text_of(decision, "limit"), "reverse_dns");
	assert_string_equal(text_of(decision, "comment"), "smtp reverse_dns; no PTR");
	assert_true(json_is_string(json_object_get(decision, "expires")));

	rows_are(fixture, "sources", "203.0.113.9 smtp refused", 1);
	explain = explain_of(fixture, "203.0.113.9");
	gate = json_object_get(explain, "gate");
	assert_string_equal(text_of(gate, "outcome"), "refused");
	assert_true(json_is_string(json_object_get(gate, "since")));
	assert_true(json_is_string(json_object_get(gate, "until")));
	assert_int_equal(number_of(gate, "held"), 0);
	assert_string_equal(text_of(gate, "reverse_dns"), "none");
	assert_string_equal(standing_in(explain, 0), "refused");
	assert_string_equal(standing_in(explain, 1), "refused");
	json_decref(explain);

	status = status_of(fixture);
	gate = json_object_get(status, "gate");
	assert_int_equal(number_of(gate, "packets"), 3);
	assert_int_equal(number_of(gate, "joined"), 2);
	assert_int_equal(number_of(gate, "held"), 0);
	assert_int_equal(number_of(gate, "held_peak"), 3);
	assert_int_equal(number_of(gate, "refused"), 3);
	assert_int_equal(number_of(gate, "refused_sources"), 1);
	assert_int_equal(number_of(json_object_get(gate, "sources"), "refused"), 1);
	assert_int_equal(number_of(json_object_get(json_object_get(status, "bans"), "decisions"),
				   "refuse"), 1);
	json_decref(status);

	/* forgotten after negative_ttl */
	fixture->now += fixture->settings.names.negative_ttl;
	rows_are(fixture, "sources", "", 0);
	explain = explain_of(fixture, "203.0.113.9");
	assert_true(json_is_null(json_object_get(explain, "gate")));
	assert_string_equal(standing_in(explain, 0), "normal");
	json_decref(explain);
}

/* A name that leads nowhere is enough where any PTR is. */
static void standings_follow_the_test(void **state)
{
	struct fixture *fixture = *state;
	json_t *explain;

	arrive(fixture, "2001:db8:1:2::25", 25, 1);
	name_is(fixture, "2001:db8:1:2::25", NAME_ANSWER_MISMATCH);
	rows_are(fixture, "sources", "2001:db8:1:2::/64 smtp refused", 1);
	explain = explain_of(fixture, "2001:db8:1:2::25");
	assert_string_equal(text_of(json_object_get(explain, "gate"), "reverse_dns"), "mismatch");
	assert_string_equal(text_of(json_object_get(explain, "reverse_dns"), "client"),
			    "2001:db8:1:2::25");
	assert_string_equal(standing_in(explain, 0), "refused");
	assert_string_equal(standing_in(explain, 1), "normal");
	json_decref(explain);
	fixture->gate.off = "no queue";
	rows_are(fixture, "sources", "", 0);
}

static void unknown_ones_are_let_in(void **state)
{
	struct fixture *fixture = *state;
	json_t *explain, *gate;

	arrive(fixture, "203.0.113.9", 25, 1);
	fixture->now += fixture->settings.gate.hold;
	guard_tick(fixture->guard, fixture->now);
	rows_are(fixture, "sources", "", 0);
	explain = explain_of(fixture, "203.0.113.9");
	gate = json_object_get(explain, "gate");
	assert_string_equal(text_of(gate, "outcome"), "passed");
	assert_string_equal(text_of(gate, "reverse_dns"), "unknown");
	assert_true(json_is_string(json_object_get(gate, "until")));
	assert_string_equal(standing_in(explain, 0), "normal");
	json_decref(explain);
}

static void one_row_for_each_source_and_service(void **state)
{
	struct fixture *fixture = *state;

	/* connected before, refused now */
	connect_many(fixture, "203.0.113.9", 1000, 2, FLOW_ESTABLISHED);
	arrive(fixture, "203.0.113.9", 25, 1);
	rows_are(fixture, "sources", "203.0.113.9 smtp held", 1);
	name_is(fixture, "203.0.113.9", NAME_ANSWER_NONE);
	rows_are(fixture, "sources", "203.0.113.9 smtp refused", 1);
	rows_are(fixture, "sources all=1", "203.0.113.9 smtp refused", 1);
	/* an entry without connections is not shown: the gate's row is */
	connect_many(fixture, "203.0.113.9", 1000, 2, FLOW_CLOSED);
	rows_are(fixture, "sources", "203.0.113.9 smtp refused", 1);
	rows_are(fixture, "sources all=1", "203.0.113.9 smtp refused", 1);
}

static void gated_ones_rank_behind(void **state)
{
	struct fixture *fixture = *state;

	arrive(fixture, "203.0.113.1", 25, 1);
	arrive(fixture, "203.0.113.2", 587, 4);
	arrive(fixture, "203.0.113.3", 25, 2);
	arrive(fixture, "203.0.113.4", 25, 9);
	name_is(fixture, "203.0.113.4", NAME_ANSWER_NONE);
	connect_many(fixture, "198.51.100.1", 1000, 1, FLOW_SYN);
	connect_many(fixture, "198.51.100.2", 1000, 1, FLOW_ESTABLISHED);
	rows_are(fixture, "sources",
		 "198.51.100.2 smtp normal, 198.51.100.1 smtp normal, 203.0.113.2 submission held, "
		 "203.0.113.3 smtp held, 203.0.113.1 smtp held, 203.0.113.4 smtp refused", 6);
	rows_are(fixture, "sources sort=half_open limit=3",
		 "198.51.100.1 smtp normal, 198.51.100.2 smtp normal, 203.0.113.2 submission held", 6);
	rows_are(fixture, "sources service=submission", "203.0.113.2 submission held", 1);
}

static void rows_that_end_meanwhile_are_left_out(void **state)
{
	struct fixture *fixture = *state;
	struct control_command command = { .verb = CONTROL_SOURCES };
	struct report_list *list;
	json_t *entry;

	arrive(fixture, "203.0.113.1", 25, 2);
	arrive(fixture, "203.0.113.2", 25, 1);
	assert_int_equal(report_list_new(&list, &fixture->inputs, &command, START), 0);
	name_is(fixture, "203.0.113.1", NAME_ANSWER_VERIFIED);
	assert_int_equal(report_list_next(list, START, &entry), 0);
	assert_string_equal(text_of(entry, "source"), "203.0.113.2");
	json_decref(entry);
	assert_int_equal(report_list_next(list, START, &entry), REPORT_LIST_END);
	assert_int_equal(report_list_total(list), 2);
	report_list_free(list);
}

static void observed_services_only_tell(void **state)
{
	struct fixture *fixture = *state;
	json_t *explain, *status, *decision;

	connect_many(fixture, "203.0.113.9", 1000, 1, FLOW_ESTABLISHED);
	name_is(fixture, "203.0.113.9", NAME_ANSWER_NONE);
	assert_int_equal(json_array_size(fixture->decisions), 1);
	decision = json_array_get(fixture->decisions, 0);
	assert_string_equal(text_of(decision, "event"), "observe");
	assert_string_equal(text_of(decision, "limit"), "reverse_dns");
	rows_are(fixture, "sources", "203.0.113.9 smtp normal", 1);
	explain = explain_of(fixture, "203.0.113.9");
	assert_string_equal(text_of(json_object_get(explain, "gate"), "outcome"), "would-refuse");
	assert_string_equal(standing_in(explain, 0), "normal");
	json_decref(explain);
	status = status_of(fixture);
	assert_int_equal(number_of(json_object_get(status, "gate"), "observed_sources"), 1);
	json_decref(status);
}

#define GATED(test) cmocka_unit_test_setup_teardown(test, setup_gated, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		GATED(counters_have_their_keys),
		GATED(features_and_limits_are_shown),
		GATED(held_then_refused),
		GATED(standings_follow_the_test),
		GATED(unknown_ones_are_let_in),
		GATED(one_row_for_each_source_and_service),
		GATED(gated_ones_rank_behind),
		GATED(rows_that_end_meanwhile_are_left_out),
		cmocka_unit_test_setup_teardown(observed_services_only_tell, setup_observed, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
