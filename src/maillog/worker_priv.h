/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of smtpguard-maillog, on the way from the file to the socket: worker_tail.c (one open
 * file, cut into lines), worker_siblings.c (a file that has lost its name is found again),
 * worker_follower.c, worker_resume.c and worker_watch.c (one log: which files, in which order, up
 * to where), worker_facts.c (line -> fact), worker_sums.c (old facts, summed up), worker_feed.c
 * (one log: its groups, places and reports), worker_main.c (arguments, socket, loop),
 * worker_sandbox.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "smtpguard/base/clock.h"
#include "smtpguard/base/compiler.h"
#include "smtpguard/base/log_place.h"
#include "smtpguard/base/siphash.h"
#include "smtpguard/wire/mail_line.h"
#include "smtpguard/wire/maillog_message.h"

/* Lines without their newline; longer ones are passed over. */
#define LINE_BYTES_MAX 65536

/*
 * Keeps reading files and packets, and gives up everything else. -errno with a message logged: the
 * caller must end, and never go on without it.
 */
int sandbox_enter(void) MUST_CHECK;

/* --- worker_tail.c --- */

/* One complete line. false: enough for this turn; this line is done nevertheless. */
typedef bool line_fn(void *userdata, const char *line, size_t length);

struct line_sink {
	line_fn *line;
	void *userdata;
	uint64_t lines, bytes, long_lines;
};

/* An open file. Copied freely: tail_close() is for one of the copies. */
struct tail {
	int fd;
	int watch; /* < 0: nobody tells when it grows */
	dev_t device;
	uint64_t inode;
	uint64_t offset;   /* of the first line that was not handed out */
	uint64_t examined; /* from offset to here is no newline */
	uint64_t size;	   /* at the last look */
	usec_t written;	   /* wall clock: when it was last written to, at the last look */
	bool passing_over; /* what begins at offset is too long, or no beginning of a line */
	usec_t closes;	   /* from then on it is dropped at its end; USEC_NEVER: it is the newest */
	uint32_t head_bytes;
	uint8_t head[LOG_HEAD_BYTES];
};

enum {
	TAIL_MORE = 1,	    /* the budget is used up */
	TAIL_TRUNCATED = 2, /* it is another file now, under the same inode: tail_begin_anew() */
};

/* A regular file, to be read from its beginning. -errno. */
int tail_open(const char *path, struct tail *ret_tail) MUST_CHECK;
void tail_close(struct tail *tail);
/* Goes on at an offset, or at the end if that is nearer. Within a line: behind that line. */
void tail_seek(struct tail *tail, uint64_t offset);
/* Hands out complete lines up to the end. 0, TAIL_MORE, TAIL_TRUNCATED or -errno. */
int tail_read(struct tail *tail, struct line_sink *sink, size_t *budget) MUST_CHECK;
/* It will not grow any more: what is behind its last newline is a line, too. false: as line_fn. */
bool tail_finish(struct tail *tail, struct line_sink *sink) MUST_CHECK;
int tail_begin_anew(struct tail *tail) MUST_CHECK;
void tail_place(const struct tail *tail, struct log_place *ret_place);
/* Whether the file begins as the place says; the inode is not looked at. */
bool tail_has_head(const struct tail *tail, const struct log_place *place);

/* --- worker_siblings.c --- */

/* Writers notice only by and by that their file has another name now. */
#define LATE_WRITES (10 * USEC_PER_SEC)

#define SIBLING_PATH_MAX 4096
#define SIBLINGS_MAX 8

struct sibling {
	struct tail tail; /* from its beginning */
	char path[SIBLING_PATH_MAX];
};

enum sibling_by {
	SIBLING_BY_INODE, /* and head: the file was renamed */
	SIBLING_BY_HEAD,  /* and length: it was copied */
};

/*
 * Looks beside `path` for the file of a place, among those whose names begin with that of the log.
 * false: there is none, or only a compressed one. The caller closes ret_sibling->tail.
 */
