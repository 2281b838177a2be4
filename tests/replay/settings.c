// SPDX-License-Identifier: GPL-2.0-or-later
/* What a story's lines make of the settings, before it begins and for a reload in the middle of it. */
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/parse.h"

struct guard_settings *settings_in_force(struct story *story)
{
	return &story->settings[story->in_force];
}

static void copy_allowed(struct story *story, struct guard_settings *to,
			 const struct guard_settings *from)
{
	if (prefix_set_new(&to->allowed) < 0)
		fail(story, "no memory");
	for (uint32_t i = 0; from && i < prefix_set_count(from->allowed); i++)
		if (prefix_set_add(to->allowed, prefix_set_at(from->allowed, i)))
			fail(story, "no memory");
}

void settings_begin(struct story *story)
{
	settings_defaults(&story->settings[0]);
	copy_allowed(story, &story->settings[0], NULL);
}

void settings_end(struct story *story)
{
	for (unsigned i = 0; i < ARRAY_SIZE(story->settings); i++)
		prefix_set_free(story->settings[i].allowed);
}

/* What a line may change: all until the guard is there, then a copy of what is in force. */
static struct guard_settings *wanted(struct story *story)
{
	struct guard_settings *now = settings_in_force(story);
	struct guard_settings *then = &story->settings[!story->in_force];

	if (!story->guard)
		return now;
	if (!story->reload_prepared) {
		prefix_set_free(then->allowed);
		*then = *now;
		copy_allowed(story, then, now);
		story->reload_prepared = true;
	}
	return then;
}

void reload(struct story *story)
{
	const struct guard_settings *then = wanted(story);

	if (guard_reload(story->guard, then, story->now))
		fail(story, "guard_reload failed");
	/* the guard must have forgotten the old ones */
	memset(settings_in_force(story)->services, 0xee, sizeof(then->services));
	prefix_set_free(settings_in_force(story)->allowed);
	settings_in_force(story)->allowed = NULL;
	story->in_force = !story->in_force;
	story->reload_prepared = false;
}

void allow(struct story *story, bool present)
{
	struct prefix_set *allowed = wanted(story)->allowed;
	struct prefix prefix = prefix_of(story, next(story));

	if (present ? prefix_set_add(allowed, &prefix) : prefix_set_remove(allowed, &prefix))
		fail(story, "the allow list does not take it");
}

static struct service_settings *find_service(struct guard_settings *settings, const char *name)
{
	int index = settings_service_by_name(settings, name);

	return index < 0 ? NULL : &settings->services[index];
}

/* `service NAME PORT...`: a new one with the limits of smtp, or new ports; `service NAME gone` */
void service(struct story *story)
{
	struct guard_settings *settings = wanted(story);
	const char *name = next(story);
	struct service_settings *found = find_service(settings, name);

	if (accept(story, "gone")) {
		if (!found)
			fail(story, "no such service: %s", name);
		settings->n_services--;
		memmove(found, found + 1,
			(size_t)(settings->services + settings->n_services - found) *
				sizeof(*found));
		return;
	}
	if (!found) {
		if (settings->n_services == SERVICES_MAX)
			fail(story, "too many services");
		found = &settings->services[settings->n_services++];
		*found = settings->services[0];
		snprintf(found->name, sizeof(found->name), "%s", name);
	}
	found->n_ports = 0;
	do {
		if (found->n_ports == SERVICE_PORTS_MAX)
			fail(story, "too many ports");
		found->ports[found->n_ports++] = (uint16_t)number_of(story, next(story));
	} while (story->word < story->n_words);
}

static void set_of_service(struct story *story, struct service_settings *service, const char *key)
{
	static const struct named uses[] = { { "ignore", REVERSE_DNS_IGNORE },
					     { "exempt", REVERSE_DNS_EXEMPT },
					     { "require", REVERSE_DNS_REQUIRE },
					     { NULL, 0 } };
	static const struct named tests[] = { { "fcrdns", REVERSE_DNS_TEST_FCRDNS },
					      { "ptr", REVERSE_DNS_TEST_PTR },
					      { NULL, 0 } };
	static const struct named modes[] = { { "enforce", false }, { "observe", true }, { NULL, 0 } };

	if (!strcmp(key, "reverse_dns"))
		service->reverse_dns = (enum reverse_dns_use)choose(story, uses);
	else if (!strcmp(key, "reverse_dns_test"))
		service->reverse_dns_test = (enum reverse_dns_test)choose(story, tests);
	else if (!strcmp(key, "mode"))
		service->observe = choose(story, modes);
	else if (!strcmp(key, "concurrent"))
		service->concurrent =
			accept(story, "off") ? 0 : (uint32_t)number_of(story, next(story));
	else if (!strcmp(key, "verified_concurrent"))
		service->verified_concurrent = (uint32_t)number_of(story, next(story));
	else if (strcmp(key, "new"))
		fail(story, "no such setting of a service: %s", key);
	else if (accept(story, "off"))
		service->new_count = 0;
	else if (parse_window(next(story), &service->new_count, &service->new_window))
		fail(story, "not a window");
}

