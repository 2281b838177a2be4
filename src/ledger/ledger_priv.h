/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the two sides of the ledger share. The main thread puts entries into the queue (ledger.c) and
 * facts into another (ledger_facts.c), asks (ledger_questions.c), and is told through the eventfd
 * (ledger_news.c); the ledger's thread takes entries and facts out and writes them, and reads for the
 * answers. All of it is behind one lock, which nobody holds while anything is written or read, or any
 * handler runs.
 */
#pragma once

#include <pthread.h>

#include "smtpguard/ledger/ledger.h"

struct ledger_load;

enum ledger_op_type {
	LEDGER_OP_BEGIN,
	LEDGER_OP_END,
	LEDGER_OP_SNAPSHOT_BEGIN,
	LEDGER_OP_SNAPSHOT_END,
	LEDGER_OP_PEAK,
};

struct ledger_op {
	struct ledger_op *next;
	enum ledger_op_type type;
	enum ledger_end end;
	usec_t when; /* wall clock; all but LEDGER_OP_BEGIN and LEDGER_OP_PEAK */
	union {
		struct ledger_entry entry; /* LEDGER_OP_END: kind and source only */
		struct ledger_peak peak;   /* LEDGER_OP_PEAK */
	};
};

/* Written together, or not at all. */
struct ledger_facts {
	struct ledger_facts *next;
	struct log_places places;
	size_t n;
	struct ledger_fact facts[];
};

/* Alerts that wait for the main thread; of more there are only the rows. */
#define LEDGER_ALERTS_MAX 64

/* The main thread's own at all times; the thread that reads for it has a copy of the query. */
struct ledger_question {
	struct ledger_question *next;
	struct ledger *ledger;
	struct ledger_query query;
	struct ledger_answer answer;
	ledger_reply reply;
	void *userdata;
	usec_t asked; /* clock_now() scale */
};

struct ledger {
	/* the main thread's own */
	sd_event_source *io, *timer;
	struct ledger_handlers handlers;
	struct ledger_load *delivering;
	enum ledger_state told; /* the state the handler last heard of */
	bool loaded_told, timer_on;
	bool in_snapshot, snapshot_broken;
	bool places_told;
	pthread_t thread;

	/* the same from ledger_open() to the end */
	char *path;
	char log_paths[MAIL_LOGS][LEDGER_LOG_PATH_MAX];
	int notice_fd; /* eventfd: the thread has something to tell */

	pthread_mutex_t lock;
	pthread_cond_t wake;  /* for the thread */
	pthread_cond_t over;  /* thread_ended was set */

	/* under the lock: orders */
	struct ledger_op *head, **tail;
	uint32_t queued;  /* with those being written */
	struct ledger_facts *facts_head, **facts_tail;
	uint32_t facts_queued; /* facts, with those being written */
	bool closing;	  /* write what is there, then end */
	bool abandoned;	  /* nobody waits any more: the thread frees all this */
	usec_t keep, forget_after;
	uint32_t account_networks;

	/* under the lock: questions, each in one of three places */
	struct ledger_question *questions; /* they wait, the oldest first */
	struct ledger_question *reading;   /* NULL as well if it was forgotten meanwhile */
	struct ledger_question *answered;  /* to be told; nothing is read until that is done */
	uint32_t n_questions;

	/* under the lock: news */
	struct ledger_load *load; /* to be delivered */
	bool load_over;		  /* there is a load, or there was none to be had */
	bool lost;		  /* entries were dropped */
	struct ledger_account_alert alerts[LEDGER_ALERTS_MAX];
	unsigned n_alerts;
	bool snapshot_wanted;
	bool moved;		  /* a file was moved aside, not told yet */
	bool failing, stalled;
	int error; /* while failing: -errno */
	bool thread_ended;
	usec_t busy_since; /* clock_now() when the thread last turned to the disk; 0: it has returned */
	struct ledger_stats stats; /* without state, queued and facts_queued */
};

/* ledger_facts.c */
uint32_t ledger_facts_weight(size_t n);

/* ledger_news.c */
enum ledger_state ledger_state_locked(const struct ledger *ledger);
void ledger_watch_disk(struct ledger *ledger);
int ledger_on_notice(sd_event_source *source, int fd, uint32_t revents, void *userdata);
int ledger_on_timer(sd_event_source *source, uint64_t usec, void *userdata);

/* ledger_questions.c */
/* Replies to those that are answered, and to those that need not wait any longer. */
void ledger_tell_answers(struct ledger *ledger);
/* Replies to all: the ledger closes. */
void ledger_refuse_questions(struct ledger *ledger);

/* The thread; its argument is the ledger. */
void *ledger_thread(void *argument);
/* With everything in it; both sides are done with it. */
void ledger_release(struct ledger *ledger);
