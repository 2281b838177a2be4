// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "support.h"

static void test_from_raw(void **state UNUSED)
{
	static const uint8_t four[4] = { 192, 0, 2, 9 };
	static const uint8_t six[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 };
	struct address a, expected = addr("192.0.2.9");

	assert_int_equal(address_from_raw(AF_INET, four, &a), 0);
	assert_true(address_equal(&a, &expected));
	assert_true(address_is_ipv4(&a));
	assert_memory_equal(address_ipv4_bytes(&a), four, 4);

	expected = addr("2001:db8::9");
	assert_int_equal(address_from_raw(AF_INET6, six, &a), 0);
	assert_true(address_equal(&a, &expected));
	assert_false(address_is_ipv4(&a));
	assert_int_equal(address_from_raw(AF_UNIX, six, &a), -EAFNOSUPPORT);
}

static void test_mapped_is_the_same_address(void **state UNUSED)
{
	struct address plain = addr("192.0.2.9"), mapped = addr("::ffff:192.0.2.9");
	struct address hex = addr("::ffff:c000:209");
	char text[ADDRESS_TEXT_MAX];

	assert_true(address_equal(&plain, &mapped));
	assert_true(address_equal(&plain, &hex));
	assert_string_equal(address_format(&mapped, text), "192.0.2.9");
	/* the deprecated IPv4-compatible form is a different address */
	mapped = addr("::192.0.2.9");
	assert_false(address_equal(&plain, &mapped));
	assert_false(address_is_ipv4(&mapped));
}

static void test_parse_bad(void **state UNUSED)
{
	static const char *const bad[] = {
		"", " ", "192.0.2", "192.0.2.256", "192.0.2.1.1", "192.0.2.1 ", " 192.0.2.1",
		"0x7f.1", "1", "192.0.2.1/32", "[2001:db8::1]", "2001:db8::1%eth0", "2001:db8:::1",
		"12345::", "mail.example", "::ffff:192.0.2.256", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
	};
	struct address a = { { 1 } };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(address_parse(bad[i], &a), -EINVAL);
	assert_int_equal(a.bytes[0], 1);
}

static void test_loopback(void **state UNUSED)
{
	static const char *const yes[] = { "127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.2" };
	static const char *const no[] = { "126.255.255.255", "128.0.0.0", "::", "::2", "::127.0.0.1",
					  "1::1" };

	for (unsigned i = 0; i < ARRAY_SIZE(yes); i++) {
		struct address a = addr(yes[i]);

		assert_true(address_is_loopback(&a));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(no); i++) {
		struct address a = addr(no[i]);

		assert_false(address_is_loopback(&a));
	}
}

static struct address random_address(void)
{
	struct address a;
	uint64_t bits[2] = { random_bits(), random_bits() };

	if (random_below(2))
		return addr_n((uint32_t)random_bits());
	memcpy(a.bytes, bits, sizeof(a.bytes));
	/* runs of zeros, which the text form shortens */
	for (unsigned i = random_below(16), n = random_below(9); n && i < 16; n--)
		a.bytes[i++] = 0;
	return a;
}

static void test_address_round_trip(void **state UNUSED)
{
	for (unsigned round = 0; round < 20000; round++) {
		struct address a = random_address(), back;
		char text[ADDRESS_TEXT_MAX];

		assert_int_equal(address_parse(address_format(&a, text), &back), 0);
		assert_true(address_equal(&a, &back));
	}
}

