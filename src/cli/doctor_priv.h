/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `smtpguard doctor`: looks at this host and says what is in the way of the guard. The verb gathers
 * what only a running system has (the daemon's status, the kernel's ruleset, the clock); the checks
 * read that and files, all below one root directory, and make findings of it. Nothing is executed,
 * asked of the network or changed. Findings and their meaning: docs/doctor.md.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "smtpguard/base/compiler.h"
#include "smtpguard/daemon/config.h"

/* --- findings (doctor_findings.c, doctor.c) --- */

enum finding_level { LEVEL_OK, LEVEL_NOTE, LEVEL_WARNING, LEVEL_PROBLEM, LEVELS };

enum finding_kind {
	FINDING_DAEMON,
	FINDING_DAEMON_STOPPED,
	FINDING_DAEMON_NO_PERMISSION,
	FINDING_DAEMON_NO_ANSWER,
	FINDING_DAEMON_OTHER_VERSION,
	FINDING_DAEMON_PROBLEM,
	FINDING_NOT_ENFORCING,
	FINDING_MODE_OBSERVE,
	FINDING_EVENTS_LOST,
	FINDING_KERNEL_FEATURE,
	FINDING_RESOLVER_DOWN,
	FINDING_RESOLVER_NO_ANSWER,
	FINDING_LEDGER_FAILING,
	FINDING_GATE_OFF,
	FINDING_CONFIG,
	FINDING_CONFIG_BAD,
	FINDING_CONFIG_WARNING,
	FINDING_CONFIG_NOT_CHECKED,
	FINDING_CONFIG_WRITABLE,
	FINDING_SERVICE_USER_MISSING,
	FINDING_ALLOW_EMPTY,
	FINDING_ALLOW_UNREADABLE,
	FINDING_BAN_SETS_LARGE,
	FINDING_SOCKET_OPEN,
	FINDING_STATE_OPEN,
	FINDING_STATE_OWNER,
	FINDING_DISK,
	FINDING_DISK_LOW,
	FINDING_DISK_FULL,
	FINDING_CONNTRACK_EVENTS,
	FINDING_CONNTRACK_EVENTS_OFF,
	FINDING_CONNTRACK_ABSENT,
	FINDING_CONNTRACK_TABLE,
	FINDING_CONNTRACK_TABLE_FILLING,
	FINDING_CONNTRACK_TABLE_FULL,
	FINDING_RECEIVE_BUFFER_SMALL,
	FINDING_CLOCK,
	FINDING_CLOCK_UNSYNCHRONISED,
	FINDING_QUEUE_TAKEN,
	FINDING_RULESET,
	FINDING_RULESET_NOT_CHECKED,
	FINDING_FIREWALLD,
	FINDING_CSF,
	FINDING_CSF_LIMITS,
	FINDING_CPANEL_HOST_ACCESS,
	FINDING_CPHULK,
	FINDING_IMUNIFY360,
	FINDING_FAIL2BAN,
	FINDING_CROWDSEC,
	FINDING_UFW,
	FINDING_IPTABLES_LEGACY,
	FINDING_SAVED_RULESET_STALE,
	FINDING_SAVED_RULESET_BROKEN,
	FINDING_MAIL_RULES,
	FINDING_MAIL_RULES_SAVED,
	FINDING_SOURCE_DROPS,
	FINDING_CRON,
	FINDING_CRON_POLLER,
	FINDING_CRON_NOT_CHECKED,
	FINDING_EXIM,
	FINDING_EXIM_ABSENT,
	FINDING_EXIM_NOT_CHECKED,
	FINDING_EXIM_VALUE_UNKNOWN,
	FINDING_EXIM_SLOTS_DEFAULT,
	FINDING_EXIM_SLOTS_UNLIMITED,
	FINDING_EXIM_ONE_SOURCE_FILLS,
	FINDING_EXIM_FEW_SOURCES_FILL,
	FINDING_EXIM_VERIFIED_FILLS,
	FINDING_EXIM_PER_HOST_FIRST,
	FINDING_EXIM_RESERVE,
	FINDING_EXIM_PORT_UNGUARDED,
	FINDING_EXIM_LOG_WITHOUT_PORT,
	FINDING_EXIM_LOG_WITHOUT_COUNT,
	FINDING_MAIL_LOGS,
	FINDING_MAIL_LOGS_RESTART,
	FINDING_MAIL_WORKER_DOWN,
	FINDING_MAIL_LOG_UNREADABLE,
	FINDING_MAIL_LOG_UNUSABLE,
	FINDING_MAIL_LOG_MISSING,
	FINDING_MAIL_LOG_BEHIND,
	FINDING_MAIL_LOG_CLOCK,
	FINDING_MAIL_LOG_GAPS,
	FINDING_MAIL_LINES_UNPARSED,
	FINDING_MAIL_LINES_OVERFLOWED,
	FINDING_MAIL_LINES_WITHOUT_PORT,
	FINDING_MAIL_LINES_FORGED,
	FINDING_MAIL_FACTS_LOST,
	FINDING_MAIL_FACTS_FOLDED,
	FINDING_DNS,
	FINDING_DNS_NO_SERVER,
	FINDING_DNS_NO_LOOPBACK,
	FINDING_KINDS
};

