// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/policy/reason.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"
#include "smtpguard/base/parse.h"

#define OPERATOR_WORD "operator"
#define FAILURES_WORD "auth-failures"

static const char *const limit_names[LIMIT_KINDS] = {
	[LIMIT_NONE] = "none",
	[LIMIT_CONCURRENT] = "concurrent",
	[LIMIT_NEW] = "new",
	[LIMIT_VERIFIED_CONCURRENT] = "verified_concurrent",
	[LIMIT_OPERATOR] = OPERATOR_WORD,
	[LIMIT_REVERSE_DNS] = "reverse_dns",
	[LIMIT_AUTH_FAILURES] = FAILURES_WORD,
};

/* unknown has no words: either the service ignores names, or the ban does not rest on one */
static const char *const ptr_words[PTR_STATES] = {
	[PTR_STATE_VERIFIED] = "PTR verified",
	[PTR_STATE_MISMATCH] = "PTR does not resolve back",
	[PTR_STATE_NONE] = "no PTR",
	[PTR_STATE_UNVERIFIABLE] = "PTR lookups fail",
};

const char *limit_kind_name(enum limit_kind kind)
{
	return (unsigned)kind < LIMIT_KINDS ? limit_names[kind] : "none";
}

const char *ptr_state_name(enum ptr_state state)
{
	static const char *const names[PTR_STATES] = {
		[PTR_STATE_UNKNOWN] = "unknown",
		[PTR_STATE_VERIFIED] = "verified",
		[PTR_STATE_MISMATCH] = "mismatch",
		[PTR_STATE_NONE] = "none",
		[PTR_STATE_UNVERIFIABLE] = "unverifiable",
	};

	return (unsigned)state < PTR_STATES ? names[state] : "unknown";
}

static void format_operator(const struct ban_reason *reason, char text[static REASON_COMMENT_MAX])
{
	/* a comment has room for a little less than the reason it was given with */
	snprintf(text, REASON_COMMENT_MAX, "%s%s%.*s", OPERATOR_WORD, reason->text[0] ? ": " : "",
		 (int)(REASON_COMMENT_MAX - sizeof(OPERATOR_WORD ": ")), reason->text);
}

static void format_failures(const struct ban_reason *reason, char text[static REASON_COMMENT_MAX])
{
	char window[DURATION_TEXT_MAX];
	size_t used;

	snprintf(text, REASON_COMMENT_MAX, "%s %u/%u %s/%s", reason->service, reason->observed,
		 reason->allowed, FAILURES_WORD, window_format(reason->window, window));
	used = strlen(text);
	if (reason->text[0])
		snprintf(text + used, REASON_COMMENT_MAX - used, "; %.*s",
			 (int)(REASON_COMMENT_MAX - used - sizeof("; ")), reason->text);
}

static void format_by_name(const struct ban_reason *reason, char text[static REASON_COMMENT_MAX])
{
	char window[DURATION_TEXT_MAX + 1] = "";
	const char *words = NULL;

	if (reason->limit == LIMIT_NEW) {
		window[0] = '/';
		window_format(reason->window, window + 1);
	}
	if ((unsigned)reason->ptr_state < PTR_STATES)
		words = ptr_words[reason->ptr_state];
	if (reason->limit == LIMIT_REVERSE_DNS) {
		snprintf(text, REASON_COMMENT_MAX, "%s %s%s%s", reason->service,
			 limit_kind_name(reason->limit), words ? "; " : "", words ? words : "");
		return;
	}
	snprintf(text, REASON_COMMENT_MAX, "%s %u>%u %s%s%s%s", reason->service, reason->observed,
		 reason->allowed, limit_kind_name(reason->limit), window, words ? "; " : "",
		 words ? words : "");
}

const char *reason_format(const struct ban_reason *reason, char text[static REASON_COMMENT_MAX])
{
	switch (reason->limit) {
	case LIMIT_NONE:
		snprintf(text, REASON_COMMENT_MAX, "%s", reason->text);
		break;
	case LIMIT_OPERATOR:
		format_operator(reason, text);
		break;
	case LIMIT_AUTH_FAILURES:
		format_failures(reason, text);
		break;
	default:
		format_by_name(reason, text);
	}
	return text;
}

