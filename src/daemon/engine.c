// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/daemon/engine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "engine_priv.h"
#include "smtpguard-config.h"
#include "smtpguard/base/log.h"
#include "smtpguard/daemon/decision_log.h"
#include "smtpguard/kernel/event_timer.h"

#define RECONCILE_INTERVAL (60 * USEC_PER_SEC)
#define PRIORITY_TICK (SD_EVENT_PRIORITY_NORMAL + 5)
/* how long a stop waits for the disk */
#define LEDGER_PATIENCE (5 * USEC_PER_SEC)
#define PRIORITY_WATCHDOG (SD_EVENT_PRIORITY_NORMAL + 30)

/* --- ops out --- */

static void ask_resolver(struct engine *engine, const struct address *address)
{
	int r = resolver_client_ask(engine->resolver, address);

	if (r == 0)
		return;
	/* the guard must not be called from its sink: told at the end of this turn */
	if (engine->n_unasked < engine->config->guard.names.max_in_flight)
		engine->unasked[engine->n_unasked++] = *address;
}

/* What cannot be written now is in the table that is loaded next. */
static void add_ban_element(struct engine *engine, const struct guard_op *op)
{
	usec_t timeout = op->ban->expires == USEC_NEVER ? USEC_NEVER : op->ban->expires - op->now;
	char comment[REASON_COMMENT_MAX];

	if (engine_may_write(engine))
		set_writer_add(engine->writer, NFT_SET_BANNED, &op->prefix, timeout,
			       reason_format(&op->ban->reason, comment));
}

static void on_op(void *userdata, const struct guard_op *op)
{
	struct engine *engine = userdata;

	switch (op->type) {
	case GUARD_OP_RESOLVE:
		ask_resolver(engine, &op->address);
		break;
	case GUARD_OP_ELEMENT_ADD:
		add_ban_element(engine, op);
		break;
	case GUARD_OP_ELEMENT_DELETE:
		if (engine_may_write(engine))
			set_writer_delete(engine->writer, NFT_SET_BANNED, &op->prefix);
		break;
	case GUARD_OP_TRUST:
		if (engine_may_write(engine))
			set_writer_add(engine->writer, NFT_SET_TRUSTED, &op->prefix,
				       op->until - op->now, NULL);
		break;
	case GUARD_OP_CLOSE:
		if (engine->closer)
			socket_closer_close(engine->closer, &op->prefix,
					    engine->config->guard.enforcement.scope ==
						    BAN_SCOPE_HOST);
		break;
	case GUARD_OP_LIST:
		engine->list_dirty[op->list] = true;
		break;
	case GUARD_OP_RECORD:
		engine_record(engine, op);
		break;
	case GUARD_OP_PEAK:
		engine_note_peak(engine, op);
		break;
	case GUARD_OP_VERDICT:
		engine_give_verdict(engine, op);
		break;
	case GUARD_OP_GATE_ADD:
	case GUARD_OP_GATE_DELETE:
		engine_change_gate_set(engine, op);
		break;
	case GUARD_OP_DECISION:
		decision_log(op);
		if (engine->control)
			control_server_publish(engine->control, op);
		break;
	}
}

/* --- events in --- */

static void on_flow_event(void *userdata, const struct ct_event *event, usec_t now)
{
	guard_flow_event(((struct engine *)userdata)->guard, event, now);
}

static void on_events_lost(void *userdata)
{
	guard_events_lost(((struct engine *)userdata)->guard);
}

static void on_sync_begin(void *userdata)
{
	guard_sync_begin(((struct engine *)userdata)->guard);
}

static void on_sync_line(void *userdata, const struct ct_event *event, usec_t now)
{
	guard_sync_line(((struct engine *)userdata)->guard, event, now);
}

static bool on_sync_end(void *userdata, bool lost, usec_t now)
{
	struct engine *engine = userdata;

	if (!guard_sync_end(engine->guard, lost, now))
		return false;
	if (!engine->ready) {
		engine->ready = true;
		log_info("guarding: %s, %u bans in force",
			 engine->config->guard.observe ? "observing only" : "enforcing",
			 ban_table_count(guard_bans(engine->guard)));
		(void)sd_notify(0, "READY=1\nSTATUS=guarding");
	}
	return true;
}

