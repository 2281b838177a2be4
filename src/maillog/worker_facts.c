// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "smtpguard/base/escape.h"
#include "worker_priv.h"

/* MAIL_FACT_KINDS: none. */
static enum mail_fact_kind kind_of_line(enum mail_line_kind kind)
{
	switch (kind) {
	case MAIL_LINE_AUTH_FAILURE:
		return MAIL_FACT_AUTH_FAILURE;
	case MAIL_LINE_AUTH_SUCCESS:
		return MAIL_FACT_AUTH_SUCCESS;
	case MAIL_LINE_MESSAGE:
		return MAIL_FACT_MESSAGE;
	case MAIL_LINE_PROTOCOL_ERROR:
		return MAIL_FACT_PROTOCOL_ERROR;
	case MAIL_LINE_EXIM_FULL:
	case MAIL_LINE_EXIM_HOST_LIMIT:
		return MAIL_FACT_REFUSED;
	case MAIL_LINE_IGNORED:
	case MAIL_LINE_UNPARSED:
	case MAIL_LINE_CONNECT:
	case MAIL_LINE_DISCONNECT:
	case MAIL_LINE_KINDS:
		break;
	}
	return MAIL_FACT_KINDS;
}

/* Either side: a clock may have been set back. */
static bool is_recent(usec_t stamp, usec_t wall_now)
{
	return stamp + MAIL_RECENT >= wall_now && stamp <= wall_now + MAIL_RECENT;
}

static bool is_known_reading(const struct mail_fact *fact, const struct mail_line_reading *reading)
{
	for (unsigned i = 0; i < fact->n_readings; i++)
		if (fact->readings[i].port == reading->port &&
		    address_equal(&fact->readings[i].address, &reading->address))
			return true;
	return false;
}

static void add_reading(struct mail_fact *fact, const struct mail_line_reading *reading)
{
	struct mail_reading *added = &fact->readings[fact->n_readings];

	if (is_known_reading(fact, reading))
		return;
	fact->n_readings++;
	added->address = reading->address;
	added->port = reading->port;
	escape(added->account, sizeof(added->account), reading->account.at,
	       reading->account.length);
}

bool fact_from_line(const struct mail_line *line, usec_t wall_now, struct mail_fact *ret_fact)
{
	enum mail_fact_kind kind = kind_of_line(line->kind);

	/* without a reading it is about this host's own mail */
	if (kind == MAIL_FACT_KINDS || (line->n_readings == 0 && !line->too_many_readings))
		return false;
	ret_fact->kind = kind;
	ret_fact->protocol = line->protocol;
	ret_fact->count = kind == MAIL_FACT_AUTH_FAILURE ? MAX_OF(line->attempts, 1u) : 1;
	ret_fact->first = ret_fact->last = line->time.wall;
	ret_fact->day = line->time.day;
	ret_fact->n_readings = 0;
	for (unsigned i = 0; i < line->n_readings; i++)
		add_reading(ret_fact, &line->readings[i]);
	ret_fact->recent = is_recent(line->time.wall, wall_now);
	/* a client can claim an account in its HELO: who it is for sure, nobody knows then */
	if (kind == MAIL_FACT_AUTH_SUCCESS && ret_fact->n_readings > 1) {
		if (line->protocol != MAIL_PROTOCOL_SMTP)
			return false;
		ret_fact->kind = MAIL_FACT_MESSAGE;
		for (unsigned i = 0; i < ret_fact->n_readings; i++)
			memset(ret_fact->readings[i].account, 0, sizeof(ret_fact->readings[i].account));
	}
	/* where the true reading may be missing, another one must not be taken for it */
	if (line->too_many_readings)
		ret_fact->n_readings = 0;
	return true;
}
