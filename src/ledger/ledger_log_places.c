// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger_store_priv.h"

const char *store_log_key(const struct store *store, enum mail_log log)
{
	return store->log_keys[log][0] ? store->log_keys[log] : mail_log_name(log);
}

static int put(struct store *store, enum mail_log log, unsigned age, const struct log_place *place)
{
	struct store_binding binding = store_bind(store, STORE_PUT_PLACE);

	store_bind_text(&binding, store_log_key(store, log));
	store_bind_number(&binding, age);
	store_bind_bits(&binding, place->inode);
	store_bind_bits(&binding, place->offset);
	store_bind_bits(&binding, place->head_hash);
	store_bind_number(&binding, place->head_bytes);
	return store_run(store, &binding);
}

int store_put_places(struct store *store, const struct log_places *places)
{
	struct store_binding binding = store_bind(store, STORE_REMOVE_PLACES);
	int r;

	if ((unsigned)places->log >= MAIL_LOGS)
		return 0;
	store_bind_text(&binding, store_log_key(store, places->log));
	r = store_run(store, &binding);
	for (unsigned i = 0; i < MIN_OF(places->n, (unsigned)LOG_PLACES_MAX) && r == 0; i++)
		r = put(store, places->log, i, &places->place[i]);
	return r;
}
