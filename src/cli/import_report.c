// SPDX-License-Identifier: GPL-2.0-or-later
/* What became of every line, for people and as one JSON document. */
#include <string.h>

#include "import_priv.h"

/* Said before the result where the result alone would not tell. */
static const char *introduction(enum import_outcome outcome)
{
	switch (outcome) {
	case OUTCOME_NOT_UNDERSTOOD:
		return "not understood: ";
	case OUTCOME_IGNORED:
		return "without effect: ";
	case OUTCOME_COVERED:
		return "covered: ";
	case OUTCOME_EXPIRED:
		return "expired: ";
	default:
		return "";
	}
}

static void print_line_of(const struct import *import, size_t line, FILE *file)
{
	const struct import_line *at = &import->lines[line];

	fprintf(file, "%s:%u: %s -> %s%s\n", import->files[at->file].name, at->number, at->text,
		introduction(at->outcome), at->result ? at->result : "");
}

static void count_lines(const struct import *import, uint32_t file, size_t counts[OUTCOMES])
{
	memset(counts, 0, OUTCOMES * sizeof(*counts));
	for (size_t i = 0; i < import->n_lines; i++)
		if (file == UINT32_MAX || import->lines[i].file == file)
			counts[import->lines[i].outcome]++;
}

static void print_counts(const size_t counts[OUTCOMES], FILE *file)
{
	const char *between = " ";

	for (unsigned outcome = OUTCOMES; outcome-- > 0;) {
		if (counts[outcome])
			fprintf(file, "%s%s %zu", between, outcome_name((enum import_outcome)outcome),
				counts[outcome]);
		between = counts[outcome] ? ", " : between;
	}
	fprintf(file, "\n");
}

static void print_summary(const struct import *import, FILE *file)
{
	size_t counts[OUTCOMES];

	fprintf(file, "\n");
	for (uint32_t i = 0; i < import->n_files; i++) {
		if (import->files[i].problem)
			fprintf(file, "%s: %s\n", import->files[i].name, import->files[i].problem);
		if (!import->files[i].n_lines)
			continue;
		count_lines(import, i, counts);
		fprintf(file, "%s: %u lines:", import->files[i].name, import->files[i].n_lines);
		print_counts(counts, file);
	}
	count_lines(import, UINT32_MAX, counts);
	fprintf(file, "all: %zu lines:", import->n_lines);
	print_counts(counts, file);
	if (!counts[OUTCOME_NOT_UNDERSTOOD])
		return;
	fprintf(file, "\nnot understood:\n");
	for (size_t i = 0; i < import->n_lines; i++)
		if (import->lines[i].outcome == OUTCOME_NOT_UNDERSTOOD)
			print_line_of(import, i, file);
}

static void print_text(const char *title, const char *text, FILE *file)
{
	if (text && *text)
		fprintf(file, "\n--- %s\n%s", title, text);
}

void report_print(const struct import *import, const struct import_result *result, FILE *file)
{
	for (size_t i = 0; i < import->n_lines; i++)
		if (import->lines[i].outcome != OUTCOME_COMMENT)
			print_line_of(import, i, file);
	print_summary(import, file);
	fprintf(file, "\n");
	for (unsigned i = 0; i < result->n_files; i++) {
		const struct written_file *written = &result->files[i];

		fprintf(file, "%s: %s", written->path, written->what);
		if (*written->kept)
			fprintf(file, " (%s is kept)", written->kept);
		fprintf(file, "\n");
	}
	if (result->daemon)
		fprintf(file, "%s\n", result->daemon);
	if (!result->dry_run)
		return;
	print_text("smtpguard.conf", result->configuration, file);
	print_text("allow file", result->allow, file);
	print_text("commands for the daemon", result->commands, file);
}

/* --- JSON --- */

static json_t *json_counts(const struct import *import, uint32_t file)
{
	size_t counts[OUTCOMES];
	json_t *object = json_object();

	count_lines(import, file, counts);
	for (unsigned outcome = 0; outcome < OUTCOMES; outcome++)
		if (json_object_set_new(object, outcome_name((enum import_outcome)outcome),
					json_integer((json_int_t)counts[outcome])) < 0) {
			json_decref(object);
			return NULL;
		}
	return object;
}

static json_t *json_files(const struct import *import)
{
	json_t *files = json_array();

	for (uint32_t i = 0; i < import->n_files; i++) {
		json_t *file = json_pack("{s:s, s:i, s:s?, s:o}", "file", import->files[i].name,
					 "lines", (int)import->files[i].n_lines, "problem",
					 import->files[i].problem, "counts", json_counts(import, i));

		if (json_array_append_new(files, file) < 0) {
			json_decref(files);
			return NULL;
		}
	}
	return files;
}

static json_t *json_lines(const struct import *import)
{
	json_t *lines = json_array();

	for (size_t i = 0; i < import->n_lines; i++) {
		const struct import_line *at = &import->lines[i];
		json_t *line = json_pack("{s:s, s:i, s:s, s:s, s:s?}", "file",
					 import->files[at->file].name, "line", (int)at->number,
					 "text", at->text, "outcome", outcome_name(at->outcome),
					 "result", at->result);

		if (json_array_append_new(lines, line) < 0) {
			json_decref(lines);
			return NULL;
		}
	}
	return lines;
}

static json_t *json_written(const struct import_result *result)
{
	json_t *files = json_array();

	for (unsigned i = 0; i < result->n_files; i++) {
		const struct written_file *written = &result->files[i];
		json_t *file = json_pack("{s:s, s:s, s:s?}", "file", written->path, "what",
					 written->what, "kept",
					 *written->kept ? written->kept : NULL);

		if (json_array_append_new(files, file) < 0) {
			json_decref(files);
			return NULL;
		}
	}
	return files;
}

json_t *report_json(const struct import *import, const struct import_result *result)
{
	return json_pack("{s:b, s:s, s:b, s:o, s:o, s:o, s:o, s:{s:I, s:I, s:I, s:s?}, s:s?, s:s?, "
			 "s:s?}",
			 "ok", 1, "from", import->from, "dry_run", result->dry_run, "files",
			 json_files(import), "lines", json_lines(import), "counts",
			 json_counts(import, UINT32_MAX), "written", json_written(result), "commands",
			 "sent", (json_int_t)commands_count(import, COMMAND_SENT), "refused",
			 (json_int_t)commands_count(import, COMMAND_REFUSED), "waiting",
			 (json_int_t)commands_count(import, COMMAND_WAITS), "daemon", result->daemon,
			 "configuration", result->configuration, "allow_file", result->allow,
			 "command_list", result->commands);
}
