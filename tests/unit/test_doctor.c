// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every finding is provoked in a tree of files made for it; the last test checks that none was
 * forgotten.
 */
#include "support.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/cli/doctor_priv.h"
#include "src/cli/exim_file_priv.h"

#define CONFIG "/etc/smtpguard/smtpguard.conf"

static char root[] = "/tmp/smtpguard-doctor-XXXXXX";
static struct doctor doctor;
static json_t *status;
static bool seen[FINDING_KINDS];

/* --- the tree --- */

static void make_directories(char *path)
{
	for (char *slash = strchr(path + strlen(root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0)
			assert_int_equal(errno, EEXIST);
		*slash = '/';
	}
}

static void put(const char *path, const char *text)
{
	char full[PATH_MAX];
	FILE *file;

	snprintf(full, sizeof(full), "%s%s", root, path);
	make_directories(full);
	file = fopen(full, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(full, 0644), 0);
}

static void set_mode(const char *path, mode_t mode)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", root, path);
	assert_int_equal(chmod(full, mode), 0);
}

static int remove_entry(const char *path, const struct stat *st UNUSED, int type UNUSED,
			struct FTW *walk)
{
	return walk->level == 0 ? 0 : remove(path);
}

/* A configuration with its lists and ledger in the tree; settings stand behind its own. */
static void configure(const char *settings)
{
	char text[8192];

	snprintf(text, sizeof(text),
		 "trust: { allow_files = [ \"%s/etc/smtpguard/allow.d/*.list\" ]; };\n"
		 "ledger: { path = \"%s/var/lib/smtpguard/ledger.db\"; };\n%s",
		 root, root, settings);
	put(CONFIG, text);
}

/* A host with nothing to complain about. */
static int set_up(void **state UNUSED)
{
	assert_int_equal(doctor_begin(&doctor), 0);
	doctor.root = root;
	doctor.version = "1.2.3";
	doctor.ruleset_error = 0;
	doctor.clock = CLOCK_SYNCHRONISED;
	doctor.has_service_user = true;
	doctor.service_uid = geteuid();
	doctor.service_gid = getegid();
	status = json_loads(
		"{\"ok\":true,\"version\":\"1.2.3\",\"mode\":\"enforce\",\"enforcing\":true,"
		"\"uptime_s\":7200,\"resolver\":{\"running\":true,\"healthy\":true},"
		"\"ledger\":{\"state\":\"healthy\"},\"gate\":{\"wanted\":false},"
		"\"events\":{\"losses\":0,\"receive_buffer_bytes\":16777216},"
		"\"kernel\":{\"queue\":true},\"problems\":[]}",
		0, NULL);
	assert_non_null(status);
	doctor.status = status;
	put("/etc/smtpguard/allow.d/office.list", "192.0.2.0/24\n");
	put("/var/lib/smtpguard/ledger.db", "");
	set_mode("/var/lib/smtpguard/ledger.db", 0640);
	configure("services: { smtp: { ports = [ 25 ]; }; submission: { ports = [ 465, 587 ];"
		  " concurrent = 30; reverse_dns = \"ignore\"; }; };\n");
	put("/proc/sys/net/netfilter/nf_conntrack_events", "2\n");
	put("/proc/sys/net/netfilter/nf_conntrack_count", "100\n");
	put("/proc/sys/net/netfilter/nf_conntrack_max", "262144\n");
	put("/etc/exim.conf",
	    "smtp_accept_max = 200\ndaemon_smtp_ports = 25 : 465 : 587\nbegin acl\n");
	put("/etc/resolv.conf", "nameserver 127.0.0.1\n");
	put("/etc/crontab", "# nothing\n");
	return 0;
}

static int tear_down(void **state UNUSED)
{
	doctor.ruleset.chains = NULL; /* a test's own */
	doctor_done(&doctor);
	json_decref(status);
	return nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void look(void)
{
	static uint16_t ports[GUARDED_PORTS_MAX];

	doctor_read_config(&doctor);
	doctor.ruleset.n_ports = doctor_ports(&doctor, ports);
	doctor.ruleset.ports = ports;
	doctor_check(&doctor);
	for (size_t i = 0; i < doctor.n_findings; i++) {
		const struct finding *finding = &doctor.findings[i];
		const bool good = finding_texts[finding->kind].level == LEVEL_OK;

		seen[finding->kind] = true;
		assert_true(finding->what[0]);
		if (!good && !finding_todo(finding))
			fail_msg("%s: nothing to type", finding_texts[finding->kind].id);
		if (i > 0)
			assert_true(finding_texts[finding[-1].kind].level >=
				    finding_texts[finding->kind].level);
	}
}

static const struct finding *found(enum finding_kind kind)
{
	for (size_t i = 0; i < doctor.n_findings; i++)
		if (doctor.findings[i].kind == kind)
			return &doctor.findings[i];
	return NULL;
}

static void expect(enum finding_kind kind, const char *part)
{
	const struct finding *finding = found(kind);

	if (!finding)
		fail_msg("%s was not found", finding_texts[kind].id);
	else if (!strstr(finding->what, part))
		fail_msg("%s: \"%s\" is not in: %s", finding_texts[kind].id, part, finding->what);
}

static void expect_not(enum finding_kind kind)
{
	if (found(kind))
		fail_msg("%s: %s", finding_texts[kind].id, found(kind)->what);
}

static size_t count(enum finding_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < doctor.n_findings; i++)
		n += doctor.findings[i].kind == kind;
	return n;
}

/* Looks again at a host that was changed. */
static void look_again(void)
{
	doctor.n_findings = 0;
	if (doctor.config)
		config_free(doctor.config);
	doctor.config = NULL;
	look();
}

/* --- the whole --- */

