// SPDX-License-Identifier: GPL-2.0-or-later
/* New configurations out of one that is in force, without its file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_priv.h"

static void free_patterns(struct allow_patterns *patterns)
{
	for (unsigned i = 0; i < patterns->n; i++)
		free(patterns->text[i]);
}

struct config *config_free(struct config *config)
{
	if (config) {
		prefix_set_free(config->guard.allowed);
		free_patterns(&config->allow_patterns);
		free_patterns(&config->cpanel_patterns);
		free(config->warnings);
		free(config);
	}
	return NULL;
}

void config_set_mode(struct config *config, bool observe)
{
	config->guard.observe = observe;
	for (unsigned i = 0; i < config->guard.n_services; i++)
		config->guard.services[i].observe = observe || config->service_observes[i];
}

static void copy_patterns(struct config_reader *reader, struct allow_patterns *to,
			  const struct allow_patterns *from)
{
	for (unsigned i = 0; i < from->n; i++)
		allow_keep_pattern(reader, to, from->text[i]);
}

/* Without entries and warnings. */
static struct config *copy_begin(struct config_reader *reader, const struct config *from)
{
	struct config *config = malloc(sizeof(*config));

	if (!config)
		return NULL;
	*config = *from;
	config->guard.allowed = NULL;
	config->warnings = NULL;
	config->allow_patterns.n = config->cpanel_patterns.n = 0;
	config->allow_files = config->cpanel_skipped = config->cpanel_unreadable = 0;
	*reader = (struct config_reader){ .config = config };
	copy_patterns(reader, &config->allow_patterns, &from->allow_patterns);
	copy_patterns(reader, &config->cpanel_patterns, &from->cpanel_patterns);
	return config;
}

int config_finish(struct config_reader *reader, config_problem problem, void *userdata,
		  struct config **ret_config)
{
	int r;

	allow_finish(reader);
	r = reader->failure;
	if (r == 0 && reader_report(reader, problem, userdata))
		r = CONFIG_INVALID;
	reader_done(reader);
	if (r)
		config_free(reader->config);
	else
		*ret_config = reader->config;
	return r;
}

int config_with_mode(struct config **ret_config, const struct config *from, bool observe)
{
	struct config_reader reader;
	struct config *config = copy_begin(&reader, from);

	if (!config)
		return -ENOMEM;
	config->allow_files = from->allow_files;
	config->cpanel_skipped = from->cpanel_skipped;
	config->cpanel_unreadable = from->cpanel_unreadable;
	config->warnings = from->warnings ? strdup(from->warnings) : NULL;
	if (from->warnings && !config->warnings)
		reader.failure = -ENOMEM;
	for (uint32_t i = 0; i < prefix_set_count(from->guard.allowed); i++)
		(void)allow_add(&reader, prefix_set_at(from->guard.allowed, i));
	config_set_mode(config, observe);
	return config_finish(&reader, NULL, NULL, ret_config);
}

static bool is_same_list(const struct prefix_set *a, const struct prefix_set *b)
{
	if (prefix_set_count(a) != prefix_set_count(b))
		return false;
	for (uint32_t i = 0; i < prefix_set_count(a); i++)
		if (!prefix_equal(prefix_set_at(a, i), prefix_set_at(b, i)))
			return false;
	return true;
}

int config_with_allow_files(struct config **ret_config, const struct config *from,
			    config_problem problem, void *userdata)
{
	struct config_reader reader;
	struct config *config = copy_begin(&reader, from);
	int r;

	if (!config)
		return -ENOMEM;
	for (unsigned i = 0; i < from->allow_patterns.n; i++)
		allow_read_pattern(&reader, from->allow_patterns.text[i], NULL);
	for (unsigned i = 0; i < from->cpanel_patterns.n; i++)
		cpanel_read_pattern(&reader, from->cpanel_patterns.text[i], NULL);
	r = config_finish(&reader, problem, userdata, &config);
	if (r == 0 && is_same_list(config->guard.allowed, from->guard.allowed)) {
		config_free(config);
		return CONFIG_SAME;
	}
	if (r == 0)
		*ret_config = config;
	return r;
}
