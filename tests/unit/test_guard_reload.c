// SPDX-License-Identifier: GPL-2.0-or-later
/* New settings for a running guard: nothing that was counted or decided may be lost by that. */
#include "guard_world.h"

enum { SMTP, SUBMISSION }; /* as in settings_defaults() */

/* The next settings begin as a copy of those in force. */
static struct guard_settings *prepare(const struct world *world)
{
	struct guard_settings *next = malloc(sizeof(*next));

	assert_non_null(next);
	*next = world->settings;
	assert_int_equal(prefix_set_new(&next->allowed), 0);
	for (uint32_t i = 0; i < prefix_set_count(world->settings.allowed); i++)
		assert_int_equal(prefix_set_add(next->allowed,
						prefix_set_at(world->settings.allowed, i)),
				 0);
	return next;
}

static void reload(struct world *world, struct guard_settings *next)
{
	assert_int_equal(guard_reload(world->guard, next, world->now), 0);
	assert_ptr_equal(guard_settings(world->guard), next);
	prefix_set_free(world->settings.allowed);
	world->settings = *next;
}

static void reload_allowed(struct world *world, struct guard_settings *next)
{
	guard_reload_allowed(world->guard, next, world->now);
	assert_ptr_equal(guard_settings(world->guard), next);
	prefix_set_free(world->settings.allowed);
	world->settings = *next;
}

/* After the last reload: the guard borrows `next` until it is freed. */
static void end_with(struct world *world, struct guard_settings *next)
{
	guard_free(world->guard);
	world->guard = NULL;
	end(world);
	free(next);
}

static const struct source *source_at(const struct world *world, const char *text, unsigned service)
{
	struct prefix p = pfx(text);

	return source_table_find(guard_sources(world->guard), &p, (uint8_t)service);
}

static uint32_t concurrent(const struct world *world, const char *text, unsigned service)
{
	const struct source *source = source_at(world, text, service);

	return source ? source->concurrent : 0;
}

static uint32_t fresh(const struct world *world, const char *text, unsigned service, usec_t length)
{
	struct prefix p = pfx(text);
	struct source *source =
		source_table_find(guard_sources(world->guard), &p, (uint8_t)service);

	return source ? source_table_new_count(guard_sources(world->guard), source, world->now,
					       length) :
			0;
}

static void test_nothing_changes(void **state UNUSED)
{
	struct world *world = new_world();
	struct guard_settings *next;

	start(world);
	open_many(world, "192.0.2.9", 25, 8);
	close_many(world, "192.0.2.9", 25, 3);
	flow(world, addr("192.0.2.9"), 77, 25, FLOW_SYN);
	open_many(world, "192.0.2.8", 587, 31);
	next = prepare(world);
	reload(world, next);
	assert_int_equal(concurrent(world, "192.0.2.9", SMTP), 5);
	assert_int_equal(source_at(world, "192.0.2.9", SMTP)->half_open, 1);
	assert_int_equal(source_at(world, "192.0.2.9", SMTP)->peak, 8);
	assert_int_equal(fresh(world, "192.0.2.9", SMTP, SECONDS(300)), 8);
	assert_int_equal(stats_of(world).established, 36);
	assert_int_equal(stats_of(world).half_open, 1);
	assert_int_equal(standing_of(world, "192.0.2.8", SUBMISSION), STANDING_BANNED);
	assert_int_equal(world->adds, 1);
	check_world(world);
	/* what goes on is counted on */
	flow(world, addr("192.0.2.9"), 77, 25, FLOW_ESTABLISHED);
	assert_int_equal(concurrent(world, "192.0.2.9", SMTP), 6);
	for (uint16_t i = 3; i < 8; i++)
		flow(world, addr("192.0.2.9"), (uint16_t)(1024 + i), 25, FLOW_CLOSED);
	assert_int_equal(concurrent(world, "192.0.2.9", SMTP), 1);
	end_with(world, next);
}

