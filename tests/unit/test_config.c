// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken configurations stand in tests/lab/broken as NN-name.conf with the complete messages in
 * NN-name.expected (file names relative to the directory): this test and the lab's, which asks the
 * daemon, read the same files. What needs other files, sizes or bounds is written here.
 */
#include <dirent.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "smtpguard-config.h"
#include "smtpguard/base/parse.h"
#include "smtpguard/daemon/config.h"

static char directory[] = "/tmp/test_config.XXXXXX";
static char said[1024 * 1024]; /* problems of the last load, a line each */

static void note_problem(void *userdata UNUSED, const char *text)
{
	size_t used = strlen(said);

	snprintf(said + used, sizeof(said) - used, "%s\n", text);
}

static const char *path_of(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void write_bytes(const char *name, const char *bytes, size_t length)
{
	FILE *file = fopen(path_of(name), "we");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

/* DIR in a text becomes the test's directory. */
static void write_file(const char *name, const char *text)
{
	static char bytes[65536];
	size_t used = 0;
	const char *at;

	bytes[0] = '\0';
	while ((at = strstr(text, "DIR"))) {
		used += (size_t)snprintf(bytes + used, sizeof(bytes) - used, "%.*s%s",
					 (int)(at - text), text, directory);
		text = at + 3;
	}
	snprintf(bytes + used, sizeof(bytes) - used, "%s", text);
	write_bytes(name, bytes, strlen(bytes));
}

static int load(const char *path, bool observe, struct config **ret_config)
{
	said[0] = '\0';
	return config_load(ret_config, path, observe, note_problem, NULL);
}

static struct config *load_good(const char *text)
{
	struct config *config;

	write_file("good.conf", text);
	if (load(path_of("good.conf"), false, &config))
		fail_msg("%s\n%s", text, said);
	assert_string_equal(said, "");
	return config;
}

/* expected: all problems; each "DIR" is the test's directory. */
static void expect_said(const char *expected)
{
	char *text = strdup(said), *at;
	size_t length = strlen(directory);

	assert_non_null(text);
	while ((at = strstr(text, directory))) {
		memcpy(at, "DIR", 3);
		memmove(at + 3, at + length, strlen(at + length) + 1);
	}
	assert_string_equal(text, expected);
	free(text);
}

static void expect_bad(const char *text, const char *expected)
{
	struct config *config;

	write_file("bad.conf", text);
	assert_int_equal(load(path_of("bad.conf"), false, &config), CONFIG_INVALID);
	expect_said(expected);
}

static char *read_whole(const char *path)
{
	static char text[65536];
	FILE *file = fopen(path, "re");
	size_t length;

	assert_non_null(file);
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = '\0';
	fclose(file);
	return text;
}

static const char *source_path(const char *name)
{
	static char path[1024];
	const char *root = getenv("SMTPGUARD_SOURCE_ROOT");

	snprintf(path, sizeof(path), "%s/%s", root ? root : ".", name);
	return path;
}

/* --- what is broken --- */

static void check_broken_file(const char *folder, const char *name)
{
	char path[1400], expected[65536];
	struct config *config;
	size_t used = 0;

	snprintf(path, sizeof(path), "%s/%.*s.expected", folder, (int)strlen(name) - 5, name);
	for (char *line = read_whole(path), *end; (end = strchr(line, '\n')); line = end + 1)
		used += (size_t)snprintf(expected + used, sizeof(expected) - used, "%s/%.*s\n",
					 folder, (int)(end - line), line);
	assert_true(used > 0);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(load(path, false, &config), CONFIG_INVALID);
	assert_string_equal(said, expected);
}

static void broken_files_are_explained(void **state UNUSED)
{
	char folder[1024];
	unsigned count = 0;
	struct dirent *entry;
	DIR *entries;

	snprintf(folder, sizeof(folder), "%s", source_path("tests/lab/broken"));
	entries = opendir(folder);
	assert_non_null(entries);
	while ((entry = readdir(entries))) {
		const char *ending = strrchr(entry->d_name, '.');

		if (!ending || strcmp(ending, ".conf"))
			continue;
		check_broken_file(folder, entry->d_name);
		count++;
	}
	closedir(entries);
	assert_in_range(count, 20, 1000);
}

static void files_that_cannot_be_read(void **state UNUSED)
{
	struct config *config;

	assert_int_equal(load(path_of("absent.conf"), false, &config), CONFIG_INVALID);
	expect_said("DIR/absent.conf: cannot be read: No such file or directory\n");
	assert_int_equal(load(directory, false, &config), CONFIG_INVALID);
	expect_said("DIR: cannot be read: not a regular file\n");
	assert_int_equal(mkfifo(path_of("fifo.conf"), 0600), 0);
	assert_int_equal(load(path_of("fifo.conf"), false, &config), CONFIG_INVALID);
	expect_said("DIR/fifo.conf: cannot be read: not a regular file\n");
	write_file("closed.conf", "mode = \"observe\";\n");
	assert_int_equal(chmod(path_of("closed.conf"), 0), 0);
	if (access(path_of("closed.conf"), R_OK) < 0) {
		assert_int_equal(load(path_of("closed.conf"), false, &config), CONFIG_INVALID);
		expect_said("DIR/closed.conf: cannot be read: Permission denied\n");
	}
	write_bytes("nul.conf", "mode\0= 1;\n", 10);
	assert_int_equal(load(path_of("nul.conf"), false, &config), CONFIG_INVALID);
	expect_said("DIR/nul.conf:1: NUL byte, allowed: text\n");
}

static void bad_includes(void **state UNUSED)
{
	expect_bad("@include \"DIR\"\n",
		   "DIR/bad.conf:1: @include: \"DIR\" cannot be read: not a regular file\n");
	expect_bad("\n@include \"bad.conf\"\n",
		   "DIR/bad.conf:2: @include: too many, allowed: 10 deep, 64 files in all\n");
	write_file("part.conf", "bans: {\n max_bans = 4;\n");
	expect_bad("@include \"part.conf\" # opens a group\n duration = 2;\n};\nmode = 3;\n",
		   "DIR/part.conf:2: bans.max_bans: 4 is out of range, allowed: 16 to 1048576\n"
		   "DIR/bad.conf:2: bans.duration: 2 is not a duration, allowed: \"1s\" to "
		   "\"366d\", units ms s m h d\n"
		   "DIR/bad.conf:4: mode: 3 is not known, allowed: \"enforce\", \"observe\"\n");
}

static void too_many_of_something(void **state UNUSED)
{
	static char text[16384];
	size_t used = 0;

	used += (size_t)snprintf(text, sizeof(text), "services: {\n");
	for (unsigned i = 0; i < 17; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "s%u: { ports = [ %u ]; };\n", i, i + 1);
	snprintf(text + used, sizeof(text) - used, "};\n");
	expect_bad(text, "DIR/bad.conf:1: services: 17 services, allowed: 1 to 16\n");

	used = (size_t)snprintf(text, sizeof(text), "services: {\n");
	for (unsigned i = 0; i < 5; i++) {
		used += (size_t)snprintf(text + used, sizeof(text) - used, "s%u: { ports = [ ", i);
		for (unsigned j = 0; j < 13; j++)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u",
						 j ? ", " : "", 100 * i + j + 1);
		used += (size_t)snprintf(text + used, sizeof(text) - used, " ]; };\n");
	}
	snprintf(text + used, sizeof(text) - used, "};\n");
	expect_bad(text, "DIR/bad.conf:1: services: 65 ports in all services, allowed: 64\n");
	expect_bad("services: { a: { ports = [ 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17 ]; }; };",
		   "DIR/bad.conf:1: services.a.ports: 17 ports, allowed: 1 to 16\n");
	expect_bad("resolver: { servers = [ \"1.1.1.1\", \"1.1.1.1\", \"1.1.1.1\", \"1.1.1.1\", "
		   "\"1.1.1.1\", \"1.1.1.1\", \"1.1.1.1\", \"1.1.1.1\", \"1.1.1.1\" ]; };",
		   "DIR/bad.conf:1: resolver.servers: 9 servers, allowed: 0 to 8\n");
}

static void numbers_keep_their_size(void **state UNUSED)
{
	static const struct {
		const char *value, *shown;
	} cases[] = {
		{ "4294967297", "4294967297 is out of range" },
		{ "0x100000001", "4294967297 is out of range" },
		{ "99999999999999999999", "9223372036854775807 is out of range" },
		{ "-4294967295", "-4294967295 is out of range" },
		{ "3.0", "3 is not an integer" },
		{ "1e1", "10 is not an integer" },
		{ "true", "true is not an integer" },
		{ "[ 1 ]", "an array is not an integer" },
		{ "( 1 )", "a list is not an integer" },
		{ "{ }", "a group is not an integer" },
		{ "\"\"", "\"\" is not an integer" },
	};
	char text[128], expected[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(text, sizeof(text), "resolver: { tries = %s; };\n", cases[i].value);
		snprintf(expected, sizeof(expected),
			 "DIR/bad.conf:1: resolver.tries: %s, allowed: 1 to 5\n", cases[i].shown);
		expect_bad(text, expected);
	}
}

static void bounds_of_every_number(void **state UNUSED)
{
	static const struct {
		const char *group, *key;
		uint64_t low, high;
	} cases[] = {
		{ "sources", "ipv4_prefix", 8, 32 },
		{ "sources", "ipv6_prefix", 16, 128 },
		{ "sources", "max_sources", 1024, 16777216 },
		{ "sources", "max_flows", 1024, 16777216 },
		{ "bans", "max_bans", 16, 1048576 },
		{ "bans", "max_per_minute", 1, 60000 },
		{ "resolver", "tries", 1, 5 },
		{ "resolver", "max_in_flight", 1, 4096 },
		{ "resolver", "cache", 256, 1048576 },
		{ "gate", "queue", 0, 65535 },
		{ "gate", "max_held", 1, 65535 },
		{ "control", "max_clients", 1, 1024 },
	};
	char text[128], expected[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const uint64_t good[] = { cases[i].low, cases[i].high };
		/* what is below 0 stands among the broken files */
		const uint64_t bad[] = { (cases[i].low ? cases[i].low : cases[i].high + 2) - 1,
					 cases[i].high + 1 };

		for (unsigned j = 0; j < 2; j++) {
			snprintf(text, sizeof(text), "%s: { %s = %" PRIu64 "; };", cases[i].group,
				 cases[i].key, good[j]);
			config_free(load_good(text));
			snprintf(text, sizeof(text), "%s: { %s = %" PRIu64 "; };", cases[i].group,
				 cases[i].key, bad[j]);
			snprintf(expected, sizeof(expected),
				 "DIR/bad.conf:1: %s.%s: %" PRIu64 " is out of range, allowed: "
				 "%" PRIu64 " to %" PRIu64 "\n",
				 cases[i].group, cases[i].key, bad[j], cases[i].low, cases[i].high);
			expect_bad(text, expected);
		}
	}
}

static void bounds_of_every_duration(void **state UNUSED)
{
	static const struct {
		const char *group, *key, *low, *high, *below, *above;
	} cases[] = {
		{ "bans", "duration", "1s", "7d", "999ms", "367d" },
		{ "bans", "max_duration", "1h", "366d", "999ms", "367d" },
		{ "bans", "forget_after", "1s", "366d", "999ms", "367d" },
		{ "trust", "verified_for", "1s", "7d", "999ms", "169h" },
		{ "ledger", "keep", "1h", "3660d", "59m", "3661d" },
		{ "trust", "unban_grace", "1s", "366d", "999ms", "8785h" },
		{ "resolver", "deadline", "100ms", "30s", "99ms", "1m" },
		{ "resolver", "min_ttl", "1s", "1h", "0s", "25h" },
		{ "resolver", "max_ttl", "60s", "7d", "1ms", "8d" },
		{ "resolver", "negative_ttl", "1s", "1d", "1ms", "25h" },
		{ "resolver", "failure_ttl", "1s", "1h", "1ms", "61m" },
		{ "gate", "hold", "10ms", "10s", "9ms", "10001ms" },
	};
	char text[128];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const good[] = { cases[i].low, cases[i].high };
		const char *const bad[] = { cases[i].below, cases[i].above };

		for (unsigned j = 0; j < 2; j++) {
			struct config *config;

			snprintf(text, sizeof(text), "%s: { %s = \"%s\"; };", cases[i].group,
				 cases[i].key, good[j]);
			config_free(load_good(text));
			snprintf(text, sizeof(text), "%s: { %s = \"%s\"; };", cases[i].group,
				 cases[i].key, bad[j]);
			write_file("bad.conf", text);
			assert_int_equal(load(path_of("bad.conf"), false, &config), CONFIG_INVALID);
			assert_non_null(strstr(said, " is out of range, allowed: \""));
		}
	}
}

