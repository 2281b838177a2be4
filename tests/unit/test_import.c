// SPDX-License-Identifier: GPL-2.0-or-later
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "smtpguard/daemon/config.h"

#include "src/cli/import_priv.h"

#define NOW 1800000000

/* --- a firewall's files in memory --- */

struct memory_file {
	const char *path, *text;
	size_t length; /* 0: of the text */
	int error;
};

static struct memory_file files[8];
static unsigned n_files;
static struct import import;

static int read_memory(void *userdata UNUSED, const char *path, char **ret_text, size_t *ret_length)
{
	for (unsigned i = 0; i < n_files; i++) {
		size_t length = files[i].length;

		if (strcmp(files[i].path, path) != 0)
			continue;
		if (files[i].error)
			return files[i].error;
		if (!length)
			length = strlen(files[i].text);
		*ret_text = malloc(length + 1);
		assert_non_null(*ret_text);
		memcpy(*ret_text, files[i].text, length);
		(*ret_text)[length] = '\0';
		*ret_length = length;
		return 0;
	}
	return -ENOENT;
}

static void put(const char *path, const char *text)
{
	assert_true(n_files < ARRAY_SIZE(files));
	files[n_files++] = (struct memory_file){ .path = path, .text = text };
}

static void begin(const char *from)
{
	import_begin(&import, from, "/etc/test", "/var/test", NOW);
	import.read = read_memory;
}

static int tear_down(void **state UNUSED)
{
	import_done(&import);
	n_files = 0;
	return 0;
}

/* Reads everything that was put. */
static void run(void)
{
	assert_int_equal(strcmp(import.from, "csf") == 0 ? import_csf(&import) : import_apf(&import),
			 0);
}

static const struct import_line *line_at(const char *file, unsigned number)
{
	for (size_t i = 0; i < import.n_lines; i++)
		if (import.lines[i].number == number &&
		    strcmp(import.files[import.lines[i].file].name, file) == 0)
			return &import.lines[i];
	fail_msg("no line %s:%u", file, number);
	return NULL;
}

static void expect_line(const char *file, unsigned number, enum import_outcome outcome,
			const char *result)
{
	const struct import_line *line = line_at(file, number);

	if (line->outcome != outcome || strcmp(line->result ? line->result : "", result) != 0)
		fail_msg("%s:%u: %s: %s: \"%s\", wanted %s: \"%s\"", file, number, line->text,
			 outcome_name(line->outcome), line->result ? line->result : "",
			 outcome_name(outcome), result);
}

static void expect_text(char *text, const char *part)
{
	assert_non_null(text);
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in:\n%s", part, text);
	free(text);
}

static void expect_no_text(char *text, const char *part)
{
	assert_non_null(text);
	if (strstr(text, part))
		fail_msg("\"%s\" is in:\n%s", part, text);
	free(text);
}

/* --- entries --- */

struct entry_case {
	const char *text;
	enum filter_result result;
	const char *prefix;
	const char *ports; /* NULL: for every port */
};

static void expect_entries(const struct entry_case *cases, size_t n,
			   enum filter_result (*parse)(char *text, struct filter *ret_filter))
{
	for (size_t i = 0; i < n; i++) {
		char text[256], shown[PREFIX_TEXT_MAX], ports[64];
		struct filter filter;
		enum filter_result result;

		snprintf(text, sizeof(text), "%s", cases[i].text);
		result = parse(text, &filter);
		if (result != cases[i].result)
			fail_msg("%s: %d (%s), wanted %d", cases[i].text, result,
				 filter.why ? filter.why : "-", cases[i].result);
		if (result != FILTER_ADDRESS)
			continue;
		assert_string_equal(prefix_format(&filter.prefix, shown), cases[i].prefix);
		assert_int_equal(filter.has_ports, cases[i].ports != NULL);
		if (cases[i].ports)
			assert_string_equal(ports_format(filter.ports, ports), cases[i].ports);
	}
}

