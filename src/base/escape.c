// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/base/escape.h"

#include <string.h>

static int is_printable(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"';
}

char *escape_once(char *target, size_t size, const char *text, size_t length)
{
	size_t used = length < size ? length : size - 1;

	for (size_t i = 0; i < length; i++)
		if (!is_printable((unsigned char)text[i]))
			return escape(target, size, text, length);
	memcpy(target, text, used);
	target[used] = '\0';
	return target;
}

/* Most texts: without a branch for each byte, so that a compiler takes many at once. */
static int is_plain(const char *text, size_t length)
{
	int plain = 1;

	for (size_t i = 0; i < length; i++)
		plain &= is_printable((unsigned char)text[i]) & (text[i] != '\\');
	return plain;
}

char *escape(char *target, size_t size, const char *text, size_t length)
{
	static const char hex[] = "0123456789abcdef";
	size_t used = 0;

	if (length > 0 && length < size && is_plain(text, length)) {
		memcpy(target, text, length);
		target[length] = '\0';
		return target;
	}
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		int plain = is_printable(c) && c != '\\';

		if (used + (plain ? 1 : 4) >= size)
			break;
		if (plain) {
			target[used++] = (char)c;
			continue;
		}
		target[used++] = '\\';
		target[used++] = 'x';
		target[used++] = hex[c >> 4];
		target[used++] = hex[c & 15];
	}
	target[used] = '\0';
	return target;
}
