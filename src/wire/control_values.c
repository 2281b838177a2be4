// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The values of the control socket's commands.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "smtpguard/base/escape.h"
#include "smtpguard/base/parse.h"

#include "control_line_priv.h"

#define YEAR_FIRST 1970 /* the wall clock begins there */

static const char *const parameter_names[PARAMETERS] = {
	[PARAMETER_ACCOUNT] = "account", [PARAMETER_ALL] = "all",
	[PARAMETER_BY] = "by",		 [PARAMETER_COMMENT] = "comment",
	[PARAMETER_FOR] = "for",	 [PARAMETER_LIMIT] = "limit",
	[PARAMETER_REASON] = "reason",	 [PARAMETER_SERVICE] = "service",
	[PARAMETER_SINCE] = "since",	 [PARAMETER_SORT] = "sort",
	[PARAMETER_SOURCE] = "source",	 [PARAMETER_TRUST] = "trust",
	[PARAMETER_MIN_NETWORKS] = "min_networks",
};

const char *control_parameter_name(enum control_parameter parameter)
{
	return parameter_names[parameter];
}

int control_prefix_read(struct control_parser *parser, const char *text)
{
	struct control_command *command = parser->command;
	char buffer[QUOTED_TEXT_MAX], prefix[PREFIX_TEXT_MAX];
	int r = prefix_parse(text, &command->prefix);

	if (r < 0)
		return control_parser_fail(
			parser, "'%s' is no address; allowed: ADDR or ADDR/LEN, IPv4 or IPv6",
			control_parser_shown(buffer, text));
	if (r == PREFIX_HOST_BITS)
		return control_parser_fail(
			parser, "'%s' has bits set behind its length; the prefix is %s",
			control_parser_shown(buffer, text),
			prefix_format(&command->prefix, prefix));
	command->has_prefix = true;
	command->has_length = strchr(text, '/');
	return 0;
}

int control_mode_read(struct control_parser *parser, const char *text)
{
	struct control_command *command = parser->command;
	char buffer[QUOTED_TEXT_MAX];

	command->observe = !strcmp(text, "observe");
	if (!command->observe && strcmp(text, "enforce") != 0)
		return control_parser_fail(parser,
					   "'%s' is no mode; allowed: enforce, observe",
					   control_parser_shown(buffer, text));
	command->has_mode = true;
	return 0;
}

static int read_duration(struct control_parser *parser, const char *name, const char *text,
			 bool may_be_forever)
{
	char buffer[QUOTED_TEXT_MAX];
	usec_t duration;

	if (may_be_forever && !strcmp(text, "forever"))
		duration = USEC_NEVER;
	else if (parse_duration(text, &duration) < 0 || duration > CONTROL_DURATION_MAX)
		return control_parser_fail(
			parser,
			"%s: '%s' is no duration; allowed: 1s to 3650d, units ms s m h d%s", name,
			control_parser_shown(buffer, text), may_be_forever ? ", or forever" : "");
	parser->command->duration = duration;
	return 0;
}

/* --- RFC 3339 --- */

/* Exactly n digits at *text, which moves behind them. */
static bool take_digits(const char **text, unsigned n, int *ret_value)
{
	int value = 0;

	for (; n > 0; n--, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		value = value * 10 + (**text - '0');
	}
	*ret_value = value;
	return true;
}

static bool take_char(const char **text, char upper)
{
	/* T and Z may be small letters (RFC 3339, 5.6) */
	if (**text != upper && (upper < 'A' || **text != upper + ('a' - 'A')))
		return false;
	(*text)++;
	return true;
}

static bool take_date(const char **text, struct tm *tm)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year, month, day, leap;

	if (!take_digits(text, 4, &year) || !take_char(text, '-') ||
	    !take_digits(text, 2, &month) || !take_char(text, '-') || !take_digits(text, 2, &day))
		return false;
	leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (year < YEAR_FIRST || month < 1 || month > 12 || day < 1 ||
	    day > days[month - 1] + leap)
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return true;
}

static bool take_clock(const char **text, struct tm *tm)
{
	if (!take_digits(text, 2, &tm->tm_hour) || !take_char(text, ':') ||
	    !take_digits(text, 2, &tm->tm_min) || !take_char(text, ':') ||
	    !take_digits(text, 2, &tm->tm_sec))
		return false;
	if (**text == '.') {
		(*text)++;
		if (**text < '0' || **text > '9')
			return false;
		/* fractions do not matter here */
		*text += strspn(*text, "0123456789");
	}
	return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec <= 60;
}