static void test_csf_entries(void **state UNUSED)
{
	static const struct entry_case cases[] = {
		{ "192.0.2.1", FILTER_ADDRESS, "192.0.2.1", NULL },
		{ "192.0.2.77/25", FILTER_ADDRESS, "192.0.2.0/25", NULL },
		{ "2001:DB8::/32", FILTER_ADDRESS, "2001:db8::/32", NULL },
		{ "tcp|in|d=25|s=192.0.2.1", FILTER_ADDRESS, "192.0.2.1", "25" },
		{ "tcp:in:d=25:s=192.0.2.1", FILTER_ADDRESS, "192.0.2.1", "25" },
		{ "in|d=25|s=192.0.2.0/24", FILTER_ADDRESS, "192.0.2.0/24", "25" },
		{ "tcp|d=25|s=192.0.2.1", FILTER_ADDRESS, "192.0.2.1", "25" },
		{ "d=465,587|s=192.0.2.1", FILTER_ADDRESS, "192.0.2.1", "465, 587" },
		{ "d=20_600|s=2001:db8::1", FILTER_ADDRESS, "2001:db8::1",
		  "25, 26, 465, 587, 110, 143" },
		{ "d=smtp|s=192.0.2.1", FILTER_ADDRESS, "192.0.2.1", "25" },
		{ "d=ssh|s=192.0.2.1", FILTER_ADDRESS, "192.0.2.1", "" },
		{ "d=22|s=192.0.2.1", FILTER_ADDRESS, "192.0.2.1", "" },
		{ "udp|in|d=25|s=192.0.2.1", FILTER_OTHER },
		{ "icmp|in|d=ping|s=192.0.2.1", FILTER_OTHER },
		{ "tcp|out|d=25|d=192.0.2.1", FILTER_OTHER },
		{ "tcp|out|d=80||u=99", FILTER_OTHER },
		{ "tcp|in|s=25|s=192.0.2.1", FILTER_OTHER },
		{ "tcp|in|d=25|d=192.0.2.1", FILTER_OTHER },
		{ "s=192.0.2.1", FILTER_IGNORED },
		{ "mail.example.org", FILTER_IGNORED },
		{ "0.0.0.0/0", FILTER_REFUSED },
		{ "::/0", FILTER_REFUSED },
		{ "tcp|in|d=25|s=mail.example.org", FILTER_NOT_UNDERSTOOD },
		{ "tcp|in|d=70000|s=192.0.2.1", FILTER_NOT_UNDERSTOOD },
		{ "tcp|in|d=30_20|s=192.0.2.1", FILTER_NOT_UNDERSTOOD },
		{ "tcp|in|d=|s=192.0.2.1", FILTER_NOT_UNDERSTOOD },
		{ "tcp|in|x=25|s=192.0.2.1", FILTER_NOT_UNDERSTOOD },
		{ "d=25|s=192.0.2.1|s=192.0.2.2", FILTER_NOT_UNDERSTOOD },
		{ "|||||||||||=", FILTER_NOT_UNDERSTOOD },
		{ "192.0.2.256", FILTER_NOT_UNDERSTOOD },
		{ "192.0.2.1/33", FILTER_NOT_UNDERSTOOD },
		{ "", FILTER_NOT_UNDERSTOOD },
	};

	expect_entries(cases, ARRAY_SIZE(cases), filter_parse_csf);
}

static void test_apf_entries(void **state UNUSED)
{
	static const struct entry_case cases[] = {
		{ "192.0.2.1", FILTER_ADDRESS, "192.0.2.1", NULL },
		{ "2001:db8::1", FILTER_ADDRESS, "2001:db8::1", NULL },
		{ "tcp:in:d=25:s=192.0.2.0/24", FILTER_ADDRESS, "192.0.2.0/24", "25" },
		{ "in:d=465_587:s=192.0.2.1", FILTER_ADDRESS, "192.0.2.1", "465, 587" },
		{ "d=25:s=[2001:db8::/32]", FILTER_ADDRESS, "2001:db8::/32", "25" },
		{ "udp:in:d=25:s=192.0.2.1", FILTER_OTHER },
		{ "out:d=25:d=192.0.2.1", FILTER_OTHER },
		{ "d=25:d=192.0.2.1", FILTER_OTHER },
		{ "s=25:s=192.0.2.1", FILTER_OTHER },
		{ "mail.example.org", FILTER_OTHER },
		{ "CN", FILTER_OTHER },
		{ "@EU", FILTER_OTHER },
		{ "tcp:in:d=25:s=CN", FILTER_NOT_UNDERSTOOD },
		{ "d=25", FILTER_NOT_UNDERSTOOD },
		{ "sctp:in:d=25:s=192.0.2.1", FILTER_NOT_UNDERSTOOD },
		{ "d=25:u=99", FILTER_NOT_UNDERSTOOD },
		{ "a=:b=:c=:d=:e=:f=:g=:h=:i=", FILTER_NOT_UNDERSTOOD },
	};

	expect_entries(cases, ARRAY_SIZE(cases), filter_parse_apf);
}

/* --- limits --- */

#define CONF "/etc/test/csf.conf"

