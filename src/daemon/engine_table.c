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
#define RETRY_AFTER (30 * USEC_PER_SEC)

/* --- what an earlier run left --- */

static int on_earlier_element(void *userdata, const struct nft_element *element)
{
	struct engine *engine = userdata;
	const struct guard_settings *settings = guard_settings(engine->guard);
	char comment[REASON_COMMENT_MAX];
	struct address address;
	struct prefix source;
	int r = address_from_raw(element->key_length == 4 ? AF_INET : AF_INET6, element->key, &address);

	if (r < 0)
		return r;
	/* as the sets are keyed: by the masked address */
	source = prefix_of_address(&address, settings->ipv4_prefix, settings->ipv6_prefix);
	if (ban_table_find(guard_bans(engine->guard), &source))
		return 0;
	if (engine->ended && prefix_set_match(engine->ended, &source.address))
		return 0;
	/* anybody may have written this comment: it goes back into the ruleset's text */
	escape_once(comment, sizeof(comment), element->comment, strlen(element->comment));
	/* a ledger that is still loading may know more of it: recorded when that is known */
	if (guard_adopt(engine->guard, &source, element->timeout, element->remaining, comment,
			clock_now()) == 0 &&
	    engine->ledger_loaded)
		engine_record_ban(engine, ban_table_find(guard_bans(engine->guard), &source));
	return 0;
}

int engine_adopt(struct engine *engine)
{
	static const char *const sets[] = { NFT_SET_BANNED4, NFT_SET_BANNED6 };

	/* observing, nobody is banned; the ledger keeps what has not run out */
	for (size_t i = 0; !engine->config->guard.observe && i < ARRAY_SIZE(sets); i++) {
		int r = set_reader_read(sets[i], on_earlier_element, engine);

		if (r < 0) {
			log_error("reading the bans in set %s: %s", sets[i], strerror(-r));
			return r;
		}
	}
	return 0;
}

/* --- the wanted table --- */

struct collection {
	struct ruleset_elements banned, trusted, refused, passed, lists[GUARD_LISTS];
	usec_t now;
	int error;
};

static void collection_done(struct collection *collection)
{
	ruleset_elements_done(&collection->banned);
	ruleset_elements_done(&collection->trusted);
	ruleset_elements_done(&collection->refused);
	ruleset_elements_done(&collection->passed);
	for (int i = 0; i < GUARD_LISTS; i++)
		ruleset_elements_done(&collection->lists[i]);
}

static int collect(struct ruleset_elements *to, const struct prefix *prefix, usec_t since, usec_t end,
		   const char *comment, usec_t now)
{
	struct ruleset_element element = { .prefix = *prefix,
					   .timeout = USEC_NEVER,
					   .remaining = USEC_NEVER };

	if (end != USEC_NEVER) {
		if (end <= now)
			return 0;
		element.remaining = end - now;
		/* since may lie before the boot: the difference is right all the same */
		element.timeout = end - since;
	}
	if (comment)
		snprintf(element.comment, sizeof(element.comment), "%s", comment);
	return ruleset_elements_add(to, &element);
}

static void collect_trusted(void *userdata, const struct prefix *source, usec_t until)
{
	struct collection *collection = userdata;

	if (collection->error == 0)
		collection->error = collect(&collection->trusted, source, collection->now, until, NULL,
					    collection->now);
}

static int collect_list(struct engine *engine, enum guard_list list, struct ruleset_elements *to,
			usec_t now)
{
	const struct operator_list *entries = guard_list(engine->guard, list);
	const struct prefix_set *files = engine->config->guard.allowed;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < operator_list_count(entries); i++) {
		const struct operator_entry *entry = operator_list_at(entries, i);
		/* an interval that merges with others can have no timeout of its own */
		usec_t end = list == GUARD_LIST_ALLOWED ? USEC_NEVER : entry->expires;

		r = collect(to, &entry->prefix, entry->since, end,
			    list == GUARD_LIST_BLOCKED ? entry->text : NULL, now);
	}
	for (uint32_t i = 0;
	     r == 0 && list == GUARD_LIST_ALLOWED && files && i < prefix_set_count(files); i++)
		r = collect(to, prefix_set_at(files, i), now, USEC_NEVER, NULL, now);
	return r;
}

