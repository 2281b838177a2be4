// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plays a story (README.md) against the guard: events in, expected ops out. Every op becomes one line
 * of text as it leaves the guard; `expect` lines must name all of them, in order.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/parse.h"
#include "smtpguard/policy/guard.h"

#define WORDS_MAX 40
#define OPS_MAX 256
#define OP_TEXT_MAX 256
#define TICKS_MAX 100000

struct story {
	const char *path;
	unsigned line;
	usec_t start, now; /* of the guard's clock; the story's own time begins at 0 */
	struct guard_settings settings;
	struct guard *guard;
	struct siphash_key key;
	char ops[OPS_MAX][OP_TEXT_MAX];
	unsigned n_ops, n_expected;
	char *words[WORDS_MAX];
	unsigned n_words, word;
};

struct named {
	const char *name;
	int value;
};

static _Noreturn void fail(const struct story *story, const char *format, ...) PRINTF_LIKE(2, 3);

static _Noreturn void fail(const struct story *story, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s:%u: at %.3fs: ", story->path, story->line,
		(double)(story->now - story->start) / 1e6);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

/* --- words of a line --- */

/* Blanks separate words, quotes hold them together, # begins a comment. */
static void split(struct story *story, char *p)
{
	story->n_words = story->word = 0;
	for (;;) {
		bool quoted;

		p += strspn(p, " \t\n");
		if (!*p || *p == '#')
			return;
		quoted = *p == '"';
		if (story->n_words == WORDS_MAX)
			fail(story, "too many words");
		story->words[story->n_words++] = p += quoted;
		p += strcspn(p, quoted ? "\"" : " \t\n");
		if (*p)
			*p++ = '\0';
		else if (quoted)
			fail(story, "no closing quote");
	}
}

static const char *peek(const struct story *story)
{
	return story->word < story->n_words ? story->words[story->word] : "";
}

static char *next(struct story *story)
{
	if (story->word == story->n_words)
		fail(story, "the line ends too early");
	return story->words[story->word++];
}

static bool accept(struct story *story, const char *word)
{
	bool same = story->word < story->n_words && !strcmp(peek(story), word);

	story->word += same;
	return same;
}

static int choose(struct story *story, const struct named *names)
{
	const char *word = next(story);

	for (; names->name; names++)
		if (!strcmp(word, names->name))
			return names->value;
	fail(story, "unknown word \"%s\"", word);
}

/* "1.5s": unlike the configuration's durations, fractions and 0 are allowed. */
static usec_t time_of(const struct story *story, const char *word)
{
	static const struct named units[] = { { "ms", 1000 },	       { "s", 1000000 },
					      { "m", 60000000 },       { "h", 0 },
					      { "d", 0 },	       { NULL, 0 } };
	char *unit;
	double value = strtod(word, &unit);

	if (unit == word || value < 0)
		fail(story, "not a time: \"%s\"", word);
	if (!strcmp(unit, "h"))
		return (usec_t)(value * 3600e6 + 0.5);
	if (!strcmp(unit, "d"))
		return (usec_t)(value * 86400e6 + 0.5);
	for (const struct named *u = units; u->name; u++)
		if (!strcmp(unit, u->name))
			return (usec_t)(value * u->value + 0.5);
	fail(story, "not a time: \"%s\"", word);
}

static uint64_t number_of(const struct story *story, const char *word)
{
	uint64_t value;

	if (parse_number(word, 0, UINT32_MAX, &value))
		fail(story, "not a number: \"%s\"", word);
	return value;
}

static struct address address_of(const struct story *story, const char *word)
{
	struct address address;

	if (address_parse(word, &address))
		fail(story, "not an address: \"%s\"", word);
	return address;
}

static struct prefix prefix_of(const struct story *story, const char *word)
{
	struct prefix prefix;

	if (prefix_parse(word, &prefix))
		fail(story, "not a prefix: \"%s\"", word);
	return prefix;
}

