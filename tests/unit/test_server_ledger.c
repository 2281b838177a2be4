// SPDX-License-Identifier: GPL-2.0-or-later
/* The commands that the ledger answers: whoever asks waits, nobody else does. */
#include "server_world.h"

#include <fcntl.h>
#include <poll.h>
#include <time.h>

#include "bad_disk.h"

#define PATIENCE (5 * USEC_PER_SEC)

static void begin(struct ledger *ledger, const char *source, const char *name)
{
	struct ledger_entry entry = { .kind = LEDGER_BAN,
				      .source = pfx(source),
				      .since = clock_to_wall(clock_now()) };

	entry.until = entry.since + HOURS(1);
	entry.reason.limit = LIMIT_CONCURRENT;
	snprintf(entry.reason.service, sizeof(entry.reason.service), "smtp");
	snprintf(entry.reason.name, sizeof(entry.reason.name), "%s", name);
	ledger_begin(ledger, &entry);
}

static void nothing(void *userdata UNUSED)
{
}

static void no_entry(void *userdata UNUSED, const struct ledger_entry *entry UNUSED)
{
}

static void no_source(void *userdata UNUSED, const struct prefix *source UNUSED)
{
}

static void no_past(void *userdata UNUSED, const struct ledger_past *past UNUSED)
{
}

static void snapshot(void *userdata)
{
	struct fixture *fixture = userdata;

	ledger_snapshot_begin(fixture->inputs.ledger);
	ledger_snapshot_end(fixture->inputs.ledger);
}

static void turn(struct fixture *fixture, usec_t time)
{
	for (usec_t end = clock_now() + time; clock_now() < end;)
		assert_true(sd_event_run(fixture->event, 10 * USEC_PER_MSEC) >= 0);
}

static void wait_written(struct fixture *fixture, uint64_t n)
{
	const usec_t end = clock_now() + PATIENCE;
	struct ledger_stats stats;

	do {
		turn(fixture, 10 * USEC_PER_MSEC);
		ledger_stats(fixture->inputs.ledger, &stats);
	} while (stats.written < n && clock_now() < end);
	assert_true(stats.written >= n);
}

static char ledger_path[160];

static int setup_ledger(void **state)
{
	struct ledger_settings settings = { .path = ledger_path,
					    .keep = HOURS(24),
					    .forget_after = HOURS(24) };
	struct ledger_handlers handlers = { .entry = no_entry,
					    .ended = no_source,
					    .past = no_past,
					    .loaded = nothing,
					    .snapshot_wanted = snapshot,
					    .state_changed = nothing };
	struct fixture *fixture;

	disk_heal();
	setup(state);
	fixture = *state;
	handlers.userdata = fixture;
	snprintf(ledger_path, sizeof(ledger_path), "%s/ledger.db", fixture->directory);
	assert_int_equal(ledger_open(&fixture->inputs.ledger, fixture->event, &settings, &handlers),
			 0);
	assert_true(ledger_wait_loaded(fixture->inputs.ledger, PATIENCE));
	turn(fixture, 100 * USEC_PER_MSEC);
	return 0;
}

static int teardown_ledger(void **state)
{
	static const char *const tails[] = { "", "-wal", "-shm" };
	struct fixture *fixture = *state;
	char path[192];

	disk_heal();
	/* as the engine does it: questions go with the clients */
	fixture->server = control_server_free(fixture->server);
	ledger_close(fixture->inputs.ledger, PATIENCE);
	for (unsigned i = 0; i < ARRAY_SIZE(tails); i++) {
		snprintf(path, sizeof(path), "%s%s", ledger_path, tails[i]);
		(void)unlink(path);
	}
	return teardown(state);
}

/* What has come on a connection, without turning the loop. */
static bool has_answer(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	return poll(&poller, 1, 0) > 0;
}

static void wait_answer(struct fixture *fixture, int fd)
{
	const usec_t end = clock_now() + PATIENCE;

	while (!has_answer(fd) && clock_now() < end)
		turn(fixture, 5 * USEC_PER_MSEC);
	assert_true(has_answer(fd));
}

/* The disk is busy with an entry for a while: the next question waits. */
static void occupy(struct fixture *fixture, int delay_ms)
{
	atomic_store(&disk_delay_ms, delay_ms);
	begin(fixture->inputs.ledger, "198.51.100.99", "");
	usleep(50000);
}

