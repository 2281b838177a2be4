// SPDX-License-Identifier: GPL-2.0-or-later
#include <curses.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "top_priv.h"

#define ESCAPE_DELAY_MS 100 /* an arrow key's bytes come together, also over a slow link */
#define HEIGHT_MIN	4
#define WIDTH_MIN	20
#define MARKER_WIDTH	2
#define TEXT_INDENT	13 /* as the words in front of facts are wide */
#define SILENCE		(3 * USEC_PER_SEC) /* of the daemon, worth a word */

static SCREEN *screen;
static bool coloured;

/* --- the terminal --- */

enum exit_code top_screen_check(const struct cli *cli)
{
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		return EXIT_DONE;
	return fail_with(cli, EXIT_USAGE, "top needs a terminal; for a file or a pipe there is: "
					  "smtpguard sources");
}

enum exit_code top_screen_begin(const struct cli *cli)
{
	const char *type = getenv("TERM"), *move_cursor;

	setlocale(LC_CTYPE, "");
	/* not initscr(): it would end the program */
	screen = newterm(NULL, stdout, stdin);
	move_cursor = screen ? tigetstr("cup") : NULL;
	if (!move_cursor || move_cursor == (const char *)-1) {
		top_screen_end();
		return fail_with(cli, EXIT_USAGE, "top cannot use a terminal of type '%.40s' (TERM)",
				 type ? type : "");
	}
	if (atexit(top_screen_end) != 0) {
		top_screen_end();
		return fail_with(cli, EXIT_REFUSED, "out of memory");
	}
	cbreak();
	noecho();
	nonl();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(ESCAPE_DELAY_MS);
	curs_set(0);
	if (cli->colour && has_colors() && start_color() == OK && use_default_colors() == OK) {
		init_pair(COLOUR_RED, COLOR_RED, -1);
		init_pair(COLOUR_GREEN, COLOR_GREEN, -1);
		init_pair(COLOUR_YELLOW, COLOR_YELLOW, -1);
		coloured = true;
	}
	return EXIT_DONE;
}

void top_screen_end(void)
{
	if (!screen)
		return;
	if (!isendwin()) {
		/* where there is no second screen to leave, the shell goes on in a free line */
		move(LINES - 1, 0);
		clrtoeol();
		refresh();
		endwin();
	}
	delscreen(screen);
	screen = NULL;
}

void top_screen_resize(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col)
		resizeterm(size.ws_row, size.ws_col);
}

void top_screen_repair(void)
{
	redrawwin(stdscr);
}

int top_screen_key(void)
{
	int key = getch();

	return key == ERR ? -1 : key;
}

/* --- pieces --- */

static attr_t attributes_of(enum colour colour)
{
	if (colour == COLOUR_BOLD)
		return A_BOLD;
	if (colour == COLOUR_NONE)
		return A_NORMAL;
	/* without colours what matters most still stands out */
	return coloured ? COLOR_PAIR(colour) : colour == COLOUR_RED ? A_BOLD : A_NORMAL;
}

/* The only way to the terminal. The field is filled up with blanks when it is to be in reverse. */
static void put(int y, int x, size_t width, attr_t attributes, const char *text)
{
	char field[CELL_TEXT_MAX];

	if (x >= COLS || width == 0)
		return;
	width = MIN_OF(width, (size_t)(COLS - x));
	snprintf(field, sizeof(field), "%-*s",
		 attributes & A_REVERSE ? (int)MIN_OF(width, sizeof(field) - 1) : 0, text);
	top_cut(top_printable(field), width, false);
	attrset((int)attributes);
	mvaddstr(y, x, field);
	attrset(A_NORMAL);
}

static void put_line(int y, enum colour colour, const char *text)
{
	put(y, 0, (size_t)COLS, attributes_of(colour), text);
}

static void put_right(int y, const char *text)
{
	size_t length = strlen(text);

	if (length + 1 < (size_t)COLS)
		put(y, COLS - (int)length, length, A_NORMAL, text);
}

