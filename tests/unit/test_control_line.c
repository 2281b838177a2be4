// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>

#include <cmocka.h>

#include "smtpguard/wire/control_line.h"

static char error[256];

static struct control_command parse(const char *line)
{
	struct control_command command = { 0 };

	if (control_line_parse(line, strlen(line), &command, error, sizeof(error)) < 0)
		fail_msg("'%s': %s", line, error);
	return command;
}

/* The line is refused and the message contains what it should. */
static void refuse(const char *line, const char *part)
{
	struct control_command command;

	memset(&command, 0x5a, sizeof(command));
	error[0] = '\0';
	if (control_line_parse(line, strlen(line), &command, error, sizeof(error)) != -EINVAL)
		fail_msg("'%s' was accepted", line);
	if (!strstr(error, part))
		fail_msg("'%s': '%s' does not contain '%s'", line, error, part);
	for (size_t i = 0; i < sizeof(command); i++)
		assert_int_equal(((unsigned char *)&command)[i], 0x5a);
}

static const char *prefix_text(const struct control_command *command)
{
	static char text[PREFIX_TEXT_MAX];

	return prefix_format(&command->prefix, text);
}

static void verbs_are_read(void **state UNUSED)
{
	struct control_command command;

	assert_int_equal(parse("status").verb, CONTROL_STATUS);
	assert_int_equal(parse("  status\t ").verb, CONTROL_STATUS);
	assert_int_equal(parse("events").verb, CONTROL_EVENTS);
	command = parse("explain 203.0.113.9");
	assert_int_equal(command.verb, CONTROL_EXPLAIN);
	assert_true(command.has_prefix);
	assert_string_equal(prefix_text(&command), "203.0.113.9");
	command = parse("ban 2001:db8:1::/64");
	assert_int_equal(command.verb, CONTROL_BAN);
	assert_string_equal(prefix_text(&command), "2001:db8:1::/64");
	for (unsigned i = 0; i < CONTROL_VERBS; i++) {
		command = (struct control_command){ .verb = (enum control_verb)i };
		assert_int_equal(control_command_changes(&command),
				 i == CONTROL_BAN || i == CONTROL_UNBAN || i == CONTROL_ALLOW_ADD ||
					 i == CONTROL_ALLOW_REMOVE || i == CONTROL_RELOAD ||
					 i == CONTROL_FLUSH);
	}
	assert_string_equal(control_verb_name(CONTROL_EXPLAIN), "explain");
	assert_string_equal(control_verb_name(CONTROL_ALLOW_ADD), "allow add");
	/* every verb is read under its own name */
	for (unsigned i = 0; i < CONTROL_VERBS; i++) {
		char line[64];

		snprintf(line, sizeof(line), "%s %s", control_verb_name((enum control_verb)i),
			 i == CONTROL_EXPLAIN || i == CONTROL_BAN || i == CONTROL_UNBAN ||
					 i == CONTROL_ALLOW_ADD || i == CONTROL_ALLOW_REMOVE ?
				 "192.0.2.1" :
				 "");
		assert_int_equal(parse(line).verb, i);
	}
}

static void sources_parameters(void **state UNUSED)
{
	struct control_command command = parse("sources");

	assert_int_equal(command.limit, 0);
	assert_int_equal(command.sort, CONTROL_SORT_CONCURRENT);
	assert_false(command.all);
	assert_string_equal(command.service, "");

	command = parse("sources all=1 sort=half_open limit=10000 service=\"submission\"");
	assert_true(command.all);
	assert_int_equal(command.limit, 10000);
	assert_int_equal(command.sort, CONTROL_SORT_HALF_OPEN);
	assert_string_equal(command.service, "submission");
	assert_false(parse("sources all=0").all);
	assert_int_equal(parse("sources sort=new").sort, CONTROL_SORT_NEW);
}

static void bans_and_unban(void **state UNUSED)
{
	struct control_command command = parse("bans");

	assert_false(command.has_prefix);
	command = parse("bans source=::ffff:192.0.2.1");
	assert_true(command.has_prefix);
	assert_string_equal(prefix_text(&command), "192.0.2.1");

	command = parse("unban all trust=90s");
	assert_true(command.all);
	assert_false(command.has_prefix);
	assert_int_equal(command.duration, 90 * USEC_PER_SEC);
	command = parse("unban trust=1h 192.0.2.1");
	assert_false(command.all);
	assert_true(command.has_prefix);
	assert_int_equal(parse("unban 192.0.2.1").duration, 0);
}

