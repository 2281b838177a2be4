// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "top_priv.h"

#define STANDING_WIDTH_MIN 10
#define NAME_WIDTH_MIN	   8
#define SOURCE_WIDTH_MIN   15

static const struct {
	const char *title;
	bool right;
} columns[TOP_COLUMNS] = {
	[TOP_COLUMN_SOURCE] = { "SOURCE", false },
	[TOP_COLUMN_SERVICE] = { "SERVICE", false },
	[TOP_COLUMN_NOW] = { "NOW", true },
	[TOP_COLUMN_PEAK] = { "PEAK", true },
	[TOP_COLUMN_NEW] = { "NEW", true },
	[TOP_COLUMN_HALF_OPEN] = { "HALF", true },
	[TOP_COLUMN_NAME] = { "REVERSE DNS", false },
	[TOP_COLUMN_STANDING] = { "STANDING", false },
};

/* Left out in this order where the screen is narrow. */
static const enum top_column least_first[] = {
	TOP_COLUMN_HALF_OPEN, TOP_COLUMN_NAME,	   TOP_COLUMN_PEAK, TOP_COLUMN_NEW,
	TOP_COLUMN_SERVICE,   TOP_COLUMN_STANDING, TOP_COLUMN_NOW,
};

const char *top_column_title(enum top_column column)
{
	return columns[column].title;
}

bool top_column_is_right(enum top_column column)
{
	return columns[column].right;
}

