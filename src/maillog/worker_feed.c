// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"
#include "worker_priv.h"

/* The other logs wait no longer than for this. */
#define TURN_BYTES (4u << 20)
/* How much of a log is read again at most when a worker dies. */
#define GROUP_BYTES (64u << 20)
#define PLACES_INTERVAL (5 * USEC_PER_SEC)
#define REPORT_INTERVAL USEC_PER_SEC
#define SAMPLE_INTERVAL USEC_PER_SEC
/* A line that was written before that may well be old. */
#define JUST_WRITTEN (5 * USEC_PER_SEC)
/* So many turns with new lines find their stamps far off before that is told. */
#define TURNS_OFF 3
/* The ends of connections say nothing, their beginnings how full Exim is now. */
#define WANTED (MAIL_LINE_ALL & ~MAIL_LINE_BIT(MAIL_LINE_DISCONNECT))
#define WANTED_BEHIND (WANTED & ~MAIL_LINE_BIT(MAIL_LINE_CONNECT))

typedef void parse_fn(struct log_clock *clock, const char *line, size_t length, unsigned wanted,
		      struct mail_line *ret_line);

static parse_fn *const parsers[MAIL_LOGS] = {
	[MAIL_LOG_EXIM] = exim_line_parse,
	[MAIL_LOG_MAIL] = dovecot_line_parse,
	[MAIL_LOG_CPANEL] = cpanel_line_parse,
};

struct feed {
	enum mail_log log;
	struct follower *follower;
	struct fact_sums *sums;
	feed_send_fn *send;
	void *userdata;
	int error; /* of send */
	struct log_clock clock;
	usec_t now, stamp; /* of this turn; of the last line that had one */
	unsigned wanted;   /* kinds of lines */
	unsigned sent;	   /* facts since the last places */
	uint64_t bytes_at_places;
	struct log_places places; /* as they were sent last */
	usec_t places_sent;
	bool moved; /* there are newer ones */
	unsigned turns_off;
	struct log_report report;
	uint8_t report_packet[MAILLOG_PACKET_MAX]; /* as it was sent last */
	enum log_state state_told;
	bool report_waits;		 /* there is another one */
	usec_t report_sent, sample_sent; /* 0: never */
};

static void send_message(struct feed *feed, const struct maillog_message *message)
{
	if (feed->error == 0)
		feed->error = feed->send(feed->userdata, message);
}

/* --- lines --- */

static unsigned group_count(const struct feed *feed)
{
	return feed->sent + fact_sums_count(feed->sums);
}

static void send_fact(struct feed *feed, struct maillog_message *message)
{
	message->type = MAILLOG_FACT;
	message->log = feed->log;
	send_message(feed, message);
	feed->sent++;
}

static void send_sample(struct feed *feed, const char *line, size_t length)
{
	struct maillog_message message = { .type = MAILLOG_SAMPLE, .log = feed->log };

	if (length == 0 || (feed->sample_sent && feed->now - feed->sample_sent < SAMPLE_INTERVAL))
		return;
	feed->sample_sent = feed->now;
	escape(message.sample, sizeof(message.sample), line, length);
	send_message(feed, &message);
}

static void count_fact(struct feed *feed, const struct mail_fact *fact)
{
	bool with_port = false;

	for (unsigned i = 0; i < fact->n_readings; i++)
		with_port |= fact->readings[i].port > 0;
	feed->report.facts++;
	feed->report.ambiguous += fact->n_readings > 1;
	feed->report.without_port += fact->protocol == MAIL_PROTOCOL_SMTP && !with_port;
}

static void note_fact(struct feed *feed, const struct mail_line *line)
{
	struct maillog_message message;
	struct mail_fact *fact = &message.fact;

	if (!fact_from_line(line, feed->clock.now, fact))
		return;
	count_fact(feed, fact);
	if (fact->recent) {
		send_fact(feed, &message);
		return;
	}
	/* which of several clients it was cannot be found out any more */
	if (fact->n_readings > 1)
		fact->n_readings = 0;
	/* on_line() has kept a place for it */
	if (fact_sums_add(feed->sums, fact) == FACT_SUMS_FULL)
		feed->error = -ENOSPC;
}

