/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this kernel can do, found out by trying it on scratch objects in our own table, never by its
 * version. Needs CAP_NET_ADMIN. Takes some milliseconds; up to 0.2 s for each feature that is missing,
 * because Linux 6.12 and later are slow to refuse a transaction (FACTS 5.3).
 */
#pragma once

#include <stdbool.h>

struct kernel_features {
	bool queue;		/* the nft expression `queue`: the gate rests on it */
	bool element_counters;	/* counters in the elements of a set */
	bool timeout_update;	/* adding an element again gives it its new timeout (6.12 and later) */
	bool interval_timeouts; /* timeouts in interval sets */
	bool sock_destroy;	/* SOCK_DESTROY of sock_diag(7): a ban ends live connections */
	bool ct_filter;		/* CTA_FILTER: conntrack dumps of one port */
};

/*
 * What cannot be found out counts as missing. The table inet smtpguard is there afterwards, without
 * scratch objects; bans and rules that were in it are untouched.
 */
void feature_probe(struct kernel_features *ret_features);
