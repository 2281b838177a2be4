/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdio.h>

#include "cli_priv.h"

/* OpenMetrics text as Prometheus' older text format, which node_exporter's textfile collector
 * reads. */
void metrics_write_textfile(const char *text, FILE *file);