static void test_longest_texts_fit(void **state UNUSED)
{
	char text[ADDRESS_TEXT_MAX], prefix_text[PREFIX_TEXT_MAX];
	struct prefix p;
	struct address a;

	memset(a.bytes, 0xff, sizeof(a.bytes));
	assert_string_equal(address_format(&a, text), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	p = prefix_cut(&a, 127);
	assert_string_equal(prefix_format(&p, prefix_text),
			    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127");
	/* the longest form that may be read */
	a = addr("0000:0000:0000:0000:0000:ffff:255.255.255.255");
	assert_string_equal(address_format(&a, text), "255.255.255.255");
	assert_int_equal(prefix_parse("0000:0000:0000:0000:0000:ffff:255.255.255.255/128", &p), 0);
	assert_int_equal(prefix_parse("00000:0000:0000:0000:0000:ffff:255.255.255.255", &p), -EINVAL);
}

static bool bit_of(const struct address *a, unsigned i)
{
	return a->bytes[i / 8] >> (7 - i % 8) & 1;
}

static void test_cut_against_bits(void **state UNUSED)
{
	for (unsigned round = 0; round < 3000; round++) {
		struct address a = random_address(), other = random_address();
		uint8_t length = (uint8_t)random_below(129);
		struct prefix p = prefix_cut(&a, length);
		bool same = true;

		if (random_below(2))
			other = a, other.bytes[random_below(16)] ^= (uint8_t)(1 << random_below(8));
		for (unsigned i = 0; i < 128; i++) {
			assert_int_equal(bit_of(&p.address, i), i < length && bit_of(&a, i));
			same = same && (i >= length || bit_of(&a, i) == bit_of(&other, i));
		}
		assert_int_equal(p.length, length);
		assert_true(prefix_contains(&p, &a));
		assert_int_equal(prefix_contains(&p, &other), same);
	}
}

static void test_prefix_of_address(void **state UNUSED)
{
	struct address four = addr("192.0.2.9"), six = addr("2001:db8:1:2:3:4:5:6");
	struct prefix p = prefix_of_address(&four, 32, 64), expected = pfx("192.0.2.9");

	assert_true(prefix_equal(&p, &expected));
	p = prefix_of_address(&four, 24, 64);
	expected = pfx("192.0.2.0/24");
	assert_true(prefix_equal(&p, &expected));
	p = prefix_of_address(&four, 0, 64);
	expected = pfx("0.0.0.0/0");
	assert_true(prefix_equal(&p, &expected));
	assert_true(prefix_is_ipv4(&p));
	p = prefix_of_address(&six, 32, 64);
	expected = pfx("2001:db8:1:2::/64");
	assert_true(prefix_equal(&p, &expected));
	assert_false(prefix_is_ipv4(&p));
	p = prefix_of_address(&six, 32, 128);
	expected = prefix_host(&six);
	assert_true(prefix_equal(&p, &expected));
	p = prefix_of_address(&six, 32, 0);
	expected = pfx("::/0");
	assert_true(prefix_equal(&p, &expected));
}

static void test_prefix_text(void **state UNUSED)
{
	static const struct {
		const char *in, *out;
		uint8_t length;
	} cases[] = {
		{ "192.0.2.9", "192.0.2.9", 128 },
		{ "192.0.2.9/32", "192.0.2.9", 128 },
		{ "192.0.2.0/24", "192.0.2.0/24", 120 },
		{ "0.0.0.0/0", "0.0.0.0/0", 96 },
		{ "::ffff:192.0.2.0/120", "192.0.2.0/24", 120 },
		{ "::ffff:0.0.0.0/96", "0.0.0.0/0", 96 },
		{ "2001:db8::/32", "2001:db8::/32", 32 },
		{ "2001:db8::1", "2001:db8::1", 128 },
		{ "2001:DB8::1/128", "2001:db8::1", 128 },
		{ "::/0", "::/0", 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[PREFIX_TEXT_MAX];
		struct prefix p = pfx(cases[i].in);

		assert_int_equal(p.length, cases[i].length);
		assert_string_equal(prefix_format(&p, text), cases[i].out);
	}
}

static void test_prefix_host_bits(void **state UNUSED)
{
	static const struct {
		const char *in, *masked;
	} cases[] = {
		{ "192.0.2.9/24", "192.0.2.0/24" },
		{ "192.0.2.9/31", "192.0.2.8/31" },
		{ "128.0.0.0/0", "0.0.0.0/0" },
		{ "2001:db8::1/64", "2001:db8::/64" },
		{ "2001:db8::1/127", "2001:db8::/127" },
		{ "::1/0", "::/0" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix p, masked = pfx(cases[i].masked);

		assert_int_equal(prefix_parse(cases[i].in, &p), PREFIX_HOST_BITS);
		assert_true(prefix_equal(&p, &masked));
	}
}

static void test_prefix_bad(void **state UNUSED)
{
	static const char *const bad[] = {
		"",	       "/",	       "/24",	       "192.0.2.0/",	"192.0.2.0/33",
		"192.0.2.0/ 8", "192.0.2.0/+8", "192.0.2.0/-1", "192.0.2.0/8/8", "192.0.2.0/24x",
		"2001:db8::/129", "2001:db8::/", "192.0.2.0/255.255.255.0", "192.0.2/24",
		"192.0.2.0 /24", "2001:db8::%eth0/64", "192.0.2.0/18446744073709551640",
	};
	struct prefix p = { .length = 77 };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(prefix_parse(bad[i], &p), -EINVAL);
	assert_int_equal(p.length, 77);
}

static void test_prefix_round_trip(void **state UNUSED)
{
	for (unsigned round = 0; round < 20000; round++) {
		struct address a = random_address();
		struct prefix p = address_is_ipv4(&a)
					  ? prefix_of_address(&a, random_below(33), 0)
					  : prefix_of_address(&a, 0, random_below(129));
		char text[PREFIX_TEXT_MAX];
		struct prefix back = pfx(prefix_format(&p, text));

		assert_true(prefix_equal(&p, &back));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_raw),
		cmocka_unit_test(test_mapped_is_the_same_address),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_address_round_trip),
		cmocka_unit_test(test_longest_texts_fit),
		cmocka_unit_test(test_cut_against_bits),
		cmocka_unit_test(test_prefix_of_address),
		cmocka_unit_test(test_prefix_text),
		cmocka_unit_test(test_prefix_host_bits),
		cmocka_unit_test(test_prefix_bad),
		cmocka_unit_test(test_prefix_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
