// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How well it works: events, the resolver, the kernel's sets, the ledger, the tables.
 */
#include "metrics_priv.h"

void metrics_conntrack(FILE *out, const struct status_facts *facts)
{
	const struct conntrack_stats *conntrack = &facts->conntrack;
	const struct guard_stats *guard = &facts->guard;

	METRICS(out,
		{ METRIC_COUNTER, "conntrack_events", "Conntrack messages of guarded ports.",
		  conntrack->events },
		{ METRIC_COUNTER, "conntrack_losses",
		  "Overruns of the event buffer, each an unknown number of lost messages.",
		  conntrack->losses },
		{ METRIC_COUNTER, "conntrack_malformed", "Messages that could not be read.",
		  conntrack->malformed },
		{ METRIC_COUNTER, "conntrack_dumps", "Complete readings of the connection table.",
		  conntrack->dumps },
		{ METRIC_COUNTER, "conntrack_dump_failures", "Readings that did not end well.",
		  conntrack->dump_failures },
		{ METRIC_COUNTER, "conntrack_resyncs", "Readings because of a loss.",
		  conntrack->resyncs },
		{ METRIC_GAUGE, "conntrack_receive_buffer_bytes", "Of the socket for events.",
		  conntrack->receive_buffer_bytes },
		{ METRIC_GAUGE, "counts_in_doubt",
		  "1: counts may be wrong until the next complete reading.", guard->in_doubt });
	metrics_parts(out,
		      &(struct metric){ METRIC_COUNTER, "conntrack_drift",
					"Connections that a reading found otherwise than counted.",
					0 },
		      "kind",
		      PARTS({ "added", guard->drift_added }, { "changed", guard->drift_changed },
			    { "removed", guard->drift_removed }));
	metrics_seconds(out, "conntrack_last_sync_timestamp_seconds",
			"End of the last complete reading, since 1970; 0: none yet.",
			conntrack->last_sync ? clock_to_wall(conntrack->last_sync) : 0);
}

void metrics_resolver(FILE *out, const struct status_facts *facts)
{
	const struct name_table_stats *names = &facts->names;

	METRICS(out,
		{ METRIC_GAUGE, "resolver_running", "1: the worker runs.",
		  facts->resolver.running },
		{ METRIC_GAUGE, "resolver_healthy", "1: lookups are answered.", names->healthy },
		{ METRIC_GAUGE, "resolver_questions_in_flight", "Questions under way.",
		  names->in_flight },
		{ METRIC_COUNTER, "resolver_questions", "Questions sent.", names->asked },
		{ METRIC_COUNTER, "resolver_failures", "Questions without an authoritative answer.",
		  names->failed },
		{ METRIC_COUNTER, "resolver_deferred",
		  "Questions put off because too many were under way.", names->refused_in_flight },
		{ METRIC_COUNTER, "resolver_cache_hits", "Questions that the cache saved.",
		  names->cache_hits },
		{ METRIC_COUNTER, "resolver_starts", "Starts of the worker.",
		  facts->resolver.starts },
		{ METRIC_COUNTER, "resolver_bad_messages",
		  "Messages of the worker that were not valid.", facts->resolver.bad_messages });
	metrics_family(out, METRIC_COUNTER, "resolver_answers",
		       "Answers, by the state they led to.");
	for (unsigned i = 0; i < PTR_STATES; i++)
		metrics_sample(out, METRIC_COUNTER, "resolver_answers", "kind",
			       ptr_state_name((enum ptr_state)i), names->states[i]);
}

static void add_upkeep(FILE *out, const struct status_facts *facts)
{
	const struct reconcile_facts *reconcile = &facts->reconcile;
	const struct socket_closer_stats *closer = &facts->closer;

	METRICS(out,
		{ METRIC_COUNTER, "foreign_changes",
		  "Transactions of others that touched the table.", facts->watcher.foreign_ours },
		{ METRIC_COUNTER, "repairs", "Repairs of the table after such changes.",
		  reconcile->repairs },
		{ METRIC_COUNTER, "audits", "Readings of the kernel's sets.",
		  facts->auditor.audits },
		{ METRIC_COUNTER, "ruleset_loads", "Times that the whole table was loaded.",
		  reconcile->tables_loaded },
		{ METRIC_COUNTER, "ruleset_load_failures", "Times that it could not be loaded.",
		  reconcile->load_failures },
		{ METRIC_COUNTER, "closed_sockets", "Connections of banned sources closed.",
		  closer->sockets_closed },
		{ METRIC_COUNTER, "close_failures", "Connections that could not be closed.",
		  closer->failures },
		{ METRIC_COUNTER, "close_skipped_sources",
		  "Banned sources whose connections were left alone, too many at once.",
		  closer->skipped_sources });
	metrics_parts(out,
		      &(struct metric){ METRIC_COUNTER, "set_drift",
					"Elements that repairs and audits put right.", 0 },
		      "kind",
		      PARTS({ "added", reconcile->elements_restored + facts->guard.audit_added },
			    { "removed",
			      reconcile->elements_removed + facts->guard.audit_deleted }));
}

