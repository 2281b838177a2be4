// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the command shows of the mail logs, from answers as the daemon gives them and from some that
 * it would not give.
 */
#include "support.h"

#include <stdio.h>
#include <time.h>

#include "src/cli/digest_priv.h"
#include "src/cli/explain_priv.h"
#include "src/cli/mail_facts_priv.h"
#include "src/cli/status_priv.h"

static const struct cli cli = { .socket_path = "/nowhere" };
static FILE *terminal;
static char *page;
static size_t length;
static json_t *documents[8];
static unsigned n_documents;

static int set_up(void **state UNUSED)
{
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	return 0;
}

static int tear_down(void **state UNUSED)
{
	while (n_documents > 0)
		json_decref(documents[--n_documents]);
	free(page);
	page = NULL;
	return 0;
}

static const json_t *load(const char *text)
{
	json_t *document = json_loads(text, 0, NULL);

	assert_non_null(document);
	assert_true(n_documents < ARRAY_SIZE(documents));
	documents[n_documents++] = document;
	return document;
}

/* What is printed goes into the page. */
static void begin(void)
{
	free(page);
	page = NULL;
	terminal = stdout;
	stdout = open_memstream(&page, &length);
	assert_non_null(stdout);
}

static void end(void)
{
	assert_int_equal(fclose(stdout), 0);
	stdout = terminal;
	for (const char *p = page; *p; p++)
		if (*p != '\n' && (*p < 0x20 || *p > 0x7e))
			fail_msg("a character %d is printed", *p);
}

static void expect(const char *part)
{
	if (!strstr(page, part))
		fail_msg("\"%s\" is not in:\n%s", part, page);
}

static void expect_not(const char *part)
{
	if (strstr(page, part))
		fail_msg("\"%s\" is in:\n%s", part, page);
}

/* --- auth-failures --- */

static void show_failures(const struct arguments *arguments, const char *answer)
{
	begin();
	auth_failures_show(&cli, arguments, load(answer));
	end();
}

static void test_failures_by_account(void **state UNUSED)
{
	show_failures(
		&(struct arguments){ 0 },
		"{\"ok\":true,\"auth_failures\":[{\"account\":\"user@example.com\","
		"\"failures\":75178,\"accounts\":1,\"addresses\":12,\"networks\":9,"
		"\"first\":\"2026-11-21T09:00:00Z\",\"last\":\"2026-11-22T10:11:12Z\"},"
		"{\"account\":\"\",\"failures\":3,\"accounts\":0,\"addresses\":1,\"networks\":1,"
		"\"first\":\"2026-11-22T10:00:00Z\",\"last\":\"2026-11-22T10:00:00Z\"}],"
		"\"total\":812}");
	assert_string_equal(
		page,
		"FAILURES  ADDRESSES  NETWORKS  FIRST                LAST                 ACCOUNT\n"
		"   75178         12         9  2026-11-21 09:00:00  2026-11-22 10:11:12  "
		"user@example.com\n"
		"       3          1         1  2026-11-22 10:00:00  2026-11-22 10:00:00  -\n"
		"-: not in the line, not sure, or not kept apart (see smtpguard(8))\n"
		"2 of 812 shown; --limit shows more\n");
}

static void test_failures_by_several(void **state UNUSED)
{
	show_failures(&(struct arguments){ 0 },
		      "{\"ok\":true,\"auth_failures\":[{\"source\":null,\"day\":\"2026-11-22\","
		      "\"failures\":5,\"accounts\":2,\"addresses\":0,\"networks\":0,"
		      "\"first\":null,\"last\":null}],\"total\":1}");
	assert_string_equal(page, "DAY         FAILURES  ACCOUNTS  FIRST  LAST  SOURCE\n"
				  "2026-11-22         5         2  -      -     -\n"
				  "-: not in the line, not sure, or not kept apart (see "
				  "smtpguard(8))\n");
}