static int parse_limit(const char *word, struct ban_reason *reason)
{
	const char *slash = strchr(word, '/');
	size_t length = slash ? (size_t)(slash - word) : strlen(word);

	for (int kind = LIMIT_CONCURRENT; kind < LIMIT_OPERATOR; kind++) {
		if (strlen(limit_names[kind]) != length || strncmp(word, limit_names[kind], length))
			continue;
		if ((kind == LIMIT_NEW) != (slash != NULL))
			return -1;
		if (slash && parse_duration(slash + 1, &reason->window) < 0)
			return -1;
		reason->limit = (enum limit_kind)kind;
		return 0;
	}
	return -1;
}

/* What stands behind service and limit: nothing, or "; no PTR". */
static int parse_ptr_words(const char *text, struct ban_reason *reason)
{
	reason->ptr_state = PTR_STATE_UNKNOWN;
	if (*text == '\0')
		return 0;
	for (int state = 0; state < PTR_STATES; state++) {
		if (ptr_words[state] && !strncmp(text, "; ", 2) &&
		    !strcmp(text + 2, ptr_words[state])) {
			reason->ptr_state = (enum ptr_state)state;
			return 0;
		}
	}
	return -1;
}

static int parse_counted(const char *comment, struct ban_reason *reason)
{
	char service[SERVICE_NAME_MAX], limit[64];
	int end = 0;

	/* the widths are SERVICE_NAME_MAX - 1 and sizeof(limit) - 1 */
	if (sscanf(comment, "%23[a-z0-9_-] %9u>%9u %63[a-z0-9_/]%n", service, &reason->observed,
		   &reason->allowed, limit, &end) != 4 ||
	    parse_limit(limit, reason))
		return -1;
	snprintf(reason->service, sizeof(reason->service), "%s", service);
	return parse_ptr_words(comment + end, reason);
}

static int parse_refusal(const char *comment, struct ban_reason *reason)
{
	char service[SERVICE_NAME_MAX], limit[16];
	int end = 0;

	/* the widths are SERVICE_NAME_MAX - 1 and sizeof(limit) - 1 */
	if (sscanf(comment, "%23[a-z0-9_-] %15[a-z_]%n", service, limit, &end) != 2 ||
	    strcmp(limit, limit_names[LIMIT_REVERSE_DNS]) != 0)
		return -1;
	reason->limit = LIMIT_REVERSE_DNS;
	snprintf(reason->service, sizeof(reason->service), "%s", service);
	return parse_ptr_words(comment + end, reason);
}

/* The accounts are what somebody typed, and stand behind all that we wrote. */
static int parse_failures(const char *comment, struct ban_reason *reason)
{
	char service[SERVICE_NAME_MAX], window[DURATION_TEXT_MAX];
	int end = 0;

	/* the widths are SERVICE_NAME_MAX - 1 and DURATION_TEXT_MAX - 1 */
	if (sscanf(comment, "%23[a-z0-9_-] %9u/%9u " FAILURES_WORD "/%31[0-9a-z]%n", service,
		   &reason->observed, &reason->allowed, window, &end) != 4 ||
	    parse_duration(window, &reason->window))
		return -1;
	comment += end;
	if (*comment && strncmp(comment, "; ", 2) != 0)
		return -1;
	reason->limit = LIMIT_AUTH_FAILURES;
	snprintf(reason->service, sizeof(reason->service), "%s", service);
	if (*comment)
		escape_once(reason->text, sizeof(reason->text), comment + 2, strlen(comment + 2));
	return 0;
}

void reason_parse(const char *comment, struct ban_reason *ret_reason)
{
	size_t word = strlen(OPERATOR_WORD);
	struct ban_reason reason = { .limit = LIMIT_NONE };

	if (parse_counted(comment, &reason) == 0) {
		reason.peak = reason.observed;
		*ret_reason = reason;
		return;
	}
	reason = (struct ban_reason){ .limit = LIMIT_NONE };
	if (parse_failures(comment, &reason) == 0) {
		reason.peak = reason.observed;
		*ret_reason = reason;
		return;
	}
	reason = (struct ban_reason){ .limit = LIMIT_NONE };
	if (parse_refusal(comment, &reason) == 0) {
		*ret_reason = reason;
		return;
	}
	reason = (struct ban_reason){ .limit = LIMIT_NONE };
	if (!strncmp(comment, OPERATOR_WORD, word) &&
	    (!comment[word] || !strncmp(comment + word, ": ", 2))) {
		reason.limit = LIMIT_OPERATOR;
		comment += comment[word] ? word + 2 : word;
	}
	/* somebody else may have written it: never print it raw */
	escape_once(reason.text, sizeof(reason.text), comment, strlen(comment));
	*ret_reason = reason;
}