void metrics_kernel(FILE *out, const struct status_facts *facts)
{
	const struct set_writer_stats *writer = &facts->writer;

	METRICS(out,
		{ METRIC_GAUGE, "ruleset_loaded", "1: table inet smtpguard is loaded.",
		  !facts->kernel->ruleset_error },
		{ METRIC_COUNTER, "kernel_batches", "Transactions sent to the sets.",
		  writer->batches },
		{ METRIC_COUNTER, "kernel_failed_batches",
		  "Transactions that failed and were tried again element by element.",
		  writer->failed_batches });
	metrics_parts(out,
		      &(struct metric){ METRIC_COUNTER, "kernel_elements",
					"Elements written to the sets, by what became of them.", 0 },
		      "kind",
		      PARTS({ "added", writer->elements_added },
			    { "deleted", writer->elements_deleted },
			    { "refused", writer->refused_elements }));
	metrics_seconds(out, "kernel_last_batch_seconds",
			"From the last batch's first element to the kernel's answer.",
			writer->last_latency);
	add_upkeep(out, facts);
}

void metrics_ledger(FILE *out, const struct status_facts *facts)
{
	const struct ledger_stats *ledger = &facts->ledger;

	METRICS(out,
		{ METRIC_GAUGE, "ledger_healthy", "1: there is a ledger, and it can be written.",
		  facts->has_ledger && ledger->state == LEDGER_HEALTHY },
		{ METRIC_GAUGE, "ledger_queued_entries", "Entries that wait for the disk.",
		  ledger->queued },
		{ METRIC_COUNTER, "ledger_written_entries", "Entries written.", ledger->written },
		{ METRIC_COUNTER, "ledger_dropped_entries",
		  "Entries lost because too many waited.", ledger->dropped },
		{ METRIC_COUNTER, "ledger_failures", "Attempts to write that failed.",
		  ledger->failures });
	metrics_family(out, METRIC_GAUGE, "ledger_state", "1: this is the ledger's state.");
	for (unsigned i = 0; i < LEDGER_STATES; i++)
		metrics_sample(out, METRIC_GAUGE, "ledger_state", "kind",
			       ledger_state_name((enum ledger_state)i),
			       facts->has_ledger && ledger->state == i);
	metrics_seconds(out, "ledger_slowest_write_seconds", "The slowest write.",
			ledger->slowest_write);
}

void metrics_tables(FILE *out, const struct status_facts *facts)
{
	const struct guard_stats *guard = &facts->guard;
	const struct source_table_stats *sources = &facts->sources;

	metrics_parts(out,
		      &(struct metric){ METRIC_GAUGE, "table_entries",
					"Entries of the bounded tables.", 0 },
		      "kind",
		      PARTS({ "flows", guard->flows }, { "sources", sources->entries },
			    { "names", facts->names.entries }));
	metrics_parts(out,
		      &(struct metric){ METRIC_GAUGE, "table_capacity", "Entries that fit.", 0 },
		      "kind",
		      PARTS({ "flows", facts->settings->max_flows },
			    { "sources", sources->capacity },
			    { "names", facts->settings->names.cache }));
	metrics_parts(out,
		      &(struct metric){ METRIC_COUNTER, "table_evicted",
					"Entries that made room for others.", 0 },
		      "kind",
		      PARTS({ "flows", guard->flows_evicted }, { "sources", sources->evicted },
			    { "names", facts->names.evicted }));
	metrics_parts(out,
		      &(struct metric){ METRIC_COUNTER, "table_refused",
					"Connections that were not tracked or not counted.", 0 },
		      "kind",
		      PARTS({ "flows", guard->flows_full }, { "sources", sources->refused },
			    { "windows", sources->windows_full }));
	METRICS(out, { METRIC_COUNTER, "table_forgotten_sources",
		       "Sources with connections that made room: their counts were lost for a while.",
		       sources->evicted_counting });
}
