// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "top_priv.h"

#define RECONNECT_PAUSE	 USEC_PER_SEC
#define COST_FACTOR	 25 /* a refresh waits 25 times what the last one cost: 4 % of a core */
#define COST_PAUSE_MAX	 (10 * USEC_PER_SEC)
#define REASONS_AT_ONCE	 64
#define USAGE_SMOOTHING	 0.2

static usec_t time_of_clock(clockid_t clock)
{
	struct timespec time = { 0 };

	clock_gettime(clock, &time);
	return (usec_t)time.tv_sec * USEC_PER_SEC + (usec_t)time.tv_nsec / 1000;
}

/* --- asking --- */

static void lose(struct top *top, int error)
{
	top_socket_close(&top->socket);
	snprintf(top->lost, sizeof(top->lost), "no daemon: %s; trying again at %.108s",
		 error == -EPIPE ? "it closed the connection" : strerror(-error),
		 top->cli->socket_path);
	top->next = clock_now() + RECONNECT_PAUSE;
}

void top_ask(struct top *top, enum top_request request, const char *source, const char *line)
{
	bool quiet = top->socket.n_questions == 0;
	int r;

	if (top->lost[0]) {
		snprintf(top->message, sizeof(top->message), "not sent: there is no connection");
		top->message_is_bad = true;
		return;
	}
	r = top_socket_ask(&top->socket, request, source, line);
	if (r < 0 && r != -ENOBUFS)
		lose(top, r);
	else if (quiet)
		top->asked = clock_now();
}

void top_ask_explain(struct top *top, bool ledger)
{
	const char *source = top->explain.source;
	char line[TOP_REQUEST_MAX];

	snprintf(line, sizeof(line), "explain %s", source);
	top_ask(top, TOP_ASK_EXPLAIN, source, line);
	if (!ledger || top->lost[0])
		return;
	snprintf(line, sizeof(line), "history source=%s limit=" EXPLAIN_HISTORY_LIMIT, source);
	top_ask(top, TOP_ASK_HISTORY, source, line);
	if (top->lost[0])
		return;
	snprintf(line, sizeof(line), "accounts source=%s limit=" EXPLAIN_ACCOUNTS_LIMIT, source);
	top_ask(top, TOP_ASK_ACCOUNTS, source, line);
}

static void ask_reasons(struct top *top, usec_t now)
{
	struct top_model *model = &top->model;
	size_t end = MIN_OF(model->first + model->page, model->n_rows);
	char line[TOP_REQUEST_MAX];
	unsigned n = 0;

	for (size_t i = model->first; i < end && n < REASONS_AT_ONCE && !top->lost[0]; i++) {
		const struct top_row *row = &model->rows[i];

		if (!top_reason_wanted(model, row, now) || !top_reason_request(row, line))
			continue;
		top_reason_begin(model, row, now);
		top_ask(top, TOP_ASK_REASON, row->source, line);
		n++;
	}
}

/* How much of a core this program takes, and how long to wait so that it stays little. */
static void pace(struct top *top, usec_t now)
{
	usec_t cpu = time_of_clock(CLOCK_PROCESS_CPUTIME_ID), spent = cpu - top->cpu_before;

	top->interval = top->delay;
	if (top->wall_before && now > top->wall_before) {
		double usage = (double)spent / (double)(now - top->wall_before);

		top->usage += USAGE_SMOOTHING * (usage - top->usage);
		top->interval = MAX_OF(top->delay, MIN_OF(COST_FACTOR * spent, COST_PAUSE_MAX));
	}
	top->cpu_before = cpu;
	top->wall_before = now;
	top->next = now + top->interval;
}

static void refresh_all(struct top *top, usec_t now)
{
	char line[TOP_REQUEST_MAX];

	top->due = false;
	pace(top, now);
	top_ask(top, TOP_ASK_STATUS, "", "status");
	if (!top->lost[0])
		top_ask(top, TOP_ASK_SOURCES, "", top_model_request(&top->model, line));
	if (!top->lost[0] && top->page == TOP_PAGE_EXPLAIN)
		top_ask_explain(top, !top->explain.history);
}

