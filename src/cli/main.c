// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "smtpguard-config.h"

#include "cli_priv.h"

/* The order of the help: looking first, then changing. Another verb is one row more. */
static const struct verb *const verbs[] = {
	&verb_status,
	&verb_top,
	&verb_sources,
	&verb_bans,
	&verb_explain,
	&verb_history,
	&verb_events,
	&verb_auth_failures,
	&verb_accounts,
	&verb_metrics,
	&verb_digest,
	&verb_suggest_limits,
	&verb_ban,
	&verb_unban,
	&verb_allow_list,
	&verb_allow_add,
	&verb_allow_remove,
	&verb_mode,
	&verb_flush,
	&verb_reload,
	&verb_check_config,
	&verb_doctor,
	&verb_import_csf,
	&verb_import_apf,
};

enum { OPTION_JSON = 256, OPTION_VERSION, OPTION_VERB /* + index of the verb's option */ };

static const struct option global_options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};
#define N_GLOBAL_OPTIONS (ARRAY_SIZE(global_options) - 1)

static void print_synopsis(FILE *file, const struct verb *verb)
{
	fprintf(file, "%s%s%s", verb->name, verb->action ? " " : "",
		verb->action ? verb->action : "");
	if (verb->word)
		fprintf(file, verb->needs_word ? " %s" : " [%s]", verb->word);
	for (unsigned i = 0; i < VERB_OPTIONS_MAX && verb->options[i].name; i++)
		fprintf(file, " [--%s%s%s]", verb->options[i].name,
			verb->options[i].value ? " " : "",
			verb->options[i].value ? verb->options[i].value : "");
}

static void print_help(FILE *file)
{
	fprintf(file, "usage: smtpguard [-s PATH] [--json] COMMAND [ARGUMENTS]\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		fprintf(file, "  ");
		print_synopsis(file, verbs[i]);
		fprintf(file, "\n        %s", verbs[i]->help);
		if (verbs[i]->alias)
			fprintf(file, " (also: %s)", verbs[i]->alias);
		fprintf(file, "\n");
	}
	fprintf(file,
		"\n"
		"  -s, --socket PATH   control socket (default %s, or SMTPGUARD_SOCKET)\n"
		"      --json          print one JSON document on one line, errors too\n"
		"  -h, --help          this text; after a command: about that command\n"
		"      --version       print the version\n"
		"\n"
		"exit status: 0 done, 1 refused by the daemon, 2 usage, 3 daemon not reachable\n",
		SMTPGUARD_SOCKET_PATH);
}

static void print_verb_help(const struct verb *verb)
{
	printf("usage: smtpguard [-s PATH] [--json] ");
	print_synopsis(stdout, verb);
	printf("\n\n%s\n", verb->help);
	for (unsigned i = 0; i < VERB_OPTIONS_MAX && verb->options[i].name; i++) {
		const struct verb_option *option = &verb->options[i];
		int width = printf("  --%s%s%s", option->name, option->value ? " " : "",
				   option->value ? option->value : "");

		printf("%*s%s\n", MAX_OF(34 - width, 2), "", option->help);
	}
}

/* words: what was typed, NULL at its end. A verb's action is the word after its name. */
static const struct verb *find_verb(char *const *words)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		const struct verb *verb = verbs[i];

		if (strcmp(words[0], verb->name) && (!verb->alias || strcmp(words[0], verb->alias)))
			continue;
		if (!verb->action || (words[1] && !strcmp(words[1], verb->action)))
			return verb;
	}
	return NULL;
}

/* Of a verb that has actions: which there are. */
static bool print_actions(FILE *file, const char *name)
{
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (!verbs[i]->action || strcmp(name, verbs[i]->name))
			continue;
		fprintf(file, found ? "       smtpguard " : "usage: smtpguard ");
		print_synopsis(file, verbs[i]);
		fprintf(file, "\n");
		found = true;
	}
	return found;
}

static bool is_help(const char *word)
{
	return word && (!strcmp(word, "--help") || !strcmp(word, "-h"));
}

/* With --json anywhere, since what went wrong may stand before it. */
static bool wants_json(char *const *words)
{
	for (; *words && strcmp(*words, "--"); words++)
		if (!strcmp(*words, "--json"))
			return true;
	return false;
}

/* `allow` is the beginning of a command. */
static bool has_actions(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (verbs[i]->action && !strcmp(name, verbs[i]->name))
			return true;
	return false;
}

static enum exit_code unknown_verb(struct cli *cli, char *const *words)
{
	if (is_help(words[1]) && print_actions(stdout, words[0]))
		return EXIT_DONE;
	cli->json = cli->json || wants_json(words);
	fail_with(cli, EXIT_USAGE, "%s: %s%s%s",
		  has_actions(words[0]) && !words[1] ? "incomplete command" : "unknown command",
		  words[0], words[1] ? " " : "", words[1] ? words[1] : "");
	if (!print_actions(stderr, words[0]))
		print_help(stderr);
	return EXIT_USAGE;
}

static enum exit_code usage(const struct cli *cli, const struct verb *verb, const char *what,
			    const char *which)
{
	fail_with(cli, EXIT_USAGE, "%s: %s%s", verb->name, what, which);
	fprintf(stderr, "usage: smtpguard ");
	print_synopsis(stderr, verb);
	fprintf(stderr, "\n");
	return EXIT_USAGE;
}

