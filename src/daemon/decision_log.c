// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/daemon/decision_log.h"

#include <stdio.h>

#include "smtpguard/base/log.h"
#include "smtpguard/base/parse.h"

#define FIELD_MAX 320
#define FIELDS 12

static void add_detail(char *message, size_t size, size_t used, const struct guard_op *op)
{
	const struct ban_reason *reason = op->reason;
	char until[TIMESTAMP_TEXT_MAX];

	if (used >= size)
		return;
	if ((op->decision == DECISION_BAN || op->decision == DECISION_REFUSE) &&
	    op->until != USEC_NEVER)
		used += (size_t)snprintf(message + used, size - used, ", until %s",
					 clock_format_wall(clock_to_wall(op->until), until));
	if (used < size && op->because)
		used += (size_t)snprintf(message + used, size - used, " (%s)", op->because);
	if (used < size && reason->name[0])
		snprintf(message + used, size - used, ", PTR name %s", reason->name);
}

static const char *word_of(const struct guard_op *op)
{
	static const char *const words[DECISIONS] = {
		[DECISION_BAN] = "banned",	 [DECISION_UNBAN] = "unbanned",
		[DECISION_EXPIRE] = "ban ended", [DECISION_EXEMPT] = "spared",
		[DECISION_OBSERVE] = "would ban",
		[DECISION_REFUSE] = "refused",
	};

	if (op->reason->limit == LIMIT_REVERSE_DNS && op->decision == DECISION_OBSERVE)
		return "would refuse";
	if (op->reason->limit == LIMIT_REVERSE_DNS && op->decision == DECISION_UNBAN)
		return "refused no more";
	return words[op->decision];
}

void decision_log(const struct guard_op *op)
{
	const struct ban_reason *reason = op->reason;
	char comment[REASON_COMMENT_MAX], source[PREFIX_TEXT_MAX], message[700];
	char fields[FIELDS][FIELD_MAX];
	const char *list[FIELDS];
	unsigned n = 0;
	int used;

	prefix_format(&op->prefix, source);
	reason_format(reason, comment);
	used = snprintf(message, sizeof(message), "%s %s: %s", word_of(op), source, comment);
	add_detail(message, sizeof(message), (size_t)used, op);
	snprintf(fields[n++], FIELD_MAX, "SMTPGUARD_EVENT=%s", decision_type_name(op->decision));
	snprintf(fields[n++], FIELD_MAX, "SMTPGUARD_SOURCE=%s", source);
	snprintf(fields[n++], FIELD_MAX, "SMTPGUARD_SERVICE=%s", reason->service);
	snprintf(fields[n++], FIELD_MAX, "SMTPGUARD_REASON=%s", comment);
	snprintf(fields[n++], FIELD_MAX, "SMTPGUARD_LIMIT=%s", limit_kind_name(reason->limit));
	snprintf(fields[n++], FIELD_MAX, "SMTPGUARD_ALLOWED=%u", reason->allowed);
	snprintf(fields[n++], FIELD_MAX, "SMTPGUARD_OBSERVED=%u", reason->observed);
	snprintf(fields[n++], FIELD_MAX, "SMTPGUARD_PEAK=%u", reason->peak);
	snprintf(fields[n++], FIELD_MAX, "SMTPGUARD_REVERSE_DNS=%s", ptr_state_name(reason->ptr_state));
	if (reason->name[0])
		snprintf(fields[n++], FIELD_MAX, "SMTPGUARD_PTR_NAME=%s", reason->name);
	if (reason->limit == LIMIT_AUTH_FAILURES && reason->text[0])
		snprintf(fields[n++], FIELD_MAX, "SMTPGUARD_ACCOUNTS=%s", reason->text);
	if (op->because)
		snprintf(fields[n++], FIELD_MAX, "SMTPGUARD_BECAUSE=%s", op->because);
	for (unsigned i = 0; i < n; i++)
		list[i] = fields[i];
	log_with_fields(op->decision == DECISION_BAN ? LOG_NOTICE : LOG_INFO, message, list, n);
}

void account_alert_log(const struct ledger_account_alert *alert)
{
	char fields[4][FIELD_MAX], source[ADDRESS_TEXT_MAX], message[FIELD_MAX];
	const char *list[] = { "SMTPGUARD_EVENT=account", fields[0], fields[1], fields[2],
			       fields[3] };

	address_format(&alert->address, source);
	snprintf(message, sizeof(message),
		 "account %s was used from %u networks (%u addresses) within a day, last from %s",
		 alert->account, alert->networks, alert->addresses, source);
	snprintf(fields[0], FIELD_MAX, "SMTPGUARD_ACCOUNT=%s", alert->account);
	snprintf(fields[1], FIELD_MAX, "SMTPGUARD_NETWORKS=%u", alert->networks);
	snprintf(fields[2], FIELD_MAX, "SMTPGUARD_ADDRESSES=%u", alert->addresses);
	snprintf(fields[3], FIELD_MAX, "SMTPGUARD_SOURCE=%s", source);
	log_with_fields(LOG_WARNING, message, list, ARRAY_SIZE(list));
}
