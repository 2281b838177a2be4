// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "mail_facts_priv.h"

/* An empty list may be good news, or that of a daemon that reads nothing. */
static enum exit_code hint_if_not_followed(const struct cli *cli)
{
	const json_t *mail_logs;
	json_t *status;
	enum exit_code code = fetch(cli, "status", NULL, &status);

	if (code != EXIT_DONE)
		return code;
	code = check_answer(cli, status);
	mail_logs = json_object_get(status, "mail_logs");
	if (code == EXIT_DONE && !is_true(mail_logs, "enabled"))
		complain("mail_logs.enabled is false: no mail log is read; set "
			 "mail_logs: { enabled = true; } in the configuration, then restart");
	json_decref(status);
	return code;
}

enum exit_code mail_facts_ask(const struct cli *cli, const struct verb *verb,
			      const struct arguments *arguments, const char *key,
			      void (*show)(const struct cli *cli, const struct arguments *arguments,
					   const json_t *answer))
{
	enum exit_code code;
	json_t *answer;

	if (cli->json)
		return ask(cli, verb, arguments, NULL);
	code = fetch_verb(cli, verb, arguments, &answer);
	if (code != EXIT_DONE)
		return code;
	code = check_answer(cli, answer);
	if (code == EXIT_DONE)
		show(cli, arguments, answer);
	if (code == EXIT_DONE && json_array_size(json_object_get(answer, key)) == 0)
		code = hint_if_not_followed(cli);
	json_decref(answer);
	return code;
}

const char *account_of(const json_t *object, const char *key)
{
	const char *text = text_of(object, key);

	return *text ? text : "-";
}

bool is_nobodys(const json_t *row)
{
	const char *account = json_string_value(json_object_get(row, "account"));

	if (!json_object_get(row, "account") && !json_object_get(row, "source"))
		return false;
	return !(account && *account) && !has_text(row, "source");
}

void mail_facts_show_rest(const json_t *answer, const char *key)
{
	size_t n = json_array_size(json_object_get(answer, key));

	if ((json_int_t)n < number_of(answer, "total"))
		printf("%zu of %lld shown; --limit shows more\n", n, count_of(answer, "total"));
}
