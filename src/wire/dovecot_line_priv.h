/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What parsing the log of syslog's mail facility consists of: dovecot_line.c takes the line apart and reads
 * Dovecot's messages, courier_line.c those of Courier.
 */
#pragma once

#include "mail_line_priv.h"

/* Of a message that nobody understands: MAIL_LINE_UNPARSED if it seems to be about a failed login. */
enum mail_line_kind dovecot_line_relevance(struct text_slice text);

/* Addresses of one line that are looked at: an honest line has one. */
#define PLACES_MAX 64
/* Before the n-th, from 0; false: there are more, and line says so. */
bool dovecot_line_place_counts(struct mail_line *line, unsigned n);

bool courier_line_is_program(struct text_slice program, enum mail_protocol *ret_protocol);
/* Fills readings and attempts; the kind is that of a login even if there are none. */
enum mail_line_kind courier_line_parse(struct text_slice message, struct mail_line *line);
