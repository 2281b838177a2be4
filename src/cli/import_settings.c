// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Settings of csf.conf and conf.apf: those that something is made of are kept until all are read, of
 * the others it is said at once why nothing is.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/parse.h"

#include "import_priv.h"

#define SECONDS_MAX (366 * 86400)

#define BY_LADDER                                                                                  \
	"no counterpart: bans for failed logins last as all others do (bans.duration) and grow"
#define BY_MAIL                                                                                    \
	"no counterpart: no mail for a ban; smtpguard-digest.timer mails one summary a day"

/* A name that ends in "*" stands for all that begin so; the first that fits counts. */
static const struct {
	const char *name;
	enum setting_id id;
	enum import_outcome outcome;
	const char *note;
} known[] = {
	{ "PORTFLOOD", SETTING_PORTFLOOD },
	{ "CONNLIMIT", SETTING_CONNLIMIT },
	{ "IG_TCP_CLIMIT", SETTING_CONNLIMIT },
	{ "CT_LIMIT", SETTING_CT_LIMIT },
	{ "CT_PORTS", SETTING_CT_PORTS },
	{ "CT_BLOCK_TIME", SETTING_CT_BLOCK_TIME },
	{ "CT_SUBNET_LIMIT", SETTING_CT_SUBNET_LIMIT },
	{ "CT_SKIP_TIME_WAIT", SETTING_CT_SKIP_TIME_WAIT },
	{ "CT_STATES", SETTING_CT_STATES },
	{ "CT_PERMANENT", SETTING_CT_PERMANENT },
	{ "CT_SKIP", SETTING_CT_SKIP },
	{ "DROP", SETTING_DROP },
	{ "TCP_STOP", SETTING_DROP },
	{ "TESTING", SETTING_TESTING },
	{ "DEVEL_MODE", SETTING_TESTING },
	{ "CT_INTERVAL", SETTING_NONE, OUTCOME_COVERED, "connections are followed as they happen" },
	{ "CT_EMAIL_ALERT", SETTING_NONE, OUTCOME_NO_COUNTERPART, BY_MAIL },
	{ "IPV6", SETTING_NONE, OUTCOME_COVERED, "IPv4 and IPv6 are guarded alike" },
	{ "USE_IPV6", SETTING_NONE, OUTCOME_COVERED, "IPv4 and IPv6 are guarded alike" },
	{ "IGNORE_ALLOW", SETTING_NONE, OUTCOME_COVERED, "what is allowed is never banned" },
	{ "DENY_IP_LIMIT", SETTING_NONE, OUTCOME_NO_COUNTERPART, "no counterpart: entries do not "
	  "push each other out; bans.max_bans bounds the bans" },
	{ "DENY_TEMP_IP_LIMIT", SETTING_NONE, OUTCOME_NO_COUNTERPART, "no counterpart: bans do not "
	  "push each other out by age; bans.max_bans bounds them" },
	{ "SYNFLOOD*", SETTING_NONE, OUTCOME_NO_COUNTERPART, "no counterpart: half-open connections "
	  "are shown and never banned for; the kernel has SYN cookies" },
	{ "LF_PERMBLOCK*", SETTING_NONE, OUTCOME_COVERED, "repeated bans grow: bans.growth, "
	  "bans.max_duration" },
	{ "PERMBLOCK_*", SETTING_NONE, OUTCOME_COVERED, "repeated bans grow: bans.growth, "
	  "bans.max_duration" },
	{ "LF_NETBLOCK*", SETTING_NONE, OUTCOME_NO_COUNTERPART, "no counterpart: a source is "
	  "sources.ipv4_prefix and ipv6_prefix bits wide" },
	{ "LF_TRIGGER", SETTING_LF_TRIGGER },
	{ "LF_SMTPAUTH", SETTING_LF_SMTPAUTH },
	{ "LF_POP3D", SETTING_LF_POP3D },
	{ "LF_IMAPD", SETTING_LF_IMAPD },
	{ "LF_CPANEL", SETTING_LF_CPANEL },
	{ "LF_INTERVAL", SETTING_LF_INTERVAL },
	{ "SMTPAUTH_LOG", SETTING_SMTPAUTH_LOG },
	{ "POP3D_LOG", SETTING_POP3D_LOG },
	{ "IMAPD_LOG", SETTING_IMAPD_LOG },
	{ "CPANEL_LOG", SETTING_CPANEL_LOG },
	{ "LF_TRIGGER_PERM", SETTING_NONE, OUTCOME_NO_COUNTERPART, BY_LADDER },
	{ "LF_SMTPAUTH_PERM", SETTING_NONE, OUTCOME_NO_COUNTERPART, BY_LADDER },
	{ "LF_POP3D_PERM", SETTING_NONE, OUTCOME_NO_COUNTERPART, BY_LADDER },
	{ "LF_IMAPD_PERM", SETTING_NONE, OUTCOME_NO_COUNTERPART, BY_LADDER },
	{ "LF_CPANEL_PERM", SETTING_NONE, OUTCOME_NO_COUNTERPART, BY_LADDER },
	{ "LF_SELECT", SETTING_NONE, OUTCOME_COVERED, "bans are for the guarded ports; for every "
	  "port with bans.scope = \"host\"" },
	{ "LF_EXIMSYNTAX*", SETTING_NONE, OUTCOME_NO_COUNTERPART, "no counterpart: protocol errors "
	  "are shown (smtpguard accounts --source) and ban nobody" },
	{ "LF_DISTATTACK*", SETTING_NONE, OUTCOME_NO_COUNTERPART, "no counterpart: each source is "
	  "judged by itself; smtpguard auth-failures shows from how many an account was attacked" },
	{ "LF_DISTSMTP*", SETTING_NONE, OUTCOME_NO_COUNTERPART, "no counterpart: an account that is "
	  "used from more than mail_logs.account_networks networks a day is an alert, and bans "
	  "nobody" },
	{ "LF_DIST_*", SETTING_NONE, OUTCOME_NO_COUNTERPART, "no counterpart: see LF_DISTATTACK, "
	  "LF_DISTSMTP" },
	{ "LT_*", SETTING_NONE, OUTCOME_NO_COUNTERPART, "no counterpart: logins are counted "
	  "(smtpguard accounts) and not limited; `new` of a service for these ports limits "
	  "connections" },
	{ "RT_*", SETTING_NONE, OUTCOME_NO_COUNTERPART, "no counterpart: messages are counted by "
	  "account (smtpguard accounts) and not limited" },
	{ "LF_EMAIL_ALERT", SETTING_NONE, OUTCOME_NO_COUNTERPART, BY_MAIL },
	{ "LF_TEMP_EMAIL_ALERT", SETTING_NONE, OUTCOME_NO_COUNTERPART, BY_MAIL },
	{ "LF_ALERT_TO", SETTING_NONE, OUTCOME_NO_COUNTERPART, BY_MAIL },
	{ "RELAYHOSTS", SETTING_NONE, OUTCOME_NO_COUNTERPART, "no counterpart: /etc/relayhosts is "
	  "not read" },
	{ "CC_IGNORE", SETTING_NONE, OUTCOME_NO_COUNTERPART, "no counterpart: smtpguard looks up no "
	  "countries" },
	{ "GLOBAL_ALLOW", SETTING_NONE, OUTCOME_NO_COUNTERPART, "no counterpart: no list is fetched" },
	{ "GLOBAL_IGNORE", SETTING_NONE, OUTCOME_NO_COUNTERPART, "no counterpart: no list is fetched" },
};