static void test_failures_of_nobody_come_last(void **state UNUSED)
{
	show_failures(&(struct arguments){ 0 },
		      "{\"ok\":true,\"auth_failures\":["
		      "{\"account\":\"\",\"source\":null,\"failures\":137856},"
		      "{\"account\":\"\",\"source\":\"192.0.2.1\",\"failures\":7},"
		      "{\"account\":\"a\",\"source\":null,\"failures\":5}],\"total\":3}");
	assert_string_equal(page, "FAILURES  FIRST  LAST  SOURCE     ACCOUNT\n"
				  "       7  -      -     192.0.2.1  -\n"
				  "       5  -      -     -          a\n"
				  "  137856  -      -     -          -\n"
				  "-: not in the line, not sure, or not kept apart (see "
				  "smtpguard(8))\n");
	/* days are of all */
	show_failures(&(struct arguments){ 0 },
		      "{\"ok\":true,\"auth_failures\":[{\"day\":\"2026-11-22\",\"failures\":7}]}");
	expect_not("not sure");
}

static void test_failures_of_strangers_are_printable(void **state UNUSED)
{
	show_failures(&(struct arguments){ 0 },
		      "{\"auth_failures\":[{\"account\":\"a\\u001b[2Jb\\u00e9\",\"failures\":1}]}");
	expect("a?[2Jb");
}

static void test_no_failures(void **state UNUSED)
{
	const struct arguments arguments = { .values = { NULL, "a@b", "192.0.2.1", "1d", NULL } };

	show_failures(&arguments, "{\"ok\":true,\"auth_failures\":[],\"total\":0}");
	assert_string_equal(page, "no failed authentication is recorded of account a@b from "
				  "192.0.2.1 since 1d\n");
	show_failures(&(struct arguments){ .values = { [1] = "", [2] = "192.0.2.1" } },
		      "{\"ok\":true}");
	assert_string_equal(page, "no failed authentication is recorded without an account from "
				  "192.0.2.1\n");
	show_failures(&(struct arguments){ 0 }, "{\"ok\":true}");
	assert_string_equal(page, "no failed authentication is recorded\n");
}

/* --- accounts --- */

static void show_accounts(const struct arguments *arguments, const char *answer)
{
	begin();
	accounts_show(&cli, arguments, load(answer));
	end();
}

static void test_accounts(void **state UNUSED)
{
	show_accounts(&(struct arguments){ 0 },
		      "{\"ok\":true,\"accounts\":[{\"account\":\"boss@example.com\",\"networks\":4,"
		      "\"addresses\":5,\"messages\":12,\"logins\":3,\"failures\":7,"
		      "\"first\":\"2026-11-21T09:00:00Z\",\"last\":\"2026-11-22T10:11:12Z\","
		      "\"alerted\":\"2026-11-22T10:00:00Z\",\"used_from\":["
		      "{\"address\":\"203.0.113.9\",\"messages\":7,\"logins\":0,"
		      "\"first\":\"2026-11-21T09:00:00Z\",\"last\":\"2026-11-21T09:00:01Z\"}]},"
		      "{\"account\":\"b\",\"networks\":2,\"addresses\":1,\"alerted\":null,"
		      "\"used_from\":[{\"address\":\"2001:db8::1\"}]}],\"total\":2}");
	assert_string_equal(
		page,
		"ACCOUNT             NETWORKS  ADDRESSES  MESSAGES  LOGINS  FAILURES  ALERTED   "
		"           FIRST                LAST\n"
		"boss@example.com           4          5        12       3         7  "
		"2026-11-22 10:00:00  2026-11-21 09:00:00  2026-11-22 10:11:12\n"
		"  203.0.113.9                                   7       0                       "
		"          2026-11-21 09:00:00  2026-11-21 09:00:01\n"
		"  4 more addresses                                                             "
		"           -                    -\n"
		"b                          2          1         0       0         0  -         "
		"           -                    -\n"
		"  2001:db8::1                                   0       0                       "
		"          -                    -\n");
}

