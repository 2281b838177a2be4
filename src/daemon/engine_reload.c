// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/log.h"
#include "smtpguard/kernel/ruleset.h"

static void on_problem(void *userdata, const char *text)
{
	fprintf(userdata, "%s\n", text);
	log_error("%s", text);
}

static void set_closer_ports(struct engine *engine, const struct guard_settings *settings)
{
	uint16_t ports[GUARDED_PORTS_MAX];
	unsigned n = settings_ports(settings, true, ports);

	socket_closer_set_ports(engine->closer, ports, n);
}

/* Everything that may fail comes first; then the new configuration is in force. */
static int apply(struct engine *engine, struct config *wanted)
{
	uint16_t ports[GUARDED_PORTS_MAX];
	unsigned n = settings_ports(&wanted->guard, false, ports);
	int r = conntrack_source_set_ports(engine->conntrack, ports, n);

	/* the guard may ban at once, and connections to ports that are enforced from now on are to end */
	set_closer_ports(engine, &wanted->guard);
	if (r == 0)
		r = guard_reload(engine->guard, &wanted->guard, clock_now());
	if (r < 0) {
		set_closer_ports(engine, &engine->config->guard);
		return r;
	}
	config_free(engine->config);
	engine->config = wanted;
	engine_note_allow_files(engine);
	/* what waits is answered by the old rules, what comes by the new ones */
	if (!settings_wants_gate(&wanted->guard))
		engine_close_gate(engine);
	engine_open_gate(engine);
	ledger_set_keep(engine->ledger, wanted->ledger_keep, wanted->guard.bans.forget_after);
	ledger_set_account_networks(engine->ledger, wanted->guard.mail.account_networks);
	if (!wanted->guard.observe)
		engine_restore_put_off(engine);
	/* a failure is shown and tried again; the configuration itself is good */
	(void)engine_load_table(engine);
	conntrack_source_request_dump(engine->conntrack);
	engine_follow_allow_files(engine);
	return 0;
}

/* An operator's order is stronger than the file, until the file says the same. */
static int keep_order(const struct engine *engine, struct config **config)
{
	struct config *ordered;
	int r;

	if (!engine->mode_ordered || (*config)->guard.observe == engine->ordered_observe)
		return 0;
	r = config_with_mode(&ordered, *config, engine->ordered_observe);
	if (r == 0) {
		config_free(*config);
		*config = ordered;
	}
	return r;
}

static int load_and_apply(struct engine *engine, FILE *problems)
{
	struct config *wanted;
	bool order_stands;
	int r = config_load(&wanted, engine->settings.config_path, engine->settings.observe, on_problem,
			    problems);

	if (r)
		return r < 0 ? r : -EINVAL;
	order_stands = engine->mode_ordered && wanted->guard.observe != engine->ordered_observe;
	r = config_check_reload(engine->config, wanted, on_problem, problems);
	if (r == 0)
		r = keep_order(engine, &wanted);
	if (r == 0)
		r = apply(engine, wanted);
	if (r) {
		config_free(wanted);
		return r < 0 ? r : -EINVAL;
	}
	engine->mode_ordered = order_stands;
	engine_log_warnings(wanted);
	return 0;
}

int engine_reload(void *userdata, char **ret_problems)
{
	struct engine *engine = userdata;
	char *text = NULL;
	size_t size;
	FILE *problems = open_memstream(&text, &size);
	int r;

	*ret_problems = NULL;
	if (!problems)
		return -ENOMEM;
	r = load_and_apply(engine, problems);
	if (fclose(problems) != 0 && r == 0)
		log_warning("out of memory while reloading");
	if (r < 0) {
		log_error("%s was not taken over: nothing has changed", engine->settings.config_path);
		*ret_problems = text;
	} else {
		log_info("%s is in force", engine->settings.config_path);
		free(text);
	}
	return r;
}

int engine_set_mode(void *userdata, bool observe)
{
	struct engine *engine = userdata;
	struct config *wanted;
	int r = config_with_mode(&wanted, engine->config, observe);

	if (r < 0)
		return r;
	r = apply(engine, wanted);
	if (r < 0) {
		log_error("the mode stays as it was: %s", strerror(-r));
		config_free(wanted);
		return r;
	}
	engine->mode_ordered = true;
	engine->ordered_observe = observe;
	log_info("%s, as ordered, until the next order or start",
		 observe ? "observing only" : "enforcing");
	return 0;
}

int engine_remove_table(void *userdata)
{
	static const char why[] = "the table was removed by `flush --all`; `reload` brings it back";
	struct engine *engine = userdata;
	char *error = NULL;
	int r;

	set_writer_discard(engine->writer);
	r = ruleset_load(ruleset_removal, &error);
	if (r < 0)
		log_error("removing the table: %s", error ? error : strerror(-r));
	free(error);
	if (r < 0)
		return r;
	engine->table_removed = true;
	guard_set_unenforceable(engine->guard, why);
	log_warning("%s", why);
	return 0;
}
