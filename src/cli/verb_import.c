// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "smtpguard-config.h"
#include "smtpguard/base/escape.h"
#include "smtpguard/daemon/config.h"

#include "cli_priv.h"
#include "import_priv.h"

enum { OPTION_DRY_RUN, OPTION_OUTPUT, OPTION_FORCE, OPTION_STATE };

#define FILE_MODE 0644
#define LIST_MODE 0640
#define DIRECTORY_MODE 0755
#define DAEMON_TEXT_MAX 512

struct import_run {
	const struct cli *cli;
	struct import import;
	struct import_result result;
	char output[IMPORT_PATH_MAX / 2];
	bool force;
	char daemon[DAEMON_TEXT_MAX];
	char *configuration, *allow, *commands;
};

static enum exit_code fail(const struct cli *cli, const char *what, const char *why)
{
	char text[IMPORT_PATH_MAX];

	escape(text, sizeof(text), what, strlen(what));
	return fail_with(cli, EXIT_REFUSED, "import: %s: %s", text, why);
}

/* --- commands for a running daemon --- */

/* What it answered; refused: keeps why with the line. */
static void take_answer(struct import *import, struct import_entry *entry, const char *line)
{
	json_t *answer = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

	entry->state = is_true(answer, "ok") ? COMMAND_SENT : COMMAND_REFUSED;
	if (entry->state == COMMAND_SENT)
		line_note(import, entry->line, OUTCOME_COMMENT, "done");
	else
		line_note(import, entry->line, OUTCOME_COMMENT, "the daemon refused: %s",
			  text_of(answer, "message"));
	json_decref(answer);
}

static enum exit_code send_command(struct import_run *run, enum import_list list,
				   struct import_entry *entry)
{
	const struct verb *verb = list == IMPORT_BAN_COMMAND ? &verb_ban : &verb_allow_add;
	/* the report says what was not sent: it is the only document then */
	const struct cli quiet = { .socket_path = run->cli->socket_path };
	struct command_parts parts;
	struct arguments arguments = { .word = parts.target, .values = { parts.span, parts.reason } };
	struct connection connection;
	enum exit_code code;
	const char *line;
	int r;

	command_parts(&run->import, list, entry, &parts);
	code = connection_open(&connection, &quiet, verb, &arguments);
	if (code != EXIT_DONE)
		return code;
	do
		r = connection_read(&connection, &line);
	while (r == -EINTR);
	if (r > 0)
		take_answer(&run->import, entry, line);
	connection_close(&connection);
	return r > 0 ? EXIT_DONE : EXIT_UNREACHABLE;
}

static void send_commands(struct import_run *run)
{
	struct import *import = &run->import;
	size_t waiting = commands_count(import, COMMAND_WAITS);
	enum exit_code code = EXIT_DONE;

	if (waiting == 0)
		return;
	for (unsigned list = IMPORT_ALLOW_COMMAND; list < IMPORT_LISTS; list++)
		for (size_t i = 0; i < import->lists[list].n && code == EXIT_DONE; i++)
			if (!import->lists[list].items[i].dropped)
				code = send_command(run, (enum import_list)list,
						    &import->lists[list].items[i]);
	snprintf(run->daemon, sizeof(run->daemon),
		 "commands for the daemon: %zu done, %zu refused, %zu not sent%s",
		 commands_count(import, COMMAND_SENT), commands_count(import, COMMAND_REFUSED),
		 commands_count(import, COMMAND_WAITS),
		 code == EXIT_DONE ? "" : ": it is not reachable; start it and import again");
	run->result.daemon = run->daemon;
}

/* --- files --- */

/*
 * instead: the name that is taken if there is another file of this name already, which is kept;
 * what stands there was made by an earlier import. NULL: the file itself is one of those.
 */
