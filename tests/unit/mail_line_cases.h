/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs the cases of a line parser (tests/cases/README.md): a line, and indented below it what must
 * come out. Besides, for every case: wanted = 0 finds the same kind, no reading is there twice,
 * slices lie within the line, and if only the true connection is known, exactly one reading is
 * left: its own.
 */
#pragma once

#include "support.h"

#include <stdio.h>

#include "smtpguard/wire/mail_line.h"

/* Where classic syslog stamps get their year from: 2026-04-20 00:00:00 UTC */
#define CASES_NOW (UINT64_C(1776643200) * USEC_PER_SEC)

typedef void mail_line_parser(struct log_clock *clock, const char *line, size_t length,
			      unsigned wanted, struct mail_line *ret_line);

struct mail_line_case {
	const char *file;
	unsigned number;     /* of the line in the file */
	char *line;	     /* NULL: none yet */
	bool expected;	     /* its kind was */
	unsigned n_readings; /* expected so far */
	struct mail_line parsed;
};

#define CASE_FAIL(c, ...)                                                                          \
	do {                                                                                       \
		print_error("%s:%u: %s\n", (c)->file, (c)->number, (c)->line);                     \
		print_error(__VA_ARGS__);                                                          \
		fail();                                                                            \
	} while (0)

static inline void case_show(const struct mail_line *line)
{
	char text[ADDRESS_TEXT_MAX];

	print_error("got %s protocol=%d attempts=%u exim_connections=%u too_many=%d\n",
		    mail_line_kind_name(line->kind), (int)line->protocol, line->attempts,
		    line->exim_connections, line->too_many_readings);
	for (unsigned i = 0; i < line->n_readings; i++)
		print_error("\t%s %u %.*s\n", address_format(&line->readings[i].address, text),
			    line->readings[i].port, (int)line->readings[i].account.length,
			    line->readings[i].account.at);
}

/* Connections that are not wanted count as such by their form. */
static inline bool case_fits_unwanted(enum mail_line_kind unwanted, enum mail_line_kind kind)
{
	if (unwanted == MAIL_LINE_CONNECT || unwanted == MAIL_LINE_DISCONNECT)
		return kind == unwanted || kind == MAIL_LINE_DISCONNECT ||
		       kind == MAIL_LINE_IGNORED || kind == MAIL_LINE_UNPARSED;
	return kind == unwanted;
}

static inline void case_parse(struct mail_line_case *c, mail_line_parser *parse, char *text)
{
	struct log_clock clock = { .now = CASES_NOW };
	size_t length = strlen(text);
	struct mail_line only_kind;

	c->line = text;
	c->expected = false;
	c->n_readings = 0;
	parse(&clock, text, length, 0, &only_kind);
	parse(&clock, text, length, MAIL_LINE_ALL, &c->parsed);
	if (!case_fits_unwanted(only_kind.kind, c->parsed.kind) || only_kind.n_readings != 0)
		CASE_FAIL(c, "wanted = 0 finds %s\n", mail_line_kind_name(only_kind.kind));
	for (unsigned i = 0; i < c->parsed.n_readings; i++) {
		const struct mail_line_reading *a = &c->parsed.readings[i];

		if (a->account.length &&
		    (a->account.at < text || a->account.at + a->account.length > text + length))
			CASE_FAIL(c, "an account is not within the line\n");
		for (unsigned j = 0; j < i; j++)
			if (address_equal(&a->address, &c->parsed.readings[j].address) &&
			    a->port == c->parsed.readings[j].port)
				CASE_FAIL(c, "a reading is there twice\n");
	}
}

/* The last word of every case: nothing but what was expected. */
static inline void case_end(struct mail_line_case *c)
{
	if (c->line && (!c->expected || c->parsed.n_readings != c->n_readings)) {
		case_show(&c->parsed);
		CASE_FAIL(c, "%u readings expected\n", c->n_readings);
	}
	c->line = NULL;
}

/* They stand only where a client put them. */
static inline bool case_is_innocent(const char *address)
{
	static const char *const all[] = { "198.51.100.1", "198.51.100.2", "198.51.100.7",
					   "198.51.100.9" };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (!strcmp(address, all[i]))
			return true;
	return false;
}

