// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the daemon says about itself in `status`.
 */
#include <errno.h>
#include <string.h>

#include "smtpguard/base/escape.h"

#include "cli_priv.h"
#include "doctor_priv.h"

/* What the daemon asks for at start, as the kernel counts it (doubled). */
#define RECEIVE_BUFFER_WANTED (8 << 20)

static const char *text_at(const json_t *object, const char *key,
			   char text[static FINDING_TEXT_MAX])
{
	const char *value = json_string_value(json_object_get(object, key));

	return escape(text, FINDING_TEXT_MAX, value ? value : "", value ? strlen(value) : 0);
}

static long long number_at(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

static bool true_at(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static void check_absent(struct doctor *doctor)
{
	const int error = -doctor->status_error;
	const char *path = doctor->socket_path;

	if (error == EACCES || error == EPERM)
		find(doctor, FINDING_DAEMON_NO_PERMISSION, "no permission for %s", path);
	else if (error == EBADMSG)
		find(doctor, FINDING_DAEMON_NO_ANSWER, "what answers at %s is not smtpguardd",
		     path);
	else if (error == EAGAIN || error == ECONNRESET || error == EPIPE)
		find(doctor, FINDING_DAEMON_NO_ANSWER, "the daemon at %s does not answer", path);
	else
		find(doctor, FINDING_DAEMON_STOPPED,
		     "the daemon is not running: no answer at %s: %s", path, strerror(error));
	if (doctor->config && strcmp(doctor->config->control_path, path) != 0)
		advise(doctor, "smtpguard -s %.200s doctor, as the configuration says; else %s",
		       doctor->config->control_path, "systemctl enable --now smtpguard");
}

static void check_mode(struct doctor *doctor)
{
	const json_t *status = doctor->status;
	const char *mode = json_string_value(json_object_get(status, "mode"));
	char text[FINDING_TEXT_MAX], up[SPAN_TEXT_MAX], version[FINDING_TEXT_MAX];
	long long uptime = number_at(status, "uptime_s");

	text_at(status, "version", version);
	find(doctor, FINDING_DAEMON, "smtpguardd %.40s answers; mode %.20s, started %s ago",
	     version, text_at(status, "mode", text),
	     span_format(MAX_OF(uptime, 0), up));
	if (strcmp(version, doctor->version) != 0)
		find(doctor, FINDING_DAEMON_OTHER_VERSION, "the daemon is %.40s, the command %s",
		     version, doctor->version);
	if (mode && strcmp(mode, "observe") == 0) {
		find(doctor, FINDING_MODE_OBSERVE, "mode is observe%s",
		     true_at(status, "mode_ordered") ? ", by an operator's order" : "");
		if (true_at(status, "mode_ordered"))
			advise(doctor, "smtpguard mode enforce");
	} else if (!true_at(status, "enforcing")) {
		text_at(status, "unenforceable", text);
		find(doctor, FINDING_NOT_ENFORCING, "mode is enforce, but nothing is enforced%s%s",
		     *text ? ": " : "", text);
	}
}

static void check_events(struct doctor *doctor)
{
	const json_t *events = json_object_get(doctor->status, "events");
	const long long losses = number_at(events, "losses");
	const long long buffer = number_at(events, "receive_buffer_bytes");

	if (losses)
		find(doctor, FINDING_EVENTS_LOST,
		     "the kernel's event buffer overflowed %lld times since "
		     "start; %lld dumps put the counts right",
		     losses, number_at(events, "resyncs"));
	if (buffer && buffer < RECEIVE_BUFFER_WANTED)
		find(doctor, FINDING_RECEIVE_BUFFER_SMALL,
		     "the buffer for the kernel's events has %lld bytes, wanted: at least %d",
		     buffer, RECEIVE_BUFFER_WANTED);
}

static void check_features(struct doctor *doctor)
{
	static const struct {
		const char *key, *words;
	} features[] = {
		{ "queue", "nft queue: reverse_dns = \"require\" cannot hold packets" },
		{ "element_counters", "counters of set elements: bans show no packet counts" },
		{ "timeout_update", "updates of timeouts: bans are replaced instead of prolonged" },
		{ "interval_timeouts",
		  "timeouts in interval sets: the daemon ends blocks of networks" },
		{ "sock_destroy",
		  "SOCK_DESTROY: connections of a banned source stay until they end" },
		{ "ct_filter", "filtered conntrack dumps: reconciling reads the whole table" },
	};
	const json_t *kernel = json_object_get(doctor->status, "kernel");

	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (json_is_false(json_object_get(kernel, features[i].key)))
			find(doctor, FINDING_KERNEL_FEATURE, "this kernel lacks %s",
			     features[i].words);
}

static void check_parts(struct doctor *doctor)
{
	const json_t *resolver = json_object_get(doctor->status, "resolver");
	const json_t *ledger = json_object_get(doctor->status, "ledger");
	const json_t *gate = json_object_get(doctor->status, "gate");
	const char *state = json_string_value(json_object_get(ledger, "state"));
	char text[FINDING_TEXT_MAX], error[FINDING_TEXT_MAX];

	if (resolver && !true_at(resolver, "running"))
		find(doctor, FINDING_RESOLVER_DOWN,
		     "the resolver is not running; started %lld times",
		     number_at(resolver, "starts"));
	else if (resolver && !true_at(resolver, "healthy"))
		find(doctor, FINDING_RESOLVER_NO_ANSWER,
		     "DNS does not answer: %lld of %lld lookups failed",
		     number_at(resolver, "failed"), number_at(resolver, "asked"));
	/* reading it at start takes a moment and is no failure */
	if (ledger &&
	    (!state || (strcmp(state, "healthy") != 0 && strcmp(state, "loading") != 0))) {
		text_at(ledger, "error", error);
		find(doctor, FINDING_LEDGER_FAILING,
		     "the ledger is %.40s%s%.300s; %lld entries wait",
		     state ? text_at(ledger, "state", text) : "missing", *error ? ": " : "", error,
		     number_at(ledger, "queued"));
	}
	if (true_at(gate, "wanted") && !true_at(gate, "active"))
		find(doctor, FINDING_GATE_OFF, "the gate is off: %.400s",
		     text_at(gate, "off", text));
}

/* Problems that have a finding of their own, by their texts. */
static bool is_covered(const char *text)
{
	static const char *const beginnings[] = {
		"the resolver is not running",
		"DNS does not answer",
		"the gate is off,",
		"the ledger's disk does not answer",
		"the ledger cannot be written",
		"there is no ledger",
		"the ledger is still being read",
		"sysctl net.netfilter.nf_conntrack_events",
		"bans are not enforced,",
		"the kernel cannot close connections",
		"the mail logs are not followed yet",
		"smtpguard-maillog is not running",
		"cannot read ",
		"there is no /",
		"somebody writes lines into the mail logs",
		"the stamps of ",
	};
	/* they begin with a number, or with a path */
	static const char *const parts[] = {
		" is read with a lag of ",
		" before it was read to its end, ",
		" of the mail logs look",
		" of Exim's log came without the client's port ",
		" since start could be read in several ways, ",
		" not take the facts of the mail logs: ",
		" kept without account and address",
	};

	for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++)
		if (strncmp(text, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strstr(text, parts[i]))
			return true;
	return false;
}

static void check_problems(struct doctor *doctor)
{
	const json_t *problem;
	size_t i;

	json_array_foreach(json_object_get(doctor->status, "problems"), i, problem)
	{
		const char *words = json_string_value(problem);
		char text[FINDING_TEXT_MAX];

		if (words && !is_covered(words))
			find(doctor, FINDING_DAEMON_PROBLEM, "%s",
			     escape_once(text, sizeof(text), words, strlen(words)));
	}
}

void doctor_check_daemon(struct doctor *doctor)
{
	if (!doctor->status) {
		check_absent(doctor);
		return;
	}
	check_mode(doctor);
	check_parts(doctor);
	check_events(doctor);
	check_problems(doctor);
	check_features(doctor);
}
