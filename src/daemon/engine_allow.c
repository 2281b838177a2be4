// SPDX-License-Identifier: GPL-2.0-or-later
/* The allow files of the running configuration are read again when they change; its own file is not. */
#include "engine_priv.h"

#include <stdio.h>
#include <string.h>

#include "smtpguard/base/log.h"

void engine_log_warnings(const struct config *config)
{
	const char *line = config->warnings;

	while (line && *line) {
		size_t length = strcspn(line, "\n");

		log_warning("%.*s", (int)length, line);
		line += length + (line[length] == '\n');
	}
	if (config->cpanel_skipped)
		log_info("trust.cpanel_lists: %u lines hold no address and are skipped",
			 config->cpanel_skipped);
}

void engine_note_allow_files(struct engine *engine)
{
	engine->allow.refused[0] = '\0';
	engine->allow.unreadable = engine->config->cpanel_unreadable;
}

static void on_problem(void *userdata, const char *text)
{
	struct engine *engine = userdata;

	log_error("%s", text);
	if (!engine->allow.refused[0])
		snprintf(engine->allow.refused, sizeof(engine->allow.refused), "%s", text);
}

static void on_changed(void *userdata)
{
	struct engine *engine = userdata;
	struct config *wanted;
	int r;

	engine->allow.refused[0] = '\0';
	r = config_with_allow_files(&wanted, engine->config, on_problem, engine);
	if (r == CONFIG_SAME)
		return;
	if (r) {
		log_error("the allow files were not taken over: nothing has changed%s%s",
			  r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
		return;
	}
	guard_reload_allowed(engine->guard, &wanted->guard, clock_now());
	config_free(engine->config);
	engine->config = wanted;
	engine_note_allow_files(engine);
	engine_log_warnings(wanted);
	log_info("allow files changed: %u entries in force",
		 prefix_set_count(wanted->guard.allowed));
}

void engine_follow_allow_files(struct engine *engine)
{
	const struct allow_patterns *files = &engine->config->allow_patterns;
	const struct allow_patterns *cpanel = &engine->config->cpanel_patterns;
	const char *patterns[2 * CONFIG_ALLOW_GLOBS_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < files->n; i++)
		patterns[n++] = files->text[i];
	for (unsigned i = 0; i < cpanel->n; i++)
		patterns[n++] = cpanel->text[i];
	if (file_watcher_set(engine->allow_watcher, patterns, n) < 0)
		log_warning("out of memory: changes of allow files are not noticed until the next reload");
}

int engine_start_allow_watcher(struct engine *engine)
{
	int r = file_watcher_new(&engine->allow_watcher, engine->event, on_changed, engine);

	if (r < 0)
		return r;
	engine_note_allow_files(engine);
	engine_log_warnings(engine->config);
	engine_follow_allow_files(engine);
	return 0;
}
