/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cells.c - text in columns of a terminal.
 *
 * Characters of East Asian Width W and F (Unicode) take two columns; the table lists whole blocks.
 * wcwidth() does not serve: where no locale is installed it knows the C locale alone.
 */

#include "agent/console/cells.h"

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/text.h"

static const struct {
	uint32_t from, to;
	unsigned int cells;
} unusual[] = {
	{0x0300, 0x036f, 0},   {0x1100, 0x115f, 2}, {0x20d0, 0x20ff, 0},   {0x2e80, 0xa4cf, 2},
	{0xac00, 0xd7a3, 2},   {0xf900, 0xfaff, 2}, {0xfe00, 0xfe0f, 0},   {0xfe30, 0xfe6f, 2},
	{0xff00, 0xff60, 2},   {0xffe0, 0xffe6, 2}, {0x1f300, 0x1faff, 2}, {0x20000, 0x3fffd, 2},
	{0xe0100, 0xe01ef, 0},
};

static unsigned int cells_of(const char *at, size_t n)
{
	uint32_t c = (unsigned char)at[0];

	if (n < 2)
		return 1;
	c &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)at[i] & 0x3f);
	for (size_t i = 0; i < OTR_ARRAY_SIZE(unusual); i++)
		if (c >= unusual[i].from && c <= unusual[i].to)
			return unusual[i].cells;
	return 1;
}

/* Returns the bytes of the character at `at`, its columns in `cells`. A byte that is no UTF-8
 * is one column. */
static size_t next(struct otr_slice s, size_t at, unsigned int *cells)
{
	size_t n = otr_text_char(otr_slice_sub(s, at, 4));

	n = n ? n : 1;
	*cells = cells_of(s.data + at, n);
	return n;
}

unsigned int otr_cells(struct otr_slice s)
{
	unsigned int sum = 0, cells;

	for (size_t i = 0; i < s.len; sum += cells)
		i += next(s, i, &cells);
	return sum;
}

static void put_cells(struct otr_buf *out, const char *at, size_t n, unsigned int cells, bool ascii)
{
	if (!ascii || n == 1)
		otr_buf_add(out, at, n);
	else
		otr_buf_add(out, "??", cells);
}

unsigned int otr_cells_put(struct otr_buf *out, struct otr_slice s, unsigned int max, bool ascii)
{
	unsigned int all = otr_cells(s), col = 0, cells, room = max;
	size_t n;

	if (all > max)
		room = max > 0 ? max - 1 : 0;
	for (size_t i = 0; i < s.len; i += n) {
		n = next(s, i, &cells);
		if (col + cells > room)
			break;
		put_cells(out, s.data + i, n, cells, ascii);
		col += cells;
	}
	if (all <= max || !max)
		return col;
	otr_buf_str(out, ascii ? "~" : "\u2026");
	return col + 1;
}

void otr_cells_blank(struct otr_buf *out, unsigned int n)
{
	for (; n; n--)
		otr_buf_byte(out, ' ');
}