static void test_banned_without_connections(void **state UNUSED)
{
	struct world *world = new_world();
	struct guard_settings *next;
	struct source_table_stats stats;

	start(world);
	open_many(world, "192.0.2.8", 587, 31);
	close_many(world, "192.0.2.8", 587, 31);
	next = prepare(world);
	reload(world, next);
	assert_int_equal(standing_of(world, "192.0.2.8", SUBMISSION), STANDING_BANNED);
	pass_time(world, HOURS(1));
	assert_int_equal(standing_of(world, "192.0.2.8", SUBMISSION), STANDING_NORMAL);
	pass_time(world, HOURS(1));
	source_table_stats(guard_sources(world->guard), &stats);
	assert_int_equal(stats.entries, 0);
	end_with(world, next);
}

static void test_ports_move(void **state UNUSED)
{
	struct world *world = new_world();
	struct guard_settings *next;

	start(world);
	open_many(world, "192.0.2.9", 465, 4);
	open_many(world, "192.0.2.9", 587, 5);
	open_many(world, "192.0.2.9", 25, 3);
	next = prepare(world);
	/* 465 to smtp, 587 to a new service, submission gone */
	next->services[SMTP].ports[next->services[SMTP].n_ports++] = 465;
	snprintf(next->services[SUBMISSION].name, SERVICE_NAME_MAX, "clients");
	next->services[SUBMISSION].ports[0] = 587;
	next->services[SUBMISSION].n_ports = 1;
	reload(world, next);
	assert_int_equal(concurrent(world, "192.0.2.9", SMTP), 7);
	assert_int_equal(concurrent(world, "192.0.2.9", SUBMISSION), 5);
	/* what a service saw before is no part of one with another name */
	assert_int_equal(fresh(world, "192.0.2.9", SMTP, SECONDS(300)), 3);
	assert_int_equal(fresh(world, "192.0.2.9", SUBMISSION, SECONDS(300)), 0);
	close_many(world, "192.0.2.9", 465, 4);
	assert_int_equal(concurrent(world, "192.0.2.9", SMTP), 3);
	assert_int_equal(stats_of(world).established, 8);
	end_with(world, next);
}

static void test_services_change_places(void **state UNUSED)
{
	struct world *world = new_world();
	struct guard_settings *next;

	start(world);
	open_many(world, "192.0.2.9", 25, 3);
	open_many(world, "192.0.2.9", 587, 5);
	next = prepare(world);
	next->services[0] = world->settings.services[1];
	next->services[1] = world->settings.services[0];
	reload(world, next);
	assert_int_equal(concurrent(world, "192.0.2.9", 0), 5);
	assert_int_equal(concurrent(world, "192.0.2.9", 1), 3);
	assert_int_equal(fresh(world, "192.0.2.9", 0, SECONDS(300)), 5);
	assert_int_equal(fresh(world, "192.0.2.9", 1, SECONDS(300)), 3);
	end_with(world, next);
}

static void dump_flows(struct world *world, uint16_t port, uint16_t n)
{
	guard_sync_begin(world->guard);
	for (uint16_t i = 0; i < n; i++) {
		struct ct_event line =
			event_of(addr("192.0.2.9"), (uint16_t)(1024 + i), port, FLOW_ESTABLISHED);

		guard_sync_line(world->guard, &line, world->now);
	}
	while (!guard_sync_end(world->guard, false, world->now))
		;
}

static void test_a_port_goes_and_comes_back(void **state UNUSED)
{
	struct world *world = new_world();
	struct guard_settings *without, *with;

	world->settings.services[SUBMISSION].new_count = 5;
	start(world);
	with = prepare(world);
	without = prepare(world);
	without->n_services = 1;
	reload(world, without);
	open_many(world, "192.0.2.9", 587, 20);
	assert_int_equal(stats_of(world).flows, 0);
	world->settings.allowed = NULL; /* without's */
	prefix_set_free(without->allowed);
	assert_int_equal(guard_reload(world->guard, with, world->now), 0);
	world->settings = *with;
	/* they were there before anybody looked: neither drift nor new */
	dump_flows(world, 587, 20);
	assert_int_equal(concurrent(world, "192.0.2.9", SUBMISSION), 20);
	assert_int_equal(stats_of(world).drift_added, 0);
	assert_int_equal(fresh(world, "192.0.2.9", SUBMISSION, SECONDS(300)), 0);
	assert_int_equal(stats_of(world).bans, 0);
	/* the dump after that is one like any other */
	dump_flows(world, 587, 21);
	assert_int_equal(stats_of(world).drift_added, 1);
	assert_int_equal(fresh(world, "192.0.2.9", SUBMISSION, SECONDS(300)), 1);
	free(without);
	end_with(world, with);
}

