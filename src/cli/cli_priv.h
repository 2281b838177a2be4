/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command `smtpguard`: what main, the verbs, the connection and the tables have in common. A verb
 * is a row of data and a function that shows the daemon's answer; its options are the protocol's
 * parameters under the same names.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "smtpguard/base/compiler.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1, /* the daemon said no, or the output could not be written */
	EXIT_USAGE = 2,	  /* also: bad configuration */
	EXIT_UNREACHABLE = 3,
};

struct cli {
	const char *socket_path;
	bool json;
	bool colour;
};

#define VERB_OPTIONS_MAX 6

struct verb_option {
	const char *name;  /* of the option; of the parameter with _ for - */
	const char *value; /* what it takes, for the help; NULL: nothing, sent as NAME=1 */
	const char *help;
};

struct arguments {
	const char *word; /* the one positional argument; NULL: none */
	const char *values[VERB_OPTIONS_MAX]; /* as in the verb's options; NULL: not given */
};

struct verb {
	const char *name, *alias; /* alias may be NULL */
	const char *action;	  /* the second word of `allow add`; NULL: the name is all */
	const char *word;	  /* what the positional argument is, for the help; NULL: none */
	bool needs_word;
	const char *word_parameter; /* the parameter the word is sent as; NULL: as it is */
	const char *help;
	struct verb_option options[VERB_OPTIONS_MAX];
	enum exit_code (*run)(const struct cli *cli, const struct verb *verb,
			      const struct arguments *arguments);
};

extern const struct verb verb_status, verb_top, verb_sources, verb_bans, verb_explain, verb_history,
	verb_events, verb_auth_failures, verb_accounts, verb_doctor, verb_metrics, verb_digest,
	verb_suggest_limits, verb_ban, verb_unban, verb_allow_list, verb_allow_add, verb_allow_remove,
	verb_mode, verb_flush, verb_reload, verb_check_config, verb_import_csf, verb_import_apf;

/* --- request.c --- */

#define REQUEST_BYTES_MAX 1025 /* the protocol's longest line, with the newline */

struct parameter {
	const char *name, *value; /* value may be NULL: not sent */
};

struct request {
	char text[REQUEST_BYTES_MAX];
	size_t used;
	bool failed; /* too long */
};

/* EXIT_USAGE, complained about: the daemon could not read that. */
enum exit_code request_of_verb(struct request *request, const struct cli *cli,
			       const struct verb *verb, const struct arguments *arguments);
/* parameters end with one without a name; NULL: none. Their values come from a program. */
void request_of_command(struct request *request, const char *command,
			const struct parameter *parameters);

/* --- client.c --- */

struct connection {
	int fd;
	char *data;
	size_t taken, used, size; /* data[taken..used) was received and not handed out yet */
};

/* Connects and sends the verb's command. Complains itself. The connection is closed unless done. */
enum exit_code connection_open(struct connection *connection, const struct cli *cli,
			       const struct verb *verb, const struct arguments *arguments);
/* The descriptor, or -errno. patience_s: of each send and receive; 0: they do not wait. */
int socket_dial(const char *path, unsigned patience_s) MUST_CHECK;
void connection_close(struct connection *connection);
/* 1: *ret_line (without newline) is valid until the next call; 0: the peer closed; -errno. */
int connection_read(struct connection *connection, const char **ret_line) MUST_CHECK;
/* Connects and sends. As connection_open(). */
enum exit_code connection_send(struct connection *connection, const struct cli *cli,
			       const struct request *request);

/* --- answer.c --- */

/* To standard error, in one line. */
void complain(const char *format, ...) PRINTF_LIKE(1, 2);
/*
 * Complains; with --json the same also as a document on standard output, {"ok":false,"code":..,
 * "message":..}, where code is "usage", "unreachable" or "failed" by the exit code. Returns the exit code.
 */