static void test_healthy_host(void **state UNUSED)
{
	look();
	for (size_t i = 0; i < doctor.n_findings; i++)
		if (finding_texts[doctor.findings[i].kind].level > LEVEL_OK &&
		    (geteuid() == 0 || doctor.findings[i].kind != FINDING_CONFIG_WRITABLE))
			fail_msg("%s: %s", finding_texts[doctor.findings[i].kind].id,
				 doctor.findings[i].what);
	expect(FINDING_DAEMON, "smtpguardd 1.2.3 answers; mode enforce, started 2h ago");
	expect(FINDING_CONFIG, "/smtpguard.conf: 2 services, 1 allow entry");
	expect(FINDING_CONNTRACK_TABLE, "100 of 262144");
	expect(FINDING_EXIM, "smtp_accept_max 200, per host unlimited, queue per connection 10");
	expect(FINDING_CLOCK, "");
	expect(FINDING_DNS, "1 server in");
	expect(FINDING_CRON, "0 cron lines");
	expect(FINDING_DISK, "MiB free");
	expect(FINDING_RULESET, "0 tables");
}

static void test_nothing_there(void **state UNUSED)
{
	assert_int_equal(nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
	doctor.status = NULL;
	doctor.ruleset_error = -EPERM;
	doctor.clock = CLOCK_UNKNOWN;
	doctor.has_service_user = false;
	look();
	assert_int_equal(doctor.findings[0].kind, FINDING_DAEMON_STOPPED);
	expect(FINDING_DAEMON_STOPPED, "No such file or directory");
	expect(FINDING_CONFIG_BAD, "cannot be read");
	expect(FINDING_CONNTRACK_ABSENT, "nf_conntrack_events");
	expect(FINDING_RULESET_NOT_CHECKED, "not root");
	expect(FINDING_EXIM_ABSENT, "");
	expect(FINDING_DNS_NO_SERVER, "cannot be read");
	expect(FINDING_SERVICE_USER_MISSING, "");
}

static void test_list_is_bounded(void **state UNUSED)
{
	for (unsigned i = 0; i < 1000; i++)
		find(&doctor, FINDING_CRON_POLLER, "%u", i);
	assert_int_equal(doctor.n_findings, FINDINGS_OF_KIND_MAX + 1);
	assert_string_equal(doctor.findings[0].what, "0");
	assert_string_equal(doctor.findings[FINDINGS_OF_KIND_MAX].what,
			    "more of the same, not listed");
}

/* --- the daemon --- */

static void set_status(const char *changes)
{
	json_t *more = json_loads(changes, 0, NULL);

	assert_non_null(more);
	assert_int_equal(json_object_update(status, more), 0);
	json_decref(more);
}

static void test_daemon_absent(void **state UNUSED)
{
	static const struct {
		int error;
		enum finding_kind kind;
	} cases[] = {
		{ -ECONNREFUSED, FINDING_DAEMON_STOPPED },
		{ -ENOENT, FINDING_DAEMON_STOPPED },
		{ -EACCES, FINDING_DAEMON_NO_PERMISSION },
		{ -EBADMSG, FINDING_DAEMON_NO_ANSWER },
		{ -EAGAIN, FINDING_DAEMON_NO_ANSWER },
		{ -ECONNRESET, FINDING_DAEMON_NO_ANSWER },
	};

	doctor.status = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		doctor.status_error = cases[i].error;
		look_again();
		expect(cases[i].kind, "");
		assert_int_equal(doctor.findings[0].kind, cases[i].kind);
	}
}

static void test_daemon_not_well(void **state UNUSED)
{
	set_status(
		"{\"version\":\"1.0\",\"enforcing\":false,\"unenforceable\":\"no nft\\u001b\","
		"\"resolver\":{\"running\":false,\"starts\":7},"
		"\"ledger\":{\"state\":\"stalled\",\"queued\":12},"
		"\"gate\":{\"wanted\":true,\"active\":false,\"off\":\"no queue\"},"
		"\"events\":{\"losses\":3,\"resyncs\":3,\"receive_buffer_bytes\":425984},"
		"\"kernel\":{\"sock_destroy\":false,\"queue\":true},"
		"\"problems\":[\"the gate is off, nobody is refused\",\"9 of 9 bans are lost\"]}");
	look();
	expect(FINDING_DAEMON_OTHER_VERSION, "the daemon is 1.0, the command 1.2.3");
	expect(FINDING_NOT_ENFORCING, "no nft\\x1b");
	expect(FINDING_RESOLVER_DOWN, "started 7 times");
	expect(FINDING_LEDGER_FAILING, "stalled; 12 entries wait");
	expect(FINDING_GATE_OFF, "no queue");
	expect(FINDING_EVENTS_LOST, "3 times");
	expect(FINDING_RECEIVE_BUFFER_SMALL, "425984");
	expect(FINDING_KERNEL_FEATURE, "SOCK_DESTROY");
	expect(FINDING_DAEMON_PROBLEM, "9 of 9 bans are lost");
	assert_int_equal(count(FINDING_DAEMON_PROBLEM), 1);
	assert_int_equal(count(FINDING_KERNEL_FEATURE), 1);
}

static void test_daemon_observes(void **state UNUSED)
{
	set_status("{\"mode\":\"observe\",\"enforcing\":false,\"mode_ordered\":true,"
		   "\"resolver\":{\"running\":true,\"healthy\":false,\"asked\":9,\"failed\":8}}");
	look();
	expect(FINDING_MODE_OBSERVE, "by an operator's order");
	assert_string_equal(finding_todo(found(FINDING_MODE_OBSERVE)), "smtpguard mode enforce");
	expect_not(FINDING_NOT_ENFORCING);
	expect(FINDING_RESOLVER_NO_ANSWER, "8 of 9 lookups failed");
}

