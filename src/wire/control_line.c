// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/wire/control_line.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "smtpguard/base/escape.h"
#include "smtpguard/base/parse.h"

#define QUOTED_TEXT_MAX 64

enum parameter {
	PARAMETER_ALL,
	PARAMETER_COMMENT,
	PARAMETER_FOR,
	PARAMETER_LIMIT,
	PARAMETER_REASON,
	PARAMETER_SERVICE,
	PARAMETER_SORT,
	PARAMETER_SOURCE,
	PARAMETER_TRUST,
	PARAMETERS
};

static const char *const parameter_names[PARAMETERS] = {
	[PARAMETER_ALL] = "all",       [PARAMETER_COMMENT] = "comment",
	[PARAMETER_FOR] = "for",       [PARAMETER_LIMIT] = "limit",
	[PARAMETER_REASON] = "reason", [PARAMETER_SERVICE] = "service",
	[PARAMETER_SORT] = "sort",     [PARAMETER_SOURCE] = "source",
	[PARAMETER_TRUST] = "trust",
};

enum argument { ARGUMENT_NONE, ARGUMENT_ADDRESS, ARGUMENT_ADDRESS_OR_ALL };

static const struct {
	const char *name, *usage; /* a name may be two words */
	enum argument argument;
	unsigned parameters; /* bits of enum parameter */
	bool changes;
} verbs[CONTROL_VERBS] = {
	[CONTROL_STATUS] = { "status", "status", ARGUMENT_NONE, 0, false },
	[CONTROL_SOURCES] = { "sources",
			      "sources [limit=N] [service=NAME] [sort=concurrent|new|half_open] "
			      "[all=1]",
			      ARGUMENT_NONE,
			      1u << PARAMETER_LIMIT | 1u << PARAMETER_SERVICE |
				      1u << PARAMETER_SORT | 1u << PARAMETER_ALL,
			      false },
	[CONTROL_BANS] = { "bans", "bans [source=ADDR]", ARGUMENT_NONE, 1u << PARAMETER_SOURCE,
			   false },
	[CONTROL_EXPLAIN] = { "explain", "explain ADDR", ARGUMENT_ADDRESS, 0, false },
	[CONTROL_BAN] = { "ban", "ban ADDR[/LEN] [for=1h|forever] [reason=\"TEXT\"]",
			  ARGUMENT_ADDRESS, 1u << PARAMETER_FOR | 1u << PARAMETER_REASON, true },
	[CONTROL_UNBAN] = { "unban", "unban ADDR[/LEN]|all [trust=1h]", ARGUMENT_ADDRESS_OR_ALL,
			    1u << PARAMETER_TRUST, true },
	[CONTROL_EVENTS] = { "events", "events", ARGUMENT_NONE, 0, false },
	[CONTROL_ALLOW_ADD] = { "allow add",
				"allow add ADDR[/LEN] [for=1h|forever] [comment=\"TEXT\"]",
				ARGUMENT_ADDRESS, 1u << PARAMETER_FOR | 1u << PARAMETER_COMMENT,
				true },
	[CONTROL_ALLOW_REMOVE] = { "allow remove", "allow remove ADDR[/LEN]", ARGUMENT_ADDRESS, 0,
				   true },
	[CONTROL_ALLOW_LIST] = { "allow list", "allow list", ARGUMENT_NONE, 0, false },
	[CONTROL_RELOAD] = { "reload", "reload", ARGUMENT_NONE, 0, true },
	[CONTROL_FLUSH] = { "flush", "flush [all=1]", ARGUMENT_NONE, 1u << PARAMETER_ALL, true },
};

struct parser {
	char *rest;
	struct control_command *command;
	unsigned seen; /* bits of enum parameter */
	char *error;
	size_t error_size;
};

struct word {
	char *name;
	char *value; /* NULL: no '=' in it */
};

static int fail(struct parser *parser, const char *format, ...) PRINTF_LIKE(2, 3);

