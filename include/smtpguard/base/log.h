/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One sink for what the programs have to say: the journal when stderr is connected to it
 * (JOURNAL_STREAM, systemd.exec(5)), otherwise stderr with one plain line per message.
 * Rooms base, track, policy and wire never log. Foreign text goes through escape() first.
 * Not for use in more than one thread at a time.
 */
#pragma once

#include <syslog.h>

#include "smtpguard/base/compiler.h"

/* name stands before each line on stderr and is the journal's SYSLOG_IDENTIFIER; borrowed. */
void log_open(const char *name);
/* Messages above this syslog level are dropped; LOG_INFO at start. */
void log_set_level(int level);

void log_at(int level, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_at(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

/*
 * A message with journal fields: fields[i] is "NAME=value" (systemd.journal-fields(7)), n at most
 * LOG_FIELDS_MAX. On stderr only the message appears.
 */
#define LOG_FIELDS_MAX 24
void log_with_fields(int level, const char *message, const char *const *fields, unsigned n);
