// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cli_priv.h"

#define FACT_WIDTH 13

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

/* Of the terminal; 0: it is none, so whatever reads it wants whole lines. */
static size_t terminal_width(void)
{
	struct winsize size;

	if (fileno(stdout) < 0 || ioctl(fileno(stdout), TIOCGWINSZ, &size) < 0)
		return 0;
	return size.ws_col;
}

/* Broken between words, each further line with this indent. */
static void print_wrapped(const struct cli *cli, enum colour colour, char *text, size_t used,
			  size_t indent)
{
	size_t width = terminal_width();

	while (width > 2 * indent && used + strlen(text) > width) {
		char *end = text + width - used;

		while (end > text && *end != ' ')
			end--;
		if (end == text)
			break;
		*end = '\0';
		print_coloured(cli, colour, text);
		printf("\n%*s", (int)indent, "");
		text = end + 1;
		used = indent;
	}
	print_coloured(cli, colour, text);
	putchar('\n');
}

void print_line(const struct cli *cli, enum colour colour, const char *format, ...)
{
	char text[2 * CELL_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	make_printable(text);
	print_wrapped(cli, colour, text, 0, 2);
}

void print_fact(const struct cli *cli, const char *word, enum colour colour, const char *format, ...)
{
	char text[2 * CELL_TEXT_MAX], label[32];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	make_printable(text);
	snprintf(label, sizeof(label), "%-*s", FACT_WIDTH, word);
	make_printable(label);
	print_coloured(cli, COLOUR_BOLD, label);
	print_wrapped(cli, colour, text, strlen(label), FACT_WIDTH);
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
