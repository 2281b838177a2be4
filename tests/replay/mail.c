// SPDX-License-Identifier: GPL-2.0-or-later
/* Lines of the mail logs, and what is remembered of those who authenticated. */
#include "story.h"

#include <stdio.h>
#include <string.h>

static void note_match(struct story *story, const struct mail_fact *fact, enum mail_match match,
		       unsigned reading)
{
	char address[ADDRESS_TEXT_MAX];

	if (match == MAIL_MATCH_UNTRACKED)
		note(story, "result untracked");
	else if (match == MAIL_MATCH_AMBIGUOUS)
		note(story, "result ambiguous");
	else if (fact->n_readings > 1)
		note(story, "result tracked %s",
		     address_format(&fact->readings[reading].address, address));
}

static void tell(struct story *story, const struct mail_fact *fact)
{
	unsigned reading = 0;
	enum mail_match match = guard_mail_fact(story->guard, fact, story->now, &reading);

	note_match(story, fact, match, reading);
}

static void read_protocol(struct story *story, struct mail_fact *fact)
{
	for (int i = 0; i < MAIL_PROTOCOLS; i++)
		if (accept(story, mail_protocol_name((enum mail_protocol)i)))
			fact->protocol = (enum mail_protocol)i;
}

/* `CLIENT [or CLIENT]..`; the last port of the first one in *ret_last */
static void read_readings(struct story *story, struct mail_fact *fact, uint16_t *ret_last)
{
	uint16_t last;

	do {
		struct mail_reading *reading = &fact->readings[fact->n_readings];

		if (fact->n_readings == MAIL_READINGS_MAX)
			fail(story, "too many readings");
		reading->address = endpoint_of(story, next(story), &reading->port, &last);
		snprintf(reading->account, sizeof(reading->account), "user@example.com");
		if (!fact->n_readings++)
			*ret_last = last;
	} while (accept(story, "or"));
}

static void read_rest(struct story *story, struct mail_fact *fact, usec_t *ret_every)
{
	if (accept(story, "account")) {
		const char *account = next(story);

		for (unsigned i = 0; i < fact->n_readings; i++)
			snprintf(fact->readings[i].account, ACCOUNT_TEXT_MAX, "%s", account);
	}
	if (accept(story, "count"))
		fact->count = (uint32_t)number_of(story, next(story));
	fact->recent = !accept(story, "old");
	*ret_every = accept(story, "every") ? time_of(story, next(story)) : 0;
}

/* `mail KIND [PROTOCOL] CLIENT [or CLIENT].. [account TEXT] [count N] [old] [every TIME]` */
void mail(struct story *story)
{
	static const struct named kinds[] = { { "auth-failure", MAIL_FACT_AUTH_FAILURE },
					      { "auth-success", MAIL_FACT_AUTH_SUCCESS },
					      { "message", MAIL_FACT_MESSAGE },
					      { "protocol-error", MAIL_FACT_PROTOCOL_ERROR },
					      { "refused", MAIL_FACT_REFUSED },
					      { NULL, 0 } };
	struct mail_fact fact = { .count = 1 };
	uint16_t last = 0;
	usec_t every;

	if (!settings_in_force(story)->mail.enabled)
		fail(story, "mail_logs.enabled is off");
	fact.kind = (enum mail_fact_kind)choose(story, kinds);
	read_protocol(story, &fact);
	read_readings(story, &fact, &last);
	read_rest(story, &fact, &every);
	for (tell(story, &fact); fact.readings[0].port < last;) {
		fact.readings[0].port++;
		if (every)
			advance(story, story->now + every);
		tell(story, &fact);
	}
}

static void check_values(struct story *story, const struct counter *values)
{
	while (story->word < story->n_words) {
		const char *key = next(story);
		uint64_t wanted = number_of(story, next(story));
		const struct counter *value = values;

		while (value->name && strcmp(key, value->name) != 0)
			value++;
		if (!value->name)
			fail(story, "nothing is called %s", key);
		if (value->value != wanted)
			fail(story, "%s is %llu", key, (unsigned long long)value->value);
	}
}

/* `check auth ADDR [COUNTER N]..` */
void check_auth(struct story *story)
{
	struct address address = address_of(story, next(story));
	const struct guard_settings *settings = settings_in_force(story);
	struct prefix prefix = prefix_of_address(&address, settings->ipv4_prefix,
						 settings->ipv6_prefix);
	struct auth_summary summary = { .failures = 0 };

	(void)guard_auth_summary(story->guard, &prefix, story->now, &summary);
	check_values(story, (const struct counter[]){
				    { "failures_in_window", summary.failures_in_window },
				    { "failures", summary.failures },
				    { "successes", summary.successes },
				    { "accounts", summary.accounts },
				    { "authenticated", summary.authenticated_until > 0 },
				    { NULL, 0 } });
}

/* `check mail COUNTER N..` */
void check_mail(struct story *story)
{
	struct mail_stats stats;

	guard_mail_stats(story->guard, story->now, &stats);
	check_values(story, (const struct counter[]){
				    { "tracked", stats.tracked },
				    { "untracked", stats.untracked },
				    { "ambiguous", stats.ambiguous },
				    { "old", stats.old },
				    { "spared", stats.spared },
				    { "distrusted", stats.distrusted_until > 0 },
				    { "sources", stats.sources },
				    { "authenticated", stats.authenticated },
				    { NULL, 0 } });
}