/* --- what is good --- */

static void same_bans(const struct guard_settings *a, const struct guard_settings *b)
{
	assert_int_equal(a->bans.duration, b->bans.duration);
	assert_true(a->bans.growth >= b->bans.growth && a->bans.growth <= b->bans.growth);
	assert_int_equal(a->bans.max_duration, b->bans.max_duration);
	assert_int_equal(a->bans.forget_after, b->bans.forget_after);
	assert_int_equal(a->bans.max_bans, b->bans.max_bans);
	assert_int_equal(a->bans.max_per_minute, b->bans.max_per_minute);
	assert_int_equal(a->enforcement.action, b->enforcement.action);
	assert_int_equal(a->enforcement.scope, b->enforcement.scope);
	assert_int_equal(a->enforcement.close_connections, b->enforcement.close_connections);
}

static void same_settings(const struct guard_settings *a, const struct guard_settings *b)
{
	assert_int_equal(a->observe, b->observe);
	assert_int_equal(a->n_services, b->n_services);
	for (unsigned i = 0; i < a->n_services; i++) {
		const struct service_settings *s = &a->services[i], *t = &b->services[i];

		assert_string_equal(s->name, t->name);
		assert_int_equal(s->n_ports, t->n_ports);
		assert_memory_equal(s->ports, t->ports, sizeof(s->ports));
		assert_int_equal(s->concurrent, t->concurrent);
		assert_int_equal(s->new_count, t->new_count);
		assert_int_equal(s->new_window, t->new_window);
		assert_int_equal(s->reverse_dns, t->reverse_dns);
		assert_int_equal(s->reverse_dns_test, t->reverse_dns_test);
		assert_int_equal(s->verified_concurrent, t->verified_concurrent);
		assert_int_equal(s->ceiling, t->ceiling);
		assert_int_equal(s->observe, t->observe);
	}
	assert_int_equal(a->ipv4_prefix, b->ipv4_prefix);
	assert_int_equal(a->ipv6_prefix, b->ipv6_prefix);
	assert_int_equal(a->max_sources, b->max_sources);
	assert_int_equal(a->max_flows, b->max_flows);
	same_bans(a, b);
	assert_int_equal(a->unban_grace, b->unban_grace);
	assert_int_equal(a->verified_for, b->verified_for);
	assert_int_equal(a->names.deadline, b->names.deadline);
	assert_int_equal(a->names.min_ttl, b->names.min_ttl);
	assert_int_equal(a->names.max_ttl, b->names.max_ttl);
	assert_int_equal(a->names.negative_ttl, b->names.negative_ttl);
	assert_int_equal(a->names.failure_ttl, b->names.failure_ttl);
	assert_int_equal(a->names.cache, b->names.cache);
	assert_int_equal(a->names.max_in_flight, b->names.max_in_flight);
	assert_int_equal(a->gate.queue, b->gate.queue);
	assert_int_equal(a->gate.hold, b->gate.hold);
	assert_int_equal(a->gate.max_held, b->gate.max_held);
	assert_int_equal(a->mail.enabled, b->mail.enabled);
	assert_int_equal(a->mail.auth_failures, b->mail.auth_failures);
	assert_int_equal(a->mail.auth_window, b->mail.auth_window);
	assert_int_equal(a->mail.account_networks, b->mail.account_networks);
}