struct finding_text {
	const char *id;
	enum finding_level level;
	const char *why, *todo; /* NULL for LEVEL_OK */
};

extern const struct finding_text finding_texts[FINDING_KINDS];
const char *finding_level_name(enum finding_level level);

#define FINDING_TEXT_MAX 512

struct finding {
	enum finding_kind kind;
	char what[FINDING_TEXT_MAX];
	char todo[FINDING_TEXT_MAX]; /* empty: the kind's own */
};

#define FINDINGS_MAX 256
/* Of one kind; what comes behind is the same thing again. */
#define FINDINGS_OF_KIND_MAX 12

/* --- what the verb gathers --- */

enum clock_state { CLOCK_UNKNOWN, CLOCK_SYNCHRONISED, CLOCK_UNSYNCHRONISED };

#define RULESET_NAME_MAX 64

/* Bits of reach. */
enum {
	REACH_INCOMING = 1 << 0,
	REACH_OUTGOING = 1 << 1, /* from the host's own programs */
};

/* What rules do besides matching. */
enum {
	RULE_LIMITS_CONNECTIONS = 1 << 0, /* connlimit, ct count */
	RULE_LIMITS_RECENT = 1 << 1,
	RULE_LIMITS_RATE = 1 << 2, /* limit, hashlimit, a dynamic set */
	RULE_REFUSES = 1 << 3,
};

/* A chain of another table than ours; names are escaped. */
struct ruleset_chain {
	char family[8], table[RULESET_NAME_MAX], name[RULESET_NAME_MAX];
	unsigned reach; /* whose packets get here, through jumps too */
	uint32_t mail_rules; /* that limit or refuse connections to guarded ports */
	uint64_t mail_ports; /* which, by their index */
	unsigned mail_actions;
	uint32_t source_drops; /* rules that refuse a source on every port */
};

struct ruleset_view {
	struct ruleset_chain *chains;
	size_t n_chains, allocated;
	uint32_t n_tables;
	const uint16_t *ports; /* the guarded ones */
	unsigned n_ports;
};

/* Reads the kernel's ruleset (CAP_NET_ADMIN). *view has ports set; the caller ends it. */
int ruleset_view_read(struct ruleset_view *view) MUST_CHECK;
void ruleset_view_done(struct ruleset_view *view);

/* Asks the daemon: *ret_status is the caller's. -EBADMSG: that was no answer of the daemon's. */
int doctor_ask(const char *socket_path, json_t **ret_status) MUST_CHECK;

/* --- a run --- */