static void on_name_answer(void *userdata, const struct name_answer *answer)
{
	guard_name_answer(((struct engine *)userdata)->guard, answer, clock_now());
}

static void on_resolver_gone(void *userdata)
{
	guard_resolver_gone(((struct engine *)userdata)->guard);
}

static void on_element_result(void *userdata, const struct prefix *prefix, bool enforced)
{
	struct engine *engine = userdata;
	struct set_writer_stats stats;

	guard_element_result(engine->guard, prefix, enforced);
	if (enforced)
		return;
	/* no such set: the table is gone, and nobody has told us yet */
	set_writer_stats(engine->writer, &stats);
	if (stats.last_error == -ENOENT && !engine->repair_due)
		engine_schedule_repair(engine, 0);
}

static void on_local_address(void *userdata, const struct address *address, bool present)
{
	struct engine *engine = userdata;

	if (guard_local_address(engine->guard, address, present, clock_now()) < 0)
		log_error("out of memory: an address of this host is not on the never-list");
}

/* --- time and signals --- */

static int on_tick(sd_event_source *timer UNUSED, uint64_t when UNUSED, void *userdata)
{
	struct engine *engine = userdata;

	engine->tick_at = USEC_NEVER;
	guard_tick(engine->guard, clock_now());
	return 0;
}

static void answer_unasked(struct engine *engine)
{
	struct name_answer answer = { .result = NAME_ANSWER_FAILED, .resolver_healthy = false };
	usec_t now = clock_now();

	while (engine->n_unasked > 0) {
		answer.address = engine->unasked[--engine->n_unasked];
		guard_name_answer(engine->guard, &answer, now);
	}
}

