/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether every key of a document is in both pages that name them.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

/* The two pages that name every key. */
static char manual[131072], schema[262144];

static inline void read_page(const char *name, char *page, size_t size)
{
	const char *root = getenv("SMTPGUARD_SOURCE_ROOT");
	char path[4096];
	FILE *file;

	if (!root)
		skip();
	snprintf(path, sizeof(path), "%s/docs/%s", root, name);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_in_range(fread(page, 1, size - 1, file), 1, size - 2);
	fclose(file);
}

static inline void read_pages(void)
{
	read_page("protocol.md", manual, sizeof(manual));
	read_page("status-schema.json", schema, sizeof(schema));
}

static inline void require_documented(json_t *value)
{
	char quoted[64];
	const char *key;
	json_t *member;
	size_t i;

	json_array_foreach(value, i, member)
		require_documented(member);
	json_object_foreach(value, key, member) {
		require_documented(member);
		/* these two are names of services, not keys */
		if (!strcmp(key, "smtp") || !strcmp(key, "submission"))
			continue;
		snprintf(quoted, sizeof(quoted), "`%s`", key);
		if (!strstr(manual, quoted))
			fail_msg("key %s is not in docs/protocol.md", key);
		snprintf(quoted, sizeof(quoted), "\"%s\": {", key);
		if (!strstr(schema, quoted))
			fail_msg("key %s is not in docs/status-schema.json", key);
	}
}
