// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "smtpguard/base/escape.h"
#include "smtpguard/base/parse.h"

#include "digest_priv.h"

enum { OPTION_SINCE, OPTION_MAIL, OPTION_SENDMAIL };

#define SINCE_DEFAULT "24h"
#define HOST_TEXT_MAX 256
/* what a summary reads of the history; the answer for more takes longer to parse than anybody looks at it */
#define RECORDS_READ "2000"
/* DIGEST_FAILURES_SHOWN and what is nobody's */
#define FAILURES_READ "6"

/* --- what it is made of --- */

static void name_host(char host[static HOST_TEXT_MAX])
{
	char name[HOST_TEXT_MAX] = "";

	if (gethostname(name, sizeof(name) - 1) < 0 || !*name)
		snprintf(name, sizeof(name), "localhost");
	escape(host, HOST_TEXT_MAX, name, strlen(name));
}

/* The ledger's answers that a digest is made of. */
enum { ANSWER_HISTORY, ANSWER_PEAKS, ANSWER_ACCOUNTS, ANSWER_BY_ACCOUNT, ANSWER_BY_SOURCE, ANSWERS };

static enum exit_code fetch_all(const struct cli *cli, const char *since, const json_t *status,
				json_t *answers[static ANSWERS])
{
	static const struct {
		const char *command, *limit, *by;
	} questions[ANSWERS] = {
		[ANSWER_HISTORY] = { "history", RECORDS_READ, NULL },
		[ANSWER_PEAKS] = { "peaks", "1000", NULL },
		[ANSWER_ACCOUNTS] = { "accounts", "1000", NULL },
		[ANSWER_BY_ACCOUNT] = { "auth-failures", FAILURES_READ, "account" },
		[ANSWER_BY_SOURCE] = { "auth-failures", FAILURES_READ, "source" },
	};
	bool followed = is_true(json_object_get(status, "mail_logs"), "enabled");
	enum exit_code code = EXIT_DONE;

	for (size_t i = 0; i < ANSWERS && code == EXIT_DONE; i++) {
		const struct parameter parameters[] = { { "since", since },
							{ "limit", questions[i].limit },
							{ "by", questions[i].by },
							{ NULL, NULL } };

		if (i < ANSWER_ACCOUNTS || followed)
			code = fetch(cli, questions[i].command, parameters, &answers[i]);
	}
	return code;
}

static enum exit_code make(const struct cli *cli, const char *since, usec_t span,
			   json_t **ret_digest)
{
	json_t *status = NULL, *answers[ANSWERS] = { NULL };
	char host[HOST_TEXT_MAX];
	enum exit_code code = fetch(cli, "status", NULL, &status);

	if (code == EXIT_DONE)
		code = check_answer(cli, status);
	if (code == EXIT_DONE)
		code = fetch_all(cli, since, status, answers);
	if (code == EXIT_DONE) {
		time_t now = time(NULL);

		name_host(host);
		*ret_digest = digest_make(&(struct digest_inputs){
			.host = host,
			.since = now - (time_t)(span / USEC_PER_SEC),
			.now = now,
			.status = status,
			.history = answers[ANSWER_HISTORY],
			.peaks = answers[ANSWER_PEAKS],
			.mail = { answers[ANSWER_ACCOUNTS], answers[ANSWER_BY_ACCOUNT],
				  answers[ANSWER_BY_SOURCE] } });
		if (!*ret_digest)
			code = fail_with(cli, EXIT_REFUSED, "out of memory");
	}
	json_decref(status);
	for (size_t i = 0; i < ANSWERS; i++)
		json_decref(answers[i]);
	return code;
}

/* --- where it goes --- */

static enum exit_code mail(const struct cli *cli, const json_t *digest, const char *to,
			   const char *sendmail)
{
	char *subject = digest_subject(digest), *text = digest_text(digest);
	int r = subject && text ? mail_send(sendmail, to, subject, text) : -ENOMEM;

	free(subject);
	free(text);
	if (r == 0)
		return EXIT_DONE;
	return fail_with(cli, EXIT_REFUSED, "digest: not mailed: %s: %s", sendmail,
			 r == MAIL_REFUSED ? "it failed" : strerror(-r));
}

static enum exit_code print_text(const struct cli *cli, const json_t *digest)
{
	char *text = digest_text(digest);

	if (!text)
		return fail_with(cli, EXIT_REFUSED, "out of memory");
	fputs(text, stdout);
	free(text);
	return EXIT_DONE;
}

/* Nothing new is no mail: silence is the good news. */
static enum exit_code deliver(const struct cli *cli, json_t *digest, const char *to,
			      const char *sendmail)
{
	bool mails = to && is_true(digest, "news");
	enum exit_code code = mails ? mail(cli, digest, to, sendmail) : EXIT_DONE;

	if (code != EXIT_DONE)
		return code;
	if (cli->json) {
		json_object_set_new(digest, "mailed", mails ? json_string(to) : json_null());
		return print_document(json_incref(digest));
	}
	if (!to)
		return print_text(cli, digest);
	if (mails)
		print_line(cli, COLOUR_NONE, "mailed to %s", to);
	else
		puts("nothing new: no mail");
	return EXIT_DONE;
}

static enum exit_code run(const struct cli *cli, const struct verb *verb UNUSED,
			  const struct arguments *arguments)
{
	const char *since = arguments->values[OPTION_SINCE], *to = arguments->values[OPTION_MAIL];
	const char *sendmail = arguments->values[OPTION_SENDMAIL];
	enum exit_code code;
	json_t *digest;
	usec_t span;

	since = since ? since : SINCE_DEFAULT;
	if (parse_duration(since, &span) < 0)
		return fail_with(cli, EXIT_USAGE,
				 "digest: --since: not a duration, allowed: 12h, 7d");
	if (to && !mail_is_address(to))
		return fail_with(cli, EXIT_USAGE, "digest: --mail: not a mail address");
	code = make(cli, since, span, &digest);
	if (code != EXIT_DONE)
		return code;
	code = deliver(cli, digest, to, sendmail ? sendmail : MAIL_SENDMAIL);
	json_decref(digest);
	return code;
}

const struct verb verb_digest = {
	.name = "digest",
	.help = "one summary of what happened: bans, offenders, near limits, accounts, problems",
	.options = { { "since", "DURATION", "how far back (" SINCE_DEFAULT ")" },
		     { "mail", "ADDRESS", "mail it instead, if there is anything new" },
		     { "sendmail", "PATH", "the program that mails (" MAIL_SENDMAIL ")" } },
	.run = run,
};