static void test_limits_become_services(void **state UNUSED)
{
	begin("csf");
	put(CONF, "# a comment\n"
		  "PORTFLOOD = \"25;tcp;10;300, 465;tcp;20;60,587;tcp;20;60,22;tcp;5;300,25;udp;5;5\"\n"
		  "CONNLIMIT = \"25;8\"\n"
		  "CT_LIMIT = \"15\"\nCT_PORTS = \"25,465,587\"\nCT_BLOCK_TIME = \"1800\"\n"
		  "CT_SUBNET_LIMIT = \"100\"\nDROP = \"REJECT\"\n");
	run();
	expect_line(CONF, 1, OUTCOME_COMMENT, "");
	expect_line(CONF, 2, OUTCOME_SETTING,
		    "22;tcp;5;300: no mail port, not for smtpguard; 25;udp;5;5: not TCP; "
		    "25;tcp;10;300: services.smtp.new = \"10/300s\"; "
		    "465;tcp;20;60: services.submission.new = \"20/60s\"; "
		    "587;tcp;20;60: services.submission.new = \"20/60s\"");
	expect_line(CONF, 3, OUTCOME_SETTING, "25;8: services.smtp.concurrent = 8; what is above was "
					      "refused, here it is banned");
	expect_line(CONF, 5, OUTCOME_SETTING, "CT_LIMIT is taken over for 25, 465, 587");
	expect_line(CONF, 6, OUTCOME_SETTING, "bans.duration = \"1800s\"");
	assert_int_equal(line_at(CONF, 7)->outcome, OUTCOME_NO_COUNTERPART);
	assert_int_equal(import.n_services, 2);
	expect_text(config_text(&import, NULL), "    # " CONF ":2: PORTFLOOD 25;tcp;10;300\n"
						"    new = \"10/300s\";\n");
	expect_text(config_text(&import, NULL), "    concurrent = 8;\n");
	expect_text(config_text(&import, NULL), "    concurrent = 15;\n");
	expect_text(config_text(&import, NULL), "  duration = \"1800s\";\n");
	expect_text(config_text(&import, NULL), "  action = \"reject\";\n");
	expect_text(config_text(&import, "/x/*.list"), "allow_files = [ \"/x/*.list\" ]");
}

static void test_ports_with_other_limits_are_services_of_their_own(void **state UNUSED)
{
	begin("csf");
	put(CONF, "CONNLIMIT = \"465;10,587;20,143;50\"\n");
	run();
	assert_int_equal(import.n_services, 4);
	expect_line(CONF, 1, OUTCOME_SETTING,
		    "465;10: services.submission.concurrent = 10; "
		    "587;20: services.submission-587.concurrent = 20; "
		    "143;50: services.imap.concurrent = 50; what is above was refused, here it is "
		    "banned");
	expect_text(config_text(&import, NULL), "  imap: {\n    ports = [ 143 ];\n");
	expect_text(config_text(&import, NULL), "    new = \"off\";\n");
}

static void test_tracking_of_all_ports(void **state UNUSED)
{
	begin("csf");
	put(CONF, "CT_LIMIT = \"300\"\nCT_PORTS = \"\"\nPORTFLOOD = \"25;tcp;30;60\"\n");
	run();
	expect_line(CONF, 2, OUTCOME_SETTING, "every port: taken over for 25, 465, 587");
	expect_line(CONF, 3, OUTCOME_SETTING,
		    "25;tcp;30;60: CSF made no rule of more than 20, here it holds; "
		    "25;tcp;30;60: services.smtp.new = \"30/60s\"");
	/* a verified source is not held to less than any other */
	expect_text(config_text(&import, NULL), "    verified_concurrent = 300;\n");
}

static void test_tracking_of_other_ports(void **state UNUSED)
{
	begin("csf");
	put(CONF, "CT_LIMIT = \"300\"\nCT_PORTS = \"80,443\"\nCT_BLOCK_TIME = \"1800\"\n");
	run();
	assert_int_equal(line_at(CONF, 1)->outcome, OUTCOME_OTHER);
	assert_int_equal(line_at(CONF, 2)->outcome, OUTCOME_OTHER);
	assert_int_equal(line_at(CONF, 3)->outcome, OUTCOME_IGNORED);
	expect_no_text(config_text(&import, NULL), "duration");
}

static void test_bad_settings(void **state UNUSED)
{
	begin("csf");
	put(CONF, "PORTFLOOD = \"25;tcp;10,25;tcp;0;300,25;sctp;1;1,x y!;tcp;1;1,25;tcp;1;90000\"\n"
		  "CONNLIMIT = \"25;0\"\nCT_LIMIT = \"many\"\nCT_LIMIT = \"10\"\nno setting\n"
		  "LF_POP3D = 10\nUNKNOWN = \"\"\nLF_SMTPAUTH = \"5\"\nLF_IMAPD = \"0\"\nDROP = \"X\"\n"
		  " CT_INTERVAL = \"30\" \r\n");
	run();
	assert_int_equal(line_at(CONF, 1)->outcome, OUTCOME_NOT_UNDERSTOOD);
	expect_line(CONF, 2, OUTCOME_NOT_UNDERSTOOD, "25;0: a limit of 1 to 1000000 is allowed");
	expect_line(CONF, 3, OUTCOME_NOT_UNDERSTOOD, "no number of 0 to 1000000");
	expect_line(CONF, 4, OUTCOME_NOT_UNDERSTOOD,
		    "given twice; the first counts here (" CONF ":3)");
	expect_line(CONF, 5, OUTCOME_NOT_UNDERSTOOD, "no NAME = \"value\"");
	expect_line(CONF, 6, OUTCOME_NOT_UNDERSTOOD, "no value in double quotes");
	expect_line(CONF, 7, OUTCOME_OTHER, "not for smtpguard");
	expect_line(CONF, 8, OUTCOME_SETTING,
		    "mail_logs.auth_failures = \"5/3600s\"; it counts when you set mail_logs.enabled = true "
		    "and restart smtpguardd");
	expect_line(CONF, 9, OUTCOME_IGNORED, "off");
	expect_line(CONF, 10, OUTCOME_NOT_UNDERSTOOD, "no such action");
	assert_int_equal(line_at(CONF, 11)->outcome, OUTCOME_COVERED);
	assert_int_equal(import.n_rules, 0);
	assert_int_equal(import.n_services, 2);
}

