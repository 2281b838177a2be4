/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger's thread: what it does with the disk (ledger_work.c), when, and again (ledger_thread.c). */
#pragma once

#include "ledger_priv.h"
#include "ledger_store_priv.h"

struct worker {
	struct ledger *ledger;
	struct store store;
	struct ledger_op *batch; /* taken out of the queue, not written yet */
	unsigned n_batch;
	usec_t snapshot; /* the one being written; 0: none */
	bool open, loaded, expired, failed, closing;
	usec_t retry_at, back_off, clean_at, checkpoint_at, moved_at;
};

/* One round: 0, STORE_CORRUPT, or -errno with words in w->store.error. */
int worker_take_steps(struct worker *w) MUST_CHECK;
void worker_free_batch(struct worker *w);

void worker_lock(struct worker *w);
void worker_unlock(struct worker *w);
/* Called with the lock held, so that a ledger that closes is not told any more. */
void worker_notice_locked(struct worker *w);
bool worker_is_asked_locked(const struct worker *w);
