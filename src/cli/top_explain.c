// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard-config.h"

#include "top_priv.h"

int top_explain_begin(struct top_explain *explain, const char *source)
{
	struct prefix prefix;
	int r = prefix_parse(source, &prefix);

	if (r != 0 || strlen(source) >= sizeof(explain->source))
		return r < 0 ? r : 1;
	top_explain_done(explain);
	snprintf(explain->source, sizeof(explain->source), "%s", source);
	allow_lines_find(&explain->allow, SMTPGUARD_CONFIG_PATH, &prefix);
	return 0;
}

void top_explain_done(struct top_explain *explain)
{
	json_decref(explain->answer);
	json_decref(explain->history);
	json_decref(explain->accounts);
	free(explain->text);
	*explain = (struct top_explain){ .text = NULL };
}

/* The page is printed as `explain` prints it, but into memory. NULL: no memory. */
static char *render(const struct cli *cli, const struct top_explain *explain)
{
	const struct cli plain = { .socket_path = cli->socket_path };
	const struct explain_page page = { explain->answer, explain->history, explain->accounts,
					   &explain->allow };
	FILE *terminal = stdout, *memory;
	char *text = NULL;
	size_t length;

	memory = open_memstream(&text, &length);
	if (!memory)
		return NULL;
	stdout = memory;
	explain_page_show(&plain, &page);
	stdout = terminal;
	if (fclose(memory) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

void top_explain_take(struct top_explain *explain, const struct cli *cli, enum top_request request,
		      json_t *answer)
{
	json_t **place = request == TOP_ASK_HISTORY  ? &explain->history :
			 request == TOP_ASK_ACCOUNTS ? &explain->accounts :
						       &explain->answer;
	char *text;

	json_decref(*place);
	*place = answer;
	if (!explain->answer)
		return;
	text = is_true(explain->answer, "ok") ? render(cli, explain) :
						strdup(text_of(explain->answer, "message"));
	if (!text)
		return;
	free(explain->text);
	explain->text = text;
}
