// SPDX-License-Identifier: GPL-2.0-or-later
/* The commands of the socket: what they answer and what they set off. */
#include "server_world.h"

static void sources_are_banned_prefixes_blocked(void **state)
{
	struct fixture *fixture = *state;

	expect(fixture, "ban 203.0.113.9", "ban.source", "203.0.113.9");
	expect(fixture, "ban 2001:db8:1:2::25 for=10m", "ban.source", "2001:db8:1:2::/64");
	expect(fixture, "ban 203.0.113.8 for=forever", "ban.expires", "null");
	expect(fixture, "ban 198.18.0.0/15 for=forever reason=\"spam network\"", "block.prefix",
	       "198.18.0.0/15");
	expect(fixture, "ban 198.18.0.0/15 reason=again", "block.reason", "again");
	/* longer than a source: that one address of the /64 */
	expect(fixture, "ban 2001:db8:9::25/128", "block.prefix", "2001:db8:9::25");
	expect(fixture, "bans", "total", "5");
	expect(fixture, "bans source=198.19.1.1", "total", "1");
	expect(fixture, "status", "bans.blocked", "2");

	refuse(fixture, "ban 198.18.7.0/24", "covered",
	       "198.18.7.0/24 is inside 198.18.0.0/15, which is blocked already");
	expect(fixture, "ban 198.51.100.0/24 for=2d", "block.prefix", "198.51.100.0/24");
	refuse(fixture, "ban 198.51.0.0/16 for=1h", "overlaps",
	       "198.51.0.0/16 contains 198.51.100.0/24, which is blocked for longer: lift that one "
	       "first (unban 198.51.100.0/24)");
	expect(fixture, "ban 198.51.0.0/16 for=3d", "block.prefix", "198.51.0.0/16");
	expect(fixture, "status", "bans.blocked", "3");
	refuse(fixture, "ban 192.0.2.7", "never-listed", "is never banned: allow list 192.0.2.0/24");
	refuse(fixture, "ban 192.0.0.0/16", "never-listed", "192.0.0.0/16 is never banned");
	refuse(fixture, "explain 198.51.0.0/16", "unsupported-prefix", "is not a single source");
	refuse(fixture, "bans source=198.51.0.0/16", "unsupported-prefix", "not a single source");
}

static void unban_of_sources_prefixes_and_all(void **state)
{
	struct fixture *fixture = *state;
	json_t *answer;

	refuse(fixture, "unban 203.0.113.1", "not-banned", "trusted all the same, until 20");
	refuse(fixture, "unban 203.0.0.0/16", "not-banned", "203.0.0.0/16 is not banned");
	expect(fixture, "ban 203.0.113.9", "ok", "true");
	answer = ask(fixture, "unban 203.0.113.9 trust=2h");
	assert_string_equal(text_of(answer, "source"), "203.0.113.9");
	assert_int_equal(json_integer_value(json_object_get(answer, "unbanned")), 1);
	assert_true(json_is_string(json_object_get(answer, "trusted_until")));
	json_decref(answer);

	expect(fixture, "ban 198.18.1.1", "ok", "true");
	expect(fixture, "ban 198.18.2.0/24", "ok", "true");
	refuse(fixture, "unban 198.18.2.2", "covered",
	       "198.18.2.2 is inside the block 198.18.2.0/24: unban that one, or allow the address");
	expect(fixture, "unban 198.18.0.0/15", "unbanned", "2");
	/* an address that was blocked by its word is unblocked by the same */
	expect(fixture, "ban 2001:db8:9::25/128", "ok", "true");
	expect(fixture, "unban 2001:db8:9::25", "unbanned", "1");

	for (unsigned i = 1; i <= 200; i++) {
		char line[64];

		snprintf(line, sizeof(line), "ban 203.0.113.%u", i);
		expect(fixture, line, "ok", "true");
	}
	expect(fixture, "ban 198.18.0.0/15", "ok", "true");
	expect(fixture, "unban all trust=1h", "unbanned", "201");
	expect(fixture, "bans", "total", "0");
	expect(fixture, "status", "bans.trusted", "200");
}

