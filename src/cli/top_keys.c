// SPDX-License-Identifier: GPL-2.0-or-later
#include <curses.h>
#include <stdio.h>
#include <string.h>

#include "top_priv.h"

#define KEY_CONTROL(letter) ((letter) & 0x1f)
#define KEY_ESCAPE	    0x1b

const char top_help[] =
	"smtpguard top: who is connected now\n"
	"\n"
	"  NOW    established connections        PEAK  the most at a time\n"
	"  NEW    completed handshakes in the service's window\n"
	"  HALF   half-open connections: shown, never a reason to ban\n"
	"\n"
	"  c n h  sort by connections now, new ones, half-open ones\n"
	"  p s    sort by peak, by standing (banned ones first)\n"
	"  r      the other way round\n"
	"  i      also sources that are remembered without a connection\n"
	"  f      the next service only, then all again\n"
	"  /      only rows with a text in source, name, service or standing\n"
	"  space  pause, and go on\n"
	"\n"
	"  arrows, j k, PgUp PgDn, Home End (g G)   select a source\n"
	"  Enter  explain the selected source\n"
	"  b      ban it     u  unban it, and trust it a while\n"
	"  a      allow it: it is never banned from now on\n"
	"         what is sent is shown first, and sent after y\n"
	"\n"
	"  Ctrl-L draw the screen anew\n"
	"  ?      this page  q  back, quit\n";

static void say(struct top *top, bool bad, const char *text)
{
	snprintf(top->message, sizeof(top->message), "%s", text);
	top->message_is_bad = bad;
}

/* --- the filter by text --- */

/* Every letter shows its rows at once. */
static void key_of_text(struct top *top, int key)
{
	char *text = top->model.text;
	size_t length = strlen(text);

	if (key == '\r' || key == '\n' || key == KEY_ENTER) {
		top->prompt = TOP_PROMPT_NONE;
	} else if (key == KEY_ESCAPE) {
		top->prompt = TOP_PROMPT_NONE;
		text[0] = '\0';
	} else if ((key == KEY_BACKSPACE || key == 0x7f || key == '\b') && length > 0) {
		text[length - 1] = '\0';
	} else if (key >= 0x20 && key < 0x7f && length + 1 < sizeof(top->model.text)) {
		text[length] = (char)key;
		text[length + 1] = '\0';
	}
	top_model_arrange(&top->model);
	top->due = true;
}

/* --- changes --- */

static const char *source_of(const struct top *top)
{
	const struct top_row *row = top_model_selected(&top->model);

	if (top->page == TOP_PAGE_EXPLAIN)
		return top->explain.source;
	return row ? row->source : NULL;
}

static void propose(struct top *top, const char *command)
{
	const char *source = source_of(top);
	struct prefix prefix;

	if (!source)
		return;
	if (prefix_parse(source, &prefix) != 0) {
		say(top, true, "that is no address");
		return;
	}
	snprintf(top->change, sizeof(top->change), "%s %s", command, source);
	top->prompt = TOP_PROMPT_CONFIRM;
}

static void key_of_confirmation(struct top *top, int key)
{
	top->prompt = TOP_PROMPT_NONE;
	if (key == 'y' || key == 'Y')
		top_ask(top, TOP_ASK_CHANGE, "", top->change);
	else
		say(top, false, "nothing was sent");
}

/* true: it was one of these keys. */
static bool key_of_change(struct top *top, int key)
{
	if (key == 'b')
		propose(top, "ban");
	else if (key == 'u')
		propose(top, "unban");
	else if (key == 'a')
		propose(top, "allow add");
	else
		return false;
	return true;
}

/* --- pages --- */

static void open_page(struct top *top, enum top_page page)
{
	top->page = page;
	top->scroll = 0;
}

static void explain(struct top *top)
{
	const struct top_row *row = top_model_selected(&top->model);

	if (!row || top_explain_begin(&top->explain, row->source) != 0)
		return;
	open_page(top, TOP_PAGE_EXPLAIN);
	top_ask_explain(top, true);
}

