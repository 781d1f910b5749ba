/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io.c - one call that moves bytes; see io.h.
 *
 * We are `inside` only before and after the call itself: while it blocks, a handler of a
 * signal may run, and may leave by longjmp.
 */

#include "preload/io.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "preload/inject.h"
#include "preload/real.h"
#include "preload/shim.h"

/* Flags with which a call means what it means without them. */
#define PLAIN (MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE)

struct plan {
	struct otr_fd *f;
	size_t at;    /* where the header goes in */
	size_t added; /* its length; 0: none */
	uint64_t start_ns;
	struct iovec iov[OTR_PIECES + 2];
	int n;
};

/* The first `len` bytes of `iov`, in pieces. Returns how many pieces. */
static int trim(struct iovec *out, const struct iovec *iov, int n, size_t len)
{
	int got = 0;

	for (; n && len && got < OTR_PIECES; iov++, n--) {
		out[got] = *iov;
		if (out[got].iov_len > len)
			out[got].iov_len = len;
		len -= out[got].iov_len;
		got += out[got].iov_len > 0;
	}
	return got;
}

/* What lies behind the first `len` bytes of `iov`. Returns how many pieces. */
static int beyond(struct iovec *out, const struct iovec *iov, int n, size_t len)
{
	int got = 0;

	for (; n; iov++, n--) {
		if (len >= iov->iov_len) {
			len -= iov->iov_len;
			continue;
		}
		out[got++] = (struct iovec){(char *)iov->iov_base + len,
					    iov->iov_len - len};
		len = 0;
	}
	return got;
}

/* The caller's pieces with ours at `p->at`. */
static void splice_in(struct plan *p, const struct otr_out *o)
{
	p->n = trim(p->iov, o->iov, o->n, p->at);
	p->iov[p->n++] = (struct iovec){p->f->header, p->added};
	p->n += beyond(p->iov + p->n, o->iov, o->n, p->at);
}

static int may_add(const struct otr_out *o, const struct otr_fd *f)
{
	if (otr_shim.quiet || f->role == OTR_ROLE_SERVER || f->last_dir == OTR_DIR_OUT)
		return 0;
	return f->way[OTR_DIR_OUT].capture != OTR_CAPTURE_MUTE && o->n > 0;
}

static int is_plain(const struct otr_out *o)
{
	return !(o->flags & ~PLAIN) && o->n <= OTR_PIECES - 2 &&
	       !(o->msg && (o->msg->msg_name || o->msg->msg_controllen));
}

/* What is true of the bytes about to go out, and whether a header goes with them. */
static void decide(struct otr_self *self, const struct otr_out *o, struct plan *p)
{
	static const uint8_t why[] = {
		[OTR_HEAD_HAS_ONE] = OTR_SHIM_HAD_ONE,
		[OTR_HEAD_SPLIT] = OTR_SHIM_SPLIT,
		[OTR_HEAD_ODD] = OTR_SHIM_ODD,
	};
	enum otr_head head;

	p->f->cause.ids = OTR_IDS_NONE; /* of a call that the kernel refused */
	if (!may_add(o, p->f))
		return;
	head = otr_head_read(o->iov, o->n, &p->at);
	if (head == OTR_HEAD_NONE || !otr_ring_ready())
		return;
	if (head == OTR_HEAD_WHOLE && is_plain(o)) {
		otr_rules_ask(self, p->f, p->start_ns);
		p->added = otr_header_make(p->f, o->iov, o->n);
	} else {
		otr_count(head == OTR_HEAD_WHOLE ? OTR_SHIM_ODD : why[head]);
	}
}

/* The same kind of call with other pieces. */
static ssize_t send_pieces(const struct otr_out *o, const struct iovec *iov, int n)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};

	if (o->is_message)
		return otr_real.sendmsg(o->fd, &msg, o->flags);
	return otr_real.writev(o->fd, iov, n);
}

