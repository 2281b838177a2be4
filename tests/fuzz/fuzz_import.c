// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Another firewall's files: the input is a file of every kind at once, as its first byte and whatever
 * includes it say.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/import_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1800000000

struct bytes {
	const uint8_t *data;
	size_t size;
};

static int read_bytes(void *userdata, const char *path UNUSED, char **ret_text, size_t *ret_length)
{
	const struct bytes *bytes = userdata;
	char *text = malloc(bytes->size + 1);

	if (!text)
		return -ENOMEM;
	if (bytes->size)
		memcpy(text, bytes->data, bytes->size);
	text[bytes->size] = '\0';
	*ret_text = text;
	*ret_length = bytes->size;
	return 0;
}

/* What is shown and written must be printable: it goes to terminals and into files. */
static void require_printable(const char *text, const char *also)
{
	for (; *text; text++)
		if ((*text < 0x20 || *text > 0x7e) && !strchr(also, *text))
			abort();
}

static void require_text(char *text)
{
	if (!text)
		return;
	require_printable(text, "\n");
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes;
	struct import_result result = { .dry_run = true };
	static struct import import;
	json_t *report;
	bool apf;

	if (size == 0 || size > 4096)
		return 0;
	bytes = (struct bytes){ data + 1, size - 1 };
	apf = data[0] == 'a';
	import_begin(&import, apf ? "apf" : "csf", "/d", "/s", NOW);
	import.read = read_bytes;
	import.userdata = &bytes;
	if ((apf ? import_apf(&import) : import_csf(&import)) < 0)
		goto done;
	for (size_t i = 0; i < import.n_lines; i++) {
		require_printable(import.lines[i].text, "");
		if (import.lines[i].result)
			require_printable(import.lines[i].result, "");
		else if (import.lines[i].outcome != OUTCOME_COMMENT)
			abort();
	}
	require_text(config_text(&import, NULL));
	require_text(allow_text(&import));
	require_text(commands_text(&import));
	report = report_json(&import, &result);
	if (!report)
		abort();
	json_decref(report);
done:
	import_done(&import);
	return 0;
}
