// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"
#include "smtpguard/base/log.h"
#include "smtpguard/kernel/ruleset.h"
#include "smtpguard/kernel/set_reader.h"

#define CONNTRACK_EVENTS_SYSCTL "/proc/sys/net/netfilter/nf_conntrack_events"

/* What was found in the kernel; comments are owned by the list. */
struct found {
	const struct guard_settings *settings;
	struct ruleset_element *elements;
	unsigned count, allocated;
};

static void free_found(struct found *found)
{
	for (unsigned i = 0; i < found->count; i++)
		free((void *)(uintptr_t)found->elements[i].comment);
	free(found->elements);
}

static int append_element(struct found *found, const struct ruleset_element *element)
{
	if (found->count == found->allocated) {
		unsigned wanted = found->allocated ? found->allocated * 2 : 64;
		struct ruleset_element *elements =
			reallocarray(found->elements, wanted, sizeof(*elements));

		if (!elements)
			return -ENOMEM;
		found->elements = elements;
		found->allocated = wanted;
	}
	found->elements[found->count++] = *element;
	return 0;
}

static int on_element(void *userdata, const struct nft_element *element)
{
	struct found *found = userdata;
	struct ruleset_element wanted = { .timeout = element->timeout,
					  .remaining = element->remaining };
	char comment[REASON_COMMENT_MAX];
	struct address address;
	int r = address_from_raw(element->key_length == 4 ? AF_INET : AF_INET6, element->key, &address);

	if (r < 0)
		return r;
	/* as the sets are keyed: by the masked address */
	wanted.prefix = prefix_of_address(&address, found->settings->ipv4_prefix,
					  found->settings->ipv6_prefix);
	/* anybody may have written this comment: it goes back into the ruleset's text */
	escape_once(comment, sizeof(comment), element->comment, strlen(element->comment));
	wanted.comment = strdup(comment);
	if (!wanted.comment)
		return -ENOMEM;
	r = append_element(found, &wanted);
	if (r < 0)
		free((void *)(uintptr_t)wanted.comment);
	return r;
}

static int read_earlier_bans(struct found *found)
{
	static const char *const sets[] = { NFT_SET_BANNED4, NFT_SET_BANNED6 };

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		int r = set_reader_read(sets[i], on_element, found);

		if (r < 0) {
			log_error("reading the bans in set %s: %s", sets[i], strerror(-r));
			return r;
		}
	}
	return 0;
}

/* Keeps what the guard adopts; observing, elements stay where they are but are nobody's bans. */
static void adopt(struct engine *engine, struct found *found)
{
	unsigned kept = 0;
	usec_t now = clock_now();

	for (unsigned i = 0; i < found->count; i++) {
		struct ruleset_element *element = &found->elements[i];

		if (!engine->config->guard.observe &&
		    guard_adopt(engine->guard, &element->prefix, element->timeout, element->remaining,
				element->comment, now) != 0) {
			free((void *)(uintptr_t)element->comment);
			continue;
		}
		found->elements[kept++] = *element;
	}
	found->count = kept;
	engine->n_adopted = engine->config->guard.observe ? 0 : kept;
}

static int load(const struct ruleset_parameters *parameters, char **ret_error)
{
	char *text = NULL;
	int r = ruleset_render(parameters, &text);

	if (r == 0)
		r = ruleset_load(text, ret_error);
	free(text);
	return r;
}

static int replace_table(struct engine *engine, const struct found *found)
{
	const struct guard_settings *settings = &engine->config->guard;
	uint16_t ports[GUARDED_PORTS_MAX], enforced[GUARDED_PORTS_MAX];
	struct ruleset_parameters parameters = {
		.ports = ports,
		.n_ports = settings_ports(settings, false, ports),
		.enforced_ports = enforced,
		.n_enforced_ports = settings_ports(settings, true, enforced),
		.ipv4_prefix = settings->ipv4_prefix,
		.ipv6_prefix = settings->ipv6_prefix,
		.max_bans = settings->max_bans,
		.element_counters = true,
		.elements = found->elements,
		.n_elements = found->count,
	};
	char *error = NULL, *first_error = NULL;
	int r;

	if (settings->allowed && prefix_set_count(settings->allowed)) {
		parameters.allowed = prefix_set_at(settings->allowed, 0);
		parameters.n_allowed = prefix_set_count(settings->allowed);
	}
	r = load(&parameters, &first_error);
	if (r == -EINVAL) {
		/* a kernel without counters in elements takes the rest; a failed try changed nothing */
		parameters.element_counters = false;
		r = load(&parameters, &error);
	}
	if (r < 0)
		log_error("the kernel does not take the ruleset: %s",
			  first_error ? first_error : strerror(-r));
	engine->kernel.element_counters = parameters.element_counters;
	free(first_error);
	free(error);
	return r;
}

static int read_conntrack_events_sysctl(void)
{
	FILE *file = fopen(CONNTRACK_EVENTS_SYSCTL, "re");
	int value = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%d", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

int engine_load_table(struct engine *engine)
{
	CLEANUP(free_found) struct found found = { .settings = &engine->config->guard };
	int r = read_earlier_bans(&found);

	if (r < 0)
		return r;
	adopt(engine, &found);
	r = replace_table(engine, &found);
	if (r < 0)
		return r;
	engine->kernel.release = uname(&engine->uname) == 0 ? engine->uname.release : "unknown";
	/* read after the table is there: its ct expression loads conntrack and with it the sysctl */
	engine->kernel.conntrack_events_sysctl = read_conntrack_events_sysctl();
	if (engine->kernel.conntrack_events_sysctl == 0)
		log_warning(CONNTRACK_EVENTS_SYSCTL " is 0: no events; counts are right only after each "
						    "dump, once a minute. Set it to 1");
	return 0;
}