/* "192.0.2.9:1001-1011" or "[2001:db8::9]:1001" */
static struct address endpoint_of(const struct story *story, char *word, uint16_t *ret_first,
				  uint16_t *ret_last)
{
	char *colon = strrchr(word, ':'), *dash;

	if (!colon)
		fail(story, "no port in \"%s\"", word);
	*colon = '\0';
	dash = strchr(colon + 1, '-');
	if (dash)
		*dash = '\0';
	*ret_first = (uint16_t)number_of(story, colon + 1);
	*ret_last = dash ? (uint16_t)number_of(story, dash + 1) : *ret_first;
	if (*word == '[' && colon > word && colon[-1] == ']') {
		colon[-1] = '\0';
		word++;
	}
	return address_of(story, word);
}

/* --- what comes out --- */

static const char *until_text(usec_t moment, usec_t now, char text[static DURATION_TEXT_MAX])
{
	if (moment == USEC_NEVER)
		snprintf(text, DURATION_TEXT_MAX, "never");
	else
		duration_format(moment - now, text);
	return text;
}

static void note(struct story *story, const char *format, ...) PRINTF_LIKE(2, 3);

static void note(struct story *story, const char *format, ...)
{
	va_list arguments;

	if (story->n_ops == OPS_MAX)
		fail(story, "more than %d ops after one event", OPS_MAX);
	va_start(arguments, format);
	vsnprintf(story->ops[story->n_ops++], OP_TEXT_MAX, format, arguments);
	va_end(arguments);
}

static void note_decision(struct story *story, const struct guard_op *op, const char *source)
{
	char reason[REASON_COMMENT_MAX], earlier[32] = "";
	const char *type = decision_type_name(op->decision);

	switch (op->decision) {
	case DECISION_BAN:
		if (op->ban->earlier)
			snprintf(earlier, sizeof(earlier), " earlier %u", op->ban->earlier);
		note(story, "ban %s %s%s", source, reason_format(op->reason, reason), earlier);
		break;
	case DECISION_OBSERVE:
		note(story, "observe %s %s", source, reason_format(op->reason, reason));
		break;
	default:
		note(story, "%s %s%s%s", type, source, op->because ? " " : "",
		     op->because ? op->because : "");
	}
}

static void on_op(void *userdata, const struct guard_op *op)
{
	struct story *story = userdata;
	char address[ADDRESS_TEXT_MAX], source[PREFIX_TEXT_MAX];
	char until[DURATION_TEXT_MAX], reason[REASON_COMMENT_MAX];

	if (op->now != story->now)
		fail(story, "an op carries another time");
	if (op->type != GUARD_OP_RESOLVE)
		prefix_format(&op->prefix, source);
	switch (op->type) {
	case GUARD_OP_RESOLVE:
		note(story, "resolve %s", address_format(&op->address, address));
		break;
	case GUARD_OP_ELEMENT_ADD:
		note(story, "add %s %s %s", source, until_text(op->ban->expires, op->now, until),
		     reason_format(&op->ban->reason, reason));
		break;
	case GUARD_OP_ELEMENT_DELETE:
		note(story, "delete %s", source);
		break;
	case GUARD_OP_DECISION:
		note_decision(story, op, source);
		break;
	}
}

static void expect(struct story *story)
{
	char wanted[OP_TEXT_MAX] = "";
	size_t used = 0;

	while (story->word < story->n_words) {
		const char *word = next(story);

		used += (size_t)snprintf(wanted + used, sizeof(wanted) - used, "%s%s",
					 used ? " " : "", word);
		if (used >= sizeof(wanted))
			fail(story, "the line is too long");
	}
	if (story->n_expected == story->n_ops)
		fail(story, "expected: %s\n  but nothing came", wanted);
	if (strcmp(wanted, story->ops[story->n_expected]))
		fail(story, "expected: %s\n  but came: %s", wanted, story->ops[story->n_expected]);
	story->n_expected++;
}

static void nothing_left(struct story *story)
{
	if (story->n_expected < story->n_ops)
		fail(story, "before this line, not expected: %s", story->ops[story->n_expected]);
	story->n_ops = story->n_expected = 0;
}

/* --- time --- */

