// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"

#include "config_priv.h"

#define KEY_TEXT_MAX 256
#define VALUE_TEXT_MAX 128

void reader_done(struct config_reader *reader)
{
	for (size_t i = 0; i < reader->n_problems; i++)
		free(reader->problems[i].text);
	free(reader->problems);
	free(reader->allowed);
	text_done(&reader->text);
}

/* Takes the text over; NULL means that there was no memory for it. */
static void note(struct config_reader *reader, uint32_t order, char *text)
{
	if (text && reader->n_problems == reader->problems_allocated) {
		size_t wanted = reader->problems_allocated ? reader->problems_allocated * 2 : 16;
		struct noted_problem *grown =
			reallocarray(reader->problems, wanted, sizeof(*grown));

		if (grown) {
			reader->problems = grown;
			reader->problems_allocated = wanted;
		} else {
			free(text);
			text = NULL;
		}
	}
	if (!text) {
		reader->failure = -ENOMEM;
		return;
	}
	reader->problems[reader->n_problems] = (struct noted_problem){
		.order = order, .sequence = (uint32_t)reader->n_problems, .text = text,
	};
	reader->n_problems++;
}

static char *PRINTF_LIKE(1, 0) format_text(const char *format, va_list arguments)
{
	char *text;

	return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

void reader_problem_text(struct config_reader *reader, uint32_t order, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	note(reader, order, format_text(format, arguments));
	va_end(arguments);
}

void reader_warn(struct config_reader *reader, const char *format, ...)
{
	char **warnings = &reader->config->warnings;
	va_list arguments;
	char *text, *all;

	va_start(arguments, format);
	text = format_text(format, arguments);
	va_end(arguments);
	if (!text || asprintf(&all, "%s%s\n", *warnings ? *warnings : "", text) < 0) {
		reader->failure = -ENOMEM;
	} else {
		free(*warnings);
		*warnings = all;
	}
	free(text);
}

uint32_t reader_order(const config_setting_t *setting)
{
	return setting ? (uint32_t)config_setting_source_line(setting) : ORDER_LAST;
}

static struct text_place place_of_line(const struct config_reader *reader, unsigned line)
{
	const struct config_text *text = &reader->text;

	/* libconfig counts one line more than there are when a text ends too early */
	if (line > text->n_lines)
		line = (unsigned)text->n_lines;
	return line ? text->lines[line - 1] : (struct text_place){ .line = 1 };
}

/* "services.smtp.ports"; the elements of an array have the array's key. */
static void key_of_setting(const config_setting_t *setting, char key[static KEY_TEXT_MAX])
{
	const char *names[8];
	unsigned depth = 0;
	size_t used = 0;

	for (; setting && depth < ARRAY_SIZE(names); setting = config_setting_parent(setting)) {
		if (config_setting_name(setting))
			names[depth++] = config_setting_name(setting);
	}
	key[0] = '\0';
	while (depth-- && used < KEY_TEXT_MAX - 1)
		used += (size_t)snprintf(key + used, KEY_TEXT_MAX - used, "%s%s", names[depth],
					 depth ? "." : "");
}

static void note_at(struct config_reader *reader, const config_setting_t *setting, char *text)
{
	uint32_t order = reader_order(setting);
	struct text_place place = place_of_line(reader, order);
	char key[KEY_TEXT_MAX];

	key_of_setting(setting, key);
	if (text)
		reader_problem_text(reader, order, "%s:%u: %s: %s", reader->text.files[place.file],
				    place.line, key, text);
	else
		reader->failure = -ENOMEM;
	free(text);
}

void reader_problem(struct config_reader *reader, const config_setting_t *setting,
		    const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	note_at(reader, setting, format_text(format, arguments));
	va_end(arguments);
}

const char *reader_string(const config_setting_t *setting)
{
	const char *string = config_setting_get_string(setting);

	/* libconfig 1.5 keeps "" as NULL */
	if (!string && config_setting_type(setting) == CONFIG_TYPE_STRING)
		return "";
	return string;
}

static void describe_string(const char *string, char text[static VALUE_TEXT_MAX])
{
	char escaped[VALUE_TEXT_MAX - 8];

	escape(escaped, sizeof(escaped), string, strlen(string));
	snprintf(text, VALUE_TEXT_MAX, "\"%s\"", escaped);
}

static const char *describe(const config_setting_t *setting, char text[static VALUE_TEXT_MAX])
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		snprintf(text, VALUE_TEXT_MAX, "%lld", config_setting_get_int64(setting));
		return text;
	case CONFIG_TYPE_FLOAT:
		snprintf(text, VALUE_TEXT_MAX, "%.15g", config_setting_get_float(setting));
		return text;
	case CONFIG_TYPE_STRING:
		describe_string(reader_string(setting), text);
		return text;
	case CONFIG_TYPE_BOOL:
		return config_setting_get_bool(setting) ? "true" : "false";
	case CONFIG_TYPE_GROUP:
		return "a group";
	case CONFIG_TYPE_ARRAY:
		return "an array";
	default:
		return "a list";
	}
}