/* "ADDR PORT[ ACCOUNT]" */
static inline void case_reading(struct mail_line_case *c, char *text)
{
	char *port = strchr(text, ' '), *account = port ? strchr(port + 1, ' ') : NULL;
	const struct mail_line_reading *found = NULL;
	struct address address;
	unsigned n = 0;

	if (!port) {
		CASE_FAIL(c, "no port in the expectation: %s\n", text);
		return;
	}
	*port++ = '\0';
	if (account)
		*account++ = '\0';
	else
		account = port + strlen(port);
	address = addr(text);
	if (c->n_readings == 0 && case_is_innocent(text))
		CASE_FAIL(c, "%s is innocent\n", text);
	for (unsigned i = 0; i < c->parsed.n_readings; i++) {
		if (!address_equal(&c->parsed.readings[i].address, &address) ||
		    c->parsed.readings[i].port != strtoul(port, NULL, 10))
			continue;
		found = &c->parsed.readings[i];
		n++;
	}
	if (n != 1 || found->account.length != strlen(account) ||
	    memcmp(found->account.at ? found->account.at : "", account, strlen(account))) {
		case_show(&c->parsed);
		CASE_FAIL(c, "expected reading: %s %s %s\n", text, port, account);
	}
	c->n_readings++;
}

/* NAME=VALUE in front of the reading; false: it is none. */
static inline bool case_value(struct mail_line_case *c, const char *word)
{
	const struct mail_line *line = &c->parsed;
	char time[TIMESTAMP_TEXT_MAX], got[64];
	const char *value = strchr(word, '=');

	if (!value)
		return false;
	if (!strncmp(word, "protocol=", 9))
		snprintf(got, sizeof(got), "%s", mail_protocol_name(line->protocol));
	else if (!strncmp(word, "attempts=", 9))
		snprintf(got, sizeof(got), "%u", line->attempts);
	else if (!strncmp(word, "exim_connections=", 17))
		snprintf(got, sizeof(got), "%u", line->exim_connections);
	else if (!strncmp(word, "too_many=", 9))
		snprintf(got, sizeof(got), "%d", line->too_many_readings);
	else if (!strncmp(word, "time=", 5))
		snprintf(got, sizeof(got), "%s", clock_format_wall(line->time.wall, time));
	else if (!strncmp(word, "day=", 4))
		snprintf(got, sizeof(got), "%u", line->time.day);
	else
		CASE_FAIL(c, "unknown name in the expectation: %s\n", word);
	if (strcmp(got, value + 1)) {
		case_show(line);
		CASE_FAIL(c, "expected %s, got %s\n", word, got);
	}
	return true;
}

/* "KIND [NAME=VALUE ...] [ADDR PORT[ ACCOUNT]]", or "or ADDR PORT[ ACCOUNT]" */
static inline void case_expect(struct mail_line_case *c, char *text)
{
	char *rest = strchr(text, ' ');

	if (!c->line) {
		print_error("%s:%u: an expectation without line\n", c->file, c->number);
		fail();
	}
	if (rest)
		*rest++ = '\0';
	if (!strcmp(text, "or")) {
		if (!rest || c->n_readings == 0)
			CASE_FAIL(c, "the true reading comes first\n");
		case_reading(c, rest);
		return;
	}
	if (c->expected || strcmp(text, mail_line_kind_name(c->parsed.kind))) {
		case_show(&c->parsed);
		CASE_FAIL(c, "expected %s\n", text);
	}
	c->expected = true;
	while (rest) {
		char *next = strchr(rest, ' ');

		if (next)
			*next = '\0';
		if (!case_value(c, rest)) {
			if (next)
				*next = ' ';
			case_reading(c, rest);
			return;
		}
		rest = next ? next + 1 : NULL;
	}
}

/* name: of a file below tests/cases. Returns how many cases it has. */
static inline unsigned mail_line_cases_run(const char *name, mail_line_parser *parse)
{
	const char *root = getenv("SMTPGUARD_SOURCE_ROOT");
	struct mail_line_case c = { .file = name };
	unsigned n = 0, number = 0;
	char path[4096], *text = NULL;
	char *kept = NULL; /* the line of the case: its expectations follow */
	size_t size = 0;
	ssize_t length;
	FILE *file;

	snprintf(path, sizeof(path), "%s/tests/cases/%s", root ? root : ".", name);
	file = fopen(path, "r");
	assert_non_null(file);
	while ((length = getline(&text, &size, file)) >= 0) {
		number++;
		if (length && text[length - 1] == '\n')
			text[--length] = '\0';
		if (length == 0 || text[0] == '#')
			continue;
		if (text[0] == '\t') {
			case_expect(&c, text + 1);
			continue;
		}
		case_end(&c);
		free(kept);
		kept = strdup(text);
		assert_non_null(kept);
		c.number = number;
		case_parse(&c, parse, kept);
		n++;
	}
	case_end(&c);
	free(kept);
	free(text);
	fclose(file);
	return n;
}
