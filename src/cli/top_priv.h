/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `smtpguard top`: the live view. The model holds what the daemon answered, ordered and filtered;
 * cells and head make texts of it; the socket asks without ever blocking; the screen draws; the keys
 * change the model or ask for more. Model, cells and head know no screen, no socket and no clock.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "explain_priv.h"

#include "smtpguard/base/clock.h"
#include "smtpguard/base/compiler.h"

extern const struct verb verb_top;

/* --- top_model.c --- */

enum top_sort {
	TOP_SORT_NOW,
	TOP_SORT_NEW,
	TOP_SORT_HALF_OPEN,
	TOP_SORT_PEAK,
	TOP_SORT_STANDING,
	TOP_SORTS
};

enum top_standing { /* in the order of TOP_SORT_STANDING */
	TOP_BANNED,
	TOP_REFUSED,
	TOP_HELD,
	TOP_OVER_LIMIT,
	TOP_RESOLVING,
	TOP_EXEMPT,
	TOP_ALLOWED,
	TOP_NORMAL,
	TOP_STANDINGS /* a word that is not known here */
};

#define TOP_SOURCE_MAX 64
#define TOP_SERVICE_MAX 40
#define TOP_TEXT_MAX 64
#define TOP_WHY_MAX 160
#define TOP_REQUEST_MAX 256
#define TOP_ROWS_MAX 10000 /* the protocol's highest limit */
#define TOP_REASONS_MAX 256

struct top_row { /* texts belong to the model's answer */
	const char *source, *service, *reverse_dns, *name, *words;
	enum top_standing standing;
	long long concurrent, peak, fresh, half_open;
	size_t more_names;
};

/* Why a source stands as it does: asked for one by one, only for rows that are shown. */
struct top_reason {
	char source[TOP_SOURCE_MAX];
	enum top_standing standing;
	char why[TOP_WHY_MAX];
	bool without_end;
	usec_t until; /* 0: not known, or without end */
	usec_t asked;
};

struct top_model {
	json_t *answer; /* of `sources` */
	struct top_row *rows; /* those that are shown, in order */
	size_t n_rows, capacity;
	long long total; /* that the daemon knows */

	enum top_sort sort;
	bool reverse, idle;
	char service[TOP_SERVICE_MAX]; /* empty: all */
	char text[TOP_TEXT_MAX];       /* empty: no filter */

	size_t selected, first, page;
	bool follows; /* the selected source keeps selected wherever its row goes */
	bool whole;   /* the end of the list was asked for */
	char source[TOP_SOURCE_MAX], source_service[TOP_SERVICE_MAX];

	struct top_reason reasons[TOP_REASONS_MAX];
};

void top_model_done(struct top_model *model);
/* Takes the answer over, also when it fails with -ENOMEM; then nothing else has changed. */
int top_model_take(struct top_model *model, json_t *answer) MUST_CHECK;
/* After a change of sort, reverse or text: the same answer in the new order. */
void top_model_arrange(struct top_model *model);
/* The number of rows that the screen has room for. */
void top_model_set_page(struct top_model *model, size_t page);
void top_model_move(struct top_model *model, long rows);
void top_model_home(struct top_model *model);
void top_model_end(struct top_model *model);
/* NULL: there is no row. */
const struct top_row *top_model_selected(const struct top_model *model);
/* All services, then one after the other, in the order of `status`. */
void top_model_cycle_service(struct top_model *model, const json_t *services);
/* The request for the rows that are shown, without newline. Writes and returns text. */
const char *top_model_request(const struct top_model *model, char text[static TOP_REQUEST_MAX]);
const char *top_sort_name(enum top_sort sort);

/* --- top_reason.c: why a source stands as it does --- */

/* Whether the row's reason has to be asked for (again). */
bool top_reason_wanted(const struct top_model *model, const struct top_row *row, usec_t now);
/* The request, without newline. NULL: the source is no address. Writes and returns text. */
const char *top_reason_request(const struct top_row *row, char text[static TOP_REQUEST_MAX]);
/* A place for the answer, so that it is not asked for twice. */
void top_reason_begin(struct top_model *model, const struct top_row *row, usec_t now);
/* wall: the time of day in microseconds since 1970. */
void top_reason_take(struct top_model *model, const char *source, const json_t *answer, usec_t now,
		     usec_t wall);
/* NULL: not known yet, or that of another standing. */
const struct top_reason *top_reason_find(const struct top_model *model, const struct top_row *row);
/* Decisions were changed by hand: all reasons are asked for again. */
void top_reason_forget(struct top_model *model);

/* --- top_cells.c --- */

enum top_column {
	TOP_COLUMN_SOURCE,
	TOP_COLUMN_SERVICE,
	TOP_COLUMN_NOW,
	TOP_COLUMN_PEAK,
	TOP_COLUMN_NEW,
	TOP_COLUMN_HALF_OPEN,
	TOP_COLUMN_NAME,
	TOP_COLUMN_STANDING,
	TOP_COLUMNS
};

struct top_layout {
	size_t wanted[TOP_COLUMNS]; /* the widest text so far: columns do not move to and fro */
	size_t widths[TOP_COLUMNS]; /* 0: left out */
};

const char *top_column_title(enum top_column column);
bool top_column_is_right(enum top_column column);
/* Columns are one blank apart; what does not fit is left out, the least important first. */
void top_layout_fit(struct top_layout *layout, size_t width);
/* Takes note of how wide the row's texts are. services: of `status`, may be NULL. */
void top_layout_measure(struct top_layout *layout, const struct top_model *model,
			const struct top_row *row, const json_t *services, usec_t now);
/* All texts of rows and heads are printable ASCII. Both write and return text. */
const char *top_cell(const struct top_model *model, const struct top_row *row,
		     enum top_column column, const json_t *services, usec_t now,
		     char text[static CELL_TEXT_MAX]);
