/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret_fold.c - replaces full-width letters (U+FF01..) by ASCII and removes accents of Latin
 * letters, so that a table of ASCII words finds `ＴＯＫＥＮ` and `contraseña`.
 */

#include "agent/base/secret.h"

#include <stdint.h>

/* U+00C0 to U+017F. */
static const char latin[] = "AAAAAAACEEEEIIIIDNOOOOO*OUUUUYTsaaaaaaaceeeeiiiidnooooo/ouuuuyty"
			    "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiJjJjKkkLlLlLlLlLl"
			    "NnNnNnnNnOoOoOoOoRrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";

/* Reads the character at the head of `s` and returns its length; 0: it is broken, or beyond
 * U+FFFF. */
static size_t read_utf8(struct otr_slice s, uint32_t *c)
{
	const uint8_t *at = (const uint8_t *)s.data;
	size_t n = at[0] >= 0xe0 ? 3 : 2;

	if (at[0] < 0xc2 || at[0] >= 0xf0 || s.len < n)
		return 0;
	*c = n == 3 ? at[0] & 0xf : at[0] & 0x1f;
	for (size_t i = 1; i < n; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (at[i] & 0x3f);
	}
	return n;
}

#define NOTHING 0 /* an accent by itself */
#define ITSELF	(-1)

static int fold_char(uint32_t c)
{
	if (c >= 0xc0 && c < 0xc0 + sizeof(latin) - 1)
		return latin[c - 0xc0];
	if (c >= 0x300 && c <= 0x36f)
		return NOTHING;
	if (c == 0xa0 || (c >= 0x2000 && c <= 0x200a) || c == 0x3000)
		return ' ';
	return c >= 0xff01 && c <= 0xff5e ? (int)(c - 0xfee0) : ITSELF;
}

size_t otr_secret_fold(char *text, size_t len)
{
	size_t n = 0, used;
	uint32_t c = 0;
	int is;

	for (size_t i = 0; i < len; i += used) {
		used = (uint8_t)text[i] < 0x80
			       ? 0
			       : read_utf8((struct otr_slice){text + i, len - i}, &c);
		is = used ? fold_char(c) : ITSELF;
		used = used ? used : 1;
		if (is > 0)
			text[n++] = (char)is;
		for (size_t k = 0; is == ITSELF && k < used; k++)
			text[n++] = text[i + k];
	}
	return n;
}

static bool is_hex(char c)
{
	return otr_hex_digit(c) >= 0;
}

bool otr_secret_readable(struct otr_slice plain)
{
	for (size_t i = 0; i < plain.len; i++) {
		const char *at = plain.data + i;
		size_t left = plain.len - i;

		if ((unsigned char)*at >= 0x80)
			return false;
		if (*at == '%' && left > 2 && is_hex(at[1]) && is_hex(at[2]))
			return false;
		if ((*at == '%' || *at == '\\') && left > 5 && otr_lower(at[1]) == 'u' &&
		    is_hex(at[2]) && is_hex(at[3]) && is_hex(at[4]) && is_hex(at[5]))
			return false;
	}
	return true;
}
