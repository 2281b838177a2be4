// SPDX-License-Identifier: GPL-2.0-or-later
#include "support.h"

#include <stdio.h>

#include "src/cli/top_priv.h"

static struct top_model model;

static int tear_down(void **state UNUSED)
{
	top_model_done(&model);
	return 0;
}

static void take(const char *text)
{
	json_t *answer = json_loads(text, 0, NULL);

	assert_non_null(answer);
	assert_int_equal(top_model_take(&model, answer), 0);
}

/* Four rows: their order differs for each count. */
static void take_four(void)
{
	take("{\"ok\":true,\"total\":4,\"sources\":["
	     "{\"source\":\"192.0.2.1\",\"service\":\"smtp\",\"concurrent\":9,\"half_open\":0,"
	     "\"new\":1,\"peak\":10,\"reverse_dns\":\"none\",\"names\":[],\"standing\":\"normal\"},"
	     "{\"source\":\"192.0.2.2\",\"service\":\"smtp\",\"concurrent\":8,\"half_open\":1,"
	     "\"new\":9,\"peak\":8,\"reverse_dns\":\"verified\",\"names\":[\"Mail.example\",\"b\"],"
	     "\"standing\":\"exempt\"},"
	     "{\"source\":\"192.0.2.3\",\"service\":\"submission\",\"concurrent\":7,\"half_open\":5,"
	     "\"new\":7,\"peak\":30,\"reverse_dns\":\"unknown\",\"names\":[],"
	     "\"standing\":\"resolving\"},"
	     "{\"source\":\"2001:db8::/64\",\"service\":\"smtp\",\"concurrent\":0,\"half_open\":2,"
	     "\"new\":8,\"peak\":11,\"reverse_dns\":\"mismatch\",\"names\":[\"x.example\"],"
	     "\"standing\":\"banned\"}]}");
}

/* The last digit of each source, in order. */
static void check_order(const char *expected)
{
	char order[16] = "";

	for (size_t i = 0; i < model.n_rows; i++) {
		const char *source = model.rows[i].source;

		order[i] = strchr(source, ':') ? '4' : source[strlen(source) - 1];
	}
	assert_string_equal(order, expected);
}

static void order_by(enum top_sort sort, bool reverse)
{
	model.sort = sort;
	model.reverse = reverse;
	top_model_arrange(&model);
}

static void test_orders(void **state UNUSED)
{
	take_four();
	check_order("1234");
	order_by(TOP_SORT_NEW, false);
	check_order("2431");
	order_by(TOP_SORT_HALF_OPEN, false);
	check_order("3421");
	order_by(TOP_SORT_PEAK, false);
	check_order("3412");
	order_by(TOP_SORT_STANDING, false);
	check_order("4321");
	order_by(TOP_SORT_NOW, true);
	check_order("4321");
}

static void test_equal_rows_keep_their_order(void **state UNUSED)
{
	for (unsigned round = 0; round < 2; round++) {
		take(round ? "{\"ok\":true,\"sources\":[{\"source\":\"192.0.2.2\"},"
			     "{\"source\":\"192.0.2.1\"},{\"source\":\"192.0.2.3\"}]}" :
			     "{\"ok\":true,\"sources\":[{\"source\":\"192.0.2.3\"},"
			     "{\"source\":\"192.0.2.2\"},{\"source\":\"192.0.2.1\"}]}");
		check_order("123");
	}
}

static void check_filter(const char *text, const char *expected)
{
	snprintf(model.text, sizeof(model.text), "%s", text);
	top_model_arrange(&model);
	check_order(expected);
}

static void test_filter(void **state UNUSED)
{
	take_four();
	check_filter("mail.EX", "2");
	check_filter("192.0.2.", "123");
	check_filter("BANNED", "4");
	check_filter("submission", "3");
	check_filter("mismatch", "4");
	check_filter("nobody", "");
	assert_null(top_model_selected(&model));
	check_filter("", "1234");
}

static void test_selection_follows_its_source(void **state UNUSED)
{
	take_four();
	top_model_set_page(&model, 2);
	/* whoever stays at the top sees who comes first */
	order_by(TOP_SORT_PEAK, false);
	assert_string_equal(top_model_selected(&model)->source, "192.0.2.3");
	order_by(TOP_SORT_NOW, false);
	assert_string_equal(top_model_selected(&model)->source, "192.0.2.1");

	top_model_move(&model, 2);
	assert_string_equal(top_model_selected(&model)->source, "192.0.2.3");
	assert_int_equal(model.first, 1);
	order_by(TOP_SORT_PEAK, false);
	assert_string_equal(top_model_selected(&model)->source, "192.0.2.3");
	assert_int_equal(model.selected, 0);
	assert_int_equal(model.first, 0);
}

