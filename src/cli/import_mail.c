// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What lfd does about failed logins of mail becomes mail_logs: one limit for all protocols, and the
 * paths of the logs. It counts against a source only where a service guards the ports.
 */
#include <string.h>

#include "smtpguard/base/parse.h"

#include "import_priv.h"

/* Of smtpguard's configuration. */
#define FAILURES_MAX	   60000
#define INTERVAL_MAX_S	   (7 * 86400)
#define INTERVAL_DEFAULT_S 3600

#define NO_LIMIT "not taken over: no limit of failed logins is"

/* The limits of lfd, the ones that smtpguard can apply first. */
static const struct trigger {
	enum setting_id id;
	int class; /* of the ports that have to be guarded; -1: they cannot be imported */
	const char *ports;
} triggers[] = {
	{ SETTING_LF_SMTPAUTH, MAIL_SUBMISSION, "25, 465 and 587" },
	{ SETTING_LF_POP3D, MAIL_POP3, "110 and 995" },
	{ SETTING_LF_IMAPD, MAIL_IMAP, "143 and 993" },
	{ SETTING_LF_CPANEL, -1, "2077 to 2096" },
};

static bool guards_class(const struct import *import, int class)
{
	for (unsigned i = 0; i < import->n_services; i++)
		if ((int)import->services[i].class == class)
			return true;
	return false;
}

/* false: it is not given, or complained about. */
static bool read_number(struct import *import, const struct setting *setting, uint64_t minimum,
			uint64_t maximum, uint64_t *ret_value)
{
	if (!setting->value)
		return false;
	if (*setting->value == '\0') {
		line_note(import, setting->line, OUTCOME_IGNORED, "off");
		return false;
	}
	if (parse_number(setting->value, minimum, maximum, ret_value) == 0)
		return true;
	line_note(import, setting->line, OUTCOME_NOT_UNDERSTOOD, "no number of %llu to %llu",
		  (unsigned long long)minimum, (unsigned long long)maximum);
	return false;
}

/* --- the limit --- */

/* lfd's own order: with LF_TRIGGER the others only say whether their failures count. */
static void take_trigger(struct import *import, const struct setting *setting, uint64_t count,
			 const struct setting *together, uint64_t all)
{
	struct import_mail *mail = &import->mail;

	if (all)
		count = all;
	if (mail->count && count >= mail->count)
		return;
	mail->count = (uint32_t)count;
	mail->limit_line = all ? together->line : setting->line;
}

static void note_trigger(struct import *import, const struct trigger *trigger,
			 const struct setting *setting)
{
	const struct import_mail *mail = &import->mail;

	if (trigger->class < 0 || !guards_class(import, trigger->class))
		line_note(import, setting->line, OUTCOME_NO_COUNTERPART,
			  "no counterpart: with mail_logs.enabled these failures are shown "
			  "(smtpguard "
			  "auth-failures), but ban nobody unless a service guards ports %s",
			  trigger->ports);
	else if (setting->line != mail->limit_line)
		line_note(import, setting->line, OUTCOME_COVERED,
			  "mail_logs.auth_failures is for the failures of all protocols together");
}

static void finish_limit(struct import *import, const struct settings *settings)
{
	const struct setting *together = &settings->values[SETTING_LF_TRIGGER];
	uint64_t all = 0, count;

	if (!read_number(import, together, 0, FAILURES_MAX, &all))
		all = 0;
	for (size_t i = 0; i < ARRAY_SIZE(triggers); i++) {
		const struct setting *setting = &settings->values[triggers[i].id];

		if (!read_number(import, setting, 0, FAILURES_MAX, &count))
			continue;
		if (count == 0)
			line_note(import, setting->line, OUTCOME_IGNORED, "off");
		else if (triggers[i].class >= 0 && guards_class(import, triggers[i].class))
			take_trigger(import, setting, count, together, all);
	}
	for (size_t i = 0; i < ARRAY_SIZE(triggers); i++) {
		const struct setting *setting = &settings->values[triggers[i].id];

		if (setting->value && !import->lines[setting->line].result)
			note_trigger(import, &triggers[i], setting);
	}
	if (together->value && !import->lines[together->line].result &&
	    !(all && import->mail.count))
		line_note(import, together->line, OUTCOME_IGNORED, all ? NO_LIMIT : "off");
}

