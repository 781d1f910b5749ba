/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_FIND_BYTE_H
#define OTR_FIND_BYTE_H

/* find_byte.h - memchr() for bytes that are near: a call would take longer than the search. */

#include <stddef.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Returns the first `byte` in what lies from `at` up to `end`, or NULL. */
static inline const char *otr_find_byte(const char *at, const char *end, char byte)
{
#ifdef __SSE2__
	const __m128i want = _mm_set1_epi8(byte);
	unsigned int found;

	for (; end - at >= 16; at += 16) {
		found = (unsigned int)_mm_movemask_epi8(
			_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)at), want));
		if (found)
			return at + __builtin_ctz(found);
	}
#endif
	return at < end ? memchr(at, byte, (size_t)(end - at)) : NULL;
}

#endif /* OTR_FIND_BYTE_H */
