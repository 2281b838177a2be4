// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/policy/mail_fact.h"

const char *mail_fact_kind_name(enum mail_fact_kind kind)
{
	static const char *const names[MAIL_FACT_KINDS] = {
		[MAIL_FACT_AUTH_FAILURE] = "auth-failure",
		[MAIL_FACT_AUTH_SUCCESS] = "auth-success",
		[MAIL_FACT_MESSAGE] = "message",
		[MAIL_FACT_PROTOCOL_ERROR] = "protocol-error",
		[MAIL_FACT_REFUSED] = "refused",
	};

	return names[kind];
}

const char *mail_protocol_name(enum mail_protocol protocol)
{
	static const char *const names[MAIL_PROTOCOLS] = {
		[MAIL_PROTOCOL_SMTP] = "smtp",	     [MAIL_PROTOCOL_IMAP] = "imap",
		[MAIL_PROTOCOL_POP3] = "pop3",	     [MAIL_PROTOCOL_SIEVE] = "sieve",
		[MAIL_PROTOCOL_CPANEL] = "cpanel",   [MAIL_PROTOCOL_WHM] = "whm",
		[MAIL_PROTOCOL_WEBMAIL] = "webmail", [MAIL_PROTOCOL_WEBDISK] = "webdisk",
	};

	return names[protocol];
}
