/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.c - plaintext inside TLS, read and added to where the program calls the TLS library.
 *
 * Which connection carries a session: the socket whose ciphertext the library moved while this
 * thread was in a call for that session, which may be a handshake. Bytes that look like a TLS
 * record prove it. A session that moves no bytes of a socket (memory BIO) is not followed. From
 * then on the bytes of the socket itself are counted alone: rules and parsers see the plaintext.
 *
 * A header goes in only where all of it fits one record, which a library takes whole or not at
 * all. A library that took nothing must be given the same bytes again, so these are kept.
 */

#include "preload/trace/tls.h"

#include <errno.h>
#include <string.h>

#include "preload/base/alloc.h"
#include "preload/base/clock.h"
#include "preload/base/fd.h"
#include "preload/base/hold.h"
#include "preload/base/shim.h"
#include "preload/base/sys.h"
#include "preload/base/thread.h"
#include "preload/parse/inject.h"
#include "preload/parse/request_boundary.h"
#include "preload/ring/emit.h"
#include "preload/ring/ring.h"
#include "preload/trace/call.h"
#include "preload/trace/decide.h"
#include "preload/trace/enter.h"
#include "preload/trace/flow.h"
#include "preload/trace/layer.h"
#include "preload/trace/shed.h"
#include "preload/trace/tls_session.h"
#include "preload/trace/user_copy.h"

static void learn_session(struct otr_self *self, const void *session)
{
	struct otr_fd *f = otr_fd_of(self->tls_fd);
	struct otr_tls *t =
		f && f->kind == OTR_FD_STREAM && f->has_upper ? otr_tls_make(session) : NULL;

	if (!t)
		return;
	otr_put(&t->fd, self->tls_fd);
	otr_put(&t->conn, f->inode);
}

/* Bytes that a call moved; those in `iov` can be read. */
struct moved {
	size_t all;
	const struct iovec *iov;
	int n;
};

static void emit(struct otr_self *self, const struct otr_tls *t, int dir, const struct moved *m,
		 uint64_t start_ns)
{
	struct otr_fd *f = otr_tls_socket(t, dir), *upper;
	int fd = t ? otr_get(&t->fd) : -1;

	if (!f || !otr_ring_ready())
		return;
	upper = otr_fd_upper(f);
	otr_learn_role(upper, dir, m->iov, m->n);
	otr_put(&f->role, upper->role);
	if (f->announced_by != otr_shim.pid && !otr_will_shed(upper, dir))
		otr_emit_conn(fd, f, OTR_EV_CONN_OPEN, 0);
	upper->announced_by = f->announced_by;
	otr_moved(self, fd, upper, dir, m->all, start_ns, m->iov, m->n);
}

/* Moves the boundary of a client's requests on with all that goes out. */
static void move_boundary(const struct otr_tls *t, const struct moved *m)
{
	struct otr_fd *f = t ? otr_fd_of(otr_get(&t->fd)) : NULL;

	if (otr_tls_carries(t, f) && otr_fd_upper(f)->role != OTR_ROLE_SERVER)
		otr_boundary_sent(&otr_fd_upper(f)->boundary, m->all, m->iov, m->n);
}

/* Counts bytes that were not read: the library is off, or another thread holds the connection. */
static void count_unread(const struct otr_tls *t, int dir, size_t n)
{
	struct otr_fd *f = t ? otr_fd_home(otr_get(&t->fd)) : NULL;

	if (f && otr_get(&f->has_upper) && otr_get(&f->inode) == otr_get(&t->conn))
		otr_hold_count_unread(f + OTR_FD_PAGE, dir, (ssize_t)n);
}

static int can_hold(const struct otr_tls *t)
{
	struct otr_fd *f = otr_fd_home(otr_get(&t->fd));

	return !f || otr_hold(f);
}

/* `self` NULL: the bytes are counted only. */
static void emit_out(struct otr_self *self, const struct otr_tls *t, const struct moved *m,
		     uint64_t start_ns)
{
	if (!t)
		return;
	if (!self || !can_hold(t)) {
		count_unread(t, OTR_DIR_OUT, m->all);
		return;
	}
	emit(self, t, OTR_DIR_OUT, m, start_ns);
	move_boundary(t, m);
}

/* Makes the library's call. The thread is between otr_enter() and otr_leave() only before and
 * after it. */
static ssize_t call(const struct otr_tls_call *c, struct otr_self *self, void *buf, size_t n)
{
	int error;
	ssize_t ret;

	self->tls_session = c->session;
	self->tls_is_handshake = c->hello;
	self->tls_fd = -1;
	self->tls_frame = (uintptr_t)__builtin_frame_address(0);
	otr_leave(self);
	ret = c->make(c, buf, n);
	error = errno;
	self->tls_frame = 0;
	if (self->tls_fd >= 0 && !otr_is_off() && otr_enter()) {
		learn_session(self, c->session);
		otr_leave(self);
	}
	errno = error;
	return ret;
}

/* NULL: the call is not followed: the library is off, or another TLS library makes the call
 * (TLS within TLS), whose plaintext is followed. */