static void allow_reload_and_flush(void **state UNUSED)
{
	struct control_command command;

	command = parse("allow add 192.0.2.0/24 for=7d comment=\"the \x01 office\"");
	assert_int_equal(command.verb, CONTROL_ALLOW_ADD);
	assert_string_equal(prefix_text(&command), "192.0.2.0/24");
	assert_true(command.has_length);
	assert_int_equal(command.duration, 7 * 86400 * USEC_PER_SEC);
	assert_string_equal(command.reason, "the \\x01 office");
	command = parse(" allow\t add  comment=x 2001:db8::1");
	assert_int_equal(command.verb, CONTROL_ALLOW_ADD);
	assert_false(command.has_length);
	assert_int_equal(command.duration, 0);
	command = parse("allow remove 2001:db8::1/128");
	assert_int_equal(command.verb, CONTROL_ALLOW_REMOVE);
	assert_true(command.has_length);
	assert_int_equal(parse("allow list").verb, CONTROL_ALLOW_LIST);

	assert_int_equal(parse("reload").verb, CONTROL_RELOAD);
	assert_int_equal(parse("flush").verb, CONTROL_FLUSH);
	assert_false(parse("flush").all);
	assert_true(parse("flush all=1").all);

	assert_int_equal(parse("ban 192.0.2.1 for=forever").duration, USEC_NEVER);
	assert_int_equal(parse("allow add 192.0.2.1 for=forever").duration, USEC_NEVER);
	assert_false(parse("ban 192.0.2.1").has_length);
	assert_true(parse("unban 192.0.2.1/32").has_length);
}

static void modes(void **state UNUSED)
{
	struct control_command command = parse("mode");

	assert_int_equal(command.verb, CONTROL_MODE);
	assert_false(command.has_mode);
	assert_false(control_command_changes(&command));
	command = parse("mode observe");
	assert_true(command.has_mode);
	assert_true(command.observe);
	assert_true(control_command_changes(&command));
	command = parse("mode\tenforce ");
	assert_true(command.has_mode);
	assert_false(command.observe);
	assert_true(control_command_changes(&command));
}

static void history_and_peaks(void **state UNUSED)
{
	struct control_command command = parse("history");

	assert_int_equal(command.verb, CONTROL_HISTORY);
	assert_false(command.has_prefix);
	assert_int_equal(command.since, 0);
	assert_int_equal(command.since_wall, 0);
	assert_int_equal(command.limit, 0);
	command = parse("history source=198.51.100.0/24 since=36h limit=10000");
	assert_string_equal(prefix_text(&command), "198.51.100.0/24");
	assert_int_equal(command.since, 36 * 3600 * USEC_PER_SEC);
	assert_int_equal(command.since_wall, 0);
	assert_int_equal(command.limit, 10000);

	command = parse("peaks service=smtp since=7d source=2001:db8::/64 limit=5");
	assert_int_equal(command.verb, CONTROL_PEAKS);
	assert_string_equal(command.service, "smtp");
	assert_int_equal(command.since, 7 * 86400 * USEC_PER_SEC);
	assert_int_equal(command.limit, 5);
}

static void auth_failures(void **state UNUSED)
{
	struct control_command command = parse("auth-failures");

	assert_int_equal(command.verb, CONTROL_AUTH_FAILURES);
	assert_int_equal(command.by, 0);
	assert_false(command.has_account);
	assert_int_equal(parse("auth-failures by=account").by, 1);
	assert_int_equal(parse("auth-failures by=source").by, 2);
	assert_int_equal(parse("auth-failures by=day").by, 4);
	assert_int_equal(parse("auth-failures by=day,account").by, 5);
	command = parse("auth-failures by=source,day,account account=user@example.com "
			"source=2001:db8::/48 since=2026-11-22 limit=7");
	assert_int_equal(command.by, 7);
	assert_true(command.has_account);
	assert_string_equal(command.account, "user@example.com");
	assert_string_equal(prefix_text(&command), "2001:db8::/48");
	assert_int_equal(command.since_wall / USEC_PER_SEC, 1795305600);
	assert_int_equal(command.limit, 7);
}

