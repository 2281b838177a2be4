// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/base/siphash.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

static inline uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return le64toh(x);
}

static inline void rounds(uint64_t v[4], int n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[0] = rotate(v[0], 32);
		v[2] += v[3];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

uint64_t siphash(const struct siphash_key *key, const void *data, size_t length)
{
	uint64_t k0 = load64(key->bytes), k1 = load64(key->bytes + 8);
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
			  k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 };
	const uint8_t *p = data, *end = p + (length & ~(size_t)7);
	uint8_t tail[8] = { 0 };
	uint64_t m;

	for (; p < end; p += 8) {
		m = load64(p);
		v[3] ^= m;
		rounds(v, 2);
		v[0] ^= m;
	}
	memcpy(tail, p, length & 7);
	tail[7] = (uint8_t)length;
	m = load64(tail);
	v[3] ^= m;
	rounds(v, 2);
	v[0] ^= m;
	v[2] ^= 0xff;
	rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

int siphash_key_random(struct siphash_key *ret_key)
{
	ssize_t got;

	do
		got = getrandom(ret_key->bytes, sizeof(ret_key->bytes), 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	return got == (ssize_t)sizeof(ret_key->bytes) ? 0 : -EIO;
}