static void test_strange_status(void **state UNUSED)
{
	static const char *const answers[] = {
		"{}",
		"{\"ok\":true}",
		"{\"problems\":3}",
		"{\"problems\":[1,null,{}]}",
		"{\"version\":[],\"mode\":1,\"uptime_s\":-9,\"events\":[],\"kernel\":\"x\"}",
		"{\"gate\":null}",
		"{\"mail_logs\":3}",
		("{\"mail_logs\":{\"enabled\":true,\"worker\":{\"running\":true},\"logs\":[1,{}],"
		 "\"samples\":[null],\"unparsed\":1,\"distrusted_until\":7}}"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		json_t *strange = json_loads(answers[i], 0, NULL);

		doctor.status = strange;
		look_again();
		json_decref(strange);
	}
}

/* --- configuration and permissions --- */

static void test_config_mistakes(void **state UNUSED)
{
	configure("nonsense = 1;\nmode = \"maybe\";\n");
	look();
	assert_true(count(FINDING_CONFIG_BAD) >= 2);
	expect_not(FINDING_CONFIG);
}

static void test_config_unreadable(void **state UNUSED)
{
	if (geteuid() == 0) {
		/* root may read everything: what a person sees is tested in the lab */
		find(&doctor, FINDING_CONFIG_NOT_CHECKED, "-");
		seen[FINDING_CONFIG_NOT_CHECKED] = true;
		return;
	}
	set_mode(CONFIG, 0);
	look();
	expect(FINDING_CONFIG_NOT_CHECKED, "not root");
}

static void test_config_lists(void **state UNUSED)
{
	put("/etc/smtpguard/allow.d/office.list", "# nobody\n");
	put("/usr/local/cpanel/version", "11.132\n");
	configure("bans: { max_bans = 50000; };\n");
	look();
	expect(FINDING_ALLOW_EMPTY, "");
	expect(FINDING_BAN_SETS_LARGE, "50000");
	set_status("{\"bans\":{\"allowed_by_operator\":1}}");
	look_again();
	expect_not(FINDING_ALLOW_EMPTY);
}

static void test_config_warnings(void **state UNUSED)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "trust: { cpanel_lists = [ \"%s/etc/trustedmailhosts\" ]; };\n", root);
	put(CONFIG, text);
	look();
	expect(FINDING_CONFIG_WARNING, "trustedmailhosts");
}

static void test_permissions(void **state UNUSED)
{
	set_mode(CONFIG, 0666);
	set_mode("/var/lib/smtpguard/ledger.db", 0644);
	put("/run/smtpguard/smtpguard.sock", "");
	set_mode("/run/smtpguard/smtpguard.sock", 0666);
	look();
	expect(FINDING_CONFIG_WRITABLE, "(mode 0666)");
	expect(FINDING_STATE_OPEN, "ledger.db is open to everybody (mode 0644)");
	expect(FINDING_SOCKET_OPEN, "/run/smtpguard/smtpguard.sock");
	/* a directory that others may not enter protects it */
	set_mode("/run/smtpguard", 0750);
	set_mode("/etc/smtpguard/allow.d/office.list", 0600);
	doctor.service_uid = 54321;
	doctor.service_gid = 54321;
	look_again();
	expect_not(FINDING_SOCKET_OPEN);
	expect(FINDING_STATE_OWNER, "not to user smtpguard");
	expect(FINDING_ALLOW_UNREADABLE, "office.list cannot be read by user smtpguard: mode 0600");
	set_mode("/etc/smtpguard/allow.d", 0700);
	look_again();
	expect(FINDING_ALLOW_UNREADABLE, "mode 0700 of its directory");
}

static void test_disk(void **state UNUSED)
{
	assert_int_equal(disk_kind(0), FINDING_DISK_FULL);
	assert_int_equal(disk_kind((16ull << 20) - 1), FINDING_DISK_FULL);
	assert_int_equal(disk_kind(16ull << 20), FINDING_DISK_LOW);
	assert_int_equal(disk_kind(256ull << 20), FINDING_DISK);
	seen[FINDING_DISK_FULL] = seen[FINDING_DISK_LOW] = true;
}

/* --- the kernel --- */

static void test_kernel(void **state UNUSED)
{
	put("/proc/sys/net/netfilter/nf_conntrack_events", "0\n");
	put("/proc/sys/net/netfilter/nf_conntrack_count", "85000\n");
	put("/proc/sys/net/netfilter/nf_conntrack_max", "100000\n");
	doctor.clock = CLOCK_UNSYNCHRONISED;
	look();
	expect(FINDING_CONNTRACK_EVENTS_OFF, "is 0");
	expect(FINDING_CONNTRACK_TABLE_FILLING, "85000 of 100000");
	expect(FINDING_CLOCK_UNSYNCHRONISED, "");
	put("/proc/sys/net/netfilter/nf_conntrack_count", "99999\n");
	look_again();
	expect(FINDING_CONNTRACK_TABLE_FULL, "99999 of 100000");
	assert_non_null(strstr(finding_todo(found(FINDING_CONNTRACK_TABLE_FULL)),
			       "nf_conntrack_max=200000"));
	put("/proc/sys/net/netfilter/nf_conntrack_count", "nonsense\n");
	look_again();
	expect_not(FINDING_CONNTRACK_TABLE);
}

static void test_queue(void **state UNUSED)
{
	configure("services: { smtp: { ports = [ 25 ]; reverse_dns = \"require\"; }; };\n");
	put("/proc/net/netfilter/nfnetlink_queue",
	    "    7   4711     0 2 65531     0     0        0  1\n"
	    "   25   4712     0 2 65531     0     0        0  1\n");
	put("/proc/4712/comm", "suricata\n");
	look();
	expect(FINDING_QUEUE_TAKEN, "NFQUEUE 25 (gate.queue) belongs to suricata");
	put("/proc/4712/comm", "smtpguardd\n");
	look_again();
	expect_not(FINDING_QUEUE_TAKEN);
	put("/proc/4712/comm", "suricata\n");
	set_status("{\"gate\":{\"wanted\":true,\"active\":true}}");
	look_again();
	expect_not(FINDING_QUEUE_TAKEN);
}

