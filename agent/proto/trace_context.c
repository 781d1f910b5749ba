/* SPDX-License-Identifier: Apache-2.0 */
/* trace_context.c - the traceparent of W3C Trace Context, section 3.2. */

#include "agent/proto/trace_context.h"

#define LEN 55

#define DIGIT(c)  [c] = (c) - '0' + 1
#define LETTER(c) [c] = (c) - 'a' + 11

/* The value of each hex digit, and one more; 0: it is none. */
static const uint8_t digits[256] = {
	DIGIT('0'),  DIGIT('1'),  DIGIT('2'),  DIGIT('3'),  DIGIT('4'),	 DIGIT('5'),
	DIGIT('6'),  DIGIT('7'),  DIGIT('8'),  DIGIT('9'),  LETTER('a'), LETTER('b'),
	LETTER('c'), LETTER('d'), LETTER('e'), LETTER('f'),
};

static bool hex(uint8_t *out, size_t n, const char *in)
{
	unsigned int hi, lo, wrong = 0;

	for (size_t i = 0; i < n; i++) {
		hi = digits[(unsigned char)in[2 * i]];
		lo = digits[(unsigned char)in[2 * i + 1]];
		wrong |= !hi | !lo;
		out[i] = (uint8_t)((hi - 1) << 4 | (lo - 1));
	}
	return !wrong;
}

static bool is_zero(const uint8_t *id, size_t n)
{
	uint8_t any = 0;

	while (n--)
		any |= id[n];
	return !any;
}

bool otr_traceparent_read(struct otr_traceparent *out, struct otr_slice s)
{
	uint8_t version;

	if (s.len < LEN || !hex(&version, 1, s.data) || version == 0xff)
		return false;
	if (s.len > LEN && (!version || s.data[LEN] != '-'))
		return false;
	if (s.data[2] != '-' || s.data[35] != '-' || s.data[52] != '-')
		return false;
	return hex(out->trace_id, 16, s.data + 3) && hex(out->span_id, 8, s.data + 36) &&
	       hex(&out->flags, 1, s.data + 53) && !is_zero(out->trace_id, 16) &&
	       !is_zero(out->span_id, 8);
}