static void is_default(const struct config *config)
{
	struct guard_settings defaults;

	settings_defaults(&defaults);
	same_settings(&config->guard, &defaults);
	assert_int_equal(config->guard.gate.queue, 25);
	assert_int_equal(config->guard.gate.hold, USEC_PER_SEC);
	assert_int_equal(config->guard.gate.max_held, 1024);
	assert_int_equal(config->resolver_tries, 2);
	assert_string_equal(config->resolver_servers, "");
	assert_string_equal(config->mail_log_paths[MAIL_LOG_EXIM], "/var/log/exim_mainlog");
	assert_string_equal(config->mail_log_paths[MAIL_LOG_MAIL], "/var/log/maillog");
	assert_string_equal(config->mail_log_paths[MAIL_LOG_CPANEL],
			    "/usr/local/cpanel/logs/login_log");
	assert_string_equal(config->ledger_path, SMTPGUARD_LEDGER_PATH);
	assert_int_equal(config->ledger_keep, 90 * 86400 * USEC_PER_SEC);
	assert_string_equal(config->control_path, SMTPGUARD_SOCKET_PATH);
	assert_string_equal(config->control_group, "smtpguard");
	assert_int_equal(config->control_max_clients, 64);
	assert_non_null(config->guard.allowed);
}

static void empty_file_means_the_defaults(void **state UNUSED)
{
	struct config *config = load_good("");

	is_default(config);
	config_free(config);
	config = load_good("trust: { allow_files = [ ]; };");
	is_default(config);
	assert_int_equal(config->allow_files, 0);
	assert_int_equal(prefix_set_count(config->guard.allowed), 0);
	assert_null(config_free(config));
	assert_null(config_free(NULL));
}

/* What depends on the build is a comment in the sample; it must be right as well. */
static void uncomment(char *text, const char *line)
{
	char *at = strstr(text, line);

	if (!at)
		fail_msg("not in the sample: %s", line);
	else
		*strchr(at, '#') = ' ';
}

static void sample_means_the_defaults(void **state UNUSED)
{
	char *text = read_whole(source_path("packaging/smtpguard.conf"));
	struct config *config = load_good(text);

	is_default(config);
	config_free(config);
	uncomment(text, "# allow_files = [ \"/etc/smtpguard/allow.d/*.list\" ];\n");
	uncomment(text, "# path = \"/var/lib/smtpguard/ledger.db\";\n");
	uncomment(text, "# path = \"/run/smtpguard/smtpguard.sock\";\n");
	config = load_good(text);
	assert_string_equal(config->ledger_path, "/var/lib/smtpguard/ledger.db");
	assert_string_equal(config->control_path, "/run/smtpguard/smtpguard.sock");
	config_free(config);
}

static void services_are_exactly_those_given(void **state UNUSED)
{
	struct config *config = load_good("services: {\n"
					  " submission: { ports = [ 587 ] };\n"
					  " smtp2: { ports = [ 25, 0x1a ], concurrent = \"off\";\n"
					  "  new = \"off\"; reverse_dns = \"ignore\";\n"
					  "  verified_concurrent = \"off\"; mode = \"observe\"; };\n"
					  "};\n");
	const struct service_settings *service = config->guard.services;

	assert_int_equal(config->guard.n_services, 2);
	assert_string_equal(service[0].name, "submission");
	assert_int_equal(service[0].n_ports, 1);
	assert_int_equal(service[0].concurrent, 10);
	assert_int_equal(service[0].new_count, 10);
	assert_int_equal(service[0].new_window, 300 * USEC_PER_SEC);
	assert_int_equal(service[0].reverse_dns, REVERSE_DNS_EXEMPT);
	assert_int_equal(service[0].verified_concurrent, 100);
	assert_false(service[0].observe);
	assert_string_equal(service[1].name, "smtp2");
	assert_int_equal(service[1].ports[1], 26);
	assert_int_equal(service[1].concurrent, 0);
	assert_int_equal(service[1].new_count, 0);
	assert_int_equal(service[1].new_window, NEW_WINDOW_DEFAULT);
	assert_int_equal(service[1].reverse_dns, REVERSE_DNS_IGNORE);
	assert_int_equal(service[1].verified_concurrent, 0);
	assert_true(service[1].observe);
	config_free(config);
}

static void names_are_required(void **state UNUSED)
{
	struct config *config =
		load_good("mode = \"observe\";\n"
			  "services: {\n"
			  " smtp: { ports = [ 25 ]; reverse_dns = \"require\"; };\n"
			  " any: { ports = [ 26 ]; reverse_dns_test = \"ptr\";\n"
			  "  verified_concurrent = 7; reverse_dns = \"require\"; };\n"
			  /* of no use there, and no mistake */
			  " off: { ports = [ 27 ]; reverse_dns = \"ignore\";\n"
			  "  reverse_dns_test = \"ptr\"; };\n"
			  " left: { ports = [ 28 ]; };\n"
			  "};\n"
			  "gate: { queue = 0; hold = \"2500ms\"; max_held = 65535; };");
	const struct service_settings *service = config->guard.services;

	assert_int_equal(service[0].reverse_dns, REVERSE_DNS_REQUIRE);
	assert_int_equal(service[0].reverse_dns_test, REVERSE_DNS_TEST_FCRDNS);
	assert_int_equal(service[0].verified_concurrent, 100);
	assert_int_equal(service[1].reverse_dns, REVERSE_DNS_REQUIRE);
	assert_int_equal(service[1].reverse_dns_test, REVERSE_DNS_TEST_PTR);
	assert_int_equal(service[1].verified_concurrent, 7);
	assert_int_equal(service[2].reverse_dns, REVERSE_DNS_IGNORE);
	assert_int_equal(service[3].reverse_dns_test, REVERSE_DNS_TEST_FCRDNS);
	assert_int_equal(config->guard.gate.queue, 0);
	assert_int_equal(config->guard.gate.hold, 2500 * USEC_PER_MSEC);
	assert_int_equal(config->guard.gate.max_held, 65535);
	/* the whole program observes: nobody is held */
	assert_false(settings_wants_gate(&config->guard));
	config_free(config);
}

