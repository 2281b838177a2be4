// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules that are on disk: CSF's settings, saved rulesets of nft and iptables.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"

#include "doctor_priv.h"

#define SAVED_BYTES_MAX (8 * 1024 * 1024)

/* Whether text has one of the guarded ports as a number of its own. */
static bool has_guarded_port(const struct doctor *doctor, const char *text)
{
	uint16_t ports[GUARDED_PORTS_MAX];
	unsigned n = doctor_ports(doctor, ports);
	char number[8];

	for (unsigned i = 0; i < n; i++) {
		snprintf(number, sizeof(number), "%u", ports[i]);
		if (doctor_has_word(text, number))
			return true;
	}
	return false;
}

/* --- CSF --- */

/* Whether a list of CSF, `PORT;..,PORT;..`, begins an entry with a guarded port. */
static bool limits_guarded_port(const struct doctor *doctor, const char *value)
{
	for (; *value; value += strspn(value, ", ")) {
		char entry[32] = "";

		memcpy(entry, value, MIN_OF(strcspn(value, ";,"), sizeof(entry) - 1));
		if (has_guarded_port(doctor, entry))
			return true;
		value += strcspn(value, ",");
	}
	return false;
}

struct csf {
	char connection_limit[16], connection_ports[128];
};

/* NAME = "value", as CSF writes it. NULL: another line. */
static char *csf_value(char *line, const char **ret_name)
{
	char *value = strchr(line, '=');
	char *end;

	if (!value || *line == '#')
		return NULL;
	*value++ = '\0';
	*ret_name = doctor_trim(line);
	value = doctor_trim(value);
	end = *value == '"' ? strchr(value + 1, '"') : NULL;
	if (!end)
		return NULL;
	*end = '\0';
	return value + 1;
}

static void take_csf_setting(struct doctor *doctor, struct csf *csf, const char *name,
			     const char *value)
{
	char shown[128];

	if (strcmp(name, "CT_LIMIT") == 0)
		snprintf(csf->connection_limit, sizeof(csf->connection_limit), "%s", value);
	else if (strcmp(name, "CT_PORTS") == 0)
		snprintf(csf->connection_ports, sizeof(csf->connection_ports), "%s", value);
	else if ((strcmp(name, "PORTFLOOD") == 0 || strcmp(name, "CONNLIMIT") == 0) &&
		 limits_guarded_port(doctor, value))
		find(doctor, FINDING_CSF_LIMITS, "%s = \"%s\" in /etc/csf/csf.conf", name,
		     escape(shown, sizeof(shown), value, strlen(value)));
}

void doctor_check_csf(struct doctor *doctor)
{
	struct csf csf = { .connection_limit = "0" };
	char *text, *cursor, *line, *value;
	const char *name;
	bool enabled = !doctor_exists(doctor, "/etc/csf/csf.disable");

	if (!doctor_exists(doctor, "/etc/csf/csf.conf"))
		return;
	find(doctor, FINDING_CSF, "CSF is installed%s: /etc/csf/csf.conf",
	     enabled ? "" : ", but disabled");
	if (!enabled || doctor_read(doctor, "/etc/csf/csf.conf", DOCTOR_FILE_BYTES_MAX, &text) < 0)
		return;
	for (cursor = text; (line = doctor_line(&cursor));) {
		value = csf_value(doctor_trim(line), &name);
		if (value)
			take_csf_setting(doctor, &csf, name, value);
	}
	free(text);
	/* no ports: it counts them all */
	if (strtoul(csf.connection_limit, NULL, 10) > 0 &&
	    (!csf.connection_ports[0] || has_guarded_port(doctor, csf.connection_ports)))
		find(doctor, FINDING_CSF_LIMITS, "CT_LIMIT = %lu in /etc/csf/csf.conf",
		     strtoul(csf.connection_limit, NULL, 10));
}

/* --- saved rulesets --- */

static bool contains_line(const char *text, const char *beginning)
{
	for (const char *found = text; (found = strstr(found, beginning)); found++)
		if (found == text || found[-1] == '\n')
			return true;
	return false;
}

static void check_nft_file(struct doctor *doctor, const char *path)
{
	char *text;

	if (doctor_read(doctor, path, SAVED_BYTES_MAX, &text) < 0)
		return;
	if (contains_line(text, "table inet smtpguard")) {
		find(doctor, FINDING_SAVED_RULESET_STALE,
		     "%s holds a saved copy of table inet smtpguard", path);
	}
	if (strstr(text, " xt match ") || strstr(text, " xt target ") || strstr(text, "# xt_")) {
		find(doctor, FINDING_SAVED_RULESET_BROKEN,
		     "%s holds rules that only iptables can load", path);
		advise(doctor, "nft -c -f %s; systemctl is-enabled nftables", path);
	}
	free(text);
}

static bool is_mail_rule(const struct doctor *doctor, char *line)
{
	static const char *const actions[] = { "connlimit", "recent", "hashlimit", "DROP",
					       "REJECT" };
	const char *ports;

	if (strncmp(line, "-A ", 3) != 0 || strncmp(line, "-A OUTPUT", 9) == 0)
		return false;
	ports = strstr(line, "--dport");
	if (!ports)
		return false;
	ports = strchr(ports, ' ');
	if (!ports)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		char value[128];

		if (!doctor_has_word(line, actions[i]))
			continue;
		ports += strspn(ports, " ");
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(ports, " "), ports);
		return has_guarded_port(doctor, value);
	}
	return false;
}

static void check_iptables_file(struct doctor *doctor, const char *path)
{
	char *text, *cursor, *line;
	unsigned n = 0;

	if (doctor_read(doctor, path, SAVED_BYTES_MAX, &text) < 0)
		return;
	for (cursor = text; (line = doctor_line(&cursor));)
		n += is_mail_rule(doctor, line);
	free(text);
	if (!n)
		return;
	find(doctor, FINDING_MAIL_RULES_SAVED, "%s holds %u rule%s that limit or refuse mail ports",
	     path, n, n == 1 ? "" : "s");
	advise(doctor, "grep -n -E -w '25|465|587' %s; delete them there when smtpguard enforces",
	       path);
}

void doctor_check_saved_rules(struct doctor *doctor)
{
	static const char *const nft_files[] = { "/etc/sysconfig/nftables.conf",
						 "/etc/nftables.conf" };
	static const char *const iptables_files[] = {
		"/etc/sysconfig/iptables",
		"/etc/sysconfig/ip6tables",
		"/etc/iptables/rules.v4",
		"/etc/iptables/rules.v6",
	};

	for (size_t i = 0; i < ARRAY_SIZE(nft_files); i++)
		check_nft_file(doctor, nft_files[i]);
	for (size_t i = 0; i < ARRAY_SIZE(iptables_files); i++)
		check_iptables_file(doctor, iptables_files[i]);
}
