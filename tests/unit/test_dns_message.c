// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "smtpguard/wire/dns_message.h"

enum { A = 1, NS = 2, CNAME = 5, SOA = 6, PTR = 12, AAAA = 28 };
enum { NOERROR = 0, SERVFAIL = 2, NXDOMAIN = 3, REFUSED = 5 };

#define REVERSE "1.2.0.192.in-addr.arpa"

/* A message under construction. */
struct draft {
	uint8_t bytes[65536];
	size_t size;
};

static void put(struct draft *draft, const void *bytes, size_t size)
{
	assert_true(draft->size + size <= sizeof(draft->bytes));
	memcpy(draft->bytes + draft->size, bytes, size);
	draft->size += size;
}

static void put16(struct draft *draft, unsigned value)
{
	put(draft, (uint8_t[]){ (uint8_t)(value >> 8), (uint8_t)value }, 2);
}

static void put32(struct draft *draft, uint32_t value)
{
	put16(draft, value >> 16);
	put16(draft, value & 0xffff);
}

/* "a.b" as labels; "@N" is a compression pointer to offset N. */
static void put_name(struct draft *draft, const char *name)
{
	while (*name) {
		size_t length = strcspn(name, ".");

		if (*name == '@') {
			put16(draft, 0xc000 | (unsigned)strtoul(name + 1, NULL, 10));
			return;
		}
		put(draft, (uint8_t[]){ (uint8_t)length }, 1);
		put(draft, name, length);
		name += length + (name[length] == '.');
	}
	put(draft, "", 1);
}

static void begin(struct draft *draft, unsigned rcode, const char *name, unsigned type)
{
	draft->size = 0;
	put16(draft, 0x1234);
	put16(draft, 0x8180 | rcode);
	put16(draft, 1);
	put(draft, (uint8_t[6]){ 0 }, 6);
	put_name(draft, name);
	put16(draft, type);
	put16(draft, 1);
}

static void put_record(struct draft *draft, bool authority, const char *owner, unsigned type,
		       uint32_t ttl_s, const void *data, size_t size)
{
	uint8_t *count = draft->bytes + (authority ? 8 : 6);

	if (++count[1] == 0)
		count[0]++;
	put_name(draft, owner);
	put16(draft, type);
	put16(draft, 1);
	put32(draft, ttl_s);
	put16(draft, (unsigned)size);
	put(draft, data, size);
}

static void put_name_record(struct draft *draft, bool authority, const char *owner, unsigned type,
			    uint32_t ttl_s, const char *target)
{
	struct draft *data = calloc(1, sizeof(*data));

	assert_non_null(data);
	put_name(data, target);
	put_record(draft, authority, owner, type, ttl_s, data->bytes, data->size);
	free(data);
}

static void put_soa(struct draft *draft, uint32_t ttl_s, uint32_t minimum)
{
	struct draft *data = calloc(1, sizeof(*data));

	assert_non_null(data);
	put_name(data, "ns.example");
	put_name(data, "root.example");
	for (unsigned i = 0; i < 4; i++)
		put32(data, 1);
	put32(data, minimum);
	put_record(draft, true, "example", SOA, ttl_s, data->bytes, data->size);
	free(data);
}

static struct dns_hosts read_hosts(const struct draft *draft)
{
	struct dns_hosts hosts;

	assert_int_equal(dns_hosts_read(draft->bytes, draft->size, &hosts), 0);
	return hosts;
}

static struct dns_addresses read_addresses(const struct draft *draft, int family)
{
	struct dns_addresses addresses;

	assert_int_equal(dns_addresses_read(draft->bytes, draft->size, family, &addresses), 0);
	return addresses;
}

static struct draft draft;