static void ceiling_follows_the_limit(void **state UNUSED)
{
	static const struct {
		const char *keys;
		uint32_t ceiling;
	} cases[] = {
		{ "", 20 },
		{ "concurrent = 7;", 14 },
		{ "concurrent = 1000000;", 2000000 },
		{ "concurrent = \"off\";", 0 },
		{ "ceiling = 10;", 10 },
		{ "ceiling = 2000000;", 2000000 },
		{ "ceiling = 0;", 0 },
		{ "ceiling = \"off\"; concurrent = 5;", 0 },
		{ "ceiling = 5; concurrent = 5;", 5 },
		{ "concurrent = \"off\"; ceiling = 1;", 1 },
	};
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config *config;

		snprintf(text, sizeof(text), "services: { a: { ports = [ 25 ]; %s }; };",
			 cases[i].keys);
		config = load_good(text);
		assert_int_equal(config->guard.services[0].ceiling, cases[i].ceiling);
		config_free(config);
	}
}

static void growth_is_a_number(void **state UNUSED)
{
	static const struct {
		const char *value;
		double growth;
	} good[] = { { "1", 1.0 }, { "1.0", 1.0 }, { "1.5", 1.5 }, { "3", 3.0 }, { "1e2", 100.0 } };
	static const struct {
		const char *value, *shown;
	} bad[] = {
		{ "0", "0 is out of range" },
		{ "-2", "-2 is out of range" },
		{ "0.9999999", "0.9999999 is out of range" },
		{ "100.0000001", "100.0000001 is out of range" },
		{ "101", "101 is out of range" },
		{ "1e999", "inf is out of range" },
		{ "\"off\"", "\"off\" is not a number" },
		{ "true", "true is not a number" },
		{ "[ 2.0 ]", "an array is not a number" },
	};
	char text[128], expected[256];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct config *config;

		snprintf(text, sizeof(text), "bans: { growth = %s; };", good[i].value);
		config = load_good(text);
		assert_true(config->guard.bans.growth >= good[i].growth &&
			    config->guard.bans.growth <= good[i].growth);
		config_free(config);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), "bans: { growth = %s; };", bad[i].value);
		snprintf(expected, sizeof(expected),
			 "DIR/bad.conf:1: bans.growth: %s, allowed: 1 to 100\n", bad[i].shown);
		expect_bad(text, expected);
	}
}

static void bans_as_given(void **state UNUSED)
{
	struct config *config = load_good("bans: { duration = \"30d\"; growth = 4; "
					  "max_duration = \"30d\"; forget_after = \"1d\"; "
					  "action = \"reject\"; scope = \"host\"; "
					  "close_connections = false; max_per_minute = 5; };\n"
					  "trust: { verified_for = \"5m\"; };\n"
					  "ledger: { path = \"/srv/l.db\"; keep = \"1d\"; };\n");
	const struct guard_settings *guard = &config->guard;
	const usec_t day = 86400 * USEC_PER_SEC;

	assert_int_equal(guard->bans.duration, 30 * day);
	assert_int_equal(guard->bans.max_duration, 30 * day);
	assert_int_equal(guard->bans.forget_after, day);
	assert_int_equal(guard->bans.max_per_minute, 5);
	assert_int_equal(guard->enforcement.action, BAN_ACTION_REJECT);
	assert_int_equal(guard->enforcement.scope, BAN_SCOPE_HOST);
	assert_false(guard->enforcement.close_connections);
	assert_int_equal(guard->verified_for, 300 * USEC_PER_SEC);
	assert_string_equal(config->ledger_path, "/srv/l.db");
	assert_int_equal(config->ledger_keep, day);
	config_free(config);
	config = load_good("bans: { action = \"drop\"; scope = \"services\"; "
			   "close_connections = true; };");
	is_default(config);
	config_free(config);
}

/* A default is not compared with a value that was refused. */
static void order_of_refused_durations(void **state UNUSED)
{
	expect_bad("bans: { duration = \"8d\"; max_duration = \"1y\"; };",
		   "DIR/bad.conf:1: bans.max_duration: \"1y\" is not a duration, allowed: \"1s\" to "
		   "\"366d\", units ms s m h d\n");
	expect_bad("bans: { duration = 30; max_duration = \"1s\"; };",
		   "DIR/bad.conf:1: bans.duration: 30 is not a duration, allowed: \"1s\" to "
		   "\"366d\", units ms s m h d\n");
	expect_bad("bans: { duration = \"2h\"; max_duration = \"1h\"; scope = \"all\"; };",
		   "DIR/bad.conf:1: bans.scope: \"all\" is not known, allowed: \"services\", "
		   "\"host\"\n"
		   "DIR/bad.conf:1: bans.duration: duration \"2h\" is more than max_duration \"1h\", "
		   "allowed: at most max_duration\n");
}

static void observe_is_for_every_service(void **state UNUSED)
{
	struct config *config = load_good("services: { a: { ports = [ 25 ]; mode = \"enforce\"; }; };"
					  "mode = \"observe\";");

	assert_true(config->guard.observe);
	assert_true(config->guard.services[0].observe);
	config_free(config);
	write_file("good.conf", "mode = \"enforce\";");
	assert_int_equal(load(path_of("good.conf"), true, &config), 0);
	assert_true(config->guard.observe);
	assert_true(config->guard.services[0].observe);
	assert_true(config->guard.services[1].observe);
	config_free(config);
}

static void servers_are_normalised(void **state UNUSED)
{
	struct config *config = load_good("resolver: { servers = [ \"192.0.2.1\", \"192.0.2.2:5353\","
					  " \"2001:DB8:0:0::1\", \"[2001:db8::2]:53535\","
					  " \"[::1]\" ]; };");
	static const char *const bad[] = {
		"", "192.0.2", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:x", "[192.0.2.1]:53",
		"[::1", "[::1]53", "[::1]:", "::1]", "[]", "fe80::1%eth0", "1.1.1.1,2.2.2.2", ":53",
	};

	assert_string_equal(config->resolver_servers, "192.0.2.1:53,192.0.2.2:5353,"
			    "[2001:db8::1]:53,[2001:db8::2]:53535,[::1]:53");
	config_free(config);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char text[128], expected[256];

		snprintf(text, sizeof(text), "resolver: { servers = [ \"%s\" ]; };", bad[i]);
		snprintf(expected, sizeof(expected), "DIR/bad.conf:1: resolver.servers: \"%s\" is "
			 "not a server, allowed: \"ADDR\", \"ADDR4:PORT\", \"[ADDR6]:PORT\"\n", bad[i]);
		expect_bad(text, expected);
	}
}

