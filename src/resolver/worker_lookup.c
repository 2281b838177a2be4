// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/nameser.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "smtpguard/base/escape.h"
#include "smtpguard/wire/dns_message.h"
#include "worker_priv.h"

/*
 * c-ares cannot take back one question: what was asked for a lookup that is over stays with c-ares
 * until its own tries are used up, with `lookup` NULL.
 */
struct query {
	struct lookup *lookup;
	unsigned index;
};

struct lookup {
	TAILQ_ENTRY(lookup) link;
	struct lookups *all;
	struct family *family;
	struct address address;
	usec_t expires;
	struct dns_hosts *hosts; /* of the PTR records; NULL before */
	struct query *queries[DNS_HOSTS_MAX];
	unsigned outstanding;
	unsigned verified; /* index of the name */
	uint32_t ttl_s;	   /* of the answers behind the PTR records */
	unsigned n_addresses;
	struct address addresses[PTR_ADDRESSES_MAX]; /* what the names resolved to, to be shown */
	bool is_verified;
	bool unresolved; /* there was no answer for some name */
	bool starting;	 /* questions are still being asked: a callback must not end the lookup */
};

TAILQ_HEAD(lookup_list, lookup);

struct family {
	struct lookup_list waiting; /* failed, to be told apart by the canary */
	struct canary canary;
};

struct lookups {
	ares_channel channel;
	usec_t deadline;
	unsigned count;
	lookup_answer_fn *answer;
	void *userdata;
	struct lookup_list idle, asking; /* asking: oldest first, so in order of expiry */
	struct family ipv4, ipv6;
	struct lookup *slots;
};

static void on_canary(void *userdata, bool healthy);

static void family_init(struct family *family, const char *canary_name, usec_t deadline)
{
	TAILQ_INIT(&family->waiting);
	family->canary = (struct canary){
		.name = canary_name,
		.deadline = deadline,
		.concluded = on_canary,
		.userdata = family,
	};
}

int lookups_new(struct lookups **ret_lookups, usec_t deadline, unsigned capacity,
		lookup_answer_fn *answer, void *userdata)
{
	struct lookups *lookups = calloc(1, sizeof(*lookups));

	if (!lookups)
		return -ENOMEM;
	lookups->slots = calloc(capacity, sizeof(*lookups->slots));
	if (!lookups->slots) {
		free(lookups);
		return -ENOMEM;
	}
	lookups->deadline = deadline;
	lookups->answer = answer;
	lookups->userdata = userdata;
	TAILQ_INIT(&lookups->idle);
	TAILQ_INIT(&lookups->asking);
	for (unsigned i = 0; i < capacity; i++)
		TAILQ_INSERT_TAIL(&lookups->idle, &lookups->slots[i], link);
	family_init(&lookups->ipv4, "in-addr.arpa", deadline);
	family_init(&lookups->ipv6, "ip6.arpa", deadline);
	*ret_lookups = lookups;
	return 0;
}

void lookups_use_channel(struct lookups *lookups, ares_channel channel)
{
	lookups->channel = channel;
	canary_forget(&lookups->ipv4.canary);
	canary_forget(&lookups->ipv6.canary);
}

unsigned lookups_count(const struct lookups *lookups)
{
	return lookups->count;
}

bool answer_is_conclusive(int status)
{
	return status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND;
}

static void abandon_queries(struct lookup *lookup)
{
	for (unsigned i = 0; i < ARRAY_SIZE(lookup->queries); i++) {
		if (lookup->queries[i])
			lookup->queries[i]->lookup = NULL;
		lookup->queries[i] = NULL;
	}
	lookup->outstanding = 0;
}

/* The verified name first, then the others in the order of the answer. */
static void names_write(struct name_answer *answer, const struct dns_hosts *hosts, unsigned first)
{
	for (unsigned i = 0; i < hosts->n && answer->n_names < PTR_NAMES_MAX; i++) {
		const char *name = hosts->text[i == 0 ? first : i <= first ? i - 1 : i];

		escape(answer->names[answer->n_names++], PTR_NAME_TEXT_MAX, name, strlen(name));
	}
}