static void test_several_names(void **state UNUSED)
{
	struct dns_hosts hosts;

	begin(&draft, NOERROR, REVERSE, PTR);
	put_name_record(&draft, false, "@12", PTR, 300, "Mail-1.Good_one.EXAMPLE");
	put_name_record(&draft, false, "1.2.0.192.IN-ADDR.arpa", PTR, 60, "b.example");
	put_name_record(&draft, false, "2.2.0.192.in-addr.arpa", PTR, 5, "other.example");
	hosts = read_hosts(&draft);
	assert_int_equal(hosts.outcome, DNS_FOUND);
	assert_int_equal(hosts.n, 2);
	assert_string_equal(hosts.text[0], "mail-1.good_one.example");
	assert_string_equal(hosts.text[1], "b.example");
	assert_int_equal(hosts.ttl_s, 60);
}

/* RFC 2317; the records stand in the wrong order. */
static void test_delegated_reverse_zone(void **state UNUSED)
{
	struct dns_hosts hosts;

	begin(&draft, NOERROR, REVERSE, PTR);
	put_name_record(&draft, false, "1.0/25.2.0.192.in-addr.arpa", PTR, 300, "a.example");
	put_name_record(&draft, false, "@12", CNAME, 50, "1.0/25.2.0.192.in-addr.arpa");
	hosts = read_hosts(&draft);
	assert_int_equal(hosts.outcome, DNS_FOUND);
	assert_string_equal(hosts.text[0], "a.example");
	assert_int_equal(hosts.ttl_s, 50);
}

static void test_unusable_names(void **state UNUSED)
{
	static const char *const names[] = { "", "a\nb.example", "a b.example", "\x1b[31m.example",
					     "caf\xc3\xa9.example", "*.example", "a\\b.example" };
	struct dns_hosts hosts;

	begin(&draft, NOERROR, REVERSE, PTR);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		put_name_record(&draft, false, "@12", PTR, 300, names[i]);
	/* a NUL and a dot inside of labels, which a text would take for ends */
	put_record(&draft, false, "@12", PTR, 300, "\x04good\x03\0xx\0", 10);
	put_record(&draft, false, "@12", PTR, 300, "\x06good.x\0", 8);
	hosts = read_hosts(&draft);
	assert_int_equal(hosts.outcome, DNS_FOUND);
	assert_int_equal(hosts.n, 0);

	put_name_record(&draft, false, "@12", PTR, 300, "good.example");
	assert_string_equal(read_hosts(&draft).text[0], "good.example");
}

static void test_longest_name_and_many(void **state UNUSED)
{
	char label[64], name[300], longer[300];
	struct dns_hosts hosts;

	memset(label, 'a', 63);
	label[63] = '\0';
	snprintf(name, sizeof(name), "%s.%s.%s.%.61s", label, label, label, label);
	begin(&draft, NOERROR, REVERSE, PTR);
	for (unsigned i = 0; i < 100; i++)
		put_name_record(&draft, false, "@12", PTR, 300, name);
	hosts = read_hosts(&draft);
	assert_int_equal(hosts.n, DNS_HOSTS_MAX);
	assert_string_equal(hosts.text[DNS_HOSTS_MAX - 1], name);
	assert_int_equal(strlen(name), DNS_HOST_TEXT_MAX - 1);

	snprintf(longer, sizeof(longer), "%s.%s.%s.%.62s", label, label, label, label);
	put_name_record(&draft, false, "@12", PTR, 300, longer);
	assert_int_equal(dns_hosts_read(draft.bytes, draft.size, &hosts), -EBADMSG);
}

static void test_no_records(void **state UNUSED)
{
	struct dns_hosts hosts;

	begin(&draft, NXDOMAIN, REVERSE, PTR);
	hosts = read_hosts(&draft);
	assert_int_equal(hosts.outcome, DNS_NO_RECORDS);
	assert_int_equal(hosts.ttl_s, 0);
	put_soa(&draft, 3600, 120);
	assert_int_equal(read_hosts(&draft).ttl_s, 120);

	begin(&draft, NOERROR, REVERSE, PTR);
	assert_int_equal(read_hosts(&draft).outcome, DNS_NO_RECORDS);
	put_soa(&draft, 30, 120);
	assert_int_equal(read_hosts(&draft).ttl_s, 30);

	/* a name that leads to one without the record */
	begin(&draft, NOERROR, REVERSE, PTR);
	put_name_record(&draft, false, "@12", CNAME, 20, "x.example");
	put_soa(&draft, 3600, 120);
	hosts = read_hosts(&draft);
	assert_int_equal(hosts.outcome, DNS_NO_RECORDS);
	assert_int_equal(hosts.ttl_s, 20);
}

