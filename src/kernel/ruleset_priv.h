/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the ruleset's text that depend on the services: rules, and the sets of the ceilings. */
#pragma once

#include <stdio.h>

#include "smtpguard/kernel/ruleset.h"

void ruleset_print_ceiling_sets(FILE *out, const struct ruleset_parameters *parameters);
/* of the chain input */
void ruleset_print_jump(FILE *out, const struct ruleset_parameters *parameters);
/* of the chain guarded, in this order */
void ruleset_print_ban_rules(FILE *out, const struct ruleset_parameters *parameters);
void ruleset_print_service_rules(FILE *out, const struct ruleset_parameters *parameters);
