// SPDX-License-Identifier: GPL-2.0-or-later
#include "support.h"

#include <stdio.h>

#include "src/cli/top_priv.h"

static struct top_model model;
static json_t *document;
static char text[CELL_TEXT_MAX];

static int tear_down(void **state UNUSED)
{
	top_model_done(&model);
	json_decref(document);
	document = NULL;
	return 0;
}

static const json_t *load(const char *json)
{
	json_decref(document);
	document = json_loads(json, 0, NULL);
	assert_non_null(document);
	return document;
}

static struct top_row row_of(enum top_standing standing, const char *words)
{
	return (struct top_row){ .source = "203.0.113.9", .service = "smtp", .reverse_dns = "none",
				 .words = words, .standing = standing, .concurrent = 12,
				 .peak = 23, .fresh = 40, .half_open = 3 };
}

static void check_cell(const struct top_row *row, enum top_column column, const char *expected)
{
	assert_string_equal(top_cell(&model, row, column, document, SECONDS(10), text), expected);
}

static void test_cells(void **state UNUSED)
{
	struct top_row row = row_of(TOP_NORMAL, "normal");

	check_cell(&row, TOP_COLUMN_NEW, "40");
	load("{\"smtp\":{\"window\":\"300s\"}}");
	check_cell(&row, TOP_COLUMN_NEW, "40/300s");
	check_cell(&row, TOP_COLUMN_SOURCE, "203.0.113.9");
	check_cell(&row, TOP_COLUMN_SERVICE, "smtp");
	check_cell(&row, TOP_COLUMN_NOW, "12");
	check_cell(&row, TOP_COLUMN_PEAK, "23");
	check_cell(&row, TOP_COLUMN_HALF_OPEN, "3");
	check_cell(&row, TOP_COLUMN_NAME, "none");
	check_cell(&row, TOP_COLUMN_STANDING, "normal");
	row.reverse_dns = "mismatch";
	row.name = "mx.example";
	check_cell(&row, TOP_COLUMN_NAME, "mismatch mx.example");
	row.reverse_dns = "verified";
	check_cell(&row, TOP_COLUMN_NAME, "mx.example");
	row = row_of(TOP_OVER_LIMIT, "over-limit");
	check_cell(&row, TOP_COLUMN_STANDING, "over limit");
	/* a standing that is not known here is shown as it came */
	row = row_of(TOP_STANDINGS, "suspended");
	check_cell(&row, TOP_COLUMN_STANDING, "suspended");
}

static void take_reason(const struct top_row *row, const char *json)
{
	json_t *answer = json_loads(json, 0, NULL);

	assert_non_null(answer);
	top_reason_begin(&model, row, SECONDS(10));
	top_reason_take(&model, row->source, answer, SECONDS(10), 0);
	json_decref(answer);
}

static void test_standing_with_its_reason(void **state UNUSED)
{
	struct top_row row = row_of(TOP_BANNED, "banned");

	check_cell(&row, TOP_COLUMN_STANDING, "banned");
	take_reason(&row, "{\"bans\":[{\"comment\":\"smtp 23>10 concurrent; no PTR\","
			  "\"remaining_s\":3550}]}");
	check_cell(&row, TOP_COLUMN_STANDING, "banned 59m 10s: smtp 23>10 concurrent; no PTR");
	row.name = "mx.example";
	row.reverse_dns = "mismatch";
	row.more_names = 2;
	assert_string_equal(top_row_line(&model, &row, SECONDS(10), text),
			    "203.0.113.9 smtp: banned 59m 10s: smtp 23>10 concurrent; no PTR; "
			    "mismatch mx.example (+2)");
	/* over, and the daemon has not said so yet */
	assert_non_null(strstr(top_row_line(&model, &row, HOURS(2), text), "banned 0s: "));
	take_reason(&row, "{\"bans\":[{\"comment\":\"operator\",\"remaining_s\":null}]}");
	check_cell(&row, TOP_COLUMN_STANDING, "banned without end: operator");
}

static void test_foreign_text_is_printable(void **state UNUSED)
{
	struct top_row row = row_of(TOP_NORMAL, "\x1b[31mred\x1b[0m");

	row.source = "a\nb\x7f";
	row.name = "caf\xc3\xa9\t";
	row.reverse_dns = "verified";
	row.service = "\r";
	check_cell(&row, TOP_COLUMN_SOURCE, "a?b?");
	check_cell(&row, TOP_COLUMN_NAME, "caf???");
	check_cell(&row, TOP_COLUMN_STANDING, "?[31mred?[0m");
	top_row_line(&model, &row, 0, text);
	for (const char *p = text; *p; p++)
		assert_in_range((unsigned char)*p, 0x20, 0x7e);
	assert_string_equal(top_head_problems(load("{\"problems\":[\"x\\u001b]0;y\\u0007\"]}"), text),
			    "1 problem: x?]0;y?");
}

static void check_cut(const char *from, size_t width, bool front, const char *expected)
{
	snprintf(text, sizeof(text), "%s", from);
	top_cut(text, width, front);
	assert_string_equal(text, expected);
}

static void test_cut(void **state UNUSED)
{
	check_cut("abcdef", 6, false, "abcdef");
	check_cut("abcdef", 5, false, "abcd~");
	check_cut("abcdef", 5, true, "~cdef");
	check_cut("abcdef", 1, false, "~");
	check_cut("abcdef", 1, true, "~");
	check_cut("abcdef", 0, false, "");
	check_cut("abcdef", 0, true, "");
}

