// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "top_priv.h"

static void append(char text[static CELL_TEXT_MAX], const char *format, ...) PRINTF_LIKE(2, 3);

/* What does not fit is cut off: no line of a screen is that long. */
static void append(char text[static CELL_TEXT_MAX], const char *format, ...)
{
	size_t used = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + used, CELL_TEXT_MAX - used, format, arguments);
	va_end(arguments);
}

const char *top_head_daemon(const json_t *status, char text[static CELL_TEXT_MAX])
{
	char span[SPAN_TEXT_MAX];

	snprintf(text, CELL_TEXT_MAX, "smtpguard %.32s, mode %.16s%s%s, up %s",
		 text_of(status, "version"), text_of(status, "mode"),
		 is_true(status, "mode_ordered") ? " (ordered)" : "",
		 json_is_string(json_object_get(status, "unenforceable")) ? ", not enforcing" : "",
		 span_format(number_of(status, "uptime_s"), span));
	return top_printable(text);
}

const char *top_head_slots(const json_t *status, char text[static CELL_TEXT_MAX])
{
	json_t *services = json_object_get(status, "services"), *service;
	const char *name, *separator = " ";

	snprintf(text, CELL_TEXT_MAX, "connections");
	json_object_foreach(services, name, service) {
		append(text, "%s%.40s %lld", separator, name, count_of(service, "connections"));
		if (count_of(service, "half_open"))
			append(text, " (%lld half-open)", count_of(service, "half_open"));
		append(text, " from %lld", count_of(service, "sources"));
		separator = ", ";
	}
	return top_printable(text);
}

static void append_gate(char text[static CELL_TEXT_MAX], const json_t *gate)
{
	const json_t *sources = json_object_get(gate, "sources");

	if (is_true(gate, "active"))
		append(text, "; gate: %lld packets held, %lld refused", count_of(gate, "held"),
		       count_of(sources, "refused"));
	else if (is_true(gate, "wanted"))
		append(text, "; gate: off, it does not work");
	else
		append(text, "; gate: none");
}

const char *top_head_bans(const json_t *status, char text[static CELL_TEXT_MAX])
{
	const json_t *bans = json_object_get(status, "bans");
	long long banned = count_of(bans, "count"), enforced = count_of(bans, "enforced");

	snprintf(text, CELL_TEXT_MAX, "bans %lld", banned);
	if (enforced != banned)
		append(text, " (%lld in the kernel)", enforced);
	append(text, ", blocked %lld, allowed %lld", count_of(bans, "blocked"),
	       count_of(bans, "allowed_by_operator"));
	if (count_of(bans, "pending"))
		append(text, ", %lld wait for DNS", count_of(bans, "pending"));
	append_gate(text, json_object_get(status, "gate"));
	return top_printable(text);
}

const char *top_head_problems(const json_t *status, char text[static CELL_TEXT_MAX])
{
	const json_t *problems = json_object_get(status, "problems");
	const char *first = json_string_value(json_array_get(problems, 0));
	size_t n = json_array_size(problems);

	if (n == 0)
		snprintf(text, CELL_TEXT_MAX, "no problems");
	else
		snprintf(text, CELL_TEXT_MAX, "%zu problem%s: %s", n, n == 1 ? "" : "s",
			 first ? first : "-");
	return top_printable(text);
}

const char *top_head_view(const struct top_model *model, char text[static CELL_TEXT_MAX])
{
	size_t last = MIN_OF(model->first + model->page, model->n_rows);
	bool idle = model->idle || model->sort == TOP_SORT_STANDING;

	snprintf(text, CELL_TEXT_MAX, "%zu-%zu of ", model->n_rows ? model->first + 1 : 0, last);
	if (model->text[0])
		append(text, "%zu with \"%s\" of ", model->n_rows, model->text);
	append(text, "%lld, by %s%s", model->total, top_sort_name(model->sort),
	       model->reverse ? " reversed" : "");
	if (model->service[0])
		append(text, ", only %s", model->service);
	if (idle)
		append(text, ", idle ones too");
	return top_printable(text);
}
