// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "smtpguard/wire/control_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is stored or shown must be printable: it goes to terminals, journals and nft as it is. */
static void require_printable(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	if (length == size)
		abort();
	for (size_t i = 0; i < length; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_command command;
	char error[200];
	/* a copy of the exact size, so that reading behind the end is found */
	char *line = malloc(size ? size : 1);

	if (!line)
		return 0;
	if (size)
		memcpy(line, data, size);
	if (control_line_parse(line, size, &command, error, sizeof(error)) < 0) {
		require_printable(error, sizeof(error));
	} else {
		require_printable(command.reason, sizeof(command.reason));
		require_printable(command.service, sizeof(command.service));
		require_printable(command.account, sizeof(command.account));
		if ((unsigned)command.verb >= CONTROL_VERBS ||
		    command.limit > CONTROL_LIMIT_MAX)
			abort();
		if (command.duration > CONTROL_DURATION_MAX &&
		    (command.duration != USEC_NEVER || command.verb == CONTROL_UNBAN))
			abort();
		if ((command.verb == CONTROL_BAN || command.verb == CONTROL_ALLOW_ADD ||
		     command.verb == CONTROL_ALLOW_REMOVE) &&
		    !command.has_prefix)
			abort();
		if (command.has_length && !command.has_prefix)
			abort();
		if ((command.since || command.since_wall) && command.verb != CONTROL_HISTORY &&
		    command.verb != CONTROL_PEAKS && command.verb != CONTROL_AUTH_FAILURES &&
		    command.verb != CONTROL_ACCOUNTS)
			abort();
		if (command.by > 7 || (command.by && command.verb != CONTROL_AUTH_FAILURES))
			abort();
		if (command.min_networks > CONTROL_LIMIT_MAX ||
		    (command.min_networks &&
		     (command.verb != CONTROL_ACCOUNTS || command.has_prefix)))
			abort();
		if (command.account[0] && !command.has_account)
			abort();
		if (command.since > CONTROL_DURATION_MAX || (command.since && command.since_wall))
			abort();
		/* the end of the year 9999, and a zone behind it */
		if (command.since_wall > UINT64_C(253402400000) * USEC_PER_SEC)
			abort();
		if (command.has_mode && command.verb != CONTROL_MODE)
			abort();
	}
	free(line);
	return 0;
}