static void test_accounts_of_a_source(void **state UNUSED)
{
	const struct arguments arguments = { .values = { NULL, NULL, "203.0.113.9" } };

	show_accounts(
		&arguments,
		"{\"ok\":true,\"accounts\":[{\"account\":\"a@example.com\",\"failures\":20,"
		"\"messages\":1,\"logins\":2,\"strangers\":0,\"protocol_errors\":4,\"refused\":0,"
		"\"first\":\"2026-11-22T10:00:00Z\",\"last\":\"2026-11-22T10:00:05Z\"},"
		"{\"account\":\"\",\"strangers\":3}],\"total\":9}");
	expect("FAILURES  MESSAGES  LOGINS  STRANGERS  ERRORS  REFUSED  FIRST");
	expect("      20         1       2          0       4        0  2026-11-22 10:00:00  "
	       "2026-11-22 10:00:05  a@example.com\n");
	expect("2 of 9 shown; --limit shows more\n");
	show_accounts(&arguments, "{\"ok\":true,\"accounts\":[],\"total\":0}");
	assert_string_equal(page, "the mail logs say nothing of 203.0.113.9\n");
}

static void test_no_accounts(void **state UNUSED)
{
	static const char nothing[] = "{\"ok\":true,\"accounts\":[],\"total\":0}";

	show_accounts(&(struct arguments){ .values = { [3] = "7d" } }, nothing);
	assert_string_equal(page, "no account was used from 2 networks or more since 7d\n");
	show_accounts(&(struct arguments){ .values = { "1" } }, nothing);
	assert_string_equal(page, "no account was used\n");
	show_accounts(&(struct arguments){ .values = { [1] = "a@b" } }, nothing);
	assert_string_equal(page, "account a@b was not used; whether it was tried: smtpguard "
				  "auth-failures --account a@b\n");
	show_accounts(&(struct arguments){ .values = { "3", "a@b" } }, nothing);
	expect("account a@b was not used from 3 networks or more; whether");
	show_accounts(&(struct arguments){ .values = { [1] = "" } }, nothing);
	assert_string_equal(page, "no use without an account is recorded\n");
}

/* --- explain --- */

#define SERVICES                                                                                   \
	"\"services\":[{\"service\":\"submission\",\"standing\":\"exempt\",\"concurrent\":8,"      \
	"\"limits\":{\"concurrent\":5,\"reverse_dns\":\"ignore\"}}]"

static void explain(const char *answer, const char *accounts)
{
	const struct allow_lines allow = { .n = 0 };
	const struct explain_page shown = { .answer = load(answer),
					    .accounts = accounts ? load(accounts) : NULL,
					    .allow = &allow };

	begin();
	explain_page_show(&cli, &shown);
	end();
}

static void test_explain_a_ban(void **state UNUSED)
{
	explain("{\"ok\":true,\"address\":\"203.0.113.9\",\"source\":\"203.0.113.9\",\"seen\":true,"
		"\"ban\":{\"limit\":\"auth-failures\",\"service\":\"submission\",\"allowed\":20,"
		"\"observed\":20,\"window\":\"3600s\",\"accounts\":\"user@example.com and 3 more\","
		"\"since\":\"2026-11-22T10:00:00Z\",\"expires\":null,\"enforced\":true},"
		"\"mail\":{\"failures_in_window\":20,\"limit\":20,\"window_s\":3600,\"failures\":"
		"27,"
		"\"successes\":0,\"accounts\":4,\"last_account\":\"user@example.com\","
		"\"last_failure\":\"2026-11-22T10:00:00Z\",\"last_success\":null,"
		"\"authenticated_until\":null}}",
		"{\"ok\":true,\"accounts\":[{\"account\":\"user@example.com\",\"failures\":27,"
		"\"first\":\"2026-11-22T09:00:00Z\",\"last\":\"2026-11-22T10:00:00Z\"}],\"total\":"
		"5}");
	expect("203.0.113.9 is banned: it failed to authenticate 20 times at submission within "
	       "3600s, with account user@example.com and 3 more\n");
	expect("correct the password in the mail program");
	expect("smtpguard unban 203.0.113.9");
	expect("\nMAIL LOGS\nfailures     20 towards the next ban, which comes at 20 within 1h (mail_logs.auth_failures)\n");
	expect("27 remembered, with 4 accounts, the last 2026-11-22 10:00:00 with "
	       "user@example.com\n");
	expect("      27         0       0          0       0        0  2026-11-22 09:00:00");
	expect("4 more: smtpguard accounts --source 203.0.113.9\n");
	expect_not("count towards a ban");
}