static void socket_path_fits(void **state UNUSED)
{
	char text[256], path[109] = "/";
	struct config *config;

	memset(path + 1, 'x', 106);
	snprintf(text, sizeof(text), "control: { path = \"%s\"; };", path);
	config = load_good(text);
	assert_string_equal(config->control_path, path);
	config_free(config);
	path[107] = 'x';
	snprintf(text, sizeof(text), "control: { path = \"%s\"; };", path);
	write_file("bad.conf", text);
	assert_int_equal(load(path_of("bad.conf"), false, &config), CONFIG_INVALID);
	assert_non_null(strstr(said, "allowed: an absolute path of at most 107 bytes"));
}

static void ledger_path_fits(void **state UNUSED)
{
	static const char *const bad[] = { "", "/", "ledger.db", "./ledger.db", "/var/lib/" };
	char text[512], expected[512], path[CONFIG_LEDGER_PATH_MAX + 1] = "/";
	struct config *config;

	memset(path + 1, 'x', CONFIG_LEDGER_PATH_MAX - 2);
	snprintf(text, sizeof(text), "ledger: { path = \"%s\"; };", path);
	config = load_good(text);
	assert_string_equal(config->ledger_path, path);
	config_free(config);
	path[CONFIG_LEDGER_PATH_MAX - 1] = 'x';
	snprintf(text, sizeof(text), "ledger: { path = \"%s\"; };", path);
	write_file("bad.conf", text);
	assert_int_equal(load(path_of("bad.conf"), false, &config), CONFIG_INVALID);
	assert_non_null(strstr(said, "allowed: an absolute path of at most 223 bytes"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), "ledger: { path = \"%s\"; };", bad[i]);
		snprintf(expected, sizeof(expected), "DIR/bad.conf:1: ledger.path: \"%s\" is not a "
			 "file path, allowed: an absolute path of at most 223 bytes\n", bad[i]);
		expect_bad(text, expected);
	}
}

static void mail_logs_as_given(void **state UNUSED)
{
	struct config *config = load_good("mail_logs: { enabled = true; exim = \"/srv/exim\"; "
					  "mail = \"\"; cpanel = \"\"; auth_failures = \"60000/7d\"; "
					  "account_networks = 255; };");
	const struct mail_settings *mail = &config->guard.mail;

	assert_true(mail->enabled);
	assert_string_equal(config->mail_log_paths[MAIL_LOG_EXIM], "/srv/exim");
	assert_string_equal(config->mail_log_paths[MAIL_LOG_MAIL], "");
	assert_string_equal(config->mail_log_paths[MAIL_LOG_CPANEL], "");
	assert_int_equal(mail->auth_failures, 60000);
	assert_int_equal(mail->auth_window, 7 * 86400 * USEC_PER_SEC);
	assert_int_equal(mail->account_networks, 255);
	config_free(config);

	config = load_good("mail_logs: { auth_failures = \"off\"; account_networks = \"off\"; };");
	mail = &config->guard.mail;
	assert_false(mail->enabled);
	assert_int_equal(mail->auth_failures, 0);
	assert_int_equal(mail->auth_window, 3600 * USEC_PER_SEC);
	assert_int_equal(mail->account_networks, 0);
	config_free(config);
	config = load_good("mail_logs: { auth_failures = \"1/1s\"; account_networks = 0; };");
	assert_int_equal(config->guard.mail.auth_failures, 1);
	assert_int_equal(config->guard.mail.auth_window, USEC_PER_SEC);
	assert_int_equal(config->guard.mail.account_networks, 0);
	config_free(config);
	/* nothing to follow, and nobody who wants it */
	config_free(load_good("mail_logs: { exim = \"\"; mail = \"\"; cpanel = \"\"; };"));
}

static void mail_log_paths_fit(void **state UNUSED)
{
	static const char *const bad[] = { "/", "maillog", "./maillog", "/var/log/", " " };
	static const char *const keys[MAIL_LOGS] = { "exim", "mail", "cpanel" };
	char text[512], expected[512], path[CONFIG_PATH_MAX + 1] = "/";

	memset(path + 1, 'x', CONFIG_PATH_MAX - 2);
	for (unsigned i = 0; i < MAIL_LOGS; i++) {
		struct config *config;

		snprintf(text, sizeof(text), "mail_logs: { %s = \"%s\"; };", keys[i], path);
		config = load_good(text);
		assert_string_equal(config->mail_log_paths[i], path);
		config_free(config);
		snprintf(text, sizeof(text), "mail_logs: { %s = \"%sx\"; };", keys[i], path);
		write_file("bad.conf", text);
		assert_int_equal(load(path_of("bad.conf"), false, &config), CONFIG_INVALID);
		assert_non_null(strstr(said, "allowed: an absolute path of at most 255 bytes, or \"\""));
		for (size_t j = 0; j < ARRAY_SIZE(bad); j++) {
			snprintf(text, sizeof(text), "mail_logs: { %s = \"%s\"; };", keys[i],
				 bad[j]);
			snprintf(expected, sizeof(expected),
				 "DIR/bad.conf:1: mail_logs.%s: \"%s\" is not a file path, allowed: "
				 "an absolute path of at most 255 bytes, or \"\"\n", keys[i], bad[j]);
			expect_bad(text, expected);
		}
	}
}

/* A path that was refused is not one that is missing. */
static void a_mail_log_to_follow_is_needed(void **state UNUSED)
{
	expect_bad("mail_logs: {\n exim = \"\"; mail = \"\"; cpanel = \"\";\n enabled = true;\n};",
		   "DIR/bad.conf:3: mail_logs.enabled: true without a log to follow, allowed: a path "
		   "for one of exim, mail, cpanel\n");
	expect_bad("mail_logs: { enabled = true; exim = \"log\"; mail = \"\"; cpanel = \"\"; };",
		   "DIR/bad.conf:1: mail_logs.exim: \"log\" is not a file path, allowed: an absolute "
		   "path of at most 255 bytes, or \"\"\n");
}

static void forms_of_text(void **state UNUSED)
{
	struct config *config = load_good("\r\n/* \"comment */ mode = \"observe\"; // mode = 1\r\n"
					  "control: { group = \"a\\\\\\\"b#/*\" } "
					  "# @include \"x\"\r\n"
					  "/*\n@include \"absent\"\n*/ bans = { max_bans = +16L }");

	assert_true(config->guard.observe);
	assert_string_equal(config->control_group, "a\\\"b#/*");
	assert_int_equal(config->guard.bans.max_bans, 16);
	config_free(config);
	write_file("inner.part", "duration = \"2h\"");
	write_file("outer.part", "bans: {\n@include \"inner.part\"\n};");
	config = load_good("@include \"outer.part\" mode = \"observe\";\n");
	assert_int_equal(config->guard.bans.duration, 7200 * USEC_PER_SEC);
	assert_true(config->guard.observe);
	config_free(config);
}

/* --- reload --- */

static int check_reload(const char *running_text, const char *wanted_text)
{
	struct config *running = load_good(running_text), *wanted = load_good(wanted_text);
	int r;

	said[0] = '\0';
	r = config_check_reload(running, wanted, note_problem, NULL);
	config_free(wanted);
	config_free(running);
	return r;
}