/* Nobody is "none" because a server knew nothing. */
static void test_inconclusive(void **state UNUSED)
{
	static const unsigned rcodes[] = { 1, SERVFAIL, 4, REFUSED, 9, 15 };
	char from[16], to[16];

	for (size_t i = 0; i < ARRAY_SIZE(rcodes); i++) {
		begin(&draft, rcodes[i], REVERSE, PTR);
		put_soa(&draft, 3600, 120);
		assert_int_equal(read_hosts(&draft).outcome, DNS_INCONCLUSIVE);
	}
	/* a referral, a CNAME without its target, a truncated answer */
	begin(&draft, NOERROR, REVERSE, PTR);
	put_name_record(&draft, true, "arpa", NS, 300, "ns.example");
	assert_int_equal(read_hosts(&draft).outcome, DNS_INCONCLUSIVE);
	begin(&draft, NOERROR, REVERSE, PTR);
	put_name_record(&draft, false, "@12", CNAME, 20, "x.example");
	assert_int_equal(read_hosts(&draft).outcome, DNS_INCONCLUSIVE);
	begin(&draft, NOERROR, REVERSE, PTR);
	put_name_record(&draft, false, "@12", PTR, 20, "x.example");
	draft.bytes[2] |= 0x02;
	assert_int_equal(read_hosts(&draft).outcome, DNS_INCONCLUSIVE);
	/* a circle, and a chain longer than anybody's */
	begin(&draft, NOERROR, REVERSE, PTR);
	put_name_record(&draft, false, "@12", CNAME, 20, REVERSE);
	put_soa(&draft, 3600, 120);
	assert_int_equal(read_hosts(&draft).outcome, DNS_INCONCLUSIVE);
	begin(&draft, NOERROR, "c0", A);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(from, sizeof(from), "c%u", i);
		snprintf(to, sizeof(to), "c%u", i + 1);
		put_name_record(&draft, false, from, CNAME, 20, to);
	}
	put_record(&draft, false, "c20", A, 20, "\xc0\0\x02\x01", 4);
	assert_int_equal(read_addresses(&draft, AF_INET).outcome, DNS_INCONCLUSIVE);
}

static void test_addresses(void **state UNUSED)
{
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	struct dns_addresses found;
	char text[ADDRESS_TEXT_MAX];

	begin(&draft, NOERROR, "mail.example", A);
	put_name_record(&draft, false, "@12", CNAME, 600, "target.example");
	put_record(&draft, false, "target.example", A, 300, "\xc0\0\x02\x01", 4);
	put_record(&draft, false, "TARGET.example", A, 0xffffffff, "\xc0\0\x02\x02", 4);
	put_record(&draft, false, "elsewhere.example", A, 300, "\xc0\0\x02\x03", 4);
	found = read_addresses(&draft, AF_INET);
	assert_int_equal(found.outcome, DNS_FOUND);
	assert_int_equal(found.n, 2);
	assert_string_equal(address_format(&found.addresses[0], text), "192.0.2.1");
	assert_string_equal(address_format(&found.addresses[1], text), "192.0.2.2");
	assert_int_equal(found.ttl_s, 0);
	assert_int_equal(dns_addresses_read(draft.bytes, draft.size, AF_INET6, &found), -EBADMSG);
	assert_int_equal(dns_addresses_read(draft.bytes, draft.size, AF_UNIX, &found),
			 -EAFNOSUPPORT);

	begin(&draft, NOERROR, "mail.example", AAAA);
	for (unsigned i = 0; i < 100; i++)
		put_record(&draft, false, "@12", AAAA, 300, v6, 16);
	found = read_addresses(&draft, AF_INET6);
	assert_int_equal(found.n, DNS_ADDRESSES_MAX);
	assert_string_equal(address_format(&found.addresses[63], text), "2001:db8::1");
}

