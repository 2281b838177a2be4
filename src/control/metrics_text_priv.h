/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text form of metrics (OpenMetrics 1.0): families with their samples, one label at most. Names get
 * the prefix smtpguard_, samples of counters the suffix _total. A name that ends in a unit (seconds,
 * bytes) gets its UNIT line.
 */
#pragma once

#include <stdio.h>

#include "smtpguard/base/clock.h"

enum metric_type { METRIC_GAUGE, METRIC_COUNTER };

struct metric {
	enum metric_type type;
	const char *name, *help;
	uint64_t value;
};

/* One family: its head, then one sample after the other. label NULL: the only sample has none. */
void metrics_family(FILE *out, enum metric_type type, const char *name, const char *help);
void metrics_sample(FILE *out, enum metric_type type, const char *name, const char *label,
		    const char *value_of_label, uint64_t value);
/* Families of one sample without a label. */
void metrics_list(FILE *out, const struct metric *list, size_t n);
#define METRICS(out, ...)                                                                          \
	metrics_list(out, (const struct metric[]){ __VA_ARGS__ },                                  \
		     sizeof((const struct metric[]){ __VA_ARGS__ }) / sizeof(struct metric))
/* A gauge of a time, in seconds; name ends in _seconds. */
void metrics_seconds(FILE *out, const char *name, const char *help, usec_t value);

/* One family with samples {LABEL="key"}. */
struct metric_part {
	const char *key;
	uint64_t value;
};
void metrics_parts(FILE *out, const struct metric *family, const char *label,
		   const struct metric_part *parts, size_t n);
#define PARTS(...)                                                                                 \
	(const struct metric_part[]){ __VA_ARGS__ },                                               \
		sizeof((const struct metric_part[]){ __VA_ARGS__ }) / sizeof(struct metric_part)
