// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger_tally_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 4096 /* powers of two, as all numbers of slots */
/* A larger table is given back between two passes: it takes longer to empty than to make anew. */
#define SLOTS_KEPT 262144

enum seen_kind { SEEN_ACCOUNT, SEEN_ADDRESS, SEEN_NETWORK, SEEN_KINDS };

void tally_init(struct tally *tally)
{
	*tally = (struct tally){ .parts = 1 };
	sqlite3_randomness((int)sizeof(tally->keys), tally->keys);
}

void tally_done(struct tally *tally)
{
	free(tally->groups);
	free(tally->slots);
	free(tally->seen);
	tally->groups = NULL;
	tally->slots = NULL;
	tally->seen = NULL;
	tally->n = tally->room = tally->n_slots = tally->n_seen = tally->seen_room = 0;
}

void tally_clear(struct tally *tally)
{
	if (tally->n_slots > SLOTS_KEPT || tally->seen_room > SLOTS_KEPT) {
		tally_done(tally);
	} else {
		/* without slots there is no pointer */
		if (tally->n_slots)
			memset(tally->slots, 0, tally->n_slots * sizeof(*tally->slots));
		if (tally->seen_room)
			memset(tally->seen, 0, tally->seen_room * sizeof(*tally->seen));
	}
	tally->n = tally->n_seen = 0;
	tally->full = false;
}

/* --- hashes, with a key of each question's own: nobody chooses what collides --- */

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The first n bytes of a place, which are all there are, or its network. */
static uint64_t hash(const struct tally *tally, uint64_t what, const struct store_place *place,
		     size_t n)
{
	uint64_t words[3] = { 0 };

	memcpy(words, place->bytes, n);
	return mix(mix(words[0] ^ tally->keys[0], words[1] ^ tally->keys[1]) ^ words[2],
		   what ^ tally->keys[2]);
}

static uint64_t hash_number(const struct tally *tally, uint64_t what, uint64_t number)
{
	return mix(number ^ tally->keys[1], what ^ tally->keys[2]);
}

/* --- groups --- */

static uint64_t hash_key(const struct tally *tally, int64_t account, uint32_t day,
			 const struct store_place *place)
{
	return hash(tally, hash_number(tally, day, (uint64_t)account), place, place->n);
}

static bool has_key(const struct tally_group *group, int64_t account, uint32_t day,
		    const struct store_place *place)
{
	return group->account == account && group->day == day && group->place.n == place->n &&
	       !memcmp(group->place.bytes, place->bytes, place->n);
}

/* The other half spares a look at a group far away, which is another one anyway. */
static uint64_t slot_of(uint64_t key_hash, uint32_t number)
{
	return (key_hash >> 32 << 32) | number;
}

static int grow_groups(struct tally *tally)
{
	uint32_t n_slots = tally->n_slots ? 2 * tally->n_slots : SLOTS_MIN;
	struct tally_group *groups = reallocarray(tally->groups, n_slots / 2, sizeof(*groups));
	uint64_t *slots;

	if (!groups)
		return -ENOMEM;
	tally->groups = groups;
	slots = calloc(n_slots, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < tally->n; i++) {
		uint64_t key = hash_key(tally, groups[i].account, groups[i].day, &groups[i].place);
		uint64_t at = key;

		while (slots[at & (n_slots - 1)])
			at++;
		slots[at & (n_slots - 1)] = slot_of(key, i + 1);
	}
	free(tally->slots);
	tally->slots = slots;
	tally->n_slots = n_slots;
	tally->room = n_slots / 2;
	return 0;
}

static struct tally_group *add_group(struct tally *tally, int64_t account, uint32_t day,
				     const struct store_place *place)
{
	struct tally_group *group = &tally->groups[tally->n++];

	*group = (struct tally_group){ .account = account, .place = *place, .day = day };
	if (tally->by & LEDGER_BY_ACCOUNT)
		group->accounts = account != 0;
	if (tally->by & LEDGER_BY_SOURCE)
		group->addresses = group->networks = place->n != 0;
	return group;
}

int tally_group(struct tally *tally, const struct tally_row *row, struct tally_group **ret_group)
{
	int64_t account = tally->by & LEDGER_BY_ACCOUNT ? row->account : 0;
	uint32_t day = tally->by & LEDGER_BY_DAY ? row->day : 0;
	static const struct store_place nowhere;
	const struct store_place *place = tally->by & LEDGER_BY_SOURCE ? &row->place : &nowhere;
	struct tally_group *group;
	uint64_t key, at;

	*ret_group = NULL;
	if (tally->n == tally->room && grow_groups(tally) < 0)
		return -ENOMEM;
	key = hash_key(tally, account, day, place);
	at = key & (tally->n_slots - 1);
	for (; tally->slots[at]; at = (at + 1) & (tally->n_slots - 1)) {
		group = &tally->groups[(uint32_t)tally->slots[at] - 1];
		if (tally->slots[at] >> 32 == key >> 32 && has_key(group, account, day, place)) {
			*ret_group = group;
			return 0;
		}
	}
	if (tally->only_known)
		return 0;
	if (tally->n >= TALLY_GROUPS_MAX) {
		tally->full = true;
		return 0;
	}
	*ret_group = add_group(tally, account, day, place);
	tally->slots[at] = slot_of(key, tally->n);
	return 0;
}

/* --- different ones --- */

static void put_seen(uint64_t *seen, uint32_t room, uint64_t value)
{
	uint64_t at = value;

	while (seen[at & (room - 1)])
		at++;
	seen[at & (room - 1)] = value;
}

