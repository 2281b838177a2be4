// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `explain`: all that is known of one address.
 */
#include "report_priv.h"

#define TIMELINE_MAX 50

/* Of a source that has no entry. */
static enum standing standing_unseen(const struct guard *guard, const struct prefix *source)
{
	const struct operator_entry *block =
		operator_list_match(guard_list(guard, GUARD_LIST_BLOCKED), &source->address);

	/* the kernel asks for the allowed ones first */
	if (guard_never(guard, source, NULL) != NEVER_NOT)
		return STANDING_NORMAL;
	if ((block && block->prefix.length <= source->length) ||
	    ban_table_find(guard_bans(guard), source))
		return STANDING_BANNED;
	return STANDING_NORMAL;
}

static json_t *explain_service(const struct report_inputs *inputs, const struct prefix *source,
			       unsigned index, usec_t now)
{
	struct guard *guard = inputs->guard;
	const struct service_settings *service = &guard_settings(guard)->services[index];
	struct source_table *sources = guard_sources(guard);
	struct source *entry = source_table_find(sources, source, (uint8_t)index);

	if (!entry)
		return json_pack("{s:s, s:b, s:s, s:i, s:i, s:i, s:i, s:n, s:o}", "service",
				 service->name, "seen", 0, "standing",
				 report_standing(inputs, source, index,
						 standing_unseen(guard, source), now),
				 "concurrent", 0,
				 "half_open", 0, "new", 0, "peak", 0, "last_change", "limits",
				 report_limits(service));
	return json_pack("{s:s, s:b, s:s, s:I, s:I, s:I, s:I, s:o, s:o}", "service", service->name,
			 "seen", 1, "standing",
			 report_standing(inputs, source, index, guard_standing(guard, entry), now),
			 "concurrent", (json_int_t)entry->concurrent, "half_open",
			 (json_int_t)entry->half_open, "new",
			 (json_int_t)source_table_new_count(sources, entry, now,
							    service->new_window),
			 "peak", (json_int_t)entry->peak, "last_change",
			 report_time(entry->last_change), "limits", report_limits(service));
}

static json_t *explain_services(const struct report_inputs *inputs, const struct prefix *source,
				usec_t now)
{
	const struct guard_settings *settings = guard_settings(inputs->guard);
	json_t *list = json_array();

	for (unsigned i = 0; list && i < settings->n_services; i++) {
		if (json_array_append_new(list, explain_service(inputs, source, i, now)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* The source's newest entry tells which of its addresses was looked up last. */
static const struct source *newest_entry(struct guard *guard, const struct prefix *source)
{
	const struct source *newest = NULL;

	for (unsigned i = 0; i < guard_settings(guard)->n_services; i++) {
		const struct source *entry =
			source_table_find(guard_sources(guard), source, (uint8_t)i);

		if (entry && (!newest || entry->last_change > newest->last_change))
			newest = entry;
	}
	return newest;
}

static json_t *explain_never(struct guard *guard, const struct prefix *source)
{
	struct prefix match;
	enum never_reason never = guard_never(guard, source, &match);

	if (never == NEVER_NOT)
		return json_null();
	return json_pack("{s:s, s:o}", "reason", never_reason_name(never), "match",
			 never == NEVER_ALLOWED ? report_prefix(&match) : json_null());
}

static json_t *explain_addresses(struct guard *guard, const struct address *client, usec_t now)
{
	const struct address *addresses;
	unsigned n = name_table_addresses(guard_names(guard), client, now, &addresses);
	char text[ADDRESS_TEXT_MAX];
	json_t *list = json_array();

	for (unsigned i = 0; list && i < n; i++) {
		if (json_array_append_new(list, json_string(address_format(&addresses[i], text))) <
		    0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *explain_name(struct guard *guard, const struct address *client, usec_t now)
{
	const char *names[PTR_NAMES_MAX];
	char text[ADDRESS_TEXT_MAX];
	unsigned n_names = 0;
	enum ptr_state state = name_table_state(guard_names(guard), client, now, names, &n_names);
	json_t *list = report_names(names, n_names);

	return json_pack("{s:s, s:s, s:o, s:o}", "client", address_format(client, text), "state",
			 ptr_state_name(state), "names", list, "addresses",
			 explain_addresses(guard, client, now));
}

/* A block that contains the source, or a part of it. */
static json_t *explain_block(struct guard *guard, const struct prefix *source)
{
	const struct operator_entry *entry =
		operator_list_overlap(guard_list(guard, GUARD_LIST_BLOCKED), source);

	return entry ? report_block(entry) : json_null();
}

static json_t *explain_ladder(struct guard *guard, const struct prefix *source, usec_t now)
{
	struct ladder_position position;

	guard_ladder(guard, source, now, &position);
	return json_pack("{s:I, s:o, s:I, s:o}", "bans", (json_int_t)position.bans, "last_ban_end",
			 report_time(position.last_ban_end), "next_ban_s",
			 (json_int_t)(position.next_ban / USEC_PER_SEC), "forgotten",
			 report_time(position.forgotten));
}

static json_t *explain_timeline(const struct decision_ring *decisions, const struct prefix *source)
{
	const struct decision *list[TIMELINE_MAX];
	unsigned n = decision_ring_find(decisions, source, list, TIMELINE_MAX);
	json_t *timeline = json_array();

	for (unsigned i = 0; timeline && i < n; i++) {
		const struct decision *decision = list[i];
		const char *service = decision->service[0] ? decision->service : NULL;
		json_t *entry = json_pack(
			"{s:o, s:s, s:s?, s:s, s:s?}", "time", report_time(decision->time), "event",
			decision_type_name((enum decision_type)decision->type), "service", service,
			"comment", decision->comment, "because", decision->because);

		if (json_array_append_new(timeline, entry) < 0) {
			json_decref(timeline);
			return NULL;
		}
	}
	return timeline;
}

/* Whose name stands for the source: the address that was looked up, or the one asked for. */
static const struct address *client_of(struct guard *guard, const struct prefix *source,
				       const struct address *address, usec_t now)
{
	const struct source *entry = newest_entry(guard, source);
	const struct gate_source *gated = guard_gate_source(guard, source, now);

	if (entry)
		return &entry->name_client;
	return gated ? &gated->client : address;
}

json_t *report_explain(const struct report_inputs *inputs, const struct decision_ring *decisions,
		       const struct address *address, const struct prefix *source, usec_t now)
{
	struct guard *guard = inputs->guard;
	const struct ban *ban = ban_table_find(guard_bans(guard), source);
	bool seen = newest_entry(guard, source) || ban || guard_gate_source(guard, source, now);
	char text[ADDRESS_TEXT_MAX];

	return json_pack("{s:b, s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "ok",
			 1, "address", address_format(address, text), "source",
			 report_prefix(source), "seen", seen, "ban",
			 ban ? report_ban(ban, now) : json_null(), "block",
			 explain_block(guard, source), "never", explain_never(guard, source),
			 "trusted_until", report_time(guard_grace_until(guard, source, now)),
			 "ladder", explain_ladder(guard, source, now), "reverse_dns",
			 explain_name(guard, client_of(guard, source, address, now), now), "gate",
			 report_gate(inputs, source, now), "mail",
			 report_mail(inputs, source, now), "services",
			 explain_services(inputs, source, now), "timeline",
			 explain_timeline(decisions, source));
}