static int fail(struct parser *parser, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(parser->error, parser->error_size, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

bool control_verb_changes(enum control_verb verb)
{
	return verbs[verb].changes;
}

const char *control_verb_name(enum control_verb verb)
{
	return verbs[verb].name;
}

static const char *shown(char buffer[static QUOTED_TEXT_MAX], const char *text)
{
	return escape(buffer, QUOTED_TEXT_MAX, text, strlen(text));
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Removes the quotes and backslashes in place; value points behind the opening quote. */
static int unquote(struct parser *parser, char *value)
{
	char *from = value, *to = value;

	while (*from != '"') {
		if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
			from++;
		if (!*from)
			return fail(parser, "closing quote missing");
		*to++ = *from++;
	}
	from++;
	if (*from && !is_blank(*from))
		return fail(parser, "a blank must follow the closing quote");
	parser->rest = *from ? from + 1 : from;
	*to = '\0';
	return 0;
}

/* 1: *ret_word is the next word; 0: none left. */
static int next_word(struct parser *parser, struct word *ret_word)
{
	char *p = parser->rest;
	struct word word = { NULL, NULL };

	while (is_blank(*p))
		p++;
	if (!*p)
		return 0;
	word.name = p;
	while (*p && !is_blank(*p) && *p != '=')
		p++;
	if (*p == '=') {
		*p++ = '\0';
		word.value = p;
		if (*p == '"') {
			int r = unquote(parser, ++word.value);

			if (r < 0)
				return r;
			*ret_word = word;
			return 1;
		}
		while (*p && !is_blank(*p))
			p++;
	}
	parser->rest = *p ? p + 1 : p;
	*p = '\0';
	*ret_word = word;
	return 1;
}

static int read_prefix(struct parser *parser, const char *text)
{
	struct control_command *command = parser->command;
	char buffer[QUOTED_TEXT_MAX], prefix[PREFIX_TEXT_MAX];
	int r = prefix_parse(text, &command->prefix);

	if (r < 0)
		return fail(parser, "'%s' is no address; allowed: ADDR or ADDR/LEN, IPv4 or IPv6",
			    shown(buffer, text));
	if (r == PREFIX_HOST_BITS)
		return fail(parser, "'%s' has bits set behind its length; the prefix is %s",
			    shown(buffer, text), prefix_format(&command->prefix, prefix));
	command->has_prefix = true;
	command->has_length = strchr(text, '/');
	return 0;
}

static int read_duration(struct parser *parser, const char *name, const char *text,
			 bool may_be_forever)
{
	char buffer[QUOTED_TEXT_MAX];
	usec_t duration;

	if (may_be_forever && !strcmp(text, "forever"))
		duration = USEC_NEVER;
	else if (parse_duration(text, &duration) < 0 || duration > CONTROL_DURATION_MAX)
		return fail(parser,
			    "%s: '%s' is no duration; allowed: 1s to 3650d, units ms s m h d%s",
			    name, shown(buffer, text), may_be_forever ? ", or forever" : "");
	parser->command->duration = duration;
	return 0;
}

static int read_limit(struct parser *parser, const char *text)
{
	char buffer[QUOTED_TEXT_MAX];
	uint64_t value;

	if (parse_number(text, 1, CONTROL_SOURCES_LIMIT_MAX, &value) < 0)
		return fail(parser, "limit: '%s' is not allowed; allowed: 1 to %d",
			    shown(buffer, text), CONTROL_SOURCES_LIMIT_MAX);
	parser->command->limit = (uint32_t)value;
	return 0;
}

static int read_all(struct parser *parser, const char *text)
{
	char buffer[QUOTED_TEXT_MAX];
	uint64_t value;

	if (parse_number(text, 0, 1, &value) < 0)
		return fail(parser, "all: '%s' is not allowed; allowed: 0, 1",
			    shown(buffer, text));
	parser->command->all = value;
	return 0;
}

static int read_service(struct parser *parser, const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	char buffer[QUOTED_TEXT_MAX];
	size_t length = strlen(text);

	if (!length || length >= SERVICE_NAME_MAX || strspn(text, allowed) != length)
		return fail(parser, "service: '%s' is no name of a service", shown(buffer, text));
	memcpy(parser->command->service, text, length + 1);
	return 0;
}

static int read_sort(struct parser *parser, const char *text)
{
	static const char *const names[] = {
		[CONTROL_SORT_CONCURRENT] = "concurrent",
		[CONTROL_SORT_NEW] = "new",
		[CONTROL_SORT_HALF_OPEN] = "half_open",
	};
	char buffer[QUOTED_TEXT_MAX];

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]))
			continue;
		parser->command->sort = (enum control_sort)i;
		return 0;
	}
	return fail(parser, "sort: '%s' is not allowed; allowed: concurrent, new, half_open",
		    shown(buffer, text));
}

static int read_value(struct parser *parser, enum parameter parameter, const char *value)
{
	switch (parameter) {
	case PARAMETER_ALL:
		return read_all(parser, value);
	case PARAMETER_FOR:
	case PARAMETER_TRUST:
		return read_duration(parser, parameter_names[parameter], value,
				     parameter == PARAMETER_FOR);
	case PARAMETER_LIMIT:
		return read_limit(parser, value);
	case PARAMETER_COMMENT:
	case PARAMETER_REASON:
		/* cut rather than refused: the ban matters more than its text */
		escape(parser->command->reason, sizeof(parser->command->reason), value,
		       strlen(value));
		return 0;
	case PARAMETER_SERVICE:
		return read_service(parser, value);
	case PARAMETER_SORT:
		return read_sort(parser, value);
	case PARAMETER_SOURCE:
		return read_prefix(parser, value);
	case PARAMETERS:
		break;
	}
	return -EINVAL;
}

