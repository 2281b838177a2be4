// SPDX-License-Identifier: GPL-2.0-or-later
/* Accounts that are used from too many networks within a day: what a stolen password looks like. */
#include "ledger_store_priv.h"

#include <string.h>

#define NETWORK_BITS_IPV4 24
#define NETWORK_BITS_IPV6 48

int store_is_new_network(struct store *store, uint32_t day, int64_t account,
			 const struct address *address, bool *ret_new)
{
	struct prefix network = prefix_of_address(address, NETWORK_BITS_IPV4, NETWORK_BITS_IPV6);
	struct store_binding binding = store_bind(store, STORE_FIND_NETWORK);
	struct store_span span = store_span_inside(&network);
	int64_t found;
	int r;

	store_bind_number(&binding, MAIL_FACT_AUTH_SUCCESS);
	store_bind_number(&binding, day);
	store_bind_number(&binding, (uint64_t)account);
	store_bind_place(&binding, &span.first);
	store_bind_place(&binding, &span.last);
	r = store_run_numbers(store, &binding, &found, NULL);
	if (r && r != STORE_NO_ROW)
		return r;
	*ret_new = r == STORE_NO_ROW;
	return 0;
}

static int was_told(struct store *store, int64_t account, usec_t since, bool *ret_told)
{
	struct store_binding binding = store_bind(store, STORE_FIND_ALERT);
	int64_t found;
	int r;

	store_bind_number(&binding, (uint64_t)account);
	store_bind_number(&binding, since);
	r = store_run_numbers(store, &binding, &found, NULL);
	if (r && r != STORE_NO_ROW)
		return r;
	*ret_told = r == 0;
	return 0;
}

/* Places come in order: those of one network follow each other. */
static int count_places(struct store *store, struct store_binding *binding,
			struct ledger_account_alert *alert)
{
	uint8_t last[sizeof(((struct store_place *)NULL)->bytes)] = { 0 };
	int code = binding->code;

	while (code == SQLITE_OK && (code = sqlite3_step(binding->statement)) == SQLITE_ROW) {
		const uint8_t *place = sqlite3_column_blob(binding->statement, 0);
		size_t n = (size_t)sqlite3_column_bytes(binding->statement, 0);
		struct address address;

		code = SQLITE_OK;
		if (!place || !store_place_address(place, n, &address))
			continue;
		alert->addresses++;
		if (memcmp(last, place, store_place_network_bytes(place)))
			alert->networks++;
		memcpy(last, place, n);
	}
	sqlite3_reset(binding->statement);
	return code == SQLITE_DONE ? 0 : store_failed(store, code);
}

/* Within the 24 hours up to fact->last, of which the log has at most the day before and its own. */
static int count_uses(struct store *store, const struct ledger_fact *fact, int64_t account,
		      struct ledger_account_alert *alert)
{
	struct store_binding binding = store_bind(store, STORE_USED_FROM);

	store_bind_number(&binding, MAIL_FACT_AUTH_SUCCESS);
	store_bind_number(&binding, fact->day);
	store_bind_number(&binding, store_day_before(fact->day));
	store_bind_number(&binding, (uint64_t)account);
	store_bind_number(&binding, fact->last / USEC_PER_SEC);
	store_bind_number(&binding, (fact->last - MIN_OF(fact->last, STORE_DAY)) / USEC_PER_SEC);
	return count_places(store, &binding, alert);
}

static int insert(struct store *store, const struct ledger_account_alert *alert, int64_t account)
{
	struct store_binding binding = store_bind(store, STORE_INSERT_ALERT);

	store_bind_number(&binding, (uint64_t)account);
	store_bind_number(&binding, alert->last);
	store_bind_number(&binding, alert->networks);
	store_bind_number(&binding, alert->addresses);
	return store_run(store, &binding);
}

int store_judge_use(struct store *store, const struct ledger_fact *fact, int64_t account,
		    const struct store_rules *rules, struct store_noted *noted)
{
	struct ledger_account_alert alert = { .last = fact->last, .address = fact->address };
	bool told;
	int r = was_told(store, account, fact->last - MIN_OF(fact->last, STORE_DAY), &told);

	if (r || told)
		return r;
	r = count_uses(store, fact, account, &alert);
	if (r || alert.networks <= rules->account_networks)
		return r;
	memcpy(alert.account, fact->account, sizeof(alert.account));
	if (noted->n_alerts < STORE_ALERTS_MAX)
		noted->alerts[noted->n_alerts++] = alert;
	return insert(store, &alert, account);
}

int store_last_alert(struct store *store, int64_t account, usec_t *ret_wall)
{
	struct store_binding binding = store_bind(store, STORE_LAST_ALERT);
	int64_t wall = 0;
	int r;

	store_bind_number(&binding, (uint64_t)account);
	r = store_run_numbers(store, &binding, &wall, NULL);
	if (r == 0)
		*ret_wall = wall > 0 ? (usec_t)wall : 0;
	return r;
}

int store_clean_alerts(struct store *store, usec_t before, unsigned most, unsigned *ret_deleted)
{
	struct store_binding binding = store_bind(store, STORE_CLEAN_ALERTS);
	int r;

	store_bind_number(&binding, before);
	store_bind_number(&binding, most);
	r = store_run(store, &binding);
	if (r == 0)
		*ret_deleted = (unsigned)sqlite3_changes(store->db);
	return r;
}
