/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A control server on a real socket, with a guard behind it and no kernel: what tests of its answers
 * share.
 */
#pragma once

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
	bool mode_ordered;
};

static inline void sink(void *userdata, const struct guard_op *op)
{
	struct fixture *fixture = userdata;

	if (op->type == GUARD_OP_DECISION)
		control_server_publish(fixture->server, op);
}

static inline int reload(void *userdata, char **ret_problems)
{
	struct fixture *fixture = userdata;

	fixture->reloads++;
	if (fixture->problems)
		*ret_problems = strdup(fixture->problems);
	return fixture->result;
}

static inline int remove_table(void *userdata)
{
	struct fixture *fixture = userdata;

	fixture->removals++;
	if (fixture->result == 0)
		guard_set_unenforceable(fixture->guard, "removed by flush");
	return fixture->result;
}

static inline int set_mode(void *userdata, bool observe)
{
	struct fixture *fixture = userdata;

	if (fixture->result == 0) {
		fixture->settings.observe = observe;
		fixture->mode_ordered = true;
	}
	return fixture->result;
}

static inline int setup(void **state)
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
	assert_int_equal(guard_new(&fixture.guard, &fixture.settings, &test_key, sink,
				   &fixture), 0);
	fixture.kernel = (struct kernel_facts){ .release = "6.1.0" };
	fixture.inputs = (struct report_inputs){ .version = "1",
						 .mode_ordered = &fixture.mode_ordered,
						 .guard = fixture.guard,
						 .gate = &fixture.gate,
						 .kernel = &fixture.kernel };

	snprintf(fixture.directory, sizeof(fixture.directory), "/tmp/test_server.XXXXXX");
	assert_non_null(mkdtemp(fixture.directory));
	snprintf(fixture.path, sizeof(fixture.path), "%s/sock", fixture.directory);
	fixture.control = (struct control_settings){ .path = fixture.path,
						     .group = getgid(),
						     .max_clients = 4,
						     .actions = { reload, remove_table, set_mode,
								  &fixture } };
	assert_true(sd_event_new(&fixture.event) >= 0);
	assert_int_equal(control_socket_open(&fixture.control, &fd), 0);
	assert_int_equal(control_server_new(&fixture.server, fixture.event, fd, &fixture.control,
					    &fixture.inputs), 0);
	*state = &fixture;
	return 0;
}

static inline int teardown(void **state)
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

/* A connection on which something was sent. */
static inline int client_send(struct fixture *fixture, const char *lines)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(send(fd, lines, strlen(lines), 0), strlen(lines));
	return fd;
}

/* Sends one line and turns the loop until its answer is there. */
static inline json_t *ask(struct fixture *fixture, const char *line)
{
	static char answer[65536];
	size_t used = 0;
	json_t *document;
	int fd = client_send(fixture, line);

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

static inline const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "(none)";
}

/* The answer's member, as text: a number, a text, or the same in the object it is in ("ban.source"). */
static inline void expect(struct fixture *fixture, const char *line, const char *path, const char *expected)
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

static inline void refuse(struct fixture *fixture, const char *line, const char *code, const char *part)
{
	json_t *answer = ask(fixture, line);

	assert_true(json_is_false(json_object_get(answer, "ok")));
	if (strcmp(text_of(answer, "code"), code) || !strstr(text_of(answer, "message"), part))
		fail_msg("'%s': %s: %s", line, text_of(answer, "code"), text_of(answer, "message"));
	json_decref(answer);
}
