/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * This host's addresses, followed live through rtnetlink: dumped at start, then as the kernel announces
 * changes; dumped again after a loss. FACTS 1 row 11: they must never be banned.
 */
#pragma once

#include <systemd/sd-event.h>

#include "smtpguard/base/address.h"
#include "smtpguard/base/compiler.h"

struct address_watcher;

/* Told each address that is there or gone; the same one may be told twice. */
typedef void (*address_watcher_handler)(void *userdata, const struct address *address, bool present);

/* All present addresses have been told when this returns. */
int address_watcher_new(struct address_watcher **ret_watcher, sd_event *event,
			address_watcher_handler handler, void *userdata) MUST_CHECK;
struct address_watcher *address_watcher_free(struct address_watcher *watcher);
