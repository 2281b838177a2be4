/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The main section of Exim's configuration, read as text: macros, conditions and includes as far as they
 * decide which value holds. `exim -bP` would know better, but nothing is executed here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "smtpguard/base/compiler.h"

#define EXIM_SLOTS_DEFAULT 20 /* Exim's own smtp_accept_max */

struct exim_settings {
	char slots[32], per_host[64], reserve[32], per_connection[32]; /* empty: not set */
	char reserve_hosts[64], ports[256], log_selector[512];
};

/* The first file that exists, below root, of those where cPanel and distributions have it; or NULL. */
const char *exim_file_find(const char *root);
/* 0, or -errno of the main file. root comes before every path; else "". */
int exim_file_read(const char *root, const char *path, struct exim_settings *ret_settings) MUST_CHECK;
/* Whether log_selector asks for it: the last word about it, or about all, counts. */
bool exim_file_logs(const struct exim_settings *settings, const char *what);
/* As Exim reads integers: digits, then perhaps K, M or G. -EINVAL. */
int exim_file_number(const char *text, uint64_t *ret_number) MUST_CHECK;