static void test_selection_stays_inside(void **state UNUSED)
{
	top_model_move(&model, 1);
	assert_null(top_model_selected(&model));
	take_four();
	top_model_set_page(&model, 3);
	top_model_move(&model, 100);
	assert_int_equal(model.selected, 3);
	assert_int_equal(model.first, 1);
	top_model_move(&model, -100);
	assert_int_equal(model.selected, 0);
	assert_int_equal(model.first, 0);
	top_model_end(&model);
	assert_int_equal(model.selected, 3);
	take("{\"ok\":true,\"total\":1,\"sources\":[{\"source\":\"192.0.2.9\"}]}");
	assert_int_equal(model.selected, 0);
	assert_int_equal(model.first, 0);
	take("{\"ok\":true,\"total\":0,\"sources\":[]}");
	assert_null(top_model_selected(&model));
	top_model_set_page(&model, 0);
	top_model_home(&model);
	assert_int_equal(model.first, 0);
}

static void check_request(const char *expected)
{
	char text[TOP_REQUEST_MAX];

	assert_string_equal(top_model_request(&model, text), expected);
}

static void test_requests(void **state UNUSED)
{
	take_four();
	top_model_set_page(&model, 16);
	check_request("sources limit=100 sort=concurrent");
	model.sort = TOP_SORT_HALF_OPEN;
	check_request("sources limit=100 sort=half_open");
	model.first = 300;
	model.idle = true;
	check_request("sources limit=400 sort=half_open all=1");
	model.idle = false;
	model.first = 20000;
	check_request("sources limit=10000 sort=half_open");
	model.first = 0;
	model.sort = TOP_SORT_PEAK;
	snprintf(model.service, sizeof(model.service), "smtp");
	check_request("sources limit=10000 sort=concurrent service=smtp");
	model.sort = TOP_SORT_STANDING;
	check_request("sources limit=10000 sort=concurrent service=smtp all=1");
	model.sort = TOP_SORT_NEW;
	model.reverse = true;
	check_request("sources limit=10000 sort=new service=smtp");
	model.reverse = false;
	top_model_end(&model);
	check_request("sources limit=10000 sort=new service=smtp");
	top_model_home(&model);
	check_request("sources limit=100 sort=new service=smtp");
}

static void test_services_take_turns(void **state UNUSED)
{
	json_t *services = json_loads("{\"smtp\":{},\"not a word\":{},\"submission\":{}}", 0, NULL);

	top_model_cycle_service(&model, services);
	assert_string_equal(model.service, "smtp");
	top_model_cycle_service(&model, services);
	assert_string_equal(model.service, "submission");
	top_model_cycle_service(&model, services);
	assert_string_equal(model.service, "");
	/* a service that is gone */
	snprintf(model.service, sizeof(model.service), "old");
	top_model_cycle_service(&model, services);
	assert_string_equal(model.service, "");
	top_model_cycle_service(&model, NULL);
	assert_string_equal(model.service, "");
	json_decref(services);
}

static void test_answers_of_another_form(void **state UNUSED)
{
	take("{\"ok\":true}");
	take("{\"ok\":true,\"sources\":7,\"total\":\"many\"}");
	take("{\"ok\":true,\"sources\":[1,null,{\"source\":3,\"names\":\"x\",\"standing\":[]},"
	     "{\"names\":[null,2],\"concurrent\":\"9\"}]}");
	assert_int_equal(model.n_rows, 4);
	for (size_t i = 0; i < model.n_rows; i++) {
		assert_string_equal(model.rows[i].source, "-");
		assert_int_equal(model.rows[i].standing, TOP_STANDINGS);
		assert_int_equal(model.rows[i].concurrent, 0);
	}
}

/* --- reasons --- */

static void take_reason(const struct top_row *row, const char *text, usec_t now, usec_t wall)
{
	json_t *answer = json_loads(text, 0, NULL);

	assert_non_null(answer);
	top_reason_begin(&model, row, now);
	top_reason_take(&model, row->source, answer, now, wall);
	json_decref(answer);
}

static void test_reason_of_a_ban(void **state UNUSED)
{
	struct top_row row = { .source = "192.0.2.1", .standing = TOP_BANNED };
	char text[TOP_REQUEST_MAX];

	assert_true(top_reason_wanted(&model, &row, SECONDS(1)));
	assert_null(top_reason_find(&model, &row));
	assert_string_equal(top_reason_request(&row, text), "bans source=192.0.2.1");
	top_reason_begin(&model, &row, SECONDS(1));
	assert_false(top_reason_wanted(&model, &row, SECONDS(1)));
	assert_null(top_reason_find(&model, &row));
	take_reason(&row, "{\"bans\":[{\"comment\":\"smtp 23>10 concurrent\",\"remaining_s\":60}]}",
		    SECONDS(2), 0);
	assert_string_equal(top_reason_find(&model, &row)->why, "smtp 23>10 concurrent");
	assert_int_equal(top_reason_find(&model, &row)->until, SECONDS(62));
	/* it may be renewed */
	assert_false(top_reason_wanted(&model, &row, SECONDS(10)));
	assert_true(top_reason_wanted(&model, &row, SECONDS(30)));
	take_reason(&row, "{\"bans\":[{\"comment\":\"by hand\",\"remaining_s\":null}]}", SECONDS(30), 0);
	assert_true(top_reason_find(&model, &row)->without_end);
	assert_int_equal(top_reason_find(&model, &row)->until, 0);
	/* another standing has another reason */
	row.standing = TOP_EXEMPT;
	assert_null(top_reason_find(&model, &row));
	assert_true(top_reason_wanted(&model, &row, SECONDS(31)));
	row.standing = TOP_BANNED;
	take_reason(&row, "{\"bans\":[]}", SECONDS(32), 0);
	assert_null(top_reason_find(&model, &row));
	top_reason_forget(&model);
	assert_true(top_reason_wanted(&model, &row, SECONDS(33)));
}

