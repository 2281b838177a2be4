/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pieces that several documents have in common. All return a new reference, or NULL when out of
 * memory.
 */
#pragma once

#include <jansson.h>

#include "smtpguard/control/report.h"

/* An object of whole numbers. */
struct number {
	const char *key;
	uint64_t value;
};
json_t *report_numbers(const struct number *list, size_t n);
#define NUMBERS(...)                                                                               \
	report_numbers((const struct number[]){ __VA_ARGS__ },                                     \
		       sizeof((const struct number[]){ __VA_ARGS__ }) / sizeof(struct number))

json_t *report_prefix(const struct prefix *prefix);
/* Adds a member, stealing value. NULL (both released) when either is missing. */
json_t *report_with(json_t *object, const char *key, json_t *value);
/* Moves the members of `more` behind those of object. NULL (both released) when either is missing. */
json_t *report_merge(json_t *object, json_t *more);
json_t *report_names(const char *const *names, unsigned n_names);
/* The list of one name, or of none. */
json_t *report_name(const char *name);
/* report_time() of a wall-clock time. */
json_t *report_wall_time(usec_t wall);
/* The window of a ban for `new` or auth-failures; null for other limits. */
json_t *report_window(const struct ban_reason *reason);
/* Whose passwords were tried, for auth-failures; null for other limits. */
json_t *report_accounts(const struct ban_reason *reason);
const char *report_mode_name(const struct guard_settings *settings);
/* A block as a member of `bans`: the keys of report_ban(). */
json_t *report_block_as_ban(const struct operator_entry *entry, usec_t now);
/* A service's limits, ceiling, reverse-DNS use and mode. */
json_t *report_limits(const struct service_settings *service);

/* report_gate.c */

/* "held" or "refused": what the gate does with connections of the source to the service; NULL: neither. */
const char *report_gate_standing(const struct report_inputs *inputs,
				 const struct gate_source *source, unsigned service, usec_t now);
/* The standing's name; where it is normal, the gate's. */
const char *report_standing(const struct report_inputs *inputs, const struct prefix *prefix,
			    unsigned service, enum standing standing, usec_t now);
/* For `explain`: what the gate knows of a source, or null. */
json_t *report_gate(const struct report_inputs *inputs, const struct prefix *prefix, usec_t now);

/* report_mail.c */

/* For `explain`: what the mail logs told of a source's connections, or null. */
json_t *report_mail(const struct report_inputs *inputs, const struct prefix *prefix, usec_t now);