static void tell_moved(const struct plan *p, int fd, const struct iovec *iov, int n,
		       size_t moved, size_t added, size_t at)
{
	struct otr_self *self = otr_enter();
	struct iovec seen[OTR_PIECES];
	struct otr_fd *f = p->f;

	if (!self)
		return;
	if (f->has_cause && added) {
		f->cause.added = (uint16_t)added;
		f->cause.added_at = (uint16_t)at;
	}
	n = trim(seen, iov, n, moved);
	otr_moved(self, fd, f, OTR_DIR_OUT, moved, p->start_ns, seen, n);
	otr_leave(self);
}

static ssize_t send_added(const struct otr_out *o, struct plan *p)
{
	size_t rest, gone;
	ssize_t k, ret;
	int whole;

	splice_in(p, o);
	k = send_pieces(o, p->iov, p->n);
	if (k <= 0)
		return k;
	ret = otr_account(p->at, p->added, k, &rest, &whole);
	p->f->rest = (uint16_t)rest;
	p->f->rest_at = (uint16_t)(p->added - rest);
	if (!whole) {
		p->f->cause.ids = OTR_IDS_NONE;
		otr_count(OTR_SHIM_CUT_SHORT);
	} else {
		otr_count(OTR_SHIM_INJECTED);
	}
	gone = whole ? p->added - rest : 0;
	tell_moved(p, o->fd, p->iov, p->n, (size_t)k, gone, p->at);
	return ret;
}

/* What is left of the header goes before the caller's bytes. Where it alone went, it is
 * as if nothing had been sent yet: again, and it blocks or fails as the caller's would. */
static ssize_t send_rest(const struct otr_out *o, struct plan *p)
{
	size_t rest, had;
	ssize_t k, ret = 0;

	while (!ret) {
		had = rest = p->f->rest;
		p->iov[0] = (struct iovec){p->f->header + p->f->rest_at, had};
		p->n = 1 + trim(p->iov + (had > 0), o->iov, o->n, SIZE_MAX);
		if (!had)
			p->n--;
		k = send_pieces(o, p->iov, p->n);
		if (k <= 0)
			return k;
		ret = otr_account_rest(&rest, k);
		p->f->rest = (uint16_t)rest;
		p->f->rest_at = (uint16_t)(p->f->rest_at + had - rest);
		tell_moved(p, o->fd, p->iov, p->n, (size_t)k, 0, 0);
	}
	return ret;
}

static size_t length(const struct otr_out *o)
{
	size_t len = 0;

	for (int i = 0; i < o->n; i++)
		len += o->iov[i].iov_len;
	return len;
}

static int prepare(const struct otr_out *o, struct plan *p)
{
	struct otr_self *self = otr_enter();
	int error = errno;

	p->f = NULL;
	p->added = 0;
	if (!self)
		return 0;
	p->f = otr_fd_of(o->fd);
	if (p->f && p->f->kind == OTR_FD_STREAM) {
		p->start_ns = otr_clock_ns();
		if (p->f->rest ||
		    (p->f->role != OTR_ROLE_SERVER && p->f->last_dir != OTR_DIR_OUT))
			p->f = otr_fd_again(o->fd, p->f);
	}
	if (p->f && p->f->kind == OTR_FD_STREAM && !p->f->rest)
		decide(self, o, p);
	otr_leave(self);
	errno = error;
	return p->f != NULL;
}

static uint64_t box_key(int fd, const struct otr_fd *f)
{
	if (f->kind == OTR_FD_PIPE)
		return f->inode;
	/* Pairs and eventfds wake loops: pairs one box a process, eventfds by number,
	 * as all of them have one inode. */
	return f->kind == OTR_FD_PAIR ? 1 : 1ull << 32 | (uint32_t)fd;
}

/* What a plain call did. */
static void after(const struct otr_out *o, const struct plan *p, ssize_t ret, int error)
{
	struct otr_self *self;

	if (ret > 0 && p->f->kind == OTR_FD_STREAM) {
		tell_moved(p, o->fd, o->iov, o->n, (size_t)ret, 0, 0);
		return;
	}
	self = otr_enter();
	if (!self)
		return;
	if (p->f->kind == OTR_FD_STREAM)
		otr_not_moved(self, o->fd, p->f, OTR_DIR_OUT, ret, error);
	else if (ret > 0 && (p->f->kind != OTR_FD_EVENT || ret == 8))
		otr_rules_letter(self, box_key(o->fd, p->f), 1, otr_clock_ns());
	otr_leave(self);
}

