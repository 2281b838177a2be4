/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes foreign text (DNS names, file contents, what a client sent) safe to print: printable ASCII
 * stays, backslash, double quote and everything else becomes \xNN. Nothing that a terminal, a log
 * reader or nft acts on remains.
 */
#pragma once

#include <stddef.h>

/*
 * Writes at most size bytes with the final NUL (size >= 1); text that does not fit is cut between
 * two characters. Returns target.
 */
char *escape(char *target, size_t size, const char *text, size_t length);

/*
 * For text that may have been escaped before, as a comment of ours that comes back from the kernel: kept
 * as it is if there is nothing to escape but backslashes.
 */
char *escape_once(char *target, size_t size, const char *text, size_t length);
