// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "smtpguard/base/escape.h"

#include "exim_file_priv.h"
#include "status_priv.h"

void exim_read(struct exim_limits *limits, const char *path)
{
	struct exim_settings settings;
	uint64_t slots = EXIM_SLOTS_DEFAULT;
	int r;

	*limits = (struct exim_limits){ .state = EXIM_ABSENT };
	if (!path)
		path = exim_file_find("");
	if (!path)
		return;
	escape(limits->path, sizeof(limits->path), path, strlen(path));
	r = exim_file_read("", path, &settings);
	if (r < 0) {
		limits->state = EXIM_UNREADABLE;
		snprintf(limits->value, sizeof(limits->value), "%s", strerror(-r));
		return;
	}
	limits->is_default = !settings.slots[0];
	escape(limits->value, sizeof(limits->value), settings.slots, strlen(settings.slots));
	if (!limits->is_default && exim_file_number(settings.slots, &slots) < 0) {
		limits->state = EXIM_NOT_A_NUMBER;
		return;
	}
	limits->state = EXIM_SLOTS;
	limits->accept_max = (long long)slots;
}

json_t *exim_json(const struct exim_limits *limits, long long used)
{
	if (limits->state == EXIM_ABSENT)
		return json_null();
	return json_pack("{s:s, s:o, s:b, s:I, s:s?}", "file", limits->path, "smtp_accept_max",
			 limits->state == EXIM_SLOTS ? json_integer(limits->accept_max)
						     : json_null(),
			 "default", limits->is_default, "used", (json_int_t)used, "problem",
			 limits->state == EXIM_SLOTS ? NULL : limits->value);
}
