// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor_priv.h"
#include "exim_file_priv.h"

#define FILE_BYTES_MAX	  (2 * 1024 * 1024)
#define INCLUDE_DEPTH_MAX 4
#define INCLUDES_MAX	  64
#define MACROS_MAX	  256
#define NESTING_MAX	  16

struct macro {
	char name[48], value[512]; /* as long as any setting that is kept */
};

struct exim_reader {
	const char *root;
	struct exim_settings *settings;
	struct macro macros[MACROS_MAX];
	unsigned n_macros, includes, depth;
	/* of .ifdef: whether this branch is read, and whether an earlier one was */
	bool active[NESTING_MAX], done[NESTING_MAX];
	unsigned nesting;
	bool ended; /* `begin`: the main section is over */
};

static const struct macro *find_macro(const struct exim_reader *reader, const char *name)
{
	for (unsigned i = 0; i < reader->n_macros; i++)
		if (strcmp(reader->macros[i].name, name) == 0)
			return &reader->macros[i];
	return NULL;
}

/* NAME = value, NAME == value (again). */
static void define_macro(struct exim_reader *reader, const char *name, const char *value)
{
	struct macro *macro = (struct macro *)find_macro(reader, name);

	if (!macro) {
		if (reader->n_macros == MACROS_MAX || strlen(name) >= sizeof(macro->name))
			return;
		macro = &reader->macros[reader->n_macros++];
		snprintf(macro->name, sizeof(macro->name), "%s", name);
	}
	snprintf(macro->value, sizeof(macro->value), "%s", value);
}

/* --- conditions --- */

static bool is_active(const struct exim_reader *reader)
{
	for (unsigned i = 0; i < MIN_OF(reader->nesting, NESTING_MAX); i++)
		if (!reader->active[i])
			return false;
	return true;
}

static void open_branch(struct exim_reader *reader, bool holds)
{
	if (reader->nesting < NESTING_MAX) {
		reader->active[reader->nesting] = holds;
		reader->done[reader->nesting] = holds;
	}
	reader->nesting++;
}

static void next_branch(struct exim_reader *reader, bool holds)
{
	unsigned at = reader->nesting - 1;

	if (!reader->nesting || at >= NESTING_MAX)
		return;
	reader->active[at] = holds && !reader->done[at];
	reader->done[at] |= holds;
}

static int read_file(struct exim_reader *reader, const char *path);

static void include(struct exim_reader *reader, char *path)
{
	size_t length = strlen(path);

	if (length >= 2 && path[0] == '"' && path[length - 1] == '"') {
		path[length - 1] = '\0';
		path++;
	}
	if (*path != '/' || reader->depth >= INCLUDE_DEPTH_MAX ||
	    reader->includes++ >= INCLUDES_MAX)
		return;
	/* one that cannot be read stops Exim itself, or was meant to be optional */
	(void)read_file(reader, path);
}

static void take_directive(struct exim_reader *reader, char *line)
{
	char *argument = line + strcspn(line, " \t");

	if (*argument)
		*argument++ = '\0';
	argument = doctor_trim(argument);
	if (strcmp(line, ".ifdef") == 0)
		open_branch(reader, find_macro(reader, argument));
	else if (strcmp(line, ".ifndef") == 0)
		open_branch(reader, !find_macro(reader, argument));
	else if (strcmp(line, ".elifdef") == 0)
		next_branch(reader, find_macro(reader, argument));
	else if (strcmp(line, ".elifndef") == 0)
		next_branch(reader, !find_macro(reader, argument));
	else if (strcmp(line, ".else") == 0)
		next_branch(reader, true);
	else if (strcmp(line, ".endif") == 0 && reader->nesting)
		reader->nesting--;
	else if (strncmp(line, ".include", strlen(".include")) == 0 && is_active(reader))
		include(reader, argument);
}

/* --- settings --- */

