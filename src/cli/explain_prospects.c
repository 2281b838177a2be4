// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "explain_priv.h"

#define SENTENCE_MAX 256

static void show_prospect(const struct cli *cli, const json_t *service, const char *span)
{
	const json_t *limits = json_object_get(service, "limits");
	const char *use = text_of(limits, "reverse_dns"), *joint = "more than";
	long long concurrent = count_of(limits, "concurrent"), fresh = count_of(limits, "new");
	bool observed = !strcmp(text_of(limits, "mode"), "observe");
	char text[SENTENCE_MAX] = "no limit", verified[SENTENCE_MAX] = "";

	if (concurrent && fresh)
		snprintf(text, sizeof(text), "%s %lld connections at once or %lld new in %.20s",
			 joint, concurrent, fresh, text_of(limits, "window"));
	else if (concurrent)
		snprintf(text, sizeof(text), "%s %lld connections at once", joint, concurrent);
	else if (fresh)
		snprintf(text, sizeof(text), "%s %lld new connections in %.20s", joint, fresh,
			 text_of(limits, "window"));
	if (strcmp(use, "ignore") && count_of(limits, "verified_concurrent"))
		snprintf(verified, sizeof(verified), "; with a verified name at more than %lld",
			 count_of(limits, "verified_concurrent"));
	else if (strcmp(use, "ignore"))
		snprintf(verified, sizeof(verified), "; never with a verified name");
	if (concurrent || fresh)
		print_fact(cli, text_of(service, "service"), COLOUR_NONE, "%s at %s%s%s%s",
			   observed ? "would be reported, not banned," : "banned", text,
			   observed ? "" : ", for ", observed ? "" : span, verified);
	else
		print_fact(cli, text_of(service, "service"), COLOUR_NONE, "%s%s", text, verified);
	if (!strcmp(use, "require"))
		print_fact(cli, "", COLOUR_NONE,
			   "before that the gate asks for %s, and %s who has none",
			   strcmp(text_of(limits, "reverse_dns_test"), "ptr") ? "a verified name"
									      : "a PTR record",
			   observed ? "would refuse" : "refuses");
}

void prospects_show(const struct cli *cli, const json_t *answer)
{
	const json_t *services = json_object_get(answer, "services"), *service;
	const json_t *ladder = json_object_get(answer, "ladder");
	char span[SPAN_TEXT_MAX];
	size_t i;

	if (json_is_object(json_object_get(answer, "never")))
		return;
	putchar('\n');
	print_line(cli, COLOUR_BOLD, "WHAT WOULD HAPPEN TO IT");
	span_format(number_of(ladder, "next_ban_s"), span);
	json_array_foreach(services, i, service)
		show_prospect(cli, service, span);
}
