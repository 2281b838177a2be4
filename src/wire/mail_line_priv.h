/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parsers of log lines share: bounded text, and readings. Nothing here looks behind the
 * end of the slice it is given. Offsets count from the slice's beginning.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#include "smtpguard/base/compiler.h"
#include "smtpguard/wire/mail_line.h"

/* As an offset: it does not occur. */
#define SLICE_NONE SIZE_MAX

/* From an offset to the end; empty if the offset is behind it. */
static inline struct text_slice slice_rest(struct text_slice text, size_t from)
{
	if (from > text.length)
		from = text.length;
	return (struct text_slice){ text.at + from, text.length - from };
}

/* From one offset to the byte before another; both are cut to the slice. */
static inline struct text_slice slice_part(struct text_slice text, size_t from, size_t to)
{
	if (to > text.length)
		to = text.length;
	if (from > to)
		from = to;
	return (struct text_slice){ text.at + from, to - from };
}

static inline bool slice_has_at(struct text_slice text, size_t at, const char *word, size_t length)
{
	return at <= text.length && length <= text.length - at &&
	       memcmp(text.at + at, word, length) == 0;
}

static inline size_t slice_find_byte(struct text_slice text, size_t from, char byte)
{
	const char *at;

	if (from >= text.length)
		return SLICE_NONE;
	at = memchr(text.at + from, byte, text.length - from);
	return at ? (size_t)(at - text.at) : SLICE_NONE;
}

/*
 * The first occurrence at or behind `from`, or SLICE_NONE. memmem() would set up its tables for
 * each line, while the first byte of a word is seldom another's.
 */
static inline size_t slice_find_word(struct text_slice text, size_t from, const char *word,
				     size_t length)
{
	size_t at = from;

	while ((at = slice_find_byte(text, at, word[0])) != SLICE_NONE) {
		if (slice_has_at(text, at, word, length))
			return at;
		at++;
	}
	return SLICE_NONE;
}

/* The last occurrence, or SLICE_NONE. */
static inline size_t slice_find_last(struct text_slice text, char byte)
{
	const char *at = text.length ? memrchr(text.at, byte, text.length) : NULL;

	return at ? (size_t)(at - text.at) : SLICE_NONE;
}

/* For string literals, which may hold NUL bytes. */
#define SLICE_HAS_AT(text, at, literal) slice_has_at(text, at, literal, sizeof(literal) - 1)
#define SLICE_BEGINS(text, literal)	SLICE_HAS_AT(text, 0, literal)
#define SLICE_FIND(text, from, literal) slice_find_word(text, from, literal, sizeof(literal) - 1)
#define SLICE_EQUALS(text, literal)                                                                \
	((text).length == sizeof(literal) - 1 && SLICE_BEGINS(text, literal))

static inline bool slice_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool slice_is_alphanumeric(char c)
{
	return slice_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool slice_is_hex(char c)
{
	return slice_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The decimal number at `at`: how many digits it has, 0 if there is none or it is too large. */
size_t slice_number(struct text_slice text, size_t at, uint32_t maximum, uint32_t *ret_value);

/* The whole slice is an address, without brackets. */
bool slice_address(struct text_slice text, struct address *ret_address);

/* "[ADDR]" or "[ADDR]:PORT" at `at`: how many bytes, 0 if it is none. Without ":PORT", port is 0.
 */
size_t slice_host(struct text_slice text, size_t at, struct address *ret_address,
		  uint16_t *ret_port);

/* No kind, no readings. What readings[] holds stays: it is not worth its time for every line. */
static inline void mail_line_clear(struct mail_line *line)
{
	memset(line, 0, offsetof(struct mail_line, readings));
}

/* The one that is there already, or NULL. */
struct mail_line_reading *mail_line_find_reading(struct mail_line *line,
						 const struct address *address, uint16_t port);
/* A reading with the same address and port as an earlier one is that one; if they differ in the account, it
 * has none. */
void mail_line_add_reading(struct mail_line *line, const struct address *address, uint16_t port,
			   struct text_slice account);

/* Leaves only the kind and the time if it is not among the wanted ones. */
void mail_line_finish(struct mail_line *line, unsigned wanted);
