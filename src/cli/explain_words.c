// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "explain_priv.h"

/* Of a ban for failed authentications: which accounts, the last one by its name. */
static const char *accounts_words(const json_t *ban, char text[static SENTENCE_TEXT_MAX])
{
	const char *accounts = json_string_value(json_object_get(ban, "accounts"));

	text[0] = '\0';
	if (accounts && *accounts)
		snprintf(text, SENTENCE_TEXT_MAX, ", with account %.140s", accounts);
	return text;
}

const char *ban_words(const json_t *ban, char text[static SENTENCE_TEXT_MAX])
{
	const char *limit = text_of(ban, "limit"), *service = text_of(ban, "service");
	const char *and = reverse_dns_words(text_of(ban, "reverse_dns"));
	long long seen = MAX_OF(count_of(ban, "observed"), 0), allowed = count_of(ban, "allowed");
	char accounts[SENTENCE_TEXT_MAX];

	if (!strcmp(limit, "concurrent"))
		snprintf(text, SENTENCE_TEXT_MAX,
			 "it held %lld connections to %s at once, %lld are "
			 "allowed, and %s",
			 seen, service, allowed, and);
	else if (!strcmp(limit, "verified_concurrent"))
		snprintf(text, SENTENCE_TEXT_MAX,
			 "it held %lld connections to %s at once, and %lld are "
			 "allowed even with a verified name",
			 seen, service, allowed);
	else if (!strcmp(limit, "new"))
		snprintf(text, SENTENCE_TEXT_MAX,
			 "it opened %lld connections to %s within %s, %lld are "
			 "allowed, and %s",
			 seen, service, text_of(ban, "window"), allowed, and);
	else if (!strcmp(limit, "auth-failures"))
		snprintf(text, SENTENCE_TEXT_MAX,
			 "it failed to authenticate %lld times at %s%s%s%s", seen, service,
			 has_text(ban, "window") ? " within " : "",
			 has_text(ban, "window") ? text_of(ban, "window") : "",
			 accounts_words(ban, accounts));
	else if (!strcmp(limit, "operator"))
		snprintf(text, SENTENCE_TEXT_MAX, "by hand (%.200s)", text_of(ban, "comment"));
	else
		snprintf(text, SENTENCE_TEXT_MAX, "%.200s", text_of(ban, "comment"));
	return text;
}

const char *never_words(const json_t *never, char text[static SENTENCE_TEXT_MAX])
{
	const char *reason = text_of(never, "reason");

	if (!strcmp(reason, "loopback"))
		snprintf(text, SENTENCE_TEXT_MAX, "it is a loopback address");
	else if (!strcmp(reason, "own address"))
		snprintf(text, SENTENCE_TEXT_MAX, "it is an address of this host");
	else
		snprintf(text, SENTENCE_TEXT_MAX, "%.60s %.60s", reason,
			 has_text(never, "match") ? text_of(never, "match") : "");
	return text;
}

const char *unbanned_words(const json_t *answer, const char *service)
{
	const json_t *services = json_object_get(answer, "services"), *entry;
	size_t i;

	json_array_foreach(services, i, entry)
		if ((!service || !strcmp(text_of(entry, "service"), service)) &&
		    !strcmp(text_of(json_object_get(entry, "limits"), "mode"), "observe"))
			return "the mode is observe";
	return "smtpguard status says what holds bans back";
}

const char *spared_words(const json_t *answer, const char *service,
			 char text[static SENTENCE_TEXT_MAX])
{
	const json_t *services = json_object_get(answer, "services"), *entry;
	const json_t *mail = json_object_get(answer, "mail");
	const char *state = text_of(json_object_get(answer, "reverse_dns"), "state");
	bool by_name = !strcmp(state, "verified");
	char moment[SPAN_TEXT_MAX];
	size_t i;

	/* where names do not count it must be something else */
	json_array_foreach(services, i, entry)
		if (!strcmp(text_of(entry, "service"), service) &&
		    !strcmp(text_of(json_object_get(entry, "limits"), "reverse_dns"), "ignore"))
			by_name = false;
	if (!by_name && has_text(mail, "authenticated_until"))
		snprintf(text, SENTENCE_TEXT_MAX, "it authenticated lately, spared until %.24s",
			 moment_format(mail, "authenticated_until", moment));
	else
		snprintf(text, SENTENCE_TEXT_MAX, "%s", reverse_dns_words(state));
	return text;
}