static bool on_line(void *userdata, const char *text, size_t length)
{
	struct feed *feed = userdata;
	struct log_report *report = &feed->report;
	struct mail_line line;

	parsers[feed->log](&feed->clock, text, length, feed->wanted, &line);
	switch (line.kind) {
	case MAIL_LINE_IGNORED:
	case MAIL_LINE_DISCONNECT:
	case MAIL_LINE_KINDS:
		return true;
	case MAIL_LINE_UNPARSED:
		report->unparsed++;
		send_sample(feed, text, length);
		return feed->error == 0;
	case MAIL_LINE_CONNECT:
		feed->stamp = line.time.wall;
		if (!(feed->wanted & MAIL_LINE_BIT(MAIL_LINE_CONNECT)))
			return true;
		report->exim_connections = line.exim_connections;
		report->exim_connections_at = line.time.wall;
		return true;
	case MAIL_LINE_EXIM_FULL:
		report->exim_full++;
		break;
	case MAIL_LINE_EXIM_HOST_LIMIT:
		report->exim_host_limit++;
		break;
	case MAIL_LINE_AUTH_FAILURE:
	case MAIL_LINE_AUTH_SUCCESS:
	case MAIL_LINE_PROTOCOL_ERROR:
	case MAIL_LINE_MESSAGE:
		break;
	}
	feed->stamp = line.time.wall;
	note_fact(feed, &line);
	return feed->error == 0 && group_count(feed) < MAILLOG_GROUP_MAX;
}

/* --- groups --- */

/* Facts first: places say that all before them was sent. */
static void end_group(struct feed *feed)
{
	struct maillog_message message;

	while (feed->error == 0 && fact_sums_take(feed->sums, &message.fact))
		send_fact(feed, &message);
	message.type = MAILLOG_PLACES;
	message.log = feed->log;
	follower_places(feed->follower, &message.places);
	send_message(feed, &message);
	feed->places = message.places;
	feed->places_sent = feed->now;
	feed->bytes_at_places = feed->report.bytes;
	feed->sent = 0;
}

static bool is_same_place(const struct log_place *a, const struct log_place *b)
{
	return a->inode == b->inode && a->offset == b->offset && a->head_hash == b->head_hash &&
	       a->head_bytes == b->head_bytes;
}

static bool has_moved(const struct feed *feed)
{
	struct log_places places;

	follower_places(feed->follower, &places);
	if (places.n != feed->places.n)
		return true;
	for (unsigned i = 0; i < places.n; i++)
		if (!is_same_place(&places.place[i], &feed->places.place[i]))
			return true;
	return false;
}

/* What is recent leaves at once; what is old is summed up for longer. */
static bool is_group_due(const struct feed *feed, bool more)
{
	if (group_count(feed) > 0 && !more)
		return true;
	return feed->sent > 0 || group_count(feed) >= MAILLOG_GROUP_MAX ||
	       feed->report.bytes - feed->bytes_at_places >= GROUP_BYTES ||
	       (feed->moved && feed->now - feed->places_sent >= PLACES_INTERVAL);
}

/* --- reports --- */

static usec_t lag_of(const struct feed *feed)
{
	usec_t last = feed->stamp ? feed->stamp : follower_written(feed->follower);

	if (feed->report.state != LOG_STATE_BEHIND || last >= feed->clock.now)
		return 0;
	return feed->clock.now - last;
}