/* Ticks on the way happen when the guard asks for them. */
static void advance(struct story *story, usec_t to)
{
	if (to < story->now)
		fail(story, "time goes backwards");
	for (unsigned ticks = 0; guard_next_tick(story->guard) <= to; ticks++) {
		if (ticks == TICKS_MAX)
			fail(story, "the guard's next tick does not move on");
		story->now = MAX_OF(story->now, guard_next_tick(story->guard));
		guard_tick(story->guard, story->now);
	}
	story->now = to;
}

/* --- settings --- */

static void set_of_service(struct story *story, struct service_settings *service, const char *key)
{
	static const struct named uses[] = { { "ignore", REVERSE_DNS_IGNORE },
					     { "exempt", REVERSE_DNS_EXEMPT },
					     { NULL, 0 } };
	static const struct named modes[] = { { "enforce", false }, { "observe", true }, { NULL, 0 } };

	if (!strcmp(key, "reverse_dns"))
		service->reverse_dns = (enum reverse_dns_use)choose(story, uses);
	else if (!strcmp(key, "mode"))
		service->observe = choose(story, modes);
	else if (!strcmp(key, "concurrent"))
		service->concurrent =
			accept(story, "off") ? 0 : (uint32_t)number_of(story, next(story));
	else if (!strcmp(key, "verified_concurrent"))
		service->verified_concurrent = (uint32_t)number_of(story, next(story));
	else if (strcmp(key, "new"))
		fail(story, "no such setting of a service: %s", key);
	else if (accept(story, "off"))
		service->new_count = 0;
	else if (parse_window(next(story), &service->new_count, &service->new_window))
		fail(story, "not a window");
}

static bool set_number(struct story *story, const char *key)
{
	struct guard_settings *s = &story->settings;
	uint32_t *const fields[] = { &s->max_sources, &s->max_flows, &s->max_bans, &s->names.cache,
				     &s->names.max_in_flight };
	static const char *const keys[] = { "sources.max_sources", "sources.max_flows",
					    "bans.max_bans", "resolver.cache",
					    "resolver.max_in_flight" };

	if (!strcmp(key, "sources.ipv4_prefix"))
		s->ipv4_prefix = (uint8_t)number_of(story, next(story));
	else if (!strcmp(key, "sources.ipv6_prefix"))
		s->ipv6_prefix = (uint8_t)number_of(story, next(story));
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(key, keys[i]))
			*fields[i] = (uint32_t)number_of(story, next(story));
	return story->word == 3;
}

static bool set_duration(struct story *story, const char *key)
{
	struct guard_settings *s = &story->settings;
	usec_t *const fields[] = { &s->ban_duration,  &s->unban_grace,	  &s->names.deadline,
				   &s->names.min_ttl, &s->names.max_ttl, &s->names.negative_ttl,
				   &s->names.failure_ttl };
	static const char *const keys[] = { "bans.duration",	"trust.unban_grace",
					    "resolver.deadline", "resolver.min_ttl",
					    "resolver.max_ttl", "resolver.negative_ttl",
					    "resolver.failure_ttl" };

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(key, keys[i]))
			*fields[i] = time_of(story, next(story));
	return story->word == 3;
}

static void set(struct story *story)
{
	char *key = next(story), *dot = strchr(key, '.');
	int service;

	if (!strcmp(key, "mode")) {
		if (!accept(story, "observe"))
			fail(story, "mode can be set to observe");
		story->settings.observe = true;
		for (unsigned i = 0; i < story->settings.n_services; i++)
			story->settings.services[i].observe = true;
		return;
	}
	if (set_number(story, key) || set_duration(story, key))
		return;
	if (!dot)
		fail(story, "no such setting: %s", key);
	*dot = '\0';
	service = settings_service_by_name(&story->settings, key);
	if (service < 0)
		fail(story, "no such service: %s", key);
	set_of_service(story, &story->settings.services[service], dot + 1);
}

/* --- events --- */

enum { STATE_OPEN = 100, STATE_PASS };

static void one_flow(struct story *story, const struct ct_event *event, bool dumped)
{
	if (dumped)
		guard_sync_line(story->guard, event, story->now);
	else
		guard_flow_event(story->guard, event, story->now);
}

