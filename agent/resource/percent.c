/* SPDX-License-Identifier: Apache-2.0 */
/* percent.c - lists of pairs as OTEL_* variables hold them. */

#include "agent/resource/percent.h"

#include "agent/base/buf.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

struct otr_slice otr_trim(struct otr_slice s)
{
	while (s.len && blank(*s.data))
		s = otr_slice_sub(s, 1, s.len);
	while (s.len && blank(s.data[s.len - 1]))
		s.len--;
	return s;
}

static struct otr_slice find_char(struct otr_slice s, char c)
{
	const char *at = s.len ? memchr(s.data, c, s.len) : NULL;

	return at ? otr_slice_sub(s, 0, (size_t)(at - s.data)) : s;
}

bool otr_pair_next(struct otr_slice *list, struct otr_slice *key, struct otr_slice *value)
{
	struct otr_slice pair = OTR_SLICE_NONE;

	while (list->len && !pair.len) {
		pair = find_char(*list, ',');
		*list = otr_slice_sub(*list, pair.len + 1, list->len);
		pair = otr_trim(pair);
	}
	if (!pair.len)
		return false;
	*key = find_char(pair, '=');
	*value = OTR_SLICE_NONE;
	if (key->len < pair.len)
		*value = otr_trim(otr_slice_sub(pair, key->len + 1, pair.len));
	*key = otr_trim(*key);
	return true;
}

bool otr_percent_decode(struct otr_buf *out, struct otr_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] != '%') {
			otr_buf_byte(out, s.data[i]);
			continue;
		}
		if (i + 2 >= s.len || otr_hex_digit(s.data[i + 1]) < 0 ||
		    otr_hex_digit(s.data[i + 2]) < 0)
			return false;
		otr_buf_byte(out, (char)(otr_hex_digit(s.data[i + 1]) << 4 |
					 otr_hex_digit(s.data[i + 2])));
		i += 2;
	}
	return true;
}