static void allowing(void **state)
{
	struct fixture *fixture = *state;

	expect(fixture, "ban 203.0.113.9", "ok", "true");
	expect(fixture, "ban 203.0.113.128/25", "ok", "true");
	expect(fixture, "allow add 203.0.113.0/24 comment=\"the office\"", "lifted", "2");
	expect(fixture, "bans", "total", "0");
	refuse(fixture, "ban 203.0.113.9", "never-listed", "allow list 203.0.113.0/24");
	refuse(fixture, "allow add 203.0.113.9", "covered",
	       "203.0.113.9 is inside 203.0.113.0/24, which is allowed already");
	expect(fixture, "allow list", "total", "2");
	refuse(fixture, "allow remove 203.0.113.9", "not-listed", "203.0.113.9 is not among");
	refuse(fixture, "allow remove 192.0.2.0/24", "not-listed", "192.0.2.0/24 is not among");
	expect(fixture, "allow remove 203.0.113.0/24", "removed", "203.0.113.0/24");
	expect(fixture, "allow list", "total", "1");

	/* an address is that address, and its whole source is spared */
	expect(fixture, "ban 2001:db8:1:2::25", "ban.source", "2001:db8:1:2::/64");
	expect(fixture, "allow add 2001:db8:1:2::25 for=1h", "allow.prefix", "2001:db8:1:2::25");
	expect(fixture, "bans", "total", "0");
	expect(fixture, "allow add 2001:db8:1:2::25 for=forever", "allow.expires", "null");
	refuse(fixture, "allow add 2001:db8:1::/48 for=1h", "overlaps",
	       "lift that one first (allow remove 2001:db8:1:2::25)");
	expect(fixture, "status", "bans.allowed_by_operator", "1");
}

static void flushing(void **state)
{
	struct fixture *fixture = *state;
	json_t *answer;

	expect(fixture, "ban 203.0.113.9", "ok", "true");
	expect(fixture, "ban 198.18.0.0/15", "ok", "true");
	expect(fixture, "flush", "lifted", "2");
	expect(fixture, "flush", "table_removed", "(none)");
	assert_int_equal(fixture->removals, 0);
	expect(fixture, "status", "bans.trusted", "0");

	fixture->result = -EPERM;
	refuse(fixture, "flush all=1", "failed",
	       "0 bans, blocks and refusals are lifted, but table inet smtpguard was not removed");
	fixture->result = 0;
	answer = ask(fixture, "flush all=1");
	assert_int_equal(fixture->removals, 2);
	assert_true(json_is_true(json_object_get(answer, "table_removed")));
	assert_string_equal(text_of(answer, "unenforceable"), "removed by flush");
	json_decref(answer);
	expect(fixture, "status", "unenforceable", "removed by flush");
}

static void be_refused(struct fixture *fixture, const char *client)
{
	const struct gate_packet packet = { .id = 1, .client = addr(client), .local_port = 25 };
	const struct name_answer answer = { .address = packet.client,
					    .result = NAME_ANSWER_NONE,
					    .ttl = HOURS(1) };

	fixture->settings.services[0].reverse_dns = REVERSE_DNS_REQUIRE;
	guard_gate_packet(fixture->guard, &packet, clock_now());
	guard_name_answer(fixture->guard, &answer, clock_now());
}

static void refusals_are_lifted(void **state)
{
	struct fixture *fixture = *state;

	be_refused(fixture, "203.0.113.9");
	be_refused(fixture, "203.0.113.10");
	be_refused(fixture, "203.0.113.11");
	expect(fixture, "status", "gate.sources.refused", "3");
	expect(fixture, "explain 203.0.113.9", "gate.outcome", "refused");
	expect(fixture, "unban 203.0.113.9", "unbanned", "1");
	expect(fixture, "explain 203.0.113.9", "gate", "null");
	/* trusted: it is not asked about again */
	be_refused(fixture, "203.0.113.9");
	expect(fixture, "explain 203.0.113.9", "gate", "null");
	expect(fixture, "allow add 203.0.113.10", "lifted", "1");
	be_refused(fixture, "203.0.113.10");
	expect(fixture, "status", "gate.accepted_exempt", "2");
	expect(fixture, "flush", "lifted", "1");
	expect(fixture, "sources", "total", "0");
	/* flush trusts nobody */
	be_refused(fixture, "203.0.113.11");
	expect(fixture, "sources", "total", "1");
	expect(fixture, "unban all", "unbanned", "1");
}

