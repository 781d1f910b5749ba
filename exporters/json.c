/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c - values as JSON; see json.h.
 *
 * Text follows RFC 8259; a byte that is no UTF-8 becomes U+FFFD. DEL, U+2028 and U+2029 are escaped
 * too, since people paste such lines into terminals and scripts.
 */

#include "exporters/json.h"

#include <math.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/utf8.h"

static bool plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static size_t plain_run(struct otr_slice s)
{
	size_t n = 0;

	while (n < s.len && plain((unsigned char)s.data[n]))
		n++;
	return n;
}

/* Appends the first character of `s`, which has to be escaped or checked. Returns its bytes in
 * `s`. */
static size_t special(struct otr_buf *out, struct otr_slice s)
{
	static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	size_t n = otr_utf8_char(s);

	for (const char *f = short_forms; *f; f += 2) {
		if (*f != s.data[0])
			continue;
		otr_buf_byte(out, '\\');
		otr_buf_byte(out, f[1]);
		return 1;
	}
	if (!n)
		otr_buf_str(out, "\xef\xbf\xbd");
	else if (n == 1)
		otr_buf_printf(out, "\\u%04x", (unsigned char)s.data[0]);
	else if (n == 3 && !memcmp(s.data, "\xe2\x80\xa8", 2) &&
		 ((unsigned char)s.data[2] & 0xfe) == 0xa8)
		otr_buf_printf(out, "\\u20%02x", (unsigned char)s.data[2] - 0x80u);
	else
		otr_buf_add(out, s.data, n);
	return n ? n : 1;
}

void otr_json_text(struct otr_buf *out, struct otr_slice s)
{
	size_t n;

	otr_buf_byte(out, '"');
	while (s.len) {
		n = plain_run(s);
		otr_buf_add(out, s.data, n);
		s = otr_slice_sub(s, n, s.len);
		if (s.len)
			s = otr_slice_sub(s, special(out, s), s.len);
	}
	otr_buf_byte(out, '"');
}

void otr_json_hex(struct otr_buf *out, const char *key, const uint8_t *id, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char *to;

	otr_buf_str(out, key);
	to = otr_buf_room(out, 2 * len + 1);
	if (!to)
		return;
	for (size_t i = 0; i < len; i++) {
		*to++ = digits[id[i] >> 4];
		*to++ = digits[id[i] & 15];
	}
	*to = '"';
	out->len += 2 * len + 1;
}

void otr_json_real(struct otr_buf *out, double v)
{
	if (isnan(v))
		otr_buf_str(out, "\"NaN\"");
	else if (isinf(v))
		otr_buf_str(out, v < 0 ? "\"-Infinity\"" : "\"Infinity\"");
	else
		otr_buf_printf(out, "%.17g", v);
}