static void reconnect(struct top *top, usec_t now)
{
	int r = top_socket_dial(&top->socket, top->cli->socket_path);

	if (r < 0) {
		lose(top, r);
		return;
	}
	top->lost[0] = '\0';
	top_reason_forget(&top->model);
	if (!top->paused)
		refresh_all(top, now);
}

/* --- answers --- */

static const char *change_words(const json_t *answer, char text[static CELL_TEXT_MAX])
{
	const json_t *ban = json_object_get(answer, "ban");
	const json_t *block = json_object_get(answer, "block");
	const json_t *allow = json_object_get(answer, "allow");
	char end[SPAN_TEXT_MAX];

	if (ban || block)
		snprintf(text, CELL_TEXT_MAX, "%.64s is %s %s",
			 ban ? text_of(ban, "source") : text_of(block, "prefix"),
			 ban ? "banned" : "blocked", end_format(ban ? ban : block, "expires", end));
	else if (allow)
		snprintf(text, CELL_TEXT_MAX, "%.64s is allowed %s", text_of(allow, "prefix"),
			 end_format(allow, "expires", end));
	else if (json_is_string(json_object_get(answer, "trusted_until")))
		snprintf(text, CELL_TEXT_MAX, "%.64s is unbanned and trusted %s",
			 text_of(answer, "source"), end_format(answer, "trusted_until", end));
	else
		snprintf(text, CELL_TEXT_MAX, "done");
	return text;
}

static void take_change(struct top *top, const json_t *answer)
{
	top->message_is_bad = !is_true(answer, "ok");
	if (top->message_is_bad)
		snprintf(top->message, sizeof(top->message), "refused: %s",
			 text_of(answer, "message"));
	else
		change_words(answer, top->message);
	top_reason_forget(&top->model);
	top->due = true;
}

/* For example of a service that is gone: then all are shown again. */
static void take_refusal(struct top *top, const struct top_question *question, const json_t *answer)
{
	snprintf(top->message, sizeof(top->message), "the daemon refuses: %s",
		 text_of(answer, "message"));
	top->message_is_bad = true;
	if (question->request == TOP_ASK_SOURCES)
		top->model.service[0] = '\0';
}

static bool is_of_page(enum top_request request)
{
	return request == TOP_ASK_EXPLAIN || request == TOP_ASK_HISTORY ||
	       request == TOP_ASK_ACCOUNTS;
}

/* Takes the answer over. */
static void take(struct top *top, const struct top_question *question, json_t *answer, usec_t now)
{
	if (question->request == TOP_ASK_CHANGE) {
		take_change(top, answer);
	} else if (is_of_page(question->request)) {
		/* not that of another page before */
		if (!strcmp(question->source, top->explain.source))
			top_explain_take(&top->explain, top->cli, question->request,
					 json_incref(answer));
	} else if (!is_true(answer, "ok")) {
		take_refusal(top, question, answer);
	} else if (question->request == TOP_ASK_STATUS) {
		json_decref(top->status);
		top->status = json_incref(answer);
	} else if (question->request == TOP_ASK_SOURCES) {
		if (top_model_take(&top->model, json_incref(answer)) == 0)
			ask_reasons(top, now);
	} else {
		top_reason_take(&top->model, question->source, answer, now,
				time_of_clock(CLOCK_REALTIME));
	}
	json_decref(answer);
}

void top_read(struct top *top)
{
	struct top_question question;
	const char *line;
	json_t *answer;
	int r;

	while ((r = top_socket_next(&top->socket, &question, &line)) > 0) {
		usec_t now = clock_now();

		answer = json_loads(line, 0, NULL);
		if (!json_is_object(answer)) {
			json_decref(answer);
			lose(top, -EPROTO);
			return;
		}
		top->asked = now;
		take(top, &question, answer, now);
		if (top->lost[0])
			return;
	}
	if (r == 0)
		r = top_socket_flush(&top->socket);
	if (r < 0)
		lose(top, r);
}

/* --- what is due --- */

void top_work(struct top *top, usec_t now)
{
	if (top->lost[0]) {
		if (now >= top->next)
			reconnect(top, now);
	} else if (!top->paused && !top->socket.n_questions && (top->due || now >= top->next)) {
		refresh_all(top, now);
	}
}