/* --- other firewalls --- */

static void test_firewalls_by_file(void **state UNUSED)
{
	doctor.ruleset_error = -EPERM;
	put("/run/firewalld.pid", "1\n");
	put("/var/cpanel/hulkd/enabled", "");
	put("/usr/bin/imunify360-agent", "");
	put("/run/fail2ban/fail2ban.sock", "");
	put("/etc/crowdsec/bouncers/crowdsec-firewall-bouncer.yaml", "");
	put("/proc/net/ip_tables_names", "filter\n");
	look();
	expect(FINDING_FIREWALLD, "active: /run/firewalld.pid");
	expect(FINDING_CPHULK, "");
	expect(FINDING_IMUNIFY360, "installed");
	expect(FINDING_FAIL2BAN, "");
	expect(FINDING_CROWDSEC, "");
	expect(FINDING_IPTABLES_LEGACY, "filter in /proc/net/ip_tables_names");
}

static void test_firewalls_by_chain(void **state UNUSED)
{
	struct ruleset_chain chains[] = {
		{ "inet", "firewalld", "filter_INPUT", REACH_INCOMING },
		{ "inet", "filter", "cPanel-HostAccessControl", REACH_INCOMING },
		{ "inet", "filter", "cphulk", REACH_INCOMING },
		{ "ip", "filter", "INPUT_imunify360", REACH_INCOMING },
		{ "inet", "f2b-table", "f2b-chain", REACH_INCOMING },
		{ "ip", "filter", "ufw-before-input", REACH_INCOMING },
		{ "ip", "filter", "INPUT", REACH_INCOMING, 3, 5, RULE_LIMITS_RECENT | RULE_REFUSES,
		  0 },
		{ "ip6", "filter", "INPUT", REACH_INCOMING, 0, 0, 0, 40 },
		{ "ip", "filter", "SMTPOUTPUT", REACH_OUTGOING, 2, 1, RULE_REFUSES, 9 },
	};

	doctor.ruleset.chains = chains;
	doctor.ruleset.n_chains = ARRAY_SIZE(chains);
	doctor.ruleset.n_tables = 4;
	look();
	expect(FINDING_FIREWALLD, "chain filter_INPUT in table inet firewalld");
	expect(FINDING_CPANEL_HOST_ACCESS, "");
	expect(FINDING_CPHULK, "");
	expect(FINDING_IMUNIFY360, "");
	expect(FINDING_FAIL2BAN, "");
	expect(FINDING_UFW, "");
	expect(FINDING_RULESET, "4 tables, with 9 foreign chains");
	expect(FINDING_MAIL_RULES,
	       "table ip filter, chain INPUT: 3 rules about port 25, 587 (recent, refusal)");
	assert_non_null(
		strstr(finding_todo(found(FINDING_MAIL_RULES)), "iptables -t filter -S INPUT"));
	expect(FINDING_SOURCE_DROPS, "table ip6 filter, chain INPUT: 40 rules");
	assert_int_equal(count(FINDING_MAIL_RULES), 1);
	assert_int_equal(count(FINDING_SOURCE_DROPS), 1);
}

static void test_csf(void **state UNUSED)
{
	put("/etc/csf/csf.conf",
	    "# CSF\nPORTFLOOD = \"80;tcp;20;5,25;tcp;10;300\"\n"
	    "CONNLIMIT = \"22;5,80;20\"\nCT_LIMIT = \"100\"\nCT_PORTS = \"80,443\"\n");
	look();
	expect(FINDING_CSF, "installed: /etc/csf/csf.conf");
	expect(FINDING_CSF_LIMITS, "PORTFLOOD = \"80;tcp;20;5,25;tcp;10;300\"");
	assert_int_equal(count(FINDING_CSF_LIMITS), 1);
	put("/etc/csf/csf.conf",
	    "PORTFLOOD = \"80;tcp;25;300\"\nCONNLIMIT = \"587;5\"\nCT_LIMIT = \"100\"\n"
	    "CT_PORTS = \"\"\n");
	look_again();
	assert_int_equal(count(FINDING_CSF_LIMITS), 2);
	put("/etc/csf/csf.disable", "");
	look_again();
	expect(FINDING_CSF, "but disabled");
	expect_not(FINDING_CSF_LIMITS);
}

static void test_saved_rules(void **state UNUSED)
{
	put("/etc/sysconfig/nftables.conf",
	    "table inet filter {\n}\ntable inet smtpguard {\n}\n"
	    "table ip filter {\n\tchain INPUT {\n\t\ttcp dport 25 xt match recent\n\t}\n}\n");
	put("/etc/sysconfig/iptables",
	    "*filter\n-A INPUT -p tcp -m tcp --dport 25 -j ACCEPT\n"
	    "-A INPUT -p tcp -m tcp --dport 2525 -j DROP\n"
	    "-A OUTPUT -p tcp -m tcp --dport 25 -j REJECT\n"
	    "-A INPUT -p tcp -m multiport --dports 465,587 -m connlimit --connlimit-above 5 -j "
	    "DROP\n"
	    "-A INPUT -p tcp -m tcp --dport 25 -m recent --set --name SMTP --rsource\n");
	look();
	expect(FINDING_SAVED_RULESET_STALE, "/etc/sysconfig/nftables.conf");
	expect(FINDING_SAVED_RULESET_BROKEN, "/etc/sysconfig/nftables.conf");
	expect(FINDING_MAIL_RULES_SAVED, "/etc/sysconfig/iptables holds 2 rules");
}

/* --- cron --- */