/* What the gate judged, as far as it is not forgotten. */
static int collect_gate(struct engine *engine, struct collection *to)
{
	const struct guard_settings *settings = guard_settings(engine->guard);
	const struct gate_source *source;
	char comment[REASON_COMMENT_MAX];
	uint32_t cursor = 0;
	int r = 0;

	while (r == 0 && (source = gate_table_walk(guard_gate(engine->guard), &cursor))) {
		struct prefix prefix = gate_source_prefix(source);
		struct ban_reason reason = { .limit = LIMIT_REVERSE_DNS, .ptr_state = source->state };

		snprintf(reason.service, sizeof(reason.service), "%s",
			 settings->services[source->service].name);
		if (source->outcome == GATE_REFUSED)
			r = collect(&to->refused, &prefix, source->since, source->until,
				    reason_format(&reason, comment), to->now);
		if (r == 0 && (source->outcome == GATE_PASSED ||
			       (source->outcome == GATE_REFUSED && source->also_passed)))
			r = collect(&to->passed, &prefix, source->since, source->until, NULL, to->now);
	}
	return r;
}

static int collect_all(struct engine *engine, struct collection *collection)
{
	char comment[REASON_COMMENT_MAX];
	uint32_t cursor = 0;
	struct ban *ban;
	int r = 0;

	collection->now = clock_now();
	while (r == 0 && (ban = ban_table_walk(guard_bans(engine->guard), &cursor))) {
		struct prefix source = ban_prefix(ban);

		r = collect(&collection->banned, &source, ban->since, ban->expires,
			    reason_format(&ban->reason, comment), collection->now);
	}
	for (int list = 0; r == 0 && list < GUARD_LISTS; list++)
		r = collect_list(engine, (enum guard_list)list, &collection->lists[list],
				 collection->now);
	if (r == 0)
		r = collect_gate(engine, collection);
	if (r == 0)
		guard_trusted(engine->guard, collection->now, collect_trusted, collection);
	return r == 0 ? collection->error : r;
}

static unsigned describe_services(const struct engine *engine,
				  struct ruleset_service services[static SERVICES_MAX])
{
	const struct guard_settings *settings = guard_settings(engine->guard);
	unsigned n = 0;

	for (unsigned i = 0; i < settings->n_services; i++) {
		const struct service_settings *from = &settings->services[i];

		if (from->observe || settings->observe)
			continue;
		services[n] = (struct ruleset_service){ .ports = from->ports,
							.n_ports = from->n_ports,
							.ceiling = from->ceiling,
							.trusts_names =
								settings_honours_names(from),
							.gated = engine_gates(engine, from),
							.ptr_suffices = from->reverse_dns_test ==
									REVERSE_DNS_TEST_PTR };
		snprintf(services[n].name, sizeof(services[n].name), "%s", from->name);
		n++;
	}
	return n;
}

static int render_and_load(const struct ruleset_parameters *parameters, char **ret_error)
{
	char *text = NULL;
	int r = ruleset_render(parameters, &text);

	if (r == 0)
		r = ruleset_load(text, ret_error);
	free(text);
	return r;
}

static int load(struct engine *engine, const struct collection *collection, char **ret_error)
{
	const struct guard_settings *settings = guard_settings(engine->guard);
	uint16_t ports[GUARDED_PORTS_MAX], enforced[GUARDED_PORTS_MAX];
	struct ruleset_service services[SERVICES_MAX];
	struct ruleset_parameters parameters = {
		.ports = ports,
		.n_ports = settings_ports(settings, false, ports),
		.enforced_ports = enforced,
		.n_enforced_ports = settings_ports(settings, true, enforced),
		.services = services,
		.n_services = describe_services(engine, services),
		.ipv4_prefix = settings->ipv4_prefix,
		.ipv6_prefix = settings->ipv6_prefix,
		.max_bans = settings->bans.max_bans,
		.element_counters = engine->kernel.features.element_counters,
		.reject = settings->enforcement.action == BAN_ACTION_REJECT,
		.whole_host = settings->enforcement.scope == BAN_SCOPE_HOST,
		.banned = &collection->banned,
		.blocked = &collection->lists[GUARD_LIST_BLOCKED],
		.allowed = &collection->lists[GUARD_LIST_ALLOWED],
		.trusted = &collection->trusted,
		.refused = &collection->refused,
		.passed = &collection->passed,
		.queue = settings->gate.queue,
		.gate_alive = ENGINE_GATE_ALIVE,
	};

	return render_and_load(&parameters, ret_error);
}

