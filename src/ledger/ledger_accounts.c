// SPDX-License-Identifier: GPL-2.0-or-later
/* Accounts have a number in the file: millions of sums repeat few of them. */
#include "ledger_store_priv.h"

#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/siphash.h"

#define CACHE_SLOTS 65536 /* a power of two; 24 bytes each */

/* A 64-bit hash with a random key stands for the text. */
struct account_slot {
	uint64_t hash;
	int64_t id; /* 0: empty */
	uint32_t last_day;
};

struct account_cache {
	struct siphash_key key;
	struct account_slot slots[CACHE_SLOTS];
};

void store_forget_accounts(struct store *store)
{
	free(store->accounts);
	store->accounts = NULL;
}

/* NULL: there is no memory, which costs time only. */
static struct account_slot *slot_of(struct store *store, const char *text, uint64_t *ret_hash)
{
	struct account_cache *cache = store->accounts;

	if (!cache) {
		cache = store->accounts = calloc(1, sizeof(*cache));
		if (!cache)
			return NULL;
		sqlite3_randomness((int)sizeof(cache->key), &cache->key);
	}
	*ret_hash = siphash(&cache->key, text, strlen(text));
	return &cache->slots[*ret_hash % CACHE_SLOTS];
}

static int find(struct store *store, const char *text, int64_t *ret_id, uint32_t *ret_last_day)
{
	struct store_binding binding = store_bind(store, STORE_FIND_ACCOUNT);
	int64_t id = 0, last_day = 0;
	int r;

	store_bind_text(&binding, text);
	r = store_run_numbers(store, &binding, &id, &last_day);
	if (r == 0) {
		*ret_id = id;
		*ret_last_day = (uint32_t)last_day;
	}
	return r;
}

static int insert(struct store *store, const char *text, uint32_t day, int64_t *ret_id)
{
	struct store_binding binding = store_bind(store, STORE_INSERT_ACCOUNT);
	int r;

	store_bind_text(&binding, text);
	store_bind_number(&binding, day);
	r = store_run(store, &binding);
	if (r == 0)
		*ret_id = sqlite3_last_insert_rowid(store->db);
	return r;
}

static int renew(struct store *store, int64_t id, uint32_t day)
{
	struct store_binding binding = store_bind(store, STORE_RENEW_ACCOUNT);

	store_bind_number(&binding, day);
	store_bind_number(&binding, (uint64_t)id);
	return store_run(store, &binding);
}

int store_account(struct store *store, const char *text, uint32_t day, bool add, int64_t *ret_id)
{
	struct account_slot *slot, found = { .hash = 0 };
	int r = 0;

	if (!text[0]) {
		*ret_id = 0;
		return 0;
	}
	slot = slot_of(store, text, &found.hash);
	if (slot && slot->id && slot->hash == found.hash)
		found = *slot;
	else
		r = find(store, text, &found.id, &found.last_day);
	if (r == STORE_NO_ROW && !add) {
		*ret_id = 0;
		return 0;
	}
	if (r == STORE_NO_ROW)
		r = insert(store, text, day, &found.id);
	else if (r == 0 && add && found.last_day < day)
		r = renew(store, found.id, day);
	if (r)
		return r;
	if (add)
		found.last_day = MAX_OF(found.last_day, day);
	if (slot)
		*slot = found;
	*ret_id = found.id;
	return 0;
}

int store_account_text(struct store *store, int64_t id, char text[static ACCOUNT_TEXT_MAX])
{
	struct store_binding binding = store_bind(store, STORE_ACCOUNT_TEXT);
	int code;

	text[0] = '\0';
	store_bind_number(&binding, (uint64_t)id);
	code = binding.code == SQLITE_OK ? sqlite3_step(binding.statement) : binding.code;
	if (code == SQLITE_ROW) {
		store_column_text(binding.statement, 0, text, ACCOUNT_TEXT_MAX);
		code = SQLITE_DONE;
	}
	sqlite3_reset(binding.statement);
	return code == SQLITE_DONE ? 0 : store_failed(store, code);
}

int store_clean_accounts(struct store *store, usec_t before, unsigned most, int64_t *id)
{
	struct store_binding binding = store_bind(store, STORE_ACCOUNTS_PIECE);
	int64_t end = 0;
	int r;

	store_bind_number(&binding, (uint64_t)*id);
	store_bind_number(&binding, most);
	r = store_run_numbers(store, &binding, &end, NULL);
	if (r || !end) {
		*id = 0;
		return r;
	}
	binding = store_bind(store, STORE_CLEAN_ACCOUNTS);
	store_bind_number(&binding, (uint64_t)*id);
	store_bind_number(&binding, (uint64_t)end);
	store_bind_number(&binding, store_first_day(before));
	r = store_run(store, &binding);
	if (r)
		return r;
	*id = end;
	/* its number may become another's */
	if (sqlite3_changes(store->db) > 0)
		store_forget_accounts(store);
	return 0;
}