static void test_cron_lines(void **state UNUSED)
{
	put("/etc/crontab",
	    "*/5 * * * * root netstat -ntu | grep ':25' | awk '{print $5}' | sort | uniq -c\n"
	    "# * * * * * root netstat -nt | grep :25\n"
	    "0 4 * * * root ss -s >> /var/log/sockets\n"
	    "5 * * * * root /usr/sbin/csf -u\n");
	put("/etc/cron.d/talkers", "* * * * * root bash /opt/top-talkers.sh >/dev/null 2>&1\n");
	put("/opt/top-talkers.sh", "#!/bin/bash\n"
				   "ss -nt state established '( sport = :smtp )' |\n"
				   "while read n ip; do\n\tcsf -td $ip 3600 talker\ndone\n");
	put("/etc/cron.hourly/block", "#!/bin/sh\nfor ip in $(awk '{print $1}' /proc/net/tcp); do\n"
				      "iptables -A INPUT -s $ip -j DROP\ndone\n");
	put("/etc/cron.daily/logrotate",
	    "#!/bin/sh\n# netstat :25\n/usr/sbin/logrotate /etc/logrotate.conf\n");
	put("/var/spool/cron/root",
	    "@hourly conntrack -L | grep -c dport=25\n30 1 * * * /scripts/upcp --cron\n");
	look();
	assert_int_equal(count(FINDING_CRON_POLLER), 4);
	expect(FINDING_CRON_POLLER, "/etc/crontab:1 ");
	expect_not(FINDING_CRON);
}

static void test_cron_of_packages(void **state UNUSED)
{
	put("/usr/sbin/csf", "netstat :25\niptables -A INPUT -j DROP\n");
	put("/etc/cron.d/csf_update",
	    "5 3 * * * root /usr/sbin/csf -u\n25 :25 netstat2 lsss :2525\n");
	put("/etc/cron.d/lfd-cron",
	    "0 0 * * * root /usr/sbin/csf --lfd restart > /dev/null 2>&1\n");
	put("/etc/cron.d/sockets", "0 0 * * * root netstat -nt | grep -c :2525\n");
	look();
	expect_not(FINDING_CRON_POLLER);
	expect(FINDING_CRON, "4 cron lines");
	if (geteuid() != 0) {
		set_mode("/etc/cron.d", 0);
		look_again();
		expect(FINDING_CRON_NOT_CHECKED, "not root");
		set_mode("/etc/cron.d", 0755);
	}
	seen[FINDING_CRON_NOT_CHECKED] = true;
}

/* --- Exim --- */

static void read_exim(const char *text, struct exim_settings *settings)
{
	put("/etc/exim.conf", text);
	assert_int_equal(exim_file_read(doctor.root, "/etc/exim.conf", settings), 0);
}

static void test_exim_text(void **state UNUSED)
{
	struct exim_settings exim;

	read_exim("# smtp_accept_max = 1\n  smtp_accept_max   =   150\nhide smtp_accept_reserve=7\n"
		  "smtp_reserve_hosts = <; 192.0.2.1 ; \\\n   # between\n   192.0.2.2\n"
		  "begin acl\nsmtp_accept_max = 9\n",
		  &exim);
	assert_string_equal(exim.slots, "150");
	assert_string_equal(exim.reserve, "7");
	assert_string_equal(exim.reserve_hosts, "<; 192.0.2.1 ; 192.0.2.2");
	put("/etc/exim.part", "smtp_accept_max_per_host = SOME\n");
	read_exim(
		"SOME = 12\n.ifdef SOME\nsmtp_accept_max = 1K\n.else\nsmtp_accept_max = 2\n.endif\n"
		".ifndef SOME\nsmtp_accept_queue_per_connection = 3\n.elifdef OTHER\n"
		"smtp_accept_queue_per_connection = 4\n.else\nsmtp_accept_queue_per_connection = "
		"5\n"
		".endif\n.include /etc/exim.part\n.include_if_exists /etc/absent\n",
		&exim);
	assert_string_equal(exim.slots, "1K");
	assert_string_equal(exim.per_host, "12");
	assert_string_equal(exim.per_connection, "5");
	read_exim(".include /etc/exim.conf\n.endif\n.else\n.ifdef\n=\nbegin\nsmtp_accept_max = 3\\",
		  &exim);
	assert_string_equal(exim.slots, "");
	assert_int_equal(exim_file_read(doctor.root, "/etc/absent", &exim), -ENOENT);
	assert_int_equal(exim_file_read(doctor.root, "/etc", &exim), -EISDIR);
}

