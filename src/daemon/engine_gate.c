// SPDX-License-Identifier: GPL-2.0-or-later
/* The packet-path gate: packets of the kernel's queue into the guard, verdicts back. */
#include "engine_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "smtpguard/base/log.h"
#include "smtpguard/kernel/event_timer.h"

/* A daemon that hangs leaves the gate open when the last beat has run out (nft/README.md). */
#define BEAT_INTERVAL USEC_PER_SEC
/* behind all that decides: it is reached only while packets are being kept up with */
#define PRIORITY_BEAT (SD_EVENT_PRIORITY_NORMAL + 10)
/* the kernel's queue also holds what was not read yet */
#define QUEUE_LENGTH_PER_HELD 2

static void on_packet(void *userdata, const struct queue_packet *packet, usec_t now)
{
	struct engine *engine = userdata;
	const struct gate_packet query = { .id = packet->id,
					   .client = packet->client,
					   .local_port = packet->local_port };

	if (packet->is_syn) {
		guard_gate_packet(engine->guard, &query, now);
		return;
	}
	/* not what the ruleset means to send here: nothing to judge */
	engine->gate.unreadable++;
	packet_queue_verdict(engine->queue, packet->id, QUEUE_VERDICT_ACCEPT);
}

void engine_give_verdict(struct engine *engine, const struct guard_op *op)
{
	static const enum queue_verdict verdicts[] = {
		[GUARD_VERDICT_ACCEPT] = QUEUE_VERDICT_ACCEPT,
		[GUARD_VERDICT_DROP] = QUEUE_VERDICT_DROP,
		[GUARD_VERDICT_REPEAT] = QUEUE_VERDICT_REPEAT,
	};

	if (engine->queue)
		packet_queue_verdict(engine->queue, op->packet, verdicts[op->verdict]);
}

void engine_change_gate_set(struct engine *engine, const struct guard_op *op)
{
	enum nft_set set = op->gate_set == GATE_SET_REFUSED ? NFT_SET_REFUSED : NFT_SET_PASSED;
	char comment[REASON_COMMENT_MAX];

	if (!engine_may_write(engine))
		return;
	if (op->type == GUARD_OP_GATE_DELETE)
		set_writer_delete(engine->writer, set, &op->prefix);
	else
		set_writer_add(engine->writer, set, &op->prefix, op->until - op->now,
			       op->reason ? reason_format(op->reason, comment) : NULL);
}

static int on_beat(sd_event_source *timer, uint64_t when UNUSED, void *userdata)
{
	struct engine *engine = userdata;
	const struct guard_settings *settings = guard_settings(engine->guard);

	if (!engine->queue)
		return 0;
	for (unsigned i = 0; i < settings->n_services && engine_may_write(engine); i++) {
		const struct service_settings *service = &settings->services[i];

		for (unsigned k = 0; engine_gates(engine, service) && k < service->n_ports; k++)
			set_writer_add_port(engine->writer, service->ports[k], ENGINE_GATE_ALIVE);
	}
	return event_timer_start(timer, BEAT_INTERVAL);
}

bool engine_gates(const struct engine *engine, const struct service_settings *service)
{
	return engine->queue && service->reverse_dns == REVERSE_DNS_REQUIRE && !service->observe &&
	       !guard_settings(engine->guard)->observe;
}

static void set_off(struct engine *engine, const char *why)
{
	snprintf(engine->gate_off, sizeof(engine->gate_off), "%s", why);
	engine->gate.off = engine->gate_off;
	log_warning("reverse_dns = \"require\": the gate is off: %s", engine->gate_off);
}

static void explain_failure(struct engine *engine, uint16_t number, int r)
{
	char why[sizeof(engine->gate_off)];

	if (r == -EBUSY || r == -EPERM)
		snprintf(why, sizeof(why), "another program has queue %u: set gate.queue to a free number",
			 number);
	else
		snprintf(why, sizeof(why), "queue %u cannot be used: %s", number, strerror(-r));
	set_off(engine, why);
}

void engine_open_gate(struct engine *engine)
{
	const struct packet_queue_handlers handlers = { on_packet, engine };
	const struct guard_settings *settings = guard_settings(engine->guard);
	const struct gate_settings *gate = &settings->gate;
	int r;

	engine->gate.wanted = settings_wants_gate(settings);
	engine->gate.off = NULL;
	if (!engine->gate.wanted || engine->queue)
		return;
	if (!engine->kernel.features.queue) {
		set_off(engine, "this kernel has no nft expression `queue` (module nft_queue)");
		return;
	}
	r = packet_queue_new(&engine->queue, engine->event, gate->queue,
			     QUEUE_LENGTH_PER_HELD * gate->max_held, &handlers);
	if (r == 0 && !engine->beat)
		r = event_timer_add(engine->event, &engine->beat, on_beat, PRIORITY_BEAT, engine);
	if (r >= 0)
		r = event_timer_start(engine->beat, BEAT_INTERVAL);
	if (r < 0) {
		engine->queue = packet_queue_free(engine->queue);
		explain_failure(engine, gate->queue, r);
	}
	engine->inputs.queue = engine->queue;
}

void engine_close_gate(struct engine *engine)
{
	if (!engine->queue)
		return;
	guard_gate_release(engine->guard, clock_now());
	packet_queue_flush(engine->queue);
	guard_gate_closed(engine->guard);
	engine->inputs.queue = engine->queue = packet_queue_free(engine->queue);
}