/* 1: an option that is the same everywhere was taken; 0: none of those. */
static int take_global(int option, struct cli *cli)
{
	if (option == 's')
		cli->socket_path = optarg;
	else if (option == OPTION_JSON)
		cli->json = true;
	else
		return 0;
	return 1;
}

/* Whether the word begins with the parameter that an option is sent as. */
static bool is_parameter(const char *option, const char *word, size_t length)
{
	if (strlen(option) != length)
		return false;
	for (size_t i = 0; i < length; i++)
		if (word[i] != option[i] && (word[i] != '_' || option[i] != '-'))
			return false;
	return true;
}

/* for=1h, as the protocol writes it. 1: taken; 0: not of that form, or no such parameter. */
static int take_protocol_form(const struct verb *verb, const char *word,
			      struct arguments *arguments)
{
	const char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : 0;

	if (!equals)
		return 0;
	for (unsigned i = 0; i < VERB_OPTIONS_MAX && verb->options[i].name; i++) {
		if (!is_parameter(verb->options[i].name, word, length))
			continue;
		arguments->values[i] = equals + 1;
		return 1;
	}
	if (!verb->word_parameter || strlen(verb->word_parameter) != length ||
	    strncmp(verb->word_parameter, word, length))
		return 0;
	arguments->word = equals + 1;
	return 1;
}

static enum exit_code take_words(const struct cli *cli, const struct verb *verb, char **words,
				 struct arguments *arguments)
{
	for (; *words; words++) {
		if (take_protocol_form(verb, *words, arguments))
			continue;
		if (!verb->word || arguments->word || (strchr(*words, '=') && verb->needs_word))
			return usage(cli, verb, "unexpected argument: ", *words);
		arguments->word = *words;
	}
	if (verb->needs_word && !arguments->word)
		return usage(cli, verb, "argument missing: ", verb->word);
	return EXIT_DONE;
}

static enum exit_code run_verb(const struct verb *verb, struct cli *cli, int argc, char **argv)
{
	struct option options[N_GLOBAL_OPTIONS + VERB_OPTIONS_MAX + 1] = { 0 };
	struct arguments arguments = { 0 };
	enum exit_code code;
	int option;

	memcpy(options, global_options, N_GLOBAL_OPTIONS * sizeof(*options));
	for (unsigned i = 0; i < VERB_OPTIONS_MAX && verb->options[i].name; i++)
		options[N_GLOBAL_OPTIONS + i] = (struct option){
			verb->options[i].name,
			verb->options[i].value ? required_argument : no_argument, NULL,
			OPTION_VERB + (int)i
		};
	optind = 0; /* glibc: start over, with another array */
	while ((option = getopt_long(argc, argv, ":s:h", options, NULL)) != -1) {
		if (take_global(option, cli))
			continue;
		if (option == 'h') {
			print_verb_help(verb);
			return EXIT_DONE;
		}
		if (option < OPTION_VERB) {
			cli->json = cli->json || wants_json(argv);
			return usage(cli, verb,
				     option == ':' ? "value missing: " : "unknown option: ",
				     argv[optind - 1]);
		}
		arguments.values[option - OPTION_VERB] = optarg ? optarg : "1";
	}
	code = take_words(cli, verb, argv + optind, &arguments);
	return code == EXIT_DONE ? verb->run(cli, verb, &arguments) : code;
}

static enum exit_code run(struct cli *cli, int argc, char **argv)
{
	const struct verb *verb;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:s:h", global_options, NULL)) != -1) {
		if (take_global(option, cli))
			continue;
		if (option == 'h') {
			print_help(stdout);
			return EXIT_DONE;
		}
		if (option == OPTION_VERSION) {
			printf("smtpguard %s\n", SMTPGUARD_VERSION);
			return EXIT_DONE;
		}
		cli->json = cli->json || wants_json(argv);
		fail_with(cli, EXIT_USAGE, "%s: %s",
			  option == ':' ? "value missing" : "unknown option", argv[optind - 1]);
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (optind == argc) {
		fail_with(cli, EXIT_USAGE, "command missing");
		print_help(stderr);
		return EXIT_USAGE;
	}
	verb = find_verb(argv + optind);
	if (!verb)
		return unknown_verb(cli, argv + optind);
	if (verb->action)
		optind++;
	return run_verb(verb, cli, argc - optind, argv + optind);
}

/* What could not be written must not look like success; a closed pipe needs no words. */
static enum exit_code finish(enum exit_code code)
{
	bool failed = ferror(stdout) != 0;

	if (fflush(stdout) == 0 && !failed)
		return code;
	if (errno != EPIPE)
		complain("cannot write: %s", strerror(errno));
	return code == EXIT_DONE ? EXIT_REFUSED : code;
}

int main(int argc, char **argv)
{
	const char *path = getenv("SMTPGUARD_SOCKET"), *no_colour = getenv("NO_COLOR");
	struct cli cli = { .socket_path = path && *path ? path : SMTPGUARD_SOCKET_PATH };

	cli.colour = isatty(STDOUT_FILENO) && !(no_colour && *no_colour);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
		complain("cannot ignore SIGPIPE: %s", strerror(errno));
		return EXIT_REFUSED;
	}
	return (int)finish(run(&cli, argc, argv));
}
