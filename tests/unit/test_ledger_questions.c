// SPDX-License-Identifier: GPL-2.0-or-later
/* Questions and peaks through the ledger's thread. */
#include "support.h"

#include "ledger_run.h"

#define MANY 6000 /* entries with long names: more than SQLite keeps in memory */

/* What one question heard. */
struct asked {
	struct ledger_question *question; /* NULL: it was told, or forgotten */
	struct ledger_question *forget;	  /* to be forgotten when it is told */
	unsigned replies;
	bool again; /* asks the same once more when it is told */
	int error;
	uint32_t n;
	uint64_t total;
	struct ledger_record newest;
	struct ledger_peak highest;
};

static const struct ledger_query ten = { .limit = 10 };
static const struct ledger_query everything = { .limit = LEDGER_ROWS_MAX };
static struct asked asked[LEDGER_QUESTIONS_MAX + 1];

static void on_reply(void *userdata, const struct ledger_answer *answer)
{
	struct asked *a = userdata;

	a->question = NULL;
	a->replies++;
	a->error = answer->error;
	a->n = answer->n;
	a->total = answer->total;
	if (answer->records && answer->n)
		a->newest = answer->records[0];
	if (answer->peaks && answer->n)
		a->highest = answer->peaks[0];
	ledger_question_forget(a->forget);
	a->forget = NULL;
	if (a->again)
		a->again = ledger_ask(ledger, &ten, on_reply, a, &a->question) == 0;
}

static int ask(struct asked *a, const struct ledger_query *query)
{
	*a = (struct asked){ 0 };
	return ledger_ask(ledger, query, on_reply, a, &a->question);
}

/* A slow disk of whoever runs this is not what is tested. */
static void ask_well(struct asked *a, const struct ledger_query *query)
{
	EVENTUALLY(stats().state == LEDGER_HEALTHY);
	assert_int_equal(ask(a, query), 0);
}

/* n questions, and all of them go into the queue. */
static void ask_all(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		ask_well(&asked[i], &ten);
}

/* With the first snapshot behind it, if the file is new, and all that a start begins with. */
static void open_settled(void)
{
	bool new = access(path, F_OK) < 0;

	open_loaded();
	EVENTUALLY(stats().state == LEDGER_HEALTHY && stats().snapshots == new);
	ask_well(&asked[0], &ten);
	EVENTUALLY(asked[0].replies == 1);
}

static void begin_many(void)
{
	for (uint32_t i = 0; i < MANY; i++) {
		struct ledger_entry entry = ban_n(i);

		memset(entry.reason.name, 'x', sizeof(entry.reason.name) - 1);
		memset(entry.reason.text, 'x', sizeof(entry.reason.text) - 1);
		ledger_begin(ledger, &entry);
	}
	EVENTUALLY(stats().queued == 0);
}

/* A file that is not in SQLite's memory: a question has to read from the disk. */
static void open_cold(void)
{
	open_settled();
	begin_many();
	close_ledger();
	open_settled();
}

static void note_peak(const char *source, uint32_t concurrent)
{
	struct ledger_peak peak = { .source = pfx(source),
				    .service = "smtp",
				    .day = wall(),
				    .concurrent = concurrent,
				    .fresh = 1 };

	ledger_note_peak(ledger, &peak);
}

static void test_history(void **state UNUSED)
{
	struct ledger_query query = { .limit = 2, .has_source = true, .source = pfx("10.0.0.0/24") };
	struct prefix lifted = pfx("10.0.0.1");

	open_settled();
	for (uint32_t n = 0; n < 300; n++) {
		struct ledger_entry entry = ban_n(n);

		entry.since += n * USEC_PER_MSEC;
		ledger_begin(ledger, &entry);
	}
	ledger_end(ledger, LEDGER_BAN, &lifted, LEDGER_LIFTED, wall());
	EVENTUALLY(stats().queued == 0);
	ask_well(&asked[0], &query);
	/* never from within the question */
	assert_int_equal(asked[0].replies, 0);
	EVENTUALLY(asked[0].replies == 1);
	assert_int_equal(asked[0].error, 0);
	assert_int_equal(asked[0].n, 2);
	assert_int_equal(asked[0].total, 256);
	assert_int_equal(asked[0].newest.entry.source.address.bytes[15], 255);
	assert_int_equal(asked[0].newest.end, LEDGER_NOT_ENDED);
	query.source = lifted;
	ask_well(&asked[0], &query);
	EVENTUALLY(asked[0].replies == 1);
	assert_int_equal(asked[0].n, 1);
	assert_int_equal(asked[0].newest.end, LEDGER_LIFTED);
	close_ledger();
}

