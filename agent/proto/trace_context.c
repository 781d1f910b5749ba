/* SPDX-License-Identifier: Apache-2.0 */
/* trace_context.c - the traceparent of W3C Trace Context, section 3.2. */

#include "agent/proto/trace_context.h"

#define LEN 55

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex(uint8_t *out, size_t n, const char *in)
{
	int hi, lo;

	for (size_t i = 0; i < n; i++) {
		hi = nibble(in[2 * i]);
		lo = nibble(in[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
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
