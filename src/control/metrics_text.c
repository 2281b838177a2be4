// SPDX-License-Identifier: GPL-2.0-or-later
#include "metrics_text_priv.h"

#include <inttypes.h>
#include <string.h>

#include "smtpguard/base/compiler.h"

#define PREFIX "smtpguard_"

static const char *unit_of(const char *name)
{
	static const char *const units[] = { "seconds", "bytes" };
	size_t length = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		size_t unit = strlen(units[i]);

		if (length > unit + 1 && name[length - unit - 1] == '_' &&
		    !strcmp(name + length - unit, units[i]))
			return units[i];
	}
	return NULL;
}

void metrics_family(FILE *out, enum metric_type type, const char *name, const char *help)
{
	const char *unit = unit_of(name);

	fprintf(out, "# TYPE " PREFIX "%s %s\n", name, type == METRIC_COUNTER ? "counter" : "gauge");
	if (unit)
		fprintf(out, "# UNIT " PREFIX "%s %s\n", name, unit);
	fprintf(out, "# HELP " PREFIX "%s %s\n", name, help);
}

void metrics_sample(FILE *out, enum metric_type type, const char *name, const char *label,
		    const char *value_of_label, uint64_t value)
{
	fprintf(out, PREFIX "%s%s", name, type == METRIC_COUNTER ? "_total" : "");
	if (label)
		fprintf(out, "{%s=\"%s\"}", label, value_of_label);
	fprintf(out, " %" PRIu64 "\n", value);
}

void metrics_list(FILE *out, const struct metric *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		metrics_family(out, list[i].type, list[i].name, list[i].help);
		metrics_sample(out, list[i].type, list[i].name, NULL, NULL, list[i].value);
	}
}

void metrics_seconds(FILE *out, const char *name, const char *help, usec_t value)
{
	metrics_family(out, METRIC_GAUGE, name, help);
	fprintf(out, PREFIX "%s %" PRIu64 ".%06" PRIu64 "\n", name, value / USEC_PER_SEC,
		value % USEC_PER_SEC);
}

void metrics_parts(FILE *out, const struct metric *family, const char *label,
		   const struct metric_part *parts, size_t n)
{
	metrics_family(out, family->type, family->name, family->help);
	for (size_t i = 0; i < n; i++)
		metrics_sample(out, family->type, family->name, label, parts[i].key,
			       parts[i].value);
}
