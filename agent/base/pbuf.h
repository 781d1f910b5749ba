/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PBUF_H
#define OTR_PBUF_H

/*
 * pbuf.h - protobuf's wire format, written from the end to the front.
 *
 * A submessage stands behind its length. Written backwards, its length is known when its
 * content is written, so nothing is measured first and nothing is moved afterwards:
 *
 *	data          at                          data + cap
 *	|   free      |  written last .. written first  |
 *
 * The caller makes room (otr_pbuf_room()) for the most that it may write; the other
 * functions do not check. Fields are written in descending order, so that they end up in
 * ascending order, as other encoders write them.
 * https://protobuf.dev/programming-guides/encoding/
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum otr_pbuf_type {
	OTR_PBUF_VARINT,
	OTR_PBUF_FIXED64,
	OTR_PBUF_LEN,
	OTR_PBUF_FIXED32 = 5,
};

#define OTR_PBUF_TAG_MAX 16 /* bound for a tag with a length or a number */

struct otr_pbuf { /* begins zeroed */
	char *data;
	size_t cap, at;
};

/* Allocates `len` more bytes. Returns 0, or -ENOMEM with `w` unchanged. */
int otr_pbuf_room(struct otr_pbuf *w, size_t len);
void otr_pbuf_fini(struct otr_pbuf *w);

static inline void otr_pbuf_reset(struct otr_pbuf *w)
{
	w->at = w->cap;
}

static inline size_t otr_pbuf_len(const struct otr_pbuf *w)
{
	return w->cap - w->at;
}

/* Copies `len` bytes by two copies of fixed size, which may overlap: keys and most values are
 * short, and a call of memcpy() takes longer than their copy. */
static inline void otr_pbuf_copy(char *to, const char *from, size_t len)
{
	if (len > 32) {
		memcpy(to, from, len);
	} else if (len >= 16) {
		memcpy(to, from, 16);
		memcpy(to + len - 16, from + len - 16, 16);
	} else if (len >= 8) {
		memcpy(to, from, 8);
		memcpy(to + len - 8, from + len - 8, 8);
	} else if (len >= 4) {
		memcpy(to, from, 4);
		memcpy(to + len - 4, from + len - 4, 4);
	} else if (len) {
		to[0] = from[0];
		to[len / 2] = from[len / 2];
		to[len - 1] = from[len - 1];
	}
}

static inline void otr_pbuf_bytes(struct otr_pbuf *w, const void *data, size_t len)
{
	w->at -= len;
	otr_pbuf_copy(w->data + w->at, data, len);
}

static inline void otr_pbuf_varint(struct otr_pbuf *w, uint64_t n)
{
	char *to;

	w->at--;
	for (uint64_t rest = n; rest >= 0x80; rest >>= 7)
		w->at--;
	to = w->data + w->at;
	for (; n >= 0x80; n >>= 7)
		*to++ = (char)(n | 0x80);
	*to = (char)n;
}

/* `field` is below 16, so its tag is one byte. */
static inline void otr_pbuf_tag(struct otr_pbuf *w, unsigned int field, enum otr_pbuf_type type)
{
	w->data[--w->at] = (char)(field << 3 | type);
}

/* Puts tag and length before all that was written since otr_pbuf_len() was `from`. */
static inline void otr_pbuf_close(struct otr_pbuf *w, unsigned int field, size_t from)
{
	otr_pbuf_varint(w, otr_pbuf_len(w) - from);
	otr_pbuf_tag(w, field, OTR_PBUF_LEN);
}

static inline void otr_pbuf_string(struct otr_pbuf *w, unsigned int field, const void *data,
				   size_t len)
{
	otr_pbuf_bytes(w, data, len);
	otr_pbuf_varint(w, len);
	otr_pbuf_tag(w, field, OTR_PBUF_LEN);
}

static inline void otr_pbuf_number(struct otr_pbuf *w, unsigned int field, uint64_t n)
{
	otr_pbuf_varint(w, n);
	otr_pbuf_tag(w, field, OTR_PBUF_VARINT);
}

/* Little endian, as every machine we run on. */
static inline void otr_pbuf_fixed64(struct otr_pbuf *w, unsigned int field, uint64_t n)
{
	otr_pbuf_bytes(w, &n, sizeof(n));
	otr_pbuf_tag(w, field, OTR_PBUF_FIXED64);
}

static inline void otr_pbuf_fixed32(struct otr_pbuf *w, unsigned int field, uint32_t n)
{
	otr_pbuf_bytes(w, &n, sizeof(n));
	otr_pbuf_tag(w, field, OTR_PBUF_FIXED32);
}

#endif /* OTR_PBUF_H */
