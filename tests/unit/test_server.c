// SPDX-License-Identifier: GPL-2.0-or-later
/* The commands that change something, over a real socket: what they answer and what they set off. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "smtpguard/control/server.h"

struct fixture {
	struct guard_settings settings;
	struct guard *guard;
	struct kernel_facts kernel;
	struct gate_facts gate;
	struct report_inputs inputs;
	struct control_settings control;
	struct control_server *server;
	sd_event *event;
	char directory[32], path[64];
	/* what the actions do, and how often they were called */
	const char *problems;
	int result;
	unsigned reloads, removals;
};

static void sink(void *userdata UNUSED, const struct guard_op *op UNUSED)
{
}

static int reload(void *userdata, char **ret_problems)
{
	struct fixture *fixture = userdata;

	fixture->reloads++;
	if (fixture->problems)
		*ret_problems = strdup(fixture->problems);
	return fixture->result;
}

static int remove_table(void *userdata)
{
	struct fixture *fixture = userdata;

	fixture->removals++;
	if (fixture->result == 0)
		guard_set_unenforceable(fixture->guard, "removed by flush");
	return fixture->result;
}

static int setup(void **state)
{
	static struct fixture fixture;
	struct prefix allowed;
	int fd;

	memset(&fixture, 0, sizeof(fixture));
	settings_defaults(&fixture.settings);
	fixture.settings.max_sources = 1024;
	fixture.settings.max_flows = 1024;
	fixture.settings.bans.max_bans = 256;
	assert_int_equal(prefix_set_new(&fixture.settings.allowed), 0);
	assert_int_equal(prefix_parse("192.0.2.0/24", &allowed), 0);
	assert_int_equal(prefix_set_add(fixture.settings.allowed, &allowed), 0);
	assert_int_equal(guard_new(&fixture.guard, &fixture.settings, &test_key, sink, NULL), 0);
	fixture.kernel = (struct kernel_facts){ .release = "6.1.0" };
	fixture.inputs = (struct report_inputs){ .version = "1",
						 .guard = fixture.guard,
						 .gate = &fixture.gate,
						 .kernel = &fixture.kernel };

	snprintf(fixture.directory, sizeof(fixture.directory), "/tmp/test_server.XXXXXX");
	assert_non_null(mkdtemp(fixture.directory));
	snprintf(fixture.path, sizeof(fixture.path), "%s/sock", fixture.directory);
	fixture.control = (struct control_settings){ .path = fixture.path,
						     .group = getgid(),
						     .max_clients = 4,
						     .actions = { reload, remove_table, &fixture } };
	assert_true(sd_event_new(&fixture.event) >= 0);
	assert_int_equal(control_socket_open(&fixture.control, &fd), 0);
	assert_int_equal(control_server_new(&fixture.server, fixture.event, fd, &fixture.control,
					    &fixture.inputs), 0);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	control_server_free(fixture->server);
	sd_event_unref(fixture->event);
	guard_free(fixture->guard);
	prefix_set_free(fixture->settings.allowed);
	assert_int_equal(access(fixture->path, F_OK), -1);
	assert_int_equal(rmdir(fixture->directory), 0);
	return 0;
}

/* Sends one line and turns the loop until its answer is there. */
static json_t *ask(struct fixture *fixture, const char *line)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	static char answer[65536];
	size_t used = 0;
	json_t *document;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(send(fd, line, strlen(line), 0), strlen(line));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	for (unsigned turns = 0; turns < 1000; turns++) {
		ssize_t n = recv(fd, answer + used, sizeof(answer) - used, 0);

		if (n == 0)
			break;
		if (n > 0)
			used += (size_t)n;
		else
			assert_true(sd_event_run(fixture->event, 1000) >= 0);
	}
	close(fd);
	document = json_loadb(answer, used, JSON_DISABLE_EOF_CHECK, NULL);
	if (!json_is_object(document))
		fail_msg("'%s': no answer", line);
	return document;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "(none)";
}

/* The answer's member, as text: a number, a text, or the same in the object it is in ("ban.source"). */
static void expect(struct fixture *fixture, const char *line, const char *path, const char *expected)
{
	json_t *answer = ask(fixture, line);
	const json_t *value = answer;
	char key[64], found[512];

	for (const char *p = path; *p && value;) {
		size_t length = strcspn(p, ".");

		snprintf(key, sizeof(key), "%.*s", (int)length, p);
		value = json_object_get(value, key);
		p += length + (p[length] == '.');
	}
	if (json_is_integer(value))
		snprintf(found, sizeof(found), "%lld", (long long)json_integer_value(value));
	else if (json_is_string(value))
		snprintf(found, sizeof(found), "%s", json_string_value(value));
	else
		snprintf(found, sizeof(found), "%s",
			 json_is_true(value) ? "true" : json_is_null(value) ? "null" : "(none)");
	if (strcmp(found, expected))
		fail_msg("'%s': %s is '%s', not '%s'; message '%s'", line, path, found, expected,
			 text_of(answer, "message"));
	json_decref(answer);
}

static void refuse(struct fixture *fixture, const char *line, const char *code, const char *part)
{
	json_t *answer = ask(fixture, line);

	assert_true(json_is_false(json_object_get(answer, "ok")));
	if (strcmp(text_of(answer, "code"), code) || !strstr(text_of(answer, "message"), part))
		fail_msg("'%s': %s: %s", line, text_of(answer, "code"), text_of(answer, "message"));
	json_decref(answer);
}

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
		cmocka_unit_test_setup_teardown(observing_bans_nobody, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