static void test_peaks(void **state UNUSED)
{
	const struct ledger_query query = { .subject = LEDGER_PEAKS, .limit = 2 };

	open_settled();
	note_peak("192.0.2.1", 3);
	note_peak("192.0.2.2", 8);
	note_peak("192.0.2.1", 2);
	note_peak("192.0.2.3", 1);
	EVENTUALLY(stats().written == 4);
	ask_well(&asked[0], &query);
	EVENTUALLY(asked[0].replies == 1);
	assert_int_equal(asked[0].n, 2);
	assert_int_equal(asked[0].total, 3);
	assert_int_equal(asked[0].highest.concurrent, 8);
	assert_int_equal(asked[0].highest.days, 1);
	assert_int_equal(asked[0].highest.day % HOURS(24), 0);
	close_ledger();
}

static void test_peaks_are_bounded(void **state UNUSED)
{
	const struct ledger_query query = { .subject = LEDGER_PEAKS, .limit = LEDGER_ROWS_MAX };
	struct ledger_peak peak = { .service = "smtp", .day = wall(), .concurrent = 1 };

	open_settled();
	for (uint32_t i = 0; i < 2 * LEDGER_PEAKS_PER_DAY; i++) {
		struct address address = addr_n(i);

		peak.source = prefix_host(&address);
		ledger_note_peak(ledger, &peak);
	}
	EVENTUALLY(stats().queued == 0);
	ask_well(&asked[0], &query);
	EVENTUALLY(asked[0].replies == 1);
	assert_int_equal(asked[0].total, LEDGER_PEAKS_PER_DAY);
	/* older than `keep`: gone with the next cleaning, which every start begins with */
	peak.day = wall() - HOURS(24 * 91);
	for (uint32_t i = 0; i < 1000; i++) {
		struct address address = addr_n(i);

		peak.source = prefix_host(&address);
		ledger_note_peak(ledger, &peak);
	}
	close_ledger();
	open_settled();
	do {
		run_for(SECONDS(0.1));
		ask_well(&asked[0], &query);
		EVENTUALLY(asked[0].replies == 1);
		assert_int_equal(asked[0].error, 0);
	} while (asked[0].highest.days > 1 || asked[0].total > LEDGER_PEAKS_PER_DAY);
	close_ledger();
}

/* However many there are: the other half of the queue is for entries. */
static void test_peaks_leave_room(void **state UNUSED)
{
	open_settled();
	atomic_store(&disk_write_error, SQLITE_FULL);
	begin_n(0);
	EVENTUALLY(stats().state == LEDGER_FAILING);
	for (uint32_t i = 0; i < LEDGER_QUEUE_MAX; i++)
		note_peak("192.0.2.1", i);
	assert_int_equal(stats().queued, LEDGER_QUEUE_MAX / 2);
	assert_int_equal(stats().dropped, LEDGER_QUEUE_MAX / 2 + 1);
	begin_n(1);
	assert_int_equal(stats().queued, LEDGER_QUEUE_MAX / 2 + 1);
	disk_heal();
	EVENTUALLY(stats().state == LEDGER_HEALTHY && stats().queued == 0);
	/* no entry was lost */
	assert_int_equal(heard.snapshots, 1);
	close_ledger();
}

static void test_who_is_not_answered(void **state UNUSED)
{
	struct ledger_query query = { .limit = 0 };

	atomic_store(&disk_delay_ms, 300);
	open_ledger();
	assert_int_equal(ask(&asked[0], &ten), -EAGAIN);
	assert_int_equal(stats().state, LEDGER_LOADING);
	disk_heal();
	EVENTUALLY(stats().state == LEDGER_HEALTHY && stats().queued == 0);
	assert_int_equal(ask(&asked[0], &query), -EINVAL);
	query.limit = LEDGER_ROWS_MAX + 1;
	assert_int_equal(ask(&asked[0], &query), -EINVAL);
	ask_all(LEDGER_QUESTIONS_MAX);
	assert_int_equal(ask(&asked[LEDGER_QUESTIONS_MAX], &ten), -EBUSY);
	for (unsigned i = 0; i < LEDGER_QUESTIONS_MAX; i++)
		EVENTUALLY(asked[i].replies == 1);
	ask_well(&asked[0], &ten);
	EVENTUALLY(asked[0].replies == 1);
	atomic_store(&disk_write_error, SQLITE_FULL);
	begin_n(1);
	EVENTUALLY(stats().state == LEDGER_FAILING);
	assert_int_equal(ask(&asked[0], &ten), -EAGAIN);
	disk_heal();
	EVENTUALLY(stats().state == LEDGER_HEALTHY);
	atomic_store(&disk_delay_ms, 1500);
	begin_n(2);
	EVENTUALLY(stats().state == LEDGER_STALLED);
	assert_int_equal(ask(&asked[0], &ten), -EAGAIN);
	disk_heal();
	close_ledger();
	assert_int_equal(asked[0].replies, 0);
}

