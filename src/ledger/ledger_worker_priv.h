/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ledger's thread: what it does with the disk (ledger_work.c; for the mail logs ledger_work_facts.c),
 * when, and again (ledger_thread.c).
 */
#pragma once

#include "ledger_priv.h"
#include "ledger_store_priv.h"

#define CLEAN_PIECE 256 /* rows of a kind at once, so that entries never wait for it */

struct worker {
	struct ledger *ledger;
	struct store store;
	struct ledger_op *batch; /* taken out of the queue, not written yet */
	unsigned n_batch;
	struct ledger_facts *facts; /* a group that was taken out, not written yet */
	int64_t clean_account;	    /* accounts up to this one were looked at; 0: none */
	usec_t snapshot; /* the one being written; 0: none */
	bool open, loaded, expired, failed, closing;
	usec_t retry_at, back_off, clean_at, checkpoint_at, moved_at;
};

/* One round: 0, STORE_CORRUPT, or -errno with words in w->store.error. */
int worker_take_steps(struct worker *w) MUST_CHECK;
void worker_free_batch(struct worker *w);

/* One group of facts, in a transaction of its own. */
int worker_write_facts(struct worker *w) MUST_CHECK;
/* A piece of what is too old; *ret_more: there is more of it. */
int worker_clean_sums(struct worker *w, usec_t before, bool *ret_more) MUST_CHECK;

void worker_lock(struct worker *w);
void worker_unlock(struct worker *w);
/* Called with the lock held, so that a ledger that closes is not told any more. */
void worker_notice_locked(struct worker *w);
bool worker_is_asked_locked(const struct worker *w);
/* The disk has answered: whatever the whole round takes, it does not stall. */
void worker_note_progress_locked(struct worker *w);
void worker_count_write_locked(struct worker *w, usec_t begun);
/* What was over before this moment of the wall clock is kept no longer. */
usec_t worker_keeps(struct worker *w);
