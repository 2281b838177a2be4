/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket's commands (SPEC 10): one line of text -> struct control_command. Words are
 * separated by blanks; NAME=value, where a value may be "quoted" (with \" and \\ inside). Unknown verbs
 * and unknown or repeated parameters are errors. No I/O. Fuzzed.
 */
#pragma once

#include <stddef.h>

#include "smtpguard/base/address.h"
#include "smtpguard/base/clock.h"
#include "smtpguard/policy/mail_fact.h"
#include "smtpguard/policy/reason.h"

#define CONTROL_LINE_MAX 1024 /* bytes without the newline */
#define CONTROL_LIMIT_DEFAULT 100
#define CONTROL_LIMIT_MAX 10000
#define CONTROL_DURATION_MAX (3650 * 86400 * USEC_PER_SEC)

enum control_verb {
	CONTROL_STATUS,
	CONTROL_SOURCES,
	CONTROL_BANS,
	CONTROL_EXPLAIN,
	CONTROL_BAN,
	CONTROL_UNBAN,
	CONTROL_EVENTS,
	CONTROL_HISTORY,
	CONTROL_PEAKS,
	CONTROL_AUTH_FAILURES,
	CONTROL_ACCOUNTS,
	CONTROL_METRICS,
	CONTROL_MODE,
	CONTROL_ALLOW_ADD,
	CONTROL_ALLOW_REMOVE,
	CONTROL_ALLOW_LIST,
	CONTROL_RELOAD,
	CONTROL_FLUSH,
	CONTROL_VERBS
};

enum control_sort { CONTROL_SORT_CONCURRENT, CONTROL_SORT_NEW, CONTROL_SORT_HALF_OPEN };

struct control_command {
	enum control_verb verb;
	/* explain, ban, unban, allow; source= of bans, history, peaks, auth-failures, accounts */
	struct prefix prefix;
	bool has_prefix;
	bool has_length; /* given as ADDR/LEN */
	bool all;	       /* sources all=1; unban all; flush all=1 */
	uint32_t limit;	       /* sources and what the ledger answers: 1..CONTROL_LIMIT_MAX; 0 = not given */
	char service[SERVICE_NAME_MAX]; /* sources, peaks; empty = any */
	enum control_sort sort;
	bool has_mode, observe; /* mode enforce|observe */
	/* since= of what the ledger answers: how long ago, or a time of the wall clock; 0: not given like that */
	usec_t since, since_wall;
	unsigned by; /* auth-failures by=account,source,day: bits of 1, 2, 4; 0: not given */
	bool has_account;
	char account[ACCOUNT_TEXT_MAX]; /* auth-failures, accounts: account=, escaped */
	uint32_t min_networks;		/* accounts; 0: not given */
	usec_t duration; /* ban for=, unban trust=, allow for=; 0: not given, USEC_NEVER: forever */
	char reason[REASON_COMMENT_MAX]; /* ban reason=, allow comment=, escaped */
};

/* Whether the command changes something (needs permission): ban, unban, allow add and remove, reload,
 * flush, and mode with a mode. */
bool control_command_changes(const struct control_command *command);
const char *control_verb_name(enum control_verb verb);

/*
 * line has no newline and need not be NUL-terminated. 0, or -EINVAL with a message for the user in
 * error (error_size bytes, escaped): what is wrong and what is allowed.
 */
int control_line_parse(const char *line, size_t length, struct control_command *ret_command,
		       char *error, size_t error_size) MUST_CHECK;
