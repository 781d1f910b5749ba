/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CHARS_H
#define OTR_CHARS_H

/* chars.h - classes of characters in a head (RFC 9110). Inline, since the head of every request is
 * read. */

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

/* RFC 9110 5.5: a control character that no line of a head may have, which is any but a tab. */
static inline int otr_is_control(unsigned char c)
{
	return (c < ' ' && c != '\t') || c == 0x7f;
}

typedef uint8_t otr_chars __attribute__((vector_size(16)));

/* Which of sixteen bytes are control characters? Those are 0xff in the result. */
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

/* Do `text` and `name`, which is lower case, agree in their `len` characters, in any case? Both
 * are tokens, so only letters differ in 0x20. */
static inline int otr_is_name(const char *text, const char *name, size_t len)
{
	size_t n = 0;

	while (n < len && (text[n] | 0x20) == name[n])
		n++;
	return n == len;
}

#endif /* OTR_CHARS_H */
