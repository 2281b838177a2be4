// SPDX-License-Identifier: GPL-2.0-or-later
/* csf.tempban and csf.tempallow: EPOCH|ADDR|PORTS|IN-OUT|SECONDS|COMMENT. */
#include <string.h>

#include "smtpguard/base/parse.h"

#include "import_priv.h"

#define FIELDS 6
#define PORTS_TEXT_MAX 512

/* "25,465;tcp,53;udp": the ports of TCP among them. */
static bool take_ports(const char *text, struct filter *filter)
{
	char ports[PORTS_TEXT_MAX];
	size_t used = 0;

	if (*text == '\0')
		return true;
	filter->has_ports = true;
	while (*text) {
		size_t length = strcspn(text, ","), port = strcspn(text, ",;");
		bool tcp = port == length || strncmp(text + port, ";tcp", length - port) == 0;

		if (used + port + 2 > sizeof(ports))
			return false;
		if (tcp) {
			if (used)
				ports[used++] = ',';
			memcpy(ports + used, text, port);
			used += port;
		}
		text += length + (text[length] == ',');
	}
	ports[used] = '\0';
	return used == 0 || ports_parse(ports, &filter->ports) == 0;
}

static void take_remaining(struct import_reader *reader, size_t line, char *const *fields)
{
	enum import_list list = *(const enum import_list *)reader->userdata;
	struct import *import = reader->import;
	uint64_t since, seconds, now = (uint64_t)import->now, age;
	enum filter_result result;
	struct filter filter;

	if (parse_number(fields[0], 0, INT64_MAX, &since) < 0 ||
	    parse_number(fields[4], 0, INT64_MAX, &seconds) < 0) {
		line_note(import, line, OUTCOME_NOT_UNDERSTOOD, "no time");
		return;
	}
	result = filter_parse_csf(fields[1], &filter);
	if (result != FILTER_ADDRESS || filter.has_ports) {
		line_note(import, line, OUTCOME_NOT_UNDERSTOOD, "no address");
		return;
	}
	age = now > since ? now - since : 0;
	if (age >= seconds)
		line_note(import, line, OUTCOME_EXPIRED, "it has ended");
	else if (!strstr(fields[3], "in"))
		line_note(import, line, OUTCOME_OTHER, "about outgoing connections, not for "
			  "smtpguard");
	else if (!take_ports(fields[2], &filter))
		line_note(import, line, OUTCOME_NOT_UNDERSTOOD, "no port");
	else
		list_add(reader, line, list, &filter, seconds - age, fields[5]);
}

static void read_temporary(struct import_reader *reader, size_t line, char *text)
{
	char *fields[FIELDS];
	unsigned n = 0;

	if (take_comment(reader, line, text))
		return;
	/* the comment is the last field, whatever is in it */
	for (text = trim(text); n < FIELDS; n++) {
		char *end = n + 1 < FIELDS ? strchr(text, '|') : NULL;

		fields[n] = text;
		if (!end)
			break;
		*end = '\0';
		text = end + 1;
	}
	if (n + 1 == FIELDS)
		take_remaining(reader, line, fields);
	else
		line_note(reader->import, line, OUTCOME_NOT_UNDERSTOOD,
			  "not TIME|ADDR|PORTS|IN-OUT|SECONDS|COMMENT");
}

void read_csf_temporary(struct import *import, const char *path, enum import_list list)
{
	struct import_reader reader = { .import = import,
					.handle = read_temporary,
					.optional = true,
					.userdata = &list };

	/* what cannot be read is in the report */
	(void)import_read_file(&reader, path);
}
