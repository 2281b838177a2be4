// SPDX-License-Identifier: GPL-2.0-or-later
#include "mail_line_cases.h"

#include <time.h>

#include "src/wire/mail_line_priv.h"

#define STAMP  "2025-11-20 08:30:00 "
#define FAILED STAMP "dovecot_login authenticator failed for "
#define DATA   ": 535 Incorrect authentication data (set_id=user@example.com)"

static char text[70000];
static size_t length;

static void put(const char *part)
{
	size_t part_length = strlen(part);

	assert_true(length + part_length <= sizeof(text));
	memcpy(text + length, part, part_length);
	length += part_length;
}

static void begin(const char *part)
{
	length = 0;
	put(part);
}

static void fill(char c, size_t count)
{
	assert_true(length + count <= sizeof(text));
	memset(text + length, c, count);
	length += count;
}

static struct mail_line parse(unsigned wanted)
{
	struct log_clock clock = { .now = CASES_NOW };
	struct mail_line line;
	/* of the exact size: reading behind the end is seen by the sanitizer */
	char *copy = malloc(length ? length : 1);

	assert_non_null(copy);
	memcpy(copy, text, length);
	exim_line_parse(&clock, copy, length, wanted, &line);
	/* compared by length only */
	for (unsigned i = 0; i < line.n_readings; i++)
		line.readings[i].account.at = NULL;
	free(copy);
	return line;
}

static void cases(void **state UNUSED)
{
	assert_true(mail_line_cases_run("exim.cases", exim_line_parse) > 150);
}

/* Every beginning of every line is parsed without reading behind its end. */
static void cut_lines(void **state UNUSED)
{
	static const char *const lines[] = {
		FAILED "c.example (x) [2001:db8::45]:51234 I=[2001:db8::1]:587 U=a Ci=b" DATA,
		STAMP "1rAbCd-000000001Ab-2cDE <= \"a b\"@c.example H=(x) [203.0.113.45]:51514 "
		      "P=esmtpsa DN=\"a b\" A=d:user K S=1 id=x T=\"Hi\" for a@example.net",
		STAMP "SMTP connection from [203.0.113.45]:51234 (TCP/IP connection count = 37)",
		STAMP "SMTP connection from (x) [203.0.113.45]:51234 D=3s closed by QUIT",
		STAMP "SMTP syntax error in \"X\" H=(x) [203.0.113.45]:51265 unrecognized",
		STAMP "SMTP call from (x) [203.0.113.45]:5 dropped: too many syntax errors",
		STAMP "Connection from [203.0.113.45]:51300 refused: too many connections fro",
		STAMP "temporarily refused connection from [203.0.113.45]:5: not in reserve list",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		begin(lines[i]);
		for (; length > 0; length--) {
			struct mail_line line = parse(MAIL_LINE_ALL), kind = parse(0);

			assert_true(case_fits_unwanted(kind.kind, line.kind));
			assert_int_equal(kind.n_readings, 0);
		}
	}
}

static void empty_and_binary(void **state UNUSED)
{
	begin("");
	assert_int_equal(parse(MAIL_LINE_ALL).kind, MAIL_LINE_IGNORED);
	for (int c = 0; c < 256; c++) {
		begin("");
		fill((char)c, 65536);
		assert_int_equal(parse(MAIL_LINE_ALL).kind, MAIL_LINE_IGNORED);
		begin(FAILED);
		fill((char)c, 65536);
		/* nothing readable behind it, or what may be a local process */
		assert_in_range(parse(MAIL_LINE_ALL).kind, MAIL_LINE_IGNORED, MAIL_LINE_UNPARSED);
	}
	/* an address does not end at a NUL byte */
	begin(FAILED "(x) [203.0.113.45");
	fill('\0', 1);
	put("]:1234" DATA);
	assert_int_equal(parse(MAIL_LINE_ALL).kind, MAIL_LINE_UNPARSED);
	/* and an account is not cut by it */
	begin(FAILED "(x) [203.0.113.45]:1234: 535 Incorrect authentication data (set_id=a");
	fill('\0', 2);
	put("b)");
	assert_int_equal(parse(MAIL_LINE_ALL).readings[0].account.length, 4);
}

static void long_lines(void **state UNUSED)
{
	struct mail_line line;

	/* a long account stays whole */
	begin(FAILED "(x) [203.0.113.45]:1234: 535 Incorrect authentication data (set_id=");
	fill('a', 65000);
	put(")");
	line = parse(MAIL_LINE_ALL);
	assert_int_equal(line.kind, MAIL_LINE_AUTH_FAILURE);
	assert_int_equal(line.n_readings, 1);
	assert_int_equal(line.readings[0].account.length, 65000);
	assert_int_equal(line.readings[0].port, 1234);
	/* and a long HELO is passed over */
	begin(FAILED "(");
	fill('a', 65000);
	put(") [203.0.113.45]:1234" DATA);
	line = parse(MAIL_LINE_ALL);
	assert_int_equal(line.kind, MAIL_LINE_AUTH_FAILURE);
	assert_int_equal(line.readings[0].port, 1234);
}