/* After every turn: what the turn led to, and when the guard wants to be called next. */
static int on_turn_end(sd_event_source *post UNUSED, void *userdata)
{
	struct engine *engine = userdata;
	usec_t next;
	int r = 0;

	answer_unasked(engine);
	engine_write_lists(engine);
	if (engine->queue) {
		/* what goes through the ruleset again must meet its source in the set */
		set_writer_flush(engine->writer);
		packet_queue_flush(engine->queue);
	}
	next = guard_next_tick(engine->guard);
	if (next == engine->tick_at)
		return 0;
	engine->tick_at = next;
	if (next != USEC_NEVER)
		r = sd_event_source_set_time(engine->tick, next);
	if (r >= 0)
		r = sd_event_source_set_enabled(engine->tick,
						next == USEC_NEVER ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
	return r;
}

/* The least urgent source of the loop: it is reached only when events are being kept up with. */
static int on_watchdog(sd_event_source *timer, uint64_t when UNUSED, void *userdata)
{
	struct engine *engine = userdata;

	(void)sd_notify(0, "WATCHDOG=1");
	return event_timer_start(timer, engine->watchdog_interval);
}

static int on_stop(sd_event_source *source UNUSED, const struct signalfd_siginfo *info,
		   void *userdata)
{
	struct engine *engine = userdata;

	log_info("stopping on %s; bans stay in the kernel until they expire",
		 info->ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
	(void)sd_notify(0, "STOPPING=1");
	return sd_event_exit(engine->event, 0);
}

static int on_hangup(sd_event_source *source UNUSED, const struct signalfd_siginfo *info UNUSED,
		     void *userdata)
{
	char *problems;

	/* what is wrong was logged line by line */
	if (engine_reload(userdata, &problems) < 0)
		free(problems);
	return 0;
}

static int add_signals(struct engine *engine)
{
	int r = sd_event_add_signal(engine->event, NULL, SIGTERM, on_stop, engine);

	if (r >= 0)
		r = sd_event_add_signal(engine->event, NULL, SIGINT, on_stop, engine);
	if (r >= 0)
		r = sd_event_add_signal(engine->event, NULL, SIGHUP, on_hangup, engine);
	return r;
}

static int add_timers(struct engine *engine)
{
	uint64_t watchdog = 0;
	int r;

	r = sd_event_add_time(engine->event, &engine->tick, CLOCK_BOOTTIME, 0, USEC_PER_MSEC, on_tick,
			      engine);
	if (r >= 0)
		r = sd_event_source_set_priority(engine->tick, PRIORITY_TICK);
	if (r >= 0)
		r = sd_event_source_set_enabled(engine->tick, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_post(engine->event, &engine->turn_end, on_turn_end, engine);
	/* after the set writer's, which is more urgent */
	if (r >= 0)
		r = sd_event_source_set_priority(engine->turn_end, SD_EVENT_PRIORITY_NORMAL - 14);
	if (r < 0 || sd_watchdog_enabled(0, &watchdog) <= 0)
		return r;
	engine->watchdog_interval = watchdog / 2;
	r = event_timer_add(engine->event, &engine->watchdog, on_watchdog, PRIORITY_WATCHDOG, engine);
	return r < 0 ? r : event_timer_start(engine->watchdog, 0);
}

/* --- life --- */

static int start_guard(struct engine *engine)
{
	struct siphash_key key;
	int r = siphash_key_random(&key);

	if (r == 0)
		r = guard_new(&engine->guard, &engine->config->guard, &key, on_op, engine);
	engine->unasked = calloc(engine->config->guard.names.max_in_flight, sizeof(*engine->unasked));
	return r == 0 && !engine->unasked ? -ENOMEM : r;
}

static int start_conntrack(struct engine *engine, int receive_buffer_bytes)
{
	const struct conntrack_handlers handlers = {
		.event = on_flow_event,	     .lost = on_events_lost, .sync_begin = on_sync_begin,
		.sync_line = on_sync_line, .sync_end = on_sync_end, .userdata = engine,
	};
	uint16_t ports[GUARDED_PORTS_MAX];
	struct conntrack_settings settings = {
		.ports = ports,
		.n_ports = settings_ports(&engine->config->guard, false, ports),
		.reconcile_interval = RECONCILE_INTERVAL,
		.receive_buffer_bytes = receive_buffer_bytes,
	};

	return conntrack_source_new(&engine->conntrack, engine->event, &settings, &handlers);
}

static int start_closer(struct engine *engine)
{
	uint16_t ports[GUARDED_PORTS_MAX];
	unsigned n = settings_ports(&engine->config->guard, true, ports);
	int r = socket_closer_new(&engine->closer, engine->event);

	if (r == 0)
		socket_closer_set_ports(engine->closer, ports, n);
	return r;
}

static int start_resolver(struct engine *engine, const char *program)
{
	const struct resolver_handlers handlers = { on_name_answer, on_resolver_gone, engine };
	const struct resolver_settings settings = {
		.program = program,
		.deadline = engine->config->guard.names.deadline,
		.tries = engine->config->resolver_tries,
		.servers = engine->config->resolver_servers,
		.max_in_flight = engine->config->guard.names.max_in_flight,
	};

	return resolver_client_new(&engine->resolver, engine->event, &settings, &handlers);
}

static int start_control(struct engine *engine, const struct engine_settings *settings)
{
	/* the configuration it comes from may be replaced, this key not */
	snprintf(engine->control_path, sizeof(engine->control_path), "%s",
		 engine->config->control_path);
	engine->control_settings = (struct control_settings){
		.path = engine->control_path,
		.group = settings->control_group,
		.max_clients = engine->config->control_max_clients,
		.actions = { engine_reload, engine_remove_table, engine_set_mode, engine },
	};

	engine->inputs = (struct report_inputs){
		.version = SMTPGUARD_VERSION,
		.mode_ordered = &engine->mode_ordered,
		.started = clock_now(),
		.guard = engine->guard,
		.conntrack = engine->conntrack,
		.writer = engine->writer,
		.resolver = engine->resolver,
		.closer = engine->closer,
		.watcher = engine->ruleset_watcher,
		.auditor = engine->auditor,
		.ledger = engine->ledger,
		.queue = engine->queue,
		.gate = &engine->gate,
		.allow = &engine->allow,
		.mail_logs = engine->config->guard.mail.enabled ? &engine->mail_facts : NULL,
		.reconcile = &engine->reconcile,
		.kernel = &engine->kernel,
	};
	return control_server_new(&engine->control, engine->event, settings->control_fd,
				  &engine->control_settings, &engine->inputs);
}

static int say(const char *what, int r)
{
	if (r < 0)
		log_error("%s: %s", what, strerror(-r));
	return r;
}

static int start(struct engine *engine, const struct engine_settings *settings)
{
	const struct set_writer_handlers writer_handlers = { on_element_result, engine };
	int r = say("event loop", sd_event_new(&engine->event));

	if (r >= 0)
		r = say("signals", add_signals(engine));
	if (r >= 0)
		r = say("tables", start_guard(engine));
	/* own addresses before bans are adopted: they are never banned */
	if (r >= 0)
		r = say("this host's addresses",
			address_watcher_new(&engine->addresses, engine->event, on_local_address, engine));
	if (r >= 0)
		engine_name_mail_logs(engine);
	if (r >= 0)
		r = say("ledger", engine_start_ledger(engine));
	if (r >= 0)
		r = engine_adopt(engine);
	if (r >= 0)
		feature_probe(&engine->kernel.features);
	/* before the table is there: what others do from now on is seen */
	if (r >= 0)
		r = say("reconciler", engine_start_reconciler(engine));
	if (r >= 0) {
		engine_open_gate(engine);
		(void)engine_load_table(engine);
	}
	if (r >= 0)
		engine_read_kernel_facts(engine);
	if (r >= 0)
		r = say("ban sets", set_writer_new(&engine->writer, engine->event, &writer_handlers));
	if (r >= 0)
		r = say("socket closer", start_closer(engine));
	if (r >= 0)
		r = say("resolver", start_resolver(engine, settings->resolver_program));
	if (r >= 0)
		r = say("conntrack", start_conntrack(engine, settings->receive_buffer_bytes));
	if (r >= 0)
		r = say("control socket", start_control(engine, settings));
	if (r >= 0)
		r = say("mail logs", engine_start_mail_logs(engine));
	if (r >= 0)
		r = say("allow files", engine_start_allow_watcher(engine));
	if (r >= 0)
		r = say("calendar", engine_start_calendar(engine));
	if (r >= 0)
		r = say("timers", add_timers(engine));
	return r;
}

int engine_new(struct engine **ret_engine, const struct engine_settings *settings)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	int r;

	if (!engine) {
		config_free(settings->config);
		return -ENOMEM;
	}
	engine->settings = *settings;
	engine->config = settings->config;
	engine->tick_at = USEC_NEVER;
	r = start(engine, settings);
	if (r < 0) {
		engine_free(engine);
		return r;
	}
	*ret_engine = engine;
	return 0;
}

struct engine *engine_free(struct engine *engine)
{
	if (!engine)
		return NULL;
	/* what the last turn decided still goes to the kernel */
	if (engine->writer)
		set_writer_flush(engine->writer);
	engine_close_gate(engine);
	control_server_free(engine->control);
	if (engine->ledger)
		guard_tell_peaks(engine->guard, clock_now());
	ledger_close(engine->ledger, LEDGER_PATIENCE);
	file_watcher_free(engine->allow_watcher);
	set_auditor_free(engine->auditor);
	ruleset_watcher_free(engine->ruleset_watcher);
	socket_closer_free(engine->closer);
	conntrack_source_free(engine->conntrack);
	resolver_client_free(engine->resolver);
	maillog_client_free(engine->maillog);
	set_writer_free(engine->writer);
	address_watcher_free(engine->addresses);
	sd_event_source_unref(engine->tick);
	sd_event_source_unref(engine->turn_end);
	sd_event_source_unref(engine->watchdog);
	sd_event_source_unref(engine->repair);
	sd_event_source_unref(engine->beat);
	sd_event_source_unref(engine->calendar);
	prefix_set_free(engine->ended);
	guard_free(engine->guard);
	sd_event_unref(engine->event);
	free(engine->unasked);
	free(engine->put_off);
	free(engine->facts);
	config_free(engine->config);
	free(engine);
	return NULL;
}

int engine_run(struct engine *engine)
{
	return sd_event_loop(engine->event);
}
