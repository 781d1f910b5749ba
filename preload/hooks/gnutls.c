/* SPDX-License-Identifier: Apache-2.0 */
/* gnutls.c - wrappers of functions of GnuTLS. */

#include <stddef.h>
#include <sys/types.h>

#include "preload/base/next.h"
#include "preload/base/shim.h"
#include "preload/trace/enter.h"
#include "preload/trace/layer.h"
#include "preload/trace/tls.h"
#include "preload/trace/tls_session.h"

#define FROM	 __builtin_return_address(0)
#define INTERNAL (-59) /* GNUTLS_E_INTERNAL_ERROR: GnuTLS has no such function */

typedef ssize_t (*io_fn)(void *, void *, size_t);
typedef int (*plain_fn)(void *);

ssize_t gnutls_record_send(void *session, const void *data, size_t n);
ssize_t gnutls_record_recv(void *session, void *data, size_t n);
int gnutls_handshake(void *session);
void gnutls_deinit(void *session);
ssize_t gnutls_record_send_early_data(void *session, const void *data, size_t n);
void gnutls_record_cork(void *session);
ssize_t gnutls_record_send2(void *session, const void *data, size_t n, size_t pad, unsigned flags);
ssize_t gnutls_record_send_range(void *session, const void *data, size_t n, const void *range);
ssize_t gnutls_record_send_file(void *session, int fd, off_t *at, size_t n);

static ssize_t make_io(const struct otr_tls_call *c, void *buf, size_t n)
{
	return ((io_fn)c->next)((void *)c->session, buf, n);
}

/* See struct otr_tls_call. After a call that makes records wait, such as gnutls_record_cork(), the
 * session gets no header anyway (otr_tls_no_inject()). */
static int is_direct(const struct otr_tls_call *c)
{
	(void)c;
	return 1;
}

static ssize_t make_plain(const struct otr_tls_call *c, void *buf, size_t n)
{
	(void)buf;
	(void)n;
	return ((plain_fn)c->next)((void *)c->session);
}

ssize_t gnutls_record_send(void *session, const void *data, size_t n)
{
	void *next = otr_next(OTR_GNUTLS_SEND, FROM);

	if (!next)
		return INTERNAL;
	return otr_tls_write(&(struct otr_tls_call){session, next, make_io, 0, is_direct}, data, n);
}

ssize_t gnutls_record_recv(void *session, void *data, size_t n)
{
	void *next = otr_next(OTR_GNUTLS_RECV, FROM);

	if (!next)
		return INTERNAL;
	return otr_tls_read(&(struct otr_tls_call){session, next, make_io, 0, NULL}, data, n);
}

int gnutls_handshake(void *session)
{
	void *next = otr_next(OTR_GNUTLS_HANDSHAKE, FROM);

	if (!next)
		return INTERNAL;
	return (int)otr_tls_handshake(&(struct otr_tls_call){session, next, make_plain, 1, NULL});
}

void gnutls_deinit(void *session)
{
	void (*next)(void *) = otr_next(OTR_GNUTLS_DEINIT, FROM);

	otr_tls_end(session);
	if (next)
		next(session);
}

ssize_t gnutls_record_send_early_data(void *session, const void *data, size_t n)
{
	io_fn next = otr_next(OTR_GNUTLS_EARLY, FROM);

	if (!next)
		return INTERNAL;
	otr_tls_no_inject(session);
	return next(session, (void *)data, n);
}

/*
 * Before a call whose content is not read, or whose records may wait in memory while others are
 * made. As gnutls_record_uncork() returns how many bytes have waited, none may be added to them.
 */
static void before_unread(const void *session)
{
	struct otr_self *self = otr_is_off() ? NULL : otr_enter();
	int is_inner =
		self && otr_tls_inside(self); /* gnutls_record_send() calls gnutls_record_send2() */

	if (self)
		otr_leave(self);
	if (!is_inner)
		otr_tls_no_inject(session);
}

void gnutls_record_cork(void *session)
{
	void (*next)(void *) = otr_next(OTR_GNUTLS_CORK, FROM);

	before_unread(session);
	if (next)
		next(session);
}

ssize_t gnutls_record_send2(void *session, const void *data, size_t n, size_t pad, unsigned flags)
{
	ssize_t (*next)(void *, const void *, size_t, size_t, unsigned) =
		otr_next(OTR_GNUTLS_SEND2, FROM);

	if (!next)
		return INTERNAL;
	before_unread(session);
	return next(session, data, n, pad, flags);
}

ssize_t gnutls_record_send_range(void *session, const void *data, size_t n, const void *range)
{
	ssize_t (*next)(void *, const void *, size_t, const void *) =
		otr_next(OTR_GNUTLS_SEND_RANGE, FROM);

	if (!next)
		return INTERNAL;
	before_unread(session);
	return next(session, data, n, range);
}

ssize_t gnutls_record_send_file(void *session, int fd, off_t *at, size_t n)
{
	ssize_t (*next)(void *, int, off_t *, size_t) = otr_next(OTR_GNUTLS_SEND_FILE, FROM);

	if (!next)
		return INTERNAL;
	before_unread(session);
	return next(session, fd, at, n);
}