static bool name_fits(const char *pattern, const char *name)
{
	size_t length = strlen(pattern);

	if (pattern[length - 1] == '*')
		return strncmp(pattern, name, length - 1) == 0;
	return strcmp(pattern, name) == 0;
}

void setting_take(struct import *import, struct settings *settings, size_t line, const char *name,
		  const char *value)
{
	char place[IMPORT_PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct setting *setting = &settings->values[known[i].id];

		if (!name_fits(known[i].name, name))
			continue;
		if (known[i].outcome == OUTCOME_NO_COUNTERPART && (!*value || !strcmp(value, "0"))) {
			line_note(import, line, OUTCOME_IGNORED, "off");
		} else if (known[i].id == SETTING_NONE) {
			line_note(import, line, known[i].outcome, "%s", known[i].note);
		} else if (setting->value) {
			line_note(import, line, OUTCOME_NOT_UNDERSTOOD,
				  "given twice; the first counts here (%s)",
				  line_place(import, setting->line, place));
		} else {
			setting->line = line;
			setting->value = format_text(import, "%s", value);
		}
		return;
	}
	line_note(import, line, OUTCOME_OTHER, "not for smtpguard");
}

/* --- what is made of them --- */

static void finish_rules(struct import *import, const struct settings *settings)
{
	const struct setting *flood = &settings->values[SETTING_PORTFLOOD];
	const struct setting *limit = &settings->values[SETTING_CONNLIMIT];

	if (flood->value && *flood->value)
		rules_add(import, RULE_NEW, flood->line, flood->value, ';');
	else if (flood->value)
		line_note(import, flood->line, OUTCOME_IGNORED, "empty: no limit");
	if (limit->value && *limit->value)
		rules_add(import, RULE_CONCURRENT, limit->line, limit->value,
			  strchr(limit->value, ';') ? ';' : ':');
	else if (limit->value)
		line_note(import, limit->line, OUTCOME_IGNORED, "empty: no limit");
}