static void accounts(void **state UNUSED)
{
	struct control_command command = parse("accounts");

	assert_int_equal(command.verb, CONTROL_ACCOUNTS);
	assert_int_equal(command.min_networks, 0);
	command = parse("accounts min_networks=5 account=\"user name\" since=1d limit=3");
	assert_int_equal(command.min_networks, 5);
	assert_string_equal(command.account, "user name");
	assert_int_equal(command.since, 86400 * USEC_PER_SEC);
	assert_int_equal(command.limit, 3);
	command = parse("accounts source=203.0.113.9");
	assert_true(command.has_prefix);
	/* what is about no account */
	command = parse("accounts source=203.0.113.9 account=");
	assert_true(command.has_account);
	assert_string_equal(command.account, "");
}

/* As they are typed, or as an answer showed them. */
static void accounts_are_escaped_once(void **state UNUSED)
{
	static const struct {
		const char *given, *account;
	} texts[] = {
		{ "EXAMPLE\\user", "EXAMPLE\\x5cuser" },
		{ "EXAMPLE\\x5cuser", "EXAMPLE\\x5cuser" },
		{ "a\\x5", "a\\x5cx5" },
		{ "a\\x5C", "a\\x5cx5C" },
		{ "a\\", "a\\x5c" },
		{ "\\x22\\x22\\", "\\x5cx22\\x5cx22\\x5c" },
		{ "us\xc3\xa9r\x1b[m", "us\\xc3\\xa9r\\x1b[m" },
		{ "\\x41\x01", "\\x5cx41\\x01" },
	};
	struct control_command command;
	char line[CONTROL_LINE_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		snprintf(line, sizeof(line), "accounts account=%s", texts[i].given);
		command = parse(line);
		assert_string_equal(command.account, texts[i].account);
	}
	/* a long one is cut as the logs' are */
	memset(line, 'a', sizeof(line));
	memcpy(line, "accounts account=", 17);
	line[900] = '\0';
	command = parse(line);
	assert_int_equal(strlen(command.account), ACCOUNT_TEXT_MAX - 1);
}

static usec_t since_wall(const char *text)
{
	struct control_command command;
	char line[128];

	snprintf(line, sizeof(line), "history since=%s", text);
	command = parse(line);
	assert_int_equal(command.since, 0);
	return command.since_wall / USEC_PER_SEC;
}

static void times_are_read(void **state UNUSED)
{
	assert_int_equal(since_wall("2026-11-22T12:00:00Z"), 1795348800);
	assert_int_equal(since_wall("2026-11-22t12:00:00z"), 1795348800);
	assert_int_equal(since_wall("2026-11-22T12:00:00.999999999Z"), 1795348800);
	assert_int_equal(since_wall("2026-11-22T13:30:00+01:30"), 1795348800);
	assert_int_equal(since_wall("2026-11-22T04:00:00-08:00"), 1795348800);
	assert_int_equal(since_wall("2026-11-22"), 1795305600);
	/* a leap second is the next one, and leap days are where they belong */
	assert_int_equal(since_wall("2016-12-31T23:59:60Z"), 1483228800);
	assert_int_equal(since_wall("2000-02-29"), 951782400);
	assert_int_equal(since_wall("9999-12-31T23:59:59Z"), INT64_C(253402300799));
	/* all there is */
	assert_int_equal(since_wall("1970-01-01T00:00:00Z"), 0);
	assert_int_equal(since_wall("1970-01-01T00:00:00+23:59"), 0);
}

static void wrong_times_are_refused(void **state UNUSED)
{
	static const char *const wrong[] = {
		"", "0s", "3651d", "7", "forever", "yesterday", "-7d", "2026", "2026-11",
		"2026-11-22T", "2026-11-22Z", "2026-11-22T12:00", "2026-11-22T12:00Z",
		"2026-11-22T12:00:00", "2026-11-22T12:00:00.Z", "2026-11-22T12:00:00+01",
		"2026-11-22T12:00:00+0100", "2026-11-22T12:00:00+24:00", "2026-11-22T12:00:00+01:60",
		"2026-11-22T12:00:00Zx", "2026-11-22T24:00:00Z", "2026-11-22T12:60:00Z",
		"2026-11-22T12:00:61Z", "2026-13-01", "2026-00-01", "2026-01-00", "2026-02-29",
		"2100-02-29", "2026-04-31", "1969-12-31", "26-11-22", "2026/11/22", "+026-11-22",
	};
	char line[128];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(line, sizeof(line), "history since=%s", wrong[i]);
		refuse(line, "is not allowed; allowed: how long ago (1s to 3650d");
	}
}

