/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `smtpguard import`: what another firewall's files say, line by line, and what becomes of it. Files
 * are read (import_read), each line gets an outcome (import_csf*, import_apf), limits gather per
 * mail port and become services (import_limits), those of failed logins become mail_logs (import_mail),
 * addresses become allow entries and commands for the daemon (import_lists); then texts are made of all
 * that (import_config, import_report) and written (import_write). Nothing that is read is executed, and
 * nothing but import_write changes anything.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "smtpguard/base/address.h"
#include "smtpguard/base/clock.h"
#include "smtpguard/base/compiler.h"
#include "smtpguard/base/file_read.h"
#include "smtpguard/base/log_place.h"

#define IMPORT_FILE_BYTES_MAX (8 * 1024 * 1024)
#define IMPORT_FILES_MAX 64 /* with all includes */
#define IMPORT_DEPTH_MAX 8
#define IMPORT_LINES_MAX 250000
#define IMPORT_LINE_MAX 4096
#define IMPORT_TEXT_MAX 240 /* of a line in the report, escaped, with the NUL */
#define IMPORT_ENTRIES_MAX 100000 /* as the allow files' bound */
#define IMPORT_COMMENT_MAX 160
#define IMPORT_RULES_MAX 128
#define IMPORT_PATH_MAX 1024

/* In the order of weight: a line that is several things counts as the last of them. */
enum import_outcome {
	OUTCOME_COMMENT,	/* or blank */
	OUTCOME_OTHER,		/* not about guarded ports */
	OUTCOME_EXPIRED,
	OUTCOME_IGNORED,	/* the other firewall does nothing with it either */
	OUTCOME_COVERED,	/* holds already, or by another line */
	OUTCOME_NO_COUNTERPART,
	OUTCOME_INCLUDE,
	OUTCOME_ALLOWED,
	OUTCOME_BLOCKED,
	OUTCOME_SETTING,
	OUTCOME_NOT_UNDERSTOOD,
	OUTCOMES
};

struct import_line {
	uint32_t file, number;
	enum import_outcome outcome;
	char *text;   /* escaped, cut */
	char *result; /* what became of it; NULL for comments */
};

struct import_file {
	char *name; /* escaped */
	uint32_t n_lines;
	char *problem; /* why it was not read; NULL: it was */
};

/* Ports that mail servers listen on, by their index; a set of them is a mask of those bits. */
#define MAIL_PORTS 9
/* 25, 465, 587: guarded even if nothing limited them, as by smtpguard's defaults. */
#define MAIL_PORTS_ALWAYS ((1u << 0) | (1u << 2) | (1u << 3))

enum mail_class { MAIL_SMTP, MAIL_SUBMISSION, MAIL_POP3, MAIL_IMAP, MAIL_CLASSES };

enum rule_kind { RULE_CONCURRENT, RULE_NEW, RULE_KINDS };

/* One limit as the other firewall has it. */
struct import_rule {
	enum rule_kind kind;
	size_t line;
	char text[48]; /* as it was written, escaped */
	uint32_t ports;
	uint32_t count;
	unsigned window_s; /* RULE_NEW */
};

#define NO_RULE UINT32_MAX

struct import_service {
	char name[24];
	enum mail_class class;
	uint32_t ports;
	uint32_t rules[RULE_KINDS]; /* which limits; NO_RULE: smtpguard's own default */
};

enum import_list { IMPORT_ALLOW_FILE, IMPORT_ALLOW_COMMAND, IMPORT_BAN_COMMAND, IMPORT_LISTS };
enum command_state { COMMAND_WAITS, COMMAND_SENT, COMMAND_REFUSED };

struct import_entry {
	struct prefix prefix;
	size_t line;
	uint32_t heading;   /* comment lines directly above it */
	uint64_t seconds;   /* commands: for so long; 0: without end */
	char *comment;	    /* escaped; may be empty */
	bool dropped;	    /* another entry covers it */
	enum command_state state;
};

struct import_entries {
	struct import_entry *items;
	size_t n, allocated;
};

/* Settings that bans get. */
struct import_bans {
	uint64_t duration_s;
	size_t duration_line;
	bool has_duration;
	bool reject;
	size_t reject_line;
	bool testing;
};

#define IMPORT_MAIL_PATH_MAX 256 /* as the configuration takes it */

/* What becomes mail_logs. */
struct import_mail {
	uint32_t count; /* failed logins; 0: no limit, nothing is taken over */
	unsigned window_s;
	size_t limit_line, interval_line;
	bool has_interval;
	char paths[MAIL_LOGS][IMPORT_MAIL_PATH_MAX]; /* empty: smtpguard's default */
	size_t path_lines[MAIL_LOGS];
};