static bool read_seconds(struct import *import, const struct setting *setting, uint64_t maximum,
			 uint64_t *ret_value)
{
	if (parse_number(setting->value, 0, maximum, ret_value) == 0)
		return true;
	line_note(import, setting->line, OUTCOME_NOT_UNDERSTOOD, "no number of 0 to %llu",
		  (unsigned long long)maximum);
	return false;
}

/* The ports that CT_LIMIT is about; 0: none of mail. */
static uint32_t tracked_ports(struct import *import, const struct setting *setting)
{
	uint32_t guarded = MAIL_PORTS_ALWAYS, ports;
	char text[64];

	for (uint32_t i = 0; i < import->n_rules; i++)
		guarded |= import->rules[i].ports;
	if (!setting->value)
		return guarded;
	if (*setting->value == '\0') {
		line_note(import, setting->line, OUTCOME_SETTING, "every port: taken over for %s",
			  ports_format(guarded, text));
		return guarded;
	}
	if (ports_parse(setting->value, &ports) < 0) {
		line_note(import, setting->line, OUTCOME_NOT_UNDERSTOOD, "no list of ports");
		return 0;
	}
	if (ports)
		line_note(import, setting->line, OUTCOME_SETTING, "CT_LIMIT is taken over for %s",
			  ports_format(ports, text));
	else
		line_note(import, setting->line, OUTCOME_OTHER, "no mail port, not for smtpguard");
	return ports;
}

static bool finish_ct_limit(struct import *import, const struct settings *settings)
{
	const struct setting *limit = &settings->values[SETTING_CT_LIMIT];
	struct import_rule rule = { .kind = RULE_CONCURRENT, .line = limit->line };
	uint64_t count;

	if (!limit->value || !read_seconds(import, limit, 1000000, &count))
		return false;
	if (count == 0) {
		line_note(import, limit->line, OUTCOME_IGNORED, "0: connections are not limited");
		return false;
	}
	rule.count = (uint32_t)count;
	snprintf(rule.text, sizeof(rule.text), "%u", rule.count);
	rule.ports = tracked_ports(import, &settings->values[SETTING_CT_PORTS]);
	rule_add(import, &rule);
	return rule.ports != 0;
}

static void finish_block_time(struct import *import, const struct setting *setting, bool tracking)
{
	uint64_t seconds;

	if (!setting->value || !read_seconds(import, setting, SECONDS_MAX, &seconds))
		return;
	if (!tracking || seconds == 0) {
		line_note(import, setting->line, OUTCOME_IGNORED, "not taken over: %s",
			  tracking ? "0" : "CT_LIMIT makes no bans of mail ports");
		return;
	}
	import->bans.has_duration = true;
	import->bans.duration_s = seconds;
	import->bans.duration_line = setting->line;
	line_note(import, setting->line, OUTCOME_SETTING, "bans.duration = \"%llus\"",
		  (unsigned long long)seconds);
}