static void rows_come_from_the_ledger(void **state)
{
	struct fixture *fixture = *state;
	struct ledger_peak peak = { .source = pfx("203.0.113.9"),
				    .service = "smtp",
				    .day = clock_to_wall(clock_now()),
				    .concurrent = 12,
				    .fresh = 40 };
	json_t *answer, *row;

	expect(fixture, "history", "total", "0");
	expect(fixture, "peaks", "total", "0");
	begin(fixture->inputs.ledger, "203.0.113.9", "mail.example");
	begin(fixture->inputs.ledger, "203.0.113.10", "");
	ledger_note_peak(fixture->inputs.ledger, &peak);
	wait_written(fixture, 3);
	expect(fixture, "history since=1h", "total", "2");
	expect(fixture, "history limit=1", "total", "2");
	expect(fixture, "history source=203.0.113.0/24", "total", "2");
	answer = ask(fixture, "history source=203.0.113.9");
	assert_true(json_is_true(json_object_get(answer, "ok")));
	row = json_array_get(json_object_get(answer, "history"), 0);
	assert_string_equal(text_of(row, "source"), "203.0.113.9");
	assert_string_equal(text_of(row, "end"), "active");
	assert_int_equal(json_array_size(json_object_get(row, "names")), 1);
	json_decref(answer);

	expect(fixture, "peaks service=submission", "total", "0");
	answer = ask(fixture, "peaks service=smtp since=7d");
	row = json_array_get(json_object_get(answer, "peaks"), 0);
	assert_string_equal(text_of(row, "source"), "203.0.113.9");
	assert_int_equal(json_integer_value(json_object_get(row, "concurrent")), 12);
	assert_int_equal(json_integer_value(json_object_get(row, "days")), 1);
	json_decref(answer);
}

/* Of today: "2026-11-22". */
static const char *today(usec_t wall, uint32_t *ret_number)
{
	static char text[TIMESTAMP_TEXT_MAX];
	unsigned year, month, day;

	clock_format_wall(wall, text);
	text[10] = '\0';
	assert_int_equal(sscanf(text, "%u-%u-%u", &year, &month, &day), 3);
	*ret_number = year * 10000 + month * 100 + day;
	return text;
}

static struct ledger_fact fact_of(enum mail_fact_kind kind, const char *source, uint32_t count)
{
	struct ledger_fact fact = { .kind = kind,
				    .protocol = MAIL_PROTOCOL_SMTP,
				    .has_address = true,
				    .address = pfx(source).address,
				    .account = "user@example.com",
				    .count = count,
				    .last = clock_to_wall(clock_now()) };

	fact.first = fact.last;
	today(fact.last, &fact.day);
	return fact;
}

static void wait_total(struct fixture *fixture, const char *line, const char *total)
{
	const usec_t end = clock_now() + PATIENCE;
	bool found = false;

	while (!found && clock_now() < end) {
		json_t *answer = ask(fixture, line);

		found = json_integer_value(json_object_get(answer, "total")) == atoll(total);
		json_decref(answer);
		turn(fixture, 5 * USEC_PER_MSEC);
	}
	expect(fixture, line, "total", total);
}

static json_t *first_of(struct fixture *fixture, const char *line, const char *key)
{
	json_t *answer = ask(fixture, line);
	json_t *row = json_array_get(json_object_get(answer, key), 0);

	if (!json_is_object(row))
		fail_msg("'%s': no row; message '%s'", line, text_of(answer, "message"));
	json_incref(row);
	json_decref(answer);
	return row;
}

static void sums_come_from_the_ledger(void **state)
{
	struct fixture *fixture = *state;
	const struct log_places places = { .log = MAIL_LOG_EXIM, .n = 1 };
	const struct ledger_fact facts[] = {
		fact_of(MAIL_FACT_AUTH_FAILURE, "203.0.113.9", 7),
		fact_of(MAIL_FACT_AUTH_FAILURE, "2001:db8:1:2::1", 2),
		fact_of(MAIL_FACT_AUTH_SUCCESS, "198.51.100.1", 3),
		fact_of(MAIL_FACT_AUTH_SUCCESS, "2001:db8:1:2::2", 1),
	};
	const char *day;
	uint32_t number;
	json_t *row;

	expect(fixture, "auth-failures", "total", "0");
	expect(fixture, "accounts", "total", "0");
	assert_true(ledger_note_facts(fixture->inputs.ledger, facts, ARRAY_SIZE(facts), &places));
	wait_total(fixture, "auth-failures by=source", "2");
	row = first_of(fixture, "auth-failures", "auth_failures");
	assert_string_equal(text_of(row, "account"), "user@example.com");
	assert_int_equal(json_integer_value(json_object_get(row, "failures")), 9);
	json_decref(row);
	row = first_of(fixture, "auth-failures by=day,source source=203.0.113.9 since=1d",
		       "auth_failures");
	day = today(facts[0].last, &number);
	assert_string_equal(text_of(row, "source"), "203.0.113.9");
	assert_string_equal(text_of(row, "day"), day);
	json_decref(row);
	expect(fixture, "auth-failures account=nobody", "total", "0");

	row = first_of(fixture, "accounts", "accounts");
	assert_int_equal(json_integer_value(json_object_get(row, "networks")), 2);
	assert_int_equal(json_array_size(json_object_get(row, "used_from")), 2);
	json_decref(row);
	expect(fixture, "accounts min_networks=3", "total", "0");
	/* an address stands for its source: the whole /64 */
	row = first_of(fixture, "accounts source=2001:db8:1:2::77", "accounts");
	assert_int_equal(json_integer_value(json_object_get(row, "failures")), 2);
	assert_int_equal(json_integer_value(json_object_get(row, "messages")), 1);
	json_decref(row);
	expect(fixture, "accounts source=2001:db8:1:3::77", "total", "0");
	refuse(fixture, "accounts source=203.0.113.9 min_networks=2", "bad-command",
	       "min_networks: not together with source");
}

