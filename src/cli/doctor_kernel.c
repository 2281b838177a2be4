// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Connection tracking, the packet queue, the clock: as /proc shows them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard/base/escape.h"

#include "doctor_priv.h"

#define NETFILTER	"/proc/sys/net/netfilter/"
#define FILLING_PERCENT 80
#define FULL_PERCENT	95

static void check_events(struct doctor *doctor)
{
	uint64_t mode;

	if (doctor_read_number(doctor, NETFILTER "nf_conntrack_events", &mode) < 0)
		find(doctor, FINDING_CONNTRACK_ABSENT, "there is no connection tracking: no %s",
		     NETFILTER "nf_conntrack_events");
	else if (mode == 0)
		find(doctor, FINDING_CONNTRACK_EVENTS_OFF,
		     "sysctl net.netfilter.nf_conntrack_events is 0");
	else
		find(doctor, FINDING_CONNTRACK_EVENTS,
		     "sysctl net.netfilter.nf_conntrack_events is %" PRIu64, mode);
}

static void check_table(struct doctor *doctor)
{
	enum finding_kind kind = FINDING_CONNTRACK_TABLE;
	uint64_t used, most;

	if (doctor_read_number(doctor, NETFILTER "nf_conntrack_count", &used) < 0 ||
	    doctor_read_number(doctor, NETFILTER "nf_conntrack_max", &most) < 0 || most == 0)
		return;
	if (used >= most / 100 * FULL_PERCENT)
		kind = FINDING_CONNTRACK_TABLE_FULL;
	else if (used >= most / 100 * FILLING_PERCENT)
		kind = FINDING_CONNTRACK_TABLE_FILLING;
	find(doctor, kind, "the connection table holds %" PRIu64 " of %" PRIu64 " entries", used,
	     most);
	if (kind != FINDING_CONNTRACK_TABLE)
		advise(doctor,
		       "echo net.netfilter.nf_conntrack_max=%" PRIu64
		       " > /etc/sysctl.d/90-conntrack-max.conf; sysctl --system",
		       2 * most);
}

static void check_clock(struct doctor *doctor)
{
	if (doctor->clock == CLOCK_SYNCHRONISED)
		find(doctor, FINDING_CLOCK, "the clock is synchronised");
	else if (doctor->clock == CLOCK_UNSYNCHRONISED)
		find(doctor, FINDING_CLOCK_UNSYNCHRONISED, "the clock is not synchronised");
}

/* Netlink gives a program's first socket its process id as port. */
static void name_of_port(const struct doctor *doctor, unsigned port, char name[static 64])
{
	char path[64], *text;

	snprintf(name, 64, "netlink port %u", port);
	snprintf(path, sizeof(path), "/proc/%u/comm", port);
	if (doctor_read(doctor, path, 32, &text) < 0)
		return;
	doctor_trim(text);
	escape(name, 64, text, strcspn(text, "\n"));
	free(text);
}

/* A line: queue number, netlink port of its program, and counters. */
static void check_queue_line(struct doctor *doctor, const char *line, unsigned wanted)
{
	unsigned queue, port;
	char name[64];

	if (sscanf(line, "%5u %10u", &queue, &port) != 2 || queue != wanted)
		return;
	name_of_port(doctor, port, name);
	if (strncmp(name, "smtpguardd", strlen("smtpguardd")) != 0)
		find(doctor, FINDING_QUEUE_TAKEN, "NFQUEUE %u (gate.queue) belongs to %s", wanted,
		     name);
}

static void check_queue(struct doctor *doctor)
{
	const json_t *gate = json_object_get(doctor->status, "gate");
	char *text, *cursor, *line;

	if (!doctor->config || !settings_wants_gate(&doctor->config->guard) ||
	    json_is_true(json_object_get(gate, "active")))
		return;
	if (doctor_read(doctor, "/proc/net/netfilter/nfnetlink_queue", DOCTOR_FILE_BYTES_MAX,
			&text) < 0)
		return;
	for (cursor = text; (line = doctor_line(&cursor));)
		check_queue_line(doctor, line, doctor->config->guard.gate.queue);
	free(text);
}

void doctor_check_kernel(struct doctor *doctor)
{
	check_events(doctor);
	check_table(doctor);
	check_queue(doctor);
	check_clock(doctor);
}
