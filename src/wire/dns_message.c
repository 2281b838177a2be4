// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/wire/dns_message.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "dns_record_priv.h"

enum {
	HEADER_BYTES = 12,
	HOPS_MAX = 8, /* CNAMEs in one chain */

	FLAG_RESPONSE = 0x8000,
	FLAG_TRUNCATED = 0x0200,
	MASK_RCODE = 0x000f,
	RCODE_NOERROR = 0,
	RCODE_NXDOMAIN = 3,

	CLASS_IN = 1,
	TYPE_A = 1,
	TYPE_NS = 2,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_PTR = 12,
	TYPE_AAAA = 28,
};

struct message {
	struct dns_bytes raw;
	unsigned rcode, n_answers, n_authorities;
	size_t answers; /* where the section begins */
};

/* Where the chain of CNAMEs from the question leads. */
struct chain {
	struct dns_name end;
	unsigned hops;
	uint32_t ttl_s;
	bool found; /* records of the type wanted stand there */
};

/* Header and question; the question is where the chain begins. */
static int message_open(struct message *message, const void *bytes, size_t size, uint16_t type,
			struct chain *chain)
{
	const uint8_t *p = bytes;
	size_t at = HEADER_BYTES;
	unsigned flags;
	int r;

	*message = (struct message){ .raw = { bytes, size } };
	*chain = (struct chain){ .ttl_s = UINT32_MAX };
	if (size < HEADER_BYTES || dns_get16(p + 4) != 1)
		return -EBADMSG;
	flags = dns_get16(p + 2);
	if (!(flags & FLAG_RESPONSE))
		return -EBADMSG;
	r = dns_name_read(&message->raw, &at, &chain->end);
	if (r < 0)
		return r;
	if (size - at < 4 || dns_get16(p + at) != type || dns_get16(p + at + 2) != CLASS_IN)
		return -EBADMSG;
	/* what a truncated answer leaves out is unknown: no rcode of the protocol says that */
	message->rcode = flags & FLAG_TRUNCATED ? MASK_RCODE : flags & MASK_RCODE;
	message->n_answers = dns_get16(p + 6);
	message->n_authorities = dns_get16(p + 8);
	message->answers = at + 4;
	return 0;
}

/* One hop: sets chain->found, or moves on; *ret_moved false: the chain ends here. */
static int chain_step(const struct message *message, uint16_t type, struct chain *chain,
		      bool *ret_moved)
{
	size_t at = message->answers;
	struct dns_name target;
	bool moved = false;

	for (unsigned i = 0; i < message->n_answers; i++) {
		struct dns_record record;
		int r = dns_record_read(&message->raw, &at, &record);

		if (r < 0)
			return r;
		if (record.class != CLASS_IN || !dns_name_equal(&record.owner, &chain->end))
			continue;
		if (record.type == type)
			chain->found = true;
		if (record.type != TYPE_CNAME || moved)
			continue;
		r = dns_record_name(&message->raw, &record, &target);
		if (r < 0)
			return r;
		chain->ttl_s = MIN_OF(chain->ttl_s, record.ttl_s);
		moved = true;
	}
	if (chain->found)
		moved = false;
	if (moved) {
		chain->end = target;
		chain->hops++;
	}
	*ret_moved = moved;
	return 0;
}

/* Resolvers send the records in any order, so every hop looks through all of them. */
static int chain_follow(const struct message *message, uint16_t type, struct chain *chain)
{
	bool moved = true;

	while (moved && chain->hops < HOPS_MAX) {
		int r = chain_step(message, type, chain, &moved);

		if (r < 0)
			return r;
	}
	return 0;
}

/* RFC 2308, 5: the smaller of the SOA's own time and its last field. */
static int soa_ttl_read(const struct message *message, const struct dns_record *record,
			uint32_t *ret_ttl_s)
{
	size_t at = record->data;
	struct dns_name ignored;
	int r = dns_name_read(&message->raw, &at, &ignored);

	if (r == 0)
		r = dns_name_read(&message->raw, &at, &ignored);
	if (r < 0)
		return r;
	if (at + 20 != record->data + record->data_size)
		return -EBADMSG;
	*ret_ttl_s = MIN_OF(record->ttl_s, dns_get32(message->raw.bytes + at + 16));
	return 0;
}

/* Nothing was found: does the message say that there is nothing, or only that it knows nothing? */
static int negative_read(const struct message *message, const struct chain *chain,
			 enum dns_outcome *ret_outcome, uint32_t *ret_ttl_s)
{
	bool has_soa = false, has_ns = false;
	size_t at = message->answers;
	uint32_t ttl_s = 0;

	for (unsigned i = 0; i < message->n_answers + message->n_authorities; i++) {
		struct dns_record record;
		int r = dns_record_read(&message->raw, &at, &record);

		if (r < 0)
			return r;
		if (i < message->n_answers || record.class != CLASS_IN)
			continue;
		has_ns |= record.type == TYPE_NS;
		if (record.type != TYPE_SOA || has_soa)
			continue;
		r = soa_ttl_read(message, &record, &ttl_s);
		if (r < 0)
			return r;
		has_soa = true;
	}
	/*
	 * Without a SOA, servers (NS) in the authority section are a referral (RFC 2308, 2.2.1), and a
	 * CNAME whose target is not spoken of was left for us to ask about.
	 */
	*ret_outcome = message->rcode == RCODE_NXDOMAIN || has_soa || (!has_ns && !chain->hops) ?
			       DNS_NO_RECORDS :
			       DNS_INCONCLUSIVE;
	*ret_ttl_s = MIN_OF(chain->ttl_s, ttl_s);
	return 0;
}