static void test_other_reasons(void **state UNUSED)
{
	struct top_row row = { .source = "2001:db8::/64", .standing = TOP_EXEMPT };
	const usec_t wall = (usec_t)1800000000 * USEC_PER_SEC; /* 2027-01-15T08:00:00Z */
	char text[TOP_REQUEST_MAX];

	assert_string_equal(top_reason_request(&row, text), "explain 2001:db8::/64");
	take_reason(&row, "{\"trusted_until\":\"2027-01-15T08:01:00Z\"}", SECONDS(5), wall);
	assert_string_equal(top_reason_find(&model, &row)->why, "unbanned by hand");
	assert_int_equal(top_reason_find(&model, &row)->until, SECONDS(65));
	take_reason(&row, "{\"trusted_until\":\"2027-01-15T07:00:00Z\"}", SECONDS(5), wall);
	assert_int_equal(top_reason_find(&model, &row)->until, 0);
	take_reason(&row, "{\"trusted_until\":null,\"reverse_dns\":{\"state\":\"verified\"}}",
		    SECONDS(5), wall);
	assert_string_equal(top_reason_find(&model, &row)->why, "name verified");
	take_reason(&row, "{\"mail\":{\"authenticated_until\":\"2027-01-15T08:02:00Z\"}}", SECONDS(5),
		    wall);
	assert_string_equal(top_reason_find(&model, &row)->why, "authenticated lately");
	assert_int_equal(top_reason_find(&model, &row)->until, SECONDS(125));

	row.standing = TOP_ALLOWED;
	take_reason(&row, "{\"never\":{\"reason\":\"allow list\",\"match\":\"2001:db8::/32\"}}",
		    SECONDS(5), wall);
	assert_string_equal(top_reason_find(&model, &row)->why, "allow list 2001:db8::/32");
	row.standing = TOP_REFUSED;
	take_reason(&row, "{\"gate\":{\"reverse_dns\":\"none\",\"until\":\"2027-01-15T08:10:00Z\"}}",
		    SECONDS(5), wall);
	assert_string_equal(top_reason_find(&model, &row)->why, "no PTR");
	assert_int_equal(top_reason_find(&model, &row)->until, SECONDS(605));
	take_reason(&row, "{\"gate\":null}", SECONDS(5), wall);
	assert_null(top_reason_find(&model, &row));

	row.standing = TOP_NORMAL;
	assert_false(top_reason_wanted(&model, &row, SECONDS(5)));
	/* what is no address never becomes a part of a request */
	row.standing = TOP_BANNED;
	row.source = "192.0.2.1 for=1h";
	assert_null(top_reason_request(&row, text));
}

static void test_reasons_are_bounded(void **state UNUSED)
{
	char source[TOP_SOURCE_MAX];
	struct top_row row = { .source = source, .standing = TOP_BANNED };

	for (unsigned i = 0; i < 3 * TOP_REASONS_MAX; i++) {
		snprintf(source, sizeof(source), "10.0.%u.%u", i / 256, i % 256);
		take_reason(&row, "{\"bans\":[{\"comment\":\"x\",\"remaining_s\":9}]}",
			    SECONDS(1) + i, 0);
	}
	assert_non_null(top_reason_find(&model, &row));
	snprintf(source, sizeof(source), "10.0.0.0");
	assert_null(top_reason_find(&model, &row));
	/* the answer to a question that was forgotten */
	top_reason_take(&model, source, NULL, SECONDS(2), 0);
	assert_null(top_reason_find(&model, &row));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_orders, tear_down),
		cmocka_unit_test_teardown(test_equal_rows_keep_their_order, tear_down),
		cmocka_unit_test_teardown(test_filter, tear_down),
		cmocka_unit_test_teardown(test_selection_follows_its_source, tear_down),
		cmocka_unit_test_teardown(test_selection_stays_inside, tear_down),
		cmocka_unit_test_teardown(test_requests, tear_down),
		cmocka_unit_test_teardown(test_services_take_turns, tear_down),
		cmocka_unit_test_teardown(test_answers_of_another_form, tear_down),
		cmocka_unit_test_teardown(test_reason_of_a_ban, tear_down),
		cmocka_unit_test_teardown(test_other_reasons, tear_down),
		cmocka_unit_test_teardown(test_reasons_are_bounded, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
