// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The parts of `status` about what keeps bans true: the kernel's table, live connections, the ledger.
 */
#include "report_priv.h"
#include "report_status_priv.h"

static json_t *age_of(usec_t moment, usec_t now)
{
	if (!moment)
		return json_null();
	return json_integer(now > moment ? (json_int_t)((now - moment) / USEC_PER_SEC) : 0);
}

static json_t *text_or_null(const char *text)
{
	return text[0] ? json_string(text) : json_null();
}

json_t *status_reconcile(const struct status_facts *facts)
{
	const struct reconcile_facts *reconcile = &facts->reconcile;
	const struct guard_stats *guard = &facts->guard;
	json_t *object = NUMBERS(
		{ "foreign_changes", facts->watcher.foreign_ours },
		{ "repairs", reconcile->repairs },
		{ "elements_added", reconcile->elements_restored + guard->audit_added },
		{ "elements_removed", reconcile->elements_removed + guard->audit_deleted },
		{ "tables_loaded", reconcile->tables_loaded },
		{ "load_failures", reconcile->load_failures }, { "audits", facts->auditor.audits },
		{ "slowest_repair_us", reconcile->slowest_repair });

	return report_with(object, "last_repair_age_s",
			   age_of(reconcile->last_repair, facts->now));
}

json_t *status_closer(const struct status_facts *facts)
{
	const struct socket_closer_stats *closer = &facts->closer;
	json_t *object = NUMBERS({ "sockets_closed", closer->sockets_closed },
				 { "entries_deleted", closer->entries_deleted },
				 { "failures", closer->failures },
				 { "skipped_sources", closer->skipped_sources },
				 { "last_latency_us", closer->last_latency });

	return report_with(object, "supported",
			   facts->has_closer ? json_boolean(closer->supported) : json_null());
}

json_t *status_ledger(const struct status_facts *facts)
{
	const struct ledger_stats *ledger = &facts->ledger;
	json_t *object = NUMBERS({ "written", ledger->written }, { "dropped", ledger->dropped },
				 { "queued", ledger->queued }, { "failures", ledger->failures },
				 { "snapshots", ledger->snapshots },
				 { "slowest_write_us", ledger->slowest_write });

	object = report_with(object, "state",
			     facts->has_ledger ? json_string(ledger_state_name(ledger->state)) :
						 json_null());
	object = report_with(object, "error", text_or_null(ledger->error));
	object = report_with(object, "moved_aside", text_or_null(ledger->moved_aside));
	return report_with(object, "last_write_age_s", age_of(ledger->last_write, facts->now));
}
