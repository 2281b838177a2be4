/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A story being played: shared by replay.c (lines and time), words.c (the words of a line), settings.c,
 * events.c and mail.c (what goes in), ops.c (what comes out) and checks.c (what can be looked at).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "smtpguard/policy/guard.h"

#define WORDS_MAX 40
#define OPS_MAX 256
#define OP_TEXT_MAX 256
#define TICKS_MAX 100000

struct story {
	const char *path;
	unsigned line;
	usec_t start, now; /* of the guard's clock; the story's own time begins at 0 */
	/* in force, and what the next reload brings: `set` and `allow` change the latter */
	struct guard_settings settings[2];
	unsigned in_force;
	bool reload_prepared;
	unsigned shown; /* bits of enum guard_op_type: kinds that only some stories look at */
	struct guard *guard;
	struct siphash_key key;
	char ops[OPS_MAX][OP_TEXT_MAX];
	unsigned n_ops, n_expected;
	char *words[WORDS_MAX];
	unsigned n_words, word;
};

struct named {
	const char *name;
	int value;
};

struct counter {
	const char *name; /* NULL: the last one */
	uint64_t value;
};

/* words.c; whatever does not fit ends the program with a message */
_Noreturn void fail(const struct story *story, const char *format, ...) PRINTF_LIKE(2, 3);
/* Blanks separate words, quotes hold them together, # begins a comment. */
void split(struct story *story, char *line);
const char *peek(const struct story *story);
char *next(struct story *story);
bool accept(struct story *story, const char *word);
int choose(struct story *story, const struct named *names);
/* "1.5s": unlike the configuration's durations, fractions and 0 are allowed. */
usec_t time_of(const struct story *story, const char *word);
usec_t time_or_never(struct story *story);
double fraction_of(const struct story *story, const char *word);
uint64_t number_of(const struct story *story, const char *word);
struct address address_of(const struct story *story, const char *word);
struct prefix prefix_of(const struct story *story, const char *word);
/* "192.0.2.9:1001-1011" or "[2001:db8::9]:1001" */
struct address endpoint_of(const struct story *story, char *word, uint16_t *ret_first,
			   uint16_t *ret_last);

/* settings.c */
struct guard_settings *settings_in_force(struct story *story);
void settings_begin(struct story *story);
void settings_end(struct story *story);
void set(struct story *story);
void allow(struct story *story, bool present);
void service(struct story *story);
void reload(struct story *story);

/* ops.c */
void note(struct story *story, const char *format, ...) PRINTF_LIKE(2, 3);
void on_op(void *userdata, const struct guard_op *op);
void show(struct story *story);
void expect(struct story *story);
void nothing_left(struct story *story);

/* events.c */
void event(struct story *story);
void check(struct story *story);

/* mail.c */
void mail(struct story *story);
void check_auth(struct story *story);
void check_mail(struct story *story);

/* replay.c: ticks on the way happen when the guard asks for them. */
void advance(struct story *story, usec_t to);
