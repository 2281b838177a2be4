/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What control_line.c (words, verbs) and control_values.c (what stands behind NAME=) share.
 */
#pragma once

#include "smtpguard/wire/control_line.h"

#define QUOTED_TEXT_MAX 64

enum control_parameter {
	PARAMETER_ACCOUNT,
	PARAMETER_ALL,
	PARAMETER_BY,
	PARAMETER_COMMENT,
	PARAMETER_FOR,
	PARAMETER_LIMIT,
	PARAMETER_MIN_NETWORKS,
	PARAMETER_REASON,
	PARAMETER_SERVICE,
	PARAMETER_SINCE,
	PARAMETER_SORT,
	PARAMETER_SOURCE,
	PARAMETER_TRUST,
	PARAMETERS
};

struct control_parser {
	char *rest;
	struct control_command *command;
	unsigned seen; /* bits of enum control_parameter */
	char *error;
	size_t error_size;
};

/* control_line.c */
/* -EINVAL, with the message. */
int control_parser_fail(struct control_parser *parser, const char *format, ...) PRINTF_LIKE(2, 3);
/* Foreign text for a message. Writes and returns buffer. */
const char *control_parser_shown(char buffer[static QUOTED_TEXT_MAX], const char *text);

/* control_values.c: each reads text into parser->command. 0, or -EINVAL with the message. */
const char *control_parameter_name(enum control_parameter parameter);
int control_value_read(struct control_parser *parser, enum control_parameter parameter,
		       const char *text) MUST_CHECK;
int control_prefix_read(struct control_parser *parser, const char *text) MUST_CHECK;
int control_mode_read(struct control_parser *parser, const char *text) MUST_CHECK;
