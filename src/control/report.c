// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/control/report.h"

#include <stdio.h>

#include "smtpguard/base/parse.h"

#include "report_priv.h"

json_t *report_numbers(const struct number *list, size_t n)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < n; i++) {
		if (json_object_set_new(object, list[i].key,
					json_integer((json_int_t)list[i].value)) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

json_t *report_with(json_t *object, const char *key, json_t *value)
{
	if (!object || !value || json_object_set_new(object, key, value) < 0) {
		if (!object)
			json_decref(value);
		json_decref(object);
		return NULL;
	}
	return object;
}

json_t *report_error(const char *code, const char *message)
{
	return json_pack("{s:b, s:s, s:s}", "ok", 0, "code", code, "message", message);
}

json_t *report_time(usec_t moment)
{
	char text[TIMESTAMP_TEXT_MAX];

	if (moment == 0 || moment == USEC_NEVER)
		return json_null();
	return json_string(clock_format_wall(clock_to_wall(moment), text));
}

static json_t *seconds_left(usec_t until, usec_t now)
{
	if (until == USEC_NEVER)
		return json_null();
	return json_integer(until > now ? (json_int_t)((until - now) / USEC_PER_SEC) : 0);
}

json_t *report_names(const char *const *names, unsigned n_names)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < n_names; i++) {
		if (json_array_append_new(list, json_string(names[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

json_t *report_prefix(const struct prefix *prefix)
{
	char text[PREFIX_TEXT_MAX];

	return json_string(prefix_format(prefix, text));
}

static json_t *window_of(const struct ban_reason *reason)
{
	char text[DURATION_TEXT_MAX];

	if (reason->limit != LIMIT_NEW || reason->window == 0)
		return json_null();
	return json_string(window_format(reason->window, text));
}

static const char *service_of(const struct ban_reason *reason)
{
	return reason->service[0] ? reason->service : NULL;
}

static json_t *name_of(const struct ban_reason *reason)
{
	const char *name = reason->name;

	return report_names(&name, name[0] ? 1 : 0);
}

json_t *report_ban(const struct ban *ban, usec_t now)
{
	const struct ban_reason *reason = &ban->reason;
	const struct prefix prefix = ban_prefix(ban);
	char comment[REASON_COMMENT_MAX];

	return json_pack("{s:o, s:s?, s:s, s:I, s:I, s:s, s:o, s:o, s:I, s:s,"
			 " s:b, s:b, s:o, s:I, s:o, s:o, s:s}",
			 "source", report_prefix(&prefix), "service", service_of(reason), "limit",
			 limit_kind_name(reason->limit), "allowed", (json_int_t)reason->allowed,
			 "observed", (json_int_t)reason->observed, "reverse_dns",
			 ptr_state_name(reason->ptr_state), "since", report_time(ban->since),
			 "expires", report_time(ban->expires), "earlier", (json_int_t)ban->earlier,
			 "comment", reason_format(reason, comment), "enforced", ban->enforced,
			 "adopted", ban->adopted, "remaining_s", seconds_left(ban->expires, now),
			 "peak", (json_int_t)reason->peak, "window", window_of(reason), "names",
			 name_of(reason), "kind", "ban");
}

json_t *report_block(const struct operator_entry *entry)
{
	return json_pack("{s:o, s:o, s:o, s:s}", "prefix", report_prefix(&entry->prefix), "since",
			 report_time(entry->since), "expires", report_time(entry->expires),
			 "reason", entry->text);
}

json_t *report_block_as_ban(const struct operator_entry *entry, usec_t now)
{
	struct ban_reason reason = { .limit = LIMIT_OPERATOR };
	char comment[REASON_COMMENT_MAX];

	snprintf(reason.text, sizeof(reason.text), "%s", entry->text);
	return json_pack("{s:o, s:n, s:s, s:n, s:n, s:n, s:o, s:o, s:n, s:s,"
			 " s:n, s:n, s:o, s:n, s:n, s:[], s:s}",
			 "source", report_prefix(&entry->prefix), "service", "limit",
			 limit_kind_name(reason.limit), "allowed", "observed", "reverse_dns",
			 "since", report_time(entry->since), "expires", report_time(entry->expires),
			 "earlier", "comment", reason_format(&reason, comment), "enforced",
			 "adopted", "remaining_s", seconds_left(entry->expires, now), "peak",
			 "window", "names", "kind", "block");
}

json_t *report_allowed(const struct operator_entry *entry)
{
	return json_pack("{s:o, s:s, s:o, s:o, s:s}", "prefix", report_prefix(&entry->prefix),
			 "from", "operator", "since", report_time(entry->since), "expires",
			 report_time(entry->expires), "comment", entry->text);
}

json_t *report_decision(const struct guard_op *op)
{
	const struct ban_reason *reason = op->reason;
	char comment[REASON_COMMENT_MAX];

	return json_pack("{s:o, s:s, s:o, s:s?, s:s, s:I, s:I, s:s, s:o, s:I, s:s,"
			 " s:I, s:o, s:o, s:s?}",
			 "time", report_time(op->now), "event", decision_type_name(op->decision),
			 "source", report_prefix(&op->prefix), "service", service_of(reason),
			 "limit", limit_kind_name(reason->limit), "allowed",
			 (json_int_t)reason->allowed, "observed", (json_int_t)reason->observed,
			 "reverse_dns", ptr_state_name(reason->ptr_state), "expires",
			 op->until ? report_time(op->until) : json_null(), "earlier",
			 op->ban ? (json_int_t)op->ban->earlier : (json_int_t)0, "comment",
			 reason_format(reason, comment), "peak", (json_int_t)reason->peak, "window",
			 window_of(reason), "names", name_of(reason), "because", op->because);
}

json_t *report_limits(const struct service_settings *service)
{
	static const char *const uses[] = {
		[REVERSE_DNS_IGNORE] = "ignore",
		[REVERSE_DNS_EXEMPT] = "exempt",
		[REVERSE_DNS_REQUIRE] = "require",
	};
	const char *test = service->reverse_dns_test == REVERSE_DNS_TEST_PTR ? "ptr" : "fcrdns";
	char window[DURATION_TEXT_MAX];

	return json_pack("{s:I, s:I, s:s, s:s, s:s?, s:I, s:s, s:I}", "concurrent",
			 (json_int_t)service->concurrent, "new", (json_int_t)service->new_count,
			 "window", window_format(service->new_window, window), "reverse_dns",
			 uses[service->reverse_dns], "reverse_dns_test",
			 service->reverse_dns == REVERSE_DNS_REQUIRE ? test : NULL,
			 "verified_concurrent",
			 settings_honours_names(service) ?
				 (json_int_t)service->verified_concurrent :
				 (json_int_t)0,
			 "mode", service->observe ? "observe" : "enforce", "ceiling",
			 (json_int_t)service->ceiling);
}

/* --- explain --- */

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

static json_t *explain_name(struct guard *guard, const struct address *client, usec_t now)
{
	const char *names[PTR_NAMES_MAX];
	char text[ADDRESS_TEXT_MAX];
	unsigned n_names = 0;
	enum ptr_state state = name_table_state(guard_names(guard), client, now, names, &n_names);

	return json_pack("{s:s, s:s, s:o}", "client", address_format(client, text), "state",
			 ptr_state_name(state), "names", report_names(names, n_names));
}

/* A block that contains the source, or a part of it. */
static json_t *explain_block(struct guard *guard, const struct prefix *source)
{
	const struct operator_entry *entry =
		operator_list_overlap(guard_list(guard, GUARD_LIST_BLOCKED), source);

	return entry ? report_block(entry) : json_null();
}

json_t *report_explain(const struct report_inputs *inputs, const struct address *address,
		       const struct prefix *source, usec_t now)
{
	struct guard *guard = inputs->guard;
	const struct source *entry = newest_entry(guard, source);
	const struct ban *ban = ban_table_find(guard_bans(guard), source);
	const struct gate_source *gated = guard_gate_source(guard, source, now);
	const struct address *client = entry ? &entry->name_client :
				       gated ? &gated->client :
					       address;
	char text[ADDRESS_TEXT_MAX];

	return json_pack("{s:b, s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "ok", 1, "address",
			 address_format(address, text), "source", report_prefix(source), "seen",
			 entry || ban || gated, "ban", ban ? report_ban(ban, now) : json_null(), "block",
			 explain_block(guard, source), "never",
			 explain_never(guard, source),
			 "trusted_until", report_time(guard_grace_until(guard, source, now)),
			 "reverse_dns",
			 explain_name(guard, client, now), "gate",
			 report_gate(inputs, source, now), "services",
			 explain_services(inputs, source, now));
}
