// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/base/log.h"

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

static const char *log_name = "smtpguard";
static int log_level = LOG_INFO;
static bool to_journal;

/* JOURNAL_STREAM is inherited by children whose stderr went elsewhere: compare device and inode. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_open(const char *name)
{
	log_name = name;
	to_journal = stderr_is_journal();
}

void log_set_level(int level)
{
	log_level = level;
}

void log_with_fields(int level, const char *message, const char *const *fields, unsigned n)
{
	struct iovec iov[LOG_FIELDS_MAX + 3];
	char text[1024], priority[16], identifier[64];
	int count = 0;

	if (level > log_level)
		return;
	if (!to_journal) {
		fprintf(stderr, "%s: %s\n", log_name, message);
		return;
	}
	snprintf(text, sizeof(text), "MESSAGE=%s", message);
	snprintf(priority, sizeof(priority), "PRIORITY=%d", level);
	snprintf(identifier, sizeof(identifier), "SYSLOG_IDENTIFIER=%s", log_name);
	iov[count++] = (struct iovec){ text, strlen(text) };
	iov[count++] = (struct iovec){ priority, strlen(priority) };
	iov[count++] = (struct iovec){ identifier, strlen(identifier) };
	for (unsigned i = 0; i < n && i < LOG_FIELDS_MAX; i++)
		iov[count++] = (struct iovec){ (void *)(uintptr_t)fields[i], strlen(fields[i]) };
	/* a journal that does not answer must not take the message away as well */
	if (sd_journal_sendv(iov, count) < 0)
		fprintf(stderr, "%s: %s\n", log_name, message);
}

void log_at(int level, const char *format, ...)
{
	char message[1000];
	va_list arguments;

	if (level > log_level)
		return;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	log_with_fields(level, message, NULL, 0);
}
