// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "cli_priv.h"

enum colour standing_colour(const char *standing)
{
	if (!strcmp(standing, "banned") || !strcmp(standing, "refused"))
		return COLOUR_RED;
	if (!strcmp(standing, "over-limit") || !strcmp(standing, "resolving") ||
	    !strcmp(standing, "held"))
		return COLOUR_YELLOW;
	if (!strcmp(standing, "exempt") || !strcmp(standing, "allowed"))
		return COLOUR_GREEN;
	return COLOUR_NONE;
}

const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

long long count_of(const json_t *object, const char *key)
{
	return (long long)number_of(object, key);
}

bool is_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

bool has_text(const json_t *object, const char *key)
{
	return json_is_string(json_object_get(object, key));
}

/* --- times --- */

bool time_of(const json_t *object, const char *key, time_t *ret_time)
{
	const char *text = json_string_value(json_object_get(object, key)), *rest;
	struct tm tm = { 0 };

	rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;
	if (!rest || *rest)
		return false;
	*ret_time = timegm(&tm);
	return true;
}

const char *moment_text(time_t moment, char text[static SPAN_TEXT_MAX])
{
	struct tm tm;

	if (!localtime_r(&moment, &tm) ||
	    strftime(text, SPAN_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(text, SPAN_TEXT_MAX, "-");
	return text;
}

const char *moment_format(const json_t *object, const char *key, char text[static SPAN_TEXT_MAX])
{
	time_t moment;

	if (time_of(object, key, &moment))
		return moment_text(moment, text);
	snprintf(text, SPAN_TEXT_MAX, "-");
	return text;
}

/* The second unit is left out where it is zero. */
const char *span_format(json_int_t seconds, char text[static SPAN_TEXT_MAX])
{
	static const struct {
		char name;
		long long seconds;
	} units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };
	long long s = seconds, rest;
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(units) && s < units[i].seconds)
		i++;
	rest = i + 1 < ARRAY_SIZE(units) ? s % units[i].seconds / units[i + 1].seconds : 0;
	if (rest)
		snprintf(text, SPAN_TEXT_MAX, "%lld%c %lld%c", s / units[i].seconds, units[i].name,
			 rest, units[i + 1].name);
	else
		snprintf(text, SPAN_TEXT_MAX, "%lld%c", s / units[i].seconds, units[i].name);
	return text;
}

const char *end_format(const json_t *object, const char *key, char text[static SPAN_TEXT_MAX])
{
	char moment[SPAN_TEXT_MAX];

	if (has_text(object, key))
		snprintf(text, SPAN_TEXT_MAX, "until %.24s", moment_format(object, key, moment));
	else
		snprintf(text, SPAN_TEXT_MAX, "without end");
	return text;
}

const char *ordinal_format(json_int_t number, char text[static SPAN_TEXT_MAX])
{
	static const char *const words[] = {
		NULL,	 "first",   "second", "third", "fourth", "fifth",
		"sixth", "seventh", "eighth", "ninth", "tenth",
	};
	static const char *const ends[] = { NULL, "st", "nd", "rd" };
	long long n = number;
	bool teen = n % 100 > 10 && n % 100 < 14;

	if (n >= 1 && n < (long long)ARRAY_SIZE(words))
		snprintf(text, SPAN_TEXT_MAX, "%s", words[n]);
	else
		snprintf(text, SPAN_TEXT_MAX, "%lld%s", n,
			 !teen && n % 10 >= 1 && n % 10 <= 3 ? ends[n % 10] : "th");
	return text;
}

/* --- names --- */

const char *reverse_dns_words(const char *state)
{
	if (!strcmp(state, "none"))
		return "it has no PTR record";
	if (!strcmp(state, "mismatch"))
		return "no name of its PTR records resolves back to it";
	if (!strcmp(state, "verified"))
		return "its name is verified";
	return "DNS gave no answer about its name";
}

const char *reverse_dns_format(const json_t *state, const json_t *names,
			       char text[static CELL_TEXT_MAX])
{
	const char *word = json_string_value(state);
	const char *name = json_string_value(json_array_get(names, 0));
	size_t more = json_array_size(names);

	if (name && more > 1)
		snprintf(text, CELL_TEXT_MAX, "%s %s (+%zu)", word ? word : "-", name, more - 1);
	else
		snprintf(text, CELL_TEXT_MAX, "%s%s%s", word ? word : "-", name ? " " : "",
			 name ? name : "");
	return text;
}