/* Sends the answer and gives the lookup back; it stands in no list any more. */
static void lookup_finish(struct lookup *lookup, enum name_answer_result result, uint32_t ttl_s,
			  bool healthy)
{
	struct lookups *all = lookup->all;
	struct name_answer answer = {
		.address = lookup->address,
		.result = result,
		.resolver_healthy = healthy,
		.ttl = ttl_s * USEC_PER_SEC,
	};

	if (lookup->hosts)
		names_write(&answer, lookup->hosts, lookup->verified);
	answer.n_addresses = lookup->n_addresses;
	memcpy(answer.addresses, lookup->addresses, lookup->n_addresses * sizeof(*answer.addresses));
	abandon_queries(lookup);
	free(lookup->hosts);
	lookup->hosts = NULL;
	TAILQ_INSERT_HEAD(&all->idle, lookup, link);
	all->count--;
	all->answer(all->userdata, &answer);
}

static void lookup_conclude(struct lookup *lookup, enum name_answer_result result, uint32_t ttl_s)
{
	TAILQ_REMOVE(&lookup->all->asking, lookup, link);
	lookup_finish(lookup, result, ttl_s, false);
}

static void on_canary(void *userdata, bool healthy)
{
	struct family *family = userdata;
	struct lookup *lookup;

	while ((lookup = TAILQ_FIRST(&family->waiting))) {
		TAILQ_REMOVE(&family->waiting, lookup, link);
		lookup_finish(lookup, NAME_ANSWER_FAILED, 0, healthy);
	}
}

/* No authoritative answer: the lookup waits to hear whether that is the resolver's fault. */
static void lookup_fail(struct lookup *lookup)
{
	struct lookups *all = lookup->all;
	struct family *family = lookup->family;

	abandon_queries(lookup);
	TAILQ_REMOVE(&all->asking, lookup, link);
	TAILQ_INSERT_TAIL(&family->waiting, lookup, link);
	canary_ask(&family->canary, all->channel, clock_now());
}

/* After every answer for a name: is the lookup decided? */
static void lookup_settle(struct lookup *lookup)
{
	if (lookup->starting)
		return;
	if (lookup->is_verified) {
		lookup_conclude(lookup, NAME_ANSWER_VERIFIED,
				MIN_OF(lookup->hosts->ttl_s, lookup->ttl_s));
		return;
	}
	if (lookup->outstanding)
		return;
	if (lookup->unresolved)
		lookup_fail(lookup);
	else
		lookup_conclude(lookup, NAME_ANSWER_MISMATCH,
				MIN_OF(lookup->hosts->ttl_s, lookup->ttl_s));
}

/* Frees the query; NULL if its lookup is over. */
static struct lookup *query_end(struct query *query, unsigned *ret_index)
{
	struct lookup *lookup = query->lookup;

	*ret_index = query->index;
	free(query);
	if (!lookup)
		return NULL;
	lookup->queries[*ret_index] = NULL;
	lookup->outstanding--;
	return lookup;
}

/* c-ares may call back before this returns. */
static int query_start(struct lookup *lookup, unsigned index, const char *name, int type,
		       ares_callback callback)
{
	struct query *query = calloc(1, sizeof(*query));

	if (!query)
		return -ENOMEM;
	query->lookup = lookup;
	query->index = index;
	lookup->queries[index] = query;
	lookup->outstanding++;
	ares_query(lookup->all->channel, name, ns_c_in, type, callback, query);
	return 0;
}

static void address_keep(struct lookup *lookup, const struct address *address)
{
	for (unsigned i = 0; i < lookup->n_addresses; i++) {
		if (address_equal(&lookup->addresses[i], address))
			return;
	}
	if (lookup->n_addresses < PTR_ADDRESSES_MAX)
		lookup->addresses[lookup->n_addresses++] = *address;
}

/* A name with more addresses than are kept must not hide the one that counts. */
static void addresses_keep(struct lookup *lookup, const struct dns_addresses *found, bool verified)
{
	if (verified) {
		lookup->n_addresses = 0;
		address_keep(lookup, &lookup->address);
	}
	for (unsigned i = 0; found->outcome == DNS_FOUND && i < found->n; i++)
		address_keep(lookup, &found->addresses[i]);
}

static void addresses_check(struct lookup *lookup, const struct dns_addresses *found,
			    unsigned index)
{
	bool verified = false;

	for (unsigned i = 0; found->outcome == DNS_FOUND && i < found->n; i++)
		verified |= address_equal(&found->addresses[i], &lookup->address);
	if (lookup->is_verified)
		return;
	addresses_keep(lookup, found, verified);
	/* other names' records have no part in what verifies this one */
	lookup->ttl_s = verified ? found->ttl_s : MIN_OF(lookup->ttl_s, found->ttl_s);
	lookup->is_verified = verified;
	lookup->verified = verified ? index : 0;
}