static void key_of_text_page(struct top *top, int key)
{
	size_t page = MAX_OF(top->scroll_page, 1);

	switch (key) {
	case 'q':
	case KEY_ESCAPE:
	case KEY_LEFT:
		open_page(top, TOP_PAGE_TABLE);
		break;
	case KEY_UP:
	case 'k':
		top->scroll -= MIN_OF(top->scroll, 1);
		break;
	case KEY_DOWN:
	case 'j':
		top->scroll++;
		break;
	case KEY_PPAGE:
		top->scroll -= MIN_OF(top->scroll, page);
		break;
	case KEY_NPAGE:
	case ' ':
		top->scroll += page;
		break;
	case KEY_HOME:
	case 'g':
		top->scroll = 0;
		break;
	case KEY_END:
	case 'G':
		top->scroll = top->scroll_end;
		break;
	default:
		if (top->page == TOP_PAGE_EXPLAIN)
			key_of_change(top, key);
		break;
	}
	top->scroll = MIN_OF(top->scroll, top->scroll_end);
}

/* --- the table --- */

/* Another selection of sources: columns may have other widths. */
static void changed_view(struct top *top)
{
	top->layout = (struct top_layout){ .widths = { 0 } };
	top_model_arrange(&top->model);
	top->due = true;
}

static bool key_of_order(struct top *top, int key)
{
	static const struct {
		char key;
		enum top_sort sort;
	} orders[] = {
		{ 'c', TOP_SORT_NOW },	{ 'n', TOP_SORT_NEW },	    { 'h', TOP_SORT_HALF_OPEN },
		{ 'p', TOP_SORT_PEAK }, { 's', TOP_SORT_STANDING },
	};

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		if (key != orders[i].key)
			continue;
		top->model.sort = orders[i].sort;
		changed_view(top);
		return true;
	}
	return false;
}

static bool key_of_move(struct top *top, int key)
{
	struct top_model *model = &top->model;
	long page = (long)model->page;

	switch (key) {
	case KEY_UP:
	case 'k':
		top_model_move(model, -1);
		break;
	case KEY_DOWN:
	case 'j':
		top_model_move(model, 1);
		break;
	case KEY_PPAGE:
		top_model_move(model, -page);
		break;
	case KEY_NPAGE:
		top_model_move(model, page);
		break;
	case KEY_HOME:
	case 'g':
		top_model_home(model);
		break;
	case KEY_END:
	case 'G':
		top_model_end(model);
		break;
	default:
		return false;
	}
	/* more rows, before the end of those that are here is reached */
	top->due = top->due || (model->first + 2 * model->page > model->n_rows &&
				(long long)model->n_rows < model->total);
	return true;
}

static void key_of_table(struct top *top, int key)
{
	switch (key) {
	case 'q':
		top->ended = true;
		break;
	case '?':
		open_page(top, TOP_PAGE_HELP);
		break;
	case '\r':
	case '\n':
	case KEY_ENTER:
		explain(top);
		break;
	case ' ':
		top->paused = !top->paused;
		top->due = !top->paused;
		break;
	case '/':
		top->prompt = TOP_PROMPT_TEXT;
		break;
	case KEY_ESCAPE:
		top->model.text[0] = '\0';
		changed_view(top);
		break;
	case 'r':
		top->model.reverse = !top->model.reverse;
		changed_view(top);
		break;
	case 'i':
		top->model.idle = !top->model.idle;
		changed_view(top);
		break;
	case 'f':
		top_model_cycle_service(&top->model, json_object_get(top->status, "services"));
		changed_view(top);
		break;
	default:
		break;
	}
}

void top_key(struct top *top, int key)
{
	top->message[0] = '\0';
	if (key == KEY_CONTROL('l'))
		top_screen_repair();
	else if (top->prompt == TOP_PROMPT_TEXT)
		key_of_text(top, key);
	else if (top->prompt == TOP_PROMPT_CONFIRM)
		key_of_confirmation(top, key);
	else if (top->page != TOP_PAGE_TABLE)
		key_of_text_page(top, key);
	else if (!key_of_order(top, key) && !key_of_move(top, key) && !key_of_change(top, key))
		key_of_table(top, key);
}