/* Settings that modify CT_LIMIT, when it is in force. */
static void note_if(struct import *import, const struct setting *setting, bool tracking,
		    const char *off, enum import_outcome outcome, const char *note)
{
	if (!setting->value)
		return;
	if (!tracking)
		line_note(import, setting->line, OUTCOME_IGNORED, "CT_LIMIT makes no bans of mail "
			  "ports");
	else if (strcmp(setting->value, off) == 0)
		line_note(import, setting->line, OUTCOME_IGNORED, "off");
	else
		line_note(import, setting->line, outcome, "%s", note);
}

static bool finish_tracking(struct import *import, const struct settings *settings)
{
	const struct setting *values = settings->values;
	const struct setting *skip = &values[SETTING_CT_SKIP_TIME_WAIT];
	bool tracking = finish_ct_limit(import, settings);

	if (!tracking && values[SETTING_CT_PORTS].value &&
	    !import->lines[values[SETTING_CT_PORTS].line].result)
		line_note(import, values[SETTING_CT_PORTS].line, OUTCOME_IGNORED,
			  "CT_LIMIT is off");
	finish_block_time(import, &values[SETTING_CT_BLOCK_TIME], tracking);
	note_if(import, &values[SETTING_CT_SUBNET_LIMIT], tracking, "0", OUTCOME_NO_COUNTERPART,
		"no counterpart: addresses are not summed up to a /24; sources.ipv4_prefix = 24 "
		"counts and bans whole /24s");
	note_if(import, &values[SETTING_CT_STATES], tracking, "", OUTCOME_NO_COUNTERPART,
		"no counterpart: established connections are counted");
	note_if(import, &values[SETTING_CT_PERMANENT], tracking, "0", OUTCOME_NO_COUNTERPART,
		"no counterpart: bans end, and grow to bans.max_duration");
	if (skip->value && strcmp(skip->value, "1") == 0)
		line_note(import, skip->line, OUTCOME_COVERED, "TIME_WAIT is never counted");
	else if (skip->value)
		line_note(import, skip->line, OUTCOME_NO_COUNTERPART, "no counterpart: TIME_WAIT is "
			  "never counted");
	return tracking;
}

/* What is not the same as it was, once it is known what the limits became. */
static void note_differences(struct import *import, const struct settings *settings, bool tracking)
{
	const struct setting *limit = &settings->values[SETTING_CONNLIMIT];

	if (limit->value && import->lines[limit->line].outcome == OUTCOME_SETTING)
		line_note(import, limit->line, OUTCOME_COMMENT, "what is above was refused, here it "
			  "is banned");
	if (tracking)
		line_note(import, settings->values[SETTING_CT_LIMIT].line, OUTCOME_COMMENT,
			  "was the sum over its ports and blocked every port, here it counts per "
			  "service and blocks the guarded ports (bans.scope)");
}

static void finish_drop(struct import *import, const struct setting *setting)
{
	const char *value = setting->value;

	if (!value)
		return;
	if (strcmp(value, "DROP") == 0) {
		line_note(import, setting->line, OUTCOME_COVERED, "bans.action = \"drop\" is the "
			  "default");
	} else if (!strcmp(value, "REJECT") || !strcmp(value, "RESET") || !strcmp(value, "PROHIBIT")) {
		import->bans.reject = true;
		import->bans.reject_line = setting->line;
		line_note(import, setting->line, OUTCOME_SETTING, "bans.action = \"reject\", a TCP "
			  "reset");
	} else {
		line_note(import, setting->line, OUTCOME_NOT_UNDERSTOOD, "no such action");
	}
}

void settings_finish(struct import *import, struct settings *settings)
{
	const struct setting *testing = &settings->values[SETTING_TESTING];
	bool tracking;

	finish_rules(import, settings);
	tracking = finish_tracking(import, settings);
	finish_drop(import, &settings->values[SETTING_DROP]);
	if (testing->value) {
		import->bans.testing = strcmp(testing->value, "0") != 0;
		line_note(import, testing->line, OUTCOME_COVERED, import->bans.testing ?
			  "mode = \"observe\" is how smtpguard is tried without bans" :
			  "mode = \"enforce\" is the default");
	}
	limits_finish(import);
	mail_finish(import, settings);
	note_differences(import, settings, tracking);
	for (unsigned i = 0; i < SETTINGS; i++)
		free(settings->values[i].value);
}
