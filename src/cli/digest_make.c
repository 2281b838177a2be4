// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/clock.h"

#include "digest_priv.h"

#define OFFENDERS_SHOWN 5
#define NEAR_SHOWN	5
/* How near to a limit a peak is worth a word, in percent. */
#define NEAR_PERCENT 80
#define BY_HAND	     "by hand"

/* --- bans, gathered by service and source --- */

static void count_up(json_t *object, const char *key, json_int_t value)
{
	json_object_set_new(object, key, json_integer(number_of(object, key) + value));
}

/* The member that is an object; made if there is none. NULL: out of memory. */
static json_t *member(json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	if (!value && json_object_set_new(object, key, json_object()) == 0)
		value = json_object_get(object, key);
	return value;
}

static bool gather_ban(json_t *services, const json_t *record)
{
	const char *service = has_text(record, "service") ? text_of(record, "service") : BY_HAND;
	json_t *gathered = member(services, service), *sources, *source;

	sources = gathered ? member(gathered, "sources") : NULL;
	source = sources ? member(sources, text_of(record, "source")) : NULL;
	if (!source)
		return false;
	count_up(gathered, "bans", 1);
	count_up(source, "bans", 1);
	/* the peak of a ban for wrong passwords is one of failures, not of connections */
	if (strcmp(text_of(record, "limit"), "auth-failures") &&
	    number_of(record, "peak") >= number_of(source, "peak"))
		json_object_set(source, "peak", json_object_get(record, "peak"));
	/* records come newest first: the last name counts */
	if (!json_object_get(source, "reverse_dns")) {
		json_object_set(source, "source", json_object_get(record, "source"));
		json_object_set(source, "reverse_dns", json_object_get(record, "reverse_dns"));
		json_object_set(source, "names", json_object_get(record, "names"));
	}
	return true;
}

/* Fills services and counts. false: out of memory. */
static bool gather(const struct digest_inputs *inputs, json_t *services, json_t *bans)
{
	const json_t *record;
	size_t i;

	json_array_foreach(json_object_get(inputs->history, "history"), i, record) {
		const char *kind = text_of(record, "kind");
		time_t since;

		if (!time_of(record, "since", &since) || since < inputs->since)
			continue;
		if (!strcmp(kind, "block"))
			count_up(bans, "blocks", 1);
		if (strcmp(kind, "ban"))
			continue;
		count_up(bans, "made", 1);
		if (!strcmp(text_of(record, "end"), "active"))
			count_up(bans, "active", 1);
		if (!gather_ban(services, record))
			return false;
	}
	return true;
}

static int compare_offenders(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	json_int_t more = number_of(y, "bans") - number_of(x, "bans");

	if (!more)
		more = number_of(y, "peak") - number_of(x, "peak");
	return (more > 0) - (more < 0);
}

/* The worst ones. NULL: out of memory. */
static json_t *offenders_of(json_t *sources)
{
	size_t n = json_object_size(sources), i = 0;
	json_t **sorted = calloc(MAX_OF(n, 1), sizeof(json_t *));
	json_t *list = json_array(), *source;
	const char *name;

	if (!sorted || !list) {
		free(sorted);
		json_decref(list);
		return NULL;
	}
	json_object_foreach(sources, name, source)
		sorted[i++] = source;
	qsort(sorted, n, sizeof(json_t *), compare_offenders);
	for (i = 0; i < MIN_OF(n, OFFENDERS_SHOWN); i++)
		json_array_append(list, sorted[i]);
	free(sorted);
	return list;
}

static json_t *list_services(json_t *services)
{
	json_t *list = json_array(), *gathered;
	const char *name;

	json_object_foreach(services, name, gathered) {
		json_t *sources = json_object_get(gathered, "sources");

		json_array_append_new(list,
				      json_pack("{s:s, s:I, s:I, s:o}", "service", name, "bans",
						number_of(gathered, "bans"), "sources",
						(json_int_t)json_object_size(sources), "offenders",
						offenders_of(sources)));
	}
	return list;
}

/* --- peaks near a limit --- */

static bool is_near(json_int_t reached, json_int_t limit)
{
	return limit > 0 && reached <= limit && reached * 100 >= limit * NEAR_PERCENT;
}

