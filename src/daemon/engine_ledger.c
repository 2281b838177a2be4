// SPDX-License-Identifier: GPL-2.0-or-later
/* Between the guard, whose time is the boot clock's, and the ledger, whose time is the wall's. */
#include "engine_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/log.h"

_Static_assert(CONFIG_LEDGER_PATH_MAX == LEDGER_PATH_MAX, "what the configuration takes fits");

#define LOAD_PATIENCE (3 * USEC_PER_SEC)

static usec_t to_wall(usec_t moment)
{
	return moment == USEC_NEVER ? USEC_NEVER : clock_to_wall(moment);
}

/* The end of something on the boot clock's scale; one that is over is 0. */
static usec_t end_from_wall(usec_t wall)
{
	usec_t now = clock_now(), wall_now = clock_to_wall(now);

	if (wall == USEC_NEVER)
		return USEC_NEVER;
	return wall > wall_now ? now + (wall - wall_now) : 0;
}

/* Its beginning, which may lie before the boot: ages count modulo 2^64 (ban_table.h). */
static usec_t since_from_wall(usec_t wall)
{
	usec_t now = clock_now(), wall_now = clock_to_wall(now);

	/* a clock that was set back makes the past look like the future */
	return now - (wall_now > wall ? wall_now - wall : 0);
}

/* --- guard to ledger --- */

static enum ledger_kind kind_of(enum guard_list list)
{
	return list == GUARD_LIST_BLOCKED ? LEDGER_BLOCK : LEDGER_ALLOW;
}

static enum ledger_end end_of(enum guard_end end)
{
	switch (end) {
	case GUARD_END_EXPIRED:
		return LEDGER_EXPIRED;
	case GUARD_END_LIFTED:
		return LEDGER_LIFTED;
	default:
		return LEDGER_REPLACED;
	}
}

void engine_record_ban(struct engine *engine, const struct ban *ban)
{
	struct ledger_entry entry;

	if (!engine->ledger || !ban)
		return;
	entry = (struct ledger_entry){ .kind = LEDGER_BAN,
				       .source = ban_prefix(ban),
				       .since = to_wall(ban->since),
				       .until = to_wall(ban->expires),
				       .earlier = ban->earlier,
				       .reason = ban->reason };
	ledger_begin(engine->ledger, &entry);
	/* who is banned by hand is not spared any more */
	if (ban->reason.limit == LIMIT_OPERATOR)
		ledger_end(engine->ledger, LEDGER_GRACE, &entry.source, LEDGER_REPLACED, entry.since);
}

static void record_entry(struct engine *engine, enum guard_list list, const struct operator_entry *from)
{
	struct ledger_entry entry = { .kind = kind_of(list),
				      .source = from->prefix,
				      .since = to_wall(from->since),
				      .until = to_wall(from->expires),
				      .reason = { .limit = LIMIT_OPERATOR } };

	snprintf(entry.reason.text, sizeof(entry.reason.text), "%s", from->text);
	ledger_begin(engine->ledger, &entry);
}

static void record_grace(void *userdata, const struct prefix *source, usec_t until)
{
	struct engine *engine = userdata;
	struct ledger_entry entry = { .kind = LEDGER_GRACE,
				      .source = *source,
				      .since = to_wall(clock_now()),
				      .until = to_wall(until) };

	ledger_begin(engine->ledger, &entry);
}

/* Blocks have a decision of their own for the journal. */
static void log_listed(const struct guard_op *op, const char *what)
{
	char text[PREFIX_TEXT_MAX];

	if (op->list == GUARD_LIST_ALLOWED)
		log_info("allow list: %s %s", prefix_format(&op->prefix, text), what);
}

void engine_record(struct engine *engine, const struct guard_op *op)
{
	if (!engine->ledger)
		return;
	switch (op->record) {
	case RECORD_BAN:
		engine_record_ban(engine, op->ban);
		break;
	case RECORD_BAN_END:
		ledger_end(engine->ledger, LEDGER_BAN, &op->prefix, end_of(op->end), to_wall(op->now));
		break;
	case RECORD_LISTED:
		log_listed(op, "added");
		record_entry(engine, op->list, op->entry);
		break;
	case RECORD_LISTED_END:
		log_listed(op, op->end == GUARD_END_EXPIRED ? "ended" : "removed");
		ledger_end(engine->ledger, kind_of(op->list), &op->prefix, end_of(op->end),
			   to_wall(op->now));
		break;
	case RECORD_GRACE:
		record_grace(engine, &op->prefix, op->until);
		break;
	}
}

