// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard-config.h"
#include "smtpguard/daemon/config.h"

#include "cli_priv.h"

static void print_service(const struct service_settings *service, bool first)
{
	printf("%s%s", first ? "" : "; ", service->name);
	for (unsigned i = 0; i < service->n_ports; i++)
		printf(" %u", service->ports[i]);
}

static uint32_t allow_entries(const struct guard_settings *settings)
{
	return settings->allowed ? prefix_set_count(settings->allowed) : 0;
}

static void print_summary(const char *path, const struct guard_settings *settings)
{
	uint32_t entries = allow_entries(settings);

	printf("%s: configuration ok (%u service%s: ", path, settings->n_services,
	       settings->n_services == 1 ? "" : "s");
	for (unsigned i = 0; i < settings->n_services; i++)
		print_service(&settings->services[i], i == 0);
	printf("; %u allow %s)\n", entries, entries == 1 ? "entry" : "entries");
}

/* --- the same with --json --- */

static void require(int result)
{
	if (result < 0) {
		complain("out of memory");
		exit(EXIT_REFUSED);
	}
}

static void collect_problem(void *problems, const char *text)
{
	require(json_array_append_new(problems, json_string(text)));
}

static json_t *summary(const char *path, const struct guard_settings *settings)
{
	json_t *services = json_object();

	for (unsigned i = 0; i < settings->n_services; i++) {
		const struct service_settings *service = &settings->services[i];
		json_t *ports = json_array();

		for (unsigned k = 0; k < service->n_ports; k++)
			require(json_array_append_new(ports, json_integer(service->ports[k])));
		require(json_object_set_new(services, service->name, ports));
	}
	return json_pack("{s:b, s:s, s:o, s:I}", "ok", 1, "file", path, "services", services,
			 "allow_entries", (json_int_t)allow_entries(settings));
}

static enum exit_code run(const struct cli *cli, const struct verb *verb UNUSED,
			  const struct arguments *arguments)
{
	const char *path = arguments->word ? arguments->word : SMTPGUARD_CONFIG_PATH;
	json_t *problems = json_array();
	struct config *config;
	int r;

	r = cli->json ? config_load(&config, path, false, collect_problem, problems) :
			config_load(&config, path, false, config_print_problem, stderr);
	if (r < 0) {
		json_decref(problems);
		return fail_with(cli, EXIT_REFUSED, "%s: %s", path, strerror(-r));
	}
	if (r == CONFIG_INVALID) {
		if (cli->json)
			print_document(json_pack("{s:b, s:s, s:s, s:O}", "ok", 0, "code",
						 "bad-configuration", "message",
						 "the configuration has mistakes", "problems",
						 problems));
	} else {
		if (cli->json)
			print_document(summary(path, &config->guard));
		else
			print_summary(path, &config->guard);
		config_free(config);
	}
	json_decref(problems);
	return r == CONFIG_INVALID ? EXIT_USAGE : EXIT_DONE;
}

const struct verb verb_check_config = {
	.name = "check-config",
	.word = "FILE",
	.help = "read a configuration file (the installed one) and report every mistake",
	.run = run,
};