void reader_refuse(struct config_reader *reader, const config_setting_t *setting, const char *wrong,
		   const char *format, ...)
{
	char value[VALUE_TEXT_MAX];
	va_list arguments;
	char *allowed;

	va_start(arguments, format);
	allowed = format_text(format, arguments);
	va_end(arguments);
	if (allowed)
		reader_problem(reader, setting, "%s %s, allowed: %s", describe(setting, value),
			       wrong, allowed);
	else
		reader->failure = -ENOMEM;
	free(allowed);
}

static void note_parse_error(struct config_reader *reader, const config_t *tree)
{
	const char *error = config_error_text(tree);
	struct text_place place;

	place = place_of_line(reader, (unsigned)MAX_OF(config_error_line(tree), 0));
	if (error && strstr(error, "duplicate"))
		error = "syntax error: a key is given twice in one group, allowed: once";
	else if (error && strstr(error, "mismatched"))
		error = "syntax error: values of different types in an array, allowed: one type";
	else
		error = "syntax error";
	reader_problem_text(reader, ORDER_FIRST, "%s:%u: %s", reader->text.files[place.file],
			    place.line, error);
}

bool reader_parse(struct config_reader *reader, const char *path, config_t *tree)
{
	char *problem;
	int r = text_load(&reader->text, path, &problem);

	if (r == TEXT_INVALID)
		note(reader, ORDER_FIRST, problem);
	else if (r < 0)
		reader->failure = r;
	else if (config_read_string(tree, reader->text.bytes) == CONFIG_TRUE)
		return true;
	else
		note_parse_error(reader, tree);
	return false;
}

static int compare_problems(const void *left, const void *right)
{
	const struct noted_problem *a = left, *b = right;

	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return a->sequence < b->sequence ? -1 : 1;
}

size_t reader_report(struct config_reader *reader, config_problem problem, void *userdata)
{
	if (reader->n_problems)
		qsort(reader->problems, reader->n_problems, sizeof(*reader->problems),
		      compare_problems);
	for (size_t i = 0; i < reader->n_problems; i++)
		problem(userdata, reader->problems[i].text);
	return reader->n_problems;
}

static void store(void *target, unsigned bytes, uint64_t value)
{
	if (bytes == sizeof(uint8_t))
		*(uint8_t *)target = (uint8_t)value;
	else if (bytes == sizeof(uint16_t))
		*(uint16_t *)target = (uint16_t)value;
	else if (bytes == sizeof(uint32_t))
		*(uint32_t *)target = (uint32_t)value;
	else
		*(uint64_t *)target = value;
}

static void read_key(struct config_reader *reader, const config_setting_t *setting,
		     const struct config_key *key)
{
	void *target = (char *)reader->config + key->offset;
	uint64_t value;
	bool ok;

	if (key->read) {
		key->read(reader, setting);
		return;
	}
	ok = key->is_duration ?
		     reader_duration(reader, setting, key->minimum, key->maximum, &value) :
		     reader_integer(reader, setting, key->minimum, key->maximum, "", &value);
	if (ok)
		store(target, key->bytes, value);
}

static void note_unknown_key(struct config_reader *reader, const config_setting_t *setting,
			     const struct config_key *keys, unsigned n_keys)
{
	char allowed[256] = "";
	size_t used = 0;

	for (unsigned i = 0; i < n_keys && used < sizeof(allowed); i++)
		used += (size_t)snprintf(allowed + used, sizeof(allowed) - used, "%s%s",
					 i ? ", " : "", keys[i].name);
	reader_problem(reader, setting, "unknown key, allowed: %s", allowed);
}

void reader_group(struct config_reader *reader, const config_setting_t *group,
		  const struct config_key *keys, unsigned n_keys)
{
	if (!config_setting_is_group(group)) {
		reader_refuse(reader, group, "is not a group", "a group in { }");
		return;
	}
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
		unsigned k = 0;

		while (k < n_keys && strcmp(keys[k].name, config_setting_name(setting)))
			k++;
		if (k < n_keys)
			read_key(reader, setting, &keys[k]);
		else
			note_unknown_key(reader, setting, keys, n_keys);
	}
}