static void reloading(void **state)
{
	struct fixture *fixture = *state;
	json_t *answer, *problems;

	expect(fixture, "reload", "ok", "true");
	assert_int_equal(fixture->reloads, 1);
	fixture->result = -EINVAL;
	refuse(fixture, "reload", "failed", "not reloaded: Invalid argument");
	fixture->problems = "x.conf:3: mode: 'on' is not allowed\n\nx.conf:9: ports: missing\n";
	refuse(fixture, "reload", "bad-configuration", "x.conf:3: mode: 'on' is not allowed");
	answer = ask(fixture, "reload");
	problems = json_object_get(answer, "problems");
	assert_int_equal(json_array_size(problems), 2);
	assert_string_equal(json_string_value(json_array_get(problems, 1)),
			    "x.conf:9: ports: missing");
	json_decref(answer);
}

static void the_mode(void **state)
{
	struct fixture *fixture = *state;

	expect(fixture, "mode", "mode", "enforce");
	expect(fixture, "mode", "ordered", "(none)");
	expect(fixture, "status", "mode_ordered", "(none)");
	expect(fixture, "mode observe", "mode", "observe");
	expect(fixture, "mode", "ordered", "true");
	expect(fixture, "status", "mode", "observe");
	expect(fixture, "status", "mode_ordered", "true");
	expect(fixture, "mode enforce", "mode", "enforce");
	fixture->result = -ENOMEM;
	refuse(fixture, "mode observe", "failed", "the mode was not changed: Cannot allocate");
	expect(fixture, "mode", "mode", "enforce");
	refuse(fixture, "mode off", "bad-command", "'off' is no mode; allowed: enforce, observe");
}

/* The socket's own memory, of sources as they were decided about. */
static void explain_has_a_timeline(void **state)
{
	struct fixture *fixture = *state;
	json_t *explain, *timeline, *first;

	expect(fixture, "ban 203.0.113.9 reason=\"by hand\"", "ok", "true");
	expect(fixture, "ban 198.51.100.0/24 reason=\"a network\"", "ok", "true");
	expect(fixture, "unban 203.0.113.9", "ok", "true");
	explain = ask(fixture, "explain 203.0.113.9");
	timeline = json_object_get(explain, "timeline");
	assert_int_equal(json_array_size(timeline), 2);
	first = json_array_get(timeline, 0);
	assert_string_equal(text_of(first, "event"), "ban");
	assert_string_equal(text_of(first, "comment"), "operator: by hand");
	assert_true(json_is_string(json_object_get(first, "time")));
	assert_true(json_is_null(json_object_get(first, "service")));
	assert_string_equal(text_of(json_array_get(timeline, 1), "event"), "unban");
	json_decref(explain);

	/* decided about the whole network */
	explain = ask(fixture, "explain 198.51.100.77");
	assert_int_equal(json_array_size(json_object_get(explain, "timeline")), 1);
	json_decref(explain);
	explain = ask(fixture, "explain 198.51.101.77");
	assert_int_equal(json_array_size(json_object_get(explain, "timeline")), 0);
	json_decref(explain);
}

static void metrics_are_one_text(void **state)
{
	struct fixture *fixture = *state;
	json_t *answer = ask(fixture, "metrics");
	const char *text = text_of(answer, "text");

	assert_true(json_is_true(json_object_get(answer, "ok")));
	assert_non_null(strstr(text, "\nsmtpguard_healthy 0\n"));
	assert_string_equal(text + strlen(text) - 7, "\n# EOF\n");
	json_decref(answer);
}

static void without_a_ledger_it_says_so(void **state)
{
	struct fixture *fixture = *state;

	refuse(fixture, "history", "ledger-unavailable", "there is no ledger");
	refuse(fixture, "peaks since=7d", "ledger-unavailable", "there is no ledger");
}

static void observing_bans_nobody(void **state)
{
	struct fixture *fixture = *state;

	fixture->settings.observe = true;
	refuse(fixture, "ban 203.0.113.9", "observing", "mode is observe");
	refuse(fixture, "ban 198.18.0.0/15", "observing", "mode is observe");
	expect(fixture, "allow add 198.18.0.0/15", "ok", "true");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sources_are_banned_prefixes_blocked, setup, teardown),
		cmocka_unit_test_setup_teardown(unban_of_sources_prefixes_and_all, setup, teardown),
		cmocka_unit_test_setup_teardown(allowing, setup, teardown),
		cmocka_unit_test_setup_teardown(flushing, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals_are_lifted, setup, teardown),
		cmocka_unit_test_setup_teardown(reloading, setup, teardown),
		cmocka_unit_test_setup_teardown(the_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(explain_has_a_timeline, setup, teardown),
		cmocka_unit_test_setup_teardown(metrics_are_one_text, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_ledger_it_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(observing_bans_nobody, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
