/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time. Inside the program it is CLOCK_BOOTTIME in microseconds (it runs on through suspend, like the
 * timeouts of kernel set elements); wall-clock time appears only in reports.
 * Pure modules never ask for the time: `now` is an argument.
 */
#pragma once

#include <stdint.h>

typedef uint64_t usec_t;

#define USEC_PER_MSEC ((usec_t)1000)
#define USEC_PER_SEC ((usec_t)1000000)
#define USEC_NEVER UINT64_MAX

#define TIMESTAMP_TEXT_MAX 32

usec_t clock_now(void);
/* Wall-clock time of a moment of clock_now()'s scale, in microseconds since 1970. */
usec_t clock_to_wall(usec_t moment);
/* RFC 3339 in UTC with seconds, "2026-11-22T10:00:00Z". Writes and returns text. */
const char *clock_format_wall(usec_t wall, char text[static TIMESTAMP_TEXT_MAX]);