static void test_exim_numbers(void **state UNUSED)
{
	static const struct {
		const char *text;
		int result;
		uint64_t number;
	} cases[] = {
		{ "0", 0, 0 },
		{ "100", 0, 100 },
		{ "2K", 0, 2048 },
		{ "1m", 0, 1 << 20 },
		{ "", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "${if x{1}{2}}", -EINVAL, 0 },
		{ "12x", -EINVAL, 0 },
		{ "12 34", -EINVAL, 0 },
		{ "1KK", -EINVAL, 0 },
		{ "99999999999999999999", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t number = 0;

		if (exim_file_number(cases[i].text, &number) != cases[i].result ||
		    number != cases[i].number)
			fail_msg("\"%s\" is read as %llu", cases[i].text,
				 (unsigned long long)number);
	}
}

static void test_exim_slots(void **state UNUSED)
{
	put("/etc/exim.conf", "smtp_accept_max_per_host = 5\nsmtp_reserve_hosts = 192.0.2.1\n"
			      "daemon_smtp_ports = <; smtp; 465; 26\n");
	put("/etc/chkserv.d/exim-2525", "");
	look();
	expect(FINDING_EXIM_SLOTS_DEFAULT, "/etc/exim.conf");
	expect(FINDING_EXIM_ONE_SOURCE_FILLS, "Exim has 20 slots");
	assert_int_equal(count(FINDING_EXIM_ONE_SOURCE_FILLS), 2);
	expect(FINDING_EXIM_VERIFIED_FILLS, "service smtp: verified_concurrent 100");
	assert_int_equal(count(FINDING_EXIM_VERIFIED_FILLS), 1);
	expect(FINDING_EXIM_PER_HOST_FIRST,
	       "smtp_accept_max_per_host is 5, service smtp allows 10");
	expect(FINDING_EXIM_RESERVE, "without smtp_accept_reserve");
	expect(FINDING_EXIM_PORT_UNGUARDED, "no service guards port 26 (daemon_smtp_ports)");
	assert_int_equal(count(FINDING_EXIM_PORT_UNGUARDED), 2);
	put("/etc/exim.conf", "smtp_accept_max = 0\nsmtp_accept_reserve = 5\n");
	look_again();
	expect(FINDING_EXIM_SLOTS_UNLIMITED, "");
	expect(FINDING_EXIM_RESERVE, "without smtp_reserve_hosts");
	/* cPanel's value and our defaults: worth a note, no more */
	put("/etc/exim.conf", "smtp_accept_max = 100\n");
	look_again();
	expect_not(FINDING_EXIM_ONE_SOURCE_FILLS);
	expect(FINDING_EXIM_FEW_SOURCES_FILL, "service submission: 4 sources with 30 connections");
	put("/etc/exim.conf", "smtp_accept_max = ${lookup{x}}\n");
	look_again();
	expect(FINDING_EXIM_VALUE_UNKNOWN, "smtp_accept_max = ${lookup{x}}");
	doctor.exim_path = "/etc";
	look_again();
	expect(FINDING_EXIM_NOT_CHECKED, "");
}

static void test_exim_log_selector(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool port, connection;
	} cases[] = {
		{ "begin acl\n", false, false },
		{ "log_selector = +incoming_port +smtp_connection\n", true, true },
		{ "log_selector = +all -smtp_connection\n", true, false },
		{ "log_selector = +incoming_port -all +smtp_connection\n", false, true },
		{ "log_selector = +incoming_port_x +incoming_interface+smtp_connection\n", false, true },
		{ "WHAT = +subject +incoming_port\nlog_selector = WHAT\n", true, false },
		{ "log_selector = incoming_port\n", false, false },
	};
	struct exim_settings exim;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		read_exim(cases[i].text, &exim);
		assert_int_equal(exim_file_logs(&exim, "incoming_port"), cases[i].port);
		assert_int_equal(exim_file_logs(&exim, "smtp_connection"), cases[i].connection);
	}
	look();
	expect_not(FINDING_EXIM_LOG_WITHOUT_PORT);
	configure("mail_logs: { enabled = true; exim = \"/nowhere/main\"; };\n");
	look_again();
	expect(FINDING_EXIM_LOG_WITHOUT_PORT, "no +incoming_port in /etc/exim.conf");
	expect(FINDING_EXIM_LOG_WITHOUT_COUNT, "no +smtp_connection in /etc/exim.conf");
	/* a log that is not followed may be as it is */
	configure("mail_logs: { enabled = true; exim = \"\"; };\n");
	look_again();
	expect_not(FINDING_EXIM_LOG_WITHOUT_PORT);
}

/* --- the mail logs --- */

static void test_mail_logs(void **state UNUSED)
{
	set_status("{\"mail_logs\":{\"enabled\":true,\"worker\":{\"running\":true,\"starts\":1},"
		   "\"unparsed\":0,\"distrusted_until\":null,\"logs\":["
		   "{\"log\":\"exim\",\"path\":\"/l/exim\",\"state\":\"following\",\"lag_ms\":60000},"
		   "{\"log\":\"mail\",\"path\":\"/l/mail\",\"state\":null}]}}");
	look();
	expect(FINDING_MAIL_LOGS, "1 of 2");
	expect(FINDING_MAIL_LOGS_RESTART, "is false, but the daemon was started with it");
	for (unsigned kind = FINDING_MAIL_LOGS_RESTART + 1; kind <= FINDING_MAIL_FACTS_FOLDED; kind++)
		expect_not((enum finding_kind)kind);
}