static void test_every_cut_is_refused(void **state UNUSED)
{
	struct dns_hosts hosts;

	begin(&draft, NOERROR, REVERSE, PTR);
	put_name_record(&draft, false, "@12", CNAME, 300, "x.example");
	put_name_record(&draft, false, "x.example", PTR, 300, "a.example");
	for (size_t size = 0; size < draft.size; size++) {
		/* a copy of the exact size, so that the sanitizer sees what is read behind it */
		uint8_t *copy = malloc(size ? size : 1);

		assert_non_null(copy);
		memcpy(copy, draft.bytes, size);
		assert_int_equal(dns_hosts_read(copy, size, &hosts), -EBADMSG);
		free(copy);
	}
}

static void refuse_record(const char *owner, unsigned type, const void *data, size_t size)
{
	struct dns_hosts hosts;

	begin(&draft, NOERROR, REVERSE, PTR);
	put_record(&draft, false, owner, type, 300, data, size);
	assert_int_equal(dns_hosts_read(draft.bytes, draft.size, &hosts), -EBADMSG);
}

static void test_contradictions_refused(void **state UNUSED)
{
	struct dns_addresses found;
	struct dns_hosts hosts;

	refuse_record("@12", PTR, "\x01z", 2);	     /* the name goes beyond the data */
	refuse_record("@12", PTR, "\x01z\0\0", 4);   /* and ends before it */
	refuse_record("@12", PTR, "\x41z\0", 3);     /* label types nobody uses */
	refuse_record("@12", PTR, "\x81z\0", 3);
	refuse_record("@12", PTR, "\xff\xff", 2);    /* a pointer out of the message */
	refuse_record("@40", PTR, "\xc0\x0c", 2);    /* a pointer to itself: the record is at 40 */
	refuse_record("@12", CNAME, "", 0);

	begin(&draft, NOERROR, "mail.example", A);
	put_record(&draft, false, "@12", A, 300, "\xc0\0\x02", 3);
	assert_int_equal(dns_addresses_read(draft.bytes, draft.size, AF_INET, &found), -EBADMSG);

	begin(&draft, NXDOMAIN, REVERSE, PTR);
	put_record(&draft, true, "@12", SOA, 300, "\0\0shorter than a SOA", 20);
	assert_int_equal(dns_hosts_read(draft.bytes, draft.size, &hosts), -EBADMSG);

	/* a question instead of an answer; another question; none */
	begin(&draft, NOERROR, REVERSE, PTR);
	draft.bytes[2] = 0;
	assert_int_equal(dns_hosts_read(draft.bytes, draft.size, &hosts), -EBADMSG);
	begin(&draft, NOERROR, REVERSE, A);
	assert_int_equal(dns_hosts_read(draft.bytes, draft.size, &hosts), -EBADMSG);
	begin(&draft, NOERROR, REVERSE, PTR);
	draft.bytes[5] = 0;
	assert_int_equal(dns_hosts_read(draft.bytes, draft.size, &hosts), -EBADMSG);
}

static void test_reverse_name(void **state UNUSED)
{
	char text[DNS_REVERSE_TEXT_MAX];
	struct address address;

	assert_int_equal(address_parse("192.0.2.130", &address), 0);
	assert_string_equal(dns_reverse_name(&address, text), "130.2.0.192.in-addr.arpa");
	assert_int_equal(address_parse("2001:db8::4f", &address), 0);
	assert_string_equal(dns_reverse_name(&address, text),
			    "f.4.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_several_names),
		cmocka_unit_test(test_delegated_reverse_zone),
		cmocka_unit_test(test_unusable_names),
		cmocka_unit_test(test_longest_name_and_many),
		cmocka_unit_test(test_no_records),
		cmocka_unit_test(test_inconclusive),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_every_cut_is_refused),
		cmocka_unit_test(test_contradictions_refused),
		cmocka_unit_test(test_reverse_name),
	};

	return cmocka_run_group_tests_name("dns_message", tests, NULL, NULL);
}
