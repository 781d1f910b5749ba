/* SPDX-License-Identifier: Apache-2.0 */
/* gnutls.c - what stands before GnuTLS's functions. */

#include <stddef.h>

#include "preload/next.h"
#include "preload/tls.h"

#define FROM	 __builtin_return_address(0)
#define INTERNAL (-59) /* GNUTLS_E_INTERNAL_ERROR */

typedef ssize_t (*io_fn)(void *, void *, size_t);
typedef int (*plain_fn)(void *);

ssize_t gnutls_record_send(void *session, const void *data, size_t n);
ssize_t gnutls_record_recv(void *session, void *data, size_t n);
int gnutls_handshake(void *session);
void gnutls_deinit(void *session);
ssize_t gnutls_record_send_early_data(void *session, const void *data, size_t n);

static ssize_t make_io(const struct otr_tls_call *c, void *buf, size_t n)
{
	return ((io_fn)c->next)((void *)c->session, buf, n);
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
	return otr_tls_write(&(struct otr_tls_call){session, next, make_io, 0}, data, n);
}

ssize_t gnutls_record_recv(void *session, void *data, size_t n)
{
	void *next = otr_next(OTR_GNUTLS_RECV, FROM);

	if (!next)
		return INTERNAL;
	return otr_tls_read(&(struct otr_tls_call){session, next, make_io, 0}, data, n);
}

int gnutls_handshake(void *session)
{
	void *next = otr_next(OTR_GNUTLS_HANDSHAKE, FROM);

	if (!next)
		return INTERNAL;
	return (int)otr_tls_other(&(struct otr_tls_call){session, next, make_plain, 1});
}

void gnutls_deinit(void *session)
{
	void (*next)(void *) = otr_next(OTR_GNUTLS_DEINIT, FROM);

	otr_tls_over(session);
	if (next)
		next(session);
}

ssize_t gnutls_record_send_early_data(void *session, const void *data, size_t n)
{
	io_fn next = otr_next(OTR_GNUTLS_EARLY, FROM);

	if (!next)
		return INTERNAL;
	otr_tls_early(session);
	return next(session, (void *)data, n);
}
