// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/base/log_place.h"

const char *mail_log_name(enum mail_log log)
{
	static const char *const names[MAIL_LOGS] = {
		[MAIL_LOG_EXIM] = "exim",
		[MAIL_LOG_MAIL] = "mail",
		[MAIL_LOG_CPANEL] = "cpanel",
	};

	return (unsigned)log < MAIL_LOGS ? names[log] : "unknown";
}