static const char *pace(const struct top *top, char text[static CELL_TEXT_MAX])
{
	if (top->paused)
		snprintf(text, CELL_TEXT_MAX, " PAUSED");
	else
		snprintf(text, CELL_TEXT_MAX, " every %.2gs, %.1f%% of a core",
			 (double)top->interval / (double)USEC_PER_SEC, 100 * top->usage);
	return text;
}

/* --- the head --- */

static void put_state(const struct top *top, int y, usec_t now)
{
	char text[CELL_TEXT_MAX], span[SPAN_TEXT_MAX];
	bool bad = json_array_size(json_object_get(top->status, "problems")) > 0;

	if (top->lost[0]) {
		put_line(y, COLOUR_RED, top->lost);
	} else if (top->socket.n_questions && now > top->asked + SILENCE) {
		snprintf(text, sizeof(text), "the daemon has not answered for %s",
			 span_format((json_int_t)((now - top->asked) / USEC_PER_SEC), span));
		put_line(y, COLOUR_RED, text);
	} else {
		put_line(y, bad ? COLOUR_YELLOW : COLOUR_NONE, top_head_problems(top->status, text));
	}
}

/* The next free line. On a low screen what matters least is left out. */
static int put_head(const struct top *top, usec_t now)
{
	char text[CELL_TEXT_MAX];
	int y = 0;

	if (LINES >= 8) {
		put_line(y, COLOUR_BOLD, top_head_daemon(top->status, text));
		put_right(y++, pace(top, text));
	}
	if (LINES >= 12)
		put_line(y++, COLOUR_NONE, top_head_slots(top->status, text));
	if (LINES >= 14)
		put_line(y++, COLOUR_NONE, top_head_bans(top->status, text));
	put_state(top, y++, now);
	return y;
}

/* --- the table --- */

static void put_titles(const struct top_layout *layout, int y)
{
	int x = MARKER_WIDTH;

	put(y, 0, (size_t)COLS, A_REVERSE, "");
	for (unsigned i = 0; i < TOP_COLUMNS; i++) {
		const char *title = top_column_title((enum top_column)i);
		size_t width = layout->widths[i], fill = 0;

		if (!width)
			continue;
		if (top_column_is_right((enum top_column)i))
			fill = width - MIN_OF(width, strlen(title));
		put(y, x + (int)fill, width - fill, A_REVERSE, title);
		x += (int)width + 1;
	}
}

static void put_row(const struct top *top, const struct top_row *row, int y, bool selected,
		    usec_t now)
{
	const json_t *services = json_object_get(top->status, "services");
	int x = MARKER_WIDTH;

	/* a terminal without reverse video still shows the mark */
	if (selected)
		put(y, 0, (size_t)COLS, A_REVERSE, ">");
	for (unsigned i = 0; i < TOP_COLUMNS; i++) {
		enum top_column column = (enum top_column)i;
		enum colour colour = column == TOP_COLUMN_STANDING ? standing_colour(row->words) :
								     COLOUR_NONE;
		size_t width = top->layout.widths[i], fill = 0;
		char text[CELL_TEXT_MAX];

		if (!width)
			continue;
		top_cell(&top->model, row, column, services, now, text);
		/* the end of a name tells more than its front */
		top_cut(text, width, column == TOP_COLUMN_NAME && row->name);
		if (top_column_is_right(column))
			fill = width - strlen(text);
		put(y, x + (int)fill, width - fill, selected ? A_REVERSE : attributes_of(colour),
		    text);
		x += (int)width + 1;
	}
}

static void put_table(struct top *top, int y, int bottom, usec_t now)
{
	const json_t *services = json_object_get(top->status, "services");
	struct top_model *model = &top->model;
	const struct top_row *selected;
	char text[CELL_TEXT_MAX];
	size_t end;

	top_model_set_page(model, (size_t)MAX_OF(bottom - y - 2, 1));
	end = MIN_OF(model->first + model->page, model->n_rows);
	for (size_t i = model->first; i < end; i++)
		top_layout_measure(&top->layout, model, &model->rows[i], services, now);
	top_layout_fit(&top->layout, (size_t)MAX_OF(COLS - MARKER_WIDTH, 1));
	put_titles(&top->layout, y++);
	for (size_t i = model->first; i < end; i++)
		put_row(top, &model->rows[i], y++, i == model->selected, now);
	selected = top_model_selected(model);
	put_line(bottom - 1, COLOUR_NONE,
		 selected ? top_row_line(model, selected, now, text) : "no connections");
}

