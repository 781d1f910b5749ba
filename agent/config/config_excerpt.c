/* SPDX-License-Identifier: Apache-2.0 */
/* config_excerpt.c - shows the line of a file at which an error is; see config_excerpt.h. */

#include "agent/config/config_excerpt.h"

#include <stdint.h>
#include <string.h>

#include "agent/base/err.h"

#define LINE_MAX_LEN 160 /* a longer line is not shown */

static bool starts_character(char c)
{
	return ((uint8_t)c & 0xc0) != 0x80; /* any byte but those that continue one in UTF-8 */
}

static struct otr_slice line_of(struct otr_slice text, size_t line)
{
	const char *at = text.data, *end = text.data + text.len, *stop;

	for (; line && at < end; line--) {
		stop = memchr(at, '\n', (size_t)(end - at));
		at = stop ? stop + 1 : end;
	}
	if (at == end)
		return (struct otr_slice){NULL, 0};
	stop = memchr(at, '\n', (size_t)(end - at));
	stop = stop ? stop : end;
	stop -= stop > at && stop[-1] == '\r';
	return (struct otr_slice){at, (size_t)(stop - at)};
}

/* The byte at which the character `column` begins. */
static size_t byte_of(struct otr_slice line, size_t column)
{
	size_t at;

	for (at = 0; at < line.len; at++)
		if (starts_character(line.data[at]) && !column--)
			break;
	return at;
}

void otr_excerpt_hint(struct otr_slice text, size_t line, size_t from, size_t to,
		      struct otr_err *err)
{
	struct otr_slice is = line_of(text, line);
	size_t begin, end;

	if (!is.len || is.len > LINE_MAX_LEN)
		return;
	begin = byte_of(is, from);
	end = to > from ? byte_of(is, to) : begin;
	otr_err_hint(err, "%zu | %.*s>%.*s<%.*s", line + 1, (int)begin, is.data, (int)(end - begin),
		     is.data + begin, (int)(is.len - end), is.data + end);
}

void otr_excerpt_place(struct otr_slice text, size_t offset, size_t *line, size_t *column)
{
	*line = *column = 0;
	for (size_t i = 0; i < offset && i < text.len; i++) {
		if (starts_character(text.data[i]))
			++*column;
		if (text.data[i] == '\n') {
			++*line;
			*column = 0;
		}
	}
}
