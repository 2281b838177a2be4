/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of problems while it is made.
 */
#pragma once

#include "report_status_priv.h"

struct problems {
	json_t *list;
	bool failed;
};

/* One sentence; foreign text in it is escaped. */
void problem_add(struct problems *problems, const char *format, ...) PRINTF_LIKE(2, 3);

/* problems_mail.c */
void problems_mail(struct problems *problems, const struct status_facts *facts);