static bool take_zone(const char **text, int *ret_seconds)
{
	int sign = **text == '-' ? -1 : 1, hours, minutes;

	*ret_seconds = 0;
	if (take_char(text, 'Z'))
		return true;
	if (!take_char(text, '+') && !take_char(text, '-'))
		return false;
	if (!take_digits(text, 2, &hours) || !take_char(text, ':') ||
	    !take_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* A date-time, or a full-date, which stands for its beginning in UTC. */
static bool parse_time(const char *text, usec_t *ret_wall)
{
	struct tm tm = { 0 };
	int zone = 0;
	int64_t seconds;

	if (!take_date(&text, &tm))
		return false;
	if (*text &&
	    (!take_char(&text, 'T') || !take_clock(&text, &tm) || !take_zone(&text, &zone)))
		return false;
	if (*text)
		return false;
	seconds = (int64_t)timegm(&tm) - zone;
	*ret_wall = seconds > 0 ? (usec_t)seconds * USEC_PER_SEC : 0;
	return true;
}

static int read_since(struct control_parser *parser, const char *text)
{
	struct control_command *command = parser->command;
	char buffer[QUOTED_TEXT_MAX];

	if (parse_time(text, &command->since_wall))
		return 0;
	if (parse_duration(text, &command->since) == 0 && command->since <= CONTROL_DURATION_MAX)
		return 0;
	return control_parser_fail(parser,
				   "since: '%s' is not allowed; allowed: how long ago (1s to 3650d, "
				   "units ms s m h d), or a time: 2026-11-22T10:00:00Z, 2026-11-22",
				   control_parser_shown(buffer, text));
}

/* --- the others --- */

static int read_count(struct control_parser *parser, const char *name, const char *text,
		      uint32_t *ret_count)
{
	char buffer[QUOTED_TEXT_MAX];
	uint64_t value;

	if (parse_number(text, 1, CONTROL_LIMIT_MAX, &value) < 0)
		return control_parser_fail(parser, "%s: '%s' is not allowed; allowed: 1 to %d",
					   name, control_parser_shown(buffer, text),
					   CONTROL_LIMIT_MAX);
	*ret_count = (uint32_t)value;
	return 0;
}

/* As answers show accounts: every backslash begins a \xNN. */
static bool is_escaped(const char *text)
{
	while ((text = strchr(text, '\\'))) {
		if (text[1] != 'x' || strspn(text + 2, "0123456789abcdef") < 2)
			return false;
		text += 4;
	}
	return true;
}

/* What an answer showed finds the same account again, and so does what the client typed. */
static void read_account(struct control_parser *parser, const char *text)
{
	struct control_command *command = parser->command;

	if (is_escaped(text))
		escape_once(command->account, sizeof(command->account), text, strlen(text));
	else
		escape(command->account, sizeof(command->account), text, strlen(text));
	command->has_account = true;
}

static int read_by(struct control_parser *parser, const char *text)
{
	static const char *const names[] = { "account", "source", "day" };
	char buffer[QUOTED_TEXT_MAX];
	unsigned by = 0;

	for (const char *p = text;; p++) {
		size_t length = strcspn(p, ",");
		unsigned found = 0;

		for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
			if (strlen(names[i]) == length && !strncmp(p, names[i], length))
				found = 1u << i;
		if (!found || by & found)
			return control_parser_fail(parser,
						   "by: '%s' is not allowed; allowed: account, source, "
						   "day, or several of them with commas between",
						   control_parser_shown(buffer, text));
		by |= found;
		p += length;
		if (!*p)
			break;
	}
	parser->command->by = by;
	return 0;
}

static int read_all(struct control_parser *parser, const char *text)
{
	char buffer[QUOTED_TEXT_MAX];
	uint64_t value;

	if (parse_number(text, 0, 1, &value) < 0)
		return control_parser_fail(parser, "all: '%s' is not allowed; allowed: 0, 1",
					   control_parser_shown(buffer, text));
	parser->command->all = value;
	return 0;
}

static int read_service(struct control_parser *parser, const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	char buffer[QUOTED_TEXT_MAX];
	size_t length = strlen(text);

	if (!length || length >= SERVICE_NAME_MAX || strspn(text, allowed) != length)
		return control_parser_fail(parser, "service: '%s' is no name of a service",
					   control_parser_shown(buffer, text));
	memcpy(parser->command->service, text, length + 1);
	return 0;
}

static int read_sort(struct control_parser *parser, const char *text)
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
	return control_parser_fail(
		parser, "sort: '%s' is not allowed; allowed: concurrent, new, half_open",
		control_parser_shown(buffer, text));
}

int control_value_read(struct control_parser *parser, enum control_parameter parameter,
		       const char *text)
{
	switch (parameter) {
	case PARAMETER_ACCOUNT:
		read_account(parser, text);
		return 0;
	case PARAMETER_ALL:
		return read_all(parser, text);
	case PARAMETER_BY:
		return read_by(parser, text);
	case PARAMETER_FOR:
	case PARAMETER_TRUST:
		return read_duration(parser, parameter_names[parameter], text,
				     parameter == PARAMETER_FOR);
	case PARAMETER_LIMIT:
		return read_count(parser, "limit", text, &parser->command->limit);
	case PARAMETER_MIN_NETWORKS:
		return read_count(parser, "min_networks", text, &parser->command->min_networks);
	case PARAMETER_COMMENT:
	case PARAMETER_REASON:
		/* cut rather than refused: the ban matters more than its text */
		escape(parser->command->reason, sizeof(parser->command->reason), text,
		       strlen(text));
		return 0;
	case PARAMETER_SERVICE:
		return read_service(parser, text);
	case PARAMETER_SINCE:
		return read_since(parser, text);
	case PARAMETER_SORT:
		return read_sort(parser, text);
	case PARAMETER_SOURCE:
		return control_prefix_read(parser, text);
	case PARAMETERS:
		break;
	}
	return -EINVAL;
}
