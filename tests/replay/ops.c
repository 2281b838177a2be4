// SPDX-License-Identifier: GPL-2.0-or-later
/* What comes out: every op becomes one line of text as it leaves the guard. */
#include "story.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "smtpguard/base/parse.h"

static const char *until_text(usec_t moment, usec_t now, char text[static DURATION_TEXT_MAX])
{
	if (moment == USEC_NEVER)
		snprintf(text, DURATION_TEXT_MAX, "never");
	else
		duration_format(moment - now, text);
	return text;
}

void note(struct story *story, const char *format, ...)
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
		if (op->ban && op->ban->earlier)
			snprintf(earlier, sizeof(earlier), " earlier %u", op->ban->earlier);
		note(story, "ban %s %s%s", source, reason_format(op->reason, reason), earlier);
		break;
	case DECISION_REFUSE:
		note(story, "refuse %s %s", source, reason_format(op->reason, reason));
		break;
	case DECISION_OBSERVE:
		note(story, "observe %s %s%s%s", source, reason_format(op->reason, reason),
		     op->because ? " because " : "", op->because ? op->because : "");
		break;
	default:
		note(story, "%s %s%s%s", type, source, op->because ? " " : "",
		     op->because ? op->because : "");
	}
}

static void note_record(struct story *story, const struct guard_op *op, const char *source)
{
	static const char *const ends[] = { [GUARD_END_EXPIRED] = "expired",
					    [GUARD_END_LIFTED] = "lifted",
					    [GUARD_END_REPLACED] = "replaced" };
	const char *list = guard_list_name(op->list);
	char until[DURATION_TEXT_MAX];

	switch (op->record) {
	case RECORD_BAN:
		note(story, "record ban %s %s", source, until_text(op->ban->expires, op->now, until));
		break;
	case RECORD_BAN_END:
		note(story, "record ban-end %s %s", source, ends[op->end]);
		break;
	case RECORD_LISTED:
		note(story, "record listed %s %s %s", list, source,
		     until_text(op->entry->expires, op->now, until));
		break;
	case RECORD_LISTED_END:
		note(story, "record listed-end %s %s %s", list, source, ends[op->end]);
		break;
	case RECORD_GRACE:
		note(story, "record grace %s %s", source, until_text(op->until, op->now, until));
		break;
	}
}

static void note_gate_set(struct story *story, const struct guard_op *op, const char *source)
{
	const char *set = op->gate_set == GATE_SET_REFUSED ? "refused" : "passed";
	char until[DURATION_TEXT_MAX], reason[REASON_COMMENT_MAX];

	if (op->type == GUARD_OP_GATE_DELETE)
		note(story, "gate-delete %s %s", set, source);
	else
		note(story, "gate-add %s %s %s%s%s", set, source,
		     until_text(op->until, op->now, until), op->reason ? " " : "",
		     op->reason ? reason_format(op->reason, reason) : "");
}

static void note_verdict(struct story *story, const struct guard_op *op)
{
	static const char *const verdicts[] = { [GUARD_VERDICT_ACCEPT] = "accept",
						[GUARD_VERDICT_DROP] = "drop",
						[GUARD_VERDICT_REPEAT] = "repeat" };

	note(story, "%s %u", verdicts[op->verdict], op->packet);
}

static void note_peak(struct story *story, const struct guard_op *op, const char *source)
{
	char day[DURATION_TEXT_MAX];

	note(story, "peak %s %s concurrent %u new %u %s%s%s of day %s", source, op->peak->service,
	     op->peak->concurrent, op->peak->fresh, ptr_state_name(op->peak->ptr_state),
	     *op->peak->name ? " " : "", op->peak->name, duration_format(op->peak->day, day));
}

static bool is_shown(const struct story *story, enum guard_op_type type)
{
	const unsigned on_wish = 1u << GUARD_OP_TRUST | 1u << GUARD_OP_CLOSE | 1u << GUARD_OP_LIST |
				 1u << GUARD_OP_RECORD | 1u << GUARD_OP_PEAK;

	return (story->shown | ~on_wish) & 1u << type;
}

void on_op(void *userdata, const struct guard_op *op)
{
	struct story *story = userdata;
	char address[ADDRESS_TEXT_MAX], source[PREFIX_TEXT_MAX] = "";
	char until[DURATION_TEXT_MAX], reason[REASON_COMMENT_MAX];

	if (op->now != story->now)
		fail(story, "an op carries another time");
	if (!is_shown(story, op->type))
		return;
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
	case GUARD_OP_TRUST:
		note(story, "trust %s %s", source, until_text(op->until, op->now, until));
		break;
	case GUARD_OP_CLOSE:
		note(story, "close %s", source);
		break;
	case GUARD_OP_LIST:
		note(story, "list %s", guard_list_name(op->list));
		break;
	case GUARD_OP_RECORD:
		note_record(story, op, source);
		break;
	case GUARD_OP_VERDICT:
		note_verdict(story, op);
		break;
	case GUARD_OP_GATE_ADD:
	case GUARD_OP_GATE_DELETE:
		note_gate_set(story, op, source);
		break;
	case GUARD_OP_PEAK:
		note_peak(story, op, source);
		break;
	case GUARD_OP_DECISION:
		note_decision(story, op, source);
		break;
	}
}

void show(struct story *story)
{
	static const struct named kinds[] = { { "trust", GUARD_OP_TRUST },
					      { "close", GUARD_OP_CLOSE },
					      { "list", GUARD_OP_LIST },
					      { "record", GUARD_OP_RECORD },
					      { "peak", GUARD_OP_PEAK },
					      { NULL, 0 } };

	while (story->word < story->n_words)
		story->shown |= 1u << choose(story, kinds);
}

void expect(struct story *story)
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

void nothing_left(struct story *story)
{
	if (story->n_expected < story->n_ops)
		fail(story, "before this line, not expected: %s", story->ops[story->n_expected]);
	story->n_ops = story->n_expected = 0;
}