static void test_limits(void **state UNUSED)
{
	struct world *world = new_world();
	struct guard_settings *lower, *higher;

	start(world);
	open_many(world, "192.0.2.9", 587, 20);
	open_many(world, "192.0.2.8", 587, 10);
	lower = prepare(world);
	lower->services[SUBMISSION].concurrent = 15;
	reload(world, lower);
	/* at once, without another connection */
	assert_non_null(ban_of(world, "192.0.2.9"));
	assert_null(ban_of(world, "192.0.2.8"));
	assert_string_equal(world->reason, "submission 20>15 concurrent");
	check_world(world);
	higher = prepare(world);
	higher->services[SUBMISSION].concurrent = 100;
	reload(world, higher);
	/* a ban that was right stays one */
	assert_non_null(ban_of(world, "192.0.2.9"));
	open_many(world, "192.0.2.8", 587, 90);
	assert_null(ban_of(world, "192.0.2.8"));
	free(lower);
	end_with(world, higher);
}

static void test_observe(void **state UNUSED)
{
	struct world *world = new_world();
	struct guard_settings *watch, *enforce;

	start(world);
	open_many(world, "192.0.2.9", 587, 31);
	watch = prepare(world);
	watch->observe = watch->services[SMTP].observe = watch->services[SUBMISSION].observe = true;
	reload(world, watch);
	open_many(world, "192.0.2.8", 587, 31);
	assert_int_equal(world->decisions[DECISION_OBSERVE], 1);
	assert_int_equal(stats_of(world).bans, 1);
	enforce = prepare(world);
	enforce->observe = enforce->services[SMTP].observe = enforce->services[SUBMISSION].observe =
		false;
	reload(world, enforce);
	assert_non_null(ban_of(world, "192.0.2.8"));
	assert_int_equal(stats_of(world).bans, 2);
	check_world(world);
	free(watch);
	end_with(world, enforce);
}

static void test_new_allow_entries(void **state UNUSED)
{
	struct world *world = new_world();
	struct guard_settings *next, *last;
	struct prefix list = pfx("192.0.2.0/24"), block = pfx("192.0.2.64/26"), conflict;

	start(world);
	open_many(world, "192.0.2.9", 587, 31);
	assert_int_equal(guard_ban(world->guard, &block, 0, "", world->now, &conflict), 0);
	next = prepare(world);
	assert_int_equal(prefix_set_add(next->allowed, &list), 0);
	reload(world, next);
	assert_null(ban_of(world, "192.0.2.9"));
	assert_string_equal(world->because, "allow list");
	assert_int_equal(operator_list_count(guard_list(world->guard, GUARD_LIST_BLOCKED)), 0);
	assert_int_equal(standing_of(world, "192.0.2.9", SUBMISSION), STANDING_ALLOWED);
	check_world(world);
	last = prepare(world);
	assert_int_equal(prefix_set_remove(last->allowed, &list), 0);
	reload(world, last);
	assert_non_null(ban_of(world, "192.0.2.9"));
	check_world(world);
	free(next);
	end_with(world, last);
}

static void test_who_waits_goes_on_waiting(void **state UNUSED)
{
	struct world *world = new_world();
	struct guard_settings *next;

	start(world);
	open_many(world, "192.0.2.9", 25, 11);
	assert_int_equal(standing_of(world, "192.0.2.9", SMTP), STANDING_RESOLVING);
	next = prepare(world);
	reload(world, next);
	assert_int_equal(standing_of(world, "192.0.2.9", SMTP), STANDING_RESOLVING);
	assert_int_equal(stats_of(world).pending, 1);
	answer(world, "192.0.2.9", NAME_ANSWER_NONE);
	assert_non_null(ban_of(world, "192.0.2.9"));
	end_with(world, next);
}

