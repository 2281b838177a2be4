/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the configuration loader: files become one text with known places (config_text), libconfig
 * makes a tree of it, readers walk the tree and note problems (config_reader) with typed values
 * (config_values), tables of keys say what exists and what is allowed (config, config_mail_logs,
 * config_resolver, config_services), and allow files fill the never-list (allow_file, cpanel_list).
 * config_copy makes new configurations of one that is in force.
 */
#pragma once

#include <glob.h>
#include <libconfig.h>
#include <stddef.h>
#include <stdint.h>

#include "smtpguard/base/compiler.h"
#include "smtpguard/daemon/config.h"

#define CONFIG_FILE_BYTES_MAX (1024 * 1024)
#define CONFIG_FILES_MAX 64	    /* with all includes */
#define CONFIG_INCLUDE_DEPTH_MAX 10 /* as libconfig */
#define CONFIG_PLACE_MAX 1040	    /* an escaped file name */

/* --- config_text.c --- */

enum {
	TEXT_INVALID = 1,
};

struct text_place {
	unsigned file, line;
};

/* All zero: empty. */
struct config_text {
	char *bytes; /* for libconfig */
	size_t length, allocated;
	struct text_place *lines; /* where each line of bytes comes from */
	size_t n_lines, lines_allocated;
	char *files[CONFIG_FILES_MAX]; /* names, escaped */
	unsigned n_files;
};

/* TEXT_INVALID: *ret_problem is the complete text of one problem, the caller's. -ENOMEM. */
int text_load(struct config_text *text, const char *path, char **ret_problem) MUST_CHECK;
void text_done(struct config_text *text);

/* --- config_reader.c --- */

/* Where problems about no line of the file stand among the others. */
#define ORDER_FIRST 0
#define ORDER_LAST UINT32_MAX

struct noted_problem {
	uint32_t order; /* line of the whole text */
	uint32_t sequence;
	char *text;
};

struct config_reader {
	struct config *config;		  /* being filled */
	struct service_settings *service; /* being filled */
	struct config_text text;
	struct noted_problem *problems;
	size_t n_problems, problems_allocated;
	struct prefix *allowed; /* entries of the allow files so far */
	size_t n_allowed, allowed_allocated;
	bool allow_full;	/* the bound on entries was reported */
	bool allow_files_given;
	int failure; /* -ENOMEM, once it happened */
};

/*
 * One key of a group. Without .read it is a number or a duration within bounds, stored at .offset
 * of struct config.
 */
struct config_key {
	const char *name;
	void (*read)(struct config_reader *reader, const config_setting_t *setting);
	bool is_duration;
	uint8_t bytes;
	size_t offset;
	uint64_t minimum, maximum;
};

#define CUSTOM_KEY(text, function) { .name = text, .read = function }
#define BOUNDED_KEY(text, field, low, high, duration)                                              \
	{ .name = text, .is_duration = duration, .bytes = sizeof(((struct config *)NULL)->field),  \
	  .offset = offsetof(struct config, field), .minimum = low, .maximum = high }
#define INTEGER_KEY(text, field, low, high) BOUNDED_KEY(text, field, low, high, false)
#define DURATION_KEY(text, field, low, high) BOUNDED_KEY(text, field, low, high, true)

#define SECOND USEC_PER_SEC
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

void reader_done(struct config_reader *reader);
/* Reads and parses the file. False: problems were noted. */
bool reader_parse(struct config_reader *reader, const char *path, config_t *tree);
/* Hands out the noted problems in file order; returns how many. */
size_t reader_report(struct config_reader *reader, config_problem problem, void *userdata);

/* Notes "FILE:LINE: KEY: text". */
void reader_problem(struct config_reader *reader, const config_setting_t *setting,
		    const char *format, ...) PRINTF_LIKE(3, 4);
/* Notes "FILE:LINE: KEY: VALUE <wrong>, allowed: <text>". */
void reader_refuse(struct config_reader *reader, const config_setting_t *setting, const char *wrong,
		   const char *format, ...) PRINTF_LIKE(4, 5);
/* Notes a text that is complete already. */
void reader_problem_text(struct config_reader *reader, uint32_t order, const char *format, ...)
	PRINTF_LIKE(3, 4);
uint32_t reader_order(const config_setting_t *setting);
/* What does not keep anybody from using the configuration. */
void reader_warn(struct config_reader *reader, const char *format, ...) PRINTF_LIKE(2, 3);

