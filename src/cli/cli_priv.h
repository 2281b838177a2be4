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

#define VERB_OPTIONS_MAX 4

struct verb_option {
	const char *name;  /* of the option and of the parameter */
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

extern const struct verb verb_status, verb_sources, verb_bans, verb_explain, verb_ban, verb_unban,
	verb_allow_add, verb_allow_remove, verb_allow_list, verb_events, verb_reload, verb_flush,
	verb_check_config;

void complain(const char *format, ...) PRINTF_LIKE(1, 2);

/* --- client.c --- */

struct connection {
	int fd;
	char *data;
	size_t taken, used, size; /* data[taken..used) was received and not handed out yet */
};

/* Connects and sends the verb's command. Complains itself. The connection is closed unless done. */
enum exit_code connection_open(struct connection *connection, const struct cli *cli,
			       const struct verb *verb, const struct arguments *arguments);
void connection_close(struct connection *connection);
/* 1: *ret_line (without newline) is valid until the next call; 0: the peer closed; -errno. */
int connection_read(struct connection *connection, const char **ret_line) MUST_CHECK;
/* Parses an answer; a refusal is complained about, with all its problems. *ret_answer is the caller's. */
enum exit_code answer_parse(const struct cli *cli, const char *line, json_t **ret_answer);
/* Connects, asks, and shows the answer: as it came with --json, otherwise through show(). */
enum exit_code ask(const struct cli *cli, const struct verb *verb,
		   const struct arguments *arguments,
		   void (*show)(const struct cli *cli, const json_t *answer));

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

enum colour standing_colour(const char *standing);
/* The member's text; "-" if it is missing or null. */
const char *text_of(const json_t *object, const char *key);
json_int_t number_of(const json_t *object, const char *key);
bool is_true(const json_t *object, const char *key);
#define SPAN_TEXT_MAX 32
/* "until TIME", or "without end" for null. Writes and returns text. */
const char *end_format(const json_t *object, const char *key, char text[static SPAN_TEXT_MAX]);
/* "59m 10s", "6d 23h". Writes and returns text. */
const char *span_format(json_int_t seconds, char text[static SPAN_TEXT_MAX]);
/* "verified mail.example", "none". Writes and returns text. */
const char *reverse_dns_format(const json_t *state, const json_t *names,
			       char text[static CELL_TEXT_MAX]);