/* --- ledger to guard --- */

/* Observing, nobody is banned: the entry waits in the file, and here for a change of mode. */
static void put_off(struct engine *engine, const struct ledger_entry *entry)
{
	size_t n = engine->n_put_off;
	struct ledger_entry *grown = engine->put_off;

	if (n / 2 >= engine->config->guard.bans.max_bans)
		return;
	if ((n & (n - 1)) == 0)
		grown = reallocarray(engine->put_off, n ? 2 * n : 1, sizeof(*grown));
	if (!grown) {
		log_warning("out of memory: a ban of the ledger is back after a start only");
		return;
	}
	engine->put_off = grown;
	engine->put_off[engine->n_put_off++] = *entry;
}

static void restore_ban(struct engine *engine, const struct ledger_entry *entry)
{
	usec_t now = clock_now(), until = end_from_wall(entry->until);
	char comment[REASON_COMMENT_MAX];
	int r;

	if (engine->config->guard.observe) {
		put_off(engine, entry);
		return;
	}
	r = guard_restore_ban(engine->guard, &entry->source, since_from_wall(entry->since), until,
			      &entry->reason, entry->earlier, now);
	/* loaded late, behind the table */
	if (r == 0 && engine_may_write(engine) && until > now)
		set_writer_add(engine->writer, NFT_SET_BANNED, &entry->source,
			       until == USEC_NEVER ? USEC_NEVER : until - now,
			       reason_format(&entry->reason, comment));
}

void engine_restore_put_off(struct engine *engine)
{
	for (size_t i = 0; i < engine->n_put_off; i++) {
		const struct ledger_entry *entry = &engine->put_off[i];

		/* an operator may have spared it since */
		if (!guard_grace_until(engine->guard, &entry->source, clock_now()))
			restore_ban(engine, entry);
	}
	free(engine->put_off);
	engine->put_off = NULL;
	engine->n_put_off = 0;
}

static void restore_grace(struct engine *engine, const struct ledger_entry *entry)
{
	usec_t now = clock_now(), until = end_from_wall(entry->until);

	guard_restore_grace(engine->guard, &entry->source, until);
	if (engine_may_write(engine) && until > now)
		set_writer_add(engine->writer, NFT_SET_TRUSTED, &entry->source, until - now, NULL);
}

static void restore_listed(struct engine *engine, enum guard_list list, const struct ledger_entry *entry)
{
	struct operator_entry listed = { .prefix = entry->source,
					 .since = since_from_wall(entry->since),
					 .expires = end_from_wall(entry->until) };

	snprintf(listed.text, sizeof(listed.text), "%s", entry->reason.text);
	if (guard_restore_entry(engine->guard, list, &listed) == 0)
		engine->list_dirty[list] = true;
}

static void on_entry(void *userdata, const struct ledger_entry *entry)
{
	struct engine *engine = userdata;

	switch (entry->kind) {
	case LEDGER_BAN:
		restore_ban(engine, entry);
		break;
	case LEDGER_BLOCK:
		restore_listed(engine, GUARD_LIST_BLOCKED, entry);
		break;
	case LEDGER_ALLOW:
		restore_listed(engine, GUARD_LIST_ALLOWED, entry);
		break;
	case LEDGER_GRACE:
		restore_grace(engine, entry);
		break;
	default:
		break;
	}
}

static void on_ended(void *userdata, const struct prefix *source)
{
	struct engine *engine = userdata;

	/* only what is found at start is held against this */
	if (engine->ended && prefix_set_add(engine->ended, source) < 0)
		log_warning("out of memory: an old ban of an unbanned source may come back");
}