/* NULL: not near, or over it, which the bans tell of. */
static json_t *near_limit(const struct digest_inputs *inputs, const json_t *peak)
{
	const json_t *service = json_object_get(json_object_get(inputs->status, "services"),
						text_of(peak, "service"));
	bool verified = !strcmp(text_of(peak, "reverse_dns"), "verified") &&
			strcmp(text_of(service, "reverse_dns"), "ignore");
	json_int_t limit = number_of(service, verified ? "verified_concurrent" : "concurrent");
	json_int_t reached = number_of(peak, "concurrent");
	const char *which = "concurrent";

	if (!is_near(reached, limit)) {
		limit = verified ? 0 : number_of(service, "new");
		reached = number_of(peak, "new");
		which = "new";
	}
	if (!is_near(reached, limit))
		return NULL;
	return json_pack("{s:O, s:O, s:s, s:I, s:I, s:O?}", "source",
			 json_object_get(peak, "source"), "service",
			 json_object_get(peak, "service"), "limit", which, "reached", reached,
			 "allowed", limit, "reverse_dns", json_object_get(peak, "reverse_dns"));
}

static json_t *list_near(const struct digest_inputs *inputs)
{
	json_t *list = json_array(), *near;
	const json_t *peak;
	size_t i;

	json_array_foreach(json_object_get(inputs->peaks, "peaks"), i, peak) {
		near = json_array_size(list) < NEAR_SHOWN ? near_limit(inputs, peak) : NULL;
		if (near)
			json_array_append_new(list, near);
	}
	return list;
}

/* --- the rest --- */

/* What the gate counts is since the daemon's start: news only if that is within the interval. */
static json_t *gate_of(const struct digest_inputs *inputs, bool *ret_news)
{
	const json_t *gate = json_object_get(inputs->status, "gate");
	const json_t *sources = json_object_get(gate, "sources");
	json_int_t now = number_of(sources, "refused"), all = number_of(gate, "refused_sources");
	bool recent =
		number_of(inputs->status, "uptime_s") <= (json_int_t)(inputs->now - inputs->since);

	if (!is_true(gate, "wanted"))
		return json_null();
	*ret_news = *ret_news || now > 0 || (recent && all > 0);
	return json_pack("{s:I, s:I, s:I}", "refused_now", now, "refused_since_start", all,
			 "uptime_s", number_of(inputs->status, "uptime_s"));
}

static json_t *list_problems(const struct digest_inputs *inputs)
{
	json_t *list = json_copy(json_object_get(inputs->status, "problems"));

	if (!list)
		list = json_array();
	if (!is_true(inputs->history, "ok"))
		json_array_append_new(list, json_sprintf("bans of this time are not known: %s",
							 text_of(inputs->history, "message")));
	return list;
}

static json_t *time_text(time_t moment)
{
	char text[TIMESTAMP_TEXT_MAX];

	return json_string(clock_format_wall((usec_t)moment * USEC_PER_SEC, text));
}

/* What would have been decided; counted since the daemon's start, so it is news only within the interval, or
 * as long as the daemon observes: that is when somebody wants to hear of it. */
static json_int_t observed_of(const struct digest_inputs *inputs)
{
	const json_t *bans = json_object_get(inputs->status, "bans");
	bool recent =
		number_of(inputs->status, "uptime_s") <= (json_int_t)(inputs->now - inputs->since);

	if (!recent && strcmp(text_of(inputs->status, "mode"), "observe"))
		return 0;
	return number_of(json_object_get(bans, "decisions"), "observe");
}

json_t *digest_make(const struct digest_inputs *inputs)
{
	json_t *services = json_object(), *problems = list_problems(inputs), *digest = NULL;
	json_t *bans = json_pack("{s:i, s:i, s:i, s:I, s:I, s:I}", "made", 0, "active", 0, "blocks", 0,
				 "observed", observed_of(inputs), "records_read",
				 (json_int_t)json_array_size(json_object_get(inputs->history, "history")),
				 "records", number_of(inputs->history, "total"));
	json_t *gate, *mail_logs;
	bool news;

	if (services && bans && gather(inputs, services, bans)) {
		news = number_of(bans, "made") || number_of(bans, "blocks") ||
		       number_of(bans, "observed") ||
		       json_array_size(problems);
		gate = gate_of(inputs, &news);
		mail_logs = digest_mail_make(&inputs->mail, inputs->since, &news);
		digest = json_pack("{s:b, s:s, s:o, s:o, s:b, s:O, s:o, s:o, s:o, s:o, s:O}", "ok", 1,
				   "host", inputs->host, "since", time_text(inputs->since), "until",
				   time_text(inputs->now), "news", news, "bans", bans, "services",
				   list_services(services), "gate", gate, "near_limit",
				   list_near(inputs), "mail_logs", mail_logs, "problems", problems);
	}
	json_decref(services);
	json_decref(bans);
	json_decref(problems);
	return digest;
}
