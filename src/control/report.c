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

json_t *report_merge(json_t *object, json_t *more)
{
	if (object && (!more || json_object_update(object, more) < 0)) {
		json_decref(object);
		object = NULL;
	}
	json_decref(more);
	return object;
}

json_t *report_error(const char *code, const char *message)
{
	return json_pack("{s:b, s:s, s:s}", "ok", 0, "code", code, "message", message);
}

json_t *report_wall_time(usec_t wall)
{
	char text[TIMESTAMP_TEXT_MAX];

	if (wall == 0 || wall == USEC_NEVER)
		return json_null();
	return json_string(clock_format_wall(wall, text));
}

json_t *report_time(usec_t moment)
{
	return report_wall_time(moment == 0 || moment == USEC_NEVER ? 0 : clock_to_wall(moment));
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

json_t *report_window(const struct ban_reason *reason)
{
	char text[DURATION_TEXT_MAX];

	if ((reason->limit != LIMIT_NEW && reason->limit != LIMIT_AUTH_FAILURES) ||
	    reason->window == 0)
		return json_null();
	return json_string(window_format(reason->window, text));
}

json_t *report_accounts(const struct ban_reason *reason)
{
	if (reason->limit != LIMIT_AUTH_FAILURES || !reason->text[0])
		return json_null();
	return json_string(reason->text);
}

static const char *service_of(const struct ban_reason *reason)
{
	return reason->service[0] ? reason->service : NULL;
}

json_t *report_name(const char *name)
{
	return report_names(&name, name[0] ? 1 : 0);
}

json_t *report_ban(const struct ban *ban, usec_t now)
{
	const struct ban_reason *reason = &ban->reason;
	const struct prefix prefix = ban_prefix(ban);
	char comment[REASON_COMMENT_MAX];

	return json_pack("{s:o, s:s?, s:s, s:I, s:I, s:s, s:o, s:o, s:I, s:s,"
			 " s:b, s:b, s:o, s:I, s:o, s:o, s:o, s:s}",
			 "source", report_prefix(&prefix), "service", service_of(reason), "limit",
			 limit_kind_name(reason->limit), "allowed", (json_int_t)reason->allowed,
			 "observed", (json_int_t)reason->observed, "reverse_dns",
			 ptr_state_name(reason->ptr_state), "since", report_time(ban->since),
			 "expires", report_time(ban->expires), "earlier", (json_int_t)ban->earlier,
			 "comment", reason_format(reason, comment), "enforced", ban->enforced,
			 "adopted", ban->adopted, "remaining_s", seconds_left(ban->expires, now),
			 "peak", (json_int_t)reason->peak, "window", report_window(reason), "names",
			 report_name(reason->name), "accounts", report_accounts(reason), "kind",
			 "ban");
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
			 " s:n, s:n, s:o, s:n, s:n, s:[], s:n, s:s}",
			 "source", report_prefix(&entry->prefix), "service", "limit",
			 limit_kind_name(reason.limit), "allowed", "observed", "reverse_dns",
			 "since", report_time(entry->since), "expires", report_time(entry->expires),
			 "earlier", "comment", reason_format(&reason, comment), "enforced",
			 "adopted", "remaining_s", seconds_left(entry->expires, now), "peak",
			 "window", "names", "accounts", "kind", "block");
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
			 " s:I, s:o, s:o, s:o, s:s?}",
			 "time", report_time(op->now), "event", decision_type_name(op->decision),
			 "source", report_prefix(&op->prefix), "service", service_of(reason),
			 "limit", limit_kind_name(reason->limit), "allowed",
			 (json_int_t)reason->allowed, "observed", (json_int_t)reason->observed,
			 "reverse_dns", ptr_state_name(reason->ptr_state), "expires",
			 op->until ? report_time(op->until) : json_null(), "earlier",
			 op->ban ? (json_int_t)op->ban->earlier : (json_int_t)0, "comment",
			 reason_format(reason, comment), "peak", (json_int_t)reason->peak, "window",
			 report_window(reason), "names", report_name(reason->name), "accounts",
			 report_accounts(reason), "because", op->because);
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

const char *report_mode_name(const struct guard_settings *settings)
{
	return settings->observe ? "observe" : "enforce";
}

json_t *report_mode(const struct report_inputs *inputs)
{
	return json_pack("{s:b, s:s, s:b}", "ok", 1, "mode",
			 report_mode_name(guard_settings(inputs->guard)), "ordered",
			 *inputs->mode_ordered);
}