/* --- other pages --- */

/* How much of a line goes into the width: up to a blank, if there is one. */
static size_t piece_of(const char *line, size_t length, size_t width)
{
	size_t n = MIN_OF(length, width);

	if (n == length)
		return n;
	while (n > 0 && line[n] != ' ')
		n--;
	/* blanks at its begin are no place to break it */
	return n > strspn(line, " ") ? n : MIN_OF(length, width);
}

/* The part of the text that is scrolled to. Long lines go on in further ones. */
static void put_text(struct top *top, const char *text, int y, int bottom)
{
	size_t n_lines = 0, room = (size_t)MAX_OF(bottom - y, 0), indent = 0;

	for (const char *line = text; *line;) {
		size_t length = (size_t)(strchrnul(line, '\n') - line);
		size_t n = piece_of(line, length, (size_t)COLS - indent);
		char copy[CELL_TEXT_MAX];

		if (n_lines >= top->scroll && n_lines < top->scroll + room) {
			snprintf(copy, sizeof(copy), "%*s%.*s", (int)indent, "",
				 (int)MIN_OF(n, sizeof(copy) - 1), line);
			put_line(y++, n_lines == 0 ? COLOUR_BOLD : COLOUR_NONE, copy);
		}
		n_lines++;
		indent = n < length ? MIN_OF(TEXT_INDENT, (size_t)COLS / 4) : 0;
		line += n;
		if (indent)
			line += strspn(line, " ");
		else if (*line)
			line++;
	}
	top->scroll_page = room;
	top->scroll_end = n_lines > room ? n_lines - room : 0;
	top->scroll = MIN_OF(top->scroll, top->scroll_end);
}

/* --- the last line --- */

static void put_bottom(const struct top *top, int y)
{
	char text[CELL_TEXT_MAX];

	if (top->prompt == TOP_PROMPT_CONFIRM) {
		snprintf(text, sizeof(text), "send \"%.200s\" to the daemon? y: yes, any other key: no",
			 top->change);
		put(y, 0, (size_t)COLS, A_REVERSE, text);
	} else if (top->prompt == TOP_PROMPT_TEXT) {
		snprintf(text, sizeof(text), "rows with: %s_   (Enter: keep, Esc: all rows)",
			 top->model.text);
		put_line(y, COLOUR_BOLD, text);
	} else if (top->message[0]) {
		put_line(y, top->message_is_bad ? COLOUR_RED : COLOUR_BOLD, top->message);
	} else if (top->page != TOP_PAGE_TABLE) {
		put_line(y, COLOUR_NONE,
			 top->page == TOP_PAGE_HELP ?
				 "q back  arrows PgUp PgDn scroll" :
				 "q back  b ban  u unban  a allow  arrows PgUp PgDn scroll");
	} else {
		put_line(y, COLOUR_NONE, "q quit  ? help  Enter explain  b ban  u unban  a allow  "
					 "/ find  f service");
	}
}

void top_screen_draw(struct top *top, usec_t now)
{
	int bottom = LINES - 1, y;
	char text[CELL_TEXT_MAX];

	erase();
	if (LINES < HEIGHT_MIN || COLS < WIDTH_MIN) {
		put_line(0, COLOUR_NONE, "too small");
		refresh();
		return;
	}
	if (top->page == TOP_PAGE_TABLE) {
		y = put_head(top, now);
		if (LINES >= 10)
			put_line(y++, COLOUR_NONE, top_head_view(&top->model, text));
		put_table(top, y, bottom, now);
	} else if (top->page == TOP_PAGE_EXPLAIN) {
		y = 0;
		if (top->lost[0])
			put_line(y++, COLOUR_RED, top->lost);
		put_text(top, top->explain.text ? top->explain.text : "asking the daemon", y, bottom);
	} else {
		put_text(top, top_help, 0, bottom);
	}
	put_bottom(top, bottom);
	refresh();
}
