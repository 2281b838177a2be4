// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_priv.h"

static const char *const colour_codes[] = {
	[COLOUR_NONE] = "",	      [COLOUR_RED] = "\033[31m",  [COLOUR_GREEN] = "\033[32m",
	[COLOUR_YELLOW] = "\033[33m", [COLOUR_BOLD] = "\033[1m",
};

/* The daemon escapes all foreign text already; this holds whatever answers on the socket. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
}

static void print_coloured(const struct cli *cli, enum colour colour, const char *text)
{
	if (cli->colour && colour != COLOUR_NONE)
		printf("%s%s\033[0m", colour_codes[colour], text);
	else
		fputs(text, stdout);
}

void print_line(const struct cli *cli, enum colour colour, const char *format, ...)
{
	char text[2 * CELL_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	make_printable(text);
	print_coloured(cli, colour, text);
	putchar('\n');
}

void table_begin(struct table *table, const struct column *columns, unsigned n_columns)
{
	*table = (struct table){ .columns = columns, .n_columns = n_columns };
	for (unsigned i = 0; i < n_columns; i++)
		table->widths[i] = strlen(columns[i].title);
}

void table_add(struct table *table, enum colour colour, const char *format, ...)
{
	size_t *width = &table->widths[table->n_cells % table->n_columns];
	char text[CELL_TEXT_MAX], *copy;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	make_printable(text);

	if (table->n_cells == table->capacity) {
		size_t capacity = table->capacity ? 2 * table->capacity : 256;
		struct cell *cells = reallocarray(table->cells, capacity, sizeof(*cells));

		if (cells) {
			table->cells = cells;
			table->capacity = capacity;
		}
	}
	copy = strdup(text);
	if (!copy || table->n_cells == table->capacity) {
		complain("out of memory");
		exit(EXIT_REFUSED);
	}
	*width = MAX_OF(*width, strlen(copy));
	table->cells[table->n_cells++] = (struct cell){ copy, colour };
}

/* The last column is not filled up, so that lines do not wrap for blanks. */
static void print_cell(const struct table *table, const struct cli *cli, unsigned column,
		       const char *text, enum colour colour)
{
	bool last = column + 1 == table->n_columns;
	int fill = (int)(table->widths[column] - strlen(text));

	if (table->columns[column].right)
		printf("%*s", fill, "");
	print_coloured(cli, colour, text);
	if (!table->columns[column].right && !last)
		printf("%*s", fill, "");
	fputs(last ? "\n" : "  ", stdout);
}

void table_end(struct table *table, const struct cli *cli)
{
	for (unsigned i = 0; i < table->n_columns; i++)
		print_cell(table, cli, i, table->columns[i].title, COLOUR_BOLD);
	for (size_t i = 0; i < table->n_cells; i++) {
		print_cell(table, cli, (unsigned)(i % table->n_columns), table->cells[i].text,
			   table->cells[i].colour);
		free(table->cells[i].text);
	}
	free(table->cells);
	table->cells = NULL;
}

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

bool is_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

const char *span_format(json_int_t seconds, char text[static SPAN_TEXT_MAX])
{
	long long s = seconds;

	if (s >= 86400)
		snprintf(text, SPAN_TEXT_MAX, "%lldd %lldh", s / 86400, s % 86400 / 3600);
	else if (s >= 3600)
		snprintf(text, SPAN_TEXT_MAX, "%lldh %lldm", s / 3600, s % 3600 / 60);
	else if (s >= 60)
		snprintf(text, SPAN_TEXT_MAX, "%lldm %llds", s / 60, s % 60);
	else
		snprintf(text, SPAN_TEXT_MAX, "%llds", s);
	return text;
}

const char *end_format(const json_t *object, const char *key, char text[static SPAN_TEXT_MAX])
{
	const char *end = json_string_value(json_object_get(object, key));

	snprintf(text, SPAN_TEXT_MAX, end ? "until %.24s" : "without end", end ? end : "");
	return text;
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
