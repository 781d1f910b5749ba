/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CHARS_H
#define OTR_CHARS_H

/* chars.h - classes of characters in a head (RFC 9110). Inline: the head of each request is read by
 * these. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* RFC 9110 5.6.2: a character of a token. */
static inline int otr_is_token(unsigned char c)
{
	static const uint8_t set[256] = {
		['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['^' ... 'z'] = 1, ['#' ... '\''] = 1,
		['!'] = 1,	   ['*'] = 1,	      ['+'] = 1,	 ['-'] = 1,
		['.'] = 1,	   ['|'] = 1,	      ['~'] = 1,
	};

	return set[c];
}

/* RFC 9110 5.5: a control character other than a tab, which no line of a head may have. */
static inline int otr_is_control(unsigned char c)
{
	return (c < ' ' && c != '\t') || c == 0x7f;
}

typedef uint8_t otr_chars __attribute__((vector_size(16)));

/* Returns sixteen bytes: 0xff for each control character in `text`, 0 for any other. */
static inline otr_chars otr_controls(const char *text)
{
	otr_chars c;

	memcpy(&c, text, sizeof(c));
	return ((otr_chars)((c & 0xe0) == 0) & ~(otr_chars)(c == '\t')) | (otr_chars)(c == 0x7f);
}

/* Is any byte 0xff? */
static inline int otr_chars_any(otr_chars found)
{
#if defined(__SSE2__)
	return __builtin_ia32_pmovmskb128((char __attribute__((vector_size(16))))found) != 0;
#else
	uint64_t half[2];

	memcpy(half, &found, sizeof(half));
	return (half[0] | half[1]) != 0;
#endif
}

/* Is `text` the same as `name`, which is lower case, in upper or lower case? Both are tokens of
 * `len` characters, in which setting bit 0x20 changes letters alone. */
static inline int otr_is_name(const char *text, const char *name, size_t len)
{
	size_t n = 0;

	while (n < len && (text[n] | 0x20) == name[n])
		n++;
	return n == len;
}

#endif /* OTR_CHARS_H */
