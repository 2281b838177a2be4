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
	for (unsigned i = 0; i < CONTROL_VERBS; i++)
		assert_int_equal(control_verb_changes((enum control_verb)i),
				 i == CONTROL_BAN || i == CONTROL_UNBAN || i == CONTROL_ALLOW_ADD ||
					 i == CONTROL_ALLOW_REMOVE || i == CONTROL_RELOAD ||
					 i == CONTROL_FLUSH);
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
	refuse("mode", "unknown command 'mode'");
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
		cmocka_unit_test(reasons_are_unquoted_and_escaped),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(length_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
