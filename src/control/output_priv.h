/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes on their way to one client. All zero: empty.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "smtpguard/base/compiler.h"

enum {
	OUTPUT_FULL = 1, /* more than bound bytes would wait: nothing was added */
};

struct output {
	char *data;
	size_t start, end, size; /* data[start..end) waits */
};

void output_done(struct output *output);
size_t output_pending(const struct output *output);
/* 0, OUTPUT_FULL, -ENOMEM. */
int output_add(struct output *output, const void *bytes, size_t length, size_t bound) MUST_CHECK;
/* Sends what the socket takes. 0 (*ret_progress: something was taken) or -errno: the peer is gone. */
int output_send(struct output *output, int fd, bool *ret_progress) MUST_CHECK;