static bool set_number(struct story *story, struct guard_settings *s, const char *key)
{
	uint32_t *const fields[] = { &s->max_sources, &s->max_flows, &s->bans.max_bans,
				     &s->bans.max_per_minute, &s->names.cache,
				     &s->names.max_in_flight, &s->gate.max_held };
	static const char *const keys[] = { "sources.max_sources", "sources.max_flows",
					    "bans.max_bans",	   "bans.max_per_minute",
					    "resolver.cache",	   "resolver.max_in_flight",
					    "gate.max_held" };

	if (!strcmp(key, "sources.ipv4_prefix"))
		s->ipv4_prefix = (uint8_t)number_of(story, next(story));
	else if (!strcmp(key, "sources.ipv6_prefix"))
		s->ipv6_prefix = (uint8_t)number_of(story, next(story));
	else if (!strcmp(key, "bans.growth"))
		s->bans.growth = fraction_of(story, next(story));
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(key, keys[i]))
			*fields[i] = (uint32_t)number_of(story, next(story));
	return story->word == 3;
}

static bool set_duration(struct story *story, struct guard_settings *s, const char *key)
{
	usec_t *const fields[] = { &s->bans.duration,	  &s->bans.max_duration, &s->bans.forget_after,
				   &s->unban_grace,	  &s->verified_for,	 &s->names.deadline,
				   &s->names.min_ttl,	  &s->names.max_ttl,
				   &s->names.negative_ttl, &s->names.failure_ttl, &s->gate.hold };
	static const char *const keys[] = { "bans.duration",	 "bans.max_duration",
					    "bans.forget_after", "trust.unban_grace",
					    "trust.verified_for", "resolver.deadline",
					    "resolver.min_ttl",	 "resolver.max_ttl",
					    "resolver.negative_ttl", "resolver.failure_ttl",
					    "gate.hold" };

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(key, keys[i]))
			*fields[i] = time_of(story, next(story));
	return story->word == 3;
}

static void set_switch(struct story *story, bool *value)
{
	static const struct named words[] = { { "on", true }, { "off", false }, { NULL, 0 } };

	*value = choose(story, words);
}

static bool set_of_mail_logs(struct story *story, struct mail_settings *mail, const char *key)
{
	if (!strcmp(key, "mail_logs.enabled"))
		set_switch(story, &mail->enabled);
	else if (strcmp(key, "mail_logs.auth_failures") != 0)
		return false;
	else if (accept(story, "off"))
		mail->auth_failures = 0;
	else if (parse_window(next(story), &mail->auth_failures, &mail->auth_window))
		fail(story, "not a window");
	return true;
}

void set(struct story *story)
{
	static const struct named modes[] = { { "enforce", false }, { "observe", true }, { NULL, 0 } };
	struct guard_settings *settings = wanted(story);
	char *key = next(story), *dot = strchr(key, '.');
	struct service_settings *found;

	if (!strcmp(key, "mode")) {
		settings->observe = choose(story, modes);
		for (unsigned i = 0; i < settings->n_services; i++)
			settings->services[i].observe = settings->observe;
		return;
	}
	if (!strcmp(key, "bans.close_connections")) {
		set_switch(story, &settings->enforcement.close_connections);
		return;
	}
	if (set_number(story, settings, key) || set_duration(story, settings, key) ||
	    set_of_mail_logs(story, &settings->mail, key))
		return;
	if (!dot)
		fail(story, "no such setting: %s", key);
	*dot = '\0';
	found = find_service(settings, key);
	if (!found)
		fail(story, "no such service: %s", key);
	set_of_service(story, found, dot + 1);
}