static void reasons_are_unquoted_and_escaped(void **state UNUSED)
{
	struct control_command command;
	char line[CONTROL_LINE_MAX];

	command = parse("ban 192.0.2.1 for=2h reason=\"spam run, see #12\"");
	assert_int_equal(command.duration, 7200 * USEC_PER_SEC);
	assert_string_equal(command.reason, "spam run, see #12");
	assert_string_equal(parse("ban 192.0.2.1 reason=plain").reason, "plain");
	assert_string_equal(parse("ban 192.0.2.1 reason=").reason, "");
	assert_string_equal(parse("ban 192.0.2.1 reason=\"\"").reason, "");
	assert_string_equal(parse("ban 192.0.2.1 reason=\"a\\\"b\\\\c\\d\"").reason,
			    "a\\x22b\\x5cc\\x5cd");
	assert_string_equal(parse("ban 192.0.2.1 reason=\"\x1b[31m\xc3\xa9\"").reason,
			    "\\x1b[31m\\xc3\\xa9");
	snprintf(line, sizeof(line), "ban 192.0.2.1 reason=\"%0300d\"", 0);
	assert_int_equal(strlen(parse(line).reason), REASON_COMMENT_MAX - 1);
}

static void mistakes_are_named(void **state UNUSED)
{
	refuse("", "no command; allowed: status");
	refuse("  \t", "no command");
	refuse("doctor", "unknown command 'doctor'");
	refuse("mode off", "'off' is no mode; allowed: enforce, observe");
	refuse("mode \x1b", "'\\x1b' is no mode");
	refuse("mode observe enforce", "unexpected 'enforce'; usage: mode [enforce|observe]");
	refuse("mode mode=observe", "unknown parameter 'mode'; usage: mode");
	refuse("history 192.0.2.1", "unexpected '192.0.2.1'; usage: history [source=ADDR[/LEN]]");
	refuse("history service=smtp", "unknown parameter 'service'; usage: history");
	refuse("history since=1h since=2h", "since: given twice");
	refuse("history limit=10001", "limit: '10001' is not allowed");
	refuse("history source=192.0.2.1/24", "the prefix is 192.0.2.0/24");
	refuse("peaks sort=new", "unknown parameter 'sort'; usage: peaks");
	refuse("auth-failures by=", "by: '' is not allowed; allowed: account, source, day, or");
	refuse("auth-failures by=network", "by: 'network' is not allowed");
	refuse("auth-failures by=account,", "by: 'account,' is not allowed");
	refuse("auth-failures by=,day", "by: ',day' is not allowed");
	refuse("auth-failures by=day,day", "by: 'day,day' is not allowed");
	refuse("auth-failures by=accounts", "by: 'accounts' is not allowed");
	refuse("auth-failures by=\"account, day\"", "is not allowed");
	refuse("auth-failures by=day by=day", "by: given twice");
	refuse("auth-failures min_networks=2",
	       "unknown parameter 'min_networks'; usage: auth-failures [by=");
	refuse("auth-failures user@example.com", "unexpected 'user@example.com'; usage: auth-");
	refuse("auth_failures", "unknown command 'auth_failures'; allowed: status");
	refuse("accounts by=day", "unknown parameter 'by'; usage: accounts [min_networks=N]");
	refuse("accounts min_networks=0", "min_networks: '0' is not allowed; allowed: 1 to 10000");
	refuse("accounts min_networks=10001", "min_networks");
	refuse("accounts min_networks=2 source=203.0.113.9",
	       "min_networks: not together with source; usage: accounts");
	refuse("accounts source=203.0.113.9 min_networks=1", "not together with source");
	refuse("history account=user", "unknown parameter 'account'");
	refuse("metrics now", "unexpected 'now'; usage: metrics");
	refuse("bans since=1h", "unknown parameter 'since'");
	refuse("fl", "unknown command 'fl'; allowed: status");
	refuse("allow", "allow: no action; allowed: add, remove, list");
	refuse("allow adds 192.0.2.1", "allow: unknown 'adds'; allowed: add, remove, list");
	refuse("allow 192.0.2.1", "allow: unknown '192.0.2.1'");
	refuse("allow add=1", "allow: unknown 'add'");
	refuse("allow \x1b", "allow: unknown '\\x1b'");
	refuse("allow add", "address missing; usage: allow add ADDR[/LEN]");
	refuse("allow add all", "'all' is no address");
	refuse("allow add 192.0.2.1 reason=x", "unknown parameter 'reason'; usage: allow add");
	refuse("allow remove", "address missing");
	refuse("allow remove 192.0.2.1 for=1h", "unknown parameter 'for'; usage: allow remove");
	refuse("allow list 192.0.2.1", "unexpected '192.0.2.1'; usage: allow list");
	refuse("reload now", "unexpected 'now'; usage: reload");
	refuse("flush all", "unexpected 'all'; usage: flush [all=1]");
	refuse("flush all=yes", "allowed: 0, 1");
	refuse("STATUS", "unknown command");
	refuse("status=1", "unknown command");
	refuse("\x1b]0;x", "unknown command '\\x1b]0;x'");
	refuse("status now", "unexpected 'now'; usage: status");
	refuse("status all=1", "unknown parameter 'all'");
	refuse("sources limit=0", "limit: '0' is not allowed; allowed: 1 to 10000");
	refuse("sources limit=10001", "limit");
	refuse("sources limit=-1", "limit");
	refuse("sources limit=", "limit");
	refuse("sources limit=5 limit=5", "limit: given twice");
	refuse("sources all=2", "allowed: 0, 1");
	refuse("sources sort=peak", "allowed: concurrent, new, half_open");
	refuse("sources service=", "service");
	refuse("sources service=a_name_longer_than_23_ch", "service");
	refuse("sources service=Smtp", "service");
	refuse("sources for=1h", "unknown parameter 'for'");
	refuse("sources =1", "unknown parameter ''");
	refuse("bans 192.0.2.1", "unexpected '192.0.2.1'; usage: bans [source=ADDR]");
	refuse("bans source=mail.example", "'mail.example' is no address");
	refuse("explain", "address missing; usage: explain ADDR");
	refuse("explain 192.0.2.1 192.0.2.2", "unexpected '192.0.2.2'");
	refuse("explain all", "'all' is no address");
	refuse("ban 192.0.2.1/24", "has bits set behind its length; the prefix is 192.0.2.0/24");
	refuse("ban 192.0.2.1/33", "no address");
	refuse("ban 192.0.2.1 for=0s", "for: '0s' is no duration");
	refuse("ban 192.0.2.1 for=1", "no duration");
	refuse("ban 192.0.2.1 for=3651d",
	       "no duration; allowed: 1s to 3650d, units ms s m h d, or forever");
	refuse("ban 192.0.2.1 for=for", "no duration");
	refuse("unban 192.0.2.1 trust=forever", "trust: 'forever' is no duration");
	refuse("ban 192.0.2.1 comment=x", "unknown parameter 'comment'");
	refuse("ban 192.0.2.1 trust=1h", "unknown parameter 'trust'");
	refuse("unban", "address missing");
	refuse("unban all all", "unexpected 'all'");
	refuse("unban all 192.0.2.1", "unexpected '192.0.2.1'");
	refuse("unban 192.0.2.1 all", "unexpected 'all'");
	refuse("ban 192.0.2.1 reason=\"open", "closing quote missing");
	refuse("ban 192.0.2.1 reason=\"open\\", "closing quote missing");
	refuse("ban 192.0.2.1 reason=\"a\"b", "a blank must follow the closing quote");
}