static int put_file(struct import_run *run, const char *name, const char *instead, const char *text,
		    mode_t mode)
{
	struct written_file *written = &run->result.files[run->result.n_files++];
	char path[IMPORT_PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/%s", run->output, name);
	snprintf(written->path, sizeof(written->path), "%s", path);
	if (run->result.dry_run)
		r = run->force || !instead ? WRITE_DONE : (int)write_check(path, text);
	else
		r = write_file(path, text, mode, run->force || !instead);
	if (r == WRITE_EXISTS) {
		snprintf(written->kept, sizeof(written->kept), "%s", path);
		snprintf(written->path, sizeof(written->path), "%s/%s", run->output, instead);
		r = run->result.dry_run ? WRITE_DONE : write_file(written->path, text, mode, true);
	}
	if (r == WRITE_UNCHANGED)
		written->what = "as it was";
	else
		written->what = run->result.dry_run ? "would be written" : "written";
	return MIN_OF(r, 0);
}

static int put_files(struct import_run *run)
{
	const char *from = run->import.from;
	char name[64], instead[64], directory[IMPORT_PATH_MAX]; /* in the output directory */
	int r;

	snprintf(instead, sizeof(instead), "smtpguard.conf.%s", from);
	r = put_file(run, "smtpguard.conf", instead, run->configuration, FILE_MODE);
	if (r == 0 && allow_count(&run->import)) {
		snprintf(directory, sizeof(directory), "%s/allow.d", run->output);
		if (!run->result.dry_run && mkdir(directory, DIRECTORY_MODE) < 0 && errno != EEXIST)
			return -errno;
		snprintf(name, sizeof(name), "allow.d/%s.list", from);
		snprintf(instead, sizeof(instead), "allow.d/%s.list.new", from);
		r = put_file(run, name, instead, run->allow, FILE_MODE);
	}
	snprintf(name, sizeof(name), "%s-commands.list", from);
	snprintf(directory, sizeof(directory), "%s/%s", run->output, name);
	/* what an earlier import left over is not left to be done twice */
	if (r == 0 && (*run->commands || access(directory, F_OK) == 0))
		r = put_file(run, name, NULL, run->commands, LIST_MODE);
	return r;
}

/* What was made is read as the daemon will read it. */
static enum exit_code check_configuration(const struct import_run *run)
{
	const char *path = run->result.files[0].path;
	struct config *config;
	int r;

	if (run->result.dry_run)
		return EXIT_DONE;
	r = config_load(&config, path, false, config_print_problem, stderr);
	if (r == 0) {
		config_free(config);
		return EXIT_DONE;
	}
	complain("import: %s: %s", path, r < 0 ? strerror(-r) : "smtpguardd would not take it");
	return EXIT_REFUSED;
}

/* --- the verb --- */

static bool make_texts(struct import_run *run)
{
	char glob[IMPORT_PATH_MAX];
	const char *usual = SMTPGUARD_CONFIG_PATH;
	size_t length = strlen(run->output);

	snprintf(glob, sizeof(glob), "%s/allow.d/*.list", run->output);
	/* the default needs not be named */
	if (strncmp(usual, run->output, length) == 0 && usual[length] == '/' &&
	    !strchr(usual + length + 1, '/'))
		run->configuration = config_text(&run->import, NULL);
	else
		run->configuration = config_text(&run->import, glob);
	run->allow = allow_text(&run->import);
	run->commands = commands_text(&run->import);
	run->result.configuration = run->configuration;
	run->result.allow = run->allow;
	run->result.commands = run->commands;
	return run->configuration && run->allow && run->commands;
}

static enum exit_code show(struct import_run *run)
{
	json_t *document;
	int r;

	if (!run->cli->json) {
		report_print(&run->import, &run->result, stdout);
		return EXIT_DONE;
	}
	document = report_json(&run->import, &run->result);
	r = document ? json_dumpf(document, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) : -1;
	json_decref(document);
	if (r < 0)
		return fail(run->cli, "the report", strerror(ENOMEM));
	putchar('\n');
	return EXIT_DONE;
}

static enum exit_code import_all(struct import_run *run)
{
	bool csf = strcmp(run->import.from, "csf") == 0;
	int r = csf ? import_csf(&run->import) : import_apf(&run->import);
	enum exit_code code, checked;

	if (r < 0)
		return fail(run->cli, run->import.directory,
			    r == -ENOENT ? "nothing to import is there" : strerror(-r));
	if (!run->result.dry_run)
		send_commands(run);
	if (!make_texts(run) || run->import.failure)
		return fail(run->cli, run->import.directory, strerror(ENOMEM));
	r = put_files(run);
	if (r < 0)
		return fail(run->cli, run->result.files[run->result.n_files - 1].path,
			    strerror(-r));
	code = show(run);
	checked = check_configuration(run);
	return code == EXIT_DONE ? checked : code;
}

/* It becomes a pattern in the configuration. */
static bool is_plain_path(const char *path, size_t size)
{
	size_t length = strlen(path);

	if (*path != '/' || length < 2 || length >= size || path[length - 1] == '/')
		return false;
	for (; *path; path++)
		if (*path < 0x21 || *path > 0x7e || strchr("\"\\*?[]", *path))
			return false;
	return true;
}

static enum exit_code take_output(struct import_run *run, const char *given)
{
	char *slash;

	if (given && !is_plain_path(given, sizeof(run->output)))
		return fail_with(run->cli, EXIT_USAGE,
				 "import: --output: not the absolute path of a directory");
	snprintf(run->output, sizeof(run->output), "%s", given ? given : SMTPGUARD_CONFIG_PATH);
	slash = strrchr(run->output, '/');
	if (!given && slash)
		*slash = '\0';
	return EXIT_DONE;
}

static enum exit_code run_import(const struct cli *cli, const struct verb *verb,
				 const struct arguments *arguments)
{
	static struct import_run run;
	char usual[32], real[PATH_MAX];
	const char *directory, *state;
	enum exit_code code;

	snprintf(usual, sizeof(usual), "/etc/%s", verb->action);
	/* lines are named by their file's whole path */
	directory = arguments->word ? realpath(arguments->word, real) : usual;
	if (!directory)
		return fail(cli, arguments->word, strerror(errno));
	state = arguments->values[OPTION_STATE];
	if (!state)
		state = arguments->word ? directory : "/var/lib/csf";
	if (strlen(directory) > IMPORT_PATH_MAX / 2 || strlen(state) > IMPORT_PATH_MAX / 2)
		return fail(cli, "directory", strerror(ENAMETOOLONG));
	run.cli = cli;
	run.force = arguments->values[OPTION_FORCE] != NULL;
	run.result.dry_run = arguments->values[OPTION_DRY_RUN] != NULL;
	code = take_output(&run, arguments->values[OPTION_OUTPUT]);
	if (code != EXIT_DONE)
		return code;
	import_begin(&run.import, verb->action, directory, state, time(NULL));
	code = import_all(&run);
	free(run.configuration);
	free(run.allow);
	free(run.commands);
	import_done(&run.import);
	return code;
}

#define IMPORT_OPTIONS                                                                             \
	{ "dry-run", NULL, "write nothing and contact nobody; show what would be written" },       \
	{ "output", "DIR", "where to write (the configuration's directory)" },                     \
	{ "force", NULL, "replace what is there instead of writing beside it" }

const struct verb verb_import_csf = {
	.name = "import",
	.action = "csf",
	.word = "DIRECTORY",
	.help = "make a configuration of CSF's, say what became of each line (/etc/csf)",
	.options = { IMPORT_OPTIONS,
		     { "state", "DIR", "where csf.tempban is (/var/lib/csf; with DIRECTORY: that)" } },
	.run = run_import,
};

const struct verb verb_import_apf = {
	.name = "import",
	.action = "apf",
	.word = "DIRECTORY",
	.help = "make a configuration of APF's, say what became of each line (/etc/apf)",
	.options = { IMPORT_OPTIONS },
	.run = run_import,
};
