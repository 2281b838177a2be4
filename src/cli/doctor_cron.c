// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cron lines of the time before: scripts that count connections with netstat and block with CSF or
 * iptables. Read, never run; a bounded number of files, and of each its beginning.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"

#include "doctor_priv.h"

#define FILES_MAX	 512
#define SCRIPTS_MAX	 256
#define SCRIPT_BYTES_MAX (64 * 1024)

struct cron {
	struct doctor *doctor;
	unsigned files, lines, scripts;
	bool denied;
};

enum {
	SIGN_COUNTS = 1 << 0, /* looks at connections */
	SIGN_PORTS = 1 << 1,  /* of mail */
	SIGN_BLOCKS = 1 << 2,
};

static bool has_mail_port(const char *text)
{
	static const char *const forms[] = { ":25",	 ":465",     ":587",
					     ":smtp",	 "dport 25", "sport 25",
					     "dport=25", "dpt:25",   ":submission" };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		const size_t length = strlen(forms[i]);

		for (const char *found = text; (found = strstr(found, forms[i])); found++)
			if (found[length] < '0' || found[length] > '9')
				return true;
	}
	return false;
}

static bool blocks(const char *text)
{
	if (doctor_has_word(text, "csf") &&
	    (strstr(text, " -d ") || strstr(text, " -td ") || strstr(text, " --deny")))
		return true;
	if (doctor_has_word(text, "apf") && strstr(text, " -d "))
		return true;
	return (doctor_has_word(text, "iptables") || doctor_has_word(text, "ip6tables")) &&
	       (strstr(text, " -A ") || strstr(text, " -I ")) &&
	       (doctor_has_word(text, "DROP") || doctor_has_word(text, "REJECT"));
}

static unsigned signs_of(const char *text)
{
	unsigned signs = 0;

	if (doctor_has_word(text, "netstat") || doctor_has_word(text, "ss") ||
	    doctor_has_word(text, "conntrack") || strstr(text, "/proc/net/tcp") ||
	    doctor_has_word(text, "lsof"))
		signs |= SIGN_COUNTS;
	if (has_mail_port(text))
		signs |= SIGN_PORTS;
	if (blocks(text))
		signs |= SIGN_BLOCKS;
	return signs;
}

/* Counting alone, or firewall rules alone, may be anything; a mail port with it, or both, is a
 * poller. */
static bool is_poller(unsigned signs)
{
	return (signs & SIGN_COUNTS && signs & (SIGN_PORTS | SIGN_BLOCKS)) ||
	       (signs & SIGN_PORTS && signs & SIGN_BLOCKS);
}

/* Over all lines of a script, comments left out. */
static unsigned signs_of_script(const struct doctor *doctor, const char *path)
{
	char *text, *cursor, *line;
	unsigned signs = 0;

	if (doctor_read(doctor, path, SCRIPT_BYTES_MAX, &text) < 0)
		return 0;
	/* a program is none: an archive of one may hold any word */
	if (strncmp(text, "\177ELF", 4) != 0) {
		for (cursor = text; (line = doctor_line(&cursor));) {
			line = doctor_trim(line);
			if (*line != '#')
				signs |= signs_of(line);
		}
	}
	free(text);
	return signs;
}

static void tell(struct cron *cron, const char *path, unsigned number, const char *script)
{
	char place[256], shown[256];

	escape(place, sizeof(place), path, strlen(path));
	if (!script) {
		find(cron->doctor, FINDING_CRON_POLLER,
		     "%s:%u counts or blocks connections to mail ports", place, number);
		return;
	}
	escape(shown, sizeof(shown), script, strlen(script));
	find(cron->doctor, FINDING_CRON_POLLER, "%s:%u runs %s, which counts or blocks connections",
	     place, number, shown);
}

/* Where packages have their programs: CSF's own, for one, has all the words of a poller. */
static bool is_packaged(const char *path)
{
	static const char *const places[] = { "/usr/sbin/",	"/usr/bin/", "/sbin/",
					      "/bin/",		"/usr/lib",  "/usr/local/cpanel/",
					      "/usr/local/csf/" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (strncmp(path, places[i], strlen(places[i])) == 0)
			return true;
	return false;
}

/* Every word of the line that is an absolute path: one of them may be the script. */
static bool check_scripts(struct cron *cron, const char *path, unsigned number, char *line)
{
	for (char *word = line; *word; word += strspn(word, " \t;|&<>()\"'")) {
		const size_t length = strcspn(word, " \t;|&<>()\"'");
		char *end = word + length, kept = *end;
		bool found;

		*end = '\0';
		found = *word == '/' && !is_packaged(word) && cron->scripts < SCRIPTS_MAX &&
			++cron->scripts && is_poller(signs_of_script(cron->doctor, word));
		if (found)
			tell(cron, path, number, word);
		*end = kept;
		if (found)
			return true;
		word = end;
	}
	return false;
}

static void check_line(struct cron *cron, const char *path, unsigned number, char *line)
{
	line = doctor_trim(line);
	if (!*line || *line == '#')
		return;
	cron->lines++;
	if (is_poller(signs_of(line)))
		tell(cron, path, number, NULL);
	else
		(void)check_scripts(cron, path, number, line);
}

static void check_table(struct cron *cron, const char *path)
{
	char *text, *cursor, *line;
	unsigned number = 0;
	int r;

	if (cron->files++ >= FILES_MAX)
		return;
	r = doctor_read(cron->doctor, path, DOCTOR_FILE_BYTES_MAX, &text);
	if (r < 0) {
		cron->denied |= r == -EACCES;
		return;
	}
	for (cursor = text; (line = doctor_line(&cursor));)
		check_line(cron, path, ++number, line);
	free(text);
}

/* Files that run-parts executes. */
static void check_program(struct cron *cron, const char *path)
{
	char shown[256];

	if (cron->files++ >= FILES_MAX)
		return;
	if (is_poller(signs_of_script(cron->doctor, path)))
		find(cron->doctor, FINDING_CRON_POLLER, "%s counts or blocks connections",
		     escape(shown, sizeof(shown), path, strlen(path)));
}

static void check_directory(struct cron *cron, const char *directory,
			    void (*check)(struct cron *cron, const char *path))
{
	char path[DOCTOR_PATH_MAX];
	const struct dirent *entry;
	DIR *dir;

	doctor_full_path(cron->doctor, directory, path);
	dir = opendir(path);
	if (!dir) {
		cron->denied |= errno == EACCES;
		return;
	}
	while ((entry = readdir(dir))) {
		int n = snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);

		if (entry->d_name[0] != '.' && n > 0 && n < (int)sizeof(path))
			check(cron, path);
	}
	closedir(dir);
}

void doctor_check_cron(struct doctor *doctor)
{
	static const char *const tables[] = { "/etc/cron.d", "/var/spool/cron",
					      "/var/spool/cron/crontabs" };
	static const char *const programs[] = { "/etc/cron.hourly", "/etc/cron.daily",
						"/etc/cron.weekly", "/etc/cron.monthly" };
	struct cron cron = { .doctor = doctor };
	size_t before = doctor->n_findings;

	check_table(&cron, "/etc/crontab");
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		check_directory(&cron, tables[i], check_table);
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		check_directory(&cron, programs[i], check_program);
	if (cron.denied)
		find(doctor, FINDING_CRON_NOT_CHECKED,
		     "cron tables of users were not checked: not root");
	else if (doctor->n_findings == before)
		find(doctor, FINDING_CRON, "%u cron lines, none of them counts connections",
		     cron.lines);
}
