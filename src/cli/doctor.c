// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpguard-config.h"

#include "doctor_priv.h"

int doctor_begin(struct doctor *doctor)
{
	*doctor = (struct doctor){
		.root = "",
		.version = SMTPGUARD_VERSION,
		.socket_path = SMTPGUARD_SOCKET_PATH,
		.config_path = SMTPGUARD_CONFIG_PATH,
		.status_error = -ENOENT,
		.ruleset_error = -EPERM,
	};
	doctor->findings = calloc(FINDINGS_MAX, sizeof(*doctor->findings));
	return doctor->findings ? 0 : -ENOMEM;
}

void doctor_done(struct doctor *doctor)
{
	ruleset_view_done(&doctor->ruleset);
	if (doctor->config)
		config_free(doctor->config);
	doctor->config = NULL;
	free(doctor->findings);
	doctor->findings = NULL;
}

static size_t count_of_kind(const struct doctor *doctor, enum finding_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < doctor->n_findings; i++)
		n += doctor->findings[i].kind == kind;
	return n;
}

void find(struct doctor *doctor, enum finding_kind kind, const char *format, ...)
{
	size_t before = count_of_kind(doctor, kind);
	struct finding *finding;
	va_list arguments;

	if (before > FINDINGS_OF_KIND_MAX || doctor->n_findings == FINDINGS_MAX)
		return;
	finding = &doctor->findings[doctor->n_findings++];
	*finding = (struct finding){ .kind = kind };
	if (before == FINDINGS_OF_KIND_MAX) {
		snprintf(finding->what, sizeof(finding->what), "more of the same, not listed");
		return;
	}
	va_start(arguments, format);
	vsnprintf(finding->what, sizeof(finding->what), format, arguments);
	va_end(arguments);
}

void advise(struct doctor *doctor, const char *format, ...)
{
	struct finding *finding;
	va_list arguments;

	if (doctor->n_findings == 0)
		return;
	finding = &doctor->findings[doctor->n_findings - 1];
	va_start(arguments, format);
	vsnprintf(finding->todo, sizeof(finding->todo), format, arguments);
	va_end(arguments);
}

const char *finding_todo(const struct finding *finding)
{
	return finding->todo[0] ? finding->todo : finding_texts[finding->kind].todo;
}

size_t doctor_count(const struct doctor *doctor, enum finding_level level)
{
	size_t n = 0;

	for (size_t i = 0; i < doctor->n_findings; i++)
		n += finding_texts[doctor->findings[i].kind].level == level;
	return n;
}

unsigned doctor_ports(const struct doctor *doctor, uint16_t ports[static GUARDED_PORTS_MAX])
{
	struct guard_settings defaults;

	if (doctor->config)
		return settings_ports(&doctor->config->guard, false, ports);
	settings_defaults(&defaults);
	return settings_ports(&defaults, false, ports);
}

static int weigh(const struct finding *a, const struct finding *b)
{
	const enum finding_level left = finding_texts[a->kind].level,
				 right = finding_texts[b->kind].level;

	if (left != right)
		return left > right ? -1 : 1;
	return a->kind < b->kind ? -1 : a->kind > b->kind;
}

/* By insertion: findings of one kind stay in their order, and there are few. */
static void sort(struct doctor *doctor)
{
	struct finding *findings = doctor->findings, moved;

	for (size_t i = 1; i < doctor->n_findings; i++) {
		size_t at = i;

		moved = findings[i];
		for (; at > 0 && weigh(&moved, &findings[at - 1]) < 0; at--)
			findings[at] = findings[at - 1];
		findings[at] = moved;
	}
}

void doctor_check(struct doctor *doctor)
{
	doctor_check_daemon(doctor);
	doctor_check_config(doctor);
	doctor_check_permissions(doctor);
	doctor_check_kernel(doctor);
	doctor_check_firewalls(doctor);
	doctor_check_csf(doctor);
	doctor_check_saved_rules(doctor);
	doctor_check_cron(doctor);
	doctor_check_exim(doctor);
	doctor_check_mail_logs(doctor);
	doctor_check_dns(doctor);
	sort(doctor);
}