static void length_bounds(void **state UNUSED)
{
	struct control_command command;
	char line[CONTROL_LINE_MAX + 1];

	memset(line, ' ', sizeof(line));
	memcpy(line, "status", 6);
	assert_int_equal(control_line_parse(line, CONTROL_LINE_MAX, &command, error,
					    sizeof(error)), 0);
	assert_int_equal(control_line_parse(line, CONTROL_LINE_MAX + 1, &command, error,
					    sizeof(error)), -EINVAL);
	assert_int_equal(control_line_parse("status\0x", 8, &command, error, sizeof(error)),
			 -EINVAL);
	/* not NUL-terminated: only the first six bytes belong to the line */
	assert_int_equal(control_line_parse("statusquo", 6, &command, error, sizeof(error)), 0);
	/* the message is cut, never overrun */
	assert_int_equal(control_line_parse("x", 1, &command, error, 8), -EINVAL);
	assert_string_equal(error, "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbs_are_read),
		cmocka_unit_test(sources_parameters),
		cmocka_unit_test(bans_and_unban),
		cmocka_unit_test(allow_reload_and_flush),
		cmocka_unit_test(modes),
		cmocka_unit_test(history_and_peaks),
		cmocka_unit_test(auth_failures),
		cmocka_unit_test(accounts),
		cmocka_unit_test(accounts_are_escaped_once),
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(wrong_times_are_refused),
		cmocka_unit_test(reasons_are_unquoted_and_escaped),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(length_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
