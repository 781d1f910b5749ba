/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_BUF_H
#define OTR_BUF_H

/*
 * buf.h - bytes that grow, to a limit.
 *
 * Errors stick: after a failed append the buffer keeps what it had, `rc` says
 * why, and later appends do nothing, so that a writer checks once, at its end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"

struct otr_buf {
	char *data;
	size_t len;
	size_t cap;
	size_t max; /* never grows beyond; 0: 64 MiB */
	int rc;	    /* 0, -ENOMEM, or -EMSGSIZE beyond `max` */
	bool lent;  /* `data` is the array of OTR_BUF_ON(): not freed, copied when it is full */
};

/* Begins in an array of the caller's, so that a short text allocates nothing. */
#define OTR_BUF_ON(array, limit)                                                    \
	{                                                                           \
		.data = (array), .cap = sizeof(array), .max = (limit), .lent = true \
	}

/* An embedded buffer begins zeroed; this gives back what it holds. */
void otr_buf_fini(struct otr_buf *buf);

/* Forgets the bytes and the error, keeps the memory. */
void otr_buf_reset(struct otr_buf *buf);

/* Makes room for `len` more bytes and returns where they go, or NULL. They
 * count once `len` is raised by the caller. */
char *otr_buf_grow(struct otr_buf *buf, size_t len);
static inline char *otr_buf_room(struct otr_buf *buf, size_t len)
{
	if (!buf->rc && len <= buf->cap - buf->len && (!buf->max || buf->len + len <= buf->max))
		return buf->data + buf->len;
	return otr_buf_grow(buf, len); /* or says why not */
}

void otr_buf_add(struct otr_buf *buf, const void *data, size_t len);
static inline void otr_buf_slice(struct otr_buf *buf, struct otr_slice s)
{
	otr_buf_add(buf, s.data, s.len);
}
void otr_buf_str(struct otr_buf *buf, const char *str);
void otr_buf_byte(struct otr_buf *buf, char c);
void otr_buf_printf(struct otr_buf *buf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static inline struct otr_slice otr_buf_view(const struct otr_buf *buf)
{
	return (struct otr_slice){buf->data, buf->len};
}

#endif /* OTR_BUF_H */