/* One line about the row, with all that the columns had no room for. */
const char *top_row_line(const struct top_model *model, const struct top_row *row, usec_t now,
			 char text[static CELL_TEXT_MAX]);
/* Cuts to the width and marks that: the end of a text with `~`, the front of a name. */
void top_cut(char *text, size_t width, bool front);
/* Control characters and everything beyond ASCII becomes `?`. */
char *top_printable(char *text);

/* --- top_head.c: lines about the whole. Each writes and returns text. --- */

const char *top_head_daemon(const json_t *status, char text[static CELL_TEXT_MAX]);
const char *top_head_slots(const json_t *status, char text[static CELL_TEXT_MAX]);
const char *top_head_bans(const json_t *status, char text[static CELL_TEXT_MAX]);
const char *top_head_problems(const json_t *status, char text[static CELL_TEXT_MAX]);
/* What the table shows, in which order. */
const char *top_head_view(const struct top_model *model, char text[static CELL_TEXT_MAX]);

/* --- top_socket.c --- */

enum top_request {
	TOP_ASK_STATUS,
	TOP_ASK_SOURCES,
	TOP_ASK_REASON,
	TOP_ASK_EXPLAIN,
	TOP_ASK_HISTORY,
	TOP_ASK_ACCOUNTS,
	TOP_ASK_CHANGE
};

struct top_question {
	enum top_request request;
	char source[TOP_SOURCE_MAX]; /* that it is about; may be empty */
};

#define TOP_QUESTIONS_MAX 128

struct top_socket {
	struct connection connection; /* fd -1: not connected */
	char out[TOP_QUESTIONS_MAX * 96];
	size_t sent, filled;
	struct top_question questions[TOP_QUESTIONS_MAX]; /* answers come in this order */
	unsigned first, n_questions;
};

/* Connects, without waiting for the daemon. */
int top_socket_dial(struct top_socket *top_socket, const char *path) MUST_CHECK;
void top_socket_close(struct top_socket *top_socket);
/* Queues the line and sends what the socket takes. -ENOBUFS: too many questions at once. */
int top_socket_ask(struct top_socket *top_socket, enum top_request request, const char *source,
		   const char *line) MUST_CHECK;
int top_socket_flush(struct top_socket *top_socket) MUST_CHECK;
/* 1: *ret_line answers *ret_question, valid until the next call; 0: nothing yet; -EPIPE: closed. */
int top_socket_next(struct top_socket *top_socket, struct top_question *ret_question,
		    const char **ret_line) MUST_CHECK;

/* --- top_explain.c: the page of `explain`, asked for without waiting --- */

struct top_explain {
	char source[TOP_SOURCE_MAX];
	json_t *answer, *history, *accounts; /* NULL: not answered yet */
	struct allow_lines allow;
	char *text; /* lines; NULL: nothing to show yet */
};

/* Forgets the page before. -EINVAL or > 0: the source is no address, nothing has changed. */
int top_explain_begin(struct top_explain *explain, const char *source) MUST_CHECK;
void top_explain_done(struct top_explain *explain);
/* Takes the answer over: of `explain`, `history` or `accounts`, also a refusal. */
void top_explain_take(struct top_explain *explain, const struct cli *cli, enum top_request request,
		      json_t *answer);

/* --- verb_top.c --- */

enum top_page { TOP_PAGE_TABLE, TOP_PAGE_EXPLAIN, TOP_PAGE_HELP };
enum top_prompt { TOP_PROMPT_NONE, TOP_PROMPT_TEXT, TOP_PROMPT_CONFIRM };

struct top {
	const struct cli *cli;
	struct top_socket socket;
	struct top_model model;
	struct top_layout layout;
	json_t *status;	    /* the last answer */
	struct top_explain explain;
	size_t scroll, scroll_end, scroll_page; /* of the explain and help pages */

	enum top_page page;
	enum top_prompt prompt;
	char change[TOP_REQUEST_MAX];	/* what is sent once it is confirmed */
	char message[CELL_TEXT_MAX];	/* the answer to it, or what went wrong; until the next key */
	bool message_is_bad;
	char lost[CELL_TEXT_MAX];	/* why there is no connection; empty: there is one */
	bool paused, ended;
	bool due;			/* refresh now, whatever the time */

	usec_t delay, interval, next;	/* as ordered; as it is now; the time of the next refresh */
	usec_t asked;			/* when the questions without answer were sent */
	usec_t cpu_before, wall_before; /* at the last refresh; 0: none yet */
	double usage;			/* own share of one core */
};

/* --- top_round.c: asks again and again, and takes the answers --- */

/* Sends a line about the source; a lost connection is noted. */
void top_ask(struct top *top, enum top_request request, const char *source, const char *line);
/* ledger: what the ledger keeps of the source, too. */
void top_ask_explain(struct top *top, bool ledger);
/* Whatever has come on the socket. */
void top_read(struct top *top);
/* Asks for all of it again, or connects again, if it is time. */
void top_work(struct top *top, usec_t now);

/* --- top_keys.c --- */

void top_key(struct top *top, int key);
extern const char top_help[];

/* --- top_screen.c --- */

/* Both EXIT_USAGE, with a complaint: there is no terminal; it cannot show this. */
enum exit_code top_screen_check(const struct cli *cli);
enum exit_code top_screen_begin(const struct cli *cli);
/* Whatever state the terminal is in, it is as before then. */
void top_screen_end(void);
/* The terminal's size may have changed. */
void top_screen_resize(void);
/* Draws all of it anew, after something else has written to the terminal. */
void top_screen_repair(void);
void top_screen_draw(struct top *top, usec_t now);
/* -1: no key waits. */
int top_screen_key(void);