static void reload_refuses_what_needs_a_start(void **state UNUSED)
{
	static const struct {
		const char *group, *key, *now, *wanted;
	} cases[] = {
		{ "sources", "ipv4_prefix", "32", "24" },
		{ "sources", "ipv6_prefix", "64", "56" },
		{ "sources", "max_sources", "262144", "2048" },
		{ "sources", "max_flows", "524288", "2048" },
		{ "bans", "max_bans", "16384", "16385" },
		{ "resolver", "deadline", "\"2s\"", "\"1500ms\"" },
		{ "resolver", "tries", "2", "3" },
		{ "resolver", "max_in_flight", "512", "1" },
		{ "resolver", "cache", "65536", "256" },
		{ "resolver", "min_ttl", "\"1m\"", "\"61s\"" },
		{ "resolver", "max_ttl", "\"1h\"", "\"1d\"" },
		{ "resolver", "negative_ttl", "\"10m\"", "\"11m\"" },
		{ "resolver", "failure_ttl", "\"30s\"", "\"1s\"" },
		{ "gate", "queue", "25", "65535" },
		{ "gate", "max_held", "1024", "1" },
		{ "mail_logs", "enabled", "false", "true" },
		{ "ledger", "path", "\"" SMTPGUARD_LEDGER_PATH "\"", "\"/srv/ledger.db\"" },
		{ "control", "path", "\"" SMTPGUARD_SOCKET_PATH "\"", "\"/run/s\"" },
		{ "control", "group", "\"smtpguard\"", "\"mail\"" },
		{ "control", "max_clients", "64", "1" },
	};
	char text[128], expected[512];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(text, sizeof(text), "%s: { %s = %s; };", cases[i].group, cases[i].key,
			 cases[i].wanted);
		snprintf(expected, sizeof(expected),
			 "%s.%s: cannot change while smtpguardd runs (now %s, wanted %s); restart "
			 "it\n", cases[i].group, cases[i].key, cases[i].now, cases[i].wanted);
		assert_int_equal(check_reload("", text), CONFIG_INVALID);
		assert_string_equal(said, expected);
		assert_int_equal(check_reload(text, text), 0);
		assert_string_equal(said, "");
	}
	assert_int_equal(check_reload("resolver: { servers = [ \"192.0.2.1\" ]; };",
				      "resolver: { servers = [ \"192.0.2.1\", \"::1\" ]; };"),
			 CONFIG_INVALID);
	assert_string_equal(said, "resolver.servers: cannot change while smtpguardd runs (now "
			    "\"192.0.2.1:53\", wanted \"192.0.2.1:53,[::1]:53\"); restart it\n");
}

/* Those of logs that nobody follows may change. */
static void reload_refuses_other_mail_logs(void **state UNUSED)
{
	static const char *const keys[MAIL_LOGS] = { "exim", "mail", "cpanel" };
	char text[128], expected[128];

	for (int log = 0; log < MAIL_LOGS; log++) {
		snprintf(text, sizeof(text), "mail_logs: { enabled = true; %s = \"/srv/l\"; };",
			 keys[log]);
		snprintf(expected, sizeof(expected), "mail_logs.%s: cannot change while smtpguardd runs",
			 keys[log]);
		assert_int_equal(check_reload("mail_logs: { enabled = true; };", text),
				 CONFIG_INVALID);
		assert_non_null(strstr(said, expected));
		assert_int_equal(check_reload(text, text), 0);
		snprintf(text, sizeof(text), "mail_logs: { %s = \"/srv/l\"; };", keys[log]);
		assert_int_equal(check_reload("", text), 0);
	}
}

static void reload_names_every_difference(void **state UNUSED)
{
	assert_int_equal(check_reload("sources: { ipv4_prefix = 24; };\nmode = \"observe\";",
				      "control: { group = \"a\\nb\"; };\nbans: { max_bans = 16; };"),
			 CONFIG_INVALID);
	assert_string_equal(said,
			    "sources.ipv4_prefix: cannot change while smtpguardd runs (now 24, "
			    "wanted 32); restart it\n"
			    "bans.max_bans: cannot change while smtpguardd runs (now 16384, wanted "
			    "16); restart it\n"
			    "control.group: cannot change while smtpguardd runs (now "
			    "\"smtpguard\", wanted \"a\\x0ab\"); restart it\n");
}

static void reload_takes_everything_else(void **state UNUSED)
{
	static const char *const wanted[] = {
		"",
		"mode = \"observe\";",
		"services: { a: { ports = [ 2525 ]; ceiling = 100; new = \"off\"; }; };",
		"services: { a: { ports = [ 25 ]; reverse_dns = \"require\"; "
		"reverse_dns_test = \"ptr\"; }; };",
		"gate: { hold = \"10s\"; };",
		"bans: { duration = \"2h\"; growth = 3; max_duration = \"1d\"; "
		"forget_after = \"1d\"; action = \"reject\"; scope = \"host\"; "
		"close_connections = false; max_per_minute = 1; };",
		"trust: { allow_files = [ ]; verified_for = \"2h\"; unban_grace = \"2h\"; };",
		"trust: { cpanel_lists = [ \"/nonexistent\" ]; };",
		"ledger: { keep = \"1d\"; };",
		"mail_logs: { enabled = false; auth_failures = \"5/10m\"; account_networks = 0; };",
		"resolver: { max_ttl = \"60m\"; servers = [ ]; };",
	};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		assert_int_equal(check_reload("", wanted[i]), 0);
		assert_string_equal(said, "");
	}
}

/* --- allow files --- */

static bool is_allowed(const struct config *config, const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), 0);
	return prefix_set_match(config->guard.allowed, &address) != NULL;
}

static void allow_files_fill_the_set(void **state UNUSED)
{
	struct config *config;

	write_file("a.list", "# friends\r\n\r\n  192.0.2.1\t# one\r\n198.51.100.0/24\r\n"
		   "2001:db8::/32\n192.0.2.1/32\n10.0.0.0/8");
	write_file("b.list", "");
	write_file("c.other", "203.0.113.1\n");
	config = load_good("trust: { allow_files = [ \"DIR/*.list\", \"DIR/c.other\", "
			   "\"DIR/none-*.list\", \"DIR/absent/*\" ]; };");
	assert_int_equal(config->allow_files, 3);
	assert_int_equal(prefix_set_count(config->guard.allowed), 5);
	assert_true(is_allowed(config, "192.0.2.1"));
	assert_false(is_allowed(config, "192.0.2.2"));
	assert_true(is_allowed(config, "198.51.100.255"));
	assert_true(is_allowed(config, "2001:db8:ffff::1"));
	assert_true(is_allowed(config, "10.255.0.1"));
	assert_true(is_allowed(config, "203.0.113.1"));
	config_free(config);
	unlink(path_of("a.list"));
	unlink(path_of("b.list"));
}