static void test_forgotten(void **state UNUSED)
{
	open_cold();
	/* one that is read, two that wait */
	atomic_store(&disk_read_delay_ms, 20);
	ask_all(3);
	ask_well(&asked[3], &everything);
	usleep(100000);
	for (unsigned i = 0; i < 3; i++)
		ledger_question_forget(asked[i].question);
	disk_heal();
	EVENTUALLY(asked[3].replies == 1);
	assert_int_equal(asked[3].n, MANY);
	assert_int_equal(asked[3].total, MANY);
	/* one that has its answer already */
	ask_all(2);
	usleep(300000);
	ledger_question_forget(asked[0].question);
	EVENTUALLY(asked[1].replies == 1);
	/* one by another */
	ask_all(3);
	asked[0].forget = asked[1].question;
	EVENTUALLY(asked[2].replies == 1);
	assert_int_equal(asked[0].replies, 1);
	assert_int_equal(asked[1].replies, 0);
	ledger_question_forget(NULL);
	close_ledger();
	assert_int_equal(asked[2].replies, 1);
}

/* All sixteen places are free again, however they became so. */
static void all_places_are_free(void)
{
	ask_all(LEDGER_QUESTIONS_MAX);
	for (unsigned i = 0; i < LEDGER_QUESTIONS_MAX; i++) {
		EVENTUALLY(asked[i].replies == 1);
		assert_int_equal(asked[i].error, 0);
	}
}

/* Whoever keeps asking is answered, and nobody's entry waits for that. */
static void test_entries_do_not_wait(void **state UNUSED)
{
	usec_t begun;

	open_settled();
	begin_many();
	ask_all(LEDGER_QUESTIONS_MAX);
	for (unsigned i = 0; i < LEDGER_QUESTIONS_MAX; i++)
		asked[i].again = true;
	begun = clock_now();
	begin_many();
	assert_true(clock_now() - begun < SECONDS(10));
	for (unsigned i = 0; i < LEDGER_QUESTIONS_MAX; i++) {
		EVENTUALLY(asked[i].replies > 0);
		asked[i].again = false;
		EVENTUALLY(!asked[i].question);
		assert_int_equal(asked[i].error, 0);
	}
	all_places_are_free();
	close_ledger();
}

static void test_disk_fails_meanwhile(void **state UNUSED)
{
	open_settled();
	atomic_store(&disk_delay_ms, 500);
	atomic_store(&disk_write_error, SQLITE_FULL);
	begin_n(1);
	usleep(50000);
	/* nothing is known against the disk yet */
	ask_all(3);
	for (unsigned i = 0; i < 3; i++) {
		EVENTUALLY(asked[i].replies == 1);
		assert_int_equal(asked[i].error, -ENOSPC);
		assert_int_equal(asked[i].n, 0);
	}
	assert_int_equal(stats().state, LEDGER_FAILING);
	disk_heal();
	EVENTUALLY(stats().state == LEDGER_HEALTHY);
	all_places_are_free();
	close_ledger();
}