static void test_explain_what_is_only_observed(void **state UNUSED)
{
	explain("{\"ok\":true,\"address\":\"192.0.2.1\",\"source\":\"192.0.2.1\",\"seen\":true,"
		"\"mail\":{\"failures_in_window\":12,\"limit\":5,\"window_s\":3600},"
		"\"services\":[{\"service\":\"submission\",\"standing\":\"normal\","
		"\"limits\":{\"mode\":\"observe\"}}]}",
		NULL);
	expect("192.0.2.1 failed to authenticate 12 times within 1h, a ban comes at 5, but it is "
	       "not banned: the mode is observe\n");
	expect_not("is within its limits");
	/* limit 0: nobody is banned for them */
	explain("{\"ok\":true,\"address\":\"192.0.2.1\",\"source\":\"192.0.2.1\",\"seen\":true,"
		"\"mail\":{\"failures_in_window\":12,\"limit\":0,\"window_s\":3600}}",
		NULL);
	expect("192.0.2.1 is within its limits");
}

static void test_explain_the_spared(void **state UNUSED)
{
	explain("{\"ok\":true,\"address\":\"203.0.113.9\",\"source\":\"203.0.113.9\",\"seen\":true,"
		"\"reverse_dns\":{\"state\":\"verified\"},\"mail\":{\"limit\":0,\"successes\":2,"
		"\"last_success\":\"2026-11-22T10:00:00Z\","
		"\"authenticated_until\":\"2026-11-22T11:00:00Z\"}," SERVICES "}",
		"{\"ok\":false,\"code\":\"ledger-unavailable\",\"message\":\"the ledger sleeps\"}");
	expect("is over a limit of submission and spared: it authenticated lately, spared until "
	       "2026-11-22 11:00:00\n");
	expect("nobody is banned for them: mail_logs.auth_failures is off\n");
	expect("2 remembered, the last 2026-11-22 10:00:00\n");
	expect("until 2026-11-22 11:00:00 on services without port 25");
	expect("not from bans for failed authentications\n");
	expect("its accounts are not to be had: the ledger sleeps\n");
}

static void test_explain_without_mail(void **state UNUSED)
{
	static const char answer[] = "{\"ok\":true,\"address\":\"192.0.2.1\",\"mail\":null}";

	explain(answer, "{\"ok\":true,\"accounts\":[],\"total\":0}");
	expect_not("MAIL LOGS");
	explain(answer, NULL);
	expect_not("MAIL LOGS");
}

static void test_explain_what_only_the_ledger_knows(void **state UNUSED)
{
	explain("{\"ok\":true,\"address\":\"192.0.2.1\",\"mail\":null}",
		"{\"ok\":true,\"accounts\":[{\"account\":\"a\",\"logins\":1}],\"total\":1}");
	expect("MAIL LOGS\nFAILURES");
	expect_not("count towards a ban");
	explain("{\"ok\":true,\"address\":\"192.0.2.1\",\"mail\":null}",
		"{\"ok\":true,\"accounts\":[{\"account\":\"a\",\"failures\":12}],\"total\":1}");
	expect("not all of these failures count towards a ban: not those on ports that no service "
	       "guards");
}

/* --- status --- */

#define LOGS                                                                                       \
	"\"logs\":[{\"log\":\"exim\",\"path\":\"/var/log/exim_mainlog\",\"state\":\"following\","  \
	"\"error\":null,\"size\":900,\"offset\":800,\"lag_ms\":3,\"lines\":12,\"facts\":5},"       \
	"{\"log\":\"mail\",\"path\":\"/var/log/maillog\",\"state\":\"unreadable\","                \
	"\"error\":\"Permission denied\",\"lag_ms\":0},"                                           \
	"{\"log\":\"cpanel\",\"path\":\"/login_log\",\"state\":null}]"