static void allow_files_with_problems(void **state UNUSED)
{
	static char bytes[4096];

	write_file("x.list", "10.0.0.5/8\n192.0.2.1\nhost.example.net # name\n0.0.0.0/0\n"
		   "2001::/15\n::/64\n::ffff:0:0/96\n2001:db8::1/64\n192.0.2.1/33\n"
		   "192.0.2.1 192.0.2.2\n\x1b[2J\"\n-1\n1.2.3.4/\n");
	expect_bad("mode = 1;\ntrust: { allow_files = [ \"DIR/x.list\" ]; };\nbans = 1;\n",
		   "DIR/bad.conf:1: mode: 1 is not known, allowed: \"enforce\", \"observe\"\n"
		   "DIR/x.list:1: 10.0.0.5/8: bits behind the prefix length are set, allowed: "
		   "10.0.0.0/8\n"
		   "DIR/x.list:3: host.example.net: not an address or prefix, allowed: ADDR, "
		   "ADDR/LEN, # comment\n"
		   "DIR/x.list:4: 0.0.0.0/0: prefix too short, allowed: /8 to /32\n"
		   "DIR/x.list:5: 2001::/15: prefix too short, allowed: /16 to /128\n"
		   "DIR/x.list:6: ::/64: prefix covers every IPv4 address, allowed: IPv4 prefixes of "
		   "/8 to /32\n"
		   "DIR/x.list:7: ::ffff:0:0/96: prefix too short, allowed: /8 to /32\n"
		   "DIR/x.list:8: 2001:db8::1/64: bits behind the prefix length are set, allowed: "
		   "2001:db8::/64\n"
		   "DIR/x.list:9: 192.0.2.1/33: not an address or prefix, allowed: ADDR, ADDR/LEN, "
		   "# comment\n"
		   "DIR/x.list:10: 192.0.2.1 192.0.2.2: not an address or prefix, allowed: ADDR, "
		   "ADDR/LEN, # comment\n"
		   "DIR/x.list:11: \\x1b[2J\\x22: not an address or prefix, allowed: ADDR, ADDR/LEN, "
		   "# comment\n"
		   "DIR/x.list:12: -1: not an address or prefix, allowed: ADDR, ADDR/LEN, # comment\n"
		   "DIR/x.list:13: 1.2.3.4/: not an address or prefix, allowed: ADDR, ADDR/LEN, "
		   "# comment\n"
		   "DIR/bad.conf:3: bans: 1 is not a group, allowed: a group in { }\n");

	memset(bytes, '1', 1025);
	memcpy(bytes + 1025, "\n192.0.2.1\n1.1\0.1.1\n", 20);
	write_bytes("x.list", bytes, 1025 + 20);
	expect_bad("trust: { allow_files = [ \"DIR/x.list\" ]; };",
		   "DIR/x.list:1: line too long, allowed: 1024 bytes\n"
		   "DIR/x.list:3: NUL byte, allowed: text\n");
	unlink(path_of("x.list"));

	expect_bad("trust: { allow_files = [ \"DIR/x.list\", \"DIR\",\n7 ]; };",
		   "DIR/bad.conf:2: syntax error: values of different types in an array, allowed: "
		   "one type\n");
	expect_bad("trust: { allow_files = [ \"DIR/x.list\", \"DIR\" ]; };",
		   "DIR/bad.conf:1: trust.allow_files: \"DIR/x.list\" cannot be read: No such file "
		   "or directory\n"
		   "DIR: cannot be read: not a regular file\n");
}

static void allow_entries_are_bounded(void **state UNUSED)
{
	FILE *file = fopen(path_of("many.list"), "we");
	struct config *config;

	assert_non_null(file);
	for (unsigned i = 0; i < 100000; i++)
		fprintf(file, "10.%u.%u.%u\n", i >> 16, (i >> 8) & 255, i & 255);
	fclose(file);
	config = load_good("trust: { allow_files = [ \"DIR/many.list\" ]; };");
	assert_int_equal(prefix_set_count(config->guard.allowed), 100000);
	assert_true(is_allowed(config, "10.1.0.0"));
	config_free(config);
	write_file("more.list", "192.0.2.1\n192.0.2.2\n");
	expect_bad("trust: { allow_files = [ \"DIR/m*.list\" ]; };",
		   "DIR/more.list:1: too many entries, allowed: 100000 in all allow files\n");

	file = fopen(path_of("many.list"), "we");
	assert_non_null(file);
	for (unsigned i = 0; i < 50; i++)
		fprintf(file, "spam\n");
	fclose(file);
	write_file("bad.conf", "trust: { allow_files = [ \"DIR/many.list\" ]; };");
	assert_int_equal(load(path_of("bad.conf"), false, &config), CONFIG_INVALID);
	assert_non_null(strstr(said, "many.list:20: spam: "));
	assert_null(strstr(said, "many.list:21: "));
	assert_non_null(strstr(said, "many.list: 30 more lines with problems\n"));
	unlink(path_of("many.list"));
	unlink(path_of("more.list"));
}

/* --- cPanel's lists --- */

static void cpanel_lists_are_read_leniently(void **state UNUSED)
{
	static char bytes[4096];
	struct config *config;

	write_file("trustedmailhosts", "# cPanel\r\n192.0.2.1\r\n 198.51.100.7/24 office # two\n"
		   "2001:db8::/32,x\n\n203.0.113.5: account\nmail.example.net\n*.example.net\n"
		   "0.0.0.0/0\n::/0\n192.0.2.300\n1.2.3.4/33\n:\n10.1.1.1;10.1.1.2\n192.0.2.9");
	config = load_good("trust: { allow_files = [ ]; cpanel_lists = [ \"DIR/trusted*\" ]; };");
	assert_int_equal(prefix_set_count(config->guard.allowed), 6);
	assert_int_equal(config->allow_files, 1);
	assert_int_equal(config->cpanel_skipped, 7);
	assert_null(config->warnings);
	assert_true(is_allowed(config, "192.0.2.1"));
	assert_true(is_allowed(config, "198.51.100.200"));
	assert_true(is_allowed(config, "2001:db8:1::1"));
	assert_true(is_allowed(config, "203.0.113.5"));
	assert_true(is_allowed(config, "10.1.1.1"));
	assert_false(is_allowed(config, "10.1.1.2"));
	assert_true(is_allowed(config, "192.0.2.9"));
	config_free(config);

	memset(bytes, '1', 1025);
	memcpy(bytes + 1025, "\n192.0.2.1\n1.1\0.1.1\n", 20);
	write_bytes("trustedmailhosts", bytes, 1025 + 20);
	config = load_good("trust: { cpanel_lists = [ \"DIR/trustedmailhosts\" ]; };");
	assert_int_equal(prefix_set_count(config->guard.allowed), 1);
	assert_int_equal(config->cpanel_skipped, 2);
	config_free(config);
	unlink(path_of("trustedmailhosts"));
}

static void cpanel_lists_may_be_missing(void **state UNUSED)
{
	char expected[1024];
	struct config *config;

	config = load_good("trust: { cpanel_lists = [ \"DIR/none\", \"DIR/x/none\", \"DIR/no*\", "
			   "\"DIR\" ]; };");
	snprintf(expected, sizeof(expected),
		 "trust.cpanel_lists: \"%s/none\" cannot be read: No such file or directory\n"
		 "trust.cpanel_lists: \"%s/x/none\" cannot be read: No such file or directory\n"
		 "trust.cpanel_lists: \"%s\" cannot be read: not a regular file\n",
		 directory, directory, directory);
	assert_string_equal(config->warnings, expected);
	assert_int_equal(config->cpanel_patterns.n, 4);
	config_free(config);
}