static struct otr_self *begin(const struct otr_tls_call *c)
{
	struct otr_self *self = otr_is_off() ? NULL : otr_enter();

	if (self && otr_tls_inside(self) && self->tls_session != c->session) {
		otr_leave(self);
		return NULL;
	}
	return self;
}

/* Is the call a retry of one in which the library took nothing? It has the same bytes, or more.
 * GnuTLS takes NULL for it. */
static int is_retry(const struct otr_tls *t, const void *buf, size_t n)
{
	size_t all = t->len - t->added;

	if (!buf && !n)
		return 1;
	return n >= all && !memcmp(buf, t->bytes, t->at) &&
	       !memcmp((const char *)buf + t->at, t->bytes + t->at + t->added, all - t->at);
}

/* May a header go into this session? Not where records have once waited in memory: what they
 * held is not known when they are sent. */
static int may_add(const struct otr_tls_call *c, struct otr_tls *t)
{
	if (!otr_get(&t->no_inject) && !c->is_direct(c))
		otr_put(&t->no_inject, 1);
	return !otr_get(&t->no_inject);
}

/* Keeps the caller's bytes with a header in them, if one belongs there. */
static void prepare(const struct otr_tls_call *c, struct otr_self *self, struct otr_tls *t,
		    const void *buf, size_t n)
{
	const struct iovec iov = {(void *)buf, n};
	struct otr_fd *f = otr_tls_socket(t, OTR_DIR_OUT);
	char header[OTR_HEADER_MAX];
	size_t at, added;

	if (!f || !may_add(c, t) || !otr_alloc_once(&t->bytes, OTR_TLS_RECORD))
		return;
	added = otr_header_for(self, otr_get(&t->fd), f, &iov, 1,
			       n + OTR_HEADER_MAX <= OTR_TLS_RECORD, otr_clock_ns(), &at, header);
	if (!added)
		return;
	memcpy(t->bytes, buf, at);
	memcpy(t->bytes + at, header, added);
	memcpy(t->bytes + at + added, (const char *)buf + at, n - at);
	t->at = (uint32_t)at;
	t->added = (uint32_t)added;
	t->gone = 0;
	otr_put(&t->len, (uint32_t)(n + added));
}

/* Sets what the next record says about the header in it. */
static void set_added(const struct otr_self *self, const struct otr_tls *t)
{
	struct otr_fd *f = self ? otr_tls_socket(t, OTR_DIR_OUT) : NULL;
	struct otr_fd *upper = f ? otr_fd_upper(f) : NULL;
	uint32_t end = t->at + t->added;

	otr_count(t->gone > t->at ? OTR_SHIM_INJECTED : OTR_SHIM_CUT_SHORT);
	if (!upper)
		return;
	if (t->gone <= t->at) {
		upper->cause.ids = OTR_IDS_NONE;
	} else if (upper->has_cause) {
		upper->cause.added = (uint16_t)((t->gone < end ? t->gone : end) - t->at);
		upper->cause.added_at = (uint16_t)t->at;
	}
}

/* The library took `k` more of the kept bytes. What is left of the header is kept until it is
 * taken, too; then the caller goes on with its own bytes. Returns how many of the `k` bytes
 * were the caller's. */
static ssize_t account_kept(struct otr_self *self, struct otr_tls *t, uint32_t k, uint64_t start_ns)
{
	const struct iovec iov = {t->bytes + t->gone, k};
	const struct moved m = {k, &iov, 1};
	uint32_t from = t->gone, end = t->at + t->added;
	ssize_t ret = 0;

	t->gone += k;
	if (!from) {
		set_added(self, t);
		ret = t->gone <= t->at ? t->gone : t->gone < end ? t->at : t->gone - t->added;
	}
	emit_out(self, t, &m, start_ns);
	otr_put(&t->len, t->gone > t->at && t->gone < end ? end : 0);
	return ret;
}

/*
 * Writes the kept bytes in place of the caller's. What the library has begun is finished, even
 * if otrace was switched off meanwhile (`self` NULL). Returns 1: *ret is for the caller; 0: the
 * rest of the header is written, and the caller's bytes may follow.
 */
static int write_kept(const struct otr_tls_call *c, struct otr_self *self, struct otr_tls *t,
		      ssize_t *ret)
{
	uint64_t start_ns = otr_clock_ns();
	void *bytes = t->bytes + t->gone;
	size_t n = t->len - t->gone;
	int error;

	*ret = self ? call(c, self, bytes, n) : c->make(c, bytes, n);
	if (*ret <= 0)
		return 1;
	error = errno;
	self = self ? begin(c) : NULL;
	*ret = account_kept(self, t, (uint32_t)*ret, start_ns);
	if (self)
		otr_leave(self);
	errno = error;
	return *ret > 0;
}

/* The library took `n` of the caller's bytes. */
static void took_own(const struct otr_tls_call *c, const struct otr_copy *kept, const void *buf,
		     size_t n, uint64_t start_ns)
{
	struct iovec seen[3] = {{(void *)buf, n}};
	struct moved m = {n, seen, buf && otr_is_single_threaded()};
	struct otr_self *self;
	int error = errno;

	if (kept)
		m.n = otr_copy_read(kept, seen, n);
	self = begin(c);
	emit_out(self, otr_tls_find(c->session), &m, start_ns);
	if (self)
		otr_leave(self);
	errno = error;
}