/* In the middle of a dump, with flows that closed meanwhile. */
static void test_during_a_dump(void **state UNUSED)
{
	struct world *world = new_world();
	struct guard_settings *next;
	struct ct_event line = event_of(addr("192.0.2.9"), 1024, 587, FLOW_ESTABLISHED);

	start(world);
	open_many(world, "192.0.2.9", 587, 3);
	guard_sync_begin(world->guard);
	flow(world, addr("192.0.2.9"), 1024, 587, FLOW_CLOSED);
	flow(world, addr("192.0.2.9"), 2000, 25, FLOW_ESTABLISHED);
	next = prepare(world);
	next->n_services = 1;
	next->services[0].ports[next->services[0].n_ports++] = 587;
	reload(world, next);
	assert_int_equal(concurrent(world, "192.0.2.9", 0), 3);
	/* older than the close */
	guard_sync_line(world->guard, &line, world->now);
	line.key.client_port = 1025;
	guard_sync_line(world->guard, &line, world->now);
	while (!guard_sync_end(world->guard, false, world->now))
		;
	/* 1026 was not in the dump, 2000 came after it began */
	assert_int_equal(concurrent(world, "192.0.2.9", 0), 2);
	assert_int_equal(stats_of(world).flows, 2);
	end_with(world, next);
}

/* As many sources as there is room for, and one that no eviction may touch. */
static void test_full_table(void **state UNUSED)
{
	struct world *world = new_world();
	struct guard_settings *next;

	world->settings.max_sources = 64;
	world->settings.services[SUBMISSION].observe = true;
	start(world);
	open_many(world, "192.0.2.9", 587, 31);
	for (uint32_t n = 0; n < 100; n++)
		open_from(world, addr_n(n), 1024, 587, 1);
	assert_int_equal(concurrent(world, "192.0.2.9", SUBMISSION), 31);
	next = prepare(world);
	/* every source has connections of another service now */
	next->services[0] = world->settings.services[SUBMISSION];
	snprintf(next->services[0].name, SERVICE_NAME_MAX, "other");
	next->n_services = 1;
	reload(world, next);
	assert_int_equal(concurrent(world, "192.0.2.9", 0), 31);
	assert_int_equal(stats_of(world).established, 131);
	end_with(world, next);
}

/* --- random events and reloads against a naive model --- */

#define CLIENTS 10
#define PORTS 5
#define SLOTS 6 /* connections of one client to one port */
#define NAMES 4

static const uint16_t port_numbers[PORTS] = { 25, 26, 465, 587, 2525 };

