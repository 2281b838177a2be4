/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the elements of one of our sets from the kernel, at start, before the event loop runs: the only
 * place that waits for an answer (at most 5 s). A dump of 16384 elements takes about 15 ms (FACTS 10).
 */
#pragma once

#include "smtpguard/wire/nft_batch.h"

enum {
	SET_READER_ABSENT = 1, /* there is no such set, or no table */
};

/* Calls visit for each element; a negative result of it ends the reading and is returned. */
int set_reader_read(const char *set, int (*visit)(void *userdata, const struct nft_element *element),
		    void *userdata) MUST_CHECK;