static int read_parameter(struct parser *parser, const struct word *word)
{
	enum control_verb verb = parser->command->verb;
	char buffer[QUOTED_TEXT_MAX];

	for (unsigned i = 0; i < PARAMETERS; i++) {
		if (!(verbs[verb].parameters & 1u << i) || strcmp(word->name, parameter_names[i]))
			continue;
		if (parser->seen & 1u << i)
			return fail(parser, "%s: given twice", parameter_names[i]);
		parser->seen |= 1u << i;
		return read_value(parser, (enum parameter)i, word->value);
	}
	return fail(parser, "unknown parameter '%s'; usage: %s", shown(buffer, word->name),
		    verbs[verb].usage);
}

static int read_argument(struct parser *parser, const struct word *word)
{
	struct control_command *command = parser->command;
	enum argument argument = verbs[command->verb].argument;
	char buffer[QUOTED_TEXT_MAX];

	if (argument == ARGUMENT_NONE || command->has_prefix || command->all)
		return fail(parser, "unexpected '%s'; usage: %s", shown(buffer, word->name),
			    verbs[command->verb].usage);
	if (argument == ARGUMENT_ADDRESS_OR_ALL && !strcmp(word->name, "all")) {
		command->all = true;
		return 0;
	}
	return read_prefix(parser, word->name);
}

/* The text behind the first word of a verb's name; NULL if that is another word. */
static const char *behind_first_word(enum control_verb verb, const char *word)
{
	const char *name = verbs[verb].name;
	size_t length = strlen(word);

	if (strncmp(name, word, length) || (name[length] && name[length] != ' '))
		return NULL;
	return name + length;
}

/* `allow` alone says nothing: the second word of its name follows. */
static int read_second_word(struct parser *parser, const char *first)
{
	char buffer[QUOTED_TEXT_MAX];
	struct word word;
	int r = next_word(parser, &word);

	if (r < 0)
		return r;
	for (unsigned i = 0; r && !word.value && i < CONTROL_VERBS; i++) {
		const char *rest = behind_first_word((enum control_verb)i, first);

		if (!rest || !*rest || strcmp(rest + 1, word.name))
			continue;
		parser->command->verb = (enum control_verb)i;
		return 0;
	}
	return fail(parser, "%s: %s%s%s; allowed: add, remove, list", first,
		    r ? "unknown '" : "no action", r ? shown(buffer, word.name) : "", r ? "'" : "");
}

static int read_verb(struct parser *parser)
{
	char buffer[QUOTED_TEXT_MAX];
	struct word word;
	int r = next_word(parser, &word);

	if (r < 0)
		return r;
	for (unsigned i = 0; r && !word.value && i < CONTROL_VERBS; i++) {
		const char *rest = behind_first_word((enum control_verb)i, word.name);

		if (!rest)
			continue;
		if (*rest)
			return read_second_word(parser, word.name);
		parser->command->verb = (enum control_verb)i;
		return 0;
	}
	return fail(parser,
		    "%s%s%s; allowed: status, sources, bans, explain, ban, unban, events, "
		    "allow add, allow remove, allow list, reload, flush",
		    r ? "unknown command '" : "no command", r ? shown(buffer, word.name) : "",
		    r ? "'" : "");
}

static int read_rest(struct parser *parser)
{
	enum control_verb verb = parser->command->verb;
	struct word word;
	int r;

	while ((r = next_word(parser, &word)) > 0) {
		r = word.value ? read_parameter(parser, &word) : read_argument(parser, &word);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	if (verbs[verb].argument != ARGUMENT_NONE && !parser->command->has_prefix &&
	    !parser->command->all)
		return fail(parser, "address missing; usage: %s", verbs[verb].usage);
	return 0;
}

int control_line_parse(const char *line, size_t length, struct control_command *ret_command,
		       char *error, size_t error_size)
{
	struct control_command command = { 0 };
	char text[CONTROL_LINE_MAX + 1];
	struct parser parser = {
		.rest = text, .command = &command, .error = error, .error_size = error_size
	};
	int r;

	if (length > CONTROL_LINE_MAX)
		return fail(&parser, "line longer than %d bytes", CONTROL_LINE_MAX);
	if (memchr(line, '\0', length))
		return fail(&parser, "NUL byte in the line");
	memcpy(text, line, length);
	text[length] = '\0';

	r = read_verb(&parser);
	if (r < 0)
		return r;
	r = read_rest(&parser);
	if (r < 0)
		return r;
	*ret_command = command;
	return 0;
}