enum exit_code fail_with(const struct cli *cli, enum exit_code exit_code, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* Prints on one line, and takes the reference; NULL: there was no memory for it. */
enum exit_code print_document(json_t *document);

/* Parses an answer; a refusal is complained about, with all its problems. *ret_answer is the caller's. */
enum exit_code answer_parse(const struct cli *cli, const char *line, json_t **ret_answer);
/* Connects, asks, and shows the answer: as it came with --json, otherwise through show(). */
enum exit_code ask(const struct cli *cli, const struct verb *verb,
		   const struct arguments *arguments,
		   void (*show)(const struct cli *cli, const json_t *answer));

/*
 * For verbs that put an answer of their own together. EXIT_DONE: the daemon answered, *ret_answer is the
 * caller's; it may be a refusal. Otherwise complained about.
 */
enum exit_code fetch(const struct cli *cli, const char *command, const struct parameter *parameters,
		     json_t **ret_answer);
enum exit_code fetch_verb(const struct cli *cli, const struct verb *verb,
			  const struct arguments *arguments, json_t **ret_answer);
/* EXIT_DONE if it is no refusal; otherwise complained about, with --json also printed as it came. */
enum exit_code check_answer(const struct cli *cli, const json_t *answer);

/* --- table.c --- */

enum colour { COLOUR_NONE, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_BOLD };

struct column {
	const char *title;
	bool right;
};

#define TABLE_COLUMNS_MAX 12
#define CELL_TEXT_MAX 512

struct cell {
	char *text;
	enum colour colour;
};

struct table {
	const struct column *columns;
	unsigned n_columns;
	struct cell *cells;
	size_t n_cells, capacity;
	size_t widths[TABLE_COLUMNS_MAX];
};

void table_begin(struct table *table, const struct column *columns, unsigned n_columns);
/* The next cell, row by row. Control characters never reach the terminal. */
void table_add(struct table *table, enum colour colour, const char *format, ...) PRINTF_LIKE(3, 4);
/* Prints and frees. */
void table_end(struct table *table, const struct cli *cli);
/* One line of text, coloured as the table's cells. */
void print_line(const struct cli *cli, enum colour colour, const char *format, ...) PRINTF_LIKE(3, 4);

/* A line that begins with a word in bold, in a column of its own; an empty word continues the last one. */
void print_fact(const struct cli *cli, const char *word, enum colour colour, const char *format, ...)
	PRINTF_LIKE(4, 5);

/* --- format.c: members of documents, and how people read them --- */

/* The member's text; "-" if it is missing or null. */
const char *text_of(const json_t *object, const char *key);
json_int_t number_of(const json_t *object, const char *key);
long long count_of(const json_t *object, const char *key); /* for "%lld" */
bool is_true(const json_t *object, const char *key);
bool has_text(const json_t *object, const char *key);
/* Whether the member is a time. */
bool time_of(const json_t *object, const char *key, time_t *ret_time);

enum colour standing_colour(const char *standing);
#define SPAN_TEXT_MAX 32
/* "2026-11-22 13:02:10", local time; "-" for null. Writes and returns text. */
const char *moment_format(const json_t *object, const char *key, char text[static SPAN_TEXT_MAX]);
const char *moment_text(time_t moment, char text[static SPAN_TEXT_MAX]);
/* "until TIME", or "without end" for null. Writes and returns text. */
const char *end_format(const json_t *object, const char *key, char text[static SPAN_TEXT_MAX]);
/* "59m 10s", "6d 23h", "8h". Writes and returns text. */
const char *span_format(json_int_t seconds, char text[static SPAN_TEXT_MAX]);
/* "first" to "tenth", "11th". Writes and returns text. */
const char *ordinal_format(json_int_t number, char text[static SPAN_TEXT_MAX]);
/* "verified mail.example", "none". Writes and returns text. */
const char *reverse_dns_format(const json_t *state, const json_t *names,
			       char text[static CELL_TEXT_MAX]);
/* What the answers about its name came to, as half a sentence. */
const char *reverse_dns_words(const char *state);