static void take_setting(struct exim_reader *reader, const char *name, const char *value)
{
	struct exim_settings *settings = reader->settings;
	const struct macro *macro = find_macro(reader, value);
	const struct {
		const char *name;
		char *text;
		size_t size;
	} wanted[] = {
		{ "smtp_accept_max", settings->slots, sizeof(settings->slots) },
		{ "smtp_accept_max_per_host", settings->per_host, sizeof(settings->per_host) },
		{ "smtp_accept_reserve", settings->reserve, sizeof(settings->reserve) },
		{ "smtp_reserve_hosts", settings->reserve_hosts, sizeof(settings->reserve_hosts) },
		{ "smtp_accept_queue_per_connection", settings->per_connection,
		  sizeof(settings->per_connection) },
		{ "daemon_smtp_ports", settings->ports, sizeof(settings->ports) },
		{ "daemon_smtp_port", settings->ports, sizeof(settings->ports) },
		{ "log_selector", settings->log_selector, sizeof(settings->log_selector) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (strcmp(name, wanted[i].name) == 0)
			snprintf(wanted[i].text, wanted[i].size, "%s",
				 macro ? macro->value : value);
}

static void take_line(struct exim_reader *reader, char *line)
{
	char *equals, *name;

	if (*line == '.') {
		take_directive(reader, line);
		return;
	}
	if (!is_active(reader))
		return;
	if (strncmp(line, "begin", 5) == 0 && isspace((unsigned char)line[5])) {
		reader->ended = true;
		return;
	}
	equals = strchr(line, '=');
	if (!equals)
		return;
	*equals++ = '\0';
	equals += *equals == '=';
	name = doctor_trim(line);
	if (strncmp(name, "hide ", 5) == 0)
		name = doctor_trim(name + 5);
	if (isupper((unsigned char)*name))
		define_macro(reader, name, doctor_trim(equals));
	else
		take_setting(reader, name, doctor_trim(equals));
}

/* A line that ends in a backslash goes on in the next one: joined in place, *cursor moves on. */
static char *whole_line(char **cursor)
{
	char *line = doctor_line(cursor), *end;

	if (!line)
		return NULL;
	line = doctor_trim(line);
	end = line + strlen(line);
	while (*line != '#' && end > line && end[-1] == '\\') {
		char *next = doctor_line(cursor);
		size_t length;

		*--end = '\0';
		if (!next)
			break;
		next = doctor_trim(next);
		/* comments may stand between the parts */
		if (*next == '#') {
			*end++ = '\\';
			*end = '\0';
			continue;
		}
		length = strlen(next);
		memmove(end, next, length + 1);
		end += length;
	}
	return line;
}

static int read_file(struct exim_reader *reader, const char *path)
{
	const struct doctor place = { .root = reader->root };
	char *text, *cursor, *line;
	int r = doctor_read(&place, path, FILE_BYTES_MAX, &text);

	if (r < 0)
		return r;
	reader->depth++;
	for (cursor = text; !reader->ended && (line = whole_line(&cursor));)
		if (*line && *line != '#')
			take_line(reader, line);
	reader->depth--;
	free(text);
	return 0;
}

const char *exim_file_find(const char *root)
{
	/* Debian: what is generated says more than the template */
	static const char *const paths[] = { "/etc/exim.conf", "/etc/exim/exim.conf",
					     "/etc/exim4/exim4.conf",
					     "/var/lib/exim4/config.autogenerated",
					     "/etc/exim4/exim4.conf.template" };
	char full[DOCTOR_PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		snprintf(full, sizeof(full), "%s%s", root, paths[i]);
		/* what may not be looked at is there all the same */
		if (access(full, F_OK) == 0 || errno == EACCES)
			return paths[i];
	}
	return NULL;
}

int exim_file_read(const char *root, const char *path, struct exim_settings *ret_settings)
{
	struct exim_reader *reader = calloc(1, sizeof(*reader));
	struct exim_settings settings = { .slots = "" };
	int r;

	if (!reader)
		return -ENOMEM;
	reader->root = root;
	reader->settings = &settings;
	r = read_file(reader, path);
	free(reader);
	if (r < 0)
		return r;
	*ret_settings = settings;
	return 0;
}

bool exim_file_logs(const struct exim_settings *settings, const char *what)
{
	const char *word = settings->log_selector;
	bool logged = false;

	while ((word = strpbrk(word, "+-"))) {
		const bool adds = *word == '+';
		size_t length;

		word++;
		length = strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_");
		if ((length == strlen(what) && !strncmp(word, what, length)) ||
		    (length == strlen("all") && !strncmp(word, "all", length)))
			logged = adds;
	}
	return logged;
}

int exim_file_number(const char *text, uint64_t *ret_number)
{
	static const char units[] = "kmg";
	uint64_t number;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || number > UINT32_MAX)
		return -EINVAL;
	if (*end && strchr(units, tolower((unsigned char)*end))) {
		number <<= 10 * (strchr(units, tolower((unsigned char)*end)) - units + 1);
		end++;
	}
	if (*end)
		return -EINVAL;
	*ret_number = number;
	return 0;
}
