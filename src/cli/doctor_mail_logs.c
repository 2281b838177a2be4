// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The mail logs: what the running daemon says of them; without it, whether they could be read.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "smtpguard/base/escape.h"

#include "cli_priv.h"
#include "doctor_priv.h"

#define DROP_INS "/etc/systemd/system/smtpguard.service.d"
/* From here on bans come so late that they help little; the daemon says it then, too. */
#define LAG_LONG_MS 60000
/* What Exim writes instead of a line that is longer than its buffer. */
#define EXIM_OVERFLOW "log string overflowed log buffer"

static const char *text_at(const json_t *object, const char *key,
			   char text[static FINDING_TEXT_MAX])
{
	const char *value = json_string_value(json_object_get(object, key));

	return escape_once(text, FINDING_TEXT_MAX, value ? value : "-", value ? strlen(value) : 1);
}

static long long number_at(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

/* --- as the daemon says --- */

/* More permissions help against a lack of them only. */
static enum finding_kind kind_of_error(const char *error)
{
	return strcmp(error, strerror(EACCES)) && strcmp(error, strerror(EPERM))
		       ? FINDING_MAIL_LOG_UNUSABLE
		       : FINDING_MAIL_LOG_UNREADABLE;
}

static void check_unreadable(struct doctor *doctor, const json_t *log, const char *path)
{
	char error[FINDING_TEXT_MAX];

	text_at(log, "error", error);
	/* a FIFO, a device: the worker opens it, and does not begin */
	find(doctor, kind_of_error(error), "smtpguard-maillog cannot read %.300s: %.100s", path,
	     strcmp(error, strerror(EINVAL)) ? error : "it is not a regular file");
}

static void check_clock(struct doctor *doctor, const json_t *log, const char *path)
{
	const long long off = number_at(log, "clock_off_s");
	/* zones are off by whole minutes, lines by seconds */
	const long long minutes = ((off > 0 ? off : -off) + 30) / 60;
	char span[SPAN_TEXT_MAX];

	if (off)
		find(doctor, FINDING_MAIL_LOG_CLOCK, "the stamps of %.300s are %s %s the clock",
		     path, span_format(minutes * 60, span), off > 0 ? "ahead of" : "behind");
}

static void check_log(struct doctor *doctor, const json_t *log, unsigned *followed)
{
	const char *state = json_string_value(json_object_get(log, "state"));
	const long long gaps = number_at(log, "gaps");
	char path[FINDING_TEXT_MAX];

	text_at(log, "path", path);
	if (!state)
		return;
	if (!strcmp(state, "unreadable"))
		check_unreadable(doctor, log, path);
	else if (!strcmp(state, "missing"))
		find(doctor, FINDING_MAIL_LOG_MISSING, "there is no %.300s", path);
	else
		*followed += 1;
	if (number_at(log, "lag_ms") > LAG_LONG_MS)
		find(doctor, FINDING_MAIL_LOG_BEHIND, "%.300s is read %lld s late, %lld bytes wait",
		     path, number_at(log, "lag_ms") / 1000, number_at(log, "behind_bytes"));
	check_clock(doctor, log, path);
	if (gaps)
		find(doctor, FINDING_MAIL_LOG_GAPS,
		     "%.300s was rotated away %lld time%s before it was read to its end", path,
		     gaps, gaps == 1 ? "" : "s");
}

static void check_lines(struct doctor *doctor, const json_t *mail_logs)
{
	const json_t *sample = json_array_get(json_object_get(mail_logs, "samples"), 0);
	char log[FINDING_TEXT_MAX], line[FINDING_TEXT_MAX];

	if (number_at(mail_logs, "unparsed"))
		find(doctor, FINDING_MAIL_LINES_UNPARSED,
		     "lines that look relevant and are not understood: %lld, the last of %.20s: "
		     "%.300s",
		     number_at(mail_logs, "unparsed"), text_at(sample, "log", log),
		     text_at(sample, "line", line));
	if (number_at(mail_logs, "without_port"))
		find(doctor, FINDING_MAIL_LINES_WITHOUT_PORT,
		     "lines of Exim without the client's port: %lld",
		     number_at(mail_logs, "without_port"));
}

/* Exim has one buffer for a line: who fills it is not named. */
static void check_overflows(struct doctor *doctor, const json_t *mail_logs)
{
	const json_t *sample;
	size_t i;

	json_array_foreach(json_object_get(mail_logs, "samples"), i, sample) {
		const char *line = json_string_value(json_object_get(sample, "line"));

		if (!line || !strstr(line, EXIM_OVERFLOW))
			continue;
		find(doctor, FINDING_MAIL_LINES_OVERFLOWED,
		     "among the last lines that are not understood: " EXIM_OVERFLOW);
		return;
	}
}

/* The addresses of the last one: whoever wrote it is one of them. */
static void check_forged(struct doctor *doctor, const json_t *mail_logs)
{
	const json_t *forged = json_object_get(mail_logs, "forged"), *one;
	char text[FINDING_TEXT_MAX], last[FINDING_TEXT_MAX], who[FINDING_TEXT_MAX] = "";
	size_t i, used = 0;

	if (!number_at(forged, "count"))
		return;
	json_array_foreach(json_object_get(forged, "last_by"), i, one) {
		const char *reading = json_string_value(one);
		int n = snprintf(who + used, sizeof(who) - used, "%s%.70s", i ? ", " : ": one of ",
				 reading ? reading : "-");

		if (n < 0 || (size_t)n >= sizeof(who) - used)
			break;
		used += (size_t)n;
	}
	if (!used && !number_at(forged, "addresses"))
		snprintf(who, sizeof(who), ", it names too many addresses to tell");
	find(doctor, FINDING_MAIL_LINES_FORGED,
	     "failed logins that can be read in several ways: %lld, the last at %.40s%.380s",
	     number_at(forged, "count"), text_at(forged, "last", last),
	     escape_once(text, sizeof(text), who, strlen(who)));
}

static void check_facts(struct doctor *doctor, const json_t *mail_logs)
{
	if (json_is_true(json_object_get(mail_logs, "facts_refused")))
		find(doctor, FINDING_MAIL_FACTS_LOST, "facts that did not reach the ledger: %lld",
		     number_at(mail_logs, "facts_dropped"));
	if (number_at(mail_logs, "facts_folded"))
		find(doctor, FINDING_MAIL_FACTS_FOLDED,
		     "facts that are kept without account and address: %lld",
		     number_at(mail_logs, "facts_folded"));
}

static bool is_loading(const struct doctor *doctor)
{
	const json_t *ledger = json_object_get(doctor->status, "ledger");
	const char *state = json_string_value(json_object_get(ledger, "state"));

	return state && !strcmp(state, "loading");
}

static void check_followed(struct doctor *doctor, const json_t *mail_logs)
{
	const json_t *worker = json_object_get(mail_logs, "worker"), *log;
	const json_t *logs = json_object_get(mail_logs, "logs");
	unsigned followed = 0;
	size_t i;

	if (!json_is_true(json_object_get(worker, "running"))) {
		/* it is told by the ledger where to go on, which takes a moment at start */
		if (number_at(worker, "starts") == 0 && is_loading(doctor))
			return;
		find(doctor, FINDING_MAIL_WORKER_DOWN,
		     "smtpguard-maillog is not running; starts: %lld",
		     number_at(worker, "starts"));
		return;
	}
	json_array_foreach(logs, i, log)
		check_log(doctor, log, &followed);
	find(doctor, FINDING_MAIL_LOGS, "mail logs that are followed: %u of %zu", followed,
	     json_array_size(logs));
}

/* --- as the files are --- */

static bool has_word(const struct doctor *doctor, const char *path)
{
	bool found;
	char *text;

	if (doctor_read(doctor, path, DOCTOR_FILE_BYTES_MAX, &text) < 0)
		return false;
	found = doctor_has_word(text, "CAP_DAC_READ_SEARCH") ||
		doctor_has_word(text, "SupplementaryGroups");
	free(text);
	return found;
}

/* Whether the unit was given more than its user: then modes alone do not tell. */
static bool has_drop_in(const struct doctor *doctor)
{
	char full[DOCTOR_PATH_MAX], path[DOCTOR_PATH_MAX];
	const struct dirent *entry;
	bool found = false;
	DIR *directory;

	doctor_full_path(doctor, DROP_INS, full);
	directory = opendir(full);
	if (!directory)
		return false;
	while (!found && (entry = readdir(directory))) {
		snprintf(path, sizeof(path), DROP_INS "/%s", entry->d_name);
		found = has_word(doctor, path);
	}
	closedir(directory);
	return found;
}

static void check_file(struct doctor *doctor, const char *path, bool modes_tell)
{
	char parent[DOCTOR_PATH_MAX], shown[FINDING_TEXT_MAX];
	struct stat st, above;

	doctor_parent(path, parent);
	escape(shown, sizeof(shown), path, strlen(path));
	if (stat(path, &st) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			find(doctor, FINDING_MAIL_LOG_MISSING, "there is no %.300s", shown);
		else if (errno != EACCES)
			find(doctor, FINDING_MAIL_LOG_UNUSABLE, "%.300s cannot be read: %s", shown,
			     strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		find(doctor, FINDING_MAIL_LOG_UNUSABLE, "%.300s is not a regular file", shown);
	} else if (modes_tell && doctor->has_service_user &&
		   (!doctor_user_may(doctor, &st, 4) ||
		    (stat(parent, &above) == 0 && !doctor_user_may(doctor, &above, 1)))) {
		find(doctor, FINDING_MAIL_LOG_UNREADABLE,
		     "%.300s cannot be read by user smtpguard: mode %04o, uid %u, gid %u", shown,
		     (unsigned)(st.st_mode & 07777), (unsigned)st.st_uid, (unsigned)st.st_gid);
	}
}

static void check_files(struct doctor *doctor)
{
	bool modes_tell = !has_drop_in(doctor);

	for (unsigned i = 0; i < MAIL_LOGS; i++)
		if (doctor->config->mail_log_paths[i][0])
			check_file(doctor, doctor->config->mail_log_paths[i], modes_tell);
}

/* --- all of it --- */

bool doctor_wants_log(const struct doctor *doctor, enum mail_log log)
{
	const struct config *config = doctor->config;

	return config && config->guard.mail.enabled && config->mail_log_paths[log][0];
}

static void check_path(struct doctor *doctor, const json_t *logs, enum mail_log log)
{
	const char *path = doctor->config->mail_log_paths[log], *name = mail_log_name(log);
	char wanted[FINDING_TEXT_MAX], followed[FINDING_TEXT_MAX] = "";
	const json_t *entry;
	size_t i;

	json_array_foreach(logs, i, entry) {
		const char *of = json_string_value(json_object_get(entry, "log"));

		if (of && !strcmp(of, name))
			text_at(entry, "path", followed);
	}
	escape(wanted, sizeof(wanted), path, strlen(path));
	if (strcmp(wanted, followed) != 0)
		find(doctor, FINDING_MAIL_LOGS_RESTART,
		     "mail_logs.%s is \"%.200s\", but the daemon was started with \"%.200s\"", name,
		     wanted, followed);
}

/* What only a restart applies. */
static void check_applied(struct doctor *doctor, const json_t *mail_logs)
{
	const json_t *logs = json_object_get(mail_logs, "logs");
	bool is_on = json_is_true(json_object_get(mail_logs, "enabled"));
	bool wanted = doctor->config->guard.mail.enabled;

	if (wanted != is_on)
		find(doctor, FINDING_MAIL_LOGS_RESTART,
		     "mail_logs.enabled is %s, but the daemon was started %s",
		     wanted ? "true" : "false", wanted ? "without" : "with it");
	else if (is_on)
		for (unsigned i = 0; i < MAIL_LOGS; i++)
			check_path(doctor, logs, (enum mail_log)i);
}

void doctor_check_mail_logs(struct doctor *doctor)
{
	const json_t *mail_logs = json_object_get(doctor->status, "mail_logs");
	const json_t *enabled = json_object_get(mail_logs, "enabled");
	const struct config *config = doctor->config;

	if (json_is_true(enabled)) {
		check_followed(doctor, mail_logs);
		check_lines(doctor, mail_logs);
		check_overflows(doctor, mail_logs);
		check_forged(doctor, mail_logs);
		check_facts(doctor, mail_logs);
	} else if (config && config->guard.mail.enabled) {
		check_files(doctor);
	}
	if (config && enabled)
		check_applied(doctor, mail_logs);
}