ssize_t otr_out(const struct otr_out *o)
{
	struct plan p;
	ssize_t ret;
	int error, plain;

	if (*otr_shim.off || !prepare(o, &p))
		return o->call(o);
	plain = !p.added && !(p.f->rest && length(o));
	if (plain)
		ret = o->call(o);
	else
		ret = p.added ? send_added(o, &p) : send_rest(o, &p);
	error = errno;
	if (plain || ret < 0)
		after(o, &p, ret, error);
	errno = error;
	return ret;
}

void otr_in(const struct otr_in *in, ssize_t ret)
{
	struct iovec seen[OTR_PIECES];
	struct otr_self *self;
	struct otr_fd *f;
	int error = errno, n;

	if (*otr_shim.off || in->flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE))
		return;
	self = otr_enter();
	if (!self)
		return;
	f = otr_fd_of(in->fd);
	if (f && f->kind == OTR_FD_STREAM && f->role != OTR_ROLE_CLIENT && ret > 0 &&
	    f->last_dir != OTR_DIR_IN)
		f = otr_fd_again(in->fd, f);
	if (f && f->kind == OTR_FD_STREAM && ret > 0) {
		n = in->flags & MSG_TRUNC ? 0 : trim(seen, in->iov, in->n, (size_t)ret);
		otr_moved(self, in->fd, f, OTR_DIR_IN, (uint64_t)ret, otr_clock_ns(),
			  seen, n);
	} else if (f && f->kind == OTR_FD_STREAM) {
		otr_not_moved(self, in->fd, f, OTR_DIR_IN, ret, error);
	} else if (f && ret > 0 && (f->kind != OTR_FD_EVENT || ret == 8)) {
		otr_rules_letter(self, box_key(in->fd, f), 0, otr_clock_ns());
	}
	otr_leave(self);
	errno = error;
}

/* A stream socket's bytes in direction `dir`; of other descriptors nothing is said. */
static void told(int fd, int dir, const struct iovec *iov, int n, ssize_t ret)
{
	struct iovec seen[OTR_PIECES];
	struct otr_self *self;
	struct otr_fd *f;
	int error = errno;

	if (*otr_shim.off)
		return;
	self = otr_enter();
	if (!self)
		return;
	f = otr_fd_of(fd);
	if (f && f->kind == OTR_FD_STREAM && ret > 0) {
		n = trim(seen, iov, n, (size_t)ret);
		otr_moved(self, fd, f, dir, (uint64_t)ret, otr_clock_ns(), seen, n);
	} else if (f && f->kind == OTR_FD_STREAM) {
		otr_not_moved(self, fd, f, dir, ret, error);
	}
	otr_leave(self);
	errno = error;
}

void otr_out_told(int fd, const struct iovec *iov, int n, ssize_t ret)
{
	told(fd, OTR_DIR_OUT, iov, n, ret);
}

void otr_out_unseen(int fd, ssize_t ret)
{
	told(fd, OTR_DIR_OUT, NULL, 0, ret);
}

void otr_in_unseen(int fd, ssize_t ret)
{
	told(fd, OTR_DIR_IN, NULL, 0, ret);
}

int otr_out_first(int fd)
{
	struct otr_fd *f = *otr_shim.off ? NULL : otr_fd_slot(fd);
	struct iovec rest;
	ssize_t k;

	while (f && f->rest) {
		rest = (struct iovec){f->header + f->rest_at, f->rest};
		k = otr_real.writev(fd, &rest, 1);
		if (k <= 0)
			return -1;
		f->rest = (uint16_t)(f->rest - k);
		f->rest_at = (uint16_t)(f->rest_at + k);
		otr_out_unseen(fd, k);
	}
	return 0;
}
