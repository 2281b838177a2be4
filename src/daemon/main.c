// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "smtpguard-config.h"
#include "smtpguard/base/log.h"
#include "smtpguard/base/parse.h"
#include "smtpguard/control/server.h"
#include "smtpguard/daemon/config.h"
#include "smtpguard/daemon/engine.h"
#include "smtpguard/daemon/privileges.h"

enum { EXIT_RUNTIME = 1, EXIT_USAGE = 2 };

struct options {
	const char *config_path;
	bool check, observe;
};

static void print_help(FILE *out)
{
	fputs("usage: smtpguardd [-n] [-v] [-c FILE] [--observe]\n"
	      "Guards the SMTP ports of this host: counts connections per source, bans the greedy.\n"
	      "Runs in the foreground; stop it with SIGTERM. Bans stay in the kernel until they expire.\n"
	      "\n"
	      "  -c, --config FILE  read FILE instead of " SMTPGUARD_CONFIG_PATH "\n"
	      "  -n, --check        check the configuration and exit (0: good, 2: bad)\n"
	      "      --observe      decide and log, but drop nothing (as mode = \"observe\")\n"
	      "  -v, --verbose      say more\n"
	      "      --version      print the version and exit\n"
	      "      --help         print this and exit\n",
	      out);
}

/* -1: go on; otherwise the exit code. */
static int parse_options(int argc, char **argv, struct options *options)
{
	enum { OPTION_OBSERVE = 256, OPTION_VERSION, OPTION_HELP };
	static const struct option names[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'n' },
		{ "observe", no_argument, NULL, OPTION_OBSERVE },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, OPTION_VERSION },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:nv", names, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config_path = optarg;
			break;
		case 'n':
			options->check = true;
			break;
		case OPTION_OBSERVE:
			options->observe = true;
			break;
		case 'v':
			log_set_level(LOG_DEBUG);
			break;
		case OPTION_VERSION:
			puts("smtpguardd " SMTPGUARD_VERSION);
			return 0;
		case OPTION_HELP:
			print_help(stdout);
			return 0;
		default:
			print_help(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "smtpguardd: no arguments are expected, got \"%s\"\n", argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}

/* For tests: a small buffer makes the kernel lose events. 0: not set; < 0: nonsense. */
static int forced_receive_buffer(void)
{
	const char *text = secure_getenv("SMTPGUARD_EVENT_BUFFER_BYTES");
	uint64_t bytes;

	if (!text)
		return 0;
	return parse_number(text, 1024, 64 << 20, &bytes) < 0 ? -EINVAL : (int)bytes;
}

static gid_t find_group(const char *name)
{
	const struct group *group = getgrnam(name);

	if (group)
		return group->gr_gid;
	log_warning("there is no group %s: only root can use the control socket", name);
	return (gid_t)-1;
}

/* The service has its directories from systemd; started by hand, they are made here. */
static void make_directory_of(const char *path)
{
	char copy[CONFIG_PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	/* a failure shows when the file is to be made, with a better message */
	if (mkdir(dirname(copy), 0755) < 0 && errno != EEXIST)
		log_debug("cannot make the directory of %s: %s", path, strerror(errno));
}

static int open_control_socket(const struct config *config, gid_t group)
{
	const struct control_settings settings = { .path = config->control_path,
						   .group = group,
						   .max_clients = config->control_max_clients };
	int fd, r;

	make_directory_of(config->control_path);
	r = control_socket_open(&settings, &fd);
	if (r == -EADDRINUSE)
		log_error("another smtpguardd already serves %s", config->control_path);
	else if (r < 0)
		log_error("control socket %s: %s", config->control_path, strerror(-r));
	return r < 0 ? r : fd;
}

static int block_signals(void)
{
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGHUP);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	return sigprocmask(SIG_BLOCK, &blocked, NULL) < 0 ? -errno : 0;
}

/* 0, or the exit code. */
static int prepare(const struct config *config, struct engine_settings *settings)
{
	int r = block_signals();

	if (settings->receive_buffer_bytes < 0) {
		log_error("SMTPGUARD_EVENT_BUFFER_BYTES must be a number from 1024 to %d", 64 << 20);
		return EXIT_USAGE;
	}
	if (r < 0) {
		log_error("signals: %s", strerror(-r));
		return EXIT_RUNTIME;
	}
	make_directory_of(config->ledger_path);
	/* its group may be one that only root can give it to: before the privileges go */
	settings->control_fd = open_control_socket(config, settings->control_group);
	if (settings->control_fd < 0)
		return EXIT_RUNTIME;
	/* the follower may have to read what belongs to others */
	r = privileges_drop(config->guard.mail.enabled);
	if (r < 0) {
		log_error("dropping privileges: %s (CAP_NET_ADMIN is needed: run as root, or as the "
			  "service)",
			  strerror(-r));
		unlink(config->control_path);
		return EXIT_RUNTIME;
	}
	return 0;
}

/* Takes the configuration. */
static int guard_host(struct config *config, const struct options *options)
{
	const char *resolver = secure_getenv("SMTPGUARD_RESOLVER");
	const char *maillog = secure_getenv("SMTPGUARD_MAILLOG");
	struct engine_settings settings = {
		.config = config,
		.config_path = options->config_path,
		.observe = options->observe,
		.resolver_program = resolver ? resolver : SMTPGUARD_RESOLVER_PATH,
		.maillog_program = maillog ? maillog : SMTPGUARD_MAILLOG_PATH,
		.receive_buffer_bytes = forced_receive_buffer(),
		.control_group = find_group(config->control_group),
	};
	char control_path[CONFIG_PATH_MAX];
	struct engine *engine;
	int r = prepare(config, &settings);

	if (r) {
		config_free(config);
		return r;
	}
	snprintf(control_path, sizeof(control_path), "%s", config->control_path);
	r = engine_new(&engine, &settings);
	if (r < 0) {
		unlink(control_path);
		return EXIT_RUNTIME;
	}
	r = engine_run(engine);
	if (r < 0)
		log_error("event loop: %s", strerror(-r));
	engine_free(engine);
	return r < 0 ? EXIT_RUNTIME : EXIT_SUCCESS;
}

static void print_summary(const struct config *config, const char *path)
{
	uint16_t ports[GUARDED_PORTS_MAX];
	unsigned n = settings_ports(&config->guard, false, ports);

	printf("%s: configuration ok (%u services, ports", path, config->guard.n_services);
	for (unsigned i = 0; i < n; i++)
		printf(" %u", ports[i]);
	printf(", %u allow entries)\n",
	       config->guard.allowed ? prefix_set_count(config->guard.allowed) : 0);
	if (config->warnings)
		fputs(config->warnings, stderr);
}

int main(int argc, char **argv)
{
	struct options options = { .config_path = SMTPGUARD_CONFIG_PATH };
	struct config *config;
	int r;

	log_open("smtpguardd");
	r = parse_options(argc, argv, &options);
	if (r >= 0)
		return r;
	r = config_load(&config, options.config_path, options.observe, config_print_problem, stderr);
	if (r < 0) {
		log_error("reading %s: %s", options.config_path, strerror(-r));
		return EXIT_RUNTIME;
	}
	if (r == CONFIG_INVALID)
		return EXIT_USAGE;
	if (!options.check)
		return guard_host(config, &options);
	print_summary(config, options.config_path);
	config_free(config);
	return EXIT_SUCCESS;
}