/* The first write may make the handshake, so the connection is known only after it. */
static struct otr_copy *keep_own(const struct otr_tls_call *c, const struct otr_self *self,
				 const void *buf, size_t n)
{
	const struct iovec iov = {(void *)buf, n};
	struct otr_copy *kept;
	const struct otr_tls *t;
	struct otr_fd *f;
	int error = errno;

	if (!buf || otr_is_single_threaded())
		return NULL;
	t = otr_tls_find(c->session);
	f = t ? otr_tls_socket(t, OTR_DIR_OUT) : NULL;
	kept = otr_copy_keep(self, f ? otr_fd_upper(f) : NULL, NULL, &iov, 1, OTR_NO_PAGE);
	errno = error;
	return kept;
}

/* Writes the caller's bytes unchanged; `buf` NULL: they cannot be read. */
static ssize_t write_own(const struct otr_tls_call *c, struct otr_self *self, const void *buf,
			 size_t n)
{
	struct otr_copy *kept;
	uint64_t start_ns;
	ssize_t ret;

	if (!self)
		return c->make(c, (void *)buf, n);
	start_ns = otr_clock_ns();
	kept = keep_own(c, self, buf, n);
	ret = call(c, self, (void *)buf, n);
	if (ret > 0)
		took_own(c, kept, buf, (size_t)ret, start_ns);
	otr_copy_free(kept);
	return ret;
}

/* Decides what is written: the caller's bytes, or the kept ones. */
static void choose_bytes(const struct otr_tls_call *c, struct otr_self *self, struct otr_tls *t,
			 const void *buf, size_t n)
{
	if (t->len && !t->gone && !is_retry(t, buf, n))
		otr_put(&t->len, 0);
	else if (!t->len && self && buf)
		prepare(c, self, t, buf, n);
}

/* Makes this thread the writer of the session, until end_writing(). GnuTLS allows one thread
 * to send while another receives; OpenSSL allows no two calls at once. A program that breaks
 * this rule must not crash in our code. */
static struct otr_tls *become_writer(const struct otr_self *self, const void *session)
{
	struct otr_tls *t = otr_tls_find(session);
	int32_t tid = self ? self->tid : (int32_t)otr_sys(SYS_gettid);
	int32_t was = t ? otr_get(&t->writer) : 0;

	if (!t || (was && was != tid && !otr_has_ended(was)) ||
	    !__atomic_compare_exchange_n(&t->writer, &was, tid, 0, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return NULL;
	return t;
}

static void end_writing(struct otr_tls *t)
{
	__atomic_store_n(&t->writer, 0, __ATOMIC_RELEASE);
}

/* Returns 1: *ret is for the caller; 0: the caller's bytes may be written. */
static int write_in_place(const struct otr_tls_call *c, struct otr_self **self, struct otr_tls *t,
			  const void *buf, size_t n, ssize_t *ret)
{
	int error = errno;

	choose_bytes(c, *self, t, buf, n);
	errno = error;
	while (t->len) {
		if (write_kept(c, *self, t, ret))
			return 1;
		*self = *self ? begin(c) : NULL;
	}
	return 0;
}

ssize_t otr_tls_write(const struct otr_tls_call *c, const void *buf, size_t n)
{
	int error = errno, done;
	struct otr_self *self = begin(c);
	struct otr_tls *t = become_writer(self, c->session);
	ssize_t ret;

	errno = error;
	if (!t)
		return write_own(c, self, buf, n);
	done = write_in_place(c, &self, t, buf, n, &ret);
	if (!done)
		ret = write_own(c, self, buf, n);
	end_writing(t);
	return ret;
}

ssize_t otr_tls_write_file(const struct otr_tls_call *c, size_t n)
{
	return write_own(c, begin(c), NULL, n);
}

static void emit_in(struct otr_self *self, const struct otr_tls *t, const struct moved *m)
{
	if (t && can_hold(t))
		emit(self, t, OTR_DIR_IN, m, 0);
	else if (t)
		count_unread(t, OTR_DIR_IN, m->all);
}

ssize_t otr_tls_read(const struct otr_tls_call *c, void *buf, size_t n)
{
	struct otr_self *self = begin(c);
	struct iovec iov = {buf, 0};
	ssize_t ret;
	int error;

	if (!self)
		return c->make(c, buf, n);
	ret = call(c, self, buf, n);
	error = errno;
	if (ret > 0 && (self = begin(c))) {
		iov.iov_len = (size_t)ret;
		emit_in(self, otr_tls_find(c->session), &(struct moved){iov.iov_len, &iov, 1});
		otr_leave(self);
	}
	errno = error;
	return ret;
}

ssize_t otr_tls_other(const struct otr_tls_call *c)
{
	struct otr_self *self = begin(c);

	return self ? call(c, self, NULL, 0) : c->make(c, NULL, 0);
}