/* `flow CLIENT [-> SERVER] [local ENDPOINT] STATE [every TIME]` */
static void flows(struct story *story, bool dumped)
{
	static const struct named states[] = { { "syn", FLOW_SYN },
					       { "picked-up", FLOW_PICKED_UP },
					       { "established", FLOW_ESTABLISHED },
					       { "closed", FLOW_CLOSED },
					       { "open", STATE_OPEN },
					       { "pass", STATE_PASS },
					       { NULL, 0 } };
	struct ct_event event = { .local_port = 0 };
	uint16_t first, last, unused;
	usec_t every = 0;
	int state;

	event.key.client = endpoint_of(story, next(story), &first, &last);
	event.key.server = address_of(
		story, address_is_ipv4(&event.key.client) ? "198.51.100.1" : "2001:db8:ffff::25");
	event.key.server_port = 25;
	if (accept(story, "->"))
		event.key.server =
			endpoint_of(story, next(story), &event.key.server_port, &unused);
	event.local = event.key.server;
	event.local_port = event.key.server_port;
	if (accept(story, "local"))
		event.local = endpoint_of(story, next(story), &event.local_port, &unused);
	state = choose(story, states);
	if (accept(story, "every"))
		every = time_of(story, next(story));
	for (uint32_t port = first; port <= last; port++) {
		if (port > first && every)
			advance(story, story->now + every);
		event.key.client_port = (uint16_t)port;
		event.phase = state < STATE_OPEN ? (enum flow_phase)state : FLOW_SYN;
		one_flow(story, &event, dumped);
		if (state < STATE_OPEN)
			continue;
		event.phase = FLOW_ESTABLISHED;
		one_flow(story, &event, dumped);
		event.phase = FLOW_CLOSED;
		if (state == STATE_PASS)
			one_flow(story, &event, dumped);
	}
}

static void dump(struct story *story)
{
	bool lost;

	if (accept(story, "begin")) {
		guard_sync_begin(story->guard);
	} else if (accept(story, "end")) {
		lost = accept(story, "lost");
		for (unsigned pieces = 0; !guard_sync_end(story->guard, lost, story->now); pieces++)
			if (pieces == TICKS_MAX)
				fail(story, "the sweep does not end");
	} else {
		flows(story, true);
	}
}

static void local(struct story *story)
{
	static const struct named states[] = { { "added", true }, { "removed", false }, { NULL, 0 } };
	struct address address = address_of(story, next(story));
	int present = choose(story, states);

	if (guard_local_address(story->guard, &address, present, story->now) < 0)
		fail(story, "no memory");
}

/* `answer ADDRESS RESULT [unhealthy] [ttl TIME] [NAME...]` */
static void answer(struct story *story)
{
	static const struct named results[] = { { "verified", NAME_ANSWER_VERIFIED },
						{ "mismatch", NAME_ANSWER_MISMATCH },
						{ "none", NAME_ANSWER_NONE },
						{ "failed", NAME_ANSWER_FAILED },
						{ NULL, 0 } };
	struct name_answer answer = { .ttl = 3600 * USEC_PER_SEC };

	answer.address = address_of(story, next(story));
	answer.result = (enum name_answer_result)choose(story, results);
	answer.resolver_healthy = !accept(story, "unhealthy");
	if (accept(story, "ttl"))
		answer.ttl = time_of(story, next(story));
	while (story->word < story->n_words) {
		if (answer.n_names == PTR_NAMES_MAX)
			fail(story, "too many names");
		snprintf(answer.names[answer.n_names++], PTR_NAME_TEXT_MAX, "%s", next(story));
	}
	guard_name_answer(story->guard, &answer, story->now);
}

static void note_result(struct story *story, int r)
{
	static const char *const names[] = { [GUARD_NEVER_LISTED] = "never-listed",
					     [GUARD_BANS_FULL] = "bans-full",
					     [GUARD_NOT_BANNED] = "not-banned",
					     [GUARD_OBSERVING] = "observing",
					     [GUARD_OTHER_PREFIX] = "other-prefix" };

	if (r)
		note(story, "result %s", r > 0 && r < (int)ARRAY_SIZE(names) ? names[r] : "?");
}

