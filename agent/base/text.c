/* SPDX-License-Identifier: Apache-2.0 */
/* text.c - bytes from the wire, made fit for a person's terminal. UTF-8 as in
 * RFC 3629, section 4: no overlong forms, no surrogates, nothing past U+10FFFF. */

#include "agent/base/text.h"

#include "agent/base/buf.h"
#include "agent/base/own.h"

#define DISTANCE_MAX 64

/* Lays out text in another order, or hides it: U+200B to U+200F, U+2028 to
 * U+202E, U+2060 to U+206F, U+061C, U+FEFF. */
static bool unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0x61c ||
	       c == 0xfeff;
}

static size_t expected(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2)
		return 0;
	if (lead < 0xe0)
		return 2;
	if (lead < 0xf0)
		return 3;
	return lead < 0xf5 ? 4 : 0;
}

size_t otr_text_char(struct otr_slice s)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s.len ? expected((unsigned char)s.data[0]) : 0;
	uint32_t c;

	if (!n || n > s.len)
		return 0;
	c = (unsigned char)s.data[0];
	if (n > 1)
		c &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)s.data[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | ((unsigned char)s.data[i] & 0x3f);
	}
	if (c < least[n] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		return 0;
	return unsafe(c) ? 0 : n;
}

/* How many bytes at the front are printable ASCII: nearly always all of them. */
static size_t plain(struct otr_slice s)
{
	size_t n = 0;

	while (n < s.len && s.data[n] >= 0x20 && s.data[n] < 0x7f)
		n++;
	return n;
}

void otr_text_escape(struct otr_buf *out, struct otr_slice s)
{
	size_t n = plain(s);

	otr_buf_add(out, s.data, n);
	for (size_t i = n; i < s.len; i += n ? n : 1) {
		n = otr_text_char(otr_slice_sub(s, i, 4));
		if (n)
			otr_buf_add(out, s.data + i, n);
		else
			otr_buf_printf(out, "\\x%02x", (unsigned char)s.data[i]);
	}
}

static unsigned int least_of(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

unsigned int otr_text_distance(const char *a, const char *b)
{
	unsigned int row[3][DISTANCE_MAX + 1];
	size_t na = strlen(a), nb = strlen(b);

	if (na > DISTANCE_MAX || nb > DISTANCE_MAX)
		return 99;
	for (size_t j = 0; j <= nb; j++)
		row[1][j] = (unsigned int)j;
	for (size_t i = 1; i <= na; i++) {
		row[2][0] = (unsigned int)i;
		for (size_t j = 1; j <= nb; j++) {
			row[2][j] = least_of(row[1][j] + 1, row[2][j - 1] + 1,
					     row[1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    row[0][j - 2] < row[2][j])
				row[2][j] = row[0][j - 2] + 1;
		}
		memcpy(row[0], row[1], sizeof(row[0]));
		memcpy(row[1], row[2], sizeof(row[0]));
	}
	return row[1][nb];
}
