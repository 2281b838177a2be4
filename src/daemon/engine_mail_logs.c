// SPDX-License-Identifier: GPL-2.0-or-later
/* What the mail logs say goes to the guard, which finds whose it is, and then to the ledger. */
#include "engine_priv.h"

#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/log.h"
#include "smtpguard/daemon/decision_log.h"

/* what live operation needs; the rest of a first reading is given back */
#define FACTS_KEPT 256

static struct ledger_fact *next_fact(struct engine *engine)
{
	struct ledger_fact *grown;
	size_t room = engine->facts_room;

	if (engine->n_facts == room) {
		room = room ? 2 * room : FACTS_KEPT;
		grown = reallocarray(engine->facts, room, sizeof(*grown));
		if (!grown)
			return NULL;
		engine->facts = grown;
		engine->facts_room = room;
	}
	return &engine->facts[engine->n_facts++];
}

/* Nothing else tells the operator who forges: the true address is among them. */
static void note_forged(struct engine *engine, const struct mail_fact *fact)
{
	struct mail_log_facts *facts = &engine->mail_facts;

	if (fact->kind != MAIL_FACT_AUTH_FAILURE || !fact->recent)
		return;
	facts->n_forged = fact->n_readings;
	memcpy(facts->forged, fact->readings, sizeof(facts->forged));
}

static void on_fact(void *userdata, enum mail_log log UNUSED, const struct mail_fact *fact)
{
	struct engine *engine = userdata;
	unsigned reading = 0;
	enum mail_match match = guard_mail_fact(engine->guard, fact, clock_now(), &reading);
	struct ledger_fact *noted = next_fact(engine);

	if (!noted) {
		engine->facts_lost++;
		return;
	}
	*noted = (struct ledger_fact){ .kind = fact->kind,
				       .protocol = fact->protocol,
				       .day = fact->day,
				       .count = fact->count,
				       .first = fact->first,
				       .last = fact->last };
	if (match == MAIL_MATCH_AMBIGUOUS) {
		note_forged(engine, fact);
		return;
	}
	noted->has_address = true;
	noted->address = fact->readings[reading].address;
	memcpy(noted->account, fact->readings[reading].account, sizeof(noted->account));
}

static void on_places(void *userdata, const struct log_places *places)
{
	struct engine *engine = userdata;

	if (engine->facts_lost)
		log_warning("out of memory: %zu facts of the mail logs are not in the ledger",
			    engine->facts_lost);
	/* later places must not pass over what was refused: all of it is read again */
	if (!engine->mail_facts.refused &&
	    ledger_note_facts(engine->ledger, engine->facts, engine->n_facts, places))
		engine->log_places[places->log] = *places;
	else
		engine->mail_facts.refused = true;
	engine->n_facts = engine->facts_lost = 0;
	if (engine->facts_room > FACTS_KEPT) {
		free(engine->facts);
		engine->facts = NULL;
		engine->facts_room = 0;
	}
}

static bool is_ready(void *userdata)
{
	return ledger_takes_facts(((struct engine *)userdata)->ledger);
}

static int start_client(struct engine *engine)
{
	const struct maillog_handlers handlers = { on_fact, on_places, is_ready, engine };
	struct maillog_settings settings = { .program = engine->settings.maillog_program };
	int r;

	for (int log = 0; log < MAIL_LOGS; log++)
		settings.paths[log] = engine->mail_facts.paths[log];
	r = maillog_client_new(&engine->maillog, engine->event, &settings, engine->log_places, &handlers);
	engine->mail_facts.client = engine->maillog;
	return r;
}

/* Lines from before that time come as old ones: nobody is judged by them twice. */
static void start_again(struct engine *engine)
{
	if (!engine->maillog)
		return;
	engine->maillog = maillog_client_free(engine->maillog);
	engine->mail_facts.client = NULL;
	engine->n_facts = 0;
	if (start_client(engine) < 0)
		log_error("out of memory: the mail logs are not followed");
}

void engine_take_log_places(void *userdata, const struct log_places *places)
{
	struct engine *engine = userdata;

	engine->log_places[places->log] = *places;
	/* a ledger that could not be read at first knows better where to go on */
	start_again(engine);
}

void engine_read_refused_again(struct engine *engine)
{
	if (!engine->mail_facts.refused)
		return;
	engine->mail_facts.refused = false;
	log_info("the mail logs are read again from where the ledger stopped taking them");
	start_again(engine);
}

void engine_tell_account_alert(void *userdata, const struct ledger_account_alert *alert)
{
	struct engine *engine = userdata;

	engine->mail_facts.account_alerts++;
	account_alert_log(alert);
}

int engine_start_mail_logs(struct engine *engine)
{
	/* until the ledger has said how far the logs were read, reading them would count lines twice */
	if (!engine->config->guard.mail.enabled || !engine->ledger_loaded || engine->maillog)
		return 0;
	return start_client(engine);
}

void engine_name_mail_logs(struct engine *engine)
{
	for (int log = 0; log < MAIL_LOGS; log++) {
		engine->log_places[log].log = (enum mail_log)log;
		/* the configuration they come from may be replaced, these keys not */
		memcpy(engine->log_paths[log], engine->config->mail_log_paths[log],
		       sizeof(engine->log_paths[log]));
		engine->mail_facts.paths[log] = engine->log_paths[log];
	}
}