/* --- failed logins --- */

static void test_failed_logins_become_mail_logs(void **state UNUSED)
{
	begin("csf");
	put(CONF, "LF_SMTPAUTH = \"5\"\nLF_SMTPAUTH_PERM = \"1\"\nLF_POP3D = \"10\"\nLF_IMAPD = \"10\"\n"
		  "LF_CPANEL = \"5\"\nLF_INTERVAL = \"1800\"\nSMTPAUTH_LOG = \"/var/log/exim/main.log\"\n"
		  "POP3D_LOG = \"/var/log/maillog\"\nIMAPD_LOG = \"/var/log/imap.log\"\n"
		  "CPANEL_LOG = \"relative\"\nPORTFLOOD = \"143;tcp;10;60\"\nLT_POP3D = \"60\"\n"
		  "LF_DISTSMTP = \"2\"\nLF_TRIGGER = \"0\"\nRT_RELAY_ALERT = \"1\"\n");
	run();
	expect_line(CONF, 1, OUTCOME_SETTING,
		    "mail_logs.auth_failures = \"5/1800s\"; it counts when you set mail_logs.enabled = true "
		    "and restart smtpguardd");
	assert_int_equal(line_at(CONF, 2)->outcome, OUTCOME_NO_COUNTERPART);
	/* nobody guards 110 and 995 */
	assert_int_equal(line_at(CONF, 3)->outcome, OUTCOME_NO_COUNTERPART);
	expect_line(CONF, 4, OUTCOME_COVERED,
		    "mail_logs.auth_failures is for the failures of all protocols together");
	assert_int_equal(line_at(CONF, 5)->outcome, OUTCOME_NO_COUNTERPART);
	expect_line(CONF, 6, OUTCOME_SETTING, "the window of mail_logs.auth_failures");
	expect_line(CONF, 7, OUTCOME_SETTING, "mail_logs.exim = \"/var/log/exim/main.log\"");
	expect_line(CONF, 8, OUTCOME_SETTING, "mail_logs.mail = \"/var/log/maillog\"");
	expect_line(CONF, 9, OUTCOME_NO_COUNTERPART,
		    "no counterpart: one such log is followed, mail_logs.mail = \"/var/log/maillog\"");
	expect_line(CONF, 10, OUTCOME_NOT_UNDERSTOOD, "not the absolute path of a file");
	for (unsigned i = 12; i <= 13; i++)
		assert_int_equal(line_at(CONF, i)->outcome, OUTCOME_NO_COUNTERPART);
	expect_line(CONF, 14, OUTCOME_IGNORED, "off");
	assert_int_equal(line_at(CONF, 15)->outcome, OUTCOME_NO_COUNTERPART);
	expect_text(config_text(&import, NULL),
		    "mail_logs: {\n  enabled = false; # true: at the next restart\n  # " CONF ":1: LF_SMTPAUTH = \"5\"\n"
		    "  # " CONF ":6: LF_INTERVAL = \"1800\"\n  auth_failures = \"5/1800s\";\n"
		    "  # " CONF ":7: SMTPAUTH_LOG = \"/var/log/exim/main.log\"\n"
		    "  exim = \"/var/log/exim/main.log\";\n");
	expect_no_text(config_text(&import, NULL), "  cpanel = ");
}

static void test_the_strictest_limit_of_failed_logins_holds(void **state UNUSED)
{
	begin("csf");
	put(CONF, "LF_SMTPAUTH = \"20\"\nLF_IMAPD = \"10\"\nCONNLIMIT = \"993;50\"\n"
		  "LF_INTERVAL = \"0\"\n");
	run();
	assert_int_equal(line_at(CONF, 1)->outcome, OUTCOME_COVERED);
	expect_line(CONF, 2, OUTCOME_SETTING,
		    "mail_logs.auth_failures = \"10/3600s\"; it counts when you set mail_logs.enabled = true "
		    "and restart smtpguardd");
	expect_line(CONF, 4, OUTCOME_NOT_UNDERSTOOD, "no number of 1 to 604800");
}

