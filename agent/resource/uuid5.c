/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uuid5.c - UUIDs made from names: RFC 9562, 5.5; SHA-1: RFC 3174, method 1. The hash protects no
 * secret, and 40 lines save loading a library.
 */

#include "agent/resource/uuid5.h"

#include <stdio.h>

#define BLOCK	   64
#define NAME_BYTES 440

static uint32_t rotl(uint32_t x, unsigned int n)
{
	return x << n | x >> (32 - n);
}

static uint32_t mix(unsigned int t, const uint32_t s[5])
{
	if (t < 20)
		return ((s[1] & s[2]) | (~s[1] & s[3])) + 0x5a827999;
	if (t < 40)
		return (s[1] ^ s[2] ^ s[3]) + 0x6ed9eba1;
	if (t < 60)
		return ((s[1] & s[2]) | (s[1] & s[3]) | (s[2] & s[3])) + 0x8f1bbcdc;
	return (s[1] ^ s[2] ^ s[3]) + 0xca62c1d6;
}

static void hash_block(uint32_t h[5], const uint8_t *in)
{
	uint32_t w[80], s[5], t;
	unsigned int i;

	for (i = 0; i < 16; i++)
		w[i] = (uint32_t)in[4 * i] << 24 | (uint32_t)in[4 * i + 1] << 16 |
		       (uint32_t)in[4 * i + 2] << 8 | in[4 * i + 3];
	for (; i < 80; i++)
		w[i] = rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	memcpy(s, h, sizeof(s));
	for (i = 0; i < 80; i++) {
		t = rotl(s[0], 5) + mix(i, s) + s[4] + w[i];
		s[4] = s[3];
		s[3] = s[2];
		s[2] = rotl(s[1], 30);
		s[1] = s[0];
		s[0] = t;
	}
	for (i = 0; i < 5; i++)
		h[i] += s[i];
}

static void big_endian(uint8_t *to, uint64_t v, unsigned int bytes)
{
	while (bytes--) {
		to[bytes] = (uint8_t)v;
		v >>= 8;
	}
}

void otr_sha1(uint8_t out[20], struct otr_slice in)
{
	uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	uint8_t last[2 * BLOCK] = {0};
	size_t rest = in.len % BLOCK, end = rest < BLOCK - 8 ? BLOCK : 2 * BLOCK;

	for (size_t i = 0; i + BLOCK <= in.len; i += BLOCK)
		hash_block(h, (const uint8_t *)in.data + i);
	if (rest)
		memcpy(last, in.data + in.len - rest, rest);
	last[rest] = 0x80;
	big_endian(last + end - 8, (uint64_t)in.len * 8, 8);
	for (size_t i = 0; i < end; i += BLOCK)
		hash_block(h, last + i);
	for (size_t i = 0; i < 5; i++)
		big_endian(out + 4 * i, h[i], 4);
}

void otr_uuid5(char out[OTR_UUID_TEXT], const uint8_t ns[16], struct otr_slice name)
{
	char all[16 + NAME_BYTES];
	uint8_t h[20];
	size_t at = 0;

	if (name.len > NAME_BYTES)
		name.len = NAME_BYTES;
	memcpy(all, ns, 16);
	if (name.len)
		memcpy(all + 16, name.data, name.len);
	otr_sha1(h, (struct otr_slice){all, 16 + name.len});
	h[6] = (uint8_t)((h[6] & 0x0f) | 0x50); /* version 5 */
	h[8] = (uint8_t)((h[8] & 0x3f) | 0x80); /* variant of the RFC */
	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		snprintf(out + at, 3, "%02x", h[i]);
		at += 2;
	}
}