/* before: the stamp of the last line of the turn before. */
static void compare_clocks(struct feed *feed, usec_t before)
{
	const int64_t recent = (int64_t)MAIL_RECENT;
	int64_t off = (int64_t)feed->stamp - (int64_t)feed->clock.now;

	if (feed->stamp == before || feed->report.state != LOG_STATE_FOLLOWING ||
	    follower_written(feed->follower) + JUST_WRITTEN < feed->clock.now)
		return;
	feed->turns_off = off < -recent || off > recent ? feed->turns_off + 1 : 0;
	feed->report.clock_off_s =
		feed->turns_off >= TURNS_OFF ? off / (int64_t)USEC_PER_SEC : 0;
}

static void tell_report(struct feed *feed)
{
	bool caught_up = feed->state_told == LOG_STATE_BEHIND &&
			 feed->report.state == LOG_STATE_FOLLOWING;
	struct maillog_message message = {
		.type = MAILLOG_REPORT,
		.log = feed->log,
		.report = feed->report,
	};
	uint8_t packet[MAILLOG_PACKET_MAX];
	size_t size = maillog_message_encode(&message, packet);

	feed->report_waits = memcmp(packet, feed->report_packet, size) != 0;
	/* the daemon takes silence for a worker that hangs */
	if (feed->report_sent && feed->now - feed->report_sent >= MAILLOG_HEARTBEAT)
		feed->report_waits = true;
	if (!feed->report_waits || (feed->report_sent && !caught_up &&
				    feed->now - feed->report_sent < REPORT_INTERVAL))
		return;
	send_message(feed, &message);
	memcpy(feed->report_packet, packet, size);
	feed->state_told = feed->report.state;
	feed->report_sent = feed->now;
	feed->report_waits = false;
}

/* --- its life --- */

int feed_turn(struct feed *feed, usec_t now)
{
	usec_t stamp = feed->stamp;
	bool more;

	feed->now = now;
	feed->clock.now = clock_to_wall(now);
	feed->wanted = feed->report.state == LOG_STATE_BEHIND ? WANTED_BEHIND : WANTED;
	more = follower_turn(feed->follower, now, TURN_BYTES);
	follower_report(feed->follower, &feed->report);
	feed->report.lag = lag_of(feed);
	compare_clocks(feed, stamp);
	feed->moved = has_moved(feed);
	if (is_group_due(feed, more)) {
		end_group(feed);
		feed->moved = false;
	}
	tell_report(feed);
	return feed->error < 0 ? feed->error : more;
}

usec_t feed_next(const struct feed *feed)
{
	usec_t next = follower_next(feed->follower);

	if (feed->moved)
		next = MIN_OF(next, feed->places_sent + PLACES_INTERVAL);
	next = MIN_OF(next, feed->report_sent +
				    (feed->report_waits ? REPORT_INTERVAL : MAILLOG_HEARTBEAT));
	return next;
}

int feed_fd(const struct feed *feed)
{
	return follower_fd(feed->follower);
}

void feed_on_inotify(struct feed *feed)
{
	follower_on_inotify(feed->follower);
}

struct feed *feed_free(struct feed *feed)
{
	if (feed) {
		follower_free(feed->follower);
		fact_sums_free(feed->sums);
		free(feed);
	}
	return NULL;
}

int feed_new(struct feed **ret_feed, enum mail_log log, const char *path,
	     const struct log_places *places, feed_send_fn *send, void *userdata)
{
	struct feed *feed = calloc(1, sizeof(*feed));
	struct siphash_key key;
	int r;

	if (!feed)
		return -ENOMEM;
	feed->log = log;
	feed->report.log = log;
	feed->places = *places;
	feed->send = send;
	feed->userdata = userdata;
	r = siphash_key_random(&key);
	if (r == 0)
		r = fact_sums_new(&feed->sums, MAILLOG_GROUP_MAX, &key);
	if (r == 0)
		r = follower_new(&feed->follower, path, places, on_line, feed);
	if (r < 0) {
		feed_free(feed);
		return r;
	}
	*ret_feed = feed;
	return 0;
}
