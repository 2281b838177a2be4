/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pieces that several documents have in common. All return a new reference, or NULL when out of
 * memory.
 */
#pragma once

#include <jansson.h>

#include "smtpguard/base/address.h"
#include "smtpguard/policy/settings.h"

json_t *report_prefix(const struct prefix *prefix);
json_t *report_names(const char *const *names, unsigned n_names);
/* A service's limits, reverse-DNS use and mode. */
json_t *report_limits(const struct service_settings *service);