char *top_printable(char *text)
{
	for (char *p = text; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	return text;
}

void top_cut(char *text, size_t width, bool front)
{
	size_t length = strlen(text);

	if (length <= width)
		return;
	if (front && width > 0) {
		memmove(text, text + length - width, width + 1);
		text[0] = '~';
		return;
	}
	text[width] = '\0';
	if (width > 0)
		text[width - 1] = '~';
}

/* --- widths --- */

static size_t least_width(const struct top_layout *layout, enum top_column column)
{
	size_t wanted = MAX_OF(layout->wanted[column], strlen(columns[column].title));

	if (column == TOP_COLUMN_STANDING)
		return STANDING_WIDTH_MIN;
	if (column == TOP_COLUMN_NAME)
		return NAME_WIDTH_MIN;
	return column == TOP_COLUMN_SOURCE ? MAX_OF(wanted, SOURCE_WIDTH_MIN) : wanted;
}

static size_t sum_of_widths(const struct top_layout *layout)
{
	size_t sum = 0;

	for (unsigned i = 0; i < TOP_COLUMNS; i++)
		if (layout->widths[i])
			sum += layout->widths[i] + (sum ? 1 : 0);
	return sum;
}

/* Names and standings are as long as they like: what is left is divided between them. */
static void divide(struct top_layout *layout, size_t left)
{
	size_t *name = &layout->widths[TOP_COLUMN_NAME];
	size_t *standing = &layout->widths[TOP_COLUMN_STANDING];
	size_t wanted =
		MAX_OF(layout->wanted[TOP_COLUMN_NAME], strlen(columns[TOP_COLUMN_NAME].title));
	size_t for_name = *name && wanted > *name ? wanted - *name : 0;
	size_t for_standing = layout->wanted[TOP_COLUMN_STANDING] > *standing ?
				      layout->wanted[TOP_COLUMN_STANDING] - *standing :
				      0;

	if (for_name + for_standing > left) {
		if (for_standing > left / 2)
			for_name = MIN_OF(for_name, left / 2);
		else
			for_name = left - for_standing;
	}
	*name += for_name;
	*standing += left - for_name;
}

void top_layout_fit(struct top_layout *layout, size_t width)
{
	for (unsigned i = 0; i < TOP_COLUMNS; i++)
		layout->widths[i] = least_width(layout, (enum top_column)i);
	for (unsigned i = 0; i < ARRAY_SIZE(least_first) && sum_of_widths(layout) > width; i++)
		layout->widths[least_first[i]] = 0;
	if (sum_of_widths(layout) > width)
		layout->widths[TOP_COLUMN_SOURCE] = width;
	if (layout->widths[TOP_COLUMN_STANDING])
		divide(layout, width - sum_of_widths(layout));
}

void top_layout_measure(struct top_layout *layout, const struct top_model *model,
			const struct top_row *row, const json_t *services, usec_t now)
{
	char text[CELL_TEXT_MAX];

	for (unsigned i = 0; i < TOP_COLUMNS; i++)
		layout->wanted[i] = MAX_OF(layout->wanted[i],
					   strlen(top_cell(model, row, (enum top_column)i, services,
							   now, text)));
}

/* --- texts --- */

static const char *words_of(const struct top_row *row)
{
	switch (row->standing) {
	case TOP_OVER_LIMIT:
		return "over limit";
	case TOP_RESOLVING:
		return "over limit, resolving";
	case TOP_HELD:
		return "held until DNS answers";
	default:
		return row->words;
	}
}

static void standing_format(const struct top_model *model, const struct top_row *row, usec_t now,
			    char text[static CELL_TEXT_MAX])
{
	const struct top_reason *reason = top_reason_find(model, row);
	usec_t left = reason && reason->until > now ? reason->until - now : 0;
	char span[SPAN_TEXT_MAX] = "";

	if (reason && reason->until)
		span_format((json_int_t)(left / USEC_PER_SEC), span);
	else if (reason && reason->without_end)
		snprintf(span, sizeof(span), "without end");
	snprintf(text, CELL_TEXT_MAX, "%s%s%s%s%s", words_of(row), *span ? " " : "", span,
		 reason ? ": " : "", reason ? reason->why : "");
}

/* A verified name speaks for itself; any other needs the word. */
static void name_format(const struct top_row *row, char text[static CELL_TEXT_MAX])
{
	bool verified = !strcmp(row->reverse_dns, "verified");

	if (row->name && verified)
		snprintf(text, CELL_TEXT_MAX, "%s", row->name);
	else
		snprintf(text, CELL_TEXT_MAX, "%s%s%s", row->reverse_dns, row->name ? " " : "",
			 row->name ? row->name : "");
}

static void new_format(const struct top_row *row, const json_t *services,
		       char text[static CELL_TEXT_MAX])
{
	const json_t *window = json_object_get(json_object_get(services, row->service), "window");

	snprintf(text, CELL_TEXT_MAX, "%lld%s%.12s", row->fresh, json_is_string(window) ? "/" : "",
		 json_is_string(window) ? json_string_value(window) : "");
}

const char *top_cell(const struct top_model *model, const struct top_row *row,
		     enum top_column column, const json_t *services, usec_t now,
		     char text[static CELL_TEXT_MAX])
{
	text[0] = '\0';
	switch (column) {
	case TOP_COLUMN_SOURCE:
		snprintf(text, CELL_TEXT_MAX, "%s", row->source);
		break;
	case TOP_COLUMN_SERVICE:
		snprintf(text, CELL_TEXT_MAX, "%s", row->service);
		break;
	case TOP_COLUMN_NOW:
		snprintf(text, CELL_TEXT_MAX, "%lld", row->concurrent);
		break;
	case TOP_COLUMN_PEAK:
		snprintf(text, CELL_TEXT_MAX, "%lld", row->peak);
		break;
	case TOP_COLUMN_NEW:
		new_format(row, services, text);
		break;
	case TOP_COLUMN_HALF_OPEN:
		snprintf(text, CELL_TEXT_MAX, "%lld", row->half_open);
		break;
	case TOP_COLUMN_NAME:
		name_format(row, text);
		break;
	case TOP_COLUMN_STANDING:
		standing_format(model, row, now, text);
		break;
	case TOP_COLUMNS:
		break;
	}
	return top_printable(text);
}

const char *top_row_line(const struct top_model *model, const struct top_row *row, usec_t now,
			 char text[static CELL_TEXT_MAX])
{
	char standing[CELL_TEXT_MAX], more[32] = "";

	standing_format(model, row, now, standing);
	if (row->more_names)
		snprintf(more, sizeof(more), " (+%zu)", row->more_names);
	snprintf(text, CELL_TEXT_MAX, "%.64s %.40s: %.200s; %.16s%s%.128s%s", row->source,
		 row->service, standing, row->reverse_dns, row->name ? " " : "",
		 row->name ? row->name : "", more);
	return top_printable(text);
}
