/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The groups of metrics, each written from the facts of `status`.
 */
#pragma once

#include "metrics_text_priv.h"
#include "report_status_priv.h"

/* metrics_traffic.c: what is seen and decided */
void metrics_services(FILE *out, const struct status_facts *facts);
void metrics_decisions(FILE *out, const struct status_facts *facts);
void metrics_bans(FILE *out, const struct status_facts *facts);
void metrics_gate(FILE *out, const struct status_facts *facts);

/* metrics_mail.c: the mail logs */
void metrics_mail(FILE *out, const struct status_facts *facts);

/* metrics_health.c: how well it works */
void metrics_conntrack(FILE *out, const struct status_facts *facts);
void metrics_resolver(FILE *out, const struct status_facts *facts);
void metrics_kernel(FILE *out, const struct status_facts *facts);
void metrics_ledger(FILE *out, const struct status_facts *facts);
void metrics_tables(FILE *out, const struct status_facts *facts);
