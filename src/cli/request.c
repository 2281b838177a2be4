// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "cli_priv.h"

static void put(struct request *request, char c)
{
	if (request->used == sizeof(request->text))
		request->failed = true;
	else
		request->text[request->used++] = c;
}

static void put_text(struct request *request, const char *text)
{
	for (; *text; text++)
		put(request, *text);
}

static void put_parameter(struct request *request, const char *name, const char *value)
{
	put(request, ' ');
	for (; *name; name++)
		put(request, *name == '-' ? '_' : *name);
	put_text(request, "=\"");
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			put(request, '\\');
		put(request, *value);
	}
	put(request, '"');
}

static bool has_control_character(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

static enum exit_code put_word(struct request *request, const struct cli *cli,
			       const struct verb *verb, const char *word)
{
	if (has_control_character(word) || strpbrk(word, " \"="))
		return fail_with(cli, EXIT_USAGE, "%s: the argument is not %s", verb->name,
				 verb->word);
	if (verb->word_parameter) {
		put_parameter(request, verb->word_parameter, word);
	} else {
		put(request, ' ');
		put_text(request, word);
	}
	return EXIT_DONE;
}

static enum exit_code put_values(struct request *request, const struct cli *cli,
				 const struct verb *verb, const struct arguments *arguments)
{
	for (unsigned i = 0; i < VERB_OPTIONS_MAX; i++) {
		if (!arguments->values[i])
			continue;
		if (has_control_character(arguments->values[i]))
			return fail_with(cli, EXIT_USAGE,
					 "%s: --%s: control characters are not allowed", verb->name,
					 verb->options[i].name);
		put_parameter(request, verb->options[i].name, arguments->values[i]);
	}
	return EXIT_DONE;
}

enum exit_code request_of_verb(struct request *request, const struct cli *cli,
			       const struct verb *verb, const struct arguments *arguments)
{
	enum exit_code code = EXIT_DONE;

	*request = (struct request){ .used = 0 };
	put_text(request, verb->name);
	if (verb->action) {
		put(request, ' ');
		put_text(request, verb->action);
	}
	if (arguments->word)
		code = put_word(request, cli, verb, arguments->word);
	if (code == EXIT_DONE)
		code = put_values(request, cli, verb, arguments);
	put(request, '\n');
	if (code == EXIT_DONE && request->failed)
		code = fail_with(cli, EXIT_USAGE, "%s: arguments too long; allowed: %d bytes",
				 verb->name, REQUEST_BYTES_MAX - 1);
	return code;
}

void request_of_command(struct request *request, const char *command,
			const struct parameter *parameters)
{
	*request = (struct request){ .used = 0 };
	put_text(request, command);
	for (; parameters && parameters->name; parameters++)
		if (parameters->value)
			put_parameter(request, parameters->name, parameters->value);
	put(request, '\n');
}