static void test_one_trigger_for_all(void **state UNUSED)
{
	begin("csf");
	put(CONF, "LF_TRIGGER = \"7\"\nLF_SMTPAUTH = \"1\"\n");
	run();
	expect_line(CONF, 1, OUTCOME_SETTING,
		    "mail_logs.auth_failures = \"7/3600s\"; it counts when you set mail_logs.enabled = true "
		    "and restart smtpguardd");
	assert_int_equal(line_at(CONF, 2)->outcome, OUTCOME_COVERED);
}

static void test_failed_logins_that_are_off(void **state UNUSED)
{
	begin("csf");
	put(CONF, "LF_TRIGGER = \"7\"\nLF_SMTPAUTH = \"0\"\nLF_CPANEL = \"5\"\nLF_POP3D = \"\"\n"
		  "LF_INTERVAL = \"3600\"\nSMTPAUTH_LOG = \"/var/log/exim_mainlog\"\n"
		  "LF_IMAPD = \"x\"\n");
	run();
	expect_line(CONF, 1, OUTCOME_IGNORED, "not taken over: no limit of failed logins is");
	expect_line(CONF, 2, OUTCOME_IGNORED, "off");
	assert_int_equal(line_at(CONF, 3)->outcome, OUTCOME_NO_COUNTERPART);
	expect_line(CONF, 4, OUTCOME_IGNORED, "off");
	assert_int_equal(line_at(CONF, 5)->outcome, OUTCOME_IGNORED);
	assert_int_equal(line_at(CONF, 6)->outcome, OUTCOME_IGNORED);
	assert_int_equal(line_at(CONF, 7)->outcome, OUTCOME_NOT_UNDERSTOOD);
	expect_no_text(config_text(&import, NULL), "mail_logs");
}

/* --- lists --- */

#define ALLOW "/etc/test/csf.allow"
#define DENY "/etc/test/csf.deny"
#define IGNORE "/etc/test/csf.ignore"
#define BAN "/var/test/csf.tempban"

static void test_allow_list(void **state UNUSED)
{
	begin("csf");
	put(ALLOW, "# heading\n# two\n192.0.2.1 # one\n\n# apart\n\n192.0.2.1/32\n192.0.2.0/24 \"x\"\n"
		   "10.0.0.0/7\n::/8\n127.0.0.9\ntcp|in|d=25|s=192.0.2.7\ntcp|in|d=143|s=192.0.2.8\n");
	run();
	expect_line(ALLOW, 7, OUTCOME_COVERED, "allowed already by 192.0.2.1 (" ALLOW ":3)");
	expect_line(ALLOW, 8, OUTCOME_ALLOWED, "allow 192.0.2.0/24");
	assert_int_equal(line_at(ALLOW, 9)->outcome, OUTCOME_NO_COUNTERPART);
	assert_int_equal(line_at(ALLOW, 10)->outcome, OUTCOME_NO_COUNTERPART);
	expect_line(ALLOW, 11, OUTCOME_COVERED, "loopback is never banned");
	expect_line(ALLOW, 12, OUTCOME_ALLOWED,
		    "allow 192.0.2.7; on every guarded port (25, 465, 587), not only on 25");
	expect_line(ALLOW, 13, OUTCOME_OTHER, "no guarded port, not for smtpguard");
	assert_int_equal(allow_count(&import), 3);
	expect_text(allow_text(&import), "\n# heading\n# two\n192.0.2.1  # one (" ALLOW ":3)\n"
					 "192.0.2.0/24  # \"x\" (" ALLOW ":8)\n");
	expect_no_text(allow_text(&import), "apart");
}

static void test_includes(void **state UNUSED)
{
	begin("csf");
	put(ALLOW, "Include /etc/csf/more.allow\nInclude /missing\nInclude more\n192.0.2.1 # Include\n"
		   " Include /etc/csf/more.allow\nInclude\n192.0.2.3\n");
	put("/etc/test/more.allow", "192.0.2.2\nInclude /etc/csf/csf.allow\n");
	run();
	expect_line(ALLOW, 1, OUTCOME_INCLUDE, "/etc/test/more.allow is read");
	expect_line("/etc/test/more.allow", 1, OUTCOME_ALLOWED, "allow 192.0.2.2");
	expect_line("/etc/test/more.allow", 2, OUTCOME_NOT_UNDERSTOOD, ALLOW " includes itself");
	expect_line(ALLOW, 2, OUTCOME_NOT_UNDERSTOOD,
		    "/missing cannot be read: No such file or directory");
	expect_line(ALLOW, 3, OUTCOME_NOT_UNDERSTOOD, "no absolute path");
	assert_int_equal(line_at(ALLOW, 4)->outcome, OUTCOME_IGNORED);
	assert_int_equal(line_at(ALLOW, 5)->outcome, OUTCOME_IGNORED);
	assert_int_equal(line_at(ALLOW, 6)->outcome, OUTCOME_NOT_UNDERSTOOD);
	expect_line(ALLOW, 7, OUTCOME_ALLOWED, "allow 192.0.2.3");
}