static void finish_interval(struct import *import, const struct setting *interval)
{
	struct import_mail *mail = &import->mail;
	uint64_t seconds = INTERVAL_DEFAULT_S;
	bool given = read_number(import, interval, 1, INTERVAL_MAX_S, &seconds);

	mail->window_s = given ? (unsigned)seconds : INTERVAL_DEFAULT_S;
	if (!mail->count) {
		if (given)
			line_note(import, interval->line, OUTCOME_IGNORED, NO_LIMIT);
		return;
	}
	line_note(import, mail->limit_line, OUTCOME_SETTING,
		  "mail_logs.auth_failures = \"%u/%us\"; it counts when you set mail_logs.enabled "
		  "= true and restart smtpguardd",
		  mail->count, mail->window_s);
	if (!given)
		return;
	mail->has_interval = true;
	mail->interval_line = interval->line;
	line_note(import, interval->line, OUTCOME_SETTING, "the window of mail_logs.auth_failures");
}

/* --- the logs --- */

/* It becomes a text of the configuration. */
static bool is_plain_path(const char *path)
{
	if (*path != '/' || strlen(path) >= IMPORT_MAIL_PATH_MAX)
		return false;
	for (; *path; path++)
		if (*path < 0x21 || *path > 0x7e || strchr("\"\\*?[]", *path))
			return false;
	return true;
}

static void finish_log(struct import *import, const struct setting *setting, enum mail_log log)
{
	struct import_mail *mail = &import->mail;
	char *path = mail->paths[log];

	if (!setting->value)
		return;
	if (!mail->count) {
		line_note(import, setting->line, OUTCOME_IGNORED, NO_LIMIT);
		return;
	}
	if (!is_plain_path(setting->value)) {
		line_note(import, setting->line, OUTCOME_NOT_UNDERSTOOD,
			  "not the absolute path of a file");
		return;
	}
	if (!*path) {
		snprintf(path, sizeof(mail->paths[log]), "%s", setting->value);
		mail->path_lines[log] = setting->line;
	}
	if (strcmp(path, setting->value) == 0)
		line_note(import, setting->line, OUTCOME_SETTING, "mail_logs.%s = \"%s\"",
			  mail_log_name(log), path);
	else
		line_note(import, setting->line, OUTCOME_NO_COUNTERPART,
			  "no counterpart: one such log is followed, mail_logs.%s = \"%s\"",
			  mail_log_name(log), path);
}

void mail_finish(struct import *import, const struct settings *settings)
{
	finish_limit(import, settings);
	finish_interval(import, &settings->values[SETTING_LF_INTERVAL]);
	finish_log(import, &settings->values[SETTING_SMTPAUTH_LOG], MAIL_LOG_EXIM);
	finish_log(import, &settings->values[SETTING_POP3D_LOG], MAIL_LOG_MAIL);
	finish_log(import, &settings->values[SETTING_IMAPD_LOG], MAIL_LOG_MAIL);
	finish_log(import, &settings->values[SETTING_CPANEL_LOG], MAIL_LOG_CPANEL);
}

/* --- smtpguard.conf --- */

void mail_print(FILE *out, const struct import *import)
{
	const struct import_mail *mail = &import->mail;
	char place[IMPORT_PATH_MAX];

	if (!mail->count)
		return;
	fprintf(out,
		"\n# The service must be able to read them: smtpguard doctor.\nmail_logs: {\n"
		"  enabled = false; # true: at the next restart\n  # %s: %s\n",
		line_place(import, mail->limit_line, place), import->lines[mail->limit_line].text);
	if (mail->has_interval)
		fprintf(out, "  # %s: %s\n", line_place(import, mail->interval_line, place),
			import->lines[mail->interval_line].text);
	fprintf(out, "  auth_failures = \"%u/%us\";\n", mail->count, mail->window_s);
	for (unsigned i = 0; i < MAIL_LOGS; i++)
		if (mail->paths[i][0])
			fprintf(out, "  # %s: %s\n  %s = \"%s\";\n",
				line_place(import, mail->path_lines[i], place),
				import->lines[mail->path_lines[i]].text,
				mail_log_name((enum mail_log)i), mail->paths[i]);
	fprintf(out, "};\n");
}
