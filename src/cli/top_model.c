// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "top_priv.h"

#define ROWS_AT_LEAST 100 /* asked for, so that a small move needs no new answer */

static const char *const sort_names[] = {
	[TOP_SORT_NOW] = "now",
	[TOP_SORT_NEW] = "new",
	[TOP_SORT_HALF_OPEN] = "half-open",
	[TOP_SORT_PEAK] = "peak",
	[TOP_SORT_STANDING] = "standing",
};

/* as the protocol has them */
static const char *const standing_words[TOP_STANDINGS] = {
	[TOP_BANNED] = "banned",	 [TOP_REFUSED] = "refused",
	[TOP_HELD] = "held",		 [TOP_OVER_LIMIT] = "over-limit",
	[TOP_RESOLVING] = "resolving",	 [TOP_EXEMPT] = "exempt",
	[TOP_ALLOWED] = "allowed",	 [TOP_NORMAL] = "normal",
};

const char *top_sort_name(enum top_sort sort)
{
	return sort_names[sort];
}

void top_model_done(struct top_model *model)
{
	json_decref(model->answer);
	free(model->rows);
	*model = (struct top_model){ .n_rows = 0 };
}

/* --- rows --- */

static enum top_standing standing_of(const char *word)
{
	for (unsigned i = 0; i < TOP_STANDINGS; i++)
		if (!strcmp(word, standing_words[i]))
			return (enum top_standing)i;
	return TOP_STANDINGS;
}

static void read_row(struct top_row *row, const json_t *entry)
{
	const json_t *names = json_object_get(entry, "names");
	size_t n_names = json_array_size(names);

	*row = (struct top_row){
		.source = text_of(entry, "source"),
		.service = text_of(entry, "service"),
		.reverse_dns = text_of(entry, "reverse_dns"),
		.name = json_string_value(json_array_get(names, 0)),
		.words = text_of(entry, "standing"),
		.concurrent = count_of(entry, "concurrent"),
		.peak = count_of(entry, "peak"),
		.fresh = count_of(entry, "new"),
		.half_open = count_of(entry, "half_open"),
		.more_names = n_names ? n_names - 1 : 0,
	};
	row->standing = standing_of(row->words);
}

static bool matches(const struct top_row *row, const char *text)
{
	return !*text || strcasestr(row->source, text) || strcasestr(row->service, text) ||
	       strcasestr(row->words, text) || strcasestr(row->reverse_dns, text) ||
	       (row->name && strcasestr(row->name, text));
}

static int compare_numbers(long long a, long long b)
{
	return (a > b) - (a < b);
}

/* > 0: a comes first. Equal rows keep one order, or they would change places at each refresh. */
static int compare(const struct top_row *a, const struct top_row *b, enum top_sort sort)
{
	int order = 0;

	switch (sort) {
	case TOP_SORT_NEW:
		order = compare_numbers(a->fresh, b->fresh);
		break;
	case TOP_SORT_HALF_OPEN:
		order = compare_numbers(a->half_open, b->half_open);
		break;
	case TOP_SORT_PEAK:
		order = compare_numbers(a->peak, b->peak);
		break;
	case TOP_SORT_STANDING:
		order = compare_numbers(b->standing, a->standing);
		break;
	case TOP_SORT_NOW:
	case TOP_SORTS:
		break;
	}
	if (order == 0)
		order = compare_numbers(a->concurrent, b->concurrent);
	if (order == 0)
		order = compare_numbers(a->half_open, b->half_open);
	/* numbers in it count as numbers: .9 before .10 */
	if (order == 0)
		order = strverscmp(b->source, a->source);
	return order ? order : strcmp(b->service, a->service);
}

static int compare_for_sort(const void *a, const void *b, void *userdata)
{
	const struct top_model *model = userdata;
	int order = compare(a, b, model->sort);

	return model->reverse ? order : -order;
}

/* --- the selection --- */

static void keep_in_view(struct top_model *model)
{
	size_t page = MAX_OF(model->page, 1);

	if (model->selected >= model->n_rows)
		model->selected = model->n_rows ? model->n_rows - 1 : 0;
	if (model->selected < model->first)
		model->first = model->selected;
	if (model->selected >= model->first + page)
		model->first = model->selected - page + 1;
	/* no empty lines while rows are above */
	if (model->first + page > model->n_rows)
		model->first = model->n_rows > page ? model->n_rows - page : 0;
}

