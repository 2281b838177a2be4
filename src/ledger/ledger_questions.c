// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Questions, as the main thread sees them: asked, forgotten, told. The thread never has a question in its
 * hands, so that one can go away at any time, also while the disk hangs.
 */
#include "ledger_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "ledger_store_priv.h"

static void lock(struct ledger *ledger)
{
	pthread_mutex_lock(&ledger->lock);
}

static void unlock(struct ledger *ledger)
{
	pthread_mutex_unlock(&ledger->lock);
}

static int queue(struct ledger *ledger, struct ledger_question *question)
{
	struct ledger_question **end = &ledger->questions;
	int r = 0;

	lock(ledger);
	if (ledger->closing || ledger_state_locked(ledger) != LEDGER_HEALTHY) {
		r = -EAGAIN;
	} else if (ledger->n_questions >= LEDGER_QUESTIONS_MAX) {
		r = -EBUSY;
	} else {
		while (*end)
			end = &(*end)->next;
		*end = question;
		ledger->n_questions++;
		pthread_cond_signal(&ledger->wake);
	}
	unlock(ledger);
	return r;
}

static bool is_possible(const struct ledger_query *query)
{
	const unsigned all = LEDGER_BY_ACCOUNT | LEDGER_BY_SOURCE | LEDGER_BY_DAY;

	if (query->subject == LEDGER_AUTH_FAILURES && (!query->by || query->by & ~all))
		return false;
	return query->limit >= 1 && query->limit <= LEDGER_ROWS_MAX;
}

int ledger_ask(struct ledger *ledger, const struct ledger_query *query, ledger_reply reply, void *userdata,
	       struct ledger_question **ret_question)
{
	struct ledger_question *question;
	int r;

	if (!is_possible(query))
		return -EINVAL;
	question = calloc(1, sizeof(*question));
	if (!question)
		return -ENOMEM;
	question->ledger = ledger;
	question->query = *query;
	question->reply = reply;
	question->userdata = userdata;
	question->asked = clock_now();
	r = queue(ledger, question);
	if (r < 0) {
		free(question);
		return r;
	}
	ledger_watch_disk(ledger);
	*ret_question = question;
	return 0;
}

/* From wherever it is. A reading that nobody waits for any more is given up. */
static void take_out_locked(struct ledger *ledger, struct ledger_question *question)
{
	struct ledger_question **at = &ledger->questions;

	ledger->n_questions--;
	if (ledger->reading == question) {
		ledger->reading = NULL;
		return;
	}
	if (ledger->answered == question) {
		ledger->answered = NULL;
		pthread_cond_signal(&ledger->wake);
		return;
	}
	while (*at != question)
		at = &(*at)->next;
	*at = question->next;
}

void ledger_question_forget(struct ledger_question *question)
{
	if (!question)
		return;
	lock(question->ledger);
	take_out_locked(question->ledger, question);
	unlock(question->ledger);
	ledger_answer_done(&question->answer);
	free(question);
}

/* --- replies --- */

static struct ledger_question *oldest_locked(const struct ledger *ledger)
{
	return ledger->reading ? ledger->reading : ledger->questions;
}

/* One that has its answer, or will not get a better one than this error. */
static struct ledger_question *find_done_locked(const struct ledger *ledger, usec_t now)
{
	struct ledger_question *question = ledger->answered;

	if (question)
		return question;
	question = ledger->questions;
	if (question && ledger->failing) {
		question->answer.error = ledger->error;
		return question;
	}
	question = oldest_locked(ledger);
	if (!question || now < question->asked + LEDGER_QUESTION_PATIENCE)
		return NULL;
	question->answer.error = -ETIMEDOUT;
	return question;
}

static void tell(struct ledger_question *question)
{
	question->reply(question->userdata, &question->answer);
	ledger_answer_done(&question->answer);
	free(question);
}

/* Whoever is told may ask again, or forget another one. */
void ledger_tell_answers(struct ledger *ledger)
{
	struct ledger_question *question;
	usec_t now = clock_now();

	for (unsigned i = 0; i < LEDGER_QUESTIONS_MAX; i++) {
		lock(ledger);
		question = find_done_locked(ledger, now);
		if (question)
			take_out_locked(ledger, question);
		unlock(ledger);
		if (!question)
			return;
		tell(question);
	}
}

void ledger_refuse_questions(struct ledger *ledger)
{
	struct ledger_question *question;

	for (;;) {
		lock(ledger);
		question = ledger->answered ? ledger->answered : oldest_locked(ledger);
		if (question)
			take_out_locked(ledger, question);
		unlock(ledger);
		if (!question)
			return;
		ledger_answer_done(&question->answer);
		question->answer = (struct ledger_answer){ .error = -ECANCELED };
		tell(question);
	}
}
