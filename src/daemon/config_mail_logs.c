// SPDX-License-Identifier: GPL-2.0-or-later
#include <assert.h>
#include <string.h>

#include "smtpguard/track/sliding_window.h"

#include "config_priv.h"

#define AUTH_FAILURES_MAX 60000
#define AUTH_WINDOW_MAX (7 * DAY)
static_assert(AUTH_FAILURES_MAX < UINT16_MAX, "failures can be counted");
static_assert(AUTH_WINDOW_MAX <= SLIDING_WINDOW_LONGEST, "windows can be counted");

static void read_enabled(struct config_reader *reader, const config_setting_t *setting)
{
	reader_boolean(reader, setting, &reader->config->guard.mail.enabled);
}

static void read_path(struct config_reader *reader, const config_setting_t *setting,
		      enum mail_log log)
{
	char *path = reader->config->mail_log_paths[log];
	const char *given = reader_string(setting);

	if (given && !*given)
		path[0] = '\0';
	else
		reader_path(reader, setting, "is not a file path", ", or \"\"", path,
			    CONFIG_PATH_MAX);
}

static void read_exim(struct config_reader *reader, const config_setting_t *setting)
{
	read_path(reader, setting, MAIL_LOG_EXIM);
}

static void read_mail(struct config_reader *reader, const config_setting_t *setting)
{
	read_path(reader, setting, MAIL_LOG_MAIL);
}

static void read_cpanel(struct config_reader *reader, const config_setting_t *setting)
{
	read_path(reader, setting, MAIL_LOG_CPANEL);
}

static void read_auth_failures(struct config_reader *reader, const config_setting_t *setting)
{
	struct mail_settings *mail = &reader->config->guard.mail;

	reader_window(reader, setting, AUTH_FAILURES_MAX, AUTH_WINDOW_MAX, &mail->auth_failures,
		      &mail->auth_window);
}

static void read_account_networks(struct config_reader *reader, const config_setting_t *setting)
{
	reader_limit(reader, setting, 0, 255, &reader->config->guard.mail.account_networks);
}

static bool follows_any(const struct config *config)
{
	for (unsigned i = 0; i < MAIL_LOGS; i++) {
		if (config->mail_log_paths[i][0])
			return true;
	}
	return false;
}

void config_read_mail_logs(struct config_reader *reader, const config_setting_t *setting)
{
	static const struct config_key keys[] = {
		CUSTOM_KEY("enabled", read_enabled),
		CUSTOM_KEY("exim", read_exim),
		CUSTOM_KEY("mail", read_mail),
		CUSTOM_KEY("cpanel", read_cpanel),
		CUSTOM_KEY("auth_failures", read_auth_failures),
		CUSTOM_KEY("account_networks", read_account_networks),
	};

	reader_group(reader, setting, keys, ARRAY_SIZE(keys));
	/* a path that was refused is the default still, and so it is not one that is missing */
	if (reader->config->guard.mail.enabled && !follows_any(reader->config))
		reader_problem(reader, config_setting_get_member(setting, "enabled"),
			       "true without a log to follow, allowed: a path for one of exim, "
			       "mail, cpanel");
}

void config_mail_logs_defaults(struct config *config)
{
	static const char paths[MAIL_LOGS][CONFIG_PATH_MAX] = {
		[MAIL_LOG_EXIM] = "/var/log/exim_mainlog",
		[MAIL_LOG_MAIL] = "/var/log/maillog",
		[MAIL_LOG_CPANEL] = "/usr/local/cpanel/logs/login_log",
	};

	memcpy(config->mail_log_paths, paths, sizeof(paths));
}
