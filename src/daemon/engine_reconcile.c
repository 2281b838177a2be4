// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine_priv.h"

#include <errno.h>
#include <string.h>

#include "smtpguard/base/log.h"
#include "smtpguard/kernel/set_reader.h"

#define AUDIT_INTERVAL (60 * USEC_PER_SEC)
/* so many repairs within this time, and somebody fights with us: slower from then on */
#define FIGHT_SPAN (4 * USEC_PER_SEC)
#define FIGHT_DELAY (USEC_PER_SEC / 2)

/* --- repair after somebody else's change --- */

struct difference {
	struct engine *engine;
	uint32_t wanted, foreign;
};

static int on_found(void *userdata, const struct nft_element *element)
{
	struct difference *difference = userdata;
	const struct guard_settings *settings = guard_settings(difference->engine->guard);
	struct address address;
	struct prefix source;

	if (address_from_raw(element->key_length == 4 ? AF_INET : AF_INET6, element->key, &address) < 0)
		return 0;
	source = prefix_of_address(&address, settings->ipv4_prefix, settings->ipv6_prefix);
	if (ban_table_find(guard_bans(difference->engine->guard), &source))
		difference->wanted++;
	else
		difference->foreign++;
	return 0;
}

/* What the repair will put right; only for the report. */
static void measure(struct engine *engine, uint32_t *missing, uint32_t *foreign)
{
	struct difference difference = { .engine = engine };
	uint32_t bans = ban_table_count(guard_bans(engine->guard));

	if (set_reader_read(NFT_SET_BANNED4, on_found, &difference) < 0 ||
	    set_reader_read(NFT_SET_BANNED6, on_found, &difference) < 0)
		log_debug("the ban sets could not be read before the repair");
	*missing = bans > difference.wanted ? bans - difference.wanted : 0;
	*foreign = difference.foreign;
}

static int on_repair(sd_event_source *timer UNUSED, uint64_t when UNUSED, void *userdata)
{
	struct engine *engine = userdata;
	usec_t noticed = engine->change_noticed, now;
	uint32_t missing, foreign;

	engine->change_noticed = 0;
	engine->repair_due = false;
	if (engine->table_removed)
		return 0;
	measure(engine, &missing, &foreign);
	if (engine_load_table(engine) < 0)
		return 0;
	now = clock_now();
	engine->repairs[engine->next_repair++ % ARRAY_SIZE(engine->repairs)] = now;
	engine->reconcile.repairs++;
	engine->reconcile.elements_restored += missing;
	engine->reconcile.elements_removed += foreign;
	engine->reconcile.last_repair = now;
	if (noticed)
		engine->reconcile.slowest_repair =
			MAX_OF(engine->reconcile.slowest_repair, now - noticed);
	log_warning("table inet smtpguard is as wanted again: %u bans were missing, %u elements were not "
		    "ours",
		    missing, foreign);
	/* without our rules conntrack may have been off for a moment, and its entries out of date */
	conntrack_source_request_dump(engine->conntrack);
	return 0;
}

void engine_schedule_repair(struct engine *engine, usec_t delay)
{
	usec_t oldest = engine->repairs[engine->next_repair % ARRAY_SIZE(engine->repairs)];
	usec_t now = clock_now();
	int r;

	if (oldest && now - oldest < FIGHT_SPAN)
		delay = MAX_OF(delay, FIGHT_DELAY);
	if (!engine->repair)
		return; /* still starting: the table is loaded anyway */
	r = sd_event_source_set_time(engine->repair, now + delay);
	if (r >= 0)
		r = sd_event_source_set_enabled(engine->repair, SD_EVENT_ONESHOT);
	if (r < 0)
		log_error("cannot schedule the repair of the table: %s", strerror(-r));
	engine->repair_due = r >= 0;
}

static void on_ruleset_changed(void *userdata, const struct ruleset_change *change)
{
	struct engine *engine = userdata;

	if (engine->table_removed)
		return;
	if (!engine->change_noticed) {
		engine->change_noticed = clock_now();
		log_warning("table inet smtpguard was changed by %s (pid %u): repairing it",
			    change->author[0] ? change->author : "somebody", change->author_pid);
	}
	engine_schedule_repair(engine, 0);
}

/* --- the slow audit --- */

static void on_audit_begin(void *userdata)
{
	guard_audit_begin(((struct engine *)userdata)->guard, clock_now());
}

static void on_audit_element(void *userdata, const struct nft_element *element)
{
	struct engine *engine = userdata;
	const struct guard_settings *settings = guard_settings(engine->guard);
	struct address address;
	struct prefix source;

	if (address_from_raw(element->key_length == 4 ? AF_INET : AF_INET6, element->key, &address) < 0)
		return;
	source = prefix_of_address(&address, settings->ipv4_prefix, settings->ipv6_prefix);
	guard_audit_element(engine->guard, &source, element->remaining, clock_now());
}

static void on_audit_end(void *userdata, bool table_missing, bool complete)
{
	struct engine *engine = userdata;

	if (table_missing && !engine->table_removed) {
		engine_schedule_repair(engine, 0);
		return;
	}
	guard_audit_end(engine->guard, complete && !table_missing, clock_now());
}

int engine_start_reconciler(struct engine *engine)
{
	const struct set_auditor_handlers handlers = { on_audit_begin, on_audit_element, on_audit_end,
						       engine };
	int r = sd_event_add_time(engine->event, &engine->repair, CLOCK_BOOTTIME, 0, USEC_PER_MSEC,
				  on_repair, engine);

	if (r >= 0)
		r = sd_event_source_set_enabled(engine->repair, SD_EVENT_OFF);
	if (r >= 0)
		r = ruleset_watcher_new(&engine->ruleset_watcher, engine->event, on_ruleset_changed,
					engine);
	if (r == -EOPNOTSUPP) {
		log_warning("this kernel does not say who changes rulesets: changes by others are found "
			    "by the audit, once a minute");
		r = 0;
	}
	if (r >= 0)
		r = set_auditor_new(&engine->auditor, engine->event, AUDIT_INTERVAL, &handlers);
	return r;
}