static usec_t duration_or_never(struct story *story)
{
	return accept(story, "never") ? USEC_NEVER : time_of(story, next(story));
}

/* `ban PREFIX [TIME [TEXT]]`, `unban PREFIX [GRACE]` */
static void operator(struct story *story, const char *verb)
{
	struct prefix prefix = prefix_of(story, next(story));
	usec_t duration = *peek(story) ? duration_or_never(story) : 0;

	if (!strcmp(verb, "ban"))
		note_result(story, guard_ban(story->guard, &prefix, duration,
					     *peek(story) ? next(story) : "", story->now));
	else
		note_result(story, guard_unban(story->guard, &prefix, duration, story->now));
}

/* `adopt PREFIX TIMEOUT REMAINING COMMENT` */
static void adopt(struct story *story)
{
	struct prefix prefix = prefix_of(story, next(story));
	usec_t timeout = duration_or_never(story), remaining = duration_or_never(story);

	note_result(story, guard_adopt(story->guard, &prefix, timeout, remaining, next(story),
				       story->now));
}

static void element(struct story *story)
{
	static const struct named states[] = { { "enforced", true }, { "refused", false }, { NULL, 0 } };
	struct prefix prefix = prefix_of(story, next(story));

	guard_element_result(story->guard, &prefix, choose(story, states));
}

/* This host's addresses and an empty table: what most stories begin with. */
static void ready(struct story *story)
{
	static const char *const own[] = { "198.51.100.1", "2001:db8:ffff::25" };

	for (unsigned i = 0; i < ARRAY_SIZE(own); i++) {
		struct address address = address_of(story, own[i]);

		if (guard_local_address(story->guard, &address, true, story->now) < 0)
			fail(story, "no memory");
	}
	guard_sync_begin(story->guard);
	while (!guard_sync_end(story->guard, false, story->now))
		;
}

/* --- what can be looked at --- */

static void check_source(struct story *story)
{
	static const struct source absent;
	struct address address = address_of(story, next(story));
	const char *service_name = next(story);
	int service = settings_service_by_name(&story->settings, service_name);
	struct prefix prefix = prefix_of_address(&address, story->settings.ipv4_prefix,
						 story->settings.ipv6_prefix);
	struct source *found = NULL;
	const struct source *source;

	if (service >= 0)
		found = source_table_find(guard_sources(story->guard), &prefix, (uint8_t)service);
	source = found ? found : &absent;
	while (story->word < story->n_words) {
		const char *key = next(story), *wanted = next(story);
		char value[32] = "?";

		if (!strcmp(key, "concurrent"))
			snprintf(value, sizeof(value), "%u", source->concurrent);
		else if (!strcmp(key, "half_open"))
			snprintf(value, sizeof(value), "%u", source->half_open);
		else if (!strcmp(key, "peak"))
			snprintf(value, sizeof(value), "%u", source->peak);
		else if (!strcmp(key, "new"))
			snprintf(value, sizeof(value), "%u",
				 found ? source_table_new_count(
						 guard_sources(story->guard), found, story->now,
						 story->settings.services[service].new_window)
				       : 0);
		else if (!strcmp(key, "standing"))
			snprintf(value, sizeof(value), "%s",
				 standing_name(guard_standing(story->guard, source)));
		if (strcmp(value, wanted))
			fail(story, "%s is %s, not %s", key, value, wanted);
	}
}