static void test_only_the_allow_list(void **state UNUSED)
{
	struct world *world = new_world();
	struct guard_settings *with, *without;
	struct prefix net = pfx("192.0.2.0/24"), block = pfx("192.0.2.128/25"), conflict;
	uint32_t id;

	world->settings.services[SMTP].reverse_dns = REVERSE_DNS_REQUIRE;
	world->settings.services[SMTP].new_count = 0;
	start(world);
	open_many(world, "192.0.2.9", 587, 31);
	open_many(world, "192.0.2.8", 587, 29);
	open_many(world, "192.0.2.200", 587, 3);
	open_many(world, "192.0.2.201", 587, 3);
	close_many(world, "192.0.2.201", 587, 3);
	assert_int_equal(guard_ban(world->guard, &block, USEC_NEVER, "", world->now, &conflict), 0);
	assert_int_equal(standing_of(world, "192.0.2.200", SUBMISSION), STANDING_BANNED);
	assert_int_equal(standing_of(world, "192.0.2.201", SUBMISSION), STANDING_BANNED);
	id = packet_of(world, addr("192.0.2.7"), 25);
	assert_true(world->waits[id]);

	with = prepare(world);
	assert_int_equal(prefix_set_add(with->allowed, &net), 0);
	without = prepare(world);
	reload_allowed(world, with);
	assert_int_equal(world->lists[GUARD_LIST_ALLOWED], 1);
	assert_null(ban_of(world, "192.0.2.9"));
	assert_string_equal(world->because, "allow list");
	assert_int_equal(operator_list_count(guard_list(world->guard, GUARD_LIST_BLOCKED)), 0);
	assert_int_equal(standing_of(world, "192.0.2.9", SUBMISSION), STANDING_ALLOWED);
	assert_int_equal(standing_of(world, "192.0.2.200", SUBMISSION), STANDING_NORMAL);
	assert_int_equal(standing_of(world, "192.0.2.201", SUBMISSION), STANDING_NORMAL);
	/* nobody who is spared waits for a name */
	assert_int_equal(world->verdict[id], GUARD_VERDICT_ACCEPT);
	assert_int_equal(gate_stats_of(world).accepted_exempt, 1);
	/* counts, windows and flows are as they were */
	assert_int_equal(concurrent(world, "192.0.2.8", SUBMISSION), 29);
	assert_int_equal(fresh(world, "192.0.2.8", SUBMISSION, SECONDS(300)), 29);
	assert_int_equal(stats_of(world).flows, 63);
	check_world(world);
	open_from(world, addr("192.0.2.8"), 5000, 587, 30);
	assert_null(ban_of(world, "192.0.2.8"));

	reload_allowed(world, without);
	/* at once, without another connection */
	assert_non_null(ban_of(world, "192.0.2.8"));
	assert_non_null(ban_of(world, "192.0.2.9"));
	assert_null(ban_of(world, "192.0.2.200"));
	check_world(world);
	free(with);
	end_with(world, without);
}

struct model {
	bool open[CLIENTS][PORTS][SLOTS];
	bool banned[CLIENTS], allowed[CLIENTS];
	int service_of[PORTS]; /* -1: not guarded */
	uint32_t limit[NAMES];
	bool observe[NAMES];
	unsigned bans;
};

static unsigned model_count(const struct model *model, unsigned client, int service)
{
	unsigned n = 0;

	for (unsigned port = 0; port < PORTS; port++)
		for (unsigned slot = 0; slot < SLOTS && model->service_of[port] == service; slot++)
			n += model->open[client][port][slot];
	return n;
}

static void model_judge(struct model *model, unsigned client, int service)
{
	if (service < 0 || model->observe[service] || model->allowed[client] || model->banned[client] ||
	    model_count(model, client, service) <= model->limit[service])
		return;
	model->banned[client] = true;
	model->bans++;
}

static void toggle(struct world *world, struct model *model)
{
	unsigned client = random_below(CLIENTS), port = random_below(PORTS);
	unsigned slot = random_below(SLOTS);
	bool *open = &model->open[client][port][slot];

	*open = !*open;
	flow(world, addr_n(client), (uint16_t)(1024 + slot), port_numbers[port],
	     *open ? FLOW_ESTABLISHED : FLOW_CLOSED);
	if (*open)
		model_judge(model, client, model->service_of[port]);
}

/* Random services in random order: settings index i has the name of service order[i]. */
static void random_settings(struct guard_settings *next, struct model *model)
{
	const struct service_settings plain = next->services[SUBMISSION];

	next->n_services = 0;
	for (unsigned port = 0; port < PORTS; port++)
		model->service_of[port] = (int)random_below(NAMES + 1) - 1;
	for (unsigned i = 0, first = random_below(NAMES); i < NAMES; i++) {
		unsigned name = (first + i) % NAMES;
		struct service_settings *service = &next->services[next->n_services];

		model->limit[name] = 3 + random_below(8);
		model->observe[name] = random_below(4) == 0;
		*service = plain;
		snprintf(service->name, SERVICE_NAME_MAX, "s%u", name);
		service->n_ports = 0;
		service->concurrent = model->limit[name];
		service->observe = model->observe[name];
		for (unsigned port = 0; port < PORTS; port++)
			if (model->service_of[port] == (int)name)
				service->ports[service->n_ports++] = port_numbers[port];
		next->n_services += service->n_ports > 0;
	}
}

