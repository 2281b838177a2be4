// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every finding there is: its id, its weight, why it matters and what to type. docs/doctor.md has
 * the same ids in the same order; tests/unit/test_doctor.c holds both together.
 */
#include "doctor_priv.h"

#define OK(id) { id, LEVEL_OK, NULL, NULL }
#define RESTART "systemctl restart smtpguard"
/* What the service needs to read files of others; the worker keeps the second one alone. */
#define MAIL_LOG_DROP_IN                                                                           \
	"\"[Service]\" \"AmbientCapabilities=CAP_NET_ADMIN CAP_DAC_READ_SEARCH\" "                  \
	"\"CapabilityBoundingSet=CAP_NET_ADMIN CAP_DAC_READ_SEARCH\""

const struct finding_text finding_texts[FINDING_KINDS] = {
	[FINDING_DAEMON] = OK("daemon"),
	[FINDING_DAEMON_STOPPED] = {
		"daemon-stopped", LEVEL_PROBLEM,
		"Nothing is counted and nobody new is banned. Bans that are in the kernel run "
		"out by themselves.",
		"systemctl enable --now smtpguard; journalctl -u smtpguard -n 20" },
	[FINDING_DAEMON_NO_PERMISSION] = {
		"daemon-no-permission", LEVEL_WARNING,
		"The daemon may be well, but its part of this report is missing.",
		"sudo smtpguard doctor" },
	[FINDING_DAEMON_NO_ANSWER] = {
		"daemon-no-answer", LEVEL_PROBLEM,
		"A daemon that does not answer may not process connections either.",
		"journalctl -u smtpguard -n 20; " RESTART },
	[FINDING_DAEMON_OTHER_VERSION] = {
		"daemon-other-version", LEVEL_NOTE,
		"An update takes effect with the next start of the daemon.",
		RESTART },
	[FINDING_DAEMON_PROBLEM] = {
		"daemon-problem", LEVEL_WARNING,
		"The daemon says so itself; it goes on as well as it can.",
		"smtpguard status; journalctl -u smtpguard -n 50" },
	[FINDING_NOT_ENFORCING] = {
		"not-enforcing", LEVEL_PROBLEM,
		"Sources are counted and judged, but the kernel refuses nobody.",
		"smtpguard reload; if that does not help, journalctl -u smtpguard -n 50; " RESTART },
	[FINDING_MODE_OBSERVE] = {
		"mode-observe", LEVEL_NOTE,
		"Decisions are logged and counted, nobody is banned. Right for the first days.",
		"smtpguard sources and smtpguard suggest-limits; then mode = \"enforce\" in the "
		"configuration, and smtpguard reload" },
	[FINDING_EVENTS_LOST] = {
		"events-lost", LEVEL_NOTE,
		"Counts were put right by a dump after each loss; until then nobody is banned "
		"for concurrent connections. Only frequent losses matter.",
		"smtpguard status; compare the number again in an hour" },
	[FINDING_KERNEL_FEATURE] = {
		"kernel-feature", LEVEL_NOTE,
		"The daemon does without it, as the line says.",
		"a newer kernel, or in a container: the missing module on its host" },
	[FINDING_RESOLVER_DOWN] = {
		"resolver-down", LEVEL_PROBLEM,
		"Without names nobody new is exempt: large senders are held to the limits of "
		"unknown ones.",
		"journalctl -u smtpguard -n 50; " RESTART },
	[FINDING_RESOLVER_NO_ANSWER] = {
		"resolver-no-answer", LEVEL_WARNING,
		"Names stay unknown: nobody new is exempt by name, and bans wait for the "
		"deadline.",
		"cat /etc/resolv.conf; dig -x 8.8.8.8" },
	[FINDING_LEDGER_FAILING] = {
		"ledger-failing", LEVEL_WARNING,
		"Bans are enforced, but a reboot loses those that are not written, and the "
		"history has a gap.",
		"smtpguard status; df -h /var/lib/smtpguard; ls -l /var/lib/smtpguard" },
	[FINDING_GATE_OFF] = {
		"gate-off", LEVEL_PROBLEM,
		"Services with reverse_dns = \"require\" let everybody in.",
		"smtpguard status; journalctl -u smtpguard -n 50" },

	[FINDING_CONFIG] = OK("config"),
	[FINDING_CONFIG_BAD] = {
		"config-bad", LEVEL_PROBLEM,
		"A running daemon keeps the configuration it has, but the next start fails.",
		"smtpguard check-config" },
	[FINDING_CONFIG_WARNING] = {
		"config-warning", LEVEL_WARNING,
		"The configuration is used, without what this line names.",
		"smtpguard check-config" },
	[FINDING_CONFIG_NOT_CHECKED] = {
		"config-not-checked", LEVEL_NOTE,
		"Checks that compare with the configured limits were left out.",
		"sudo smtpguard doctor" },
	[FINDING_CONFIG_WRITABLE] = {
		"config-writable", LEVEL_PROBLEM,
		"Whoever can write it decides who may connect to this host.",
		"chown root /etc/smtpguard /etc/smtpguard/smtpguard.conf; chmod go-w the same" },
	[FINDING_SERVICE_USER_MISSING] = {
		"service-user-missing", LEVEL_WARNING,
		"smtpguard.service runs as this user and cannot start without it.",
		"systemd-sysusers" },
	[FINDING_ALLOW_EMPTY] = {
		"allow-empty", LEVEL_NOTE,
		"Your own monitoring, offices and backup MX hosts are held to the limits as "
		"anybody.",
		"smtpguard allow add ADDRESS, or a line in /etc/smtpguard/allow.d/local.list" },
	[FINDING_ALLOW_UNREADABLE] = {
		"allow-unreadable", LEVEL_WARNING,
		"The daemon is not root. An allow file that it cannot read makes it refuse the "
		"configuration; of cPanel's lists it goes without.",
		"chgrp smtpguard and chmod g+r; for cPanel's lists SupplementaryGroups=mail "
		"(smtpguard.conf(5))" },
	[FINDING_BAN_SETS_LARGE] = {
		"ban-sets-large", LEVEL_WARNING,
		"cPanel lists the whole ruleset, our sets included, for each action of cPHulk "
		"and Host Access Control: 50 000 elements cost half a second each time.",
		"bans.max_bans = 16384 in the configuration, then restart" },
	[FINDING_SOCKET_OPEN] = {
		"socket-open", LEVEL_WARNING,
		"Every local account can read who connects here, and take up the socket's "
		"places.",
		"ls -ld /run/smtpguard /run/smtpguard/smtpguard.sock; " RESTART },
	[FINDING_STATE_OPEN] = {
		"state-open", LEVEL_WARNING,
		"It holds who connected here and why they were banned; who can write it can ban "
		"and unban at the next start.",
		"chmod o-rwx" },
	[FINDING_STATE_OWNER] = {
		"state-owner", LEVEL_WARNING,
		"The daemon cannot write what it does not own: bans are lost with a reboot.",
		"chown -R smtpguard: /var/lib/smtpguard; " RESTART },
	[FINDING_DISK] = OK("disk"),
	[FINDING_DISK_LOW] = {
		"disk-low", LEVEL_WARNING,
		"A full disk stops the ledger, and Exim's spool with it if they share the file "
		"system.",
		"df -h /var; du -xh /var | sort -h | tail" },
	[FINDING_DISK_FULL] = {
		"disk-full", LEVEL_PROBLEM,
		"The ledger cannot be written: a reboot loses bans and lists.",
		"df -h /var; du -xh /var | sort -h | tail" },

	[FINDING_CONNTRACK_EVENTS] = OK("conntrack-events"),
	[FINDING_CONNTRACK_EVENTS_OFF] = {
		"conntrack-events-off", LEVEL_PROBLEM,
		"The kernel reports no connections: counts come from a dump once a minute only.",
		"echo net.netfilter.nf_conntrack_events=1 > "
		"/etc/sysctl.d/90-conntrack-events.conf; sysctl --system" },
	[FINDING_CONNTRACK_ABSENT] = {
		"conntrack-absent", LEVEL_NOTE,
		"The module comes with the first rule that uses it, as smtpguard's do; in a "
		"container it may be missing for good.",
		"modprobe nf_conntrack" },
	[FINDING_CONNTRACK_TABLE] = OK("conntrack-table"),
	[FINDING_CONNTRACK_TABLE_FILLING] = {
		"conntrack-table-filling", LEVEL_WARNING,
		"When it is full the kernel drops new connections of everybody, mail or not.",
		NULL },
	[FINDING_CONNTRACK_TABLE_FULL] = {
		"conntrack-table-full", LEVEL_PROBLEM,
		"The kernel drops new connections of everybody, mail or not.",
		NULL },
	[FINDING_RECEIVE_BUFFER_SMALL] = {
		"receive-buffer-small", LEVEL_WARNING,
		"A burst of connections overruns it; each time counting is in doubt until the "
		"next dump.",
		"echo net.core.rmem_max=16777216 > /etc/sysctl.d/90-rmem.conf; "
		"sysctl --system; " RESTART },
	[FINDING_CLOCK] = OK("clock"),
	[FINDING_CLOCK_UNSYNCHRONISED] = {
		"clock-unsynchronised", LEVEL_NOTE,
		"Bans run by a clock of their own, but times in the history, and bans that "
		"outlive a reboot, are off by as much as the clock.",
		"systemctl enable --now chronyd" },
	[FINDING_QUEUE_TAKEN] = {
		"queue-taken", LEVEL_PROBLEM,
		"Only one program can have a queue: packets for the gate would go to the other "
		"one.",
		"another gate.queue in the configuration, then restart" },

	[FINDING_RULESET] = OK("ruleset"),
	[FINDING_RULESET_NOT_CHECKED] = {
		"ruleset-not-checked", LEVEL_NOTE,
		"Other firewalls are recognised by their files only, and leftover rules not at "
		"all.",
		"sudo smtpguard doctor" },
	[FINDING_FIREWALLD] = {
		"firewalld", LEVEL_NOTE,
		"Its chains come after ours: a source or zone it accepts is still held to our "
		"limits. Its reload touches only its own table.",
		"smtpguard allow add ADDRESS for sources that are to pass both" },
	[FINDING_CSF] = {
		"csf", LEVEL_NOTE,
		"A line in csf.allow does not save from a drop of ours: its accept is another "
		"table's. `csf -r` flushes iptables and all ipsets, but not our table.",
		"smtpguard import csf --dry-run" },
	[FINDING_CSF_LIMITS] = {
		"csf-limits", LEVEL_WARNING,
		"Two programs limit the same connections: CSF's own drops have no reverse DNS, "
		"no reason and no end that smtpguard could show.",
		"smtpguard import csf --dry-run; then clear it in /etc/csf/csf.conf, and csf -ra" },
	[FINDING_CPANEL_HOST_ACCESS] = {
		"cpanel-host-access", LEVEL_NOTE,
		"What it accepts is still held to our limits. With each change it saves the "
		"whole ruleset, ours included, to /etc/sysconfig/nftables.conf.",
		"smtpguard allow add ADDRESS for sources that are to pass both" },
	[FINDING_CPHULK] = {
		"cphulk", LEVEL_NOTE,
		"Its bans come from failed logins and stand beside ours; an unban here does not "
		"lift them. It lists the whole ruleset for each action: keep ban sets moderate.",
		"whmapi1 read_cphulk_records list_name=white, for addresses that are to pass "
		"both" },
	[FINDING_IMUNIFY360] = {
		"imunify360", LEVEL_NOTE,
		"Its white list does not save from a drop of ours, nor ours from one of its. Its "
		"own limit of connections is never below 100 per address.",
		"smtpguard allow add ADDRESS for sources that are to pass both" },
	[FINDING_FAIL2BAN] = {
		"fail2ban", LEVEL_NOTE,
		"Its bans come from log lines and stand beside ours; an unban here does not lift "
		"them.",
		"fail2ban-client status, when a source is refused that smtpguard does not know" },
	[FINDING_CROWDSEC] = {
		"crowdsec", LEVEL_NOTE,
		"Its bans stand beside ours; an unban here does not lift them.",
		"cscli decisions list, when a source is refused that smtpguard does not know" },
	[FINDING_UFW] = {
		"ufw", LEVEL_NOTE,
		"Its rules come after ours: what it allows is still held to our limits. `ufw "
		"limit` on a mail port would be a second limit without names.",
		"ufw status" },
	[FINDING_IPTABLES_LEGACY] = {
		"iptables-legacy", LEVEL_NOTE,
		"Its rules are invisible to nft, and to this report.",
		"iptables-legacy-save | grep -E -w '25|465|587'" },
	[FINDING_SAVED_RULESET_STALE] = {
		"saved-ruleset-stale", LEVEL_NOTE,
		"nftables.service loads that old copy at boot; the daemon replaces it when it "
		"starts. Without the daemon its bans would come back.",
		"systemctl is-enabled smtpguard" },
	[FINDING_SAVED_RULESET_BROKEN] = {
		"saved-ruleset-broken", LEVEL_WARNING,
		"nft cannot load rules that iptables made with its own matches, and loads the "
		"file as a whole or not at all: after a restart of nftables.service the host has "
		"no rules.",
		"nft -c -f /etc/sysconfig/nftables.conf; systemctl disable nftables, if the "
		"other firewall restores its rules itself" },
	[FINDING_MAIL_RULES] = {
		"mail-rules", LEVEL_WARNING,
		"These limits hold beside ours: they refuse sources that smtpguard lets in, "
		"without a reason that `smtpguard explain` could show.",
		NULL },
	[FINDING_MAIL_RULES_SAVED] = {
		"mail-rules-saved", LEVEL_WARNING,
		"They come back at boot, or when the service that saved them starts.",
		NULL },
	[FINDING_SOURCE_DROPS] = {
		"source-drops", LEVEL_NOTE,
		"Scripts that block with iptables leave such rules for ever: smtpguard cannot "
		"lift them.",
		NULL },

	[FINDING_CRON] = OK("cron"),
	[FINDING_CRON_POLLER] = {
		"cron-poller", LEVEL_WARNING,
		"It counts and blocks beside smtpguard, by other rules, without an end and "
		"without names.",
		"remove the line when smtpguard enforces; keep a copy of the script" },
	[FINDING_CRON_NOT_CHECKED] = {
		"cron-not-checked", LEVEL_NOTE,
		"Old scripts that count connections may still be at work.",
		"sudo smtpguard doctor" },

	[FINDING_EXIM] = OK("exim"),
	[FINDING_EXIM_ABSENT] = {
		"exim-absent", LEVEL_NOTE,
		"Limits could not be compared with those of the mail server.",
		"smtpguard doctor --exim-config PATH, if Exim is here" },
	[FINDING_EXIM_NOT_CHECKED] = {
		"exim-not-checked", LEVEL_NOTE,
		"Limits could not be compared with those of the mail server.",
		"sudo smtpguard doctor" },
	[FINDING_EXIM_VALUE_UNKNOWN] = {
		"exim-value-unknown", LEVEL_NOTE,
		"Limits could not be compared with this one.",
		"exim -bP smtp_accept_max smtp_accept_max_per_host smtp_accept_reserve" },
	[FINDING_EXIM_SLOTS_DEFAULT] = {
		"exim-slots-default", LEVEL_WARNING,
		"Exim's own default of 20 connections for all clients together is soon used up; "
		"the rest get 421.",
		"smtp_accept_max = 100 in Exim's configuration" },
	[FINDING_EXIM_SLOTS_UNLIMITED] = {
		"exim-slots-unlimited", LEVEL_WARNING,
		"Each connection is a process: a flood ends in memory, not in 421.",
		"smtp_accept_max = 100 in Exim's configuration" },
	[FINDING_EXIM_ONE_SOURCE_FILLS] = {
		"exim-one-source-fills", LEVEL_WARNING,
		"One source can take all of Exim's slots before a limit, or the kernel's "
		"ceiling, stops it.",
		NULL },
	[FINDING_EXIM_FEW_SOURCES_FILL] = {
		"exim-few-sources-fill", LEVEL_NOTE,
		"So few sources, each just within its limit, take all of Exim's slots.",
		NULL },
	[FINDING_EXIM_VERIFIED_FILLS] = {
		"exim-verified-fills", LEVEL_NOTE,
		"A source with a verified name is rarely hostile, but a hacked server has a name "
		"too.",
		NULL },
	[FINDING_EXIM_PER_HOST_FIRST] = {
		"exim-per-host-first", LEVEL_NOTE,
		"Exim answers 421 to a source before smtpguard calls it over its limit: names do "
		"not help that source, and each refused connection still costs Exim.",
		"remove smtp_accept_max_per_host from Exim's configuration, when smtpguard "
		"enforces" },
	[FINDING_EXIM_RESERVE] = {
		"exim-reserve", LEVEL_NOTE,
		"smtp_accept_reserve keeps slots for the hosts in smtp_reserve_hosts: one "
		"without the other does nothing, or wastes slots.",
		"set both in Exim's configuration, or neither" },
	[FINDING_EXIM_PORT_UNGUARDED] = {
		"exim-port-unguarded", LEVEL_WARNING,
		"Connections to it take the same slots as the guarded ports, and nobody counts "
		"them.",
		NULL },
	[FINDING_EXIM_LOG_WITHOUT_PORT] = {
		"exim-log-without-port", LEVEL_WARNING,
		"A failed authentication counts against a source only if the log tells the "
		"client's port, or leaves no other reading.",
		"log_selector = +incoming_port +smtp_connection in Exim's configuration, beside "
		"what is there" },
	[FINDING_EXIM_LOG_WITHOUT_COUNT] = {
		"exim-log-without-count", LEVEL_NOTE,
		"Exim's own count of its connections, those on other ports too, is not in its "
		"log.",
		"log_selector = +incoming_port +smtp_connection in Exim's configuration, beside "
		"what is there" },

	[FINDING_MAIL_LOGS] = OK("mail-logs"),
	[FINDING_MAIL_LOGS_RESTART] = {
		"mail-logs-restart", LEVEL_WARNING,
		"Whether mail logs are followed, and which, is settled when the daemon starts.",
		RESTART },
	[FINDING_MAIL_WORKER_DOWN] = {
		"mail-worker-down", LEVEL_PROBLEM,
		"No line of the mail logs is read: failed authentications ban nobody, and "
		"nobody is spared for a good one. What is missed is read later.",
		"journalctl -u smtpguard -n 50; " RESTART },
	[FINDING_MAIL_LOG_UNREADABLE] = {
		"mail-log-unreadable", LEVEL_PROBLEM,
		"The service is not root and may read what its groups may: what this log says "
		"is not known.",
		"systemctl edit smtpguard, where these are a line each (smtpguardd(8) has them "
		"to copy): " MAIL_LOG_DROP_IN "; then " RESTART },
	[FINDING_MAIL_LOG_UNUSABLE] = {
		"mail-log-unusable", LEVEL_PROBLEM,
		"It is tried again every 5 s; until then what this log says is not known.",
		"namei -l of the path; a regular file there, or the right path in the group "
		"mail_logs of the configuration; then " RESTART },
	[FINDING_MAIL_LOG_MISSING] = {
		"mail-log-missing", LEVEL_WARNING,
		"Nothing is known of what would be in it. As soon as it is there it is read.",
		"the right path in the group mail_logs of the configuration, or \"\" if there is "
		"no such log; then " RESTART },
	[FINDING_MAIL_LOG_BEHIND] = {
		"mail-log-behind", LEVEL_WARNING,
		"Bans for failed authentications come as late. After a long stop, or a first "
		"start with an old log, it catches up by itself.",
		"smtpguard status, again in a minute; top, if the number does not fall" },
	[FINDING_MAIL_LOG_CLOCK] = {
		"mail-log-clock", LEVEL_WARNING,
		"Its lines are taken for old ones, or for some that are still to come: failed "
		"authentications ban nobody, and nobody is spared for a good one.",
		"systemctl edit smtpguard, where these are a line each: \"[Service]\" "
		"\"Environment=TZ=UTC\", or whatever zone the stamps have; then " RESTART
		". For Exim's log also `timezone` in its configuration" },
	[FINDING_MAIL_LOG_GAPS] = {
		"mail-log-gaps", LEVEL_WARNING,
		"The file was compressed or deleted before its end was read: the numbers of "
		"`auth-failures` and `accounts` lack what it said.",
		"delaycompress in the log's file in /etc/logrotate.d" },
	[FINDING_MAIL_LINES_UNPARSED] = {
		"mail-lines-unparsed", LEVEL_WARNING,
		"They look like failed or good authentications, but count for nothing: perhaps "
		"a version of Exim or Dovecot that writes them in a new way.",
		"smtpguard status shows more of them; report them with the versions of the "
		"programs" },
	[FINDING_MAIL_LINES_OVERFLOWED] = {
		"mail-lines-overflowed", LEVEL_WARNING,
		"A HELO or an account of thousands of characters leaves no room in Exim's log for "
		"the client's address: who sends it guesses passwords without being counted.",
		"in Exim's acl_smtp_helo: drop condition = "
		"${if >{${strlen:$sender_helo_name}}{500}}; the same with $smtp_command_argument in "
		"acl_smtp_auth" },
	[FINDING_MAIL_LINES_WITHOUT_PORT] = {
		"mail-lines-without-port", LEVEL_WARNING,
		"Without the port it is less sure whose they are: where another reading is "
		"possible they count against nobody.",
		"log_selector = +incoming_port +smtp_connection in Exim's configuration, beside "
		"what is there" },
	[FINDING_MAIL_LINES_FORGED] = {
		"mail-lines-forged", LEVEL_WARNING,
		"Somebody puts text that looks like a line of the log into HELO or account, to "
		"blame others or to hide. Nobody is banned for such a line.",
		"smtpguard explain each of these addresses, and smtpguard ban the one that has no "
		"business here; every port of the mail server in the `ports` of a service" },
	[FINDING_MAIL_FACTS_LOST] = {
		"mail-facts-lost", LEVEL_WARNING,
		"Bans do not depend on them, but the numbers of `auth-failures` and `accounts` "
		"lack them until the ledger is healthy; then the logs are read again from there.",
		"smtpguard status; df -h /var/lib/smtpguard" },
	[FINDING_MAIL_FACTS_FOLDED] = {
		"mail-facts-folded", LEVEL_WARNING,
		"More different accounts and addresses came on one day than are kept apart, as "
		"when account names are made up by the thousand. The sums of the day are right.",
		"smtpguard auth-failures --by source --since 24h, and ban the worst: smtpguard "
		"ban ADDR/LEN" },

	[FINDING_DNS] = OK("dns"),
	[FINDING_DNS_NO_SERVER] = {
		"dns-no-server", LEVEL_WARNING,
		"Without a server no name is ever known: nobody is exempt by name.",
		"nameserver lines in /etc/resolv.conf, or resolver.servers in the configuration" },
	[FINDING_DNS_NO_LOOPBACK] = {
		"dns-no-loopback", LEVEL_NOTE,
		"A resolver on the host itself answers faster and is not rate limited: large "
		"senders are verified sooner. Public ones often refuse block-list questions, "
		"too.",
		"dnf install unbound; systemctl enable --now unbound; nameserver 127.0.0.1 first" },
};

const char *finding_level_name(enum finding_level level)
{
	static const char *const names[] = { "ok", "note", "warning", "problem" };

	return names[level];
}