static void check(struct story *story)
{
	struct guard_stats stats;
	const char *key = next(story);
	uint64_t wanted;

	if (!strcmp(key, "source")) {
		check_source(story);
		return;
	}
	guard_stats(story->guard, story->now, &stats);
	wanted = number_of(story, next(story));
	const struct {
		const char *name;
		uint64_t value;
	} values[] = {
		{ "flows", stats.flows },
		{ "established", stats.established },
		{ "half_open", stats.half_open },
		{ "bans", stats.bans },
		{ "pending", stats.pending },
		{ "in_doubt", stats.in_doubt },
		{ "not_inbound", stats.not_inbound },
		{ "flows_full", stats.flows_full },
		{ "flows_evicted", stats.flows_evicted },
		{ "bans_full", stats.bans_full },
		{ "elements_refused", stats.elements_refused },
		{ "syncs", stats.syncs },
		{ "drift_added", stats.drift_added },
		{ "drift_changed", stats.drift_changed },
		{ "drift_removed", stats.drift_removed },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		if (strcmp(key, values[i].name))
			continue;
		if (values[i].value != wanted)
			fail(story, "%s is %llu", key, (unsigned long long)values[i].value);
		return;
	}
	fail(story, "nothing is called %s", key);
}

/* --- a story --- */

static void event(struct story *story)
{
	const char *word = next(story);

	if (!strcmp(word, "flow"))
		flows(story, false);
	else if (!strcmp(word, "dump"))
		dump(story);
	else if (!strcmp(word, "lost"))
		guard_events_lost(story->guard);
	else if (!strcmp(word, "local"))
		local(story);
	else if (!strcmp(word, "answer"))
		answer(story);
	else if (!strcmp(word, "resolver-gone"))
		guard_resolver_gone(story->guard);
	else if (!strcmp(word, "ban") || !strcmp(word, "unban"))
		operator(story, word);
	else if (!strcmp(word, "adopt"))
		adopt(story);
	else if (!strcmp(word, "element"))
		element(story);
	else if (!strcmp(word, "ready"))
		ready(story);
	else if (strcmp(word, "wait"))
		fail(story, "unknown event \"%s\"", word);
}

static void make_guard(struct story *story)
{
	if (!story->guard && guard_new(&story->guard, &story->settings, &story->key, on_op, story))
		fail(story, "guard_new failed");
}

static void at(struct story *story)
{
	const char *word = next(story);

	if (*word == '+')
		advance(story, story->now + time_of(story, word + 1));
	else
		advance(story, story->start + time_of(story, word));
	event(story);
}

static void allow(struct story *story)
{
	struct prefix prefix = prefix_of(story, next(story));

	if (prefix_set_add(story->settings.allowed, &prefix))
		fail(story, "cannot be added to the allow list");
}

static void play_line(struct story *story)
{
	const char *word = peek(story);

	if (accept(story, "set") || accept(story, "allow")) {
		if (story->guard)
			fail(story, "settings stand before the first event");
		if (!strcmp(word, "set"))
			set(story);
		else
			allow(story);
	} else {
		make_guard(story);
		if (accept(story, "expect")) {
			expect(story);
		} else if (accept(story, "check")) {
			check(story);
		} else {
			nothing_left(story);
			if (!accept(story, "at"))
				fail(story, "unknown word \"%s\"", word);
			at(story);
		}
	}
	if (story->word < story->n_words)
		fail(story, "too much on the line: %s", peek(story));
}

static void play(const char *path, usec_t start, uint8_t key)
{
	struct story *story = calloc(1, sizeof(*story));
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	if (!story || !file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	story->path = path;
	story->start = story->now = start;
	memset(&story->key, key, sizeof(story->key));
	settings_defaults(&story->settings);
	if (prefix_set_new(&story->settings.allowed) < 0)
		fail(story, "no memory");
	while (getline(&line, &size, file) >= 0) {
		story->line++;
		split(story, line);
		if (story->n_words)
			play_line(story);
	}
	nothing_left(story);
	if (ferror(file) || !story->guard)
		fail(story, "no story");
	guard_free(story->guard);
	prefix_set_free(story->settings.allowed);
	free(line);
	fclose(file);
	free(story);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: replay STORY...\n");
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		play(argv[i], 3600 * USEC_PER_SEC, 1);
		/* window stamps are 32 bits of milliseconds: they wrap a minute into this run */
		play(argv[i], ((usec_t)1 << 32) * USEC_PER_MSEC - 60 * USEC_PER_SEC, 2);
	}
	return 0;
}