static void on_address(void *userdata, int status, int timeouts UNUSED, unsigned char *message,
		       int size)
{
	struct dns_addresses found;
	unsigned index;
	struct lookup *lookup = query_end(userdata, &index);
	int family;

	if (!lookup)
		return;
	family = address_is_ipv4(&lookup->address) ? AF_INET : AF_INET6;
	if (!answer_is_conclusive(status) || !message ||
	    dns_addresses_read(message, (size_t)size, family, &found) < 0 ||
	    found.outcome == DNS_INCONCLUSIVE)
		lookup->unresolved = true;
	else
		addresses_check(lookup, &found, index);
	lookup_settle(lookup);
}

/* All names at once: one whose zone does not answer must not use up the others' time. */
static void ask_addresses(struct lookup *lookup)
{
	int type = address_is_ipv4(&lookup->address) ? ns_t_a : ns_t_aaaa;

	lookup->starting = true;
	for (unsigned i = 0; i < lookup->hosts->n; i++) {
		if (query_start(lookup, i, lookup->hosts->text[i], type, on_address) < 0)
			lookup->unresolved = true;
	}
	lookup->starting = false;
	lookup_settle(lookup);
}

static void on_ptr(void *userdata, int status, int timeouts UNUSED, unsigned char *message,
		   int size)
{
	struct dns_hosts *hosts;
	unsigned index;
	struct lookup *lookup = query_end(userdata, &index);

	if (!lookup)
		return;
	hosts = calloc(1, sizeof(*hosts));
	lookup->hosts = hosts;
	if (!hosts || !answer_is_conclusive(status) || !message ||
	    dns_hosts_read(message, (size_t)size, hosts) < 0 || hosts->outcome == DNS_INCONCLUSIVE)
		lookup_fail(lookup);
	else if (hosts->outcome == DNS_NO_RECORDS)
		lookup_conclude(lookup, NAME_ANSWER_NONE, hosts->ttl_s);
	else
		/*
		 * Also without any name that can be asked for: a zone whose names are control
		 * characters and the like has answered. That is a mismatch, and no failure to be
		 * tried again.
		 */
		ask_addresses(lookup);
}

static bool is_in(const struct lookup_list *list, const struct address *address)
{
	struct lookup *lookup;

	TAILQ_FOREACH(lookup, list, link) {
		if (address_equal(&lookup->address, address))
			return true;
	}
	return false;
}

void lookups_ask(struct lookups *lookups, const struct address *address, usec_t now)
{
	struct family *family = address_is_ipv4(address) ? &lookups->ipv4 : &lookups->ipv6;
	struct name_answer refusal = { .address = *address, .result = NAME_ANSWER_FAILED };
	struct lookup *lookup = TAILQ_FIRST(&lookups->idle);
	char name[DNS_REVERSE_TEXT_MAX];

	if (is_in(&lookups->asking, address) || is_in(&family->waiting, address))
		return;
	if (!lookup) {
		lookups->answer(lookups->userdata, &refusal);
		return;
	}
	TAILQ_REMOVE(&lookups->idle, lookup, link);
	TAILQ_INSERT_TAIL(&lookups->asking, lookup, link);
	lookups->count++;
	lookup->all = lookups;
	lookup->family = family;
	lookup->address = *address;
	lookup->expires = now + lookups->deadline;
	lookup->verified = lookup->n_addresses = 0;
	lookup->ttl_s = UINT32_MAX;
	lookup->is_verified = lookup->unresolved = false;
	if (query_start(lookup, 0, dns_reverse_name(address, name), ns_t_ptr, on_ptr) < 0)
		lookup_fail(lookup);
}

void lookups_expire(struct lookups *lookups, usec_t now)
{
	struct lookup *lookup;

	while ((lookup = TAILQ_FIRST(&lookups->asking)) && lookup->expires <= now)
		lookup_fail(lookup);
	canary_expire(&lookups->ipv4.canary, now);
	canary_expire(&lookups->ipv6.canary, now);
}

usec_t lookups_next(const struct lookups *lookups)
{
	const struct lookup *lookup = TAILQ_FIRST(&lookups->asking);
	usec_t next = lookup ? lookup->expires : USEC_NEVER;

	next = MIN_OF(next, canary_next(&lookups->ipv4.canary));
	return MIN_OF(next, canary_next(&lookups->ipv6.canary));
}
