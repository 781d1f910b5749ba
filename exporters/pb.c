/* SPDX-License-Identifier: Apache-2.0 */
/* pb.c - protobuf's wire format, written in one pass; see pb.h. */

#include "exporters/pb.h"

#include <string.h>

#include "agent/base/buf.h"
#include "agent/resource/utf8.h"

enum wire { VARINT, FIXED64, LEN, FIXED32 = 5 };

#define VARINT_MAX 10
#define HEAD_MAX   (5 + VARINT_MAX) /* a tag, and a number or length */

static char *varint(char *to, uint64_t n)
{
	for (; n >= 0x80; n >>= 7)
		*to++ = (char)(n | 0x80);
	*to++ = (char)n;
	return to;
}

static char *tag(char *to, uint32_t field, enum wire wire)
{
	return varint(to, (uint64_t)field << 3 | wire);
}

static void count(struct otr_buf *out, const char *end)
{
	out->len = (size_t)(end - out->data);
}

size_t otr_pb_begin(struct otr_buf *out, uint32_t field)
{
	char *to = otr_buf_room(out, HEAD_MAX);

	if (to)
		count(out, tag(to, field, LEN) + 1);
	return out->len;
}

void otr_pb_end(struct otr_buf *out, size_t begun)
{
	char head[VARINT_MAX];
	size_t len = out->len - begun, more;

	if (out->rc)
		return;
	more = (size_t)(varint(head, len) - head) - 1;
	if (more && !otr_buf_room(out, more))
		return;
	if (more)
		memmove(out->data + begun + more, out->data + begun, len);
	memcpy(out->data + begun - 1, head, more + 1);
	out->len += more;
}

void otr_pb_bytes(struct otr_buf *out, uint32_t field, const void *data, size_t len)
{
	char *to = otr_buf_room(out, HEAD_MAX + len);

	if (!to)
		return;
	to = varint(tag(to, field, LEN), len);
	if (len)
		memcpy(to, data, len);
	count(out, to + len);
}

void otr_pb_varint(struct otr_buf *out, uint32_t field, uint64_t n)
{
	char *to = otr_buf_room(out, HEAD_MAX);

	if (to)
		count(out, varint(tag(to, field, VARINT), n));
}

static void fixed(struct otr_buf *out, uint32_t field, enum wire wire, uint64_t n,
		  size_t size)
{
	char *to = otr_buf_room(out, HEAD_MAX);

	if (!to)
		return;
	to = tag(to, field, wire);
	for (size_t i = 0; i < size; i++)
		*to++ = (char)(n >> 8 * i);
	count(out, to);
}

void otr_pb_fixed64(struct otr_buf *out, uint32_t field, uint64_t n)
{
	fixed(out, field, FIXED64, n, sizeof(n));
}

void otr_pb_fixed32(struct otr_buf *out, uint32_t field, uint32_t n)
{
	fixed(out, field, FIXED32, n, sizeof(n));
}

/* Where it is not as it should be. */
static void repaired(struct otr_buf *out, uint32_t field, struct otr_slice s)
{
	size_t begun = otr_pb_begin(out, field);
	char *to = otr_buf_room(out, OTR_UTF8_COPY_MAX(s.len));

	if (to)
		out->len += otr_utf8_copy(to, s);
	otr_pb_end(out, begun);
}

void otr_pb_text(struct otr_buf *out, uint32_t field, struct otr_slice s)
{
	if (otr_utf8_valid(s) == s.len)
		otr_pb_bytes(out, field, s.data, s.len);
	else
		repaired(out, field, s);
}
