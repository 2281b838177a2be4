// SPDX-License-Identifier: GPL-2.0-or-later
/* The words of a line, and what they can stand for. */
#include "story.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/parse.h"

_Noreturn void fail(const struct story *story, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s:%u: at %.3fs: ", story->path, story->line,
		(double)(story->now - story->start) / 1e6);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

void split(struct story *story, char *p)
{
	story->n_words = story->word = 0;
	for (;;) {
		bool quoted;

		p += strspn(p, " \t\n");
		if (!*p || *p == '#')
			return;
		quoted = *p == '"';
		if (story->n_words == WORDS_MAX)
			fail(story, "too many words");
		story->words[story->n_words++] = p += quoted;
		p += strcspn(p, quoted ? "\"" : " \t\n");
		if (*p)
			*p++ = '\0';
		else if (quoted)
			fail(story, "no closing quote");
	}
}

const char *peek(const struct story *story)
{
	return story->word < story->n_words ? story->words[story->word] : "";
}

char *next(struct story *story)
{
	if (story->word == story->n_words)
		fail(story, "the line ends too early");
	return story->words[story->word++];
}

bool accept(struct story *story, const char *word)
{
	bool same = story->word < story->n_words && !strcmp(peek(story), word);

	story->word += same;
	return same;
}

int choose(struct story *story, const struct named *names)
{
	const char *word = next(story);

	for (; names->name; names++)
		if (!strcmp(word, names->name))
			return names->value;
	fail(story, "unknown word \"%s\"", word);
}

usec_t time_of(const struct story *story, const char *word)
{
	static const struct named units[] = { { "ms", 1000 },	       { "s", 1000000 },
					      { "m", 60000000 },       { "h", 0 },
					      { "d", 0 },	       { NULL, 0 } };
	char *unit;
	double value = strtod(word, &unit);

	if (unit == word || value < 0)
		fail(story, "not a time: \"%s\"", word);
	if (!strcmp(unit, "h"))
		return (usec_t)(value * 3600e6 + 0.5);
	if (!strcmp(unit, "d"))
		return (usec_t)(value * 86400e6 + 0.5);
	for (const struct named *u = units; u->name; u++)
		if (!strcmp(unit, u->name))
			return (usec_t)(value * u->value + 0.5);
	fail(story, "not a time: \"%s\"", word);
}

usec_t time_or_never(struct story *story)
{
	return accept(story, "never") ? USEC_NEVER : time_of(story, next(story));
}

double fraction_of(const struct story *story, const char *word)
{
	char *end;
	double value = strtod(word, &end);

	if (end == word || *end)
		fail(story, "not a number: \"%s\"", word);
	return value;
}

uint64_t number_of(const struct story *story, const char *word)
{
	uint64_t value;

	if (parse_number(word, 0, UINT32_MAX, &value))
		fail(story, "not a number: \"%s\"", word);
	return value;
}

struct address address_of(const struct story *story, const char *word)
{
	struct address address;

	if (address_parse(word, &address))
		fail(story, "not an address: \"%s\"", word);
	return address;
}

struct prefix prefix_of(const struct story *story, const char *word)
{
	struct prefix prefix;

	if (prefix_parse(word, &prefix))
		fail(story, "not a prefix: \"%s\"", word);
	return prefix;
}

struct address endpoint_of(const struct story *story, char *word, uint16_t *ret_first,
			   uint16_t *ret_last)
{
	char *colon = strrchr(word, ':'), *dash;

	if (!colon)
		fail(story, "no port in \"%s\"", word);
	*colon = '\0';
	dash = strchr(colon + 1, '-');
	if (dash)
		*dash = '\0';
	*ret_first = (uint16_t)number_of(story, colon + 1);
	*ret_last = dash ? (uint16_t)number_of(story, dash + 1) : *ret_first;
	if (*word == '[' && colon > word && colon[-1] == ']') {
		colon[-1] = '\0';
		word++;
	}
	return address_of(story, word);
}