bool sibling_find(const char *path, const struct log_place *place, enum sibling_by by,
		  struct sibling *ret_sibling) MUST_CHECK;
/*
 * Whether the file of a place that is gone was the last to be compressed with gzip, and as long as
 * the place says: then it was read to its end.
 */
bool sibling_is_zipped(const char *path, const struct log_place *place) MUST_CHECK;

struct lifetime {
	usec_t begun; /* 0: the file system does not know */
	usec_t written;
};

struct lifetime lifetime_of(const struct tail *tail);

/* Neither they nor copies of them were missed. */
struct known_files {
	const struct tail *newest; /* has the log's name; NULL: there is none */
	const struct tail *files;
	unsigned n;
};

/*
 * Files that were begun later and ended later than another one, have lost the log's name and are
 * not known: oldest first, at most SIBLINGS_MAX. *ret_missed: how many more there are that cannot
 * be read, or whose order cannot be told. The caller closes them.
 */
unsigned siblings_after(const char *path, const struct lifetime *before,
			const struct known_files *known,
			struct sibling siblings[static SIBLINGS_MAX],
			unsigned *ret_missed) MUST_CHECK;

/* --- worker_follower.c --- */

struct follower;

/* path is borrowed. Goes on at the places; n 0: at the beginning of the file. -errno. */
int follower_new(struct follower **ret_follower, const char *path, const struct log_places *places,
		 line_fn *line, void *userdata) MUST_CHECK;
struct follower *follower_free(struct follower *follower);
/* Readable when something may have happened: then follower_on_inotify(), then a turn. */
int follower_fd(const struct follower *follower);
void follower_on_inotify(struct follower *follower);
/* Reads at most about `budget` bytes. true: there is more to be read at once. */
bool follower_turn(struct follower *follower, usec_t now, size_t budget);
/* When the next turn is due although nothing happens; USEC_NEVER. */
usec_t follower_next(const struct follower *follower);
/* Up to where lines were handed out. */
void follower_places(const struct follower *follower, struct log_places *ret_places);
/* Fills in what it knows, and leaves the rest. */
void follower_report(const struct follower *follower, struct log_report *report);
/* Wall clock: when the file that is being read was last written to; 0: none is. */
usec_t follower_written(const struct follower *follower);

/* --- worker_facts.c --- */

/* false: the line says nothing of a client. The fact may be not recent, but is of one line. */
bool fact_from_line(const struct mail_line *line, usec_t wall_now, struct mail_fact *ret_fact);

/* --- worker_sums.c --- */

/*
 * Old facts of one log, summed up by kind, protocol, day, address and account. 220 bytes an entry,
 * which are touched only as it is used.
 */
struct fact_sums;

enum {
	FACT_SUMS_FULL = 1, /* nothing was added */
};

int fact_sums_new(struct fact_sums **ret_sums, uint32_t capacity,
		  const struct siphash_key *key) MUST_CHECK;
struct fact_sums *fact_sums_free(struct fact_sums *sums);
/* A fact that is not recent, with one reading or none. */
int fact_sums_add(struct fact_sums *sums, const struct mail_fact *fact) MUST_CHECK;
uint32_t fact_sums_count(const struct fact_sums *sums);
/* Takes out the one that is there longest. false: there is none. */
bool fact_sums_take(struct fact_sums *sums, struct mail_fact *ret_fact);

/* --- worker_feed.c --- */

/* One log, from its file to the socket. */
struct feed;

/* < 0: the daemon is gone; nothing more is sent, and the caller ends. */
typedef int feed_send_fn(void *userdata, const struct maillog_message *message);

int feed_new(struct feed **ret_feed, enum mail_log log, const char *path,
	     const struct log_places *places, feed_send_fn *send, void *userdata) MUST_CHECK;
struct feed *feed_free(struct feed *feed);
int feed_fd(const struct feed *feed);
void feed_on_inotify(struct feed *feed);
/* Whether there is more to be read at once, or -errno of send. */
int feed_turn(struct feed *feed, usec_t now) MUST_CHECK;
usec_t feed_next(const struct feed *feed);
