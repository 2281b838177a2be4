// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `metrics`: the numbers of `status` that an alarm or a graph is made from, as OpenMetrics text. Sources
 * are never labels: their number has no bound that a time series database would like.
 */
#include <stdlib.h>

#include "metrics_priv.h"

static void add_identity(FILE *out, const struct report_inputs *inputs,
			 const struct control_stats *control)
{
	/* a gauge, not an info: the node exporter's collector of text files knows no such type */
	metrics_family(out, METRIC_GAUGE, "build_info", "The version that runs, as a label.");
	fprintf(out, "smtpguard_build_info{version=\"%s\"} 1\n", inputs->version);
	metrics_seconds(out, "start_time_seconds", "When the daemon started, since 1970.",
			control->started_wall);
}

static int add_health(FILE *out, const struct report_inputs *inputs,
		      const struct status_facts *facts)
{
	json_t *problems = status_problems(facts);
	uint64_t n = json_array_size(problems);

	if (!problems)
		return -1;
	json_decref(problems);
	METRICS(out,
		{ METRIC_GAUGE, "healthy", "1: status tells no problems.", n == 0 },
		{ METRIC_GAUGE, "problems", "Problems that status tells.", n },
		{ METRIC_GAUGE, "enforcing", "1: bans are put into the kernel.",
		  status_is_enforcing(facts) },
		{ METRIC_GAUGE, "observing", "1: the mode is observe.", facts->settings->observe },
		{ METRIC_GAUGE, "mode_ordered",
		  "1: the mode is an operator's order, not the configuration's.",
		  *inputs->mode_ordered });
	return 0;
}

static void add_control(FILE *out, const struct control_stats *control)
{
	METRICS(out,
		{ METRIC_GAUGE, "control_clients", "Connections to the control socket.",
		  control->clients },
		{ METRIC_GAUGE, "control_subscribers", "Of those: of events.",
		  control->subscribers },
		{ METRIC_COUNTER, "control_commands", "Commands read.", control->commands });
	metrics_parts(out,
		      &(struct metric){ METRIC_COUNTER, "control_dropped_clients",
					"Connections that were refused or dropped, by reason.", 0 },
		      "kind",
		      PARTS({ "too_many", control->refused_clients },
			    { "long_line", control->long_lines },
			    { "slow", control->slow_clients }));
}

static int write_all(FILE *out, const struct report_inputs *inputs,
		     const struct control_stats *control, usec_t now)
{
	struct status_facts facts = { 0 };

	status_gather(inputs, now, &facts);
	add_identity(out, inputs, control);
	if (add_health(out, inputs, &facts) < 0)
		return -1;
	metrics_services(out, &facts);
	metrics_decisions(out, &facts);
	metrics_bans(out, &facts);
	metrics_gate(out, &facts);
	metrics_mail(out, &facts);
	metrics_conntrack(out, &facts);
	metrics_resolver(out, &facts);
	metrics_kernel(out, &facts);
	metrics_ledger(out, &facts);
	metrics_tables(out, &facts);
	add_control(out, control);
	fputs("# EOF\n", out);
	return ferror(out) ? -1 : 0;
}

json_t *report_metrics(const struct report_inputs *inputs, const struct control_stats *control,
		       usec_t now)
{
	json_t *answer = NULL;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	int r;

	if (!out)
		return NULL;
	r = write_all(out, inputs, control, now);
	if (fclose(out) == 0 && r == 0)
		answer = json_pack("{s:b, s:s}", "ok", 1, "text", text);
	free(text);
	return answer;
}