/* Everything but the records themselves. */
static int answer_open(struct message *message, const void *bytes, size_t size, uint16_t type,
		       struct chain *chain, enum dns_outcome *ret_outcome, uint32_t *ret_ttl_s)
{
	int r = message_open(message, bytes, size, type, chain);

	if (r < 0)
		return r;
	*ret_outcome = DNS_INCONCLUSIVE;
	*ret_ttl_s = 0;
	if (message->rcode != RCODE_NOERROR && message->rcode != RCODE_NXDOMAIN)
		return 0;
	r = chain_follow(message, type, chain);
	if (r < 0)
		return r;
	if (chain->hops >= HOPS_MAX && !chain->found)
		return 0;
	if (!chain->found || message->rcode == RCODE_NXDOMAIN)
		return negative_read(message, chain, ret_outcome, ret_ttl_s);
	*ret_outcome = DNS_FOUND;
	*ret_ttl_s = chain->ttl_s;
	return 0;
}

/* The next record of the type at the chain's end: *ret_record, or *ret_record.type 0. */
static int record_next(const struct message *message, const struct chain *chain, uint16_t type,
		       unsigned *index, size_t *at, struct dns_record *ret_record)
{
	for (; *index < message->n_answers; (*index)++) {
		int r = dns_record_read(&message->raw, at, ret_record);

		if (r < 0)
			return r;
		if (ret_record->type == type && ret_record->class == CLASS_IN &&
		    dns_name_equal(&ret_record->owner, &chain->end)) {
			(*index)++;
			return 0;
		}
	}
	ret_record->type = 0;
	return 0;
}

static bool host_format(const struct dns_name *name, char text[static DNS_HOST_TEXT_MAX])
{
	unsigned next_label = 0;

	for (unsigned i = 0; i < name->length; i++) {
		uint8_t c = name->bytes[i];

		if (i == next_label) {
			next_label += 1u + c;
			c = '.';
		} else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
			     c == '_')) {
			return false;
		}
		if (i > 0)
			text[i - 1] = (char)c;
	}
	if (name->length == 0)
		return false;
	text[name->length - 1] = '\0';
	return true;
}

int dns_hosts_read(const void *message, size_t size, struct dns_hosts *ret_hosts)
{
	struct dns_hosts hosts = { 0 };
	struct dns_record record;
	struct message m;
	struct chain chain;
	struct dns_name name;
	unsigned index = 0;
	size_t at;
	int r = answer_open(&m, message, size, TYPE_PTR, &chain, &hosts.outcome, &hosts.ttl_s);

	if (r < 0)
		return r;
	at = m.answers;
	while (hosts.outcome == DNS_FOUND) {
		r = record_next(&m, &chain, TYPE_PTR, &index, &at, &record);
		if (r < 0)
			return r;
		if (!record.type)
			break;
		r = dns_record_name(&m.raw, &record, &name);
		if (r < 0)
			return r;
		hosts.ttl_s = MIN_OF(hosts.ttl_s, record.ttl_s);
		if (hosts.n < DNS_HOSTS_MAX && host_format(&name, hosts.text[hosts.n]))
			hosts.n++;
	}
	*ret_hosts = hosts;
	return 0;
}

int dns_addresses_read(const void *message, size_t size, int family,
		       struct dns_addresses *ret_addresses)
{
	uint16_t type = family == AF_INET ? TYPE_A : TYPE_AAAA;
	size_t at, data_size = family == AF_INET ? 4 : 16;
	struct dns_addresses found = { 0 };
	struct dns_record record;
	struct message m;
	struct chain chain;
	unsigned index = 0;
	int r = family == AF_INET || family == AF_INET6 ? 0 : -EAFNOSUPPORT;

	if (r == 0)
		r = answer_open(&m, message, size, type, &chain, &found.outcome, &found.ttl_s);
	if (r < 0)
		return r;
	at = m.answers;
	while (found.outcome == DNS_FOUND && found.n < DNS_ADDRESSES_MAX) {
		r = record_next(&m, &chain, type, &index, &at, &record);
		if (r < 0)
			return r;
		if (!record.type)
			break;
		if (record.data_size != data_size)
			return -EBADMSG;
		r = address_from_raw(family, m.raw.bytes + record.data, &found.addresses[found.n]);
		if (r < 0)
			return r;
		found.ttl_s = MIN_OF(found.ttl_s, record.ttl_s);
		found.n++;
	}
	*ret_addresses = found;
	return 0;
}

const char *dns_reverse_name(const struct address *address, char text[static DNS_REVERSE_TEXT_MAX])
{
	const uint8_t *bytes = address->bytes;
	size_t used = 0;

	if (address_is_ipv4(address)) {
		bytes = address_ipv4_bytes(address);
		snprintf(text, DNS_REVERSE_TEXT_MAX, "%u.%u.%u.%u.in-addr.arpa", bytes[3], bytes[2],
			 bytes[1], bytes[0]);
		return text;
	}
	for (unsigned i = sizeof(address->bytes); i-- > 0; used += 4)
		snprintf(text + used, DNS_REVERSE_TEXT_MAX - used, "%x.%x.", bytes[i] & 15u,
			 bytes[i] >> 4u);
	snprintf(text + used, DNS_REVERSE_TEXT_MAX - used, "ip6.arpa");
	return text;
}
