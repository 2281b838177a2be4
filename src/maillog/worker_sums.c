// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/hash_table.h"
#include "worker_priv.h"

/* Without padding: it is compared as bytes. */
struct sum_key {
	struct address address; /* zero if it is nobody's */
	uint64_t account_hash;
	uint32_t day;
	uint8_t kind, protocol;
	uint8_t has_address;
	uint8_t collision; /* counts accounts of one hash */
};

struct sum {
	struct sum_key key;
	uint32_t count;
	usec_t first, last;
	char account[ACCOUNT_TEXT_MAX];
};

#define MEMO_BITS 12

/*
 * memo: of all sums with such an account and address, the one that was last added to. Anybody may
 * guess its places, but what stands there is compared in full, and what does not is in the table.
 */
struct fact_sums {
	struct hash_table *table;
	struct siphash_key key;
	struct sum *memo[1u << MEMO_BITS];
};

struct fact_sums *fact_sums_free(struct fact_sums *sums)
{
	if (sums) {
		hash_table_free(sums->table);
		free(sums);
	}
	return NULL;
}

int fact_sums_new(struct fact_sums **ret_sums, uint32_t capacity, const struct siphash_key *key)
{
	struct fact_sums *sums = calloc(1, sizeof(*sums));
	int r;

	if (!sums)
		return -ENOMEM;
	sums->key = *key;
	r = hash_table_new(&sums->table, capacity, sizeof(struct sum_key), sizeof(struct sum), 1,
			   key);
	if (r < 0) {
		fact_sums_free(sums);
		return r;
	}
	*ret_sums = sums;
	return 0;
}

/* Without the account. */
static struct sum_key key_of(const struct mail_fact *fact)
{
	struct sum_key key = {
		.day = fact->day,
		.kind = (uint8_t)fact->kind,
		.protocol = (uint8_t)fact->protocol,
		.has_address = fact->n_readings == 1,
	};

	if (key.has_address)
		key.address = fact->readings[0].address;
	return key;
}

static struct sum **memo_of(struct fact_sums *sums, const struct address *address,
			    const char *account, size_t length)
{
	uint64_t begin = 0, end = 0, host;

	memcpy(&host, address->bytes + 8, sizeof(host));
	if (length >= sizeof(begin)) {
		memcpy(&begin, account, sizeof(begin));
		memcpy(&end, account + length - sizeof(end), sizeof(end));
	}
	host = ((host * 31 + begin) * 31 + end) * UINT64_C(0x9e3779b97f4a7c15);
	return &sums->memo[host >> (64 - MEMO_BITS)];
}

static bool is_sum_of(const struct sum *sum, const struct sum_key *key, const char *account,
		      size_t length)
{
	struct sum_key found = sum->key;

	found.account_hash = key->account_hash;
	found.collision = key->collision;
	return memcmp(&found, key, sizeof(found)) == 0 &&
	       memcmp(sum->account, account, length + 1) == 0;
}

static void add_to(struct sum *sum, const struct mail_fact *fact)
{
	sum->count = sum->count > UINT32_MAX - fact->count ? UINT32_MAX : sum->count + fact->count;
	sum->first = MIN_OF(sum->first, fact->first);
	sum->last = MAX_OF(sum->last, fact->last);
}

int fact_sums_add(struct fact_sums *sums, const struct mail_fact *fact)
{
	struct sum_key key = key_of(fact);
	const char *account = key.has_address ? fact->readings[0].account : "";
	size_t length = strlen(account);
	struct sum **memo = memo_of(sums, &key.address, account, length);

	if (*memo && is_sum_of(*memo, &key, account, length)) {
		add_to(*memo, fact);
		return 0;
	}
	key.account_hash = siphash(&sums->key, account, length);
	for (;;) {
		void *entry;
		struct sum *sum;
		int r = hash_table_insert(sums->table, &key, &entry);

		if (r == HASH_TABLE_FULL)
			return FACT_SUMS_FULL;
		sum = entry;
		if (r == 0) {
			sum->count = fact->count;
			sum->first = fact->first;
			sum->last = fact->last;
			memcpy(sum->account, account, length);
			*memo = sum;
			return 0;
		}
		/* the last of so many would be another's: what cannot happen with a secret key */
		if (!strcmp(sum->account, account) || key.collision == UINT8_MAX) {
			add_to(sum, fact);
			*memo = sum;
			return 0;
		}
		key.collision++;
	}
}

uint32_t fact_sums_count(const struct fact_sums *sums)
{
	return hash_table_count(sums->table);
}

bool fact_sums_take(struct fact_sums *sums, struct mail_fact *ret_fact)
{
	struct sum *sum = hash_table_oldest(sums->table, 0), **memo;

	if (!sum)
		return false;
	ret_fact->kind = (enum mail_fact_kind)sum->key.kind;
	ret_fact->protocol = (enum mail_protocol)sum->key.protocol;
	ret_fact->recent = false;
	ret_fact->count = sum->count;
	ret_fact->first = sum->first;
	ret_fact->last = sum->last;
	ret_fact->day = sum->key.day;
	ret_fact->n_readings = sum->key.has_address;
	ret_fact->readings[0].address = sum->key.address;
	ret_fact->readings[0].port = 0;
	memcpy(ret_fact->readings[0].account, sum->account, sizeof(sum->account));
	memo = memo_of(sums, &sum->key.address, sum->account, strlen(sum->account));
	if (*memo == sum)
		*memo = NULL;
	hash_table_remove(sums->table, sum);
	return true;
}
