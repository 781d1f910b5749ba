/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.c - RFC 3629, section 4: no overlong forms, no surrogates, nothing beyond U+10FFFF. Text is
 * nearly always ASCII, so eight bytes are checked in one step.
 */

#include "agent/base/utf8.h"

#define HIGH_BITS 0x8080808080808080ull
#define LOW_BITS  0x0101010101010101ull

/* Returns the length of the character that begins with the bytes `a` and `b`, or 0. The second
 * byte decides what the first leaves open; further bytes are 80..BF. */
static size_t expected(unsigned char a, unsigned char b)
{
	if (a >= 0xc2 && a <= 0xdf)
		return b >= 0x80 && b <= 0xbf ? 2 : 0;
	if (a >= 0xe0 && a <= 0xef)
		return b >= (a == 0xe0 ? 0xa0 : 0x80) && b <= (a == 0xed ? 0x9f : 0xbf) ? 3 : 0;
	if (a >= 0xf0 && a <= 0xf4)
		return b >= (a == 0xf0 ? 0x90 : 0x80) && b <= (a == 0xf4 ? 0x8f : 0xbf) ? 4 : 0;
	return 0;
}

size_t otr_utf8_char(struct otr_slice s)
{
	const unsigned char *c = (const unsigned char *)s.data;
	size_t n;

	if (!s.len)
		return 0;
	if (c[0] < 0x80)
		return c[0] != '\0';
	n = s.len > 1 ? expected(c[0], c[1]) : 0;
	if (n > s.len)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* Returns where ASCII ends, from `at` on. */
static size_t ascii(struct otr_slice s, size_t at)
{
	uint64_t eight;

	for (; at + sizeof(eight) <= s.len; at += sizeof(eight)) {
		memcpy(&eight, s.data + at, sizeof(eight));
		if ((eight | (eight - LOW_BITS)) & HIGH_BITS)
			break; /* a byte above 7F, or a NUL */
	}
	while (at < s.len && (unsigned char)(s.data[at] - 1) < 0x7f)
		at++;
	return at;
}

size_t otr_utf8_valid(struct otr_slice s)
{
	size_t at = ascii(s, 0), n;

	while (at < s.len) {
		n = otr_utf8_char(otr_slice_sub(s, at, 4));
		if (!n)
			break;
		at = ascii(s, at + n);
	}
	return at;
}

size_t otr_utf8_copy(char *to, struct otr_slice s)
{
	char *const from = to;
	size_t n;

	while (s.len) {
		n = otr_utf8_valid(s);
		memcpy(to, s.data, n);
		to += n;
		s = otr_slice_sub(s, n, s.len);
		if (!s.len)
			break;
		memcpy(to, "\xef\xbf\xbd", 3);
		to += 3;
		s = otr_slice_sub(s, 1, s.len);
	}
	return (size_t)(to - from);
}