static void test_read_fails(void **state UNUSED)
{
	open_cold();
	atomic_store(&disk_read_error, SQLITE_IOERR_READ);
	ask_well(&asked[0], &everything);
	EVENTUALLY(asked[0].replies == 1);
	assert_int_equal(asked[0].error, -EIO);
	EVENTUALLY(stats().state == LEDGER_FAILING);
	EVENTUALLY(stats().state == LEDGER_HEALTHY);
	assert_int_equal(stats().failures, 1);
	all_places_are_free();
	/* the file is damaged: another is begun, and answers */
	close_ledger();
	open_settled();
	atomic_store(&disk_read_error, SQLITE_CORRUPT);
	ask_well(&asked[0], &everything);
	ask_well(&asked[1], &everything);
	EVENTUALLY(asked[0].replies == 1 && asked[1].replies == 1);
	assert_int_equal(asked[0].error, -EIO);
	assert_int_equal(asked[1].error, 0);
	assert_int_equal(asked[1].total, 0);
	assert_true(stats().moved_aside[0]);
	close_ledger();
}

/* The late answer is nobody's. */
static void test_disk_hangs(void **state UNUSED)
{
	usec_t begun = clock_now();

	open_cold();
	atomic_store(&disk_read_delay_ms, 6800);
	ask_well(&asked[0], &everything);
	begun = clock_now();
	usleep(100000);
	disk_heal();
	ask_well(&asked[1], &ten);
	EVENTUALLY(stats().state == LEDGER_STALLED);
	assert_int_equal(asked[0].replies, 0);
	EVENTUALLY(asked[0].replies == 1 && asked[1].replies == 1);
	assert_true(clock_now() - begun >= LEDGER_QUESTION_PATIENCE);
	assert_true(clock_now() - begun < LEDGER_QUESTION_PATIENCE + SECONDS(1.9));
	assert_int_equal(asked[0].error, -ETIMEDOUT);
	assert_int_equal(asked[1].error, -ETIMEDOUT);
	assert_int_equal(stats().state, LEDGER_STALLED);
	EVENTUALLY(stats().state == LEDGER_HEALTHY);
	all_places_are_free();
	close_ledger();
	assert_int_equal(asked[0].replies, 1);
}

/* A read that goes on is no stall, however long it takes; a forgotten one is given up. */
static void test_long_read(void **state UNUSED)
{
	unsigned changes;

	open_cold();
	changes = heard.changes;
	atomic_store(&disk_read_delay_ms, 10);
	ask_well(&asked[0], &everything);
	begin_n(MANY);
	run_for(SECONDS(1.5));
	assert_int_equal(asked[0].replies, 0);
	assert_int_equal(heard.changes, changes);
	ledger_question_forget(asked[0].question);
	EVENTUALLY(stats().queued == 0);
	assert_int_equal(asked[0].replies, 0);
	close_ledger();
}

static void test_closing(void **state UNUSED)
{
	open_cold();
	atomic_store(&disk_read_delay_ms, 1);
	ask_well(&asked[0], &everything);
	for (unsigned i = 1; i < 4; i++)
		ask_well(&asked[i], &ten);
	/* it does not get another chance */
	asked[2].again = true;
	usleep(20000);
	close_ledger();
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(asked[i].replies, 1);
		assert_int_equal(asked[i].error, -ECANCELED);
	}
	assert_false(asked[2].again);
	/* with an answer that nobody has seen */
	disk_heal();
	open_settled();
	ask_well(&asked[0], &everything);
	usleep(500000);
	close_ledger();
	assert_int_equal(asked[0].replies, 1);
	assert_int_equal(asked[0].error, -ECANCELED);
}

static void test_abandoned(void **state UNUSED)
{
	open_cold();
	atomic_store(&disk_read_delay_ms, 800);
	ask_well(&asked[0], &everything);
	ask_well(&asked[1], &ten);
	usleep(100000);
	assert_null(ledger_close(ledger, SECONDS(0.2)));
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(asked[i].replies, 1);
		assert_int_equal(asked[i].error, -ECANCELED);
	}
	disk_heal();
	usleep(1500000);
	open_settled();
	assert_int_equal(heard.entries, MANY);
	close_ledger();
}

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LEDGER_TEST(test_history),
		LEDGER_TEST(test_peaks),
		LEDGER_TEST(test_peaks_are_bounded),
		LEDGER_TEST(test_peaks_leave_room),
		LEDGER_TEST(test_who_is_not_answered),
		LEDGER_TEST(test_forgotten),
		LEDGER_TEST(test_entries_do_not_wait),
		LEDGER_TEST(test_disk_fails_meanwhile),
		LEDGER_TEST(test_read_fails),
		LEDGER_TEST(test_disk_hangs),
		LEDGER_TEST(test_long_read),
		LEDGER_TEST(test_closing),
		LEDGER_TEST(test_abandoned),
	};

	disk_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