static void entries_of_all_lists_are_bounded(void **state UNUSED)
{
	FILE *file = fopen(path_of("many"), "we");
	struct config *config;

	assert_non_null(file);
	for (unsigned i = 0; i < 100005; i++)
		fprintf(file, "10.%u.%u.%u\n", i >> 16, (i >> 8) & 255, i & 255);
	fclose(file);
	config = load_good("trust: { cpanel_lists = [ \"DIR/many\" ]; };");
	assert_int_equal(prefix_set_count(config->guard.allowed), 100000);
	assert_int_equal(config->cpanel_skipped, 5);
	config_free(config);
	unlink(path_of("many"));
}

/* --- new configurations out of old ones --- */

static void allow_files_are_read_again(void **state UNUSED)
{
	struct config *config, *next = NULL;

	write_file("a.list", "192.0.2.1\n");
	write_file("hosts", "192.0.2.2\n");
	config = load_good("mode = \"observe\"; trust: { allow_files = [ \"DIR/*.list\" ]; "
			   "cpanel_lists = [ \"DIR/hosts\" ]; };");
	said[0] = '\0';
	assert_int_equal(config_with_allow_files(&next, config, note_problem, NULL), CONFIG_SAME);
	/* written anew, or elsewhere, and all the same */
	write_file("b.list", "192.0.2.2 # moved\n");
	write_file("hosts", "\n");
	assert_int_equal(config_with_allow_files(&next, config, note_problem, NULL), CONFIG_SAME);
	assert_null(next);

	write_file("b.list", "192.0.2.3\n");
	unlink(path_of("hosts"));
	assert_int_equal(config_with_allow_files(&next, config, note_problem, NULL), 0);
	assert_string_equal(said, "");
	assert_true(is_allowed(next, "192.0.2.1") && is_allowed(next, "192.0.2.3"));
	assert_false(is_allowed(next, "192.0.2.2"));
	assert_true(is_allowed(config, "192.0.2.2"));
	assert_non_null(strstr(next->warnings, "hosts\" cannot be read"));
	assert_true(next->guard.observe);
	assert_int_equal(next->allow_files, 2);
	config_free(config);

	/* and again, out of that one */
	write_file("a.list", "192.0.2.1\nhost.example\n");
	assert_int_equal(config_with_allow_files(&config, next, note_problem, NULL), CONFIG_INVALID);
	assert_non_null(strstr(said, "/a.list:2: host.example: not an address or prefix"));
	config_free(next);
	unlink(path_of("a.list"));
	unlink(path_of("b.list"));
}

static void a_path_is_gone_when_read_again(void **state UNUSED)
{
	struct config *config, *next;
	char expected[1024];

	write_file("only", "192.0.2.1\n");
	config = load_good("trust: { allow_files = [ \"DIR/only\" ]; };");
	unlink(path_of("only"));
	said[0] = '\0';
	assert_int_equal(config_with_allow_files(&next, config, note_problem, NULL), CONFIG_INVALID);
	snprintf(expected, sizeof(expected),
		 "trust.allow_files: \"%s/only\" cannot be read: No such file or directory\n",
		 directory);
	assert_string_equal(said, expected);
	config_free(config);
}

static void mode_by_order(void **state UNUSED)
{
	struct config *config, *observing, *enforcing;

	write_file("a.list", "192.0.2.1\n");
	config = load_good("services: { a: { ports = [ 25 ]; mode = \"observe\"; }; "
			   "b: { ports = [ 26 ]; }; }; trust: { allow_files = [ \"DIR/a.list\" ]; };");
	unlink(path_of("a.list"));
	assert_int_equal(config_with_mode(&observing, config, true), 0);
	config_free(config);
	assert_true(observing->guard.observe);
	assert_true(observing->guard.services[0].observe && observing->guard.services[1].observe);
	assert_true(is_allowed(observing, "192.0.2.1"));
	assert_int_equal(observing->allow_files, 1);
	assert_string_equal(observing->allow_patterns.text[0], path_of("a.list"));
	/* a service that observes by itself goes on */
	assert_int_equal(config_with_mode(&enforcing, observing, false), 0);
	config_free(observing);
	assert_false(enforcing->guard.observe);
	assert_true(enforcing->guard.services[0].observe);
	assert_false(enforcing->guard.services[1].observe);
	config_free(enforcing);

	/* whatever the file says */
	config = load_good("mode = \"observe\";");
	assert_int_equal(config_with_mode(&enforcing, config, false), 0);
	assert_false(enforcing->guard.observe || enforcing->guard.services[0].observe);
	assert_true(enforcing->observe);
	config_free(enforcing);
	config_free(config);
}

static void problems_are_printed_as_lines(void **state UNUSED)
{
	FILE *file = tmpfile();
	char text[32] = "";

	assert_non_null(file);
	config_print_problem(file, "a: b");
	config_print_problem(file, "c");
	rewind(file);
	assert_int_equal(fread(text, 1, sizeof(text) - 1, file), 7);
	assert_string_equal(text, "a: b\nc\n");
	fclose(file);
}

static int make_directory(void **state UNUSED)
{
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state UNUSED)
{
	DIR *entries = opendir(directory);
	struct dirent *entry;

	while (entries && (entry = readdir(entries))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlink(path_of(entry->d_name));
	}
	if (entries)
		closedir(entries);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(broken_files_are_explained),
		cmocka_unit_test(files_that_cannot_be_read),
		cmocka_unit_test(bad_includes),
		cmocka_unit_test(too_many_of_something),
		cmocka_unit_test(numbers_keep_their_size),
		cmocka_unit_test(bounds_of_every_number),
		cmocka_unit_test(bounds_of_every_duration),
		cmocka_unit_test(empty_file_means_the_defaults),
		cmocka_unit_test(sample_means_the_defaults),
		cmocka_unit_test(services_are_exactly_those_given),
		cmocka_unit_test(names_are_required),
		cmocka_unit_test(ceiling_follows_the_limit),
		cmocka_unit_test(growth_is_a_number),
		cmocka_unit_test(bans_as_given),
		cmocka_unit_test(order_of_refused_durations),
		cmocka_unit_test(observe_is_for_every_service),
		cmocka_unit_test(servers_are_normalised),
		cmocka_unit_test(socket_path_fits),
		cmocka_unit_test(ledger_path_fits),
		cmocka_unit_test(mail_logs_as_given),
		cmocka_unit_test(mail_log_paths_fit),
		cmocka_unit_test(a_mail_log_to_follow_is_needed),
		cmocka_unit_test(forms_of_text),
		cmocka_unit_test(reload_refuses_other_mail_logs),
		cmocka_unit_test(reload_refuses_what_needs_a_start),
		cmocka_unit_test(reload_names_every_difference),
		cmocka_unit_test(reload_takes_everything_else),
		cmocka_unit_test(allow_files_fill_the_set),
		cmocka_unit_test(allow_files_with_problems),
		cmocka_unit_test(allow_entries_are_bounded),
		cmocka_unit_test(cpanel_lists_are_read_leniently),
		cmocka_unit_test(cpanel_lists_may_be_missing),
		cmocka_unit_test(entries_of_all_lists_are_bounded),
		cmocka_unit_test(allow_files_are_read_again),
		cmocka_unit_test(a_path_is_gone_when_read_again),
		cmocka_unit_test(mode_by_order),
		cmocka_unit_test(problems_are_printed_as_lines),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