static void others_go_on(void **state)
{
	struct fixture *fixture = *state;
	char text[65536];
	ssize_t n;
	int fd;

	occupy(fixture, 150);
	fd = client_send(fixture, "history\nmode\n");
	turn(fixture, 20 * USEC_PER_MSEC);
	assert_false(has_answer(fd));
	expect(fixture, "status", "control.clients", "2");
	expect(fixture, "explain 203.0.113.9", "ok", "true");
	assert_false(has_answer(fd));

	/* what was sent ahead waits its turn, and comes behind */
	wait_answer(fixture, fd);
	turn(fixture, 50 * USEC_PER_MSEC);
	n = recv(fd, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	assert_int_equal(strncmp(text, "{\"ok\":true,\"history\":[", 22), 0);
	assert_non_null(strstr(text, "\n{\"ok\":true,\"mode\":\"enforce\""));
	close(fd);
}

static void closing_forgets_the_question(void **state)
{
	struct fixture *fixture = *state;
	int fd;

	occupy(fixture, 150);
	fd = client_send(fixture, "history\nban 203.0.113.9\nhistory\n");
	turn(fixture, 20 * USEC_PER_MSEC);
	expect(fixture, "status", "control.clients", "2");
	close(fd);
	turn(fixture, 20 * USEC_PER_MSEC);
	expect(fixture, "status", "control.clients", "1");
	/* only answers are lost */
	expect(fixture, "bans", "total", "1");
	disk_heal();
	wait_written(fixture, 1);
	expect(fixture, "history", "total", "1");
}

static void the_last_line_is_answered_before_the_end(void **state)
{
	struct fixture *fixture = *state;

	/* the sending side is closed at once: that is not the end */
	occupy(fixture, 50);
	expect(fixture, "history", "total", "1");
}

static void too_many_readers_are_told(void **state)
{
	struct fixture *fixture = *state;
	int fds[8];

	fixture->server = control_server_free(fixture->server);
	fixture->control.max_clients = 16;
	assert_int_equal(control_socket_open(&fixture->control, &fds[0]), 0);
	assert_int_equal(control_server_new(&fixture->server, fixture->event, fds[0],
					    &fixture->control, &fixture->inputs), 0);
	occupy(fixture, 150);
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = client_send(fixture, "peaks\n");
	turn(fixture, 30 * USEC_PER_MSEC);
	refuse(fixture, "history", "busy", "too many questions to the ledger wait; try again");
	disk_heal();
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++) {
		wait_answer(fixture, fds[i]);
		close(fds[i]);
	}
	turn(fixture, 20 * USEC_PER_MSEC);
	expect(fixture, "history", "total", "1");
}

static void a_failing_ledger_is_told(void **state)
{
	struct fixture *fixture = *state;
	const usec_t end = clock_now() + PATIENCE;
	struct ledger_stats stats;

	atomic_store(&disk_write_error, SQLITE_FULL);
	begin(fixture->inputs.ledger, "203.0.113.9", "");
	do {
		turn(fixture, 10 * USEC_PER_MSEC);
		ledger_stats(fixture->inputs.ledger, &stats);
	} while (stats.state == LEDGER_HEALTHY && clock_now() < end);
	refuse(fixture, "history", "ledger-unavailable",
	       "the ledger cannot be read now, it is failing: ");
	refuse(fixture, "peaks", "ledger-unavailable", "full");
	refuse(fixture, "auth-failures", "ledger-unavailable", "full");
	refuse(fixture, "accounts", "ledger-unavailable", "full");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_come_from_the_ledger, setup_ledger,
						teardown_ledger),
		cmocka_unit_test_setup_teardown(sums_come_from_the_ledger, setup_ledger,
						teardown_ledger),
		cmocka_unit_test_setup_teardown(others_go_on, setup_ledger, teardown_ledger),
		cmocka_unit_test_setup_teardown(closing_forgets_the_question, setup_ledger,
						teardown_ledger),
		cmocka_unit_test_setup_teardown(the_last_line_is_answered_before_the_end,
						setup_ledger, teardown_ledger),
		cmocka_unit_test_setup_teardown(too_many_readers_are_told, setup_ledger,
						teardown_ledger),
		cmocka_unit_test_setup_teardown(a_failing_ledger_is_told, setup_ledger,
						teardown_ledger),
	};

	disk_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
