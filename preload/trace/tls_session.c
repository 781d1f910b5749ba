/* SPDX-License-Identifier: Apache-2.0 */
/* tls_session.c - sessions of TLS libraries, each with the socket that carries it. */

#include "preload/trace/tls_session.h"

#include "preload/base/alloc.h"
#include "preload/base/fd.h"
#include "preload/base/shim.h"
#include "preload/trace/layer.h"

#define SESSIONS 1024 /* sessions that are followed at a time */
#define PROBES	 8

int otr_tls_alloc(void)
{
	otr_shim.tls = otr_alloc(SESSIONS * sizeof(*otr_shim.tls));
	return otr_shim.tls != NULL;
}

static struct otr_tls *place(const void *session, uint32_t i)
{
	return &otr_shim.tls[(otr_ring_hash((uintptr_t)session) + i) % SESSIONS];
}

struct otr_tls *otr_tls_find(const void *session)
{
	for (uint32_t i = 0; session && otr_shim.tls && i < PROBES; i++)
		if (__atomic_load_n(&place(session, i)->session, __ATOMIC_ACQUIRE) == session)
			return place(session, i);
	return NULL;
}

/* The socket of the session is closed, while no call said that the session ended. */
static int is_left(const struct otr_tls *t)
{
	const struct otr_fd *f = otr_fd_slot(otr_get(&t->fd));

	return !f || otr_get(&f->inode) != otr_get(&t->conn);
}

static int take(struct otr_tls *t, const void *was, const void *session)
{
	return __atomic_compare_exchange_n(&t->session, &was, session, 0, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

struct otr_tls *otr_tls_make(const void *session)
{
	struct otr_tls *t = otr_tls_find(session);

	for (uint32_t i = 0; !t && i < PROBES; i++)
		if (!otr_get(&place(session, i)->session) && take(place(session, i), NULL, session))
			t = place(session, i);
	for (uint32_t i = 0; !t && i < PROBES; i++) {
		struct otr_tls *old = place(session, i);

		if (is_left(old) && take(old, otr_get(&old->session), session)) {
			otr_put(&old->len, 0);
			otr_put(&old->no_inject, 0);
			t = old;
		}
	}
	return t;
}

void otr_tls_no_inject(const void *session)
{
	struct otr_tls *t = otr_is_off() ? NULL : otr_tls_make(session);

	if (t)
		otr_put(&t->no_inject, 1);
}

void otr_tls_end(const void *session)
{
	struct otr_tls *t = otr_tls_find(session);

	if (!t)
		return;
	otr_put(&t->len, 0);
	otr_put(&t->no_inject, 0);
	__atomic_store_n(&t->session, NULL, __ATOMIC_RELEASE);
}

int otr_tls_carries(const struct otr_tls *t, struct otr_fd *f)
{
	return f && f->has_upper && f->inode == otr_get(&t->conn) &&
	       otr_fd_upper(f)->layer == OTR_LAYER_TLS;
}

struct otr_fd *otr_tls_socket(const struct otr_tls *t, int dir)
{
	struct otr_fd *f = t ? otr_fd_of(otr_get(&t->fd)) : NULL;

	if (!otr_tls_carries(t, f) || f->kind != OTR_FD_STREAM)
		return NULL;
	return otr_fd_upper(f)->last_dir == dir || otr_fd_is_same(otr_get(&t->fd), f) ? f : NULL;
}