static void test_includes_are_bounded(void **state UNUSED)
{
	begin("csf");
	put(ALLOW, "Include /a\n");
	/* each includes the next one many times over: the number of files ends it */
	put("/a", "Include /b\nInclude /b\nInclude /b\nInclude /b\nInclude /b\nInclude /b\nInclude /b\n");
	put("/b", "Include /c\nInclude /c\nInclude /c\nInclude /c\nInclude /c\nInclude /c\nInclude /c\n");
	put("/c", "Include /d\nInclude /d\nInclude /d\nInclude /d\nInclude /d\nInclude /d\nInclude /d\n");
	put("/d", "192.0.2.1\n");
	run();
	assert_int_equal(import.n_files, IMPORT_FILES_MAX);
}

static void test_what_is_no_text(void **state UNUSED)
{
	static const char rest[] = "\n192.0.2.\0001\n\033[1m\n192.0.2.5";
	static char text[IMPORT_LINE_MAX + 1 + sizeof(rest)];

	begin("csf");
	memset(text, '1', IMPORT_LINE_MAX + 1);
	memcpy(text + IMPORT_LINE_MAX + 1, rest, sizeof(rest));
	files[n_files++] = (struct memory_file){ ALLOW, text, sizeof(text) - 1, 0 };
	run();
	expect_line(ALLOW, 1, OUTCOME_NOT_UNDERSTOOD, "longer than 4096 bytes");
	expect_line(ALLOW, 2, OUTCOME_NOT_UNDERSTOOD, "a NUL byte");
	assert_string_equal(line_at(ALLOW, 3)->text, "\\x1b[1m");
	expect_line(ALLOW, 4, OUTCOME_ALLOWED, "allow 192.0.2.5");
}

static void test_files_that_cannot_be_read(void **state UNUSED)
{
	begin("csf");
	assert_int_equal(import_csf(&import), -ENOENT);
	import_done(&import);
	begin("csf");
	files[n_files++] = (struct memory_file){ ALLOW, "", 0, FILE_TOO_LARGE };
	files[n_files++] = (struct memory_file){ DENY, "", 0, -EACCES };
	run();
	assert_string_equal(import.files[0].problem, "not read: larger than 8 MiB");
	assert_string_equal(import.files[1].problem, "not read: Permission denied");
}

static void test_bans(void **state UNUSED)
{
	begin("csf");
	put(ALLOW, "192.0.2.0/24 # friends\n");
	put(IGNORE, "198.51.100.1\ntcp|in|d=25|s=198.51.100.2\n");
	put(DENY, "192.0.2.9\n203.0.113.0/24 # lfd: \"all\" of them\n203.0.113.4\n198.51.100.1\n"
		  "2001:db8::1\ntcp|in|d=25|s=203.0.112.1 # mail\n");
	put(BAN, "1799999000|203.0.112.9||inout|3000|lfd - x|y\n1799999000|203.0.112.8||in|1000|over\n"
		 "1799999000|203.0.113.7|25|in|9999|covered\n1799999000|203.0.112.7|80|in|9999|web\n"
		 "1799999000|203.0.112.6||out|9999|out\n1799999000|203.0.112.5|25;udp|in|9999|u\n"
		 "1799999000|203.0.112.4|25;tcp,80|in|9999|m\nx|1|2\nx|203.0.112.4||in|1|m\n"
		 "1|mail.example||in|1|m\n1799999000|203.0.112.1||in|2000|shorter\n");
	run();
	expect_line(DENY, 1, OUTCOME_COVERED, "not banned: allowed by 192.0.2.0/24 (" ALLOW ":1)");
	expect_line(DENY, 2, OUTCOME_BLOCKED, "ban 203.0.113.0/24 without end");
	expect_line(DENY, 3, OUTCOME_COVERED, "banned already by 203.0.113.0/24 (" DENY ":2)");
	expect_line(DENY, 4, OUTCOME_COVERED, "not banned: allowed by 198.51.100.1 (" IGNORE ":1)");
	expect_line(IGNORE, 2, OUTCOME_IGNORED, "CSF takes no filters here");
	expect_line(BAN, 1, OUTCOME_BLOCKED, "ban 203.0.112.9 for 2000s");
	expect_line(BAN, 2, OUTCOME_EXPIRED, "it has ended");
	expect_line(BAN, 3, OUTCOME_COVERED, "banned already by 203.0.113.0/24 (" DENY ":2)");
	expect_line(BAN, 4, OUTCOME_OTHER, "no guarded port, not for smtpguard");
	assert_int_equal(line_at(BAN, 5)->outcome, OUTCOME_OTHER);
	assert_int_equal(line_at(BAN, 6)->outcome, OUTCOME_OTHER);
	assert_int_equal(line_at(BAN, 7)->outcome, OUTCOME_BLOCKED);
	assert_int_equal(line_at(BAN, 8)->outcome, OUTCOME_NOT_UNDERSTOOD);
	expect_line(BAN, 9, OUTCOME_NOT_UNDERSTOOD, "no time");
	expect_line(BAN, 10, OUTCOME_NOT_UNDERSTOOD, "no address");
	expect_line(BAN, 11, OUTCOME_COVERED, "banned already by 203.0.112.1 (" DENY ":6)");
	assert_int_equal(commands_count(&import, COMMAND_WAITS), 5);
	expect_text(commands_text(&import),
		    "ban 203.0.113.0/24 for=forever reason=\"csf: lfd: \\\"all\\\" of them\"\n"
		    "ban 2001:db8::1/128 for=forever reason=\"banned by csf\"\n");
	expect_text(commands_text(&import), "ban 203.0.112.9 for=2000s reason=\"csf: lfd - x|y\"\n");
}