static void test_mail_logs_not_well(void **state UNUSED)
{
	set_status("{\"mail_logs\":{\"enabled\":true,\"worker\":{\"running\":true,\"starts\":1},"
		   "\"unparsed\":3,\"without_port\":4,\"ambiguous\":5,"
		   "\"forged\":{\"count\":5,\"addresses\":2,\"last\":\"2026-11-22T10:00:00Z\","
		   "\"last_by\":[\"203.0.113.9:1\",\"198.51.100.1:2\"]},"
		   "\"facts_refused\":true,\"facts_dropped\":6,\"facts_folded\":7,"
		   "\"samples\":[{\"log\":\"exim\",\"line\":\"535 Incorrect \\\\x1b[2J \\u001b\"}],"
		   "\"logs\":[{\"log\":\"exim\",\"path\":\"/l/exim\",\"state\":\"behind\","
		   "\"lag_ms\":61000,\"behind_bytes\":99,\"gaps\":2,\"clock_off_s\":-17997},"
		   "{\"log\":\"mail\",\"path\":\"/l/mail\",\"state\":\"unreadable\","
		   "\"error\":\"Permission denied\"},"
		   "{\"log\":\"cpanel\",\"path\":\"/l/cpanel\",\"state\":\"missing\"}]},"
		   "\"problems\":[\"cannot read /l/mail: Permission denied; tried again every 5 s\","
		   "\"there is no /l/cpanel: it is waited for\","
		   "\"/l/exim is read with a lag of 61 s, 99 bytes wait\","
		   "\"/l/exim was rotated away 2 times before it was read to its end, and\","
		   "\"3 lines of the mail logs look relevant and are not understood\","
		   "\"4 lines of Exim's log came without the client's port since start\","
		   "\"5 failed logins since start could be read in several ways, the last one\","
		   "\"the stamps of /l/exim are 18000 s behind the clock\","
		   "\"somebody writes lines into the mail logs that can be read\","
		   "\"the ledger does not take the facts of the mail logs: some\","
		   "\"7 facts of the mail logs are kept without account and address\"]}");
	look();
	expect(FINDING_MAIL_LOG_BEHIND, "/l/exim is read 61 s late, 99 bytes wait");
	expect(FINDING_MAIL_LOG_GAPS, "/l/exim was rotated away 2 times");
	expect(FINDING_MAIL_LOG_UNREADABLE, "cannot read /l/mail: Permission denied");
	assert_non_null(strstr(finding_todo(found(FINDING_MAIL_LOG_UNREADABLE)),
			       "\"AmbientCapabilities=CAP_NET_ADMIN CAP_DAC_READ_SEARCH\""));
	expect_not(FINDING_MAIL_LOG_UNUSABLE);
	expect(FINDING_MAIL_LOG_MISSING, "there is no /l/cpanel");
	expect(FINDING_MAIL_LOG_CLOCK, "the stamps of /l/exim are 5h behind the clock");
	assert_non_null(strstr(finding_todo(found(FINDING_MAIL_LOG_CLOCK)), "\"Environment=TZ="));
	expect(FINDING_MAIL_LINES_UNPARSED,
	       "lines that look relevant and are not understood: 3, the last of exim: 535 Incorrect ");
	assert_null(strchr(found(FINDING_MAIL_LINES_UNPARSED)->what, '\033'));
	expect(FINDING_MAIL_LINES_WITHOUT_PORT, "lines of Exim without the client's port: 4");
	expect(FINDING_MAIL_LINES_FORGED, "5, the last at 2026-11-22T10:00:00Z: one of 203.0.113.9:1, 198.51.100.1:2");
	expect(FINDING_MAIL_FACTS_LOST, "facts that did not reach the ledger: 6");
	expect(FINDING_MAIL_FACTS_FOLDED, "facts that are kept without account and address: 7");
	expect(FINDING_MAIL_LOGS, "1 of 3");
	/* each has its own finding */
	expect_not(FINDING_DAEMON_PROBLEM);
	set_status("{\"mail_logs\":{\"enabled\":true,\"worker\":{\"running\":false,\"starts\":9}},"
		   "\"problems\":[\"smtpguard-maillog is not running: the mail logs are not read\"]}");
	look_again();
	expect(FINDING_MAIL_WORKER_DOWN, "starts: 9");
	expect_not(FINDING_MAIL_LOGS);
	expect_not(FINDING_DAEMON_PROBLEM);
	/* where to go on is in the ledger */
	set_status("{\"mail_logs\":{\"enabled\":true,\"worker\":{\"running\":false,\"starts\":0}},"
		   "\"ledger\":{\"state\":\"loading\"},"
		   "\"problems\":[\"the mail logs are not followed yet\"]}");
	look_again();
	expect_not(FINDING_MAIL_WORKER_DOWN);
}

static void test_mail_logs_that_are_none(void **state UNUSED)
{
	static const struct {
		const char *error, *what;
	} cases[] = {
		{ "Is a directory", "cannot read /l/mail: Is a directory" },
		{ "Invalid argument", "cannot read /l/mail: it is not a regular file" },
		{ "Too many levels of symbolic links", "/l/mail: Too many levels of" },
	};
	char text[512];

	look();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(text, sizeof(text),
			 "{\"mail_logs\":{\"enabled\":true,\"worker\":{\"running\":true},\"logs\":["
			 "{\"log\":\"mail\",\"path\":\"/l/mail\",\"state\":\"unreadable\","
			 "\"error\":\"%s\"}]}}",
			 cases[i].error);
		set_status(text);
		look_again();
		expect(FINDING_MAIL_LOG_UNUSABLE, cases[i].what);
		/* no capability makes a file of it */
		assert_null(strstr(finding_todo(found(FINDING_MAIL_LOG_UNUSABLE)), "CAP_"));
		expect_not(FINDING_MAIL_LOG_UNREADABLE);
	}
}

static void test_mail_logs_that_overflow(void **state UNUSED)
{
	set_status("{\"mail_logs\":{\"enabled\":true,\"worker\":{\"running\":true},\"unparsed\":12,"
		   "\"samples\":[1,{\"log\":\"exim\",\"line\":\"\"},{\"log\":\"exim\",\"line\":"
		   "\"2026-11-22 10:00:00 **** log string overflowed log buffer ****\"}]}}");
	look();
	expect(FINDING_MAIL_LINES_UNPARSED, "12");
	expect(FINDING_MAIL_LINES_OVERFLOWED, "overflowed log buffer");
	assert_int_equal(count(FINDING_MAIL_LINES_OVERFLOWED), 1);
}

static void test_mail_logs_of_other_paths(void **state UNUSED)
{
	configure("mail_logs: { enabled = true; exim = \"/l/else\"; mail = \"\"; cpanel = \"/l/c\"; };\n");
	set_status("{\"mail_logs\":{\"enabled\":true,\"worker\":{\"running\":true},\"logs\":["
		   "{\"log\":\"exim\",\"path\":\"/l/exim\"},{\"log\":\"mail\",\"path\":\"/l/mail\"},"
		   "{\"log\":\"cpanel\",\"path\":\"/l/c\"}]}}");
	look();
	expect(FINDING_MAIL_LOGS_RESTART,
	       "mail_logs.exim is \"/l/else\", but the daemon was started with \"/l/exim\"");
	assert_int_equal(count(FINDING_MAIL_LOGS_RESTART), 2);
}

static void test_mail_logs_ahead_of_the_clock(void **state UNUSED)
{
	set_status("{\"mail_logs\":{\"enabled\":true,\"worker\":{\"running\":true},\"logs\":["
		   "{\"log\":\"exim\",\"path\":\"/l/exim\",\"state\":\"following\","
		   "\"gaps\":1,\"clock_off_s\":19800},"
		   "{\"log\":\"mail\",\"path\":\"/l/mail\",\"state\":\"following\","
		   "\"gaps\":0,\"clock_off_s\":0}]}}");
	look();
	expect(FINDING_MAIL_LOG_CLOCK, "the stamps of /l/exim are 5h 30m ahead of the clock");
	assert_int_equal(count(FINDING_MAIL_LOG_CLOCK), 1);
	expect(FINDING_MAIL_LOG_GAPS, "/l/exim was rotated away 1 time before");
}