/* From Exim 4.97 on a line that is too long loses its end: the true host field, perhaps. */
static void cut_by_exim(void **state UNUSED)
{
	static const char forged[] = "(x) [198.51.100.1]:2525" DATA " (";
	static const char mark[] = "**** log string overflowed log buffer ****";

	begin(FAILED);
	put(forged);
	fill('A', 8188 - sizeof(mark) + 1 - length);
	put(mark);
	assert_int_equal(length, 8188);
	assert_int_equal(parse(MAIL_LINE_ALL).kind, MAIL_LINE_UNPARSED);
	assert_int_equal(parse(MAIL_LINE_ALL).n_readings, 0);
	/* recipients come behind it */
	begin(STAMP "1rAbCd-000000001Ab-2cDE <= a@example.com H=(x) [198.51.100.1]:25 P=esmtpsa "
		    "A=dovecot_login:victim@example.com S=1 (");
	fill('A', 8100 - length);
	put(mark);
	put(" for a@example.net");
	assert_int_equal(parse(MAIL_LINE_ALL).kind, MAIL_LINE_UNPARSED);
	/* written by a client into a line that is whole, it hides nothing */
	begin(FAILED "(");
	put(mark);
	put(") [203.0.113.45]:1234" DATA);
	assert_int_equal(parse(MAIL_LINE_ALL).kind, MAIL_LINE_AUTH_FAILURE);
}

static void too_many_readings(void **state UNUSED)
{
	struct mail_line line;
	char part[64];

	begin(FAILED "(x");
	for (unsigned i = 0; i < MAIL_READINGS_MAX; i++) {
		snprintf(part, sizeof(part), " [198.51.100.1]:%u: 535 ", i + 1);
		put(part);
	}
	put(") [203.0.113.45]:1234" DATA);
	line = parse(MAIL_LINE_ALL);
	assert_int_equal(line.kind, MAIL_LINE_AUTH_FAILURE);
	assert_int_equal(line.n_readings, MAIL_READINGS_MAX);
	assert_true(line.too_many_readings);
	/* the same one any number of times is one */
	begin(FAILED "(x");
	for (unsigned i = 0; i < 1000; i++)
		put(" [198.51.100.1]:2525: 535 ");
	put(") [203.0.113.45]:1234" DATA);
	line = parse(MAIL_LINE_ALL);
	assert_int_equal(line.n_readings, 2);
	assert_false(line.too_many_readings);
}

/* Text that makes a parser search the same bytes again and again: 64 KiB must not take long. */
static void costly_lines(void **state UNUSED)
{
	static const struct {
		const char *begin, *part, *end;
	} costly[] = {
		{ FAILED, "[", "" },
		{ FAILED, "[::] U=", "" },
		{ FAILED, " [::] U=", DATA },
		{ FAILED, " [::]: 535 ", "" },
		{ FAILED, " [::]: 535 ", DATA },
		{ FAILED "(", ":", "" },
		{ FAILED "(", ": 535 ", DATA },
		{ STAMP "1rAbCd-0001Ab-Cd <= a H=", " [::] P=esmtpa", " A=d:a S=1" },
		{ STAMP "1rAbCd-0001Ab-Cd <= a H=", " [::] U= a b c", " P=esmtpa" },
		{ STAMP "1rAbCd-0001Ab-Cd <= a H=[::] P=esmtpa", " a=\"", " A=d:a S=1" },
		{ STAMP "1rAbCd-0001Ab-Cd <= a H=[::] P=esmtpa A=d:", " S=", "" },
		{ STAMP "1rAbCd-0001Ab-Cd <= a H=", " [::] P=esmtpa a=\"", "" },
		{ STAMP "SMTP call from ", " [::] X", "" },
		{ STAMP "SMTP call from (", " [::] X", " dropped: too many " },
		{ STAMP "SMTP syntax error in \" H=", " [::] X", "" },
		{ STAMP "SMTP connection from ", " [::] (TCP/IP", "" },
		{ STAMP, "535 5", "" },
	};
	struct timespec start, end;

	for (size_t i = 0; i < ARRAY_SIZE(costly); i++) {
		begin(costly[i].begin);
		while (length + strlen(costly[i].part) + strlen(costly[i].end) < 65536)
			put(costly[i].part);
		put(costly[i].end);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
		parse(MAIL_LINE_ALL);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
		double ms = (double)(end.tv_sec - start.tv_sec) * 1e3 +
			    (double)(end.tv_nsec - start.tv_nsec) / 1e6;

		/* usually below 1 ms, also under sanitizers */
		if (ms > 100)
			fail_msg("%s%s..: %.1f ms", costly[i].begin, costly[i].part, ms);
	}
}