static void test_names(void **state UNUSED)
{
	begin("csf");
	put("/etc/test/csf.rignore", ".mail.example # one\nhost.example\n*.example\n");
	run();
	assert_int_equal(line_at("/etc/test/csf.rignore", 1)->outcome, OUTCOME_COVERED);
	assert_int_equal(line_at("/etc/test/csf.rignore", 2)->outcome, OUTCOME_COVERED);
	assert_int_equal(line_at("/etc/test/csf.rignore", 3)->outcome, OUTCOME_NOT_UNDERSTOOD);
}

/* --- APF --- */

#define APF "/etc/test/conf.apf"
#define APF_ALLOW "/etc/test/allow_hosts.rules"

static void test_apf(void **state UNUSED)
{
	begin("apf");
	put(APF, "#!/bin/bash\nIG_TCP_CLIMIT=\"25:8,80:9,465_587:12\" # limits\nCT_LIMIT='0'\nCT_SKIP=\"192.0.2.9,"
		 " x\"\nTCP_STOP=RESET\nCNFINT=\"$INSTALL_PATH/x\"\n. $CNFINT\nCT_PORTS=\"`id`\"\n"
		 "A=1; rm -rf x\nCT_BLOCK_TIME=$(id)\n");
	put(APF_ALLOW,
	    "# added 192.0.2.1 on x expire=1799999999 with comment: over\n192.0.2.1\n"
	    "# added 192.0.2.2 on x expire=1800000100 with comment: a while\n192.0.2.2\n"
	    "# added 192.0.2.3 on x with comment: expire=1\n192.0.2.3\n"
	    "# added 192.0.2.4 on x expire=9999999999 with comment: far\n192.0.2.4\n"
	    "# an office\n192.0.2.5\n");
	run();
	expect_line(APF, 2, OUTCOME_SETTING,
		    "80:9: no mail port, not for smtpguard; 25:8: services.smtp.concurrent = 8; "
		    "465_587:12: services.submission.concurrent = 12; what is above was refused, here "
		    "it is banned");
	expect_line(APF, 3, OUTCOME_IGNORED, "0: connections are not limited");
	assert_int_equal(line_at(APF, 4)->outcome, OUTCOME_NOT_UNDERSTOOD);
	assert_int_equal(line_at(APF, 5)->outcome, OUTCOME_SETTING);
	assert_int_equal(line_at(APF, 6)->outcome, OUTCOME_OTHER);
	assert_int_equal(line_at(APF, 7)->outcome, OUTCOME_OTHER);
	assert_int_equal(line_at(APF, 8)->outcome, OUTCOME_NOT_UNDERSTOOD);
	assert_int_equal(line_at(APF, 9)->outcome, OUTCOME_NOT_UNDERSTOOD);
	assert_int_equal(line_at(APF, 10)->outcome, OUTCOME_NOT_UNDERSTOOD);
	expect_line(APF_ALLOW, 2, OUTCOME_EXPIRED, "it has ended");
	expect_line(APF_ALLOW, 4, OUTCOME_ALLOWED, "allow 192.0.2.2 for 100s");
	expect_line(APF_ALLOW, 6, OUTCOME_ALLOWED, "allow 192.0.2.3");
	/* longer than the daemon takes a time */
	expect_line(APF_ALLOW, 8, OUTCOME_ALLOWED, "allow 192.0.2.4 without end");
	expect_text(allow_text(&import), "192.0.2.9  # CT_SKIP (" APF ":4)\n");
	expect_text(allow_text(&import), "192.0.2.5  # an office (" APF_ALLOW ":10)\n");
	expect_text(commands_text(&import), "allow add 192.0.2.2 for=100s comment=\"apf: a while\"\n");
}

/* --- what is written --- */

static char directory[64], path[96];