static int grow_seen(struct tally *tally)
{
	uint32_t room = tally->seen_room ? 2 * tally->seen_room : SLOTS_MIN;
	uint64_t *seen = calloc(room, sizeof(*seen));

	if (!seen)
		return -ENOMEM;
	for (uint32_t i = 0; i < tally->seen_room; i++)
		if (tally->seen[i])
			put_seen(seen, room, tally->seen[i]);
	free(tally->seen);
	tally->seen = seen;
	tally->seen_room = room;
	return 0;
}

/* A hash stands for what was seen: two of a million millions are taken for one. */
static int see(struct tally *tally, uint64_t value, bool *ret_new)
{
	uint64_t at;

	*ret_new = false;
	value += !value;
	if (2 * tally->n_seen >= tally->seen_room && grow_seen(tally) < 0)
		return -ENOMEM;
	at = value & (tally->seen_room - 1);
	for (; tally->seen[at]; at = (at + 1) & (tally->seen_room - 1))
		if (tally->seen[at] == value)
			return 0;
	if (tally->n_seen >= TALLY_SEEN_MAX)
		return 0;
	tally->seen[at] = value;
	tally->n_seen++;
	*ret_new = true;
	return 0;
}

static int see_place(struct tally *tally, struct tally_group *group,
		     const struct store_place *place)
{
	uint64_t what = (uint64_t)(group - tally->groups) * SEEN_KINDS;
	bool is_new;
	int r;

	if (!place->n)
		return 0;
	r = see(tally, hash(tally, what + SEEN_ADDRESS, place, place->n), &is_new);
	if (r < 0 || !is_new)
		return r;
	group->addresses++;
	r = see(tally,
		hash(tally, what + SEEN_NETWORK, place, store_place_network_bytes(place->bytes)),
		&is_new);
	group->networks += r == 0 && is_new;
	return r;
}

static int see_account(struct tally *tally, struct tally_group *group, int64_t account)
{
	uint64_t what = (uint64_t)(group - tally->groups) * SEEN_KINDS;
	bool is_new;
	int r;

	if (!account)
		return 0;
	r = see(tally, hash_number(tally, what + SEEN_ACCOUNT, (uint64_t)account), &is_new);
	group->accounts += r == 0 && is_new;
	return r;
}

/* --- rows --- */

static void stretch(uint32_t *first, uint32_t *last, const struct tally_row *row)
{
	*first = *last ? MIN_OF(*first, row->first) : row->first;
	*last = MAX_OF(*last, row->last);
}

int tally_add(struct tally *tally, const struct tally_row *row)
{
	struct tally_group *group;
	int r;

	if (tally->parts > 1 && (hash(tally, SEEN_KINDS, &row->place, row->place.n) &
				 (tally->parts - 1)) != tally->part)
		return 0;
	r = tally_group(tally, row, &group);
	if (r < 0 || !group)
		return r;
	if (row->kind == MAIL_FACT_AUTH_SUCCESS && row->protocol == MAIL_PROTOCOL_SMTP)
		group->messages += row->count;
	else
		group->numbers[row->kind] += row->count;
	stretch(&group->any_first, &group->any_last, row);
	if (row->kind == MAIL_FACT_AUTH_SUCCESS)
		stretch(&group->first, &group->last, row);
	if (tally->plain)
		return 0;
	if (!(tally->by & LEDGER_BY_ACCOUNT))
		r = see_account(tally, group, row->account);
	if (r == 0 && !(tally->by & LEDGER_BY_SOURCE))
		r = see_place(tally, group, &row->place);
	return r;
}

/* --- from SQL --- */

static uint64_t number_of(sqlite3_value *value)
{
	int64_t number = sqlite3_value_int64(value);

	return number > 0 ? (uint64_t)number : 0;
}

static uint32_t seconds_of(sqlite3_value *value)
{
	return (uint32_t)MIN_OF(number_of(value), (uint64_t)UINT32_MAX);
}

/* Anybody may have written to the file: bytes that are no address are none. */
static struct store_place place_of(sqlite3_value *value)
{
	const uint8_t *bytes = sqlite3_value_blob(value);
	int n = sqlite3_value_bytes(value);
	struct store_place place = { .n = 0 };
	struct address address;

	if (!bytes || !store_place_address(bytes, (size_t)n, &address))
		return place;
	memcpy(place.bytes, bytes, (size_t)n);
	place.n = (uint8_t)n;
	return place;
}

/* tally(account, place, protocol, count, first_s, last_s) */
static void tally_step(sqlite3_context *context, int n UNUSED, sqlite3_value **values)
{
	struct tally *tally = ((struct store *)sqlite3_user_data(context))->tally;
	struct tally_row row = { .kind = tally->kind,
				 .day = tally->day,
				 .account = sqlite3_value_int64(values[0]),
				 .place = place_of(values[1]),
				 .protocol = (enum mail_protocol)number_of(values[2]),
				 .count = number_of(values[3]),
				 .first = seconds_of(values[4]),
				 .last = seconds_of(values[5]) };

	if (tally_add(tally, &row) < 0)
		sqlite3_result_error_nomem(context);
}

static void tally_final(sqlite3_context *context)
{
	sqlite3_result_null(context);
}

int tally_register(struct store *store)
{
	int code = sqlite3_create_function(store->db, "tally", 6, SQLITE_UTF8, store, NULL,
					   tally_step, tally_final);

	return code == SQLITE_OK ? 0 : store_failed(store, code);
}
