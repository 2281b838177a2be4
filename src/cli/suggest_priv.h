/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `smtpguard suggest-limits`: from what sources reached over days, which limit lies above the
 * normal ones and below those that stand out. Pure; no limit is changed by it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUGGEST_SOURCES_MIN 20
#define SUGGEST_DAYS_MIN    2
#define SUGGEST_ROWS_MAX    12
#define SUGGEST_REASON_MAX  320

struct suggest_peak {
	uint32_t value;
	bool verified;
};

struct suggest_inputs {
	struct suggest_peak *peaks; /* of one limit, one for each source; sorted by the call */
	size_t n;
	unsigned days;	  /* that they are from */
	uint32_t present; /* the limit now; 0: off */
	bool spares_verified;
	bool enforced; /* who was over the present limit was banned: how far he would have gone is
			  not known */
};

struct suggest_row {
	uint32_t limit;
	size_t caught;	 /* sources over it */
	size_t verified; /* of them */
};

struct suggestion {
	uint32_t limit; /* 0: none */
	char reason[SUGGEST_REASON_MAX];
	struct suggest_row present, suggested;	   /* all 0 without such a limit */
	struct suggest_row rows[SUGGEST_ROWS_MAX]; /* ascending, those two included */
	unsigned n_rows;
};

void suggest(struct suggest_inputs *inputs, struct suggestion *ret_suggestion);