struct import {
	const char *from; /* "csf", "apf" */
	const char *directory, *state_directory;
	time_t now;
	/* 0: *ret_text (with a NUL behind its *ret_length bytes) is the caller's; or an error of
	 * import_read_regular() */
	int (*read)(void *userdata, const char *path, char **ret_text, size_t *ret_length);
	void *userdata;

	struct import_file files[IMPORT_FILES_MAX];
	uint32_t n_files;
	struct import_line *lines;
	size_t n_lines, lines_allocated;

	struct import_rule rules[IMPORT_RULES_MAX];
	uint32_t n_rules;
	struct import_service services[MAIL_PORTS];
	unsigned n_services;
	uint32_t guarded; /* ports of the services */
	uint32_t winners[RULE_KINDS][MAIL_PORTS];
	struct import_bans bans;
	struct import_mail mail;

	struct import_entries lists[IMPORT_LISTS];
	int failure; /* -ENOMEM, once it happened */
};

/* --- import_state.c --- */

void import_begin(struct import *import, const char *from, const char *directory,
		  const char *state_directory, time_t now);
void import_done(struct import *import);
/* Adds to what is said about a line, with "; " between. */
void line_note(struct import *import, size_t line, enum import_outcome outcome, const char *format,
	       ...) PRINTF_LIKE(4, 5);
/* "FILE:LINE". Writes and returns text. */
const char *line_place(const struct import *import, size_t line, char text[static IMPORT_PATH_MAX]);
void add_entry(struct import *import, enum import_list list, const struct import_entry *entry,
	       const char *comment);
/* strdup() and printf() into memory that may fail: NULL then, and import->failure is set. */
char *format_text(struct import *import, const char *format, ...) PRINTF_LIKE(2, 3);
/* escape() that leaves double quotes as they are. */
char *show_text(char *target, size_t size, const char *text, size_t length);
const char *outcome_name(enum import_outcome outcome);

/* --- import_read.c --- */

int import_read_regular(void *userdata, const char *path, char **ret_text,
			size_t *ret_length) MUST_CHECK;
const char *import_read_error(int result);

struct import_reader;
/* One line without its end, as text that may be written to. */
typedef void (*line_handler)(struct import_reader *reader, size_t line, char *text);

struct import_reader {
	struct import *import;
	line_handler handle;
	bool optional;	   /* a missing file is nothing to report as a problem */
	void *userdata;	   /* the handler's */
	unsigned depth;
	const char *stack[IMPORT_DEPTH_MAX]; /* paths being read */
	size_t heading;	   /* the first of the comment lines directly above; SIZE_MAX: none */
};

/* 0, or the error that is kept with the file. */
int import_read_file(struct import_reader *reader, const char *path);
/* Follows an Include of the given line. */
void import_include(struct import_reader *reader, size_t line, const char *path);
/* Comments and blank lines are done with here; true: it was one. */
bool take_comment(struct import_reader *reader, size_t line, const char *text);
/* Removes blanks at both ends, in place. */
char *trim(char *text);
/* Cuts text at its first blank; returns the rest, without "#" and blanks in front. */
char *split_comment(char *text);
/* NAME=VALUE: cuts text at the sign. NULL if there is none. */
char *split_setting(char *text);

/* --- import_ports.c --- */

uint16_t mail_port(unsigned index);
enum mail_class mail_port_class(unsigned index);
/* "25", "20_30", "20:30", "smtp", and those with commas between. -EINVAL. */
int ports_parse(const char *text, uint32_t *ret_ports) MUST_CHECK;
/* "25, 465". Writes and returns text. */
const char *ports_format(uint32_t ports, char text[static 64]);

/* --- import_filter.c --- */

enum filter_result {
	FILTER_ADDRESS,
	FILTER_OTHER,
	FILTER_IGNORED,
	FILTER_REFUSED, /* understood, and not to be done */
	FILTER_NOT_UNDERSTOOD
};

struct filter {
	struct prefix prefix;
	bool cut;	/* bits behind the length were set */
	bool has_ports; /* only for these */
	uint32_t ports; /* mail ports among them */
	const char *why; /* results other than FILTER_ADDRESS */
};

/* ADDR, ADDR/LEN or a filter, as csf.allow and csf.deny have them. text is written to. */
enum filter_result filter_parse_csf(char *text, struct filter *ret_filter);
/* The same as APF writes it. */
enum filter_result filter_parse_apf(char *text, struct filter *ret_filter);

/* --- import_limits.c --- */

/* A setting's limits, with commas between; separator: of the parts of one. Cuts text into pieces. */
void rules_add(struct import *import, enum rule_kind kind, size_t line, char *text,
	       char separator);
void rule_add(struct import *import, const struct import_rule *rule);
/* Makes services of all rules and says on the rules' lines what became of them. */
void limits_finish(struct import *import);
bool rule_wins(const struct import *import, uint32_t rule, const struct import_service *service);