struct doctor {
	const char *root; /* before each path that the configuration does not name; else "" */
	const char *version;
	const char *socket_path, *config_path; /* as they are named to a person */
	const char *exim_path;	 /* NULL: the usual places */
	const json_t *status;	 /* NULL: status_error tells why not */
	int status_error;
	struct ruleset_view ruleset;
	int ruleset_error;	 /* not 0: there is none */
	enum clock_state clock;
	bool has_service_user;
	uid_t service_uid;
	gid_t service_gid;

	struct config *config; /* NULL: cannot be used */
	struct finding *findings;
	size_t n_findings;
};

/* 0 or -ENOMEM. doctor_begin() sets the usual paths; the caller changes what it knows better. */
int doctor_begin(struct doctor *doctor) MUST_CHECK;
/* The configuration is read first: what else is asked depends on it. */
void doctor_read_config(struct doctor *doctor);
/* All checks; findings are sorted then: the worst first, equally bad ones as listed above. */
void doctor_check(struct doctor *doctor);
void doctor_done(struct doctor *doctor);

size_t doctor_count(const struct doctor *doctor, enum finding_level level);
const char *finding_todo(const struct finding *finding);

void find(struct doctor *doctor, enum finding_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);
/* What to type for the finding made last, if its kind's words are not exact enough. */
void advise(struct doctor *doctor, const char *format, ...) PRINTF_LIKE(2, 3);

/* The ports that matter: the configuration's, else SPEC's. At most GUARDED_PORTS_MAX. */
unsigned doctor_ports(const struct doctor *doctor, uint16_t ports[static GUARDED_PORTS_MAX]);

/* --- files below the root (doctor_files.c) --- */

#define DOCTOR_PATH_MAX 4096
#define DOCTOR_FILE_BYTES_MAX (256 * 1024)

/* Regular files, the kernel's too: at most `size` bytes and a NUL. -EISDIR for anything else. */
int doctor_read(const struct doctor *doctor, const char *path, size_t size,
		char **ret_text) MUST_CHECK;
/* A number and nothing else. */
int doctor_read_number(const struct doctor *doctor, const char *path,
		       uint64_t *ret_number) MUST_CHECK;
bool doctor_exists(const struct doctor *doctor, const char *path);
/* The first line at *cursor, cut off; moves *cursor behind it. NULL at the end. */
char *doctor_line(char **cursor);
char *doctor_trim(char *text);
/* Whether `word` is in text with no letter, digit, `_` or `-` on either side. */
bool doctor_has_word(const char *text, const char *word);
/* The directory that it is in. */
void doctor_parent(const char *path, char parent[static DOCTOR_PATH_MAX]);
/* Whether the service's user may do what the bits (4 read, 1 search) say. Its other groups and
 * access control lists are not asked for: a finding names the bits, so that one can tell. */
bool doctor_user_may(const struct doctor *doctor, const struct stat *st, unsigned bits);
/* Empty if it is too long. */
void doctor_full_path(const struct doctor *doctor, const char *path,
		      char full[static DOCTOR_PATH_MAX]);

/* --- the checks --- */

void doctor_check_daemon(struct doctor *doctor);
void doctor_check_config(struct doctor *doctor);
void doctor_check_permissions(struct doctor *doctor);
void doctor_check_kernel(struct doctor *doctor);
void doctor_check_firewalls(struct doctor *doctor);
void doctor_check_csf(struct doctor *doctor);
void doctor_check_saved_rules(struct doctor *doctor);
void doctor_check_cron(struct doctor *doctor);
void doctor_check_exim(struct doctor *doctor);
void doctor_check_mail_logs(struct doctor *doctor);
void doctor_check_dns(struct doctor *doctor);

/* Whether the configuration wants this log followed. */
bool doctor_wants_log(const struct doctor *doctor, enum mail_log log);

/* What so much free space below the ledger means. */
enum finding_kind disk_kind(unsigned long long free_bytes);