static void only_wanted(void **state UNUSED)
{
	struct mail_line line;

	begin(FAILED "(x) [203.0.113.45]:1234" DATA);
	line = parse(MAIL_LINE_BIT(MAIL_LINE_AUTH_FAILURE));
	assert_int_equal(line.n_readings, 1);
	assert_int_equal(line.attempts, 1);
	assert_int_equal(line.time.day, 20251120);
	line = parse(MAIL_LINE_ALL & ~MAIL_LINE_BIT(MAIL_LINE_AUTH_FAILURE));
	assert_int_equal(line.kind, MAIL_LINE_AUTH_FAILURE);
	assert_int_equal(line.n_readings, 0);
	assert_int_equal(line.attempts, 0);
	assert_int_equal(line.time.day, 20251120);
}

/* Those that are not wanted are told by their form; those that are, are read. */
static void unwanted_connections(void **state UNUSED)
{
	static const unsigned connect = MAIL_LINE_BIT(MAIL_LINE_CONNECT),
			      disconnect = MAIL_LINE_BIT(MAIL_LINE_DISCONNECT);
	struct mail_line line;

	begin(STAMP "SMTP connection from [203.0.113.45]:51234 (TCP/IP connection count = 37)");
	assert_int_equal(parse(disconnect).kind, MAIL_LINE_CONNECT);
	assert_int_equal(parse(disconnect).n_readings, 0);
	line = parse(0);
	assert_int_equal(line.kind, MAIL_LINE_CONNECT);
	assert_int_equal(line.exim_connections, 0);
	assert_int_equal(line.time.day, 20251120);
	assert_int_equal(parse(connect).exim_connections, 37);
	begin(STAMP "SMTP connection from (x) [203.0.113.45]:51234 lost D=5s");
	assert_int_equal(parse(connect).kind, MAIL_LINE_DISCONNECT);
	assert_int_equal(parse(connect).n_readings, 0);
	assert_int_equal(parse(disconnect).n_readings, 1);
	/* no host in it */
	begin(STAMP "SMTP connection from (TCP/IP connection count = 37)");
	assert_int_equal(parse(0).kind, MAIL_LINE_CONNECT);
	assert_int_equal(parse(connect).kind, MAIL_LINE_IGNORED);
	/* what only looks like a connect is read if either kind is wanted */
	begin(STAMP "SMTP connection from (x) [203.0.113.45]:5 (TCP/IP connection count = x)");
	assert_int_equal(parse(connect).kind, MAIL_LINE_DISCONNECT);
	assert_int_equal(parse(disconnect).n_readings, 1);
	assert_int_equal(parse(disconnect).exim_connections, 0);
}

static void check_address(const char *quad)
{
	struct address ours, theirs;
	/* of the exact size: reading behind the end is seen by the sanitizer */
	char *copy = malloc(strlen(quad) + 1);
	bool is;

	assert_non_null(copy);
	memcpy(copy, quad, strlen(quad));
	is = slice_address((struct text_slice){ copy, strlen(quad) }, &ours);
	free(copy);
	if (is != (address_parse(quad, &theirs) == 0) || (is && !address_equal(&ours, &theirs)))
		fail_msg("%s", quad);
}

/* IPv4 addresses are read here, and as the C library reads them. */
static void addresses(void **state UNUSED)
{
	static const char bytes[] = "000111222345678999.....:fF -+x";
	char quad[32];

	for (unsigned n = 0; n < 1100; n++) {
		snprintf(quad, sizeof(quad), "%u.0.10.%u", n % 300, n);
		check_address(quad);
		snprintf(quad, sizeof(quad), "192.%03u.%u.1", n, n);
		check_address(quad);
		snprintf(quad, sizeof(quad), "1.2.%u", n);
		check_address(quad);
	}
	for (unsigned n = 0; n < 300000; n++) {
		unsigned used =
			(unsigned)snprintf(quad, sizeof(quad), "%u.%u.%u.%u",
					   (unsigned)random_below(300), (unsigned)random_below(100),
					   (unsigned)random_below(11), (unsigned)random_below(270));

		check_address(quad);
		for (unsigned i = 0; i < 3; i++) {
			quad[random_below(used)] = bytes[random_below(sizeof(bytes) - 1)];
			check_address(quad);
		}
		quad[random_below(used + 1)] = '\0';
		check_address(quad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),
		cmocka_unit_test(cut_lines),
		cmocka_unit_test(empty_and_binary),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(cut_by_exim),
		cmocka_unit_test(too_many_readings),
		cmocka_unit_test(costly_lines),
		cmocka_unit_test(only_wanted),
		cmocka_unit_test(unwanted_connections),
		cmocka_unit_test(addresses),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