/* --- import_settings.c --- */

enum setting_id {
	SETTING_NONE,
	SETTING_PORTFLOOD,
	SETTING_CONNLIMIT,
	SETTING_CT_LIMIT,
	SETTING_CT_PORTS,
	SETTING_CT_BLOCK_TIME,
	SETTING_CT_SUBNET_LIMIT,
	SETTING_CT_SKIP_TIME_WAIT,
	SETTING_CT_STATES,
	SETTING_CT_PERMANENT,
	SETTING_CT_SKIP,
	SETTING_DROP,
	SETTING_TESTING,
	SETTING_LF_TRIGGER,
	SETTING_LF_SMTPAUTH,
	SETTING_LF_POP3D,
	SETTING_LF_IMAPD,
	SETTING_LF_CPANEL,
	SETTING_LF_INTERVAL,
	SETTING_SMTPAUTH_LOG,
	SETTING_POP3D_LOG,
	SETTING_IMAPD_LOG,
	SETTING_CPANEL_LOG,
	SETTINGS
};

struct setting {
	char *value;
	size_t line;
};

/* The settings of one configuration file that something is made of; a NULL value: not in the file. */
struct settings {
	struct setting values[SETTINGS];
};

/* Takes the value over, or says on its line what becomes of it. */
void setting_take(struct import *import, struct settings *settings, size_t line, const char *name,
		  const char *value);
/* Makes rules and ban settings of all of them. */
void settings_finish(struct import *import, struct settings *settings);

/* --- import_mail.c --- */

/* What becomes of lfd's limits of failed logins; the services are known. */
void mail_finish(struct import *import, const struct settings *settings);
/* The group of the configuration, if there is anything for it. */
void mail_print(FILE *out, const struct import *import);

/* --- import_lists.c --- */

/* Adds an entry that a line names; says on the line what became of it. */
void list_add(struct import_reader *reader, size_t line, enum import_list list,
	      const struct filter *filter, uint64_t seconds, const char *comment);
/* Says of every other result of a filter what became of the line. */
void filter_note(struct import *import, size_t line, enum filter_result result,
		 const struct filter *filter);
/* Drops what other entries cover, and says so. */
void lists_finish(struct import *import);

/* --- import_csf.c, import_apf.c --- */

/* Reads everything. -ENOENT: nothing of the kind is there; -ENOMEM. */
int import_csf(struct import *import) MUST_CHECK;
int import_apf(struct import *import) MUST_CHECK;
/* Of single files, for import_csf() and tests. */
void read_csf_conf(struct import *import, const char *path);
void read_csf_list(struct import *import, const char *path, enum import_list list);
void read_csf_ignore(struct import *import, const char *path);
void read_csf_rignore(struct import *import, const char *path);
void read_csf_temporary(struct import *import, const char *path, enum import_list list);
void read_apf_conf(struct import *import, const char *path);
void read_apf_list(struct import *import, const char *path, enum import_list list);

/* --- import_config.c --- */

/* The texts of the files; the caller frees. NULL: out of memory. allow_glob: NULL for the default. */
char *config_text(struct import *import, const char *allow_glob);
char *allow_text(struct import *import);
/* Commands that the daemon has not taken, one a line as the control socket reads them. */
char *commands_text(struct import *import);
struct command_parts {
	char target[PREFIX_TEXT_MAX + 4], span[32], reason[IMPORT_COMMENT_MAX];
};

/* What one command says. */
void command_parts(const struct import *import, enum import_list list,
		   const struct import_entry *entry, struct command_parts *ret_parts);
size_t commands_count(const struct import *import, enum command_state state);
size_t allow_count(const struct import *import);

/* --- import_write.c --- */

enum write_result { WRITE_DONE, WRITE_UNCHANGED, WRITE_EXISTS };

/*
 * Complete or not at all. WRITE_EXISTS: there is such a file with other contents, which is kept unless
 * replace is set; -errno.
 */
int write_file(const char *path, const char *text, mode_t mode, bool replace) MUST_CHECK;
/* What write_file() without replace would answer. */
enum write_result write_check(const char *path, const char *text);

/* --- import_report.c --- */

struct written_file {
	char path[IMPORT_PATH_MAX];
	const char *what; /* "written", "unchanged", "would be written" */
	char kept[IMPORT_PATH_MAX]; /* the file that stands in its place; may be empty */
};

struct import_result {
	bool dry_run;
	const char *daemon; /* what was done about the commands */
	struct written_file files[3];
	unsigned n_files;
	const char *configuration, *allow, *commands; /* texts, for a dry run */
};

void report_print(const struct import *import, const struct import_result *result, FILE *file);
/* NULL: out of memory. */
json_t *report_json(const struct import *import, const struct import_result *result);
