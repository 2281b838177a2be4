/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Strict readers for numbers, durations and windows as the configuration and the socket write them
 * (SPEC 3). No sign, no blanks, no rest: anything else is -EINVAL; out of bounds is -ERANGE.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "smtpguard/base/clock.h"
#include "smtpguard/base/compiler.h"

#define DURATION_TEXT_MAX 32

/* Decimal digits only, within minimum..maximum. */
int parse_number(const char *text, uint64_t minimum, uint64_t maximum,
		 uint64_t *ret_value) MUST_CHECK;

/* Digits and one unit of "ms" "s" "m" "h" "d": "90s", "7d". Must be greater than 0. */
int parse_duration(const char *text, usec_t *ret_duration) MUST_CHECK;

/* "COUNT/DURATION", COUNT at least 1: "10/300s". */
int parse_window(const char *text, uint32_t *ret_count, usec_t *ret_duration) MUST_CHECK;

/* A window as operators write them: in seconds ("300s"), in milliseconds if it is not whole seconds. */
const char *window_format(usec_t window, char text[static DURATION_TEXT_MAX]);

/* The shortest exact text of parse_duration()'s form ("90s", "1h"), rounded down to 1 ms. */
const char *duration_format(usec_t duration, char text[static DURATION_TEXT_MAX]);