static void show_status(const char *mail_logs)
{
	const json_t *document = load(mail_logs);

	begin();
	status_mail_show(&cli, document);
	status_mail_details(&cli, document);
	end();
}

static void test_status(void **state UNUSED)
{
	show_status("{\"enabled\":true,\"worker\":{\"running\":true},\"auth_failures_limit\":20,"
		    "\"auth_failures_window_s\":3600,\"account_networks\":5,"
		    "\"facts\":{\"auth_failures\":75178,\"auth_successes\":4,\"messages\":9},"
		    "\"tracked\":7,\"untracked\":8,\"unparsed\":1,"
		    "\"samples\":[{\"log\":\"mail\",\"line\":\"auth failed \\\\x1b\"}],"
		    "\"exim\":{\"connections\":37,\"age_s\":3,\"refused_full\":2,"
		    "\"refused_per_host\":0}," LOGS "}");
	expect("mail logs    exim following, mail unreadable, cpanel starting; lag 3 ms\n"
	       "             failed authentications: 75178; 20 of one source within 1h are a "
	       "ban\n");
	expect("             connections by Exim's log: 37, 3s ago\n");
	expect_not("forged");
	expect("Exim refused since start: 2 for smtp_accept_max");
	expect("of connections known here: 7, of others: 8");
	expect("/var/log/maillog: unreadable: Permission denied, 0 of 0 bytes read");
	expect("unparsed     mail: auth failed \\x1b\n");
	show_status("{\"enabled\":true,\"worker\":{\"running\":false},\"auth_failures_limit\":0,"
		    "\"exim\":{\"connections\":null}}");
	expect("mail logs    smtpguard-maillog is not running\n"
	       "             failed authentications: 0; nobody is banned for them\n");
	expect_not("Exim's log");
}

static void test_status_of_forged_lines(void **state UNUSED)
{
	show_status("{\"enabled\":true,\"worker\":{\"running\":true},\"forged\":{\"count\":30,"
		    "\"addresses\":4,\"last\":\"2026-11-22T10:00:00Z\","
		    "\"last_by\":[\"203.0.113.9:1\",\"[2001:db8::1]:2\"]}}");
	expect("             forged, so that they are nobody's: 30 failed authentications, the "
	       "last 2026-11-22 10:00:00, by one of 203.0.113.9:1, [2001:db8::1]:2 and 2 more\n");
	show_status("{\"enabled\":true,\"forged\":{\"count\":1,\"addresses\":0,"
		    "\"last\":\"2026-11-22T10:00:00Z\",\"last_by\":[]}}");
	expect("1 failed authentication, the last 2026-11-22 10:00:00, it names too many to tell\n");
}

static void test_status_without_mail_logs(void **state UNUSED)
{
	show_status("{\"enabled\":false}");
	assert_string_equal(page, "");
}

/* --- digest --- */

static json_t *make_digest(const struct digest_mail *mail)
{
	json_t *digest =
		digest_make(&(struct digest_inputs){ .host = "host",
						     .since = 1795336800,
						     .now = 1795423200, /* 2026-11-22T08:40:00Z */
						     .status = load("{\"ok\":true}"),
						     .history = load("{\"ok\":true}"),
						     .mail = *mail });

	assert_non_null(digest);
	free(page);
	page = digest_text(digest);
	assert_non_null(page);
	return digest;
}

