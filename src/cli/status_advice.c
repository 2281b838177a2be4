// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "status_priv.h"

#define LOOK_DEEPER "smtpguard doctor"

/* What the daemon's sentences contain, the worst first. */
static const struct {
	const char *part, *action;
} rules[] = {
	{ "flush --all", "smtpguard reload" },
	{ "table inet smtpguard is not loaded", "smtpguard reload; if it stays: " LOOK_DEEPER },
	{ "nf_conntrack_events is 0", "sysctl -w net.netfilter.nf_conntrack_events=1" },
	{ "not enforced", LOOK_DEEPER },
	{ "dump of the connection table", LOOK_DEEPER },
	{ "resolver is not running", "journalctl -u smtpguard -n 50" },
	{ "DNS does not answer", LOOK_DEEPER ", and look at /etc/resolv.conf" },
	{ "the gate is off", LOOK_DEEPER },
	{ "bans.max_per_minute",
	  "smtpguard top: an attack, or limits that are too low for this host" },
	{ "bans.max_bans", "raise bans.max_bans, or block whole networks: smtpguard ban ADDR/LEN" },
	{ "sources.max_", "raise sources.max_sources and sources.max_flows" },
	{ "ledger cannot be written", "df -h /var/lib/smtpguard" },
	{ "the ledger's disk does not answer", "dmesg | tail, and see what keeps the disk busy" },
	{ "smtpguard-maillog is not running", "journalctl -u smtpguard -n 50" },
	{ "the stamps of ", LOOK_DEEPER },
	{ "is read with a lag of", "wait, if it began to read just now; else: top" },
	{ "came without the client's port",
	  "add +incoming_port to log_selector in Exim's configuration" },
	{ "are not in the kernel's sets", "wait a minute; if it stays: " LOOK_DEEPER },
	{ "somebody else changed", "nothing, if a firewall was restarted; else: nft monitor" },
};

struct advice advice_find(const json_t *problems)
{
	struct advice advice = { NULL, NULL };
	size_t best = ARRAY_SIZE(rules), i;
	const json_t *problem;

	json_array_foreach(problems, i, problem) {
		const char *text = json_string_value(problem);
		size_t k = 0;

		if (!text)
			continue;
		while (k < ARRAY_SIZE(rules) && !strstr(text, rules[k].part))
			k++;
		if (advice.problem && k >= best)
			continue;
		best = k;
		advice.problem = text;
		advice.action = k < ARRAY_SIZE(rules) ? rules[k].action : LOOK_DEEPER;
	}
	return advice;
}