/* The value of a string, NULL if it is none. */
const char *reader_string(const config_setting_t *setting);
/* Reads every member by its entry in keys; other members are problems. */
void reader_group(struct config_reader *reader, const config_setting_t *group,
		  const struct config_key *keys, unsigned n_keys);

/* --- config_values.c --- */

/* false: a problem was noted and nothing was written. also: `, or "off"` or "". */
bool reader_integer(struct config_reader *reader, const config_setting_t *setting, uint64_t minimum,
		    uint64_t maximum, const char *also, uint64_t *ret_value) MUST_CHECK;
bool reader_duration(struct config_reader *reader, const config_setting_t *setting, usec_t minimum,
		     usec_t maximum, usec_t *ret_value) MUST_CHECK;
/* The index in choices. */
bool reader_choice(struct config_reader *reader, const config_setting_t *setting,
		   const char *const *choices, unsigned n_choices, unsigned *ret_index) MUST_CHECK;
/* The length of an array of texts, or -1. what: what the elements are, in plural. */
int reader_array(struct config_reader *reader, const config_setting_t *setting, const char *what,
		 int maximum) MUST_CHECK;
/* All below leave the target as it is if they note a problem. An integer, or "off", which is 0: */
void reader_limit(struct config_reader *reader, const config_setting_t *setting, unsigned minimum,
		  unsigned maximum, uint32_t *limit);
/* "COUNT/DURATION", or "off": then *limit is 0, and *window stays as it is. */
void reader_window(struct config_reader *reader, const config_setting_t *setting, unsigned maximum,
		   usec_t longest, uint32_t *limit, usec_t *window);
void reader_fraction(struct config_reader *reader, const config_setting_t *setting, double minimum,
		     double maximum, double *value);
void reader_boolean(struct config_reader *reader, const config_setting_t *setting, bool *value);
/* Absolute, naming a file. wrong: as in reader_refuse(). also: what the caller takes besides, or "". */
void reader_path(struct config_reader *reader, const config_setting_t *setting, const char *wrong,
		 const char *also, char *path, size_t size);
/*
 * Two durations of a group of which the first may not be longer. Nothing is said if one of them was
 * refused: what is compared then is a default that the file does not mean.
 */
void reader_check_order(struct config_reader *reader, const config_setting_t *group,
			const char *low_name, usec_t low, const char *high_name, usec_t high);

/* --- config_mail_logs.c --- */

void config_mail_logs_defaults(struct config *config);
void config_read_mail_logs(struct config_reader *reader, const config_setting_t *setting);

/* --- config_resolver.c --- */

void config_read_resolver(struct config_reader *reader, const config_setting_t *setting);

/* --- config_services.c --- */

void config_read_mode(struct config_reader *reader, const config_setting_t *setting, bool *observe);
void config_read_services(struct config_reader *reader, const config_setting_t *setting);

/* --- allow_file.c --- */

#define ALLOW_FILE_BYTES_MAX (16 * 1024 * 1024)
#define ALLOW_ENTRIES_MAX 100000
#define ALLOW_LINE_MAX 1024

/* Remembers where to look again. */
void allow_keep_pattern(struct config_reader *reader, struct allow_patterns *patterns,
			const char *pattern);
/* Reads the files that match. setting: where the pattern stands, NULL for the default, or when it is read
 * again. */
void allow_read_pattern(struct config_reader *reader, const char *pattern,
			const config_setting_t *setting);
/* As glob(3), but a directory that is not there holds no files. */
int allow_glob(const char *pattern, glob_t *matches) MUST_CHECK;
/* What is wrong with the length, or NULL. */
const char *allow_length_problem(const struct prefix *prefix);
/* False: there is no room for it. */
bool allow_add(struct config_reader *reader, const struct prefix *prefix);
/* Makes config->guard.allowed of what was read. */
void allow_finish(struct config_reader *reader);

/* --- cpanel_list.c --- */

/* Reads the files that match; what cannot be read is a warning. */
void cpanel_read_pattern(struct config_reader *reader, const char *pattern,
			 const config_setting_t *setting);

/* --- config_copy.c --- */

void config_set_mode(struct config *config, bool observe);
/* Ends the reader: its configuration in *ret_config, or its problems reported, as config_load() says. */
int config_finish(struct config_reader *reader, config_problem problem, void *userdata,
		  struct config **ret_config) MUST_CHECK;
