// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who else filters on this host, and what its rules do to the mail ports. Recognised by files, and
 * by tables and chains in the kernel where those may be read.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor_priv.h"

struct firewall {
	enum finding_kind kind;
	const char *name;
	const char *files[3]; /* any of them: it is there */
	const char *table;    /* how its tables or chains begin; NULL: no such sign */
	const char *chain;
	bool runs_with_files; /* the files are there only while it runs */
};

static const struct firewall firewalls[] = {
	{ FINDING_FIREWALLD, "firewalld",
	  { "/run/firewalld.pid", "/var/run/firewalld.pid" }, "firewalld", NULL, true },
	{ FINDING_CPANEL_HOST_ACCESS, "cPanel's Host Access Control",
	  { NULL }, NULL, "cPanel-HostAccessControl", true },
	{ FINDING_CPHULK, "cPHulk",
	  { "/var/cpanel/hulkd/enabled" }, NULL, "cphulk", true },
	{ FINDING_IMUNIFY360, "Imunify360",
	  { "/usr/bin/imunify360-agent" }, NULL, "INPUT_imunify360", false },
	{ FINDING_FAIL2BAN, "fail2ban",
	  { "/run/fail2ban/fail2ban.sock", "/var/run/fail2ban/fail2ban.sock" },
	  "f2b-table", "f2b-", true },
	{ FINDING_CROWDSEC, "CrowdSec's firewall bouncer",
	  { "/etc/crowdsec/bouncers/crowdsec-firewall-bouncer.yaml" },
	  "crowdsec", "CROWDSEC_CHAIN", false },
	{ FINDING_UFW, "ufw", { NULL }, NULL, "ufw-before-input", true },
};

static bool begins(const char *text, const char *beginning)
{
	return beginning && strncmp(text, beginning, strlen(beginning)) == 0;
}

static const struct ruleset_chain *chain_of(const struct doctor *doctor,
					    const struct firewall *firewall)
{
	for (size_t i = 0; !doctor->ruleset_error && i < doctor->ruleset.n_chains; i++) {
		const struct ruleset_chain *chain = &doctor->ruleset.chains[i];

		if (begins(chain->table, firewall->table) || begins(chain->name, firewall->chain))
			return chain;
	}
	return NULL;
}

static void check_firewall(struct doctor *doctor, const struct firewall *firewall)
{
	const struct ruleset_chain *chain = chain_of(doctor, firewall);

	if (chain) {
		find(doctor, firewall->kind, "%s is active: chain %s in table %s %s",
		     firewall->name, chain->name, chain->family, chain->table);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(firewall->files) && firewall->files[i]; i++) {
		if (!doctor_exists(doctor, firewall->files[i]))
			continue;
		find(doctor, firewall->kind, "%s is %s: %s", firewall->name,
		     firewall->runs_with_files ? "active" : "installed", firewall->files[i]);
		return;
	}
}

/* "25, 587 (connlimit, recent)". */
static void describe(const struct doctor *doctor, const struct ruleset_chain *chain,
		     char text[static FINDING_TEXT_MAX])
{
	static const char *const words[] = { "connection limit", "recent", "rate limit",
					     "refusal" };
	const struct ruleset_view *view = &doctor->ruleset;
	const char *comma = "";
	size_t used = 0;

	for (unsigned i = 0; i < view->n_ports && used < FINDING_TEXT_MAX / 2; i++) {
		if (!(chain->mail_ports >> i & 1))
			continue;
		used += (size_t)snprintf(text + used, FINDING_TEXT_MAX - used, "%s%u", comma,
					 view->ports[i]);
		comma = ", ";
	}
	comma = " (";
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		if (!(chain->mail_actions >> i & 1))
			continue;
		used += (size_t)snprintf(text + used, FINDING_TEXT_MAX - used, "%s%s", comma,
					 words[i]);
		comma = ", ";
	}
	snprintf(text + used, FINDING_TEXT_MAX - used, ")");
}

static void check_chain(struct doctor *doctor, const struct ruleset_chain *chain)
{
	const char *bits = strcmp(chain->family, "ip6") == 0 ? "6" : "";
	const bool iptables = begins(chain->family, "ip");
	char text[FINDING_TEXT_MAX];

	/* what only this host's own programs meet is none of ours */
	if (!(chain->reach & REACH_INCOMING))
		return;
	if (chain->mail_rules) {
		describe(doctor, chain, text);
		find(doctor, FINDING_MAIL_RULES,
		     "table %s %s, chain %s: %" PRIu32 " rule%s about port %s", chain->family,
		     chain->table, chain->name, chain->mail_rules,
		     chain->mail_rules == 1 ? "" : "s", text);
	} else if (chain->source_drops) {
		find(doctor, FINDING_SOURCE_DROPS,
		     "table %s %s, chain %s: %" PRIu32
		     " rule%s that refuse%s a source on every port",
		     chain->family, chain->table, chain->name, chain->source_drops,
		     chain->source_drops == 1 ? "" : "s", chain->source_drops == 1 ? "s" : "");
	} else {
		return;
	}
	if (iptables)
		advise(doctor, "ip%stables -t %s -S %s; delete them where they come from", bits,
		       chain->table, chain->name);
	else
		advise(doctor, "nft list chain %s %s %s; delete them where they come from",
		       chain->family, chain->table, chain->name);
}

static void check_ruleset(struct doctor *doctor)
{
	const struct ruleset_view *view = &doctor->ruleset;

	if (doctor->ruleset_error) {
		find(doctor, FINDING_RULESET_NOT_CHECKED,
		     "the kernel's ruleset was not checked: %s",
		     doctor->ruleset_error == -EPERM ? "not root"
						     : strerror(-doctor->ruleset_error));
		return;
	}
	find(doctor, FINDING_RULESET,
	     "the kernel's ruleset has %" PRIu32 " table%s, with %zu foreign "
	     "chains",
	     view->n_tables, view->n_tables == 1 ? "" : "s", view->n_chains);
	for (size_t i = 0; i < view->n_chains; i++)
		check_chain(doctor, &view->chains[i]);
}

/* Tables of the time before nftables, as their modules list them. */
static void check_legacy(struct doctor *doctor)
{
	static const char *const lists[] = { "/proc/net/ip_tables_names",
					     "/proc/net/ip6_tables_names" };
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		if (doctor_read(doctor, lists[i], 256, &text) < 0)
			continue;
		if (*doctor_trim(text)) {
			text[strcspn(text, "\n")] = '\0';
			find(doctor, FINDING_IPTABLES_LEGACY,
			     "iptables-legacy has tables: %s in %s", text, lists[i]);
		}
		free(text);
	}
}

void doctor_check_firewalls(struct doctor *doctor)
{
	check_ruleset(doctor);
	for (size_t i = 0; i < ARRAY_SIZE(firewalls); i++)
		check_firewall(doctor, &firewalls[i]);
	check_legacy(doctor);
}
