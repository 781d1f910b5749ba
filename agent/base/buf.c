/* SPDX-License-Identifier: Apache-2.0 */
/* buf.c - bytes that grow, to a limit. */

#include "agent/base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_MAX (64u << 20)
#define FIRST_CAP   256

void otr_buf_fini(struct otr_buf *buf)
{
	if (!buf->lent)
		free(buf->data);
	buf->data = NULL;
	buf->len = buf->cap = 0;
	buf->rc = 0;
	buf->lent = false;
}

void otr_buf_reset(struct otr_buf *buf)
{
	buf->len = 0;
	buf->rc = 0;
}

/* More memory, with what was there. */
static char *larger(const struct otr_buf *buf, size_t cap)
{
	char *data = realloc(buf->lent ? NULL : buf->data, cap);

	if (data && buf->lent)
		memcpy(data, buf->data, buf->len);
	return data;
}

char *otr_buf_grow(struct otr_buf *buf, size_t len)
{
	size_t max = buf->max ? buf->max : DEFAULT_MAX;
	size_t cap = buf->cap ? buf->cap : FIRST_CAP;
	char *data;

	if (buf->rc)
		return NULL;
	if (len > max || buf->len > max - len) {
		buf->rc = -EMSGSIZE;
		return NULL;
	}
	while (cap < buf->len + len)
		cap *= 2;
	if (cap != buf->cap || !buf->data) {
		data = larger(buf, cap);
		if (!data) {
			buf->rc = -ENOMEM;
			return NULL;
		}
		buf->data = data;
		buf->cap = cap;
		buf->lent = false;
	}
	return buf->data + buf->len;
}

void otr_buf_add(struct otr_buf *buf, const void *data, size_t len)
{
	char *to = len ? otr_buf_room(buf, len) : NULL;

	if (!to)
		return;
	memcpy(to, data, len);
	buf->len += len;
}

void otr_buf_str(struct otr_buf *buf, const char *str)
{
	otr_buf_add(buf, str, strlen(str));
}

void otr_buf_byte(struct otr_buf *buf, char c)
{
	char *to = otr_buf_room(buf, 1);

	if (!to)
		return;
	*to = c;
	buf->len++;
}

void otr_buf_printf(struct otr_buf *buf, const char *fmt, ...)
{
	size_t room = buf->rc ? 0 : buf->cap - buf->len;
	va_list ap;
	char *to;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room ? buf->data + buf->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < room) {
		buf->len += (size_t)n;
		return;
	}
	to = n >= 0 ? otr_buf_room(buf, (size_t)n + 1) : NULL;
	if (!to)
		return;
	va_start(ap, fmt);
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf->len += (size_t)n;
}