static void test_digest(void **state UNUSED)
{
	const struct digest_mail mail = {
		.accounts = load("{\"ok\":true,\"accounts\":[{\"account\":\"boss@example.com\","
				 "\"networks\":7,\"addresses\":9,\"messages\":120,\"logins\":1,"
				 "\"alerted\":\"2026-11-22T10:00:00Z\",\"used_from\":[{}]},"
				 "{\"account\":\"old@example.com\",\"networks\":7,"
				 "\"alerted\":\"2026-11-01T10:00:00Z\"},"
				 "{\"account\":\"b\",\"networks\":2,\"alerted\":null}]}"),
		.account_failures = load("{\"ok\":true,\"auth_failures\":[{\"account\":\"\","
					 "\"failures\":75178,\"addresses\":12,\"networks\":9},"
					 "{\"account\":\"a@example.com\",\"failures\":3,"
					 "\"addresses\":2,\"networks\":1}]}"),
	};
	json_t *digest = make_digest(&mail);
	char *subject = digest_subject(digest);

	assert_true(json_is_true(json_object_get(digest, "news")));
	expect("Accounts newly used from many networks (a stolen password?):\n"
	       "  boss@example.com: networks 7, addresses 9, messages 120, logins 1; alerted "
	       "2026-11-22 10:00:00\n");
	expect_not("old@example.com");
	expect("Failed authentications of whole days, accounts tried most:\n"
	       "         3 of a@example.com; addresses 2, networks 1\n"
	       "     75178 without an account, or of too many to keep apart\n");
	assert_non_null(subject);
	assert_non_null(strstr(subject, ", 1 account alert"));
	free(subject);
	json_decref(digest);
}

static void test_digest_keeps_five_places(void **state UNUSED)
{
	const struct digest_mail mail = {
		.accounts = load("{\"ok\":true}"),
		.source_failures = load("{\"ok\":true,\"auth_failures\":["
					"{\"source\":\"192.0.2.1\",\"failures\":9},"
					"{\"source\":\"192.0.2.2\",\"failures\":8},"
					"{\"source\":null,\"failures\":7},"
					"{\"source\":\"192.0.2.3\",\"failures\":6},"
					"{\"source\":\"192.0.2.4\",\"failures\":5},"
					"{\"source\":\"192.0.2.5\",\"failures\":4},"
					"{\"source\":\"192.0.2.6\",\"failures\":3}]}"),
	};
	json_t *digest = make_digest(&mail);

	expect("         4 from 192.0.2.5; accounts 0\n"
	       "         7 from addresses that are not sure, or too many to keep apart\n");
	expect_not("192.0.2.6");
	json_decref(digest);
}

static void test_digest_of_failures_is_no_news(void **state UNUSED)
{
	const struct digest_mail mail = {
		.accounts = load("{\"ok\":false,\"message\":\"no\"}"),
		.source_failures = load("{\"ok\":true,\"auth_failures\":[{\"source\":\"192.0.2.1\","
					"\"failures\":3,\"accounts\":2}]}"),
	};
	json_t *digest = make_digest(&mail);

	assert_true(json_is_false(json_object_get(digest, "news")));
	expect("         3 from 192.0.2.1; accounts 2\n");
	json_decref(digest);
	digest = make_digest(&(struct digest_mail){ 0 });
	assert_true(json_is_null(json_object_get(digest, "mail_logs")));
	json_decref(digest);
}

/* --- requests --- */

static void test_options_become_parameters(void **state UNUSED)
{
	const struct arguments arguments = { .values = { "3", "a \"b\\", NULL, "7d", "5" } };
	struct request request;

	assert_int_equal(request_of_verb(&request, &cli, &verb_accounts, &arguments), EXIT_DONE);
	assert_int_equal(request.used, strlen("accounts min_networks=\"3\" account=\"a \\\"b\\\\\" "
					      "since=\"7d\" limit=\"5\"\n"));
	assert_memory_equal(request.text,
			    "accounts min_networks=\"3\" account=\"a \\\"b\\\\\" since=\"7d\" "
			    "limit=\"5\"\n",
			    request.used);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_failures_by_account),
		TEST(test_failures_by_several),
		TEST(test_failures_of_strangers_are_printable),
		TEST(test_failures_of_nobody_come_last),
		TEST(test_no_failures),
		TEST(test_accounts),
		TEST(test_accounts_of_a_source),
		TEST(test_no_accounts),
		TEST(test_explain_a_ban),
		TEST(test_explain_what_is_only_observed),
		TEST(test_explain_the_spared),
		TEST(test_explain_without_mail),
		TEST(test_explain_what_only_the_ledger_knows),
		TEST(test_status),
		TEST(test_status_of_forged_lines),
		TEST(test_status_without_mail_logs),
		TEST(test_digest),
		TEST(test_digest_keeps_five_places),
		TEST(test_digest_of_failures_is_no_news),
		TEST(test_options_become_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