static void random_allows(struct guard_settings *next, struct model *model)
{
	for (unsigned client = 0; client < CLIENTS; client++) {
		struct address a = addr_n(client);
		struct prefix p = prefix_host(&a);

		if (random_below(6))
			continue;
		model->allowed[client] = !model->allowed[client];
		assert_int_equal(model->allowed[client] ? prefix_set_add(next->allowed, &p) :
							  prefix_set_remove(next->allowed, &p),
				 0);
		if (model->allowed[client])
			model->banned[client] = false;
	}
}

/* As the daemon: new settings, then a dump that brings what nobody looked at before. */
static struct guard_settings *reload_at_random(struct world *world, struct model *model,
					       struct guard_settings *last)
{
	struct guard_settings *next = prepare(world);

	random_settings(next, model);
	random_allows(next, model);
	reload(world, next);
	free(last);
	guard_sync_begin(world->guard);
	for (unsigned client = 0; client < CLIENTS; client++)
		for (unsigned port = 0; port < PORTS; port++)
			for (unsigned slot = 0; slot < SLOTS; slot++) {
				struct ct_event line =
					event_of(addr_n(client), (uint16_t)(1024 + slot),
						 port_numbers[port], FLOW_ESTABLISHED);

				if (model->open[client][port][slot])
					guard_sync_line(world->guard, &line, world->now);
			}
	while (!guard_sync_end(world->guard, false, world->now))
		;
	for (unsigned client = 0; client < CLIENTS; client++)
		for (int service = 0; service < NAMES; service++)
			model_judge(model, client, service);
	return next;
}

static void compare(struct world *world, const struct model *model)
{
	unsigned total = 0;

	assert_int_equal(world->decisions[DECISION_BAN], model->bans);
	for (unsigned client = 0; client < CLIENTS; client++) {
		struct address a = addr_n(client);
		struct prefix p = prefix_host(&a);

		assert_int_equal(ban_table_find(guard_bans(world->guard), &p) != NULL,
				 model->banned[client]);
		for (int name = 0; name < NAMES; name++) {
			char text[SERVICE_NAME_MAX];
			struct source *source = NULL;
			int index;

			snprintf(text, sizeof(text), "s%d", name);
			index = settings_service_by_name(guard_settings(world->guard), text);
			if (index >= 0)
				source = source_table_find(guard_sources(world->guard), &p,
							   (uint8_t)index);
			assert_int_equal(source ? source->concurrent : 0,
					 model_count(model, client, name));
			total += model_count(model, client, name);
			if (source && model->banned[client])
				assert_int_equal(source->standing, STANDING_BANNED);
		}
	}
	assert_int_equal(stats_of(world).established, total);
	assert_int_equal(stats_of(world).flows, total);
	check_world(world);
}

static void test_random_against_model(void **state UNUSED)
{
	struct world *world = new_world();
	static struct model model;
	struct guard_settings *last = NULL;

	world->settings.services[SUBMISSION].new_count = 0;
	world->settings.bans.duration = world->settings.bans.max_duration = HOURS(20000);
	world->settings.enforcement.close_connections = false;
	start(world);
	last = reload_at_random(world, &model, last);
	for (unsigned step = 0; step < 30000; step++) {
		world->now += USEC_PER_MSEC;
		if (random_below(40) == 0)
			last = reload_at_random(world, &model, last);
		else
			toggle(world, &model);
		compare(world, &model);
	}
	assert_true(model.bans > 100);
	assert_int_equal(stats_of(world).drift_added + stats_of(world).drift_removed, 0);
	end_with(world, last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_changes),
		cmocka_unit_test(test_banned_without_connections),
		cmocka_unit_test(test_ports_move),
		cmocka_unit_test(test_services_change_places),
		cmocka_unit_test(test_a_port_goes_and_comes_back),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_observe),
		cmocka_unit_test(test_new_allow_entries),
		cmocka_unit_test(test_only_the_allow_list),
		cmocka_unit_test(test_who_waits_goes_on_waiting),
		cmocka_unit_test(test_during_a_dump),
		cmocka_unit_test(test_full_table),
		cmocka_unit_test(test_random_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