static void note_failure(struct engine *engine, const char *error, int r)
{
	const char *line = error ? error : strerror(-r);

	engine->reconcile.load_failures++;
	snprintf(engine->why, sizeof(engine->why), "the kernel does not take the ruleset: ");
	escape(engine->why + strlen(engine->why), sizeof(engine->why) - strlen(engine->why), line,
	       strcspn(line, "\n"));
	engine->kernel.ruleset_error = engine->why;
	log_error("%s; nothing is enforced, trying again in 30 s", engine->why);
	guard_set_unenforceable(engine->guard, engine->why);
	engine_schedule_repair(engine, RETRY_AFTER);
}

static void count_ceilings(struct engine *engine)
{
	const struct guard_settings *settings = guard_settings(engine->guard);
	char names[2 * SERVICES_MAX][RULESET_CEILING_NAME_MAX];
	const char *list[2 * SERVICES_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < settings->n_services; i++) {
		const struct service_settings *service = &settings->services[i];

		for (int family = 4; service->ceiling && !service->observe && family <= 6; family += 2) {
			ruleset_ceiling_name(service->name, family, names[n]);
			list[n] = names[n];
			n++;
		}
	}
	set_auditor_count_sets(engine->auditor, list, n);
}

static void note_success(struct engine *engine)
{
	bool observe = engine->config->guard.observe;
	uint32_t cursor = 0;
	struct ban *ban;

	engine->reconcile.tables_loaded++;
	engine->table_removed = false;
	for (int i = 0; i < GUARD_LISTS; i++)
		engine->list_dirty[i] = false;
	while ((ban = ban_table_walk(guard_bans(engine->guard), &cursor)))
		ban->enforced = !observe;
	if (engine->kernel.ruleset_error)
		log_info("the ruleset is loaded: bans are enforced again");
	engine->kernel.ruleset_error = NULL;
	guard_set_unenforceable(engine->guard, NULL);
	count_ceilings(engine);
}

int engine_load_table(struct engine *engine)
{
	CLEANUP(collection_done) struct collection collection = { .error = 0 };
	char *error = NULL;
	int r;

	/* what waits to be written is in the collection */
	if (engine->writer)
		set_writer_discard(engine->writer);
	r = collect_all(engine, &collection);
	if (r == 0)
		r = load(engine, &collection, &error);
	if (r < 0)
		note_failure(engine, error, r);
	else
		note_success(engine);
	free(error);
	return r;
}

bool engine_may_write(const struct engine *engine)
{
	return engine->writer && !engine->repair_due && !engine->table_removed &&
	       !engine->kernel.ruleset_error;
}

void engine_write_lists(struct engine *engine)
{
	for (int list = 0; list < GUARD_LISTS; list++) {
		struct ruleset_elements elements = { 0 };
		char *text = NULL, *error = NULL;
		int r;

		if (!engine->list_dirty[list])
			continue;
		engine->list_dirty[list] = false;
		/* the next table will have the lists in it */
		if (!engine_may_write(engine))
			continue;
		r = collect_list(engine, (enum guard_list)list, &elements, clock_now());
		if (r == 0)
			r = ruleset_render_set(list == GUARD_LIST_BLOCKED ? RULESET_BLOCKED :
									    RULESET_ALLOWED,
					       &elements, &text);
		if (r == 0)
			r = ruleset_load(text, &error);
		if (r < 0) {
			log_warning("the %s list was refused (%s): loading the whole table",
				    guard_list_name((enum guard_list)list),
				    error ? error : strerror(-r));
			engine_schedule_repair(engine, 0);
		}
		free(error);
		free(text);
		ruleset_elements_done(&elements);
	}
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

void engine_read_kernel_facts(struct engine *engine)
{
	engine->kernel.release = uname(&engine->uname) == 0 ? engine->uname.release : "unknown";
	/* read after the table is there: its ct expression loads conntrack and with it the sysctl */
	engine->kernel.conntrack_events_sysctl = read_conntrack_events_sysctl();
	if (engine->kernel.conntrack_events_sysctl == 0)
		log_warning(CONNTRACK_EVENTS_SYSCTL " is 0: no events; counts are right only after each "
						    "dump, once a minute. Set it to 1");
}
