// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "digest_priv.h"
#include "mail_facts_priv.h"

#define ALERTS_SHOWN 20

/* --- the document --- */

/* The accounts that were alerted within the interval, without their addresses. */
static json_t *list_alerted(const json_t *accounts, time_t since)
{
	json_t *list = json_array();
	const json_t *account;
	size_t i;

	json_array_foreach(json_object_get(accounts, "accounts"), i, account) {
		json_t *entry;
		time_t alerted;

		if (!time_of(account, "alerted", &alerted) || alerted < since)
			continue;
		entry = json_copy((json_t *)account);
		json_object_del(entry, "used_from");
		json_array_append_new(list, entry);
	}
	return list;
}

/* The highest; what is nobody's comes last and takes no place of theirs. */
static json_t *list_failures(const json_t *answer)
{
	json_t *list = json_array(), *nobodys = NULL, *row;
	size_t i;

	json_array_foreach(json_object_get(answer, "auth_failures"), i, row) {
		if (is_nobodys(row))
			nobodys = row;
		else if (json_array_size(list) < DIGEST_FAILURES_SHOWN)
			json_array_append(list, row);
	}
	if (nobodys)
		json_array_append(list, nobodys);
	return list;
}

json_t *digest_mail_make(const struct digest_mail *mail, time_t since, bool *ret_news)
{
	json_t *alerted;

	if (!mail->accounts)
		return json_null();
	alerted = list_alerted(mail->accounts, since);
	*ret_news = *ret_news || json_array_size(alerted) > 0;
	return json_pack("{s:o, s:o, s:o}", "alerted", alerted, "failures_by_account",
			 list_failures(mail->account_failures), "failures_by_source",
			 list_failures(mail->source_failures));
}

/* --- the text --- */

static void put_alerted(FILE *file, const json_t *alerted)
{
	size_t n = json_array_size(alerted), i;
	const json_t *account;
	char moment[SPAN_TEXT_MAX];

	if (n == 0)
		return;
	fputs("\nAccounts newly used from many networks (a stolen password?):\n", file);
	json_array_foreach(alerted, i, account) {
		if (i == ALERTS_SHOWN)
			break;
		fprintf(file,
			"  %s: networks %lld, addresses %lld, messages %lld, logins %lld; alerted "
			"%s\n",
			account_of(account, "account"), count_of(account, "networks"),
			count_of(account, "addresses"), count_of(account, "messages"),
			count_of(account, "logins"), moment_format(account, "alerted", moment));
	}
	if (n > ALERTS_SHOWN)
		fprintf(file, "  %zu more: smtpguard accounts\n", n - ALERTS_SHOWN);
}

static void put_account(FILE *file, const json_t *row)
{
	if (is_nobodys(row))
		fprintf(file, "  %8lld without an account, or of too many to keep apart\n",
			count_of(row, "failures"));
	else
		fprintf(file, "  %8lld of %s; addresses %lld, networks %lld\n",
			count_of(row, "failures"), account_of(row, "account"),
			count_of(row, "addresses"), count_of(row, "networks"));
}

static void put_source(FILE *file, const json_t *row)
{
	if (is_nobodys(row))
		fprintf(file, "  %8lld from addresses that are not sure, or too many to keep "
			      "apart\n",
			count_of(row, "failures"));
	else
		fprintf(file, "  %8lld from %s; accounts %lld\n", count_of(row, "failures"),
			account_of(row, "source"), count_of(row, "accounts"));
}

static void put_failures(FILE *file, const json_t *mail_logs)
{
	const json_t *by_account = json_object_get(mail_logs, "failures_by_account"), *row;
	const json_t *by_source = json_object_get(mail_logs, "failures_by_source");
	size_t i;

	if (json_array_size(by_account))
		fputs("\nFailed authentications of whole days, accounts tried most:\n", file);
	json_array_foreach(by_account, i, row)
		put_account(file, row);
	if (json_array_size(by_source))
		fputs("Addresses with most:\n", file);
	json_array_foreach(by_source, i, row)
		put_source(file, row);
}

void digest_mail_put(FILE *file, const json_t *mail_logs)
{
	put_alerted(file, json_object_get(mail_logs, "alerted"));
	put_failures(file, mail_logs);
}
