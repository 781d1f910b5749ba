/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.c - plaintext inside TLS: reads it, and puts headers into it, where the program calls the TLS
 * library.
 *
 * A session is carried by the socket whose ciphertext the library moved while this thread was in a
 * call for that session, which may be a handshake; the ciphertext has to begin like a TLS record.
 * From then on the bytes of the socket itself are only counted: the rules and parsers see the
 * plaintext. A session that moves no bytes of a socket (memory BIO) is not followed.
 *
 * A header goes in only if the request with it fits one record, which the library takes completely
 * or not at all. After a call in which the library took nothing, it must be called with the same
 * bytes again, so these are kept.
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
#include "preload/parse/tls_record.h"
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

/* After a call for `session`: keeps which socket carries it. */
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

/* `all` bytes that a call moved, of which those in `iov` can be read. */
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

/* Follows the boundary of a client's requests over the bytes that went out. */
static void follow_boundary(const struct otr_tls *t, const struct moved *m)
{
	struct otr_fd *f = t ? otr_fd_of(otr_get(&t->fd)) : NULL;

	if (otr_tls_carries(t, f) && otr_fd_upper(f)->role != OTR_ROLE_SERVER)
		otr_boundary_sent(&otr_fd_upper(f)->boundary, m->all, m->iov, m->n);
}

/* Counts bytes as unread: the library is off, or another thread holds the connection. */
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

/* Emits bytes that went out; `self` NULL: only counts them. */
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
	follow_boundary(t, m);
}

/* Leaves, makes the library's call, and enters again for a moment to learn which socket carries the
 * session. */
static ssize_t call(const struct otr_tls_call *c, struct otr_self *self, void *buf, size_t n)
{
	int error;
	ssize_t ret;

	self->tls_session = c->session;
	self->tls_is_handshake = c->is_handshake;
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

/* Enters. NULL: the call is not followed, as the library is off, or as the call is made within a
 * call for another session (TLS within TLS), whose plaintext is followed. */
static struct otr_self *begin(const struct otr_tls_call *c)
{
	struct otr_self *self = otr_is_off() ? NULL : otr_enter();

	if (self && otr_tls_inside(self) && self->tls_session != c->session) {
		otr_leave(self);
		return NULL;
	}
	return self;
}

/* Does the program repeat a call in which the library took nothing? Then it gives the same bytes,
 * or more; or NULL, to GnuTLS. */
static int is_retry(const struct otr_tls *t, const void *buf, size_t n)
{
	size_t all = t->len - t->added;

	if (!buf && !n)
		return 1;
	return n >= all && !memcmp(buf, t->bytes, t->at) &&
	       !memcmp((const char *)buf + t->at, t->bytes + t->at + t->added, all - t->at);
}

/* May a header go into this session? Never again once records have waited in memory, as their
 * content is not known when they are sent. */
static int may_add(const struct otr_tls_call *c, struct otr_tls *t)
{
	if (!otr_get(&t->no_inject) && !c->is_direct(c))
		otr_put(&t->no_inject, 1);
	return !otr_get(&t->no_inject);
}

/* If a header belongs into the caller's bytes: keeps these with the header in them. */
static void keep_with_header(const struct otr_tls_call *c, struct otr_self *self, struct otr_tls *t,
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
	t->taken = 0;
	otr_put(&t->len, (uint32_t)(n + added));
}

/* Counts the header, and sets in f->cause what the next record says of it. */
static void set_added(const struct otr_self *self, const struct otr_tls *t)
{
	struct otr_fd *f = self ? otr_tls_socket(t, OTR_DIR_OUT) : NULL;
	struct otr_fd *upper = f ? otr_fd_upper(f) : NULL;
	uint32_t end = t->at + t->added;

	otr_count(t->taken > t->at ? OTR_SHIM_INJECTED : OTR_SHIM_CUT_SHORT);
	if (!upper)
		return;
	if (t->taken <= t->at) {
		upper->cause.ids = OTR_IDS_NONE;
	} else if (upper->has_cause) {
		upper->cause.added = (uint16_t)((t->taken < end ? t->taken : end) - t->at);
		upper->cause.added_at = (uint16_t)t->at;
	}
}

/* The library took `k` more of the kept bytes. The others are kept until all of the header is
 * taken; then the caller's own bytes follow. Returns how many of the `k` bytes were the
 * caller's. */
static ssize_t account_kept(struct otr_self *self, struct otr_tls *t, uint32_t k, uint64_t start_ns)
{
	const struct iovec iov = {t->bytes + t->taken, k};
	const struct moved m = {k, &iov, 1};
	uint32_t from = t->taken, end = t->at + t->added;
	ssize_t ret = 0;

	t->taken += k;
	if (!from) {
		set_added(self, t);
		ret = t->taken <= t->at ? t->taken : t->taken < end ? t->at : t->taken - t->added;
	}
	emit_out(self, t, &m, start_ns);
	otr_put(&t->len, t->taken > t->at && t->taken < end ? end : 0);
	return ret;
}

/*
 * Writes the kept bytes in place of the caller's, also if otrace was switched off meanwhile (`self`
 * NULL). Returns 1: the caller gets *ret; 0: the unsent part of the header is written, and the
 * caller's bytes may follow.
 */
static int write_kept(const struct otr_tls_call *c, struct otr_self *self, struct otr_tls *t,
		      ssize_t *ret)
{
	uint64_t start_ns = otr_clock_ns();
	void *bytes = t->bytes + t->taken;
	size_t n = t->len - t->taken;
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

/* The library took `n` of the caller's own bytes: emits them. */
static void emit_own(const struct otr_tls_call *c, const struct otr_copy *kept, const void *buf,
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

/* Copies the caller's bytes for emit_own(). The connection may not be known yet, as the first write
 * may make the handshake. */
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

/* Writes the caller's bytes unchanged; `buf` NULL: the library cannot read them. */
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
		emit_own(c, kept, buf, (size_t)ret, start_ns);
	otr_copy_free(kept);
	return ret;
}

/* Decides whether the kept bytes are written in place of the caller's: t->len is 0 if not. */
static void choose_bytes(const struct otr_tls_call *c, struct otr_self *self, struct otr_tls *t,
			 const void *buf, size_t n)
{
	if (t->len && !t->taken && !is_retry(t, buf, n))
		otr_put(&t->len, 0);
	else if (!t->len && self && buf)
		keep_with_header(c, self, t, buf, n);
}

/* Makes this thread the writer of the session, until end_writing(); NULL: another thread is the
 * writer. TLS libraries allow only one thread at a time to send in a session, but a program that
 * breaks this rule must not crash in our code. */
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

/* Writes the kept bytes, if there are any. Returns 1: the caller gets *ret; 0: the caller's own
 * bytes are written next. */
static int write_all_kept(const struct otr_tls_call *c, struct otr_self **self, struct otr_tls *t,
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
	done = write_all_kept(c, &self, t, buf, n, &ret);
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

ssize_t otr_tls_handshake(const struct otr_tls_call *c)
{
	struct otr_self *self = begin(c);

	return self ? call(c, self, NULL, 0) : c->make(c, NULL, 0);
}