static void test_mail_logs_before_the_restart(void **state UNUSED)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "mail_logs: { enabled = true; exim = \"%s/logs/exim\"; mail = \"%s/logs/mail\"; "
		 "cpanel = \"\"; };\n",
		 root, root);
	configure(text);
	put("/logs/exim", "");
	set_mode("/logs/exim", 0640);
	set_status("{\"mail_logs\":{\"enabled\":false}}");
	look();
	expect(FINDING_MAIL_LOGS_RESTART, "is true, but the daemon was started without");
	expect(FINDING_MAIL_LOG_MISSING, "/logs/mail");
	assert_int_equal(count(FINDING_MAIL_LOG_MISSING), 1);
	expect_not(FINDING_MAIL_LOG_UNREADABLE);
	doctor.service_uid = 54321;
	doctor.service_gid = 54321;
	look_again();
	expect(FINDING_MAIL_LOG_UNREADABLE, "/logs/exim cannot be read by user smtpguard: mode 0640");
	set_mode("/logs/exim", 0644);
	look_again();
	expect_not(FINDING_MAIL_LOG_UNREADABLE);
	set_mode("/logs", 0700);
	look_again();
	expect(FINDING_MAIL_LOG_UNREADABLE, "/logs/exim");
	put("/etc/systemd/system/smtpguard.service.d/logs.conf",
	    "[Service]\nAmbientCapabilities=CAP_NET_ADMIN CAP_DAC_READ_SEARCH\n");
	look_again();
	expect_not(FINDING_MAIL_LOG_UNREADABLE);
	/* without a daemon, too */
	doctor.status = NULL;
	look_again();
	expect(FINDING_MAIL_LOG_MISSING, "/logs/mail");
	expect_not(FINDING_MAIL_LOGS_RESTART);
	put("/logs/mail/line", "");
	look_again();
	expect_not(FINDING_MAIL_LOG_MISSING);
	expect(FINDING_MAIL_LOG_UNUSABLE, "/logs/mail is not a regular file");
}

/* --- DNS --- */

static void test_dns(void **state UNUSED)
{
	put("/etc/resolv.conf",
	    "# nameserver 127.0.0.1\nsearch example\nnameserver 192.0.2.53\n"
	    "nameserver fe80::1%eth0\nnameservers 192.0.2.54\nnameserver nonsense\n");
	look();
	expect(FINDING_DNS, "2 servers");
	expect(FINDING_DNS_NO_LOOPBACK, "");
	put("/etc/resolv.conf", "search example\n");
	look_again();
	expect(FINDING_DNS_NO_SERVER, "names no server");
	configure("resolver: { servers = [ \"192.0.2.53\" ]; };\n");
	look_again();
	expect(FINDING_DNS, "resolver.servers: 192.0.2.53");
}

/* --- code, documentation, tests --- */

/* Rows "| `ID` | LEVEL | .." in the order of the code. */
static void test_documented(void **state UNUSED)
{
	const char *source = getenv("SMTPGUARD_SOURCE_ROOT");
	char path[PATH_MAX], line[1024], id[64], level[16];
	unsigned n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/docs/doctor.md", source ? source : ".");
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "| `%63[a-z0-9-]` | %15[a-z] |", id, level) != 2)
			continue;
		if (n == FINDING_KINDS || strcmp(id, finding_texts[n].id) != 0)
			fail_msg("row %s, in the code: %s", id,
				 n < FINDING_KINDS ? finding_texts[n].id : "nothing");
		assert_string_equal(level, finding_level_name(finding_texts[n].level));
		n++;
	}
	fclose(file);
	assert_int_equal(n, FINDING_KINDS);
}

static void test_complete(void **state UNUSED)
{
	for (unsigned i = 0; i < FINDING_KINDS; i++) {
		const struct finding_text *text = &finding_texts[i];

		assert_non_null(text->id);
		assert_true((text->level == LEVEL_OK) == (text->why == NULL));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(text->id, finding_texts[k].id);
		if (!seen[i])
			fail_msg("%s was never provoked", text->id);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_healthy_host),
		TEST(test_nothing_there),
		TEST(test_list_is_bounded),
		TEST(test_daemon_absent),
		TEST(test_daemon_not_well),
		TEST(test_daemon_observes),
		TEST(test_strange_status),
		TEST(test_config_mistakes),
		TEST(test_config_unreadable),
		TEST(test_config_lists),
		TEST(test_config_warnings),
		TEST(test_permissions),
		TEST(test_disk),
		TEST(test_kernel),
		TEST(test_queue),
		TEST(test_firewalls_by_file),
		TEST(test_firewalls_by_chain),
		TEST(test_csf),
		TEST(test_saved_rules),
		TEST(test_cron_lines),
		TEST(test_cron_of_packages),
		TEST(test_exim_text),
		TEST(test_exim_numbers),
		TEST(test_exim_slots),
		TEST(test_exim_log_selector),
		TEST(test_mail_logs),
		TEST(test_mail_logs_not_well),
		TEST(test_mail_logs_that_are_none),
		TEST(test_mail_logs_that_overflow),
		TEST(test_mail_logs_of_other_paths),
		TEST(test_mail_logs_ahead_of_the_clock),
		TEST(test_mail_logs_before_the_restart),
		TEST(test_dns),
		TEST(test_documented),
		TEST(test_complete),
	};
	int result;

	if (!mkdtemp(root))
		return 1;
	result = cmocka_run_group_tests(tests, NULL, NULL);
	return rmdir(root) < 0 ? 1 : result;
}
