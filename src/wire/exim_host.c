// SPDX-License-Identifier: GPL-2.0-or-later
#include "exim_line_priv.h"

static bool is_name_byte(char c)
{
	return slice_is_alphanumeric(c) || c == '.' || c == '-' || c == '_' || c == '$';
}

size_t exim_find_code(struct text_slice text, size_t from)
{
	size_t at = from;

	while ((at = slice_find_byte(text, at, ':')) != SLICE_NONE) {
		const char *code = text.at + at + 2;

		if (text.length - at < sizeof(": 535 ") - 1)
			return SLICE_NONE;
		if (code[-1] == ' ' && slice_is_digit(code[0]) && slice_is_digit(code[1]) &&
		    slice_is_digit(code[2]) && code[3] == ' ')
			return at;
		at++;
	}
	return SLICE_NONE;
}

/* memmem() would set up its tables for every line: a capital P is rare enough */
size_t exim_find_protocol(struct text_slice text, size_t from)
{
	size_t at = from + 1;

	while ((at = slice_find_byte(text, at, 'P')) != SLICE_NONE) {
		if (text.at[at - 1] == ' ' && SLICE_HAS_AT(text, at + 1, "=") &&
		    at + 2 < text.length && text.at[at + 2] != ' ')
			return at - 1;
		at++;
	}
	return SLICE_NONE;
}

size_t exim_find_dropped(struct text_slice text, size_t from)
{
	return SLICE_FIND(text, from, " dropped: too many ");
}

size_t exim_find_reserve(struct text_slice text, size_t from)
{
	return SLICE_FIND(text, from, ": not in reserve list: ");
}

size_t exim_find_gap(struct text_slice text, size_t from)
{
	size_t at = slice_find_byte(text, from, ' ');

	return at == SLICE_NONE ? text.length : at;
}

/* A HELO that is an address literal stands in parentheses, that of an interface behind "I=". */
static bool may_be_host(struct text_slice text, size_t at)
{
	if (at == 0 || text.at[at - 1] == ' ')
		return true;
	return at >= 2 && text.at[at - 1] == '=' && text.at[at - 2] == 'H' &&
	       (at == 2 || text.at[at - 3] == ' ');
}

/* " I=", " TFO", " Ci=": they all begin with a capital. */
static bool field_follows(struct text_slice text, size_t at)
{
	return text.length - at >= 2 && text.at[at] == ' ' && text.at[at + 1] >= 'A' &&
	       text.at[at + 1] <= 'Z';
}

bool exim_scan_next(struct exim_scan *scan, struct exim_host *ret_host)
{
	struct exim_host host;
	size_t at, length;

	while ((at = slice_find_byte(scan->text, scan->at, '[')) != SLICE_NONE) {
		length = may_be_host(scan->text, at)
				 ? slice_host(scan->text, at, &host.address, &host.port)
				 : 0;
		host.end = at + length;
		scan->at = length ? host.end : at + 1;
		if (!length)
			continue;
		/* kept from one host to the next: a line is searched once for all of them */
		if (scan->ending < host.end)
			scan->ending = scan->find(scan->text, host.end);
		if (scan->ending == SLICE_NONE)
			return false;
		if (scan->ending != host.end && !field_follows(scan->text, host.end))
			continue;
		host.ending = scan->ending;
		*ret_host = host;
		return true;
	}
	return false;
}

bool exim_host_is_local(struct text_slice text)
{
	size_t at = 0;

	if (SLICE_BEGINS(text, "U="))
		return true;
	while (at < text.length && is_name_byte(text.at[at]))
		at++;
	if (at == 0 || at + 1 >= text.length || (text.at[at] != ' ' && text.at[at] != ':'))
		return false;
	/* behind the name of a remote host stands its HELO or its address */
	return text.at[at + 1] != '(' && text.at[at + 1] != '[';
}
