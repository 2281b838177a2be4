// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The words of a command line, and which verb takes which of them.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "smtpguard/base/escape.h"

#include "control_line_priv.h"

enum argument {
	ARGUMENT_NONE,
	ARGUMENT_ADDRESS,
	ARGUMENT_ADDRESS_OR_ALL,
	ARGUMENT_MODE, /* may be missing */
};

static const struct {
	const char *name, *usage; /* a name may be two words */
	enum argument argument;
	unsigned parameters; /* bits of enum control_parameter */
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
	[CONTROL_HISTORY] = { "history",
			      "history [source=ADDR[/LEN]] [since=7d|TIME] [limit=N]", ARGUMENT_NONE,
			      1u << PARAMETER_SOURCE | 1u << PARAMETER_SINCE | 1u << PARAMETER_LIMIT,
			      false },
	[CONTROL_PEAKS] = { "peaks",
			    "peaks [service=NAME] [source=ADDR[/LEN]] [since=7d|TIME] [limit=N]",
			    ARGUMENT_NONE,
			    1u << PARAMETER_SERVICE | 1u << PARAMETER_SOURCE |
				    1u << PARAMETER_SINCE | 1u << PARAMETER_LIMIT,
			    false },
	[CONTROL_AUTH_FAILURES] = { "auth-failures",
				    "auth-failures [by=account|source|day[,..]] [account=TEXT] "
				    "[source=ADDR[/LEN]] [since=7d|TIME] [limit=N]",
				    ARGUMENT_NONE,
				    1u << PARAMETER_BY | 1u << PARAMETER_ACCOUNT |
					    1u << PARAMETER_SOURCE | 1u << PARAMETER_SINCE |
					    1u << PARAMETER_LIMIT,
				    false },
	[CONTROL_ACCOUNTS] = { "accounts",
			       "accounts [min_networks=N] [account=TEXT] [source=ADDR[/LEN]] "
			       "[since=7d|TIME] [limit=N]",
			       ARGUMENT_NONE,
			       1u << PARAMETER_MIN_NETWORKS | 1u << PARAMETER_ACCOUNT |
				       1u << PARAMETER_SOURCE | 1u << PARAMETER_SINCE |
				       1u << PARAMETER_LIMIT,
			       false },
	[CONTROL_METRICS] = { "metrics", "metrics", ARGUMENT_NONE, 0, false },
	[CONTROL_MODE] = { "mode", "mode [enforce|observe]", ARGUMENT_MODE, 0, true },
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

struct word {
	char *name;
	char *value; /* NULL: no '=' in it */
};

int control_parser_fail(struct control_parser *parser, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(parser->error, parser->error_size, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

bool control_command_changes(const struct control_command *command)
{
	/* `mode` alone only asks */
	return verbs[command->verb].changes &&
	       (command->verb != CONTROL_MODE || command->has_mode);
}

const char *control_verb_name(enum control_verb verb)
{
	return verbs[verb].name;
}

const char *control_parser_shown(char buffer[static QUOTED_TEXT_MAX], const char *text)
{
	return escape(buffer, QUOTED_TEXT_MAX, text, strlen(text));
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Removes the quotes and backslashes in place; value points behind the opening quote. */
static int unquote(struct control_parser *parser, char *value)
{
	char *from = value, *to = value;

	while (*from != '"') {
		if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
			from++;
		if (!*from)
			return control_parser_fail(parser, "closing quote missing");
		*to++ = *from++;
	}
	from++;
	if (*from && !is_blank(*from))
		return control_parser_fail(parser, "a blank must follow the closing quote");
	parser->rest = *from ? from + 1 : from;
	*to = '\0';
	return 0;
}

/* 1: *ret_word is the next word; 0: none left. */
static int next_word(struct control_parser *parser, struct word *ret_word)
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

static int read_parameter(struct control_parser *parser, const struct word *word)
{
	enum control_verb verb = parser->command->verb;
	char buffer[QUOTED_TEXT_MAX];

	for (unsigned i = 0; i < PARAMETERS; i++) {
		const char *name = control_parameter_name((enum control_parameter)i);

		if (!(verbs[verb].parameters & 1u << i) || strcmp(word->name, name) != 0)
			continue;
		if (parser->seen & 1u << i)
			return control_parser_fail(parser, "%s: given twice", name);
		parser->seen |= 1u << i;
		return control_value_read(parser, (enum control_parameter)i, word->value);
	}
	return control_parser_fail(parser, "unknown parameter '%s'; usage: %s",
				   control_parser_shown(buffer, word->name), verbs[verb].usage);
}

static int read_argument(struct control_parser *parser, const struct word *word)
{
	struct control_command *command = parser->command;
	enum argument argument = verbs[command->verb].argument;
	char buffer[QUOTED_TEXT_MAX];

	if (argument == ARGUMENT_NONE || command->has_prefix || command->all || command->has_mode)
		return control_parser_fail(parser, "unexpected '%s'; usage: %s",
					   control_parser_shown(buffer, word->name),
					   verbs[command->verb].usage);
	if (argument == ARGUMENT_MODE)
		return control_mode_read(parser, word->name);
	if (argument == ARGUMENT_ADDRESS_OR_ALL && !strcmp(word->name, "all")) {
		command->all = true;
		return 0;
	}
	return control_prefix_read(parser, word->name);
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
static int read_second_word(struct control_parser *parser, const char *first)
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
	return control_parser_fail(parser, "%s: %s%s%s; allowed: add, remove, list", first,
				   r ? "unknown '" : "no action",
				   r ? control_parser_shown(buffer, word.name) : "", r ? "'" : "");
}

static int read_verb(struct control_parser *parser)
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
	return control_parser_fail(
		parser,
		"%s%s%s; allowed: status, sources, bans, explain, history, peaks, auth-failures, "
		"accounts, events, metrics, ban, unban, allow add, allow remove, allow list, mode, "
		"reload, flush",
		r ? "unknown command '" : "no command",
		r ? control_parser_shown(buffer, word.name) : "", r ? "'" : "");
}

static int read_rest(struct control_parser *parser)
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
	if ((verbs[verb].argument == ARGUMENT_ADDRESS ||
	     verbs[verb].argument == ARGUMENT_ADDRESS_OR_ALL) &&
	    !parser->command->has_prefix && !parser->command->all)
		return control_parser_fail(parser, "address missing; usage: %s", verbs[verb].usage);
	if (parser->command->min_networks && parser->command->has_prefix)
		return control_parser_fail(parser, "min_networks: not together with source; usage: %s",
					   verbs[verb].usage);
	return 0;
}

int control_line_parse(const char *line, size_t length, struct control_command *ret_command,
		       char *error, size_t error_size)
{
	struct control_command command = { 0 };
	char text[CONTROL_LINE_MAX + 1];
	struct control_parser parser = {
		.rest = text, .command = &command, .error = error, .error_size = error_size
	};
	int r;

	if (length > CONTROL_LINE_MAX)
		return control_parser_fail(&parser, "line longer than %d bytes", CONTROL_LINE_MAX);
	if (memchr(line, '\0', length))
		return control_parser_fail(&parser, "NUL byte in the line");
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