static size_t width_of(const struct top_layout *layout)
{
	size_t sum = 0;

	for (unsigned i = 0; i < TOP_COLUMNS; i++)
		if (layout->widths[i])
			sum += layout->widths[i] + (sum ? 1 : 0);
	return sum;
}

static void test_columns_of_a_usual_screen(void **state UNUSED)
{
	struct top_layout layout = { .widths = { 0 } };
	struct top_row row = row_of(TOP_BANNED, "banned");

	load("{\"smtp\":{\"window\":\"300s\"}}");
	take_reason(&row, "{\"bans\":[{\"comment\":\"smtp 23>10 concurrent; no PTR\","
			  "\"remaining_s\":3550}]}");
	row.name = "a-rather-long-name.example.net";
	top_layout_measure(&layout, &model, &row, document, SECONDS(10));
	top_layout_fit(&layout, 78);
	for (unsigned i = 0; i < TOP_COLUMNS; i++)
		assert_true(layout.widths[i] > 0);
	assert_int_equal(width_of(&layout), 78);
	assert_int_equal(layout.widths[TOP_COLUMN_SOURCE], 15);
	assert_int_equal(layout.widths[TOP_COLUMN_NEW], 7);
	/* with room for all there is nothing to cut */
	top_layout_fit(&layout, 160);
	assert_int_equal(width_of(&layout), 160);
	assert_int_equal(layout.widths[TOP_COLUMN_NAME], strlen("none a-rather-long-name.example.net"));
	assert_true(layout.widths[TOP_COLUMN_STANDING] >= 46);
}

static void test_columns_fit_any_width(void **state UNUSED)
{
	struct top_layout layout = { .wanted = { [TOP_COLUMN_SOURCE] = 43, [TOP_COLUMN_SERVICE] = 31,
						 [TOP_COLUMN_NAME] = 255,
						 [TOP_COLUMN_STANDING] = 300 } };
	unsigned shown = 0;

	for (size_t width = 1; width < 400; width++) {
		unsigned n = 0;

		top_layout_fit(&layout, width);
		assert_true(width_of(&layout) <= width);
		assert_true(layout.widths[TOP_COLUMN_SOURCE] > 0);
		for (unsigned i = 0; i < TOP_COLUMNS; i++)
			n += layout.widths[i] > 0;
		/* more room never hides a column */
		assert_true(n >= shown);
		shown = n;
	}
	assert_int_equal(shown, TOP_COLUMNS);
}

static void test_head(void **state UNUSED)
{
	assert_string_equal(top_head_problems(load("{\"problems\":[]}"), text), "no problems");
	assert_string_equal(top_head_problems(load("{\"problems\":[\"one\",\"two\"]}"), text),
			    "2 problems: one");
	assert_string_equal(top_head_daemon(load("{\"version\":\"1.0\",\"mode\":\"observe\","
						 "\"mode_ordered\":true,\"uptime_s\":3700}"), text),
			    "smtpguard 1.0, mode observe (ordered), up 1h 1m");
	assert_string_equal(top_head_daemon(load("{\"version\":\"1.0\",\"mode\":\"enforce\","
						 "\"unenforceable\":\"no table\",\"uptime_s\":5}"),
					    text),
			    "smtpguard 1.0, mode enforce, not enforcing, up 5s");
	assert_string_equal(top_head_slots(load("{\"services\":{\"smtp\":{\"connections\":97,"
						"\"half_open\":2,\"sources\":12},"
						"\"submission\":{\"connections\":0,\"sources\":0}}}"),
					   text),
			    "connections smtp 97 (2 half-open) from 12, submission 0 from 0");
	assert_string_equal(top_head_bans(load("{\"bans\":{\"count\":3,\"enforced\":2,\"blocked\":1,"
					       "\"allowed_by_operator\":4,\"pending\":5},"
					       "\"gate\":{\"active\":true,\"held\":6,"
					       "\"sources\":{\"refused\":7}}}"), text),
			    "bans 3 (2 in the kernel), blocked 1, allowed 4, 5 wait for DNS; "
			    "gate: 6 packets held, 7 refused");
	assert_string_equal(top_head_bans(load("{}"), text),
			    "bans 0, blocked 0, allowed 0; gate: none");
}

static void test_head_of_the_table(void **state UNUSED)
{
	json_t *answer = json_loads("{\"total\":9,\"sources\":[{\"source\":\"192.0.2.1\"},"
				    "{\"source\":\"192.0.2.2\"},{\"source\":\"198.51.100.1\"}]}", 0,
				    NULL);

	assert_string_equal(top_head_view(&model, text), "0-0 of 0, by now");
	assert_int_equal(top_model_take(&model, answer), 0);
	top_model_set_page(&model, 2);
	assert_string_equal(top_head_view(&model, text), "1-2 of 9, by now");
	snprintf(model.text, sizeof(model.text), "192");
	snprintf(model.service, sizeof(model.service), "smtp");
	model.sort = TOP_SORT_STANDING;
	model.reverse = true;
	top_model_arrange(&model);
	assert_string_equal(top_head_view(&model, text),
			    "1-2 of 2 with \"192\" of 9, by standing reversed, only smtp, "
			    "idle ones too");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_cells, tear_down),
		cmocka_unit_test_teardown(test_standing_with_its_reason, tear_down),
		cmocka_unit_test_teardown(test_foreign_text_is_printable, tear_down),
		cmocka_unit_test(test_cut),
		cmocka_unit_test_teardown(test_columns_of_a_usual_screen, tear_down),
		cmocka_unit_test(test_columns_fit_any_width),
		cmocka_unit_test_teardown(test_head, tear_down),
		cmocka_unit_test_teardown(test_head_of_the_table, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