static void expect_file(const char *text, mode_t mode)
{
	char *found;
	size_t length;
	struct stat st;

	assert_int_equal(import_read_regular(NULL, path, &found, &length), 0);
	assert_string_equal(found, text);
	free(found);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

static void test_files_are_not_overwritten(void **state UNUSED)
{
	char *text;
	size_t length;

	snprintf(directory, sizeof(directory), "/tmp/test-import-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/file", directory);
	assert_int_equal(write_check(path, "one\n"), WRITE_DONE);
	assert_int_equal(write_file(path, "one\n", 0640, false), WRITE_DONE);
	expect_file("one\n", 0640);
	assert_int_equal(write_check(path, "one\n"), WRITE_UNCHANGED);
	assert_int_equal(write_file(path, "one\n", 0644, false), WRITE_UNCHANGED);
	assert_int_equal(write_check(path, "two\n"), WRITE_EXISTS);
	assert_int_equal(write_file(path, "two\n", 0644, false), WRITE_EXISTS);
	expect_file("one\n", 0640);
	assert_int_equal(write_file(path, "two\n", 0644, true), WRITE_DONE);
	expect_file("two\n", 0644);
	assert_int_equal(import_read_regular(NULL, directory, &text, &length), FILE_NOT_REGULAR);
	assert_int_equal(unlink(path), 0);
	/* no temporary file is left */
	assert_int_equal(rmdir(directory), 0);
	assert_int_equal(write_file(path, "x", 0644, false), -ENOENT);
}

static void note_problem(void *userdata UNUSED, const char *text)
{
	fail_msg("%s", text);
}

static void test_configuration_is_good(void **state UNUSED)
{
	struct config *config;
	char *text;

	begin("csf");
	put(CONF, "PORTFLOOD = \"25;tcp;5;60,26;tcp;5;60,2525;tcp;6;60,993;tcp;100;10,110;tcp;1;1\"\n"
		  "CT_LIMIT = \"1000\"\nCT_BLOCK_TIME = \"864000\"\nDROP = \"REJECT\"\n"
		  "LF_SMTPAUTH = \"5\"\nCPANEL_LOG = \"/logs/login_log\"\n");
	run();
	snprintf(directory, sizeof(directory), "/tmp/test-import-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/conf", directory);
	text = config_text(&import, "/none/*.list");
	assert_non_null(text);
	assert_int_equal(write_file(path, text, 0644, false), WRITE_DONE);
	free(text);
	assert_int_equal(config_load(&config, path, false, note_problem, NULL), 0);
	assert_int_equal(config->guard.n_services, import.n_services);
	assert_int_equal(config->guard.bans.duration, HOURS(240));
	assert_false(config->guard.mail.enabled);
	assert_int_equal(config->guard.mail.auth_failures, 5);
	assert_int_equal(config->guard.mail.auth_window, HOURS(1));
	assert_string_equal(config->mail_log_paths[MAIL_LOG_CPANEL], "/logs/login_log");
	assert_string_equal(config->mail_log_paths[MAIL_LOG_EXIM], "/var/log/exim_mainlog");
	config_free(config);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(directory), 0);
}

static void test_report_has_every_line(void **state UNUSED)
{
	struct import_result result = { .dry_run = true };
	json_t *report, *line;
	size_t i, n = 0;

	begin("csf");
	put(CONF, "# one\n\nCT_LIMIT = \"10\"\n");
	put(ALLOW, "192.0.2.1\ngarbage\n");
	run();
	report = report_json(&import, &result);
	assert_non_null(report);
	json_array_foreach(json_object_get(report, "lines"), i, line)
		n += json_string_value(json_object_get(line, "outcome")) != NULL;
	assert_int_equal(n, 5);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(report, "counts"),
							    "not-understood")), 1);
	json_decref(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_csf_entries),
		cmocka_unit_test(test_apf_entries),
		cmocka_unit_test_teardown(test_limits_become_services, tear_down),
		cmocka_unit_test_teardown(test_ports_with_other_limits_are_services_of_their_own,
					  tear_down),
		cmocka_unit_test_teardown(test_tracking_of_all_ports, tear_down),
		cmocka_unit_test_teardown(test_tracking_of_other_ports, tear_down),
		cmocka_unit_test_teardown(test_bad_settings, tear_down),
		cmocka_unit_test_teardown(test_failed_logins_become_mail_logs, tear_down),
		cmocka_unit_test_teardown(test_the_strictest_limit_of_failed_logins_holds, tear_down),
		cmocka_unit_test_teardown(test_one_trigger_for_all, tear_down),
		cmocka_unit_test_teardown(test_failed_logins_that_are_off, tear_down),
		cmocka_unit_test_teardown(test_allow_list, tear_down),
		cmocka_unit_test_teardown(test_includes, tear_down),
		cmocka_unit_test_teardown(test_includes_are_bounded, tear_down),
		cmocka_unit_test_teardown(test_what_is_no_text, tear_down),
		cmocka_unit_test_teardown(test_files_that_cannot_be_read, tear_down),
		cmocka_unit_test_teardown(test_bans, tear_down),
		cmocka_unit_test_teardown(test_names, tear_down),
		cmocka_unit_test_teardown(test_apf, tear_down),
		cmocka_unit_test(test_files_are_not_overwritten),
		cmocka_unit_test_teardown(test_configuration_is_good, tear_down),
		cmocka_unit_test_teardown(test_report_has_every_line, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