static void find_again(struct top_model *model)
{
	if (!model->follows)
		return;
	for (size_t i = 0; i < model->n_rows; i++) {
		if (!strcmp(model->rows[i].source, model->source) &&
		    !strcmp(model->rows[i].service, model->source_service)) {
			model->selected = i;
			return;
		}
	}
}

static void note_selected(struct top_model *model)
{
	const struct top_row *row = top_model_selected(model);

	/* whoever stays at the top wants to see who comes first */
	model->follows = row && model->selected > 0;
	if (!model->follows)
		return;
	snprintf(model->source, sizeof(model->source), "%s", row->source);
	snprintf(model->source_service, sizeof(model->source_service), "%s", row->service);
}

const struct top_row *top_model_selected(const struct top_model *model)
{
	return model->selected < model->n_rows ? &model->rows[model->selected] : NULL;
}

void top_model_set_page(struct top_model *model, size_t page)
{
	model->page = page;
	keep_in_view(model);
}

void top_model_move(struct top_model *model, long rows)
{
	size_t distance = (size_t)labs(rows);

	if (rows < 0)
		model->selected -= MIN_OF(distance, model->selected);
	else
		model->selected += distance;
	keep_in_view(model);
	note_selected(model);
}

void top_model_home(struct top_model *model)
{
	model->whole = false;
	model->selected = 0;
	keep_in_view(model);
	note_selected(model);
}

void top_model_end(struct top_model *model)
{
	model->whole = true;
	top_model_move(model, TOP_ROWS_MAX);
}

/* --- the answer --- */

void top_model_arrange(struct top_model *model)
{
	const json_t *entries = json_object_get(model->answer, "sources"), *entry;
	size_t i;

	model->n_rows = 0;
	json_array_foreach(entries, i, entry) {
		struct top_row *row = &model->rows[model->n_rows];

		read_row(row, entry);
		if (matches(row, model->text))
			model->n_rows++;
	}
	if (model->n_rows)
		qsort_r(model->rows, model->n_rows, sizeof(*model->rows), compare_for_sort, model);
	find_again(model);
	keep_in_view(model);
	note_selected(model);
}

int top_model_take(struct top_model *model, json_t *answer)
{
	size_t n = json_array_size(json_object_get(answer, "sources"));

	if (n > model->capacity) {
		struct top_row *rows = reallocarray(model->rows, n, sizeof(*rows));

		if (!rows) {
			json_decref(answer);
			return -ENOMEM;
		}
		model->rows = rows;
		model->capacity = n;
	}
	json_decref(model->answer);
	model->answer = answer;
	model->total = count_of(answer, "total");
	top_model_arrange(model);
	return 0;
}

/* --- the request --- */

/* It becomes a word of a request. */
static bool is_plain_name(const char *name)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return *name && strlen(name) < TOP_SERVICE_MAX && !name[strspn(name, allowed)];
}

void top_model_cycle_service(struct top_model *model, const json_t *services)
{
	bool found = !model->service[0];
	const char *name;
	json_t *service;

	/* iterating does not change the object */
	json_object_foreach((json_t *)services, name, service) {
		if (found && is_plain_name(name)) {
			snprintf(model->service, sizeof(model->service), "%s", name);
			return;
		}
		found = found || !strcmp(name, model->service);
	}
	model->service[0] = '\0';
}

/* The daemon sorts by three counts, highest first; any other order needs all rows. */
static bool needs_all(const struct top_model *model)
{
	return model->whole || model->reverse || model->text[0] ||
	       model->sort == TOP_SORT_PEAK || model->sort == TOP_SORT_STANDING;
}

const char *top_model_request(const struct top_model *model, char text[static TOP_REQUEST_MAX])
{
	size_t limit = model->first + 3 * model->page + ROWS_AT_LEAST;
	bool by_service = model->service[0] != '\0';

	limit -= limit % ROWS_AT_LEAST;
	if (needs_all(model) || limit > TOP_ROWS_MAX)
		limit = TOP_ROWS_MAX;
	/* a banned source has lost its connections, and mostly the new ones never come so far */
	snprintf(text, TOP_REQUEST_MAX, "sources limit=%zu sort=%s%s%s%s", limit,
		 model->sort == TOP_SORT_NEW	   ? "new" :
		 model->sort == TOP_SORT_HALF_OPEN ? "half_open" :
						     "concurrent",
		 by_service ? " service=" : "", model->service,
		 model->idle || model->sort == TOP_SORT_STANDING ? " all=1" : "");
	return text;
}
