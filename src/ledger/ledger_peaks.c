// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger_store_priv.h"

int store_note_peak(struct store *store, const struct ledger_peak *peak)
{
	struct store_binding binding = store_bind(store, STORE_NOTE_PEAK);
	struct store_place place = store_place(&peak->source);

	store_bind_number(&binding, peak->day);
	store_bind_text(&binding, peak->service);
	store_bind_place(&binding, &place);
	store_bind_source(&binding, &peak->source);
	store_bind_number(&binding, peak->concurrent);
	store_bind_number(&binding, peak->fresh);
	store_bind_text(&binding, ptr_state_name(peak->ptr_state));
	store_bind_text(&binding, peak->name);
	return store_run(store, &binding);
}

int store_trim_peaks(struct store *store, usec_t day, const char *service)
{
	struct store_binding binding = store_bind(store, STORE_TRIM_PEAKS);

	store_bind_number(&binding, day);
	store_bind_text(&binding, service);
	store_bind_number(&binding, LEDGER_PEAKS_PER_DAY);
	return store_run(store, &binding);
}

int store_clean_peaks(struct store *store, usec_t before, unsigned most, unsigned *ret_deleted)
{
	struct store_binding binding = store_bind(store, STORE_CLEAN_PEAKS);
	int r;

	store_bind_number(&binding, before > STORE_DAY ? before - STORE_DAY : 0);
	store_bind_number(&binding, most);
	r = store_run(store, &binding);
	if (r == 0)
		*ret_deleted = (unsigned)sqlite3_changes(store->db);
	return r;
}