static void on_past(void *userdata, const struct ledger_past *past)
{
	struct engine *engine = userdata;
	usec_t now = clock_now(), wall_now = clock_to_wall(now);
	/* of a clock that was set back: no ban ends later than this */
	usec_t latest = wall_now + engine->config->guard.bans.max_duration;

	/* before or after now: right modulo 2^64 */
	guard_restore_past(engine->guard, &past->source, past->bans,
			   now - (wall_now - MIN_OF(past->last_ban, latest)));
}

/* What was adopted from the kernel and is not in the file. */
static void on_loaded(void *userdata)
{
	struct engine *engine = userdata;
	uint32_t cursor = 0;
	struct ban *ban;

	engine->ledger_loaded = true;
	/* at start it follows in its turn */
	if (engine->control && engine_start_mail_logs(engine) < 0)
		log_error("out of memory: the mail logs are not followed");
	while ((ban = ban_table_walk(guard_bans(engine->guard), &cursor)))
		if (ban->adopted)
			engine_record_ban(engine, ban);
}

static void on_snapshot_wanted(void *userdata)
{
	struct engine *engine = userdata;
	uint32_t cursor = 0;
	struct ban *ban;

	/* observing, the file's bans are not ours to end */
	if (engine->config->guard.observe)
		return;
	ledger_snapshot_begin(engine->ledger);
	while ((ban = ban_table_walk(guard_bans(engine->guard), &cursor)))
		engine_record_ban(engine, ban);
	for (int list = 0; list < GUARD_LISTS; list++) {
		const struct operator_list *entries = guard_list(engine->guard, (enum guard_list)list);

		for (uint32_t i = 0; i < operator_list_count(entries); i++)
			record_entry(engine, (enum guard_list)list, operator_list_at(entries, i));
	}
	guard_graces(engine->guard, clock_now(), record_grace, engine);
	ledger_snapshot_end(engine->ledger);
}

static void on_state_changed(void *userdata)
{
	struct engine *engine = userdata;
	struct ledger_stats stats;

	if (!engine->ledger)
		return;
	ledger_stats(engine->ledger, &stats);
	if (strcmp(stats.moved_aside, engine->moved_aside)) {
		snprintf(engine->moved_aside, sizeof(engine->moved_aside), "%s", stats.moved_aside);
		log_warning("the ledger was damaged and is kept as %s; a new one is begun",
			    stats.moved_aside);
	}
	if (stats.state == LEDGER_HEALTHY && engine->ledger_troubled)
		log_info("ledger: healthy again, %u entries wait", stats.queued);
	if (stats.state == LEDGER_HEALTHY)
		engine_read_refused_again(engine);
	engine->ledger_troubled = stats.state == LEDGER_STALLED || stats.state == LEDGER_FAILING;
	if (engine->ledger_troubled)
		log_warning("ledger: %s%s%s; bans are enforced all the same, %u entries wait",
			    ledger_state_name(stats.state), stats.error[0] ? ": " : "", stats.error,
			    stats.queued);
}

int engine_start_ledger(struct engine *engine)
{
	const struct ledger_handlers handlers = { .entry = on_entry,
						  .ended = on_ended,
						  .past = on_past,
						  .loaded = on_loaded,
						  .snapshot_wanted = on_snapshot_wanted,
						  .state_changed = on_state_changed,
						  .places = engine_take_log_places,
						  .account_alert = engine_tell_account_alert,
						  .userdata = engine };
	struct ledger_settings settings = {
		.path = engine->config->ledger_path,
		.keep = engine->config->ledger_keep,
		.forget_after = engine->config->guard.bans.forget_after,
		.account_networks = engine->config->guard.mail.account_networks,
	};
	int r = prefix_set_new(&engine->ended);

	for (int log = 0; log < MAIL_LOGS; log++)
		settings.log_paths[log] = engine->log_paths[log];

	if (r == 0)
		r = ledger_open(&engine->ledger, engine->event, &settings, &handlers);
	if (r < 0)
		return r;
	if (!ledger_wait_loaded(engine->ledger, LOAD_PATIENCE))
		log_warning("the ledger is slow to load: starting with the kernel's bans, its own come "
			    "later");
	return 0;
}
