/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration file (libconfig syntax, SPEC 3) and the allow files it names, as one immutable
 * struct. Every problem is reported with its place, all of them in one go; a configuration with a
 * problem is never half used.
 */
#pragma once

#include <stdio.h>
#include <sys/types.h>

#include "smtpguard/base/log_place.h"
#include "smtpguard/policy/settings.h"

#define CONFIG_PATH_MAX 256
#define CONFIG_LEDGER_PATH_MAX 224 /* LEDGER_PATH_MAX */
#define CONFIG_SERVERS_MAX 512
#define CONFIG_ALLOW_GLOBS_MAX 16

enum {
	CONFIG_INVALID = 1, /* problems were reported */
	CONFIG_SAME = 2,    /* the lists are as they were */
};

/* Where allow files are, as glob(7) describes it; owned by the config. */
struct allow_patterns {
	char *text[CONFIG_ALLOW_GLOBS_MAX];
	unsigned n;
};

struct config {
	struct guard_settings guard; /* guard.allowed is owned by the config */
	unsigned resolver_tries;
	char resolver_servers[CONFIG_SERVERS_MAX]; /* "ADDR[:PORT],..": c-ares' csv form */
	char control_path[CONFIG_PATH_MAX];
	char control_group[64];
	unsigned control_max_clients;
	char ledger_path[CONFIG_PATH_MAX];
	usec_t ledger_keep;
	char mail_log_paths[MAIL_LOGS][CONFIG_PATH_MAX]; /* empty: not followed; guard.mail.enabled */
	/* What the file, or the command line, says of mode; of services, for them alone. */
	bool observe, service_observes[SERVICES_MAX];
	struct allow_patterns allow_patterns, cpanel_patterns;
	unsigned allow_files;	/* how many were read, of both kinds */
	unsigned cpanel_skipped; /* lines of cPanel's lists that are no address */
	unsigned cpanel_unreadable; /* lists that are there, and cannot be read */
	char *warnings;		/* one a line, escaped; NULL: none */
};

/* One problem, complete: "FILE:LINE: KEY: what is wrong, what is allowed". */
typedef void (*config_problem)(void *userdata, const char *text);

/*
 * observe: as mode = "observe" (the command line's --observe). 0: *ret_config is the caller's.
 * CONFIG_INVALID: at least one problem was reported. -ENOMEM.
 */
int config_load(struct config **ret_config, const char *path, bool observe, config_problem problem,
		void *userdata) MUST_CHECK;
struct config *config_free(struct config *config);

/* A copy that observes, or enforces where its services do by themselves; whatever its file says. -ENOMEM. */
int config_with_mode(struct config **ret_config, const struct config *from, bool observe) MUST_CHECK;
/*
 * A copy with what the allow files hold now; its file is not read again. As config_load(), but there may be
 * nothing new: CONFIG_SAME, *ret_config is not set.
 */
int config_with_allow_files(struct config **ret_config, const struct config *from,
			    config_problem problem, void *userdata) MUST_CHECK;

/*
 * Whether a running daemon can take the configuration over: one problem for each key that only a
 * start applies, "KEY: cannot change while smtpguardd runs (now X, wanted Y); restart it". 0 or
 * CONFIG_INVALID.
 */
int config_check_reload(const struct config *running, const struct config *wanted,
			config_problem problem, void *userdata) MUST_CHECK;

/* A config_problem that prints to the FILE given as userdata, one line each. */
void config_print_problem(void *file, const char *text);
